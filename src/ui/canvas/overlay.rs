//! What the shader needs to show a mask: coverage, feathered coverage and distance to the contour.
//!
//! Kept at the size at which the mask is seen, and brought up to date only where the mask changed.
//! It changes no mask; the feather computed here shows what the engine will do.

use crate::document::mask::{Mask, PixelRect};
use crate::feather::{depths, feathered};

/// How far from the contour distances are known, in texels.
const REACH: i64 = 4;
/// Steps of a stored distance per texel; 128 is the contour itself.
pub(super) const DISTANCE_STEPS: f32 = 31.0;
/// Textures stay within this on each side.
const MOST_SIDE: u32 = 2048;
/// Pixels on each side of what is worked out at once.
const BLOCK: usize = 96;
/// A stored distance that says: far outside, far inside.
const OUTSIDE: u8 = 4;
const INSIDE: u8 = 252;
/// New texels for a part of the mask's texture.
#[derive(Debug)]
pub(super) struct Patch {
    /// Size of the whole texture.
    pub(super) size: (u32, u32),
    /// Which part this is.
    pub(super) rect: PixelRect,
    /// RGBA: coverage, feathered coverage, distance, 255.
    pub(super) texels: Vec<u8>,
}

impl Patch {
    /// The part of the texture in which something is covered, after feathering.
    pub(super) fn covered(&self) -> PixelRect {
        let PixelRect { x0, y0, .. } = self.rect;
        let mut covered = PixelRect::EMPTY;
        let row_texels = self.rect.size().0 as usize;
        for (y, row) in (y0..).zip(self.texels.chunks_exact(4 * row_texels.max(1))) {
            let is_covered = |texel: &[u8]| texel[1] > 0;
            let first = row.chunks_exact(4).position(is_covered);
            let last = row.chunks_exact(4).rposition(is_covered);
            if let (Some(first), Some(last)) = (first, last) {
                let (x0, x1) = (x0 + first as u32, x0 + last as u32 + 1);
                covered = covered.union(PixelRect { x0, y0: y, x1, y1: y + 1 });
            }
        }
        covered
    }
}

/// The mask as it is seen.
#[derive(Default)]
pub(super) struct Overlay {
    seen: Option<Seen>,
    /// Coverage at `level`.
    coverage: Vec<u8>,
    size: (u32, u32),
}

/// What the texture was made from.
#[derive(Clone, Copy, PartialEq)]
struct Seen {
    key: u64,
    feather_px: f32,
    level: u32,
    mask_size: (u32, u32),
}

impl Overlay {
    /// The level that never makes a texture larger than can be had.
    pub(super) fn level_for(size: (u32, u32), wanted: u32) -> u32 {
        // Beyond this a tile of the mask would be less than a texel.
        let mut level = wanted.min(8);
        while size.0.max(size.1) >> level > MOST_SIDE {
            level += 1;
        }
        level
    }

    /// Follows the mask. Returns what changed in the texture.
    pub(super) fn update(&mut self, mask: &Mask, feather_px: f32, level: u32) -> Option<Patch> {
        let now = Seen { key: mask.key(), feather_px, level, mask_size: mask.size() };
        if self.seen == Some(now) {
            return None;
        }
        let (width, height) = mask.size();
        self.size = (width.div_ceil(1 << level), height.div_ceil(1 << level));
        let dirty = self
            .seen
            .filter(|seen| Seen { key: now.key, ..*seen } == now)
            .and_then(|seen| mask.dirty_since(seen.key));
        self.seen = Some(now);
        let dirty = match dirty {
            Some(rect) if rect.is_empty() => return None,
            Some(rect) => PixelRect {
                x0: rect.x0 >> level,
                y0: rect.y0 >> level,
                x1: rect.x1.div_ceil(1 << level),
                y1: rect.y1.div_ceil(1 << level),
            },
            None => {
                self.coverage = vec![0; self.size.0 as usize * self.size.1 as usize];
                PixelRect::whole(self.size)
            }
        };
        self.shrink(mask, level, dirty);
        let feather = feather_px / (1 << level) as f32;
        let reach = (feather.ceil() as u32).max(REACH as u32) + 1;
        let rect = dirty.grown(reach, self.size);
        let texels = self.texels(rect, reach, feather);
        Some(Patch { size: self.size, rect, texels })
    }

