//! The row of ticks: progress while a picture is painted, scrubber once it is.

use egui::{Key, Rect, Response, Sense, Stroke, Ui, WidgetInfo, pos2, vec2};

use super::palette;
use crate::ui::tokens::{self, radius};

/// The widest a row may be.
const WIDEST: f32 = 320.0;
/// From this many steps on, a plain bar is clearer.
const MOST_TICKS: u32 = 60;
const GAP: f32 = 2.0;

/// What is shown.
#[derive(Clone, Copy, Debug)]
pub struct Ticks<'a> {
    /// Spoken name.
    pub name: &'a str,
    /// Steps done.
    pub done: u32,
    /// Steps in all.
    pub of: u32,
    /// The step that is looked at.
    pub at: Option<u32>,
    /// Height of the ticks, in points.
    pub height: f32,
    /// Whether the pointer may look at steps.
    pub scrubs: bool,
    /// Whether a click, or the keyboard's focus, opens something that does.
    pub opens: bool,
}

/// What the user did.
pub struct Outcome {
    /// The whole row.
    pub response: Response,
    /// The step under the pointer.
    pub hovered: Option<u32>,
    /// The step that was clicked.
    pub clicked: Option<u32>,
}

/// How wide a row of that many steps is.
#[must_use]
pub fn width(of: u32) -> f32 {
    let of = of.max(1) as f32;
    let tick = (WIDEST / of - GAP).clamp(4.0, 10.0);
    (of * (tick + GAP) - GAP).min(WIDEST)
}

impl Ticks<'_> {
    /// Draws the row in a strip `room` high, so that it is easy to hit.
    pub fn show(&self, ui: &mut Ui, room: f32) -> Outcome {
        let sense = match (self.scrubs, self.opens) {
            (true, _) => Sense::click_and_drag(),
            (false, true) => Sense::click(),
            (false, false) => Sense::hover(),
        };
        let (rect, response) = ui.allocate_exact_size(vec2(width(self.of), room), sense);
        let value = self.at.unwrap_or(self.done);
        response.widget_info(|| WidgetInfo::slider(true, f64::from(value), self.name));
        let of = self.of.max(1);
        let pitch = (rect.width() + GAP) / of as f32;
        let step_at =
            |x: f32| ((((x - rect.left()) / pitch).floor() as i64) + 1).clamp(1, i64::from(of));
        let under = response
            .hover_pos()
            .or_else(|| response.interact_pointer_pos())
            .filter(|_| self.scrubs)
            .map(|pos| (step_at(pos.x) as u32).min(self.done.max(1)));
        let clicked = if response.clicked() { under } else { self.key(ui, &response) };
        self.paint(ui, rect, pitch, under);
        if response.has_focus() {
            let ring = Stroke::new(2.0, palette(ui).focus);
            ui.painter().rect_stroke(rect.expand(2.0), radius::S, ring, egui::StrokeKind::Outside);
        }
        Outcome { response, hovered: under, clicked }
    }

    /// Arrows walk the steps when the row has the focus.
    fn key(&self, ui: &Ui, response: &Response) -> Option<u32> {
        if !response.has_focus() || !self.scrubs {
            return None;
        }
        ui.memory_mut(|memory| {
            let arrows = egui::EventFilter { horizontal_arrows: true, ..Default::default() };
            memory.set_focus_lock_filter(response.id, arrows);
        });
        let (less, more) =
            ui.input(|i| (i.num_presses(Key::ArrowLeft), i.num_presses(Key::ArrowRight)));
        if less == more {
            return None;
        }
        let now = i64::from(self.at.unwrap_or(self.done));
        Some((now + more as i64 - less as i64).clamp(1, i64::from(self.done.max(1))) as u32)
    }

    fn paint(&self, ui: &Ui, rect: Rect, pitch: f32, under: Option<u32>) {
        let p = palette(ui);
        let painter = ui.painter();
        let middle = rect.center().y;
        let rest = tokens::faded(p.edge, 0.45);
        let looked_at = under.or(self.at);
        if self.of > MOST_TICKS {
            let bar = |share: f32| {
                let right = rect.left() + rect.width() * share;
                Rect::from_min_max(
                    pos2(rect.left(), middle - self.height / 2.0),
                    pos2(right, middle + self.height / 2.0),
                )
            };
            painter.rect_filled(bar(1.0), 2, rest);
            painter.rect_filled(bar(self.done as f32 / self.of as f32), 2, p.accent_text);
            if let Some(step) = looked_at {
                let at = bar(step as f32 / self.of as f32);
                let mark = pos2(at.right() - 1.0, middle);
                painter.rect_filled(
                    Rect::from_center_size(mark, vec2(2.0, self.height + 6.0)),
                    0,
                    p.text_1,
                );
            }
            return;
        }
        for index in 0..self.of {
            let left = rect.left() + index as f32 * pitch;
            let tall = if looked_at == Some(index + 1) { self.height + 6.0 } else { self.height };
            let tick = Rect::from_min_max(
                pos2(left, middle - tall / 2.0),
                pos2(left + pitch - GAP, middle + tall / 2.0),
            );
            let done = index < self.done;
            // While an earlier step is looked at, what came after it is only hinted at.
            let colour = match (done, looked_at) {
                (true, Some(at)) if index + 1 > at => tokens::faded(p.accent_text, 0.4),
                (true, _) => p.accent_text,
                (false, _) => rest,
            };
            painter.rect_filled(tick, 1, colour);
        }
    }
}
