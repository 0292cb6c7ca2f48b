//! Arithmetic on the processor: matrix products, convolution, attention, normalisation.
//!
//! Called by [`crate::ops::cpu`] alone. Everything works on plain slices of f32 or bf16, channels
//! last (`[batch, height, width, channels]` or `[batch, tokens, channels]`); nothing here knows
//! what a UNet is. The instructions are chosen at run time ([`isa`]); the plain twin of each
//! kernel is its own [`isa::Isa::Plain`] form, and the candle backend ([`crate::ops::candle`]) is
//! the twin of them all. Work is cut into pieces whose size does not depend on the number of
//! threads, so neither do the results.

// Unsafe code is denied everywhere but in this room, see `Cargo.toml`.
#![allow(unsafe_code, reason = "vector instructions and their addresses")]
#![allow(
    clippy::inline_always,
    reason = "bodies must become part of functions compiled for an instruction set"
)]
#![allow(clippy::needless_range_loop, reason = "a lane is the same place in several arrays")]
#![allow(clippy::cast_ptr_alignment, reason = "vector loads need no alignment")]

pub mod activation;
pub mod attention;
pub mod conv;
mod convert;
pub mod gemm;
pub mod isa;
pub mod layout;
pub mod likeness;
pub mod memory;
pub mod moments;
pub mod norm;
pub mod peak;
pub mod values;
mod vector;
mod winograd;
