//! The cache's layout, shared with Python's tools: `models--owner--name` with `blobs`, `refs` and
//! `snapshots`, as `huggingface_hub` documents it.
//!
//! Beside a blob may lie an empty note about a download that is not done: `.begun` says that it
//! began the part, `.brought` that it finished the file. Giving it up removes what has a note.

use std::collections::HashSet;
use std::fs::{self, File, OpenOptions, TryLockError};
use std::io;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use super::error::HubError;
use super::offer::{Offer, RemoteFile};

/// A repository's place in the cache.
#[derive(Clone, Debug)]
pub(super) struct Place {
    folder: PathBuf,
    locks: PathBuf,
}

impl Place {
    pub(super) fn of(cache: &Path, repo: &str) -> Self {
        let name = format!("models--{}", repo.replace('/', "--"));
        Self { folder: cache.join(&name), locks: cache.join(".locks").join(name) }
    }

    /// The finished content of a file.
    pub(super) fn blob(&self, file: &RemoteFile) -> PathBuf {
        self.folder.join("blobs").join(&file.blob)
    }

    /// What has arrived of it.
    pub(super) fn incomplete(&self, file: &RemoteFile) -> PathBuf {
        self.folder.join("blobs").join(format!("{}.incomplete", file.blob))
    }

    /// The folder that looks like the repository.
    pub(super) fn snapshot(&self, commit: &str) -> PathBuf {
        self.folder.join("snapshots").join(commit)
    }

    /// How much of a file is here, in bytes.
    pub(super) fn present(&self, file: &RemoteFile) -> u64 {
        if self.has(file) {
            return file.size;
        }
        fs::metadata(self.incomplete(file)).map_or(0, |part| part.len().min(file.size))
    }

    /// Whether a file is here in full.
    pub(super) fn has(&self, file: &RemoteFile) -> bool {
        fs::metadata(self.blob(file)).is_ok_and(|blob| blob.len() == file.size)
    }

    fn begun(&self, file: &RemoteFile) -> PathBuf {
        self.folder.join("blobs").join(format!("{}.begun", file.blob))
    }

    fn brought(&self, file: &RemoteFile) -> PathBuf {
        self.folder.join("blobs").join(format!("{}.brought", file.blob))
    }

    /// Notes that a download begins a file, unless something of it is here: that is another's.
    pub(super) fn begin(&self, commit: &str, file: &RemoteFile) -> Result<(), HubError> {
        if self.incomplete(file).exists() || self.snapshot(commit).join(&file.path).exists() {
            return Ok(());
        }
        let note = self.begun(file);
        File::create(&note).map(drop).map_err(|error| HubError::disk(&error, &note))
    }

