//! 3×3 convolution with a quarter of the multiplications (Lavin & Gray 2016, F(4×4, 3×3)): the
//! image in tiles of 6×6 that overlap by two, transformed, multiplied place by place, and back.
//!
//! The polynomials behind it are taken at 0, ±3/4, ±3/2 and infinity: at these points rounding in
//! f32 grows twofold against the plain sum, at the usual 0, ±1, ±2 tenfold (320 channels, largest
//! error). bf16 products could not afford even that. The transforms are compiled for each
//! [`Isa`]; the products run on the microkernels of [`super::gemm`].
//!
//! Weights are stored as they are and transformed each time, a part that the cache holds at once:
//! fourfold weights would have to come from memory, which costs more, and would have to be kept.

mod transform;

use rayon::prelude::*;

use self::transform::{Coming, Going, LANES, Spread, TAPS, come_out, go_in, spread_weights};
use super::gemm::tile::{Kernel, Out, Span, Strip};
use super::gemm::{Extra, Gemm, kernel};
use super::isa::Isa;
use super::memory::{LINE_VALUES, Memory, Shared, scratch};
use super::values::{DType, Element, Values, ValuesMut, with_values};

/// Side of a tile that goes in.
const IN: usize = 6;
/// Side of a tile that comes out.
const OUT: usize = 4;
/// Products per tile, channel in and channel out.
const PLACES: usize = IN * IN;
/// Tiles of a block at most: they share transformed weights.
const TILES: usize = 56;
/// Channels in that are multiplied at once, at most, a row of places after the other: weights,
/// transformed and not, and sums stay in the second cache.
const DEPTH: usize = 320;
/// The same where blocks have few tiles: all places at once, since transforming weights takes long
/// beside their products.
const SHALLOW: usize = 96;
/// How many tiles are few.
const FEW: usize = 32;
/// Panels of channels out that are multiplied at once: transformed tiles are read once for them.
/// Their transformed weights, for a row of places, stay in the second cache.
const TOGETHER: usize = 2;
/// Bytes of transformed values that threads share at a time.
const SHARED_BYTES: usize = 24 << 20;

/// Weights of a 3×3 convolution.
pub(super) struct Winograd {
    kernel: Kernel,
    /// By panel of the kernel's columns: `[input, TAPS, width]`.
    weights: Memory,
    dtype: DType,
    input: usize,
    output: usize,
}

/// The image that is convolved, with a border of one zero around its enlarged form.
#[derive(Clone, Copy)]
pub(super) struct Image<'a> {
    /// `[batch, height, width, input]`.
    pub x: Values<'a>,
    /// Images.
    pub batch: usize,
    /// Rows and columns.
    pub size: (usize, usize),
    /// Rows and columns after enlarging by repeating the nearest pixel; also those that come out.
    pub enlarged: (usize, usize),
}

/// Tiles that one task works on.
#[derive(Clone, Copy)]
struct Block {
    first: usize,
    count: usize,
}

/// A call.
struct Job<'a, T> {
    isa: Isa,
    image: Image<'a>,
    /// Rows and columns of tiles.
    grid: (usize, usize),
    bias: &'a [f32],
    extra: Extra<'a>,
    out: Shared<T>,
}

impl Winograd {
    /// Whether it wins: with f32 products only, and where there are whole vectors of channels.
    pub(super) fn wins(gemm: &Gemm, input: usize, output: usize) -> bool {
        gemm.input() == DType::F32 && input >= LANES && output >= LANES
    }

    /// Lays out weights `[output, input, 3, 3]`.
    pub(super) fn new(gemm: &Gemm, weight: &[f32], input: usize, output: usize) -> Self {
        let (kernel, dtype) = (kernel(gemm.isa(), DType::F32), gemm.weights());
        let mut own = Self { kernel, weights: Memory::default(), dtype, input, output };
        let (last, width) = own.panel(own.panels() - 1);
        let count = (last + width) * input * TAPS;
        let mut weights = Memory::zeroed(count * dtype.size());
        with_values!(ValuesMut, weights.values_mut(dtype, count), out => own.fill(out, weight));
        own.weights = weights;
        own
    }

