//! Trajectory consistency sampling: Zheng et al. 2024, algorithm 4 (strategic stochastic sampling),
//! as diffusers' `TCDScheduler`.

use super::{Denoise, State, mixed};
use crate::diffusion::error::Result;
use crate::diffusion::schedule::Plan;

/// One step: past the target by eta's share of its timestep, and back up to it with new noise
/// unless it is the last.
pub(super) fn step(state: &mut State, plan: &Plan, denoise: &mut Denoise<'_>) -> Result<Vec<f32>> {
    let (from, to) = (plan.levels[state.step], plan.targets[state.step]);
    let estimate = denoise(&state.latent, from)?;
    let past = plan.at(((1.0 - plan.eta) * f64::from(to.timestep)).floor() as usize);
    let kept = past.sigma / from.sigma;
    let there = mixed(kept, &state.latent, past.alpha - kept * from.alpha, &estimate);
    state.latent = if plan.eta > 0.0 && state.step + 1 < plan.levels.len() {
        let back = to.alpha / past.alpha;
        let noise = state.noise.normal(there.len());
        mixed(back, &there, (1.0 - back * back).max(0.0).sqrt(), &noise)
    } else {
        there
    };
    Ok(estimate)
}
