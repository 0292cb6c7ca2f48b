//! The journal's records as things of the window again; what of them was already read, and what is
//! needed of the rest.
//!
//! Used by [`super::restore`].

use std::collections::{BTreeSet, HashMap, HashSet, VecDeque};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use serde::de::DeserializeOwned;

use super::super::jobs::{Entry, EntryId, Job, Keyed, Stage, Step as EntryStep};
use super::super::undo::{Step, Undo};
use super::records::{
    DocumentRecord, EntryRecord, HistoryRecord, PlaneRecord, RequestRecord, SizedRecord,
    StageRecord, StepRecord, Strip,
};
use super::{keys, midway};
use crate::document::document::Document;
use crate::document::journal::{Batch, Reader};
use crate::document::mask::Mask;
use crate::document::raster::Raster;
use crate::engine::protocol::{
    Conditions, InitPicture, InpaintMask, Midway, PaintRequest, Part, Picture,
};
use crate::plane::{Plane, Source, Tile};

/// Deleted at once, at most: a batch has bounds, and the next start finds the rest.
const MOST_GARBAGE: usize = 200_000;

/// What of the pixels that are read later cannot be.
#[derive(Clone, Debug, Default)]
pub struct Shelf {
    lost: Arc<AtomicUsize>,
}

impl Shelf {
    /// Tiles that could not be read since the last call.
    #[must_use]
    pub fn take_lost(&self) -> usize {
        self.lost.swap(0, Ordering::AcqRel)
    }

    /// Reads tiles when they are wanted.
    fn source(&self, reader: Reader) -> Source {
        let lost = Arc::clone(&self.lost);
        Arc::new(move |key| {
            let bytes = reader.get(&keys::tile(key)).ok().flatten();
            lost.fetch_add(usize::from(bytes.is_none()), Ordering::AcqRel);
            bytes.map(Vec::into_boxed_slice)
        })
    }
}

/// The journal, with what was already read of it.
pub(super) struct Store<'a> {
    reader: &'a Reader,
    pub(super) shelf: Shelf,
    /// Where tiles are read from later.
    source: Source,
    raster_tiles: HashMap<u64, Arc<Tile<4>>>,
    mask_tiles: HashMap<u64, Arc<Tile<1>>>,
    pictures: HashMap<u64, Arc<Picture>>,
    pub(super) tiles_needed: BTreeSet<u64>,
    pub(super) pictures_needed: BTreeSet<u64>,
    /// Entries with a thumb.
    pub(super) thumbs: HashSet<u64>,
    /// Jobs under their old numbers.
    pub(super) queued: Vec<(u64, Job)>,
    steps_needed: Vec<(u64, bool)>,
    pub(super) lost: usize,
    /// Records that were put together anew.
    pub(super) mended: Vec<&'static str>,
}

impl<'a> Store<'a> {
    pub(super) fn new(reader: &'a Reader) -> Self {
        let shelf = Shelf::default();
        Self {
            reader,
            source: shelf.source(reader.clone()),
            shelf,
            raster_tiles: HashMap::new(),
            mask_tiles: HashMap::new(),
            pictures: HashMap::new(),
            tiles_needed: BTreeSet::new(),
            pictures_needed: BTreeSet::new(),
            thumbs: HashSet::new(),
            queued: Vec::new(),
            steps_needed: Vec::new(),
            lost: 0,
            mended: Vec::new(),
        }
    }

    /// The bytes under a key; what is there but cannot be read counts as lost.
    fn bytes(&mut self, key: &str) -> Option<Vec<u8>> {
        let read = self.reader.get(key);
        self.lost += usize::from(read.is_err());
        read.ok().flatten()
    }

    pub(super) fn json<T: DeserializeOwned>(&mut self, key: &str) -> Option<T> {
        let bytes = self.bytes(key)?;
        let value = serde_json::from_slice(&bytes).ok();
        self.lost += usize::from(value.is_none());
        value
    }

    /// A record that another one names: if it is not there, it is lost.
    fn named<T: DeserializeOwned>(&mut self, key: &str) -> Option<T> {
        self.lost += usize::from(!self.reader.contains(key));
        self.json(key)
    }

    /// One of the records that every session has: without it, what it said is put together anew.
    pub(super) fn root<T: DeserializeOwned>(&mut self, key: &'static str) -> Option<T> {
        self.lost += usize::from(!self.reader.contains(key));
        let value = self.json(key);
        if value.is_none() {
            self.mended.push(key);
        }
        value
    }

