//! What is new in the state since the last look, as a batch for the journal.
//!
//! The shell asks after each frame; pixels are compared by key, words and numbers by value. Pixels
//! are shared with the batch and compressed on the journal's thread. What nothing refers to any more
//! is deleted after every so many new pixels, see [`Recorder::begin_sweep`], and at the next start.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::Arc;

use serde::Serialize;

use super::super::jobs::{Entry, Keyed, THUMB_SIDE};
use super::super::state::AppState;
use super::super::view::View;
use super::records::{
    Desk, DocumentRecord, EntryRecord, HistoryRecord, StageRecord, StepRecord, Strip,
};
use super::sweep::{Garbage, Sweep};
use super::{keys, midway};
use crate::document::document::Document;
use crate::document::journal::Batch;
use crate::engine::protocol::PaintRequest;
use crate::plane::{Plane, Tile};
use crate::types::shrunk;

/// New pixels after which it is worth looking for old ones that nobody needs, in bytes.
const SWEEP_AFTER: u64 = 128 << 20;

/// Cheap signs that an entry has changed in what is written of it.
#[derive(PartialEq)]
struct EntrySign {
    stage: StageRecord,
    steps: usize,
    picture: Option<u64>,
    kept: bool,
    model: Arc<str>,
    /// Held, so that no other request can come to lie where it lay.
    request: SameRequest,
}

/// A request that equals only itself.
struct SameRequest(Arc<PaintRequest>);

impl PartialEq for SameRequest {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

/// Tiles and pictures.
#[derive(Default)]
struct Since {
    tiles: HashSet<u64>,
    pictures: HashSet<u64>,
}

/// What the journal already holds.
pub struct Recorder {
    desk: Option<Desk>,
    view: Option<View>,
    document: Option<(u64, u64, u32)>,
    /// Tiles that the document's record names.
    document_tiles: Arc<[u64]>,
    strip: Option<Strip>,
    entries: HashMap<u64, EntrySign>,
    history: Option<HistoryRecord>,
    /// Tiles that each side of a step names.
    steps: HashMap<(u64, bool), Arc<[u64]>>,
    tiles: HashSet<u64>,
    pictures: HashSet<u64>,
    /// Tiles that each entry names.
    entry_tiles: HashMap<u64, Arc<[u64]>>,
    /// Entries whose thumbs were written.
    thumbs: HashSet<u64>,
    /// Entries of paused runs.
    midways: HashSet<u64>,
    /// Bytes of pixels written since the last sweep.
    fresh: u64,
    /// How many of them call for a sweep; `None` while what was lost may still name things.
    sweep_after: Option<u64>,
    /// What was named since the sweep under way began.
    since: Option<Since>,
}

impl Default for Recorder {
    fn default() -> Self {
        Self {
            desk: None,
            view: None,
            document: None,
            document_tiles: Arc::default(),
            strip: None,
            entries: HashMap::new(),
            history: None,
            steps: HashMap::new(),
            tiles: HashSet::new(),
            pictures: HashSet::new(),
            entry_tiles: HashMap::new(),
            thumbs: HashSet::new(),
            midways: HashSet::new(),
            fresh: 0,
            sweep_after: Some(SWEEP_AFTER),
            since: None,
        }
    }
}

impl Recorder {
    /// What is new, or nothing.
    pub fn observe(&mut self, state: &AppState) -> Option<Batch> {
        let mut batch = Batch::new();
        // What is half drawn is no state to come back to.
        if !state.stroking {
            self.document(&mut batch, &state.document);
            self.history(&mut batch, state);
        }
        self.entries(&mut batch, state);
        let strip = Strip::of(state);
        if self.strip.as_ref().is_none_or(|old| !old.same_order(&strip)) {
            put(&mut batch, keys::STRIP, &strip);
            self.strip = Some(strip);
        }
        if self.view.as_ref() != Some(&state.view) {
            put(&mut batch, keys::VIEW, &state.view);
            self.view = Some(state.view);
        }
        // What it says of the document, such as the file that it belongs to, goes with that.
        let desk = Desk::of(state);
        if !state.stroking && self.desk.as_ref() != Some(&desk) {
            put(&mut batch, keys::DESK, &desk);
            self.desk = Some(desk);
        }
        (!batch.is_empty()).then_some(batch)
    }

    fn document(&mut self, batch: &mut Batch, document: &Document) {
        let sign = (document.picture_key(), document.mask.key(), document.feather_px.to_bits());
        if self.document != Some(sign) {
            self.pixels(batch, document);
            let record = DocumentRecord::of(document);
            put(batch, keys::DOCUMENT, &record);
            self.document_tiles = self.names(record.tile_keys());
            self.document = Some(sign);
        }
    }

