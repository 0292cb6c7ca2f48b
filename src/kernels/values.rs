//! Numbers as they lie in memory: f32, or bf16 in half the room.

use half::bf16;

/// How numbers are stored.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum DType {
    /// 32 bits.
    #[default]
    F32,
    /// The upper 16 bits of an f32.
    Bf16,
}

impl DType {
    /// Bytes of one number.
    #[must_use]
    pub fn size(self) -> usize {
        match self {
            Self::F32 => 4,
            Self::Bf16 => 2,
        }
    }
}

/// Numbers of either type, to be read.
#[derive(Clone, Copy, Debug)]
pub enum Values<'a> {
    /// f32.
    F32(&'a [f32]),
    /// bf16.
    Bf16(&'a [bf16]),
}

/// Numbers of either type, to be written.
#[derive(Debug)]
pub enum ValuesMut<'a> {
    /// f32.
    F32(&'a mut [f32]),
    /// bf16.
    Bf16(&'a mut [bf16]),
}

impl Values<'_> {
    /// Those from a place on.
    #[must_use]
    pub fn after(self, first: usize) -> Self {
        match self {
            Self::F32(values) => Self::F32(&values[first..]),
            Self::Bf16(values) => Self::Bf16(&values[first..]),
        }
    }

    /// How many.
    #[must_use]
    pub fn len(&self) -> usize {
        match self {
            Self::F32(values) => values.len(),
            Self::Bf16(values) => values.len(),
        }
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// How they are stored.
    #[must_use]
    pub fn dtype(&self) -> DType {
        match self {
            Self::F32(_) => DType::F32,
            Self::Bf16(_) => DType::Bf16,
        }
    }

    /// Their first byte.
    pub(super) fn address(&self) -> *const u8 {
        match self {
            Self::F32(values) => values.as_ptr().cast(),
            Self::Bf16(values) => values.as_ptr().cast(),
        }
    }
}

impl ValuesMut<'_> {
    /// How many.
    #[must_use]
    pub fn len(&self) -> usize {
        match self {
            Self::F32(values) => values.len(),
            Self::Bf16(values) => values.len(),
        }
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// A number that is computed with as f32 and stored as itself.
pub trait Element: Copy + Send + Sync + Default + 'static {
    /// Its name.
    const DTYPE: DType;
    /// Its value.
    fn get(self) -> f32;
    /// The nearest to a value, ties to even.
    fn of(value: f32) -> Self;
    /// A value that is known to be one of this type.
    fn exactly(value: f32) -> Self;
    /// Numbers that are known to be of this type.
    fn typed(values: Values<'_>) -> &[Self];
}

/// A number of one type as another.
#[inline(always)]
pub(super) fn converted<A: Element, B: Element>(value: A) -> B {
    match A::DTYPE {
        // All bf16 are f32.
        DType::Bf16 => B::exactly(value.get()),
        DType::F32 => B::of(value.get()),
    }
}

impl Element for f32 {
    const DTYPE: DType = DType::F32;

    #[inline(always)]
    fn get(self) -> f32 {
        self
    }

    #[inline(always)]
    fn of(value: f32) -> Self {
        value
    }

    #[inline(always)]
    fn exactly(value: f32) -> Self {
        value
    }

    fn typed(values: Values<'_>) -> &[Self] {
        match values {
            Values::F32(values) => values,
            Values::Bf16(_) => unreachable!("the values are f32"),
        }
    }
}

impl Element for bf16 {
    const DTYPE: DType = DType::Bf16;

    #[inline(always)]
    fn get(self) -> f32 {
        f32::from_bits(u32::from(self.to_bits()) << 16)
    }

    // Written without branches, so that it runs over whole vectors.
    #[inline(always)]
    fn of(value: f32) -> Self {
        let bits = value.to_bits();
        let rounded = bits.wrapping_add(0x7fff + ((bits >> 16) & 1));
        let kept = if value.is_nan() { bits | 0x0040_0000 } else { rounded };
        Self::from_bits((kept >> 16) as u16)
    }

    #[inline(always)]
    fn exactly(value: f32) -> Self {
        Self::from_bits((value.to_bits() >> 16) as u16)
    }

    fn typed(values: Values<'_>) -> &[Self] {
        match values {
            Values::Bf16(values) => values,
            Values::F32(_) => unreachable!("the values are bf16"),
        }
    }
}

/// Runs code for the type of a [`Values`] or [`ValuesMut`].
macro_rules! with_values {
    ($enum:ident, $values:expr, $name:ident => $body:expr) => {
        match $values {
            $enum::F32($name) => $body,
            $enum::Bf16($name) => $body,
        }
    };
}
pub(super) use with_values;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bf16_rounds_as_half_does() {
        let values = [
            0.0,
            -0.0,
            1.0,
            1.003_906_3,
            1.011_718_8,
            -3.3e38,
            3.4e38,
            1e-40,
            f32::INFINITY,
            f32::NEG_INFINITY,
            0.1,
            1e-3,
        ];
        for value in values {
            let (own, theirs) = (<bf16 as Element>::of(value), bf16::from_f32(value));
            assert_eq!(own.to_bits(), theirs.to_bits(), "{value}");
            assert_eq!(own.get(), theirs.to_f32());
        }
        assert!(<bf16 as Element>::of(f32::NAN).get().is_nan());
    }
}
