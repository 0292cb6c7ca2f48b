//! Each microkernel against the plain one, and that against sums in f64.

use half::bf16;

use super::super::conv::{Conv, ImageShape};
use super::super::isa::Isa;
use super::super::memory::Memory;
use super::super::values::{DType, Element, Values, ValuesMut};
use super::{Extra, Gemm, Weights};

/// Numbers that look random, in -1..=1.
pub(in super::super) fn noise(count: usize, seed: u32) -> Vec<f32> {
    let mut state = seed.wrapping_mul(2_654_435_761).wrapping_add(12345);
    (0..count)
        .map(|_| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 8) as f32 / (1 << 23) as f32 - 1.0
        })
        .collect()
}

/// The instruction sets of this processor.
pub(in super::super) fn here() -> impl Iterator<Item = Isa> {
    Isa::ALL.into_iter().filter(|isa| isa.available())
}

/// Every microkernel that this processor can run, whichever would be chosen on it.
pub(in super::super) fn gemms() -> Vec<Gemm> {
    let types = [DType::F32, DType::Bf16];
    let chosen = here().flat_map(|isa| types.map(|dtype| Gemm::new(isa, dtype)));
    #[cfg(target_arch = "x86_64")]
    let others = here()
        .filter(|isa| *isa == Isa::Avx512Bf16)
        .map(|isa| Gemm { kernel: super::avx512_bf16::BF16, ..Gemm::new(isa, DType::Bf16) });
    #[cfg(not(target_arch = "x86_64"))]
    let others = std::iter::empty();
    chosen.chain(others).collect()
}

/// What a microkernel is called in messages.
pub(in super::super) fn name(gemm: &Gemm) -> String {
    let kernel = gemm.kernel();
    format!("{} {:?}·{:?}", gemm.isa(), kernel.a, kernel.b)
}

/// As they are stored.
pub(in super::super) fn stored(dtype: DType, values: &[f32]) -> Memory {
    let mut memory = Memory::zeroed(values.len() * dtype.size());
    match memory.values_mut(dtype, values.len()) {
        ValuesMut::F32(out) => out.copy_from_slice(values),
        ValuesMut::Bf16(out) => {
            out.iter_mut().zip(values).for_each(|(out, value)| *out = bf16::of(*value));
        }
    }
    memory
}

/// Read back.
pub(in super::super) fn read(values: Values<'_>) -> Vec<f32> {
    match values {
        Values::F32(values) => values.to_vec(),
        Values::Bf16(values) => values.iter().map(|value| value.get()).collect(),
    }
}

/// Rounded as `dtype` stores it.
pub(in super::super) fn rounded(dtype: DType, value: f32) -> f64 {
    f64::from(match dtype {
        DType::F32 => value,
        DType::Bf16 => bf16::of(value).get(),
    })
}

/// The bound on sums of `depth` products of numbers up to 1, relative to `√depth`: f32's rounding,
/// or the rounding of what is stored in bf16.
pub(in super::super) fn bound(dtype: DType) -> f64 {
    match dtype {
        DType::F32 => 2e-6,
        DType::Bf16 => 8e-3,
    }
}

fn multiply(
    gemm: &Gemm,
    [rows, input, output]: [usize; 3],
    a: &[f32],
    weights: &[f32],
    extra: Extra<'_>,
) -> Vec<f32> {
    let dtype = gemm.weights();
    let packed = gemm.pack(Weights { values: weights, output, input });
    let a = stored(dtype, a);
    let mut out = Memory::zeroed(rows * output * dtype.size());
    let values = a.values(dtype, rows * input);
    gemm.multiply(out.values_mut(dtype, rows * output), values, input, &packed, extra);
    read(out.values(dtype, rows * output))
}

#[test]
fn products_are_right_at_any_size() {
    let sizes = [
        [1, 1, 1],
        [1, 320, 7],
        [3, 33, 17],
        [14, 31, 32],
        [15, 64, 48],
        [32, 32, 33],
        [33, 96, 16],
        [77, 40, 65],
        [100, 1000, 3],
        [300, 65, 40],
        [5, 3000, 50],
    ];
    for gemm in gemms() {
        let dtype = gemm.weights();
        for [rows, input, output] in sizes {
            let a = noise(rows * input, 1);
            let weights = noise(output * input, 2);
            let bias = noise(output, 3);
            let extra = Extra { bias: Some(&bias), ..Extra::default() };
            let out = multiply(&gemm, [rows, input, output], &a, &weights, extra);
            for (index, out) in out.iter().enumerate() {
                let (row, column) = (index / output, index % output);
                let product = |k: usize| {
                    rounded(dtype, a[row * input + k]) * rounded(dtype, weights[column * input + k])
                };
                let wanted = (0..input).map(product).sum::<f64>() + f64::from(bias[column]);
                let error = (f64::from(*out) - wanted).abs();
                let allowed = bound(dtype) * (input as f64).sqrt().max(1.0);
                assert!(error < allowed, "{} {rows}×{input}×{output}: {error}", name(&gemm));
            }
        }
    }
}

