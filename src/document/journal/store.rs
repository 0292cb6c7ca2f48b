//! The journal itself: opening, mending, appending, syncing, the index file, compaction.
//!
//! Owned by the thread of `files::journal`, the only one that writes.

use std::fs::{File, OpenOptions};
use std::hash::{BuildHasher, RandomState};
use std::io;
use std::path::Path;
use std::sync::Arc;

use super::batch::EncodedBatch;
use super::compact::Compaction;
use super::error::OpenError;
use super::format::{
    FIRST_RECORD, HeaderError, RecordHeader, VERSION, file_header, last_crc, parse_file_header,
};
use super::index::{self, Covered, Index, MOST_KEYS};
use super::place::{Alone, Lock, Place};
use super::position;
use super::reader::Reader;
use super::scan::{Recovery, ScanError, is_last, scan};

/// An index file is due when the journal has grown by this.
const INDEX_EVERY_BYTES: u64 = 64 << 20;
/// … or by so many batches.
const INDEX_EVERY_BATCHES: u64 = 10_000;
/// Largest index file that is read.
const MOST_INDEX: u64 = 1 << 30;
/// Bytes of no use below which no compaction is begun.
const COMPACT_FROM: u64 = 64 << 20;
/// Larger values are written by themselves, smaller records in one go.
const ONE_WRITE: u64 = 64 << 10;
/// Windows that can work at once.
const MOST_JOURNALS: usize = 99;

/// Whether we are the only ones.
#[derive(Debug)]
enum Guard {
    /// As long as this lives.
    Held(#[expect(dead_code, reason = "held for its lock")] Alone),
    /// The file system cannot say.
    Unknown,
    /// Not asked yet: the lock file could not be made.
    None,
}

/// An open journal.
#[derive(Debug)]
pub struct Journal {
    place: Place,
    guard: Guard,
    reader: Reader,
    /// The file, once it may be written.
    file: Option<Arc<File>>,
    /// What the file has; its length is 0 while there is no file.
    covered: Covered,
    /// The file's length when it was last looked at, with what is to be dropped.
    found: u64,
    holes: Vec<(u64, u64)>,
    /// How much of the file is surely on the disk.
    synced: u64,
    /// Whether the disk refused a sync: what it was given since the one before is written again.
    rewrite: bool,
    /// Whether a refused write may have left bytes behind the end.
    torn: bool,
    /// Whether the names in the folder are surely on the disk.
    named: bool,
    /// What the index file covers: length and number of the next batch.
    indexed: (u64, u64),
    compaction: Option<Box<Compaction>>,
    /// Bytes of no use from which on a compaction is begun.
    compact_from: u64,
    recovery: Recovery,
}

/// A journal that was free, and those before it that were not.
#[derive(Debug)]
pub struct Opened {
    /// The journal.
    pub journal: Journal,
    /// 1 for the first name, 2 for `base-2`, …
    pub which: usize,
    /// Why the names before were passed over; to be told to the user.
    pub refused: Vec<OpenError>,
}

/// Opens `base`, or the first of `base-2`, `base-3`, … that is not in use and can be read.
///
/// # Errors
/// None of them can be opened: the first one's reason.
pub fn open_free(folder: &Path, base: &str) -> Result<Opened, OpenError> {
    let mut refused = Vec::new();
    for which in 1..=MOST_JOURNALS {
        let name = if which == 1 { base.to_owned() } else { format!("{base}-{which}") };
        match Journal::open(folder, &name) {
            Ok(journal) => return Ok(Opened { journal, which, refused }),
            Err(error) => refused.push(error),
        }
    }
    Err(refused.swap_remove(0))
}

/// Names of the journals of `base` after the `which`th that are there, in order: each may be in use
/// or left behind.
#[must_use]
pub fn left_behind(folder: &Path, base: &str, which: usize) -> Vec<String> {
    let names = (which + 1..=MOST_JOURNALS).map(|number| format!("{base}-{number}"));
    names.filter(|name| Place::new(folder, name).journal().is_file()).collect()
}

impl Journal {
    /// Opens the journal `base` in `folder`; makes it if there is none.
    ///
    /// What can be read is there even if nothing can be written: [`Recovery::unwritable`] says so,
    /// and each append tries again.
    ///
    /// # Errors
    /// See [`OpenError`]; no file was changed.
    pub fn open(folder: &Path, base: &str) -> Result<Self, OpenError> {
        let place = Place::new(folder, base);
        // Where this fails, writing fails too, and says why.
        let lock = std::fs::create_dir_all(folder).and_then(|()| place.lock());
        let guard = match lock {
            Ok(Lock::Taken) => return Err(OpenError::InUse { path: shown(&place) }),
            Ok(Lock::Held(alone)) => Guard::Held(alone),
            Ok(Lock::Unknown) => Guard::Unknown,
            Err(_) => Guard::None,
        };
        let mut journal = Self::read(place, guard)?;
        journal.recovery.unlocked = matches!(journal.guard, Guard::Unknown);
        if let Err(error) = journal.make_writable() {
            journal.recovery.unwritable = Some(error.to_string());
        }
        Ok(journal)
    }

