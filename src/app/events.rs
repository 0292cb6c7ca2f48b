//! What the worker and the files thread said, brought into the state.
//!
//! Called by the shell with all that [`crate::engine::Engine::drain`] and the files thread gave.

use std::sync::Arc;

use super::clock::step_cost;
use super::command::{Action, Command};
use super::jobs::{Keyed, Stage, Step};
use super::notices::{Kind, Label, Offer};
use super::queue::LONG_SECS;
use super::scene::MaskShow;
use super::state::{AppState, Effect, Focus, Welcome};
use super::trouble;
use super::undo::{Deed, Moment};
use super::words::Text;
use crate::document::codec::RawText;
use crate::engine::protocol::{
    Event, FailureKind, JobError, JobId, Midway, ModelChoices, ModelInfo, ModelSource, Notice,
    PaintRequest, Painted, Phase, Preview, Timing,
};
use crate::files::{FileEvent, Wish, Work};
use crate::plane::Plane;

impl AppState {
    /// The engine took a load under this name.
    pub fn load_submitted(&mut self, job: JobId) {
        self.model.loading = Some((job, 0.0));
    }

    /// Brings one event of the engine in.
    pub fn engine_event(&mut self, event: Event) -> Vec<Effect> {
        let job = event.job();
        if self.model.loading.is_some_and(|(loading, _)| loading == job) {
            return self.load_event(event);
        }
        if !self.jobs.is_running(job) {
            // A load that another one followed before it was done: its model may be the one in use.
            if let Event::ModelReady { info, resident, .. } = event {
                self.model_ready(info, resident, false);
                return self.greet();
            }
            return Vec::new();
        }
        match event {
            Event::Started { .. } | Event::Forecast { .. } => {}
            Event::ModelReady { info, resident, .. } => {
                // It may paint with another model than the one in use when it was asked for.
                let number = self.running_number();
                for entry in self.entries.iter_mut().filter(|entry| entry.job == number) {
                    entry.model = info.name.as_str().into();
                }
                self.model_ready(info, resident, false);
            }
            Event::Phase { phase, .. } => {
                if let Some(entry) = self.running_entry() {
                    entry.phase = Some(phase);
                }
            }
            Event::Notice { notice, .. } => self.engine_notice(notice),
            Event::Step { index, step, of, step_secs, preview, .. } => {
                self.step((index, step), of, step_secs, preview);
            }
            Event::Painted { painted, .. } => self.painted(painted),
            Event::Finished { request, timing, .. } => return self.finished(request, timing),
            Event::Cancelled { midway, .. } => {
                if !std::mem::take(&mut self.jobs.pausing) {
                    return self.ended_early(None);
                }
                self.hold_running(midway);
                // The queue may have been let go on before the job had stopped.
                return self.advance();
            }
            Event::Failed { error, .. } => return self.ended_early(Some(error)),
        }
        Vec::new()
    }

    fn load_event(&mut self, event: Event) -> Vec<Effect> {
        match event {
            Event::Phase { phase: Phase::ReadingModel(done), job } => {
                self.model.loading = Some((job, done));
            }
            Event::ModelReady { info, resident, .. } => {
                self.model_ready(info, resident, true);
                let mut effects = self.greet();
                effects.push(Effect::Remember);
                return effects;
            }
            Event::Finished { .. } | Event::Cancelled { .. } => self.model.loading = None,
            Event::Failed { error, .. } => {
                self.model.loading = None;
                self.welcome = Welcome::Over;
                return self.model_failed(&error);
            }
            _ => {}
        }
        Vec::new()
    }

    fn model_ready(
        &mut self,
        info: Arc<ModelInfo>,
        resident: Vec<(ModelSource, u64)>,
        loaded: bool,
    ) {
        self.model.resident = resident;
        self.note_model(&info, loaded);
        // A job that waited may still paint with the model of before.
        if info.source != self.model.source {
            return;
        }
        self.model.info = Some(info);
        self.model.trouble = None;
        self.count_words();
    }

    /// The first start: the model is there, so its first example is painted.
    fn greet(&mut self) -> Vec<Effect> {
        if self.welcome != Welcome::Waiting {
            return Vec::new();
        }
        self.paint_welcome()
    }

