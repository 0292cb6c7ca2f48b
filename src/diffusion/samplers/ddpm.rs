//! DDPM: Ho et al. 2020, equations 6 and 7 with the smaller of the two variances, over any steps
//! of the training's.

use super::{Denoise, State, blend};
use crate::diffusion::error::Result;
use crate::diffusion::schedule::Plan;

/// One step: drawn from the posterior of the level below, given the latent and the estimate.
pub(super) fn step(state: &mut State, plan: &Plan, denoise: &mut Denoise<'_>) -> Result<Vec<f32>> {
    let (from, to) = (plan.levels[state.step], plan.targets[state.step]);
    let estimate = denoise(&state.latent, from)?;
    let kept = from.alpha / to.alpha;
    let added = 1.0 - kept * kept;
    let share = (to.sigma / from.sigma).powi(2);
    let of_estimate = to.alpha * added / (from.sigma * from.sigma);
    let noise = state.noise.normal(state.latent.len());
    state.latent = blend(&[
        (of_estimate, &estimate),
        (kept * share, &state.latent),
        ((share * added).max(0.0).sqrt(), &noise),
    ]);
    Ok(estimate)
}
