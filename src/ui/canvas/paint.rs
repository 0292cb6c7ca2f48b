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

/// One of the canvas's two pictures.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Layer {
    /// The picture.
    Picture {
        /// Whether [`Self::Original`] comes after it.
        compares: bool,
    },
    /// What is held up before it.
    Original,
}

impl Layer {
    /// Its place on the card. What is held up gets its own when it is first asked for.
    fn gpu<'a>(
        self,
        device: &wgpu::Device,
        resources: &'a mut CallbackResources,
    ) -> Option<&'a mut CanvasGpu> {
        match self {
            Self::Picture { compares } => {
                if let Some(Original(gpu)) = resources.get_mut().filter(|_| !compares) {
                    gpu.let_go();
                }
                resources.get_mut()
            }
            Self::Original => {
                let target = resources.get::<CanvasGpu>()?.target;
                let made = || Original(CanvasGpu::new(device, target));
                let Original(gpu) = resources.entry().or_insert_with(made);
                Some(gpu)
            }
        }
    }
}

/// A canvas of its own for what is held up.
struct Original(CanvasGpu);

/// One frame of the canvas, as egui carries it.
pub(super) struct CanvasCallback {
    pub(super) layer: Layer,
    pub(super) scene: Pending,
    pub(super) patches: Patches,
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
        let gpu = self.layer.gpu(device, resources);
        if let (Some(gpu), Some(scene)) = (gpu, &*self.scene.lock()) {
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
        let gpu = match self.layer {
            Layer::Picture { .. } => resources.get::<CanvasGpu>(),
            Layer::Original => resources.get::<Original>().map(|Original(gpu)| gpu),
        };
        if let Some(gpu) = gpu {
            gpu.paint(pass);
        }
    }
}

/// Creates the canvas's pipelines. Call once, when the window is made; without it the canvas is blank.
pub fn install(render_state: &RenderState) {
    let gpu = CanvasGpu::new(&render_state.device, render_state.target_format);
    render_state.renderer.write().callback_resources.insert(gpu);
}
