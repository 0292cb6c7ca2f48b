//! What crosses the thread boundary: plain owned data, no tensors, no handles.
//!
//! The window and the command line build the same [`PaintRequest`]; the worker
//! answers with [`Event`]s that carry the request's [`JobId`]. Every job ends in
//! exactly one terminal event (see [`Event::is_terminal`]).

use std::path::PathBuf;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

pub use crate::diffusion::noise::Part;
pub use crate::diffusion::samplers::State;
pub use crate::diffusion::text::{Tokenizer, chunks};
pub use crate::models::identify::Task;
use crate::plane::Plane;
pub use crate::types::{
    Coverage, Example, ModelChoices, ModelSource, Picture, Prediction, PromptStyle, SameAs,
    Sampler, Savings, Schedule, Variation, WeightBits,
};

/// Pairs a request with its answers. Unique within one engine.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct JobId(pub u64);

/// How the autoencoder's posterior becomes a latent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Posterior {
    /// Its mode, the same for every seed.
    #[default]
    Mode,
    /// A sample drawn with the job's seed, as diffusers does.
    Sample,
}

/// A picture to start from.
#[derive(Clone, Debug, PartialEq)]
pub struct InitPicture {
    /// The picture at its own resolution; transparent parts count as white.
    pub picture: Plane<4>,
    /// How far to leave it, in (0, 1]; 1 keeps nothing but (with a mask) the outside.
    pub strength: f32,
    /// How it is encoded.
    pub posterior: Posterior,
}

/// What a fill works on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum FillArea {
    /// The whole picture.
    #[default]
    Whole,
    /// What lies round the mask (see [`super::area::around`]), at the model's own size.
    Around,
}

/// The part to paint again.
#[derive(Clone, Debug, PartialEq)]
pub struct InpaintMask {
    /// Same size as the initial picture.
    pub coverage: Plane<1>,
    /// Width in pixels over which the result fades into the original, inward from the mask's edge.
    pub feather_px: f32,
    /// What of the picture is worked on.
    pub area: FillArea,
}

/// What only some models are told; the others let it pass.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Conditions {
    /// SDXL: width and height of the picture that the painted one is said to be cut from. `None`:
    /// the painted size. Small ones make it blurred.
    pub original_size: Option<(u32, u32)>,
    /// SDXL: left and top of the cut. Other values than 0 push the subject out of the picture.
    pub crop: (u32, u32),
    /// SDXL: width and height of the cut. `None`: the painted size.
    pub target_size: Option<(u32, u32)>,
    /// Edit models: how closely the picture is kept to, 1..=100. `None`: 1.5.
    pub picture_guidance: Option<f32>,
    /// Another model for the last steps, made for fine detail.
    pub refiner: Option<Refiner>,
    /// Depth models: how near everything is, as the lightness of a picture of any size. Like all
    /// pixels it is stored beside the request. `None`: estimated from the initial picture.
    #[serde(skip)]
    pub depth: Option<Plane<4>>,
    /// The weights of Depth Anything V2 that estimate it: a file, or a folder with one. `None`: it
    /// cannot be estimated.
    pub depth_model: Option<PathBuf>,
}

/// A model that goes on where another one leaves off.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Refiner {
    /// The model.
    pub model: ModelSource,
    /// Which share of the noise's way down the first model goes, in 0..=1.
    pub from: f32,
}

