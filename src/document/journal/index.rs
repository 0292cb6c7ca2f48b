//! Where each key's value lies: the map in memory, and its form in the `.index` file.
//!
//! Used within the journal. The file is only a shortcut: whatever is wrong with it, the journal is
//! scanned instead.

use std::collections::BTreeMap;
use std::ops::Bound;
use std::sync::Arc;

use super::format::{Change, Cursor, Large, RECORD_HEADER, push_change, take_change};

/// Keys that a journal may have while it is written.
pub(super) const MOST_KEYS: usize = 1 << 20;
/// Keys with which one is still read: the last batch may have gone beyond.
const MOST_KEYS_READ: usize = MOST_KEYS * 4;
/// Bytes of small values held in memory; more are read from the file when wanted.
const MOST_SMALL: u64 = 256 << 20;

const MAGIC: [u8; 8] = *b"PENTIDX\n";
const VERSION: u32 = 1;
const HEADER: usize = 60;

/// A value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Found {
    /// Here.
    Small(Arc<[u8]>),
    /// In the file, from `at` on.
    Large { at: u64, large: Large },
}

/// More keys than are ever written.
#[derive(Debug)]
pub(super) struct TooManyKeys;

/// All keys with their values or where these lie.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Index {
    keys: BTreeMap<Box<str>, Found>,
    /// Bytes of the file that are needed for what is alive.
    live: u64,
    /// Bytes of values held in memory.
    small: u64,
}

fn cost(key: &str, found: &Found) -> u64 {
    let value = match found {
        Found::Small(bytes) => 7 + bytes.len() as u64,
        Found::Large { large, .. } => 15 + u64::from(large.stored),
    };
    key.len() as u64 + value
}

fn held(found: &Found) -> u64 {
    if let Found::Small(bytes) = found { bytes.len() as u64 } else { 0 }
}

impl Index {
    pub(super) fn len(&self) -> usize {
        self.keys.len()
    }

    pub(super) fn live(&self) -> u64 {
        self.live
    }

    pub(super) fn get(&self, key: &str) -> Option<&Found> {
        self.keys.get(key)
    }

    /// The keys that begin with `prefix`, in order.
    pub(super) fn under<'a>(&'a self, prefix: &'a str) -> impl Iterator<Item = &'a str> {
        self.keys
            .range::<str, _>((Bound::Included(prefix), Bound::Unbounded))
            .map(|(key, _)| &**key)
            .take_while(move |key| key.starts_with(prefix))
    }

    /// What comes after `key`, in order; from the beginning without one.
    pub(super) fn after(&self, key: Option<&str>) -> impl Iterator<Item = (&str, &Found)> {
        let from = key.map_or(Bound::Unbounded, Bound::Excluded);
        self.keys.range::<str, _>((from, Bound::Unbounded)).map(|(key, found)| (&**key, found))
    }

    fn insert(&mut self, key: &str, found: Found) {
        self.live += cost(key, &found);
        self.small += held(&found);
        let Some(place) = self.keys.get_mut(key) else {
            self.keys.insert(key.into(), found);
            return;
        };
        let before = std::mem::replace(place, found);
        self.forget(key, &before);
    }

    fn remove(&mut self, key: &str) {
        if let Some(before) = self.keys.remove(key) {
            self.forget(key, &before);
        }
    }

    fn forget(&mut self, key: &str, before: &Found) {
        self.live -= cost(key, before);
        self.small -= held(before);
    }

    /// Does what the record at `at` says. The directory is well formed and the record whole.
    pub(super) fn apply(&mut self, directory: &[u8], at: u64) -> Result<(), TooManyKeys> {
        let begin = at + RECORD_HEADER as u64;
        let mut data = begin + directory.len() as u64;
        let mut cursor = Cursor(directory);
        while let Some((key, change)) = take_change(&mut cursor) {
            match change {
                Change::Delete => self.remove(key),
                Change::Small(value) => {
                    let end = directory.len() - cursor.0.len();
                    let at = begin + (end - value.len()) as u64;
                    self.insert_small(key, value, at);
                }
                Change::Large(large) => {
                    self.insert(key, Found::Large { at: data, large });
                    data += u64::from(large.stored);
                }
            }
            if self.keys.len() > MOST_KEYS_READ {
                return Err(TooManyKeys);
            }
        }
        Ok(())
    }

    fn insert_small(&mut self, key: &str, value: &[u8], at: u64) {
        if self.small + value.len() as u64 <= MOST_SMALL {
            self.insert(key, Found::Small(value.into()));
        } else {
            let length = value.len() as u32;
            let crc = crc32fast::hash(value);
            let large = Large { lz4: false, stored: length, raw: length, crc };
            self.insert(key, Found::Large { at, large });
        }
    }
}

