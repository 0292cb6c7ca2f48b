//! The real generator: one model in memory, one job at a time.
//!
//! Made and run on the worker's thread. It turns a request into the pipeline's plain values, and
//! what comes out into events.

use std::ops::Range;
use std::str::FromStr;
use std::sync::Arc;
use std::time::Instant;

use super::compose;
use super::condition;
use super::protocol::{
    Event, FailureKind, JobError, Latent, Midway, ModelChoices, Notice, PaintRequest, Painted,
    Phase, Posterior, Preview, PreviewKind, Refiner, Request, Timing,
};
use super::resident::Residents;
use super::resolve::{self, Resolved, Whole};
use super::worker::{Done, Generator, Reporter, Stop};
use crate::diffusion::error::DiffusionError;
use crate::diffusion::noise::sources;
use crate::diffusion::pipeline::{Job, Model, Pipeline, Preview as Made, Step, Watcher};
use crate::diffusion::preview;
use crate::diffusion::samplers::State;
use crate::diffusion::text::chunks;
use crate::models::identify::Task;
use crate::models::{ModelError, ModelFolder};
use crate::ops::candle::Candle;
use crate::ops::cpu::{Cpu, DType, Isa};
use crate::plane::{PixelRect, Plane};
use crate::types::{UnknownName, WeightBits};

/// Which implementation of the layers computes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Backend {
    /// Own kernels on the processor.
    #[default]
    Cpu,
    /// Plain candle tensors: the twin that tests hold against, and the way to a graphics card.
    Candle,
}

impl Backend {
    /// All of them, the usual one first.
    pub const ALL: [Self; 2] = [Self::Cpu, Self::Candle];

    /// The name on the command line.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Cpu => "cpu",
            Self::Candle => "candle",
        }
    }
}

impl FromStr for Backend {
    type Err = UnknownName;

    fn from_str(name: &str) -> Result<Self, UnknownName> {
        let mut all = Self::ALL.into_iter();
        all.find(|backend| backend.name() == name)
            .ok_or_else(|| UnknownName::new("backend", name, &Self::ALL.map(Self::name)))
    }
}

/// How numbers are stored between layers and in weights.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Precision {
    /// bf16 where the processor gains by it.
    #[default]
    Auto,
    /// 32 bits.
    F32,
    /// 16 bits, sums in 32.
    Bf16,
}

impl Precision {
    /// All of them, the usual one first.
    pub const ALL: [Self; 3] = [Self::Auto, Self::F32, Self::Bf16];

    /// The name on the command line.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Auto => "auto",
            Self::F32 => "f32",
            Self::Bf16 => "bf16",
        }
    }

    /// What is used with these instructions.
    #[must_use]
    pub fn dtype(self, isa: Isa) -> DType {
        match self {
            Self::Auto if isa.gains_by_bf16() => DType::Bf16,
            Self::Auto | Self::F32 => DType::F32,
            Self::Bf16 => DType::Bf16,
        }
    }
}

impl FromStr for Precision {
    type Err = UnknownName;

    fn from_str(name: &str) -> Result<Self, UnknownName> {
        let mut all = Self::ALL.into_iter();
        all.find(|precision| precision.name() == name)
            .ok_or_else(|| UnknownName::new("number type", name, &Self::ALL.map(Self::name)))
    }
}

/// What is decided once, at start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Options {
    /// Which implementation computes.
    pub backend: Backend,
    /// Instructions for the own kernels; `None`: the best that the processor has.
    pub isa: Option<Isa>,
    /// How the own kernels store numbers.
    pub precision: Precision,
    /// Threads for computing; `None`: one for each processor.
    pub threads: Option<usize>,
    /// Who goes first when the processors are busy.
    pub priority: Priority,
    /// Bytes that painting may take; `None`: what the system has free.
    pub memory: Option<u64>,
}

/// Who goes first when the processors are busy.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Priority {
    /// Painting is as important as anything else (the command line).
    #[default]
    Usual,
    /// The window goes first: brush and pointer must never wait for the painting.
    BelowWindow,
}

/// Loads models and paints.
pub struct Painter {
    models: Residents,
}

impl From<DiffusionError> for Stop {
    fn from(error: DiffusionError) -> Self {
        let kind = match &error {
            DiffusionError::Cancelled(_) => return Self::Cancelled(None),
            DiffusionError::Model(_) => FailureKind::Model,
            DiffusionError::Request(_) => FailureKind::Request,
            DiffusionError::Overflow { .. } | DiffusionError::Decoding => FailureKind::Numbers,
            DiffusionError::Ops(_) => FailureKind::Fault,
        };
        Self::Failed(JobError { message: error.to_string(), kind })
    }
}

