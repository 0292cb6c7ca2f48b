//! A switch: on or off, at once.

use egui::{Response, Sense, Stroke, StrokeKind, Ui, WidgetInfo, accesskit::Role, pos2, vec2};

use super::{focus_ring, palette};
use crate::ui::tokens::{radius, size};

const WIDTH: f32 = 36.0;
const HEIGHT: f32 = 20.0;
const KNOB: f32 = 7.0;

/// Draws it; a click asks for the other state.
pub fn show(ui: &mut Ui, name: &str, on: bool) -> Response {
    let (room, response) = ui.allocate_exact_size(vec2(WIDTH, size::CONTROL), Sense::click());
    response.widget_info(|| WidgetInfo::selected(Role::Switch, true, on, name));
    let rect = egui::Rect::from_center_size(room.center(), vec2(WIDTH, HEIGHT));
    let p = palette(ui);
    let (fill, line) = match (on, response.hovered()) {
        (true, true) => (p.accent_hover, p.accent_text),
        (true, false) => (p.accent, p.accent_text),
        (false, true) => (p.hover, p.text_2),
        (false, false) => (p.raised, p.edge),
    };
    ui.painter().rect(rect, radius::FULL, fill, Stroke::new(1.0, line), StrokeKind::Inside);
    let reach = HEIGHT / 2.0;
    let x = if on { rect.right() - reach } else { rect.left() + reach };
    let colour = if on { p.on_accent } else { p.text_2 };
    ui.painter().circle_filled(pos2(x, rect.center().y), KNOB - if on { 0.0 } else { 1.0 }, colour);
    focus_ring(ui, &response, radius::FULL);
    response
}
