//! From words and noise to a picture: the one loop that all samplers and models run in.
//!
//! Called by the worker with a [`Job`] of plain values; tells a [`Watcher`] about each step. It
//! knows nothing of channels, requests or windows. Every model family walks the same way.

mod job;
mod told;

use std::cell::{Cell, RefCell};
use std::sync::Arc;
use std::time::Instant;

pub use self::job::{Decoded, Job, Posterior, Preview, Step, Watcher};
use self::told::Told;
use super::conditioning::{Beside, Branches, Scales};
use super::error::{DiffusionError, Result};
use super::guidance::calm_guidance;
use super::nn::load::Loading;
use super::noise::slerp;
use super::preview::{self, Pace, Rgb};
use super::preview_decoder::PreviewDecoder;
use super::samplers::State;
use super::schedule::{Course, Family, NoiseLevel, Plan, TrainingNoise};
use super::text::Tokenizer;
use super::text::encoders::{self, KEPT_PARAMETERS, Reading, TextEncoders, TextStates};
use super::unet::{Kept, UNet, Words};
use super::vae::Vae;
use crate::cancel::CancelToken;
use crate::models::config::noise::{NoiseConfig, Prediction};
use crate::models::config::preview_decoder::PreviewDecoderConfig;
use crate::models::config::unet::UNetConfig;
use crate::models::config::vae::VaeConfig;
use crate::models::defaults::PreviewFactors;
use crate::models::identify::Task;
use crate::models::{ModelError, ModelFolder, TensorFile};
use crate::ops::{ImageDims, Ops};

/// A model in memory, on a backend.
pub struct Pipeline<O: Ops> {
    ops: O,
    text: TextEncoders<O>,
    unet: UNet<O>,
    vae: Vae<O>,
    /// The autoencoder in full floats, once a picture has overflowed without.
    in_full: Option<(O, Vae<O>)>,
    folder: ModelFolder,
    noise: TrainingNoise,
    small: Option<PreviewDecoder<O>>,
    factors: Option<PreviewFactors>,
    pace: Pace,
    /// The last prompts: painting the same words again costs no reading.
    read: Option<Read<O>>,
}

/// Prompts, what the encoders say of them, and what the UNet sees of that.
struct Read<O: Ops> {
    reading: Reading,
    states: TextStates,
    words: Words<O>,
}

/// What the rest of the program may ask of a model, whatever its backend.
pub trait Model {
    /// Splits prompts into tokens.
    fn tokenizer(&self) -> &Arc<Tokenizer>;
    /// The UNet's shape.
    fn unet_config(&self) -> &UNetConfig;
    /// The autoencoder's shape.
    fn vae_config(&self) -> &VaeConfig;
    /// The training noise's configuration.
    fn noise_config(&self) -> &NoiseConfig;
    /// Reads the prompts of [`Branches`] and keeps their states for [`Model::paint`].
    ///
    /// # Errors
    /// Cancelled, or the backend fails.
    fn read_words(&mut self, reading: &Reading, cancel: &CancelToken) -> Result<()>;
    /// Encodes a picture (3 × height × width, in -1..=1, a multiple of the factor a side).
    ///
    /// # Errors
    /// Cancelled, or the backend fails.
    fn encode(
        &self,
        picture: &[f32],
        size: (usize, usize),
        cancel: &CancelToken,
    ) -> Result<Posterior>;
    /// Decodes a latent as the UNet sees it (channels × height × width). What overflows in short
    /// numbers is decoded again in f32, and so is all that follows.
    ///
    /// # Errors
    /// Cancelled, the numbers overflow even so, or the backend fails.
    fn decode(
        &mut self,
        latent: &[f32],
        size: (usize, usize),
        cancel: &CancelToken,
    ) -> Result<Decoded>;
    /// Gives back the memory that is kept only to be quick next time.
    fn rest(&mut self);
    /// Runs all steps and returns the final latent.
    ///
    /// # Errors
    /// Cancelled, the numbers overflow, or the backend fails.
    fn paint(
        &mut self,
        job: &Job<'_>,
        watcher: &mut dyn Watcher,
        cancel: &CancelToken,
    ) -> Result<Vec<f32>>;
}

