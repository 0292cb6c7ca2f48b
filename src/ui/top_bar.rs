//! The bar above everything: the menu, the active tool's options and nothing else of the tool's,
//! then zoom, panel and help.

use egui::{Align, Layout, Ui, UiBuilder, vec2};

use super::tokens::{self, size, space};
use super::widgets::button::{self, IconButton};
use super::widgets::slider::Slider;
use super::{Cx, icons, menu};
use crate::app::command::{Action, Command};
use crate::app::tool::{Brush, Tool};
use crate::app::words::Text;

/// Draws the bar.
pub fn show(ui: &mut Ui, cx: &mut Cx<'_>, narrow: bool) {
    let rect = ui.max_rect().shrink2(vec2(space::S, 0.0));
    let mut right = ui.new_child(
        UiBuilder::new()
            .id_salt("right")
            .max_rect(rect)
            .layout(Layout::right_to_left(Align::Center)),
    );
    right.spacing_mut().item_spacing.x = space::XS;
    right_end(&mut right, cx);
    let mut left = ui.new_child(
        UiBuilder::new()
            .id_salt("left")
            .max_rect(rect.with_max_x(right.min_rect().left() - space::S))
            .layout(Layout::left_to_right(Align::Center)),
    );
    left.spacing_mut().item_spacing.x = space::S;
    menu::button(&mut left, cx);
    divider(&mut left, cx);
    match cx.state.tool {
        Tool::Brush | Tool::Eraser => {
            let brush = cx.state.tool == Tool::Brush;
            tool_name(&mut left, cx, if brush { Text::ToolBrush } else { Text::ToolEraser });
            brush_shape(&mut left, cx);
        }
        Tool::Mask => mask_options(&mut left, cx, narrow),
        Tool::Eyedropper => {
            tool_name(&mut left, cx, Text::ToolEyedropper);
            label(&mut left, cx, Text::ToolEyedropperTip);
        }
        Tool::Hand => {
            tool_name(&mut left, cx, Text::ToolHand);
            for (action, label) in [
                (Action::ZoomFit, Text::ZoomFit),
                (Action::ZoomFull, Text::ZoomFull),
                (Action::ZoomDouble, Text::ZoomDouble),
            ] {
                let tip = action.tooltip(cx.lang());
                if button::word(&mut left, None, cx.t(label), true, false)
                    .on_hover_text(tip)
                    .clicked()
                {
                    cx.act(action);
                }
            }
        }
    }
}

fn tool_name(ui: &mut Ui, cx: &Cx<'_>, name: Text) {
    let galley =
        ui.painter().layout_no_wrap(cx.t(name).to_owned(), tokens::heading(), cx.palette.text_1);
    let (rect, _) =
        ui.allocate_exact_size(galley.size() + vec2(space::S, 0.0), egui::Sense::hover());
    ui.painter().galley(rect.min, galley, cx.palette.text_1);
}

fn divider(ui: &mut Ui, cx: &Cx<'_>) {
    let (rect, _) = ui.allocate_exact_size(vec2(space::S, 20.0), egui::Sense::hover());
    ui.painter().vline(rect.left() + 1.5, rect.y_range(), egui::Stroke::new(1.0, cx.palette.line));
}

fn label(ui: &mut Ui, cx: &Cx<'_>, text: Text) {
    let colour = cx.palette.text_2;
    let galley = ui.painter().layout_no_wrap(cx.t(text).to_owned(), tokens::body(), colour);
    let (rect, _) = ui.allocate_exact_size(galley.size(), egui::Sense::hover());
    ui.painter().galley(rect.min, galley, colour);
}

fn value(ui: &mut Ui, cx: &Cx<'_>, text: String, width: f32) {
    let colour = cx.palette.text_2;
    let galley = ui.painter().layout_no_wrap(text, tokens::body(), colour);
    let (rect, _) = ui.allocate_exact_size(vec2(width, galley.size().y), egui::Sense::hover());
    ui.painter().galley(rect.min, galley, colour);
}

