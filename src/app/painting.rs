//! From a press on the button to a job in the engine: requests, the queue, stopping.
//!
//! Called by [`super::update`] and [`super::events`].

use std::sync::Arc;

use super::examples;
use super::intent::{self, Mode};
use super::jobs::{Entry, EntryId, Job, Stage};
use super::notices::Kind;
use super::state::{AppState, Effect, Welcome};
use super::trouble;
use crate::engine::protocol::{InitPicture, InpaintMask, PaintRequest, Posterior, Variation};
use crate::plane::Plane;

/// How far a near relative goes towards other noise.
const VARY: f32 = 0.2;

impl AppState {
    /// The request that a press on the button makes now, and what it starts from.
    fn request(&mut self, seed: Option<u64>) -> (PaintRequest, Option<Plane<4>>) {
        let mode = intent::mode(self);
        let origin = if mode == Mode::Paint { None } else { intent::start(self) };
        if origin.is_some() && self.document.is_empty() {
            // To touch is to keep: what is painted on becomes the document.
            self.keep_shown();
        }
        let paint = &mut self.settings.paint;
        let seed = seed.unwrap_or_else(|| {
            if paint.seed_locked { paint.seed } else { examples::random_seed() }
        });
        paint.seed = seed;
        let init = origin.as_ref().map(|origin| InitPicture {
            picture: origin.clone(),
            strength: self.strength as f32 / 100.0,
            posterior: Posterior::Mode,
        });
        let mask = matches!(mode, Mode::Fill | Mode::Refine).then(|| InpaintMask {
            coverage: self.document.mask.plane().clone(),
            feather_px: self.document.feather_px,
            area: self.settings.fill_area,
        });
        let paint = &self.settings.paint;
        let request = PaintRequest {
            model: self.model.source.clone(),
            choices: self.model.choices.clone(),
            prompt: self.prompt.trim().to_owned(),
            negative: self.negative.trim().to_owned(),
            prompt_style: paint.prompt_style,
            clip_skip: paint.clip_skip.max(1),
            size: if init.is_some() { None } else { paint.size.or(self.depth_size()) },
            steps: paint.steps,
            sampler: paint.sampler,
            schedule: paint.schedule,
            eta: paint.eta,
            same_as: paint.same_as,
            guidance: paint.guidance,
            guidance_rescale: paint.guidance_rescale,
            savings: paint.savings,
            seed,
            batch: None,
            variation: None,
            count: paint.count.max(1),
            init,
            mask,
            conditions: self.conditions(),
            previews: self.settings.prefer.previews,
            latents: false,
            resume: None,
            anyway: false,
        };
        (request, origin)
    }

    /// Paints what the dock says.
    pub fn paint(&mut self, count: Option<u32>, front: bool, seed: Option<u64>) -> Vec<Effect> {
        if intent::trouble(self).is_some() {
            return Vec::new();
        }
        let mut effects = self.end_welcome();
        let (mut request, origin) = self.request(seed);
        if let Some(count) = count {
            request.count = count;
        }
        self.offered = None;
        self.remember_prompt(&request.prompt);
        self.settings.own_pictures = (self.settings.own_pictures + 1).min(2);
        effects.push(Effect::Remember);
        self.follow = true;
        self.enqueue(request, origin.as_ref(), front, false);
        effects.extend(self.advance());
        effects
    }

    /// Paints what the dock says again and again, with new seeds, until it is stopped.
    pub fn paint_until_stopped(&mut self) -> Vec<Effect> {
        let mut effects = self.paint(None, false, None);
        let newest = self.jobs.last_number;
        let jobs = &mut self.jobs;
        for job in jobs.running.iter_mut().chain(&mut jobs.waiting) {
            job.repeats |= job.number == newest && !effects.is_empty();
        }
        effects.push(Effect::Remember);
        effects
    }

    /// Paints a whole request, before all that wait.
    pub fn paint_request(&mut self, request: PaintRequest) -> Vec<Effect> {
        let origin = request.init.as_ref().map(|init| init.picture.clone());
        self.follow = true;
        self.enqueue(request, origin.as_ref(), true, false);
        self.advance()
    }

    /// Paints an entry's own request again.
    pub fn paint_again(&mut self, id: EntryId, same_seed: bool) -> Vec<Effect> {
        let Some(entry) = self.entry(id) else { return Vec::new() };
        let mut request = entry.request.alone(entry.index);
        if !same_seed {
            request.seed = examples::random_seed();
            request.variation = None;
        }
        let origin = entry.origin.clone();
        self.follow = true;
        self.enqueue(request, origin.as_ref(), false, false);
        self.advance()
    }

    /// Paints four near relatives of a result: its seed's noise, a little of four others mixed in.
    pub fn vary(&mut self, id: EntryId) -> Vec<Effect> {
        let Some(entry) = self.entry(id).filter(|_| intent::trouble(self).is_none()) else {
            return Vec::new();
        };
        let variation = Variation { seed: examples::random_seed(), strength: VARY };
        let request = entry.request.alone(entry.index);
        let request = PaintRequest { variation: Some(variation), count: 4, ..request };
        let origin = entry.origin.clone();
        self.follow = true;
        self.enqueue(request, origin.as_ref(), false, false);
        self.advance()
    }

