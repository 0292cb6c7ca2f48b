//! The real generator: one model in memory, one job at a time.
//!
//! Made and run on the worker's thread. It turns a request into the pipeline's plain values, and
//! what comes out into events.

use std::str::FromStr;
use std::sync::Arc;
use std::time::Instant;

use super::compose;
use super::protocol::{
    Event, FailureKind, JobError, Latent, Midway, ModelInfo, ModelSource, Notice, PaintRequest,
    Painted, Phase, Posterior, Preview, PreviewKind, Request, Timing,
};
use super::resolve::{self, Resolved};
use super::worker::{Done, Generator, Reporter, Stop};
use crate::diffusion::error::DiffusionError;
use crate::diffusion::noise::sources;
use crate::diffusion::pipeline::{Job, Model, Pipeline, Preview as Made, Step, Watcher};
use crate::diffusion::preview;
use crate::diffusion::samplers::State;
use crate::models::{ModelError, ModelFolder};
use crate::ops::candle::Candle;
use crate::ops::cpu::{Cpu, DType, Isa};
use crate::plane::Plane;
use crate::types::UnknownName;

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
    /// bf16 where the processor gains by it, but f32 for the built-in model, which is small.
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

    /// What is used for a model.
    #[must_use]
    pub fn dtype(self, isa: Isa, built_in: bool) -> DType {
        match self {
            Self::Auto if isa.gains_by_bf16() && !built_in => DType::Bf16,
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
    options: Options,
    loaded: Option<Loaded>,
}

struct Loaded {
    model: Box<dyn Model>,
    info: Arc<ModelInfo>,
}

impl From<DiffusionError> for Stop {
    fn from(error: DiffusionError) -> Self {
        let kind = match &error {
            DiffusionError::Cancelled(_) => return Self::Cancelled(None),
            DiffusionError::Model(_) => FailureKind::Model,
            DiffusionError::Request(_) => FailureKind::Request,
            DiffusionError::Overflow { .. } => FailureKind::Numbers,
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

/// Reads a model for a backend. `progress` hears the share that is done, 0..=1.
///
/// # Errors
/// A part is missing or damaged; cancelled.
pub fn load_model(
    folder: &ModelFolder,
    options: Options,
    cancel: &crate::cancel::CancelToken,
    progress: &mut dyn FnMut(f32),
) -> Result<Box<dyn Model>, DiffusionError> {
    Ok(match options.backend {
        Backend::Cpu => {
            let isa = options.isa.unwrap_or_else(Isa::best);
            let dtype = options.precision.dtype(isa, folder.is_built_in());
            Box::new(Pipeline::load(Cpu::new(isa, dtype), folder, cancel, progress)?)
        }
        Backend::Candle => Box::new(Pipeline::load(Candle::new()?, folder, cancel, progress)?),
    })
}

impl Painter {
    /// Makes a painter without a model; the first request loads one.
    #[must_use]
    pub fn new(options: Options) -> Self {
        Self { options, loaded: None }
    }

    /// Makes sure that the model is in memory; says how long that took.
    fn load(&mut self, source: &ModelSource, reporter: &Reporter<'_>) -> Result<f64, Stop> {
        let job = reporter.job;
        let start = Instant::now();
        if self.loaded.as_ref().is_none_or(|loaded| loaded.info.source != *source) {
            reporter.say(Event::Phase { job, phase: Phase::ReadingModel(0.0) });
            let folder = ModelFolder::open(source)?;
            // Two models would need twice the room.
            self.loaded = None;
            let mut progress =
                |share| reporter.say(Event::Phase { job, phase: Phase::ReadingModel(share) });
            let model = load_model(&folder, self.options, reporter.cancel, &mut progress)?;
            let info = Arc::new(resolve::describe(model.as_ref(), &folder, source)?);
            self.loaded = Some(Loaded { model, info });
        }
        let load_secs = start.elapsed().as_secs_f64();
        if let Some(loaded) = &self.loaded {
            reporter.say(Event::ModelReady { job, info: Arc::clone(&loaded.info), load_secs });
        }
        Ok(load_secs)
    }
}

impl Generator for Painter {
    fn run(&mut self, request: &Request, reporter: &Reporter<'_>) -> Result<Done, Stop> {
        match request {
            Request::Load(source) => {
                let load_secs = self.load(source, reporter)?;
                Ok(Done { request: None, timing: Timing { load_secs, ..Timing::default() } })
            }
            Request::Paint(request) => {
                resolve::check(request)?;
                let load_secs = self.load(&request.model, reporter)?;
                let loaded = self.loaded.as_mut().expect("the model was just loaded");
                let resolved = resolve::resolve(request, &loaded.info)?;
                let timing = Timing { load_secs, ..Timing::default() };
                paint(loaded.model.as_mut(), &resolved, reporter, timing)
            }
        }
    }

    fn reset(&mut self) {
        self.loaded = None;
    }
}

fn paint(
    model: &mut dyn Model,
    resolved: &Resolved,
    reporter: &Reporter<'_>,
    mut timing: Timing,
) -> Result<Done, Stop> {
    let job = reporter.job;
    let cancel = reporter.cancel;
    let request = &resolved.request;
    for notice in &resolved.notices {
        reporter.say(Event::Notice { job, notice: notice.clone() });
    }

    reporter.say(Event::Phase { job, phase: Phase::ReadingWords });
    let start = Instant::now();
    // The unconditional half comes first, and only with guidance.
    let prompts = [request.negative.as_str(), request.prompt.as_str()];
    let guided = resolved.guidance > 1.0;
    let prompts = if guided { &prompts[..] } else { &prompts[1..] };
    lost_words(model, request, guided, reporter);
    model.read_words(prompts, cancel)?;
    timing.text_secs = start.elapsed().as_secs_f64();

    let (width, height) = resolved.size;
    let factor = model.vae_config().factor();
    let cells = (height as usize / factor, width as usize / factor);
    let start = Instant::now();
    let posterior = match &request.init {
        None => None,
        Some(init) => {
            reporter.say(Event::Phase { job, phase: Phase::EncodingPicture });
            let pixels = compose::flattened(&init.picture, resolved.size);
            let size = (height as usize, width as usize);
            Some(model.encode(&compose::planes(&pixels), size, cancel)?)
        }
    };
    timing.encode_secs = start.elapsed().as_secs_f64();
    let mask = request.mask.as_ref().map(|mask| compose::latent_mask(&mask.coverage, cells));

    let resume = request.resume.as_deref();
    let first = resume.map_or(0, |midway| midway.index.min(request.count - 1));
    for index in first..request.count {
        let (seed, variation) = request.seeds(index);
        let part = request.part(index);
        let (mut noise, later_noise) = sources(request.same_as, seed, part);
        let variation =
            variation.map(|by| (sources(request.same_as, by.seed, part).0, by.strength));
        let init = request.init.as_ref().zip(posterior.as_ref()).map(|(init, posterior)| {
            let clean = match init.posterior {
                Posterior::Mode => posterior.mean.clone(),
                Posterior::Sample => posterior.sample(&mut noise),
            };
            (clean, init.strength)
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
            noise,
            later_noise,
            variation,
            init: init.as_ref().map(|(clean, strength)| (clean.as_slice(), *strength)),
            mask: mask.as_deref(),
            previews: request.previews,
            from: resume.filter(|midway| midway.index == index).map(|midway| midway.state.clone()),
        };
        let mut teller = Teller { reporter, index, timing: &mut timing, stopped: None };
        let latent = match model.paint(&pipeline_job, &mut teller, cancel) {
            Err(DiffusionError::Cancelled(_)) => {
                let midway = teller.stopped.map(|state| Arc::new(Midway { index, state }));
                return Err(Stop::Cancelled(midway));
            }
            outcome => outcome?,
        };

        reporter.say(Event::Phase { job, phase: Phase::Decoding });
        let start = Instant::now();
        let decoded = match model.decode(&latent, cells, cancel) {
            Err(DiffusionError::Cancelled(_)) => {
                let (_, step) = pipeline_job.steps_of();
                let state = State { latent, step, earlier: Vec::new(), noise: pipeline_job.noise };
                return Err(Stop::Cancelled(Some(Arc::new(Midway { index, state }))));
            }
            outcome => outcome?,
        };
        let rgb = preview::picture(&decoded, (height as usize, width as usize));
        let picture = placed(&rgb, request, resolved.size);
        timing.decode_secs += start.elapsed().as_secs_f64();
        let latent = request.latents.then(|| Latent {
            shape: [model.vae_config().latent_channels, cells.0, cells.1],
            values: latent,
        });
        let painted = Painted { index, seed, picture, latent };
        reporter.say(Event::Painted { job, painted });
    }
    Ok(Done { request: Some(Box::new(resolved.complete_request())), timing })
}

/// The result at the initial picture's size, blended into it where there is a mask.
fn placed(rgb: &preview::Rgb, request: &PaintRequest, size: (u32, u32)) -> Plane<4> {
    let Some(init) = &request.init else { return compose::picture(rgb, size) };
    match &request.mask {
        Some(mask) => compose::blended(&init.picture, rgb, &mask.coverage, mask.feather_px),
        None => compose::picture(rgb, init.picture.size()),
    }
}

/// Tells which words fell off the end of the model's positions.
fn lost_words(model: &dyn Model, request: &PaintRequest, guided: bool, reporter: &Reporter<'_>) {
    let texts = [(&request.prompt, false), (&request.negative, true)];
    for (text, negative) in texts.into_iter().take(if guided { 2 } else { 1 }) {
        if let Some(from) = model.tokenizer().encode(text).lost_from {
            let lost = text[from..].trim().to_owned();
            let notice = Notice::WordsLost { lost, negative };
            reporter.say(Event::Notice { job: reporter.job, notice });
        }
    }
}

/// Passes the pipeline's steps on as events.
struct Teller<'a, 'b> {
    reporter: &'a Reporter<'b>,
    index: u32,
    timing: &'a mut Timing,
    stopped: Option<State>,
}

impl Watcher for Teller<'_, '_> {
    fn step(&mut self, step: Step) {
        self.timing.steps_secs += step.step_secs;
        let preview = step.preview.map(|(rgb, made, secs)| {
            self.timing.preview_secs += secs;
            let kind = match made {
                Made::Full => PreviewKind::Full,
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
