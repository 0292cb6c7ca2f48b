//! One tile of a plane.

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};

use super::halves::Halves;
use super::{PlaneError, TILE};

/// Keys are never used twice, so that whoever caches by key needs to know no owner.
static NEXT_KEY: AtomicU64 = AtomicU64::new(1);

/// A content key that nothing else in this process has.
pub(crate) fn fresh_key() -> u64 {
    NEXT_KEY.fetch_add(1, Ordering::Relaxed)
}

/// Counts these keys as used: for tiles that come back under the key that they were stored with.
pub fn reserve_keys(highest: u64) {
    NEXT_KEY.fetch_max(highest.saturating_add(1), Ordering::Relaxed);
}

/// Reads the bytes of the tile of this key; whoever makes one tells of what cannot be read.
pub type Source = Arc<dyn Fn(u64) -> Option<Box<[u8]>> + Send + Sync>;

/// A square of [`TILE`] pixels a side; what of it lies beyond the plane means nothing.
pub struct Tile<const N: usize> {
    key: u64,
    /// Empty until they are read, for a tile that is kept elsewhere.
    bytes: OnceLock<Box<[u8]>>,
    source: Option<Source>,
    /// Made beside the window's thread where many tiles come at once.
    pub(super) halves: OnceLock<Halves>,
}

impl<const N: usize> Clone for Tile<N> {
    /// Clones are made to be changed: halves would only be thrown away.
    fn clone(&self) -> Self {
        Self { key: self.key, ..Self::here(self.bytes().into()) }
    }
}

impl<const N: usize> Tile<N> {
    fn here(bytes: Box<[u8]>) -> Self {
        Self { key: 0, bytes: OnceLock::from(bytes), source: None, halves: OnceLock::new() }
    }

    /// Bytes of a tile.
    pub const BYTES: usize = N * TILE as usize * TILE as usize;

    /// Changes with the content. Equal keys mean equal bytes, across the process.
    #[must_use]
    pub fn key(&self) -> u64 {
        self.key
    }

    /// `N * TILE * TILE` bytes, rows from the top.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        self.bytes.get_or_init(|| {
            let read = self.source.as_ref().and_then(|source| source(self.key));
            let fits = read.filter(|bytes| bytes.len() == Self::BYTES);
            fits.unwrap_or_else(|| vec![0; Self::BYTES].into_boxed_slice())
        })
    }

    /// A tile that is stored under its key and read when somebody looks at it; zeros if it cannot
    /// be. As to keys, see [`Self::stored`].
    #[must_use]
    pub fn later(key: u64, source: Source) -> Self {
        Self { key, bytes: OnceLock::new(), source: Some(source), halves: OnceLock::new() }
    }

    /// A tile that was stored under its key. [`reserve_keys`] must have kept the key from being
    /// given again.
    ///
    /// # Errors
    /// It has another length.
    pub fn stored(key: u64, bytes: Box<[u8]>) -> Result<Self, PlaneError> {
        if bytes.len() != Self::BYTES {
            return Err(PlaneError::Length(bytes.len(), Self::BYTES));
        }
        Ok(Self { key, ..Self::here(bytes) })
    }

    /// A tile of the rows that lie inside the plane; `None` if all of it is zero.
    pub(crate) fn of_rows<'a>(rows: impl Iterator<Item = &'a [u8]> + Clone) -> Option<Self> {
        if rows.clone().all(|row| row.iter().all(|byte| *byte == 0)) {
            return None;
        }
        let mut bytes = Vec::with_capacity(Self::BYTES);
        for row in rows {
            let end = bytes.len() + N * TILE as usize;
            bytes.extend_from_slice(row);
            bytes.resize(end, 0);
        }
        bytes.resize(Self::BYTES, 0);
        Some(Self::of(bytes.into_boxed_slice()))
    }

    pub(super) fn of(bytes: Box<[u8]>) -> Self {
        Self { key: fresh_key(), ..Self::here(bytes) }
    }

    pub(super) fn empty() -> Self {
        Self::of(vec![0; Self::BYTES].into_boxed_slice())
    }

    /// Its bytes, to be changed; it has another key from here on.
    pub(super) fn change(&mut self) -> &mut [u8] {
        self.key = fresh_key();
        self.halves = OnceLock::new();
        assert_eq!(self.bytes().len(), Self::BYTES, "a tile is whole");
        self.bytes.get_mut().expect("the line above read them")
    }
}

impl<const N: usize> fmt::Debug for Tile<N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Tile({})", self.key)
    }
}
