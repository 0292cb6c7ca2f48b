//! Element-wise functions, vectorised by `rten-vecmath` (errors of a few units in the last place).

use rayon::prelude::*;
use rten_vecmath::{Gelu, Silu, Swish};

/// The functions between layers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Activation {
    /// `x · sigmoid(x)`, also called swish.
    Silu,
    /// `x · Φ(x)` with the exact error function.
    Gelu,
    /// `x · sigmoid(1.702 x)`, CLIP's.
    QuickGelu,
    /// `max(x, 0)`.
    Relu,
}

/// Values that one task handles; fixed, whatever the number of threads.
pub(super) const CHUNK: usize = 16 * 1024;

/// Applies the function to a small slice on the calling thread.
pub fn apply_here(activation: Activation, values: &mut [f32]) {
    use rten_simd::SimdUnaryOp;
    match activation {
        Activation::Silu => Silu {}.map_mut(values),
        Activation::Gelu => Gelu {}.map_mut(values),
        Activation::QuickGelu => Swish { alpha: 1.702 }.map_mut(values),
        Activation::Relu => values.iter_mut().for_each(|x| *x = x.max(0.0)),
    }
}

/// Applies the function in place.
pub fn apply(activation: Activation, values: &mut [f32]) {
    values.par_chunks_mut(CHUNK).for_each(|chunk| apply_here(activation, chunk));
}

/// `out = x · gelu(gate)`, where each row of `both` is `[x, gate]` (GEGLU, Shazeer 2020).
pub fn geglu(out: &mut [f32], both: &[f32], width: usize) {
    let rows = (CHUNK / width).max(1);
    out.par_chunks_mut(rows * width).zip(both.par_chunks(2 * rows * width)).for_each(
        |(out, both)| {
            for (out, both) in out.chunks_exact_mut(width).zip(both.chunks_exact(2 * width)) {
                let (x, gate) = both.split_at(width);
                out.copy_from_slice(gate);
                apply_here(Activation::Gelu, out);
                out.iter_mut().zip(x).for_each(|(out, x)| *out *= x);
            }
        },
    );
}

/// `out += other`.
pub fn add(out: &mut [f32], other: &[f32]) {
    out.par_chunks_mut(CHUNK)
        .zip(other.par_chunks(CHUNK))
        .for_each(|(out, other)| out.iter_mut().zip(other).for_each(|(out, other)| *out += other));
}
