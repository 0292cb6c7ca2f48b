//! Reading a journal's records from some place to the end: what holds, what does not.
//!
//! Used when a journal is opened. Changes no file.

use std::fs::File;
use std::io;
use std::path::PathBuf;

use super::format::{
    Change, Cursor, MARK, RECORD_HEADER, RecordHeader, is_directory, last_crc, take_change,
};
use super::index::{Covered, Index, TooManyKeys};
use super::position;

/// Damaged places that are told apart; more are counted as one.
const MOST_HOLES: usize = 1000;
/// Bytes read at once: many small records, or the head of one with large values.
const WINDOW: u64 = 16 << 10;

/// What was found when a journal was opened.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Recovery {
    /// Bytes at the end that were not wholly written and are not used.
    pub dropped_bytes: u64,
    /// Bytes within the file that are damaged and were skipped.
    pub skipped_bytes: u64,
    /// Batches that lay in the skipped places: what they changed is as it was before them.
    pub lost_batches: u64,
    /// Where the dropped and skipped bytes were copied to.
    pub kept: Option<PathBuf>,
    /// Why nothing can be written for now: the folder is read-only, the disk is full, …
    pub unwritable: Option<String>,
    /// The file system knows no locks: a second window would not be noticed.
    pub unlocked: bool,
    /// Whether the index file was of use; without it opening takes longer.
    pub from_index: bool,
}

impl Recovery {
    /// Whether everything that was ever written is there.
    #[must_use]
    pub fn is_whole(&self) -> bool {
        self.dropped_bytes == 0 && self.skipped_bytes == 0
    }
}

/// What a scan comes to.
#[derive(Debug)]
pub(super) struct Scanned {
    pub(super) index: Index,
    /// Where the sound part ends: all but `covered.id` may have changed.
    pub(super) covered: Covered,
    /// Damaged places before that.
    pub(super) holes: Vec<(u64, u64)>,
    pub(super) lost_batches: u64,
}

/// Why there is no result.
#[derive(Debug)]
pub(super) enum ScanError {
    TooManyKeys,
    Io(io::Error),
}

impl From<io::Error> for ScanError {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

impl From<TooManyKeys> for ScanError {
    fn from(_: TooManyKeys) -> Self {
        Self::TooManyKeys
    }
}

/// Reads the records of `file` after what `covered` says, on top of `index`.
pub(super) fn scan(
    file: &File,
    length: u64,
    index: Index,
    covered: Covered,
) -> Result<Scanned, ScanError> {
    let id = covered.id;
    let mut pages = Pages::new(file, length);
    let mut ahead =
        Ahead { pages: Pages::new(file, length), id, at: covered.length, proven: covered.length };
    let mut out = Scanned { index, covered, holes: Vec::new(), lost_batches: 0 };
    let mut at = covered.length;
    let mut after_hole = false;
    while at < length {
        if let Some(header) = pages.header(id, at)? {
            let end = at.saturating_add(header.length());
            let proven = ahead.proves(end)?;
            if end <= length
                && let Some(directory) = pages.directory(at, header)?
                && (proven || values_are_sound(file, directory, end - header.data)?)
            {
                if after_hole {
                    let lost = header.number.saturating_sub(out.covered.number);
                    out.lost_batches = out.lost_batches.saturating_add(lost);
                }
                after_hole = false;
                out.index.apply(directory, at)?;
                let crc = pages.header_crc(at)?;
                at = end;
                out.covered = Covered {
                    id,
                    length: end,
                    number: header.number.saturating_add(1),
                    last: (end - header.length(), crc),
                };
                continue;
            }
        }
        // A damaged place is skipped only if something later proves that it was written well once:
        // otherwise the machine stopped here, and what lies behind it may lack what lies within.
        if !ahead.proves(at.saturating_add(1))? {
            break;
        }
        let Some(next) = next_header(file, length, id, at)? else { break };
        if out.holes.len() < MOST_HOLES {
            out.holes.push((at, next));
        } else if let Some(last) = out.holes.last_mut() {
            last.1 = next;
        }
        after_hole = true;
        at = next;
    }
    Ok(out)
}

/// Looks through the headers before the scan comes to them, for how far the disk surely had the
/// file. Goes through it once.
struct Ahead<'a> {
    pages: Pages<'a>,
    id: u64,
    at: u64,
    proven: u64,
}

impl Ahead<'_> {
    /// Whether a later record says that everything before `end` was on the disk.
    fn proves(&mut self, end: u64) -> io::Result<bool> {
        let (file, length, id) = (self.pages.file, self.pages.length, self.id);
        while self.proven < end && self.at < length {
            if let Some(header) = self.pages.header(id, self.at)? {
                self.proven = self.proven.max(header.synced);
                self.at = self.at.saturating_add(header.length());
            } else {
                self.at = next_header(file, length, id, self.at)?.unwrap_or(length);
            }
        }
        Ok(self.proven >= end)
    }
}

