//! Everything without a texture, drawn by a shader that does nothing else.
//!
//! egui's own shader samples and filters a texture for every pixel, both arms of each branch: on a
//! software renderer cards, rows and rings cost most of a frame in it. There this plugin takes them
//! out of what egui draws, and draws them as triangles with a colour at each corner. Text, pictures
//! and the canvas stay as they are, and so does the order in which things lie on each other.

use std::mem;
use std::ops::Range;
use std::sync::Arc;

use eframe::egui_wgpu::{
    Callback, CallbackResources, CallbackTrait, RenderState, ScreenDescriptor,
};
use egui::emath::TSTransform;
use egui::epaint::{ClippedShape, Mesh, Shape, TessellationOptions, Tessellator, WHITE_UV};
use egui::{Context, FullOutput, PaintCallbackInfo, Pos2, Rect, TextureId};

const SHADER: &str = "
struct Corner {
    @builtin(position) position: vec4<f32>,
    @location(0) color: vec4<f32>,
}

@vertex
fn corner(@location(0) position: vec2<f32>, @location(1) color: vec4<f32>) -> Corner {
    return Corner(vec4<f32>(position, 0.0, 1.0), color);
}

@fragment
fn fill(in: Corner) -> @location(0) vec4<f32> {
    return in.color;
}
";

/// Has `ctx` draw what has no texture this way. Call once, when the window is made, and only where
/// the processor draws. A target that converts colours itself is left to egui.
pub fn install(ctx: &Context, render_state: &RenderState) {
    if render_state.target_format.is_srgb() {
        return;
    }
    let buffers = Buffers::new(&render_state.device, render_state.target_format);
    render_state.renderer.write().callback_resources.insert(buffers);
    ctx.add_plugin(Flat::default());
}

/// The plugin: counts the frames, so that each is uploaded once.
#[derive(Default)]
struct Flat {
    frames: u64,
}

impl egui::Plugin for Flat {
    fn debug_name(&self) -> &'static str {
        "flat"
    }

    fn output_hook(&mut self, ctx: &Context, output: &mut FullOutput) {
        self.frames += 1;
        let options = ctx.tessellation_options(|options| *options);
        let mut sorter = Sorter::new(ctx.viewport_rect(), output.pixels_per_point, options);
        for shape in mem::take(&mut output.shapes) {
            if shape.transform_after_tessellation == TSTransform::IDENTITY {
                sorter.add(shape.clip_rect, shape.shape);
            } else {
                sorter.add_own(shape);
            }
        }
        output.shapes = sorter.finish(self.frames);
    }
}

/// A place in the frame's order.
enum Place {
    /// Left to egui.
    Own(ClippedShape),
    /// Triangles without a texture.
    Flat { clip: Rect, mesh: Mesh },
}

/// Gathers what has no texture into as few meshes as the order allows.
struct Sorter {
    screen: Rect,
    tessellator: Tessellator,
    places: Vec<Place>,
    /// Bounds of what lies above the open mesh, which is the last [`Place::Flat`] over the screen.
    above: Vec<Rect>,
    open: Option<usize>,
}

impl Sorter {
    fn new(screen: Rect, pixels_per_point: f32, options: TessellationOptions) -> Self {
        // Small discs would come from the fonts' texture.
        let options = TessellationOptions { prerasterized_discs: false, ..options };
        Self {
            screen,
            tessellator: Tessellator::new(pixels_per_point, options, [1, 1], Vec::new()),
            places: Vec::new(),
            above: Vec::new(),
            open: None,
        }
    }

    fn add(&mut self, clip: Rect, shape: Shape) {
        match shape {
            Shape::Noop => {}
            Shape::Vec(shapes) => shapes.into_iter().for_each(|shape| self.add(clip, shape)),
            shape if has_texture(&shape) => self.add_own(ClippedShape::new(clip, shape)),
            shape => self.add_flat(clip, shape),
        }
    }

    fn add_own(&mut self, shape: ClippedShape) {
        let bounds = shape.transform_after_tessellation * shape.shape.visual_bounding_rect();
        self.above.push(bounds.intersect(shape.clip_rect));
        self.places.push(Place::Own(shape));
    }

