//! The list at the word that is being typed: what it could become, each with its little picture.
//!
//! The keyboard's focus never leaves the prompt. Up and Down choose, Tab takes the chosen word or
//! else the best, Enter only a chosen one (it paints otherwise), Esc closes, and the pointer takes any.

use egui::accesskit::Role;
use egui::{
    Area, Context, Event, EventFilter, Id, ImeEvent, InputState, Key, LayerId, Order, Rect, Sense,
    SurrenderFocusOn, Ui, UiBuilder, WidgetInfo, pos2, vec2,
};

use super::faces::Faces;
use super::prompt_box::prompt_id;
use super::tokens::{self, radius, size, space};
use super::{Cx, widgets};
use crate::app::command::Command;
use crate::app::state::AppState;
use crate::app::words::{Lang, Text};
use crate::engine::protocol::ModelSource;
use crate::models::lexicon::{Completion, MOST_COMPLETIONS, complete};

/// The list's width: the same for all words, so that it does not jump.
const WIDTH: f32 = 300.0;
/// A row's height.
const ROW: f32 = size::PALETTE_ROW;
/// A picture's side.
const FACE: f32 = 24.0;
/// From the word to the list.
const GAP: f32 = space::XS;

/// What is remembered of the list. It is open while it holds something.
#[derive(Default)]
pub struct Completions {
    found: Vec<Completion>,
    /// The chosen one, counted from the best.
    at: Option<usize>,
    /// Whether the best stands lowest, as the list lies above the word.
    above: bool,
    /// The prompt that they are for, and the cursor's byte in it.
    of: (String, usize),
    faces: Faces,
}

/// What a key does to the list.
enum Press {
    Up,
    Down,
    Take,
    /// It goes away, and the key means something else.
    Leave,
    Close,
}

impl Completions {
    /// Whether it is open.
    #[must_use]
    pub fn is_open(&self) -> bool {
        !self.found.is_empty()
    }

    /// Closes it.
    pub fn close(&mut self) {
        self.found.clear();
        self.at = None;
    }

    /// What the list's own keys ask for; the others stay in the input. Whether Esc closed it.
    pub fn keys(&mut self, ctx: &Context, state: &AppState) -> (Vec<Command>, bool) {
        if state.prompt != self.of.0 || state.over.is_some() {
            self.close();
        }
        let mut commands = Vec::new();
        if !self.is_open() {
            return (commands, false);
        }
        let chosen = self.at.is_some();
        let presses = ctx.input_mut(|input| presses(input, chosen));
        for press in presses {
            let last = self.found.len().saturating_sub(1);
            match press {
                // The first press of either finds the best, which is nearest to the word.
                Press::Up | Press::Down if self.at.is_none() => self.at = Some(0),
                Press::Up | Press::Down => {
                    let away = matches!(press, Press::Up) == self.above;
                    self.at = match self.at {
                        Some(at) if away => Some((at + 1).min(last)),
                        Some(at) => at.checked_sub(1),
                        None => None,
                    };
                }
                Press::Take => {
                    let index = self.at.unwrap_or(0);
                    commands.extend(self.take(index));
                    break;
                }
                Press::Leave => self.close(),
                Press::Close => {
                    self.close();
                    return (commands, true);
                }
            }
        }
        (commands, false)
    }

    /// The prompt with a word put into it. The list closes.
    fn take(&mut self, index: usize) -> Option<Command> {
        let one = self.found.get(index)?;
        let (text, _) = &self.of;
        let before = format!("{}{}", &text[..one.range.start], one.text);
        let letter = before.chars().count();
        let command = Command::Replace(before + &text[one.range.end..], letter);
        self.close();
        Some(command)
    }

    /// Whether the pointer is over the list. A press there must not take the focus from the prompt.
    fn is_under_pointer(&self, ctx: &Context) -> bool {
        let at = ctx.pointer_interact_pos();
        self.is_open() && at.and_then(|at| ctx.layer_id_at(at)) == Some(layer())
    }

