//! Buttons: with an icon, with a word, chips, and the one primary button.

use egui::{
    Align2, Color32, Rect, Response, Sense, Stroke, StrokeKind, Ui, WidgetInfo, accesskit::Role,
    pos2, vec2,
};

use super::{focus_ring, palette};
use crate::ui::icons;
use crate::ui::tokens::{self, NOTHING, radius, size, space};

/// An icon button of one size.
#[derive(Clone, Copy)]
pub struct IconButton<'a> {
    /// The glyph.
    pub icon: &'a str,
    /// What it is called when it is read aloud; the tooltip unless another is given.
    pub name: &'a str,
    /// What the tooltip says.
    pub tooltip: &'a str,
    /// Whether it is on.
    pub on: bool,
    /// Whether it can be pressed.
    pub enabled: bool,
    /// Its side, in points.
    pub side: f32,
}

impl<'a> IconButton<'a> {
    /// A button that is off and can be pressed.
    #[must_use]
    pub fn new(icon: &'a str, name: &'a str) -> Self {
        Self { icon, name, tooltip: name, on: false, enabled: true, side: size::ICON_BUTTON }
    }

    /// Sets the tooltip.
    #[must_use]
    pub fn tooltip(self, tooltip: &'a str) -> Self {
        Self { tooltip, ..self }
    }

    /// Sets whether it is on.
    #[must_use]
    pub fn on(self, on: bool) -> Self {
        Self { on, ..self }
    }

    /// Sets whether it can be pressed.
    #[must_use]
    pub fn enabled(self, enabled: bool) -> Self {
        Self { enabled, ..self }
    }

    /// Sets its side.
    #[must_use]
    pub fn side(self, side: f32) -> Self {
        Self { side, ..self }
    }

    /// Draws it.
    pub fn show(self, ui: &mut Ui) -> Response {
        let sense = if self.enabled { Sense::click() } else { Sense::hover() };
        let (rect, response) = ui.allocate_exact_size(vec2(self.side, self.side), sense);
        let (enabled, on, name) = (self.enabled, self.on, self.name);
        response.widget_info(|| WidgetInfo::selected(Role::Button, enabled, on, name));
        let p = palette(ui);
        let colour = if !enabled {
            tokens::faded(p.text_3, 0.5)
        } else if on || response.hovered() {
            p.text_1
        } else {
            p.text_2
        };
        ui.painter().rect_filled(rect, radius::S, fill(ui, &response, enabled, on));
        let points = if self.side > size::ICON_BUTTON { size::RAIL_ICON } else { size::ICON };
        let font = if on { tokens::icon_fill(points) } else { tokens::icon(points) };
        ui.painter().text(rect.center(), Align2::CENTER_CENTER, self.icon, font, colour);
        focus_ring(ui, &response, radius::S);
        response.on_hover_text(self.tooltip)
    }
}

fn fill(ui: &Ui, response: &Response, enabled: bool, on: bool) -> Color32 {
    let p = palette(ui);
    if !enabled {
        NOTHING
    } else if on || response.is_pointer_button_down_on() {
        p.active
    } else if response.hovered() {
        p.hover
    } else {
        NOTHING
    }
}

/// A button with a word, and an icon before it if one is given. `strong` paints the word as a link.
pub fn word(ui: &mut Ui, icon: Option<&str>, text: &str, enabled: bool, strong: bool) -> Response {
    let p = palette(ui);
    let colour = match (enabled, strong) {
        (false, _) => tokens::faded(p.text_3, 0.6),
        (true, true) => p.accent_text,
        (true, false) => p.text_2,
    };
    let font = if strong { tokens::heading() } else { tokens::body() };
    let galley = ui.painter().layout_no_wrap(text.to_owned(), font, colour);
    let icon_room = if icon.is_some() { size::ICON + space::XS } else { 0.0 };
    let width = galley.size().x + icon_room + 2.0 * space::S;
    let sense = if enabled { Sense::click() } else { Sense::hover() };
    let (rect, response) = ui.allocate_exact_size(vec2(width, size::CONTROL), sense);
    response.widget_info(|| WidgetInfo::labeled(Role::Button, enabled, text));
    ui.painter().rect_filled(rect, radius::S, fill(ui, &response, enabled, false));
    let colour = if enabled && response.hovered() && !strong { p.text_1 } else { colour };
    if let Some(icon) = icon {
        let at = pos2(rect.left() + space::S + size::ICON / 2.0 - 1.0, rect.center().y);
        ui.painter().text(at, Align2::CENTER_CENTER, icon, tokens::icon(16.0), colour);
    }
    let at = pos2(rect.left() + space::S + icon_room, rect.center().y - galley.size().y / 2.0);
    ui.painter().galley_with_override_text_color(at, galley, colour);
    focus_ring(ui, &response, radius::S);
    response
}

