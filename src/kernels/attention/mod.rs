//! Scaled dot-product attention in tiles with an online softmax (Dao et al. 2022): the score
//! matrix never exists as a whole.
//!
//! The products run on the microkernels of [`super::gemm`]. Where these take bf16, queries are the
//! rows, and keys and values are packed like weights; in f32 queries are the columns, see [`lanes`].
//! A text's keys and values are packed once for all steps.

#[cfg(target_arch = "x86_64")]
mod avx512;
mod lanes;
mod pack;
mod soften;

use half::bf16;
use rayon::prelude::*;

use self::pack::{Layout, Rows, pack_columns, pack_rows};
use self::soften::{Seen, Softening, soften};
use super::gemm::tile::{Kernel, Out, Span, Strip};
use super::gemm::{Gemm, kernel};
use super::isa::{self, Isa, for_each_isa};
use super::memory::{Loan, Shared, scratch};
use super::values::{DType, Element, Values, ValuesMut, with_values};
use super::vector::Fma;

/// Keys that are worked on at once: with a strip's scores they stay in the cache.
const KEYS: usize = 256;
/// Queries that a task aims at: they share the keys in the cache.
const QUERIES: usize = 128;

/// The sizes of keys and values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shape {
    /// Images in the batch.
    pub batch: usize,
    /// Key and value tokens per image.
    pub keys: usize,
    /// Channels of all heads together.
    pub channels: usize,
    /// Heads; divides `channels`.
    pub heads: usize,
}

/// Keys and values of all images and heads, ready to be attended to.
pub struct Keys {
    shape: Shape,
    kernel: Kernel,
    /// How the keys of a head lie, and how its values, for products of bf16.
    layouts: Option<[Layout; 2]>,
    /// Bytes of a head's keys, and of its values.
    rooms: [usize; 2],
    /// By image and head: keys, then values.
    memory: Loan,
}

impl Keys {
    /// Packs tokens `[batch, keys, channels]`, heads side by side in the channels.
    #[must_use]
    pub fn new(gemm: &Gemm, k: Values<'_>, v: Values<'_>, shape: Shape) -> Self {
        // Without bf16 products, scores in f32 cost no more.
        let kernel = match gemm.input() {
            DType::Bf16 => gemm.kernel(),
            DType::F32 => kernel(gemm.isa(), DType::F32),
        };
        let width = shape.channels / shape.heads;
        let layouts = (kernel.a == DType::Bf16).then(|| {
            [Layout::new(kernel, width, shape.keys), Layout::new(kernel, shape.keys, width)]
        });
        let whole_lines = |bytes: usize| bytes.next_multiple_of(64);
        let rooms = match &layouts {
            Some(layouts) => layouts.each_ref().map(|layout| whole_lines(layout.bytes())),
            None => [whole_lines(shape.keys * width * size_of::<f32>()); 2],
        };
        let bytes = shape.batch * shape.heads * (rooms[0] + rooms[1]);
        let mut packed = Self { shape, kernel, layouts, rooms, memory: scratch(bytes) };
        packed.fill(gemm.isa(), k, v);
        packed
    }

    fn fill(&mut self, isa: Isa, k: Values<'_>, v: Values<'_>) {
        let Self { shape, kernel, layouts, rooms, .. } = *self;
        let (stride, width) = (shape.channels, shape.channels / shape.heads);
        let each = rooms[0] + rooms[1];
        let begin = |index: usize| {
            let (image, head) = (index / shape.heads, index % shape.heads);
            image * shape.keys * shape.channels + head * width
        };
        let heads = shape.batch * shape.heads;
        if let Some([keys, values]) = layouts {
            let size = size_of::<bf16>();
            let heads = self.memory.slice_mut::<bf16>(heads * each / size);
            heads.par_chunks_mut(each / size).enumerate().for_each(|(index, out)| {
                let (to_keys, to_values) = out.split_at_mut(rooms[0] / size);
                with_values!(Values, k, k => {
                    let rows = Rows { values: &k[begin(index)..], stride };
                    pack_columns(isa, to_keys, keys, rows);
                });
                with_values!(Values, v, v => {
                    let rows = Rows { values: &v[begin(index)..], stride };
                    pack_rows(isa, to_values, values, rows);
                });
            });
            return;
        }
        let size = size_of::<f32>();
        let heads = self.memory.slice_mut::<f32>(heads * each / size);
        heads.par_chunks_mut(each / size).enumerate().for_each(|(index, out)| {
            let (to_keys, to_values) = out.split_at_mut(rooms[0] / size);
            let to_keys = &mut to_keys[..shape.keys * width];
            let to_values = &mut to_values[..shape.keys * width];
            with_values!(Values, k, k => {
                lanes::pack_keys(isa, to_keys, &k[begin(index)..], width, stride);
            });
            with_values!(Values, v, v => {
                lanes::pack_values(isa, to_values, &v[begin(index)..], width, stride, kernel.rows);
            });
        });
    }

