//! The picture on the graphics card: the mip level that is seen, cut into tiles, of which only the
//! visible ones exist. No texture is ever larger than a tile, whatever the picture's size, and of
//! what changed only the rectangle that changed is sent.

use std::collections::HashMap;

use super::mips::Mips;
use crate::plane::{DEEPEST, PixelRect, Plane, halved};

/// Pixels of a tile on each side, without its border.
const TILE_SIDE: u32 = 1024;
/// Pixels that a tile repeats from its neighbours, so that filters see no seam.
const BORDER: u32 = 2;

/// A tile that is drawn as one quad.
struct Tile {
    group: wgpu::BindGroup,
    texture: wgpu::Texture,
    /// What the texture holds, in texels of the level; its border may lie beyond the picture.
    bounds: Bounds,
}

/// A half-open rectangle that may reach beyond the picture.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Bounds {
    low: [i64; 2],
    high: [i64; 2],
}

impl Bounds {
    fn intersection(self, other: Self) -> Option<Self> {
        let low = [0, 1].map(|axis| self.low[axis].max(other.low[axis]));
        let high = [0, 1].map(|axis| self.high[axis].min(other.high[axis]));
        (low[0] < high[0] && low[1] < high[1]).then_some(Self { low, high })
    }

    fn size(self) -> (u32, u32) {
        ((self.high[0] - self.low[0]) as u32, (self.high[1] - self.low[1]) as u32)
    }
}

/// What a tile tells the shader. See `Tile` in `shader.wgsl`.
#[repr(C)]
#[derive(Clone, Copy, bytemuck::Pod, bytemuck::Zeroable)]
struct TileUniform {
    content: [f32; 4],
    place: [f32; 4],
}

/// What the card has: the plane's key, and its tiles' keys for when that is not enough.
struct Seen {
    key: u64,
    size: (u32, u32),
    tiles: Vec<u64>,
}

/// What differs from the frame before.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Changed {
    /// Everything may.
    All,
    /// At most these pixels.
    Part(PixelRect),
}

/// The picture's levels and the tiles of the one that is seen.
#[derive(Default)]
pub(super) struct Tiles {
    seen: Option<Seen>,
    mips: Mips,
    level: usize,
    visible: HashMap<(u32, u32), Tile>,
    /// Changes that the visible tiles have not got yet.
    dirty: Vec<PixelRect>,
    /// Bytes sent so far, for tests.
    pub(super) sent: u64,
}

impl Tiles {
    /// Follows the plane. Says what differs from what was followed before.
    pub(super) fn prepare(&mut self, plane: &Plane<4>, level: usize) -> Changed {
        let level = level.min(DEEPEST);
        let mut changed = Changed::Part(PixelRect::EMPTY);
        if self.level != level {
            self.level = level;
            self.visible.clear();
            self.dirty.clear();
            changed = Changed::All;
        }
        let Some(seen) = self.seen.as_mut().filter(|seen| seen.size == plane.size()) else {
            self.visible.clear();
            self.mips.clear();
            self.dirty.clear();
            let all = plane.tiles_in(PixelRect::whole(plane.size()));
            let tiles = all.map(|at| plane.tile_key(at)).collect();
            self.seen = Some(Seen { key: plane.key(), size: plane.size(), tiles });
            return Changed::All;
        };
        if seen.key == plane.key() {
            self.mips.settle(plane);
            return changed;
        }
        let columns = plane.grid().0;
        let known = plane.dirty_since(seen.key);
        let around = known.unwrap_or(PixelRect::whole(plane.size()));
        let mut rects: Vec<PixelRect> = known.into_iter().collect();
        for at in plane.tiles_in(around) {
            let index = at.1 as usize * columns as usize + at.0 as usize;
            let key = plane.tile_key(at);
            if std::mem::replace(&mut seen.tiles[index], key) != key && known.is_none() {
                rects.push(plane.tile_rect(at));
            }
        }
        seen.key = plane.key();
        for rect in &rects {
            self.mips.changed(plane, *rect, level);
        }
        let part = rects.iter().copied().fold(PixelRect::EMPTY, PixelRect::union);
        self.dirty.extend(rects);
        if changed == Changed::All { changed } else { Changed::Part(part) }
    }

