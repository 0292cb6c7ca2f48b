//! DPM-Solver++(3M) of the stochastic equation: k-diffusion's `sample_dpmpp_3m_sde`, the exponential
//! integrator of third order after Lu et al. 2022b. The history holds two estimates, the newest
//! first.

use super::{Denoise, State, blend};
use crate::diffusion::error::Result;
use crate::diffusion::schedule::Plan;

/// One step; the first is of first order, the second of second.
pub(super) fn step(state: &mut State, plan: &Plan, denoise: &mut Denoise<'_>) -> Result<Vec<f32>> {
    let (from, to) = (plan.levels[state.step], plan.targets[state.step]);
    let estimate = denoise(&state.latent, from)?;
    if to.sigma == 0.0 {
        state.latent.clone_from(&estimate);
    } else {
        let log_step = |at: usize| (plan.levels[at - 1].ratio() / plan.levels[at].ratio()).ln();
        let h = (from.ratio() / to.ratio()).ln();
        let stochastic = h * (1.0 + plan.eta);
        // The factors of estimate, earlier and the one before it, on the scale of pictures.
        let mut factors = [-(-stochastic).exp_m1(), 0.0, 0.0];
        let phi_2 = (-stochastic).exp_m1() / stochastic + 1.0;
        let known = state.earlier.len().min(state.step);
        if known == 1 {
            let r = log_step(state.step) / h;
            factors[0] += phi_2 / r;
            factors[1] -= phi_2 / r;
        } else if known >= 2 {
            let phi_3 = phi_2 / stochastic - 0.5;
            let (r0, r1) = (log_step(state.step) / h, log_step(state.step - 1) / h);
            // first = (estimate - earlier) / r0, second = (earlier - before) / r1.
            let of_first = phi_2 * (1.0 + r0 / (r0 + r1)) - phi_3 / (r0 + r1);
            let of_second = -phi_2 * r0 / (r0 + r1) + phi_3 / (r0 + r1);
            factors[0] += of_first / r0;
            factors[1] += of_second / r1 - of_first / r0;
            factors[2] -= of_second / r1;
        }
        let noise = state.noise.normal(state.latent.len());
        let drawn = to.sigma * (-(-2.0 * plan.eta * h).exp_m1()).max(0.0).sqrt();
        let mut terms = vec![
            (to.alpha / from.alpha * (-stochastic).exp(), state.latent.as_slice()),
            (to.alpha * factors[0], &estimate),
            (drawn, &noise),
        ];
        for (factor, earlier) in factors[1..].iter().zip(&state.earlier) {
            terms.push((to.alpha * factor, earlier));
        }
        state.latent = blend(&terms);
    }
    state.remember(estimate.clone(), 2);
    Ok(estimate)
}
