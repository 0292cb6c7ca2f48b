//! The canvas with what lies on it now, and the card that is shown while a file hovers.

use egui::{Align2, Popup, Rect, Ui, vec2};

use super::canvas::{
    Canvas, CanvasColors, CanvasEvent, CanvasInput, Emerging, MaskLayer, MaskLook,
};
use super::tokens::{self, size};
use super::{Cx, icons, widgets};
use crate::app::command::Command;
use crate::app::scene::MaskSeen;
use crate::app::state::Over;
use crate::app::tool::Tool;
use crate::app::update::is_wide;
use crate::app::words::Text;

/// Draws the canvas and brings its events in.
pub fn show(ui: &mut Ui, cx: &mut Cx<'_>, canvas: &mut Canvas) {
    let state = cx.state;
    let scene = state.scene();
    let color_at = |at| scene.color_at(at, &state.document.mask);
    let brush = state.settings.brush_of(state.tool);
    let (surround, sheet) = tokens::surround(cx.palette, state.settings.prefer.surround);
    let input = CanvasInput {
        size: scene.size,
        picture: scene.picture.as_ref(),
        original: scene.original.as_ref(),
        emerging: scene.emerging.as_ref().map(|e| Emerging {
            key: e.preview.key,
            picture: &e.preview.picture,
            step_secs: e.step_secs,
            within_mask: e.within_mask,
            place: e.place,
        }),
        mask: scene.mask.map(|seen| MaskLayer {
            mask: &state.document.mask,
            feather_px: state.document.feather_px,
            look: match seen {
                MaskSeen::Paint => MaskLook::Paint,
                MaskSeen::Contour => MaskLook::Contour,
                MaskSeen::Hidden => MaskLook::Hidden,
            },
        }),
        view: state.view,
        tool: state.tool,
        idle: idle(cx),
        covered: Popup::is_any_open(ui.ctx())
            || state.over == Some(Over::Palette)
            || state.panel_over && !is_wide(state),
        brush,
        brush_words: cx.lang().fill(Text::Pixels, &[&format!("{:.0}", brush.size_px)]),
        color: state.settings.foreground,
        color_at: &color_at,
        alt_text: state.scene_name(&scene),
        colors: CanvasColors {
            surround,
            sheet,
            line: cx.palette.line,
            focus: cx.palette.focus,
            mask: cx.palette.mask,
        },
        motion: state.motion(),
        always_sharp: state.settings.prefer.always_sharp,
        pen_pressure: state.settings.prefer.pen_pressure,
        mask_fill: state.settings.mask_opacity as f32 / 100.0,
        values: state.values,
    };
    for event in canvas.show(ui, &input) {
        cx.ask(match event {
            CanvasEvent::View(view) => Command::View(view),
            CanvasEvent::StrokeBegan(at) => Command::StrokeBegan(at),
            CanvasEvent::StrokeMoved(points) => Command::StrokeMoved(points),
            CanvasEvent::StrokeEnded => Command::StrokeEnded,
            CanvasEvent::StrokeCancelled => Command::StrokeCancelled,
            CanvasEvent::Brush(brush) => Command::Brush(brush),
            CanvasEvent::Picked(at) => match color_at(at) {
                Some(color) => Command::Foreground(color),
                None => continue,
            },
            CanvasEvent::Pressed => Command::CanvasPressed,
        });
    }
}

/// Whether the active tool has nothing to act on.
fn idle(cx: &Cx<'_>) -> bool {
    match cx.state.tool {
        Tool::Mask => !cx.state.can_keep(),
        Tool::Brush | Tool::Eraser => cx.state.first_emerges(),
        Tool::Eyedropper | Tool::Hand => false,
    }
}

/// Dims the canvas and says what a drop does.
pub fn drop_card(ui: &Ui, cx: &Cx<'_>, canvas: Rect) {
    let p = cx.palette;
    let layer = egui::LayerId::new(egui::Order::Foreground, egui::Id::unique("drop card"));
    let painter = ui.ctx().layer_painter(layer);
    painter.rect_filled(canvas, 0, p.dim);
    let card = Rect::from_center_size(canvas.center(), vec2(320.0, 132.0));
    widgets::card(&painter, p, card);
    let at = |dy: f32| card.center() + vec2(0.0, dy);
    painter.text(at(-28.0), Align2::CENTER_CENTER, icons::IMAGE, tokens::icon(32.0), p.accent_text);
    painter.text(
        at(12.0),
        Align2::CENTER_CENTER,
        cx.t(Text::DropTitle),
        tokens::heading(),
        p.text_1,
    );
    let line = cx.t(Text::DropLine);
    painter.text(
        at(12.0 + size::CONTROL - 4.0),
        Align2::CENTER_CENTER,
        line,
        tokens::caption(),
        p.text_2,
    );
}