impl From<ModelError> for Stop {
    fn from(error: ModelError) -> Self {
        DiffusionError::from(error).into()
    }
}

/// Reads a model for a backend, its weights in so many bits. `progress` hears the share that is
/// done, 0..=1.
///
/// # Errors
/// A part is missing or damaged; cancelled.
pub fn load_model(
    folder: &ModelFolder,
    options: Options,
    bits: WeightBits,
    cancel: &crate::cancel::CancelToken,
    progress: &mut dyn FnMut(f32),
) -> Result<Box<dyn Model>, DiffusionError> {
    Ok(match options.backend {
        Backend::Cpu => {
            let isa = options.isa.unwrap_or_else(Isa::best);
            let dtype = options.precision.dtype(isa);
            let ops = Cpu::new(isa, dtype).with_weights(bits);
            Box::new(Pipeline::load(ops, folder, cancel, progress)?)
        }
        Backend::Candle => {
            let ops = Candle::new()?.with_weights(bits);
            Box::new(Pipeline::load(ops, folder, cancel, progress)?)
        }
    })
}

impl Painter {
    /// Makes a painter without a model; the first request loads one.
    #[must_use]
    pub fn new(options: Options) -> Self {
        Self { models: Residents::new(options) }
    }

    /// Finds out how near everything is, once a job, if its model paints after that.
    fn estimate_depth(
        &mut self,
        resolved: &mut Resolved,
        reporter: &Reporter<'_>,
        timing: &mut Timing,
    ) -> Result<(), Stop> {
        let start = Instant::now();
        if let Some(near) = self.models.estimate_depth(resolved, reporter)? {
            resolved.near = Some(near);
            timing.encode_secs += start.elapsed().as_secs_f64();
        }
        Ok(())
    }

    /// Paints each picture with the request's model up to where the refiner goes on.
    fn paint_refined(
        &mut self,
        resolved: &Resolved,
        refiner: &Refiner,
        reporter: &Reporter<'_>,
        mut timing: Timing,
    ) -> Result<Done, Stop> {
        let mut resolved = resolved.clone();
        for index in resolved.first()..resolved.request.count {
            for stage in [Stage::UpTo(refiner.from), Stage::GoOn] {
                // The choices were made for the first model.
                let (source, choices) = if stage == Stage::GoOn {
                    (&refiner.model, &ModelChoices::default())
                } else {
                    (&resolved.request.model, &resolved.request.choices)
                };
                // What the first model did is not lost when the second one is not to be read.
                let done = resolved.request.resume.clone();
                let keep = |stop| match stop {
                    Stop::Cancelled(None) => Stop::Cancelled(done.clone()),
                    stop => stop,
                };
                let anyway = resolved.request.anyway;
                timing.load_secs +=
                    self.models.bring(source, choices, anyway, reporter).map_err(keep)?;
                self.models.make_room(&resolved, reporter).map_err(keep)?;
                self.estimate_depth(&mut resolved, reporter, &mut timing).map_err(keep)?;
                let model = self.models.last().expect("the model was just loaded").model.as_mut();
                let midway =
                    paint(model, &resolved, index..index + 1, stage, reporter, &mut timing);
                let midway = midway.map_err(keep)?;
                let handed_over = midway.is_some();
                resolved.request.resume = midway.map(Arc::new);
                if !handed_over {
                    break;
                }
            }
        }
        Ok(Done { request: Some(Box::new(resolved.complete_request())), timing })
    }
}

/// Which of a picture's steps a model does.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Stage {
    /// All.
    All,
    /// Those up to this share of the noise's way down.
    UpTo(f32),
    /// Those that are left.
    GoOn,
}

