//! The microkernel for AVX-512 with bf16 dot products: two products a lane and instruction.

use std::arch::x86_64::{__m512bh, _mm512_dpbf16_ps, _mm512_loadu_si512, _mm512_set1_epi32};

use super::super::values::DType;
use super::avx512::{begin, by_rows, end};
use super::tile::{Kernel, Out, Span, Strip};

/// For bf16 values and weights.
pub(super) const BF16: Kernel = Kernel {
    rows: 14,
    columns: 32,
    unit: 2,
    a: DType::Bf16,
    b: DType::Bf16,
    tiles: false,
    span_bytes: 256 << 10,
    run: dots,
    interleaved: None,
    fill: None,
};

/// # Safety
/// See [`super::tile::Run`].
unsafe fn dots(strip: &Strip, span: Span, b: *const u8, out: Out) {
    by_rows!(strip, span, b, out, dot_rows, 1 2 3 4 5 6 7 8 9 10 11 12 13 14);
}

/// # Safety
/// See [`super::tile::Run`].
#[target_feature(enable = "avx512f,avx512bf16")]
unsafe fn dot_rows<const R: usize, const V: usize>(
    strip: &Strip,
    span: Span,
    b: *const u8,
    out: Out,
) {
    // SAFETY: the caller's promise covers every address; a pair of bf16 has 32 bits.
    unsafe {
        let pair = |bits: std::arch::x86_64::__m512i| -> __m512bh { std::mem::transmute(bits) };
        let mut sums = begin::<R, V>(out);
        let mut b = b.cast::<i32>();
        for run in span.run..span.run + span.runs {
            let a: [*const i32; R] = std::array::from_fn(|row| {
                strip.rows[row].add(run * strip.run_bytes).cast::<i32>().add(span.step)
            });
            for k in 0..span.steps {
                let weights: [__m512bh; V] =
                    std::array::from_fn(|v| pair(_mm512_loadu_si512(b.add(16 * v).cast())));
                for row in 0..R {
                    let value = pair(_mm512_set1_epi32(a[row].add(k).read_unaligned()));
                    for v in 0..V {
                        sums[row][v] = _mm512_dpbf16_ps(sums[row][v], value, weights[v]);
                    }
                }
                b = b.add(16 * V);
            }
        }
        end(&sums, out);
    }
}