    fn fill<T: Element>(&self, out: &mut [T], weight: &[f32]) {
        let whole = self.kernel.columns * self.input * TAPS;
        out.par_chunks_mut(whole).enumerate().for_each(|(panel, out)| {
            let (first, width) = self.panel(panel);
            for (place, out) in out.chunks_exact_mut(width).enumerate() {
                let columns = first..self.output.min(first + width);
                for (out, column) in out.iter_mut().zip(columns) {
                    *out = T::of(weight[column * self.input * TAPS + place]);
                }
            }
        });
    }

    fn panels(&self) -> usize {
        self.output.div_ceil(self.kernel.columns)
    }

    /// A panel's first channel and its width: the last one may be half as wide.
    fn panel(&self, index: usize) -> (usize, usize) {
        let first = index * self.kernel.columns;
        let wide = self.output - first > self.kernel.columns / 2;
        (first, if wide { self.kernel.columns } else { self.kernel.columns / 2 })
    }

    /// Convolves; `bias` is the convolution's own.
    pub(super) fn run(
        &self,
        isa: Isa,
        out: ValuesMut<'_>,
        image: Image<'_>,
        bias: Option<&[f32]>,
        extra: Extra<'_>,
    ) {
        with_values!(ValuesMut, out, out => self.run_typed(isa, out, image, bias, extra));
    }

    fn run_typed<T: Element>(
        &self,
        isa: Isa,
        out: &mut [T],
        image: Image<'_>,
        bias: Option<&[f32]>,
        extra: Extra<'_>,
    ) {
        let (height, width) = image.enlarged;
        let grid = (height.div_ceil(OUT), width.div_ceil(OUT));
        let tiles = image.batch * grid.0 * grid.1;
        assert_eq!(out.len(), image.batch * height * width * self.output, "the output's size");
        let bias = bias.map_or_else(|| vec![0.0; self.output], <[f32]>::to_vec);
        let job = Job { isa, image, grid, bias: &bias, extra, out: Shared::new(out) };
        let (count, groups) = (tiles.div_ceil(TILES), self.panels().div_ceil(TOGETHER));
        let blocks: Vec<Block> = (0..count)
            .map(|index| {
                let (first, end) = (index * tiles / count, (index + 1) * tiles / count);
                Block { first, count: end - first }
            })
            .collect();
        if count >= 2 * rayon::current_num_threads() {
            // Each thread has tiles of its own, which then need not leave its cache.
            blocks.par_iter().for_each(|block| {
                let values = block.count * self.values_of_tile();
                let mut v = scratch(values * 4);
                let v = v.slice_mut::<f32>(values);
                let shared = Shared::new(v);
                (0..block.count).for_each(|row| self.go_in(&job, *block, row, shared));
                (0..groups).for_each(|group| self.multiply(&job, *block, group, v));
            });
            return;
        }
        let together = (SHARED_BYTES / (TILES * self.values_of_tile() * 4)).max(1);
        for blocks in blocks.chunks(together) {
            let (begin, rows) = (blocks[0].first, blocks.iter().map(|block| block.count).sum());
            let mut v = scratch(rows * self.values_of_tile() * 4);
            let v = v.slice_mut::<f32>(rows * self.values_of_tile());
            let shared = Shared::new(v);
            let at = |block: &Block| (block.first - begin) * self.values_of_tile();
            (0..rows).into_par_iter().for_each(|row| {
                let tile = begin + row;
                let block = blocks.iter().rfind(|block| block.first <= tile);
                let block = block.expect("the first block begins with the first tile");
                self.go_in(&job, *block, tile - block.first, shared.after(at(block)));
            });
            let v: &[f32] = v;
            (0..blocks.len() * groups).into_par_iter().for_each(|task| {
                let (group, block) = (task / blocks.len(), blocks[task % blocks.len()]);
                self.multiply(&job, block, group, &v[at(&block)..]);
            });
        }
    }

    /// From a tile's transformed values at a place to the next tile's: a line more than there are,
    /// so that they do
    /// not fall on the same cache lines.
    fn stride(&self) -> usize {
        self.input.next_multiple_of(LINE_VALUES) + LINE_VALUES
    }

    /// Transformed values of a tile.
    fn values_of_tile(&self) -> usize {
        PLACES * self.stride()
    }

