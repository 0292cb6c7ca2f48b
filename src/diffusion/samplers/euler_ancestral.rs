//! Euler's method with fresh noise at each step: k-diffusion's `sample_euler_ancestral`, eta 1.

use super::euler::towards;
use super::{Denoise, State, mixed};
use crate::diffusion::error::Result;
use crate::diffusion::schedule::Plan;

/// One step: down past the target, and up to it with new noise.
pub(super) fn step(state: &mut State, plan: &Plan, denoise: &mut Denoise<'_>) -> Result<Vec<f32>> {
    let (from, to) = (plan.levels[state.step], plan.targets[state.step]);
    let estimate = denoise(&state.latent, from)?;
    let (high, low) = (from.ratio(), to.ratio());
    let up = (low * low * (high * high - low * low) / (high * high)).max(0.0).sqrt();
    let down = (low * low - up * up).max(0.0).sqrt();
    let moved = towards(&state.latent, &estimate, from, down, to.alpha);
    // Drawn in the last step too, as diffusers does: the generator keeps its place.
    let noise = state.noise.normal(moved.len());
    state.latent = mixed(1.0, &moved, to.alpha * up, &noise);
    Ok(estimate)
}
