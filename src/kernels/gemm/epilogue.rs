//! What happens to a product while it is still in the cache: bias, gate, activation, residual.

use super::super::activation::Activation;
use super::super::isa::{self, for_each_isa};
use super::super::memory::Shared;
use super::super::values::Element;
use super::super::vector::{Fma, activated, gelu};
use super::tile::PANEL;

/// A panel of sums and where it goes.
pub(super) struct Finish<'a, T> {
    /// Rows of [`PANEL`] sums.
    pub sums: &'a [f32],
    /// Stretches of rows that are neighbours in the output.
    pub stretches: &'a [Stretch],
    /// Columns that come out.
    pub columns: usize,
    /// With gates: where they begin in a row of sums.
    pub gates: Option<usize>,
    /// For each sum of a row.
    pub bias: &'a [f32; PANEL],
    /// For each image and column of the output, of `channel_rows` rows each.
    pub channel_bias: Option<&'a [T]>,
    /// Rows of an image.
    pub channel_rows: usize,
    /// The function.
    pub activation: Option<Activation>,
    /// Of the output's shape.
    pub residual: Option<&'a [T]>,
    /// The output.
    pub out: Shared<T>,
    /// Columns of the output.
    pub out_columns: usize,
    /// First of them that this panel gives.
    pub first_column: usize,
}

/// Rows of a block that are neighbours in the output.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Stretch {
    /// First row in the block.
    pub row: usize,
    /// First row in the output.
    pub out_row: usize,
    /// How many.
    pub count: usize,
}

for_each_isa! {
    /// Finishes a panel and writes it.
    ///
    /// The output's rows and columns must be written by nobody else, and lie within it.
    pub(super) fn finish[T: Element](job: &Finish<'_, T>) = finish_rows;
}

#[inline(always)]
fn finish_rows<T: Element>(fma: impl Fma, job: &Finish<'_, T>) {
    for stretch in job.stretches {
        for index in 0..stretch.count {
            let sums = &job.sums[(stretch.row + index) * PANEL..][..PANEL];
            let sums: &[f32; PANEL] = sums.try_into().expect("a row has this length");
            let out_row = stretch.out_row + index;
            let at = out_row * job.out_columns + job.first_column;
            // SAFETY: within the output, and no other task's; see `finish`.
            let out = unsafe { std::slice::from_raw_parts_mut(job.out.at(at), job.columns) };
            let channel_bias = job.channel_bias.map(|bias| {
                let image = out_row / job.channel_rows;
                &bias[image * job.out_columns + job.first_column..][..job.columns]
            });
            let residual = job.residual.map(|residual| &residual[at..][..job.columns]);
            finish_row(fma, job, out, sums, channel_bias, residual);
        }
    }
}

#[inline(always)]
fn finish_row<T: Element>(
    fma: impl Fma,
    job: &Finish<'_, T>,
    out: &mut [T],
    sums: &[f32; PANEL],
    channel_bias: Option<&[T]>,
    residual: Option<&[T]>,
) {
    let mut row = [0.0; PANEL];
    for i in 0..PANEL {
        row[i] = sums[i] + job.bias[i];
    }
    if let Some(gates) = job.gates {
        gate(fma, &mut row, gates);
    }
    if let Some(bias) = channel_bias {
        for (value, bias) in row.iter_mut().zip(bias) {
            *value += bias.get();
        }
    }
    match job.activation {
        None => {}
        // Each has a loop of its own, without a branch in it.
        Some(Activation::Silu) => each(fma, &mut row, Activation::Silu),
        Some(Activation::Gelu) => each(fma, &mut row, Activation::Gelu),
        Some(Activation::QuickGelu) => each(fma, &mut row, Activation::QuickGelu),
        Some(Activation::Relu) => each(fma, &mut row, Activation::Relu),
    }
    // Whole and gated panels are most of them.
    if let Ok(out) = <&mut [T; PANEL]>::try_from(&mut *out) {
        put(fma, out, row, residual);
    } else if let Ok(out) = <&mut [T; PANEL / 2]>::try_from(&mut *out) {
        let half = row[..PANEL / 2].try_into().expect("half of them");
        put(fma, out, half, residual);
    } else {
        for (i, out) in out.iter_mut().enumerate() {
            *out = T::of(row[i] + residual.map_or(0.0, |residual| residual[i].get()));
        }
    }
}

#[inline(always)]
fn put<T: Element, const N: usize>(
    fma: impl Fma,
    out: &mut [T; N],
    mut row: [f32; N],
    residual: Option<&[T]>,
) {
    if let Some(residual) = residual {
        let residual: &[T; N] = residual.try_into().expect("as long as the output");
        for i in 0..N {
            row[i] += residual[i].get();
        }
    }
    fma.put(out, &row);
}

#[inline(always)]
fn each(fma: impl Fma, row: &mut [f32; PANEL], activation: Activation) {
    for value in row {
        *value = activated(fma, activation, *value);
    }
}

/// `x · gelu(gate)` into the first half.
#[inline(always)]
fn gate(fma: impl Fma, row: &mut [f32; PANEL], gates: usize) {
    // Both halves by constant lengths: panels are 32 or 16 wide.
    if gates == PANEL / 2 {
        for i in 0..PANEL / 2 {
            row[i] *= gelu(fma, row[PANEL / 2 + i]);
        }
    } else {
        for i in 0..PANEL / 4 {
            row[i] *= gelu(fma, row[PANEL / 4 + i]);
        }
    }
}
