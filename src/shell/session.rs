//! The window's end of the journal: opens it beside the window, hands over what is new after each
//! frame, and says what its thread says.

use std::path::{Path, PathBuf};
use std::process::{Command as Process, Stdio};
use std::sync::Arc;
use std::thread::JoinHandle;

use jiff::Timestamp;
use jiff::tz::TimeZone;

use crate::app::command::{Action, Command};
use crate::app::notices::Kind;
use crate::app::session::sweep::Garbage;
use crate::app::session::{Recorder, Restored, Shelf, holds_work, restore};
use crate::app::state::AppState;
use crate::app::trouble;
use crate::app::words::Text;
use crate::document::journal::{Batch, Journal, Opened, Trouble, left_behind, open_free};
use crate::files::journal::{JournalEvent, JournalWriter};

/// Base of the journal's file names.
const BASE: &str = "session";

/// A journal that was opened, and what lay in it.
pub(super) struct Found {
    folder: PathBuf,
    opened: Opened,
    restored: Option<Restored>,
    /// When it was last written to, as "14:32".
    left_at: Option<String>,
}

/// A journal that is being opened.
pub(super) type Opening = JoinHandle<Result<Found, String>>;

/// Begins to open the journal in `folder` and to read the session, so that both are done by the
/// time the window stands. `Err`: the reason why there is no journal, for people.
pub(super) fn open(folder: &Path) -> std::io::Result<Opening> {
    let folder = folder.to_owned();
    std::thread::Builder::new().name("session".to_owned()).spawn(move || {
        std::fs::create_dir_all(&folder)
            .map_err(|error| format!("{error}: {}", folder.display()))?;
        let opened = open_free(&folder, BASE).map_err(|error| error.to_string())?;
        let name =
            if opened.which == 1 { BASE.to_owned() } else { format!("{BASE}-{}", opened.which) };
        let left_at = last_written(&folder.join(format!("{name}.journal")));
        let restored = restore(&opened.journal.reader());
        Ok(Found { folder, opened, restored, left_at })
    })
}

fn last_written(path: &Path) -> Option<String> {
    let modified = std::fs::metadata(path).ok()?.modified().ok()?;
    let time = Timestamp::try_from(modified).ok()?.to_zoned(TimeZone::system());
    Some(time.strftime("%H:%M").to_string())
}

/// Wakes the window from any thread.
pub(super) type Wake = Arc<dyn Fn() + Send + Sync>;

/// What the window is to do that was asked to close.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Leave {
    /// Close: everything is written.
    Now,
    /// Wait a moment: it is being written.
    Soon,
    /// Stay: the disk refuses.
    Stay,
}

/// What the disk refuses, as the user is told it.
struct Refusal {
    /// The notice's words.
    words: String,
    trouble: Trouble,
    message: String,
    /// Bytes that the first batch needs.
    bytes: u64,
    /// Whether a closing window was held back for it.
    held_back: bool,
}

/// Keeps the journal while the window is open.
pub(super) struct Session {
    /// Where the journal lies.
    folder: PathBuf,
    writer: JournalWriter,
    recorder: Recorder,
    seq: u64,
    refusal: Option<Refusal>,
    /// Whether what is read later can be.
    shelf: Option<Shelf>,
    /// A search for what nothing needs any more.
    sweep: Option<JoinHandle<Garbage>>,
    /// A search for the work of windows that are gone; whether there is some.
    others: Option<JoinHandle<bool>>,
    wake: Wake,
}