impl<O: Ops> Pipeline<O> {
    /// Reads a model. `progress` hears the share of its bytes that is read, 0..=1, which never
    /// falls.
    ///
    /// # Errors
    /// A part is missing, damaged or contradicts another; cancelled.
    pub fn load(
        ops: O,
        folder: &ModelFolder,
        cancel: &CancelToken,
        progress: &mut dyn FnMut(f32),
    ) -> Result<Self> {
        let unet_config = UNetConfig::read(folder)?;
        let vae_config = VaeConfig::read(folder)?;
        let noise = TrainingNoise::new(NoiseConfig::read(folder)?);
        check_parts(folder, &unet_config, &vae_config)?;
        let latent_channels = vae_config.latent_channels;
        let factors = folder.extras().preview.clone();
        if factors.as_ref().is_some_and(|preview| preview.factors.len() != latent_channels) {
            return Err(contradiction(
                folder,
                format!("pentimento.json must have {latent_channels} preview factors"),
            ));
        }
        let (unet, vae) = (folder.tensors("unet")?, folder.tensors("vae")?);
        let small = small_decoder(folder, latent_channels)?;
        let beside = small.as_ref().map_or(0, |(_, file)| file.bytes());
        let all = encoders::bytes(folder, KEPT_PARAMETERS)? + unet.bytes() + vae.bytes() + beside;
        let meter =
            Meter { all, done: Cell::new(0), said: Cell::new(0.0), hears: RefCell::new(progress) };
        let read = |bytes| meter.read(bytes);
        let loading = Loading { cancel, read: Some(&read) };
        let text = TextEncoders::load(&ops, folder, &unet_config, KEPT_PARAMETERS, loading)?;
        let unet = UNet::load(&ops, unet_config, &unet, loading)?;
        let vae = Vae::load(&ops, vae_config, &vae, loading)?;
        let small = small
            .map(|(config, file)| PreviewDecoder::load(&ops, config, &file, loading))
            .transpose()?;
        meter.finish();
        Ok(Self {
            ops,
            text,
            unet,
            vae,
            in_full: None,
            folder: folder.clone(),
            noise,
            small,
            factors: factors.or_else(|| preview::usual_factors(latent_channels)),
            pace: Pace::default(),
            read: None,
        })
    }

    fn channels(&self) -> usize {
        self.vae.config().latent_channels
    }

    fn decode_latent(
        &self,
        latent: &[f32],
        size: (usize, usize),
        cancel: &CancelToken,
    ) -> Result<Vec<f32>> {
        let VaeConfig { scaling_factor, shift_factor, .. } = self.vae.config();
        let unscaled: Vec<f32> =
            latent.iter().map(|value| value / scaling_factor + shift_factor).collect();
        let dims = ImageDims { batch: 1, channels: self.channels(), height: size.0, width: size.1 };
        let in_full = self.in_full.as_ref().map(|(ops, vae)| (ops, vae));
        let (ops, vae) = in_full.unwrap_or((&self.ops, &self.vae));
        let decoded = vae.decode(ops, &ops.image(dims, &unscaled)?, cancel)?;
        Ok(ops.read_image(&decoded)?)
    }

    /// Estimates of the finished picture: the sampler's and, where another one is to be seen, that.
    fn estimate(
        &self,
        latent: &[f32],
        level: NoiseLevel,
        (told, beside): (&Told<O>, &Beside),
        job: &Job<'_>,
        kept: &mut Kept<O>,
        cancel: &CancelToken,
    ) -> Result<(Vec<f32>, Option<Vec<f32>>)> {
        let (height, width) = job.size;
        let Told { branches, words } = told;
        let batch = branches.count();
        let dims = ImageDims { batch, channels: self.unet.config().in_channels, height, width };
        let input = self.ops.image(dims, &beside.join(latent, *branches))?;
        let timesteps = vec![level.timestep; batch];
        let output =
            self.unet.forward_reusing(&self.ops, &input, &timesteps, words, kept, cancel)?;
        let output = self.ops.read_image(&output)?;
        let clean =
            |predicted: &[f32]| estimated(latent, predicted, level, self.noise.prediction());
        if *branches == Branches::Prompt {
            return Ok((clean(&output), None));
        }
        let with = |change: &dyn Fn(f32) -> f32| {
            let (text, picture) = (change(job.guidance), change(job.picture_guidance));
            clean(&branches.combined(&output, Scales { text, picture, rescale: job.rescale }))
        };
        let seen = job.previews.then(|| with(&|scale| calm_guidance(scale, level)));
        Ok((with(&|scale| scale), seen))
    }

