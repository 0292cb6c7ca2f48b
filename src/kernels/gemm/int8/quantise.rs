//! Numbers to bytes and back. Written without fused additions, so that every instruction set gives
//! the same bytes.

use super::super::super::isa::{self, for_each_isa};
use super::super::super::values::Element;
use super::super::super::vector::Fma;
use super::PANEL;

/// Adding and taking it away again rounds to whole numbers (1.5 · 2^23).
const ROUND: f32 = 12_582_912.0;
/// Values whose spread is less are zeros.
const LEAST: f32 = 1e-30;
/// Lanes of a loop over a row.
const LANES: usize = 16;

/// What a panel's columns were multiplied with before they were rounded, and their sums.
#[derive(Clone)]
pub(super) struct PanelScales {
    /// A column's value for each unit.
    pub scales: [f32; PANEL],
    /// Sum of a column's bytes.
    pub sums: [i32; PANEL],
}

impl Default for PanelScales {
    fn default() -> Self {
        Self { scales: [0.0; PANEL], sums: [0; PANEL] }
    }
}

/// What a row of values was rounded by: a value is `scale · (byte - zero)`.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct RowScale {
    /// The value of a unit; NaN where the row cannot be rounded.
    pub scale: f32,
    /// The byte that is zero.
    pub zero: i32,
}

/// The value of a unit in a column of weights, so that the largest is 127; NaN if one of them is no
/// finite number.
pub(super) fn weight_scale(column: &[f32]) -> f32 {
    let largest = column.iter().fold(0.0_f32, |most, value| most.max(value.abs()));
    if !column.iter().all(|value| value.is_finite()) {
        f32::NAN
    } else if largest > LEAST {
        largest / 127.0
    } else {
        0.0
    }
}

/// A column of weights in units of `scale`; gives their sum.
pub(super) fn rounded_weights(out: &mut [i8], column: &[f32], scale: f32) -> i32 {
    let mut sum = 0;
    for (out, value) in out.iter_mut().zip(column) {
        // Where the scale is NaN, it says so.
        let whole = if scale > 0.0 { (value / scale).round_ties_even() } else { 0.0 };
        *out = whole.clamp(-127.0, 127.0) as i8;
        sum += i32::from(*out);
    }
    sum
}

for_each_isa! {
    /// Rounds a row to bytes; `out` may be longer, and the rest of it is left as it is.
    pub(super) fn round_row[T: Element](out: &mut [u8], row: &[T]) -> RowScale = round_row_here;
}

#[inline(always)]
fn round_row_here<T: Element>(_: impl Fma, out: &mut [u8], row: &[T]) -> RowScale {
    let (mut low, mut high) = ([0.0_f32; LANES], [0.0_f32; LANES]);
    // Zero times a value is zero unless the value is not finite.
    let mut odd = [0.0_f32; LANES];
    let chunks = row.chunks_exact(LANES);
    for (i, value) in chunks.remainder().iter().enumerate() {
        widen(&mut low[i], &mut high[i], &mut odd[i], value.get());
    }
    for values in chunks {
        for i in 0..LANES {
            widen(&mut low[i], &mut high[i], &mut odd[i], values[i].get());
        }
    }
    let low = low.into_iter().fold(0.0_f32, f32::min);
    let high = high.into_iter().fold(0.0_f32, f32::max);
    let spread = high - low;
    if !spread.is_finite() || odd.into_iter().sum::<f32>().is_nan() {
        return RowScale { scale: f32::NAN, zero: 0 };
    }
    if spread < LEAST {
        out[..row.len()].fill(0);
        return RowScale::default();
    }
    let steps = 255.0 / spread;
    let zero = (-low * steps + ROUND) - ROUND;
    for (out, value) in out.iter_mut().zip(row) {
        let value = value.get() * steps + zero;
        let value = if value < 0.0 { 0.0 } else { value };
        let value = if value > 255.0 { 255.0 } else { value };
        // The whole number lies in the lowest bits.
        *out = (value + ROUND).to_bits() as u8;
    }
    RowScale { scale: spread / 255.0, zero: zero as i32 }
}

#[inline(always)]
fn widen(low: &mut f32, high: &mut f32, odd: &mut f32, value: f32) {
    *low = if value < *low { value } else { *low };
    *high = if value > *high { value } else { *high };
    *odd += value * 0.0;
}

for_each_isa! {
    /// Turns a panel's sums, whole numbers in the place of floats, into products: a row of [`PANEL`]
    /// for each of `rows`.
    pub(super) fn scale_sums(sums: &mut [f32], rows: &[RowScale], columns: &PanelScales) = scale_here;
}

#[inline(always)]
fn scale_here(_: impl Fma, sums: &mut [f32], rows: &[RowScale], columns: &PanelScales) {
    for (sums, row) in sums.chunks_exact_mut(PANEL).zip(rows) {
        for i in 0..PANEL {
            // Below 2^31 as it is, whatever the parts are.
            let shifted = row.zero.wrapping_mul(columns.sums[i]);
            let sum = (sums[i].to_bits() as i32).wrapping_sub(shifted);
            sums[i] = sum as f32 * (row.scale * columns.scales[i]);
        }
    }
}
