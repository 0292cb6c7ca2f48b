//! Jobs and the entries of the strip that they fill. The window keeps the queue itself and gives
//! the engine one job at a time, so that the order can be changed until the last moment.
//!
//! Changed by [`super::painting`] and [`super::events`]; drawn by `ui::strip`.

use std::collections::VecDeque;
use std::sync::Arc;

use crate::engine::protocol::{JobId, Midway, PaintRequest, Phase, Picture};
use crate::plane::{PixelRect, Plane};

/// Longest side of a thumb, in pixels: enough for the largest thumbs at 150 %.
pub const THUMB_SIDE: u32 = 144;

/// A small flat picture with a key that changes with its content, so that textures know when to be
/// made anew: an estimate. Whatever may be large is a [`Plane`].
#[derive(Clone, Debug)]
pub struct Keyed {
    /// Unique in this run of the program.
    pub key: u64,
    /// The picture.
    pub picture: Arc<Picture>,
}

impl Keyed {
    /// Its width and height.
    #[must_use]
    pub fn size(&self) -> (u32, u32) {
        (self.picture.width, self.picture.height)
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

/// What a thumb is made of.
#[derive(Clone, Copy, Debug)]
pub enum Thumb<'a> {
    /// The picture itself.
    Finished(&'a Plane<4>),
    /// An estimate of it.
    Estimate(&'a Keyed),
    /// An estimate of a part of it, and what lies round that part.
    Part(&'a Plane<4>, &'a Keyed, PixelRect),
}

impl Thumb<'_> {
    /// Its width and height.
    #[must_use]
    pub fn size(&self) -> (u32, u32) {
        match self {
            Self::Finished(picture) | Self::Part(picture, ..) => picture.size(),
            Self::Estimate(estimate) => estimate.size(),
        }
    }
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
    /// What it is made from; defaults are filled in when it is painted.
    pub request: Arc<PaintRequest>,
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
    pub picture: Option<Plane<4>>,
    /// Its thumb, if it is of an earlier session and its pixels may still lie in the journal.
    pub small: Option<Keyed>,
    /// Whether it became the document.
    pub kept: bool,
    /// What it started from.
    pub origin: Option<Plane<4>>,
    /// The part of it that the estimates show; `None`: all of it.
    pub place: Option<PixelRect>,
    /// Which picture that was a state of; see [`AppState::sheet`](super::state::AppState::sheet).
    pub sheet: Option<u64>,
    /// What was on the canvas when it began, which stays until the first preview.
    pub before: Option<Plane<4>>,
    /// The model's name.
    pub model: Arc<str>,
    /// When it began, in seconds of the window's clock.
    pub began: f64,
    /// How long it took in all.
    pub took_secs: Option<f64>,
}

impl Entry {
    /// Whether only a part of the picture is painted.
    #[must_use]
    pub fn masked(&self) -> bool {
        self.request.mask.is_some()
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
    pub fn thumb(&self) -> Option<Thumb<'_>> {
        let finished = match (&self.small, &self.picture) {
            (Some(small), Some(_)) => Some(Thumb::Estimate(small)),
            (_, picture) => picture.as_ref().map(Thumb::Finished),
        };
        finished.or_else(|| {
            let estimate = self.last_preview()?;
            Some(match (&self.origin, self.place) {
                (Some(origin), Some(place)) => Thumb::Part(origin, estimate, place),
                _ => Thumb::Estimate(estimate),
            })
        })
    }

    /// Where it stands if its job was paused in the middle of it.
    #[must_use]
    pub fn midway(&self) -> Option<&Arc<Midway>> {
        self.begun_from().filter(|_| self.stage == Stage::Waiting)
    }

    /// Where it stood when its job was paused: until it is painted, it can be begun from there again.
    #[must_use]
    pub fn begun_from(&self) -> Option<&Arc<Midway>> {
        let owed = matches!(self.stage, Stage::Waiting | Stage::Running);
        let midway = self.request.resume.as_ref().filter(|_| owed);
        midway.filter(|midway| midway.index == self.index)
    }

    /// The steps that will not be done again, whatever becomes of the program.
    #[must_use]
    pub fn settled_steps(&self) -> &[Step] {
        let count = match (self.stage, self.begun_from()) {
            (Stage::Finished | Stage::Stopped, _) => self.steps.len(),
            (_, Some(midway)) => midway.state.step.min(self.steps.len()),
            (_, None) => 0,
        };
        &self.steps[..count]
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
    /// Whether the event of an engine job is about the running one.
    #[must_use]
    pub fn is_running(&self, job: JobId) -> bool {
        self.running.as_ref().is_some_and(|running| running.engine == Some(job))
    }
}
