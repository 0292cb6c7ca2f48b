//! The canvas's own passes: base, composition, copy. Each runs only when what it shows has changed,
//! so a frame that the pointer's movement caused costs one copy, or two while something is held up.
//!
//! egui's renderer owns one [`CanvasGpu`], and another for what is held up beside it; [`super::paint`]
//! calls them. Reads no input, keeps no document.

use std::sync::Arc;

use super::overlay::Patch;
use super::pipelines::Pipelines;
use super::tiles::{Changed, Tiles, level_of};
use crate::engine::protocol::Picture;
use crate::plane::{PixelRect, Plane};

/// Format of the canvas's own textures: bytes in, the same bytes out.
pub(super) const FORMAT: wgpu::TextureFormat = wgpu::TextureFormat::Rgba8Unorm;

/// What the shader is told. See `Frame` in `shader.wgsl`.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, bytemuck::Pod, bytemuck::Zeroable)]
pub(super) struct FrameUniform {
    pub(super) to_screen: [f32; 4],
    pub(super) to_image: [f32; 4],
    pub(super) offset: [f32; 2],
    pub(super) canvas: [f32; 2],
    pub(super) image: [f32; 2],
    pub(super) pixels_per_point: f32,
    pub(super) grid: f32,
    pub(super) sheet: [f32; 4],
    pub(super) sheet_color: [f32; 4],
    pub(super) emerge: [f32; 4],
    pub(super) place: [f32; 4],
    pub(super) mask_color: [f32; 4],
    pub(super) look: [f32; 4],
    pub(super) origin: [f32; 4],
}

/// One frame of the canvas.
pub(super) struct Scene {
    pub(super) uniform: FrameUniform,
    pub(super) surround: [f32; 3],
    /// The picture; `None` shows the sheet.
    pub(super) picture: Option<Plane<4>>,
    /// Whether something emerges, and its two sides; `None` is the base.
    pub(super) emerging: Option<[Option<Arc<Picture>>; 2]>,
    /// Whether the mask is seen or bounds what emerges.
    pub(super) masked: bool,
    /// Whether it is copied to the window in greys.
    pub(super) values: bool,
}

impl Scene {
    /// Another picture in this one's place, by itself.
    pub(super) fn beside(&self, picture: &Plane<4>) -> Self {
        let picture = Some(picture.clone());
        Self { picture, emerging: None, masked: false, ..*self }
    }

    fn canvas_size(&self) -> (u32, u32) {
        let [width, height] = self.uniform.canvas;
        (width as u32, height as u32)
    }

    /// What the base depends on.
    fn base_key(&self) -> BaseKey {
        let none = [0.0; 4];
        let uniform = FrameUniform {
            emerge: none,
            place: none,
            mask_color: none,
            look: none,
            origin: none,
            ..self.uniform
        };
        (self.picture.as_ref().map(Plane::size), uniform, self.surround)
    }

    /// Image pixels that the canvas shows: x0 y0 x1 y1.
    fn visible(&self) -> [f32; 4] {
        let FrameUniform { to_image: [a, b, c, d], offset, canvas, .. } = self.uniform;
        let mut seen = [f32::INFINITY, f32::INFINITY, f32::NEG_INFINITY, f32::NEG_INFINITY];
        for (x, y) in [(0.0, 0.0), (canvas[0], 0.0), (0.0, canvas[1]), (canvas[0], canvas[1])] {
            let (x, y) = (x - offset[0], y - offset[1]);
            let (x, y) = (a * x + b * y, c * x + d * y);
            seen = [seen[0].min(x), seen[1].min(y), seen[2].max(x), seen[3].max(y)];
        }
        seen
    }

    /// Physical pixels per image pixel.
    fn scale(&self) -> f32 {
        let [a, b, c, d] = self.uniform.to_screen;
        (a * d - b * c).abs().sqrt()
    }

