//! A plane made smaller: each of its tiles with its own halvings, made when they are first seen and
//! brought up to date only where the plane changed.
//!
//! A tile's side is a power of two, so its halvings need none of its neighbours. All texels have
//! their colours multiplied by alpha, so that filters do not bleed what cannot be seen.

use std::collections::HashMap;

use crate::document::plane::{PixelRect, Plane, TILE, TileAt};

/// The deepest level: a tile is one texel.
pub(super) const DEEPEST: usize = TILE.ilog2() as usize;

/// The levels above 0 of the tiles that were seen.
#[derive(Default)]
pub(super) struct Mips {
    chains: HashMap<TileAt, Vec<Box<[u8]>>>,
}

impl Mips {
    pub(super) fn clear(&mut self) {
        self.chains.clear();
    }

    /// Size of a whole level.
    pub(super) fn size((width, height): (u32, u32), level: usize) -> (u32, u32) {
        (width.div_ceil(1 << level), height.div_ceil(1 << level))
    }

    /// Follows a change of the plane. Levels that are not seen now are made anew when they are.
    pub(super) fn changed(&mut self, plane: &Plane<4>, rect: PixelRect, level: usize) {
        for at in plane.tiles_in(rect) {
            if level == 0 || plane.tile(at).is_none() {
                self.chains.remove(&at);
            } else if let Some(chain) = self.chains.get_mut(&at) {
                chain.truncate(level);
                let part = rect.intersection(plane.tile_rect(at));
                for index in 0..chain.len() {
                    halve(plane, at, chain, index, part);
                }
            }
        }
    }

    /// Makes sure that the tiles under `rect` (of level 0) are there at `level`.
    pub(super) fn ensure(&mut self, plane: &Plane<4>, rect: PixelRect, level: usize) {
        if level == 0 {
            return;
        }
        for at in plane.tiles_in(rect) {
            if plane.tile(at).is_none() {
                continue;
            }
            let chain = self.chains.entry(at).or_default();
            while chain.len() < level {
                let side = TILE as usize >> (chain.len() + 1);
                chain.push(vec![0; side * side * 4].into_boxed_slice());
                let index = chain.len() - 1;
                halve(plane, at, chain, index, plane.tile_rect(at));
            }
        }
    }

    /// Adds the texels of a row of a level, which were made sure of, to `out`.
    pub(super) fn row(
        &self,
        plane: &Plane<4>,
        level: usize,
        y: u32,
        columns: std::ops::Range<u32>,
        out: &mut Vec<u8>,
    ) {
        let side = TILE >> level;
        let mut x = columns.start;
        while x < columns.end {
            let count = (side - x % side).min(columns.end - x);
            let at = (x / side, y / side);
            let bytes = count as usize * 4;
            if level == 0 {
                match plane.span(x, y, count) {
                    Some(span) => push_premultiplied(span, out),
                    None => out.resize(out.len() + bytes, 0),
                }
            } else if let Some(texels) = self.chains.get(&at).and_then(|c| c.get(level - 1)) {
                let from = ((y % side) * side + x % side) as usize * 4;
                out.extend_from_slice(&texels[from..from + bytes]);
            } else {
                out.resize(out.len() + bytes, 0);
            }
            x += count;
        }
    }
}

/// Adds pixels of straight alpha with their colours multiplied by it.
fn push_premultiplied(span: &[u8], out: &mut Vec<u8>) {
    let start = out.len();
    out.extend_from_slice(span);
    for pixel in out[start..].chunks_exact_mut(4).filter(|pixel| pixel[3] != 255) {
        let alpha = u16::from(pixel[3]);
        for value in &mut pixel[..3] {
            *value = ((u16::from(*value) * alpha + 127) / 255) as u8;
        }
    }
}

