//! Large areas of one colour, painted by a shader that does nothing else.
//!
//! egui's own shader samples and filters a texture for every pixel, both arms of each branch; a
//! software renderer spends most of a frame in it where cards and rows are filled. Used for those;
//! whatever is small, round or transparent stays with egui. Tests without a graphics card see
//! egui's own rectangles.

use std::collections::HashMap;
use std::sync::Arc;

use eframe::egui_wgpu::{
    Callback, CallbackResources, CallbackTrait, RenderState, ScreenDescriptor,
};
use egui::mutex::Mutex;
use egui::{Color32, PaintCallbackInfo, Painter, Pos2, Rect, Shape};

const SHADER: &str = "
override red: f32;
override green: f32;
override blue: f32;

@vertex
fn corner(@builtin(vertex_index) index: u32) -> @builtin(position) vec4<f32> {
    return vec4<f32>(f32(index & 1u) * 2.0 - 1.0, f32(index >> 1u) * 2.0 - 1.0, 0.0, 1.0);
}

@fragment
fn fill() -> @location(0) vec4<f32> {
    return vec4<f32>(red, green, blue, 1.0);
}
";

/// Keeps one pipeline a colour: there are as many as the themes have grounds.
struct Fills {
    module: wgpu::ShaderModule,
    target: wgpu::TextureFormat,
    pipelines: HashMap<Color32, wgpu::RenderPipeline>,
}

struct Fill(Color32);

/// Whether [`install`] was called for this context.
#[derive(Clone)]
struct Installed(#[expect(dead_code, reason = "it is there or not")] Arc<Mutex<()>>);

/// Prepares the fills. Call once, when the window is made.
pub fn install(ctx: &egui::Context, render_state: &RenderState) {
    let module = render_state.device.create_shader_module(wgpu::ShaderModuleDescriptor {
        label: Some("flat"),
        source: wgpu::ShaderSource::Wgsl(SHADER.into()),
    });
    let fills = Fills { module, target: render_state.target_format, pipelines: HashMap::default() };
    render_state.renderer.write().callback_resources.insert(fills);
    ctx.data_mut(|data| data.insert_temp(egui::Id::NULL, Installed(Arc::default())));
}

/// Fills `rect` with an opaque colour.
pub(super) fn fill(painter: &Painter, rect: Rect, color: Color32) {
    let installed = painter.ctx().data(|data| data.get_temp::<Installed>(egui::Id::NULL).is_some());
    // Where a callback's rectangle would leave the screen its viewport would be refused.
    let rect = rect.intersect(painter.ctx().content_rect());
    if installed && rect.is_positive() {
        painter.add(Callback::new_paint_callback(rect, Fill(color)));
    } else {
        painter.rect_filled(rect, 0, color);
    }
}

/// Adds `shape` outside `inside` only: of a shadow, what the card over it leaves to be seen.
pub(super) fn around(painter: &Painter, inside: Rect, shape: &Shape) {
    let clip = painter.clip_rect();
    let above = Rect::from_min_max(clip.min, Pos2::new(clip.max.x, inside.min.y));
    let below = Rect::from_min_max(Pos2::new(clip.min.x, inside.max.y), clip.max);
    let left = Rect::from_min_max(
        Pos2::new(clip.min.x, inside.min.y),
        Pos2::new(inside.min.x, inside.max.y),
    );
    let right = Rect::from_min_max(
        Pos2::new(inside.max.x, inside.min.y),
        Pos2::new(clip.max.x, inside.max.y),
    );
    for part in [above, below, left, right].into_iter().filter(Rect::is_positive) {
        painter.with_clip_rect(part).add(shape.clone());
    }
}

impl CallbackTrait for Fill {
    fn prepare(
        &self,
        device: &wgpu::Device,
        _queue: &wgpu::Queue,
        _screen: &ScreenDescriptor,
        _encoder: &mut wgpu::CommandEncoder,
        resources: &mut CallbackResources,
    ) -> Vec<wgpu::CommandBuffer> {
        if let Some(fills) = resources.get_mut::<Fills>() {
            let Fills { module, target, pipelines } = fills;
            pipelines.entry(self.0).or_insert_with(|| pipeline(device, module, *target, self.0));
        }
        Vec::new()
    }

    fn paint(
        &self,
        _info: PaintCallbackInfo,
        pass: &mut wgpu::RenderPass<'static>,
        resources: &CallbackResources,
    ) {
        let pipeline = resources.get::<Fills>().and_then(|fills| fills.pipelines.get(&self.0));
        if let Some(pipeline) = pipeline {
            pass.set_pipeline(pipeline);
            pass.draw(0..4, 0..1);
        }
    }
}

fn pipeline(
    device: &wgpu::Device,
    module: &wgpu::ShaderModule,
    target: wgpu::TextureFormat,
    color: Color32,
) -> wgpu::RenderPipeline {
    let [red, green, blue, _] = if target.is_srgb() {
        egui::Rgba::from(color).to_array()
    } else {
        color.to_normalized_gamma_f32()
    };
    let constants =
        [("red", f64::from(red)), ("green", f64::from(green)), ("blue", f64::from(blue))];
    let options = wgpu::PipelineCompilationOptions {
        constants: &constants,
        ..wgpu::PipelineCompilationOptions::default()
    };
    device.create_render_pipeline(&wgpu::RenderPipelineDescriptor {
        label: Some("flat"),
        layout: None,
        vertex: wgpu::VertexState {
            module,
            entry_point: Some("corner"),
            compilation_options: wgpu::PipelineCompilationOptions::default(),
            buffers: &[],
        },
        primitive: wgpu::PrimitiveState {
            topology: wgpu::PrimitiveTopology::TriangleStrip,
            ..wgpu::PrimitiveState::default()
        },
        depth_stencil: None,
        multisample: wgpu::MultisampleState::default(),
        fragment: Some(wgpu::FragmentState {
            module,
            entry_point: Some("fill"),
            compilation_options: options,
            targets: &[Some(target.into())],
        }),
        multiview_mask: None,
        cache: None,
    })
}