    /// A flat picture: size, then four bytes a pixel.
    fn flat(&mut self, key: &str) -> Option<Arc<Picture>> {
        let bytes = self.bytes(key)?;
        let side = |at: usize| Some(u32::from_le_bytes(bytes.get(at..at + 4)?.try_into().ok()?));
        let size = side(0).zip(side(4)).filter(|(width, height)| {
            let pixels = u64::from(*width) * u64::from(*height);
            pixels > 0 && pixels.checked_mul(4) == Some(bytes.len() as u64 - 8)
        });
        let Some((width, height)) = size else {
            self.lost += 1;
            return None;
        };
        let rgba = bytes[8..].to_vec();
        Some(Arc::new(Picture { width, height, rgba }))
    }

    /// An estimate.
    fn estimate(&mut self, key: u64) -> Option<Keyed> {
        self.pictures_needed.insert(key);
        if let Some(picture) = self.pictures.get(&key) {
            return Some(Keyed { key, picture: Arc::clone(picture) });
        }
        let picture = self.flat(&keys::picture(key))?;
        self.pictures.insert(key, Arc::clone(&picture));
        Some(Keyed { key, picture })
    }

    /// A finished picture, as far as its tiles are there.
    fn finished(&mut self, record: &SizedRecord) -> Plane<4> {
        self.tiles_needed.extend(record.tiles.tiles().map(|(_, key)| key));
        self.raster(record.size, &record.tiles)
    }

    /// The thumb of an entry's picture, if there is one.
    fn thumb(&mut self, id: u64, picture: &Plane<4>) -> Option<Keyed> {
        let key = keys::thumb(id);
        let picture_key = picture.key();
        let thumb = self.reader.contains(&key).then(|| self.flat(&key))??;
        self.thumbs.insert(id);
        Some(Keyed { key: picture_key, picture: thumb })
    }

    /// What a job began from: whole or not at all, as another picture would come of the rest.
    fn origin(&mut self, record: &SizedRecord) -> Option<Plane<4>> {
        let before = self.lost;
        let picture = self.finished(record);
        (self.lost == before).then_some(picture)
    }

    /// The mask that a job paints in: likewise.
    fn coverage(&mut self, record: &SizedRecord) -> Option<Plane<1>> {
        self.tiles_needed.extend(record.tiles.tiles().map(|(_, key)| key));
        let before = self.lost;
        let mask = self.mask_plane(record.size, &record.tiles);
        (self.lost == before).then_some(mask)
    }

