//! Arithmetic on the processor: matrix products, convolution, attention, normalisation.
//!
//! Called by [`crate::ops::cpu`] alone. Everything works on plain `f32` slices, channels last
//! (`[batch, height, width, channels]` or `[batch, tokens, channels]`); nothing here knows what a
//! UNet is. The plain twin of each kernel is the candle backend ([`crate::ops::candle`]).
//! Work is cut into pieces whose size does not depend on the number of threads, so neither do
//! the results.

pub mod activation;
pub mod attention;
pub mod conv;
pub mod gemm;
pub mod norm;
