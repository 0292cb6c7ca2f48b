//! Heun's method: Karras et al. 2022, algorithm 1. Two model calls a step; the last step, which
//! ends without noise, is Euler's.

use super::euler::towards;
use super::{Denoise, State, mixed};
use crate::diffusion::error::Result;
use crate::diffusion::schedule::Plan;

/// One step.
pub(super) fn step(state: &mut State, plan: &Plan, denoise: &mut Denoise<'_>) -> Result<Vec<f32>> {
    let (from, to) = (plan.levels[state.step], plan.targets[state.step]);
    let estimate = denoise(&state.latent, from)?;
    let there = towards(&state.latent, &estimate, from, to.ratio(), to.alpha);
    if to.sigma == 0.0 {
        state.latent = there;
        return Ok(estimate);
    }
    let second = denoise(&there, to)?;
    // In latents x = picture + ratio · noise, the slope is (x - estimate) / ratio; both slopes'
    // mean is followed from the start.
    let (high, low) = (from.ratio(), to.ratio());
    let slope = mixed(1.0 / (from.alpha * high), &state.latent, -1.0 / high, &estimate);
    let second_slope = mixed(1.0 / (to.alpha * low), &there, -1.0 / low, &second);
    let mean = mixed(0.5, &slope, 0.5, &second_slope);
    state.latent = mixed(to.alpha / from.alpha, &state.latent, to.alpha * (low - high), &mean);
    Ok(second)
}
