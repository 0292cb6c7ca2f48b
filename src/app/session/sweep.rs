//! Finding what the journal holds and nothing names any more, while the program runs.
//!
//! [`super::Recorder`] begins a sweep with copies of what it knows, the search runs on a thread of
//! its own, and the recorder ends it with a batch that deletes. In between the session goes on: what
//! it names anew meanwhile stays.

use std::collections::HashSet;
use std::sync::Arc;

/// Deleted at once, at most: a batch has bounds, and the next sweep finds the rest.
const MOST: usize = 100_000;

/// What the journal holds and what of it is named, at one moment.
#[derive(Debug)]
pub struct Sweep {
    /// Tiles that were written.
    pub(super) tiles: HashSet<u64>,
    /// Tiles that are named: by the present document, by each side of a step, and by each entry.
    pub(super) named: Vec<Arc<[u64]>>,
    /// Pictures that were written.
    pub(super) pictures: HashSet<u64>,
    /// Pictures that entries name.
    pub(super) shown: Vec<u64>,
}

/// What nothing named when the sweep began.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Garbage {
    pub(super) tiles: Vec<u64>,
    pub(super) pictures: Vec<u64>,
}

impl Sweep {
    /// Searches: a moment's work for each thousand steps.
    #[must_use]
    pub fn run(mut self) -> Garbage {
        for list in &self.named {
            for key in list.iter() {
                self.tiles.remove(key);
            }
        }
        for key in &self.shown {
            self.pictures.remove(key);
        }
        let some = |keys: HashSet<u64>| -> Vec<u64> {
            let mut keys: Vec<u64> = keys.into_iter().take(MOST).collect();
            keys.sort_unstable();
            keys
        };
        Garbage { tiles: some(self.tiles), pictures: some(self.pictures) }
    }
}

impl Garbage {
    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.tiles.is_empty() && self.pictures.is_empty()
    }
}
