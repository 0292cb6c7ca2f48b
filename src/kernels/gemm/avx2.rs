//! Microkernels for AVX2 with fused multiply-add: six rows times two vectors.

use std::arch::x86_64::{
    __m256, _mm256_and_si256, _mm256_castsi256_ps, _mm256_fmadd_ps, _mm256_loadu_ps,
    _mm256_loadu_si256, _mm256_set1_epi32, _mm256_set1_ps, _mm256_setzero_ps, _mm256_slli_epi32,
    _mm256_storeu_ps,
};

use super::super::values::DType;
use super::avx512::by_rows;
use super::tile::{Kernel, Out, Span, Strip};

/// For f32 weights.
pub(super) const F32: Kernel = Kernel {
    rows: 6,
    columns: 16,
    unit: 1,
    a: DType::F32,
    b: DType::F32,
    tiles: false,
    span_bytes: 128 << 10,
    run: whole,
    interleaved: Some(interleaved),
    fill: None,
};

/// For bf16 weights, unpacked on the way.
pub(super) const BF16: Kernel =
    Kernel { rows: 5, unit: 2, b: DType::Bf16, run: pairs, interleaved: None, ..F32 };

/// # Safety
/// See [`super::tile::Run`].
unsafe fn whole(strip: &Strip, span: Span, b: *const u8, out: Out) {
    by_rows!(strip, span, b, out, whole_rows, 1 2 3 4 5 6);
}

/// # Safety
/// See [`super::tile::Run`]; the strip is interleaved.
unsafe fn interleaved(strip: &Strip, span: Span, b: *const u8, out: Out) {
    by_rows!(strip, span, b, out, interleaved_rows, 1 2 3 4 5 6);
}

/// # Safety
/// See [`super::tile::Run`].
unsafe fn pairs(strip: &Strip, span: Span, b: *const u8, out: Out) {
    by_rows!(strip, span, b, out, pair_rows, 1 2 3 4 5);
}

/// # Safety
/// See [`super::tile::Run`].
#[target_feature(enable = "avx2,fma")]
unsafe fn whole_rows<const R: usize, const V: usize>(
    strip: &Strip,
    span: Span,
    b: *const u8,
    out: Out,
) {
    // SAFETY: the caller's promise covers every address.
    unsafe {
        let mut sums = begin::<R, V>(out);
        let mut b = b.cast::<f32>();
        for run in span.run..span.run + span.runs {
            let a: [*const f32; R] = std::array::from_fn(|row| {
                strip.rows[row].add(run * strip.run_bytes).cast::<f32>().add(span.step)
            });
            for k in 0..span.steps {
                let weights: [__m256; V] = std::array::from_fn(|v| _mm256_loadu_ps(b.add(8 * v)));
                for row in 0..R {
                    let value = _mm256_set1_ps(*a[row].add(k));
                    for v in 0..V {
                        sums[row][v] = _mm256_fmadd_ps(value, weights[v], sums[row][v]);
                    }
                }
                b = b.add(8 * V);
            }
        }
        end(&sums, out);
    }
}

/// # Safety
/// See [`super::tile::Run`]; the strip is interleaved.
#[target_feature(enable = "avx2,fma")]
unsafe fn interleaved_rows<const R: usize, const V: usize>(
    strip: &Strip,
    span: Span,
    b: *const u8,
    out: Out,
) {
    // SAFETY: the caller's promise covers every address.
    unsafe {
        let mut sums = begin::<R, V>(out);
        let mut a = strip.rows[0].cast::<f32>().add(R * span.step);
        let mut b = b.cast::<f32>();
        for _ in 0..span.steps {
            let weights: [__m256; V] = std::array::from_fn(|v| _mm256_loadu_ps(b.add(8 * v)));
            for row in 0..R {
                let value = _mm256_set1_ps(*a.add(row));
                for v in 0..V {
                    sums[row][v] = _mm256_fmadd_ps(value, weights[v], sums[row][v]);
                }
            }
            a = a.add(R);
            b = b.add(8 * V);
        }
        end(&sums, out);
    }
}

/// # Safety
/// See [`super::tile::Run`].
#[target_feature(enable = "avx2,fma")]
unsafe fn pair_rows<const R: usize, const V: usize>(
    strip: &Strip,
    span: Span,
    b: *const u8,
    out: Out,
) {
    // SAFETY: the caller's promise covers every address.
    unsafe {
        let upper = _mm256_set1_epi32(-0x1_0000);
        let mut sums = begin::<R, V>(out);
        let mut b = b.cast::<f32>();
        for run in span.run..span.run + span.runs {
            let a: [*const f32; R] = std::array::from_fn(|row| {
                strip.rows[row].add(run * strip.run_bytes).cast::<f32>().add(2 * span.step)
            });
            for k in 0..span.steps {
                let pair = |v: usize| _mm256_loadu_si256(b.add(8 * v).cast());
                let first: [__m256; V] =
                    std::array::from_fn(|v| _mm256_castsi256_ps(_mm256_slli_epi32::<16>(pair(v))));
                for row in 0..R {
                    let value = _mm256_set1_ps(*a[row].add(2 * k));
                    for v in 0..V {
                        sums[row][v] = _mm256_fmadd_ps(value, first[v], sums[row][v]);
                    }
                }
                let second: [__m256; V] =
                    std::array::from_fn(|v| _mm256_castsi256_ps(_mm256_and_si256(pair(v), upper)));
                for row in 0..R {
                    let value = _mm256_set1_ps(*a[row].add(2 * k + 1));
                    for v in 0..V {
                        sums[row][v] = _mm256_fmadd_ps(value, second[v], sums[row][v]);
                    }
                }
                b = b.add(8 * V);
            }
        }
        end(&sums, out);
    }
}

/// # Safety
/// `R` rows of `8 · V` values can be read at `out`.
#[inline]
#[target_feature(enable = "avx2,fma")]
unsafe fn begin<const R: usize, const V: usize>(out: Out) -> [[__m256; V]; R] {
    let mut sums = [[_mm256_setzero_ps(); V]; R];
    if out.add {
        for (row, sums) in sums.iter_mut().enumerate() {
            for (v, sum) in sums.iter_mut().enumerate() {
                // SAFETY: the caller's promise.
                *sum = unsafe { _mm256_loadu_ps(out.begin.add(row * out.stride + 8 * v)) };
            }
        }
    }
    sums
}

/// # Safety
/// `R` rows of `8 · V` values can be written at `out`.
#[inline]
#[target_feature(enable = "avx2,fma")]
unsafe fn end<const R: usize, const V: usize>(sums: &[[__m256; V]; R], out: Out) {
    for (row, sums) in sums.iter().enumerate() {
        for (v, sum) in sums.iter().enumerate() {
            // SAFETY: the caller's promise.
            unsafe { _mm256_storeu_ps(out.begin.add(row * out.stride + 8 * v), *sum) };
        }
    }
}