    /// As [`Journal::open`], without a lock and without mending: changes no file.
    #[cfg(test)]
    pub(super) fn read_only(folder: &Path, base: &str) -> Result<Self, OpenError> {
        Self::read(Place::new(folder, base), Guard::None)
    }

    /// Reads what is there; writes nothing.
    fn read(place: Place, guard: Guard) -> Result<Self, OpenError> {
        let path = || shown(&place);
        let unreadable =
            |error: io::Error| OpenError::Read { reason: error.to_string(), path: shown(&place) };
        let mut covered = Covered { id: new_id(), length: 0, number: 1, last: (0, 0) };
        let (mut index, mut holes, mut recovery) =
            (Index::default(), Vec::new(), Recovery::default());
        let file = match File::open(place.journal()) {
            Ok(file) => Some(file),
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            Err(error) => return Err(unreadable(error)),
        };
        let found = match &file {
            Some(file) => file.metadata().map_err(unreadable)?.len(),
            None => 0,
        };
        let mut indexed = (0, 0);
        if let Some(file) = &file {
            let mut head = vec![0; found.min(FIRST_RECORD) as usize];
            position::read_exact(file, &mut head, 0).map_err(unreadable)?;
            match parse_file_header(&head) {
                Err(HeaderError::Newer(found)) => {
                    return Err(OpenError::Newer { found, known: VERSION, path: path() });
                }
                // The program ended while it made the file: there never was a record.
                _ if found < FIRST_RECORD => {}
                Err(HeaderError::Foreign) => return Err(OpenError::Foreign { path: path() }),
                Ok(id) => {
                    covered = Covered { id, length: FIRST_RECORD, ..covered };
                    if let Some(known) = load_index(&place, file, found, id) {
                        (index, covered) = known;
                        indexed = (covered.length, covered.number);
                        recovery.from_index = true;
                    }
                    let scanned =
                        scan(file, found, index, covered).map_err(|error| match error {
                            ScanError::Io(error) => unreadable(error),
                            ScanError::TooManyKeys => OpenError::TooManyKeys { path: path() },
                        })?;
                    recovery.dropped_bytes = found - scanned.covered.length;
                    recovery.skipped_bytes = scanned.holes.iter().map(|(from, to)| to - from).sum();
                    recovery.lost_batches = scanned.lost_batches;
                    (index, covered, holes) = (scanned.index, scanned.covered, scanned.holes);
                }
            }
        }
        let reader = Reader::default();
        {
            let mut view = reader.change();
            view.index = index;
            view.file = file.map(Arc::new);
        }
        Ok(Self {
            place,
            guard,
            reader,
            file: None,
            covered,
            found,
            holes,
            synced: 0,
            rewrite: false,
            torn: false,
            named: false,
            indexed,
            compaction: None,
            compact_from: COMPACT_FROM,
            recovery,
        })
    }

    /// What was found when it was opened.
    #[must_use]
    pub fn recovery(&self) -> &Recovery {
        &self.recovery
    }

    /// A reader of this journal.
    #[must_use]
    pub fn reader(&self) -> Reader {
        self.reader.clone()
    }

    /// Length of the journal's file.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.covered.length
    }