impl Session {
    /// Takes the found session over into the state.
    pub(super) fn begin(found: Found, state: &mut AppState, wake: Wake) -> std::io::Result<Self> {
        let Found { folder, opened, restored, left_at } = found;
        let recovery = opened.journal.recovery().clone();
        for error in &opened.refused {
            let words = trouble::said(state.lang, &error.to_string()).into_owned();
            state.notices.say(state.now, Kind::Warning, words, None);
        }
        if !recovery.is_whole() {
            let bytes = (recovery.dropped_bytes + recovery.skipped_bytes).to_string();
            let words = state.lang.fill(Text::SessionDropped, &[&bytes]);
            state.notices.say(state.now, Kind::Warning, words, None);
        }
        // Once something is to be written, the notice tells what becomes of it.
        let refusal = recovery.unwritable.as_deref().map(|reason| {
            let message = trouble::without_codes(reason.to_owned());
            let words = state.lang.fill(Text::SessionNone, &[&message]);
            state.notices.say(state.now, Kind::Error, words.clone(), None);
            Refusal { words, trouble: Trouble::Other, message, bytes: 0, held_back: false }
        });
        let which = opened.which;
        let woken = Arc::clone(&wake);
        let mut writer = JournalWriter::spawn(opened.journal, move || woken())?;
        let mut seq = 0;
        let mut shelf = None;
        let recorder = match restored {
            None => Recorder::default(),
            Some(mut restored) => {
                let garbage = std::mem::take(&mut restored.garbage);
                if !garbage.is_empty() {
                    seq += 1;
                    writer.submit(seq, garbage);
                }
                shelf = Some(restored.shelf.clone());
                let recorder = restored.put_back(state);
                let text = if state.jobs.paused { Text::SessionWaits } else { Text::SessionBack };
                let words = state.lang.fill(text, &[&left_at.unwrap_or_default()]);
                state.notices.say(state.now, Kind::Info, words, None);
                recorder
            }
        };
        let others = look_for_others(folder.clone(), which, Arc::clone(&wake)).ok();
        Ok(Self { folder, writer, recorder, seq, refusal, shelf, sweep: None, others, wake })
    }

    /// Hands over what is new.
    pub(super) fn observe(&mut self, state: &AppState) {
        if let Some(batch) = self.recorder.observe(state) {
            self.submit(batch);
        }
    }

    fn submit(&mut self, batch: Batch) {
        self.seq += 1;
        self.writer.submit(self.seq, batch);
    }

    /// Says what the journal's thread says, as far as it concerns the user.
    pub(super) fn drain(&mut self, state: &mut AppState) {
        for event in self.writer.drain() {
            match event {
                JournalEvent::Written { .. } => {
                    // What was refused when the program began, before there was anything to write.
                    if let Some(refusal) = self.refusal.take_if(|refusal| refusal.bytes == 0) {
                        state.notices.retract(&refusal.words);
                    }
                }
                JournalEvent::Synced { .. } => self.begin_sweep(state),
                JournalEvent::Refused { message, .. } => {
                    state.notices.say(state.now, Kind::Error, message, None);
                }
                JournalEvent::Failed { trouble, message, unwritten, bytes } => {
                    let message = trouble::without_codes(message);
                    self.refused(state, trouble, message, unwritten, bytes);
                }
                JournalEvent::Recovered => {
                    if let Some(refusal) = self.refusal.take() {
                        state.notices.retract(&refusal.words);
                    }
                    let words = state.lang.get(Text::JournalRecovered).to_owned();
                    state.notices.say(state.now, Kind::Info, words, None);
                }
            }
        }
        self.end_sweep();
        if let Some(others) = self.others.take_if(|others| others.is_finished())
            && others.join().unwrap_or(false)
        {
            let words = state.lang.get(Text::OtherWindow).to_owned();
            let open = (Text::OpenIt, Command::Do(Action::NewWindow));
            state.notices.say(state.now, Kind::Info, words, Some(open));
        }
        let lost = self.shelf.as_ref().map_or(0, Shelf::take_lost);
        if lost > 0 {
            let words = state.lang.fill(Text::SessionLost, &[&lost.to_string()]);
            state.notices.say(state.now, Kind::Warning, words, None);
        }
    }

    /// Everything is on the disk, so there is a moment to look for what nothing needs.
    fn begin_sweep(&mut self, state: &AppState) {
        if self.sweep.is_some() || self.writer.unwritten() > 0 {
            return;
        }
        self.observe(state);
        let Some(sweep) = self.recorder.begin_sweep(state) else { return };
        let wake = Arc::clone(&self.wake);
        let thread = std::thread::Builder::new().name("sweep".to_owned());
        let search = move || {
            let garbage = sweep.run();
            wake();
            garbage
        };
        // Without a thread there is no sweep; the next start has another.
        self.sweep = thread.spawn(search).ok();
    }

