//! Memory that is kept for the next one who asks for as much.

use std::collections::HashMap;

/// Bytes that are kept for reuse at most; what comes back beyond it is freed.
const KEPT_BYTES: usize = 512 << 20;

/// Pieces of memory that nobody uses at the moment, by length in bytes.
pub struct Shelf<M> {
    by_length: HashMap<usize, Vec<M>>,
    kept: usize,
}

impl<M> Default for Shelf<M> {
    fn default() -> Self {
        Self { by_length: HashMap::new(), kept: 0 }
    }
}

impl<M> Shelf<M> {
    /// A piece of that length, if there is one.
    pub fn take(&mut self, bytes: usize) -> Option<M> {
        let piece = self.by_length.get_mut(&bytes).and_then(Vec::pop);
        if piece.is_some() {
            self.kept -= bytes;
        }
        piece
    }

    /// Keeps a piece, or frees it.
    pub fn give(&mut self, bytes: usize, piece: M) {
        if self.kept + bytes > KEPT_BYTES {
            // Another size is painted now: forget the old sizes rather than the new one.
            self.clear();
        }
        if bytes <= KEPT_BYTES {
            self.kept += bytes;
            self.by_length.entry(bytes).or_default().push(piece);
        }
    }

    /// Frees all that is kept.
    pub fn clear(&mut self) {
        self.by_length.clear();
        self.kept = 0;
    }

    /// Bytes that are kept.
    pub fn kept(&self) -> usize {
        self.kept
    }
}
