//! Euler's method with fresh noise at each step: k-diffusion's `sample_euler_ancestral`.

use super::euler::towards;
use super::{Denoise, State, ancestral, mixed};
use crate::diffusion::error::Result;
use crate::diffusion::schedule::Plan;

/// One step: down past the target, and up to it with new noise.
pub(super) fn step(state: &mut State, plan: &Plan, denoise: &mut Denoise<'_>) -> Result<Vec<f32>> {
    let (from, to) = (plan.levels[state.step], plan.targets[state.step]);
    let estimate = denoise(&state.latent, from)?;
    let (down, up) = ancestral(from.ratio(), to.ratio(), plan.eta);
    let moved = towards(&state.latent, &estimate, from, down, to.alpha);
    // Drawn in the last step too, as diffusers does: the generator keeps its place.
    let noise = state.noise.normal(moved.len());
    state.latent = mixed(1.0, &moved, to.alpha * up, &noise);
    Ok(estimate)
}
