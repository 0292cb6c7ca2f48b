//! Runs a product block by block: rows into the cache, panels of weights past them, and each
//! finished panel through the epilogue.

use rayon::prelude::*;

use super::super::activation::Activation;
use super::super::isa::Isa;
use super::super::memory::{Shared, scratch, will_read, will_write};
use super::super::values::{Element, Values, ValuesMut, with_values};
use super::epilogue::{Finish, Stretch, finish};
use super::pack::PackedWeights;
use super::rows::{Block, Rows, Windows};
use super::tile::{Out, PANEL, Span};

/// What is done with a product while it is written. Values are of the output's type.
#[derive(Clone, Copy, Default)]
pub struct Extra<'a> {
    /// A value per column of the matrix.
    pub bias: Option<&'a [f32]>,
    /// A value per image and column: `[images, columns]`.
    pub channel_bias: Option<Values<'a>>,
    /// A function.
    pub activation: Option<Activation>,
    /// A tensor of the output's shape, added last.
    pub residual: Option<Values<'a>>,
}

/// Rows that a block aims at.
pub(super) const BLOCK: usize = 256;
/// Tasks for each thread, so that none waits long for the last.
const TASKS_PER_THREAD: usize = 4;

/// `out = windows · weights`, and what `extra` says.
pub(super) fn run(
    isa: Isa,
    out: ValuesMut<'_>,
    windows: &Windows<'_>,
    weights: &PackedWeights,
    extra: Extra<'_>,
) {
    with_values!(ValuesMut, out, out => run_typed(isa, out, windows, weights, extra));
}

fn run_typed<T: Element>(
    isa: Isa,
    out: &mut [T],
    windows: &Windows<'_>,
    weights: &PackedWeights,
    extra: Extra<'_>,
) {
    let image_rows = windows.out.0 * windows.out.1;
    let rows = windows.batch * image_rows;
    assert_eq!(out.len(), rows * weights.columns, "the output's size");
    assert!(windows.x.len() >= windows.batch * windows.size.0 * windows.size.1 * windows.channels);
    let job = Job {
        isa,
        windows,
        weights,
        spans: weights.kernel().spans(weights.runs, weights.run_length),
        bias: extra.bias,
        channel_bias: extra.channel_bias.map(T::typed),
        activation: extra.activation,
        residual: extra.residual.map(T::typed),
        image_rows,
        out: Shared::new(out),
    };
    assert!(job.residual.is_none_or(|residual| residual.len() == rows * weights.columns));
    let kernel = weights.kernel();
    let blocks = windows.blocks(BLOCK / kernel.rows * kernel.rows);
    share_out((blocks.len(), weights.panels()), |block, panels| {
        job.run_block(blocks[block], panels);
    });
}

/// Runs so many blocks of rows times panels of columns on all threads: `run` gets a block and some of
/// the panels.
pub(super) fn share_out(
    (blocks, panels): (usize, usize),
    run: impl Fn(usize, std::ops::Range<usize>) + Sync,
) {
    let wanted = TASKS_PER_THREAD * rayon::current_num_threads();
    let groups = wanted.div_ceil(blocks.max(1)).clamp(1, panels.max(1));
    // Neighbouring tasks share weights: those of the largest layers come from memory once.
    (0..groups * blocks).into_par_iter().for_each(|task| {
        let (group, block) = (task / blocks, task % blocks);
        run(block, group * panels / groups..(group + 1) * panels / groups);
    });
}

/// Asks for one of `parts` parts of what is needed next, so that it is in the cache by then: large
/// layers' weights come from memory, and tiles are loaded in too small pieces to hide that.
pub(super) fn prefetch((begin, bytes): (*const u8, usize), part: usize, parts: usize) {
    #[cfg(target_arch = "x86_64")]
    {
        use std::arch::x86_64::{_MM_HINT_T1, _mm_prefetch};
        const LINE: usize = 64;
        let lines = bytes / LINE;
        for line in lines * part / parts..lines * (part + 1) / parts {
            // SAFETY: a prefetch reads nothing; it may be given any address.
            unsafe { _mm_prefetch::<_MM_HINT_T1>(begin.wrapping_add(line * LINE).cast()) };
        }
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = (begin, bytes, part, parts);
}

/// Asks for the lines that a strip of rows will be written to, and what is added to them: they come
/// while its product is computed. Of `all` columns, `columns` are written from `first` on.
pub(super) fn announce<T: Element>(
    out: Shared<T>,
    residual: Option<&[T]>,
    stretches: &[Stretch],
    rows: std::ops::Range<usize>,
    (first, columns, all): (usize, usize, usize),
) {
    // All but the last are equally long.
    let each = stretches[0].count;
    for row in rows {
        let stretch = &stretches[row / each];
        let out_row = stretch.out_row + row - stretch.row;
        let at = out_row * all + first;
        for column in (0..columns).step_by(64 / size_of::<T>()) {
            will_write(out.at(at + column));
            if let Some(residual) = residual {
                will_read(residual.as_ptr().wrapping_add(at + column));
            }
        }
    }
}

struct Job<'a, T> {
    isa: Isa,
    windows: &'a Windows<'a>,
    weights: &'a PackedWeights,
    spans: Vec<Span>,
    bias: Option<&'a [f32]>,
    channel_bias: Option<&'a [T]>,
    activation: Option<Activation>,
    residual: Option<&'a [T]>,
    image_rows: usize,
    out: Shared<T>,
}

