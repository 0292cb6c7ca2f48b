//! A plane of pixels in tiles that clones share until one side changes them.
//!
//! Everything large is one: the document's raster and a finished picture (four bytes a pixel), the
//! mask (one byte). A clone costs nothing, whatever its size, so that requests, results, old states
//! and what is shown can each hold one; two clones differ exactly in the tiles whose keys differ.
//! Plain data, known to all rooms; it knows nothing of brushes and files.

mod halves;
mod rect;
#[cfg(test)]
mod tests;
mod tile;

use std::collections::VecDeque;
use std::sync::Arc;

pub use halves::{DEEPEST, halve, halved, push_level, push_premultiplied};
pub use rect::PixelRect;
pub(crate) use tile::fresh_key;
pub use tile::{Source, Tile, reserve_keys};

use crate::types::{Coverage, Picture};

/// Pixels of a tile on each side.
pub const TILE: u32 = 256;
/// The longest side that a canvas may have, in pixels. One of 16,384² has 1 GiB of colours.
pub const LONGEST_SIDE: u32 = 16_384;
/// Tiles that are looked for in several places, at most.
const SHARED_TILES: usize = 16;
/// Changes that are remembered by rectangle; who lags behind further compares tiles.
const REMEMBERED_CHANGES: usize = 256;

/// Column and row of a tile.
pub type TileAt = (u32, u32);

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
    tiles: Arc<Vec<Option<Arc<Tile<N>>>>>,
    key: u64,
    /// What changed, with the key from before it; oldest first.
    changes: Arc<VecDeque<(u64, PixelRect)>>,
}

impl<const N: usize> Plane<N> {
    /// A plane of zeros.
    #[must_use]
    pub fn new(size: (u32, u32)) -> Self {
        let count = size.0.div_ceil(TILE) as usize * size.1.div_ceil(TILE) as usize;
        Self { size, tiles: Arc::new(vec![None; count]), key: fresh_key(), changes: Arc::default() }
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
        let tiles = (0..plane.tiles.len()).map(|index| {
            let rect = plane.tile_rect(plane.place(index));
            let span = rect.x0 as usize * N..rect.x1 as usize * N;
            let rows = (rect.y0 as usize..rect.y1 as usize).map(|y| {
                let line = bytes.get(y * stride..).unwrap_or_default();
                line.get(span.clone()).unwrap_or_default()
            });
            Tile::of_rows(rows).map(Arc::new)
        });
        plane.tiles = Arc::new(tiles.collect());
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
        let mut places = vec![None; plane.tiles.len()];
        for (at, tile) in tiles {
            let index = plane.index(at).ok_or(PlaneError::Place(at.0, at.1))?;
            places[index] = Some(tile);
        }
        plane.tiles = Arc::new(places);
        Ok(plane)
    }

    /// Bytes of the tiles that the other plane does not share.
    #[must_use]
    pub fn bytes_apart(&self, other: Option<&Self>) -> usize {
        let Some(other) = other.filter(|other| other.size == self.size) else {
            return self.tiles().count() * Tile::<N>::BYTES;
        };
        if Arc::ptr_eq(&self.tiles, &other.tiles) {
            return 0;
        }
        // By place in memory first: of what is shared, nothing but the two lists is looked at.
        let pairs = self.tiles.iter().zip(other.tiles.iter());
        let apart = pairs.filter(|(own, other)| match (own, other) {
            (Some(own), Some(other)) => !Arc::ptr_eq(own, other) && own.key() != other.key(),
            (own, _) => own.is_some(),
        });
        apart.count() * Tile::<N>::BYTES
    }

    /// Whether every pixel is zero.
    #[must_use]
    pub fn is_zero(&self) -> bool {
        self.tiles().all(|(at, _)| self.is_zero_in(self.tile_rect(at)))
    }

    /// Whether every pixel of a rectangle is zero.
    #[must_use]
    pub fn is_zero_in(&self, rect: PixelRect) -> bool {
        self.tiles_in(rect).all(|at| {
            let part = rect.intersection(self.tile_rect(at));
            (part.y0..part.y1).all(|y| {
                let span = self.span(part.x0, y, part.size().0);
                span.is_none_or(|span| span.iter().all(|byte| *byte == 0))
            })
        })
    }

    /// The smallest rectangle with all pixels that are not zero.
    #[must_use]
    pub fn bounds(&self) -> PixelRect {
        self.tiles().fold(PixelRect::EMPTY, |bounds, (at, _)| {
            let rect = self.tile_rect(at);
            // Whatever a tile has in the middle of the others changes nothing.
            if bounds.union(rect) == bounds {
                return bounds;
            }
            let row = |y| self.span(rect.x0, y, rect.size().0).unwrap_or_default();
            let rows = (rect.y0..rect.y1).filter_map(|y| {
                let painted = |pixel: &[u8]| pixel.iter().any(|byte| *byte != 0);
                let first = row(y).chunks_exact(N).position(painted)? as u32;
                let last = row(y).chunks_exact(N).rposition(painted)? as u32;
                Some(PixelRect { x0: rect.x0 + first, y0: y, x1: rect.x0 + last + 1, y1: y + 1 })
            });
            rows.fold(bounds, PixelRect::union)
        })
    }

