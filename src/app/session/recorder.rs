//! What is new in the state since the last look, as a batch for the journal.
//!
//! The shell asks after each frame; pixels are compared by key, words and numbers by value. Pixels
//! are shared with the batch and compressed on the journal's thread. What nothing refers to any more
//! is deleted at the next start, by [`super::restore`].

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use serde::Serialize;

use super::super::jobs::{Entry, Keyed};
use super::super::state::AppState;
use super::super::view::View;
use super::records::{Desk, DocumentRecord, EntryRecord, HistoryRecord, StepRecord, Strip};
use super::{keys, midway};
use crate::document::document::Document;
use crate::document::journal::Batch;
use crate::engine::protocol::PaintRequest;
use crate::plane::Plane;

/// Cheap signs that an entry has changed in what is written of it.
#[derive(PartialEq)]
struct EntrySign {
    stands: bool,
    steps: usize,
    picture: Option<u64>,
    kept: bool,
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

/// What the journal already holds.
#[derive(Default)]
pub struct Recorder {
    desk: Option<Desk>,
    view: Option<View>,
    document: Option<(u64, u64, u32)>,
    strip: Option<Strip>,
    entries: HashMap<u64, EntrySign>,
    history: Option<HistoryRecord>,
    steps: HashSet<(u64, bool)>,
    tiles: HashSet<u64>,
    pictures: HashSet<u64>,
    /// Entries of paused runs.
    midways: HashSet<u64>,
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
        if self.strip.as_ref().is_none_or(|old| old.order() != strip.order()) {
            put(&mut batch, keys::STRIP, &strip);
            self.strip = Some(strip);
        }
        if self.view.as_ref() != Some(&state.view) {
            put(&mut batch, keys::VIEW, &state.view);
            self.view = Some(state.view);
        }
        let desk = Desk::of(state);
        if self.desk.as_ref() != Some(&desk) {
            put(&mut batch, keys::DESK, &desk);
            self.desk = Some(desk);
        }
        (!batch.is_empty()).then_some(batch)
    }

    fn document(&mut self, batch: &mut Batch, document: &Document) {
        let sign = (document.picture_key(), document.mask.key(), document.feather_px.to_bits());
        if self.document != Some(sign) {
            self.pixels(batch, document);
            put(batch, keys::DOCUMENT, &DocumentRecord::of(document));
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
                batch.put_made(keys::tile(tile.key()), move || tile.bytes().to_vec());
            }
        }
    }

    fn entries(&mut self, batch: &mut Batch, state: &AppState) {
        let binned = state.bin.iter().map(|(_, entry)| entry);
        let mut there = HashSet::new();
        for entry in state.entries.iter().chain(binned) {
            there.insert(entry.id.0);
            let done = entry.stands();
            let sign = EntrySign {
                stands: done,
                steps: if done { entry.steps.len() } else { 0 },
                picture: entry.picture.as_ref().map(Plane::key),
                kept: entry.kept,
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
            }
            stays
        });
    }

    fn entry(&mut self, batch: &mut Batch, entry: &Entry) {
        let done = entry.stands();
        let previews = entry.steps.iter().filter(|_| done).filter_map(|step| step.preview.as_ref());
        for preview in previews {
            self.preview(batch, preview);
        }
        for picture in entry.picture.iter().chain(&entry.origin) {
            self.plane(batch, picture);
        }
        if let Some(mask) = &entry.request.mask {
            self.plane(batch, &mask.coverage);
        }
        if let Some(midway) = entry.midway() {
            let midway = Arc::clone(midway);
            self.midways.insert(entry.id.0);
            batch.put_made(keys::midway(entry.id.0), move || midway::to_bytes(&midway.state));
        } else if self.midways.remove(&entry.id.0) {
            batch.delete(keys::midway(entry.id.0));
        }
        put(batch, &keys::entry(entry.id.0), &EntryRecord::of(entry));
    }

    fn preview(&mut self, batch: &mut Batch, keyed: &Keyed) {
        if self.pictures.insert(keyed.key) {
            let picture = Arc::clone(&keyed.picture);
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
            if self.steps.insert((step.id, *side)) {
                self.pixels(batch, &step.moment.document);
                put(batch, &keys::step(step.id, *side), &StepRecord::of(step));
            }
        }
        let there: HashSet<_> = sides.iter().map(|(step, side)| (step.id, *side)).collect();
        self.steps.retain(|(id, side)| {
            let stays = there.contains(&(*id, *side));
            if !stays {
                batch.delete(keys::step(*id, *side));
            }
            stays
        });
        put(batch, keys::HISTORY, &record);
        self.history = Some(record);
    }

    /// Takes over what the journal held when it was read: nothing of that is written again.
    pub(super) fn know(
        &mut self,
        tiles: impl IntoIterator<Item = u64>,
        pictures: impl IntoIterator<Item = u64>,
    ) {
        self.tiles.extend(tiles);
        self.pictures.extend(pictures);
    }

    /// Counts what is there as written, without a batch: for a state that was just read.
    pub(super) fn take_as_written(&mut self, state: &AppState) {
        drop(self.observe(state));
    }
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
