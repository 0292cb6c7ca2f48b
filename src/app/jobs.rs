//! Jobs and the entries of the strip that they fill. The window keeps the queue itself and gives
//! the engine one job at a time, so that the order can be changed until the last moment.
//!
//! Changed by [`super::painting`] and [`super::events`]; drawn by `ui::strip`.

use std::collections::VecDeque;
use std::sync::Arc;

use super::stored::{StoredMask, StoredPicture};
use crate::document::pixels::Pixels;
use crate::engine::protocol::{
    InitPicture, InpaintMask, JobId, Midway, PaintRequest, Phase, Picture, Posterior,
};

/// Longest side of a thumb, in pixels: enough for the largest thumbs at 150 %.
pub const THUMB_SIDE: u32 = 144;

/// A picture with a key that changes with its content, so that textures know when to be made anew.
#[derive(Clone, Debug)]
pub struct Keyed {
    /// Unique in this run of the program.
    pub key: u64,
    still: Still,
}

#[derive(Clone, Debug)]
enum Still {
    Here(Arc<Picture>),
    Stored(Arc<StoredPicture>),
}

impl Keyed {
    /// A picture in memory.
    #[must_use]
    pub fn new(key: u64, picture: Arc<Picture>) -> Self {
        Self { key, still: Still::Here(picture) }
    }

    /// A picture that lies in the journal.
    #[must_use]
    pub fn stored(key: u64, picture: StoredPicture) -> Self {
        Self { key, still: Still::Stored(Arc::new(picture)) }
    }

    /// Its width and height.
    #[must_use]
    pub fn size(&self) -> (u32, u32) {
        match &self.still {
            Still::Here(picture) => (picture.width, picture.height),
            Still::Stored(stored) => stored.size(),
        }
    }

    /// Its pixels, read from the journal if they still lie there; to be shown.
    #[must_use]
    pub fn picture(&self) -> Arc<Picture> {
        match &self.still {
            Still::Here(picture) => Arc::clone(picture),
            Still::Stored(stored) => stored.picture(),
        }
    }

    /// The same, to be used: `None` when they cannot be read.
    #[must_use]
    pub fn read(&self) -> Option<Arc<Picture>> {
        match &self.still {
            Still::Here(picture) => Some(Arc::clone(picture)),
            Still::Stored(stored) => stored.read(),
        }
    }

    /// What its thumb is made from: nothing is read for it.
    #[must_use]
    pub fn small(&self) -> &Picture {
        match &self.still {
            Still::Here(picture) => picture,
            Still::Stored(stored) => stored.thumb(),
        }
    }
}

/// Pixels that lie on the canvas, with a key that changes with their content.
#[derive(Clone, Debug)]
pub struct Shown {
    /// Unique in this run of the program.
    pub key: u64,
    /// The pixels.
    pub pixels: Pixels,
}

impl Shown {
    /// Its width and height.
    #[must_use]
    pub fn size(&self) -> (u32, u32) {
        self.pixels.size()
    }
}

impl From<Keyed> for Shown {
    fn from(keyed: Keyed) -> Self {
        Self { key: keyed.key, pixels: Pixels::Flat(keyed.picture()) }
    }
}

/// Names an entry of the strip.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct EntryId(pub u64);

/// Where an entry stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// In the queue.
    Waiting,
    /// Being painted.
    Running,
    /// Painted.
    Finished,
    /// Stopped on the way.
    Stopped,
}

/// One step of an entry, kept for scrubbing.
#[derive(Clone, Debug)]
pub struct Step {
    /// The estimate of the finished picture, if one was made.
    pub preview: Option<Keyed>,
    /// How long it took.
    pub secs: f32,
}

/// What a request of an earlier session starts from, while its pixels still lie in the journal: the
/// request itself then names no picture and no mask.
#[derive(Clone, Debug, Default)]
pub struct Roots {
    /// Strength and encoding of the initial picture, which is the entry's origin.
    pub init: Option<(f32, Posterior)>,
    /// The mask and its feather in pixels.
    pub mask: Option<(Arc<StoredMask>, f32)>,
}

/// One picture on the strip, past, present or future.
#[derive(Clone, Debug)]
pub struct Entry {
    /// Its name.
    pub id: EntryId,
    /// The job it belongs to.
    pub job: u64,
    /// Which picture of the job, from 0.
    pub index: u32,
    /// What it is made from; defaults are filled in when the job ends.
    pub request: Arc<PaintRequest>,
    /// What of it still lies in the journal.
    pub roots: Roots,
    /// Its own seed.
    pub seed: u64,
    /// Where it stands.
    pub stage: Stage,
    /// What the engine does outside the steps.
    pub phase: Option<Phase>,
    /// The steps so far.
    pub steps: Vec<Step>,
    /// Steps that will run; 0 before the first.
    pub of: u32,
    /// The finished picture.
    pub picture: Option<Keyed>,
    /// Whether it became the document.
    pub kept: bool,
    /// What it started from.
    pub origin: Option<Keyed>,
    /// What was on the canvas when it began, which stays until the first preview.
    pub before: Option<Shown>,
    /// The model's name.
    pub model: String,
    /// When it began, in seconds of the window's clock.
    pub began: f64,
    /// How long it took in all.
    pub took_secs: Option<f64>,
}