    fn pixels(&mut self, batch: &mut Batch, document: &Document) {
        if let Some(raster) = &document.raster {
            self.plane(batch, raster.plane());
        }
        self.plane(batch, document.mask.plane());
    }

    fn plane<const N: usize>(&mut self, batch: &mut Batch, plane: &Plane<N>) {
        for (_, tile) in plane.tiles() {
            if self.tiles.insert(tile.key()) {
                let tile = Arc::clone(tile);
                self.fresh += Tile::<N>::BYTES as u64;
                batch.put_made(keys::tile(tile.key()), move || tile.bytes().to_vec());
            }
        }
    }

    fn entries(&mut self, batch: &mut Batch, state: &AppState) {
        let binned = state.bin.iter().map(|(_, entry)| entry);
        let mut there = HashSet::new();
        for entry in state.entries.iter().chain(binned) {
            there.insert(entry.id.0);
            let sign = EntrySign {
                stage: StageRecord::of(entry.stage),
                steps: entry.settled_steps().len(),
                picture: entry.picture.as_ref().map(Plane::key),
                kept: entry.kept,
                model: Arc::clone(&entry.model),
                request: SameRequest(Arc::clone(&entry.request)),
            };
            if self.entries.get(&entry.id.0) != Some(&sign) {
                self.entry(batch, entry);
                self.entries.insert(entry.id.0, sign);
            }
        }
        self.entries.retain(|id, _| {
            let stays = there.contains(id);
            if !stays {
                batch.delete(keys::entry(*id));
                if self.midways.remove(id) {
                    batch.delete(keys::midway(*id));
                }
            }
            stays
        });
        self.entry_tiles.retain(|id, _| there.contains(id));
        self.thumbs.retain(|id| {
            let stays = there.contains(id);
            if !stays {
                batch.delete(keys::thumb(*id));
            }
            stays
        });
    }

    fn entry(&mut self, batch: &mut Batch, entry: &Entry) {
        for preview in entry.settled_steps().iter().filter_map(|step| step.preview.as_ref()) {
            self.preview(batch, preview);
        }
        let depth = &entry.request.conditions.depth;
        for picture in entry.picture.iter().chain(&entry.origin).chain(depth) {
            self.plane(batch, picture);
        }
        if let Some(mask) = &entry.request.mask {
            self.plane(batch, &mask.coverage);
        }
        if let Some(picture) = entry.picture.as_ref().filter(|_| entry.stands())
            && self.thumbs.insert(entry.id.0)
        {
            let picture = picture.clone();
            batch.put_made(keys::thumb(entry.id.0), move || {
                let small = shrunk(&picture.to_picture(), THUMB_SIDE);
                sized((small.width, small.height), &small.rgba)
            });
        }
        if let Some(midway) = entry.begun_from() {
            let midway = Arc::clone(midway);
            self.midways.insert(entry.id.0);
            batch.put_made(keys::midway(entry.id.0), move || midway::to_bytes(&midway.state));
        } else if self.midways.remove(&entry.id.0) {
            batch.delete(keys::midway(entry.id.0));
        }
        let record = EntryRecord::of(entry);
        put(batch, &keys::entry(entry.id.0), &record);
        let named = self.names(record.tile_keys());
        self.entry_tiles.insert(entry.id.0, named);
    }

    fn preview(&mut self, batch: &mut Batch, keyed: &Keyed) {
        if let Some(since) = &mut self.since {
            since.pictures.insert(keyed.key);
        }
        if self.pictures.insert(keyed.key) {
            let picture = Arc::clone(&keyed.picture);
            self.fresh += picture.rgba.len() as u64;
            batch.put_made(keys::picture(keyed.key), move || {
                sized((picture.width, picture.height), &picture.rgba)
            });
        }
    }

    fn history(&mut self, batch: &mut Batch, state: &AppState) {
        let (done, undone) = (&state.undo.done, &state.undo.undone);
        let record = HistoryRecord {
            done: done.iter().map(|step| step.id).collect(),
            undone: undone.iter().map(|step| step.id).collect(),
        };
        if self.history.as_ref() == Some(&record) {
            return;
        }
        let sides = done.iter().map(|step| (step, false));
        let sides: Vec<_> = sides.chain(undone.iter().map(|step| (step, true))).collect();
        for (step, side) in &sides {
            if !self.steps.contains_key(&(step.id, *side)) {
                self.pixels(batch, &step.moment.document);
                let record = StepRecord::of(step);
                put(batch, &keys::step(step.id, *side), &record);
                let named = self.names(record.document.tile_keys());
                self.steps.insert((step.id, *side), named);
            }
        }
        let there: HashSet<_> = sides.iter().map(|(step, side)| (step.id, *side)).collect();
        self.steps.retain(|(id, side), _| {
            let stays = there.contains(&(*id, *side));
            if !stays {
                batch.delete(keys::step(*id, *side));
            }
            stays
        });
        put(batch, keys::HISTORY, &record);
        self.history = Some(record);
    }