    fn running_number(&self) -> u64 {
        self.jobs.running.as_ref().map_or(0, |job| job.number)
    }

    fn running_entry(&mut self) -> Option<&mut super::jobs::Entry> {
        let number = self.running_number();
        self.entries.iter_mut().find(|e| e.job == number && e.stage == Stage::Running)
    }

    fn engine_notice(&mut self, notice: Notice) {
        let words = match notice {
            Notice::SizeRounded { asked, used } => {
                let numbers = [asked.0, asked.1, used.0, used.1].map(|side| side.to_string());
                self.lang.fill(Text::SizeRounded, &numbers.each_ref().map(String::as_str))
            }
            // The dock says it while the words are typed.
            Notice::Translated { .. } | Notice::WordsUnknown { .. } => return,
            Notice::NotAWeight { text, .. } => self.lang.fill(Text::NotAWeight, &[&text]),
            Notice::WordsLost { lost, .. } => {
                let lost: String = lost.chars().take(60).collect();
                self.lang.fill(Text::WordsLost, &[&lost])
            }
            Notice::PartBorrowed { component, from } => {
                let part = match component.as_str() {
                    "vae" => Text::PartVae,
                    "text_encoder_2" => Text::PartSecondText,
                    _ => Text::PartText,
                };
                self.lang.fill(Text::PartBorrowed, &[self.lang.get(part), &from])
            }
            Notice::DecodedInFull => self.lang.get(Text::DecodedInFull).to_owned(),
            Notice::PredictionGuessed { prediction } => {
                self.lang.fill(Text::PredictionGuessed, &[&prediction])
            }
        };
        self.notices.say(self.now, Kind::Warning, words, None);
    }

    fn step(&mut self, (index, step): (u32, u32), of: u32, secs: f32, preview: Option<Preview>) {
        let number = self.running_number();
        self.begin_entry(number, index);
        let key = self.fresh_key();
        let found = self.entries.iter_mut().find(|e| e.job == number && e.index == index);
        if let Some(entry) = found {
            let preview = preview.map(|preview| Keyed { key, picture: preview.picture });
            // A step whose news were cut off by a pause.
            entry.steps.resize(step.saturating_sub(1) as usize, Step { preview: None, secs });
            entry.steps.push(Step { preview, secs });
            entry.of = of;
            entry.phase = None;
        }
    }

    fn painted(&mut self, painted: Painted) {
        let number = self.running_number();
        let now = self.now;
        let follow = self.follow;
        let found = self.entries.iter_mut().find(|e| e.job == number && e.index == painted.index);
        let Some(entry) = found else { return };
        entry.stage = Stage::Finished;
        entry.phase = None;
        entry.seed = painted.seed;
        entry.request = painted.request;
        entry.of = entry.of.max(entry.steps.len() as u32);
        entry.picture = Some(painted.picture);
        entry.took_secs = Some(now - entry.began);
        let (id, next) = (entry.id, entry.index + 1);
        // A mask over it would hide what is to be judged.
        if entry.masked() && self.mask_show != MaskShow::Hidden {
            self.mask_show = MaskShow::AfterFill;
        }
        if follow && self.shown != Some(id) {
            self.show(Some(id));
        }
        // The bar goes on to the job's next picture at its first step, not before: the finished
        // one is worth a look.
        let is_last = self.jobs.running.as_ref().is_some_and(|job| job.request.count == next);
        if is_last && self.welcome == Welcome::Painting {
            self.welcome = Welcome::Shown;
        }
    }

    fn finished(&mut self, request: Option<Box<PaintRequest>>, timing: Timing) -> Vec<Effect> {
        let number = self.running_number();
        let job = self.jobs.running.take();
        // It may have ended before it heard of a pause.
        self.jobs.pausing = false;
        // One that did only its last steps teaches nothing about a whole run.
        if let Some(request) = request
            && job.as_ref().is_some_and(|job| job.request.resume.is_none())
        {
            self.learn(&request, timing, number);
        }
        let mut effects = job.map_or_else(Vec::new, |job| self.job_done(&job));
        effects.extend(self.advance());
        effects.push(Effect::Remember);
        effects
    }

