//! A plane of pixels in tiles that clones share until one side changes them.
//!
//! The raster (four bytes a pixel) and the mask (one byte) are made of it. Whoever keeps old states
//! keeps clones: a clone costs a pointer a tile, and two clones differ exactly in the tiles whose
//! keys differ. It knows nothing of brushes and files.

use std::collections::VecDeque;
use std::fmt;
use std::sync::Arc;

use super::codec::LONGEST_SIDE;
use super::document::fresh_key;

/// Pixels of a tile on each side.
pub const TILE: u32 = 256;
/// Changes that are remembered by rectangle; who lags behind further compares tiles.
const REMEMBERED_CHANGES: usize = 256;

/// A half-open rectangle of pixels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PixelRect {
    /// Left edge.
    pub x0: u32,
    /// Top edge.
    pub y0: u32,
    /// Right edge, exclusive.
    pub x1: u32,
    /// Bottom edge, exclusive.
    pub y1: u32,
}

impl PixelRect {
    /// No pixels.
    pub const EMPTY: Self = Self { x0: 0, y0: 0, x1: 0, y1: 0 };

    /// All pixels of a picture.
    #[must_use]
    pub fn whole((width, height): (u32, u32)) -> Self {
        Self { x0: 0, y0: 0, x1: width, y1: height }
    }

    /// Whether there are no pixels in it.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.x0 >= self.x1 || self.y0 >= self.y1
    }

    /// The smallest rectangle around both.
    #[must_use]
    pub fn union(self, other: Self) -> Self {
        if self.is_empty() {
            return other;
        }
        if other.is_empty() {
            return self;
        }
        Self {
            x0: self.x0.min(other.x0),
            y0: self.y0.min(other.y0),
            x1: self.x1.max(other.x1),
            y1: self.y1.max(other.y1),
        }
    }

    /// What lies in both.
    #[must_use]
    pub fn intersection(self, other: Self) -> Self {
        let both = Self {
            x0: self.x0.max(other.x0),
            y0: self.y0.max(other.y0),
            x1: self.x1.min(other.x1),
            y1: self.y1.min(other.y1),
        };
        if both.is_empty() { Self::EMPTY } else { both }
    }

    /// Grown by `by` on every side, inside a picture of `size`.
    #[must_use]
    pub fn grown(self, by: u32, (width, height): (u32, u32)) -> Self {
        if self.is_empty() {
            return self;
        }
        Self {
            x0: self.x0.saturating_sub(by),
            y0: self.y0.saturating_sub(by),
            x1: (self.x1 + by).min(width),
            y1: (self.y1 + by).min(height),
        }
    }

    /// Width and height.
    #[must_use]
    pub fn size(&self) -> (u32, u32) {
        (self.x1.saturating_sub(self.x0), self.y1.saturating_sub(self.y0))
    }
}

/// Column and row of a tile.
pub type TileAt = (u32, u32);

/// A square of [`TILE`] pixels a side; what of it lies beyond the plane means nothing.
#[derive(Clone)]
pub struct Tile<const N: usize> {
    key: u64,
    bytes: Box<[u8]>,
}

impl<const N: usize> Tile<N> {
    /// Changes with the content. Equal keys mean equal bytes, across the process.
    #[must_use]
    pub fn key(&self) -> u64 {
        self.key
    }

    /// `N * TILE * TILE` bytes, rows from the top.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// A tile that was stored under its key. [`super::document::reserve_keys`] must have kept the
    /// key from being given again.
    ///
    /// # Errors
    /// It has another length.
    pub fn stored(key: u64, bytes: Box<[u8]>) -> Result<Self, PlaneError> {
        if bytes.len() != Self::BYTES {
            return Err(PlaneError::Length(bytes.len(), Self::BYTES));
        }
        Ok(Self { key, bytes })
    }

    fn of(bytes: Box<[u8]>) -> Self {
        Self { key: fresh_key(), bytes }
    }

    fn empty() -> Self {
        Self::of(vec![0; Self::BYTES].into_boxed_slice())
    }

    const BYTES: usize = N * TILE as usize * TILE as usize;
}