    /// Transforms a tile of a block, whose transformed values begin at `v`.
    fn go_in<T>(&self, job: &Job<'_, T>, block: Block, row: usize, v: Shared<f32>) {
        let going = Going {
            image: job.image,
            channels: self.input,
            grid: job.grid,
            tile: block.first + row,
            row,
            rows: block.count,
            v,
            stride: self.stride(),
        };
        with_values!(Values, job.image.x, x => go_in(job.isa, &going, x));
    }

    /// Neighbouring panels of channels out, of a block whose transformed values are `v`.
    fn multiply<T: Element>(&self, job: &Job<'_, T>, block: Block, group: usize, v: &[f32]) {
        let panels = group * TOGETHER..self.panels().min((group + 1) * TOGETHER);
        let (kernel, rows) = (&self.kernel, block.count);
        // Stretches of about the same depth, and a line more for each place: powers of two apart,
        // all would fall on the same cache lines.
        let (most, lines) = if rows <= FEW { (SHALLOW, IN) } else { (DEPTH, 1) };
        let deepest = self.input.div_ceil(self.input.div_ceil(most));
        let stride = deepest * kernel.columns + LINE_VALUES;
        let room = (lines * IN * stride, PLACES * rows * kernel.columns);
        let mut weights = scratch(panels.len() * room.0 * 4);
        let mut sums = scratch(panels.len() * room.1 * 4);
        let weights = weights.slice_mut::<f32>(panels.len() * room.0);
        let sums = sums.slice_mut::<f32>(panels.len() * room.1);
        // Strips of about the same height.
        let high = rows.div_ceil(rows.div_ceil(kernel.rows));
        for begin in (0..self.input).step_by(deepest) {
            let depth = deepest.min(self.input - begin);
            let span = Span { run: 0, runs: 1, step: 0, steps: depth, tail: false };
            for line in (0..IN).step_by(lines) {
                for (panel, weights) in panels.clone().zip(weights.chunks_exact_mut(room.0)) {
                    let (_, width) = self.panel(panel);
                    let by = Spread { width, row: (lines == 1).then_some(line), stride };
                    self.spread(job.isa, panel, begin..begin + depth, weights, by);
                }
                for (index, row) in
                    (0..lines * IN).flat_map(|i| (0..rows).step_by(high).map(move |row| (i, row)))
                {
                    let at = (line * IN + index) * rows + row;
                    let a = v[at * self.stride() + begin..].as_ptr().cast();
                    let strip = Strip::dense(a, self.stride() * 4, high.min(rows - row));
                    for (number, panel) in panels.clone().enumerate() {
                        let (_, width) = self.panel(panel);
                        let b = weights[number * room.0 + index * stride..].as_ptr().cast();
                        let sums = &mut sums[number * room.1 + at * width..];
                        let out = Out {
                            begin: sums.as_mut_ptr(),
                            stride: width,
                            wide: width == kernel.columns,
                            add: begin > 0,
                        };
                        // SAFETY: an `Isa` is only made where it is available; values, weights
                        // and sums have these rows at this place, as deep and as wide as told.
                        unsafe { (kernel.run)(&strip, span, b, out) };
                    }
                }
            }
        }
        for (panel, sums) in panels.zip(sums.chunks_exact(room.1)) {
            self.come_out(job, block, panel, sums);
        }
    }

    /// Transforms some channels' weights of a panel.
    fn spread(
        &self,
        isa: Isa,
        panel: usize,
        channels: std::ops::Range<usize>,
        out: &mut [f32],
        by: Spread,
    ) {
        let (first, width) = self.panel(panel);
        let begin = (first * self.input + channels.start * width) * TAPS;
        let end = begin + channels.len() * width * TAPS;
        with_values!(Values, self.weights.values(self.dtype, end), all => {
            spread_weights(isa, out, &all[begin..], by);
        });
    }

    /// Transforms a block's sums of a panel back.
    fn come_out<T: Element>(&self, job: &Job<'_, T>, block: Block, panel: usize, sums: &[f32]) {
        let (first, width) = self.panel(panel);
        for row in 0..block.count {
            come_out(
                job.isa,
                &Coming {
                    sums,
                    rows: block.count,
                    width,
                    row,
                    tile: block.first + row,
                    size: job.image.enlarged,
                    grid: job.grid,
                    channels: self.output,
                    first,
                    count: width.min(self.output - first),
                    bias: job.bias,
                    channel_bias: job.extra.channel_bias,
                    residual: job.extra.residual,
                    out: job.out,
                },
            );
        }
    }
}