    /// Teaches the clock. Loading is left out: it is paid once.
    fn learn(&mut self, request: &PaintRequest, timing: Timing, number: u64) {
        let Some(info) = self.model.info.clone() else { return };
        // The model in use may be another one by now.
        if info.source != request.model {
            return;
        }
        let count = f64::from(request.count.max(1));
        let ran = self.entries.iter().find(|entry| entry.job == number).map_or(0, |entry| entry.of);
        if ran == 0 {
            return;
        }
        let size = match &request.init {
            Some(init) => info.size_for(init.picture.size(), request.fill_place()),
            None => info.rounded(request.size.unwrap_or(info.native_size)),
        };
        let steps = timing.steps_secs + timing.preview_secs;
        let total = steps + timing.text_secs + timing.encode_secs + timing.decode_secs;
        let step_secs = steps / count / f64::from(ran);
        let cost = step_cost(
            request.sampler.unwrap_or(info.default_sampler),
            request.guidance.unwrap_or(info.default_guidance),
        );
        self.settings.clock.learn(&info.name, size, (ran, cost), step_secs, total / count);
    }

    /// Cancelled or failed: what had emerged stays on the strip, never on the canvas.
    fn ended_early(&mut self, error: Option<JobError>) -> Vec<Effect> {
        let Some(job) = self.jobs.running.take() else { return Vec::new() };
        self.jobs.pausing = false;
        let was_shown = self
            .shown_entry()
            .is_some_and(|entry| entry.job == job.number && entry.stage != Stage::Finished);
        for entry in self.entries.iter_mut().filter(|entry| entry.job == job.number) {
            if entry.stage == Stage::Running {
                entry.stage = Stage::Stopped;
                entry.phase = None;
            }
        }
        let began = self.began(job.number);
        // An entry without anything to see would be an empty frame.
        self.entries.retain(|entry| {
            entry.job != job.number
                || entry.stage == Stage::Finished
                || (entry.stage == Stage::Stopped && !job.welcome && entry.last_preview().is_some())
        });
        if was_shown {
            let earlier = self.entries.iter().rev().find(|entry| entry.stage == Stage::Finished);
            let back = match self.document_entry.and_then(|id| self.entry(id)) {
                Some(entry) => Some(entry.id),
                None if self.document.is_empty() => earlier.map(|entry| entry.id),
                None => None,
            };
            self.show(back);
        }
        if self.welcome == Welcome::Painting {
            self.welcome = Welcome::Over;
        }
        let mut effects = Vec::new();
        if let Some(error) = error {
            let words = trouble::said(self.lang, &error.message).into_owned();
            let ways_out = self.ways_out(error.kind, &job.request);
            self.notices.offer(self.now, Kind::Error, words, ways_out);
            if began.is_some_and(|began| self.now - began > LONG_SECS) {
                effects.push(Effect::CallBack);
            }
        }
        effects.extend(self.advance());
        effects
    }

    /// What can be done after a job that failed.
    fn ways_out(&self, kind: FailureKind, request: &PaintRequest) -> Vec<Offer> {
        let anew = |request| Command::PaintRequest(Box::new(request));
        // Of a job that went on after a pause, what is painted already is not owed.
        let resume = request.resume.as_ref();
        let owed = match resume.map_or(0, |midway| midway.index) {
            0 => PaintRequest { resume: None, ..request.clone() },
            from => {
                PaintRequest { count: request.count - from, resume: None, ..request.alone(from) }
            }
        };
        let resume = resume.map(|midway| Midway { index: 0, state: midway.state.clone() });
        let fits = match kind {
            FailureKind::Memory { fits } => fits,
            // The same would fail again; the numbers may have been changed meanwhile.
            FailureKind::Request | FailureKind::Numbers => {
                return vec![Offer::of(Text::Again, Command::Do(Action::Paint))];
            }
            FailureKind::Model | FailureKind::Fault => {
                let request = PaintRequest { resume: resume.map(Arc::new), ..owed };
                return vec![Offer::of(Text::Again, anew(request))];
            }
        };
        let smaller = fits.map(|size| {
            let sides = [size.0, size.1].map(|side| side.to_string());
            let words = self.lang.fill(Text::UseSize, &sides.each_ref().map(String::as_str));
            let request = PaintRequest { size: Some(size), ..owed.clone() };
            Offer { label: Label::Said(words), command: anew(request) }
        });
        let anyway = PaintRequest { anyway: true, resume: resume.map(Arc::new), ..owed };
        smaller.into_iter().chain([Offer::of(Text::TryAnyway, anew(anyway))]).collect()
    }

