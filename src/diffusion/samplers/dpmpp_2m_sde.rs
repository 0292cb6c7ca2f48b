//! DPM-Solver++(2M) of the stochastic equation: Lu et al. 2022b, appendix, midpoint; k-diffusion's
//! `sample_dpmpp_2m_sde`, diffusers' `sde-dpmsolver++`. The history holds the estimate before.

use super::{Denoise, State, blend};
use crate::diffusion::error::Result;
use crate::diffusion::schedule::Plan;

/// One step.
pub(super) fn step(state: &mut State, plan: &Plan, denoise: &mut Denoise<'_>) -> Result<Vec<f32>> {
    let (from, to) = (plan.levels[state.step], plan.targets[state.step]);
    let estimate = denoise(&state.latent, from)?;
    // Drawn in the last step too, as diffusers does.
    let noise = state.noise.normal(state.latent.len());
    if to.sigma == 0.0 {
        state.latent.clone_from(&estimate);
    } else {
        let shrink = to.ratio() / from.ratio();
        let h = -shrink.ln();
        let weight = to.alpha * (1.0 - shrink * (-plan.eta * h).exp());
        let kept = to.alpha / from.alpha * shrink * (-plan.eta * h).exp();
        let drawn = to.sigma * (-(-2.0 * plan.eta * h).exp_m1()).max(0.0).sqrt();
        let mut terms = vec![(kept, state.latent.as_slice()), (drawn, noise.as_slice())];
        if let Some(earlier) = state.earlier.first() {
            let r = (plan.levels[state.step - 1].ratio() / from.ratio()).ln() / h;
            terms.push((weight * (1.0 + 0.5 / r), &estimate));
            terms.push((-weight * 0.5 / r, earlier));
        } else {
            terms.push((weight, &estimate));
        }
        state.latent = blend(&terms);
    }
    state.remember(estimate.clone(), 1);
    Ok(estimate)
}
