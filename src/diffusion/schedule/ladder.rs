//! Spacings by noise per picture: numbers from the noisiest down, whatever the sampler.

use super::Table;
use super::beta;
use crate::types::{SameAs, Schedule};

/// Which of the published tables fits a model.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Family {
    /// Stable Diffusion 1 and 2, and whatever has no table of its own.
    #[default]
    Sd,
    /// Stable Diffusion XL.
    Sdxl,
}

/// Sabour et al. 2024, "Align Your Steps", as published with the quick-start guide: ten steps.
const AYS_SD: [f64; 11] =
    [14.615, 6.475, 3.861, 2.697, 1.886, 1.396, 0.963, 0.652, 0.399, 0.152, 0.029];
const AYS_SDXL: [f64; 11] =
    [14.615, 6.315, 3.771, 2.181, 1.342, 0.862, 0.555, 0.380, 0.234, 0.113, 0.029];
/// The same with the digits that ComfyUI has.
const AYS_SD_FINE: [f64; 11] = [
    14.614_641_229_3,
    6.474_576_095_6,
    3.863_674_598_5,
    2.694_615_152_0,
    1.884_192_117_7,
    1.394_380_509_2,
    0.964_258_390_4,
    0.652_368_601_6,
    0.397_745_627_2,
    0.151_523_266_2,
    0.029_167_158_2,
];
const AYS_SDXL_FINE: [f64; 11] = [
    14.614_641_229_3,
    6.318_448_528_7,
    3.768_179_031_5,
    2.181_148_076_9,
    1.340_524_494_5,
    0.862_072_114_1,
    0.555_069_328_9,
    0.379_854_070_8,
    0.233_236_413_4,
    0.111_418_817_7,
    0.029_167_158_2,
];

/// Karras et al. 2022, section 5: how strongly steps crowd at low noise.
const RHO: f64 = 7.0;

/// The noise per picture at which `steps` steps begin, and where the last one ends. `None` for the
/// spacings that each program has its own way for (leading, trailing, linspace).
pub(super) fn ladder(
    table: &Table,
    schedule: Schedule,
    steps: usize,
    same_as: SameAs,
    family: Family,
) -> Option<(Vec<f64>, f64)> {
    let ratios = &table.ratios;
    let (low, high) = (ratios[0], ratios[ratios.len() - 1]);
    let even = |from: f64, to: f64| -> Vec<f64> {
        let place = |i: usize| if steps > 1 { i as f64 / (steps - 1) as f64 } else { 0.0 };
        (0..steps).map(|i| from + place(i) * (to - from)).collect()
    };
    let as_comfy = matches!(same_as, SameAs::ComfyUi | SameAs::ComfyUiCuda);
    let as_a1111 = matches!(same_as, SameAs::A1111 | SameAs::A1111Cpu);
    let begins = match schedule {
        Schedule::Leading | Schedule::Trailing | Schedule::Linspace => return None,
        Schedule::Karras => even(high.powf(1.0 / RHO), low.powf(1.0 / RHO))
            .into_iter()
            .map(|root| root.powf(RHO))
            .collect(),
        Schedule::Exponential => even(high.ln(), low.ln()).into_iter().map(f64::exp).collect(),
        Schedule::SgmUniform => {
            let last = (ratios.len() - 1) as f64;
            let timestep = |i: usize| last - last * i as f64 / steps as f64;
            (0..steps).map(|i| log_interpolated(ratios, timestep(i))).collect()
        }
        Schedule::Simple => {
            let spacing = ratios.len() as f64 / steps as f64;
            (0..steps).map(|i| ratios[ratios.len() - 1 - (i as f64 * spacing) as usize]).collect()
        }
        Schedule::Beta if as_comfy => {
            let last = (ratios.len() - 1) as f64;
            let quantile = |i: usize| beta::quantile(1.0 - i as f64 / steps as f64);
            (0..steps).map(|i| ratios[(quantile(i) * last).round_ties_even() as usize]).collect()
        }
        Schedule::Beta => even(1.0, 0.0)
            .into_iter()
            .map(|share| low + beta::quantile(share) * (high - low))
            .collect(),
        Schedule::KlOptimal if as_a1111 => {
            // It ends at the least noise of the training, not at none.
            let turn = |i: usize| {
                let place = i as f64 / steps as f64;
                (place * low.atan() + (1.0 - place) * high.atan()).tan()
            };
            return Some(((0..steps).map(turn).collect(), low));
        }
        Schedule::KlOptimal => even(high.atan(), low.atan()).into_iter().map(f64::tan).collect(),
        Schedule::AlignYourSteps => {
            let published = match (family, as_comfy) {
                (Family::Sd, false) => &AYS_SD,
                (Family::Sdxl, false) => &AYS_SDXL,
                (Family::Sd, true) => &AYS_SD_FINE,
                (Family::Sdxl, true) => &AYS_SDXL_FINE,
            };
            // The published table's last number stands for no noise. A1111 keeps it as a step of
            // its own unless the table fits as it is.
            let count = if as_a1111 && steps != published.len() { steps } else { steps + 1 };
            let logs: Vec<f64> = published.iter().map(|ratio| ratio.ln()).collect();
            let place = |i: usize| {
                let share = if count > 1 { i as f64 / (count - 1) as f64 } else { 0.0 };
                share * (logs.len() - 1) as f64
            };
            (0..steps).map(|i| interpolated(&logs, place(i)).exp()).collect()
        }
    };
    Some((begins, 0.0))
}

/// The value between two entries of a table.
pub(super) fn interpolated(table: &[f64], place: f64) -> f64 {
    let below = (place.floor() as usize).min(table.len() - 2);
    let share = (place - below as f64).clamp(0.0, 1.0);
    table[below] + (table[below + 1] - table[below]) * share
}

/// The value between two entries, linear in its logarithm (k-diffusion's `t_to_sigma`).
pub(super) fn log_interpolated(table: &[f64], place: f64) -> f64 {
    let below = (place.floor() as usize).min(table.len() - 2);
    let share = (place - below as f64).clamp(0.0, 1.0);
    (table[below].ln() * (1.0 - share) + table[below + 1].ln() * share).exp()
}
