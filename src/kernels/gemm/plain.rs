//! Microkernels in plain code: the twin of all others, and what processors without known
//! instructions run.

use half::bf16;

use super::super::values::{DType, Element};
use super::super::vector::{Fma, PLAIN};
use super::tile::{Kernel, Out, Span, Strip};

/// Rows of a strip.
const ROWS: usize = 4;
/// Columns of a panel.
const COLUMNS: usize = 16;

/// For f32 weights.
pub(super) const F32: Kernel = Kernel {
    rows: ROWS,
    columns: COLUMNS,
    unit: 1,
    a: DType::F32,
    b: DType::F32,
    tiles: false,
    span_bytes: 128 << 10,
    run: whole,
    interleaved: Some(interleaved),
    fill: None,
};

/// For bf16 weights.
pub(super) const BF16: Kernel =
    Kernel { unit: 2, b: DType::Bf16, run: pairs, interleaved: None, ..F32 };

/// # Safety
/// See [`super::tile::Run`].
unsafe fn whole(strip: &Strip, span: Span, b: *const u8, out: Out) {
    let columns = if out.wide { COLUMNS } else { COLUMNS / 2 };
    // SAFETY: the caller's promise; a step is one value of `a` and `columns` of `b`.
    unsafe {
        product(strip, span, out, |a: *const f32, step, sums| {
            let b = b.cast::<f32>().add(step.overall * columns);
            for (column, sum) in sums.iter_mut().enumerate().take(columns) {
                *sum = PLAIN.mul_add(*a.add(step.in_run), *b.add(column), *sum);
            }
        });
    }
}

/// # Safety
/// See [`super::tile::Run`]; the strip is interleaved.
unsafe fn interleaved(strip: &Strip, span: Span, b: *const u8, out: Out) {
    // A row's values lie one run apart, a run being all rows' values of one step.
    let mut rows = *strip;
    rows.run_bytes = strip.count * size_of::<f32>();
    for (row, begin) in rows.rows.iter_mut().enumerate().take(strip.count) {
        *begin = strip.rows[0].wrapping_add(row * size_of::<f32>());
    }
    let span = Span { run: span.step, runs: span.steps, step: 0, steps: 1, tail: false };
    // SAFETY: the caller's promise.
    unsafe { whole(&rows, span, b, out) };
}

/// # Safety
/// See [`super::tile::Run`].
unsafe fn pairs(strip: &Strip, span: Span, b: *const u8, out: Out) {
    let columns = if out.wide { COLUMNS } else { COLUMNS / 2 };
    // SAFETY: the caller's promise; a step is two values of `a` and two of `b` for each column.
    unsafe {
        product(strip, span, out, |a: *const f32, step, sums| {
            let b = b.cast::<bf16>().add(step.overall * columns * 2);
            let (first, second) = (*a.add(2 * step.in_run), *a.add(2 * step.in_run + 1));
            for (column, sum) in sums.iter_mut().enumerate().take(columns) {
                let weight = |i: usize| Element::get(*b.add(2 * column + i));
                *sum = PLAIN.mul_add(first, weight(0), *sum);
                *sum = PLAIN.mul_add(second, weight(1), *sum);
            }
        });
    }
}

/// Where a step lies.
#[derive(Clone, Copy)]
struct Step {
    in_run: usize,
    overall: usize,
}

/// # Safety
/// See [`super::tile::Run`]; `step` reads no more than the span's steps.
unsafe fn product(
    strip: &Strip,
    span: Span,
    out: Out,
    step: impl Fn(*const f32, Step, &mut [f32; COLUMNS]),
) {
    let columns = if out.wide { COLUMNS } else { COLUMNS / 2 };
    for row in 0..strip.count {
        let mut sums = [0.0; COLUMNS];
        // SAFETY: the caller's promise about the output.
        let out_row =
            unsafe { std::slice::from_raw_parts_mut(out.begin.add(row * out.stride), columns) };
        if out.add {
            sums[..columns].copy_from_slice(out_row);
        }
        for run in 0..span.runs {
            let a = strip.rows[row].wrapping_add((span.run + run) * strip.run_bytes).cast::<f32>();
            for index in 0..span.steps {
                let at = Step { in_run: span.step + index, overall: run * span.steps + index };
                step(a, at, &mut sums);
            }
        }
        out_row.copy_from_slice(&sums[..columns]);
    }
}
