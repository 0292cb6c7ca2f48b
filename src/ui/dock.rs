//! The dock: words, strength, the intent line and the one button.

use std::sync::Arc;

use egui::text::{CCursor, LayoutJob, TextFormat, TextWrapping};
use egui::text_edit::TextEditOutput;
use egui::{
    Align, Galley, Key, KeyboardShortcut, Layout, Modifiers, Popup, Rect, ScrollArea, Stroke,
    TextBuffer, TextEdit, Ui, UiBuilder, pos2, vec2,
};

use super::completion::{self, Completions};
use super::prompt_box::{self, negative_id, prompt_id};
use super::recent::Recent;
use super::tokens::{self, size, space};
use super::widgets::slider::Slider;
use super::widgets::{self, button, field};
use super::{Cx, icons, menu};
use crate::app::command::{Action, Command};
use crate::app::intent;
use crate::app::state::{AppState, Focus, WordCount};
use crate::app::words::Text;

const LINE: f32 = tokens::text::PROMPT.1;
/// Lines of prompt that the card grows to; beyond, it scrolls.
const MOST_LINES: f32 = 6.0;
/// The second line, for what to avoid.
const AVOID: f32 = size::CONTROL + space::XS;
/// What the strength takes of the row, with its words.
const STRENGTH_ROOM: f32 = 372.0;
/// What the word for Avoid takes.
const AVOID_ROOM: f32 = 72.0;
/// The card's inner margin.
const PAD: f32 = 10.0;
/// The widest the card becomes, in a usual window and in a large one.
const WIDEST: f32 = 912.0;
const WIDEST_LARGE: f32 = 1040.0;
/// Width of a window that counts as large.
const LARGE: f32 = 1600.0;
/// Room that the intent line wants; with less, Avoid becomes an icon.
const INTENT_WANTS: f32 = 120.0;

/// What the dock remembers of its look.
#[derive(Default)]
pub struct Dock {
    /// Lines the prompt had in the last frame.
    prompt_height: f32,
    avoid_open: bool,
    recent: Recent,
    completions: Completions,
}

impl Dock {
    /// How much the dock has grown beyond its usual height.
    #[must_use]
    pub fn extra(&self) -> f32 {
        let lines = (self.prompt_height - 2.0 * LINE).clamp(0.0, (MOST_LINES - 2.0) * LINE);
        lines + if self.avoid_open { AVOID } else { 0.0 }
    }

    /// Moves the keyboard's focus.
    pub fn focus(&mut self, ctx: &egui::Context, focus: Focus) {
        match focus {
            Focus::Prompt => ctx.memory_mut(|memory| memory.request_focus(prompt_id())),
            Focus::PromptSelected => {
                ctx.memory_mut(|memory| memory.request_focus(prompt_id()));
                ctx.data_mut(|data| data.insert_temp(prompt_id().with("select"), true));
            }
            Focus::PromptRecent => {
                self.recent.open();
                ctx.memory_mut(|memory| memory.request_focus(prompt_id()));
            }
            Focus::Region { .. } => {}
            Focus::Negative => ctx.memory_mut(|memory| memory.request_focus(negative_id())),
            Focus::Letters { negative, letters } => {
                let id = if negative { negative_id() } else { prompt_id() };
                ctx.memory_mut(|memory| memory.request_focus(id));
                prompt_box::select(ctx, id, letters);
            }
            Focus::Canvas => {
                for id in [prompt_id(), negative_id()] {
                    ctx.memory_mut(|memory| memory.surrender_focus(id));
                }
                if ctx.text_edit_focused()
                    && let Some(id) = ctx.memory(egui::Memory::focused)
                {
                    ctx.memory_mut(|memory| memory.surrender_focus(id));
                }
            }
        }
    }

    /// What the keys of the lists at the prompt ask for. Esc closes a list first, and leaves the
    /// field only then: whether it did.
    pub fn keys(&mut self, ctx: &egui::Context, state: &AppState) -> (Vec<Command>, bool) {
        let (commands, closed) = self.completions.keys(ctx, state);
        if closed {
            return (commands, true);
        }
        let open = self.recent.open && state.prompt.is_empty() && state.over.is_none();
        if open && ctx.input_mut(|i| i.consume_key(Modifiers::NONE, Key::Escape)) {
            // egui has taken the focus away already.
            ctx.memory_mut(|memory| memory.request_focus(prompt_id()));
            self.recent.open = false;
            return (commands, true);
        }
        self.recent.open = open;
        (commands, false)
    }