    /// The physical pixels of the canvas that a part of a texture over the picture, of that size,
    /// covers.
    fn on_screen(&self, size: (u32, u32), rect: PixelRect) -> PixelRect {
        let FrameUniform { to_screen: [a, b, c, d], offset, image, .. } = self.uniform;
        let (width, height) = self.canvas_size();
        let scale = [image[0] / size.0 as f32, image[1] / size.1 as f32];
        let mut low = [f32::INFINITY; 2];
        let mut high = [f32::NEG_INFINITY; 2];
        for x in [rect.x0, rect.x1] {
            for y in [rect.y0, rect.y1] {
                let (x, y) = (x as f32 * scale[0], y as f32 * scale[1]);
                let at = [a * x + b * y + offset[0], c * x + d * y + offset[1]];
                for axis in 0..2 {
                    low[axis] = low[axis].min(at[axis]);
                    high[axis] = high[axis].max(at[axis]);
                }
            }
        }
        // Bilinear taps reach half a texel further.
        let more = self.scale() * scale[0].max(scale[1]) + 2.0;
        let limit = |at: f32, side: u32| at.clamp(0.0, side as f32) as u32;
        PixelRect {
            x0: limit(low[0] - more, width),
            y0: limit(low[1] - more, height),
            x1: limit(high[0] + more, width),
            y1: limit(high[1] + more, height),
        }
    }
}

/// What the base depends on beside the picture's pixels.
type BaseKey = (Option<(u32, u32)>, FrameUniform, [f32; 3]);

/// What the composition depends on beside the base and the mask's texels.
#[derive(Clone, Copy, PartialEq)]
struct ComposeKey {
    emerge: [f32; 4],
    place: [f32; 4],
    sides: Option<[usize; 2]>,
    masked: bool,
    mask_color: [f32; 4],
    look: [f32; 4],
}

impl ComposeKey {
    /// Whether the two differ at most in what emerges, and that only within the mask.
    fn differs_within_mask(&self, other: &Self) -> bool {
        let [.., within] = self.emerge;
        let same = Self { emerge: other.emerge, place: other.place, sides: other.sides, ..*self };
        let emerging = self.sides.is_some() && other.sides.is_some();
        emerging && within == 1.0 && other.emerge[3] == 1.0 && same == *other
    }
}

/// The two canvas-sized textures and what may be copied from them.
struct Targets {
    size: (u32, u32),
    base: wgpu::TextureView,
    composed: wgpu::TextureView,
    copy_base: wgpu::BindGroup,
    copy_composed: wgpu::BindGroup,
}

/// A picture on the card, found again by its identity.
struct Uploaded {
    picture: Arc<Picture>,
    view: wgpu::TextureView,
}

/// Everything that the canvas keeps on the graphics card.
pub(super) struct CanvasGpu {
    /// The window's format.
    pub(super) target: wgpu::TextureFormat,
    pipelines: Pipelines,
    targets: Option<Targets>,
    pub(super) tiles: Tiles,
    mask: Option<((u32, u32), wgpu::Texture, wgpu::TextureView)>,
    /// The part of the mask's texture that was ever covered: what emerges in it changes nothing
    /// outside.
    mask_covered: PixelRect,
    sides: Vec<Uploaded>,
    blank: wgpu::TextureView,
    base_key: Option<BaseKey>,
    compose_key: Option<ComposeKey>,
    compose_group: Option<wgpu::BindGroup>,
    shows_composed: bool,
    values: bool,
    written: Option<FrameUniform>,
    /// Passes drawn so far, for tests.
    pub(super) drawn: [u32; 2],
}

impl CanvasGpu {
    pub(super) fn new(device: &wgpu::Device, target: wgpu::TextureFormat) -> Self {
        let blank = texture(device, (1, 1), wgpu::TextureUsages::empty());
        Self {
            target,
            pipelines: Pipelines::new(device, target),
            targets: None,
            tiles: Tiles::default(),
            mask: None,
            mask_covered: PixelRect::EMPTY,
            sides: Vec::new(),
            blank: blank.create_view(&wgpu::TextureViewDescriptor::default()),
            base_key: None,
            compose_key: None,
            compose_group: None,
            shows_composed: false,
            values: false,
            written: None,
            drawn: [0; 2],
        }
    }

