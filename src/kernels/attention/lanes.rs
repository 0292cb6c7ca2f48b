//! Attention in f32, with queries in the lanes of vectors: scores lie as `[keys][queries]`, so that
//! the softmax goes straight down the lanes, and they are the right-hand matrix of the mixing as
//! they are. Both products then have the queries as columns: keys are rows as they come, values are
//! rows of channels, and no channel is computed that is not there.

use rayon::prelude::*;

use super::super::gemm::tile::{Kernel, Out, Run, Span, Strip};
#[cfg(target_arch = "x86_64")]
use super::super::isa::Vectors;
use super::super::isa::{self, Isa, for_each_isa};
use super::super::memory::{Shared, scratch};
use super::super::values::{Element, converted};
use super::super::vector::{Fma, exp2, exp2_share};
#[cfg(target_arch = "x86_64")]
use super::avx512;
use super::{Keys, Shape, give_out};

/// Keys that are worked on at once, at most: their scores stay in the first cache.
const STRETCH: usize = 128;
/// Panels of queries that a task aims at: they share the keys in the second cache.
const PANELS: usize = 4;
/// Queries that the softmax works on at once: all panels are whole multiples.
pub(super) const LANES: usize = 16;
/// The widest panel.
const WIDEST: usize = 32;
/// Rows that the greatest score is looked for in at once.
const ABREAST: usize = 4;

for_each_isa! {
    /// Copies a head's keys, `[keys][width]` of rows `stride` apart.
    pub(super) fn pack_keys[S: Element](out: &mut [f32], k: &[S], width: usize, stride: usize)
        = keys_here;
}

#[inline(always)]
fn keys_here<S: Element>(_: impl Fma, out: &mut [f32], k: &[S], width: usize, stride: usize) {
    for (key, out) in out.chunks_exact_mut(width).enumerate() {
        for (out, k) in out.iter_mut().zip(&k[key * stride..][..width]) {
            *out = converted(*k);
        }
    }
}

for_each_isa! {
    /// Copies a head's values in strips of up to `rows` channels, each `[keys][channels]`.
    pub(super) fn pack_values[S: Element](
        out: &mut [f32],
        v: &[S],
        width: usize,
        stride: usize,
        rows: usize,
    ) = values_here;
}

#[inline(always)]
fn values_here<S: Element>(
    _: impl Fma,
    out: &mut [f32],
    v: &[S],
    width: usize,
    stride: usize,
    rows: usize,
) {
    let keys = out.len() / width;
    for first in (0..width).step_by(rows) {
        let count = rows.min(width - first);
        let out = &mut out[first * keys..][..count * keys];
        for (key, out) in out.chunks_exact_mut(count).enumerate() {
            for (out, v) in out.iter_mut().zip(&v[key * stride + first..][..count]) {
                *out = converted(*v);
            }
        }
    }
}

/// One head's share of a call.
struct Head<'a, Q, T> {
    isa: Isa,
    kernel: Kernel,
    interleaved: Run,
    /// Keys and values of the head.
    k: *const f32,
    v: *const f32,
    keys: usize,
    width: usize,
    channels: usize,
    q: &'a [Q],
    out: Shared<T>,
    causal: bool,
}

/// `softmax(q·kᵀ / √d)·v`, see [`super::attention`].
pub(super) fn attend<T: Element, Q: Element>(
    isa: Isa,
    out: &mut [T],
    q: &[Q],
    packed: &Keys,
    causal: bool,
) {
    let Shape { batch, keys, channels, heads } = packed.shape;
    let kernel = packed.kernel;
    let interleaved = kernel.interleaved.expect("microkernels of f32 have one");
    let queries = q.len() / (batch * channels);
    assert_eq!(out.len(), q.len(), "the output is as large as the queries");
    let width = channels / heads;
    let tile = PANELS * kernel.columns;
    let tiles = queries.div_ceil(tile);
    let out = Shared::new(out);
    (0..batch * heads * tiles).into_par_iter().for_each(|task| {
        let (index, first) = (task / tiles, task % tiles * tile);
        let (image, head) = (index / heads, index % heads);
        let begin = image * queries * channels + head * width;
        let (k, v) = packed.of(index);
        let (k, v) = (k.cast(), v.cast());
        let (q, out) = (&q[begin..], out.after(begin));
        let head = Head { isa, kernel, interleaved, k, v, keys, width, channels, q, out, causal };
        let count = tile.min(queries - first);
        head.run(first, count);
    });
}

/// What is known so far of some queries, in base 2.
#[derive(Clone, Copy)]
struct Seen {
    greatest: [f32; LANES],
    sums: [f32; LANES],
}

