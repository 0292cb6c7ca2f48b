//! What the prompt's box shows beyond its text, and what only it knows: where chunks meet, which
//! words the built-in model does not know, and where the cursor is.

use std::ops::Range;

use egui::accesskit::Role;
use egui::text::{CCursor, CCursorRange};
use egui::text_edit::TextEditState;
use egui::{Context, Galley, Id, Pos2, Rect, Sense, Stroke, Ui, WidgetInfo, pos2};

use super::Cx;
use super::tokens::Palette;
use super::widgets::button;
use crate::app::command::{Action, Command};
use crate::app::words::Text;
use crate::models::lexicon;

/// Points by which a line stands before the word that begins a chunk.
const BEFORE: f32 = 2.0;
/// Radius of the dots under an unknown word, from one to the next, and above the line's end.
const DOT: f32 = 0.75;
const DOTS_APART: f32 = 3.0;
const DOT_UP: f32 = 1.5;

/// The prompt's field.
pub(super) fn prompt_id() -> Id {
    Id::unique("prompt")
}

/// The field of the words to avoid.
pub(super) fn negative_id() -> Id {
    Id::unique("negative prompt")
}

/// Whether the keyboard is in one of the two.
pub(super) fn has_focus(ctx: &Context) -> bool {
    ctx.memory(|memory| [prompt_id(), negative_id()].iter().any(|id| memory.has_focus(*id)))
}

/// Draws a line where the model's reading is cut. `marks` are bytes of `text`.
pub(super) fn marks(
    ui: &Ui,
    galley: &Galley,
    at: Pos2,
    text: &str,
    marks: &[usize],
    palette: &Palette,
) {
    for mark in marks {
        // The count may be of the text before this key.
        let Some(before) = text.get(..*mark) else { continue };
        let place = galley.pos_from_cursor(CCursor::new(before.chars().count()));
        let place = place.translate(at.to_vec2());
        let stroke = Stroke::new(1.0, palette.text_3);
        ui.painter().vline((place.left() - BEFORE).round() + 0.5, place.y_range(), stroke);
    }
}

/// Marks the words that the built-in model does not know; over one of them, says so and offers the
/// nearest that it knows.
pub(super) fn unknown(ui: &Ui, cx: &mut Cx<'_>, galley: &Galley, at: Pos2, text: &str) {
    // They are those of the text before this key.
    if text != cx.state.prompt {
        return;
    }
    let state = cx.state;
    for (index, range) in state.told_unknown().enumerate() {
        let letter = |byte: usize| CCursor::new(text[..byte].chars().count());
        let [from, to] = [range.start, range.end].map(|byte| galley.pos_from_cursor(letter(byte)));
        let end = if to.top() > from.top() { galley.rect.right() } else { to.left() };
        let word = Rect::from_min_max(from.min, pos2(end, from.bottom())).translate(at.to_vec2());
        dots(ui, cx, word);
        let response = ui.interact(word, prompt_id().with(("unknown", index)), Sense::hover());
        let typed = &text[range.clone()];
        let said = cx.lang().fill(Text::UnknownWord, &[typed]);
        response.widget_info(|| WidgetInfo::labeled(Role::Label, true, &said));
        response.on_hover_ui(|ui| {
            let Some(nearest) = lexicon::nearest(typed) else {
                ui.label(said);
                return;
            };
            ui.label(cx.lang().fill(Text::UnknownNearest, &[typed, nearest]));
            let used = cx.lang().fill(Text::UseWord, &[nearest]);
            if button::word(ui, None, &used, true, true).clicked() {
                let before = format!("{}{nearest}", &text[..range.start]);
                let letter = before.chars().count();
                cx.ask(Command::Replace(before + &text[range.end..], letter));
            }
        });
    }
}

/// A dotted line under a word.
fn dots(ui: &Ui, cx: &Cx<'_>, word: Rect) {
    let y = word.bottom() - DOT_UP;
    let mut x = word.left() + DOT;
    while x < word.right() {
        ui.painter().circle_filled(pos2(x, y), DOT, cx.palette.text_2);
        x += DOTS_APART;
    }
}

/// Says with each command that changes a weight which letters it is about.
pub(super) fn place(ctx: &Context, commands: Vec<Command>) -> Vec<Command> {
    let placed = |command| match command {
        Command::Do(action @ (Action::Heavier | Action::Lighter)) => {
            let negative = ctx.memory(|memory| memory.has_focus(negative_id()));
            let selection = selection(ctx, if negative { negative_id() } else { prompt_id() });
            Command::Weigh { negative, selection, up: action == Action::Heavier }
        }
        other => other,
    };
    commands.into_iter().map(placed).collect()
}

/// What is selected in a field, in letters; without a cursor, its end.
fn selection(ctx: &Context, id: Id) -> Range<usize> {
    let state = TextEditState::load(ctx, id).and_then(|state| state.cursor.char_range());
    state.map_or(usize::MAX..usize::MAX, |range| {
        let [first, last] = range.sorted_cursors();
        first.index.0..last.index.0
    })
}

/// Selects letters of a field.
pub(super) fn select(ctx: &Context, id: Id, (from, to): (usize, usize)) {
    let mut state = TextEditState::load(ctx, id).unwrap_or_default();
    state.cursor.set_char_range(Some(CCursorRange::two(CCursor::new(from), CCursor::new(to))));
    state.store(ctx, id);
}
