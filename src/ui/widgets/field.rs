//! A field for a number: what is typed stays as typed until it is a number in range; the error
//! stands under it.

use egui::{Id, Key, Stroke, StrokeKind, TextEdit, Ui, vec2};

use super::palette;
use crate::ui::tokens::{self, radius, size, space};

/// What the user did to a field.
pub struct Outcome<T> {
    /// The new value, when what is typed is one.
    pub value: Option<T>,
    /// What is wrong with what is typed.
    pub error: Option<String>,
}

/// What a field looks like.
#[derive(Clone, Copy, Debug)]
pub struct Field<'a> {
    /// Spoken name, which also tells fields of one part of the window apart.
    pub name: &'a str,
    /// Its width in points.
    pub width: f32,
    /// What it shows until it is edited.
    pub shown: &'a str,
    /// Whether the value is not the user's own.
    pub dimmed: bool,
}

/// Draws a field. `step` is what the up and down keys do.
pub fn number<T>(
    ui: &mut Ui,
    Field { name, width, shown, dimmed }: Field<'_>,
    parse: impl Fn(&str) -> Result<T, String>,
    step: impl Fn(i32) -> Option<T>,
) -> Outcome<T> {
    let id = ui.scope_id().with(("field", name));
    let typed_id: Id = id.with("typed");
    // What is typed, and what was shown then: a value that came from elsewhere since is shown.
    let typed: Option<(String, String)> = ui.data(|data| data.get_temp(typed_id));
    let edited = ui.memory(|memory| memory.has_focus(id));
    let typed = typed.filter(|(_, then)| edited || then == shown);
    let mut text = typed.map_or_else(|| shown.to_owned(), |(text, _)| text);
    let p = palette(ui);
    let colour = if dimmed { p.text_2 } else { p.text_1 };
    let edit = TextEdit::singleline(&mut text)
        .id(id)
        .font(tokens::body())
        .text_color(colour)
        .align(egui::Align2::RIGHT_CENTER)
        .desired_width(width - 2.0 * space::S)
        .min_size(vec2(width - 2.0 * space::S, size::CONTROL))
        .frame(egui::Frame::NONE)
        .clip_text(true);
    let (rect, _) = ui.allocate_exact_size(vec2(width, size::CONTROL), egui::Sense::hover());
    let back = ui.painter().add(egui::Shape::Noop);
    let response = ui.place(rect.shrink2(vec2(space::S, 0.0)), edit);
    response.widget_info(|| {
        let mut info = egui::WidgetInfo::text_edit(true, &text, &text, "");
        info.label = Some(name.to_owned());
        info
    });
    let parsed = parse(text.trim());
    let wrong = parsed.is_err();
    let line = match (wrong, response.has_focus(), response.hovered()) {
        (true, ..) => Stroke::new(1.0, p.error),
        (_, true, _) => Stroke::new(2.0, p.focus),
        (_, _, true) => Stroke::new(1.0, p.edge),
        _ => Stroke::new(1.0, tokens::faded(p.edge, 0.6)),
    };
    let frame = egui::epaint::RectShape::new(rect, radius::S, p.raised, line, StrokeKind::Inside);
    ui.painter().set(back, frame);

    let mut outcome = Outcome { value: None, error: None };
    if response.gained_focus() {
        select_all(ui, id, &text);
    }
    let steps = if response.has_focus() {
        ui.input(|i| i.num_presses(Key::ArrowUp) as i32 - i.num_presses(Key::ArrowDown) as i32)
    } else {
        0
    };
    if steps != 0 {
        outcome.value = step(steps);
        ui.data_mut(|data| data.remove::<(String, String)>(typed_id));
    } else if response.changed() {
        outcome.value = parse(text.trim()).ok();
        ui.data_mut(|data| data.insert_temp(typed_id, (text, shown.to_owned())));
    } else if response.lost_focus() && !wrong {
        ui.data_mut(|data| data.remove::<(String, String)>(typed_id));
    }
    outcome.error = parsed.err();
    outcome
}

/// Selects all of a text field, so that typing replaces it.
pub fn select_all(ui: &Ui, id: Id, text: &str) {
    use egui::text::{CCursor, CCursorRange};
    let mut state = egui::text_edit::TextEditState::load(ui.ctx(), id).unwrap_or_default();
    let range = CCursorRange::two(CCursor::new(0), CCursor::new(text.chars().count()));
    state.cursor.set_char_range(Some(range));
    state.store(ui.ctx(), id);
}

/// Reads a whole number in a range.
pub fn whole(text: &str, range: (u64, u64), not_number: &str, out: &str) -> Result<u64, String> {
    let value: u64 = text.parse().map_err(|_not_a_number| not_number.to_owned())?;
    if (range.0..=range.1).contains(&value) { Ok(value) } else { Err(out.to_owned()) }
}

/// Reads a number in a range; a decimal comma is as good as a point.
pub fn decimal(text: &str, range: (f32, f32), not_number: &str, out: &str) -> Result<f32, String> {
    let value: f32 =
        text.replace(',', ".").parse().map_err(|_not_a_number| not_number.to_owned())?;
    if (range.0..=range.1).contains(&value) { Ok(value) } else { Err(out.to_owned()) }
}
