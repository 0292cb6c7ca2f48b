//! A field for one line of text: names, addresses, secrets.

use egui::{Id, Rect, Response, Stroke, StrokeKind, TextEdit, Ui, WidgetInfo};

use super::palette;
use crate::ui::tokens::{self, radius, space};

/// What a field is.
#[derive(Clone, Copy, Debug)]
pub struct Entry<'a> {
    /// Its identity.
    pub id: Id,
    /// What it is called when it is read aloud.
    pub name: &'a str,
    /// What stands in it while it is empty.
    pub hint: &'a str,
    /// Whether what is typed is hidden.
    pub secret: bool,
    /// Whether what is typed is wrong.
    pub wrong: bool,
}

impl Entry<'_> {
    /// Draws it.
    pub fn show(self, ui: &mut Ui, rect: Rect, text: &mut String) -> Response {
        let p = palette(ui);
        let back = ui.painter().add(egui::Shape::Noop);
        let inner = rect.shrink2(egui::vec2(space::S, 0.0));
        let edit = TextEdit::singleline(text)
            .id(self.id)
            .frame(egui::Frame::NONE)
            .margin(egui::Margin::ZERO)
            .align(egui::Align2::LEFT_CENTER)
            .text_color(p.text_1)
            .char_limit(400)
            .password(self.secret)
            .hint_text(egui::RichText::new(self.hint).color(p.text_3))
            .desired_width(inner.width());
        let response = ui.place(inner, edit);
        let said = if self.secret { String::new() } else { text.clone() };
        response.widget_info(|| {
            let mut info = WidgetInfo::text_edit(true, &said, &said, self.hint);
            info.label = Some(self.name.to_owned());
            info
        });
        let line = match (self.wrong, response.has_focus()) {
            (true, _) => Stroke::new(1.0, p.error),
            (false, true) => Stroke::new(2.0, p.focus),
            (false, false) => Stroke::new(1.0, tokens::faded(p.edge, 0.6)),
        };
        let kind = StrokeKind::Inside;
        ui.painter().set(back, egui::epaint::RectShape::new(rect, radius::S, p.raised, line, kind));
        response
    }
}