    /// The steps of a job, and how many of them run.
    fn plan(&self, job: &Job<'_>) -> (Plan, usize) {
        let (whole, run) = job.steps_of();
        let family = if self.unet.config().added.is_some() { Family::Sdxl } else { Family::Sd };
        let course = Course {
            sampler: job.sampler,
            schedule: job.schedule,
            steps: whole.min(self.noise.timesteps()),
            eta: job.eta,
            same_as: job.same_as,
            family,
        };
        let plan = self.noise.plan(&course).last_steps(run);
        let of = plan.levels.len();
        (plan, of)
    }

    fn preview(
        &self,
        estimate: &[f32],
        job: &Job<'_>,
        kind: Preview,
        cancel: &CancelToken,
    ) -> Result<Option<Rgb>> {
        let (height, width) = job.size;
        Ok(match kind {
            Preview::Full => {
                let factor = self.vae.config().factor();
                let decoded = self.decode_latent(estimate, job.size, cancel)?;
                Some(preview::picture(&decoded, (height * factor, width * factor)))
            }
            Preview::Small => match &self.small {
                Some(small) => {
                    let decoded = small.decode(&self.ops, estimate, job.size, cancel)?;
                    let factor = small.factor();
                    Some(preview::picture(&decoded, (height * factor, width * factor)))
                }
                None => None,
            },
            Preview::Linear => {
                self.factors.as_ref().map(|factors| preview::linear(estimate, job.size, factors))
            }
        })
    }
}

/// The shape and the weights of a model's small decoder, if it has one.
fn small_decoder(
    folder: &ModelFolder,
    latent_channels: usize,
) -> Result<Option<(PreviewDecoderConfig, TensorFile)>> {
    let Some(config) = PreviewDecoderConfig::read(folder)? else { return Ok(None) };
    if config.latent_channels != latent_channels {
        let wanted = format!("the preview decoder must take {latent_channels} channels");
        return Err(contradiction(folder, wanted));
    }
    Ok(Some((config, folder.tensors("preview_decoder")?)))
}

/// Where a run begins: its first latent.
fn first_latent(job: &Job<'_>, plan: &Plan, noise: &[f32]) -> Vec<f32> {
    let (whole, run) = job.steps_of();
    match job.init {
        // Painting a mask from nothing keeps nothing of what was there.
        Some((clean, _)) if !(job.mask.is_some() && whole == run) => {
            noised(clean, noise, plan.levels[0])
        }
        _ => noise.iter().map(|value| (f64::from(*value) * plan.initial_scale) as f32).collect(),
    }
}

fn noised(clean: &[f32], noise: &[f32], level: NoiseLevel) -> Vec<f32> {
    let (alpha, sigma) = (level.alpha as f32, level.sigma as f32);
    clean.iter().zip(noise).map(|(clean, noise)| alpha * clean + sigma * noise).collect()
}

/// x0 from what the model predicted.
fn estimated(
    latent: &[f32],
    predicted: &[f32],
    level: NoiseLevel,
    prediction: Prediction,
) -> Vec<f32> {
    let (alpha, sigma) = (level.alpha as f32, level.sigma as f32);
    let pairs = latent.iter().zip(predicted);
    match prediction {
        Prediction::Epsilon => pairs.map(|(x, noise)| (x - sigma * noise) / alpha).collect(),
        Prediction::V => pairs.map(|(x, v)| alpha * x - sigma * v).collect(),
        Prediction::Sample => predicted.to_vec(),
    }
}

impl<O: Ops> Model for Pipeline<O> {
    fn tokenizer(&self) -> &Arc<Tokenizer> {
        self.text.tokenizer()
    }

    fn unet_config(&self) -> &UNetConfig {
        self.unet.config()
    }

    fn vae_config(&self) -> &VaeConfig {
        self.vae.config()
    }

    fn noise_config(&self) -> &NoiseConfig {
        self.noise.config()
    }

    fn read_words(&mut self, reading: &Reading, cancel: &CancelToken) -> Result<()> {
        if self.read.as_ref().is_some_and(|read| read.reading == *reading) {
            return Ok(());
        }
        let states = self.text.read(&self.ops, reading, cancel)?;
        let context = self.ops.tokens(states.shape, &states.states)?;
        let words = self.unet.words(&self.ops, &context, cancel)?;
        self.read = Some(Read { reading: reading.clone(), states, words });
        Ok(())
    }

