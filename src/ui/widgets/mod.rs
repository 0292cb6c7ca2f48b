//! The program's own controls: each paints itself from the tokens and tells the screen reader
//! what it is. They know nothing of the program's state.

pub mod button;
pub mod entry;
pub mod field;
pub mod picture;
pub mod slider;
pub mod ticks;
pub mod toggle;

use egui::{Align2, Painter, Rect, Response, Stroke, StrokeKind, Ui};

use super::tokens::{self, Palette};

/// The colours that a `Ui` wears.
#[must_use]
pub fn palette(ui: &Ui) -> &'static Palette {
    tokens::palette(ui.visuals().dark_mode)
}

/// Draws the focus ring round a focused widget: 2 wide, outside by 2.
pub fn focus_ring(ui: &Ui, response: &Response, corner: u8) {
    if response.has_focus() {
        let ring = Stroke::new(2.0, palette(ui).focus);
        let rect = response.rect.expand(2.0);
        ui.painter().rect_stroke(rect, corner.saturating_add(2), ring, StrokeKind::Outside);
    }
}

/// Draws the ground of what lies over the canvas: raised, with a line and a shadow.
pub fn card(painter: &Painter, p: &Palette, rect: Rect) {
    painter.add(tokens::shadow(p).as_shape(rect, tokens::radius::L));
    let line = Stroke::new(1.0, p.line);
    painter.rect(rect, tokens::radius::L, p.raised, line, StrokeKind::Inside);
}

/// Draws an icon in the middle of a rectangle.
pub fn icon_in(painter: &Painter, rect: Rect, icon: &str, points: f32, colour: egui::Color32) {
    painter.text(rect.center(), Align2::CENTER_CENTER, icon, tokens::icon(points), colour);
}

/// Draws one line of text that ends in "…" where its room ends; returns the width it took.
#[expect(clippy::must_use_candidate, reason = "it draws; the width is a by-product")]
pub fn line(ui: &Ui, rect: Rect, text: &str, font: egui::FontId, colour: egui::Color32) -> f32 {
    let mut job = egui::text::LayoutJob::simple_singleline(text.to_owned(), font, colour);
    job.wrap = egui::text::TextWrapping::truncate_at_width(rect.width());
    let galley = ui.painter().layout_job(job);
    let pos = egui::pos2(rect.left(), rect.center().y - galley.size().y / 2.0);
    let width = galley.size().x;
    ui.painter().galley(pos, galley, colour);
    width
}
