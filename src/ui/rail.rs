//! The tools, at the left, and at their foot the two colours. A tool tapped switches.

use egui::{
    Rect, Response, Sense, Stroke, StrokeKind, Ui, UiBuilder, WidgetInfo, accesskit::Role, pos2,
    vec2,
};

use super::color_popup::{ColorPopup, Place, hex};
use super::tokens::{self, radius, size, space};
use super::widgets::button::IconButton;
use super::widgets::focus_ring;
use super::{Cx, icons};
use crate::app::command::Action;
use crate::app::tool::Tool;
use crate::app::words::Text;

/// Draws the rail.
pub fn show(ui: &mut Ui, cx: &mut Cx<'_>, colors: &mut ColorPopup) {
    let rect = ui.max_rect();
    let inner = rect.shrink2(vec2((size::RAIL - size::RAIL_BUTTON) / 2.0, space::S));
    let mut column = ui.new_child(UiBuilder::new().id_salt("tools").max_rect(inner));
    column.spacing_mut().item_spacing.y = space::XS;
    let tools = [
        (Tool::Brush, icons::PAINT_BRUSH, Action::ToolBrush, Text::ToolBrushTip),
        (Tool::Eraser, icons::ERASER, Action::ToolEraser, Text::ToolEraserTip),
        (Tool::Mask, icons::SELECTION_INVERSE, Action::ToolMask, Text::ToolMaskTip),
        (Tool::Eyedropper, icons::EYEDROPPER, Action::ToolEyedropper, Text::ToolEyedropperTip),
        (Tool::Hand, icons::HAND, Action::ToolHand, Text::ToolHandTip),
    ];
    for (tool, icon, action, sentence) in tools {
        let on = cx.state.tool == tool;
        let tip = format!("{}\n{}", action.tooltip(cx.state), cx.t(sentence));
        let button = IconButton::new(icon, cx.t(action.row().label))
            .tooltip(&tip)
            .on(on)
            .side(size::RAIL_BUTTON);
        let response = button.show(&mut column);
        if on {
            let bar = Rect::from_center_size(
                pos2(rect.left() + 1.0, response.rect.center().y),
                vec2(2.0, 20.0),
            );
            ui.painter().rect_filled(bar, 1, cx.palette.accent);
        }
        if response.clicked() {
            cx.act(action);
        }
    }
    let side = size::SWATCH + size::SWATCH_BEHIND;
    let corner = pos2(rect.center().x - side / 2.0, rect.bottom() - space::M - side);
    let place =
        |by: f32| Rect::from_min_size(corner + vec2(by, by), vec2(size::SWATCH, size::SWATCH));
    // The one in front comes last, so that it takes the presses where they overlap.
    let settings = &cx.state.settings;
    let (front, back) = (settings.foreground, settings.background);
    let behind = swatch(ui, cx, place(size::SWATCH_BEHIND), Text::Background, back);
    let before = swatch(ui, cx, place(0.0), Text::Foreground, front);
    colors.show(cx, &behind, Place::Background);
    colors.show(cx, &before, Place::Foreground);
}

fn swatch(ui: &Ui, cx: &Cx<'_>, rect: Rect, name: Text, color: [u8; 3]) -> Response {
    let p = cx.palette;
    let name = cx.lang().fill(name, &[&hex(color)]);
    let id = ui.scope_id().with(("swatch", rect.min.x as i32));
    let response = ui.interact(rect, id, Sense::click());
    response.widget_info(|| WidgetInfo::labeled(Role::Button, true, &name));
    let painter = ui.painter();
    let outline = Stroke::new(1.0, if response.hovered() { p.text_1 } else { p.edge });
    painter.rect(rect, radius::S, tokens::of_rgb(color), outline, StrokeKind::Inside);
    let inner = Stroke::new(1.0, p.panel);
    painter.rect_stroke(rect.shrink(1.0), radius::S, inner, StrokeKind::Inside);
    focus_ring(ui, &response, radius::S);
    response.on_hover_text(format!("{name}\n{}", Action::BrushSwap.tooltip(cx.state)))
}
