//! Reads a session back from the journal.
//!
//! Reading is one thing, on any thread ([`restore`]); putting it into the window's state another
//! ([`Restored::put_back`]). What is damaged is left out and counted; the rest comes back.

use std::collections::{BTreeSet, HashMap, VecDeque};
use std::sync::Arc;

use serde::de::DeserializeOwned;

use super::super::jobs::{Entry, EntryId, Job, Keyed, Stage, Step as EntryStep};
use super::super::notices::Kind;
use super::super::state::{AppState, Welcome};
use super::super::undo::{Step, Undo};
use super::super::view::View;
use super::super::words::Text;
use super::recorder::Recorder;
use super::records::{
    Desk, DocumentRecord, EntryRecord, HistoryRecord, PlaneRecord, RequestRecord, SizedRecord,
    StageRecord, StepRecord, Strip,
};
use super::{keys, midway};
use crate::document::document::Document;
use crate::document::journal::{Batch, Reader};
use crate::document::mask::Mask;
use crate::document::raster::Raster;
use crate::engine::protocol::{InitPicture, InpaintMask, Midway, PaintRequest, Picture};
use crate::plane::{Plane, Tile, reserve_keys};

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
    /// Things that could not be read.
    pub lost: usize,
}

/// Reads the session; `None` when the journal is new.
#[must_use]
pub fn restore(reader: &Reader) -> Option<Restored> {
    let mut store = Store::new(reader);
    let desk: Desk = store.json(keys::DESK)?;
    let mut strip: Strip = store.json(keys::STRIP).unwrap_or_default();
    let view = store.json(keys::VIEW).unwrap_or_default();
    let document = match store.json::<DocumentRecord>(keys::DOCUMENT) {
        Some(record) => store.document(&record),
        None => Document::empty((256, 256)),
    };
    if let Some(picture) = document.picture() {
        picture.make_halves();
    }
    let order = strip.order.clone();
    let mut entries: Vec<Entry> = order.iter().filter_map(|id| store.entry(*id, &strip)).collect();
    let binned = strip.bin.clone();
    let bin =
        binned.iter().filter_map(|(place, id)| Some((*place, store.entry(*id, &strip)?))).collect();
    let undo = store.undo();
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
    // Behind what cannot be read there may be pictures that nothing else names: they stay.
    let garbage = if store.lost == 0 { store.garbage(&order, &binned) } else { Batch::new() };
    let mut recorder = Recorder::default();
    recorder.know(store.tiles_needed, store.pictures_needed);
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
        lost: store.lost,
    })
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
        recorder.take_as_written(state);
        recorder
    }
}

/// The journal, with what was already read of it.
struct Store<'a> {
    reader: &'a Reader,
    raster_tiles: HashMap<u64, Arc<Tile<4>>>,
    mask_tiles: HashMap<u64, Arc<Tile<1>>>,
    pictures: HashMap<u64, Arc<Picture>>,
    tiles_needed: BTreeSet<u64>,
    pictures_needed: BTreeSet<u64>,
    /// Jobs under their old numbers.
    queued: Vec<(u64, Job)>,
    steps_needed: Vec<(u64, bool)>,
    lost: usize,
}

impl<'a> Store<'a> {
    fn new(reader: &'a Reader) -> Self {
        Self {
            reader,
            raster_tiles: HashMap::new(),
            mask_tiles: HashMap::new(),
            pictures: HashMap::new(),
            tiles_needed: BTreeSet::new(),
            pictures_needed: BTreeSet::new(),
            queued: Vec::new(),
            steps_needed: Vec::new(),
            lost: 0,
        }
    }

    /// The bytes under a key; what is there but cannot be read counts as lost.
    fn bytes(&mut self, key: &str) -> Option<Vec<u8>> {
        let read = self.reader.get(key);
        self.lost += usize::from(read.is_err());
        read.ok().flatten()
    }

    fn json<T: DeserializeOwned>(&mut self, key: &str) -> Option<T> {
        let bytes = self.bytes(key)?;
        let value = serde_json::from_slice(&bytes).ok();
        self.lost += usize::from(value.is_none());
        value
    }

    /// An estimate: size, then four bytes a pixel.
    fn estimate(&mut self, key: u64) -> Option<Keyed> {
        self.pictures_needed.insert(key);
        if let Some(picture) = self.pictures.get(&key) {
            return Some(Keyed { key, picture: Arc::clone(picture) });
        }
        let mut bytes = self.bytes(&keys::picture(key))?;
        let side = |at: usize| {
            let bytes = bytes.get(at..at + 4)?;
            Some(u32::from_le_bytes(bytes.try_into().ok()?))
        };
        let size = side(0).zip(side(4));
        let fits = |(width, height): (u32, u32)| {
            width > 0
                && height > 0
                && u64::from(width) * u64::from(height) * 4 == bytes.len() as u64 - 8
        };
        let Some((width, height)) = size.filter(|size| fits(*size)) else {
            self.lost += 1;
            return None;
        };
        bytes.drain(..8);
        let picture = Arc::new(Picture { width, height, rgba: bytes });
        self.pictures.insert(key, Arc::clone(&picture));
        Some(Keyed { key, picture })
    }