#[test]
fn products_do_not_depend_on_the_number_of_threads() {
    // Few threads give each task many panels, which may interleave its rows; many give it one.
    let [rows, input, output] = [300, 70, 616];
    let (a, weights) = (noise(rows * input, 1), noise(output * input, 2));
    for gemm in gemms() {
        let by = |threads: usize| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build();
            pool.expect("threads can be made")
                .install(|| multiply(&gemm, [rows, input, output], &a, &weights, Extra::default()))
        };
        let (few, many) = (by(1), by(20));
        assert!(few == many, "{}", name(&gemm));
        let row = &a[299 * input..];
        let product = |k: usize| {
            rounded(gemm.weights(), row[k]) * rounded(gemm.weights(), weights[615 * input + k])
        };
        let wanted: f64 = (0..input).map(product).sum();
        let last = f64::from(few[rows * output - 1]);
        assert!((last - wanted).abs() < bound(gemm.weights()) * 9.0, "{}: {last}", name(&gemm));
    }
}

#[test]
fn what_is_not_finite_stays_where_it_is() {
    let [rows, input, output] = [40, 72, 48];
    for gemm in gemms() {
        for odd in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
            let mut a = noise(rows * input, 1);
            a[17 * input + 70] = odd;
            let weights = noise(output * input, 2);
            let sizes = [rows, input, output];
            let out = multiply(&gemm, sizes, &a, &weights, Extra::default());
            for (row, out) in out.chunks_exact(output).enumerate() {
                let finite = out.iter().filter(|value| value.is_finite()).count();
                assert_eq!(finite, if row == 17 { 0 } else { output }, "{} {odd}", name(&gemm));
            }
        }
    }
}

#[test]
fn gates_and_residuals_are_fused() {
    let [rows, input, width] = [35, 64, 40];
    let a = noise(rows * input, 1);
    let weights = noise(2 * width * input, 2);
    let bias = noise(2 * width, 3);
    let residual = noise(rows * width, 4);
    let gelu = |x: f64| 0.5 * x * (1.0 + erf(x / 2.0_f64.sqrt()));
    for gemm in gemms() {
        let dtype = gemm.weights();
        let packed = gemm.pack_gated(Weights { values: &weights, output: 2 * width, input });
        let stored_a = stored(dtype, &a);
        let stored_residual = stored(dtype, &residual);
        let mut out = Memory::zeroed(rows * width * 4);
        let extra = Extra {
            bias: Some(&bias),
            residual: Some(stored_residual.values(dtype, rows * width)),
            ..Extra::default()
        };
        let values = stored_a.values(dtype, rows * input);
        gemm.multiply(out.values_mut(dtype, rows * width), values, input, &packed, extra);
        for (index, out) in read(out.values(dtype, rows * width)).iter().enumerate() {
            let (row, column) = (index / width, index % width);
            let sum = |column: usize| {
                let product = |k: usize| {
                    rounded(dtype, a[row * input + k]) * rounded(dtype, weights[column * input + k])
                };
                (0..input).map(product).sum::<f64>() + f64::from(bias[column])
            };
            let wanted = sum(column) * gelu(sum(width + column)) + rounded(dtype, residual[index]);
            let error = (f64::from(*out) - wanted).abs();
            let allowed = bound(dtype) * 8.0 * (1.0 + wanted.abs());
            assert!(error < allowed, "{}: {out} for {wanted}", name(&gemm));
        }
    }
}

/// By its series.
fn erf(x: f64) -> f64 {
    if x.abs() > 5.0 {
        return x.signum();
    }
    let (mut term, mut sum) = (x, x);
    for n in 1..200 {
        term *= -x * x / f64::from(n);
        sum += term / f64::from(2 * n + 1);
    }
    sum * 2.0 / std::f64::consts::PI.sqrt()
}

