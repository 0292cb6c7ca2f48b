//! The journal's records as things of the window again; what of them was already read, and what is
//! needed of the rest.
//!
//! Used by [`super::restore`].

use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};
use std::sync::Arc;

use serde::de::DeserializeOwned;

use super::super::jobs::{Entry, EntryId, Job, Keyed, Roots, Stage, Step as EntryStep};
use super::super::stored::{Shelf, StoredMask, StoredPicture, unpack};
use super::super::undo::{Step, Undo};
use super::recorder::put_thumb;
use super::records::{
    DocumentRecord, EntryRecord, HistoryRecord, PlaneRecord, StageRecord, StepRecord, Strip,
};
use super::{keys, midway};
use crate::document::document::Document;
use crate::document::journal::{Batch, Reader};
use crate::document::mask::Mask;
use crate::document::plane::{Plane, Tile};
use crate::document::raster::Raster;
use crate::engine::protocol::{Coverage, InitPicture, InpaintMask, Midway, PaintRequest, Picture};

/// Deleted at once, at most: a batch has bounds, and the next start finds the rest.
const MOST_GARBAGE: usize = 200_000;

/// The journal, with what was already read of it.
pub(super) struct Store<'a> {
    reader: &'a Reader,
    /// Where pictures are read from later.
    pub(super) shelf: Shelf,
    raster_tiles: HashMap<u64, Arc<Tile<4>>>,
    mask_tiles: HashMap<u64, Arc<Tile<1>>>,
    pictures: HashMap<u64, Keyed>,
    pub(super) tiles_needed: BTreeSet<u64>,
    pub(super) pictures_needed: BTreeSet<u64>,
    pub(super) masks: BTreeMap<u64, Arc<Coverage>>,
    masks_needed: BTreeSet<u64>,
    /// Thumbs that an older program did not write.
    thumbs: Batch,
    /// Jobs under their old numbers.
    pub(super) queued: Vec<(u64, Job)>,
    steps_needed: Vec<(u64, bool)>,
    pub(super) lost: usize,
    /// Records that were put together anew.
    pub(super) mended: Vec<&'static str>,
}