    /// Whether Tab takes over a word or what stands in grey, instead of moving the focus.
    #[must_use]
    pub fn takes_tab(&self, ctx: &egui::Context, state: &AppState) -> bool {
        let focused = ctx.memory(|memory| memory.has_focus(prompt_id()));
        let offered = state.offered.is_some() && state.prompt.is_empty();
        focused && (offered || self.completions.is_open())
    }

    /// Draws the dock.
    pub fn show(&mut self, ui: &mut Ui, cx: &mut Cx<'_>) {
        self.avoid_open = cx.state.avoid_open || !cx.state.negative.is_empty();
        let whole = ui.max_rect();
        let p = cx.palette;
        let widest = if ui.ctx().content_rect().width() >= LARGE { WIDEST_LARGE } else { WIDEST };
        let width = (whole.width() - 2.0 * space::M).min(widest);
        let gap = (size::DOCK - size::DOCK_CARD) / 2.0;
        let card = Rect::from_min_max(
            pos2((whole.center().x - width / 2.0).round(), whole.top() + gap),
            pos2((whole.center().x + width / 2.0).round(), whole.bottom() - gap),
        );
        // The shadow may fall outside the dock's own rectangle.
        let mut painter = ui.painter().clone();
        painter.set_clip_rect(ui.ctx().content_rect());
        widgets::card(&painter, p, card);
        // The card takes the pointer from the canvas where it lies over it.
        ui.interact(card, ui.scope_id().with("card"), egui::Sense::CLICK);

        let inner = card.shrink2(vec2(space::M, PAD));
        let row = inner.with_min_y(inner.bottom() - size::PRIMARY);
        let words = inner.with_max_y(row.top() - space::S);
        let (prompt, avoid) = if self.avoid_open {
            let split = words.bottom() - AVOID;
            (words.with_max_y(split), Some(words.with_min_y(split + space::XS)))
        } else {
            (words, None)
        };
        let focused = ui.memory(|memory| memory.has_focus(prompt_id()));
        let was_empty = cx.state.prompt.is_empty();
        if focused && was_empty && ui.input(|i| i.key_pressed(Key::ArrowDown)) && !self.recent.open
        {
            self.recent.open();
        }
        // A press on the list takes the focus from the prompt before the click is complete.
        let pressing = ui.input(|i| i.pointer.any_down() || i.pointer.any_released());
        self.recent.open &= focused && was_empty || pressing;
        if self.recent.show(ui, cx, card) {
            ui.memory_mut(|memory| memory.request_focus(prompt_id()));
        }
        self.prompt(ui, cx, prompt);
        if let Some(rect) = avoid {
            negative(ui, cx, rect);
        }
        bottom_row(ui, cx, row, self.avoid_open);
    }

