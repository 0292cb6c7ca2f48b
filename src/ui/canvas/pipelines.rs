//! The canvas's pipelines and their layouts, made once when the window is made.

use super::gpu::{FORMAT, FrameUniform};

/// Pipelines, layouts and the one uniform buffer.
pub(super) struct Pipelines {
    pub(super) uniform: wgpu::Buffer,
    pub(super) frame_group: wgpu::BindGroup,
    pub(super) tile_layout: wgpu::BindGroupLayout,
    pub(super) compose_layout: wgpu::BindGroupLayout,
    pub(super) copy_layout: wgpu::BindGroupLayout,
    pub(super) tile_sharp: wgpu::RenderPipeline,
    pub(super) tile_shrunk: wgpu::RenderPipeline,
    pub(super) tile_enlarged: wgpu::RenderPipeline,
    pub(super) sheet: wgpu::RenderPipeline,
    /// As it is, and in greys.
    copies: [wgpu::RenderPipeline; 2],
    /// Only emerging, only masked, both.
    composes: [wgpu::RenderPipeline; 3],
}

/// How one pipeline is made.
struct Recipe<'a> {
    vertex: &'a str,
    fragment: &'a str,
    layout: Option<&'a wgpu::BindGroupLayout>,
    format: wgpu::TextureFormat,
    constants: &'a [(&'a str, f64)],
}

impl Pipelines {
    pub(super) fn new(device: &wgpu::Device, target: wgpu::TextureFormat) -> Self {
        let module = device.create_shader_module(wgpu::ShaderModuleDescriptor {
            label: Some("canvas"),
            source: wgpu::ShaderSource::Wgsl(include_str!("shader.wgsl").into()),
        });
        let frame_layout = layout(device, &[uniform_entry(), sampler_entry()]);
        let tile_layout = layout(device, &[uniform_entry(), texture_entry()]);
        let compose_layout = layout(device, &[texture_entry(); 4]);
        let copy_layout = layout(device, &[texture_entry()]);
        let uniform = device.create_buffer(&wgpu::BufferDescriptor {
            label: Some("canvas frame"),
            size: std::mem::size_of::<FrameUniform>() as u64,
            usage: wgpu::BufferUsages::UNIFORM | wgpu::BufferUsages::COPY_DST,
            mapped_at_creation: false,
        });
        let sampler = device.create_sampler(&wgpu::SamplerDescriptor {
            label: Some("canvas"),
            mag_filter: wgpu::FilterMode::Linear,
            min_filter: wgpu::FilterMode::Linear,
            ..wgpu::SamplerDescriptor::default()
        });
        let frame_group = device.create_bind_group(&wgpu::BindGroupDescriptor {
            label: Some("canvas frame"),
            layout: &frame_layout,
            entries: &[
                wgpu::BindGroupEntry { binding: 0, resource: uniform.as_entire_binding() },
                wgpu::BindGroupEntry {
                    binding: 1,
                    resource: wgpu::BindingResource::Sampler(&sampler),
                },
            ],
        });
        let make = |recipe: &Recipe<'_>| pipeline(device, &module, &frame_layout, recipe);
        let tile = |fragment| {
            make(&Recipe {
                vertex: "tile_vertex",
                fragment,
                layout: Some(&tile_layout),
                format: FORMAT,
                constants: &[],
            })
        };
        let compose = |emerging: f64, masked: f64| {
            make(&Recipe {
                vertex: "sheet_vertex",
                fragment: "compose_fragment",
                layout: Some(&compose_layout),
                format: FORMAT,
                constants: &[("EMERGING", emerging), ("MASKED", masked)],
            })
        };
        let sheet = make(&Recipe {
            vertex: "sheet_vertex",
            fragment: "sheet_fragment",
            layout: None,
            format: FORMAT,
            constants: &[],
        });
        let copy = |values: f64| {
            make(&Recipe {
                vertex: "copy_vertex",
                fragment: if target.is_srgb() { "copy_fragment_linear" } else { "copy_fragment" },
                layout: Some(&copy_layout),
                format: target,
                constants: &[("VALUES", values)],
            })
        };
        Self {
            tile_sharp: tile("tile_sharp"),
            tile_shrunk: tile("tile_shrunk"),
            tile_enlarged: tile("tile_enlarged"),
            sheet,
            copies: [copy(0.0), copy(1.0)],
            composes: [compose(1.0, 0.0), compose(0.0, 1.0), compose(1.0, 1.0)],
            uniform,
            frame_group,
            tile_layout,
            compose_layout,
            copy_layout,
        }
    }