    /// Makes the file ready for appends: takes the lock, keeps a copy of what is damaged, cuts the
    /// torn end off.
    fn make_writable(&mut self) -> io::Result<()> {
        if self.file.is_some() {
            return Ok(());
        }
        std::fs::create_dir_all(self.place.folder())?;
        if matches!(self.guard, Guard::None) {
            self.guard = match self.place.lock()? {
                Lock::Held(alone) => Guard::Held(alone),
                Lock::Unknown => Guard::Unknown,
                Lock::Taken => {
                    let busy = io::ErrorKind::ResourceBusy;
                    return Err(io::Error::new(busy, "another window works with this journal"));
                }
            };
        }
        remove(&self.place.compact())?;
        let path = self.place.journal();
        let file =
            OpenOptions::new().read(true).write(true).create(true).truncate(false).open(path)?;
        // Between reading without a lock and now, another program may have come and gone.
        if file.metadata()?.len() != self.found {
            return Err(io::Error::other("the journal was changed by another program"));
        }
        let mut damaged = self.holes.clone();
        if self.covered.length < self.found {
            damaged.push((self.covered.length, self.found));
        }
        if !damaged.is_empty() && self.recovery.kept.is_none() {
            self.recovery.kept = Some(self.place.keep_damaged(&file, &damaged)?);
        }
        if self.covered.length < self.found {
            remove(&self.place.index())?;
            self.indexed = (0, 0);
            file.set_len(self.covered.length)?;
            self.found = self.covered.length;
        }
        if self.covered.length == 0 {
            if let Err(error) = position::write_all(&file, &file_header(self.covered.id), 0) {
                file.set_len(0)?;
                return Err(error);
            }
            self.covered.length = FIRST_RECORD;
            self.found = FIRST_RECORD;
        }
        file.sync_all()?;
        position::sync_folder(self.place.folder())?;
        self.named = true;
        self.synced = self.covered.length;
        let file = Arc::new(file);
        self.reader.change().file = Some(Arc::clone(&file));
        self.file = Some(file);
        Ok(())
    }

    /// Writes a batch. When it returns, the batch outlives this process, whatever becomes of it; it
    /// outlives the machine's end after [`Journal::sync`].
    ///
    /// # Errors
    /// The system refuses; the journal is as it was, and the same batch can be tried again.
    pub fn append(&mut self, batch: &EncodedBatch) -> io::Result<()> {
        self.make_writable()?;
        let Some(file) = self.file.clone() else { return Ok(()) };
        if batch.directory.is_empty() {
            return Ok(());
        }
        if self.reader.view().index.len() > MOST_KEYS {
            return Err(io::Error::other("the journal has too many entries"));
        }
        let at = self.covered.length;
        if self.torn {
            file.set_len(at)?;
        }
        self.torn = true;
        match write_record(&file, self.covered, self.synced, batch) {
            Ok(covered) => self.covered = covered,
            Err(error) => {
                self.torn = file.set_len(at).is_err();
                return Err(error);
            }
        }
        self.torn = false;
        self.reader
            .change()
            .index
            .apply(&batch.directory, at)
            .expect("a batch of 16 MiB adds 2 million keys at most to the million checked above");
        if let Some(compaction) = &mut self.compaction {
            compaction.note(&batch.directory);
        }
        Ok(())
    }

    /// Whether something was appended since the last sync.
    #[must_use]
    pub fn needs_sync(&self) -> bool {
        self.file.is_some() && (self.synced < self.covered.length || !self.named)
    }

    /// Waits until the disk has everything.
    ///
    /// # Errors
    /// The disk refuses; trying again writes the unsynced bytes again first.
    pub fn sync(&mut self) -> io::Result<()> {
        let Some(file) = self.file.clone() else { return Ok(()) };
        if !self.named {
            position::sync_folder(self.place.folder())?;
            self.named = true;
        }
        if self.synced == self.covered.length {
            return Ok(());
        }
        if self.rewrite {
            // After a refusal the system may take its pages for clean, so that another sync alone
            // would say yes to bytes that the disk never got.
            position::chunks(&file, self.synced, self.covered.length, |bytes, at| {
                position::write_all(&file, bytes, at)
            })?;
        }
        self.rewrite = true;
        file.sync_data()?;
        self.rewrite = false;
        self.synced = self.covered.length;
        Ok(())
    }

    /// Whether the index file lags far behind.
    #[must_use]
    pub fn needs_index(&self) -> bool {
        let (length, number) = self.indexed;
        self.covered.length.saturating_sub(length) > INDEX_EVERY_BYTES
            || self.covered.number.saturating_sub(number) > INDEX_EVERY_BATCHES
    }

    /// Writes the index file, so that the next opening is quick. Syncs the journal first.
    ///
    /// # Errors
    /// The system refuses; the journal itself is not affected.
    pub fn write_index(&mut self) -> io::Result<()> {
        if self.file.is_none() || self.indexed.0 == self.covered.length {
            return Ok(());
        }
        self.sync()?;
        let bytes = index::encode(&self.reader.view().index, self.covered);
        // Should this fail for want of room, it is not tried again at once.
        self.indexed = (self.covered.length, self.covered.number);
        let new = self.place.new_index();
        let file = File::create(&new)?;
        position::write_all(&file, &bytes, 0)?;
        file.sync_all()?;
        drop(file);
        std::fs::rename(new, self.place.index())
    }