    fn add_flat(&mut self, clip: Rect, shape: Shape) {
        let bounds = shape.visual_bounding_rect();
        let shown = bounds.intersect(clip).intersect(self.screen);
        if !shown.is_positive() {
            return;
        }
        self.tessellator.set_clip_rect(clip);
        let whole = clip.contains_rect(bounds.intersect(self.screen));
        if let Some(open) = self.open
            && whole
            && !self.above.iter().any(|above| above.intersects(shown))
            && let Place::Flat { mesh, .. } = &mut self.places[open]
        {
            self.tessellator.tessellate_shape(shape, mesh);
            return;
        }
        let mut mesh = Mesh::default();
        self.tessellator.tessellate_shape(shape, &mut mesh);
        if whole {
            self.open = Some(self.places.len());
            self.above.clear();
            self.places.push(Place::Flat { clip: self.screen, mesh });
        } else {
            self.above.push(shown);
            self.places.push(Place::Flat { clip, mesh });
        }
    }

    /// The frame in its order: egui's own shapes, and a callback for each mesh.
    fn finish(self, number: u64) -> Vec<ClippedShape> {
        let mut frame = FrameMesh { number, vertices: Vec::new(), indices: Vec::new() };
        let ranges: Vec<_> = self
            .places
            .iter()
            .map(|place| match place {
                Place::Own(_) => 0..0,
                Place::Flat { mesh, .. } => frame.append(mesh, self.screen),
            })
            .collect();
        let frame = Arc::new(frame);
        let callback = |range| Batch { frame: frame.clone(), range };
        let shapes = self.places.into_iter().zip(ranges).map(|(place, range)| match place {
            Place::Own(shape) => shape,
            Place::Flat { clip, .. } => {
                let callback = Callback::new_paint_callback(self.screen, callback(range));
                ClippedShape::new(clip, callback)
            }
        });
        shapes.collect()
    }
}

/// Whether egui has to draw it.
fn has_texture(shape: &Shape) -> bool {
    match shape {
        Shape::Text(_) | Shape::Callback(_) => true,
        Shape::Rect(rect) => rect.fill_texture_id() != TextureId::default(),
        Shape::Mesh(mesh) => mesh.vertices.iter().any(|vertex| vertex.uv != WHITE_UV),
        _ => false,
    }
}

#[repr(C)]
#[derive(Clone, Copy, bytemuck::Pod, bytemuck::Zeroable)]
struct Vertex {
    /// In the screen's clip space.
    position: [f32; 2],
    /// Premultiplied, as egui keeps colours.
    color: [u8; 4],
}

/// All flat triangles of a frame.
struct FrameMesh {
    number: u64,
    vertices: Vec<Vertex>,
    indices: Vec<u32>,
}

impl FrameMesh {
    /// Adds a mesh; returns where its indices lie.
    fn append(&mut self, mesh: &Mesh, screen: Rect) -> Range<u32> {
        let base = self.vertices.len() as u32;
        let start = self.indices.len() as u32;
        let place = |at: Pos2| {
            let part = (at - screen.min) / screen.size();
            [2.0 * part.x - 1.0, 1.0 - 2.0 * part.y]
        };
        self.vertices.extend(
            mesh.vertices.iter().map(|vertex| Vertex {
                position: place(vertex.pos),
                color: vertex.color.to_array(),
            }),
        );
        self.indices.extend(mesh.indices.iter().map(|index| base + index));
        start..self.indices.len() as u32
    }
}

/// Part of a frame's triangles.
struct Batch {
    frame: Arc<FrameMesh>,
    range: Range<u32>,
}

impl CallbackTrait for Batch {
    fn prepare(
        &self,
        device: &wgpu::Device,
        queue: &wgpu::Queue,
        _screen: &ScreenDescriptor,
        _encoder: &mut wgpu::CommandEncoder,
        resources: &mut CallbackResources,
    ) -> Vec<wgpu::CommandBuffer> {
        if let Some(buffers) = resources.get_mut::<Buffers>()
            && buffers.number != self.frame.number
        {
            buffers.number = self.frame.number;
            let usage = wgpu::BufferUsages::VERTEX;
            upload(device, queue, &mut buffers.vertices, usage, &self.frame.vertices);
            let usage = wgpu::BufferUsages::INDEX;
            upload(device, queue, &mut buffers.indices, usage, &self.frame.indices);
        }
        Vec::new()
    }

