//! The names of a journal's files, its lock, and the copies of what was damaged.
//!
//! Used within the journal.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use super::position;

/// Where one journal lies.
#[derive(Clone, Debug)]
pub(super) struct Place {
    folder: PathBuf,
    base: String,
}

/// The lock, while this lives.
#[derive(Debug)]
pub(super) struct Alone(File);

impl Drop for Alone {
    fn drop(&mut self) {
        // Closing alone would not do: a process that is just being started has the file open, too,
        // for a moment. What cannot be unlocked is unlocked when the last of them closes it.
        drop(self.0.unlock());
    }
}

/// What became of the wish to be alone.
pub(super) enum Lock {
    /// Ours.
    Held(Alone),
    /// Somebody else's.
    Taken,
    /// This file system has no locks.
    Unknown,
}

impl Place {
    pub(super) fn new(folder: &Path, base: &str) -> Self {
        Self { folder: folder.to_owned(), base: base.to_owned() }
    }

    pub(super) fn folder(&self) -> &Path {
        &self.folder
    }

    pub(super) fn journal(&self) -> PathBuf {
        self.file("journal")
    }

    pub(super) fn index(&self) -> PathBuf {
        self.file("index")
    }

    /// The index while it is written.
    pub(super) fn new_index(&self) -> PathBuf {
        self.file("index-new")
    }

    pub(super) fn compact(&self) -> PathBuf {
        self.file("compact")
    }

    fn file(&self, extension: &str) -> PathBuf {
        self.folder.join(format!("{}.{extension}", self.base))
    }

    /// Tries to be the only one. The lock ends with the process, however that ends.
    pub(super) fn lock(&self) -> io::Result<Lock> {
        let path = self.file("lock");
        let file =
            OpenOptions::new().read(true).write(true).create(true).truncate(false).open(path)?;
        match file.try_lock() {
            Ok(()) => Ok(Lock::Held(Alone(file))),
            Err(TryLockError::WouldBlock) => Ok(Lock::Taken),
            Err(TryLockError::Error(_)) => Ok(Lock::Unknown),
        }
    }

    /// Copies places of the journal's file into one file beside it, synced.
    pub(super) fn keep_damaged(&self, file: &File, places: &[(u64, u64)]) -> io::Result<PathBuf> {
        let new = self.file("damaged-new");
        let mut copy = File::create(&new)?;
        let mut crc = crc32fast::Hasher::new();
        for (from, to) in places {
            position::chunks(file, *from, *to, |bytes, _| {
                crc.update(bytes);
                copy.write_all(bytes)
            })?;
        }
        copy.sync_all()?;
        drop(copy);
        // Named by its content: damage that is met again is not kept twice.
        let kept = self.file(&format!("{:08x}.damaged", crc.finalize()));
        std::fs::rename(new, &kept)?;
        Ok(kept)
    }

    /// Gives the whole journal a second name, before another file takes its first.
    pub(super) fn keep_whole(&self, id: u64) -> io::Result<PathBuf> {
        let kept = self.file(&format!("{id:016x}.damaged"));
        if std::fs::hard_link(self.journal(), &kept).is_err() {
            std::fs::copy(self.journal(), &kept)?;
            File::open(&kept)?.sync_all()?;
        }
        Ok(kept)
    }
}
