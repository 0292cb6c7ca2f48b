//! What a microkernel is given and what it is like.

use super::super::values::DType;

/// Rows that a microkernel works on at once, at most.
pub(in super::super) const STRIP: usize = 32;
/// Columns that a microkernel works on at once, at most.
pub(in super::super) const PANEL: usize = 32;

/// A few rows of the left-hand matrix. A row is `runs` stretches of neighbouring values, one
/// `run_bytes` after the other.
#[derive(Clone, Copy)]
pub(in super::super) struct Strip {
    /// Rows that count.
    pub count: usize,
    /// Where each begins.
    pub rows: [*const u8; STRIP],
    /// Distance between a row's runs.
    pub run_bytes: usize,
    /// For matrix tiles: sixteen rows each.
    pub halves: [Half; 2],
    /// For matrix tiles: the incomplete last steps of the runs, filled up with zeros, as
    /// `[runs][STRIP][unit]`; null where runs are whole.
    pub tail: *const u8,
}

/// Sixteen rows at equal distances.
#[derive(Clone, Copy)]
pub(in super::super) struct Half {
    /// Where the first begins.
    pub begin: *const u8,
    /// Distance between rows.
    pub stride: usize,
    /// Distance between a row's runs.
    pub run_bytes: usize,
}

impl Strip {
    /// No rows yet.
    pub(in super::super) const EMPTY: Self = Self {
        count: 0,
        rows: [std::ptr::null(); STRIP],
        run_bytes: 0,
        halves: [Half { begin: std::ptr::null(), stride: 0, run_bytes: 0 }; 2],
        tail: std::ptr::null(),
    };

    /// `count` rows of one run each, `stride` bytes apart. For matrix tiles there must be memory
    /// for a multiple of sixteen rows.
    pub(in super::super) fn dense(begin: *const u8, stride: usize, count: usize) -> Self {
        let mut strip = Self { count, ..Self::EMPTY };
        for (row, pointer) in strip.rows.iter_mut().enumerate().take(count) {
            *pointer = begin.wrapping_add(row * stride);
        }
        let second = if count > 16 { begin.wrapping_add(16 * stride) } else { begin };
        strip.halves = [begin, second].map(|begin| Half { begin, stride, run_bytes: 0 });
        strip
    }
}

/// A part of the depth: whole runs, or steps of one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in super::super) struct Span {
    /// First run.
    pub run: usize,
    /// Runs.
    pub runs: usize,
    /// First step in each run.
    pub step: usize,
    /// Whole steps in each run.
    pub steps: usize,
    /// Whether an incomplete step follows, which matrix tiles take from [`Strip::tail`].
    pub tail: bool,
}

/// Where the product goes: f32, rows `stride` values apart.
#[derive(Clone, Copy)]
pub(in super::super) struct Out {
    /// First value.
    pub begin: *mut f32,
    /// Distance between rows.
    pub stride: usize,
    /// Whether the whole panel is wanted, or its first half only (packed so).
    pub wide: bool,
    /// Whether the product is added to what is there.
    pub add: bool,
}

/// A microkernel: strip times a panel's span, into the output.
///
/// # Safety
/// The processor has the kernel's instructions; all of the strip's rows can be read over the span,
/// the panel over the span's steps, and the output written for the strip's rows (matrix tiles:
/// for whole sixteens) and the panel's columns.
pub(in super::super) type Run = unsafe fn(&Strip, Span, *const u8, Out);

/// A microkernel and its measures.
#[derive(Clone, Copy)]
pub(in super::super) struct Kernel {
    /// Rows of a strip.
    pub rows: usize,
    /// Columns of a panel.
    pub columns: usize,
    /// Values of depth in a step.
    pub unit: usize,
    /// How left-hand values are stored.
    pub a: DType,
    /// How right-hand values are stored.
    pub b: DType,
    /// Whether it works on matrix tiles, which must be set up.
    pub tiles: bool,
    /// Bytes of a panel that are worked on at once.
    pub span_bytes: usize,
    /// The function.
    pub run: Run,
    /// The same for rows that lie side by side, `[depth][rows]`, where there is one: the strip's first
    /// row is where all of them lie. Results are the same.
    pub interleaved: Option<Run>,
    /// Where it is worth while to lay rows side by side that meet many panels, since they are then
    /// read in one stream: how.
    pub fill: Option<Fill>,
}

/// Lays out a strip of one run of so many values; may write up to a cache line more.
///
/// # Safety
/// The processor has the kernel's instructions, the strip's rows can be read, and there is room for
/// them and a line.
pub(in super::super) type Fill = unsafe fn(&Strip, usize, *mut f32);

impl Kernel {
    /// Whole steps that a run of `length` values takes, the incomplete one counted.
    pub(in super::super) fn steps(&self, length: usize) -> usize {
        length.div_ceil(self.unit)
    }

    /// Bytes of one step of a panel, of the whole panel or its first half.
    pub(in super::super) fn step_bytes(&self, wide: bool) -> usize {
        let columns = if wide { self.columns } else { self.columns / 2 };
        self.unit * columns * self.b.size()
    }

    /// The depth of `runs` runs of `length` values in parts that the cache holds.
    pub(in super::super) fn spans(&self, runs: usize, length: usize) -> Vec<Span> {
        let steps = self.steps(length);
        let tail = self.tiles && !length.is_multiple_of(self.unit);
        let most = (self.span_bytes / self.step_bytes(true)).max(1);
        let mut spans = Vec::new();
        if steps <= most {
            let together = (most / steps).clamp(1, runs);
            for run in (0..runs).step_by(together) {
                let count = together.min(runs - run);
                let steps = steps - usize::from(tail);
                spans.push(Span { run, runs: count, step: 0, steps, tail });
            }
        } else {
            let parts = steps.div_ceil(most);
            for run in 0..runs {
                for part in 0..parts {
                    let (from, to) = (part * steps / parts, (part + 1) * steps / parts);
                    let tail = tail && part + 1 == parts;
                    let steps = to - from - usize::from(tail);
                    spans.push(Span { run, runs: 1, step: from, steps, tail });
                }
            }
        }
        spans
    }
}
