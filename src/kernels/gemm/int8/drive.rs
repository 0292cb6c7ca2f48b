//! Runs a product of bytes block by block: rows rounded into the cache, panels of weights past them,
//! and each finished panel, scaled, through the epilogue.

use super::super::super::activation::Activation;
use super::super::super::isa::Isa;
use super::super::super::memory::{Shared, scratch};
use super::super::super::values::{Element, Values, ValuesMut, with_values};
use super::super::drive::{BLOCK, announce, prefetch, share_out};
use super::super::epilogue::{Finish, Stretch, finish};
use super::super::tile::{Out, PANEL, Span, Strip};
use super::quantise::{RowScale, round_row, scale_sums};
use super::{ByteWeights, Extra, HALF, Panel, UNIT, step_bytes};

/// Bytes between rows beyond their values, so that not all of them fall into the same places of the
/// cache.
const APART: usize = 64;

/// `out = a · weights`, and what `extra` says.
pub(super) fn run(
    isa: Isa,
    out: ValuesMut<'_>,
    a: Values<'_>,
    weights: &ByteWeights,
    extra: Extra<'_>,
) {
    with_values!(ValuesMut, out, out => run_typed(isa, out, a, weights, extra));
}

fn run_typed<T: Element>(
    isa: Isa,
    out: &mut [T],
    a: Values<'_>,
    weights: &ByteWeights,
    extra: Extra<'_>,
) {
    let rows = a.len() / weights.depth;
    assert_eq!(out.len(), rows * weights.columns, "the output's size");
    let job = Job {
        isa,
        a,
        weights,
        bias: extra.bias,
        activation: extra.activation,
        residual: extra.residual.map(T::typed),
        out: Shared::new(out),
    };
    assert!(extra.channel_bias.is_none(), "linear layers have no biases of images");
    assert!(job.residual.is_none_or(|residual| residual.len() == rows * weights.columns));
    let each = BLOCK / weights.kernel.rows * weights.kernel.rows;
    share_out((rows.div_ceil(each), weights.panel_count()), |block, panels| {
        job.run_block(block * each..((block + 1) * each).min(rows), panels);
    });
}

struct Job<'a, T> {
    isa: Isa,
    a: Values<'a>,
    weights: &'a ByteWeights,
    bias: Option<&'a [f32]>,
    activation: Option<Activation>,
    residual: Option<&'a [T]>,
    out: Shared<T>,
}

impl<T: Element> Job<'_, T> {
    fn run_block(&self, block: std::ops::Range<usize>, panels: std::ops::Range<usize>) {
        let (weights, kernel) = (self.weights, self.weights.kernel);
        #[cfg(target_arch = "x86_64")]
        let _tiles = super::super::amx::Configured::when(kernel.tiles);
        let stride = weights.steps() * UNIT + APART;
        let filled = block.len().next_multiple_of(kernel.rows);
        let mut bytes = scratch(filled * stride);
        let bytes = bytes.bytes_mut(filled * stride);
        let mut scales = [RowScale::default(); BLOCK];
        for ((row, scale), bytes) in
            block.clone().zip(&mut scales).zip(bytes.chunks_exact_mut(stride))
        {
            *scale = self.round(row, bytes);
        }
        let strips: Vec<Strip> = (0..block.len())
            .step_by(kernel.rows)
            .map(|first| {
                let begin = bytes[first * stride..].as_ptr().cast();
                Strip::dense(begin, stride, kernel.rows.min(block.len() - first))
            })
            .collect();
        let stretches = [Stretch { row: 0, out_row: block.start, count: block.len() }];
        let mut sums = scratch(filled * PANEL * 4);
        let sums = sums.slice_mut::<f32>(filled * PANEL);
        for index in panels.clone() {
            let panel = weights.panel(index);
            let next = if index + 1 < panels.end {
                let next = weights.panel(index + 1);
                (weights.address(next, 0), weights.steps() * step_bytes(next.wide))
            } else {
                (std::ptr::null(), 0)
            };
            let spans = weights.steps().div_ceil(kernel.steps);
            for (at, strip) in strips.iter().enumerate() {
                let first = at * kernel.rows;
                prefetch(next, at, strips.len());
                let rows = first..first + strip.count;
                let columns = (panel.first, panel.columns, weights.columns);
                announce(self.out, self.residual, &stretches, rows, columns);
                // Weights that the first cache cannot hold at once pass by in parts.
                for part in 0..spans {
                    let (step, end) =
                        (part * weights.steps() / spans, (part + 1) * weights.steps() / spans);
                    let span = Span { run: 0, runs: 1, step, steps: end - step, tail: false };
                    let begin = sums[first * PANEL..].as_mut_ptr();
                    let out = Out { begin, stride: PANEL, wide: panel.wide, add: part > 0 };
                    // SAFETY: an `Isa` is only made where it is available; the strips' rows are as
                    // long as the panel is deep, and the sums have room for a panel of all strips,
                    // each filled up.
                    unsafe { (kernel.run)(strip, span, weights.address(panel, step), out) };
                }
            }
            scale_sums(self.isa, sums, &scales[..block.len()], &weights.panels[index]);
            finish(
                self.isa,
                &Finish {
                    sums,
                    stretches: &stretches,
                    columns: panel.columns,
                    gates: weights.gated.then_some(HALF),
                    bias: &self.panel_bias(panel),
                    channel_bias: None,
                    channel_rows: 1,
                    activation: self.activation,
                    residual: self.residual,
                    out: self.out,
                    out_columns: weights.columns,
                    first_column: panel.first,
                },
            );
        }
    }

    /// Rounds one of the rows, and fills it up to whole steps.
    fn round(&self, row: usize, out: &mut [u8]) -> RowScale {
        let depth = self.weights.depth;
        out[depth..].fill(0);
        with_values!(Values, self.a, a => round_row(self.isa, out, &a[row * depth..][..depth]))
    }

    /// The biases of a panel's sums, zero where there are none.
    fn panel_bias(&self, panel: Panel) -> [f32; PANEL] {
        let mut row = [0.0; PANEL];
        let Some(bias) = self.bias else { return row };
        row[..panel.columns].copy_from_slice(&bias[panel.first..][..panel.columns]);
        if self.weights.gated {
            let gates = &bias[self.weights.columns + panel.first..][..panel.columns];
            row[HALF..HALF + panel.columns].copy_from_slice(gates);
        }
        row
    }
}