    pub(super) fn clear(&mut self) {
        *self = Self { sent: self.sent, ..Self::default() };
    }

    /// Makes the tiles that `visible` (image pixels: x0 y0 x1 y1) touches, drops the others, and
    /// brings those that stay up to date.
    pub(super) fn upload(
        &mut self,
        device: &wgpu::Device,
        queue: &wgpu::Queue,
        layout: &wgpu::BindGroupLayout,
        plane: &Plane<4>,
        visible: [f32; 4],
    ) {
        let whole = plane.size();
        let size = halved(whole, self.level);
        let scale = [whole.0 as f32 / size.0 as f32, whole.1 as f32 / size.1 as f32];
        let range = |low: f32, high: f32, scale: f32, side: u32| {
            let last = (side - 1) / TILE_SIDE;
            let tile = |at: f32| ((at / scale).max(0.0) as u32 / TILE_SIDE).min(last);
            tile(low)..=tile(high)
        };
        let columns = range(visible[0], visible[2], scale[0], size.0);
        let rows = range(visible[1], visible[3], scale[1], size.1);
        self.visible.retain(|(x, y), _| columns.contains(x) && rows.contains(y));
        let mut visible = std::mem::take(&mut self.visible);
        for rect in std::mem::take(&mut self.dirty) {
            let changed = texels_of(rect, self.level, size);
            for tile in visible.values() {
                if let Some(part) = tile.bounds.intersection(changed) {
                    self.send(queue, plane, tile, part);
                }
            }
        }
        for y in rows {
            for x in columns.clone() {
                visible.entry((x, y)).or_insert_with(|| {
                    let tile = Tile::new(device, queue, layout, size, scale, (x, y));
                    self.send(queue, plane, &tile, tile.bounds);
                    tile
                });
            }
        }
        self.visible = visible;
    }

