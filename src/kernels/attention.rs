//! Scaled dot-product attention in tiles with an online softmax (Dao et al. 2022): the score
//! matrix never exists as a whole.
//!
//! Keys and values are packed like weights, so that the products run on the microkernels of
//! [`super::gemm`]; a text's keys and values are packed once for all steps.

use half::bf16;
use rayon::prelude::*;

use super::gemm::tile::{Kernel, Out, Span, Strip};
use super::gemm::{Gemm, PackedWeights, kernel};
use super::isa::{Isa, Vectors, for_each_isa};
use super::memory::{Shared, scratch};
use super::values::{DType, Element, Values, ValuesMut, with_values};
use super::vector::{Fma, Fused, PLAIN, exp2, exp2_share};

/// Keys that are worked on at once: with the queries' scores they stay in the cache.
const KEYS: usize = 512;

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
    /// Keys and values, by image and head.
    packed: Vec<(PackedWeights, PackedWeights)>,
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
        let packed = (0..shape.batch * shape.heads)
            .into_par_iter()
            .map(|index| {
                let width = shape.channels / shape.heads;
                let begin =
                    index / shape.heads * shape.keys * shape.channels + index % shape.heads * width;
                with_values!(Values, k, k => with_values!(Values, v, v => (
                    PackedWeights::new(kernel, (1, width), shape.keys, false, |_, d, key| {
                        k[begin + key * shape.channels + d]
                    }),
                    PackedWeights::new(kernel, (1, shape.keys), width, false, |_, key, d| {
                        v[begin + key * shape.channels + d]
                    }),
                )))
            })
            .collect();
        Self { shape, kernel, packed }
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
        match keys.kernel.a {
            DType::F32 => attend::<_, _, f32>(gemm.isa(), out, q, keys, causal),
            DType::Bf16 => attend::<_, _, bf16>(gemm.isa(), out, q, keys, causal),
        }
    }));
}

/// One head's share of a call.
struct Head<'a, Q, T> {
    isa: Isa,
    kernel: Kernel,
    keys: &'a PackedWeights,
    values: &'a PackedWeights,
    count: usize,
    width: usize,
    channels: usize,
    q: &'a [Q],
    out: Shared<T>,
    causal: bool,
}

fn attend<T: Element, Q: Element, A: Element>(
    isa: Isa,
    out: &mut [T],
    q: &[Q],
    keys: &Keys,
    causal: bool,
) {
    let Shape { batch, keys: count, channels, heads } = keys.shape;
    let kernel = keys.kernel;
    let queries = q.len() / (batch * channels);
    assert_eq!(out.len(), q.len(), "the output is as large as the queries");
    let width = channels / heads;
    // Wide heads bring many bytes of keys for each query: let more queries share them.
    let strips = if width > 160 { 128 } else { 32_usize }.div_ceil(kernel.rows);
    let tile = strips * kernel.rows;
    let tiles = queries.div_ceil(tile);
    let out = Shared::new(out);
    (0..batch * heads * tiles).into_par_iter().with_min_len(4).for_each(|task| {
        let (index, tile_index) = (task / tiles, task % tiles);
        let (image, head) = (index / heads, index % heads);
        let begin = image * queries * channels + head * width;
        let (keys, values) = &keys.packed[index];
        let head =
            Head { isa, kernel, keys, values, count, width, channels, out, causal, q: &q[begin..] };
        let first = tile_index * tile;
        head.run::<A>(begin, first, tile.min(queries - first), tile);
    });
}