fn mask_options(ui: &mut Ui, cx: &mut Cx<'_>, narrow: bool) {
    let brush = cx.state.settings.mask_brush;
    tool_name(ui, cx, Text::ToolMask);
    let swap = Action::BrushSwap.tooltip(cx.lang());
    for (erases, icon, name) in
        [(false, icons::PAINT_BRUSH, Text::MaskPaint), (true, icons::ERASER, Text::MaskErase)]
    {
        let button = IconButton::new(icon, cx.t(name)).on(brush.erases == erases).tooltip(&swap);
        if button.show(ui).clicked() {
            cx.ask(Command::Brush(Brush { erases, ..brush }));
        }
    }
    divider(ui, cx);
    brush_shape(ui, cx);
    if !narrow {
        label(ui, cx, Text::Feather);
        let feather = cx.state.settings.feather_px;
        let slider = Slider::new(cx.t(Text::Feather), (0.0, 64.0), 1.0);
        if let (_, Some(px)) = slider.show(ui, 72.0, feather) {
            cx.ask(Command::Feather(px));
        }
        value(ui, cx, cx.lang().fill(Text::Pixels, &[&format!("{feather:.0}")]), 40.0);
    }
    divider(ui, cx);
    if narrow {
        more_menu(ui, cx);
        return;
    }
    for (action, icon) in [
        (Action::MaskInvert, icons::SELECTION_INVERSE),
        (Action::MaskClear, icons::X),
        (Action::MaskWhole, icons::SELECTION_ALL),
    ] {
        let tip = action.tooltip(cx.lang());
        let name = cx.t(action.row().label);
        let button = IconButton::new(icon, name).tooltip(&tip).enabled(action.enabled(cx.state));
        if button.show(ui).clicked() {
            cx.act(action);
        }
    }
}

/// Size and hardness of the active tool's brush.
fn brush_shape(ui: &mut Ui, cx: &mut Cx<'_>) {
    let brush = *cx.state.settings.brush_of(cx.state.tool);
    label(ui, cx, Text::BrushSize);
    let slider = Slider { log: true, ..Slider::new(cx.t(Text::BrushSize), (1.0, 1000.0), 1.0) };
    if let (_, Some(size_px)) = slider.show(ui, 96.0, brush.size_px) {
        cx.ask(Command::Brush(Brush { size_px, ..brush }));
    }
    value(ui, cx, format!("{:.0}", brush.size_px), 28.0);
    label(ui, cx, Text::BrushHardness);
    let slider = Slider::new(cx.t(Text::BrushHardness), (0.0, 1.0), 0.01);
    if let (_, Some(hardness)) = slider.show(ui, 72.0, brush.hardness) {
        cx.ask(Command::Brush(Brush { hardness, ..brush }));
    }
    value(
        ui,
        cx,
        cx.lang().fill(Text::Percent, &[&format!("{:.0}", brush.hardness * 100.0)]),
        40.0,
    );
}

/// What does not fit into a narrow bar.
fn more_menu(ui: &mut Ui, cx: &mut Cx<'_>) {
    let response = IconButton::new(icons::DOTS_THREE, cx.t(Text::MoreSettings)).show(ui);
    egui::Popup::menu(&response).show(|ui| {
        for action in [Action::MaskInvert, Action::MaskClear, Action::MaskWhole] {
            menu::item(ui, cx, action);
        }
        let p = cx.palette;
        ui.label(egui::RichText::new(cx.t(Text::Feather)).color(p.text_2));
        let feather = cx.state.settings.feather_px;
        let slider = Slider::new(cx.t(Text::Feather), (0.0, 64.0), 1.0);
        if let (_, Some(px)) = slider.show(ui, 160.0, feather) {
            cx.ask(Command::Feather(px));
        }
    });
}

fn right_end(ui: &mut Ui, cx: &mut Cx<'_>) {
    let help = IconButton::new(icons::QUESTION, cx.t(Text::Help)).show(ui);
    egui::Popup::menu(&help)
        .width(280.0)
        .close_behavior(egui::PopupCloseBehavior::CloseOnClickOutside)
        .show(|ui| menu::keys(ui, cx));
    let open = if cx.state.settings.window.is_some_and(|(w, _)| w < crate::app::update::WIDE) {
        cx.state.panel_over
    } else {
        cx.state.settings.panel_open
    };
    let tip = Action::TogglePanel.tooltip(cx.lang());
    let panel =
        IconButton::new(icons::SIDEBAR_SIMPLE, cx.t(Text::TogglePanel)).tooltip(&tip).on(open);
    if panel.show(ui).clicked() {
        cx.act(Action::TogglePanel);
    }
    let percent = format!("{:.0} %", cx.state.view.zoom() * 100.0);
    let zoom = ui
        .allocate_ui(vec2(72.0, size::CONTROL), |ui| button::word(ui, None, &percent, true, false));
    let zoom = zoom.inner.on_hover_text(cx.t(Text::ZoomMenu));
    egui::Popup::menu(&zoom).show(|ui| {
        for action in
            [Action::ZoomFit, Action::ZoomFull, Action::ZoomDouble, Action::ZoomIn, Action::ZoomOut]
        {
            menu::item(ui, cx, action);
        }
    });
}
