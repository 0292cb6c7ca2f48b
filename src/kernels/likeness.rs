//! Which tokens are alike, and several tokens as one: the arithmetic of token merging.

use rayon::prelude::*;

use super::activation::add_chunk;
use super::gemm::{Extra, Gemm, Weights};
use super::isa::{self, Isa, for_each_isa};
use super::values::{Element, Values, ValuesMut, with_values};
use super::vector::Fma;

/// Tokens that are compared at once: their cosines stay small beside the tokens.
const AT_ONCE: usize = 512;
/// Rows of a task.
const ROWS: usize = 64;

/// For each of the tokens `from`, which of the tokens `to` has the greatest cosine with it (its
/// place in `to`), and that cosine. `x` holds one image's tokens of so many channels.
#[must_use]
pub fn likest(
    gemm: &Gemm,
    x: Values<'_>,
    channels: usize,
    from: &[u32],
    to: &[u32],
) -> Vec<(u32, f32)> {
    let directions = directions(x, channels, to);
    let weights = gemm.pack(Weights { values: &directions, output: to.len(), input: channels });
    let mut cosines = vec![0.0; AT_ONCE.min(from.len()) * to.len()];
    let mut likest = Vec::with_capacity(from.len());
    for from in from.chunks(AT_ONCE) {
        let directions = self::directions(x, channels, from);
        let cosines = &mut cosines[..from.len() * to.len()];
        let values = Values::F32(&directions);
        gemm.multiply(ValuesMut::F32(cosines), values, channels, &weights, Extra::default());
        likest.par_extend(cosines.par_chunks_exact(to.len()).map(greatest));
    }
    likest
}

/// The greatest value and its place; the first of equals, and of none the first place.
fn greatest(cosines: &[f32]) -> (u32, f32) {
    let mut best = (0, f32::NEG_INFINITY);
    for (place, cosine) in cosines.iter().enumerate() {
        if *cosine > best.1 {
            best = (place as u32, *cosine);
        }
    }
    best
}

/// Some tokens, each of length 1.
fn directions(x: Values<'_>, channels: usize, tokens: &[u32]) -> Vec<f32> {
    let mut out = vec![0.0; tokens.len() * channels];
    with_values!(Values, x, x => {
        let rows = out.par_chunks_exact_mut(channels).with_min_len(ROWS).zip(tokens);
        rows.for_each(|(out, token)| {
            let row = &x[*token as usize * channels..][..channels];
            let square: f32 = row.iter().map(|value| value.get() * value.get()).sum();
            let factor = 1.0 / square.sqrt().max(f32::MIN_POSITIVE);
            for (out, value) in out.iter_mut().zip(row) {
                *out = value.get() * factor;
            }
        });
    });
    out
}

/// The mean of each group of tokens. An image has `tokens` in `x` and `kept` groups, which become
/// its tokens in `out`; `members` gives the tokens of an image's group. `out` and `x` are of one
/// type.
pub fn merge<'a>(
    isa: Isa,
    out: ValuesMut<'_>,
    x: Values<'_>,
    channels: usize,
    [tokens, kept]: [usize; 2],
    members: impl Fn(usize, usize) -> &'a [u32] + Sync,
) {
    fn run<'a, T: Element>(
        isa: Isa,
        out: &mut [T],
        x: &[T],
        channels: usize,
        image_and_members: impl Fn(usize) -> (usize, &'a [u32]) + Sync,
    ) {
        let rows = out.par_chunks_exact_mut(channels).with_min_len(ROWS).enumerate();
        rows.for_each_init(
            || vec![0.0; channels],
            |sums, (row, out)| {
                let (first, members) = image_and_members(row);
                mean(isa, out, sums, &x[first * channels..], members);
            },
        );
    }
    let of_row = |row: usize| (row / kept * tokens, members(row / kept, row % kept));
    match (out, x) {
        (ValuesMut::F32(out), Values::F32(x)) => run(isa, out, x, channels, of_row),
        (ValuesMut::Bf16(out), Values::Bf16(x)) => run(isa, out, x, channels, of_row),
        _ => unreachable!("input and output are of one type"),
    }
}

/// Each token gets the values of its group in `x`, plus its own of `residual`. An image has `tokens`
/// in `out` and `kept` groups in `x`; `group` gives the group of an image's token. All are of one
/// type.
pub fn spread(
    isa: Isa,
    out: ValuesMut<'_>,
    x: Values<'_>,
    residual: Values<'_>,
    channels: usize,
    [tokens, kept]: [usize; 2],
    group: impl Fn(usize, usize) -> u32 + Sync,
) {
    fn run<T: Element>(
        isa: Isa,
        out: &mut [T],
        x: &[T],
        residual: &[T],
        channels: usize,
        from_row: impl Fn(usize) -> usize + Sync,
    ) {
        let rows = out.par_chunks_exact_mut(channels).with_min_len(ROWS);
        let rows = rows.zip(residual.par_chunks_exact(channels)).enumerate();
        rows.for_each(|(row, (out, residual))| {
            add_chunk(isa, out, &x[from_row(row) * channels..][..channels], residual);
        });
    }
    let from_row = |row: usize| row / tokens * kept + group(row / tokens, row % tokens) as usize;
    match (out, x, residual) {
        (ValuesMut::F32(out), Values::F32(x), Values::F32(added)) => {
            run(isa, out, x, added, channels, from_row);
        }
        (ValuesMut::Bf16(out), Values::Bf16(x), Values::Bf16(added)) => {
            run(isa, out, x, added, channels, from_row);
        }
        _ => unreachable!("inputs and output are of one type"),
    }
}

for_each_isa! {
    fn mean[T: Element](out: &mut [T], sums: &mut [f32], x: &[T], tokens: &[u32]) = mean_here;
}

#[inline(always)]
fn mean_here<T: Element>(_: impl Fma, out: &mut [T], sums: &mut [f32], x: &[T], tokens: &[u32]) {
    sums.fill(0.0);
    for token in tokens {
        for (sum, value) in sums.iter_mut().zip(&x[*token as usize * out.len()..]) {
            *sum += value.get();
        }
    }
    let factor = 1.0 / tokens.len() as f32;
    for (out, sum) in out.iter_mut().zip(sums) {
        *out = T::of(*sum * factor);
    }
}