impl<Q: Element, T: Element> Head<'_, Q, T> {
    /// Answers `count` queries from `first` on; there is room for `tile`.
    fn run<A: Element>(&self, begin: usize, first: usize, count: usize, tile: usize) {
        let kernel = &self.kernel;
        #[cfg(target_arch = "x86_64")]
        let _tiles = super::gemm::amx::Configured::when(kernel.tiles);
        let depth = self.width.next_multiple_of(kernel.unit);
        let out_width = self.width.next_multiple_of(kernel.columns);
        let mut queries = scratch(tile * depth * size_of::<A>());
        let mut scores = scratch(tile * KEYS * 4);
        let mut shares = scratch(tile * KEYS * size_of::<A>());
        let mut mixed = scratch(tile * out_width * 4);
        let mut sums = scratch(tile * 8);
        let queries = queries.slice_mut::<A>(tile * depth);
        let scores = scores.slice_mut::<f32>(tile * KEYS);
        let shares = shares.slice_mut::<A>(tile * KEYS);
        let mixed = mixed.slice_mut::<f32>(tile * out_width);
        let (greatest, sums) = sums.slice_mut::<f32>(2 * tile).split_at_mut(tile);
        greatest.fill(f32::NEG_INFINITY);
        sums.fill(0.0);
        mixed.fill(0.0);
        let factor = std::f32::consts::LOG2_E / (self.width as f32).sqrt();
        scale_queries(
            self.isa,
            queries,
            &self.q[first * self.channels..],
            &Scaling { count, width: self.width, stride: self.channels, depth, factor },
        );
        let query_strips = dense_strips(queries, depth, (count, kernel.rows));

        let last = if self.causal { (first + count).min(self.count) } else { self.count };
        for key in (0..last).step_by(KEYS) {
            let present = KEYS.min(self.count - key);
            self.score(scores, &query_strips, depth, (key, present));
            let seen = Seen {
                present: KEYS.min(last - key),
                padded: present.next_multiple_of(kernel.unit),
                causal: self.causal.then_some((first, key)),
            };
            soften(
                self.isa,
                &mut Softening { scores, shares, greatest, sums, mixed, out_width, count },
                seen,
            );
            let share_strips = dense_strips(shares, KEYS, (count, kernel.rows));
            self.mix(mixed, &share_strips, out_width, (key, seen.padded));
        }

        for row in 0..count {
            let at = begin + (first + row) * self.channels;
            // SAFETY: this head's channels of this query are this task's only, and in the output.
            let out = unsafe { std::slice::from_raw_parts_mut(self.out.at(at), self.width) };
            let factor = 1.0 / sums[row];
            for (out, mixed) in out.iter_mut().zip(&mixed[row * out_width..]) {
                *out = T::of(mixed * factor);
            }
        }
    }

    /// Scores of the queries with `present` keys from `key` on.
    fn score(
        &self,
        scores: &mut [f32],
        queries: &[Strip],
        depth: usize,
        (key, present): (usize, usize),
    ) {
        let kernel = &self.kernel;
        let span = Span { run: 0, runs: 1, step: 0, steps: depth / kernel.unit, tail: false };
        for panel_key in (key..key + present).step_by(kernel.columns) {
            let panel = self.keys.panel(panel_key / kernel.columns);
            let b = self.keys.address(panel, 0, 0);
            for (index, strip) in queries.iter().enumerate() {
                let row = index * kernel.rows;
                let begin = scores[row * KEYS + panel_key - key..].as_mut_ptr();
                let out = Out { begin, stride: KEYS, wide: panel.wide, add: false };
                // SAFETY: an `Isa` is only made where it is available; queries and scores have
                // room for whole strips, and keys are packed as deep as queries are long.
                unsafe { (kernel.run)(strip, span, b, out) };
            }
        }
    }

    /// Adds the shares of the values from `key` on.
    fn mix(
        &self,
        mixed: &mut [f32],
        shares: &[Strip],
        out_width: usize,
        (key, padded): (usize, usize),
    ) {
        let kernel = &self.kernel;
        let span = Span { run: 0, runs: 1, step: 0, steps: padded / kernel.unit, tail: false };
        for index in 0..self.values.panels() {
            let panel = self.values.panel(index);
            let b = self.values.address(panel, 0, key / kernel.unit);
            for (index, strip) in shares.iter().enumerate() {
                let row = index * kernel.rows;
                let begin = mixed[row * out_width + panel.first..].as_mut_ptr();
                let out = Out { begin, stride: out_width, wide: panel.wide, add: true };
                // SAFETY: as above; shares are filled up with zeros to whole steps.
                unsafe { (kernel.run)(strip, span, b, out) };
            }
        }
    }
}

/// Rows of `stride` values as strips: as many as `count` rows need, each whole.
fn dense_strips<A: Element>(
    rows: &[A],
    stride: usize,
    (count, each): (usize, usize),
) -> Vec<Strip> {
    let strips = (0..count).step_by(each);
    strips
        .map(|row| {
            Strip::dense(rows[row * stride..].as_ptr().cast(), stride * size_of::<A>(), each)
        })
        .collect()
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
    fn scale_queries[A: Element, Q: Element](out: &mut [A], q: &[Q], by: &Scaling) = scale_here;
}

#[inline(always)]
fn scale_here<A: Element, Q: Element>(_: impl Fma, out: &mut [A], q: &[Q], by: &Scaling) {
    for (row, out) in out.chunks_exact_mut(by.depth).enumerate() {
        if row >= by.count {
            out.fill(A::default());
            continue;
        }
        let q = &q[row * by.stride..][..by.width];
        let (inside, after) = out.split_at_mut(by.width);
        for (out, q) in inside.iter_mut().zip(q) {
            *out = A::of(q.get() * by.factor);
        }
        after.fill(A::default());
    }
}

