//! Each microkernel against the plain one, and that against sums in whole numbers.

use super::super::super::activation::Activation;
use super::super::super::isa::Isa;
use super::super::super::memory::Memory;
use super::super::super::values::{DType, Values, ValuesMut};
use super::super::tests::{here, noise, read};
use super::super::{Extra, Gemm, Weights};
use super::bytes;
use super::quantise::{round_row, rounded_weights, weight_scale};

fn multiply(
    gemm: &Gemm,
    [rows, input, output]: [usize; 3],
    a: &[f32],
    weights: &[f32],
    extra: Extra<'_>,
) -> Vec<f32> {
    let packed = gemm.pack_bytes(Weights { values: weights, output, input });
    let mut out = Memory::zeroed(rows * output * 4);
    let values = Values::F32(a);
    gemm.multiply_bytes(out.values_mut(DType::F32, rows * output), values, &packed, extra);
    read(out.values(DType::F32, rows * output))
}

fn gemms() -> impl Iterator<Item = Gemm> {
    here().map(|isa| Gemm::new(isa, DType::F32))
}

const SIZES: [[usize; 3]; 10] = [
    [1, 1, 1],
    [1, 320, 7],
    [3, 33, 17],
    [15, 64, 48],
    [33, 129, 16],
    [77, 40, 65],
    [100, 1000, 3],
    [257, 65, 40],
    [300, 640, 33],
    [5, 5120, 50],
];

#[test]
fn products_are_the_whole_numbers_scaled() {
    for [rows, input, output] in SIZES {
        let (a, weights) = (noise(rows * input, 1), noise(output * input, 2));
        let bias = noise(output, 3);
        let extra = Extra { bias: Some(&bias), ..Extra::default() };
        let plain = multiply(
            &Gemm::new(Isa::Plain, DType::F32),
            [rows, input, output],
            &a,
            &weights,
            extra,
        );
        for gemm in gemms() {
            let out = multiply(&gemm, [rows, input, output], &a, &weights, extra);
            assert!(out == plain, "{} {rows}×{input}×{output}", gemm.isa());
        }
        for (index, out) in plain.iter().enumerate() {
            let (row, column) = (index / output, index % output);
            let (values, weights) =
                (&a[row * input..][..input], &weights[column * input..][..input]);
            let (mut short, mut whole) = (vec![0_u8; input], vec![0_i8; input]);
            let by = round_row(Isa::Plain, &mut short, values);
            let scale = weight_scale(weights);
            rounded_weights(&mut whole, weights, scale);
            let pairs = short.iter().zip(&whole);
            let sum: i64 =
                pairs.map(|(a, b)| (i64::from(*a) - i64::from(by.zero)) * i64::from(*b)).sum();
            let wanted =
                sum as f64 * f64::from(by.scale) * f64::from(scale) + f64::from(bias[column]);
            assert!(
                (f64::from(*out) - wanted).abs() <= 1e-6 * (1.0 + wanted.abs()),
                "{out} {wanted}"
            );
            // Half a unit each way, of values up to 1.
            let exact: f64 =
                values.iter().zip(weights).map(|(a, b)| f64::from(*a) * f64::from(*b)).sum();
            let far = (f64::from(*out) - f64::from(bias[column]) - exact).abs();
            assert!(far <= 0.03 * (input as f64).sqrt(), "{rows}×{input}×{output}: {far}");
        }
    }
}

#[test]
fn bytes_are_the_same_on_all_processors() {
    let values: Vec<f32> = noise(1003, 4).iter().map(|value| value * 3.0 - 0.4).collect();
    let round = |isa| {
        let mut out = vec![7_u8; 1003];
        let scale = round_row(isa, &mut out, &values);
        (out, scale)
    };
    let plain = round(Isa::Plain);
    for isa in here() {
        assert!(round(isa) == plain, "{isa}");
    }
    for (byte, value) in plain.0.iter().zip(&values) {
        let back = plain.1.scale * (i32::from(*byte) - plain.1.zero) as f32;
        assert!((back - value).abs() <= 0.501 * plain.1.scale, "{value}: {back}");
    }
    assert!(plain.0.contains(&0) && plain.0.contains(&255));
}

#[test]
fn products_do_not_depend_on_the_number_of_threads() {
    let [rows, input, output] = [300, 70, 616];
    let (a, weights) = (noise(rows * input, 1), noise(output * input, 2));
    for gemm in gemms() {
        let by = |threads: usize| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build();
            pool.expect("threads can be made")
                .install(|| multiply(&gemm, [rows, input, output], &a, &weights, Extra::default()))
        };
        assert!(by(1) == by(20), "{}", gemm.isa());
    }
}

#[test]
fn zeros_stay_zeros_and_what_is_not_finite_becomes_nan() {
    let [rows, input, output] = [5, 70, 40];
    let mut a = noise(rows * input, 1);
    a[input..2 * input].fill(0.0);
    a[2 * input + 69] = f32::NAN;
    a[3 * input + 3] = f32::NEG_INFINITY;
    a[4 * input] = f32::MAX;
    a[4 * input + 1] = f32::MIN;
    let mut weights = noise(output * input, 2);
    weights[..input].fill(0.0);
    weights[input + 5] = f32::INFINITY;
    for gemm in gemms() {
        let out = multiply(&gemm, [rows, input, output], &a, &weights, Extra::default());
        for (row, out) in out.chunks_exact(output).enumerate() {
            let finite = row < 2;
            assert_eq!(out[0].is_finite(), finite, "{} row {row}", gemm.isa());
            assert!(out[1].is_nan(), "{} row {row}", gemm.isa());
            for value in &out[2..] {
                assert_eq!(value.is_finite(), finite, "{} row {row}", gemm.isa());
                assert_eq!(*value == 0.0, row == 1);
            }
        }
    }
}

