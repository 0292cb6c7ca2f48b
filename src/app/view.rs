//! How the picture lies on the screen: an affine matrix, so that rotation and mirroring fit in later.

use serde::{Deserialize, Serialize};

/// Smallest and largest zoom: 2 % to 6400 %.
pub const ZOOM_RANGE: std::ops::RangeInclusive<f32> = 0.02..=64.0;

/// `screen = matrix * image + offset`, in points from the canvas's top left corner.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct View {
    /// Row-major 2×2 matrix.
    pub matrix: [[f32; 2]; 2],
    /// Where the picture's top left corner lies, in points.
    pub offset: [f32; 2],
    /// Whether the view follows the room it has (Fit) until the user moves it.
    pub fit: bool,
}

impl Default for View {
    fn default() -> Self {
        Self { matrix: [[1.0, 0.0], [0.0, 1.0]], offset: [0.0, 0.0], fit: true }
    }
}

impl View {
    /// Points per image pixel; 1 is 100 %.
    #[must_use]
    pub fn zoom(&self) -> f32 {
        let [[a, b], [c, d]] = self.matrix;
        (a * d - b * c).abs().sqrt()
    }

    /// Maps image pixels to points.
    #[must_use]
    pub fn screen_from_image(&self, [x, y]: [f32; 2]) -> [f32; 2] {
        let [[a, b], [c, d]] = self.matrix;
        [a * x + b * y + self.offset[0], c * x + d * y + self.offset[1]]
    }

    /// Maps points to image pixels.
    #[must_use]
    pub fn image_from_screen(&self, [x, y]: [f32; 2]) -> [f32; 2] {
        let [[a, b], [c, d]] = self.matrix;
        let (x, y) = (x - self.offset[0], y - self.offset[1]);
        let det = a * d - b * c;
        [(d * x - b * y) / det, (a * y - c * x) / det]
    }

    /// Zooms by `factor`, holding the image point under `anchor` (points) where it is.
    #[must_use]
    pub fn zoomed_at(&self, anchor: [f32; 2], factor: f32) -> Self {
        let target = (self.zoom() * factor).clamp(*ZOOM_RANGE.start(), *ZOOM_RANGE.end());
        let factor = target / self.zoom();
        let matrix = self.matrix.map(|row| row.map(|value| value * factor));
        let offset = [0, 1].map(|axis| anchor[axis] + (self.offset[axis] - anchor[axis]) * factor);
        Self { matrix, offset, fit: false }
    }

    /// Moves the picture by `delta` points.
    #[must_use]
    pub fn panned(&self, delta: [f32; 2]) -> Self {
        let offset = [self.offset[0] + delta[0], self.offset[1] + delta[1]];
        Self { offset, fit: false, ..*self }
    }
}
