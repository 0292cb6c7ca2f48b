//! Stub.
use std::sync::Arc;

use crate::app::tool::{Brush, Tool};
use crate::app::view::View;
use crate::document::mask::Mask;
use crate::engine::protocol::Picture;

/// Stub.
pub struct CanvasInput<'a> {
    /// Stub.
    pub size: (u32, u32),
    /// Stub.
    pub picture: Option<Layer<'a>>,
    /// Stub.
    pub emerging: Option<Emerging<'a>>,
    /// Stub.
    pub mask: Option<MaskLayer<'a>>,
    /// Stub.
    pub view: View,
    /// Stub.
    pub tool: Tool,
    /// Stub.
    pub brush: &'a Brush,
    /// Stub.
    pub alt_text: String,
    /// Stub.
    pub motion: bool,
}
/// Stub.
pub struct Layer<'a> {
    /// Stub.
    pub key: u64,
    /// Stub.
    pub picture: &'a Arc<Picture>,
}
/// Stub.
pub struct Emerging<'a> {
    /// Stub.
    pub key: u64,
    /// Stub.
    pub picture: &'a Arc<Picture>,
    /// Stub.
    pub step_secs: f32,
    /// Stub.
    pub within_mask: bool,
}
/// Stub.
pub struct MaskLayer<'a> {
    /// Stub.
    pub mask: &'a Mask,
    /// Stub.
    pub feather_px: f32,
    /// Stub.
    pub look: MaskLook,
}
/// Stub.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MaskLook {
    /// Stub.
    Paint,
    /// Stub.
    Contour,
    /// Stub.
    Hidden,
}
/// Stub.
#[derive(Clone, Debug)]
pub enum CanvasEvent {
    /// Stub.
    View(View),
    /// Stub.
    StrokeBegan([f32; 2]),
    /// Stub.
    StrokeMoved(Vec<[f32; 2]>),
    /// Stub.
    StrokeEnded,
    /// Stub.
    Pressed,
}
/// Stub.
#[derive(Default)]
pub struct Canvas {
    texture: Option<egui::TextureHandle>,
}
impl Canvas {
    /// Stub.
    pub fn show(&mut self, ui: &mut egui::Ui, input: &CanvasInput<'_>) -> Vec<CanvasEvent> {
        let rect = ui.available_rect_before_wrap();
        let response = ui.interact(rect, egui::Id::unique("canvas"), egui::Sense::click_and_drag());
        response.widget_info(|| {
            egui::WidgetInfo::labeled(egui::accesskit::Role::Image, true, &input.alt_text)
        });
        let mut events = Vec::new();
        let mut view = input.view;
        if view.fit {
            let zoom = ((rect.width() - 32.0) / input.size.0 as f32)
                .min((rect.height() - 32.0) / input.size.1 as f32);
            let whole = zoom.floor().max(1.0);
            let zoom = if whole <= zoom && whole > zoom * 0.88 { whole } else { zoom };
            view.matrix = [[zoom, 0.0], [0.0, zoom]];
            view.offset = [
                ((rect.width() - input.size.0 as f32 * zoom) / 2.0).round(),
                ((rect.height() - input.size.1 as f32 * zoom) / 2.0).round(),
            ];
        }
        if response.dragged() && input.tool == Tool::Hand {
            view = view.panned([response.drag_delta().x, response.drag_delta().y]);
        }
        let scroll = ui.input(|i| i.smooth_scroll_delta.y);
        if let Some(pos) = response.hover_pos()
            && scroll != 0.0
        {
            let at = pos - rect.min;
            view = view.zoomed_at([at.x, at.y], (scroll * 0.005).exp());
        }
        if view != input.view {
            events.push(CanvasEvent::View(view));
        }
        if response.is_pointer_button_down_on() && ui.input(|i| i.pointer.any_pressed()) {
            events.push(CanvasEvent::Pressed);
        }
        if input.tool == Tool::Mask
            && let Some(pos) = response.interact_pointer_pos()
        {
            let at = pos - rect.min;
            let at = view.image_from_screen([at.x, at.y]);
            if ui.input(|i| i.pointer.any_pressed()) {
                events.push(CanvasEvent::StrokeBegan(at));
            } else {
                events.push(CanvasEvent::StrokeMoved(vec![at]));
            }
            if ui.input(|i| i.pointer.any_released()) {
                events.push(CanvasEvent::StrokeEnded);
            }
        }
        let dark = ui.visuals().dark_mode;
        ui.painter().rect_filled(rect, 0.0, egui::Color32::from_gray(if dark { 0x2e } else { 0xcf }));
        let [x0, y0] = view.screen_from_image([0.0, 0.0]);
        let [x1, y1] = view.screen_from_image([input.size.0 as f32, input.size.1 as f32]);
        let sheet = egui::Rect::from_min_max(
            rect.min + egui::vec2(x0, y0),
            rect.min + egui::vec2(x1, y1),
        );
        let painter = ui.painter_at(rect);
        painter.rect_filled(sheet, 0.0, egui::Color32::from_gray(if dark { 0x36 } else { 0xd8 }));
        let shown = input.emerging.as_ref().map(|e| e.picture).or(input.picture.as_ref().map(|l| l.picture));
        if let Some(picture) = shown {
            let image = egui::ColorImage::from_rgba_unmultiplied(
                [picture.width as usize, picture.height as usize],
                &picture.rgba,
            );
            let options = egui::TextureOptions::LINEAR;
            match &mut self.texture {
                Some(texture) => texture.set(image, options),
                None => self.texture = Some(ui.ctx().load_texture("canvas", image, options)),
            }
            if let Some(texture) = &self.texture {
                let uv = egui::Rect::from_min_max(egui::pos2(0.0, 0.0), egui::pos2(1.0, 1.0));
                painter.image(texture.id(), sheet, uv, egui::Color32::WHITE);
            }
        }
        events
    }
}
/// Stub.
pub fn install(_render_state: &eframe::egui_wgpu::RenderState) {}