impl Entry {
    /// Whether only a part of the picture is painted.
    #[must_use]
    pub fn masked(&self) -> bool {
        self.request.mask.is_some() || self.roots.mask.is_some()
    }

    /// Whether it was painted from a picture.
    #[must_use]
    pub fn has_init(&self) -> bool {
        self.request.init.is_some() || self.roots.init.is_some()
    }

    /// What this one picture was made from, with all pixels; `None` when they cannot be read.
    #[must_use]
    pub fn full_request(&self) -> Option<PaintRequest> {
        let mut request = self.request.alone(self.index);
        if let Some((strength, posterior)) = self.roots.init {
            let picture = self.origin.as_ref()?.read()?;
            request.init = Some(InitPicture { picture, strength, posterior });
        }
        if let Some((mask, feather_px)) = &self.roots.mask {
            let feather_px = *feather_px;
            request.mask = Some(InpaintMask { coverage: mask.read()?, feather_px });
        }
        Some(request)
    }

    /// The newest estimate.
    #[must_use]
    pub fn last_preview(&self) -> Option<&Keyed> {
        self.steps.iter().rev().find_map(|step| step.preview.as_ref())
    }

    /// The estimate after `step` (from 1), or the nearest earlier one.
    #[must_use]
    pub fn preview_at(&self, step: u32) -> Option<&Keyed> {
        let until = (step as usize).min(self.steps.len());
        self.steps[..until].iter().rev().find_map(|step| step.preview.as_ref())
    }

    /// Mean seconds a step.
    #[must_use]
    pub fn step_secs(&self) -> f32 {
        // The first step often pays for memory that the others find ready.
        let counted = if self.steps.len() > 2 { &self.steps[1..] } else { &self.steps[..] };
        let sum: f32 = counted.iter().map(|step| step.secs).sum();
        sum / counted.len().max(1) as f32
    }

    /// What its thumb shows.
    #[must_use]
    pub fn thumb(&self) -> Option<&Keyed> {
        self.picture.as_ref().or_else(|| self.last_preview())
    }

    /// Where it stands if its job was paused in the middle of it.
    #[must_use]
    pub fn midway(&self) -> Option<&Arc<Midway>> {
        let midway = self.request.resume.as_ref().filter(|_| self.stage == Stage::Waiting);
        midway.filter(|midway| midway.index == self.index)
    }

    /// Whether its steps do not grow for now: painted, stopped or paused.
    #[must_use]
    pub fn stands(&self) -> bool {
        matches!(self.stage, Stage::Finished | Stage::Stopped) || self.midway().is_some()
    }

    /// The first words of its prompt.
    #[must_use]
    pub fn words(&self) -> &str {
        self.request.prompt.trim()
    }
}

/// One request of the user: one or several pictures.
#[derive(Clone, Debug)]
pub struct Job {
    /// Unique in this window.
    pub number: u64,
    /// The engine's name for it, once submitted.
    pub engine: Option<JobId>,
    /// What is asked for.
    pub request: Arc<PaintRequest>,
    /// Whether it is the picture that the program paints by itself.
    pub welcome: bool,
    /// Whether it comes again when it is done, until it is stopped.
    pub repeats: bool,
}

/// The running job and those that wait.
#[derive(Clone, Debug, Default)]
pub struct Jobs {
    /// The one in the engine.
    pub running: Option<Job>,
    /// The others, next first.
    pub waiting: VecDeque<Job>,
    /// Whether the others are held back.
    pub paused: bool,
    /// Whether the running one was asked to stop only for now.
    pub pausing: bool,
    /// The last number given.
    pub last_number: u64,
}

impl Jobs {
    /// Pictures that are painted before a new one would be.
    #[must_use]
    pub fn ahead(&self) -> u32 {
        let waiting: u32 = self.waiting.iter().map(|job| job.request.count).sum();
        let running = self.running.iter().filter(|job| !job.welcome).map(|job| job.request.count);
        waiting + running.sum::<u32>()
    }

    /// Whether the event of an engine job is about the running one.
    #[must_use]
    pub fn is_running(&self, job: JobId) -> bool {
        self.running.as_ref().is_some_and(|running| running.engine == Some(job))
    }
}
