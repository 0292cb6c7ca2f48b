//! Element-wise functions between layers.

use rayon::prelude::*;

use super::isa::{self, Isa, for_each_isa};
use super::values::{Element, Values, ValuesMut};
use super::vector::{Fma, activated};

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

for_each_isa! {
    fn apply_chunk[T: Element](out: &mut [T], x: &[T], activation: Activation) = apply_here;
}

#[inline(always)]
fn apply_here<T: Element>(fma: impl Fma, out: &mut [T], x: &[T], activation: Activation) {
    macro_rules! each {
        ($activation:expr) => {
            for (out, x) in out.iter_mut().zip(x) {
                *out = T::of(activated(fma, $activation, x.get()));
            }
        };
    }
    // A loop each, so that none has a branch in it.
    match activation {
        Activation::Silu => each!(Activation::Silu),
        Activation::Gelu => each!(Activation::Gelu),
        Activation::QuickGelu => each!(Activation::QuickGelu),
        Activation::Relu => each!(Activation::Relu),
    }
}

/// `out = activation(x)`; both are of one type and length.
pub fn apply(isa: Isa, out: ValuesMut<'_>, x: Values<'_>, activation: Activation) {
    fn run<T: Element>(isa: Isa, out: &mut [T], x: &[T], activation: Activation) {
        out.par_chunks_mut(CHUNK)
            .zip(x.par_chunks(CHUNK))
            .for_each(|(out, x)| apply_chunk(isa, out, x, activation));
    }
    match (out, x) {
        (ValuesMut::F32(out), Values::F32(x)) => run(isa, out, x, activation),
        (ValuesMut::Bf16(out), Values::Bf16(x)) => run(isa, out, x, activation),
        _ => unreachable!("input and output are of one type"),
    }
}

for_each_isa! {
    /// Sums of values of one type.
    pub(super) fn add_chunk[T: Element](out: &mut [T], a: &[T], b: &[T]) = add_here;
}

#[inline(always)]
fn add_here<T: Element>(_: impl Fma, out: &mut [T], a: &[T], b: &[T]) {
    for ((out, a), b) in out.iter_mut().zip(a).zip(b) {
        *out = T::of(a.get() + b.get());
    }
}

/// `out = a + b`; all are of one type and length.
pub fn add(isa: Isa, out: ValuesMut<'_>, a: Values<'_>, b: Values<'_>) {
    fn run<T: Element>(isa: Isa, out: &mut [T], a: &[T], b: &[T]) {
        out.par_chunks_mut(CHUNK)
            .zip(a.par_chunks(CHUNK).zip(b.par_chunks(CHUNK)))
            .for_each(|(out, (a, b))| add_chunk(isa, out, a, b));
    }
    match (out, a, b) {
        (ValuesMut::F32(out), Values::F32(a), Values::F32(b)) => run(isa, out, a, b),
        (ValuesMut::Bf16(out), Values::Bf16(a), Values::Bf16(b)) => run(isa, out, a, b),
        _ => unreachable!("inputs and output are of one type"),
    }
}
