//! What the prompt's box shows beyond its text, and what only it knows: where chunks meet, and
//! where the cursor is.

use std::ops::Range;

use egui::text::{CCursor, CCursorRange};
use egui::text_edit::TextEditState;
use egui::{Context, Galley, Id, Pos2, Stroke, Ui};

use super::tokens::Palette;
use crate::app::command::{Action, Command};

/// Points by which a line stands before the word that begins a chunk.
const BEFORE: f32 = 2.0;

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
