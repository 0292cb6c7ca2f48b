//! The online softmax for shares in bf16: scores of a stretch of keys become shares, and what was mixed before fades
//! where a greater score has come.

use half::bf16;

use super::super::isa::{self, Isa, for_each_isa};
use super::super::values::Element;
use super::super::vector::{Fma, PLAIN, exp2, exp2_share};
use super::KEYS;
#[cfg(target_arch = "x86_64")]
use super::avx512;

/// Values that plain code works on at once.
const LANES: usize = 32;

/// Which keys of a stretch count.
#[derive(Clone, Copy)]
pub(super) struct Seen {
    /// Keys that are there.
    pub present: usize,
    /// Shares that are read: the rest of them is zero.
    pub padded: usize,
    /// Causal: the places of the first query and of the first of these keys.
    pub causal: Option<(usize, usize)>,
}

impl Seen {
    /// Keys that the query of a row sees.
    fn by(self, row: usize) -> usize {
        match self.causal {
            None => self.present,
            Some((query, key)) => (query + row + 1).saturating_sub(key).min(self.present),
        }
    }
}

/// A strip of queries.
pub(super) struct Softening<'a> {
    /// Rows of [`KEYS`], in base 2.
    pub scores: &'a [f32],
    /// Rows of [`KEYS`].
    pub shares: &'a mut [bf16],
    /// The greatest score so far, by query.
    pub greatest: &'a mut [f32],
    /// The sum of shares so far, by query.
    pub sums: &'a mut [f32],
    /// The mixed values so far: rows of `out_width`.
    pub mixed: &'a mut [f32],
    /// Width of a row.
    pub out_width: usize,
}

/// Turns a strip's scores into shares.
pub(super) fn soften(isa: Isa, job: &mut Softening<'_>, seen: Seen) {
    for row in 0..job.greatest.len() {
        let visible = seen.by(row);
        let scores = &job.scores[row * KEYS..][..KEYS];
        let shares = &mut job.shares[row * KEYS..][..KEYS];
        let before = job.greatest[row];
        let (top, sum) = share_out(isa, &scores[..visible], shares, before);
        if visible < seen.padded {
            shares[visible..seen.padded].fill(bf16::ZERO);
        }
        job.greatest[row] = top;
        // Nothing was seen before the first stretch, and nothing changes where the top stays.
        if before == f32::NEG_INFINITY || before == top {
            job.sums[row] += sum;
            continue;
        }
        let fade = exp2(PLAIN, before - top);
        job.sums[row] = job.sums[row] * fade + sum;
        for value in &mut job.mixed[row * job.out_width..][..job.out_width] {
            *value *= fade;
        }
    }
}

/// Writes `2^(score - top)` for each score, as near as bf16 can tell; gives the top, which is the
/// greatest score or `before`, and the sum. May write whole vectors.
fn share_out(isa: Isa, scores: &[f32], shares: &mut [bf16], before: f32) -> (f32, f32) {
    #[cfg(target_arch = "x86_64")]
    if isa.vectors() == super::super::isa::Vectors::Avx512Bf16 {
        // SAFETY: an `Isa` is only made where it is available; shares have room for whole vectors.
        return unsafe { avx512::share_out_bf16(scores, shares.as_mut_ptr().cast(), before) };
    }
    share_out_plain(isa, scores, shares, before)
}

for_each_isa! {
    fn share_out_plain(scores: &[f32], shares: &mut [bf16], before: f32) -> (f32, f32)
        = share_out_here;
}

#[inline(always)]
fn share_out_here(fma: impl Fma, scores: &[f32], shares: &mut [bf16], before: f32) -> (f32, f32) {
    let mut top = [before; LANES];
    let mut chunks = scores.chunks_exact(LANES);
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
    let whole = scores.len() / LANES * LANES;
    let pairs = shares[..whole].chunks_exact_mut(LANES).zip(scores.chunks_exact(LANES));
    for (share, score) in pairs {
        let score: &[f32; LANES] = score.try_into().expect("chunks have this length");
        let share: &mut [bf16; LANES] = share.try_into().expect("chunks have this length");
        for i in 0..LANES {
            let value = exp2_share::<true>(fma, score[i] - top);
            sum[i] += value;
            share[i] = bf16::of(value);
        }
    }
    for i in whole..scores.len() {
        let value = exp2_share::<true>(fma, scores[i] - top);
        sum[i - whole] += value;
        shares[i] = bf16::of(value);
    }
    (top, folded(sum, |a, b| a + b))
}

/// All lanes in one, by halves: of constant lengths, so that they stay in registers.
#[inline(always)]
fn folded(lanes: [f32; LANES], both: impl Fn(f32, f32) -> f32) -> f32 {
    let a: [f32; 16] = std::array::from_fn(|i| both(lanes[i], lanes[i + 16]));
    let b: [f32; 8] = std::array::from_fn(|i| both(a[i], a[i + 8]));
    let c: [f32; 4] = std::array::from_fn(|i| both(b[i], b[i + 4]));
    both(both(c[0], c[2]), both(c[1], c[3]))
}