    /// The picture that the program paints by itself, once in its life.
    pub fn paint_welcome(&mut self) -> Vec<Effect> {
        let example = self.model.examples().first().cloned().unwrap_or_default();
        let request = PaintRequest {
            model: self.model.source.clone(),
            choices: self.model.choices.clone(),
            prompt: example.prompt,
            seed: example.seed,
            ..PaintRequest::default()
        };
        self.welcome = Welcome::Painting;
        self.settings.welcome_painted = true;
        self.enqueue(request, None, true, true);
        let mut effects = self.advance();
        effects.push(Effect::Remember);
        effects
    }

    /// The user's own picture makes the welcome one leave, if it is not done.
    pub(super) fn end_welcome(&mut self) -> Vec<Effect> {
        let was = std::mem::replace(&mut self.welcome, Welcome::Over);
        self.settings.welcome_painted = true;
        match &self.jobs.running {
            Some(job) if job.welcome && was == Welcome::Painting => {
                job.engine.map(Effect::Cancel).into_iter().collect()
            }
            _ => Vec::new(),
        }
    }

    pub(super) fn enqueue(
        &mut self,
        request: PaintRequest,
        origin: Option<&Plane<4>>,
        front: bool,
        welcome: bool,
    ) {
        self.jobs.last_number += 1;
        let number = self.jobs.last_number;
        let request = Arc::new(request);
        let sheet = origin.and_then(|origin| self.sheet_of(origin));
        let place = request.fill_place();
        let entries: Vec<Entry> = (0..request.count)
            .map(|index| Entry {
                id: EntryId(self.fresh_key()),
                job: number,
                index,
                request: request.clone(),
                seed: request.seeds(index).0,
                stage: Stage::Waiting,
                phase: None,
                steps: Vec::new(),
                of: 0,
                picture: None,
                small: None,
                kept: false,
                origin: origin.cloned(),
                place,
                sheet,
                before: None,
                model: self.model.name().into(),
                began: 0.0,
                took_secs: None,
            })
            .collect();
        let job = Job { number, engine: None, request, welcome, repeats: false };
        if front {
            self.jobs.waiting.push_front(job);
            let first = self.entries.iter().position(|entry| entry.stage == Stage::Waiting);
            let at = first.unwrap_or(self.entries.len());
            self.entries.splice(at..at, entries);
        } else {
            self.jobs.waiting.push_back(job);
            self.entries.extend(entries);
        }
    }

    /// Which picture something to start from is a state of.
    fn sheet_of(&self, origin: &Plane<4>) -> Option<u64> {
        if self.document.picture().is_some_and(|picture| picture.key() == origin.key()) {
            return Some(self.sheet);
        }
        let same = |entry: &&Entry| entry.origin.as_ref().is_some_and(|o| o.key() == origin.key());
        self.entries.iter().rev().find(same).and_then(|entry| entry.sheet)
    }

    /// Gives the engine the next job if it has none.
    pub fn advance(&mut self) -> Vec<Effect> {
        // The model's load runs in the same worker; a job behind it only waits its turn there.
        if self.jobs.running.is_some() || self.jobs.paused {
            return Vec::new();
        }
        let Some(job) = self.jobs.waiting.pop_front() else { return Vec::new() };
        let (number, request) = (job.number, job.request.clone());
        self.jobs.running = Some(job);
        let index = request.resume.as_ref().map_or(0, |midway| midway.index);
        self.begin_entry(number, index);
        vec![Effect::Submit { number, request }]
    }

    /// Makes one picture of a job the running one.
    pub fn begin_entry(&mut self, number: u64, index: u32) {
        let before = self.shown_picture();
        let now = self.now;
        let found = self.entries.iter_mut().find(|e| e.job == number && e.index == index);
        let Some(entry) = found else { return };
        if entry.stage != Stage::Waiting {
            return;
        }
        entry.stage = Stage::Running;
        entry.before = before;
        entry.began = now;
        let id = entry.id;
        if self.follow {
            self.show(Some(id));
        }
    }

    /// The engine took the job under this name, or said why not.
    pub fn submitted(
        &mut self,
        number: u64,
        outcome: Result<crate::engine::protocol::JobId, String>,
    ) {
        match outcome {
            Ok(engine) => {
                if let Some(job) = self.jobs.running.as_mut().filter(|job| job.number == number) {
                    job.engine = Some(engine);
                }
            }
            Err(message) => {
                self.jobs.running = None;
                self.drop_unpainted(number);
                self.show(self.document_entry);
                let words = trouble::said(self.lang, &message).into_owned();
                self.notices.say(self.now, Kind::Error, words, None);
            }
        }
    }

    /// Stops the running job.
    pub fn stop(&mut self) -> Vec<Effect> {
        self.jobs.pausing = false;
        let engine = self.jobs.running.as_ref().and_then(|job| job.engine);
        engine.map(Effect::Cancel).into_iter().collect()
    }

    /// Takes a waiting entry's job out of the queue.
    pub fn unqueue(&mut self, id: EntryId) {
        let Some(number) = self.entry(id).map(|entry| entry.job) else { return };
        if self.jobs.waiting.iter().any(|job| job.number == number) {
            self.jobs.waiting.retain(|job| job.number != number);
            self.drop_unpainted(number);
        }
    }

    /// Takes a job's pictures off the strip, but for those that were finished or begun before a pause.
    fn drop_unpainted(&mut self, number: u64) {
        for entry in self.entries.iter_mut().filter(|entry| entry.job == number) {
            let begun = matches!(entry.stage, Stage::Waiting | Stage::Running);
            if begun && entry.last_preview().is_some() {
                entry.stage = Stage::Stopped;
                entry.phase = None;
            }
        }
        self.entries.retain(|entry| {
            entry.job != number || matches!(entry.stage, Stage::Finished | Stage::Stopped)
        });
    }
}
