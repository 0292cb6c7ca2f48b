//! DPM-Solver++(2M): Lu et al. 2022b, algorithm 2, midpoint; the first and the last step are of
//! first order. The history holds the estimate before.

use super::{Denoise, State, mixed};
use crate::diffusion::error::Result;
use crate::diffusion::schedule::{NoiseLevel, Plan};

/// One step.
pub(super) fn step(state: &mut State, plan: &Plan, denoise: &mut Denoise<'_>) -> Result<Vec<f32>> {
    let (from, to) = (plan.levels[state.step], plan.targets[state.step]);
    let estimate = denoise(&state.latent, from)?;
    let log_ratio = |level: NoiseLevel| -level.ratio().ln();
    // With no noise at the target, exp(-h) is 0 and the latent becomes the estimate.
    let shrink = to.ratio() / from.ratio();
    let kept = to.sigma / from.sigma;
    let weight = to.alpha * (1.0 - shrink);
    let direction = match state.earlier.first() {
        Some(earlier) if to.sigma > 0.0 => {
            let before = plan.levels[state.step - 1];
            let h = log_ratio(to) - log_ratio(from);
            let r = (log_ratio(from) - log_ratio(before)) / h;
            mixed(1.0 + 0.5 / r, &estimate, -0.5 / r, earlier)
        }
        _ => estimate.clone(),
    };
    state.latent = mixed(kept, &state.latent, weight, &direction);
    state.remember(estimate.clone(), 1);
    Ok(estimate)
}
