//! Memory that is kept for the next one who asks for as much.

use std::collections::BTreeMap;

/// Bytes that are kept for reuse at most; what comes back beyond it is freed.
const KEPT_BYTES: usize = 512 << 20;

/// A larger piece than this is not taken beside what is kept, but instead of it. The built-in model
/// at its own size has none, so that its pictures in quick succession find all memory again.
const LARGE_BYTES: usize = 32 << 20;

/// Pieces of memory that nobody uses at the moment, by length in bytes.
pub struct Shelf<M> {
    by_length: BTreeMap<usize, Vec<M>>,
    kept: usize,
}

impl<M> Default for Shelf<M> {
    fn default() -> Self {
        Self { by_length: BTreeMap::new(), kept: 0 }
    }
}

impl<M> Shelf<M> {
    /// A piece of that length, if there is one. If not, and it is large, as much of what is kept is
    /// freed as will be taken anew: another network is at work, which has other sizes.
    pub fn take(&mut self, bytes: usize) -> Option<M> {
        let piece = self.by_length.get_mut(&bytes).and_then(Vec::pop);
        if piece.is_some() {
            self.kept -= bytes;
        } else if bytes > LARGE_BYTES {
            self.free(bytes);
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

    /// Frees at least so many bytes, or all that is kept; the largest pieces first.
    fn free(&mut self, bytes: usize) {
        let rest = self.kept.saturating_sub(bytes);
        for (length, pieces) in self.by_length.iter_mut().rev() {
            while self.kept > rest && pieces.pop().is_some() {
                self.kept -= length;
            }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_large_piece_comes_instead_of_what_is_kept() {
        const MIB: usize = 1 << 20;
        let mut shelf = Shelf::default();
        for length in [10, 20, 30, 20] {
            shelf.give(length * MIB, ());
        }
        assert_eq!(shelf.take(20 * MIB), Some(()));
        assert_eq!((shelf.take(32 * MIB), shelf.kept()), (None, 60 * MIB), "not large");
        assert_eq!((shelf.take(40 * MIB), shelf.kept()), (None, 10 * MIB));
        assert_eq!(shelf.take(10 * MIB), Some(()));
        assert_eq!((shelf.take(64 * MIB), shelf.kept()), (None, 0));
    }
}
