//! PNDM: Liu et al. 2022, the linear multistep part alone (PLMS), as Stable Diffusion was published
//! with. Two model calls in the first step, one in each other.
//!
//! The history holds what the model predicted, the newest first: combined as it is where that is
//! the velocity, as diffusers does, else as noise.

use super::{Denoise, State, blend, mixed};
use crate::diffusion::error::Result;
use crate::diffusion::schedule::{NoiseLevel, Plan};
use crate::models::config::noise::Prediction;

/// One step.
pub(super) fn step(state: &mut State, plan: &Plan, denoise: &mut Denoise<'_>) -> Result<Vec<f32>> {
    let (from, to) = (plan.levels[state.step], plan.targets[state.step]);
    let estimate = denoise(&state.latent, from)?;
    let predicted = prediction(&state.latent, &estimate, from, plan.prediction);
    let Some(next) = plan.levels.get(state.step + 1).filter(|_| state.earlier.is_empty()) else {
        let e: Vec<&[f32]> = state.earlier.iter().map(Vec::as_slice).collect();
        let combined = match e[..] {
            [] => predicted.clone(),
            [a] => mixed(3.0 / 2.0, &predicted, -1.0 / 2.0, a),
            [a, b] => blend(&[(23.0 / 12.0, &predicted), (-16.0 / 12.0, a), (5.0 / 12.0, b)]),
            [a, b, c, ..] => blend(&[
                (55.0 / 24.0, &predicted),
                (-59.0 / 24.0, a),
                (37.0 / 24.0, b),
                (-9.0 / 24.0, c),
            ]),
        };
        state.latent = transferred(&state.latent, &combined, (from, to), plan.prediction);
        state.remember(predicted, 3);
        return Ok(estimate);
    };
    // The first step is gone once, looked back at from where it led, and gone again by the mean.
    let there = transferred(&state.latent, &predicted, (from, to), plan.prediction);
    let second = denoise(&there, *next)?;
    let second_predicted = prediction(&there, &second, *next, plan.prediction);
    let mean = mixed(0.5, &predicted, 0.5, &second_predicted);
    state.latent = transferred(&state.latent, &mean, (plan.restart, *next), plan.prediction);
    state.remember(predicted, 3);
    Ok(second)
}

/// What the model must have predicted for that estimate.
fn prediction(latent: &[f32], estimate: &[f32], at: NoiseLevel, kind: Prediction) -> Vec<f32> {
    let (of_latent, of_estimate) = match kind {
        Prediction::V => (at.alpha / at.sigma, -1.0 / at.sigma),
        Prediction::Epsilon | Prediction::Sample => (1.0 / at.sigma, -at.alpha / at.sigma),
    };
    mixed(of_latent, latent, of_estimate, estimate)
}

/// Liu et al. 2022, equation 11, which is DDIM's step by given noise.
fn transferred(
    latent: &[f32],
    predicted: &[f32],
    (from, to): (NoiseLevel, NoiseLevel),
    kind: Prediction,
) -> Vec<f32> {
    match kind {
        // Written out with alpha² + sigma² = 1: pure noise has no alpha to divide by.
        Prediction::V => {
            let kept = to.alpha * from.alpha + to.sigma * from.sigma;
            mixed(kept, latent, to.sigma * from.alpha - to.alpha * from.sigma, predicted)
        }
        Prediction::Epsilon | Prediction::Sample => {
            let kept = to.alpha / from.alpha;
            mixed(kept, latent, to.sigma - kept * from.sigma, predicted)
        }
    }
}