    /// Brings one event of the files thread in.
    pub fn file_event(&mut self, event: FileEvent) -> Vec<Effect> {
        match event {
            FileEvent::Opened { name, picture, texts, damaged, .. } => {
                let effects = self.place(&name, picture, &texts);
                if damaged {
                    let words = self.lang.fill(Text::ProjectDamaged, &[&name]);
                    self.notices.say(self.now, Kind::Warning, words, None);
                }
                return effects;
            }
            FileEvent::OpenedProject { path, name, project } => {
                return self.open_project(path, &name, *project);
            }
            FileEvent::Saved { path, version } => {
                let name =
                    path.file_name().map_or_else(String::new, |n| n.to_string_lossy().into());
                // Meanwhile it may have been painted on, or another one may have taken its place.
                self.unsaved &= version != self.version();
                let words = self.lang.fill(Text::SavedPicture, &[&name]);
                let show = (Text::ShowFile, Command::ShowFolder(path.clone()));
                if version.sheet == self.sheet {
                    self.saved_to = Some((version.sheet, path));
                }
                self.notices.say(self.now, Kind::Info, words, Some(show));
            }
            FileEvent::Copied => {
                let words = self.lang.get(Text::CopiedPicture).to_owned();
                self.notices.say(self.now, Kind::Info, words, None);
            }
            FileEvent::Chosen { wish, path } => {
                return match wish {
                    Wish::Folder | Wish::File => self.add_model(path),
                    Wish::Watch => self.watch(path),
                    Wish::Vae => {
                        let choices = self.model.choices.clone();
                        self.choose(ModelChoices { vae: Some(path), ..choices })
                    }
                    Wish::Refiner => self.choose_refiner(path),
                    Wish::Depth => self.choose_depth(path),
                };
            }
            FileEvent::DepthRead { path, picture } => self.depth_read(path, picture),
            FileEvent::DialogClosed => {}
            FileEvent::Failed { message, work } => {
                let way_out = match work {
                    Work::Open => (Text::ChooseAnother, Action::Open),
                    Work::Save | Work::Copy => (Text::SaveAs, Action::SaveAs),
                };
                let way_out = (way_out.0, Command::Do(way_out.1));
                let words = trouble::said(self.lang, &message).into_owned();
                self.notices.say(self.now, Kind::Error, words, Some(way_out));
            }
        }
        Vec::new()
    }

    /// Makes a picture that came from outside the document.
    pub fn place(&mut self, name: &str, picture: Plane<4>, texts: &[RawText]) -> Vec<Effect> {
        super::update::let_go(self);
        let before = Moment::of(self);
        self.document.replace_picture(picture);
        self.document.mask.clear();
        self.strength_before_mask = None;
        self.document_entry = None;
        let action = self.offer(texts);
        name.clone_into(&mut self.title);
        self.begin_sheet();
        self.unsaved = false;
        let mut effects = self.end_welcome();
        // What is being painted is not shown over it.
        self.follow = false;
        self.strength = self.settings.strength.clamp(1, 99);
        self.view.fit = true;
        self.show(None);
        self.put_step(Deed::OPEN, before);
        let words = self.lang.fill(Text::PlacedPicture, &[name]);
        let undo = self.undo.done.back().map(|step| (Text::Undo, Command::UndoStep(step.id)));
        let offers = action.into_iter().chain(undo);
        let offers = offers.map(|(text, command)| Offer::of(text, command)).collect();
        self.notices.offer(self.now, Kind::Info, words, offers);
        effects.push(Effect::Focus(Focus::PromptSelected));
        effects
    }
}
