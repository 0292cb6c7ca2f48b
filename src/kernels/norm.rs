//! Group and layer normalisation, channels last: one pass to read (see [`super::moments`]), one to
//! write.

use rayon::prelude::*;

use super::activation::{Activation, CHUNK};
use super::isa::{self, Isa, for_each_isa};
use super::moments::Moments;
use super::values::{Element, Values, ValuesMut, with_values};
use super::vector::{Fma, activated};

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
    with_values!(ValuesMut, out, out => with_values!(Values, x, x => {
        let image = pixels * norm.weight.len();
        out.par_chunks_mut(image).zip(x.par_chunks(image)).for_each(|(out, x)| {
            let moments = Moments::gathered(isa, x, norm.weight.len());
            write_image(isa, out, x, &group_scales(&moments, norm), activation);
        });
    }));
}

/// Group normalisation of a part `x` of an image, `[pixels, channels]`, by the `moments` of the
/// whole.
pub fn group_norm_by(
    isa: Isa,
    out: ValuesMut<'_>,
    x: Values<'_>,
    moments: &Moments,
    norm: &Norm,
    activation: Option<Activation>,
) {
    let scales = group_scales(moments, norm);
    with_values!(ValuesMut, out, out => with_values!(Values, x, x => {
        write_image(isa, out, x, &scales, activation);
    }));
}

