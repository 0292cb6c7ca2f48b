//! `UniPC`: Zhao et al. 2023, algorithms 1 and 2 on estimates of the picture, multistep: each model
//! call corrects the step before and predicts the next. The order and the function B(h) are those
//! of the program whose picture it is to be: diffusers has order 2 and B2, the others 3 and B1.
//!
//! The history holds the corrected latent that the step before began at, then its estimate and
//! older ones, the newest first.

use super::{Denoise, State, blend};
use crate::diffusion::error::Result;
use crate::diffusion::schedule::{NoiseLevel, Plan};
use crate::types::SameAs;

/// The order of the method with many steps, and which of the paper's B(h) it uses.
fn method(plan: &Plan) -> (usize, bool) {
    let steps = plan.levels.len();
    match plan.same_as {
        SameAs::Pentimento | SameAs::Diffusers | SameAs::DiffusersCuda => (2, true),
        SameAs::A1111 | SameAs::A1111Cpu => (steps.min(3), false),
        SameAs::ComfyUi | SameAs::ComfyUiCuda => ((steps - 1).clamp(1, 3), false),
    }
}

/// One step.
pub(super) fn step(state: &mut State, plan: &Plan, denoise: &mut Denoise<'_>) -> Result<Vec<f32>> {
    let (from, to) = (plan.levels[state.step], plan.targets[state.step]);
    let estimate = denoise(&state.latent, from)?;
    let (most, second_kind) = method(plan);
    // The first steps know too little for the full order, the last ones are steadier without.
    let order = |step: usize| most.min(plan.levels.len() - step).min(step + 1);
    let mut latent = state.latent.clone();
    let mut estimates: Vec<&[f32]> = Vec::new();
    if let Some((begin, known)) = state.earlier.split_first() {
        let before = plan.levels[state.step - 1];
        let order = order(state.step - 1).min(known.len());
        let h = log_ratio(from) - log_ratio(before);
        let mut places = places(plan, state.step - 1, order, h);
        places.push(1.0);
        let weights = if order == 1 { vec![0.5] } else { solved(&places, order, h, second_kind) };
        let mut others: Vec<&[f32]> = known[1..order].iter().map(Vec::as_slice).collect();
        others.push(&estimate);
        latent = moved(begin, (before, from), &known[0], &others, &places, &weights, second_kind);
        estimates.extend(known.iter().map(Vec::as_slice));
    }
    let order = order(state.step).min(estimates.len() + 1);
    let h = log_ratio(to) - log_ratio(from);
    let places = places(plan, state.step, order, h);
    let weights = match order {
        1 => Vec::new(),
        2 => vec![0.5],
        _ => solved(&places, order - 1, h, second_kind),
    };
    let next = moved(
        &latent,
        (from, to),
        &estimate,
        &estimates[..order - 1],
        &places,
        &weights,
        second_kind,
    );
    state.latent = next;
    if !state.earlier.is_empty() {
        state.earlier.remove(0);
    }
    state.remember(estimate.clone(), most);
    state.remember(latent, most + 1);
    Ok(estimate)
}

fn log_ratio(level: NoiseLevel) -> f64 {
    -level.ratio().ln()
}

/// The paper's r: where the steps before `step` stand, in steps of h from it.
fn places(plan: &Plan, step: usize, order: usize, h: f64) -> Vec<f64> {
    let here = log_ratio(plan.levels[step]);
    (1..order).map(|back| (log_ratio(plan.levels[step - back]) - here) / h).collect()
}

/// The paper's B(h) for -h: B1 is the step itself, B2 its exponential.
fn b_of(minus_h: f64, second_kind: bool) -> f64 {
    if second_kind { minus_h.exp_m1() } else { minus_h }
}

/// Solves the paper's equation 5 for the weights at the first `count` places.
fn solved(places: &[f64], count: usize, h: f64, second_kind: bool) -> Vec<f64> {
    let minus_h = -h;
    let mut phi = minus_h.exp_m1() / minus_h - 1.0;
    let mut factorial = 1.0;
    let mut rows: Vec<Vec<f64>> = Vec::new();
    for i in 0..count {
        let mut row: Vec<f64> = places[..count].iter().map(|r| r.powi(i as i32)).collect();
        row.push(phi * factorial / b_of(minus_h, second_kind));
        rows.push(row);
        factorial *= (i + 2) as f64;
        phi = phi / minus_h - 1.0 / factorial;
    }
    // Gauss and Jordan; the rows are those of a Vandermonde matrix of different places.
    for i in 0..count {
        let pivot = (i..count)
            .max_by(|a, b| rows[*a][i].abs().total_cmp(&rows[*b][i].abs()))
            .expect("there is a row left");
        rows.swap(i, pivot);
        let row = rows[i].clone();
        for (at, other) in rows.iter_mut().enumerate() {
            let factor = other[i] / row[i];
            for (value, own) in other.iter_mut().zip(&row) {
                if at == i {
                    *value = own / row[i];
                } else {
                    *value -= factor * own;
                }
            }
        }
    }
    rows.into_iter().map(|row| row[count]).collect()
}

/// The paper's equations 3 and 9: from a latent along its estimate, bent by what the estimates at
/// other places differ from it, each with its weight.
fn moved(
    latent: &[f32],
    (from, to): (NoiseLevel, NoiseLevel),
    estimate: &[f32],
    others: &[&[f32]],
    places: &[f64],
    weights: &[f64],
    second_kind: bool,
) -> Vec<f32> {
    let minus_h = (to.ratio() / from.ratio()).ln();
    let mut of_estimate = -to.alpha * minus_h.exp_m1();
    let mut terms = vec![(to.sigma / from.sigma, latent)];
    for ((other, place), weight) in others.iter().zip(places).zip(weights) {
        let factor = -to.alpha * b_of(minus_h, second_kind) * weight / place;
        terms.push((factor, other));
        of_estimate -= factor;
    }
    terms.push((of_estimate, estimate));
    blend(&terms)
}
