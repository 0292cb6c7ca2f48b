//! How fast the processor can multiply and add at all: what measured paces are shares of.

use std::hint::black_box;
use std::time::Instant;

use rayon::prelude::*;

use super::gemm::tile::{Kernel, Out, PANEL, Span, Strip};
use super::gemm::{Gemm, Weights};
use super::memory::{Memory, Shared};

/// Steps of depth: strip and panel lie in the first cache.
const STEPS: usize = 8;
/// Seconds that are measured.
const SECS: f64 = 0.2;

/// Floating-point operations a second of a product's innermost loop on data in the first cache,
/// on all threads of the current pool together.
#[must_use]
pub fn peak(gemm: &Gemm) -> f64 {
    let threads = rayon::current_num_threads();
    let paces: Vec<f64> =
        (0..threads).into_par_iter().with_max_len(1).map(|_| pace(gemm)).collect();
    paces.iter().sum()
}

fn pace(gemm: &Gemm) -> f64 {
    let kernel: Kernel = gemm.kernel();
    #[cfg(target_arch = "x86_64")]
    let _tiles = super::gemm::amx::Configured::when(kernel.tiles);
    let depth = STEPS * kernel.unit * if kernel.tiles { 1 } else { 16 };
    let weights = vec![0.0; kernel.columns * depth];
    let packed = gemm.pack(Weights { values: &weights, output: kernel.columns, input: depth });
    let rows = Memory::zeroed(kernel.rows * depth * kernel.a.size());
    let mut sums = Memory::zeroed(kernel.rows * PANEL * 4);
    let begin = Shared::new(sums.slice_mut::<f32>(kernel.rows * PANEL)).at(0);
    let strip = Strip::dense(rows.address(), depth * kernel.a.size(), kernel.rows);
    let steps = depth / kernel.unit;
    let span = Span { run: 0, runs: 1, step: 0, steps, tail: false };
    let out = Out { begin, stride: PANEL, wide: true, add: false };
    let b = packed.address(packed.panel(0), 0, 0);
    let start = Instant::now();
    let mut runs = 0;
    while start.elapsed().as_secs_f64() < SECS {
        for _ in 0..100 {
            // SAFETY: an `Isa` is only made where it is available; the rows, the panel and the
            // sums are as large as the kernel's measures.
            unsafe { (kernel.run)(black_box(&strip), span, b, out) };
        }
        runs += 100;
    }
    (runs * 2 * kernel.rows * kernel.columns * depth) as f64 / start.elapsed().as_secs_f64()
}
