//! The samplers: one algorithm a file, a `step` over a storable [`State`].
//!
//! Called by the pipeline's one loop. A sampler sees a function `denoise(latent, level)` that
//! estimates the finished picture (x0) and knows nothing of models, prompts or guidance. Latents
//! are `alpha · picture + sigma · noise` throughout; formulas that papers state for latents
//! `picture + ratio · noise` are written for ours.

pub mod ddim;
pub mod dpmpp_2m;
pub mod euler;
pub mod euler_ancestral;
pub mod heun;
pub mod lcm;

pub use crate::types::Sampler;

use super::error::Result as StepResult;
use super::noise::TorchNoise;
use super::schedule::{NoiseLevel, Plan};

/// All that a run needs to go on from where it stands.
#[derive(Clone, Debug, PartialEq)]
pub struct State {
    /// The latent, channels × height × width.
    pub latent: Vec<f32>,
    /// Steps done.
    pub step: usize,
    /// The estimate of the step before, for multistep samplers.
    pub earlier: Option<Vec<f32>>,
    /// Where further noise comes from.
    pub noise: TorchNoise,
}

impl State {
    /// Whether a run of `steps` over latents of that length can go on from here.
    #[must_use]
    pub fn fits(&self, length: usize, steps: usize) -> bool {
        self.latent.len() == length
            && self.step <= steps
            && self.earlier.as_ref().is_none_or(|earlier| earlier.len() == length)
            && self.latent.iter().all(|value| value.is_finite())
    }
}

/// Estimates the finished picture in a latent at a level.
pub type Denoise<'a> = dyn FnMut(&[f32], NoiseLevel) -> StepResult<Vec<f32>> + 'a;

impl Sampler {
    /// Does the next step of `plan` and returns the estimate of the finished picture (x0).
    ///
    /// # Errors
    /// What `denoise` returns.
    pub fn step(
        self,
        state: &mut State,
        plan: &Plan,
        denoise: &mut Denoise<'_>,
    ) -> StepResult<Vec<f32>> {
        let estimate = match self {
            Self::Ddim => ddim::step(state, plan, denoise),
            Self::Euler => euler::step(state, plan, denoise),
            Self::EulerAncestral => euler_ancestral::step(state, plan, denoise),
            Self::DpmPp2M => dpmpp_2m::step(state, plan, denoise),
            Self::Heun => heun::step(state, plan, denoise),
            Self::Lcm => lcm::step(state, plan, denoise),
        }?;
        state.step += 1;
        Ok(estimate)
    }
}

/// `a · x + b · y`, value by value; the factors in f64, since they are differences of near values.
fn mixed(a: f64, x: &[f32], b: f64, y: &[f32]) -> Vec<f32> {
    let (a, b) = (a as f32, b as f32);
    x.iter().zip(y).map(|(x, y)| a * x + b * y).collect()
}
