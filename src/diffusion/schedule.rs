//! Where a run's steps lie between pure noise and the finished picture.
//!
//! Used by the pipeline, once a run. Each sampler spreads its steps as diffusers' scheduler of the
//! same name does (`scheduling_*.py`, `set_timesteps`), so that a seed paints the same picture.

use crate::models::config::noise::{NoiseConfig, Prediction};
use crate::types::Sampler;

pub use crate::types::Schedule;

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
    /// Cumulative products of `1 - beta`: alpha² at each timestep.
    alphas_cumprod: Vec<f32>,
    config: NoiseConfig,
}

/// A run's steps.
#[derive(Clone, Debug, PartialEq)]
pub struct Plan {
    /// The level at which each step begins.
    pub levels: Vec<NoiseLevel>,
    /// The level to which each step goes. It is the next step's, but for DDIM with spacings that
    /// do not divide the timesteps evenly, where diffusers' is not.
    pub targets: Vec<NoiseLevel>,
    /// What the first noise is multiplied by.
    pub initial_scale: f64,
}

/// How long the LCM models' own schedule is, of which a run's steps are taken.
const LCM_STEPS: usize = 50;

impl TrainingNoise {
    /// Multiplies up what a model's configuration says, in f32 like torch.
    #[must_use]
    pub fn new(config: NoiseConfig) -> Self {
        let mut alphas_cumprod = cumulative(&config.betas);
        if config.zero_terminal_snr {
            alphas_cumprod = cumulative(&zero_terminal_betas(&alphas_cumprod));
        }
        Self { alphas_cumprod, config }
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

    fn timesteps(&self) -> usize {
        self.alphas_cumprod.len()
    }

    /// The level of a training timestep, exact where alpha is 0.
    fn exact(&self, timestep: usize) -> NoiseLevel {
        let cumprod = f64::from(self.alphas_cumprod[timestep]);
        NoiseLevel {
            alpha: cumprod.sqrt(),
            sigma: (1.0 - cumprod).sqrt(),
            timestep: timestep as f32,
        }
    }

    /// Noise per picture at every training timestep, finite: an alpha of 0 counts as 2^-12.
    fn ratios(&self) -> Vec<f64> {
        let floor = 2.0_f64.powi(-24);
        let finite = |cumprod: f32| if cumprod > 0.0 { f64::from(cumprod) } else { floor };
        let cumprods = self.alphas_cumprod.iter().map(|cumprod| finite(*cumprod));
        cumprods.map(|cumprod| ((1.0 - cumprod) / cumprod).sqrt()).collect()
    }

    /// The steps of a run. `steps` is at least 1 and at most the number of training timesteps.
    #[must_use]
    pub fn plan(&self, sampler: Sampler, schedule: Schedule, steps: usize) -> Plan {
        match (sampler, schedule) {
            (Sampler::Lcm, _) => self.plan_lcm(steps),
            (Sampler::Ddim, Schedule::Leading | Schedule::Trailing | Schedule::Linspace) => {
                self.plan_ddim(schedule, steps)
            }
            (Sampler::DpmPp2M, _) => self.plan_dpm(schedule, steps),
            _ => self.plan_ratios(schedule, steps, sampler),
        }
    }

    fn spaced(&self, schedule: Schedule, steps: usize) -> Vec<f64> {
        let count = self.timesteps();
        let last = (count - 1) as f64;
        match schedule {
            Schedule::Leading => (0..steps)
                .rev()
                .map(|i| (i * (count / steps) + self.config.steps_offset) as f64)
                .map(|timestep| timestep.min(last))
                .collect(),
            Schedule::Trailing => {
                let ratio = count as f64 / steps as f64;
                let timestep = |i: usize| (count as f64 - i as f64 * ratio).round_ties_even() - 1.0;
                (0..steps).map(|i| timestep(i).max(0.0)).collect()
            }
            Schedule::Linspace | Schedule::Karras => linspace_down(last, steps),
        }
    }

    fn plan_ddim(&self, schedule: Schedule, steps: usize) -> Plan {
        let timesteps: Vec<usize> = self
            .spaced(schedule, steps)
            .into_iter()
            .map(|timestep| timestep.round_ties_even() as usize)
            .collect();
        let back = self.timesteps() / steps;
        let last = if self.config.set_alpha_to_one { NoiseLevel::CLEAN } else { self.exact(0) };
        let target = |timestep: usize| timestep.checked_sub(back).map_or(last, |t| self.exact(t));
        Plan {
            targets: timesteps.iter().map(|timestep| target(*timestep)).collect(),
            levels: timesteps.into_iter().map(|timestep| self.exact(timestep)).collect(),
            initial_scale: 1.0,
        }
    }

    /// Luo et al. 2023: every (50 / steps)-th of 50 timesteps, whatever schedule was chosen.
    fn plan_lcm(&self, steps: usize) -> Plan {
        let own = LCM_STEPS.max(steps);
        let spacing = self.timesteps() / own;
        let level = |i: usize| {
            let index = (own as f64 / steps as f64 * i as f64).floor() as usize;
            self.exact((own - index) * spacing - 1)
        };
        Plan::towards_clean((0..steps).map(level).collect(), 1.0)
    }

    fn plan_dpm(&self, schedule: Schedule, steps: usize) -> Plan {
        let count = self.timesteps();
        let ratios = self.ratios();
        let timesteps: Vec<f64> = match schedule {
            Schedule::Leading => (1..=steps)
                .rev()
                .map(|i| (i * (count / (steps + 1)) + self.config.steps_offset) as f64)
                .map(|timestep| timestep.min((count - 1) as f64))
                .collect(),
            Schedule::Trailing => self.spaced(schedule, steps),
            Schedule::Linspace => {
                let mut timesteps = linspace_down((count - 1) as f64, steps + 1);
                timesteps.truncate(steps);
                timesteps.into_iter().map(f64::round_ties_even).collect()
            }
            Schedule::Karras => {
                let levels = karras(&ratios, steps)
                    .map(|ratio| {
                        let timestep = timestep_of(ratio, &ratios).round_ties_even();
                        NoiseLevel::from_ratio(ratio, timestep)
                    })
                    .collect();
                return Plan::towards_clean(levels, 1.0);
            }
        };
        let level = |timestep: f64| NoiseLevel::from_ratio(ratios[timestep as usize], timestep);
        Plan::towards_clean(timesteps.into_iter().map(level).collect(), 1.0)
    }

    /// Euler, Euler ancestral and Heun; DDIM where diffusers has no DDIM (Karras).
    fn plan_ratios(&self, schedule: Schedule, steps: usize, sampler: Sampler) -> Plan {
        let ratios = self.ratios();
        let levels: Vec<NoiseLevel> = if schedule == Schedule::Karras {
            karras(&ratios, steps)
                .map(|ratio| NoiseLevel::from_ratio(ratio, timestep_of(ratio, &ratios)))
                .collect()
        } else {
            self.spaced(schedule, steps)
                .into_iter()
                .map(|timestep| NoiseLevel::from_ratio(interpolated(&ratios, timestep), timestep))
                .collect()
        };
        // diffusers' Euler family begins with noise of exactly the first level for these
        // spacings, and of variance 1 otherwise.
        let exact = schedule != Schedule::Leading && sampler != Sampler::Ddim;
        let initial_scale = if exact { levels[0].sigma } else { 1.0 };
        Plan::towards_clean(levels, initial_scale)
    }
}

impl Plan {
    fn towards_clean(levels: Vec<NoiseLevel>, initial_scale: f64) -> Self {
        let targets = levels.iter().skip(1).copied().chain([NoiseLevel::CLEAN]).collect();
        Self { levels, targets, initial_scale }
    }

