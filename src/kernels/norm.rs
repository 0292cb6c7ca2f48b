//! Group and layer normalisation, channels last. Statistics are gathered in f32 over short
//! stretches and joined in f64.

use rayon::prelude::*;

use super::activation::{Activation, CHUNK, apply_here};

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
/// `[batch, pixels, channels]`.
pub fn group_norm(
    out: &mut [f32],
    x: &[f32],
    pixels: usize,
    norm: &Norm,
    activation: Option<Activation>,
) {
    let channels = norm.weight.len();
    let image = pixels * channels;
    let rows = (CHUNK / channels).max(1);
    out.par_chunks_mut(image).zip(x.par_chunks(image)).for_each(|(out, x)| {
        let (scale, shift) = group_scales(x, norm);
        out.par_chunks_mut(rows * channels).zip(x.par_chunks(rows * channels)).for_each(
            |(out, x)| {
                for (out, x) in out.chunks_exact_mut(channels).zip(x.chunks_exact(channels)) {
                    for ((out, x), (scale, shift)) in
                        out.iter_mut().zip(x).zip(scale.iter().zip(&shift))
                    {
                        *out = x * scale + shift;
                    }
                }
                if let Some(activation) = activation {
                    apply_here(activation, out);
                }
            },
        );
    });
}

/// Scale and shift per channel that normalise one image.
fn group_scales(x: &[f32], norm: &Norm) -> (Vec<f32>, Vec<f32>) {
    let channels = norm.weight.len();
    let per_group = channels / norm.groups;
    // One (sum, sum of squares) pair per channel and stretch; joined in order.
    let stretches: Vec<Vec<(f32, f32)>> = x
        .par_chunks(STRETCH * channels)
        .map(|stretch| {
            let mut sums = vec![0.0_f32; channels];
            let mut squares = vec![0.0_f32; channels];
            for pixel in stretch.chunks_exact(channels) {
                for ((sum, square), x) in sums.iter_mut().zip(&mut squares).zip(pixel) {
                    *sum += x;
                    *square += x * x;
                }
            }
            sums.into_iter().zip(squares).collect()
        })
        .collect();
    let mut totals = vec![(0.0_f64, 0.0_f64); norm.groups];
    for stretch in &stretches {
        for (channel, (sum, square)) in stretch.iter().enumerate() {
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
        let variance = (square / count - mean * mean).max(0.0);
        let factor = f64::from(norm.weight[channel]) / (variance + f64::from(norm.eps)).sqrt();
        scale.push(factor as f32);
        shift.push((f64::from(norm.bias[channel]) - mean * factor) as f32);
    }
    (scale, shift)
}

/// Layer normalisation (Ba et al. 2016) of each row of `norm.weight.len()` values.
pub fn layer_norm(out: &mut [f32], x: &[f32], norm: &Norm) {
    let width = norm.weight.len();
    let rows = (CHUNK / width).max(1);
    out.par_chunks_mut(rows * width).zip(x.par_chunks(rows * width)).for_each(|(out, x)| {
        for (out, x) in out.chunks_exact_mut(width).zip(x.chunks_exact(width)) {
            let mean = x.iter().map(|x| f64::from(*x)).sum::<f64>() / width as f64;
            let mean = mean as f32;
            let variance =
                x.iter().map(|x| f64::from((x - mean) * (x - mean))).sum::<f64>() / width as f64;
            let factor = (1.0 / (variance + f64::from(norm.eps)).sqrt()) as f32;
            for ((out, x), (weight, bias)) in
                out.iter_mut().zip(x).zip(norm.weight.iter().zip(&norm.bias))
            {
                *out = (x - mean) * factor * weight + bias;
            }
        }
    });
}