/// Everything a picture is made from: one complete owned snapshot.
///
/// `None` means "as the model says"; [`Event::Finished`] returns the request with every such
/// field filled in, so that it can be stored and replayed.
#[derive(Clone, Debug, PartialEq)]
pub struct PaintRequest {
    /// The model to paint with.
    pub model: ModelSource,
    /// What of it is taken otherwise than its files have it.
    pub choices: ModelChoices,
    /// What to paint, in words.
    pub prompt: String,
    /// What to avoid, in words. Empty text is the unconditional prompt.
    pub negative: String,
    /// How the signs in both are read, and what they do.
    pub prompt_style: PromptStyle,
    /// The text encoder's layer that is listened to, from the end, 1..=12: 1 is the last one. Models
    /// that were trained with an earlier one (SDXL: the last but one) are read no nearer to the end.
    pub clip_skip: u32,
    /// Size the model works at, in pixels (width, height); rounded to the model's grid.
    /// `None`: the initial picture's (see [`ModelInfo::working_size`]), else the model's own.
    pub size: Option<(u32, u32)>,
    /// Sampling steps, 1..=150.
    pub steps: Option<u32>,
    /// The algorithm that walks down the noise.
    pub sampler: Option<Sampler>,
    /// Where its steps lie.
    pub schedule: Option<Schedule>,
    /// Share of the noise that the sampler renews at each step, 0..=1, where it has the choice.
    /// `None`: its usual one (see [`Sampler::eta`]).
    pub eta: Option<f32>,
    /// The program whose picture it is to be: its noise, its batches, its steps.
    pub same_as: SameAs,
    /// Classifier-free guidance scale; 1 turns guidance off.
    pub guidance: Option<f32>,
    /// Guidance rescale in 0..=1 (Lin et al. 2023, section 3.4); 0 is off.
    pub guidance_rescale: f32,
    /// Approximate savings; by themselves all off.
    pub savings: Savings,
    /// Seed of the first picture; picture k of the job uses `seed + k`, unless it is varied or
    /// shares the seed with its batch (see [`SameAs::shares_batch`]).
    pub seed: u64,
    /// Which picture of a batch with one seed the first one is. `None`: the job is the batch.
    pub batch: Option<Part>,
    /// Noise to mix into the seed's. Picture k then keeps `seed` and uses the variation's seed + k.
    pub variation: Option<Variation>,
    /// How many pictures, at least 1.
    pub count: u32,
    /// The picture to start from, if any. The result then has its size.
    pub init: Option<InitPicture>,
    /// The part of it to repaint; needs `init`.
    pub mask: Option<InpaintMask>,
    /// What only some models are told.
    pub conditions: Conditions,
    /// Whether previews are wanted.
    pub previews: bool,
    /// Whether each final latent is to be returned (for tests and tools).
    pub latents: bool,
    /// Where the same request was stopped before, to go on from there; the pictures before are not
    /// painted again.
    pub resume: Option<Arc<Midway>>,
    /// Whether it is painted though the memory seems too small for it.
    pub anyway: bool,
}

impl Default for PaintRequest {
    fn default() -> Self {
        Self {
            model: ModelSource::BuiltIn,
            choices: ModelChoices::default(),
            prompt: String::new(),
            negative: String::new(),
            prompt_style: PromptStyle::default(),
            clip_skip: 1,
            size: None,
            steps: None,
            sampler: None,
            schedule: None,
            eta: None,
            same_as: SameAs::default(),
            guidance: None,
            guidance_rescale: 0.0,
            savings: Savings::default(),
            seed: 0,
            batch: None,
            variation: None,
            count: 1,
            init: None,
            mask: None,
            conditions: Conditions::default(),
            previews: true,
            latents: false,
            resume: None,
            anyway: false,
        }
    }
}

/// Where a stopped job stands: enough to go on and end with the very same picture.
#[derive(Clone, Debug, PartialEq)]
pub struct Midway {
    /// Which of the job's pictures, from 0.
    pub index: u32,
    /// Latent, steps done, noise and what else the sampler needs.
    pub state: State,
}

impl PaintRequest {
    /// The seed of one of the job's pictures, and what is mixed into its noise.
    #[must_use]
    pub fn seeds(&self, index: u32) -> (u64, Option<Variation>) {
        let index = u64::from(index);
        match self.variation {
            None if self.same_as.shares_batch() => (self.seed, None),
            None => (self.seed.wrapping_add(index), None),
            Some(by) => (self.seed, Some(Variation { seed: by.seed.wrapping_add(index), ..by })),
        }
    }

    /// The part that one of the job's pictures has in its batch's draws. Varied pictures are no
    /// batch: each has the noise of the one that is varied.
    #[must_use]
    pub fn part(&self, index: u32) -> Part {
        if !self.same_as.shares_batch() {
            return Part::ALONE;
        }
        match (self.batch, self.variation) {
            (None, None) => Part { index, of: self.count.max(index + 1) },
            (None, Some(_)) => Part::ALONE,
            (Some(batch), Some(_)) => batch,
            (Some(batch), None) => {
                let index = batch.index.saturating_add(index);
                Part { index, of: batch.of.max(index.saturating_add(1)) }
            }
        }
    }

    /// The request for one of the job's pictures alone, from its beginning.
    #[must_use]
    pub fn alone(&self, index: u32) -> Self {
        let (seed, variation) = self.seeds(index);
        let batch = Some(self.part(index)).filter(|part| *part != Part::ALONE);
        Self { seed, variation, batch, count: 1, resume: None, ..self.clone() }
    }
}

/// What the worker is asked to do. Submitted with a [`JobId`].
#[derive(Clone, Debug)]
pub enum Request {
    /// Read a model so that the next picture starts at once.
    Load {
        /// Which.
        source: ModelSource,
        /// What of it is taken otherwise than its files have it.
        choices: ModelChoices,
        /// Whether even where the memory seems too small for it.
        anyway: bool,
    },
    /// Paint.
    Paint(Box<PaintRequest>),
}