    fn prompt(&mut self, ui: &mut Ui, cx: &mut Cx<'_>, rect: Rect) {
        let empty = cx.state.prompt.is_empty();
        let counter = if empty { 0.0 } else { counter(ui, cx, rect, &cx.state.words, LINE) };
        let rect = rect.with_max_x(rect.right() - counter - space::M);
        let p = cx.palette;
        let lost_from = cx.state.words.lost_from;
        let mut layouter = |ui: &Ui, text: &dyn TextBuffer, width: f32| -> Arc<Galley> {
            ui.painter().layout_job(prompt_job(text.as_str(), lost_from, p, width))
        };
        let mut text = cx.state.prompt.clone();
        let newline = KeyboardShortcut::new(Modifiers::SHIFT, Key::Enter);
        let mut child = ui.new_child(UiBuilder::new().id_salt("prompt area").max_rect(rect));
        child.set_clip_rect(rect.expand2(vec2(2.0, 0.0)));
        let composing = composes(&child);
        let had_focus = child.memory(|memory| memory.has_focus(prompt_id()));
        // What a picture that was placed says stands in grey until words are there.
        let offered = cx.state.offered.clone().filter(|_| text.is_empty());
        let tab = offered.is_some()
            && had_focus
            && child.input_mut(|i| i.consume_key(Modifiers::NONE, Key::Tab));
        ScrollArea::vertical().id_salt("prompt scroll").show(&mut child, |ui| {
            let edit = TextEdit::multiline(&mut text)
                .id(prompt_id())
                .return_key(newline)
                .event_filter(completion::filter(self.completions.is_open(), offered.is_some()))
                .frame(egui::Frame::NONE)
                .margin(egui::Margin::ZERO)
                .desired_width(rect.width())
                .desired_rows(2)
                .layouter(&mut layouter);
            let ctx = ui.ctx().clone();
            let hint = self.completions.holding_focus(&ctx, || edit.show(ui));
            self.prompt_height = hint.galley.size().y;
            let (words, p) = (&cx.state.words, cx.palette);
            prompt_box::marks(ui, &hint.galley, hint.galley_pos, &text, &words.marks, p);
            prompt_box::unknown(ui, cx, &hint.galley, hint.galley_pos, &text);
            self.complete(ui, cx, &hint, &text);
            let response = hint.response.response;
            if response.clicked() && text.is_empty() {
                self.recent.open();
            }
            let name = cx.t(Text::Prompt);
            let said = cx.state.prompt.clone();
            let grey = offered.as_ref().map(|reading| reading.recipe.prompt.replace('\n', " "));
            let placeholder = grey.as_deref().unwrap_or(cx.t(Text::PromptHint));
            response.widget_info(|| {
                let mut info = egui::WidgetInfo::text_edit(true, &said, &said, placeholder);
                info.label = Some(name.to_owned());
                info
            });
            if text.is_empty() {
                let at = hint.galley_pos;
                let line = Rect::from_min_size(at, vec2(rect.width(), LINE));
                widgets::line(ui, line, placeholder, tokens::prompt(), p.text_3);
                if grey.is_some() {
                    let (line, hint) = (line.translate(vec2(0.0, LINE)), cx.t(Text::OfferHint));
                    widgets::line(ui, line, hint, tokens::caption(), p.text_2);
                }
            }
            let select = prompt_id().with("select");
            if response.has_focus()
                && ui.data_mut(|data| data.remove_temp::<bool>(select)).is_some()
            {
                field::select_all(ui, prompt_id(), &text);
                ui.ctx().request_repaint();
            }
        });
        let enter =
            had_focus && !composing && ui.input_mut(|i| i.consume_key(Modifiers::NONE, Key::Enter));
        if text != cx.state.prompt {
            if text.is_empty() {
                self.recent.open();
            }
            cx.ask(Command::Prompt(text));
        }
        match offered {
            Some(reading) if tab => cx.ask(Command::Recipe(reading)),
            Some(_) if enter => cx.ask(Command::PaintOffered),
            _ if enter => cx.act(Action::Paint),
            _ => {}
        }
    }
}

impl Dock {
    /// Follows what is typed with the words that it could become.
    fn complete(&mut self, ui: &Ui, cx: &mut Cx<'_>, field: &TextEditOutput, text: &str) {
        let focused = field.response.response.has_focus();
        let cursor = field.cursor_range.filter(|range| focused && range.is_empty());
        let cursor = cursor.map(|range| {
            let letters = text.char_indices().map(|(byte, _)| byte);
            letters.chain([text.len()]).nth(range.primary.index.0).unwrap_or(text.len())
        });
        if let Some(command) = self.completions.follow(ui, cx.state, text, cursor) {
            cx.ask(command);
        }
        if let Some(letter) = self.completions.word() {
            let word = field.galley.pos_from_cursor(CCursor::new(letter));
            self.completions.show(ui, cx, word.translate(field.galley_pos.to_vec2()));
        }
    }
}

fn prompt_job(text: &str, lost_from: Option<usize>, p: &tokens::Palette, width: f32) -> LayoutJob {
    let format = |color| TextFormat {
        font_id: tokens::prompt(),
        line_height: Some(LINE),
        color,
        valign: Align::Center,
        ..TextFormat::default()
    };
    // The count is of the trimmed text at the last change: never cut inside a letter.
    let cut = lost_from.filter(|at| text.is_char_boundary(*at)).unwrap_or(text.len());
    let mut job = LayoutJob { wrap: TextWrapping::wrap_at_width(width), ..LayoutJob::default() };
    job.append(&text[..cut], 0.0, format(p.text_1));
    if cut < text.len() {
        job.append(&text[cut..], 0.0, format(tokens::faded(p.text_3, 0.7)));
    }
    job
}