    /// A part as a plane of its own.
    #[must_use]
    pub fn cut(&self, rect: PixelRect) -> Self {
        let rect = rect.intersection(PixelRect::whole(self.size));
        Self::from_flat(rect.size(), &self.read(rect))
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
        self.tile(at).map_or(0, |tile| tile.key())
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
        Some(&tile.bytes()[from..from + count as usize * N])
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
        self.tiles = Arc::new(vec![tile; self.tiles.len()]);
        self.log(PixelRect::whole(self.size));
    }

    /// Gives every pixel of a rectangle this value; tiles that lie wholly in it are one.
    pub fn fill_rect(&mut self, rect: PixelRect, pixel: [u8; N]) {
        let rect = rect.intersection(PixelRect::whole(self.size));
        let whole = Self::filled((TILE, TILE), pixel);
        for at in self.tiles_in(rect) {
            let part = rect.intersection(self.tile_rect(at));
            if part != self.tile_rect(at) {
                self.edit(part, |_, _, row| {
                    row.chunks_exact_mut(N).for_each(|place| place.copy_from_slice(&pixel));
                });
            } else if let Some(index) = self.index(at) {
                Arc::make_mut(&mut self.tiles)[index].clone_from(&whole.tiles[0]);
            }
        }
        self.log(rect);
        if pixel == [0; N] {
            self.trim(rect);
        }
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

    /// Changes every tile; those that do not exist come as zeros. For whole changes such as an
    /// inversion. What was one tile in many places stays one.
    pub(crate) fn map(&mut self, change: impl Fn(&mut [u8])) {
        let mut shared: Vec<(u64, Arc<Tile<N>>)> = Vec::new();
        for place in Arc::make_mut(&mut self.tiles) {
            let key = place.as_ref().map_or(0, |tile| tile.key());
            if let Some((_, made)) = shared.iter().find(|(known, _)| *known == key) {
                *place = Some(Arc::clone(made));
                continue;
            }
            let mut tile = place.take().unwrap_or_else(|| Arc::new(Tile::empty()));
            // One that lies in one place only will not come again.
            let comes_again = key == 0 || Arc::strong_count(&tile) > 1;
            change(Arc::make_mut(&mut tile).change());
            if comes_again && shared.len() < SHARED_TILES {
                shared.push((key, Arc::clone(&tile)));
            }
            *place = Some(tile);
        }
        self.log(PixelRect::whole(self.size));
    }

    /// Hands out the rows of a rectangle, cut at the tiles' edges, with the place they begin at.
    /// The caller says what changed with [`Self::log`].
    pub(crate) fn edit(&mut self, rect: PixelRect, mut change: impl FnMut(u32, u32, &mut [u8])) {
        for at in self.tiles_in(rect) {
            let part = rect.intersection(self.tile_rect(at));
            let Some(index) = self.index(at) else { continue };
            let place = &mut Arc::make_mut(&mut self.tiles)[index];
            let tile = place.get_or_insert_with(|| Arc::new(Tile::empty()));
            let bytes = Arc::make_mut(tile).change();
            for y in part.y0..part.y1 {
                let from = ((y % TILE) * TILE + part.x0 % TILE) as usize * N;
                let to = from + part.size().0 as usize * N;
                change(part.x0, y, &mut bytes[from..to]);
            }
        }
    }

    /// Remembers a change.
    pub(crate) fn log(&mut self, rect: PixelRect) {
        let changes = Arc::make_mut(&mut self.changes);
        if changes.len() == REMEMBERED_CHANGES {
            changes.pop_front();
        }
        changes.push_back((self.key, rect));
        self.key = fresh_key();
    }

    /// Takes the tiles under `rect`, keys and all, from an earlier state that differs only there.
    pub(crate) fn restore(&mut self, earlier: &Self, rect: PixelRect) {
        for at in self.tiles_in(rect) {
            if let Some(index) = self.index(at) {
                Arc::make_mut(&mut self.tiles)[index].clone_from(&earlier.tiles[index]);
            }
        }
        self.log(rect);
        self.key = earlier.key;
    }

    /// Forgets tiles under `rect` that have become all zero.
    pub(crate) fn trim(&mut self, rect: PixelRect) {
        for at in self.tiles_in(rect) {
            if let Some(index) = self.index(at)
                && let Some(tile) = &self.tiles[index]
                && tile.bytes().iter().all(|byte| *byte == 0)
            {
                Arc::make_mut(&mut self.tiles)[index] = None;
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

/// Equal content; planes that share their tiles are compared by key.
impl<const N: usize> PartialEq for Plane<N> {
    fn eq(&self, other: &Self) -> bool {
        let same_pixels = |at: TileAt| {
            let rect = self.tile_rect(at);
            self.tile_key(at) == other.tile_key(at) || self.read(rect) == other.read(rect)
        };
        self.size == other.size
            && (self.key == other.key
                || self.tiles_in(PixelRect::whole(self.size)).all(same_pixels))
    }
}

impl Plane<4> {
    /// The whole as one flat picture: for files and the clipboard, not for the window's thread.
    #[must_use]
    pub fn to_picture(&self) -> Picture {
        Picture { width: self.size.0, height: self.size.1, rgba: self.to_flat() }
    }
}

impl From<&Picture> for Plane<4> {
    fn from(picture: &Picture) -> Self {
        Self::from_flat((picture.width, picture.height), &picture.rgba)
    }
}

impl From<&Coverage> for Plane<1> {
    fn from(coverage: &Coverage) -> Self {
        Self::from_flat((coverage.width, coverage.height), &coverage.values)
    }
}
