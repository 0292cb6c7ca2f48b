//! Keys and values of one head, laid out as a microkernel reads them: like
//! [`super::super::gemm::PackedWeights`], but made anew for each call, so in memory that is used
//! again and by loops that run over vectors.

use super::super::gemm::tile::Kernel;
use super::super::isa::{self, for_each_isa};
use super::super::values::{DType, Element, converted};
use super::super::vector::Fma;

/// The deepest step of a kernel, and its widest half panel, in values.
const MOST: usize = 32;

/// Where the parts of a matrix of `depth` rows and `columns` lie.
#[derive(Clone, Copy)]
pub(super) struct Layout {
    kernel: Kernel,
    depth: usize,
    columns: usize,
}

/// Rows of a matrix in a larger one.
#[derive(Clone, Copy)]
pub(super) struct Rows<'a, S> {
    /// All values, the first row's first.
    pub values: &'a [S],
    /// From row to row.
    pub stride: usize,
}

impl Layout {
    /// Of a matrix for a kernel.
    pub(super) fn new(kernel: Kernel, depth: usize, columns: usize) -> Self {
        Self { kernel, depth, columns }
    }

    /// Panels of columns; the last may be half as wide.
    pub(super) fn panels(&self) -> usize {
        self.columns.div_ceil(self.kernel.columns)
    }

    /// Whether a panel is whole.
    pub(super) fn wide(&self, panel: usize) -> bool {
        self.columns - panel * self.kernel.columns > self.kernel.columns / 2
    }

    /// Bytes of all.
    pub(super) fn bytes(&self) -> usize {
        let last = self.panels() - 1;
        self.offset(last, 0)
            + self.kernel.steps(self.depth) * self.kernel.step_bytes(self.wide(last))
    }

    /// Where a panel's step begins, in bytes.
    pub(super) fn offset(&self, panel: usize, step: usize) -> usize {
        let whole = self.kernel.steps(self.depth) * self.kernel.step_bytes(true);
        panel * whole + step * self.kernel.step_bytes(self.wide(panel))
    }
}

for_each_isa! {
    /// Packs a matrix whose columns are the `rows`. Writes all that the layout has.
    pub(super) fn pack_columns[S: Element, T: Element](
        out: &mut [T],
        layout: Layout,
        rows: Rows<'_, S>,
    ) = columns_here;
}

for_each_isa! {
    /// Packs a matrix whose rows are the `rows`. Writes all that the layout has.
    pub(super) fn pack_rows[S: Element, T: Element](
        out: &mut [T],
        layout: Layout,
        rows: Rows<'_, S>,
    ) = rows_here;
}

/// Values of depth that lie side by side.
fn pair_of<T: Element>() -> usize {
    match T::DTYPE {
        DType::F32 => 1,
        DType::Bf16 => 2,
    }
}

#[inline(always)]
fn columns_here<S: Element, T: Element>(
    _: impl Fma,
    out: &mut [T],
    layout: Layout,
    rows: Rows<'_, S>,
) {
    let Layout { kernel, depth, columns } = layout;
    let (unit, half, pair) = (kernel.unit, kernel.columns / 2, pair_of::<T>());
    for panel in 0..layout.panels() {
        let halves = if layout.wide(panel) { 2 } else { 1 };
        let out = &mut out[layout.offset(panel, 0) / size_of::<T>()..];
        let steps = out.chunks_exact_mut(unit * half * halves).take(kernel.steps(depth));
        for (step, out) in steps.enumerate() {
            let there = unit.min(depth - step * unit);
            for (part, out) in out.chunks_exact_mut(unit * half).enumerate() {
                for column in 0..half {
                    let at = panel * kernel.columns + part * half + column;
                    let mut filled = [S::default(); MOST];
                    let mut from = &filled[..unit];
                    if at < columns {
                        let row = &rows.values[at * rows.stride + step * unit..][..there];
                        if there == unit {
                            from = row;
                        } else {
                            filled[..there].copy_from_slice(row);
                            from = &filled[..unit];
                        }
                    }
                    let lines = out.chunks_exact_mut(half * pair);
                    for (out, from) in lines.zip(from.chunks_exact(pair)) {
                        for (out, from) in out[column * pair..][..pair].iter_mut().zip(from) {
                            *out = converted(*from);
                        }
                    }
                }
            }
        }
    }
}

#[inline(always)]
fn rows_here<S: Element, T: Element>(
    _: impl Fma,
    out: &mut [T],
    layout: Layout,
    rows: Rows<'_, S>,
) {
    let Layout { kernel, depth, columns } = layout;
    let (unit, half, pair) = (kernel.unit, kernel.columns / 2, pair_of::<T>());
    let zeros = [S::default(); MOST];
    for panel in 0..layout.panels() {
        let halves = if layout.wide(panel) { 2 } else { 1 };
        let out = &mut out[layout.offset(panel, 0) / size_of::<T>()..];
        let steps = out.chunks_exact_mut(unit * half * halves).take(kernel.steps(depth));
        for (step, out) in steps.enumerate() {
            for (part, out) in out.chunks_exact_mut(unit * half).enumerate() {
                let first = panel * kernel.columns + part * half;
                let count = half.min(columns.saturating_sub(first));
                let row = |place: usize| {
                    if place < depth && count > 0 {
                        &rows.values[place * rows.stride + first..][..count]
                    } else {
                        &zeros[..count]
                    }
                };
                for (line, out) in out.chunks_exact_mut(half * pair).enumerate() {
                    let place = step * unit + line * pair;
                    let (inside, outside) = out.split_at_mut(count * pair);
                    outside.fill(T::default());
                    if pair == 1 {
                        let from = inside.iter_mut().zip(row(place));
                        from.for_each(|(out, from)| *out = converted(*from));
                    } else {
                        let both = row(place).iter().zip(row(place + 1));
                        for (out, (a, b)) in inside.chunks_exact_mut(2).zip(both) {
                            out[0] = converted(*a);
                            out[1] = converted(*b);
                        }
                    }
                }
            }
        }
    }
}
