//! The picture on the graphics card: the mip level that is seen, cut into tiles, of which only the
//! visible ones exist. No texture is ever larger than a tile, whatever the picture's size.

use std::collections::HashMap;
use std::sync::Arc;

use super::resample;
use crate::engine::protocol::Picture;

/// Pixels of a tile on each side, without its border.
const TILE_SIDE: u32 = 1024;
/// Pixels that a tile repeats from its neighbours, so that filters see no seam.
const BORDER: u32 = 2;

/// A picture's own key, and where it lies in memory.
pub(super) type PictureKey = (u64, usize);

/// A tile that is drawn as one quad.
struct Tile {
    group: wgpu::BindGroup,
}

/// What a tile tells the shader. See `Tile` in `shader.wgsl`.
#[repr(C)]
#[derive(Clone, Copy, bytemuck::Pod, bytemuck::Zeroable)]
struct TileUniform {
    content: [f32; 4],
    place: [f32; 4],
}

/// The picture's levels and the tiles of the one that is seen.
#[derive(Default)]
pub(super) struct Tiles {
    key: Option<PictureKey>,
    /// Level 0 is the picture; each next one is half as large.
    levels: Vec<Arc<Picture>>,
    shown_level: usize,
    visible: HashMap<(u32, u32), Tile>,
}

impl Tiles {
    /// Forgets everything unless it is of this picture and level.
    pub(super) fn prepare(&mut self, key: PictureKey, picture: &Arc<Picture>, level: usize) {
        if self.key != Some(key) {
            self.key = Some(key);
            self.levels = vec![resample::premultiplied(picture)];
            self.visible.clear();
        }
        if self.shown_level != level {
            self.shown_level = level;
            self.visible.clear();
        }
        while self.levels.len() <= level {
            if let Some(last) = self.levels.last() {
                self.levels.push(Arc::new(resample::halved(last)));
            }
        }
    }

    pub(super) fn clear(&mut self) {
        *self = Self::default();
    }

    /// Makes the tiles that `visible` (image pixels: x0 y0 x1 y1) touches and drops the others.
    pub(super) fn upload(
        &mut self,
        device: &wgpu::Device,
        queue: &wgpu::Queue,
        layout: &wgpu::BindGroupLayout,
        visible: [f32; 4],
    ) {
        let (Some(level), Some(whole)) = (self.levels.get(self.shown_level), self.levels.first())
        else {
            return;
        };
        let scale =
            [whole.width as f32 / level.width as f32, whole.height as f32 / level.height as f32];
        let range = |low: f32, high: f32, scale: f32, side: u32| {
            let last = (side - 1) / TILE_SIDE;
            let tile = |at: f32| ((at / scale).max(0.0) as u32 / TILE_SIDE).min(last);
            tile(low)..=tile(high)
        };
        let columns = range(visible[0], visible[2], scale[0], level.width);
        let rows = range(visible[1], visible[3], scale[1], level.height);
        self.visible.retain(|(x, y), _| columns.contains(x) && rows.contains(y));
        for y in rows {
            for x in columns.clone() {
                self.visible
                    .entry((x, y))
                    .or_insert_with(|| Tile::new(device, queue, layout, level, scale, (x, y)));
            }
        }
    }

    /// Draws the tiles that were made.
    pub(super) fn draw(&self, pass: &mut wgpu::RenderPass<'_>) {
        for tile in self.visible.values() {
            pass.set_bind_group(1, &tile.group, &[]);
            pass.draw(0..4, 0..1);
        }
    }
}

