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

use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::error::Result as StepResult;
use super::noise::TorchNoise;
use super::schedule::{NoiseLevel, Plan};

/// The sampling algorithms.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Sampler {
    /// Denoising diffusion implicit models, eta 0.
    Ddim,
    /// Euler's method.
    Euler,
    /// Euler's method with fresh noise at each step.
    EulerAncestral,
    /// DPM-Solver++, second order, multistep.
    DpmPp2M,
    /// Heun's method, two model calls a step.
    Heun,
    /// Latent consistency sampling, for distilled models.
    Lcm,
}

impl Sampler {
    /// All of them, in the order of menus.
    pub const ALL: [Self; 6] =
        [Self::DpmPp2M, Self::Euler, Self::EulerAncestral, Self::Heun, Self::Ddim, Self::Lcm];

    /// The name shown to users and written into pictures, as A1111 spells it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Ddim => "DDIM",
            Self::Euler => "Euler",
            Self::EulerAncestral => "Euler a",
            Self::DpmPp2M => "DPM++ 2M",
            Self::Heun => "Heun",
            Self::Lcm => "LCM",
        }
    }
}

/// A name that no sampler or schedule has.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("There is no {what} called '{name}'. Known: {known}")]
pub struct UnknownName {
    what: &'static str,
    name: String,
    known: String,
}

impl UnknownName {
    pub(crate) fn new(what: &'static str, name: &str, known: &[&str]) -> Self {
        Self { what, name: name.to_owned(), known: known.join(", ") }
    }
}

/// Names compare without case, spaces, dashes and underscores: "dpm++ 2m", "DPM++2M", "euler-a".
pub(crate) fn simplified(name: &str) -> String {
    name.to_lowercase().chars().filter(|c| !matches!(c, ' ' | '-' | '_')).collect()
}

impl FromStr for Sampler {
    type Err = UnknownName;

    fn from_str(name: &str) -> Result<Self, UnknownName> {
        let wanted = simplified(name);
        let wanted = match wanted.as_str() {
            "eulerancestral" => "eulera",
            "dpmpp2m" => "dpm++2m",
            other => other,
        };
        Self::ALL
            .into_iter()
            .find(|sampler| simplified(sampler.name()) == wanted)
            .ok_or_else(|| UnknownName::new("sampler", name, &Self::ALL.map(Self::name)))
    }
}

/// All that a run needs to go on from where it stands.
#[derive(Clone)]
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

/// Estimates the finished picture in a latent at a level.
pub type Denoise<'a> = dyn FnMut(&[f32], NoiseLevel) -> StepResult<Vec<f32>> + 'a;

impl Sampler {
    /// Does the next step of `plan` and returns the estimate of the finished picture (x0).
    ///
    /// # Errors
    /// What `denoise` returns.
    pub fn step(self, state: &mut State, plan: &Plan, denoise: &mut Denoise<'_>) -> StepResult<Vec<f32>> {
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