/// Works out the texels of `chain[index]` under `part` (pixels of the plane) from the level below.
fn halve(plane: &Plane<4>, at: TileAt, chain: &mut [Box<[u8]>], index: usize, part: PixelRect) {
    let level = index + 1;
    let whole = plane.tile_rect(at);
    // Within the tile, in texels of the level below.
    let (valid_x, valid_y) = Mips::size(whole.size(), index);
    let (left, top) = (part.x0 - whole.x0, part.y0 - whole.y0);
    let (right, bottom) = (part.x1 - whole.x0, part.y1 - whole.y0);
    let columns = (left >> level) as usize..right.div_ceil(1 << level) as usize;
    let rows = (top >> level) as usize..bottom.div_ceil(1 << level) as usize;
    let (below, this) = chain.split_at_mut(index);
    let below = below.last();
    let (from_side, to_side) = (TILE as usize >> index, TILE as usize >> level);
    let span = 2 * columns.start..(2 * columns.end).min(valid_x as usize);
    let mut source: [Vec<u8>; 2] = [Vec::new(), Vec::new()];
    for row in rows {
        for (offset, line) in source.iter_mut().enumerate() {
            // The last row of an odd size counts twice.
            let y = (2 * row + offset).min(valid_y as usize - 1);
            line.clear();
            if let Some(below) = below {
                let from = y * from_side;
                line.extend_from_slice(&below[(from + span.start) * 4..(from + span.end) * 4]);
            } else if let Some(pixels) =
                plane.span(whole.x0 + span.start as u32, whole.y0 + y as u32, span.len() as u32)
            {
                push_premultiplied(pixels, line);
            }
        }
        let to = (row * to_side + columns.start) * 4;
        let out = &mut this[0][to..to + columns.len() * 4];
        for (out, (top, bottom)) in
            out.chunks_exact_mut(4).zip(source[0].chunks(8).zip(source[1].chunks(8)))
        {
            // So does the last column.
            let right = top.len() - 4;
            for channel in 0..4 {
                let sum = u16::from(top[channel])
                    + u16::from(top[right + channel])
                    + u16::from(bottom[channel])
                    + u16::from(bottom[right + channel]);
                out[channel] = ((sum + 2) / 4) as u8;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn level(mips: &mut Mips, plane: &Plane<4>, level: usize) -> Vec<u8> {
        mips.ensure(plane, PixelRect::whole(plane.size()), level);
        let (width, height) = Mips::size(plane.size(), level);
        let mut out = Vec::new();
        for y in 0..height {
            mips.row(plane, level, y, 0..width, &mut out);
        }
        out
    }

    fn noise(size: (u32, u32)) -> Plane<4> {
        let count = size.0 * size.1 * 4;
        let bytes: Vec<u8> =
            (0..count).map(|i| (i.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
        Plane::from_flat(size, &bytes)
    }

    #[test]
    fn each_texel_is_the_mean_of_four() {
        let bytes: Vec<u8> = (0..5 * 3u8).flat_map(|i| [i * 10, 0, 0, 255]).collect();
        let plane = Plane::from_flat((5, 3), &bytes);
        let found = level(&mut Mips::default(), &plane, 1);
        let reds: Vec<u8> = found.chunks(4).map(|texel| texel[0]).collect();
        // The last column and row count twice.
        assert_eq!(reds, [30, 50, 65, 105, 125, 140]);
    }

    #[test]
    fn colours_count_as_much_as_they_are_seen() {
        let plane = Plane::from_flat((2, 1), &[255, 128, 0, 128, 9, 9, 9, 0]);
        let mut mips = Mips::default();
        assert_eq!(level(&mut mips, &plane, 0), [128, 64, 0, 128, 0, 0, 0, 0]);
        assert_eq!(level(&mut mips, &plane, 1), [64, 32, 0, 64]);
    }

    #[test]
    fn a_part_brought_up_to_date_equals_all_made_anew() {
        for (size, deep) in [((700, 333), 3), ((257, 1), 2), ((512, 512), 8), ((300, 700), 1)] {
            let mut plane = noise(size);
            let mut mips = Mips::default();
            level(&mut mips, &plane, deep);
            let rect = PixelRect { x0: 250, y0: 0, x1: (size.0).min(301), y1: size.1.min(77) };
            let (width, height) = rect.size();
            plane.write(rect, &vec![99; (width * height * 4) as usize]);
            mips.changed(&plane, rect, deep);
            let fresh = level(&mut Mips::default(), &plane, deep);
            assert!(level(&mut mips, &plane, deep) == fresh, "{size:?} at {deep}");
        }
    }
}
