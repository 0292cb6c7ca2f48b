//! The softmax by AVX-512, whose own instructions take a number apart and put it together again: the
//! exponential costs half of what plain vector code needs.

use std::arch::x86_64::{
    __m256i, __m512, __m512i, _mm256_storeu_si256, _mm512_add_ps, _mm512_cvtne2ps_pbh,
    _mm512_cvtneps_pbh, _mm512_fmadd_ps, _mm512_loadu_ps, _mm512_mask_loadu_ps,
    _mm512_mask_storeu_ps, _mm512_maskz_loadu_ps, _mm512_maskz_mov_ps, _mm512_max_ps,
    _mm512_reduce_add_ps, _mm512_reduce_max_ps, _mm512_reduce_ps, _mm512_scalef_ps, _mm512_set1_ps,
    _mm512_setzero_ps, _mm512_storeu_ps, _mm512_storeu_si512, _mm512_sub_ps,
};

use super::super::gemm::avx512::transposed;

/// Values of a vector.
const WIDTH: usize = 16;

/// `2^x` on 0..1 within 8e-5 of the value, a twentieth of what bf16 rounds away (minimax).
const SHORT: [f32; 4] = [0.999_925_2, 0.695_833_5, 0.226_067_18, 0.078_024_52];
/// `2^x` on 0..1 within 8e-8 of the value (minimax).
const LONG: [f32; 6] =
    [0.999_999_95, 0.693_153_1, 0.240_153_62, 0.055_826_318, 0.008_989_34, 0.001_877_576_7];

/// See `share_out` in [`super::lanes`].
///
/// # Safety
/// The processor has AVX-512.
#[target_feature(enable = "avx512f,avx512dq")]
pub(super) unsafe fn share_out(
    scores: &mut [f32],
    lanes: usize,
    tops: &[f32; WIDTH],
    sums: &mut [f32; WIDTH],
) {
    // SAFETY: both are a vector long, and so is what a row is cut to.
    unsafe {
        let tops = _mm512_loadu_ps(tops.as_ptr());
        let mut sum = _mm512_loadu_ps(sums.as_ptr());
        for row in scores.chunks_mut(lanes) {
            let row = row[..WIDTH].as_mut_ptr();
            let share = power(_mm512_sub_ps(_mm512_loadu_ps(row), tops), &LONG);
            sum = _mm512_add_ps(sum, share);
            _mm512_storeu_ps(row, share);
        }
        _mm512_storeu_ps(sums.as_mut_ptr(), sum);
    }
}

/// See `share_out` in [`super::soften`]; writes whole vectors of bf16.
///
/// # Safety
/// The processor has AVX-512 with bf16; `shares` has room for the scores and up to a vector more.
#[target_feature(enable = "avx512f,avx512dq,avx512bf16")]
pub(super) unsafe fn share_out_bf16(scores: &[f32], shares: *mut u16, before: f32) -> (f32, f32) {
    let top = greatest(scores, before);
    let tops = _mm512_set1_ps(top);
    let mut sums = [_mm512_setzero_ps(); 2];
    let mut pairs = scores.chunks_exact(2 * WIDTH);
    let mut at = shares;
    for pair in &mut pairs {
        // SAFETY: a pair is two vectors long, a pair of bf16 has 32 bits; the caller's promise.
        unsafe {
            let low = _mm512_loadu_ps(pair.as_ptr());
            let high = _mm512_loadu_ps(pair.as_ptr().add(WIDTH));
            let low = power(_mm512_sub_ps(low, tops), &SHORT);
            let high = power(_mm512_sub_ps(high, tops), &SHORT);
            sums = [_mm512_add_ps(sums[0], low), _mm512_add_ps(sums[1], high)];
            let both: __m512i = std::mem::transmute(_mm512_cvtne2ps_pbh(high, low));
            _mm512_storeu_si512(at.cast(), both);
            at = at.add(2 * WIDTH);
        }
    }
    for chunk in pairs.remainder().chunks(WIDTH) {
        let share = masked_power(chunk, tops, &SHORT);
        sums[0] = _mm512_add_ps(sums[0], share);
        // SAFETY: the caller's promise; both types have 256 bits.
        unsafe {
            let short: __m256i = std::mem::transmute(_mm512_cvtneps_pbh(share));
            _mm256_storeu_si256(at.cast(), short);
            at = at.add(WIDTH);
        }
    }
    (top, _mm512_reduce_add_ps(_mm512_add_ps(sums[0], sums[1])))
}