    /// Draws the prompt's field so that presses on the list leave it its focus.
    pub fn holding_focus<R>(&self, ctx: &Context, add: impl FnOnce() -> R) -> R {
        let on = |ctx: &Context| ctx.options(|options| options.input_options.surrender_focus_on);
        let set = |to| ctx.options_mut(|options| options.input_options.surrender_focus_on = to);
        let usual = on(ctx);
        if self.is_under_pointer(ctx) {
            set(SurrenderFocusOn::Never);
        }
        let drawn = add();
        set(usual);
        drawn
    }

    /// After the field was drawn: opens the list where something was typed, and closes it where
    /// the cursor has left the word. `cursor` is a byte of `text`; `None` where letters are
    /// selected or the keyboard is elsewhere. Returns what that says of the word being typed.
    pub fn follow(
        &mut self,
        ui: &Ui,
        state: &AppState,
        text: &str,
        cursor: Option<usize>,
    ) -> Option<Command> {
        let changed = text != state.prompt;
        let typed = changed && ui.input(|input| input.events.iter().any(is_typing));
        let typing = cursor.filter(|_| if changed { typed } else { state.typing == cursor });
        let command = (typing != state.typing).then_some(Command::Typing(typing));
        let Some(cursor) = cursor else {
            self.close();
            return command;
        };
        if changed {
            self.found = match state.model.source {
                ModelSource::BuiltIn if typed => complete(text, cursor),
                _ => Vec::new(),
            };
            self.at = None;
            self.of = (text.to_owned(), cursor);
        } else if self.of.1 != cursor {
            self.close();
        }
        if self.is_open() {
            // From the very next key on, Tab and Esc are about the list.
            let keys = filter(true, true);
            ui.memory_mut(|memory| memory.set_focus_lock_filter(prompt_id(), keys));
        }
        command
    }

    /// Where the word begins that the list is about, in letters.
    #[must_use]
    pub fn word(&self) -> Option<usize> {
        let begin = self.found.iter().map(|one| one.range.start).max()?;
        Some(self.of.0[..begin].chars().count())
    }

    /// Draws it at the word's place on the screen.
    pub fn show(&mut self, ui: &Ui, cx: &mut Cx<'_>, word: Rect) {
        if !self.is_open() {
            return;
        }
        let window = ui.ctx().content_rect().shrink(space::S);
        let size = vec2(WIDTH, self.found.len() as f32 * ROW + 2.0 * space::XS);
        // The longest list decides, so that it does not change sides while one types.
        let longest = MOST_COMPLETIONS as f32 * ROW + 2.0 * space::XS;
        self.above = word.bottom() + GAP + longest > window.bottom();
        let top = if self.above { word.top() - GAP - size.y } else { word.bottom() + GAP };
        // Its words stand below the typed ones where there is room.
        let left = word.left() - (space::XS + space::S + FACE + space::S);
        let left = left.clamp(window.left(), (window.right() - WIDTH).max(window.left()));
        let rect = Rect::from_min_size(pos2(left.round(), top.round()), size);
        let area = Area::new(layer().id).order(Order::Foreground).fade_in(false);
        let mut clicked = None;
        area.fixed_pos(rect.min).constrain(false).show(ui.ctx(), |ui| {
            let p = cx.palette;
            ui.set_min_size(rect.size());
            widgets::card(ui.painter(), p, rect);
            let inner = rect.shrink(space::XS);
            let mut child = ui.new_child(UiBuilder::new().max_rect(inner));
            child.spacing_mut().item_spacing.y = 0.0;
            let name = cx.t(Text::Completions);
            child.ctx().accesskit_node_builder(child.unique_id(), |node| {
                node.set_role(Role::ListBox);
                node.set_label(name);
            });
            let mut order: Vec<usize> = (0..self.found.len()).collect();
            if self.above {
                order.reverse();
            }
            for index in order {
                if self.row(&mut child, cx, index) {
                    clicked = Some(index);
                }
            }
        });
        if let Some(command) = clicked.and_then(|index| self.take(index)) {
            cx.ask(command);
        }
    }

