//! DPM-Solver-2: Lu et al. 2022a, algorithm 1, as Karras et al. 2022 state it for latents
//! `picture + ratio · noise` (k-diffusion's `sample_dpm_2` without churn). Two model calls a step; a
//! step that ends without noise is Euler's.

use super::euler::towards;
use super::{Denoise, State, blend};
use crate::diffusion::error::Result;
use crate::diffusion::schedule::{NoiseLevel, Plan};

/// One step.
pub(super) fn step(state: &mut State, plan: &Plan, denoise: &mut Denoise<'_>) -> Result<Vec<f32>> {
    let (from, to) = (plan.levels[state.step], plan.targets[state.step]);
    let estimate = denoise(&state.latent, from)?;
    if to.sigma == 0.0 {
        state.latent = towards(&state.latent, &estimate, from, 0.0, to.alpha);
        return Ok(estimate);
    }
    let (moved, second) = over_middle(state, plan, &estimate, (to.ratio(), to.alpha), denoise)?;
    state.latent = moved;
    Ok(second)
}

/// The step by the slope half-way (in the logarithm of the noise) to `ratio`, at the scale `alpha`;
/// and the estimate there.
pub(super) fn over_middle(
    state: &State,
    plan: &Plan,
    estimate: &[f32],
    (ratio, alpha): (f64, f64),
    denoise: &mut Denoise<'_>,
) -> Result<(Vec<f32>, Vec<f32>)> {
    let from: NoiseLevel = plan.levels[state.step];
    let middle = plan.between((from.ratio() * ratio).sqrt());
    let there = towards(&state.latent, estimate, from, middle.ratio(), middle.alpha);
    let second = denoise(&there, middle)?;
    // The slope there is (there - second) / ratio, in latents picture + ratio · noise.
    let along = (ratio - from.ratio()) / middle.ratio();
    let moved = blend(&[
        (alpha / from.alpha, &state.latent),
        (alpha * along / middle.alpha, &there),
        (-alpha * along, &second),
    ]);
    Ok((moved, second))
}