    /// Sets from how many bytes of no use on a compaction is begun.
    pub fn compact_from(&mut self, bytes: u64) {
        self.compact_from = bytes;
    }

    /// Whether a compaction is under way or due.
    #[must_use]
    pub fn needs_compaction(&self) -> bool {
        let live = self.reader.live_bytes();
        let dead = self.covered.length.saturating_sub(FIRST_RECORD + live);
        self.file.is_some()
            && (self.compaction.is_some() || (dead > live && dead > self.compact_from))
    }

    /// Does a part of a compaction that is due: copies a few MiB, or puts the new file in place.
    ///
    /// # Errors
    /// The system refuses: the compaction is given up, the journal goes on as it is.
    pub fn compact_step(&mut self) -> io::Result<()> {
        if !self.needs_compaction() {
            return Ok(());
        }
        let done = self.try_compact();
        if done.is_err() {
            self.compaction = None;
            // With a full disk there is no use in trying it all the time.
            self.compact_from = self.compact_from.max(COMPACT_FROM).saturating_mul(2);
            remove(&self.place.compact())?;
        }
        done
    }

    fn try_compact(&mut self) -> io::Result<()> {
        let mut compaction = match self.compaction.take() {
            Some(compaction) => compaction,
            None => Box::new(Compaction::begin(&self.place, new_id())?),
        };
        if !compaction.is_done() {
            compaction.step(&self.reader)?;
            self.compaction = Some(compaction);
            return Ok(());
        }
        // The new file is whole and synced. Nothing but its name is missing.
        compaction.file.sync_all()?;
        if compaction.damaged {
            self.place.keep_whole(self.covered.id)?;
        }
        std::fs::rename(self.place.compact(), self.place.journal())?;
        self.named = false;
        let Compaction { file, index, covered, .. } = *compaction;
        let file = Arc::new(file);
        {
            let mut view = self.reader.change();
            view.index = index;
            view.file = Some(Arc::clone(&file));
        }
        self.file = Some(file);
        self.covered = covered;
        self.synced = covered.length;
        self.found = covered.length;
        self.rewrite = false;
        self.torn = false;
        self.holes.clear();
        self.indexed = (0, 0);
        self.sync()
    }

    /// Syncs, writes the index file and lets go of the lock. A journal that is only dropped keeps
    /// what was appended, too; opening it then takes longer.
    ///
    /// # Errors
    /// The system refuses the sync or the index.
    pub fn close(mut self) -> io::Result<()> {
        self.sync()?;
        self.write_index()
    }
}

/// Appends a record to `file`, of which `covered` is known; what is known then.
pub(super) fn write_record(
    file: &File,
    covered: Covered,
    synced: u64,
    batch: &EncodedBatch,
) -> io::Result<Covered> {
    let Covered { id, length: at, number, .. } = covered;
    let header = RecordHeader {
        directory: batch.directory.len() as u32,
        data: batch.data,
        number,
        synced,
        directory_crc: crc32fast::hash(&batch.directory),
    };
    let head = header.encode(id, at);
    let mut bytes = Vec::with_capacity(head.len() + batch.directory.len());
    bytes.extend(head);
    bytes.extend(&batch.directory);
    let mut to = at;
    for value in &batch.values {
        let value = value.bytes();
        if bytes.len() as u64 + value.len() as u64 > ONE_WRITE {
            position::write_all(file, &bytes, to)?;
            to += bytes.len() as u64;
            bytes.clear();
        }
        if value.len() as u64 > ONE_WRITE {
            position::write_all(file, value, to)?;
            to += value.len() as u64;
        } else {
            bytes.extend(value);
        }
    }
    position::write_all(file, &bytes, to)?;
    let length = at + header.length();
    Ok(Covered { id, length, number: number + 1, last: (at, last_crc(&head)) })
}

/// The index file's content, if it fits this journal.
fn load_index(place: &Place, file: &File, length: u64, id: u64) -> Option<(Index, Covered)> {
    let path = place.index();
    if std::fs::metadata(&path).ok()?.len() > MOST_INDEX {
        return None;
    }
    let (index, covered) = index::parse(&std::fs::read(&path).ok()?)?;
    let fits = covered.id == id && covered.length >= FIRST_RECORD && covered.length <= length;
    (fits && is_last(file, covered).ok()?).then_some((index, covered))
}

fn shown(place: &Place) -> String {
    place.journal().display().to_string()
}

/// A number that no other file has.
fn new_id() -> u64 {
    RandomState::new().hash_one(std::time::SystemTime::now())
}

/// Removes a file that may not be there.
fn remove(path: &Path) -> io::Result<()> {
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}