impl Generator for Painter {
    fn run(&mut self, request: &Request, reporter: &Reporter<'_>) -> Result<Done, Stop> {
        match request {
            Request::Load { source, choices, anyway } => {
                let load_secs = self.models.load(source, choices, *anyway, reporter)?;
                Ok(Done { request: None, timing: Timing { load_secs, ..Timing::default() } })
            }
            Request::Paint(request) => {
                resolve::check(request)?;
                let (source, choices) = (&request.model, &request.choices);
                let load_secs = self.models.load(source, choices, request.anyway, reporter)?;
                let info = &self.models.last().expect("the model was just loaded").info;
                let mut resolved = resolve::resolve(request, info)?;
                for notice in &resolved.notices {
                    reporter.say(Event::Notice { job: reporter.job, notice: notice.clone() });
                }
                let mut timing = Timing { load_secs, ..Timing::default() };
                if let Some(refiner) = &request.conditions.refiner {
                    return self.paint_refined(&resolved, refiner, reporter, timing);
                }
                self.models.make_room(&resolved, reporter)?;
                self.estimate_depth(&mut resolved, reporter, &mut timing)?;
                let model = self.models.last().expect("the model was just loaded");
                let pictures = resolved.first()..request.count;
                let model = model.model.as_mut();
                paint(model, &resolved, pictures, Stage::All, reporter, &mut timing)?;
                Ok(Done { request: Some(Box::new(resolved.complete_request())), timing })
            }
        }
    }

    fn reset(&mut self) {
        self.models.clear();
    }
}

fn read_words(
    model: &mut dyn Model,
    resolved: &Resolved,
    stage: Stage,
    reporter: &Reporter<'_>,
    timing: &mut Timing,
) -> Result<(), Stop> {
    reporter.say(Event::Phase { job: reporter.job, phase: Phase::ReadingWords });
    let start = Instant::now();
    let reading = condition::reading(model.unet_config(), resolved);
    if stage != Stage::GoOn {
        unread_words(model, &resolved.request, reading.prompts.len() > 1, reporter);
    }
    model.read_words(&reading, reporter.cancel)?;
    timing.text_secs += start.elapsed().as_secs_f64();
    Ok(())
}

/// Paints some of the job's pictures, or one model's stage of them; where the last one stands if
/// that is not its end.
fn paint(
    model: &mut dyn Model,
    resolved: &Resolved,
    pictures: Range<u32>,
    stage: Stage,
    reporter: &Reporter<'_>,
    timing: &mut Timing,
) -> Result<Option<Midway>, Stop> {
    let job = reporter.job;
    let cancel = reporter.cancel;
    let request = &resolved.request;

    read_words(model, resolved, stage, reporter, timing)?;

    let (width, height) = resolved.size;
    let factor = model.vae_config().factor();
    let cells = (height as usize / factor, width as usize / factor);
    let start = Instant::now();
    let task = model.unet_config().task();
    if request.init.is_some() || task == Task::Inpaint {
        reporter.say(Event::Phase { job, phase: Phase::EncodingPicture });
    }
    let shown = condition::shown(model, resolved, cancel)?;
    let start_strength = condition::start(task, request);
    let posterior = match &request.init {
        Some(init) if start_strength.is_some() => {
            let pixels = compose::planes(&compose::flattened(&init.picture, resolved.size));
            Some(model.encode(&pixels, (height as usize, width as usize), cancel)?)
        }
        _ => None,
    };
    timing.encode_secs += start.elapsed().as_secs_f64();
    let held = request.mask.as_ref().filter(|_| task != Task::Inpaint);
    let mask = held.map(|mask| compose::latent_mask(&mask.coverage, cells));

    let resume = request.resume.as_deref();
    let mut told = false;
    for index in pictures {
        let (seed, variation) = request.seeds(index);
        let part = request.part(index);
        let (mut noise, later_noise) = sources(request.same_as, seed, part);
        let variation =
            variation.map(|by| (sources(request.same_as, by.seed, part).0, by.strength));
        let init = request.init.as_ref().zip(posterior.as_ref()).zip(start_strength);
        let init = init.map(|((init, posterior), strength)| {
            let clean = match init.posterior {
                Posterior::Mode => posterior.mean.clone(),
                Posterior::Sample => posterior.sample(&mut noise),
            };
            (clean, strength)
        });
        let pipeline_job = Job {
            size: cells,
            steps: resolved.steps as usize,
            sampler: resolved.sampler,
            schedule: resolved.schedule,
            eta: request.eta,
            same_as: request.same_as,
            guidance: resolved.guidance,
            rescale: request.guidance_rescale,
            picture_guidance: resolved.picture_guidance,
            sizes: condition::sizes(resolved),
            shown: shown.as_ref(),
            savings: request.savings,
            noise,
            later_noise,
            variation,
            init: init.as_ref().map(|(clean, strength)| (clean.as_slice(), *strength)),
            mask: mask.as_deref(),
            previews: request.previews,
            from: resume.filter(|midway| midway.index == index).map(|midway| midway.state.clone()),
            until: if let Stage::UpTo(share) = stage { Some(share) } else { None },
        };
        let done = pipeline_job.from.as_ref().map_or(0, |state| state.step);
        let mut teller = Teller { reporter, index, timing: &mut *timing, done, stopped: None };
        let latent = match model.paint(&pipeline_job, &mut teller, cancel) {
            Err(DiffusionError::Cancelled(_)) => {
                let midway = teller.stopped.map(|state| Arc::new(Midway { index, state }));
                return Err(Stop::Cancelled(midway));
            }
            outcome => outcome?,
        };
        // Some samplers have more levels than steps were asked for.
        let step = teller.done;
        if let Some(state) = teller.stopped {
            return Ok(Some(Midway { index, state }));
        }

        reporter.say(Event::Phase { job, phase: Phase::Decoding });
        let start = Instant::now();
        let decoded = match model.decode(&latent, cells, cancel) {
            Err(DiffusionError::Cancelled(_)) => {
                let state = State { latent, step, earlier: Vec::new(), noise: pipeline_job.noise };
                return Err(Stop::Cancelled(Some(Arc::new(Midway { index, state }))));
            }
            outcome => outcome?,
        };
        if decoded.in_full && !told {
            told = true;
            reporter.say(Event::Notice { job, notice: Notice::DecodedInFull });
        }
        let rgb = preview::picture(&decoded.values, (height as usize, width as usize));
        let picture = placed(&rgb, resolved);
        timing.decode_secs += start.elapsed().as_secs_f64();
        let latent = request.latents.then(|| Latent {
            shape: [model.vae_config().latent_channels, cells.0, cells.1],
            values: latent,
        });
        let request = Arc::new(resolved.complete_request());
        let painted = Painted { index, seed, picture, latent, request };
        reporter.say(Event::Painted { job, painted });
    }
    Ok(None)
}