    /// Uploads and draws what changed since the last frame.
    pub(super) fn prepare(
        &mut self,
        device: &wgpu::Device,
        queue: &wgpu::Queue,
        encoder: &mut wgpu::CommandEncoder,
        scene: &Scene,
        patches: &[Patch],
    ) {
        if self.written != Some(scene.uniform) {
            queue.write_buffer(&self.pipelines.uniform, 0, bytemuck::bytes_of(&scene.uniform));
            self.written = Some(scene.uniform);
        }
        self.resize(device, scene.canvas_size());
        let drawn = self.update_base(device, queue, encoder, scene);
        let base_changed = drawn.is_none();
        let base_part = drawn.unwrap_or(PixelRect::EMPTY);
        for patch in patches {
            self.patch_mask(device, queue, patch);
        }
        self.upload_sides(device, queue, scene);
        self.values = scene.values;
        self.shows_composed = scene.emerging.is_some() || scene.masked;
        if !self.shows_composed {
            self.compose_key = None;
            return;
        }
        let identity = |side: &Option<Arc<Picture>>| {
            side.as_ref().map_or(0, |picture| Arc::as_ptr(picture) as usize)
        };
        let key = ComposeKey {
            emerge: scene.uniform.emerge,
            place: scene.uniform.place,
            sides: scene.emerging.as_ref().map(|sides| sides.each_ref().map(identity)),
            masked: scene.masked,
            mask_color: scene.uniform.mask_color,
            look: scene.uniform.look,
        };
        let within_mask = |old: ComposeKey| old != key && old.differs_within_mask(&key);
        let still = !base_changed && base_part.is_empty();
        if still && patches.is_empty() && self.compose_key.is_some_and(within_mask) {
            self.compose_group = None;
            if let Some((size, ..)) = self.mask {
                let part = scene.on_screen(size, self.mask_covered);
                self.compose(device, encoder, scene, Some(part));
            }
        } else if base_changed || self.compose_key != Some(key) {
            self.compose(device, encoder, scene, None);
        } else {
            let patches = patches.iter().filter(|_| scene.masked);
            let part = patches
                .map(|patch| scene.on_screen(patch.size, patch.rect))
                .fold(base_part, PixelRect::union);
            if !part.is_empty() {
                self.compose(device, encoder, scene, Some(part));
            }
        }
        self.compose_key = Some(key);
    }

    /// Gives back what it holds for a picture that is shown no longer.
    pub(super) fn let_go(&mut self) {
        self.tiles.clear();
        self.targets = None;
        self.base_key = None;
    }

    /// Copies the canvas into the window's pass, whose viewport is the canvas.
    pub(super) fn paint(&self, pass: &mut wgpu::RenderPass<'static>) {
        let Some(targets) = &self.targets else { return };
        let group = if self.shows_composed { &targets.copy_composed } else { &targets.copy_base };
        pass.set_pipeline(self.pipelines.copy(self.values));
        pass.set_bind_group(0, &self.pipelines.frame_group, &[]);
        pass.set_bind_group(1, group, &[]);
        pass.draw(0..4, 0..1);
    }

    fn resize(&mut self, device: &wgpu::Device, size: (u32, u32)) {
        if self.targets.as_ref().is_some_and(|targets| targets.size == size) {
            return;
        }
        let target = || {
            let usage = wgpu::TextureUsages::RENDER_ATTACHMENT | wgpu::TextureUsages::COPY_SRC;
            texture(device, size, usage).create_view(&wgpu::TextureViewDescriptor::default())
        };
        let (base, composed) = (target(), target());
        let copy = |view| self.pipelines.group(device, &self.pipelines.copy_layout, &[view]);
        self.targets = Some(Targets {
            size,
            copy_base: copy(&base),
            copy_composed: copy(&composed),
            base,
            composed,
        });
        self.base_key = None;
        self.compose_group = None;
    }

