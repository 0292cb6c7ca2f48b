//! Matrix products with packed weights, chosen for the processor at run time, and what is fused
//! to them.
//!
//! [`Gemm::multiply`] is a linear layer; [`super::conv`] runs images through the same driver and
//! [`super::attention`] the same microkernels. Work is cut into blocks of rows and panels of
//! columns; each value of the output is summed by one task in one order, whatever the number of
//! threads.

#[cfg(target_arch = "x86_64")]
pub(super) mod amx;
#[cfg(target_arch = "x86_64")]
mod avx2;
#[cfg(target_arch = "x86_64")]
pub(super) mod avx512;
#[cfg(target_arch = "x86_64")]
mod avx512_bf16;
mod drive;
mod epilogue;
pub(super) mod int8;
mod pack;
mod plain;
pub(super) mod rows;
#[cfg(test)]
pub(super) mod tests;
pub(super) mod tile;

pub use self::drive::Extra;
pub use self::int8::{ByteWeights, packed_bytes};
pub(super) use self::pack::Columns;
pub use self::pack::PackedWeights;
use self::rows::{Windows, packed_channels};
use self::tile::Kernel;
use super::isa::Isa;
use super::values::{DType, Values, ValuesMut};

/// Makes and multiplies packed weights.
#[derive(Clone, Copy)]
pub struct Gemm {
    isa: Isa,
    weights: DType,
    kernel: Kernel,
}

/// Constant weights of a linear layer as they are stored.
#[derive(Clone, Copy)]
pub struct Weights<'a> {
    /// `[output, input]`.
    pub values: &'a [f32],
    /// Width that comes out of the product: with a gate twice what comes out in the end.
    pub output: usize,
    /// Width that goes in.
    pub input: usize,
}

impl Gemm {
    /// Products with weights stored as `weights` by the instructions of `isa`.
    #[must_use]
    pub fn new(isa: Isa, weights: DType) -> Self {
        Self { isa, weights, kernel: kernel(isa, weights) }
    }

    /// The instructions in use.
    #[must_use]
    pub fn isa(&self) -> Isa {
        self.isa
    }

    /// How weights are stored.
    #[must_use]
    pub fn weights(&self) -> DType {
        self.weights
    }

    /// How values are best stored that will be multiplied from the left.
    #[must_use]
    pub fn input(&self) -> DType {
        self.kernel.a
    }

    /// The microkernel.
    pub(super) fn kernel(&self) -> Kernel {
        self.kernel
    }

    /// Packs a linear layer.
    #[must_use]
    pub fn pack(&self, weights: Weights<'_>) -> PackedWeights {
        self.pack_linear(weights, weights.output, false)
    }

    /// Packs a linear layer whose second half of columns gates the first (GEGLU).
    #[must_use]
    pub fn pack_gated(&self, weights: Weights<'_>) -> PackedWeights {
        self.pack_linear(weights, weights.output / 2, true)
    }

    fn pack_linear(&self, weights: Weights<'_>, columns: usize, gated: bool) -> PackedWeights {
        let Weights { values, input, .. } = weights;
        let depth = packed_channels(&self.kernel, input);
        let source = Columns { values, stride: input };
        PackedWeights::new(self.kernel, (1, depth), columns, gated, source, |_, k| {
            (k < input).then_some(k)
        })
    }

    /// `out = a · weights`, and what `extra` says. `a` has rows of `input` values, `out` rows of
    /// `weights.columns()`.
    pub fn multiply(
        &self,
        out: ValuesMut<'_>,
        a: Values<'_>,
        input: usize,
        weights: &PackedWeights,
        extra: Extra<'_>,
    ) {
        drive::run(self.isa, out, &Windows::matrix(a, input), weights, extra);
    }

    /// The product of an image's windows with weights, and what `extra` says.
    pub(super) fn multiply_windows(
        &self,
        out: ValuesMut<'_>,
        windows: &Windows<'_>,
        weights: &PackedWeights,
        extra: Extra<'_>,
    ) {
        drive::run(self.isa, out, windows, weights, extra);
    }
}

/// The microkernel for weights of a type.
#[cfg(target_arch = "x86_64")]
pub(super) fn kernel(isa: Isa, weights: DType) -> Kernel {
    match (isa, weights) {
        (Isa::Amx, DType::Bf16) => amx::BF16,
        (Isa::Avx512Bf16, DType::Bf16) if isa.gains_by_bf16() => avx512_bf16::BF16,
        (Isa::Avx512Bf16 | Isa::Avx512, DType::Bf16) => avx512::BF16,
        (Isa::Amx | Isa::Avx512Bf16 | Isa::Avx512, DType::F32) => avx512::F32,
        (Isa::Avx2, DType::F32) => avx2::F32,
        (Isa::Avx2, DType::Bf16) => avx2::BF16,
        (Isa::Plain, DType::F32) => plain::F32,
        (Isa::Plain, DType::Bf16) => plain::BF16,
    }
}

/// The microkernel for weights of a type.
#[cfg(not(target_arch = "x86_64"))]
pub(super) fn kernel(_isa: Isa, weights: DType) -> Kernel {
    match weights {
        DType::F32 => plain::F32,
        DType::Bf16 => plain::BF16,
    }
}
