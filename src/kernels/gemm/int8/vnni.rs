//! The microkernel for AVX-512 with VNNI: four products a lane and instruction.

use std::arch::x86_64::{
    __m512i, _mm512_dpbusd_epi32, _mm512_loadu_si512, _mm512_set1_epi32, _mm512_setzero_si512,
    _mm512_storeu_si512,
};

use super::super::avx512::by_rows;
use super::super::tile::{Out, Span, Strip};
use super::{Bytes, HALF, UNIT};

pub(super) const BYTES: Bytes = Bytes { rows: 14, tiles: false, steps: 128, run: rows };

/// # Safety
/// See [`super::super::tile::Run`].
unsafe fn rows(strip: &Strip, span: Span, b: *const u8, out: Out) {
    by_rows!(strip, span, b, out, some_rows, 1 2 3 4 5 6 7 8 9 10 11 12 13 14);
}

/// # Safety
/// See [`super::super::tile::Run`].
#[target_feature(enable = "avx512f,avx512vnni")]
unsafe fn some_rows<const R: usize, const V: usize>(
    strip: &Strip,
    span: Span,
    b: *const u8,
    out: Out,
) {
    // SAFETY: the caller's promise covers every address.
    unsafe {
        let at = |row: usize, v: usize| out.begin.add(row * out.stride + 16 * v).cast();
        let mut sums = [[_mm512_setzero_si512(); V]; R];
        if out.add {
            for row in 0..R {
                for v in 0..V {
                    sums[row][v] = _mm512_loadu_si512(at(row, v));
                }
            }
        }
        let a: [*const i32; R] =
            std::array::from_fn(|row| strip.rows[row].add(span.step * UNIT).cast());
        for step in 0..span.steps {
            let b = b.add(step * V * UNIT * HALF);
            for four in 0..UNIT / 4 {
                let weights: [__m512i; V] = std::array::from_fn(|v| {
                    _mm512_loadu_si512(b.add((v * UNIT + 4 * four) * HALF).cast())
                });
                for row in 0..R {
                    let values = a[row].add(step * UNIT / 4 + four).read_unaligned();
                    let values = _mm512_set1_epi32(values);
                    for v in 0..V {
                        sums[row][v] = _mm512_dpbusd_epi32(sums[row][v], values, weights[v]);
                    }
                }
            }
        }
        for row in 0..R {
            for v in 0..V {
                _mm512_storeu_si512(at(row, v), sums[row][v]);
            }
        }
    }
}
