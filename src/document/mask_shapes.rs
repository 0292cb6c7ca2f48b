//! Masks of simple shapes: halves, the centre, the border. They are the keyboard's way to a mask.
//!
//! Asked by `app`; it knows nothing of strokes.

use crate::engine::protocol::Coverage;

/// A simple part of a picture.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MaskShape {
    /// The left half.
    Left,
    /// The right half.
    Right,
    /// The upper half.
    Top,
    /// The lower half.
    Bottom,
    /// The middle half of each side.
    Centre,
    /// A frame of an eighth of the shorter side.
    Border,
}

impl MaskShape {
    /// Whether a pixel belongs to the shape.
    fn covers(self, (x, y): (u32, u32), (width, height): (u32, u32)) -> bool {
        match self {
            Self::Left => x < width.div_ceil(2),
            Self::Right => x >= width / 2,
            Self::Top => y < height.div_ceil(2),
            Self::Bottom => y >= height / 2,
            Self::Centre => {
                let inner = |at: u32, side: u32| at >= side / 4 && at < side - side / 4;
                inner(x, width) && inner(y, height)
            }
            Self::Border => {
                let band = (width.min(height) / 8).max(1);
                x < band || y < band || x >= width - band || y >= height - band
            }
        }
    }

    /// `before` with the shape added, or taken away.
    #[must_use]
    pub fn over(self, before: &Coverage, erases: bool) -> Coverage {
        let size = (before.width, before.height);
        let value = if erases { 0 } else { 255 };
        let mut values = before.values.clone();
        let rows = values.chunks_exact_mut(before.width.max(1) as usize);
        for (y, row) in rows.enumerate() {
            for (x, pixel) in row.iter_mut().enumerate() {
                if self.covers((x as u32, y as u32), size) {
                    *pixel = value;
                }
            }
        }
        Coverage { values, ..*before }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(shape: MaskShape, size: (u32, u32), expected: &str) {
        let (width, height) = size;
        let values = vec![0; (width * height) as usize];
        let covered = shape.over(&Coverage { width, height, values }, false);
        let drawn: String =
            covered.values.iter().map(|value| if *value == 255 { '#' } else { '.' }).collect();
        assert_eq!(drawn, expected.replace(' ', ""), "{shape:?}");
        let gone = shape.over(&covered, true);
        assert!(gone.values.iter().all(|value| *value == 0));
    }

    #[test]
    fn shapes_cover_their_part() {
        check(MaskShape::Left, (4, 2), "##.. ##..");
        check(MaskShape::Right, (3, 1), ".##");
        check(MaskShape::Top, (2, 4), "## ## .. ..");
        check(MaskShape::Bottom, (2, 4), ".. .. ## ##");
        check(MaskShape::Centre, (4, 4), ".... .##. .##. ....");
        check(MaskShape::Border, (4, 4), "#### #..# #..# ####");
        check(MaskShape::Border, (1, 1), "#");
        check(MaskShape::Centre, (1, 1), "#");
    }
}