/// A part of the file in memory.
struct Pages<'a> {
    file: &'a File,
    length: u64,
    at: u64,
    bytes: Vec<u8>,
}

impl<'a> Pages<'a> {
    fn new(file: &'a File, length: u64) -> Self {
        Self { file, length, at: 0, bytes: Vec::new() }
    }

    /// `count` bytes from `at` on; `None` where the file ends before.
    fn get(&mut self, at: u64, count: u64) -> io::Result<Option<&[u8]>> {
        let Some(end) = at.checked_add(count).filter(|end| *end <= self.length) else {
            return Ok(None);
        };
        if at < self.at || end > self.at + self.bytes.len() as u64 {
            let wanted = count.max(WINDOW).min(self.length - at);
            self.bytes.resize(wanted as usize, 0);
            self.at = at;
            if let Err(error) = position::read_exact(self.file, &mut self.bytes, at) {
                self.bytes.clear();
                return Err(error);
            }
        }
        let from = (at - self.at) as usize;
        Ok(Some(&self.bytes[from..from + count as usize]))
    }

    fn header(&mut self, id: u64, at: u64) -> io::Result<Option<RecordHeader>> {
        let bytes = self.get(at, RECORD_HEADER as u64)?;
        Ok(bytes.and_then(|bytes| RecordHeader::parse(id, at, bytes)))
    }

    fn header_crc(&mut self, at: u64) -> io::Result<u32> {
        let bytes = self.get(at, RECORD_HEADER as u64)?;
        Ok(bytes.and_then(|bytes| bytes.try_into().ok()).map_or(0, |bytes| last_crc(&bytes)))
    }

    /// The directory of the record at `at`, if it is sound.
    fn directory(&mut self, at: u64, header: RecordHeader) -> io::Result<Option<&[u8]>> {
        // Asked for with its header, so that both stay in memory.
        let bytes = self.get(at, header.length() - header.data)?;
        Ok(bytes.map(|bytes| &bytes[RECORD_HEADER..]).filter(|bytes| {
            crc32fast::hash(bytes) == header.directory_crc && is_directory(bytes, header.data)
        }))
    }
}

/// Whether the last record of an index is where and what it says.
pub(super) fn is_last(file: &File, covered: Covered) -> io::Result<bool> {
    let (at, crc) = covered.last;
    if at == 0 {
        return Ok(covered.length == super::format::FIRST_RECORD);
    }
    let Some(end) = at.checked_add(RECORD_HEADER as u64).filter(|end| *end <= covered.length)
    else {
        return Ok(false);
    };
    let mut pages = Pages::new(file, end);
    let Some(header) = pages.header(covered.id, at)? else { return Ok(false) };
    let same = at.checked_add(header.length()) == Some(covered.length)
        && header.number.checked_add(1) == Some(covered.number);
    Ok(same && pages.header_crc(at)? == crc)
}

/// Whether the large values of a directory, which lie from `at` on, are those that were written.
fn values_are_sound(file: &File, directory: &[u8], mut at: u64) -> io::Result<bool> {
    let mut cursor = Cursor(directory);
    while let Some((_, change)) = take_change(&mut cursor) {
        if let Change::Large(large) = change {
            let end = at + u64::from(large.stored);
            let mut crc = crc32fast::Hasher::new();
            position::chunks(file, at, end, |bytes, _| {
                crc.update(bytes);
                Ok(())
            })?;
            if crc.finalize() != large.crc {
                return Ok(false);
            }
            at = end;
        }
    }
    Ok(true)
}

/// Where the next sound header after `at` lies.
fn next_header(file: &File, length: u64, id: u64, at: u64) -> io::Result<Option<u64>> {
    const STEP: u64 = 1 << 20;
    let mark = memchr::memmem::Finder::new(&MARK);
    let mut from = at + 1;
    let mut buffer = Vec::new();
    while from + RECORD_HEADER as u64 <= length {
        // Steps overlap by a header less one byte, so that none is cut in two.
        let step = STEP.min(length - from);
        buffer.resize(step as usize, 0);
        position::read_exact(file, &mut buffer, from)?;
        let whole = buffer.len() - RECORD_HEADER + 1;
        for found in mark.find_iter(&buffer).filter(|found| *found < whole) {
            let header = &buffer[found..found + RECORD_HEADER];
            if RecordHeader::parse(id, from + found as u64, header).is_some() {
                return Ok(Some(from + found as u64));
            }
        }
        from += whole as u64;
    }
    Ok(None)
}