/// Which kind of preview a run shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum PreviewKind {
    /// The small decoder beside the model.
    Small,
    /// The model's own decoder at every step.
    Full,
    /// A linear map from latent to RGB, at latent size.
    Linear,
}

/// What the window and the command line may know about a loaded model.
#[derive(Clone, Debug)]
pub struct ModelInfo {
    /// Where it came from.
    pub source: ModelSource,
    /// Name to show: "Built-in model" or the folder's name.
    pub name: String,
    /// "SD 1.x", "SD 2.x", "Pocket" …, read from its shapes and configs.
    pub family: String,
    /// What it is shown beside the latent.
    pub task: Task,
    /// Whether it is told sizes (SDXL's micro-conditioning).
    pub told_sizes: bool,
    /// Width and height it was trained at, in pixels.
    pub native_size: (u32, u32),
    /// Pixels a latent cell covers on each side.
    pub vae_factor: u32,
    /// Channels of the latent.
    pub latent_channels: u32,
    /// Steps unless the user says otherwise.
    pub default_steps: u32,
    /// Guidance scale unless the user says otherwise.
    pub default_guidance: f32,
    /// Sampler unless the user says otherwise.
    pub default_sampler: Sampler,
    /// Schedule unless the user says otherwise.
    pub default_schedule: Schedule,
    /// Steps that its form for few steps takes, where it has one.
    pub few_steps: Option<u32>,
    /// Prompts that it does well; may be empty.
    pub examples: Vec<Example>,
    /// Splits prompts into tokens, for the word counter. Immutable.
    pub tokenizer: Arc<Tokenizer>,
    /// Size of its weights on disk, in bytes.
    pub weight_bytes: u64,
}

/// What a run is doing when it is not stepping.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Phase {
    /// Reading weights; how much is done, 0..=1.
    ReadingModel(f32),
    /// Encoding the prompt.
    ReadingWords,
    /// Encoding the initial picture.
    EncodingPicture,
    /// Decoding the finished latent.
    Decoding,
}

/// Something the user should know, though the job goes on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Notice {
    /// The size was rounded to the model's grid.
    SizeRounded {
        /// What was asked for.
        asked: (u32, u32),
        /// What is painted.
        used: (u32, u32),
    },
    /// The prompt was longer than the model's text positions.
    WordsLost {
        /// The text that fell off the end.
        lost: String,
        /// Whether it was the negative prompt.
        negative: bool,
    },
    /// The model's file lacks a part, which was taken from somewhere else.
    PartBorrowed {
        /// The component, such as `vae`.
        component: String,
        /// Where it comes from.
        from: String,
    },
    /// What the model predicts could only be guessed.
    PredictionGuessed {
        /// diffusers' name of it.
        prediction: String,
    },
    /// A Chinese prompt was put into the built-in model's words.
    Translated {
        /// What is painted.
        caption: String,
        /// Words that it does not know.
        unknown: Vec<String>,
    },
    /// The built-in model has never learnt these words of the prompt.
    WordsUnknown {
        /// Each as it is typed, and what is known and nearest to it.
        words: Vec<(String, Option<String>)>,
        /// How many kinds of things it knows.
        knows: usize,
    },
    /// The picture overflowed in short numbers and was decoded again in full ones.
    DecodedInFull,
    /// Something in brackets looks like a weight, but is no number; it is read as words.
    NotAWeight {
        /// What stands there.
        text: String,
        /// Whether in the negative prompt.
        negative: bool,
    },
}

/// A finished picture of a job.
#[derive(Clone, Debug)]
pub struct Painted {
    /// Which of the job's pictures, from 0.
    pub index: u32,
    /// Its own seed.
    pub seed: u64,
    /// The pixels; the tiles that a fill leaves alone are the initial picture's.
    pub picture: Plane<4>,
    /// The final latent, when asked for.
    pub latent: Option<Latent>,
    /// The job's request with everything filled in that it left to the model.
    pub request: Arc<PaintRequest>,
}

/// A latent outside the engine: `channels × height × width` values, scaled as the UNet sees it.
#[derive(Clone, Debug, PartialEq)]
pub struct Latent {
    /// Channels, height, width.
    pub shape: [usize; 3],
    /// Row-major values.
    pub values: Vec<f32>,
}