    fn encode(
        &self,
        picture: &[f32],
        (height, width): (usize, usize),
        cancel: &CancelToken,
    ) -> Result<Posterior> {
        let dims = ImageDims { batch: 1, channels: 3, height, width };
        let moments = self.vae.encode(&self.ops, &self.ops.image(dims, picture)?, cancel)?;
        let moments = self.ops.read_image(&moments)?;
        let (mean, log_variance) = moments.split_at(moments.len() / 2);
        let VaeConfig { scaling_factor, shift_factor, .. } = self.vae.config();
        // Bounds as in diffusers' `DiagonalGaussianDistribution`.
        let deviation = |value: &f32| (0.5 * value.clamp(-30.0, 20.0)).exp() * scaling_factor;
        Ok(Posterior {
            mean: mean.iter().map(|value| (value - shift_factor) * scaling_factor).collect(),
            deviation: log_variance.iter().map(deviation).collect(),
        })
    }

    fn decode(
        &mut self,
        latent: &[f32],
        size: (usize, usize),
        cancel: &CancelToken,
    ) -> Result<Decoded> {
        let mut start = Instant::now();
        let finite = |values: &[f32]| values.iter().all(|value| value.is_finite());
        let mut values = self.decode_latent(latent, size, cancel)?;
        if !finite(&values) {
            let in_full = self.ops.in_full().filter(|_| self.in_full.is_none());
            let Some(ops) = in_full else { return Err(DiffusionError::Decoding) };
            self.ops.rest();
            let config = VaeConfig::read(&self.folder)?;
            let vae = Vae::load(&ops, config, &self.folder.tensors("vae")?, cancel)?;
            self.in_full = Some((ops, vae));
            start = Instant::now();
            values = self.decode_latent(latent, size, cancel)?;
            if !finite(&values) {
                // That was not why; the memory is of more use elsewhere.
                self.in_full = None;
                return Err(DiffusionError::Decoding);
            }
        }
        self.pace.decode = Some(start.elapsed().as_secs_f64() / (size.0 * size.1) as f64);
        Ok(Decoded { values, in_full: self.in_full.is_some() })
    }

    fn rest(&mut self) {
        self.ops.rest();
        if let Some((ops, _)) = &self.in_full {
            ops.rest();
        }
    }

    fn paint(
        &mut self,
        job: &Job<'_>,
        watcher: &mut dyn Watcher,
        cancel: &CancelToken,
    ) -> Result<Vec<f32>> {
        let (height, width) = job.size;
        let cells = height * width;
        let (plan, of) = self.plan(job);
        let mut noise = job.noise.clone();
        let mut first = noise.normal(self.channels() * cells);
        if let Some((other, strength)) = &job.variation {
            let other = other.clone().normal(first.len());
            slerp(&mut first, &other, job.size, *strength);
        }
        let told = self.told(job)?;
        let alone = self.told_alone(job, cancel)?;
        let beside = Beside::new(job.shown, &mut noise);
        let mut state = match &job.from {
            Some(from) if from.fits(first.len(), of) => from.clone(),
            Some(_) => {
                return Err(DiffusionError::Request(
                    "The paused picture does not fit this model or its settings any more; \
                     paint it anew"
                        .to_owned(),
                ));
            }
            None => {
                let latent = first_latent(job, &plan, &first);
                let noise = job.later_noise.clone().unwrap_or(noise);
                State { latent, step: 0, earlier: Vec::new(), noise }
            }
        };
        let kind = match &self.small {
            _ if self.pace.allows_full_decodes() => Preview::Full,
            Some(_) => Preview::Small,
            None => Preview::Linear,
        };
        // Steps at or above this timestep are ours: diffusers' `denoising_end`.
        let share = 1.0 - f64::from(job.until.unwrap_or(1.0));
        let lowest = (self.noise.config().betas.len() as f64 * share).round() as f32;
        let until = plan.levels.iter().filter(|level| level.timestep >= lowest).count();
        // Deep features are used within one group of steps only: a stopped run goes on from the
        // beginning of a group and ends with the very same picture.
        let group = job.savings.deep_cache.map_or(1, |steps| steps as usize);
        let mut kept = Kept::default();
        let mut firm = state.clone();
        for step in state.step + 1..=until {
            let start = Instant::now();
            if (step - 1).is_multiple_of(group) {
                kept = Kept::default();
                if group > 1 {
                    firm = state.clone();
                }
            }
            let mut seen = None;
            let mut denoise = |latent: &[f32], level: NoiseLevel| {
                if group == 1 {
                    kept = Kept::default();
                }
                let unguided = alone.as_ref().filter(|_| !job.savings.guides_at(level.ratio()));
                let told = (unguided.unwrap_or(&told), &beside);
                let (estimate, calm) =
                    self.estimate(latent, level, told, job, &mut kept, cancel)?;
                seen = calm;
                Ok(estimate)
            };
            let estimate = match job.sampler.step(&mut state, &plan, &mut denoise) {
                Err(error @ DiffusionError::Cancelled(_)) => {
                    // A sampler changes the state only once the model has answered.
                    watcher.stopped(if group > 1 { firm } else { state });
                    return Err(error);
                }
                outcome => outcome?,
            };
            let left = plan.levels.get(step).copied().unwrap_or(NoiseLevel::CLEAN);
            if let (Some((clean, _)), Some(mask)) = (job.init, job.mask) {
                hold(&mut state.latent, &noised(clean, &first, left), mask);
            }
            if !estimate.iter().chain(&state.latent).all(|value| value.is_finite()) {
                return Err(DiffusionError::Overflow { step: step as u32 });
            }
            let step_secs = start.elapsed().as_secs_f64();
            self.pace.step = Some(step_secs / cells as f64);
            let start = Instant::now();
            let preview = if job.previews {
                match self.preview(seen.as_ref().unwrap_or(&estimate), job, kind, cancel) {
                    Err(error @ DiffusionError::Cancelled(_)) => {
                        watcher.stopped(if group > 1 && !step.is_multiple_of(group) {
                            firm
                        } else {
                            state
                        });
                        return Err(error);
                    }
                    outcome => outcome?,
                }
            } else {
                None
            };
            let preview = preview.map(|rgb| (rgb, kind, start.elapsed().as_secs_f64()));
            watcher.step(Step { step, of, sigma: left.ratio(), step_secs, preview });
        }
        if until < of {
            watcher.stopped(state.clone());
        }
        Ok(state.latent)
    }
}

