//! DPM-Solver++(2S): Lu et al. 2022b, algorithm 1, with fresh noise at each step: k-diffusion's
//! `sample_dpmpp_2s_ancestral`. Two model calls a step.

use super::euler::towards;
use super::{Denoise, State, ancestral, mixed};
use crate::diffusion::error::Result;
use crate::diffusion::schedule::Plan;

/// One step: down past the target by the estimate half-way there, and up to it with new noise.
pub(super) fn step(state: &mut State, plan: &Plan, denoise: &mut Denoise<'_>) -> Result<Vec<f32>> {
    let (from, to) = (plan.levels[state.step], plan.targets[state.step]);
    let estimate = denoise(&state.latent, from)?;
    let (down, up) = ancestral(from.ratio(), to.ratio(), plan.eta);
    if down == 0.0 {
        state.latent = towards(&state.latent, &estimate, from, 0.0, to.alpha);
        return Ok(estimate);
    }
    let middle = plan.between((from.ratio() * down).sqrt());
    let there = towards(&state.latent, &estimate, from, middle.ratio(), middle.alpha);
    let second = denoise(&there, middle)?;
    let moved = towards(&state.latent, &second, from, down, to.alpha);
    let noise = state.noise.normal(moved.len());
    state.latent = mixed(1.0, &moved, to.alpha * up, &noise);
    Ok(second)
}