/// The result at the initial picture's size, blended into it where there is a mask.
fn placed(rgb: &preview::Rgb, resolved: &Resolved) -> Plane<4> {
    let request = &resolved.request;
    let Some(init) = &request.init else { return compose::picture(rgb, resolved.size) };
    let size = init.picture.size();
    match (&request.mask, &resolved.whole) {
        (Some(mask), Some(Whole { picture, coverage, area })) => {
            compose::blended(picture, rgb, *area, coverage, mask.feather_px)
        }
        (Some(mask), None) => {
            let whole = PixelRect::whole(size);
            compose::blended(&init.picture, rgb, whole, &mask.coverage, mask.feather_px)
        }
        (None, _) => compose::picture(rgb, size),
    }
}

/// Tells which words fell off the end of what the model reads, and which signs are none.
fn unread_words(model: &dyn Model, request: &PaintRequest, guided: bool, reporter: &Reporter<'_>) {
    let say = |notice| reporter.say(Event::Notice { job: reporter.job, notice });
    let texts = [(&request.prompt, false), (&request.negative, true)];
    for (text, negative) in texts.into_iter().take(if guided { 2 } else { 1 }) {
        let read = chunks::read(model.tokenizer(), text, request.prompt_style);
        if let Some(from) = read.lost_from {
            say(Notice::WordsLost { lost: text[from..].trim().to_owned(), negative });
        }
        if let Some(odd) = read.odd.into_iter().next() {
            say(Notice::NotAWeight { text: text[odd].to_owned(), negative });
        }
    }
}

/// Passes the pipeline's steps on as events.
struct Teller<'a, 'b> {
    reporter: &'a Reporter<'b>,
    index: u32,
    timing: &'a mut Timing,
    /// Steps of the picture that are done.
    done: usize,
    stopped: Option<State>,
}

impl Watcher for Teller<'_, '_> {
    fn step(&mut self, step: Step) {
        self.timing.steps_secs += step.step_secs;
        self.done = step.step;
        let preview = step.preview.map(|(rgb, made, secs)| {
            self.timing.preview_secs += secs;
            let kind = match made {
                Made::Full => PreviewKind::Full,
                Made::Small => PreviewKind::Small,
                Made::Linear => PreviewKind::Linear,
            };
            Preview { picture: Arc::new(compose::estimate(&rgb)), kind }
        });
        self.reporter.say(Event::Step {
            job: self.reporter.job,
            index: self.index,
            step: step.step as u32,
            of: step.of as u32,
            sigma: step.sigma as f32,
            step_secs: step.step_secs as f32,
            preview,
        });
    }

    fn stopped(&mut self, state: State) {
        self.stopped = Some(state);
    }
}