/// Tells how much of a model is read, in steps that can be seen.
struct Meter<'a> {
    /// Bytes of all parts.
    all: u64,
    done: Cell<u64>,
    said: Cell<f32>,
    hears: RefCell<&'a mut dyn FnMut(f32)>,
}

impl Meter<'_> {
    /// Shares that are told lie this far apart at least.
    const STEP: f32 = 0.005;

    fn read(&self, bytes: u64) {
        self.done.set(self.done.get() + bytes);
        let share = (self.done.get() as f64 / self.all.max(1) as f64).min(1.0) as f32;
        if share >= self.said.get() + Self::STEP {
            self.say(share);
        }
    }

    /// Tensors that no part asks for may be left.
    fn finish(&self) {
        if self.said.get() < 1.0 {
            self.say(1.0);
        }
    }

    fn say(&self, share: f32) {
        self.said.set(share);
        (self.hears.borrow_mut())(share);
    }
}

/// Puts `outside` back where the mask (one value a cell, for all channels) is 0.
fn hold(latent: &mut [f32], outside: &[f32], mask: &[f32]) {
    for (latent, outside) in
        latent.chunks_exact_mut(mask.len()).zip(outside.chunks_exact(mask.len()))
    {
        for ((latent, outside), mask) in latent.iter_mut().zip(outside).zip(mask) {
            *latent = *mask * *latent + (1.0 - mask) * outside;
        }
    }
}

/// Parts that cannot work together.
fn check_parts(folder: &ModelFolder, unet: &UNetConfig, vae: &VaeConfig) -> Result<()> {
    let latent = vae.latent_channels;
    if unet.out_channels != latent {
        let reason = format!(
            "The UNet's 'out_channels' is {}, but the autoencoder's 'latent_channels' {latent}",
            unet.out_channels
        );
        return Err(contradiction(folder, reason));
    }
    if unet.task() == Task::Unknown {
        let reason = format!(
            "The UNet's 'in_channels' is {}: neither a plain model nor one for inpainting, depth or \
             editing; choose another one",
            unet.in_channels
        );
        return Err(contradiction(folder, reason));
    }
    Ok(())
}

fn contradiction(folder: &ModelFolder, reason: String) -> DiffusionError {
    ModelError::Unsupported { reason, path: folder.location() }.into()
}
