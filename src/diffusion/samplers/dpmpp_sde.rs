//! DPM-Solver++ of the stochastic equation, single step: k-diffusion's `sample_dpmpp_sde` with its
//! midpoint at 1/2 (diffusers' `DPMSolverSDEScheduler`). Two model calls and two draws a step.

use super::euler::towards;
use super::{Denoise, State, ancestral, mixed};
use crate::diffusion::error::Result;
use crate::diffusion::schedule::Plan;

/// One step: half-way with noise, then the whole way by the estimate found there.
pub(super) fn step(state: &mut State, plan: &Plan, denoise: &mut Denoise<'_>) -> Result<Vec<f32>> {
    let (from, to) = (plan.levels[state.step], plan.targets[state.step]);
    let estimate = denoise(&state.latent, from)?;
    if to.sigma == 0.0 {
        state.latent = towards(&state.latent, &estimate, from, 0.0, to.alpha);
        return Ok(estimate);
    }
    let (high, low) = (from.ratio(), to.ratio());
    let middle = plan.between((high * low).sqrt());
    // A step that is cancelled in its second call must find the generator where it was.
    let mut noise = state.noise.clone();
    let first = noise.normal(state.latent.len());
    let (down, up) = ancestral(high, middle.ratio(), plan.eta);
    let moved = towards(&state.latent, &estimate, from, down, middle.alpha);
    let there = mixed(1.0, &moved, middle.alpha * up, &first);
    let second = denoise(&there, middle)?;
    // One Brownian path, whose time is the noise per picture: what it did in the first half is
    // part of what it did in the whole step.
    let rest = noise.normal(state.latent.len());
    let (early, late) = (high - middle.ratio(), middle.ratio() - low);
    let whole = (early + late).sqrt();
    let path = mixed(early.sqrt() / whole, &first, late.sqrt() / whole, &rest);
    let (down, up) = ancestral(high, low, plan.eta);
    let moved = towards(&state.latent, &second, from, down, to.alpha);
    state.latent = mixed(1.0, &moved, to.alpha * up, &path);
    state.noise = noise;
    Ok(second)
}
