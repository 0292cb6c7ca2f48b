//! Copies between number types.

use half::bf16;

use super::isa::{self, Isa, for_each_isa};
use super::values::{DType, Element, Values, converted};
use super::vector::Fma;

for_each_isa! {
    fn widen(out: &mut [f32], from: &[bf16]) = convert;
}

for_each_isa! {
    fn narrow(out: &mut [bf16], from: &[f32]) = convert;
}

#[inline(always)]
fn convert<A: Element, B: Element>(_: impl Fma, out: &mut [B], from: &[A]) {
    for (out, from) in out.iter_mut().zip(from) {
        *out = converted(*from);
    }
}

/// Fills `out` with the values from `begin` on.
pub(super) fn copy_converted<T: Element>(isa: Isa, out: &mut [T], from: Values<'_>, begin: usize) {
    match from {
        Values::F32(from) => convert_slice(isa, out, &from[begin..][..out.len()]),
        Values::Bf16(from) => convert_slice(isa, out, &from[begin..][..out.len()]),
    }
}

/// `out = from`, value by value.
pub(super) fn convert_slice<A: Element, B: Element>(isa: Isa, out: &mut [B], from: &[A]) {
    // SAFETY: the types are compared before a slice is taken for one of the other's type.
    unsafe {
        match (A::DTYPE, B::DTYPE) {
            (DType::F32, DType::F32) | (DType::Bf16, DType::Bf16) => {
                out.copy_from_slice(std::slice::from_raw_parts(from.as_ptr().cast(), from.len()));
            }
            (DType::Bf16, DType::F32) => widen(
                isa,
                std::slice::from_raw_parts_mut(out.as_mut_ptr().cast(), out.len()),
                std::slice::from_raw_parts(from.as_ptr().cast(), from.len()),
            ),
            (DType::F32, DType::Bf16) => narrow(
                isa,
                std::slice::from_raw_parts_mut(out.as_mut_ptr().cast(), out.len()),
                std::slice::from_raw_parts(from.as_ptr().cast(), from.len()),
            ),
        }
    }
}