    /// Sends a part of a tile's texels.
    fn send(&mut self, queue: &wgpu::Queue, plane: &Plane<4>, tile: &Tile, part: Bounds) {
        let texels = cut(&mut self.mips, plane, self.level, part);
        self.sent += texels.len() as u64;
        let at = [0, 1].map(|axis| (part.low[axis] - tile.bounds.low[axis]) as u32);
        super::gpu::write(queue, &tile.texture, (at[0], at[1]), part.size(), &texels);
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
        size: (u32, u32),
        scale: [f32; 2],
        (x, y): (u32, u32),
    ) -> Self {
        let (x0, y0) = (x * TILE_SIDE, y * TILE_SIDE);
        let (x1, y1) = ((x0 + TILE_SIDE).min(size.0), (y0 + TILE_SIDE).min(size.1));
        let border = i64::from(BORDER);
        let bounds = Bounds {
            low: [x0, y0].map(|at| i64::from(at) - border),
            high: [x1, y1].map(|at| i64::from(at) + border),
        };
        let texture = super::gpu::texture(device, bounds.size(), wgpu::TextureUsages::empty());
        let uniform = TileUniform {
            content: [x0, y0, x1, y1].map(|value| value as f32),
            place: [bounds.low[0] as f32, bounds.low[1] as f32, scale[0], scale[1]],
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
        Self { group, texture, bounds }
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

/// The texels of a level that pixels of the picture change; at its edge also those beyond, which
/// repeat it.
fn texels_of(rect: PixelRect, level: usize, size: (u32, u32)) -> Bounds {
    let axis = |low: u32, high: u32, side: u32| {
        let (low, high) = (low >> level, high.div_ceil(1 << level));
        let beyond = |at: bool| if at { i64::from(BORDER) } else { 0 };
        (i64::from(low) - beyond(low == 0), i64::from(high) + beyond(high >= side))
    };
    let (x, y) = (axis(rect.x0, rect.x1, size.0), axis(rect.y0, rect.y1, size.1));
    Bounds { low: [x.0, y.0], high: [x.1, y.1] }
}

/// The texels of a part of a level; beyond the picture its edge goes on.
fn cut(mips: &mut Mips, plane: &Plane<4>, level: usize, part: Bounds) -> Vec<u8> {
    let (width, height) = halved(plane.size(), level);
    let inside = |at: i64, side: u32| at.clamp(0, i64::from(side) - 1) as u32;
    let columns = inside(part.low[0], width)..inside(part.high[0] - 1, width) + 1;
    let rows = inside(part.low[1], height)..inside(part.high[1] - 1, height) + 1;
    let pixels = PixelRect {
        x0: columns.start << level,
        y0: rows.start << level,
        x1: (columns.end << level).min(plane.size().0),
        y1: (rows.end << level).min(plane.size().1),
    };
    mips.ensure(plane, pixels, level);
    let (count, lines) = part.size();
    let mut texels = Vec::with_capacity(count as usize * lines as usize * 4);
    let mut line: Vec<u8> = Vec::with_capacity(columns.len() * 4);
    for y in part.low[1]..part.high[1] {
        line.clear();
        mips.row(plane, level, inside(y, height), columns.clone(), &mut line);
        for _ in part.low[0]..part.low[0].max(0).min(part.high[0]) {
            texels.extend_from_slice(&line[..4]);
        }
        let first = part.low[0].max(0);
        let last = part.high[0].min(i64::from(width));
        if first < last {
            texels.extend_from_slice(&line);
        }
        for _ in last.max(part.low[0])..part.high[0] {
            texels.extend_from_slice(&line[line.len() - 4..]);
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
        let rgba: Vec<u8> = (0..6u8).flat_map(|value| [value, 0, 0, 255]).collect();
        let plane = Plane::from_flat((3, 2), &rgba);
        let reds = |low, high| -> Vec<u8> {
            let texels = cut(&mut Mips::default(), &plane, 0, Bounds { low, high });
            texels.chunks(4).map(|pixel| pixel[0]).collect()
        };
        let whole = reds([-2, -2], [5, 4]);
        assert_eq!(&whole[..7], [0, 0, 0, 1, 2, 2, 2]);
        assert_eq!(&whole[21..28], [3, 3, 3, 4, 5, 5, 5]);
        assert_eq!(whole.len(), 42);
        // Parts, as they are sent after a change, are cut out of the same.
        assert_eq!(reds([1, 0], [5, 1]), [1, 2, 2, 2]);
        assert_eq!(reds([-2, 1], [1, 3]), [3, 3, 3, 3, 3, 3]);
    }

    #[test]
    fn what_changed_is_found_by_rectangle_and_by_tile() {
        let mut plane = Plane::<4>::filled((900, 600), [255; 4]);
        let mut tiles = Tiles::default();
        assert_eq!(tiles.prepare(&plane, 0), Changed::All);
        assert_eq!(tiles.prepare(&plane, 0), Changed::Part(PixelRect::EMPTY));
        let before = plane.clone();
        let rect = PixelRect { x0: 500, y0: 10, x1: 520, y1: 20 };
        plane.write(rect, &[7; 800]);
        assert_eq!(tiles.prepare(&plane, 0), Changed::Part(rect));
        // An earlier state knows nothing of what came after it: its tiles tell.
        let around = PixelRect { x0: 256, y0: 0, x1: 768, y1: 256 };
        assert_eq!(tiles.prepare(&before, 0), Changed::Part(around));
        assert_eq!(tiles.prepare(&before, 1), Changed::All);
        assert_eq!(tiles.prepare(&Plane::new((90, 60)), 1), Changed::All);
    }

    #[test]
    fn a_change_at_the_edge_reaches_beyond_it() {
        let rect = PixelRect { x0: 0, y0: 5, x1: 3, y1: 10 };
        let found = texels_of(rect, 0, (100, 10));
        assert_eq!(found, Bounds { low: [-2, 5], high: [3, 12] });
        let found = texels_of(rect, 1, (50, 5));
        assert_eq!(found, Bounds { low: [-2, 2], high: [2, 7] });
    }
}
