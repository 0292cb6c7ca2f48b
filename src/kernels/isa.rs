//! Which instructions the processor has, and which of them are used.
//!
//! Asked once when a backend is made; everything that follows is told its answer.

use std::fmt;
use std::str::FromStr;

pub(super) use super::vector::PLAIN;
#[cfg(target_arch = "x86_64")]
pub(super) use super::vector::{Dots, Fused};

/// Instruction sets that kernels are written for, the fastest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Isa {
    /// Intel's matrix tiles with bf16 products, beside AVX-512.
    Amx,
    /// AVX-512 with bf16 dot products.
    Avx512Bf16,
    /// AVX-512 (foundation, byte and word, double and quad word, vector length).
    Avx512,
    /// AVX2 with fused multiply-add.
    Avx2,
    /// Whatever the compiler makes of plain code; on ARM that is NEON.
    Plain,
}

/// What plain loops are compiled for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Vectors {
    /// 512 bits, and bf16 by one instruction.
    Avx512Bf16,
    /// 512 bits.
    Avx512,
    /// 256 bits.
    Avx2,
    /// The target's least.
    Plain,
}

/// A name that is no instruction set, or one that this processor lacks.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum IsaError {
    /// Not a name.
    #[error("There are no instructions called '{0}'. Known: amx, avx512-bf16, avx512, avx2, plain")]
    Unknown(String),
    /// A name, but not here.
    #[error("This processor has no {0} instructions; leave the choice to the program")]
    Missing(Isa),
}

impl Isa {
    /// All of them, the fastest first.
    pub const ALL: [Self; 5] = [Self::Amx, Self::Avx512Bf16, Self::Avx512, Self::Avx2, Self::Plain];

    /// The name on the command line.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Amx => "amx",
            Self::Avx512Bf16 => "avx512-bf16",
            Self::Avx512 => "avx512",
            Self::Avx2 => "avx2",
            Self::Plain => "plain",
        }
    }

    /// The fastest that this processor has.
    #[must_use]
    pub fn best() -> Self {
        Self::ALL.into_iter().find(|isa| isa.available()).unwrap_or(Self::Plain)
    }

    /// Whether this processor, and the system on it, can run it.
    #[cfg(target_arch = "x86_64")]
    #[must_use]
    pub fn available(self) -> bool {
        match self {
            Self::Amx => Self::Avx512Bf16.available() && super::gemm::amx::available(),
            Self::Avx512Bf16 => Self::Avx512.available() && is_x86_feature_detected!("avx512bf16"),
            Self::Avx512 => {
                Self::Avx2.available()
                    && is_x86_feature_detected!("avx512f")
                    && is_x86_feature_detected!("avx512bw")
                    && is_x86_feature_detected!("avx512dq")
                    && is_x86_feature_detected!("avx512vl")
            }
            Self::Avx2 => is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma"),
            Self::Plain => true,
        }
    }

    /// Whether this processor, and the system on it, can run it.
    #[cfg(not(target_arch = "x86_64"))]
    #[must_use]
    pub fn available(self) -> bool {
        self == Self::Plain
    }

    /// Whether bf16 products are faster here than f32 ones. Intel's processors work on bf16 dot
    /// products at half the pace of fused multiply-adds, AMD's at the full one.
    #[must_use]
    pub fn gains_by_bf16(self) -> bool {
        match self {
            Self::Amx => true,
            Self::Avx512Bf16 => fast_dot_products(),
            _ => false,
        }
    }

    pub(super) fn vectors(self) -> Vectors {
        match self {
            Self::Amx | Self::Avx512Bf16 => Vectors::Avx512Bf16,
            Self::Avx512 => Vectors::Avx512,
            Self::Avx2 => Vectors::Avx2,
            Self::Plain => Vectors::Plain,
        }
    }
}

/// Whether the processor is AMD's.
#[cfg(target_arch = "x86_64")]
fn fast_dot_products() -> bool {
    let name = std::arch::x86_64::__cpuid(0);
    let name = [name.ebx, name.edx, name.ecx].map(u32::to_le_bytes).concat();
    name == b"AuthenticAMD"
}

#[cfg(not(target_arch = "x86_64"))]
fn fast_dot_products() -> bool {
    false
}

impl fmt::Display for Isa {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Isa {
    type Err = IsaError;

    fn from_str(name: &str) -> Result<Self, IsaError> {
        let isa = Self::ALL.into_iter().find(|isa| isa.name() == name);
        let isa = isa.ok_or_else(|| IsaError::Unknown(name.to_owned()))?;
        if isa.available() { Ok(isa) } else { Err(IsaError::Missing(isa)) }
    }
}

/// Makes a function that runs `$body` compiled for the vectors of an [`Isa`]; its first argument is
/// what tells about them, see [`super::vector::Fma`]. Uses this module under its own name.
macro_rules! for_each_isa {
    ($(#[$doc:meta])* $vis:vis fn $name:ident $([$($generic:ident: $bound:path),+])? ($($arg:ident: $type:ty),* $(,)?) $(-> $out:ty)? = $body:path;) => {
        $(#[$doc])*
        $vis fn $name $(<$($generic: $bound),+>)? (isa: isa::Isa, $($arg: $type),*) $(-> $out)? {
            #[cfg(target_arch = "x86_64")]
            {
                use isa::{Dots, Fused, Vectors};
                #[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512bf16,avx2,fma")]
                fn avx512_bf16 $(<$($generic: $bound),+>)? ($($arg: $type),*) $(-> $out)? {
                    $body(Dots, $($arg),*)
                }
                #[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx2,fma")]
                fn avx512 $(<$($generic: $bound),+>)? ($($arg: $type),*) $(-> $out)? {
                    $body(Fused, $($arg),*)
                }
                #[target_feature(enable = "avx2,fma")]
                fn avx2 $(<$($generic: $bound),+>)? ($($arg: $type),*) $(-> $out)? {
                    $body(Fused, $($arg),*)
                }
                match isa.vectors() {
                    Vectors::Avx512Bf16 => {
                        // SAFETY: an `Isa` other than `Plain` is only made where it is available.
                        return unsafe { avx512_bf16($($arg),*) };
                    }
                    Vectors::Avx512 => {
                        // SAFETY: an `Isa` other than `Plain` is only made where it is available.
                        return unsafe { avx512($($arg),*) };
                    }
                    Vectors::Avx2 => {
                        // SAFETY: an `Isa` other than `Plain` is only made where it is available.
                        return unsafe { avx2($($arg),*) };
                    }
                    Vectors::Plain => {}
                }
            }
            #[cfg(not(target_arch = "x86_64"))]
            let _isa = isa;
            $body(isa::PLAIN, $($arg),*)
        }
    };
}
pub(super) use for_each_isa;