impl Tile {
    fn new(
        device: &wgpu::Device,
        queue: &wgpu::Queue,
        layout: &wgpu::BindGroupLayout,
        level: &Picture,
        scale: [f32; 2],
        (x, y): (u32, u32),
    ) -> Self {
        let (x0, y0) = (x * TILE_SIDE, y * TILE_SIDE);
        let (x1, y1) = ((x0 + TILE_SIDE).min(level.width), (y0 + TILE_SIDE).min(level.height));
        let (width, height) = (x1 - x0 + 2 * BORDER, y1 - y0 + 2 * BORDER);
        let texels = cut(level, [x0, y0], [width, height]);
        let texture = super::gpu::texture(device, (width, height), wgpu::TextureUsages::empty());
        super::gpu::write(queue, &texture, (0, 0), (width, height), &texels);
        let uniform = TileUniform {
            content: [x0, y0, x1, y1].map(|value| value as f32),
            place: [x0 as f32 - BORDER as f32, y0 as f32 - BORDER as f32, scale[0], scale[1]],
        };
        let buffer = device.create_buffer(&wgpu::BufferDescriptor {
            label: Some("canvas tile"),
            size: std::mem::size_of::<TileUniform>() as u64,
            usage: wgpu::BufferUsages::UNIFORM | wgpu::BufferUsages::COPY_DST,
            mapped_at_creation: false,
        });
        queue.write_buffer(&buffer, 0, bytemuck::bytes_of(&uniform));
        let view = texture.create_view(&wgpu::TextureViewDescriptor::default());
        let group = device.create_bind_group(&wgpu::BindGroupDescriptor {
            label: Some("canvas tile"),
            layout,
            entries: &[
                wgpu::BindGroupEntry { binding: 0, resource: buffer.as_entire_binding() },
                wgpu::BindGroupEntry {
                    binding: 1,
                    resource: wgpu::BindingResource::TextureView(&view),
                },
            ],
        });
        Self { group }
    }
}

/// The level that is shown when an image pixel takes `scale` physical pixels: the smallest that is
/// not enlarged.
pub(super) fn level_of(scale: f32, (width, height): (u32, u32)) -> usize {
    let mut level = 0;
    let mut scale = scale;
    while scale <= 0.5 + 1e-4 && (width.max(height) >> level) > 1 {
        scale *= 2.0;
        level += 1;
    }
    level
}

/// The pixels of a tile with its border; beyond the picture its edge goes on.
fn cut(level: &Picture, [x0, y0]: [u32; 2], [width, height]: [u32; 2]) -> Vec<u8> {
    let stride = level.width as usize * 4;
    let mut texels = Vec::with_capacity(width as usize * height as usize * 4);
    let inside =
        |at: u32, side: u32| (i64::from(at) - i64::from(BORDER)).clamp(0, i64::from(side) - 1);
    for row in 0..height {
        let y = inside(y0 + row, level.height) as usize;
        let source = &level.rgba[y * stride..][..stride];
        let pixel = |column: u32| {
            let x = inside(x0 + column, level.width) as usize * 4;
            &source[x..x + 4]
        };
        for column in 0..BORDER {
            texels.extend_from_slice(pixel(column));
        }
        let from = x0 as usize * 4;
        texels.extend_from_slice(&source[from..from + (width - 2 * BORDER) as usize * 4]);
        for column in width - BORDER..width {
            texels.extend_from_slice(pixel(column));
        }
    }
    texels
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn levels_are_never_enlarged_and_never_shrunk_by_more_than_half() {
        let check =
            |scale: f32, expected: usize| assert_eq!(level_of(scale, (4096, 100)), expected);
        check(2.0, 0);
        check(0.7, 0);
        check(0.5, 1);
        check(0.3, 1);
        check(0.02, 5);
        assert_eq!(level_of(0.001, (4, 4)), 2);
    }

    #[test]
    fn a_tile_repeats_its_neighbours_and_the_edge() {
        let rgba = (0..6u8).flat_map(|value| [value, 0, 0, 255]).collect();
        let level = Picture { width: 3, height: 2, rgba };
        let texels = cut(&level, [0, 0], [3 + 4, 2 + 4]);
        let reds: Vec<u8> = texels.chunks(4).map(|pixel| pixel[0]).collect();
        assert_eq!(&reds[..7], [0, 0, 0, 1, 2, 2, 2]);
        assert_eq!(&reds[21..28], [3, 3, 3, 4, 5, 5, 5]);
        assert_eq!(reds.len(), 42);
    }
}
