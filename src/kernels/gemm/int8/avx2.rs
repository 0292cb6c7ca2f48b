//! The microkernel for AVX2: bytes widened to 16 bits, so that no sum of two products is cut off.

use std::arch::x86_64::{
    __m128i, __m256i, _mm_loadu_si128, _mm_set1_epi32, _mm256_add_epi32, _mm256_cvtepi8_epi16,
    _mm256_cvtepu8_epi16, _mm256_hadd_epi32, _mm256_loadu_si256, _mm256_madd_epi16,
    _mm256_permute4x64_epi64, _mm256_setzero_si256, _mm256_storeu_si256,
};

use super::super::avx512::by_rows;
use super::super::tile::{Out, Span, Strip};
use super::{Bytes, HALF, UNIT};

pub(super) const BYTES: Bytes = Bytes { rows: 2, tiles: false, steps: 1 << 10, run: rows };

/// Vectors of a half panel's sums: two for each column.
const SUMS: usize = HALF / 4;

/// # Safety
/// See [`super::super::tile::Run`].
unsafe fn rows(strip: &Strip, span: Span, b: *const u8, out: Out) {
    by_rows!(strip, span, b, out, some_rows, 1 2);
}

/// # Safety
/// See [`super::super::tile::Run`].
#[target_feature(enable = "avx2")]
unsafe fn some_rows<const R: usize, const V: usize>(
    strip: &Strip,
    span: Span,
    b: *const u8,
    out: Out,
) {
    for half in 0..V {
        let mut sums = [[_mm256_setzero_si256(); SUMS]; R];
        for step in 0..span.steps {
            for four in 0..UNIT / 4 {
                let first = ((step * V + half) * UNIT + 4 * four) * HALF;
                let depth = (span.step + step) * UNIT + 4 * four;
                let values: [__m256i; R] = std::array::from_fn(|row| {
                    // SAFETY: the caller's promise.
                    let four = unsafe { strip.rows[row].add(depth).cast::<i32>().read_unaligned() };
                    _mm256_cvtepu8_epi16(_mm_set1_epi32(four))
                });
                for part in 0..SUMS {
                    // SAFETY: the caller's promise.
                    let weights =
                        unsafe { _mm_loadu_si128(b.add(first + 16 * part).cast::<__m128i>()) };
                    let weights = _mm256_cvtepi8_epi16(weights);
                    for row in 0..R {
                        let products = _mm256_madd_epi16(values[row], weights);
                        sums[row][part] = _mm256_add_epi32(sums[row][part], products);
                    }
                }
            }
        }
        for row in 0..R {
            for pair in 0..SUMS / 2 {
                let both = _mm256_hadd_epi32(sums[row][2 * pair], sums[row][2 * pair + 1]);
                let mut both = _mm256_permute4x64_epi64::<0b11_01_10_00>(both);
                // SAFETY: the caller's promise.
                unsafe {
                    let at = out.begin.add(row * out.stride + half * HALF + 8 * pair).cast();
                    if out.add {
                        both = _mm256_add_epi32(both, _mm256_loadu_si256(at));
                    }
                    _mm256_storeu_si256(at, both);
                }
            }
        }
    }
}