    /// Brings the base up to date. Returns the part of the screen that was drawn; `None`: all.
    fn update_base(
        &mut self,
        device: &wgpu::Device,
        queue: &wgpu::Queue,
        encoder: &mut wgpu::CommandEncoder,
        scene: &Scene,
    ) -> Option<PixelRect> {
        let key = scene.base_key();
        let same_view = self.base_key.as_ref() == Some(&key);
        self.base_key = Some(key);
        let changed = if let Some(plane) = &scene.picture {
            self.follow_picture(device, queue, scene, plane, same_view)
        } else {
            self.tiles.clear();
            Changed::Part(PixelRect::EMPTY)
        };
        match changed {
            Changed::Part(rect) if same_view => {
                let size = scene.picture.as_ref().map_or((1, 1), Plane::size);
                // A texel of a shrunk level holds a square of pixels, and filters reach two texels.
                let reach = 2 << level_of(scene.scale(), size);
                let part = if rect.is_empty() {
                    rect
                } else {
                    scene.on_screen(size, rect.grown(reach + 1, size))
                };
                if !part.is_empty() {
                    self.draw_base(encoder, scene, Some(part));
                }
                Some(part)
            }
            _ => {
                self.draw_base(encoder, scene, None);
                None
            }
        }
    }

    fn follow_picture(
        &mut self,
        device: &wgpu::Device,
        queue: &wgpu::Queue,
        scene: &Scene,
        plane: &Plane<4>,
        same_view: bool,
    ) -> Changed {
        let changed = self.tiles.prepare(plane, level_of(scene.scale(), plane.size()));
        if !same_view || changed != Changed::Part(PixelRect::EMPTY) {
            let layout = &self.pipelines.tile_layout;
            self.tiles.upload(device, queue, layout, plane, scene.visible());
        }
        changed
    }

    fn draw_base(
        &mut self,
        encoder: &mut wgpu::CommandEncoder,
        scene: &Scene,
        part: Option<PixelRect>,
    ) {
        let Some(targets) = &self.targets else { return };
        let scale = scene.scale();
        let pipeline = if scene.picture.is_none() {
            &self.pipelines.sheet
        } else if scene.uniform.grid > 0.0
            || scene.uniform.grid < 0.0 && scale > 1.0
            || (scale - 1.0).abs() < 1e-4
        {
            &self.pipelines.tile_sharp
        } else if scale > 1.0 {
            &self.pipelines.tile_enlarged
        } else {
            &self.pipelines.tile_shrunk
        };
        let [r, g, b] = scene.surround.map(f64::from);
        let clear = wgpu::LoadOp::Clear(wgpu::Color { r, g, b, a: 1.0 });
        let load = if part.is_some() { wgpu::LoadOp::Load } else { clear };
        let mut pass = begin(encoder, &targets.base, load);
        let part = part.unwrap_or(PixelRect::whole(targets.size));
        let (width, height) = part.size();
        pass.set_scissor_rect(part.x0, part.y0, width, height);
        pass.set_pipeline(pipeline);
        pass.set_bind_group(0, &self.pipelines.frame_group, &[]);
        if scene.picture.is_some() {
            self.tiles.draw(&mut pass);
        } else {
            pass.draw(0..4, 0..1);
        }
        self.drawn[0] += 1;
    }

    fn patch_mask(&mut self, device: &wgpu::Device, queue: &wgpu::Queue, patch: &Patch) {
        if self.mask.as_ref().is_none_or(|(size, ..)| *size != patch.size) {
            let texture = texture(device, patch.size, wgpu::TextureUsages::empty());
            let view = texture.create_view(&wgpu::TextureViewDescriptor::default());
            self.mask = Some((patch.size, texture, view));
            self.mask_covered = PixelRect::EMPTY;
            self.compose_group = None;
            self.compose_key = None;
        }
        if let Some((_, texture, _)) = &self.mask {
            let at = (patch.rect.x0, patch.rect.y0);
            write(queue, texture, at, patch.rect.size(), &patch.texels);
        }
        self.mask_covered = self.mask_covered.union(patch.covered());
    }

    fn upload_sides(&mut self, device: &wgpu::Device, queue: &wgpu::Queue, scene: &Scene) {
        let wanted: Vec<&Arc<Picture>> = scene.emerging.iter().flatten().flatten().collect();
        let before = self.sides.len();
        self.sides.retain(|have| wanted.iter().any(|picture| Arc::ptr_eq(picture, &have.picture)));
        let mut changed = self.sides.len() != before;
        for picture in wanted {
            if self.sides.iter().any(|have| Arc::ptr_eq(picture, &have.picture)) {
                continue;
            }
            let size = (picture.width, picture.height);
            let texture = texture(device, size, wgpu::TextureUsages::empty());
            write(queue, &texture, (0, 0), size, &picture.rgba);
            let view = texture.create_view(&wgpu::TextureViewDescriptor::default());
            self.sides.push(Uploaded { picture: Arc::clone(picture), view });
            changed = true;
        }
        if changed {
            self.compose_group = None;
        }
    }

