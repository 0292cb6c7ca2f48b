//! Copying what is alive to a new file, a part at a time between appends.
//!
//! Driven by `Journal::compact_step`. Until the new file takes the old one's name, nothing that
//! happens here touches the journal.

use std::collections::BTreeSet;
use std::fs::{File, OpenOptions};
use std::io;

use super::batch::{EncodedBatch, Stored};
use super::format::{Change, Cursor, FIRST_RECORD, file_header, take_change};
use super::index::{Covered, Found, Index};
use super::place::Place;
use super::position;
use super::reader::{Reader, read_stored};
use super::store::write_record;

/// Bytes copied at once, before waiting appends have their turn.
const STEP: u64 = 4 << 20;

/// A compaction under way.
#[derive(Debug)]
pub(super) struct Compaction {
    pub(super) file: File,
    pub(super) index: Index,
    /// What the new file has by now.
    pub(super) covered: Covered,
    /// The last key copied.
    copied: Option<Box<str>>,
    all_seen: bool,
    /// Keys that changed meanwhile.
    changed: BTreeSet<Box<str>>,
    /// Whether a value could not be copied.
    pub(super) damaged: bool,
}

impl Compaction {
    /// Begins a file of its own.
    pub(super) fn begin(place: &Place, id: u64) -> io::Result<Self> {
        let path = place.compact();
        let file =
            OpenOptions::new().read(true).write(true).create(true).truncate(true).open(path)?;
        position::write_all(&file, &file_header(id), 0)?;
        Ok(Self {
            file,
            index: Index::default(),
            covered: Covered { id, length: FIRST_RECORD, number: 1, last: (0, 0) },
            copied: None,
            all_seen: false,
            changed: BTreeSet::new(),
            damaged: false,
        })
    }

    /// Takes note of what an append changes.
    pub(super) fn note(&mut self, directory: &[u8]) {
        let mut cursor = Cursor(directory);
        while let Some((key, _)) = take_change(&mut cursor) {
            self.changed.insert(key.into());
        }
    }

    /// Whether the new file says what the journal says.
    pub(super) fn is_done(&self) -> bool {
        self.all_seen && self.changed.is_empty()
    }

    /// Copies a part; what it copied is then on the disk.
    pub(super) fn step(&mut self, reader: &Reader) -> io::Result<()> {
        let (part, file) = {
            let view = reader.view();
            (self.pick(&view.index), view.file.clone())
        };
        let mut batch = EncodedBatch::default();
        for (key, found) in part {
            match (found, file.as_deref()) {
                (Some(Found::Small(value)), _) => batch.push(&key, Change::Small(&value)),
                (Some(Found::Large { at, large }), Some(file)) => {
                    if let Some(stored) = read_stored(file, at, large)? {
                        batch.push_stored(&key, large, Stored::Own(stored));
                    } else {
                        self.damaged = true;
                        batch.push(&key, Change::Delete);
                    }
                }
                (None, _) | (_, None) => batch.push(&key, Change::Delete),
            }
        }
        if batch.directory.is_empty() {
            return Ok(());
        }
        let at = self.covered.length;
        self.covered = write_record(&self.file, self.covered, at, &batch)?;
        self.file.sync_data()?;
        self.index
            .apply(&batch.directory, at)
            .map_err(|_too_many| io::Error::other("the journal has too many entries"))
    }

    /// The next keys to copy, with their values; without one if it was deleted.
    fn pick(&mut self, index: &Index) -> Vec<(Box<str>, Option<Found>)> {
        let mut part = Vec::new();
        let mut bytes = 0;
        let mut weigh = |key: &str, found: Option<&Found>| {
            bytes += key.len() as u64 + 64;
            if let Some(Found::Large { large, .. }) = found {
                bytes += u64::from(large.stored);
            } else if let Some(Found::Small(value)) = found {
                bytes += value.len() as u64;
            }
            bytes < STEP
        };
        if !self.all_seen {
            self.all_seen = true;
            for (key, found) in index.after(self.copied.as_deref()) {
                part.push((Box::from(key), Some(found.clone())));
                if !weigh(key, Some(found)) {
                    self.all_seen = false;
                    break;
                }
            }
            for (key, _) in &part {
                self.changed.remove(key);
            }
            if let Some((key, _)) = part.last() {
                self.copied = Some(key.clone());
            }
            return part;
        }
        while let Some(key) = self.changed.pop_first() {
            let found = index.get(&key).cloned();
            let more = weigh(&key, found.as_ref());
            part.push((key, found));
            if !more {
                break;
            }
        }
        part
    }
}