struct Case {
    batch: usize,
    size: (usize, usize),
    enlarged: (usize, usize),
    channels: (usize, usize),
    kernel: usize,
    stride: usize,
    padding: [usize; 4],
}

#[test]
fn convolutions_are_right_at_any_size() {
    let same = |batch, size, channels| Case {
        batch,
        size,
        enlarged: size,
        channels,
        kernel: 3,
        stride: 1,
        padding: [1; 4],
    };
    let cases = [
        same(1, (1, 1), (4, 5)),
        same(2, (5, 7), (3, 4)),
        same(1, (4, 16), (32, 32)),
        same(2, (8, 8), (40, 24)),
        same(1, (9, 70), (24, 33)),
        same(1, (3, 130), (9, 3)),
        same(2, (6, 13), (19, 37)),
        // Several stretches of channels, few tiles and more.
        same(1, (7, 9), (200, 70)),
        same(1, (25, 30), (330, 20)),
        Case { stride: 2, ..same(2, (9, 8), (16, 20)) },
        Case { stride: 2, padding: [0, 0, 1, 1], ..same(1, (8, 34), (33, 20)) },
        Case { enlarged: (8, 10), ..same(2, (4, 5), (32, 16)) },
        Case { enlarged: (7, 9), ..same(1, (4, 5), (12, 16)) },
        Case { kernel: 1, padding: [0; 4], ..same(2, (5, 9), (24, 50)) },
    ];
    for gemm in gemms() {
        for case in &cases {
            check_conv(&gemm, case);
        }
    }
}

fn check_conv(gemm: &Gemm, case: &Case) {
    let Case { batch, size, enlarged, channels: (input, output), kernel, stride, padding } = *case;
    let dtype = gemm.weights();
    let weights = noise(output * input * kernel * kernel, 5);
    let bias = noise(output, 6);
    let conv =
        Conv::new(gemm, &weights, Some(bias.clone()), [output, input, kernel], stride, padding);
    let x = noise(batch * size.0 * size.1 * input, 7);
    let (height, width) = conv.output_size(enlarged.0, enlarged.1);
    let count = batch * height * width * output;
    let residual = noise(count, 8);
    let channel_bias = noise(batch * output, 9);
    let (stored_x, stored_residual) = (stored(dtype, &x), stored(dtype, &residual));
    let stored_bias = stored(dtype, &channel_bias);
    let mut out = Memory::zeroed(count * dtype.size());
    let extra = Extra {
        channel_bias: Some(stored_bias.values(dtype, batch * output)),
        residual: Some(stored_residual.values(dtype, count)),
        ..Extra::default()
    };
    let shape = ImageShape { batch, height: size.0, width: size.1 };
    let values = stored_x.values(dtype, x.len());
    conv.run(gemm, out.values_mut(dtype, count), values, shape, Some(enlarged), extra);
    for (index, out) in read(out.values(dtype, count)).iter().enumerate() {
        let (pixel, o) = (index / output, index % output);
        let (line, column) = (pixel / width, pixel % width);
        let (image, row) = (line / height, line % height);
        let mut wanted = f64::from(bias[o])
            + rounded(dtype, channel_bias[image * output + o])
            + rounded(dtype, residual[index]);
        for place in 0..kernel * kernel {
            let y = (row * stride + place / kernel).checked_sub(padding[0]);
            let x_at = (column * stride + place % kernel).checked_sub(padding[1]);
            let (Some(y), Some(x_at)) = (y, x_at) else { continue };
            if y >= enlarged.0 || x_at >= enlarged.1 {
                continue;
            }
            let (y, x_at) = (y * size.0 / enlarged.0, x_at * size.1 / enlarged.1);
            for i in 0..input {
                let pixel = ((image * size.0 + y) * size.1 + x_at) * input + i;
                let weight = (o * input + i) * kernel * kernel + place;
                wanted += rounded(dtype, x[pixel]) * rounded(dtype, weights[weight]);
            }
        }
        let error = (f64::from(*out) - wanted).abs();
        // Transformed tiles (see `winograd`) round a little more.
        let bound = bound(dtype).max(6e-6);
        let allowed = bound * ((input * kernel * kernel) as f64).sqrt().max(2.0);
        assert!(error < allowed, "{} {size:?} {input}→{output}: {out} for {wanted}", name(gemm));
    }
}
