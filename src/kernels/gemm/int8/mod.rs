//! Linear layers with weights of 8 bits: a byte a weight, and four products a lane and instruction
//! (VPDPBUSD; with tiles TDPBUSD).
//!
//! Each column of weights is rounded to -127..=127 with a scale of its own; each row of values to
//! 0..=255 with a scale and a zero point of its own, as it comes. Products are summed in whole
//! numbers, exactly, so all microkernels give the same ones; then they are scaled and go through the
//! epilogue of [`super::epilogue`]. A row that holds NaN or infinity, or whose values lie further
//! apart than f32 reaches, comes out as NaN, and so does a column of such weights.

#[cfg(target_arch = "x86_64")]
mod avx2;
mod drive;
mod plain;
mod quantise;
#[cfg(test)]
mod tests;
#[cfg(target_arch = "x86_64")]
mod vnni;

use rayon::prelude::*;

use self::quantise::{PanelScales, rounded_weights, weight_scale};
use super::super::isa::Isa;
use super::super::memory::Memory;
use super::super::values::{Values, ValuesMut};
use super::tile::{PANEL, Run};
use super::{Extra, Gemm, Weights};

/// Values of depth in a step: a row of a tile.
const UNIT: usize = 64;
/// Columns that lie together, four values of depth each.
const HALF: usize = PANEL / 2;
/// The deepest product: more could leave the range of the sums.
const DEEPEST: usize = 1 << 16;

/// A microkernel over bytes. Strips are rows of whole steps in 0..=255; sums are whole numbers of 32
/// bits in the place of an [`super::tile::Out`]'s floats.
#[derive(Clone, Copy)]
struct Bytes {
    /// Rows of a strip.
    rows: usize,
    /// Whether it works on matrix tiles, which must be set up.
    tiles: bool,
    /// Steps that are worked on at once.
    steps: usize,
    /// The function.
    run: Run,
}

/// The microkernel for a processor.
#[cfg(target_arch = "x86_64")]
fn bytes(isa: Isa) -> Bytes {
    match isa {
        Isa::Amx if super::amx::multiplies_bytes() => {
            // A step takes two tiles of weights: only the first cache is that fast.
            Bytes { rows: 32, tiles: true, steps: 16, run: super::amx::BYTES }
        }
        Isa::Amx | Isa::Avx512Bf16 | Isa::Avx512 if is_x86_feature_detected!("avx512vnni") => {
            vnni::BYTES
        }
        Isa::Amx | Isa::Avx512Bf16 | Isa::Avx512 | Isa::Avx2 => avx2::BYTES,
        Isa::Plain => plain::BYTES,
    }
}

/// The microkernel for a processor.
#[cfg(not(target_arch = "x86_64"))]
fn bytes(_isa: Isa) -> Bytes {
    plain::BYTES
}

/// A linear layer's weights in 8 bits.
///
/// A panel is 32 columns wide; the last one may be half as wide. Within a panel lie steps of 64
/// values of depth, in each the half panels, in these four values of each column after the other.
/// Gated panels are half values, half gates. What the matrix does not fill is zero.
pub struct ByteWeights {
    memory: Memory,
    panels: Vec<PanelScales>,
    kernel: Bytes,
    depth: usize,
    columns: usize,
    gated: bool,
}

/// A panel's place and shape.
#[derive(Clone, Copy)]
struct Panel {
    /// First column that comes out.
    first: usize,
    /// Columns that come out.
    columns: usize,
    /// Whether it is a whole panel.
    wide: bool,
    /// Offset of its bytes.
    offset: usize,
}

/// Bytes that the packed weights of a linear layer take, but for what fills up the last columns.
#[must_use]
pub fn packed_bytes(output: usize, input: usize) -> usize {
    output * (input.next_multiple_of(UNIT) + size_of::<f32>() + size_of::<i32>())
}

impl Gemm {
    /// Packs a linear layer in 8 bits.
    #[must_use]
    pub fn pack_bytes(&self, weights: Weights<'_>) -> ByteWeights {
        ByteWeights::new(self.isa(), weights, weights.output, false)
    }

