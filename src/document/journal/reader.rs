//! Reading values, on any thread, while the journal is written.
//!
//! Made by `Journal::reader`. Sees what is written, not what still waits to be.

use std::fs::File;
use std::io;
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use super::error::ReadError;
use super::format::Large;
use super::index::{Found, Index};
use super::position;

/// What the writer shows to readers.
#[derive(Debug, Default)]
pub(super) struct View {
    pub(super) index: Index,
    /// The file that the index speaks of; `None` while there is none.
    pub(super) file: Option<Arc<File>>,
}

/// Reads a journal. Clones are cheap and read the same journal.
#[derive(Clone, Debug, Default)]
pub struct Reader {
    view: Arc<RwLock<View>>,
}

impl Reader {
    pub(super) fn view(&self) -> RwLockReadGuard<'_, View> {
        // A panic elsewhere leaves the map as it was: it changes by whole records.
        self.view.read().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn change(&self) -> RwLockWriteGuard<'_, View> {
        self.view.write().unwrap_or_else(PoisonError::into_inner)
    }

    /// The key's value; `None` if it has none. Large values are read from the disk.
    ///
    /// # Errors
    /// The value is there but cannot be read.
    pub fn get(&self, key: &str) -> Result<Option<Vec<u8>>, ReadError> {
        let (found, file) = {
            let view = self.view();
            let Some(found) = view.index.get(key) else { return Ok(None) };
            (found.clone(), view.file.clone())
        };
        let (at, large) = match found {
            Found::Small(bytes) => return Ok(Some(bytes.to_vec())),
            Found::Large { at, large } => (at, large),
        };
        let stored = file.as_deref().map_or_else(
            || Err(io::ErrorKind::NotFound.into()),
            |file| read_stored(file, at, large),
        );
        let damaged = || ReadError::Damaged { key: key.to_owned() };
        match stored {
            Ok(Some(stored)) => unpack(stored, large).map(Some).ok_or_else(damaged),
            Ok(None) => Err(damaged()),
            // A file that was made shorter under us.
            Err(reason) if reason.kind() == io::ErrorKind::UnexpectedEof => Err(damaged()),
            Err(reason) => Err(ReadError::Read { reason, key: key.to_owned() }),
        }
    }

    /// Length of the key's value, without reading it.
    #[must_use]
    pub fn length(&self, key: &str) -> Option<u64> {
        self.view().index.get(key).map(|found| match found {
            Found::Small(bytes) => bytes.len() as u64,
            Found::Large { large, .. } => u64::from(large.raw),
        })
    }

    /// Whether the key has a value.
    #[must_use]
    pub fn contains(&self, key: &str) -> bool {
        self.view().index.get(key).is_some()
    }

    /// The keys that begin with `prefix` (all for the empty one), in the order of their bytes.
    #[must_use]
    pub fn keys_under(&self, prefix: &str) -> Vec<String> {
        self.view().index.under(prefix).map(str::to_owned).collect()
    }

    /// Bytes of the file that are needed for what is alive.
    #[must_use]
    pub fn live_bytes(&self) -> u64 {
        self.view().index.live()
    }
}

/// The stored bytes, if they are those that were written.
pub(super) fn read_stored(file: &File, at: u64, large: Large) -> io::Result<Option<Vec<u8>>> {
    // The place was checked against the file's length, so this is no larger than the file.
    let mut bytes = vec![0; large.stored as usize];
    position::read_exact(file, &mut bytes, at)?;
    Ok((crc32fast::hash(&bytes) == large.crc).then_some(bytes))
}

fn unpack(stored: Vec<u8>, large: Large) -> Option<Vec<u8>> {
    if !large.lz4 {
        return Some(stored);
    }
    let mut raw = vec![0; large.raw as usize];
    let count = lz4_flex::block::decompress_into(&stored, &mut raw).ok()?;
    (count == raw.len()).then_some(raw)
}