/// Which keys of a stretch count.
#[derive(Clone, Copy)]
struct Seen {
    /// Keys that are there.
    present: usize,
    /// Shares that are read: the rest of them is zero.
    padded: usize,
    /// Causal: the places of the first query and of the first of these keys.
    causal: Option<(usize, usize)>,
}

/// Scores become shares.
struct Softening<'a, A> {
    /// Rows of [`KEYS`], in base 2.
    scores: &'a [f32],
    /// Rows of [`KEYS`].
    shares: &'a mut [A],
    /// The greatest score so far, by query.
    greatest: &'a mut [f32],
    /// The sum of shares so far, by query.
    sums: &'a mut [f32],
    /// The mixed values so far: rows of `out_width`.
    mixed: &'a mut [f32],
    out_width: usize,
    count: usize,
}

for_each_isa! {
    fn soften[A: Element](job: &mut Softening<'_, A>, seen: Seen) = soften_here;
}

/// Values that are worked on at once.
const LANES: usize = 32;

/// `2^x`, as near as shares of this type can tell.
#[inline(always)]
fn share_of<A: Element>(fma: impl Fma, x: f32) -> f32 {
    match A::DTYPE {
        DType::F32 => exp2_share::<false>(fma, x),
        DType::Bf16 => exp2_share::<true>(fma, x),
    }
}

/// All lanes in one, by halves: of constant lengths, so that they stay in registers.
#[inline(always)]
fn folded(lanes: [f32; LANES], both: impl Fn(f32, f32) -> f32) -> f32 {
    let a: [f32; 16] = std::array::from_fn(|i| both(lanes[i], lanes[i + 16]));
    let b: [f32; 8] = std::array::from_fn(|i| both(a[i], a[i + 8]));
    let c: [f32; 4] = std::array::from_fn(|i| both(b[i], b[i + 4]));
    both(both(c[0], c[2]), both(c[1], c[3]))
}

#[inline(always)]
fn soften_here<A: Element>(fma: impl Fma, job: &mut Softening<'_, A>, seen: Seen) {
    for row in 0..job.count {
        let visible = match seen.causal {
            None => seen.present,
            Some((query, key)) => (query + row + 1).saturating_sub(key).min(seen.present),
        };
        let scores = &job.scores[row * KEYS..][..KEYS];
        let shares = &mut job.shares[row * KEYS..][..KEYS];
        let mut top = [job.greatest[row]; LANES];
        let mut chunks = scores[..visible].chunks_exact(LANES);
        for chunk in &mut chunks {
            let chunk: &[f32; LANES] = chunk.try_into().expect("chunks have this length");
            for i in 0..LANES {
                top[i] = if chunk[i] > top[i] { chunk[i] } else { top[i] };
            }
        }
        for (top, score) in top.iter_mut().zip(chunks.remainder()) {
            *top = if *score > *top { *score } else { *top };
        }
        let top = folded(top, |a, b| if b > a { b } else { a });
        let mut sum = [0.0_f32; LANES];
        let whole = visible / LANES * LANES;
        let pairs = shares[..whole].chunks_exact_mut(LANES).zip(scores.chunks_exact(LANES));
        for (share, score) in pairs {
            let score: &[f32; LANES] = score.try_into().expect("chunks have this length");
            let share: &mut [A; LANES] = share.try_into().expect("chunks have this length");
            for i in 0..LANES {
                let value = share_of::<A>(fma, score[i] - top);
                sum[i] += value;
                share[i] = A::of(value);
            }
        }
        for i in whole..visible {
            let value = share_of::<A>(fma, scores[i] - top);
            sum[i - whole] += value;
            shares[i] = A::of(value);
        }
        shares[visible..seen.padded].fill(A::default());
        let sum = folded(sum, |a, b| a + b);
        let before = job.greatest[row];
        job.greatest[row] = top;
        // Nothing was seen before the first stretch, and nothing changes where the top stays.
        if before == f32::NEG_INFINITY || before == top {
            job.sums[row] += sum;
            continue;
        }
        let fade = exp2(fma, before - top);
        job.sums[row] = fma.mul_add(job.sums[row], fade, sum);
        for value in &mut job.mixed[row * job.out_width..][..job.out_width] {
            *value *= fade;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::gemm::tests::{bound, here, noise, read, rounded, stored};
    use super::super::memory::Memory;
    use super::*;

    struct Case {
        batch: usize,
        queries: usize,
        keys: usize,
        heads: usize,
        width: usize,
        causal: bool,
    }

    /// The whole score matrix in f64.
    fn wanted(dtype: DType, case: &Case, q: &[f32], k: &[f32], v: &[f32]) -> Vec<f64> {
        let Case { batch, queries, keys, heads, width, causal } = *case;
        let channels = heads * width;
        let mut out = vec![0.0; batch * queries * channels];
        for row in 0..batch * queries * heads {
            let (image, query, head) =
                (row / (queries * heads), row / heads % queries, row % heads);
            let q_at = (image * queries + query) * channels + head * width;
            let key_at = |key: usize| (image * keys + key) * channels + head * width;
            let seen = if causal { (query + 1).min(keys) } else { keys };
            let score = |key: usize| {
                let product =
                    |d: usize| rounded(dtype, q[q_at + d]) * rounded(dtype, k[key_at(key) + d]);
                (0..width).map(product).sum::<f64>() / (width as f64).sqrt()
            };
            let shares: Vec<f64> = (0..seen).map(|key| score(key).exp()).collect();
            let sum: f64 = shares.iter().sum();
            for d in 0..width {
                let mixed = |key: usize| shares[key] * rounded(dtype, v[key_at(key) + d]);
                out[q_at + d] = (0..seen).map(mixed).sum::<f64>() / sum;
            }
        }
        out
    }

    fn run(isa: Isa, dtype: DType, case: &Case, q: &[f32], k: &[f32], v: &[f32]) -> Vec<f32> {
        let gemm = Gemm::new(isa, dtype);
        let [q, k, v] = [q, k, v].map(|values| (stored(dtype, values), values.len()));
        let Case { batch, keys, heads, width, causal, .. } = *case;
        let shape = Shape { batch, keys, channels: heads * width, heads };
        let packed = Keys::new(&gemm, k.0.values(dtype, k.1), v.0.values(dtype, v.1), shape);
        let mut out = Memory::zeroed(q.1 * dtype.size());
        attention(&gemm, out.values_mut(dtype, q.1), q.0.values(dtype, q.1), &packed, causal);
        read(out.values(dtype, q.1))
    }

    fn inputs(case: &Case) -> [Vec<f32>; 3] {
        let channels = case.heads * case.width;
        let (queries, keys) = (case.batch * case.queries, case.batch * case.keys);
        // Large enough that the softmax has peaks.
        let q = noise(queries * channels, 1).iter().map(|q| q * 6.0).collect();
        [q, noise(keys * channels, 2), noise(keys * channels, 3)]
    }

    #[test]
    fn attention_is_right_at_any_size() {
        let case = |batch, queries, keys, heads, width, causal| Case {
            batch,
            queries,
            keys,
            heads,
            width,
            causal,
        };
        let cases = [
            case(1, 1, 1, 1, 8, false),
            case(2, 33, 77, 2, 40, false),
            case(1, 70, 70, 3, 16, true),
            case(1, 40, 1100, 1, 33, false),
            case(1, 600, 600, 1, 64, true),
            case(2, 17, 64, 1, 160, false),
            case(1, 130, 200, 1, 512, false),
        ];
        for isa in here() {
            for dtype in [DType::F32, DType::Bf16] {
                for case in &cases {
                    let [q, k, v] = inputs(case);
                    let wanted = wanted(dtype, case, &q, &k, &v);
                    let out = run(isa, dtype, case, &q, &k, &v);
                    let worst = out.iter().zip(&wanted).map(|(a, b)| (f64::from(*a) - b).abs());
                    let worst = worst.fold(0.0, f64::max);
                    let (keys, width) = (case.keys, case.width);
                    // In bf16 queries are rounded once more, by up to 2^-9 of a score.
                    let allowed = if dtype == DType::F32 { 5e-6 } else { 4.0 * bound(dtype) };
                    assert!(worst < allowed, "{isa} {dtype:?} {keys} keys of {width}: {worst}");
                }
            }
        }
    }

    #[test]
    fn what_is_not_finite_stays_with_its_query() {
        let case = Case { batch: 1, queries: 40, keys: 77, heads: 1, width: 40, causal: false };
        let [mut q, k, v] = inputs(&case);
        q[7 * 40] = f32::NAN;
        for isa in here() {
            for dtype in [DType::F32, DType::Bf16] {
                for (row, out) in run(isa, dtype, &case, &q, &k, &v).chunks_exact(40).enumerate() {
                    let nans = out.iter().filter(|value| value.is_nan()).count();
                    assert_eq!(nans, if row == 7 { 40 } else { 0 }, "{isa} {dtype:?}");
                }
            }
        }
    }
}