    /// A finished picture, as far as its tiles can be read.
    fn finished(&mut self, record: &SizedRecord) -> Plane<4> {
        self.tiles_needed.extend(record.tiles.tiles().map(|(_, key)| key));
        let picture = self.raster(record.size, &record.tiles);
        picture.make_halves();
        picture
    }

    /// What a job began from: whole or not at all, as another picture would come of the rest.
    fn origin(&mut self, record: &SizedRecord) -> Option<Plane<4>> {
        self.tiles_needed.extend(record.tiles.tiles().map(|(_, key)| key));
        let before = self.lost;
        let picture = self.raster(record.size, &record.tiles);
        (self.lost == before).then_some(picture)
    }

    /// The mask that a job paints in: likewise.
    fn coverage(&mut self, record: &SizedRecord) -> Option<Plane<1>> {
        self.tiles_needed.extend(record.tiles.tiles().map(|(_, key)| key));
        let before = self.lost;
        let mask = self.mask_plane(record.size, &record.tiles);
        (self.lost == before).then_some(mask)
    }

    fn document(&mut self, record: &DocumentRecord) -> Document {
        self.tiles_needed.extend(record.tile_keys());
        let raster = record.raster.as_ref().map(|plane| self.raster(record.size, plane));
        let raster = raster.map(Raster::from_plane);
        let mask = self.mask_plane(record.size, &record.mask);
        Document::restored(raster, Mask::from_plane(mask), record.feather_px)
    }

    fn raster(&mut self, size: (u32, u32), record: &PlaneRecord) -> Plane<4> {
        let mut known = std::mem::take(&mut self.raster_tiles);
        let plane = self.plane(size, record, &mut known);
        self.raster_tiles = known;
        plane
    }

    fn mask_plane(&mut self, size: (u32, u32), record: &PlaneRecord) -> Plane<1> {
        let mut known = std::mem::take(&mut self.mask_tiles);
        let plane = self.plane(size, record, &mut known);
        self.mask_tiles = known;
        plane
    }

    fn plane<const N: usize>(
        &mut self,
        size: (u32, u32),
        record: &PlaneRecord,
        known: &mut HashMap<u64, Arc<Tile<N>>>,
    ) -> Plane<N> {
        let mut tiles = Vec::new();
        for (at, key) in record.tiles() {
            let tile = known.get(&key).map(Arc::clone).or_else(|| {
                let bytes = self.bytes(&keys::tile(key))?;
                Tile::stored(key, bytes.into_boxed_slice()).ok().map(Arc::new)
            });
            if let Some(tile) = tile {
                known.insert(key, Arc::clone(&tile));
                tiles.push((at, tile));
            } else {
                self.lost += 1;
            }
        }
        Plane::from_tiles(size, tiles).unwrap_or_else(|_| {
            self.lost += 1;
            Plane::new((256, 256))
        })
    }

    /// An entry; one that waits joins the queue.
    fn entry(&mut self, id: u64, strip: &Strip) -> Option<Entry> {
        let record: EntryRecord = self.json(&keys::entry(id))?;
        let origin = record.origin.as_ref().and_then(|record| self.origin(record));
        let request = self.request(&record.request, origin.as_ref())?;
        let steps: Vec<EntryStep> = record
            .steps
            .iter()
            .map(|(secs, preview)| EntryStep {
                preview: preview.and_then(|key| self.estimate(key)),
                secs: *secs,
            })
            .collect();
        let picture = record.picture.as_ref().map(|record| self.finished(record));
        let stage = match record.stage {
            StageRecord::Finished if picture.is_none() => return None,
            StageRecord::Finished => Stage::Finished,
            StageRecord::Stopped => Stage::Stopped,
            StageRecord::Waiting => Stage::Waiting,
        };
        let mut entry = Entry {
            id: EntryId(id),
            job: record.job,
            index: record.index,
            request: Arc::new(request),
            seed: record.seed,
            stage,
            phase: None,
            steps,
            of: record.of,
            picture,
            kept: record.kept,
            origin,
            before: None,
            model: record.model,
            began: 0.0,
            took_secs: record.took_secs,
        };
        if stage == Stage::Waiting {
            // A job that was not paused begins anew.
            let resume = self.midway(id, entry.index);
            if resume.is_none() {
                entry.steps.clear();
            }
            let request = PaintRequest { resume, ..(*entry.request).clone() };
            entry.request = Arc::new(request);
            self.queue(&mut entry, strip);
        }
        Some(entry)
    }

