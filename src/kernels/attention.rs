//! Scaled dot-product attention, a tile of queries at a time: the whole score matrix never exists.

use std::cell::RefCell;

use rayon::prelude::*;
use rten_simd::SimdOp;
use rten_vecmath::Softmax;

use super::gemm::{Gemm, View};

/// Queries that one task handles.
const TILE: usize = 128;

/// The sizes of one call.
#[derive(Clone, Copy)]
pub struct Shape {
    /// Images in the batch.
    pub batch: usize,
    /// Query tokens per image.
    pub queries: usize,
    /// Key and value tokens per image.
    pub keys: usize,
    /// Channels of all heads together.
    pub channels: usize,
    /// Heads; divides `channels`.
    pub heads: usize,
    /// Whether a query sees only keys up to its own place (text encoders).
    pub causal: bool,
}

/// `softmax(q·kᵀ / √d)·v` per head. All tensors are `[batch, tokens, channels]`, heads side by
/// side in the channels.
pub fn attention(gemm: &Gemm, out: &mut [f32], q: &[f32], k: &[f32], v: &[f32], shape: Shape) {
    thread_local! {
        static SCRATCH: RefCell<(Vec<f32>, Vec<f32>)> = const { RefCell::new((Vec::new(), Vec::new())) };
    }
    let Shape { queries, keys, channels, heads, causal, .. } = shape;
    let width = channels / heads;
    let scale = 1.0 / (width as f32).sqrt();
    let head_of =
        |data, rows| View { data, rows, columns: width, row_stride: channels, column_stride: 1 };
    out.par_chunks_mut(queries * channels).enumerate().for_each(|(image, out)| {
        let q = &q[image * queries * channels..][..queries * channels];
        let k = &k[image * keys * channels..][..keys * channels];
        let v = &v[image * keys * channels..][..keys * channels];
        out.par_chunks_mut(TILE * channels).enumerate().for_each(|(tile, out)| {
            let rows = out.len() / channels;
            let q = &q[tile * TILE * channels..];
            // Taken out, so that a task stolen while this one waits finds its own.
            let (mut scores, mut mixed) = SCRATCH.take();
            scores.resize(rows * keys, 0.0);
            mixed.resize(rows * width, 0.0);
            for head in 0..heads {
                let at = head * width;
                let keys_across = View {
                    data: &k[at..],
                    rows: width,
                    columns: keys,
                    row_stride: 1,
                    column_stride: channels,
                };
                gemm.multiply_views(&mut scores, head_of(&q[at..], rows), keys_across, scale);
                for (row, scores) in scores.chunks_exact_mut(keys).enumerate() {
                    if causal {
                        let first_hidden = (tile * TILE + row + 1).min(keys);
                        scores[first_hidden..].fill(f32::NEG_INFINITY);
                    }
                    Softmax::new_mut(scores).dispatch();
                }
                gemm.multiply_views(
                    &mut mixed,
                    View::dense(&scores, rows, keys),
                    head_of(&v[at..], keys),
                    1.0,
                );
                for (out, mixed) in out.chunks_exact_mut(channels).zip(mixed.chunks_exact(width)) {
                    out[at..at + width].copy_from_slice(mixed);
                }
            }
            SCRATCH.set((scores, mixed));
        });
    });
}
