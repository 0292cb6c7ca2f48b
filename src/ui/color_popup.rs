//! The colour popup beside a swatch: square and hue, hex, HSV, recent colours and the picture's own.
//!
//! Shown by the rail. It remembers hue and saturation while a colour has none to show (grey has no
//! hue, black no saturation), so that dragging through them does not lose them.

use egui::ecolor::{hsv_from_rgb, rgb_from_hsv};
use egui::epaint::{Mesh, Vertex, WHITE_UV};
use egui::{
    Popup, PopupCloseBehavior, Rect, RectAlign, Response, Sense, Stroke, StrokeKind, Ui,
    WidgetInfo, accesskit::Role, lerp, pos2, vec2,
};

use super::Cx;
use super::tokens::{self, radius, size, space};
use super::widgets::field::{self, Field};
use super::widgets::focus_ring;
use crate::app::command::Command;
use crate::app::words::Text;
use crate::document::colors::colors;

/// Colours in a row.
const COLUMNS: usize = 8;
/// Colours taken from the picture.
const FROM_PICTURE: usize = 8;
/// Width of what is in the popup.
const WIDTH: f32 = COLUMNS as f32 * (size::SWATCH_SMALL + space::XS) - space::XS;
/// Width of the field for hex digits; the other three share the rest.
const HEX: f32 = 76.0;
/// The highest hue, and the highest saturation and brightness, as they are said.
const MOST: [u64; 3] = [360, 100, 100];

/// Which colour is chosen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// The one in front.
    Foreground,
    /// The one behind.
    Background,
}

/// What the popup remembers.
#[derive(Default)]
pub struct ColorPopup {
    /// The colour that `hsv` belongs to.
    rgb: [u8; 3],
    /// Hue, saturation, value: 0..=1 each.
    hsv: [f32; 3],
    /// Colours of the picture with this key.
    picture: Option<(u64, Vec<[u8; 3]>)>,
}

/// "#E3A43B".
#[must_use]
pub fn hex([r, g, b]: [u8; 3]) -> String {
    format!("#{r:02X}{g:02X}{b:02X}")
}

fn parse_hex(text: &str) -> Option<[u8; 3]> {
    let digits = text.trim().trim_start_matches('#');
    if digits.len() != 6 || !digits.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return None;
    }
    let [_, r, g, b] = u32::from_str_radix(digits, 16).ok()?.to_be_bytes();
    Some([r, g, b])
}

fn hsv_of(rgb: [u8; 3]) -> [f32; 3] {
    let (h, s, v) = hsv_from_rgb(rgb.map(|value| f32::from(value) / 255.0));
    [h, s, v]
}

fn rgb_of([h, s, v]: [f32; 3]) -> [u8; 3] {
    rgb_from_hsv((h, s, v)).map(|value| (value * 255.0).round() as u8)
}

impl ColorPopup {
    /// Opens and closes with a click on the swatch, and asks for the colour that was chosen.
    pub fn show(&mut self, cx: &mut Cx<'_>, swatch: &Response, place: Place) {
        let settings = &cx.state.settings;
        let color = match place {
            Place::Foreground => settings.foreground,
            Place::Background => settings.background,
        };
        let popup = Popup::from_toggle_button_response(swatch)
            .align(RectAlign::RIGHT_END)
            .gap(space::S)
            .width(WIDTH)
            .close_behavior(PopupCloseBehavior::CloseOnClickOutside);
        let shown = popup.show(|ui| {
            ui.spacing_mut().item_spacing = vec2(space::XS, space::S);
            egui::Frame::NONE
                .inner_margin(space::S)
                .show(ui, |ui| self.content(ui, cx, color))
                .inner
        });
        if let Some(chosen) = shown.and_then(|shown| shown.inner) {
            cx.ask(match place {
                Place::Foreground => Command::Foreground(chosen),
                Place::Background => Command::Background(chosen),
            });
        }
    }

    fn content(&mut self, ui: &mut Ui, cx: &Cx<'_>, color: [u8; 3]) -> Option<[u8; 3]> {
        ui.set_width(WIDTH);
        if self.rgb != color {
            self.follow(color);
        }
        let mut chosen = None;
        for moved in [self.square(ui, cx), self.hue(ui, cx)].into_iter().flatten() {
            self.hsv = moved;
            self.rgb = rgb_of(moved);
            chosen = Some(self.rgb);
        }
        chosen = self.fields(ui, cx, color).or(chosen);
        let recent = &cx.state.settings.recent_colors;
        chosen = row(ui, cx, Text::ColorsRecent, recent).or(chosen);
        if let Some(shown) = cx.state.shown_picture() {
            let known = self.picture.take().filter(|(key, _)| *key == shown.key());
            let (key, colors) =
                known.unwrap_or_else(|| (shown.key(), colors(&shown, FROM_PICTURE)));
            chosen = row(ui, cx, Text::ColorsPicture, &colors).or(chosen);
            self.picture = Some((key, colors));
        }
        chosen
    }

