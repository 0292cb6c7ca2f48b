//! The bar above everything: the menu, the active tool's options and nothing else of the tool's,
//! then a download that is under way, zoom, panel and help.

use egui::{Align, Layout, Ui, UiBuilder, WidgetInfo, accesskit::Role, vec2};

use super::tokens::{self, radius, size, space};
use super::widgets::button::{self, IconButton};
use super::widgets::slider::Slider;
use super::{Cx, icons, menu, widgets};
use crate::app::command::{Action, Command};
use crate::app::state::Over;
use crate::app::tool::{Brush, Tool};
use crate::app::words::Text;

/// Width of a download's place: it does not move while it counts.
const DOWNLOAD: f32 = 76.0;

/// Draws the bar.
pub fn show(ui: &mut Ui, cx: &mut Cx<'_>) {
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
    // What has no room ends there, rather than to lie over the right end and take its clicks.
    left.set_clip_rect(left.max_rect().expand2(vec2(0.0, space::S)));
    menu::button(&mut left, cx);
    left.spacing_mut().item_spacing.x = 0.0;
    for (action, icon) in
        [(Action::Undo, icons::ARROW_COUNTER_CLOCKWISE), (Action::Redo, icons::ARROW_CLOCKWISE)]
    {
        let tip = action.tooltip(cx.state);
        let name = cx.t(action.row().label);
        let button = IconButton::new(icon, name).tooltip(&tip).enabled(action.enabled(cx.state));
        if button.show(&mut left).clicked() {
            cx.act(action);
        }
    }
    left.spacing_mut().item_spacing.x = space::S;
    divider(&mut left, cx);
    match cx.state.tool {
        Tool::Brush | Tool::Eraser => {
            let brush = cx.state.tool == Tool::Brush;
            let room = left.available_width();
            tool_name(&mut left, cx, if brush { Text::ToolBrush } else { Text::ToolEraser });
            if cx.state.first_emerges() {
                label(&mut left, cx, Text::PictureEmerges);
            } else if room >= BRUSH {
                brush_size(&mut left, cx, 96.0);
                brush_hardness(&mut left, cx, 72.0);
            } else {
                brush_menu(&mut left, cx);
            }
        }
        Tool::Mask => mask_options(&mut left, cx),
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
                let tip = action.tooltip(cx.state);
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

/// Width under which the brush's size and hardness go into the "…".
const BRUSH: f32 = 460.0;

/// Widths under which the mask's options give way: first the feather and the three deeds, then hardness
/// and size, all into the "…".
const WHOLE: f32 = 800.0;
const HALF: f32 = 470.0;

fn mask_options(ui: &mut Ui, cx: &mut Cx<'_>) {
    let room = ui.available_width();
    let brush = cx.state.settings.mask_brush;
    tool_name(ui, cx, Text::ToolMask);
    if !cx.state.can_keep() {
        label(ui, cx, Text::NoPictureToMask);
        return;
    }
    let swap = Action::BrushSwap.tooltip(cx.state);
    for (erases, icon, name) in
        [(false, icons::PAINT_BRUSH, Text::MaskPaint), (true, icons::ERASER, Text::MaskErase)]
    {
        let button = IconButton::new(icon, cx.t(name)).on(brush.erases == erases).tooltip(&swap);
        if button.show(ui).clicked() {
            cx.ask(Command::Brush(Brush { erases, ..brush }));
        }
    }
    divider(ui, cx);
    if room >= HALF {
        brush_size(ui, cx, 96.0);
        brush_hardness(ui, cx, 72.0);
    }
    if room >= WHOLE {
        mask_feather(ui, cx, 72.0);
        divider(ui, cx);
        for (action, icon) in [
            (Action::MaskInvert, icons::SELECTION_INVERSE),
            (Action::MaskClear, icons::X),
            (Action::MaskWhole, icons::SELECTION_ALL),
        ] {
            let tip = action.tooltip(cx.state);
            let name = cx.t(action.row().label);
            let button =
                IconButton::new(icon, name).tooltip(&tip).enabled(action.enabled(cx.state));
            if button.show(ui).clicked() {
                cx.act(action);
            }
        }
    }
    more_menu(ui, cx, room);
}

fn brush_size(ui: &mut Ui, cx: &mut Cx<'_>, width: f32) {
    let brush = *cx.state.settings.brush_of(cx.state.tool);
    label(ui, cx, Text::BrushSize);
    let slider = Slider { log: true, ..Slider::new(cx.t(Text::BrushSize), (1.0, 1000.0), 1.0) };
    if let (_, Some(size_px)) = slider.show(ui, width, brush.size_px) {
        cx.ask(Command::Brush(Brush { size_px, ..brush }));
    }
    value(ui, cx, format!("{:.0}", brush.size_px), 28.0);
}

fn brush_hardness(ui: &mut Ui, cx: &mut Cx<'_>, width: f32) {
    let brush = *cx.state.settings.brush_of(cx.state.tool);
    label(ui, cx, Text::BrushHardness);
    let slider = Slider::new(cx.t(Text::BrushHardness), (0.0, 1.0), 0.01);
    if let (_, Some(hardness)) = slider.show(ui, width, brush.hardness) {
        cx.ask(Command::Brush(Brush { hardness, ..brush }));
    }
    let percent = cx.lang().fill(Text::Percent, &[&format!("{:.0}", brush.hardness * 100.0)]);
    value(ui, cx, percent, 40.0);
}

fn mask_feather(ui: &mut Ui, cx: &mut Cx<'_>, width: f32) {
    label(ui, cx, Text::Feather);
    let feather = cx.state.settings.feather_px;
    let slider = Slider::new(cx.t(Text::Feather), (0.0, 64.0), 1.0);
    if let (_, Some(px)) = slider.show(ui, width, feather) {
        cx.ask(Command::Feather(px));
    }
    value(ui, cx, cx.lang().fill(Text::Pixels, &[&format!("{feather:.0}")]), 40.0);
}

fn mask_opacity(ui: &mut Ui, cx: &mut Cx<'_>, width: f32) {
    label(ui, cx, Text::MaskOpacity);
    let opacity = cx.state.settings.mask_opacity;
    let slider = Slider::new(cx.t(Text::MaskOpacity), (20.0, 80.0), 5.0);
    if let (_, Some(percent)) = slider.show(ui, width, opacity as f32) {
        cx.ask(Command::MaskOpacity(percent.round() as u32));
    }
    value(ui, cx, cx.lang().fill(Text::Percent, &[&opacity.to_string()]), 40.0);
}

/// What of the brush does not fit into the bar.
fn brush_menu(ui: &mut Ui, cx: &mut Cx<'_>) {
    let response = IconButton::new(icons::DOTS_THREE, cx.t(Text::BrushOptions)).show(ui);
    let popup = egui::Popup::menu(&response)
        .width(260.0)
        .close_behavior(egui::PopupCloseBehavior::CloseOnClickOutside);
    popup.show(|ui| {
        ui.horizontal(|ui| brush_size(ui, cx, 120.0));
        ui.horizontal(|ui| brush_hardness(ui, cx, 120.0));
    });
}

/// Shapes and opacity, and what does not fit into the bar.
fn more_menu(ui: &mut Ui, cx: &mut Cx<'_>, room: f32) {
    const SLIDER: f32 = 120.0;
    let response = IconButton::new(icons::DOTS_THREE, cx.t(Text::MaskShapes)).show(ui);
    let popup = egui::Popup::menu(&response)
        .width(260.0)
        .close_behavior(egui::PopupCloseBehavior::CloseOnClickOutside);
    popup.show(|ui| {
        ui.spacing_mut().item_spacing.y = 0.0;
        if room < WHOLE {
            for action in [Action::MaskInvert, Action::MaskClear, Action::MaskWhole] {
                menu::item(ui, cx, action);
            }
        }
        for action in [
            Action::MaskLeft,
            Action::MaskRight,
            Action::MaskTop,
            Action::MaskBottom,
            Action::MaskCentre,
            Action::MaskBorder,
        ] {
            menu::item(ui, cx, action);
        }
        menu::item(ui, cx, Action::FillAround);
        let mut line = |add: &dyn Fn(&mut Ui, &mut Cx<'_>, f32)| {
            ui.horizontal(|ui| {
                ui.add_space(28.0);
                add(ui, cx, SLIDER);
            });
        };
        if room < HALF {
            line(&brush_size);
            line(&brush_hardness);
        }
        if room < WHOLE {
            line(&mask_feather);
        }
        line(&mask_opacity);
    });
}

/// The download that is under way, while its page is not open; a click opens that.
fn download(ui: &mut Ui, cx: &mut Cx<'_>) {
    let over = cx.state.over == Some(Over::Hub);
    let Some(one) = cx.state.hub.under_way().filter(|_| !over) else { return };
    let p = cx.palette;
    let (rect, response) =
        ui.allocate_exact_size(vec2(DOWNLOAD, size::CONTROL), egui::Sense::click());
    let percent = cx.lang().fill(Text::Percent, &[&format!("{:.0}", one.share() * 100.0)]);
    let name = cx.lang().fill(Text::HubUnderWay, &[one.wanted.name(), &percent]);
    response.widget_info(|| WidgetInfo::labeled(Role::Button, true, &name));
    let fill = if response.hovered() { p.hover } else { tokens::NOTHING };
    ui.painter().rect_filled(rect, radius::S, fill);
    let inner = rect.shrink2(vec2(space::S, 0.0));
    let icon = inner.with_max_x(inner.left() + size::ICON);
    widgets::icon_in(ui.painter(), icon, icons::DOWNLOAD_SIMPLE, 16.0, p.text_2);
    let (right, centre) = (inner.right_center(), egui::Align2::RIGHT_CENTER);
    ui.painter().text(right, centre, percent, tokens::body(), p.text_2);
    let bar = inner.with_min_y(inner.bottom() - 3.0).with_max_y(inner.bottom() - 1.0);
    ui.painter().rect_filled(bar, 1, p.active);
    let done = bar.with_max_x(bar.left() + bar.width() * one.share());
    ui.painter().rect_filled(done, 1, p.accent_text);
    widgets::focus_ring(ui, &response, radius::S);
    if response.on_hover_text(name).clicked() {
        cx.ask(Command::Over(Some(Over::Hub)));
    }
}

fn right_end(ui: &mut Ui, cx: &mut Cx<'_>) {
    let help = IconButton::new(icons::QUESTION, cx.t(Text::HelpMenu)).show(ui);
    egui::Popup::menu(&help)
        .width(300.0)
        .close_behavior(egui::PopupCloseBehavior::CloseOnClickOutside)
        .show(|ui| menu::help(ui, cx));
    let open = Action::TogglePanel.checked(cx.state);
    let tip = Action::TogglePanel.tooltip(cx.state);
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
    download(ui, cx);
}
