//! Latent consistency sampling: Luo et al. 2023, algorithm 3.

use super::{Denoise, State, mixed};
use crate::diffusion::error::Result;
use crate::diffusion::schedule::Plan;
use crate::types::SameAs;

/// The boundary condition's scale of timesteps (diffusers' `timestep_scaling`).
const TIMESTEP_SCALE: f64 = 10.0;
/// The boundary condition's spread of the data.
const SIGMA_DATA: f64 = 0.5;

/// One step: to the picture at once, and back up with new noise unless it is the last.
pub(super) fn step(state: &mut State, plan: &Plan, denoise: &mut Denoise<'_>) -> Result<Vec<f32>> {
    let (from, to) = (plan.levels[state.step], plan.targets[state.step]);
    let estimate = denoise(&state.latent, from)?;
    let consistent = match plan.same_as {
        // It takes the estimate as it is.
        SameAs::ComfyUi | SameAs::ComfyUiCuda => estimate,
        _ => {
            let time = f64::from(from.timestep) * TIMESTEP_SCALE;
            let spread = time.hypot(SIGMA_DATA);
            let skip = (SIGMA_DATA / spread).powi(2);
            mixed(time / spread, &estimate, skip, &state.latent)
        }
    };
    state.latent = if state.step + 1 == plan.levels.len() {
        consistent.clone()
    } else {
        let noise = state.noise.normal(consistent.len());
        mixed(to.alpha, &consistent, to.sigma, &noise)
    };
    Ok(consistent)
}
