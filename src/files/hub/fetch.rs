//! One file from the hub into the cache: it goes on where it stopped, tries again, checks.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Seek, Write};
use std::thread::sleep;
use std::time::Duration;

use sha2::{Digest, Sha256};

use super::cache::Place;
use super::error::{HubError, Stop};
use super::http::{Body, Client, Trouble};
use super::offer::{Offer, RemoteFile};
use crate::cancel::CancelToken;

/// Tries in a row that bring nothing, at most.
const TRIES: u32 = 6;
/// Bytes that are read at once.
const PIECE: usize = 128 << 10;
/// The longest that a wait sleeps without a look at the pause.
const NAP: Duration = Duration::from_millis(100);

/// What a download says while it goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Tell {
    /// So many bytes of the file are here.
    Here(u64),
    /// It is tried again after a wait.
    Wait(Duration),
    /// Another program is downloading the same file.
    Shared,
}

/// One file on its way.
pub(super) struct Fetch<'a> {
    pub(super) client: &'a Client,
    pub(super) place: &'a Place,
    pub(super) offer: &'a Offer,
    pub(super) file: &'a RemoteFile,
    pub(super) pause: &'a CancelToken,
    /// The first wait between tries; each is twice the one before.
    pub(super) wait: Duration,
    pub(super) tell: &'a mut dyn FnMut(Tell),
}

/// What has arrived.
struct Part {
    file: File,
    length: u64,
    sum: Sha256,
}

impl Fetch<'_> {
    /// Brings the file and puts it in its place.
    pub(super) fn run(mut self) -> Result<(), Stop> {
        if !self.place.has(self.file) {
            let _lock = self.locked()?;
            // Another program may have brought it meanwhile.
            if !self.place.has(self.file) {
                self.bring()?;
            }
        }
        (self.tell)(Tell::Here(self.file.size));
        self.place.link(&self.offer.commit, self.file)?;
        Ok(())
    }

    fn locked(&mut self) -> Result<File, Stop> {
        let mut told = false;
        loop {
            if let Some(lock) = self.place.lock(self.file)? {
                return Ok(lock);
            }
            if !told {
                (self.tell)(Tell::Shared);
                told = true;
            }
            rest(NAP, self.pause)?;
            (self.tell)(Tell::Here(self.place.present(self.file)));
        }
    }

    fn bring(&mut self) -> Result<(), Stop> {
        let path = self.place.incomplete(self.file);
        let disk = |error: &io::Error| Stop::Failed(HubError::disk(error, &path));
        for last in [false, true] {
            self.place.begin(&self.offer.commit, self.file)?;
            let mut part = self.open(&path).map_err(|error| disk(&error))?;
            self.fill(&mut part)?;
            part.file.sync_all().map_err(|error| disk(&error))?;
            let sum = hexadecimal(&part.sum.finalize());
            drop(part.file);
            if !self.file.checked || sum.eq_ignore_ascii_case(&self.file.blob) {
                return Ok(self.place.finish(self.file)?);
            }
            fs::remove_file(&path).map_err(|error| disk(&error))?;
            if last {
                break;
            }
        }
        Err(HubError::Damaged(self.file.path.clone()).into())
    }

    /// What an earlier try left, its sum taken up again.
    fn open(&self, path: &std::path::Path) -> io::Result<Part> {
        let mut options = OpenOptions::new();
        let mut file = options.read(true).write(true).create(true).truncate(false).open(path)?;
        let mut part = Part { length: file.metadata()?.len(), sum: Sha256::new(), file };
        if part.length > self.file.size {
            part.clear()?;
            return Ok(part);
        }
        file = part.file.try_clone()?;
        let mut piece = vec![0; PIECE];
        loop {
            match file.read(&mut piece)? {
                0 => return Ok(part),
                read => part.sum.update(&piece[..read]),
            }
        }
    }

    /// Asks for what is missing until nothing is.
    fn fill(&mut self, part: &mut Part) -> Result<(), Stop> {
        let url = self.client.file_url(&self.offer.repo, &self.offer.commit, &self.file.path);
        let mut fruitless = 0;
        while part.length < self.file.size {
            self.check()?;
            let before = part.length;
            let trouble = match self.client.bytes(&url, part.length) {
                Ok(body) => match self.take(part, body, &url)? {
                    None => continue,
                    Some(trouble) => trouble,
                },
                Err(trouble) => trouble,
            };
            fruitless = if part.length > before { 1 } else { fruitless + 1 };
            if !trouble.passing || fruitless >= TRIES {
                return Err(trouble.error.into());
            }
            let wait = trouble.wait.unwrap_or(self.wait * 2u32.pow(fruitless - 1));
            (self.tell)(Tell::Wait(wait));
            rest(wait, self.pause)?;
        }
        Ok(())
    }

    /// Writes what comes; why it ended too early, if it did.
    fn take(&mut self, part: &mut Part, body: Body, url: &str) -> Result<Option<Trouble>, Stop> {
        let path = self.place.incomplete(self.file);
        let disk = |error: &io::Error| Stop::Failed(HubError::disk(error, &path));
        if body.length.is_some_and(|length| length != self.file.size) {
            return Err(HubError::Changed(url.to_owned()).into());
        }
        if body.from.unwrap_or(0) != part.length {
            // The hub sends all of it, whatever was asked for.
            part.clear().map_err(|error| disk(&error))?;
            if body.from.is_some() {
                return Err(HubError::Changed(url.to_owned()).into());
            }
        }
        let mut bytes = body.bytes;
        let mut piece = vec![0; PIECE];
        let cut = |reason: String| {
            let error = HubError::Network { reason, url: url.to_owned() };
            Trouble { error, passing: true, wait: None }
        };
        loop {
            self.check()?;
            let read = match bytes.read(&mut piece) {
                Ok(0) => break,
                Ok(read) => read,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Ok(Some(cut(error.to_string()))),
            };
            if part.length + read as u64 > self.file.size {
                return Err(HubError::Changed(url.to_owned()).into());
            }
            part.file.write_all(&piece[..read]).map_err(|error| disk(&error))?;
            part.sum.update(&piece[..read]);
            part.length += read as u64;
            (self.tell)(Tell::Here(part.length));
        }
        let whole = part.length == self.file.size;
        Ok((!whole).then(|| cut("the file broke off".to_owned())))
    }

    fn check(&self) -> Result<(), Stop> {
        if self.pause.is_cancelled() { Err(Stop::Paused) } else { Ok(()) }
    }
}

/// Waits, but not through a pause.
pub(super) fn rest(mut wait: Duration, pause: &CancelToken) -> Result<(), Stop> {
    let paused = || if pause.is_cancelled() { Err(Stop::Paused) } else { Ok(()) };
    while !wait.is_zero() {
        paused()?;
        let nap = wait.min(NAP);
        sleep(nap);
        wait -= nap;
    }
    paused()
}

impl Part {
    fn clear(&mut self) -> io::Result<()> {
        self.file.set_len(0)?;
        self.file.rewind()?;
        self.length = 0;
        self.sum = Sha256::new();
        Ok(())
    }
}

/// Bytes as the hub writes their sums.
fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().flat_map(|byte| [byte >> 4, byte & 15]).map(digit).collect()
}

fn digit(value: u8) -> char {
    char::from_digit(u32::from(value), 16).expect("four bits are one digit")
}