/// "7/75" at the right of the text; returns the width it took.
fn counter(ui: &Ui, cx: &Cx<'_>, rect: Rect, words: &WordCount, line: f32) -> f32 {
    if words.room == 0 {
        return 0.0;
    }
    let p = cx.palette;
    let over = words.used > words.room;
    let chunk = words.room / words.chunks.max(1);
    let numbers = [words.used, words.room, words.chunks, chunk].map(|number| number.to_string());
    let numbers = numbers.each_ref().map(String::as_str);
    let text = cx.lang().fill(Text::WordCount, &numbers);
    let said = text.clone();
    let colour = if over { p.warn } else { p.text_3 };
    let galley = ui.painter().layout_no_wrap(text, tokens::caption(), colour);
    let mut width = galley.size().x;
    let top = rect.top() + (line - galley.size().y) / 2.0;
    let left = rect.right() - width;
    if over {
        let at = pos2(left - 12.0, rect.top() + line / 2.0);
        let centre = egui::Align2::CENTER_CENTER;
        ui.painter().text(at, centre, icons::WARNING, tokens::icon(14.0), p.warn);
        width += 22.0;
    }
    let place = Rect::from_min_size(pos2(rect.right() - width, rect.top()), vec2(width, line));
    ui.painter().galley(pos2(left, top), galley, colour);
    let tip = match words.chunks {
        _ if over => Text::WordsLostTip,
        0 | 1 => Text::WordCountTip,
        _ => Text::WordChunksTip,
    };
    let response = ui.interact(
        place,
        ui.scope_id().with(("counter", rect.top() as i32)),
        egui::Sense::hover(),
    );
    response.widget_info(|| egui::WidgetInfo::labeled(egui::accesskit::Role::Label, true, &said));
    response.on_hover_text(cx.lang().fill(tip, &numbers));
    width
}

/// Whether an input method is at work: an Enter that ends its composition paints nothing.
fn composes(ui: &Ui) -> bool {
    ui.input(|i| i.events.iter().any(|event| matches!(event, egui::Event::Ime(_))))
}

fn negative(ui: &mut Ui, cx: &mut Cx<'_>, rect: Rect) {
    let p = cx.palette;
    let painter = ui.painter();
    painter.hline(rect.x_range(), rect.top(), Stroke::new(1.0, p.line));
    let name = cx.t(Text::AvoidName);
    let label = rect.with_max_x(rect.left() + 96.0);
    let taken = widgets::line(ui, label, name, tokens::body(), p.text_2);
    let mut rect = rect.with_min_x(rect.left() + taken + space::M);
    if !cx.state.negative.is_empty() {
        let taken = counter(ui, cx, rect, &cx.state.negative_words, rect.height());
        rect.max.x -= taken + space::M;
    }
    let mut text = cx.state.negative.clone();
    let edit = TextEdit::singleline(&mut text)
        .id(negative_id())
        .frame(egui::Frame::NONE)
        .margin(egui::Margin::ZERO)
        .align(egui::Align2::LEFT_CENTER)
        .text_color(p.text_1)
        .hint_text(egui::RichText::new(cx.t(Text::AvoidHint)).color(p.text_3))
        .desired_width(rect.width());
    let had_focus = ui.memory(|memory| memory.has_focus(negative_id()));
    let enter =
        had_focus && !composes(ui) && ui.input_mut(|i| i.consume_key(Modifiers::NONE, Key::Enter));
    let response = ui.put(rect, edit);
    let said = cx.state.negative.clone();
    response.widget_info(|| {
        let mut info = egui::WidgetInfo::text_edit(true, &said, &said, "");
        info.label = Some(name.to_owned());
        info
    });
    if text != cx.state.negative {
        cx.ask(Command::Negative(text));
    }
    if enter {
        cx.act(Action::Paint);
    }
}

fn bottom_row(ui: &mut Ui, cx: &mut Cx<'_>, rect: Rect, avoid_open: bool) {
    let button = rect.with_min_x(rect.right() - size::PRIMARY_WIDTH);
    primary(ui, cx, button);
    let rest = rect.with_max_x(button.left() - space::L);
    let mut row = ui.new_child(
        UiBuilder::new().id_salt("row").max_rect(rest).layout(Layout::left_to_right(Align::Center)),
    );
    row.spacing_mut().item_spacing.x = space::S;
    // The word's own padding would put it out of line with the prompt above.
    row.add_space(-space::S);
    let applies = intent::strength_applies(cx.state);
    let strength_room = if applies { STRENGTH_ROOM } else { 0.0 };
    let tight = rest.width() < strength_room + AVOID_ROOM + INTENT_WANTS;
    if tight {
        row.add_space(space::S);
        let (icon, name) =
            if avoid_open { (icons::X, Text::AvoidName) } else { (icons::MINUS, Text::Avoid) };
        let button = button::IconButton::new(icon, cx.t(name)).on(avoid_open);
        if button.enabled(!avoid_open || cx.state.negative.is_empty()).show(&mut row).clicked() {
            cx.ask(Command::AvoidOpen(!avoid_open));
        }
    } else if !avoid_open {
        if button::word(&mut row, None, cx.t(Text::Avoid), true, false).clicked() {
            cx.ask(Command::AvoidOpen(true));
        }
    } else {
        let empty = cx.state.negative.is_empty();
        let word = button::word(&mut row, Some(icons::X), cx.t(Text::AvoidName), empty, false);
        if word.clicked() {
            cx.ask(Command::AvoidOpen(false));
        }
    }
    if applies {
        let short = rest.width() < STRENGTH_ROOM + size::ICON_BUTTON + space::L;
        strength(&mut row, cx, short);
    }
    let left = row.cursor().left() + space::XS;
    let line = rest.with_min_x(left);
    if line.width() > 40.0 {
        intent_line(ui, cx, line);
    }
}

