//! Masks of simple shapes: halves, the centre, the border. They are the keyboard's way to a mask.
//!
//! Laid over the mask's plane by [`super::mask`]; it knows nothing of strokes.

use crate::plane::{PixelRect, Plane};

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
    /// The rectangles that the shape is made of.
    fn parts(self, (width, height): (u32, u32)) -> Vec<PixelRect> {
        let rect = |x0, y0, x1, y1| PixelRect { x0, y0, x1, y1 };
        match self {
            Self::Left => vec![rect(0, 0, width.div_ceil(2), height)],
            Self::Right => vec![rect(width / 2, 0, width, height)],
            Self::Top => vec![rect(0, 0, width, height.div_ceil(2))],
            Self::Bottom => vec![rect(0, height / 2, width, height)],
            Self::Centre => {
                vec![rect(width / 4, height / 4, width - width / 4, height - height / 4)]
            }
            Self::Border => {
                let band = (width.min(height) / 8).max(1);
                let (right, bottom) = (width - band, height - band);
                vec![
                    rect(0, 0, width, band),
                    rect(0, bottom, width, height),
                    rect(0, 0, band, height),
                    rect(right, 0, width, height),
                ]
            }
        }
    }

    /// Gives every pixel of the shape this value.
    pub(super) fn lay_over(self, plane: &mut Plane<1>, value: u8) {
        for part in self.parts(plane.size()) {
            plane.fill_rect(part, [value]);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(shape: MaskShape, size: (u32, u32), expected: &str) {
        let mut plane = Plane::new(size);
        shape.lay_over(&mut plane, 255);
        let drawn: String =
            plane.to_flat().iter().map(|value| if *value == 255 { '#' } else { '.' }).collect();
        assert_eq!(drawn, expected.replace(' ', ""), "{shape:?}");
        shape.lay_over(&mut plane, 0);
        assert!(plane.is_zero());
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