    fn compose(
        &mut self,
        device: &wgpu::Device,
        encoder: &mut wgpu::CommandEncoder,
        scene: &Scene,
        part: Option<PixelRect>,
    ) {
        let Some(targets) = &self.targets else { return };
        let sides = scene.emerging.as_ref();
        let view_of = |index: usize| {
            let wanted = sides.and_then(|sides| sides[index].as_ref());
            wanted
                .and_then(|wanted| {
                    self.sides.iter().find(|have| Arc::ptr_eq(&have.picture, wanted))
                })
                .map_or(&self.blank, |have| &have.view)
        };
        let mask = self.mask.as_ref().map_or(&self.blank, |(.., view)| view);
        // The sides change places while the textures stay, so their order is part of the group.
        if part.is_none() {
            self.compose_group = None;
        }
        let group = self.compose_group.get_or_insert_with(|| {
            let views = [&targets.base, view_of(0), view_of(1), mask];
            self.pipelines.group(device, &self.pipelines.compose_layout, &views)
        });
        let (load, part) = if let Some(part) = part {
            (wgpu::LoadOp::Load, part)
        } else {
            let [r, g, b] = scene.surround.map(f64::from);
            let clear = wgpu::LoadOp::Clear(wgpu::Color { r, g, b, a: 1.0 });
            (clear, PixelRect::whole(targets.size))
        };
        let mut pass = begin(encoder, &targets.composed, load);
        let (width, height) = part.size();
        pass.set_scissor_rect(part.x0, part.y0, width, height);
        pass.set_pipeline(self.pipelines.compose(scene.emerging.is_some(), scene.masked));
        pass.set_bind_group(0, &self.pipelines.frame_group, &[]);
        pass.set_bind_group(1, &*group, &[]);
        pass.draw(0..4, 0..1);
        self.drawn[1] += 1;
    }
}

fn begin<'a>(
    encoder: &'a mut wgpu::CommandEncoder,
    view: &wgpu::TextureView,
    load: wgpu::LoadOp<wgpu::Color>,
) -> wgpu::RenderPass<'a> {
    encoder.begin_render_pass(&wgpu::RenderPassDescriptor {
        label: Some("canvas"),
        color_attachments: &[Some(wgpu::RenderPassColorAttachment {
            view,
            depth_slice: None,
            resolve_target: None,
            ops: wgpu::Operations { load, store: wgpu::StoreOp::Store },
        })],
        ..wgpu::RenderPassDescriptor::default()
    })
}

/// A texture of [`FORMAT`] that the shader can read and bytes can be written to.
pub(super) fn texture(
    device: &wgpu::Device,
    (width, height): (u32, u32),
    more: wgpu::TextureUsages,
) -> wgpu::Texture {
    device.create_texture(&wgpu::TextureDescriptor {
        label: Some("canvas"),
        size: wgpu::Extent3d { width, height, depth_or_array_layers: 1 },
        mip_level_count: 1,
        sample_count: 1,
        dimension: wgpu::TextureDimension::D2,
        format: FORMAT,
        usage: wgpu::TextureUsages::TEXTURE_BINDING | wgpu::TextureUsages::COPY_DST | more,
        view_formats: &[],
    })
}

/// Writes RGBA bytes into a part of a texture.
pub(super) fn write(
    queue: &wgpu::Queue,
    texture: &wgpu::Texture,
    (x, y): (u32, u32),
    (width, height): (u32, u32),
    texels: &[u8],
) {
    queue.write_texture(
        wgpu::TexelCopyTextureInfo {
            texture,
            mip_level: 0,
            origin: wgpu::Origin3d { x, y, z: 0 },
            aspect: wgpu::TextureAspect::All,
        },
        texels,
        wgpu::TexelCopyBufferLayout {
            offset: 0,
            bytes_per_row: Some(4 * width),
            rows_per_image: Some(height),
        },
        wgpu::Extent3d { width, height, depth_or_array_layers: 1 },
    );
}
