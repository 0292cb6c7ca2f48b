//! The tools of the rail and what they remember.

use serde::{Deserialize, Serialize};

/// What a press on the canvas does.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Tool {
    /// Paints with the foreground colour.
    Brush,
    /// Takes the picture away, down to nothing.
    Eraser,
    /// Paints or erases the mask.
    Mask,
    /// Takes a colour from what is shown.
    Eyedropper,
    /// Moves the view.
    #[default]
    Hand,
}

impl Tool {
    /// Whether it draws strokes.
    #[must_use]
    pub fn strokes(self) -> bool {
        matches!(self, Self::Brush | Self::Eraser | Self::Mask)
    }
}

/// A round brush.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Brush {
    /// Diameter in image pixels, 1..=1000.
    pub size_px: f32,
    /// 0 falls off from the middle, 1 has a hard edge.
    pub hardness: f32,
    /// Whether it takes away instead of adding.
    pub erases: bool,
}

impl Brush {
    /// A larger or smaller one, by a factor and by a pixel at least.
    #[must_use]
    pub fn sized(self, factor: f32) -> Self {
        let step = (self.size_px * factor - self.size_px).abs().max(1.0);
        let signed = if factor < 1.0 { -step } else { step };
        Self { size_px: (self.size_px + signed).round().clamp(1.0, 1000.0), ..self }
    }

    /// A harder or softer one.
    #[must_use]
    pub fn hardened(self, by: f32) -> Self {
        let hardness = ((self.hardness + by) * 100.0).round().clamp(0.0, 100.0) / 100.0;
        Self { hardness, ..self }
    }
}

impl Default for Brush {
    fn default() -> Self {
        Self { size_px: 40.0, hardness: 0.8, erases: false }
    }
}
