//! LMS: the linear multistep method (Adams–Bashforth) of fourth order over uneven steps, k-diffusion's
//! `sample_lms`. The history holds slopes, the newest first.

use super::{Denoise, State, blend, mixed};
use crate::diffusion::error::Result;
use crate::diffusion::schedule::{NoiseLevel, Plan};

/// Slopes that a step follows.
const ORDER: usize = 4;

/// One step.
pub(super) fn step(state: &mut State, plan: &Plan, denoise: &mut Denoise<'_>) -> Result<Vec<f32>> {
    let (from, to) = (plan.levels[state.step], plan.targets[state.step]);
    let estimate = denoise(&state.latent, from)?;
    // In latents x = picture + ratio · noise, the slope is (x - estimate) / ratio.
    let ratio = from.ratio();
    let slope = mixed(1.0 / (from.alpha * ratio), &state.latent, -1.0 / ratio, &estimate);
    state.remember(slope, ORDER.min(state.step + 1));
    let places = plan.levels[..=state.step].iter().rev().take(state.earlier.len());
    let places: Vec<f64> = places.map(NoiseLevel::ratio).collect();
    let mut terms = vec![(to.alpha / from.alpha, state.latent.as_slice())];
    for (at, slope) in state.earlier.iter().enumerate() {
        terms.push((to.alpha * weight(&places, at, to.ratio()), slope));
    }
    state.latent = blend(&terms);
    Ok(estimate)
}

/// The integral from `places[0]` to `to` of the polynomial that is 1 at `places[at]` and 0 at the
/// others.
fn weight(places: &[f64], at: usize, to: f64) -> f64 {
    let polynomial = |x: f64| -> f64 {
        let others = places.iter().enumerate().filter(|(k, _)| *k != at);
        others.map(|(_, place)| (x - place) / (places[at] - place)).product()
    };
    // Two points of Gauss and Legendre are exact up to the third degree.
    let (middle, half) = (0.5 * (places[0] + to), 0.5 * (to - places[0]));
    let offset = half / 3.0_f64.sqrt();
    half * (polynomial(middle - offset) + polynomial(middle + offset))
}