    /// Puts a part that is whole among the finished files.
    pub(super) fn finish(&self, file: &RemoteFile) -> Result<(), HubError> {
        let part = self.incomplete(file);
        fs::rename(&part, self.blob(file)).map_err(|error| HubError::disk(&error, &part))?;
        let note = self.begun(file);
        match fs::rename(&note, self.brought(file)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                Err(HubError::disk(&error, &note))
            }
            _ => Ok(()),
        }
    }

    /// Forgets who brought the files: the download is done, and the model stays.
    pub(super) fn settle(&self, offer: &Offer) -> Result<(), HubError> {
        offer.files.iter().try_for_each(|file| self.forget(file))
    }

    fn forget(&self, file: &RemoteFile) -> Result<(), HubError> {
        gone(&self.begun(file))?;
        gone(&self.brought(file))
    }

    /// Removes what a download brought that was given up: the parts that it began, and the files
    /// that it finished. What was here before it stays, and so does a whole model.
    pub(super) fn discard(&self, offer: &Offer) -> Result<(), HubError> {
        if !self.folder.is_dir() {
            return Ok(());
        }
        if offer.files.iter().all(|file| self.has(file)) {
            return self.settle(offer);
        }
        self.prepare()?;
        let own = self.snapshot(&offer.commit);
        let paths: HashSet<PathBuf> = offer.files.iter().map(|file| own.join(&file.path)).collect();
        // Whoever came after this download may have taken finished files as they are.
        let others = newest(&self.folder.join("snapshots"), &paths);
        for file in &offer.files {
            // Python's tools may be bringing it.
            let Some(_lock) = self.lock(file)? else { continue };
            if self.begun(file).exists() {
                gone(&self.incomplete(file))?;
            }
            let brought = fs::metadata(self.brought(file)).and_then(|note| note.modified());
            if brought.is_ok_and(|brought| others.is_none_or(|others| others < brought)) {
                // Two files may be the same bytes.
                for same in offer.files.iter().filter(|same| same.blob == file.blob) {
                    gone(&own.join(&same.path))?;
                }
                gone(&self.blob(file))?;
            }
            self.forget(file)?;
        }
        Ok(())
    }

    /// Makes the folders.
    pub(super) fn prepare(&self) -> Result<(), HubError> {
        for folder in [self.folder.join("blobs"), self.locks.clone()] {
            fs::create_dir_all(&folder).map_err(|error| HubError::disk(&error, &folder))?;
        }
        Ok(())
    }

    /// The lock of a file, which Python's tools take too; `None` while another program has it. It
    /// is let go when the file is closed.
    pub(super) fn lock(&self, file: &RemoteFile) -> Result<Option<File>, HubError> {
        let path = self.locks.join(format!("{}.lock", file.blob));
        let wrong = |error: &io::Error| HubError::disk(error, &path);
        // Windows locks no file that can only be written behind its end.
        let lock = OpenOptions::new().create(true).read(true).append(true).open(&path);
        let lock = lock.map_err(|error| wrong(&error))?;
        match lock.try_lock() {
            Ok(()) => Ok(Some(lock)),
            Err(TryLockError::WouldBlock) => Ok(None),
            Err(TryLockError::Error(error)) => Err(wrong(&error)),
        }
    }

    /// Puts a finished file where the repository has it.
    pub(super) fn link(&self, commit: &str, file: &RemoteFile) -> Result<(), HubError> {
        let at = self.snapshot(commit).join(&file.path);
        if fs::metadata(&at).is_ok_and(|there| there.len() == file.size) {
            return Ok(());
        }
        let linked = || {
            if let Some(folder) = at.parent() {
                fs::create_dir_all(folder)?;
            }
            match fs::remove_file(&at) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                _ => {}
            }
            // From the snapshot's folder up to the repository's, then down.
            let up = "../".repeat(file.path.split('/').count() + 1);
            symlink(&self.blob(file), &format!("{up}blobs/{}", file.blob), &at)
        };
        linked().map_err(|error| HubError::disk(&error, &at))
    }

    /// Remembers which commit a branch or a tag is.
    pub(super) fn remember(&self, offer: &Offer) -> Result<(), HubError> {
        if offer.revision == offer.commit {
            return Ok(());
        }
        let path = self.folder.join("refs").join(&offer.revision);
        let written = || {
            let folder = path.parent().ok_or(io::ErrorKind::InvalidInput)?;
            fs::create_dir_all(folder)?;
            let file = tempfile::NamedTempFile::new_in(folder)?;
            fs::write(file.path(), &offer.commit)?;
            file.persist(&path)?;
            Ok(())
        };
        written().map_err(|error: io::Error| HubError::disk(&error, &path))
    }
}

/// Removes a file, if it is there.
fn gone(path: &Path) -> Result<(), HubError> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(HubError::disk(&error, path)),
        _ => Ok(()),
    }
}

/// When the newest file in a folder came there, but for some.
fn newest(folder: &Path, but: &HashSet<PathBuf>) -> Option<SystemTime> {
    let entries = fs::read_dir(folder).ok()?.flatten();
    let times = entries.filter_map(|entry| {
        let path = entry.path();
        if entry.file_type().ok()?.is_dir() {
            return newest(&path, but);
        }
        // The time of the link, not of what it leads to.
        let made = entry.metadata().ok()?.modified().ok()?;
        (!but.contains(&path)).then_some(made)
    });
    times.max()
}

#[cfg(unix)]
fn symlink(_blob: &Path, relative: &str, at: &Path) -> io::Result<()> {
    std::os::unix::fs::symlink(relative, at)
}

/// Links need rights there that users seldom have.
#[cfg(not(unix))]
fn symlink(blob: &Path, _relative: &str, at: &Path) -> io::Result<()> {
    fs::hard_link(blob, at).or_else(|_refused| fs::copy(blob, at).map(|_bytes| ()))
}
