//! DEIS: Zhang & Chen 2023, the multistep in log rho (tAB-DEIS), second order, as diffusers'
//! `DEISMultistepScheduler`. The history holds the noise that was found the step before.

use super::{Denoise, State, blend, mixed};
use crate::diffusion::error::Result;
use crate::diffusion::schedule::Plan;

/// Runs of fewer steps end with one of first order, which is steadier.
const FEW_STEPS: usize = 15;

/// One step.
pub(super) fn step(state: &mut State, plan: &Plan, denoise: &mut Denoise<'_>) -> Result<Vec<f32>> {
    let (from, to) = (plan.levels[state.step], plan.targets[state.step]);
    let estimate = denoise(&state.latent, from)?;
    let noise = mixed(1.0 / from.sigma, &state.latent, -from.alpha / from.sigma, &estimate);
    let is_last = state.step + 1 == plan.levels.len();
    // The integral of a line in log rho has no end at rho 0.
    let first_order = to.sigma == 0.0 || (is_last && plan.whole < FEW_STEPS);
    let (t, b) = (to.ratio(), from.ratio());
    let kept = to.alpha / from.alpha;
    state.latent = match state.earlier.first() {
        Some(earlier) if !first_order => {
            let c = plan.levels[state.step - 1].ratio();
            // The integral of the line that is 1 at b and 0 at c.
            let integral = |t: f64, b: f64, c: f64| t * (t.ln() - c.ln() - 1.0) / (b.ln() - c.ln());
            let of_noise = integral(t, b, c) - integral(b, b, c);
            let of_earlier = integral(t, c, b) - integral(b, c, b);
            blend(&[
                (kept, &state.latent),
                (to.alpha * of_noise, &noise),
                (to.alpha * of_earlier, earlier),
            ])
        }
        _ => mixed(kept, &state.latent, to.alpha * (t - b), &noise),
    };
    state.remember(noise, 1);
    Ok(estimate)
}
