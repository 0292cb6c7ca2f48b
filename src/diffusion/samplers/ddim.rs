//! DDIM: Song et al. 2021, equations 12 and 16. With eta 0 nothing is drawn; with eta 1 it is DDPM.

use super::{Denoise, State, blend, mixed};
use crate::diffusion::error::Result;
use crate::diffusion::schedule::Plan;

/// One step; exact where alpha is 0.
pub(super) fn step(state: &mut State, plan: &Plan, denoise: &mut Denoise<'_>) -> Result<Vec<f32>> {
    let (from, to) = (plan.levels[state.step], plan.targets[state.step]);
    let estimate = denoise(&state.latent, from)?;
    if plan.eta == 0.0 {
        // With noise = (latent - alpha · estimate) / sigma put in:
        let kept = to.sigma / from.sigma;
        state.latent = mixed(kept, &state.latent, to.alpha - kept * from.alpha, &estimate);
        return Ok(estimate);
    }
    let posterior = (to.sigma / from.sigma).powi(2) * (1.0 - (from.alpha / to.alpha).powi(2));
    let drawn = plan.eta * posterior.max(0.0).sqrt();
    let kept = (to.sigma * to.sigma - drawn * drawn).max(0.0).sqrt() / from.sigma;
    let noise = state.noise.normal(state.latent.len());
    state.latent =
        blend(&[(kept, &state.latent), (to.alpha - kept * from.alpha, &estimate), (drawn, &noise)]);
    Ok(estimate)
}