impl<const N: usize> fmt::Debug for Tile<N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Tile({})", self.key)
    }
}

/// Why stored tiles make no plane.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PlaneError {
    /// The size is nothing or more than a canvas may have.
    #[error("A canvas of {0} × {1} pixels cannot be made")]
    Size(u32, u32),
    /// A tile lies outside.
    #[error("A stored tile lies outside the canvas, at {0}, {1}")]
    Place(u32, u32),
    /// A tile has too few or too many bytes.
    #[error("A stored tile has {0} bytes where {1} belong")]
    Length(usize, usize),
}

/// `N` bytes a pixel, in tiles; a tile that is all zero need not exist.
#[derive(Clone, Debug)]
pub struct Plane<const N: usize> {
    size: (u32, u32),
    /// Row by row.
    tiles: Vec<Option<Arc<Tile<N>>>>,
    key: u64,
    /// What changed, with the key from before it; oldest first.
    changes: VecDeque<(u64, PixelRect)>,
}

impl<const N: usize> Plane<N> {
    /// A plane of zeros.
    #[must_use]
    pub fn new(size: (u32, u32)) -> Self {
        let count = size.0.div_ceil(TILE) as usize * size.1.div_ceil(TILE) as usize;
        Self { size, tiles: vec![None; count], key: fresh_key(), changes: VecDeque::new() }
    }

    /// A plane of one colour. All its tiles are the same one until something changes.
    #[must_use]
    pub fn filled(size: (u32, u32), pixel: [u8; N]) -> Self {
        let mut plane = Self::new(size);
        plane.fill(pixel);
        plane
    }

    /// A plane from bytes row by row; what is missing is zero.
    #[must_use]
    pub fn from_flat(size: (u32, u32), bytes: &[u8]) -> Self {
        let mut plane = Self::new(size);
        let stride = size.0 as usize * N;
        for index in 0..plane.tiles.len() {
            let rect = plane.tile_rect(plane.place(index));
            let span = rect.x0 as usize * N..rect.x1 as usize * N;
            let row = |y: u32| {
                let line = bytes.get(y as usize * stride..).unwrap_or_default();
                line.get(span.clone()).unwrap_or_default()
            };
            if (rect.y0..rect.y1).all(|y| row(y).iter().all(|byte| *byte == 0)) {
                continue;
            }
            let mut tile = Tile::empty();
            for y in rect.y0..rect.y1 {
                let to = (y - rect.y0) as usize * TILE as usize * N;
                tile.bytes[to..to + row(y).len()].copy_from_slice(row(y));
            }
            plane.tiles[index] = Some(Arc::new(tile));
        }
        plane
    }

    /// A plane of tiles that others may share.
    ///
    /// # Errors
    /// [`PlaneError`] when size or places cannot be right.
    pub fn from_tiles(
        size: (u32, u32),
        tiles: impl IntoIterator<Item = (TileAt, Arc<Tile<N>>)>,
    ) -> Result<Self, PlaneError> {
        let sides = 1..=LONGEST_SIDE;
        if !sides.contains(&size.0) || !sides.contains(&size.1) {
            return Err(PlaneError::Size(size.0, size.1));
        }
        let mut plane = Self::new(size);
        for (at, tile) in tiles {
            let index = plane.index(at).ok_or(PlaneError::Place(at.0, at.1))?;
            plane.tiles[index] = Some(tile);
        }
        Ok(plane)
    }

    /// Bytes of the tiles that the other plane does not share.
    #[must_use]
    pub fn bytes_apart(&self, other: Option<&Self>) -> usize {
        let other = other.filter(|other| other.size == self.size);
        let apart = self
            .tiles()
            .filter(|(at, tile)| other.is_none_or(|other| other.tile_key(*at) != tile.key()));
        apart.count() * Tile::<N>::BYTES
    }

    /// All bytes, row by row.
    #[must_use]
    pub fn to_flat(&self) -> Vec<u8> {
        self.read(PixelRect::whole(self.size))
    }

    /// Width and height in pixels.
    #[must_use]
    pub fn size(&self) -> (u32, u32) {
        self.size
    }