    /// Brings the coverage at `level` up to date, tile by tile: a tile's side is a power of two, so
    /// none of the squares that are averaged lies in two of them.
    fn shrink(&mut self, mask: &Mask, level: u32, dirty: PixelRect) {
        let plane = mask.plane();
        let (width, height) = mask.size();
        let pixels = PixelRect {
            x0: dirty.x0 << level,
            y0: dirty.y0 << level,
            x1: (dirty.x1 << level).min(width),
            y1: (dirty.y1 << level).min(height),
        };
        for at in plane.tiles_in(pixels) {
            let part = pixels.intersection(plane.tile_rect(at));
            let columns = part.x0 >> level..part.x1.div_ceil(1 << level);
            for y in part.y0 >> level..part.y1.div_ceil(1 << level) {
                let row = y as usize * self.size.0 as usize;
                let out =
                    &mut self.coverage[row + columns.start as usize..row + columns.end as usize];
                let rows = (y << level)..((y + 1) << level).min(height);
                if plane.tile(at).is_none() {
                    out.fill(0);
                    continue;
                }
                if level == 0 {
                    if let Some(span) = plane.span(part.x0, y, part.size().0) {
                        out.copy_from_slice(span);
                    }
                    continue;
                }
                for (x, out) in columns.clone().zip(out) {
                    let (left, right) = (x << level, ((x + 1) << level).min(width));
                    let count = (right - left) * rows.len() as u32;
                    let line = |y| plane.span(left, y, right - left).unwrap_or_default();
                    let sum: u32 = rows.clone().flat_map(line).map(|value| u32::from(*value)).sum();
                    *out = ((sum + count / 2) / count) as u8;
                }
            }
        }
    }

    /// The texels of `rect`, block by block: most blocks of most masks are wholly in or out.
    fn texels(&self, rect: PixelRect, reach: u32, feather: f32) -> Vec<u8> {
        let (width, height) = rect.size();
        let mut texels = vec![255; width as usize * height as usize * 4];
        for y0 in (rect.y0..rect.y1).step_by(BLOCK) {
            for x0 in (rect.x0..rect.x1).step_by(BLOCK) {
                let x1 = (x0 + BLOCK as u32).min(rect.x1);
                let y1 = (y0 + BLOCK as u32).min(rect.y1);
                let block = PixelRect { x0, y0, x1, y1 };
                let around = block.grown(reach, self.size);
                let plain = self.plain(around);
                let found = plain.is_none().then(|| self.block(block, around, feather));
                let columns = (x1 - x0) as usize * 4;
                for y in y0..y1 {
                    let to = ((y - rect.y0) * width + x0 - rect.x0) as usize * 4;
                    let row = &mut texels[to..to + columns];
                    if let Some(found) = &found {
                        row.copy_from_slice(&found[(y - y0) as usize * columns..][..columns]);
                    } else if plain == Some(0) {
                        row.copy_from_slice(&[0, 0, OUTSIDE, 255].repeat(columns / 4));
                    } else {
                        row.copy_from_slice(&[255, 255, INSIDE, 255].repeat(columns / 4));
                    }
                }
            }
        }
        texels
    }

    /// The coverage of a part that is nothing or everything throughout.
    fn plain(&self, rect: PixelRect) -> Option<u8> {
        let value = self.coverage[(rect.y0 * self.size.0 + rect.x0) as usize];
        let all = (rect.y0..rect.y1).all(|y| {
            let row = (y * self.size.0) as usize;
            let row = &self.coverage[row + rect.x0 as usize..row + rect.x1 as usize];
            // Extremes, because they are found many pixels at a time.
            let low = row.iter().copied().fold(u8::MAX, u8::min);
            let high = row.iter().copied().fold(u8::MIN, u8::max);
            (low, high) == (value, value)
        });
        (all && (value == 0 || value == 255)).then_some(value)
    }

