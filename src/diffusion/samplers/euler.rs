//! Euler's method on the probability flow: Karras et al. 2022, algorithm 2 without churn.

use super::{Denoise, State, mixed};
use crate::diffusion::error::Result;
use crate::diffusion::schedule::{NoiseLevel, Plan};

/// One step.
pub(super) fn step(state: &mut State, plan: &Plan, denoise: &mut Denoise<'_>) -> Result<Vec<f32>> {
    let (from, to) = (plan.levels[state.step], plan.targets[state.step]);
    let estimate = denoise(&state.latent, from)?;
    state.latent = towards(&state.latent, &estimate, from, to.ratio(), to.alpha);
    Ok(estimate)
}

/// The latent moved along the line to its estimate until the noise per picture is `ratio`, at the
/// scale `alpha`.
pub(super) fn towards(
    latent: &[f32],
    estimate: &[f32],
    from: NoiseLevel,
    ratio: f64,
    alpha: f64,
) -> Vec<f32> {
    let kept = ratio / from.ratio();
    mixed(alpha * kept / from.alpha, latent, alpha * (1.0 - kept), estimate)
}