    /// The tiles that a record names, to be kept beside it.
    fn names(&mut self, keys: impl Iterator<Item = u64>) -> Arc<[u64]> {
        let keys: Arc<[u64]> = keys.collect();
        if let Some(since) = &mut self.since {
            since.tiles.extend(keys.iter());
        }
        keys
    }

    /// Sets how many bytes of new pixels call for a sweep.
    pub fn sweep_after(&mut self, bytes: u64) {
        self.sweep_after = self.sweep_after.map(|_| bytes);
    }

    /// Begins to look for what nothing names any more, if enough is new. Right after
    /// [`Self::observe`]: what is known then is what the journal is told.
    pub fn begin_sweep(&mut self, state: &AppState) -> Option<Sweep> {
        let due = self.sweep_after.is_some_and(|bytes| self.fresh >= bytes);
        if !due || state.stroking || self.since.is_some() {
            return None;
        }
        self.fresh = 0;
        self.since = Some(Since::default());
        let binned = state.bin.iter().map(|(_, entry)| entry);
        let entries = state.entries.iter().chain(binned);
        let shown = entries.flat_map(|entry| {
            entry.steps.iter().filter_map(|step| Some(step.preview.as_ref()?.key))
        });
        let lists = std::iter::once(&self.document_tiles)
            .chain(self.steps.values())
            .chain(self.entry_tiles.values());
        Some(Sweep {
            tiles: self.tiles.clone(),
            named: lists.cloned().collect(),
            pictures: self.pictures.clone(),
            shown: shown.collect(),
        })
    }

    /// Ends the sweep: deletes what it found and what is not named since. What is deleted counts as
    /// unwritten again.
    pub fn end_sweep(&mut self, garbage: &Garbage) -> Option<Batch> {
        let mut batch = Batch::new();
        let since = self.since.take()?;
        for key in garbage.tiles.iter().filter(|key| !since.tiles.contains(key)) {
            if self.tiles.remove(key) {
                batch.delete(keys::tile(*key));
            }
        }
        for key in garbage.pictures.iter().filter(|key| !since.pictures.contains(key)) {
            if self.pictures.remove(key) {
                batch.delete(keys::picture(*key));
            }
        }
        (!batch.is_empty()).then_some(batch)
    }

    /// Takes over what the journal held when it was read: nothing of that is written again.
    /// `whole`: whether all of it could be read.
    pub(super) fn know(&mut self, known: Known, whole: bool) {
        self.tiles.extend(known.tiles);
        self.pictures.extend(known.pictures);
        self.thumbs = known.thumbs;
        self.sweep_after = self.sweep_after.filter(|_| whole);
    }

    /// Counts what is there as written, without a batch: for a state that was just read. Written once
    /// more are the records that were `mended`, and what waits: its jobs have other numbers than
    /// before.
    pub(super) fn take_as_written(&mut self, state: &AppState, mended: &[&'static str]) {
        drop(self.observe(state));
        self.fresh = 0;
        for key in mended {
            match *key {
                keys::DESK => self.desk = None,
                keys::VIEW => self.view = None,
                keys::STRIP => self.strip = None,
                keys::HISTORY => self.history = None,
                _ => self.document = None,
            }
        }
        if !state.jobs.waiting.is_empty() {
            self.strip = None;
        }
        for entry in
            state.entries.iter().filter(|entry| !entry.stands() || entry.midway().is_some())
        {
            self.entries.remove(&entry.id.0);
        }
    }
}

/// What the journal held.
pub(super) struct Known {
    pub(super) tiles: BTreeSet<u64>,
    pub(super) pictures: BTreeSet<u64>,
    /// Entries with a thumb.
    pub(super) thumbs: HashSet<u64>,
}

fn put<T: Serialize>(batch: &mut Batch, key: &str, value: &T) {
    // Plain structs of numbers and strings with string keys: serialization has nothing to refuse.
    if let Ok(bytes) = serde_json::to_vec(value) {
        batch.put(key, bytes);
    }
}

fn sized((width, height): (u32, u32), bytes: &[u8]) -> Vec<u8> {
    let mut value = Vec::with_capacity(8 + bytes.len());
    value.extend(width.to_le_bytes());
    value.extend(height.to_le_bytes());
    value.extend(bytes);
    value
}
