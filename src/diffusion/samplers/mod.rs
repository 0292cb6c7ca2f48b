//! The samplers: one algorithm a file, a `step` over a storable [`State`].
//!
//! Called by the pipeline's one loop. A sampler sees a function `denoise(latent, level)` that
//! estimates the finished picture (x0) and knows nothing of models, prompts or guidance. Latents
//! are `alpha · picture + sigma · noise` throughout; formulas that papers state for latents
//! `picture + ratio · noise` (k-diffusion's, with `ratio` for their sigma) are written for ours.
//!
//! The samplers of stochastic equations (DPM++ SDE, 2M SDE, 3M SDE) draw the increments of one
//! Brownian path. k-diffusion takes them from torchsde's tree, whose numbers belong to that
//! program; here they come from the run's generator, as all other noise does.

pub mod ddim;
pub mod ddpm;
pub mod deis;
pub mod dpm2;
pub mod dpm2_ancestral;
pub mod dpmpp_2m;
pub mod dpmpp_2m_sde;
pub mod dpmpp_2s_ancestral;
pub mod dpmpp_3m_sde;
pub mod dpmpp_sde;
pub mod euler;
pub mod euler_ancestral;
pub mod heun;
pub mod lcm;
pub mod lms;
pub mod pndm;
pub mod tcd;
pub mod unipc;

pub use crate::types::Sampler;

use super::error::Result as StepResult;
use super::noise::Noise;
use super::schedule::{NoiseLevel, Plan};

/// The longest history that a sampler keeps: `UniPC`'s three estimates and the latent before.
pub const MOST_EARLIER: usize = 4;

/// All that a run needs to go on from where it stands.
#[derive(Clone, Debug, PartialEq)]
pub struct State {
    /// The latent, channels × height × width.
    pub latent: Vec<f32>,
    /// Steps done.
    pub step: usize,
    /// What a multistep sampler keeps of the steps before (estimates, slopes, noise, as its file
    /// says), the newest first, at most [`MOST_EARLIER`], each as long as the latent.
    pub earlier: Vec<Vec<f32>>,
    /// Where further noise comes from.
    pub noise: Noise,
}

impl State {
    /// Whether a run of `steps` over latents of that length can go on from here.
    #[must_use]
    pub fn fits(&self, length: usize, steps: usize) -> bool {
        self.latent.len() == length
            && self.step <= steps
            && self.earlier.len() <= MOST_EARLIER.min(self.step + 1)
            && self.earlier.iter().all(|earlier| earlier.len() == length)
            && self.latent.iter().all(|value| value.is_finite())
    }

    /// Puts `value` before the history and keeps at most `most` entries of it.
    fn remember(&mut self, value: Vec<f32>, most: usize) {
        self.earlier.insert(0, value);
        self.earlier.truncate(most);
    }
}

/// Estimates the finished picture in a latent at a level.
pub type Denoise<'a> = dyn FnMut(&[f32], NoiseLevel) -> StepResult<Vec<f32>> + 'a;

impl Sampler {
    /// Does the next step of `plan` and returns the estimate of the finished picture (x0).
    ///
    /// # Errors
    /// What `denoise` returns; the state is then as it was.
    pub fn step(
        self,
        state: &mut State,
        plan: &Plan,
        denoise: &mut Denoise<'_>,
    ) -> StepResult<Vec<f32>> {
        let estimate = match self {
            Self::Ddpm => ddpm::step(state, plan, denoise),
            Self::Ddim => ddim::step(state, plan, denoise),
            Self::Pndm => pndm::step(state, plan, denoise),
            Self::Euler => euler::step(state, plan, denoise),
            Self::EulerAncestral => euler_ancestral::step(state, plan, denoise),
            Self::Heun => heun::step(state, plan, denoise),
            Self::Dpm2 => dpm2::step(state, plan, denoise),
            Self::Dpm2Ancestral => dpm2_ancestral::step(state, plan, denoise),
            Self::Lms => lms::step(state, plan, denoise),
            Self::DpmPp2SAncestral => dpmpp_2s_ancestral::step(state, plan, denoise),
            Self::DpmPp2M => dpmpp_2m::step(state, plan, denoise),
            Self::DpmPpSde => dpmpp_sde::step(state, plan, denoise),
            Self::DpmPp2MSde => dpmpp_2m_sde::step(state, plan, denoise),
            Self::DpmPp3MSde => dpmpp_3m_sde::step(state, plan, denoise),
            Self::UniPc => unipc::step(state, plan, denoise),
            Self::Deis => deis::step(state, plan, denoise),
            Self::Lcm => lcm::step(state, plan, denoise),
            Self::Tcd => tcd::step(state, plan, denoise),
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

/// The sum of `factor · values`, value by value; there is at least one term.
fn blend(terms: &[(f64, &[f32])]) -> Vec<f32> {
    let (first, rest) = terms.split_first().expect("a blend has terms");
    let mut sum: Vec<f32> = first.1.iter().map(|value| first.0 as f32 * value).collect();
    for (factor, values) in rest {
        let factor = *factor as f32;
        for (sum, value) in sum.iter_mut().zip(*values) {
            *sum += factor * value;
        }
    }
    sum
}

/// How a step from one noise per picture to another splits (k-diffusion's `get_ancestral_step`):
/// how far down it goes, and how much fresh noise lifts it from there up to the target.
fn ancestral(from: f64, to: f64, eta: f64) -> (f64, f64) {
    let all = (to * to * (from * from - to * to) / (from * from)).max(0.0).sqrt();
    let up = (eta * all).min(to);
    ((to * to - up * up).max(0.0).sqrt(), up)
}
