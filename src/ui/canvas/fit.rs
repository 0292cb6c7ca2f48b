//! Where Fit puts the picture, and how the view eases there.

use crate::app::view::{View, ZOOM_RANGE};

/// Free room on each side, in points.
const MARGIN: f32 = 16.0;
/// The most that snapping to whole pixels may cost.
const SNAP_COST: f32 = 0.12;
/// How long the view takes to follow its room, in seconds.
const EASE_SECS: f64 = 0.16;

/// The view that shows all of a picture of `size` pixels in a room of so many points.
pub(super) fn fitted(room: [f32; 2], size: (u32, u32), pixels_per_point: f32) -> View {
    let (width, height) = (size.0.max(1) as f32, size.1.max(1) as f32);
    let free = room.map(|side| (side - 2.0 * MARGIN).max(8.0));
    let mut zoom = (free[0] / width).min(free[1] / height);
    let whole = (zoom * pixels_per_point).floor() / pixels_per_point;
    if whole > 0.0 && whole >= zoom * (1.0 - SNAP_COST) {
        zoom = whole;
    }
    // Of a picture that is one long line, a part is more than nothing.
    zoom = zoom.max((1.0 / (width.min(height) * pixels_per_point)).min(1.0));
    zoom = zoom.clamp(*ZOOM_RANGE.start(), *ZOOM_RANGE.end());
    let snap = |offset: f32| (offset * pixels_per_point).round() / pixels_per_point;
    View {
        matrix: [[zoom, 0.0], [0.0, zoom]],
        offset: [snap((room[0] - width * zoom) / 2.0), snap((room[1] - height * zoom) / 2.0)],
        fit: true,
    }
}

/// Follows Fit's target, easing when only the room changed.
#[derive(Default)]
pub(super) struct Follow {
    size: Option<(u32, u32)>,
    from: View,
    target: View,
    began: f64,
}

impl Follow {
    /// The view to show at `now`, and whether it still moves.
    pub(super) fn view(
        &mut self,
        shown: View,
        target: View,
        size: (u32, u32),
        now: f64,
        motion: bool,
    ) -> (View, bool) {
        if self.size != Some(size) || !motion {
            self.size = Some(size);
            (self.from, self.target) = (target, target);
            self.began = now - EASE_SECS;
        } else if target != self.target {
            self.from = shown;
            self.target = target;
            self.began = now;
        }
        let t = ((now - self.began) / EASE_SECS).clamp(0.0, 1.0) as f32;
        if t >= 1.0 {
            return (self.target, false);
        }
        let t = 1.0 - (1.0 - t).powi(3);
        let mix = |a: f32, b: f32| a + (b - a) * t;
        let (from, to) = (self.from, self.target);
        let view = View {
            matrix: [0, 1]
                .map(|row| [0, 1].map(|col| mix(from.matrix[row][col], to.matrix[row][col]))),
            offset: [0, 1].map(|axis| mix(from.offset[axis], to.offset[axis])),
            fit: true,
        };
        (view, true)
    }

    /// The user moved the view: the next Fit jumps no more than the room did.
    pub(super) fn leave(&mut self, shown: View) {
        self.target = shown;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fit_snaps_to_whole_pixels_when_that_is_cheap() {
        let check = |room, size, pixels_per_point, expected: f32| {
            let zoom = fitted(room, size, pixels_per_point).zoom();
            assert!((zoom - expected).abs() < 1e-4, "{zoom} for {size:?} in {room:?}");
        };
        check([944.0, 544.0], (256, 256), 1.0, 2.0);
        check([944.0, 1056.0 + 32.0], (256, 256), 1.0, 912.0 / 256.0);
        check([944.0, 600.0], (512, 512), 1.0, 1.0);
        check([944.0, 544.0], (256, 256), 1.5, 2.0);
        check([944.0, 544.0], (4000, 2667), 1.0, 512.0 / 2667.0);
        // Lines of pixels are seen, if not all of them.
        check([944.0, 544.0], (16_384, 1), 1.0, 1.0);
        check([944.0, 544.0], (4, 16_384), 2.0, 0.125);
    }

    #[test]
    fn fit_centres_on_physical_pixels() {
        let view = fitted([945.0, 545.0], (256, 256), 1.0);
        assert_eq!(view.offset.map(f32::fract), [0.0, 0.0]);
        assert!(view.fit);
    }

    #[test]
    fn only_a_change_of_room_eases() {
        let mut follow = Follow::default();
        let target = |room: f32| fitted([room, room], (64, 64), 1.0);
        let first = target(200.0);
        assert_eq!(follow.view(View::default(), first, (64, 64), 0.0, true), (first, false));
        let (view, moving) = follow.view(first, target(400.0), (64, 64), 1.0, true);
        assert!(moving && view == first);
        let (view, moving) = follow.view(view, target(400.0), (64, 64), 1.2, true);
        assert_eq!((view, moving), (target(400.0), false));
        let other = fitted([400.0, 400.0], (32, 32), 1.0);
        assert_eq!(follow.view(view, other, (32, 32), 1.3, true), (other, false));
    }
}