    fn paint(
        &self,
        _info: PaintCallbackInfo,
        pass: &mut wgpu::RenderPass<'static>,
        resources: &CallbackResources,
    ) {
        if let Some(buffers) = resources.get::<Buffers>()
            && !self.range.is_empty()
        {
            pass.set_pipeline(&buffers.pipeline);
            pass.set_vertex_buffer(0, buffers.vertices.slice(..));
            pass.set_index_buffer(buffers.indices.slice(..), wgpu::IndexFormat::Uint32);
            pass.draw_indexed(self.range.clone(), 0, 0..1);
        }
    }
}

/// What the frames' triangles are drawn from.
struct Buffers {
    pipeline: wgpu::RenderPipeline,
    number: u64,
    vertices: wgpu::Buffer,
    indices: wgpu::Buffer,
}

impl Buffers {
    fn new(device: &wgpu::Device, target: wgpu::TextureFormat) -> Self {
        Self {
            pipeline: pipeline(device, target),
            number: 0,
            vertices: buffer(device, wgpu::BufferUsages::VERTEX, 1 << 16),
            indices: buffer(device, wgpu::BufferUsages::INDEX, 1 << 16),
        }
    }
}

fn buffer(device: &wgpu::Device, usage: wgpu::BufferUsages, size: u64) -> wgpu::Buffer {
    device.create_buffer(&wgpu::BufferDescriptor {
        label: Some("flat"),
        size,
        usage: usage | wgpu::BufferUsages::COPY_DST,
        mapped_at_creation: false,
    })
}

/// Writes `data` into `target`, which grows when it is too small.
fn upload<T: bytemuck::NoUninit>(
    device: &wgpu::Device,
    queue: &wgpu::Queue,
    target: &mut wgpu::Buffer,
    usage: wgpu::BufferUsages,
    data: &[T],
) {
    let bytes: &[u8] = bytemuck::cast_slice(data);
    if target.size() < bytes.len() as u64 {
        *target = buffer(device, usage, (bytes.len() as u64).next_power_of_two());
    }
    queue.write_buffer(target, 0, bytes);
}

fn pipeline(device: &wgpu::Device, target: wgpu::TextureFormat) -> wgpu::RenderPipeline {
    let module = device.create_shader_module(wgpu::ShaderModuleDescriptor {
        label: Some("flat"),
        source: wgpu::ShaderSource::Wgsl(SHADER.into()),
    });
    let over = wgpu::BlendComponent {
        src_factor: wgpu::BlendFactor::One,
        dst_factor: wgpu::BlendFactor::OneMinusSrcAlpha,
        operation: wgpu::BlendOperation::Add,
    };
    let layout = wgpu::VertexBufferLayout {
        array_stride: size_of::<Vertex>() as u64,
        step_mode: wgpu::VertexStepMode::Vertex,
        attributes: &wgpu::vertex_attr_array![0 => Float32x2, 1 => Unorm8x4],
    };
    device.create_render_pipeline(&wgpu::RenderPipelineDescriptor {
        label: Some("flat"),
        layout: None,
        vertex: wgpu::VertexState {
            module: &module,
            entry_point: Some("corner"),
            compilation_options: wgpu::PipelineCompilationOptions::default(),
            buffers: &[Some(layout)],
        },
        primitive: wgpu::PrimitiveState::default(),
        depth_stencil: None,
        multisample: wgpu::MultisampleState::default(),
        fragment: Some(wgpu::FragmentState {
            module: &module,
            entry_point: Some("fill"),
            compilation_options: wgpu::PipelineCompilationOptions::default(),
            targets: &[Some(wgpu::ColorTargetState {
                format: target,
                blend: Some(wgpu::BlendState { color: over, alpha: over }),
                write_mask: wgpu::ColorWrites::ALL,
            })],
        }),
        multiview_mask: None,
        cache: None,
    })
}