    /// A word; whether it was clicked.
    fn row(&mut self, ui: &mut Ui, cx: &Cx<'_>, index: usize) -> bool {
        let p = cx.palette;
        let here = self.at == Some(index);
        let (rect, response) =
            ui.allocate_exact_size(vec2(ui.available_width(), ROW), Sense::click());
        let one = &self.found[index];
        let note = note(one, cx.lang());
        response.widget_info(|| {
            let spoken = [one.text.as_str(), note].join(", ");
            WidgetInfo::selected(Role::ListBoxOption, true, here, spoken.trim_end_matches(", "))
        });
        if here {
            let row = response.id.accesskit_id();
            ui.ctx().accesskit_node_builder(prompt_id(), |node| node.set_active_descendant(row));
        }
        if here || response.hovered() {
            let fill = if here { p.active } else { p.hover };
            ui.painter().rect_filled(rect, radius::M, fill);
        }
        let inner = rect.shrink2(vec2(space::S, 0.0));
        let face = Rect::from_center_size(
            pos2(inner.left() + FACE / 2.0, inner.center().y),
            vec2(FACE, FACE),
        );
        let mut words = inner.with_min_x(face.right() + space::S);
        if index == self.at.unwrap_or(0) {
            let key = ui.painter().layout_no_wrap("Tab".to_owned(), tokens::caption(), p.text_3);
            let at = pos2(words.right() - key.size().x, words.center().y - key.size().y / 2.0);
            ui.painter().galley(at, key, p.text_3);
            words.max.x = at.x - space::S;
        }
        let taken = widgets::line(ui, words, &one.text, tokens::body(), p.text_1);
        let rest = words.with_min_x(words.left() + taken + space::S);
        if rest.width() > space::XL {
            widgets::line(ui, rest, note, tokens::caption(), p.text_3);
        }
        let face_of = one.face;
        self.faces.show(ui, face, face_of);
        response.clicked()
    }
}

/// What stands beside a word: the one that was typed for it, or what a Chinese reader calls it.
fn note(one: &Completion, lang: Lang) -> &'static str {
    let chinese_typed = !one.text.is_ascii() && one.also.is_none();
    match (lang, one.also, one.other) {
        (Lang::En, Some(also), _) => also,
        (Lang::En, None, Some(other)) if chinese_typed && other.is_ascii() => other,
        (Lang::En, None, _) => "",
        (Lang::Zh, also, other) => other.or(also).unwrap_or(""),
    }
}

fn layer() -> LayerId {
    LayerId::new(Order::Foreground, Id::unique("completions"))
}

/// Keys that the prompt's field keeps for itself while the list is open, or while Tab takes over
/// what stands in it in grey.
#[must_use]
pub fn filter(open: bool, tab: bool) -> EventFilter {
    let arrows =
        EventFilter { horizontal_arrows: true, vertical_arrows: true, ..EventFilter::default() };
    EventFilter { tab: open || tab, escape: open, ..arrows }
}

/// Whether an event puts letters in or takes one away: pasting and undoing are no typing.
fn is_typing(event: &Event) -> bool {
    matches!(
        event,
        Event::Text(_)
            | Event::Ime(ImeEvent::Commit(_))
            | Event::Key { key: Key::Backspace, pressed: true, .. }
    )
}

/// Takes the list's keys out of the input: alone, not with Shift or Ctrl, and not while an input
/// method is composing. An Enter that takes no word stays there, and ends the list.
fn presses(input: &mut InputState, chosen: bool) -> Vec<Press> {
    let mut presses = Vec::new();
    if input.events.iter().any(|event| matches!(event, Event::Ime(_))) {
        return presses;
    }
    let mut chosen = chosen;
    input.events.retain(|event| {
        let Event::Key { key, pressed: true, modifiers, .. } = event else { return true };
        let press = match key {
            // The field would indent its line.
            Key::Tab if modifiers.any() => return false,
            // With Ctrl it paints as well.
            Key::Enter if modifiers.any() || !chosen => {
                presses.push(Press::Leave);
                return true;
            }
            _ if modifiers.any() => return true,
            Key::ArrowUp => Press::Up,
            Key::ArrowDown => Press::Down,
            Key::Tab | Key::Enter => Press::Take,
            Key::Escape => Press::Close,
            _ => return true,
        };
        chosen |= matches!(press, Press::Up | Press::Down);
        presses.push(press);
        false
    });
    presses
}