#[test]
fn extremes_do_not_overflow() {
    // All bytes at their bounds: 255 times 127 in each product.
    let [rows, input, output] = [3, super::DEEPEST, 2];
    let mut a = vec![1.0; rows * input];
    a[2 * input..].fill(-1.0);
    let mut weights = vec![1.0; output * input];
    weights[input..].fill(-1.0);
    for gemm in gemms() {
        let out = multiply(&gemm, [rows, input, output], &a, &weights, Extra::default());
        let whole = input as f32;
        let wanted = [whole, -whole, whole, -whole, -whole, whole];
        for (out, wanted) in out.iter().zip(wanted) {
            assert!((out / wanted - 1.0).abs() < 1e-5, "{} {out} {wanted}", gemm.isa());
        }
    }
}

#[test]
fn what_is_fused_is_done_as_with_whole_weights() {
    // Weights and values that bytes can hold: the products are exact but for the last bit.
    let [rows, input, output] = [35, 96, 80];
    let whole = |count: usize, seed, most: f32| -> Vec<f32> {
        noise(count, seed).iter().map(|value| (value * most).round()).collect()
    };
    let mut a = whole(rows * input, 1, 100.0);
    let mut weights = whole(2 * output * input, 2, 120.0);
    a.chunks_exact_mut(input).for_each(|row| (row[0], row[1]) = (-128.0, 127.0));
    weights.chunks_exact_mut(input).for_each(|column| column[5] = 127.0);
    let bias = noise(2 * output, 3);
    let residual = noise(rows * output, 5);
    let weights: Vec<f32> = weights.iter().map(|value| value * 1e-5).collect();
    for gemm in gemms() {
        for (gated, activation) in [(true, None), (false, Some(Activation::QuickGelu))] {
            let extra = Extra {
                bias: Some(&bias),
                activation,
                residual: Some(Values::F32(&residual)),
                ..Extra::default()
            };
            let product = if gated { 2 * output } else { output };
            let given = Weights { values: &weights[..product * input], output: product, input };
            let mut out = [vec![0.0; rows * output], vec![0.0; rows * output]];
            let [short, full] = &mut out;
            let (short, full) = (ValuesMut::F32(short), ValuesMut::F32(full));
            if gated {
                gemm.multiply_bytes(short, Values::F32(&a), &gemm.pack_bytes_gated(given), extra);
                gemm.multiply(full, Values::F32(&a), input, &gemm.pack_gated(given), extra);
            } else {
                gemm.multiply_bytes(short, Values::F32(&a), &gemm.pack_bytes(given), extra);
                gemm.multiply(full, Values::F32(&a), input, &gemm.pack(given), extra);
            }
            for (short, full) in out[0].iter().zip(&out[1]) {
                assert!((short - full).abs() < 1e-5, "{} {short} {full}", gemm.isa());
            }
        }
    }
}

#[test]
fn every_microkernel_gives_the_same_sums() {
    use super::super::tile::{Out, PANEL, Span, Strip};
    let [rows, input] = [32, 320];
    let values: Vec<u8> = (0..rows * input).map(|i| (i * 7919 % 256) as u8).collect();
    let weights = noise(PANEL * input, 2);
    let sums = |kernel: super::Bytes, wide: bool| {
        let output = if wide { PANEL } else { PANEL / 2 };
        let given = Weights { values: &weights[..output * input], output, input };
        let packed = Gemm::new(Isa::Plain, DType::F32).pack_bytes(given);
        #[cfg(target_arch = "x86_64")]
        let _tiles = super::super::amx::Configured::when(kernel.tiles);
        let mut sums = vec![0.0_f32; rows * PANEL];
        for part in 0..2 {
            let (step, steps) = if part == 0 { (0, 3) } else { (3, 2) };
            let span = Span { run: 0, runs: 1, step, steps, tail: false };
            for first in (0..rows).step_by(kernel.rows) {
                let count = kernel.rows.min(rows - first);
                let strip = Strip::dense(values[first * input..].as_ptr(), input, count);
                let begin = sums[first * PANEL..].as_mut_ptr();
                let out = Out { begin, stride: PANEL, wide, add: part > 0 };
                // SAFETY: only kernels of this processor are asked for; all is as large as they
                // take it.
                unsafe {
                    (kernel.run)(&strip, span, packed.address(packed.panel(0), step), out);
                }
            }
        }
        sums.iter().map(|sum| sum.to_bits()).collect::<Vec<_>>()
    };
    let mut kernels: Vec<super::Bytes> = here().map(bytes).collect();
    #[cfg(target_arch = "x86_64")]
    if Isa::Avx2.available() {
        kernels.push(super::avx2::BYTES);
    }
    for wide in [true, false] {
        let plain = sums(super::plain::BYTES, wide);
        assert!(plain.iter().any(|sum| *sum != 0));
        for kernel in &kernels {
            assert!(sums(*kernel, wide) == plain, "{} rows, wide {wide}", kernel.rows);
        }
    }
}