fn write_image<A: Element, B: Element>(
    isa: Isa,
    out: &mut [B],
    x: &[A],
    (scale, shift): &(Vec<f32>, Vec<f32>),
    activation: Option<Activation>,
) {
    let chunk = (CHUNK / scale.len()).max(1) * scale.len();
    out.par_chunks_mut(chunk).zip(x.par_chunks(chunk)).for_each(|(out, x)| {
        write_pixels(isa, out, x, (scale, shift), activation);
    });
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
                let value =
                    |x: A, scale: f32, shift: f32| $function(fma.mul_add(x.get(), scale, shift));
                let whole = channels / LANES * LANES;
                let chunks = out[..whole].chunks_exact_mut(LANES).zip(x.chunks_exact(LANES));
                let scales = scale.chunks_exact(LANES).zip(shift.chunks_exact(LANES));
                for ((out, x), (scale, shift)) in chunks.zip(scales) {
                    let out: &mut [B; LANES] = out.try_into().expect("of this length");
                    let x: &[A; LANES] = x.try_into().expect("of this length");
                    let scale: &[f32; LANES] = scale.try_into().expect("of this length");
                    let shift: &[f32; LANES] = shift.try_into().expect("of this length");
                    let mut values = [0.0; LANES];
                    for i in 0..LANES {
                        values[i] = value(x[i], scale[i], shift[i]);
                    }
                    fma.put(out, &values);
                }
                for i in whole..channels {
                    out[i] = B::of(value(x[i], scale[i], shift[i]));
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

/// Scale and shift per channel that normalise an image of such moments.
fn group_scales(moments: &Moments, norm: &Norm) -> (Vec<f32>, Vec<f32>) {
    let groups = moments.of_groups(norm.groups);
    let per_group = norm.weight.len() / norm.groups;
    let scaled = norm.weight.iter().zip(&norm.bias).enumerate().map(|(channel, (weight, bias))| {
        let (mean, variance) = groups[channel / per_group];
        let factor = f64::from(*weight) / (variance + f64::from(norm.eps)).sqrt();
        (factor as f32, (f64::from(*bias) - mean * factor) as f32)
    });
    scaled.unzip()
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
        let value =
            |x: A, weight: f32, bias: f32| fma.mul_add((x.get() - mean) * factor, weight, bias);
        let whole = width / LANES * LANES;
        let chunks = out[..whole].chunks_exact_mut(LANES).zip(x.chunks_exact(LANES));
        let scales = norm.weight.chunks_exact(LANES).zip(norm.bias.chunks_exact(LANES));
        for ((out, x), (weight, bias)) in chunks.zip(scales) {
            let out: &mut [B; LANES] = out.try_into().expect("of this length");
            let x: &[A; LANES] = x.try_into().expect("of this length");
            let weight: &[f32; LANES] = weight.try_into().expect("of this length");
            let bias: &[f32; LANES] = bias.try_into().expect("of this length");
            let mut values = [0.0; LANES];
            for i in 0..LANES {
                values[i] = value(x[i], weight[i], bias[i]);
            }
            fma.put(out, &values);
        }
        for i in whole..width {
            out[i] = B::of(value(x[i], norm.weight[i], norm.bias[i]));
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

#[cfg(test)]
mod tests {
    use super::super::gemm::tests::{here, noise, read, rounded, stored};
    use super::super::memory::Memory;
    use super::super::values::DType;
    use super::*;

    fn norm(channels: usize, groups: usize) -> Norm {
        let weight = noise(channels, 1).iter().map(|w| w + 1.5).collect();
        Norm { weight, bias: noise(channels, 2), eps: 1e-5, groups }
    }

    /// Values about `mean`.
    fn about(mean: f32, count: usize) -> Vec<f32> {
        noise(count, 3).iter().map(|x| x + mean).collect()
    }

    /// Values without their mean and deviation, in f64.
    fn normed(members: &[f64], eps: f32) -> Vec<f64> {
        let count = members.len() as f64;
        let mean = members.iter().sum::<f64>() / count;
        let variance = members.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / count;
        members.iter().map(|x| (x - mean) / (variance + f64::from(eps)).sqrt()).collect()
    }

    /// What may be off by rounding: results here are below 8.
    fn allowed(dtype: DType) -> f64 {
        match dtype {
            DType::F32 => 2e-5,
            DType::Bf16 => 0.02,
        }
    }

    #[test]
    fn groups_are_normed_at_any_size() {
        // Images, pixels, channels, groups, mean.
        let cases = [
            (1, 1, 8, 4, 0.0),
            (2, 7, 12, 3, 1.0),
            (1, 300, 40, 8, 0.0),
            (2, 1000, 33, 33, 5.0),
            (1, 700, 64, 1, 0.0),
            (1, 600, 16, 4, 30.0),
        ];
        for (images, pixels, channels, groups, mean) in cases {
            let norm = norm(channels, groups);
            let x = about(mean, images * pixels * channels);
            for (isa, dtype) in here().flat_map(|isa| [(isa, DType::F32), (isa, DType::Bf16)]) {
                let from = stored(dtype, &x);
                let mut out = Memory::zeroed(x.len() * dtype.size());
                let values = from.values(dtype, x.len());
                let silu = Some(Activation::Silu);
                group_norm(isa, out.values_mut(dtype, x.len()), values, pixels, &norm, silu);
                let out = read(out.values(dtype, x.len()));
                let each = channels / groups;
                for image in 0..images {
                    for group in 0..groups {
                        let places: Vec<usize> = (0..pixels * each)
                            .map(|i| {
                                let pixel = image * pixels + i / each;
                                pixel * channels + group * each + i % each
                            })
                            .collect();
                        let members: Vec<f64> =
                            places.iter().map(|at| rounded(dtype, x[*at])).collect();
                        let members = normed(&members, norm.eps);
                        for (at, member) in places.iter().zip(members) {
                            let channel = at % channels;
                            let value = member * f64::from(norm.weight[channel])
                                + f64::from(norm.bias[channel]);
                            let wanted = value / (1.0 + (-value).exp());
                            let error = (f64::from(out[*at]) - wanted).abs();
                            // Digits that a large mean takes from each value.
                            let allowed = allowed(dtype) * (1.0 + f64::from(mean));
                            assert!(
                                error < allowed,
                                "{isa} {dtype:?} {pixels}×{channels}: {error}"
                            );
                        }
                    }
                }
            }
        }
    }

    #[test]
    fn rows_are_normed_at_any_width() {
        for (rows, width, mean) in [(1, 1, 0.0), (3, 31, 2.0), (70, 320, 0.0), (5, 1280, 30.0)] {
            let norm = norm(width, 1);
            let x = about(mean, rows * width);
            for (isa, dtype) in here().flat_map(|isa| [(isa, DType::F32), (isa, DType::Bf16)]) {
                let from = stored(dtype, &x);
                let mut out = Memory::zeroed(x.len() * dtype.size());
                layer_norm(isa, out.values_mut(dtype, x.len()), from.values(dtype, x.len()), &norm);
                let out = read(out.values(dtype, x.len()));
                for (row, out) in out.chunks_exact(width).enumerate() {
                    let members: Vec<f64> =
                        x[row * width..][..width].iter().map(|x| rounded(dtype, *x)).collect();
                    let members = normed(&members, norm.eps);
                    for (channel, out) in out.iter().enumerate() {
                        let wanted = members[channel] * f64::from(norm.weight[channel])
                            + f64::from(norm.bias[channel]);
                        let error = (f64::from(*out) - wanted).abs();
                        let allowed = allowed(dtype) * (1.0 + f64::from(mean));
                        assert!(error < allowed, "{isa} {dtype:?} {rows}×{width}: {error}");
                    }
                }
            }
        }
    }

    #[test]
    fn what_is_not_a_number_stays_in_its_group() {
        let norm = norm(8, 2);
        for isa in here() {
            let mut x = noise(2 * 20 * 8, 3);
            x[9 * 8 + 6] = f32::NAN;
            let mut out = vec![0.0; x.len()];
            let (to, from) = (ValuesMut::F32(&mut out), Values::F32(&x));
            group_norm(isa, to, from, 20, &norm, Some(Activation::Silu));
            for (at, value) in out.iter().enumerate() {
                let there = at < 20 * 8 && at % 8 >= 4;
                assert_eq!(value.is_nan(), there, "{isa} at {at}");
            }
        }
    }
}
