//! Microkernels for AVX-512: fourteen (bf16: twelve) rows times two vectors, all sums in registers.

use std::arch::x86_64::{
    __m512, _mm512_and_si512, _mm512_castpd_ps, _mm512_castps_pd, _mm512_castsi512_ps,
    _mm512_fmadd_ps, _mm512_loadu_ps, _mm512_loadu_si512, _mm512_maskz_loadu_ps, _mm512_set1_epi32,
    _mm512_set1_ps, _mm512_setzero_ps, _mm512_shuffle_f32x4, _mm512_slli_epi32, _mm512_storeu_ps,
    _mm512_unpackhi_pd, _mm512_unpackhi_ps, _mm512_unpacklo_pd, _mm512_unpacklo_ps,
};

use super::super::values::DType;
use super::tile::{Kernel, Out, Span, Strip};

const ROWS: usize = 14;
const PAIR_ROWS: usize = 12;

/// For f32 weights.
pub(super) const F32: Kernel = Kernel {
    rows: ROWS,
    columns: 32,
    unit: 1,
    a: DType::F32,
    b: DType::F32,
    tiles: false,
    span_bytes: 256 << 10,
    run: whole,
    interleaved: Some(interleaved),
    fill: Some(interleave),
};

/// For bf16 weights, unpacked on the way: no slower than bf16 dot products on Intel's processors.
pub(super) const BF16: Kernel = Kernel {
    rows: PAIR_ROWS,
    unit: 2,
    b: DType::Bf16,
    run: pairs,
    interleaved: None,
    fill: None,
    ..F32
};

/// Calls a kernel compiled for the number of rows there are.
macro_rules! by_rows {
    ($strip:ident, $span:ident, $b:ident, $out:ident, $kernel:ident, $($rows:literal)*) => {
        // SAFETY: the caller's promise is handed on.
        unsafe {
            match ($strip.count, $out.wide) {
                $(
                    ($rows, true) => $kernel::<$rows, 2>($strip, $span, $b, $out),
                    ($rows, false) => $kernel::<$rows, 1>($strip, $span, $b, $out),
                )*
                _ => unreachable!("a strip has as many rows as its kernel takes"),
            }
        }
    };
}
pub(super) use by_rows;

/// # Safety
/// See [`super::tile::Run`].
unsafe fn whole(strip: &Strip, span: Span, b: *const u8, out: Out) {
    by_rows!(strip, span, b, out, whole_rows, 1 2 3 4 5 6 7 8 9 10 11 12 13 14);
}

/// # Safety
/// See [`super::tile::Run`]; the strip is interleaved.
unsafe fn interleaved(strip: &Strip, span: Span, b: *const u8, out: Out) {
    by_rows!(strip, span, b, out, interleaved_rows, 1 2 3 4 5 6 7 8 9 10 11 12 13 14);
}

/// # Safety
/// See [`super::tile::Run`].
unsafe fn pairs(strip: &Strip, span: Span, b: *const u8, out: Out) {
    by_rows!(strip, span, b, out, pair_rows, 1 2 3 4 5 6 7 8 9 10 11 12);
}

/// # Safety
/// See [`super::tile::Run`].
#[target_feature(enable = "avx512f")]
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
                let weights: [__m512; V] = std::array::from_fn(|v| _mm512_loadu_ps(b.add(16 * v)));
                for row in 0..R {
                    let value = _mm512_set1_ps(*a[row].add(k));
                    for v in 0..V {
                        sums[row][v] = _mm512_fmadd_ps(value, weights[v], sums[row][v]);
                    }
                }
                b = b.add(16 * V);
            }
        }
        end(&sums, out);
    }
}

/// # Safety
/// See [`super::tile::Run`]; the strip is interleaved.
#[target_feature(enable = "avx512f")]
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
            let weights: [__m512; V] = std::array::from_fn(|v| _mm512_loadu_ps(b.add(16 * v)));
            for row in 0..R {
                let value = _mm512_set1_ps(*a.add(row));
                for v in 0..V {
                    sums[row][v] = _mm512_fmadd_ps(value, weights[v], sums[row][v]);
                }
            }
            a = a.add(R);
            b = b.add(16 * V);
        }
        end(&sums, out);
    }
}

/// Lays a strip's rows of `depth` values side by side: `[depth][rows]`. Writes up to a vector more
/// than that.
///
/// # Safety
/// The processor has AVX-512; `strip` has rows of one run of `depth` values, and `to` has room for
/// them and a vector.
#[target_feature(enable = "avx512f")]
unsafe fn interleave(strip: &Strip, depth: usize, to: *mut f32) {
    const SIDE: usize = 16;
    for begin in (0..depth).step_by(SIDE) {
        let there = SIDE.min(depth - begin);
        let mask = u16::MAX >> (SIDE - there);
        let mut rows = [_mm512_setzero_ps(); SIDE];
        for (row, values) in rows.iter_mut().enumerate().take(strip.count) {
            // SAFETY: the mask keeps within the row.
            unsafe {
                let from = strip.rows[row].cast::<f32>().add(begin);
                *values = _mm512_maskz_loadu_ps(mask, from);
            }
        }
        for (step, values) in transposed(rows).iter().enumerate().take(there) {
            // SAFETY: the caller's promise; what is written beyond the rows is written again by
            // the next step, or the vector that there is room for.
            unsafe { _mm512_storeu_ps(to.add((begin + step) * strip.count), *values) };
        }
    }
}