    /// Takes a colour over that came from elsewhere; what it does not have stays.
    fn follow(&mut self, color: [u8; 3]) {
        let [h, s, v] = hsv_of(color);
        self.rgb = color;
        let hue = if s > 0.0 && v > 0.0 { h } else { self.hsv[0] };
        self.hsv = [hue, if v > 0.0 { s } else { self.hsv[1] }, v];
    }

    /// Saturation to the right, brightness upwards.
    fn square(&self, ui: &mut Ui, cx: &Cx<'_>) -> Option<[f32; 3]> {
        let (rect, response) =
            ui.allocate_exact_size(vec2(WIDTH, size::COLOR_SQUARE), Sense::click_and_drag());
        let name = cx.t(Text::ColorSquare);
        response.widget_info(|| WidgetInfo::labeled(Role::ColorWell, true, name));
        let [hue, mut s, mut v] = self.hsv;
        let mut moved = None;
        if let Some(pos) = held(&response) {
            s = ((pos.x - rect.left()) / rect.width()).clamp(0.0, 1.0);
            v = ((rect.bottom() - pos.y) / rect.height()).clamp(0.0, 1.0);
            moved = Some([hue, s, v]);
        }
        gradient(ui, rect, [12, 12], |x, y| [hue, x, 1.0 - y]);
        let at = pos2(lerp(rect.x_range(), s), lerp(rect.bottom()..=rect.top(), v));
        let painter = ui.painter().with_clip_rect(rect.expand(space::S));
        painter.circle_stroke(at, 6.0, Stroke::new(1.0, tokens::RING_DARK));
        painter.circle_stroke(at, 5.0, Stroke::new(1.5, tokens::RING_LIGHT));
        moved
    }

    fn hue(&self, ui: &mut Ui, cx: &Cx<'_>) -> Option<[f32; 3]> {
        let (rect, response) =
            ui.allocate_exact_size(vec2(WIDTH, space::L), Sense::click_and_drag());
        let [mut hue, s, v] = self.hsv;
        let mut moved = None;
        if let Some(pos) = held(&response) {
            // The last hue is the first again; it would jump there.
            hue = ((pos.x - rect.left()) / rect.width()).clamp(0.0, 0.9999);
            moved = Some([hue, s, v]);
        }
        let name = cx.t(Text::ColorHue);
        response.widget_info(|| WidgetInfo::slider(true, f64::from(hue * 360.0), name));
        gradient(ui, rect, [24, 1], |x, _| [x, 1.0, 1.0]);
        let mark = Rect::from_center_size(
            pos2(lerp(rect.x_range(), hue), rect.center().y),
            vec2(space::XS, rect.height() + space::XS),
        );
        let outline = Stroke::new(1.0, tokens::RING_DARK);
        ui.painter().rect(mark, 2, tokens::RING_LIGHT, outline, StrokeKind::Outside);
        moved
    }

    fn fields(&mut self, ui: &mut Ui, cx: &Cx<'_>, color: [u8; 3]) -> Option<[u8; 3]> {
        let mut chosen = None;
        let mut error = None;
        ui.horizontal(|ui| {
            let name = cx.t(Text::ColorHex);
            let wrong = cx.t(Text::ErrorHex);
            let shown = hex(color);
            let look = Field { name, width: HEX, shown: &shown, dimmed: false };
            let parse = |text: &str| parse_hex(text).ok_or_else(|| wrong.to_owned());
            let outcome = field::number(ui, look, parse, |_| None);
            chosen = outcome.value;
            error = outcome.error;
            let names = [Text::ColorHue, Text::ColorSaturation, Text::ColorBrightness];
            let width = (WIDTH - HEX) / 3.0 - space::XS;
            for (index, (name, most)) in names.into_iter().zip(MOST).enumerate() {
                let value = (self.hsv[index] * most as f32).round() as u64;
                let (shown, out) = (value.to_string(), format!("0–{most}"));
                let name = cx.t(name);
                let look = Field { name, width, shown: &shown, dimmed: false };
                let parse = |text: &str| field::whole(text, (0, most), &out, &out);
                let step = |by: i32| Some(value.saturating_add_signed(i64::from(by)).min(most));
                let outcome = field::number(ui, look, parse, step);
                error = error.take().or(outcome.error);
                if let Some(value) = outcome.value {
                    self.hsv[index] = value as f32 / most as f32;
                    self.rgb = rgb_of(self.hsv);
                    chosen = Some(self.rgb);
                }
            }
        });
        if let Some(error) = error {
            ui.label(egui::RichText::new(error).font(tokens::caption()).color(cx.palette.error));
        }
        chosen
    }
}

