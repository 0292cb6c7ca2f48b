//! Where a run's steps lie between pure noise and the finished picture.
//!
//! Used by the pipeline, once a run. The steps are laid as the program lays them whose picture it
//! is to be (see [`SameAs`]), so that a seed paints the same picture: `schedule/diffusers.rs` and
//! `schedule/k_diffusion.rs` hold the two ways, `schedule/ladder.rs` the spacings by noise.

mod beta;
mod diffusers;
mod k_diffusion;
mod ladder;

use std::sync::Arc;

use crate::models::config::noise::{NoiseConfig, Prediction};
use crate::types::{SameAs, Sampler};

pub use crate::types::Schedule;
pub use ladder::Family;

/// How noisy a latent is: `latent = alpha · picture + sigma · noise`, alpha² + sigma² = 1.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct NoiseLevel {
    /// Share of the picture, 0..=1.
    pub alpha: f64,
    /// Share of the noise, 0..=1.
    pub sigma: f64,
    /// What the model is told, 0..1000, possibly between two training timesteps.
    pub timestep: f32,
}

impl NoiseLevel {
    /// The finished picture.
    pub const CLEAN: Self = Self { alpha: 1.0, sigma: 0.0, timestep: 0.0 };

    /// From the noise per picture, sigma / alpha (the sigma of k-diffusion).
    fn from_ratio(ratio: f64, timestep: f64) -> Self {
        let alpha = 1.0 / ratio.hypot(1.0);
        Self { alpha, sigma: ratio * alpha, timestep: timestep as f32 }
    }

    /// Noise per picture, sigma / alpha: infinite for pure noise.
    #[must_use]
    pub fn ratio(&self) -> f64 {
        self.sigma / self.alpha
    }
}

/// The noise of every training timestep.
#[derive(Clone, Debug)]
pub struct TrainingNoise {
    table: Arc<Table>,
    config: NoiseConfig,
}

/// The training noise as numbers.
#[derive(Debug, PartialEq)]
struct Table {
    /// Cumulative products of `1 - beta`: alpha² at each timestep.
    alphas_cumprod: Vec<f32>,
    /// Noise per picture at each timestep, finite: an alpha of 0 counts as 2^-12. Rounded to f32,
    /// as every program has it.
    ratios: Vec<f64>,
    /// Their natural logarithms, rounded alike: diffusers cuts timesteps off that it finds by them.
    logs: Vec<f64>,
}

/// What a run's steps follow from.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Course {
    /// The sampler.
    pub sampler: Sampler,
    /// Its schedule.
    pub schedule: Schedule,
    /// Steps of the whole schedule, at least 1 and at most the number of training timesteps.
    pub steps: usize,
    /// Share of the noise that is renewed, 0..=1; `None`: the sampler's usual one.
    pub eta: Option<f32>,
    /// Whose picture it is to be.
    pub same_as: SameAs,
    /// Which of the published tables fits the model.
    pub family: Family,
}

/// A run's steps.
#[derive(Clone, Debug, PartialEq)]
pub struct Plan {
    /// The level at which each step begins.
    pub levels: Vec<NoiseLevel>,
    /// The level to which each step goes. It is the next step's, but for DDIM and PNDM with
    /// spacings that do not divide the timesteps evenly, where diffusers' is not.
    pub targets: Vec<NoiseLevel>,
    /// What the first noise is multiplied by.
    pub initial_scale: f64,
    /// Steps of the whole schedule, of which a run over a picture leaves out the first.
    pub whole: usize,
    /// The level that PNDM takes the first latent for when it goes over its first step again.
    pub restart: NoiseLevel,
    /// Share of the noise that is renewed, 0..=1.
    pub eta: f64,
    /// What the model predicts: PNDM carries that on, not what follows from it.
    pub prediction: Prediction,
    /// Whose picture it is to be.
    pub same_as: SameAs,
    table: Arc<Table>,
}

impl TrainingNoise {
    /// Multiplies up what a model's configuration says, in f32 like torch.
    #[must_use]
    pub fn new(config: NoiseConfig) -> Self {
        let mut alphas_cumprod = cumulative(&config.betas);
        if config.zero_terminal_snr {
            alphas_cumprod = cumulative(&zero_terminal_betas(&alphas_cumprod));
        }
        let floor = 2.0_f32.powi(-24);
        let finite = |cumprod: &f32| if *cumprod > 0.0 { *cumprod } else { floor };
        let ratios: Vec<f32> = alphas_cumprod
            .iter()
            .map(finite)
            .map(|cumprod| ((1.0 - cumprod) / cumprod).sqrt())
            .collect();
        let logs = ratios.iter().map(|ratio| f64::from(ratio.ln())).collect();
        let ratios = ratios.into_iter().map(f64::from).collect();
        Self { table: Arc::new(Table { alphas_cumprod, ratios, logs }), config }
    }

    /// What the configuration says.
    #[must_use]
    pub fn config(&self) -> &NoiseConfig {
        &self.config
    }

