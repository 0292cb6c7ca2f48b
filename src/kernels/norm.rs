//! Group and layer normalisation, channels last: one pass to read, one to write. Statistics are
//! gathered in f32 over short stretches and joined in f64.

use rayon::prelude::*;

use super::activation::{Activation, CHUNK};
use super::isa::{Isa, Vectors, for_each_isa};
use super::values::{Element, Values, ValuesMut};
use super::vector::{Fma, Fused, PLAIN, activated};

/// What a normalisation is made of.
pub struct Norm {
    /// Scale per channel.
    pub weight: Vec<f32>,
    /// Shift per channel.
    pub bias: Vec<f32>,
    /// Added to the variance.
    pub eps: f32,
    /// Groups the channels fall into; for a layer norm unused.
    pub groups: usize,
}

/// Pixels whose sums are kept in f32 before they are joined in f64.
const STRETCH: usize = 256;

/// Group normalisation (Wu & He 2018) with an optional activation; `x` is
/// `[batch, pixels, channels]`, `out` of its shape.
pub fn group_norm(
    isa: Isa,
    out: ValuesMut<'_>,
    x: Values<'_>,
    pixels: usize,
    norm: &Norm,
    activation: Option<Activation>,
) {
    fn run<A: Element, B: Element>(
        isa: Isa,
        out: &mut [B],
        x: &[A],
        pixels: usize,
        norm: &Norm,
        activation: Option<Activation>,
    ) {
        let channels = norm.weight.len();
        let image = pixels * channels;
        let chunk = (CHUNK / channels).max(1) * channels;
        out.par_chunks_mut(image).zip(x.par_chunks(image)).for_each(|(out, x)| {
            let scales = group_scales(isa, x, norm);
            out.par_chunks_mut(chunk).zip(x.par_chunks(chunk)).for_each(|(out, x)| {
                write_pixels(isa, out, x, (&scales.0, &scales.1), activation);
            });
        });
    }
    match (out, x) {
        (ValuesMut::F32(out), Values::F32(x)) => run(isa, out, x, pixels, norm, activation),
        (ValuesMut::Bf16(out), Values::F32(x)) => run(isa, out, x, pixels, norm, activation),
        (ValuesMut::F32(out), Values::Bf16(x)) => run(isa, out, x, pixels, norm, activation),
        (ValuesMut::Bf16(out), Values::Bf16(x)) => run(isa, out, x, pixels, norm, activation),
    }
}

for_each_isa! {
    fn write_pixels[A: Element, B: Element](
        out: &mut [B],
        x: &[A],
        scales: (&[f32], &[f32]),
        activation: Option<Activation>,
    ) = write_here;
}

#[inline(always)]
fn write_here<A: Element, B: Element>(
    fma: impl Fma,
    out: &mut [B],
    x: &[A],
    (scale, shift): (&[f32], &[f32]),
    activation: Option<Activation>,
) {
    let channels = scale.len();
    macro_rules! each {
        ($function:expr) => {
            for (out, x) in out.chunks_exact_mut(channels).zip(x.chunks_exact(channels)) {
                for ((out, x), (scale, shift)) in out.iter_mut().zip(x).zip(scale.iter().zip(shift))
                {
                    *out = B::of($function(fma.mul_add(x.get(), *scale, *shift)));
                }
            }
        };
    }
    // A loop each, so that none has a branch in it.
    match activation {
        None => each!(|x: f32| x),
        Some(Activation::Silu) => each!(|x| activated(fma, Activation::Silu, x)),
        Some(Activation::Gelu) => each!(|x| activated(fma, Activation::Gelu, x)),
        Some(Activation::QuickGelu) => each!(|x| activated(fma, Activation::QuickGelu, x)),
        Some(Activation::Relu) => each!(|x| activated(fma, Activation::Relu, x)),
    }
}

for_each_isa! {
    fn gather_sums[A: Element](sums: &mut [f32], squares: &mut [f32], x: &[A]) = gather_here;
}

#[inline(always)]
fn gather_here<A: Element>(fma: impl Fma, sums: &mut [f32], squares: &mut [f32], x: &[A]) {
    for pixel in x.chunks_exact(sums.len()) {
        for ((sum, square), x) in sums.iter_mut().zip(&mut *squares).zip(pixel) {
            let x = x.get();
            *sum += x;
            *square = fma.mul_add(x, x, *square);
        }
    }
}