impl<Q: Element, T: Element> Head<'_, Q, T> {
    /// Answers `count` queries from `first` on.
    fn run(&self, first: usize, count: usize) {
        let Kernel { rows, columns: lanes, run, .. } = self.kernel;
        let width = self.width;
        let panels = count.div_ceil(lanes);
        let stretch = STRETCH / rows * rows;
        let mut queries = scratch(panels * width * lanes * 4);
        let queries = queries.slice_mut::<f32>(panels * width * lanes);
        let mut mixed = scratch(panels * width * lanes * 4);
        let mixed = mixed.slice_mut::<f32>(panels * width * lanes);
        mixed.fill(0.0);
        let mut scores = scratch(stretch * lanes * 4);
        let scores = scores.slice_mut::<f32>(stretch * lanes);
        let nothing = Seen { greatest: [f32::NEG_INFINITY; LANES], sums: [0.0; LANES] };
        let mut seen = [nothing; PANELS * WIDEST / LANES];
        let factor = std::f32::consts::LOG2_E / (width as f32).sqrt();
        let mut rows_of_panel = scratch(width * lanes * 4);
        let rows_of_panel = rows_of_panel.slice_mut::<f32>(width * lanes);
        for (panel, out) in queries.chunks_exact_mut(width * lanes).enumerate() {
            let there = lanes.min(count - panel * lanes);
            rows_of_panel[there * width..].fill(0.0);
            for (query, row) in rows_of_panel.chunks_exact_mut(width).enumerate().take(there) {
                let at = (first + panel * lanes + query) * self.channels;
                take_query(self.isa, row, &self.q[at..][..width], factor);
            }
            flip(self.isa, out, rows_of_panel, width);
        }
        let last = if self.causal { (first + count).min(self.keys) } else { self.keys };
        let mut key_strips = Vec::with_capacity(stretch / rows);
        let mut value_strips = Vec::with_capacity(width.div_ceil(rows));
        for key in (0..last).step_by(stretch) {
            let present = stretch.min(last - key);
            key_strips.clear();
            key_strips.extend((0..present).step_by(rows).map(|row| {
                let begin = self.k.wrapping_add((key + row) * width).cast();
                Strip::dense(begin, width * 4, rows.min(present - row))
            }));
            value_strips.clear();
            value_strips.extend((0..width).step_by(rows).map(|channel| {
                let count = rows.min(width - channel);
                let begin = self.v.wrapping_add(channel * self.keys + key * count).cast();
                // Side by side: the first row is where all of them lie.
                Strip { count, ..Strip::dense(begin, 0, 1) }
            }));
            let span = |steps| Span { run: 0, runs: 1, step: 0, steps, tail: false };
            for panel in 0..panels {
                let b = queries[panel * width * lanes..].as_ptr().cast();
                for (index, strip) in key_strips.iter().enumerate() {
                    let begin = scores[index * rows * lanes..].as_mut_ptr();
                    let out = Out { begin, stride: lanes, wide: true, add: false };
                    // SAFETY: an `Isa` is only made where it is available; keys are as long as
                    // the queries are deep, and there is room for the scores of a stretch.
                    unsafe { run(strip, span(width), b, out) };
                }
                let scores = &mut scores[..present * lanes];
                if self.causal {
                    hide_later(scores, lanes, (first + panel * lanes, key));
                }
                let mixed = &mut mixed[panel * width * lanes..][..width * lanes];
                let parts = lanes / LANES;
                soften(self.isa, scores, lanes, &mut seen[panel * parts..][..parts], mixed);
                let b = scores.as_ptr().cast();
                for (index, strip) in value_strips.iter().enumerate() {
                    let begin = mixed[index * rows * lanes..].as_mut_ptr();
                    let out = Out { begin, stride: lanes, wide: true, add: true };
                    // SAFETY: as above; the strip's channels lie side by side for each key, and
                    // have room in the mixed values.
                    unsafe { (self.interleaved)(strip, span(present), b, out) };
                }
            }
        }
        for (panel, mixed) in mixed.chunks_exact(width * lanes).enumerate() {
            flip(self.isa, rows_of_panel, mixed, lanes);
            let there = lanes.min(count - panel * lanes);
            for (lane, row) in rows_of_panel.chunks_exact(width).enumerate().take(there) {
                let query = panel * lanes + lane;
                let at = (first + query) * self.channels;
                // SAFETY: this head's channels of this query are this task's only, and in the
                // output.
                let out = unsafe { std::slice::from_raw_parts_mut(self.out.at(at), width) };
                let factor = 1.0 / seen[query / LANES].sums[query % LANES];
                give_out(self.isa, out, row, factor);
            }
        }
    }
}

/// Later keys than a query's own place are not seen: for the places of the first query and the first
/// key.
fn hide_later(scores: &mut [f32], lanes: usize, (query, key): (usize, usize)) {
    for (row, scores) in scores.chunks_exact_mut(lanes).enumerate() {
        let before = (key + row).saturating_sub(query).min(lanes);
        scores[..before].fill(f32::NEG_INFINITY);
    }
}