/// Rows as columns.
#[inline]
#[target_feature(enable = "avx512f")]
pub(in super::super) fn transposed(mut a: [__m512; 16]) -> [__m512; 16] {
    let mut b = a;
    let (wide, narrow) = (_mm512_castps_pd, _mm512_castpd_ps);
    for i in 0..8 {
        b[2 * i] = _mm512_unpacklo_ps(a[2 * i], a[2 * i + 1]);
        b[2 * i + 1] = _mm512_unpackhi_ps(a[2 * i], a[2 * i + 1]);
    }
    for i in [0, 4, 8, 12] {
        for j in 0..2 {
            let (low, high) = (wide(b[i + j]), wide(b[i + j + 2]));
            a[i + 2 * j] = narrow(_mm512_unpacklo_pd(low, high));
            a[i + 2 * j + 1] = narrow(_mm512_unpackhi_pd(low, high));
        }
    }
    // Now quarters: of row groups `4 g..4 g + 4`, vector `4 g + c` holds columns `c + 4 q`.
    for c in 0..4 {
        for half in 0..2 {
            let (low, high) = (a[8 * half + c], a[8 * half + 4 + c]);
            b[8 * half + c] = _mm512_shuffle_f32x4::<0x88>(low, high);
            b[8 * half + 4 + c] = _mm512_shuffle_f32x4::<0xdd>(low, high);
        }
    }
    for c in 0..4 {
        for odd in 0..2 {
            let (low, high) = (b[4 * odd + c], b[8 + 4 * odd + c]);
            a[4 * odd + c] = _mm512_shuffle_f32x4::<0x88>(low, high);
            a[8 + 4 * odd + c] = _mm512_shuffle_f32x4::<0xdd>(low, high);
        }
    }
    a
}

/// # Safety
/// See [`super::tile::Run`].
#[target_feature(enable = "avx512f")]
unsafe fn pair_rows<const R: usize, const V: usize>(
    strip: &Strip,
    span: Span,
    b: *const u8,
    out: Out,
) {
    // SAFETY: the caller's promise covers every address.
    unsafe {
        let upper = _mm512_set1_epi32(-0x1_0000);
        let mut sums = begin::<R, V>(out);
        let mut b = b.cast::<f32>();
        for run in span.run..span.run + span.runs {
            let a: [*const f32; R] = std::array::from_fn(|row| {
                strip.rows[row].add(run * strip.run_bytes).cast::<f32>().add(2 * span.step)
            });
            for k in 0..span.steps {
                let pair = |v: usize| _mm512_loadu_si512(b.add(16 * v).cast());
                let first: [__m512; V] =
                    std::array::from_fn(|v| _mm512_castsi512_ps(_mm512_slli_epi32::<16>(pair(v))));
                for row in 0..R {
                    let value = _mm512_set1_ps(*a[row].add(2 * k));
                    for v in 0..V {
                        sums[row][v] = _mm512_fmadd_ps(value, first[v], sums[row][v]);
                    }
                }
                let second: [__m512; V] =
                    std::array::from_fn(|v| _mm512_castsi512_ps(_mm512_and_si512(pair(v), upper)));
                for row in 0..R {
                    let value = _mm512_set1_ps(*a[row].add(2 * k + 1));
                    for v in 0..V {
                        sums[row][v] = _mm512_fmadd_ps(value, second[v], sums[row][v]);
                    }
                }
                b = b.add(16 * V);
            }
        }
        end(&sums, out);
    }
}

/// Zeros, or what is there.
///
/// # Safety
/// `R` rows of `16 · V` values can be read at `out`.
#[inline]
#[target_feature(enable = "avx512f")]
pub(super) unsafe fn begin<const R: usize, const V: usize>(out: Out) -> [[__m512; V]; R] {
    let mut sums = [[_mm512_setzero_ps(); V]; R];
    if out.add {
        for (row, sums) in sums.iter_mut().enumerate() {
            for (v, sum) in sums.iter_mut().enumerate() {
                // SAFETY: the caller's promise.
                *sum = unsafe { _mm512_loadu_ps(out.begin.add(row * out.stride + 16 * v)) };
            }
        }
    }
    sums
}

/// Writes the sums.
///
/// # Safety
/// `R` rows of `16 · V` values can be written at `out`.
#[inline]
#[target_feature(enable = "avx512f")]
pub(super) unsafe fn end<const R: usize, const V: usize>(sums: &[[__m512; V]; R], out: Out) {
    for (row, sums) in sums.iter().enumerate() {
        for (v, sum) in sums.iter().enumerate() {
            // SAFETY: the caller's promise.
            unsafe { _mm512_storeu_ps(out.begin.add(row * out.stride + 16 * v), *sum) };
        }
    }
}
