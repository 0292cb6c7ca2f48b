//! The history as the panel lists it: plain rows, old to new, one of them the present.
//!
//! Read by `ui::history`; asked by the command table whether there is something to undo. It keeps
//! no steps itself.

use super::state::AppState;

/// What a step of the history was, for its icon.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
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
    Setting,
    /// The words changed.
    Words,
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

impl AppState {
    /// The steps, old to new.
    #[must_use]
    pub fn history_rows(&self) -> Vec<HistoryRow> {
        Vec::new()
    }

    /// Whether there is a step to undo.
    #[must_use]
    pub fn can_undo(&self) -> bool {
        false
    }

    /// Whether there is a step to redo.
    #[must_use]
    pub fn can_redo(&self) -> bool {
        false
    }
}