    fn midway(&mut self, entry: u64, index: u32) -> Option<Arc<Midway>> {
        let key = keys::midway(entry);
        if !self.reader.contains(&key) {
            return None;
        }
        let state = self.bytes(&key).and_then(|bytes| midway::from_bytes(&bytes));
        self.lost += usize::from(state.is_none());
        Some(Arc::new(Midway { index, state: state? }))
    }

    /// Puts a waiting entry's job into the queue, under a new number: one that was half done goes on
    /// with the pictures that it still owes.
    fn queue(&mut self, entry: &mut Entry, strip: &Strip) {
        let old = entry.job;
        if let Some((_, job)) = self.queued.iter_mut().find(|(number, _)| *number == old) {
            let count = job.request.count;
            job.request = Arc::new(PaintRequest { count: count + 1, ..(*job.request).clone() });
            (entry.job, entry.index) = (job.number, count);
        } else {
            let number = strip.last_number + 1 + self.queued.len() as u64;
            let mut request = entry.request.alone(entry.index);
            if let Some(midway) = &request.resume {
                request.resume = Some(Arc::new(Midway { index: 0, state: midway.state.clone() }));
            }
            let request = Arc::new(request);
            entry.request = request.clone();
            self.queued
                .push((old, Job { number, engine: None, request, welcome: false, repeats: false }));
            (entry.job, entry.index) = (number, 0);
        }
    }

    fn request(
        &mut self,
        record: &RequestRecord,
        origin: Option<&Plane<4>>,
    ) -> Option<PaintRequest> {
        let init = match record.init {
            Some((strength, posterior)) => {
                Some(InitPicture { picture: origin?.clone(), strength, posterior })
            }
            None => None,
        };
        let mask = match &record.mask {
            Some((mask, feather_px)) => {
                Some(InpaintMask { coverage: self.coverage(mask)?, feather_px: *feather_px })
            }
            None => None,
        };
        Some(PaintRequest {
            model: record.model.clone(),
            prompt: record.prompt.clone(),
            negative: record.negative.clone(),
            size: record.size,
            steps: record.steps,
            sampler: record.sampler,
            schedule: record.schedule,
            guidance: record.guidance,
            guidance_rescale: record.guidance_rescale,
            seed: record.seed,
            count: record.count,
            variation: record.variation,
            init,
            mask,
            ..PaintRequest::default()
        })
    }

    fn undo(&mut self) -> Undo {
        let record: HistoryRecord = self.json(keys::HISTORY).unwrap_or_default();
        let mut done: VecDeque<Step> = VecDeque::new();
        for id in record.done.iter().rev() {
            // A step needs all that came after it, none that came before.
            let Some(step) = self.step(*id, false) else { break };
            done.push_front(step);
        }
        let mut undone: Vec<Step> = Vec::new();
        for id in record.undone.iter().rev() {
            let Some(step) = self.step(*id, true) else { break };
            undone.insert(0, step);
        }
        Undo::restored(done, undone)
    }

    fn step(&mut self, id: u64, undone: bool) -> Option<Step> {
        let record: StepRecord = self.json(&keys::step(id, undone))?;
        let before = self.lost;
        let document = self.document(&record.document);
        if self.lost > before {
            return None;
        }
        self.steps_needed.push((id, undone));
        Some(record.into_step(id, document))
    }

    /// Deletes what nothing refers to.
    fn garbage(&self, order: &[u64], bin: &[(usize, u64)]) -> Batch {
        let mut batch = Batch::new();
        let entries: BTreeSet<u64> =
            order.iter().copied().chain(bin.iter().map(|(_, id)| *id)).collect();
        for (prefix, needed) in [
            (keys::TILE, &self.tiles_needed),
            (keys::PICTURE, &self.pictures_needed),
            (keys::ENTRY, &entries),
            (keys::MIDWAY, &entries),
        ] {
            for key in self.reader.keys_under(prefix) {
                let number = key.strip_prefix(prefix).and_then(|number| number.parse().ok());
                if number.is_none_or(|number: u64| !needed.contains(&number)) {
                    batch.delete(key);
                }
            }
        }
        let steps: BTreeSet<String> =
            self.steps_needed.iter().map(|(id, side)| keys::step(*id, *side)).collect();
        for key in self.reader.keys_under(keys::STEP) {
            if !steps.contains(&key) {
                batch.delete(key);
            }
        }
        batch
    }
}