    /// What the model predicts.
    #[must_use]
    pub fn prediction(&self) -> Prediction {
        self.config.prediction
    }

    /// How many timesteps the training has.
    #[must_use]
    pub fn timesteps(&self) -> usize {
        self.table.ratios.len()
    }

    /// The steps of a run.
    #[must_use]
    pub fn plan(&self, course: &Course) -> Plan {
        match course.same_as {
            SameAs::Pentimento | SameAs::Diffusers | SameAs::DiffusersCuda => {
                self.plan_as_diffusers(course)
            }
            SameAs::A1111 | SameAs::A1111Cpu => self.plan_as_a1111(course),
            SameAs::ComfyUi | SameAs::ComfyUiCuda => self.plan_as_comfy(course),
        }
    }

    /// A plan whose steps lead one to the next and the last to `end`.
    fn walk(
        &self,
        course: &Course,
        levels: Vec<NoiseLevel>,
        end: NoiseLevel,
        initial_scale: f64,
    ) -> Plan {
        let targets = levels.iter().skip(1).copied().chain([end]).collect();
        let usual = course.sampler.eta().unwrap_or(0.0);
        Plan {
            targets,
            initial_scale,
            whole: levels.len(),
            restart: levels[0],
            levels,
            // Short decimals, which f32 holds a little above or below.
            eta: (f64::from(course.eta.unwrap_or(usual)) * 1e6).round() / 1e6,
            prediction: self.config.prediction,
            same_as: course.same_as,
            table: Arc::clone(&self.table),
        }
    }
}

impl Table {
    /// The level of a training timestep, exact where alpha is 0.
    fn exact(&self, timestep: usize) -> NoiseLevel {
        let cumprod = f64::from(self.alphas_cumprod[timestep]);
        NoiseLevel {
            alpha: cumprod.sqrt(),
            sigma: (1.0 - cumprod).sqrt(),
            timestep: timestep as f32,
        }
    }

    /// The place before which the table's logarithms are above that of a noise per picture.
    fn above(&self, log: f64) -> usize {
        self.logs.partition_point(|known| *known <= log).clamp(1, self.logs.len() - 1)
    }

    /// The timestep at which the noise per picture is `ratio`, linear in its logarithm.
    fn timestep_of(&self, ratio: f64) -> f64 {
        let log = ratio.max(1e-10).ln();
        let above = self.above(log);
        let (low, high) = (self.logs[above - 1], self.logs[above]);
        (above - 1) as f64 + ((log - low) / (high - low)).clamp(0.0, 1.0)
    }

    /// The training timestep whose noise per picture is nearest in its logarithm, all in f32: the
    /// lower one where two are alike.
    fn nearest(&self, ratio: f64) -> usize {
        let log = (ratio as f32).max(1e-10).ln();
        let above = self.above(f64::from(log));
        let far = |at: usize| (log - self.logs[at] as f32).abs();
        if far(above - 1) <= far(above) { above - 1 } else { above }
    }
}

impl Plan {
    /// Leaves out the first steps, so that `steps` are left.
    #[must_use]
    pub fn last_steps(mut self, steps: usize) -> Self {
        let out = self.levels.len().saturating_sub(steps);
        if out > 0 {
            self.levels.drain(..out);
            self.targets.drain(..out);
            self.restart = self.levels[0];
        }
        self
    }

    /// The level between two steps at which the noise per picture is `ratio`, as the model is told
    /// of it: a sampler looks there on its way.
    #[must_use]
    pub fn between(&self, ratio: f64) -> NoiseLevel {
        let timestep = match self.same_as {
            SameAs::ComfyUi | SameAs::ComfyUiCuda => self.table.nearest(ratio) as f64,
            _ => self.table.timestep_of(ratio),
        };
        NoiseLevel::from_ratio(ratio, timestep)
    }

    /// The level of a training timestep.
    #[must_use]
    pub fn at(&self, timestep: usize) -> NoiseLevel {
        self.table.exact(timestep)
    }
}

fn cumulative(betas: &[f32]) -> Vec<f32> {
    let mut product = 1.0_f64;
    let multiplied = betas.iter().map(|beta| {
        product *= f64::from(1.0 - beta);
        product as f32
    });
    multiplied.collect()
}

/// Lin et al. 2023, algorithm 1, in f32 like torch.
fn zero_terminal_betas(alphas_cumprod: &[f32]) -> Vec<f32> {
    let roots: Vec<f32> = alphas_cumprod.iter().map(|cumprod| cumprod.sqrt()).collect();
    let (first, last) = (roots[0], roots[roots.len() - 1]);
    let factor = first / (first - last);
    let squares: Vec<f32> = roots.iter().map(|root| ((root - last) * factor).powi(2)).collect();
    let alphas =
        squares[..1].iter().copied().chain(squares.windows(2).map(|pair| pair[1] / pair[0]));
    alphas.map(|alpha| 1.0 - alpha).collect()
}
