//! The history as the panel lists it: plain rows, old to new, one of them the present.
//!
//! Made by [`super::undo`], which keeps the steps; drawn by `ui::history`.

use serde::{Deserialize, Serialize};

/// What a step of the history was, for its icon.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum HistoryIcon {
    /// A picture was opened, pasted or dropped.
    Picture,
    /// A brush stroke.
    Brush,
    /// An eraser stroke.
    Eraser,
    /// The mask changed.
    Mask,
    /// A result was kept.
    Keep,
    /// A result was discarded.
    Discard,
    /// A setting changed.
    #[default]
    Setting,
}

/// One step of the history.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HistoryRow {
    /// What it was.
    pub icon: HistoryIcon,
    /// Its name.
    pub text: String,
    /// Whether the document stands there now.
    pub present: bool,
}
