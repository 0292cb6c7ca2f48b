//! The canvas.

mod types;

pub use types::{
    CanvasColors, CanvasEvent, CanvasInput, Emerging, Layer, MaskLayer, MaskLook,
};

/// The canvas: keep one, show it each frame.
#[derive(Default)]
pub struct Canvas {}

impl Canvas {
    /// Fills the available room with the canvas. Returns what the user did.
    pub fn show(&mut self, ui: &mut egui::Ui, input: &CanvasInput<'_>) -> Vec<CanvasEvent> {
        let _ = (ui, input);
        Vec::new()
    }
}

/// Creates the canvas's pipelines, once.
pub fn install(_render_state: &eframe::egui_wgpu::RenderState) {}
