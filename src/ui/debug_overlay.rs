//! The figures behind F12: time a frame costs, and time from an input event to the frame that
//! shows it. Fed by the shell; also written as JSON for measurements.

use egui::{Align2, Rect, Stroke, StrokeKind, Ui, vec2};
use serde::Serialize;

use super::Cx;
use super::tokens::{self, radius, space};

/// Samples that are remembered, each kind.
const MOST: usize = 4096;

/// Samples in seconds.
#[derive(Clone, Debug, Default)]
pub struct Samples {
    values: Vec<f32>,
    next: usize,
}

impl Samples {
    /// Adds one; the oldest leaves when there are many.
    pub fn add(&mut self, value: f32) {
        if self.values.len() < MOST {
            self.values.push(value);
        } else {
            self.values[self.next % MOST] = value;
        }
        self.next += 1;
    }

    /// The value below which `part` of all samples lie, in milliseconds.
    #[must_use]
    pub fn percentile_ms(&self, part: f32) -> Option<f32> {
        if self.values.is_empty() {
            return None;
        }
        let mut sorted = self.values.clone();
        sorted.sort_by(f32::total_cmp);
        let at = ((sorted.len() - 1) as f32 * part).round() as usize;
        Some(sorted[at] * 1000.0)
    }
}

/// Figures of one kind of moment.
#[derive(Clone, Debug, Default)]
pub struct Moment {
    /// From a frame's beginning to its hand-over to the graphics, waits for the display server
    /// and for a core included (eframe's `cpu_usage`).
    pub frame: Samples,
    /// Processor time of the window's thread from a frame's beginning until its drawing is with the
    /// driver; a software driver then copies the frame to the screen on this thread, too.
    pub work: Samples,
    /// From an input event to the end of the frame that shows it.
    pub latency: Samples,
}

/// All figures: while nothing is painted, and while something is.
#[derive(Clone, Debug, Default)]
pub struct Figures {
    /// Nothing is painted.
    pub idle: Moment,
    /// A run is going.
    pub busy: Moment,
    /// Frames drawn since the start.
    pub frames: u64,
}

/// The figures of one kind of moment, as they are written.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Report {
    /// Frames measured.
    pub frames: usize,
    /// Median cost of a frame.
    pub frame_p50_ms: Option<f32>,
    /// Cost of the slowest hundredth.
    pub frame_p99_ms: Option<f32>,
    /// Processor time of the window's thread in the slowest hundredth of frames.
    pub work_p99_ms: Option<f32>,
    /// Events measured.
    pub events: usize,
    /// Median latency.
    pub latency_p50_ms: Option<f32>,
    /// Latency of the slowest twentieth.
    pub latency_p95_ms: Option<f32>,
    /// Latency of the slowest hundredth.
    pub latency_p99_ms: Option<f32>,
}

impl Moment {
    /// Its figures.
    #[must_use]
    pub fn report(&self) -> Report {
        Report {
            frames: self.frame.values.len(),
            frame_p50_ms: self.frame.percentile_ms(0.5),
            frame_p99_ms: self.frame.percentile_ms(0.99),
            work_p99_ms: self.work.percentile_ms(0.99),
            events: self.latency.values.len(),
            latency_p50_ms: self.latency.percentile_ms(0.5),
            latency_p95_ms: self.latency.percentile_ms(0.95),
            latency_p99_ms: self.latency.percentile_ms(0.99),
        }
    }
}

/// Draws the figures at the canvas's upper left corner.
pub fn show(ui: &Ui, cx: &Cx<'_>, canvas: Rect, figures: &Figures) {
    let p = cx.palette;
    let line = |name: &str, report: Report| {
        let ms = |value: Option<f32>| value.map_or("–".to_owned(), |value| format!("{value:.1}"));
        format!(
            "{name}: frame {} / {} ms (p50 / p99, {}), work {} ms (p99)   \
             input to shown {} / {} / {} ms (p50 / p95 / p99, {})",
            ms(report.frame_p50_ms),
            ms(report.frame_p99_ms),
            report.frames,
            ms(report.work_p99_ms),
            ms(report.latency_p50_ms),
            ms(report.latency_p95_ms),
            ms(report.latency_p99_ms),
            report.events,
        )
    };
    // Figures for those who build the program; they are not translated.
    let text = [
        line("idle", figures.idle.report()),
        line("painting", figures.busy.report()),
        format!("frames drawn {}   pixels per point {:.2}", figures.frames, ui.pixels_per_point()),
    ]
    .join("\n");
    let galley = ui.painter().layout_no_wrap(text, tokens::caption(), p.text_1);
    let at = canvas.min + vec2(space::M, space::M);
    let ground = Rect::from_min_size(at, galley.size() + vec2(2.0 * space::S, 2.0 * space::XS));
    ui.painter().rect(ground, radius::S, p.raised, Stroke::new(1.0, p.line), StrokeKind::Inside);
    let inner = Align2::LEFT_CENTER.anchor_rect(Rect::from_min_size(
        egui::pos2(at.x + space::S, ground.center().y),
        galley.size(),
    ));
    ui.painter().galley(inner.min, galley, p.text_1);
}
