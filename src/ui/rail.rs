//! The tools, at the left. A tool tapped switches.

use egui::{Rect, Ui, UiBuilder, pos2, vec2};

use super::tokens::{size, space};
use super::widgets::button::IconButton;
use super::{Cx, icons};
use crate::app::command::Action;
use crate::app::tool::Tool;
use crate::app::words::Text;

/// Draws the rail.
pub fn show(ui: &mut Ui, cx: &mut Cx<'_>) {
    let rect = ui.max_rect();
    let inner = rect.shrink2(vec2((size::RAIL - size::RAIL_BUTTON) / 2.0, space::S));
    let mut column = ui.new_child(UiBuilder::new().id_salt("tools").max_rect(inner));
    column.spacing_mut().item_spacing.y = space::XS;
    let tools = [
        (Tool::Mask, icons::SELECTION_INVERSE, Action::ToolMask, Text::ToolMaskTip),
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
}