    /// Changes with the content. Equal keys mean equal content, across the process.
    #[must_use]
    pub fn key(&self) -> u64 {
        self.key
    }

    /// Columns and rows of tiles.
    #[must_use]
    pub fn grid(&self) -> (u32, u32) {
        (self.size.0.div_ceil(TILE), self.size.1.div_ceil(TILE))
    }

    /// A tile; `None` is all zero, or outside.
    #[must_use]
    pub fn tile(&self, at: TileAt) -> Option<&Arc<Tile<N>>> {
        self.tiles[self.index(at)?].as_ref()
    }

    /// A tile's key; 0 where it is all zero.
    #[must_use]
    pub fn tile_key(&self, at: TileAt) -> u64 {
        self.tile(at).map_or(0, |tile| tile.key)
    }

    /// All tiles that exist.
    pub fn tiles(&self) -> impl Iterator<Item = (TileAt, &Arc<Tile<N>>)> {
        let tiles = self.tiles.iter().enumerate();
        tiles.filter_map(|(index, tile)| Some((self.place(index), tile.as_ref()?)))
    }

    /// The pixels of a tile that lie inside the plane.
    #[must_use]
    pub fn tile_rect(&self, (column, row): TileAt) -> PixelRect {
        let (x0, y0) = (column * TILE, row * TILE);
        let (x1, y1) = ((x0 + TILE).min(self.size.0), (y0 + TILE).min(self.size.1));
        PixelRect { x0, y0, x1, y1 }
    }

    /// The tiles that a rectangle touches.
    pub fn tiles_in(&self, rect: PixelRect) -> impl Iterator<Item = TileAt> + use<N> {
        let rect = rect.intersection(PixelRect::whole(self.size));
        let columns = rect.x0 / TILE..rect.x1.div_ceil(TILE);
        let rows = rect.y0 / TILE..rect.y1.div_ceil(TILE);
        rows.flat_map(move |row| columns.clone().map(move |column| (column, row)))
    }

    /// A pixel; zeros outside.
    #[must_use]
    pub fn pixel(&self, x: u32, y: u32) -> [u8; N] {
        let mut pixel = [0; N];
        if x < self.size.0
            && let Some(bytes) = self.span(x, y, 1)
        {
            pixel.copy_from_slice(bytes);
        }
        pixel
    }

    /// The bytes of `count` pixels from `x` that lie in one tile; `None` is zeros.
    #[must_use]
    pub fn span(&self, x: u32, y: u32, count: u32) -> Option<&[u8]> {
        let tile = self.tile((x / TILE, y / TILE))?;
        let from = ((y % TILE) * TILE + x % TILE) as usize * N;
        Some(&tile.bytes[from..from + count as usize * N])
    }

    /// The bytes of a rectangle inside the plane, row by row.
    #[must_use]
    pub fn read(&self, rect: PixelRect) -> Vec<u8> {
        let rect = rect.intersection(PixelRect::whole(self.size));
        let (width, height) = rect.size();
        let mut bytes = Vec::with_capacity(width as usize * height as usize * N);
        for y in rect.y0..rect.y1 {
            let mut x = rect.x0;
            while x < rect.x1 {
                let count = (TILE - x % TILE).min(rect.x1 - x);
                match self.span(x, y, count) {
                    Some(span) => bytes.extend_from_slice(span),
                    None => bytes.resize(bytes.len() + count as usize * N, 0),
                }
                x += count;
            }
        }
        bytes
    }

    /// Writes the bytes of a rectangle inside the plane, row by row.
    pub fn write(&mut self, rect: PixelRect, bytes: &[u8]) {
        let stride = rect.size().0 as usize * N;
        self.edit(rect, |x, y, row| {
            let from = (y - rect.y0) as usize * stride + (x - rect.x0) as usize * N;
            if let Some(new) = bytes.get(from..from + row.len()) {
                row.copy_from_slice(new);
            }
        });
        self.log(rect);
    }

    /// Gives every pixel this value.
    pub fn fill(&mut self, pixel: [u8; N]) {
        let tile = pixel
            .iter()
            .any(|byte| *byte != 0)
            .then(|| Arc::new(Tile::of(pixel.repeat((TILE * TILE) as usize).into_boxed_slice())));
        self.tiles.fill(tile);
        self.log(PixelRect::whole(self.size));
    }

