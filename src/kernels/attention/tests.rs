//! Attention against the whole score matrix in f64.

use super::super::gemm::tests::{bound, gemms, name, noise, read, rounded, stored};
use super::super::memory::Memory;
use super::*;

struct Case {
    batch: usize,
    queries: usize,
    keys: usize,
    heads: usize,
    width: usize,
    causal: bool,
}

/// The whole score matrix in f64.
fn wanted(dtype: DType, case: &Case, q: &[f32], k: &[f32], v: &[f32]) -> Vec<f64> {
    let Case { batch, queries, keys, heads, width, causal } = *case;
    let channels = heads * width;
    let mut out = vec![0.0; batch * queries * channels];
    for row in 0..batch * queries * heads {
        let (image, query, head) = (row / (queries * heads), row / heads % queries, row % heads);
        let q_at = (image * queries + query) * channels + head * width;
        let key_at = |key: usize| (image * keys + key) * channels + head * width;
        let seen = if causal { (query + 1).min(keys) } else { keys };
        let score = |key: usize| {
            let product =
                |d: usize| rounded(dtype, q[q_at + d]) * rounded(dtype, k[key_at(key) + d]);
            (0..width).map(product).sum::<f64>() / (width as f64).sqrt()
        };
        let shares: Vec<f64> = (0..seen).map(|key| score(key).exp()).collect();
        let sum: f64 = shares.iter().sum();
        for d in 0..width {
            let mixed = |key: usize| shares[key] * rounded(dtype, v[key_at(key) + d]);
            out[q_at + d] = (0..seen).map(mixed).sum::<f64>() / sum;
        }
    }
    out
}

fn run(gemm: &Gemm, case: &Case, q: &[f32], k: &[f32], v: &[f32]) -> Vec<f32> {
    let dtype = gemm.weights();
    let [q, k, v] = [q, k, v].map(|values| (stored(dtype, values), values.len()));
    let Case { batch, keys, heads, width, causal, .. } = *case;
    let shape = Shape { batch, keys, channels: heads * width, heads };
    let packed = Keys::new(gemm, k.0.values(dtype, k.1), v.0.values(dtype, v.1), shape);
    let mut out = Memory::zeroed(q.1 * dtype.size());
    attention(gemm, out.values_mut(dtype, q.1), q.0.values(dtype, q.1), &packed, causal);
    read(out.values(dtype, q.1))
}

fn inputs(case: &Case) -> [Vec<f32>; 3] {
    let channels = case.heads * case.width;
    let (queries, keys) = (case.batch * case.queries, case.batch * case.keys);
    // Large enough that the softmax has peaks.
    let q = noise(queries * channels, 1).iter().map(|q| q * 6.0).collect();
    [q, noise(keys * channels, 2), noise(keys * channels, 3)]
}

#[test]
fn attention_is_right_at_any_size() {
    let case = |batch, queries, keys, heads, width, causal| Case {
        batch,
        queries,
        keys,
        heads,
        width,
        causal,
    };
    let cases = [
        case(1, 1, 1, 1, 8, false),
        case(2, 33, 77, 2, 40, false),
        case(1, 70, 70, 3, 16, true),
        case(1, 40, 1100, 1, 33, false),
        case(1, 600, 600, 1, 64, true),
        case(2, 17, 64, 1, 160, false),
        case(1, 130, 200, 1, 512, false),
    ];
    for gemm in gemms() {
        let dtype = gemm.weights();
        for case in &cases {
            let [q, k, v] = inputs(case);
            let wanted = wanted(dtype, case, &q, &k, &v);
            let out = run(&gemm, case, &q, &k, &v);
            let worst = out.iter().zip(&wanted).map(|(a, b)| (f64::from(*a) - b).abs());
            let worst = worst.fold(0.0, f64::max);
            let (keys, width) = (case.keys, case.width);
            // In bf16 queries are rounded once more, by up to 2^-9 of a score.
            let allowed = if dtype == DType::F32 { 5e-6 } else { 4.0 * bound(dtype) };
            assert!(worst < allowed, "{} {keys} keys of {width}: {worst}", name(&gemm));
        }
    }
}

#[test]
fn what_is_not_finite_stays_with_its_query() {
    let case = Case { batch: 1, queries: 40, keys: 77, heads: 1, width: 40, causal: false };
    let [mut q, k, v] = inputs(&case);
    q[7 * 40] = f32::NAN;
    for gemm in gemms() {
        for (row, out) in run(&gemm, &case, &q, &k, &v).chunks_exact(40).enumerate() {
            let nans = out.iter().filter(|value| value.is_nan()).count();
            assert_eq!(nans, if row == 7 { 40 } else { 0 }, "{}", name(&gemm));
        }
    }
}
