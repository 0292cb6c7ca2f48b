//! DPM-Solver-2 with fresh noise at each step: k-diffusion's `sample_dpm_2_ancestral`.

use super::dpm2::over_middle;
use super::euler::towards;
use super::{Denoise, State, ancestral, mixed};
use crate::diffusion::error::Result;
use crate::diffusion::schedule::Plan;

/// One step: down past the target in two model calls, and up to it with new noise.
pub(super) fn step(state: &mut State, plan: &Plan, denoise: &mut Denoise<'_>) -> Result<Vec<f32>> {
    let (from, to) = (plan.levels[state.step], plan.targets[state.step]);
    let estimate = denoise(&state.latent, from)?;
    let (down, up) = ancestral(from.ratio(), to.ratio(), plan.eta);
    if down == 0.0 {
        state.latent = towards(&state.latent, &estimate, from, 0.0, to.alpha);
        return Ok(estimate);
    }
    let (moved, second) = over_middle(state, plan, &estimate, (down, to.alpha), denoise)?;
    let noise = state.noise.normal(moved.len());
    state.latent = mixed(1.0, &moved, to.alpha * up, &noise);
    Ok(second)
}