    pub(super) fn document(&mut self, record: &DocumentRecord) -> Document {
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
                // Its pixels are read when somebody looks at them.
                let there = self.reader.length(&keys::tile(key)) == Some(Tile::<N>::BYTES as u64);
                there.then(|| Arc::new(Tile::later(key, Arc::clone(&self.source))))
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
    pub(super) fn entry(&mut self, id: u64, strip: &Strip) -> Option<Entry> {
        let record: EntryRecord = self.named(&keys::entry(id))?;
        let origin = record.origin.as_ref().and_then(|record| self.origin(record));
        let request = self.request(&record.request, origin.as_ref());
        let request = match record.stage {
            StageRecord::Waiting => request?,
            // A picture that is there is worth more than what it was made from.
            StageRecord::Finished | StageRecord::Stopped => {
                let bare = || RequestRecord {
                    init: None,
                    mask: None,
                    depth: None,
                    ..record.request.clone()
                };
                request.or_else(|| self.request(&bare(), None))?
            }
        };
        let steps: Vec<EntryStep> = record
            .steps
            .iter()
            .map(|(secs, preview)| EntryStep {
                preview: preview.and_then(|key| self.estimate(key)),
                secs: *secs,
            })
            .collect();
        let picture = record.picture.as_ref().map(|record| self.finished(record));
        let small = picture.as_ref().and_then(|picture| self.thumb(id, picture));
        let stage = match record.stage {
            StageRecord::Finished if picture.is_none() => return None,
            StageRecord::Finished => Stage::Finished,
            StageRecord::Stopped => Stage::Stopped,
            StageRecord::Waiting => Stage::Waiting,
        };
        let place = request.fill_place();
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
            small,
            kept: record.kept,
            origin,
            place,
            sheet: record.sheet,
            before: None,
            model: record.model.into(),
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
            if let Some(midway) = &entry.request.resume {
                request.resume = Some(Arc::new(Midway { index: 0, state: midway.state.clone() }));
            }
            let request = Arc::new(request);
            entry.request = request.clone();
            let repeats = strip.repeats.contains(&old);
            let job = Job { number, engine: None, request, welcome: false, repeats };
            self.queued.push((old, job));
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
                let (coverage, feather_px) = (self.coverage(mask)?, *feather_px);
                Some(InpaintMask { coverage, feather_px, area: record.fill_area })
            }
            None => None,
        };
        let depth = match &record.depth {
            Some(depth) => Some(self.origin(depth)?),
            None => None,
        };
        Some(PaintRequest {
            model: record.model.clone(),
            choices: record.choices.clone(),
            prompt: record.prompt.clone(),
            negative: record.negative.clone(),
            prompt_style: record.prompt_style,
            clip_skip: record.clip_skip.max(1),
            size: record.size,
            steps: record.steps,
            sampler: record.sampler,
            schedule: record.schedule,
            eta: record.eta,
            same_as: record.same_as,
            batch: record.batch.map(|(index, of)| Part { index, of }),
            guidance: record.guidance,
            guidance_rescale: record.guidance_rescale,
            savings: record.savings,
            seed: record.seed,
            count: record.count,
            variation: record.variation,
            init,
            mask,
            conditions: Conditions { depth, ..record.conditions.clone() },
            ..PaintRequest::default()
        })
    }

    /// The steps in the order that was written; without it, in the order they were made in.
    pub(super) fn undo(&mut self) -> Undo {
        let record = self.root(keys::HISTORY).unwrap_or_else(|| self.steps_there());
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

    fn steps_there(&self) -> HistoryRecord {
        let mut record = HistoryRecord::default();
        for key in self.reader.keys_under(keys::STEP) {
            let parts = key.strip_prefix(keys::STEP).and_then(|key| key.split_once('/'));
            let Some((Ok(id), side)) = parts.map(|(id, side)| (id.parse(), side)) else { continue };
            if side == "0" { record.done.push(id) } else { record.undone.push(id) }
        }
        record.done.sort_unstable();
        record.undone.sort_unstable_by_key(|id| std::cmp::Reverse(*id));
        record
    }

    /// The strip as its entries tell it: those made first come first, what is to be painted last.
    pub(super) fn strip_there(&mut self) -> Strip {
        let numbers = self.reader.keys_under(keys::ENTRY);
        let numbers = numbers.iter().filter_map(|key| key.strip_prefix(keys::ENTRY)?.parse().ok());
        let mut ids: Vec<(bool, u64)> = Vec::new();
        let mut last_number = 0;
        for id in numbers {
            // What cannot be read is counted when the strip is made of it.
            let bytes = self.reader.get(&keys::entry(id)).ok().flatten().unwrap_or_default();
            if let Ok(record) = serde_json::from_slice::<EntryRecord>(&bytes) {
                last_number = last_number.max(record.job);
                ids.push((record.stage == StageRecord::Waiting, id));
            }
        }
        ids.sort_unstable();
        let order = ids.into_iter().map(|(_, id)| id).collect();
        Strip { order, last_number, ..Strip::default() }
    }

    fn step(&mut self, id: u64, undone: bool) -> Option<Step> {
        let record: StepRecord = self.named(&keys::step(id, undone))?;
        let before = self.lost;
        let document = self.document(&record.document);
        if self.lost > before {
            return None;
        }
        self.steps_needed.push((id, undone));
        Some(record.into_step(id, document))
    }

    /// Deletes what nothing refers to, `order` and `bin` being all entries. Behind what cannot be read
    /// there may be things that nothing else names: then all of them stay.
    pub(super) fn garbage(&self, order: &[u64], bin: &[(usize, u64)]) -> Batch {
        let mut batch = Batch::new();
        if self.lost > 0 {
            return batch;
        }
        let mut left = MOST_GARBAGE;
        let mut delete = |key: String| {
            if left > 0 {
                left -= 1;
                batch.delete(key);
            }
        };
        let entries: BTreeSet<u64> =
            order.iter().copied().chain(bin.iter().map(|(_, id)| *id)).collect();
        for (prefix, needed) in [
            (keys::TILE, &self.tiles_needed),
            (keys::PICTURE, &self.pictures_needed),
            (keys::ENTRY, &entries),
            (keys::THUMB, &entries),
            (keys::MIDWAY, &entries),
        ] {
            for key in self.reader.keys_under(prefix) {
                let number = key.strip_prefix(prefix).and_then(|number| number.parse().ok());
                if number.is_none_or(|number: u64| !needed.contains(&number)) {
                    delete(key);
                }
            }
        }
        let steps: BTreeSet<String> =
            self.steps_needed.iter().map(|(id, side)| keys::step(*id, *side)).collect();
        for key in self.reader.keys_under(keys::STEP) {
            if !steps.contains(&key) {
                delete(key);
            }
        }
        batch
    }
}