    /// Packs a linear layer in 8 bits whose second half of columns gates the first (GEGLU).
    #[must_use]
    pub fn pack_bytes_gated(&self, weights: Weights<'_>) -> ByteWeights {
        ByteWeights::new(self.isa(), weights, weights.output / 2, true)
    }

    /// `out = a · weights`, and what `extra` says, as [`Gemm::multiply`].
    pub fn multiply_bytes(
        &self,
        out: ValuesMut<'_>,
        a: Values<'_>,
        weights: &ByteWeights,
        extra: Extra<'_>,
    ) {
        drive::run(self.isa(), out, a, weights, extra);
    }
}

impl ByteWeights {
    fn new(isa: Isa, weights: Weights<'_>, columns: usize, gated: bool) -> Self {
        let Weights { values, input, .. } = weights;
        assert!(input <= DEEPEST, "sums of deeper products do not fit into 32 bits");
        let mut packed = Self {
            memory: Memory::default(),
            panels: Vec::new(),
            kernel: bytes(isa),
            depth: input,
            columns,
            gated,
        };
        let panels: Vec<Panel> = (0..packed.panel_count()).map(|at| packed.panel(at)).collect();
        let count = panels.last().map_or(0, |last| last.offset + packed.panel_bytes(last.wide));
        let mut memory = Memory::zeroed(count);
        packed.panels = memory
            .bytes_mut(count)
            .par_chunks_mut(packed.panel_bytes(true).max(1))
            .zip(&panels)
            .map(|(out, panel)| packed.fill(out, *panel, values))
            .collect();
        packed.memory = memory;
        packed
    }

    /// Rounds a panel's columns and lays them out.
    fn fill(&self, out: &mut [u8], panel: Panel, values: &[f32]) -> PanelScales {
        let halves = if panel.wide { 2 } else { 1 };
        let mut scales = PanelScales::default();
        let mut rounded = vec![0_i8; self.depth];
        for place in 0..halves * HALF {
            let (half, place_in_half) = (place / HALF, place % HALF);
            let column = if self.gated {
                (place_in_half < panel.columns)
                    .then_some(half * self.columns + panel.first + place_in_half)
            } else {
                (place < panel.columns).then_some(panel.first + place)
            };
            let Some(column) = column else { continue };
            let column = &values[column * self.depth..][..self.depth];
            let scale = weight_scale(column);
            scales.scales[place] = scale;
            scales.sums[place] = rounded_weights(&mut rounded, column, scale);
            for (step, rounded) in rounded.chunks(UNIT).enumerate() {
                let out = &mut out[(step * halves + half) * UNIT * HALF..][..UNIT * HALF];
                for (four, rounded) in rounded.chunks(4).enumerate() {
                    let out = &mut out[(four * HALF + place_in_half) * 4..][..rounded.len()];
                    for (out, rounded) in out.iter_mut().zip(rounded) {
                        *out = rounded.cast_unsigned();
                    }
                }
            }
        }
        scales
    }

    /// Steps of the depth.
    fn steps(&self) -> usize {
        self.depth.div_ceil(UNIT)
    }

    fn panel_bytes(&self, wide: bool) -> usize {
        self.steps() * step_bytes(wide)
    }

    fn panel_count(&self) -> usize {
        self.columns.div_ceil(if self.gated { HALF } else { PANEL })
    }

    fn panel(&self, index: usize) -> Panel {
        let each = if self.gated { HALF } else { PANEL };
        let first = index * each;
        let columns = (self.columns - first).min(each);
        let wide = self.gated || columns > HALF;
        Panel { first, columns, wide, offset: index * self.panel_bytes(true) }
    }

    /// Where a panel's step begins.
    fn address(&self, panel: Panel, step: usize) -> *const u8 {
        self.memory.address().wrapping_add(panel.offset + step * step_bytes(panel.wide))
    }

    /// Columns that come out.
    #[must_use]
    pub fn columns(&self) -> usize {
        self.columns
    }
}

/// Bytes of one step of a panel, of the whole panel or its first half.
fn step_bytes(wide: bool) -> usize {
    UNIT * if wide { PANEL } else { HALF }
}