    /// The pixels that may differ between the content that had `key` and now. `None`: it is not
    /// known; compare the tiles' keys.
    #[must_use]
    pub fn dirty_since(&self, key: u64) -> Option<PixelRect> {
        if key == self.key {
            return Some(PixelRect::EMPTY);
        }
        let first = self.changes.iter().position(|(before, _)| *before == key)?;
        let changed = self.changes.iter().skip(first).map(|(_, rect)| *rect);
        Some(changed.fold(PixelRect::EMPTY, PixelRect::union))
    }

    /// Changes every tile of its own; tiles that do not exist come as zeros. For whole changes such
    /// as an inversion.
    pub(super) fn map(&mut self, change: impl Fn(&mut [u8])) {
        let mut empty: Option<Arc<Tile<N>>> = None;
        for tile in &mut self.tiles {
            if let Some(tile) = tile {
                let tile = Arc::make_mut(tile);
                change(&mut tile.bytes);
                tile.key = fresh_key();
                continue;
            }
            // What was empty becomes one tile for all of them, so that it costs nothing.
            let made = empty.get_or_insert_with(|| {
                let mut made = Tile::empty();
                change(&mut made.bytes);
                Arc::new(made)
            });
            *tile = Some(Arc::clone(made));
        }
        self.log(PixelRect::whole(self.size));
    }

    /// Hands out the rows of a rectangle, cut at the tiles' edges, with the place they begin at.
    /// The caller says what changed with [`Self::log`].
    pub(super) fn edit(&mut self, rect: PixelRect, mut change: impl FnMut(u32, u32, &mut [u8])) {
        for at in self.tiles_in(rect) {
            let part = rect.intersection(self.tile_rect(at));
            let Some(index) = self.index(at) else { continue };
            let tile = self.tiles[index].get_or_insert_with(|| Arc::new(Tile::empty()));
            let tile = Arc::make_mut(tile);
            tile.key = fresh_key();
            for y in part.y0..part.y1 {
                let from = ((y % TILE) * TILE + part.x0 % TILE) as usize * N;
                let to = from + part.size().0 as usize * N;
                change(part.x0, y, &mut tile.bytes[from..to]);
            }
        }
    }

    /// Remembers a change.
    pub(super) fn log(&mut self, rect: PixelRect) {
        if self.changes.len() == REMEMBERED_CHANGES {
            self.changes.pop_front();
        }
        self.changes.push_back((self.key, rect));
        self.key = fresh_key();
    }

    /// Takes the tiles under `rect`, keys and all, from an earlier state that differs only there.
    pub(super) fn restore(&mut self, earlier: &Self, rect: PixelRect) {
        for at in self.tiles_in(rect) {
            if let Some(index) = self.index(at) {
                self.tiles[index].clone_from(&earlier.tiles[index]);
            }
        }
        self.log(rect);
        self.key = earlier.key;
    }

    /// Forgets tiles under `rect` that have become all zero.
    pub(super) fn trim(&mut self, rect: PixelRect) {
        for at in self.tiles_in(rect) {
            if let Some(index) = self.index(at)
                && let Some(tile) = &self.tiles[index]
                && tile.bytes.iter().all(|byte| *byte == 0)
            {
                self.tiles[index] = None;
            }
        }
    }

    fn index(&self, (column, row): TileAt) -> Option<usize> {
        let (columns, rows) = self.grid();
        (column < columns && row < rows).then(|| row as usize * columns as usize + column as usize)
    }

