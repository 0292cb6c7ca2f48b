//! Values on their way in and out: other orders, other types, side by side.

use rayon::prelude::*;

use super::activation::CHUNK;
use super::convert::{convert_slice, copy_converted};
use super::isa::Isa;
use super::values::{Element, Values, ValuesMut, with_values};

/// Moves channels last: `[batch, channels, pixels]` to `[batch, pixels, channels]`.
pub fn channels_last(out: ValuesMut<'_>, values: &[f32], channels: usize, pixels: usize) {
    with_values!(ValuesMut, out, out => transpose(out, values, channels, pixels));
}

/// Moves channels first: `[batch, pixels, channels]` to `[batch, channels, pixels]`.
#[must_use]
pub fn channels_first(values: Values<'_>, channels: usize, pixels: usize) -> Vec<f32> {
    let mut out = vec![0.0; values.len()];
    with_values!(Values, values, values => transpose(&mut out, values, pixels, channels));
    out
}

/// `[batch, rows, columns]` to `[batch, columns, rows]`.
fn transpose<A: Element, B: Element>(out: &mut [B], values: &[A], rows: usize, columns: usize) {
    let image = rows * columns;
    for (out, values) in out.chunks_exact_mut(image).zip(values.chunks_exact(image)) {
        out.par_chunks_mut(rows).enumerate().with_min_len(1024).for_each(|(column, out)| {
            for (row, out) in out.iter_mut().enumerate() {
                *out = B::of(values[row * columns + column].get());
            }
        });
    }
}

/// Stores values as the output does.
pub fn store(isa: Isa, out: ValuesMut<'_>, values: &[f32]) {
    with_values!(ValuesMut, out, out => convert_slice(isa, out, values));
}

/// Reads values back.
#[must_use]
pub fn read(isa: Isa, values: Values<'_>) -> Vec<f32> {
    let mut out = vec![0.0; values.len()];
    with_values!(Values, values, values => convert_slice(isa, &mut out, values));
    out
}

/// Copies values between buffers that may store them differently, from the one's place to the
/// other's.
pub fn copy(isa: Isa, out: (ValuesMut<'_>, usize), values: (Values<'_>, usize), count: usize) {
    let ((out, to), (values, from)) = (out, values);
    with_values!(ValuesMut, out, out => {
        out[to..to + count].par_chunks_mut(CHUNK).enumerate().for_each(|(chunk, out)| {
            copy_converted(isa, out, values, from + chunk * CHUNK);
        });
    });
}

/// Rows of `a` followed by those of `b`; each comes with the length of its rows.
pub fn concat(isa: Isa, out: ValuesMut<'_>, a: (Values<'_>, usize), b: (Values<'_>, usize)) {
    fn run<T: Element>(
        isa: Isa,
        out: &mut [T],
        (a, left): (Values<'_>, usize),
        (b, right): (Values<'_>, usize),
    ) {
        let rows = (CHUNK / (left + right)).max(1);
        out.par_chunks_mut(rows * (left + right)).enumerate().for_each(|(chunk, out)| {
            for (row, out) in out.chunks_exact_mut(left + right).enumerate() {
                let row = chunk * rows + row;
                copy_converted(isa, &mut out[..left], a, row * left);
                copy_converted(isa, &mut out[left..], b, row * right);
            }
        });
    }
    with_values!(ValuesMut, out, out => run(isa, out, a, b));
}