/// A chip: a rounded button on the surround.
pub fn chip(ui: &mut Ui, icon: Option<&str>, text: &str, enabled: bool) -> Response {
    let p = palette(ui);
    let colour = if enabled { p.text_1 } else { p.text_3 };
    let galley = ui.painter().layout_no_wrap(text.to_owned(), tokens::body(), colour);
    let icon_room = if icon.is_some() { size::ICON + space::XS } else { 0.0 };
    let width = galley.size().x + icon_room + 2.0 * space::M;
    let sense = if enabled { Sense::click() } else { Sense::hover() };
    let (rect, response) = ui.allocate_exact_size(vec2(width, size::CONTROL), sense);
    response.widget_info(|| WidgetInfo::labeled(Role::Button, enabled, text));
    let fill = if response.is_pointer_button_down_on() {
        p.active
    } else if response.hovered() {
        p.hover
    } else {
        p.raised
    };
    let line = Stroke::new(1.0, if response.hovered() { p.edge } else { p.line });
    ui.painter().rect(rect, radius::FULL, fill, line, StrokeKind::Inside);
    if let Some(icon) = icon {
        let at = pos2(rect.left() + space::M + size::ICON / 2.0 - 1.0, rect.center().y);
        ui.painter().text(at, Align2::CENTER_CENTER, icon, tokens::icon(16.0), p.accent_text);
    }
    let at = pos2(rect.left() + space::M + icon_room, rect.center().y - galley.size().y / 2.0);
    ui.painter().galley(at, galley, colour);
    focus_ring(ui, &response, radius::FULL);
    response
}

/// What was pressed on the primary button.
pub struct Primary {
    /// The word's part.
    pub main: Response,
    /// The arrow at its side.
    pub arrow: Response,
}

/// The one filled button, always the same size; the arrow at its side opens more ways.
pub fn primary(ui: &mut Ui, rect: Rect, text: &str, arrow_name: &str, enabled: bool) -> Primary {
    let p = palette(ui);
    let split = rect.right() - 28.0;
    let left = Rect::from_min_max(rect.min, pos2(split, rect.bottom()));
    let right = Rect::from_min_max(pos2(split, rect.top()), rect.max);
    let sense = if enabled { Sense::click() } else { Sense::hover() };
    let main = ui.interact(left, ui.scope_id().with("primary"), sense);
    let arrow = ui.interact(right, ui.scope_id().with("primary arrow"), sense);
    main.widget_info(|| WidgetInfo::labeled(Role::Button, enabled, text));
    arrow.widget_info(|| WidgetInfo::labeled(Role::Button, enabled, arrow_name));
    let fill = |response: &Response| {
        if !enabled {
            p.active
        } else if response.is_pointer_button_down_on() {
            p.accent_press
        } else if response.hovered() {
            p.accent_hover
        } else {
            p.accent
        }
    };
    let colour = if enabled { p.on_accent } else { p.text_3 };
    let painter = ui.painter();
    let s = radius::S;
    let west = egui::CornerRadius { nw: s, sw: s, ne: 0, se: 0 };
    let east = egui::CornerRadius { nw: 0, sw: 0, ne: s, se: s };
    painter.rect_filled(left, west, fill(&main));
    painter.rect_filled(right, east, fill(&arrow));
    if p.accent_outlined && enabled {
        painter.rect_stroke(rect, s, Stroke::new(1.0, p.accent_text), StrokeKind::Inside);
    }
    let divider = Stroke::new(1.0, tokens::faded(colour, 0.25));
    painter.vline(split, egui::Rangef::new(rect.top() + 9.0, rect.bottom() - 9.0), divider);
    painter.text(left.center(), Align2::CENTER_CENTER, text, tokens::heading(), colour);
    painter.text(
        right.center(),
        Align2::CENTER_CENTER,
        icons::CARET_DOWN,
        tokens::icon(14.0),
        colour,
    );
    focus_ring(ui, &main, s);
    focus_ring(ui, &arrow, s);
    Primary { main, arrow }
}