    /// Leaves out the first steps, so that `steps` are left.
    #[must_use]
    pub fn last_steps(mut self, steps: usize) -> Self {
        let out = self.levels.len().saturating_sub(steps);
        self.levels.drain(..out);
        self.targets.drain(..out);
        self
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

/// `steps` values evenly from `last` down to 0; one step stands at 0, as numpy has it.
fn linspace_down(last: f64, steps: usize) -> Vec<f64> {
    let spacing = if steps > 1 { last / (steps - 1) as f64 } else { 0.0 };
    (0..steps).rev().map(|i| i as f64 * spacing).map(|timestep| timestep.min(last)).collect()
}

/// Karras et al. 2022, equation 5, rho 7, over the whole training range.
fn karras(ratios: &[f64], steps: usize) -> impl Iterator<Item = f64> {
    let root = |ratio: f64| ratio.powf(1.0 / 7.0);
    let (low, high) = (root(ratios[0]), root(ratios[ratios.len() - 1]));
    (0..steps).map(move |i| {
        let place = if steps > 1 { i as f64 / (steps - 1) as f64 } else { 0.0 };
        (high + place * (low - high)).powi(7)
    })
}

/// The value between two entries of a table.
fn interpolated(table: &[f64], place: f64) -> f64 {
    let below = (place.floor() as usize).min(table.len() - 2);
    let share = (place - below as f64).clamp(0.0, 1.0);
    table[below] + (table[below + 1] - table[below]) * share
}

/// The timestep at which the noise per picture is `ratio`, linear in its logarithm.
fn timestep_of(ratio: f64, ratios: &[f64]) -> f64 {
    let above = ratios.partition_point(|known| *known <= ratio).clamp(1, ratios.len() - 1);
    let (low, high) = (ratios[above - 1].ln(), ratios[above].ln());
    let share = ((ratio.max(1e-10).ln() - low) / (high - low)).clamp(0.0, 1.0);
    (above - 1) as f64 + share
}