fn strength(ui: &mut Ui, cx: &mut Cx<'_>, short: bool) {
    const STOPS: [f32; 4] = [20.0, 40.0, 60.0, 80.0];
    let p = cx.palette;
    let (divider, _) = ui.allocate_exact_size(vec2(1.0, 20.0), egui::Sense::hover());
    ui.painter().vline(divider.center().x, divider.y_range(), Stroke::new(1.0, p.line));
    let text = |ui: &mut Ui, text: String, width: Option<f32>, colour| {
        let galley = ui.painter().layout_no_wrap(text, tokens::body(), colour);
        let wide = width.unwrap_or(galley.size().x);
        let (rect, _) = ui.allocate_exact_size(vec2(wide, galley.size().y), egui::Sense::hover());
        ui.painter().galley(rect.min, galley, colour);
    };
    text(ui, cx.t(Text::Strength).to_owned(), None, p.text_2);
    let percent = cx.state.strength;
    let slider = Slider { stops: &STOPS, ..Slider::new(cx.t(Text::Strength), (1.0, 100.0), 1.0) };
    let (response, moved) =
        slider.show(ui, if short { 0.5 } else { 1.0 } * size::STRENGTH, percent as f32);
    let name = cx.t(intent::strength_name(percent));
    response.on_hover_text(name);
    if let Some(percent) = moved {
        cx.ask(Command::Strength(percent.round() as u32));
    }
    let value = cx.lang().fill(Text::StrengthValue, &[&percent.to_string()]);
    if short {
        text(ui, value, Some(40.0), p.text_1);
    } else {
        text(ui, format!("{value}  {name}"), Some(116.0), p.text_1);
    }
}

fn intent_line(ui: &mut Ui, cx: &Cx<'_>, rect: Rect) {
    let (words, trouble) = intent::line(cx.state);
    let p = cx.palette;
    let colour = if trouble { p.error } else { p.text_2 };
    let icon_room = if trouble { size::ICON + space::XS } else { 0.0 };
    let mut job = LayoutJob::single_section(
        words.clone(),
        TextFormat {
            font_id: tokens::caption(),
            color: colour,
            line_height: Some(tokens::text::CAPTION.1),
            ..TextFormat::default()
        },
    );
    // The row has room for two lines of this size.
    job.wrap = TextWrapping {
        max_rows: 2,
        break_anywhere: false,
        ..TextWrapping::truncate_at_width(rect.width() - icon_room)
    };
    job.halign = Align::RIGHT;
    let galley = ui.painter().layout_job(job);
    let cut = galley.elided;
    if trouble {
        // Right before the words, which end at the button.
        let left = (rect.right() - galley.size().x - icon_room).max(rect.left());
        let place = rect.with_min_x(left).with_max_x(left + size::ICON);
        widgets::icon_in(ui.painter(), place, icons::WARNING_CIRCLE, 16.0, colour);
    }
    let top = rect.center().y - galley.size().y / 2.0;
    ui.painter().galley(pos2(rect.right(), top), galley, colour);
    let response = ui.interact(rect, ui.scope_id().with("intent"), egui::Sense::hover());
    response.widget_info(|| egui::WidgetInfo::labeled(egui::accesskit::Role::Label, true, &words));
    if cut {
        response.on_hover_text(words);
    }
}

fn primary(ui: &mut Ui, cx: &mut Cx<'_>, rect: Rect) {
    let word = cx.t(intent::mode(cx.state).word());
    let enabled = Action::Paint.enabled(cx.state);
    let pressed = button::primary(ui, rect, word, cx.t(Text::MoreWays), enabled);
    let tip = Action::Paint.tooltip(cx.state);
    if pressed.main.on_hover_text(tip).clicked() {
        cx.act(Action::Paint);
    }
    Popup::menu(&pressed.arrow).align(egui::RectAlign::TOP_END).show(|ui| {
        for action in [Action::PaintFour, Action::PaintForever, Action::Vary, Action::PaintFront] {
            menu::item(ui, cx, action);
        }
    });
}