impl<T: Element> Job<'_, T> {
    fn run_block(&self, block: Block, panels: std::ops::Range<usize>) {
        let kernel = self.weights.kernel();
        #[cfg(target_arch = "x86_64")]
        let _tiles = super::amx::Configured::when(kernel.tiles);
        let rows = Rows::new(self.isa, kernel, self.windows, block);
        let (rows, run) = rows.for_panels(kernel, self.windows, panels.len());
        let stretches = block.stretches(self.windows);
        let count = rows.strips.len() * kernel.rows * PANEL;
        let mut sums = scratch(count * 4);
        let sums = sums.slice_mut::<f32>(count);
        for index in panels.clone() {
            let panel = self.weights.panel(index);
            for (part, span) in self.spans.iter().enumerate() {
                let b = self.weights.address(panel, span.run, span.step);
                let next = self.after(index, part, &panels);
                for (index, strip) in rows.strips.iter().enumerate() {
                    let begin = sums[index * kernel.rows * PANEL..].as_mut_ptr();
                    let out = Out { begin, stride: PANEL, wide: panel.wide, add: part > 0 };
                    prefetch(next, index, rows.strips.len());
                    if part + 1 == self.spans.len() {
                        let first = index * kernel.rows;
                        let columns = (panel.first, panel.columns, self.weights.columns);
                        let rows = first..first + strip.count;
                        announce(self.out, self.residual, &stretches, rows, columns);
                    }
                    // SAFETY: an `Isa` is only made where it is available; `Rows` points at whole
                    // rows, the panel is as deep as they are long, and the sums have room for a
                    // panel of all strips, each filled up.
                    unsafe { run(strip, *span, b, out) };
                }
            }
            finish(
                self.isa,
                &Finish {
                    sums,
                    stretches: &stretches,
                    columns: panel.columns,
                    gates: self.weights.gated.then_some(kernel.columns / 2),
                    bias: &self.panel_bias(panel.first, panel.columns),
                    channel_bias: self.channel_bias,
                    channel_rows: self.image_rows,
                    activation: self.activation,
                    residual: self.residual,
                    out: self.out,
                    out_columns: self.weights.columns,
                    first_column: panel.first,
                },
            );
        }
    }

    /// The weights that are needed after a panel's part: where they begin, and how many bytes.
    fn after(
        &self,
        panel: usize,
        part: usize,
        panels: &std::ops::Range<usize>,
    ) -> (*const u8, usize) {
        let (panel, part) =
            if part + 1 < self.spans.len() { (panel, part + 1) } else { (panel + 1, 0) };
        if panel >= panels.end {
            return (std::ptr::null(), 0);
        }
        let (panel, span) = (self.weights.panel(panel), self.spans[part]);
        let steps = span.runs * (span.steps + usize::from(span.tail));
        let bytes = steps * self.weights.kernel().step_bytes(panel.wide);
        (self.weights.address(panel, span.run, span.step), bytes)
    }

    /// The biases of a panel's sums, zero where there are none.
    fn panel_bias(&self, first: usize, columns: usize) -> [f32; PANEL] {
        let mut row = [0.0; PANEL];
        let Some(bias) = self.bias else { return row };
        row[..columns].copy_from_slice(&bias[first..first + columns]);
        if self.weights.gated {
            let gates = self.weights.kernel().columns / 2;
            let bias = &bias[self.weights.columns + first..][..columns];
            row[gates..gates + columns].copy_from_slice(bias);
        }
        row
    }
}