    /// Where a head's keys and values lie.
    fn of(&self, index: usize) -> (*const u8, *const u8) {
        let begin = self.memory.address().wrapping_add(index * (self.rooms[0] + self.rooms[1]));
        (begin, begin.wrapping_add(self.rooms[0]))
    }

    /// Their sizes.
    #[must_use]
    pub fn shape(&self) -> Shape {
        self.shape
    }
}

/// `softmax(q·kᵀ / √d)·v` per head. `q` and `out` are `[batch, queries, channels]`; a causal
/// query sees only keys up to its own place.
pub fn attention(gemm: &Gemm, out: ValuesMut<'_>, q: Values<'_>, keys: &Keys, causal: bool) {
    with_values!(ValuesMut, out, out => with_values!(Values, q, q => {
        match &keys.layouts {
            None => lanes::attend(gemm.isa(), out, q, keys, causal),
            Some(layouts) => attend(gemm.isa(), out, q, (keys, layouts), causal),
        }
    }));
}

/// One head's share of a call.
struct Head<'a, Q, T> {
    isa: Isa,
    packed: &'a Keys,
    layouts: &'a [Layout; 2],
    /// Of the batch's heads.
    index: usize,
    width: usize,
    q: &'a [Q],
    out: Shared<T>,
    causal: bool,
}

fn attend<T: Element, Q: Element>(
    isa: Isa,
    out: &mut [T],
    q: &[Q],
    (keys, layouts): (&Keys, &[Layout; 2]),
    causal: bool,
) {
    let Shape { batch, channels, heads, .. } = keys.shape;
    let kernel = keys.kernel;
    let queries = q.len() / (batch * channels);
    assert_eq!(out.len(), q.len(), "the output is as large as the queries");
    let width = channels / heads;
    let tile = QUERIES.div_ceil(kernel.rows) * kernel.rows;
    let tiles = queries.div_ceil(tile);
    let out = Shared::new(out);
    (0..batch * heads * tiles).into_par_iter().for_each(|task| {
        let (index, tile_index) = (task / tiles, task % tiles);
        let (image, head) = (index / heads, index % heads);
        let begin = image * queries * channels + head * width;
        let head = Head { isa, packed: keys, layouts, index, width, out, causal, q: &q[begin..] };
        let first = tile_index * tile;
        head.run(begin, first, tile.min(queries - first), tile);
    });
}