/// What an index file says beside the keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Covered {
    /// The journal file's number.
    pub(super) id: u64,
    /// Length of the journal that is covered.
    pub(super) length: u64,
    /// Number of the next batch.
    pub(super) number: u64,
    /// Offset of the last record and the last crc of its header; zeros if there is none.
    pub(super) last: (u64, u32),
}

/// The bytes of an index file.
pub(super) fn encode(index: &Index, covered: Covered) -> Vec<u8> {
    let mut bytes = vec![0; HEADER];
    for (key, found) in &index.keys {
        match found {
            Found::Small(value) => push_change(&mut bytes, key, Change::Small(value)),
            Found::Large { at, large } => {
                push_change(&mut bytes, key, Change::Large(*large));
                bytes.extend(at.to_le_bytes());
            }
        }
    }
    let body = crc32fast::hash(&bytes[HEADER..]);
    bytes[..8].copy_from_slice(&MAGIC);
    bytes[8..12].copy_from_slice(&VERSION.to_le_bytes());
    bytes[12..16].copy_from_slice(&(index.len() as u32).to_le_bytes());
    bytes[16..24].copy_from_slice(&covered.id.to_le_bytes());
    bytes[24..32].copy_from_slice(&covered.length.to_le_bytes());
    bytes[32..40].copy_from_slice(&covered.number.to_le_bytes());
    bytes[40..48].copy_from_slice(&covered.last.0.to_le_bytes());
    bytes[48..52].copy_from_slice(&covered.last.1.to_le_bytes());
    bytes[52..56].copy_from_slice(&body.to_le_bytes());
    let crc = crc32fast::hash(&bytes[..56]);
    bytes[56..HEADER].copy_from_slice(&crc.to_le_bytes());
    bytes
}

/// The index in these bytes; `None` unless every one of them is sound.
pub(super) fn parse(bytes: &[u8]) -> Option<(Index, Covered)> {
    let (header, body) = bytes.split_at_checked(HEADER)?;
    let mut cursor = Cursor(header);
    let sound = cursor.bytes(8)? == MAGIC && cursor.u32()? == VERSION;
    let count = cursor.u32()? as usize;
    let (id, length, number) = (cursor.u64()?, cursor.u64()?, cursor.u64()?);
    let last = (cursor.u64()?, cursor.u32()?);
    let body_crc = cursor.u32()?;
    let header_crc = cursor.u32()?;
    if !sound || header_crc != crc32fast::hash(&header[..56]) || count > MOST_KEYS_READ {
        return None;
    }
    if body_crc != crc32fast::hash(body) {
        return None;
    }
    let mut index = Index::default();
    let mut cursor = Cursor(body);
    while !cursor.0.is_empty() {
        let (key, change) = take_change(&mut cursor)?;
        let found = match change {
            Change::Delete => return None,
            Change::Small(value) => Found::Small(value.into()),
            Change::Large(large) => {
                let at = cursor.u64()?;
                if at.checked_add(u64::from(large.stored))? > length {
                    return None;
                }
                Found::Large { at, large }
            }
        };
        index.insert(key, found);
        if index.len() > count {
            return None;
        }
    }
    (index.len() == count).then_some((index, Covered { id, length, number, last }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_index_is_read_back_and_no_damage_passes() {
        let mut index = Index::default();
        index.insert_small("a", b"one", 0);
        let large = Large { lz4: true, stored: 20, raw: 2000, crc: 9 };
        index.insert("blob/1", Found::Large { at: 100, large });
        let covered = Covered { id: 5, length: 120, number: 3, last: (64, 8) };
        let bytes = encode(&index, covered);
        assert_eq!(parse(&bytes), Some((index, covered)));
        for at in 0..bytes.len() {
            let mut damaged = bytes.clone();
            damaged[at] ^= 0x10;
            assert_eq!(parse(&damaged), None, "byte {at}");
            assert_eq!(parse(&bytes[..at]), None, "cut at {at}");
        }
    }

    #[test]
    fn what_is_alive_is_counted() {
        let mut index = Index::default();
        index.insert_small("key", &[0; 100], 0);
        let one = index.live();
        index.insert_small("key", &[0; 50], 0);
        assert_eq!(index.live(), one - 50);
        index.insert_small("other", &[0; 10], 0);
        index.remove("key");
        index.remove("other");
        assert_eq!((index.live(), index.small), (0, 0));
    }
}