    fn place(&self, index: usize) -> TileAt {
        let columns = self.grid().0;
        (index as u32 % columns, index as u32 / columns)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn noise(count: usize) -> Vec<u8> {
        (0..count as u32).map(|i| (i.wrapping_mul(2_654_435_761) >> 24) as u8).collect()
    }

    #[test]
    fn flat_bytes_come_back() {
        for size in [(1, 1), (256, 256), (257, 255), (700, 300)] {
            let bytes = noise(size.0 as usize * size.1 as usize * 4);
            let plane = Plane::<4>::from_flat(size, &bytes);
            assert_eq!(plane.to_flat(), bytes, "{size:?}");
            let (x, y) = (size.0 - 1, size.1 - 1);
            assert_eq!(plane.pixel(x, y), bytes[bytes.len() - 4..]);
            assert_eq!(plane.pixel(size.0, 0), [0; 4]);
        }
    }

    #[test]
    fn zeros_take_no_tile_and_one_colour_takes_one() {
        let mut bytes = vec![0; 600 * 300];
        bytes[599] = 9;
        let plane = Plane::<1>::from_flat((600, 300), &bytes);
        assert_eq!(plane.tiles().map(|(at, _)| at).collect::<Vec<_>>(), [(2, 0)]);
        let white = Plane::filled((600, 300), [255u8; 4]);
        let first = white.tile_key((0, 0));
        assert!(first != 0 && white.tiles().all(|(_, tile)| tile.key() == first));
        assert_eq!(white.tiles().count(), 6);
    }

    #[test]
    fn clones_share_until_one_side_changes() {
        let before = Plane::<1>::from_flat((600, 600), &noise(360_000));
        let mut after = before.clone();
        let rect = PixelRect { x0: 250, y0: 10, x1: 260, y1: 12 };
        after.write(rect, &[7; 20]);
        let changed = |at| before.tile_key(at) != after.tile_key(at);
        let all: Vec<TileAt> = after.tiles_in(PixelRect::whole(after.size())).collect();
        assert_eq!(all.len(), 9);
        assert_eq!(all.into_iter().filter(|at| changed(*at)).collect::<Vec<_>>(), [(0, 0), (1, 0)]);
        assert_eq!(after.read(rect), [7; 20]);
        assert_ne!(before.read(rect), [7; 20]);
        assert_eq!(after.dirty_since(before.key()), Some(rect));
        assert_eq!(before.dirty_since(after.key()), None);
    }

    #[test]
    fn restoring_brings_bytes_and_keys_back() {
        let before = Plane::<4>::from_flat((300, 300), &noise(360_000));
        let mut plane = before.clone();
        let rect = PixelRect { x0: 0, y0: 0, x1: 300, y1: 2 };
        plane.write(rect, &[1; 2400]);
        let middle = plane.key();
        plane.restore(&before, rect);
        assert_eq!(plane.key(), before.key());
        assert_eq!(plane.to_flat(), before.to_flat());
        assert!(plane.tiles().zip(before.tiles()).all(|(a, b)| a.1.key() == b.1.key()));
        assert_eq!(plane.dirty_since(middle), Some(rect));
    }

    #[test]
    fn stored_tiles_make_the_same_plane_and_wrong_ones_none() {
        let plane = Plane::<1>::from_flat((300, 520), &noise(156_000));
        let stored = plane.tiles().map(|(at, tile)| {
            let tile = Tile::stored(tile.key(), tile.bytes().into()).expect("its own length");
            (at, Arc::new(tile))
        });
        let again = Plane::<1>::from_tiles((300, 520), stored).expect("a plane");
        assert_eq!(again.to_flat(), plane.to_flat());
        assert_eq!((again.bytes_apart(Some(&plane)), again.bytes_apart(None)), (0, 6 * 65_536));
        let check = |size, at, expected| {
            let tile = Arc::new(Tile::<1>::empty());
            assert_eq!(Plane::from_tiles(size, [(at, tile)]).err(), expected);
        };
        check((300, 300), (1, 1), None);
        check((300, 300), (2, 0), Some(PlaneError::Place(2, 0)));
        check((300, 300), (u32::MAX, u32::MAX), Some(PlaneError::Place(u32::MAX, u32::MAX)));
        check((0, 300), (0, 0), Some(PlaneError::Size(0, 300)));
        check((1 << 20, 1 << 20), (0, 0), Some(PlaneError::Size(1 << 20, 1 << 20)));
        let short = Tile::<1>::stored(1, vec![0; 65_535].into()).err();
        assert_eq!(short, Some(PlaneError::Length(65_535, 65_536)));
    }
}