/// Where a job's time went, in seconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Timing {
    /// Reading the model; 0 when it was in memory.
    pub load_secs: f64,
    /// Tokenizing and encoding the prompts; 0 when cached.
    pub text_secs: f64,
    /// Encoding the initial picture.
    pub encode_secs: f64,
    /// All steps, previews left out.
    pub steps_secs: f64,
    /// All previews.
    pub preview_secs: f64,
    /// Decoding the final latents.
    pub decode_secs: f64,
}

/// Why a job failed. The text says what happened and what to do next.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct JobError {
    /// One sentence or two, for people.
    pub message: String,
    /// What kind of trouble it is.
    pub kind: FailureKind,
}

/// The kinds of trouble that callers treat differently.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FailureKind {
    /// The memory seems too small.
    Memory {
        /// A smaller size for which it would do, if there is one.
        fits: Option<(u32, u32)>,
    },
    /// The request itself cannot be done (size, steps, strength …).
    Request,
    /// The model cannot be read or used.
    Model,
    /// The numbers overflowed on the way.
    Numbers,
    /// A fault in the program (a panic that was caught).
    Fault,
}

/// What the worker says. Previews may be dropped when nobody drains; terminal events never.
#[derive(Clone, Debug)]
pub enum Event {
    /// The job is now being worked on.
    Started {
        /// Its job.
        job: JobId,
    },
    /// The model is in memory. Sent for [`Request::Load`] and before the first step of a job.
    ModelReady {
        /// Its job.
        job: JobId,
        /// What the model is.
        info: Arc<ModelInfo>,
        /// All models in memory and the bytes that their weights take there, this one last.
        resident: Vec<(ModelSource, u64)>,
        /// How long reading took, in seconds; 0 when it was in memory already.
        load_secs: f64,
    },
    /// What painting will take.
    Forecast {
        /// Its job.
        job: JobId,
        /// Most bytes of memory at once, with the model.
        needs: u64,
        /// Bytes that there are, with what the model takes.
        free: u64,
    },
    /// What goes on outside the steps.
    Phase {
        /// Its job.
        job: JobId,
        /// Which phase begins.
        phase: Phase,
    },
    /// Something worth telling; the job goes on.
    Notice {
        /// Its job.
        job: JobId,
        /// What it is.
        notice: Notice,
    },
    /// A step is done.
    Step {
        /// Its job.
        job: JobId,
        /// Which picture of the job, from 0.
        index: u32,
        /// Steps done, from 1.
        step: u32,
        /// Steps that really run.
        of: u32,
        /// Noise level after the step, in sigma = sqrt((1 - ᾱ) / ᾱ); the start of a zero-SNR model is about 4096.
        sigma: f32,
        /// How long the step took, in seconds, its preview left out.
        step_secs: f32,
        /// The estimate of the finished picture.
        preview: Option<Preview>,
    },
    /// One picture of the job is done.
    Painted {
        /// Its job.
        job: JobId,
        /// The picture.
        painted: Painted,
    },
    /// Terminal: everything asked for was done. For [`Request::Load`], `request` is `None`.
    Finished {
        /// Its job.
        job: JobId,
        /// The request with every default filled in.
        request: Option<Box<PaintRequest>>,
        /// Where the time went.
        timing: Timing,
    },
    /// Terminal: the job was cancelled.
    Cancelled {
        /// Its job.
        job: JobId,
        /// Where it stands, if it had begun to step.
        midway: Option<Arc<Midway>>,
    },
    /// Terminal: the job failed.
    Failed {
        /// Its job.
        job: JobId,
        /// Why.
        error: JobError,
    },
}

/// An estimate of the finished picture after a step.
#[derive(Clone, Debug)]
pub struct Preview {
    /// The estimate of what is worked on (see [`PaintRequest::fill_place`]); its size may be smaller,
    /// its shape is the same.
    pub picture: Arc<Picture>,
    /// How it was made.
    pub kind: PreviewKind,
}

impl Event {
    /// The job that this is about.
    #[must_use]
    pub fn job(&self) -> JobId {
        match self {
            Self::Started { job }
            | Self::ModelReady { job, .. }
            | Self::Forecast { job, .. }
            | Self::Phase { job, .. }
            | Self::Notice { job, .. }
            | Self::Step { job, .. }
            | Self::Painted { job, .. }
            | Self::Finished { job, .. }
            | Self::Cancelled { job, .. }
            | Self::Failed { job, .. } => *job,
        }
    }

    /// Whether the job ends with this event.
    #[must_use]
    pub fn is_terminal(&self) -> bool {
        matches!(self, Self::Finished { .. } | Self::Cancelled { .. } | Self::Failed { .. })
    }
}
