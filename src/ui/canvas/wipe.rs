//! What is held up before the picture: all of it, until the pointer moves sideways and becomes the
//! line that it ends at.
//!
//! Kept by the canvas, which draws both pictures.

use egui::{Painter, Pos2, Rect, Stroke};

use crate::ui::tokens;

/// How far the pointer moves before the line follows it, in points.
const SLOP: f32 = 6.0;

/// Where the line is, while something is held up.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Wipe {
    /// Where the pointer was when it began.
    start: Option<f32>,
    /// Where the line is, once there is one.
    line: Option<f32>,
}

impl Wipe {
    /// Follows the pointer. Returns the part of `room` that shows what is held up.
    pub(super) fn follow(&mut self, room: Rect, pointer: Option<Pos2>) -> Rect {
        if let Some(pos) = pointer {
            let start = *self.start.get_or_insert(pos.x);
            if self.line.is_some() || (pos.x - start).abs() > SLOP {
                self.line = Some(pos.x.clamp(room.left(), room.right()));
            }
        }
        room.with_max_x(self.line.unwrap_or(room.right()))
    }

    /// Draws the line over the picture, light on dark, if there is one.
    pub(super) fn show(&self, painter: &Painter, sheet: Rect) {
        let Some(x) = self.line.filter(|x| sheet.x_range().contains(*x)) else { return };
        let range = sheet.y_range();
        painter.vline(x, range, Stroke::new(3.0, tokens::RING_DARK));
        painter.vline(x, range, Stroke::new(1.0, tokens::RING_LIGHT));
    }
}