    pub(super) fn compose(&self, emerging: bool, masked: bool) -> &wgpu::RenderPipeline {
        match (emerging, masked) {
            (true, true) => &self.composes[2],
            (false, _) => &self.composes[1],
            (true, false) => &self.composes[0],
        }
    }

    pub(super) fn copy(&self, values: bool) -> &wgpu::RenderPipeline {
        &self.copies[usize::from(values)]
    }

    /// A group of textures in the order of their bindings.
    #[expect(clippy::unused_self, reason = "reads like the other members")]
    pub(super) fn group(
        &self,
        device: &wgpu::Device,
        layout: &wgpu::BindGroupLayout,
        views: &[&wgpu::TextureView],
    ) -> wgpu::BindGroup {
        let entries: Vec<wgpu::BindGroupEntry<'_>> = views
            .iter()
            .enumerate()
            .map(|(binding, view)| wgpu::BindGroupEntry {
                binding: binding as u32,
                resource: wgpu::BindingResource::TextureView(view),
            })
            .collect();
        device.create_bind_group(&wgpu::BindGroupDescriptor {
            label: Some("canvas textures"),
            layout,
            entries: &entries,
        })
    }
}

fn pipeline(
    device: &wgpu::Device,
    module: &wgpu::ShaderModule,
    frame_layout: &wgpu::BindGroupLayout,
    recipe: &Recipe<'_>,
) -> wgpu::RenderPipeline {
    let groups = [Some(frame_layout), recipe.layout];
    let used = if recipe.layout.is_some() { 2 } else { 1 };
    let layout = device.create_pipeline_layout(&wgpu::PipelineLayoutDescriptor {
        label: Some("canvas"),
        bind_group_layouts: &groups[..used],
        ..wgpu::PipelineLayoutDescriptor::default()
    });
    device.create_render_pipeline(&wgpu::RenderPipelineDescriptor {
        label: Some(recipe.fragment),
        layout: Some(&layout),
        vertex: wgpu::VertexState {
            module,
            entry_point: Some(recipe.vertex),
            buffers: &[],
            compilation_options: wgpu::PipelineCompilationOptions::default(),
        },
        primitive: wgpu::PrimitiveState {
            topology: wgpu::PrimitiveTopology::TriangleStrip,
            ..wgpu::PrimitiveState::default()
        },
        depth_stencil: None,
        multisample: wgpu::MultisampleState::default(),
        fragment: Some(wgpu::FragmentState {
            module,
            entry_point: Some(recipe.fragment),
            targets: &[Some(recipe.format.into())],
            compilation_options: wgpu::PipelineCompilationOptions {
                constants: recipe.constants,
                ..wgpu::PipelineCompilationOptions::default()
            },
        }),
        multiview_mask: None,
        cache: None,
    })
}

fn layout(device: &wgpu::Device, types: &[wgpu::BindingType]) -> wgpu::BindGroupLayout {
    let entries: Vec<wgpu::BindGroupLayoutEntry> = types
        .iter()
        .enumerate()
        .map(|(binding, ty)| wgpu::BindGroupLayoutEntry {
            binding: binding as u32,
            visibility: wgpu::ShaderStages::VERTEX_FRAGMENT,
            ty: *ty,
            count: None,
        })
        .collect();
    device.create_bind_group_layout(&wgpu::BindGroupLayoutDescriptor {
        label: Some("canvas"),
        entries: &entries,
    })
}

fn uniform_entry() -> wgpu::BindingType {
    wgpu::BindingType::Buffer {
        ty: wgpu::BufferBindingType::Uniform,
        has_dynamic_offset: false,
        min_binding_size: None,
    }
}

fn sampler_entry() -> wgpu::BindingType {
    wgpu::BindingType::Sampler(wgpu::SamplerBindingType::Filtering)
}

fn texture_entry() -> wgpu::BindingType {
    wgpu::BindingType::Texture {
        sample_type: wgpu::TextureSampleType::Float { filterable: true },
        view_dimension: wgpu::TextureViewDimension::D2,
        multisampled: false,
    }
}
