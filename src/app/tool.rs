//! The tools of the rail and what they remember.

use serde::{Deserialize, Serialize};

/// What a press on the canvas does.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Tool {
    /// Paints or erases the mask.
    Mask,
    /// Moves the view.
    #[default]
    Hand,
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

impl Default for Brush {
    fn default() -> Self {
        Self { size_px: 40.0, hardness: 0.8, erases: false }
    }
}