/// See `flip` in [`super::lanes`].
///
/// # Safety
/// The processor has AVX-512; `from` has `rows` rows of `columns`, `to` has room for `columns` of
/// `rows`.
#[target_feature(enable = "avx512f")]
pub(super) unsafe fn flip(to: *mut f32, from: *const f32, rows: usize, columns: usize) {
    for row in (0..rows).step_by(WIDTH) {
        let down = WIDTH.min(rows - row);
        for column in (0..columns).step_by(WIDTH) {
            let across = WIDTH.min(columns - column);
            let mut block = [_mm512_setzero_ps(); WIDTH];
            for (i, values) in block.iter_mut().enumerate().take(down) {
                // SAFETY: the mask keeps within the row.
                unsafe {
                    let from = from.add((row + i) * columns + column);
                    *values = _mm512_maskz_loadu_ps(mask(across), from);
                }
            }
            for (i, values) in transposed(block).iter().enumerate().take(across) {
                // SAFETY: the mask keeps within the column.
                unsafe {
                    let to = to.add((column + i) * rows + row);
                    _mm512_mask_storeu_ps(to, mask(down), *values);
                }
            }
        }
    }
}

/// The greatest of `before` and the scores that are numbers.
#[inline]
#[target_feature(enable = "avx512f")]
fn greatest(scores: &[f32], before: f32) -> f32 {
    let begin = _mm512_set1_ps(before);
    let mut tops = [begin; 4];
    let mut chunks = scores.chunks_exact(4 * WIDTH);
    // Of a NaN and a number, `max` gives its second.
    for chunk in &mut chunks {
        for (i, top) in tops.iter_mut().enumerate() {
            // SAFETY: a chunk is four vectors long.
            let score = unsafe { _mm512_loadu_ps(chunk.as_ptr().add(i * WIDTH)) };
            *top = _mm512_max_ps(score, *top);
        }
    }
    for chunk in chunks.remainder().chunks(WIDTH) {
        // SAFETY: the mask is as long as the chunk.
        let score = unsafe { _mm512_mask_loadu_ps(begin, mask(chunk.len()), chunk.as_ptr()) };
        tops[0] = _mm512_max_ps(score, tops[0]);
    }
    let [a, b, c, d] = tops;
    _mm512_reduce_max_ps(_mm512_max_ps(_mm512_max_ps(a, b), _mm512_max_ps(c, d)))
}

/// The lowest `count` of sixteen.
#[inline]
fn mask(count: usize) -> u16 {
    u16::MAX >> (WIDTH - count)
}

/// Shares of up to a vector of scores; zero beyond.
#[inline]
#[target_feature(enable = "avx512f,avx512dq")]
fn masked_power<const N: usize>(scores: &[f32], tops: __m512, terms: &[f32; N]) -> __m512 {
    let mask = mask(scores.len());
    // SAFETY: the mask is as long as the scores.
    let scores = unsafe { _mm512_mask_loadu_ps(tops, mask, scores.as_ptr()) };
    _mm512_maskz_mov_ps(mask, power(_mm512_sub_ps(scores, tops), terms))
}

/// `2^x` for `x` up to 0, by the terms of a polynomial on 0..1; NaN stays NaN.
#[inline]
#[target_feature(enable = "avx512f,avx512dq")]
fn power<const N: usize>(x: __m512, terms: &[f32; N]) -> __m512 {
    const FLOOR: i32 = 1;
    let rest = _mm512_reduce_ps::<FLOOR>(x);
    let mut p = _mm512_set1_ps(terms[N - 1]);
    for term in terms[..N - 1].iter().rev() {
        p = _mm512_fmadd_ps(p, rest, _mm512_set1_ps(*term));
    }
    // Rounds its exponent down by itself.
    _mm512_scalef_ps(p, x)
}

#[cfg(test)]
mod tests {
    use super::super::super::isa::Isa;
    use super::*;

    #[test]
    fn powers_are_near_and_keep_nan() {
        if !Isa::Avx512.available() {
            return;
        }
        let shares = |x: &[f32], tops: [f32; WIDTH]| {
            let mut out = x.to_vec();
            let mut sums = [0.0; WIDTH];
            // SAFETY: just asked.
            unsafe { share_out(&mut out, WIDTH, &tops, &mut sums) };
            (out, sums)
        };
        let x: Vec<f32> = (-12_608..0).map(|i| (i + 1) as f32 / 100.0).collect();
        let (out, sums) = shares(&x, [0.0; WIDTH]);
        let sum: f32 = sums.iter().sum();
        assert!((sum - 144.77).abs() < 0.1, "{sum}");
        for (x, share) in x.iter().zip(&out) {
            let wanted = f64::from(*x).exp2();
            assert!((f64::from(*share) / wanted - 1.0).abs() < 3e-7, "{x}: {share}");
        }
        let mut odd = [0.0; WIDTH];
        odd[..3].copy_from_slice(&[f32::NAN, f32::NEG_INFINITY, -1000.0]);
        let (out, sums) = shares(&odd, [0.0; WIDTH]);
        assert!(out[0].is_nan() && sums[0].is_nan() && out[1] == 0.0 && out[2] == 0.0);
        assert!((out[3] - 1.0).abs() < 1e-6);
    }
}