for_each_isa! {
    fn take_query[Q: Element](out: &mut [f32], q: &[Q], factor: f32) = take_here;
}

#[inline(always)]
fn take_here<Q: Element>(_: impl Fma, out: &mut [f32], q: &[Q], factor: f32) {
    for (out, q) in out.iter_mut().zip(q) {
        *out = q.get() * factor;
    }
}

/// The rows of `from`, `columns` long, become the columns of `to`.
fn flip(isa: Isa, to: &mut [f32], from: &[f32], columns: usize) {
    let rows = from.len() / columns;
    assert_eq!(to.len(), from.len(), "the same values");
    #[cfg(target_arch = "x86_64")]
    if matches!(isa.vectors(), Vectors::Avx512 | Vectors::Avx512Bf16) {
        // SAFETY: an `Isa` is only made where it is available; both are as large as they should.
        unsafe { avx512::flip(to.as_mut_ptr(), from.as_ptr(), rows, columns) };
        return;
    }
    let _ = isa;
    for (row, from) in from.chunks_exact(columns).enumerate() {
        for (to, from) in to.chunks_exact_mut(rows).zip(from) {
            to[row] = *from;
        }
    }
}

/// Turns scores, `lanes` a row, into shares, `2^(score - greatest)` of each lane, adds them up, and
/// lets fade what was mixed before.
fn soften(isa: Isa, scores: &mut [f32], lanes: usize, seen: &mut [Seen], mixed: &mut [f32]) {
    for (part, seen) in seen.iter_mut().enumerate() {
        let scores = &mut scores[part * LANES..];
        let before = seen.greatest;
        look(isa, scores, lanes, seen);
        if before != seen.greatest {
            fade(isa, &before, seen, &mut mixed[part * LANES..], lanes);
        }
        share_out(isa, scores, lanes, seen);
    }
}

for_each_isa! {
    /// Looks for the greatest scores that are numbers.
    fn look(scores: &[f32], lanes: usize, seen: &mut Seen) = look_here;
}

#[inline(always)]
fn look_here(_: impl Fma, scores: &[f32], lanes: usize, seen: &mut Seen) {
    let mut tops = [seen.greatest; ABREAST];
    for rows in scores.chunks(ABREAST * lanes) {
        for (row, top) in rows.chunks(lanes).zip(&mut tops) {
            let row: &[f32; LANES] = row[..LANES].try_into().expect("of this length");
            for i in 0..LANES {
                top[i] = if row[i] > top[i] { row[i] } else { top[i] };
            }
        }
    }
    for top in tops {
        for i in 0..LANES {
            let greatest = seen.greatest[i];
            seen.greatest[i] = if top[i] > greatest { top[i] } else { greatest };
        }
    }
}

for_each_isa! {
    /// Brings what was summed and mixed to the new greatest scores.
    fn fade(before: &[f32; LANES], seen: &mut Seen, mixed: &mut [f32], lanes: usize) = fade_here;
}

#[inline(always)]
fn fade_here(
    fma: impl Fma,
    before: &[f32; LANES],
    seen: &mut Seen,
    mixed: &mut [f32],
    lanes: usize,
) {
    let mut by = [0.0; LANES];
    for i in 0..LANES {
        by[i] = exp2(fma, before[i] - seen.greatest[i]);
        // Nothing but NaN was seen: it stays.
        by[i] = if before[i] == seen.greatest[i] { 1.0 } else { by[i] };
        seen.sums[i] *= by[i];
    }
    for row in mixed.chunks_mut(lanes) {
        let row: &mut [f32; LANES] = (&mut row[..LANES]).try_into().expect("of this length");
        for i in 0..LANES {
            row[i] *= by[i];
        }
    }
}

fn share_out(isa: Isa, scores: &mut [f32], lanes: usize, seen: &mut Seen) {
    #[cfg(target_arch = "x86_64")]
    if matches!(isa.vectors(), Vectors::Avx512 | Vectors::Avx512Bf16) {
        // SAFETY: an `Isa` is only made where it is available.
        unsafe { avx512::share_out(scores, lanes, &seen.greatest, &mut seen.sums) };
        return;
    }
    share_out_plain(isa, scores, lanes, seen);
}

for_each_isa! {
    fn share_out_plain(scores: &mut [f32], lanes: usize, seen: &mut Seen) = share_out_here;
}

#[inline(always)]
fn share_out_here(fma: impl Fma, scores: &mut [f32], lanes: usize, seen: &mut Seen) {
    for row in scores.chunks_mut(lanes) {
        let row: &mut [f32; LANES] = (&mut row[..LANES]).try_into().expect("of this length");
        for i in 0..LANES {
            row[i] = exp2_share::<false>(fma, row[i] - seen.greatest[i]);
            seen.sums[i] += row[i];
        }
    }
}