    fn end_sweep(&mut self) {
        let Some(sweep) = self.sweep.take_if(|sweep| sweep.is_finished()) else { return };
        let garbage = sweep.join().unwrap_or_default();
        if let Some(batch) = self.recorder.end_sweep(&garbage) {
            self.submit(batch);
        }
    }

    /// Tells the refusal, or what has become of it in the notice that stands.
    fn refused(
        &mut self,
        state: &mut AppState,
        trouble: Trouble,
        message: String,
        unwritten: usize,
        bytes: u64,
    ) {
        let count = unwritten.to_string();
        let words = if matches!(trouble, Trouble::DiskFull) {
            state.lang.fill(Text::JournalDiskFull, &[&count, &mib(bytes)])
        } else {
            state.lang.fill(Text::JournalRefused, &[&count, &message])
        };
        let held_back = match &self.refusal {
            None => {
                let show = self.show_folder(trouble);
                state.notices.say(state.now, Kind::Error, words.clone(), show);
                false
            }
            // What says more by now is left alone, and what was dismissed is not said again.
            Some(told) if told.held_back => return,
            Some(told) => {
                state.notices.retell(&told.words, &words);
                false
            }
        };
        self.refusal = Some(Refusal { words, trouble, message, bytes, held_back });
    }

    /// What becomes of a window that was asked to close.
    pub(super) fn leave(&self) -> Leave {
        match (self.writer.unwritten(), &self.refusal) {
            (0, _) => Leave::Now,
            (_, None) => Leave::Soon,
            (_, Some(_)) => Leave::Stay,
        }
    }

    /// Whether a closing window was held back before, for a refusal that still stands.
    pub(super) fn was_held_back(&self) -> bool {
        self.refusal.as_ref().is_some_and(|refusal| refusal.held_back)
    }

    /// Says why the window stays, and what to do.
    pub(super) fn hold_back(&mut self, state: &mut AppState) {
        let Some(refusal) = &mut self.refusal else { return };
        refusal.held_back = true;
        let count = self.writer.unwritten().to_string();
        let words = if matches!(refusal.trouble, Trouble::DiskFull) {
            state.lang.fill(Text::JournalStay, &[&count, &mib(refusal.bytes)])
        } else {
            state.lang.fill(Text::JournalStayRefused, &[&count, &refusal.message])
        };
        state.notices.retract(&refusal.words);
        refusal.words.clone_from(&words);
        let trouble = refusal.trouble;
        let show = self.show_folder(trouble);
        state.notices.say(state.now, Kind::Error, words, show);
    }

    /// What can be done about a full disk: looking where its space went.
    fn show_folder(&self, trouble: Trouble) -> Option<(Text, Command)> {
        let full = matches!(trouble, Trouble::DiskFull);
        full.then(|| (Text::ShowFolder, Command::ShowFolder(self.folder.clone())))
    }

    /// Writes everything and lets go of the journal.
    pub(super) fn close(self) {
        let unwritten = self.writer.close();
        if unwritten > 0 {
            eprintln!("{unwritten} changes could not be written to the journal");
        }
    }
}

fn mib(bytes: u64) -> String {
    (bytes >> 20).max(1).to_string()
}

/// Looks for journals that other windows left with work in them. Those that are open are locked.
fn look_for_others(folder: PathBuf, which: usize, wake: Wake) -> std::io::Result<JoinHandle<bool>> {
    std::thread::Builder::new().name("others".to_owned()).spawn(move || {
        let found = left_behind(&folder, BASE, which)
            .iter()
            .filter_map(|name| Journal::open(&folder, name).ok())
            .any(|journal| holds_work(&journal.reader()));
        if found {
            wake();
        }
        found
    })
}

/// Opens another window: the same program once more.
pub(super) fn open_window() -> std::io::Result<()> {
    let mut child = Process::new(std::env::current_exe()?).stdin(Stdio::null()).spawn()?;
    // Somebody has to hear of its end.
    std::thread::Builder::new().name("window".to_owned()).spawn(move || child.wait()).map(drop)
}
