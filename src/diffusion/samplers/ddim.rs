//! DDIM with eta 0: Song et al. 2021, equation 12.

use super::{Denoise, State, mixed};
use crate::diffusion::error::Result;
use crate::diffusion::schedule::Plan;

/// One step; exact where alpha is 0.
pub(super) fn step(state: &mut State, plan: &Plan, denoise: &mut Denoise<'_>) -> Result<Vec<f32>> {
    let (from, to) = (plan.levels[state.step], plan.targets[state.step]);
    let estimate = denoise(&state.latent, from)?;
    // With noise = (latent - alpha · estimate) / sigma put in:
    let kept = to.sigma / from.sigma;
    state.latent = mixed(kept, &state.latent, to.alpha - kept * from.alpha, &estimate);
    Ok(estimate)
}
