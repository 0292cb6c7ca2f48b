//! Functions on single numbers, written so that loops over them become vector code: no branches,
//! no calls. Loops are compiled once for each [`super::isa::Isa`].

use super::activation::Activation;
#[cfg(target_arch = "x86_64")]
use super::values::DType;
use super::values::Element;

/// Whether `a·b + c` is one instruction, and how numbers are shortened.
pub(super) trait Fma: Copy {
    /// `a·b + c`, rounded once or twice.
    fn mul_add(self, a: f32, b: f32, c: f32) -> f32;

    /// Stores values, each as the nearest that there is.
    #[inline(always)]
    fn put<T: Element, const N: usize>(self, out: &mut [T; N], values: &[f32; N]) {
        for i in 0..N {
            out[i] = T::of(values[i]);
        }
    }
}

/// It is.
#[derive(Clone, Copy)]
pub(super) struct Fused;

/// It is, and so is shortening sixteen numbers to bf16.
#[cfg(target_arch = "x86_64")]
#[derive(Clone, Copy)]
pub(super) struct Dots;

#[cfg(target_arch = "x86_64")]
impl Fma for Dots {
    #[inline(always)]
    fn mul_add(self, a: f32, b: f32, c: f32) -> f32 {
        a.mul_add(b, c)
    }

    #[inline(always)]
    fn put<T: Element, const N: usize>(self, out: &mut [T; N], values: &[f32; N]) {
        use std::arch::x86_64::{
            __m256i, _mm256_storeu_si256, _mm512_cvtneps_pbh, _mm512_loadu_ps,
        };
        if T::DTYPE == DType::F32 || !N.is_multiple_of(16) {
            return Fused.put(out, values);
        }
        for at in (0..N).step_by(16) {
            // SAFETY: made in functions for these instructions only; sixteen values of each slice.
            unsafe {
                let short = _mm512_cvtneps_pbh(_mm512_loadu_ps(values.as_ptr().add(at)));
                let short: __m256i = std::mem::transmute(short);
                _mm256_storeu_si256(out.as_mut_ptr().add(at).cast(), short);
            }
        }
    }
}

/// It is not.
#[cfg(not(target_arch = "aarch64"))]
#[derive(Clone, Copy)]
pub(super) struct Separate;

/// What the target has at the least.
#[cfg(target_arch = "aarch64")]
pub(super) const PLAIN: Fused = Fused;
/// What the target has at the least.
#[cfg(not(target_arch = "aarch64"))]
pub(super) const PLAIN: Separate = Separate;

impl Fma for Fused {
    #[inline(always)]
    fn mul_add(self, a: f32, b: f32, c: f32) -> f32 {
        a.mul_add(b, c)
    }
}

#[cfg(not(target_arch = "aarch64"))]
impl Fma for Separate {
    #[inline(always)]
    fn mul_add(self, a: f32, b: f32, c: f32) -> f32 {
        a * b + c
    }
}

/// Adding and taking it away again rounds to whole numbers (1.5 · 2^23).
const ROUND: f32 = 12_582_912.0;

/// `2^x` for `x` in -126..=0, nearer to zero than to 3e-7 of the value (with `SHORT` 4e-6, which is
/// enough for bf16); below, the value at the bound. NaN stays NaN.
#[inline(always)]
pub(super) fn exp2_share<const SHORT: bool>(fma: impl Fma, x: f32) -> f32 {
    let clamped = if x < -126.0 { -126.0 } else { x };
    let shifted = clamped + ROUND;
    let rest = clamped - (shifted - ROUND);
    let p = if SHORT {
        // Minimax on -0.5..=0.5.
        let mut p = 9.600_4e-3;
        p = fma.mul_add(p, rest, 5.591_689e-2);
        p = fma.mul_add(p, rest, 2.402_371_8e-1);
        p = fma.mul_add(p, rest, 6.931_22e-1);
        fma.mul_add(p, rest, 1.0)
    } else {
        exp2_near_zero(fma, rest)
    };
    p * f32::from_bits((shifted.to_bits() << 23).wrapping_add(1.0_f32.to_bits()))
}

