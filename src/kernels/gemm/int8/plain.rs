//! The microkernel in plain code: the twin of the others.

use super::super::tile::{Out, Span, Strip};
use super::{Bytes, HALF, UNIT};

pub(super) const BYTES: Bytes = Bytes { rows: 4, tiles: false, steps: 1 << 10, run: rows };

/// # Safety
/// See [`super::super::tile::Run`].
unsafe fn rows(strip: &Strip, span: Span, b: *const u8, out: Out) {
    let halves = if out.wide { 2 } else { 1 };
    for row in 0..strip.count {
        let a = strip.rows[row].wrapping_add(span.step * UNIT);
        // SAFETY: the caller's promise.
        let a = unsafe { std::slice::from_raw_parts(a, span.steps * UNIT) };
        for half in 0..halves {
            let mut sums = [0_i32; HALF];
            for (step, a) in a.chunks_exact(UNIT).enumerate() {
                let b = b.wrapping_add((step * halves + half) * UNIT * HALF).cast::<i8>();
                // SAFETY: the caller's promise.
                let b = unsafe { std::slice::from_raw_parts(b, UNIT * HALF) };
                for (a, b) in a.chunks_exact(4).zip(b.chunks_exact(4 * HALF)) {
                    for (sum, b) in sums.iter_mut().zip(b.chunks_exact(4)) {
                        for i in 0..4 {
                            *sum += i32::from(a[i]) * i32::from(b[i]);
                        }
                    }
                }
            }
            let out_row = out.begin.wrapping_add(row * out.stride + half * HALF).cast::<i32>();
            // SAFETY: the caller's promise.
            let out_row = unsafe { std::slice::from_raw_parts_mut(out_row, HALF) };
            for (out_value, sum) in out_row.iter_mut().zip(sums) {
                *out_value = if out.add { *out_value + sum } else { sum };
            }
        }
    }
}
