//! Constant right-hand matrices, laid out as a microkernel reads them.
//!
//! A panel is as wide as the kernel; the last one may be half as wide. Within a panel lie the
//! runs, within a run its steps, within a step its half panels, and there pairs of depth for each
//! column (f32: single values). What the matrix does not fill is zero.

use half::bf16;
use rayon::prelude::*;

use super::super::memory::Memory;
use super::super::values::{DType, Element};
use super::tile::Kernel;

/// Values of each column's runs that are moved together: those of a 3×3 convolution come from the
/// same few cache lines then, and all that is written lies in the first cache.
const DEPTHS: usize = 16;

/// A matrix of `runs · run_length` rows, ready for a kernel.
pub struct PackedWeights {
    memory: Memory,
    kernel: Kernel,
    /// Runs of the depth.
    pub(in super::super) runs: usize,
    /// Values of a run.
    pub(in super::super) run_length: usize,
    /// Columns that come out: half of the matrix's where they are gated.
    pub(in super::super) columns: usize,
    /// Whether each panel is half values, half gates.
    pub(in super::super) gated: bool,
}

/// A matrix as it is stored: each column's values together.
#[derive(Clone, Copy)]
pub(in super::super) struct Columns<'a> {
    /// All of them.
    pub values: &'a [f32],
    /// Values from one column to the next.
    pub stride: usize,
}

/// A panel's place and shape.
#[derive(Clone, Copy)]
pub(in super::super) struct Panel {
    /// First column that comes out.
    pub first: usize,
    /// Columns that come out.
    pub columns: usize,
    /// Whether it is a whole panel.
    pub wide: bool,
    /// Offset of its bytes.
    offset: usize,
}

impl PackedWeights {
    /// Packs a matrix. `at` says where within each column the value lies that belongs to a run and a
    /// place in it; where it says nothing there are zeros. With `gated`, column `columns + c` holds
    /// the gate of column `c`.
    pub(in super::super) fn new(
        kernel: Kernel,
        (runs, run_length): (usize, usize),
        columns: usize,
        gated: bool,
        source: Columns<'_>,
        at: impl Fn(usize, usize) -> Option<usize> + Sync,
    ) -> Self {
        let mut packed =
            Self { memory: Memory::default(), kernel, runs, run_length, columns, gated };
        let panels: Vec<Panel> = (0..packed.panels()).map(|index| packed.panel(index)).collect();
        let whole = packed.panel_bytes(true);
        let bytes = panels.last().map_or(0, |last| last.offset + packed.panel_bytes(last.wide));
        let mut memory = Memory::zeroed(bytes);
        let size = kernel.b.size();
        match kernel.b {
            DType::F32 => memory
                .slice_mut::<f32>(bytes / size)
                .par_chunks_mut(whole / size)
                .zip(&panels)
                .for_each(|(out, panel)| packed.fill(out, *panel, source, &at)),
            DType::Bf16 => memory
                .slice_mut::<bf16>(bytes / size)
                .par_chunks_mut(whole / size)
                .zip(&panels)
                .for_each(|(out, panel)| packed.fill(out, *panel, source, &at)),
        }
        packed.memory = memory;
        packed
    }

    fn fill<T: Element>(
        &self,
        out: &mut [T],
        panel: Panel,
        source: Columns<'_>,
        at: &impl Fn(usize, usize) -> Option<usize>,
    ) {
        let Kernel { columns: width, unit, .. } = self.kernel;
        let half = width / 2;
        let halves = if panel.wide { 2 } else { 1 };
        let pair = if T::DTYPE == DType::Bf16 { 2 } else { 1 };
        let steps = self.kernel.steps(self.run_length);
        // Where a value is taken from within its column, and where it goes to within the panel.
        let mut moves = Vec::with_capacity(self.runs * DEPTHS);
        for depths in (0..self.run_length).step_by(DEPTHS) {
            moves.clear();
            let depths = depths..(depths + DEPTHS).min(self.run_length);
            for (run, depth) in (0..self.runs).flat_map(|run| depths.clone().map(move |d| (run, d)))
            {
                let (step, row) = (run * steps + depth / unit, depth % unit);
                let to = step * halves * unit * half + row / pair * pair * half + row % pair;
                moves.extend(at(run, depth).map(|from| (from, to)));
            }
            for part in 0..halves {
                let (first, count) = if self.gated {
                    (panel.first + part * self.columns, panel.columns)
                } else {
                    (panel.first + part * half, panel.columns.saturating_sub(part * half).min(half))
                };
                for column in 0..count {
                    let values = &source.values[(first + column) * source.stride..];
                    let out = &mut out[part * unit * half + column * pair..];
                    for (from, to) in &moves {
                        out[*to] = T::of(values[*from]);
                    }
                }
            }
        }
    }

    fn panel_bytes(&self, wide: bool) -> usize {
        self.runs * self.kernel.steps(self.run_length) * self.kernel.step_bytes(wide)
    }

    /// How many panels there are.
    pub(in super::super) fn panels(&self) -> usize {
        self.columns.div_ceil(if self.gated {
            self.kernel.columns / 2
        } else {
            self.kernel.columns
        })
    }

    /// One of them.
    pub(in super::super) fn panel(&self, index: usize) -> Panel {
        let width = self.kernel.columns;
        let each = if self.gated { width / 2 } else { width };
        let first = index * each;
        let columns = (self.columns - first).min(each);
        let wide = self.gated || columns > width / 2;
        Panel { first, columns, wide, offset: index * self.panel_bytes(true) }
    }

    /// Where a panel's step begins.
    pub(in super::super) fn address(&self, panel: Panel, run: usize, step: usize) -> *const u8 {
        let steps = run * self.kernel.steps(self.run_length) + step;
        let offset = panel.offset + steps * self.kernel.step_bytes(panel.wide);
        self.memory.address().wrapping_add(offset)
    }

    /// The kernel it is laid out for.
    pub(in super::super) fn kernel(&self) -> &Kernel {
        &self.kernel
    }

    /// Columns that come out.
    #[must_use]
    pub fn columns(&self) -> usize {
        self.columns
    }

    /// Rows of the matrix: the width of what is multiplied in.
    #[must_use]
    pub fn depth(&self) -> usize {
        self.runs * self.run_length
    }
}