/// `2^x` for `x` in -126..=127, nearer to zero than to 3e-7 of the value; beyond, the value at the
/// bound. NaN stays NaN.
#[inline(always)]
pub(super) fn exp2(fma: impl Fma, x: f32) -> f32 {
    let clamped = if x < -126.0 { -126.0 } else { x };
    let clamped = if clamped > 127.0 { 127.0 } else { clamped };
    let shifted = clamped + ROUND;
    let rest = clamped - (shifted - ROUND);
    let p = exp2_near_zero(fma, rest);
    // The whole number lies in the lowest bits. A product keeps NaN.
    p * f32::from_bits((shifted.to_bits() << 23).wrapping_add(1.0_f32.to_bits()))
}

/// `2^x` in -0.5..=0.5, minimax.
#[inline(always)]
fn exp2_near_zero(fma: impl Fma, x: f32) -> f32 {
    let mut p = 1.535_336_2e-4;
    p = fma.mul_add(p, x, 1.339_887_4e-3);
    p = fma.mul_add(p, x, 9.618_437e-3);
    p = fma.mul_add(p, x, 5.550_332_5e-2);
    p = fma.mul_add(p, x, 2.402_264_6e-1);
    p = fma.mul_add(p, x, 6.931_472e-1);
    fma.mul_add(p, x, 1.0)
}

/// `e^x`, as [`exp2`].
#[inline(always)]
pub(super) fn exp(fma: impl Fma, x: f32) -> f32 {
    exp2(fma, x * std::f32::consts::LOG2_E)
}

/// `1 / (1 + e^-x)`.
#[inline(always)]
pub(super) fn sigmoid(fma: impl Fma, x: f32) -> f32 {
    1.0 / (1.0 + exp(fma, -x))
}

/// The error function within 2e-7 (Abramowitz & Stegun 7.1.26, whose own error is 1.5e-7).
#[inline(always)]
fn erf(fma: impl Fma, x: f32) -> f32 {
    let positive = x.abs();
    let t = 1.0 / fma.mul_add(0.327_591_1, positive, 1.0);
    let mut p = 1.061_405_4;
    p = fma.mul_add(p, t, -1.453_152_1);
    p = fma.mul_add(p, t, 1.421_413_8);
    p = fma.mul_add(p, t, -0.284_496_72);
    p = fma.mul_add(p, t, 0.254_829_6);
    let value = 1.0 - p * t * exp(fma, -positive * positive);
    value.copysign(x)
}

/// `x · Φ(x)`.
#[inline(always)]
pub(super) fn gelu(fma: impl Fma, x: f32) -> f32 {
    0.5 * x * (1.0 + erf(fma, x * std::f32::consts::FRAC_1_SQRT_2))
}

/// The function between layers.
#[inline(always)]
pub(super) fn activated(fma: impl Fma, activation: Activation, x: f32) -> f32 {
    match activation {
        Activation::Silu => x * sigmoid(fma, x),
        Activation::Gelu => gelu(fma, x),
        Activation::QuickGelu => x * sigmoid(fma, 1.702 * x),
        // As `max` does not: NaN stays.
        Activation::Relu => {
            if x < 0.0 {
                0.0
            } else {
                x
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exponentials_are_near_and_keep_nan() {
        for i in -12_600..=12_700 {
            let x = i as f32 / 100.0;
            let wanted = f64::from(x).exp2();
            let near = |value: f32, bound: f64| (f64::from(value) / wanted - 1.0).abs() < bound;
            assert!(near(exp2(Fused, x), 3e-7), "{x}");
            if x <= 0.0 {
                assert!(near(exp2_share::<false>(Fused, x), 3e-7), "{x}");
                assert!(near(exp2_share::<true>(Fused, x), 4e-6), "{x}");
            }
        }
        assert!(exp2(Fused, f32::NAN).is_nan() && exp2_share::<true>(Fused, f32::NAN).is_nan());
        assert!(exp2_share::<false>(Fused, f32::NEG_INFINITY) < 1e-37);
    }

    #[test]
    fn activations_are_near() {
        for i in -2000..=2000 {
            let x = i as f32 / 100.0;
            let wide = f64::from(x);
            let check = |activation, wanted: f64| {
                let error = (f64::from(activated(Fused, activation, x)) - wanted).abs();
                assert!(error < 1e-6 * (1.0 + wide.abs()), "{activation:?} {x}: {error}");
            };
            check(Activation::Silu, wide / (1.0 + (-wide).exp()));
            check(Activation::QuickGelu, wide / (1.0 + (-1.702 * wide).exp()));
            check(Activation::Relu, wide.max(0.0));
        }
        assert!(activated(Fused, Activation::Relu, f32::NAN).is_nan());
    }
}