    fn block(&self, rect: PixelRect, around: PixelRect, feather: f32) -> Vec<u8> {
        let distances = contour_distances(&self.coverage, self.size, rect, around);
        let depths = (feather > 0.0).then(|| {
            let rows = around.y0 as usize..around.y1 as usize;
            depths(
                &self.coverage,
                self.size.0 as usize,
                around.x0 as usize..around.x1 as usize,
                rows,
            )
        });
        let (width, height) = rect.size();
        let mut texels = Vec::with_capacity(width as usize * height as usize * 4);
        for y in rect.y0..rect.y1 {
            for x in rect.x0..rect.x1 {
                let coverage = self.coverage[(y * self.size.0 + x) as usize];
                let feathered = depths.as_ref().map_or(coverage, |depths| {
                    let at = (y - around.y0) * around.size().0 + (x - around.x0);
                    feathered(coverage, depths[at as usize], feather)
                });
                let distance = distances[((y - rect.y0) * width + (x - rect.x0)) as usize];
                let distance = (128.0 + distance * DISTANCE_STEPS).clamp(0.0, 255.0) as u8;
                texels.extend([coverage, feathered, distance, 255]);
            }
        }
        texels
    }
}

/// Signed distance (inside positive) of each pixel of `rect` to the half-covered line, up to [`REACH`].
///
/// Every pixel that the line passes close by lays its own straight piece of it around itself; the
/// nearest piece counts. That costs as much as the line is long.
fn contour_distances(
    coverage: &[u8],
    size: (u32, u32),
    rect: PixelRect,
    around: PixelRect,
) -> Vec<f32> {
    let at = |x: i64, y: i64| {
        let x = x.clamp(0, i64::from(size.0) - 1) as usize;
        let y = y.clamp(0, i64::from(size.1) - 1) as usize;
        f32::from(coverage[y * size.0 as usize + x]) / 255.0
    };
    let (width, height) = rect.size();
    let (left, top) = (i64::from(rect.x0), i64::from(rect.y0));
    let mut distances: Vec<f32> = Vec::with_capacity(width as usize * height as usize);
    for y in rect.y0..rect.y1 {
        let row = &coverage[(y * size.0 + rect.x0) as usize..(y * size.0 + rect.x1) as usize];
        let far = REACH as f32;
        distances.extend(row.iter().map(|value| if *value < 128 { -far } else { far }));
    }
    let mut nearest = vec![f32::INFINITY; distances.len()];
    for y in i64::from(around.y0)..i64::from(around.y1) {
        for x in i64::from(around.x0)..i64::from(around.x1) {
            let here = at(x, y);
            let inside = here >= 0.5;
            let crosses = [(1, 0), (-1, 0), (0, 1), (0, -1)]
                .into_iter()
                .any(|(dx, dy)| (at(x + dx, y + dy) >= 0.5) != inside);
            if !crosses {
                continue;
            }
            let (east, west, south, north) =
                (at(x + 1, y), at(x - 1, y), at(x, y + 1), at(x, y - 1));
            let (slope_x, slope_y) = ((east - west) / 2.0, (south - north) / 2.0);
            let slope = slope_x.hypot(slope_y).max(1e-3);
            let normal = (slope_x / slope, slope_y / slope);
            // An antialiased edge is one pixel wide: over two, it would seem half as steep.
            let steep_x = (east - here).abs().max((here - west).abs());
            let steep_y = (south - here).abs().max((here - north).abs());
            let steep = steep_x.hypot(steep_y).max(1e-3);
            // From this pixel's middle to the line, along the slope.
            let shift = ((0.5 - here) / steep).clamp(-1.0, 1.0);
            let columns = (x - REACH).max(left)..=(x + REACH).min(left + i64::from(width) - 1);
            for to_y in (y - REACH).max(top)..=(y + REACH).min(top + i64::from(height) - 1) {
                for to_x in columns.clone() {
                    let (dx, dy) = ((to_x - x) as f32, (to_y - y) as f32);
                    let (near_x, near_y) = (dx - shift * normal.0, dy - shift * normal.1);
                    let apart = near_x * near_x + near_y * near_y;
                    let place = (to_y - top) as usize * width as usize + (to_x - left) as usize;
                    if apart >= nearest[place] {
                        continue;
                    }
                    nearest[place] = apart;
                    // Close by, the piece is a line; further off, a point says it better.
                    let distance = if apart > 2.0 {
                        apart.sqrt()
                    } else {
                        (near_x * normal.0 + near_y * normal.1).abs()
                    };
                    distances[place] = distance.copysign(distances[place]).clamp(-4.0, 4.0);
                }
            }
        }
    }
    distances
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::app::tool::Brush;

    fn disc(side: u32, radius: f32) -> Mask {
        let mut mask = Mask::new(side, side);
        let middle = side as f32 / 2.0;
        let brush = Brush { size_px: radius * 2.0, hardness: 1.0, erases: false };
        mask.begin_stroke([middle, middle], &brush);
        mask.end_stroke();
        mask
    }

    fn texel(patch: &Patch, x: u32, y: u32) -> [u8; 3] {
        let at = 4 * ((y - patch.rect.y0) * patch.rect.size().0 + x - patch.rect.x0) as usize;
        [patch.texels[at], patch.texels[at + 1], patch.texels[at + 2]]
    }

    #[test]
    fn the_feather_fades_inward_only() {
        let mask = disc(100, 30.0);
        let mut overlay = Overlay::default();
        let patch = overlay.update(&mask, 10.0, 0).expect("everything is new");
        assert_eq!(texel(&patch, 50, 50)[1], 255);
        assert_eq!(texel(&patch, 50, 15), [0, 0, 4]);
        let profile: Vec<u8> = (20..34).map(|y| texel(&patch, 50, y)[1]).collect();
        assert!(profile.is_sorted());
        assert!(profile[0] < 12 && (90..160).contains(&profile[4]) && profile[11] == 255);
        for (x, y) in [(50, 19), (19, 50), (82, 50)] {
            assert_eq!(texel(&patch, x, y)[1], 0);
        }
    }

    #[test]
    fn distances_follow_the_circle() {
        let mask = disc(100, 30.0);
        let mut overlay = Overlay::default();
        let patch = overlay.update(&mask, 0.0, 0).expect("everything is new");
        for y in 0..100u32 {
            for x in 0..100u32 {
                let apart = (x as f32 + 0.5 - 50.0).hypot(y as f32 + 0.5 - 50.0);
                let expected = (30.0 - apart).clamp(-4.0, 4.0);
                let found = (f32::from(texel(&patch, x, y)[2]) - 128.0) / DISTANCE_STEPS;
                let tolerance = if expected.abs() < 2.0 { 0.2 } else { 0.5 };
                assert!((found - expected).abs() < tolerance, "{found} for {expected} at {x} {y}");
            }
        }
    }

    #[test]
    fn a_part_equals_the_whole() {
        let brush = Brush { size_px: 12.0, hardness: 0.7, erases: false };
        for (feather, level) in [(0.0, 0), (6.0, 0), (9.0, 1), (9.0, 2)] {
            let mut mask = disc(120, 20.0);
            let mut parts = Overlay::default();
            let first = parts.update(&mask, feather, level).expect("everything is new");
            let mut texture = first.texels;
            let width = first.size.0 as usize;
            mask.begin_stroke([30.0, 40.0], &brush);
            for x in 4..9u8 {
                mask.extend_stroke(&[[f32::from(x) * 10.0, 41.5]], &brush);
                let patch = parts.update(&mask, feather, level).expect("the stroke went on");
                assert!(patch.rect != PixelRect::whole(patch.size));
                let columns = patch.rect.size().0 as usize * 4;
                for (row, texels) in patch.texels.chunks_exact(columns).enumerate() {
                    let to = ((patch.rect.y0 as usize + row) * width + patch.rect.x0 as usize) * 4;
                    texture[to..to + columns].copy_from_slice(texels);
                }
            }
            let whole = Overlay::default().update(&mask, feather, level).expect("all of it");
            assert!(whole.texels == texture, "feather {feather}, level {level}");
        }
    }

    #[test]
    fn nothing_new_is_nothing_to_do() {
        let mask = disc(40, 10.0);
        let mut overlay = Overlay::default();
        assert!(overlay.update(&mask, 3.0, 0).is_some());
        assert!(overlay.update(&mask, 3.0, 0).is_none());
        assert!(overlay.update(&mask, 4.0, 0).is_some());
        assert_eq!(Overlay::level_for((10_000, 50), 0), 3);
        assert_eq!(Overlay::level_for((2048, 50), 0), 0);
    }
}
