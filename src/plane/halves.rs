//! A tile made smaller again and again: each texel of a level is the mean of four of the level
//! below.
//!
//! A tile's side is a power of two, so its halves need none of its neighbours. All texels have their
//! colours multiplied by alpha, so that filters do not bleed what cannot be seen. The canvas reads
//! them; whoever makes many tiles at once makes their halves, too, so that the window's thread need
//! not.

use super::{PixelRect, Plane, TILE, TileAt};

/// The deepest level: a tile is one texel.
pub const DEEPEST: usize = TILE.ilog2() as usize;

/// All levels above 0 of one tile.
#[derive(Debug)]
pub(super) struct Halves {
    /// What of the tile lay inside its plane.
    inside: (u32, u32),
    levels: Vec<Box<[u8]>>,
}

/// Size of a whole level.
#[must_use]
pub fn halved((width, height): (u32, u32), level: usize) -> (u32, u32) {
    (width.div_ceil(1 << level), height.div_ceil(1 << level))
}

/// Adds the next level of a tile to those in `chain`.
pub fn push_level(plane: &Plane<4>, at: TileAt, chain: &mut Vec<Box<[u8]>>) {
    let side = TILE as usize >> (chain.len() + 1);
    chain.push(vec![0; side * side * 4].into_boxed_slice());
    let index = chain.len() - 1;
    halve(plane, at, chain, index, plane.tile_rect(at));
}

impl Plane<4> {
    /// Makes the halves of all tiles that have none yet.
    pub fn make_halves(&self) {
        for (at, _) in self.tiles() {
            self.make_halves_at(at);
        }
    }

    /// Makes one tile's halves, if it has none yet.
    pub fn make_halves_at(&self, at: TileAt) {
        self.keep_halves_at(at, Vec::with_capacity(DEEPEST));
    }

    /// Gives a tile the levels above 0 that somebody made for it; those that are missing are added.
    pub fn keep_halves_at(&self, at: TileAt, mut levels: Vec<Box<[u8]>>) {
        let Some(tile) = self.tile(at) else { return };
        tile.halves.get_or_init(|| {
            while levels.len() < DEEPEST {
                push_level(self, at, &mut levels);
            }
            Halves { inside: self.tile_rect(at).size(), levels }
        });
    }

    /// The levels above 0 of a tile, if they were made.
    #[must_use]
    pub fn halves(&self, at: TileAt) -> Option<&[Box<[u8]>]> {
        let halves = self.tile(at)?.halves.get()?;
        // At a plane's edge the last texels stand for what lies inside only.
        (halves.inside == self.tile_rect(at).size()).then_some(&halves.levels)
    }
}

/// Adds pixels of straight alpha with their colours multiplied by it.
pub fn push_premultiplied(span: &[u8], out: &mut Vec<u8>) {
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
pub fn halve(plane: &Plane<4>, at: TileAt, chain: &mut [Box<[u8]>], index: usize, part: PixelRect) {
    let level = index + 1;
    let whole = plane.tile_rect(at);
    // Within the tile, in texels of the level below.
    let (valid_x, valid_y) = halved(whole.size(), index);
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
            // So does the last column.
            if line.len() % 8 == 4 {
                line.extend_from_within(line.len() - 4..);
            }
        }
        let to = (row * to_side + columns.start) * 4;
        let out = &mut this[0][to..to + columns.len() * 4];
        let (out, _) = out.as_chunks_mut::<4>();
        let pairs = source[0].as_chunks::<8>().0.iter().zip(source[1].as_chunks::<8>().0);
        for (out, (top, bottom)) in out.iter_mut().zip(pairs) {
            *out = mean(*top, *bottom);
        }
    }
}

/// The mean of two pixels over two others, two channels at a time.
fn mean(top: [u8; 8], bottom: [u8; 8]) -> [u8; 4] {
    const EVEN: u64 = 0x00FF_00FF_00FF_00FF;
    const TWO: u64 = 0x0002_0002_0002_0002;
    let (top, bottom) = (u64::from_le_bytes(top), u64::from_le_bytes(bottom));
    let sums = |shift: u32| {
        let sum = (top >> shift & EVEN) + (bottom >> shift & EVEN);
        (((sum + (sum >> 32) + TWO) >> 2) & EVEN) as u32
    };
    (sums(0) | sums(8) << 8).to_le_bytes()
}