/// Scale and shift per channel that normalise one image.
fn group_scales<A: Element>(isa: Isa, x: &[A], norm: &Norm) -> (Vec<f32>, Vec<f32>) {
    let channels = norm.weight.len();
    let per_group = channels / norm.groups;
    // Sums and sums of squares per channel and stretch; joined in order.
    let stretches: Vec<(Vec<f32>, Vec<f32>)> = x
        .par_chunks(STRETCH * channels)
        .map(|stretch| {
            let (mut sums, mut squares) = (vec![0.0; channels], vec![0.0; channels]);
            gather_sums(isa, &mut sums, &mut squares, stretch);
            (sums, squares)
        })
        .collect();
    let mut totals = vec![(0.0_f64, 0.0_f64); norm.groups];
    for (sums, squares) in &stretches {
        for (channel, (sum, square)) in sums.iter().zip(squares).enumerate() {
            let total = &mut totals[channel / per_group];
            total.0 += f64::from(*sum);
            total.1 += f64::from(*square);
        }
    }
    let count = (x.len() / norm.groups) as f64;
    let mut scale = Vec::with_capacity(channels);
    let mut shift = Vec::with_capacity(channels);
    for channel in 0..channels {
        let (sum, square) = totals[channel / per_group];
        let mean = sum / count;
        let variance = square / count - mean * mean;
        // As `max` does not: NaN stays.
        let variance = if variance < 0.0 { 0.0 } else { variance };
        let factor = f64::from(norm.weight[channel]) / (variance + f64::from(norm.eps)).sqrt();
        scale.push(factor as f32);
        shift.push((f64::from(norm.bias[channel]) - mean * factor) as f32);
    }
    (scale, shift)
}

/// Layer normalisation (Ba et al. 2016) of each row of `norm.weight.len()` values.
pub fn layer_norm(isa: Isa, out: ValuesMut<'_>, x: Values<'_>, norm: &Norm) {
    fn run<A: Element, B: Element>(isa: Isa, out: &mut [B], x: &[A], norm: &Norm) {
        let width = norm.weight.len();
        let chunk = (CHUNK / width).max(1) * width;
        out.par_chunks_mut(chunk)
            .zip(x.par_chunks(chunk))
            .for_each(|(out, x)| norm_rows(isa, out, x, norm));
    }
    match (out, x) {
        (ValuesMut::F32(out), Values::F32(x)) => run(isa, out, x, norm),
        (ValuesMut::Bf16(out), Values::F32(x)) => run(isa, out, x, norm),
        (ValuesMut::F32(out), Values::Bf16(x)) => run(isa, out, x, norm),
        (ValuesMut::Bf16(out), Values::Bf16(x)) => run(isa, out, x, norm),
    }
}

/// Partial sums of a row: as many as a vector of the widest kind has lanes, twice.
const LANES: usize = 32;

for_each_isa! {
    fn norm_rows[A: Element, B: Element](out: &mut [B], x: &[A], norm: &Norm) = norm_here;
}

#[inline(always)]
fn norm_here<A: Element, B: Element>(fma: impl Fma, out: &mut [B], x: &[A], norm: &Norm) {
    let width = norm.weight.len();
    for (out, x) in out.chunks_exact_mut(width).zip(x.chunks_exact(width)) {
        let mean = lane_sum(x, |x| x) / width as f32;
        let variance = lane_sum(x, |x| (x - mean) * (x - mean)) / width as f32;
        let factor = 1.0 / (variance + norm.eps).sqrt();
        for ((out, x), (weight, bias)) in
            out.iter_mut().zip(x).zip(norm.weight.iter().zip(&norm.bias))
        {
            *out = B::of(fma.mul_add((x.get() - mean) * factor, *weight, *bias));
        }
    }
}

/// The sum of a function over a row.
#[inline(always)]
fn lane_sum<A: Element>(x: &[A], function: impl Fn(f32) -> f32) -> f32 {
    let mut lanes = [0.0_f32; LANES];
    let mut chunks = x.chunks_exact(LANES);
    for chunk in &mut chunks {
        let chunk: &[A; LANES] = chunk.try_into().expect("chunks have this length");
        for i in 0..LANES {
            lanes[i] += function(chunk[i].get());
        }
    }
    for (lane, x) in lanes.iter_mut().zip(chunks.remainder()) {
        *lane += function(x.get());
    }
    // By halves, of constant lengths.
    let a: [f32; 16] = std::array::from_fn(|i| lanes[i] + lanes[i + 16]);
    let b: [f32; 8] = std::array::from_fn(|i| a[i] + a[i + 8]);
    let c: [f32; 4] = std::array::from_fn(|i| b[i] + b[i + 4]);
    (c[0] + c[2]) + (c[1] + c[3])
}