impl<Q: Element, T: Element> Head<'_, Q, T> {
    /// Answers `count` queries from `first` on; there is room for `tile`.
    fn run(&self, begin: usize, first: usize, count: usize, tile: usize) {
        let kernel = &self.packed.kernel;
        let Shape { keys: all, channels, .. } = self.packed.shape;
        #[cfg(target_arch = "x86_64")]
        let _tiles = super::gemm::amx::Configured::when(kernel.tiles);
        let depth = self.width.next_multiple_of(kernel.unit);
        let out_width = self.width.next_multiple_of(kernel.columns);
        let mut queries = scratch(tile * depth * size_of::<bf16>());
        let mut scores = scratch(kernel.rows * KEYS * 4);
        let mut shares = scratch(kernel.rows * KEYS * size_of::<bf16>());
        let mut mixed = scratch(tile * out_width * 4);
        let mut sums = scratch(tile * 8);
        let queries = queries.slice_mut::<bf16>(tile * depth);
        let scores = scores.slice_mut::<f32>(kernel.rows * KEYS);
        let shares = shares.slice_mut::<bf16>(kernel.rows * KEYS);
        let mixed = mixed.slice_mut::<f32>(tile * out_width);
        let (greatest, sums) = sums.slice_mut::<f32>(2 * tile).split_at_mut(tile);
        greatest.fill(f32::NEG_INFINITY);
        sums.fill(0.0);
        mixed.fill(0.0);
        let factor = std::f32::consts::LOG2_E / (self.width as f32).sqrt();
        scale_queries(
            self.isa,
            queries,
            &self.q[first * channels..],
            &Scaling { count, width: self.width, stride: channels, depth, factor },
        );

        let last = if self.causal { (first + count).min(all) } else { all };
        for key in (0..last).step_by(KEYS) {
            let present = KEYS.min(all - key);
            // A strip's scores and shares stay in the first cache, the keys in the second.
            for row in (0..count).step_by(kernel.rows) {
                let rows = kernel.rows.min(count - row);
                self.score(
                    scores,
                    &dense(&queries[row * depth..], depth, rows),
                    depth,
                    (key, present),
                );
                let seen = Seen {
                    present: KEYS.min(last - key),
                    padded: present.next_multiple_of(kernel.unit),
                    causal: self.causal.then_some((first + row, key)),
                };
                let mixed = &mut mixed[row * out_width..];
                soften(
                    self.isa,
                    &mut Softening {
                        scores,
                        shares,
                        greatest: &mut greatest[row..row + rows],
                        sums: &mut sums[row..row + rows],
                        mixed,
                        out_width,
                    },
                    seen,
                );
                self.mix(mixed, &dense(shares, KEYS, rows), out_width, (key, seen.padded));
            }
        }

        for row in 0..count {
            let at = begin + (first + row) * channels;
            // SAFETY: this head's channels of this query are this task's only, and in the output.
            let out = unsafe { std::slice::from_raw_parts_mut(self.out.at(at), self.width) };
            let factor = 1.0 / sums[row];
            give_out(self.isa, out, &mixed[row * out_width..][..self.width], factor);
        }
    }

    /// Scores of a strip of queries with `present` keys from `key` on.
    fn score(
        &self,
        scores: &mut [f32],
        queries: &Strip,
        depth: usize,
        (key, present): (usize, usize),
    ) {
        let (kernel, [keys, _]) = (&self.packed.kernel, self.layouts);
        let (begin, _) = self.packed.of(self.index);
        let span = Span { run: 0, runs: 1, step: 0, steps: depth / kernel.unit, tail: false };
        for panel_key in (key..key + present).step_by(kernel.columns) {
            let panel = panel_key / kernel.columns;
            let b = begin.wrapping_add(keys.offset(panel, 0));
            let begin = scores[panel_key - key..].as_mut_ptr();
            let out = Out { begin, stride: KEYS, wide: keys.wide(panel), add: false };
            // SAFETY: an `Isa` is only made where it is available; queries and scores have
            // room for whole strips, and keys are packed as deep as queries are long.
            unsafe { (kernel.run)(queries, span, b, out) };
        }
    }

    /// Adds a strip's shares of the values from `key` on.
    fn mix(
        &self,
        mixed: &mut [f32],
        shares: &Strip,
        out_width: usize,
        (key, padded): (usize, usize),
    ) {
        let (kernel, [_, values]) = (&self.packed.kernel, self.layouts);
        let (_, begin) = self.packed.of(self.index);
        let span = Span { run: 0, runs: 1, step: 0, steps: padded / kernel.unit, tail: false };
        for panel in 0..values.panels() {
            let b = begin.wrapping_add(values.offset(panel, key / kernel.unit));
            let begin = mixed[panel * kernel.columns..].as_mut_ptr();
            let out = Out { begin, stride: out_width, wide: values.wide(panel), add: true };
            // SAFETY: as above; shares are filled up with zeros to whole steps.
            unsafe { (kernel.run)(shares, span, b, out) };
        }
    }
}

/// `count` rows of `stride` values as a strip.
fn dense(rows: &[bf16], stride: usize, count: usize) -> Strip {
    Strip::dense(rows.as_ptr().cast(), stride * size_of::<bf16>(), count)
}

for_each_isa! {
    fn give_out[T: Element](out: &mut [T], mixed: &[f32], factor: f32) = give_out_here;
}

#[inline(always)]
fn give_out_here<T: Element>(_: impl Fma, out: &mut [T], mixed: &[f32], factor: f32) {
    for (out, mixed) in out.iter_mut().zip(mixed) {
        *out = T::of(mixed * factor);
    }
}

/// How queries are copied.
struct Scaling {
    count: usize,
    width: usize,
    stride: usize,
    depth: usize,
    factor: f32,
}

for_each_isa! {
    fn scale_queries[Q: Element](out: &mut [bf16], q: &[Q], by: &Scaling) = scale_here;
}

#[inline(always)]
fn scale_here<Q: Element>(_: impl Fma, out: &mut [bf16], q: &[Q], by: &Scaling) {
    for (row, out) in out.chunks_exact_mut(by.depth).enumerate() {
        if row >= by.count {
            out.fill(bf16::default());
            continue;
        }
        let q = &q[row * by.stride..][..by.width];
        let (inside, after) = out.split_at_mut(by.width);
        for (out, q) in inside.iter_mut().zip(q) {
            *out = bf16::of(q.get() * by.factor);
        }
        after.fill(bf16::default());
    }
}

#[cfg(test)]
mod tests;
