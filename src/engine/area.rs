//! Where a fill works: on the whole picture, or on what lies round the mask, scaled to the model's own
//! size, so that a small part gets all of its detail and the model sees where it ends.
//!
//! Asked by requests and by the window that words them. Cuts nothing itself.

use super::protocol::{FillArea, PaintRequest};
use crate::plane::PixelRect;

/// What is seen beyond the mask on each side, in per cent of its longer side.
const MARGIN: u32 = 20;
/// The least that is seen beyond it, in pixels.
const LEAST_MARGIN: u32 = 16;
/// A side of the area is at most so many times the other one, where the picture allows.
const LONGEST: u32 = 2;
/// From this share of the picture on, the whole is taken.
const MOST: f32 = 0.9;

/// The part of a picture of `size` that a fill of what is `covered` works on; `None`: the whole,
/// since nothing is covered or the part would be nearly as large.
#[must_use]
pub fn around(covered: PixelRect, size: (u32, u32)) -> Option<PixelRect> {
    if covered.is_empty() {
        return None;
    }
    let (width, height) = covered.size();
    let margin = (width.max(height) * MARGIN).div_ceil(100).max(LEAST_MARGIN);
    let (width, height) = (width + 2 * margin, height + 2 * margin);
    let width = width.max(height.div_ceil(LONGEST)).min(size.0);
    let height = height.max(width.div_ceil(LONGEST)).min(size.1);
    if (width * height) as f32 > MOST * (size.0 * size.1) as f32 {
        return None;
    }
    // Beside the picture's edge more is seen on the other side.
    let begin = |low: u32, high: u32, length: u32, side: u32| {
        (u32::midpoint(low, high)).saturating_sub(length / 2).min(side - length)
    };
    let x0 = begin(covered.x0, covered.x1, width, size.0);
    let y0 = begin(covered.y0, covered.y1, height, size.1);
    Some(PixelRect { x0, y0, x1: x0 + width, y1: y0 + height })
}

impl PaintRequest {
    /// The part of the initial picture that is worked on; `None`: all of it.
    #[must_use]
    pub fn fill_place(&self) -> Option<PixelRect> {
        let mask = self.mask.as_ref().filter(|mask| mask.area == FillArea::Around)?;
        // A map of depths is one of the whole.
        if self.conditions.depth.is_some() {
            return None;
        }
        around(mask.coverage.bounds(), mask.coverage.size())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_small_mask_is_seen_with_its_surroundings() {
        let covered = PixelRect { x0: 1000, y0: 900, x1: 1300, y1: 1100 };
        let area = PixelRect { x0: 940, y0: 840, x1: 1360, y1: 1160 };
        assert_eq!(around(covered, (4000, 3000)), Some(area));
    }

    #[test]
    fn at_the_edge_it_is_moved_inward_and_thin_ones_are_widened() {
        let size = (1000, 1000);
        let corner = PixelRect::whole((100, 100));
        assert_eq!(around(corner, size), Some(PixelRect::whole((140, 140))));
        let thin = PixelRect { x0: 300, y0: 500, x1: 700, y1: 510 };
        let area = around(thin, size).expect("a part");
        assert_eq!(area.size(), (560, 280));
    }

    #[test]
    fn nearly_everything_is_everything() {
        let size = (256, 256);
        assert_eq!(around(PixelRect::EMPTY, size), None);
        assert_eq!(around(PixelRect { x0: 20, y0: 20, x1: 236, y1: 236 }, size), None);
    }
}
