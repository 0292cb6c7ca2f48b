//! A plane made smaller, tile by tile. Tiles that were made beside the window's thread bring their
//! halves with them; those of the others, which strokes drew, are made when they are first seen and
//! brought up to date only where the plane changed.

use std::collections::HashMap;

use crate::plane::{PixelRect, Plane, TILE, TileAt, halve, push_level, push_premultiplied};

/// The levels above 0 of the tiles that were seen and did not bring their own.
#[derive(Default)]
pub(in crate::ui) struct Mips {
    chains: HashMap<TileAt, Vec<Box<[u8]>>>,
}

impl Mips {
    pub(in crate::ui) fn clear(&mut self) {
        self.chains.clear();
    }

    /// Follows a change of the plane. Levels that are not seen now are made anew when they are.
    pub(in crate::ui) fn changed(&mut self, plane: &Plane<4>, rect: PixelRect, level: usize) {
        for at in plane.tiles_in(rect) {
            if level == 0 || plane.tile(at).is_none() || plane.halves(at).is_some() {
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

    /// Leaves what was made to the tiles themselves: they are at rest, and whoever shows them again,
    /// after another picture or an undo, finds it there.
    pub(in crate::ui) fn settle(&mut self, plane: &Plane<4>) {
        for (at, levels) in self.chains.drain() {
            plane.keep_halves_at(at, levels);
        }
    }

    /// Makes sure that the tiles under `rect` (of level 0) are there at `level`.
    pub(in crate::ui) fn ensure(&mut self, plane: &Plane<4>, rect: PixelRect, level: usize) {
        if level == 0 {
            return;
        }
        for at in plane.tiles_in(rect) {
            if plane.tile(at).is_none() || plane.halves(at).is_some() {
                continue;
            }
            let chain = self.chains.entry(at).or_default();
            while chain.len() < level {
                push_level(plane, at, chain);
            }
        }
    }

    fn level<'a>(&'a self, plane: &'a Plane<4>, at: TileAt, level: usize) -> Option<&'a [u8]> {
        let own = || self.chains.get(&at)?.get(level - 1);
        plane.halves(at).and_then(|levels| levels.get(level - 1)).or_else(own).map(|l| &**l)
    }

    /// Adds the texels of a row of a level, which were made sure of, to `out`.
    pub(in crate::ui) fn row(
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
            } else if let Some(texels) = self.level(plane, at, level) {
                let from = ((y % side) * side + x % side) as usize * 4;
                out.extend_from_slice(&texels[from..from + bytes]);
            } else {
                out.resize(out.len() + bytes, 0);
            }
            x += count;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plane::halved;

    fn level(mips: &mut Mips, plane: &Plane<4>, level: usize) -> Vec<u8> {
        mips.ensure(plane, PixelRect::whole(plane.size()), level);
        let (width, height) = halved(plane.size(), level);
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