impl<'a> Store<'a> {
    pub(super) fn new(reader: &'a Reader) -> Self {
        Self {
            reader,
            shelf: Shelf::new(reader.clone()),
            raster_tiles: HashMap::new(),
            mask_tiles: HashMap::new(),
            pictures: HashMap::new(),
            tiles_needed: BTreeSet::new(),
            pictures_needed: BTreeSet::new(),
            masks: BTreeMap::new(),
            masks_needed: BTreeSet::new(),
            thumbs: Batch::new(),
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

    /// One of the records that every session has: without it, what it said is put together anew.
    pub(super) fn root<T: DeserializeOwned>(&mut self, key: &'static str) -> Option<T> {
        self.lost += usize::from(!self.reader.contains(key));
        let value = self.json(key);
        if value.is_none() {
            self.mended.push(key);
        }
        value
    }

    /// A picture or a mask: size, then `channels` bytes a pixel.
    fn sized(&mut self, key: &str, channels: usize) -> Option<((u32, u32), Vec<u8>)> {
        let bytes = self.bytes(key)?;
        let sized = unpack(bytes, channels);
        self.lost += usize::from(sized.is_none());
        sized
    }

    /// A picture: its thumb alone if it has one, else all of it.
    fn picture(&mut self, key: u64) -> Option<Keyed> {
        self.pictures_needed.insert(key);
        if let Some(known) = self.pictures.get(&key) {
            return Some(known.clone());
        }
        let keyed = if let Some(stored) = self.stored(key) {
            Keyed::stored(key, stored)
        } else {
            let ((width, height), rgba) = self.sized(&keys::picture(key), 4)?;
            let picture = Arc::new(Picture { width, height, rgba });
            put_thumb(&mut self.thumbs, key, &picture);
            Keyed::new(key, picture)
        };
        self.pictures.insert(key, keyed.clone());
        Some(keyed)
    }

    /// A picture that stays where it is for now.
    fn stored(&self, key: u64) -> Option<StoredPicture> {
        let place = keys::picture(key);
        let length = self.reader.length(&place)?;
        let value = self.reader.get(&keys::thumb(key)).ok()??;
        let (size, small) = value.split_at_checked(8)?;
        let ((width, height), rgba) = unpack(small.to_vec(), 4)?;
        let side = |at: usize| Some(u32::from_le_bytes(size.get(at..at + 4)?.try_into().ok()?));
        let size = (side(0)?, side(4)?);
        let pixels = u64::from(size.0).checked_mul(u64::from(size.1))?;
        (pixels.checked_mul(4)?.checked_add(8)? == length).then(|| {
            let thumb = Arc::new(Picture { width, height, rgba });
            StoredPicture::new(self.shelf.clone(), place, size, thumb)
        })
    }

    /// A picture that is needed now.
    fn pixels(&mut self, keyed: &Keyed) -> Option<Arc<Picture>> {
        let picture = keyed.read();
        self.lost += usize::from(picture.is_none());
        picture
    }

    fn coverage(&mut self, key: u64) -> Option<Arc<Coverage>> {
        if !self.masks.contains_key(&key) {
            let ((width, height), values) = self.sized(&keys::mask(key), 1)?;
            self.masks.insert(key, Arc::new(Coverage { width, height, values }));
        }
        self.masks.get(&key).map(Arc::clone)
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
    pub(super) fn entry(&mut self, id: u64, strip: &Strip) -> Option<Entry> {
        let record: EntryRecord = self.json(&keys::entry(id))?;
        let origin = record.origin.and_then(|key| self.picture(key));
        let (request, roots) = self.request(&record, origin.as_ref())?;
        let steps: Vec<EntryStep> = record
            .steps
            .iter()
            .map(|(secs, preview)| EntryStep {
                preview: preview.and_then(|key| self.picture(key)),
                secs: *secs,
            })
            .collect();
        let picture = record.picture.and_then(|key| self.picture(key));
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
            roots,
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
            let repeats = strip.repeats.contains(&old);
            let job = Job { number, engine: None, request, welcome: false, repeats };
            self.queued.push((old, job));
            (entry.job, entry.index) = (number, 0);
        }
    }

    /// An entry's request. One that may be painted at any moment has all its pixels; the others leave
    /// them where they are.
    fn request(
        &mut self,
        entry: &EntryRecord,
        origin: Option<&Keyed>,
    ) -> Option<(PaintRequest, Roots)> {
        let record = &entry.request;
        if let Some((mask, _)) = record.mask {
            self.masks_needed.insert(mask);
            if !self.reader.contains(&keys::mask(mask)) {
                return None;
            }
        }
        let origin = origin.filter(|_| record.init.is_some());
        if record.init.is_some() && origin.is_none() {
            return None;
        }
        let mut roots = Roots::default();
        let (mut init, mut mask) = (None, None);
        if entry.stage == StageRecord::Waiting {
            if let (Some((strength, posterior)), Some(origin)) = (record.init, origin) {
                init = Some(InitPicture { picture: self.pixels(origin)?, strength, posterior });
            }
            if let Some((key, feather_px)) = record.mask {
                mask = Some(InpaintMask { coverage: self.coverage(key)?, feather_px });
            }
        } else {
            roots.init = record.init;
            roots.mask = record.mask.map(|(number, feather_px)| {
                let mask = StoredMask::new(self.shelf.clone(), keys::mask(number), number);
                (Arc::new(mask), feather_px)
            });
        }
        Some((record.request(init, mask), roots))
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
        let record: StepRecord = self.json(&keys::step(id, undone))?;
        let before = self.lost;
        let document = self.document(&record.document);
        if self.lost > before {
            return None;
        }
        self.steps_needed.push((id, undone));
        Some(record.into_step(id, document))
    }

    /// Writes what an older program did not, and deletes what nothing refers to, `order` and `bin`
    /// being all entries. Behind what cannot be read there may be things that nothing else names:
    /// then all of them stay.
    pub(super) fn tidied(&mut self, order: &[u64], bin: &[(usize, u64)]) -> Batch {
        let mut batch = std::mem::take(&mut self.thumbs);
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
            (keys::THUMB, &self.pictures_needed),
            (keys::MASK, &self.masks_needed),
            (keys::ENTRY, &entries),
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
