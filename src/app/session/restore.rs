//! Reads a session back from the journal.
//!
//! Reading is one thing, on any thread ([`restore`]); putting it into the window's state another
//! ([`Restored::put_back`]). What is damaged is left out and counted; the rest comes back.

use std::sync::Arc;

use super::super::jobs::{Entry, EntryId, Job, Stage};
use super::super::notices::Kind;
use super::super::state::{AppState, Welcome};
use super::super::undo::Undo;
use super::super::view::View;
use super::super::words::Text;
use super::keys;
use super::recorder::{Known, Recorder};
use super::records::{Desk, DocumentRecord, Strip};
use super::store::{Shelf, Store};
use crate::document::document::Document;
use crate::document::journal::{Batch, Reader};
use crate::plane::reserve_keys;

/// A session as it was read.
pub struct Restored {
    desk: Desk,
    view: View,
    document: Document,
    entries: Vec<Entry>,
    bin: Vec<(usize, Entry)>,
    jobs: Vec<Job>,
    strip: Strip,
    undo: Undo,
    recorder: Recorder,
    /// What the journal holds and nothing needs any more.
    pub garbage: Batch,
    /// Whether what is read later can be.
    pub shelf: Shelf,
    /// Things that could not be read.
    pub lost: usize,
    /// Records that were put together anew, to be written.
    mended: Vec<&'static str>,
}

/// Reads the session; `None` when the journal is new. Each of the few records that everything hangs
/// on can be lost: then what it said is put together from the others.
#[must_use]
pub fn restore(reader: &Reader) -> Option<Restored> {
    if reader.keys_under("").is_empty() {
        return None;
    }
    let mut store = Store::new(reader);
    let desk = store.root(keys::DESK).unwrap_or_else(Desk::lost);
    let mut strip: Strip = store.root(keys::STRIP).unwrap_or_else(|| store.strip_there());
    let view = store.root(keys::VIEW).unwrap_or_default();
    let order = strip.order.clone();
    let mut entries: Vec<Entry> = order.iter().filter_map(|id| store.entry(*id, &strip)).collect();
    let binned = strip.bin.clone();
    let bin =
        binned.iter().filter_map(|(place, id)| Some((*place, store.entry(*id, &strip)?))).collect();
    let undo = store.undo();
    let document = match store.root::<DocumentRecord>(keys::DOCUMENT) {
        Some(record) => store.document(&record),
        // The moment before the last step is the nearest thing to the present.
        None => undo
            .done
            .back()
            .map_or_else(|| Document::empty((256, 256)), |step| step.moment.document.clone()),
    };
    // What is seen first is there when the window is.
    if let Some(picture) = document.picture() {
        picture.make_halves();
    }
    let place = |old: u64| strip.queue.iter().position(|number| *number == old);
    store.queued.sort_by_key(|(old, _)| place(*old).unwrap_or(usize::MAX));
    let jobs: Vec<Job> = store.queued.drain(..).map(|(_, job)| job).collect();
    for entry in entries.iter_mut().filter(|entry| entry.stage == Stage::Waiting) {
        if let Some(job) = jobs.iter().find(|job| job.number == entry.job) {
            entry.request = Arc::clone(&job.request);
        }
    }
    // The counters are written with the order only; pictures are named in between.
    let named = order.iter().chain(binned.iter().map(|(_, id)| id)).chain(&store.pictures_needed);
    strip.last_key = strip.last_key.max(named.copied().max().unwrap_or(0));
    let numbers = entries.iter().map(|entry| entry.job);
    strip.last_number = strip.last_number.max(numbers.max().unwrap_or(0));

    reserve_keys(store.tiles_needed.last().copied().unwrap_or(0));
    if store.lost > 0 {
        // What nothing names any more is kept for whoever can mend it: nothing new takes its key.
        let highest = |prefix: &str| {
            let keys = reader.keys_under(prefix);
            keys.iter().filter_map(|key| key.strip_prefix(prefix)?.parse().ok()).max().unwrap_or(0)
        };
        reserve_keys(highest(keys::TILE));
        for prefix in [keys::ENTRY, keys::PICTURE, keys::THUMB, keys::MIDWAY] {
            strip.last_key = strip.last_key.max(highest(prefix));
        }
    }
    let garbage = store.garbage(&order, &binned);
    let mut recorder = Recorder::default();
    let known =
        Known { tiles: store.tiles_needed, pictures: store.pictures_needed, thumbs: store.thumbs };
    recorder.know(known, store.lost == 0);
    Some(Restored {
        desk,
        view,
        document,
        entries,
        bin,
        jobs,
        strip,
        undo,
        recorder,
        garbage,
        shelf: store.shelf,
        lost: store.lost,
        mended: store.mended,
    })
}

/// Whether the journal holds something that somebody made: a picture, results, a queue.
#[must_use]
pub fn holds_work(reader: &Reader) -> bool {
    let document = || {
        let bytes = reader.get(keys::DOCUMENT).ok().flatten()?;
        serde_json::from_slice::<DocumentRecord>(&bytes).ok()?.raster
    };
    !reader.keys_under(keys::ENTRY).is_empty() || document().is_some()
}

impl Restored {
    /// Makes it the window's state. The queue waits until the user lets it go on.
    #[must_use]
    pub fn put_back(self, state: &mut AppState) -> Recorder {
        state.welcome = Welcome::Over;
        state.document = self.document;
        state.view = self.view;
        state.entries = self.entries;
        state.bin = self.bin;
        state.undo = self.undo;
        state.next_key = state.next_key.max(self.strip.last_key);
        state.jobs.last_number = state.jobs.last_number.max(self.strip.last_number);
        let highest = self.jobs.iter().map(|job| job.number).max().unwrap_or(0);
        state.jobs.last_number = state.jobs.last_number.max(highest);
        state.jobs.paused = !self.jobs.is_empty();
        state.jobs.waiting = self.jobs.into();
        self.desk.put_back(state);
        let seen = |id: &EntryId| state.entry(*id).is_some_and(|entry| entry.thumb().is_some());
        state.shown = state.shown.filter(seen).or(state.document_entry.filter(seen));
        state.settings.feather_px = state.document.feather_px;
        state.count_words();
        if self.lost > 0 {
            let count = self.lost.to_string();
            let words = state.lang.fill(Text::SessionLost, &[&count]);
            state.notices.say(state.now, Kind::Warning, words, None);
        }
        let mut recorder = self.recorder;
        recorder.take_as_written(state, &self.mended);
        recorder
    }
}
