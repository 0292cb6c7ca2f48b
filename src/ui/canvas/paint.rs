//! The bridge between egui's renderer and the canvas's passes.

use std::sync::Arc;

use eframe::egui_wgpu::{CallbackResources, CallbackTrait, RenderState, ScreenDescriptor};
use egui::PaintCallbackInfo;
use egui::mutex::Mutex;

use super::gpu::{CanvasGpu, Scene};
use super::overlay::Patch;

/// New texels on their way to the card. A frame that egui throws away must not lose them, so they
/// wait here and not in the frame.
pub(super) type Patches = Arc<Mutex<Vec<Patch>>>;

/// What a pass of egui is to draw; the canvas takes it back from a pass that is thrown away.
pub(super) type Pending = Arc<Mutex<Option<Scene>>>;

/// One frame of the canvas, as egui carries it.
pub(super) struct CanvasCallback {
    pub(super) scene: Pending,
    pub(super) patches: Patches,
    /// Whether [`OriginalCallback`] comes after it.
    pub(super) compares: bool,
}

impl CallbackTrait for CanvasCallback {
    fn prepare(
        &self,
        device: &wgpu::Device,
        queue: &wgpu::Queue,
        _screen: &ScreenDescriptor,
        encoder: &mut wgpu::CommandEncoder,
        resources: &mut CallbackResources,
    ) -> Vec<wgpu::CommandBuffer> {
        if let Some(Original(gpu)) = resources.get_mut().filter(|_| !self.compares) {
            gpu.let_go();
        }
        if let Some(gpu) = resources.get_mut::<CanvasGpu>() {
            let Some(scene) = &*self.scene.lock() else { return Vec::new() };
            let patches = std::mem::take(&mut *self.patches.lock());
            gpu.prepare(device, queue, encoder, scene, &patches);
        }
        Vec::new()
    }

    fn paint(
        &self,
        _info: PaintCallbackInfo,
        pass: &mut wgpu::RenderPass<'static>,
        resources: &CallbackResources,
    ) {
        if let Some(gpu) = resources.get::<CanvasGpu>() {
            gpu.paint(pass);
        }
    }
}

/// A canvas of its own for what is held up; made when it is first asked for.
struct Original(CanvasGpu);

/// What is held up beside the picture, as egui carries it.
pub(super) struct OriginalCallback {
    pub(super) scene: Scene,
}

impl CallbackTrait for OriginalCallback {
    fn prepare(
        &self,
        device: &wgpu::Device,
        queue: &wgpu::Queue,
        _screen: &ScreenDescriptor,
        encoder: &mut wgpu::CommandEncoder,
        resources: &mut CallbackResources,
    ) -> Vec<wgpu::CommandBuffer> {
        let Some(format) = resources.get::<CanvasGpu>().map(|gpu| gpu.target) else {
            return Vec::new();
        };
        if !resources.contains::<Original>() {
            resources.insert(Original(CanvasGpu::new(device, format)));
        }
        if let Some(Original(gpu)) = resources.get_mut() {
            gpu.prepare(device, queue, encoder, &self.scene, &[]);
        }
        Vec::new()
    }

    fn paint(
        &self,
        _info: PaintCallbackInfo,
        pass: &mut wgpu::RenderPass<'static>,
        resources: &CallbackResources,
    ) {
        if let Some(Original(gpu)) = resources.get() {
            gpu.paint(pass);
        }
    }
}

/// Creates the canvas's pipelines. Call once, when the window is made; without it the canvas is blank.
pub fn install(render_state: &RenderState) {
    let gpu = CanvasGpu::new(&render_state.device, render_state.target_format);
    render_state.renderer.write().callback_resources.insert(gpu);
}
