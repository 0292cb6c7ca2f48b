//! The window's end of the journal: opens it beside the window, hands over what is new after each
//! frame, and says what its thread says.

use std::path::Path;
use std::thread::JoinHandle;

use jiff::Timestamp;
use jiff::tz::TimeZone;

use crate::app::notices::Kind;
use crate::app::session::{Recorder, Restored, restore};
use crate::app::state::AppState;
use crate::app::trouble;
use crate::app::words::Text;
use crate::document::journal::{Opened, Trouble, open_free};
use crate::files::journal::{JournalEvent, JournalWriter};

/// Base of the journal's file names.
const BASE: &str = "session";

/// A journal that was opened, and what lay in it.
pub(super) struct Found {
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
        Ok(Found { opened, restored, left_at })
    })
}

fn last_written(path: &Path) -> Option<String> {
    let modified = std::fs::metadata(path).ok()?.modified().ok()?;
    let time = Timestamp::try_from(modified).ok()?.to_zoned(TimeZone::system());
    Some(time.strftime("%H:%M").to_string())
}

/// Keeps the journal while the window is open.
pub(super) struct Session {
    writer: JournalWriter,
    recorder: Recorder,
    seq: u64,
    /// Whether the disk's refusal was told.
    told: bool,
}

impl Session {
    /// Takes the found session over into the state.
    pub(super) fn begin(
        found: Found,
        state: &mut AppState,
        wake: impl Fn() + Send + 'static,
    ) -> std::io::Result<Self> {
        let Found { opened, restored, left_at } = found;
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
        let mut writer = JournalWriter::spawn(opened.journal, wake)?;
        let mut seq = 0;
        let recorder = match restored {
            None => Recorder::default(),
            Some(mut restored) => {
                let garbage = std::mem::take(&mut restored.garbage);
                if !garbage.is_empty() {
                    seq += 1;
                    writer.submit(seq, garbage);
                }
                let recorder = restored.put_back(state);
                let text = if state.jobs.paused { Text::SessionWaits } else { Text::SessionBack };
                let words = state.lang.fill(text, &[&left_at.unwrap_or_default()]);
                state.notices.say(state.now, Kind::Info, words, None);
                recorder
            }
        };
        Ok(Self { writer, recorder, seq, told: false })
    }

    /// Hands over what is new.
    pub(super) fn observe(&mut self, state: &AppState) {
        if let Some(batch) = self.recorder.observe(state) {
            self.seq += 1;
            self.writer.submit(self.seq, batch);
        }
    }

    /// Says what the journal's thread says, as far as it concerns the user.
    pub(super) fn drain(&mut self, state: &mut AppState) {
        for event in self.writer.drain() {
            match event {
                JournalEvent::Written { .. } | JournalEvent::Synced { .. } => {}
                JournalEvent::Refused { message, .. } => {
                    state.notices.say(state.now, Kind::Error, message, None);
                }
                JournalEvent::Failed { trouble, message, unwritten, bytes } => {
                    if !std::mem::replace(&mut self.told, true) {
                        let count = unwritten.to_string();
                        let words = if matches!(trouble, Trouble::DiskFull) {
                            let mib = (bytes >> 20).max(1).to_string();
                            state.lang.fill(Text::JournalDiskFull, &[&count, &mib])
                        } else {
                            state.lang.fill(Text::JournalRefused, &[&count, &message])
                        };
                        state.notices.say(state.now, Kind::Error, words, None);
                    }
                }
                JournalEvent::Recovered => {
                    self.told = false;
                    let words = state.lang.get(Text::JournalRecovered).to_owned();
                    state.notices.say(state.now, Kind::Info, words, None);
                }
            }
        }
    }

    /// Writes everything and lets go of the journal.
    pub(super) fn close(self) {
        let unwritten = self.writer.close();
        if unwritten > 0 {
            eprintln!("{unwritten} changes could not be written to the journal");
        }
    }
}