/// Where a control is held.
fn held(response: &Response) -> Option<egui::Pos2> {
    let is_held = response.dragged() || response.clicked() || response.is_pointer_button_down_on();
    response.interact_pointer_pos().filter(|_| is_held)
}

/// Fills a rectangle by hue, saturation and value; `color` gets 0..=1 across and down.
fn gradient(ui: &Ui, rect: Rect, cells: [u32; 2], color: impl Fn(f32, f32) -> [f32; 3]) {
    let mut mesh = Mesh::default();
    let [columns, rows] = cells;
    for row in 0..=rows {
        for column in 0..=columns {
            let (x, y) = (column as f32 / columns as f32, row as f32 / rows as f32);
            let pos = pos2(lerp(rect.x_range(), x), lerp(rect.y_range(), y));
            let color = tokens::of_rgb(rgb_of(color(x, y)));
            mesh.vertices.push(Vertex { pos, uv: WHITE_UV, color });
            if column < columns && row < rows {
                let first = row * (columns + 1) + column;
                let below = first + columns + 1;
                mesh.add_triangle(first, first + 1, below);
                mesh.add_triangle(first + 1, below, below + 1);
            }
        }
    }
    ui.painter().add(mesh);
}

/// A heading with colours under it; the one that was clicked.
fn row(ui: &mut Ui, cx: &Cx<'_>, heading: Text, colors: &[[u8; 3]]) -> Option<[u8; 3]> {
    if colors.is_empty() {
        return None;
    }
    let p = cx.palette;
    ui.label(egui::RichText::new(cx.t(heading)).font(tokens::caption()).color(p.text_2));
    let mut chosen = None;
    for line in colors.chunks(COLUMNS) {
        ui.horizontal(|ui| {
            for color in line {
                let side = vec2(size::SWATCH_SMALL, size::SWATCH_SMALL);
                let (rect, response) = ui.allocate_exact_size(side, Sense::click());
                let name = cx.lang().fill(Text::ColorName, &[&hex(*color)]);
                response.widget_info(|| WidgetInfo::labeled(Role::Button, true, &name));
                let edge = Stroke::new(1.0, if response.hovered() { p.text_1 } else { p.edge });
                let fill = tokens::of_rgb(*color);
                ui.painter().rect(rect, radius::S, fill, edge, StrokeKind::Inside);
                focus_ring(ui, &response, radius::S);
                if response.clicked() {
                    chosen = Some(*color);
                }
            }
        });
    }
    chosen
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hex_is_read_and_written() {
        let check = |text: &str, expected| assert_eq!(parse_hex(text), expected, "{text}");
        check("#E3A43B", Some([0xE3, 0xA4, 0x3B]));
        check(" e3a43b ", Some([0xE3, 0xA4, 0x3B]));
        for wrong in ["", "#fff", "#E3A43B0", "+E3A43", "éééé", "zzzzzz"] {
            check(wrong, None);
        }
        assert_eq!(hex([1, 171, 255]), "#01ABFF");
    }

    #[test]
    fn colours_come_back_and_grey_keeps_its_hue() {
        for rgb in [[227, 164, 59], [0, 0, 0], [255, 255, 255], [3, 200, 90], [17, 17, 18]] {
            assert_eq!(rgb_of(hsv_of(rgb)), rgb);
        }
        let mut popup = ColorPopup::default();
        popup.follow([0, 0, 255]);
        let hue = popup.hsv[0];
        popup.follow([90, 90, 90]);
        assert_eq!((popup.hsv[0], popup.hsv[1]), (hue, 0.0));
        popup.follow([0, 0, 255]);
        popup.follow([0, 0, 0]);
        assert_eq!(popup.hsv, [hue, 1.0, 0.0]);
    }
}
