//! The session in the journal: what of the window's state is stored, under which keys, and how it
//! comes back.
//!
//! [`recorder::Recorder`] looks at the state after each frame that changed it and makes a batch of
//! what is new; [`restore`] reads it all back, pictures of results and documents only when somebody
//! looks at them; [`sweep`] finds what is named no more. None of them writes a file by itself.
//!
//! | key | value |
//! |---|---|
//! | `desk` | JSON: words, strength, tool, what is shown, panel's numbers … |
//! | `view` | JSON: zoom and place of the picture |
//! | `document` | JSON: size, mask's parameters, names of the tiles |
//! | `strip` | JSON: the order of entries, bin and queue |
//! | `entry/N` | JSON: one entry: request, seed, stage, names of its pictures |
//! | `history` | JSON: the order of the steps |
//! | `step/N/0`, `step/N/1` | JSON: the moment before or after step N |
//! | `tile/N` | pixels of a tile of a picture or a mask |
//! | `picture/N` | an estimate: width and height as 32-bit little-endian numbers, then RGBA |
//! | `thumb/N` | likewise: the thumb of entry N's picture, so that nobody waits for its tiles |
//! | `midway/N` | where the paused job stands, for its entry N; see [`midway`] |
//!
//! Tiles, estimates and thumbs never change under their key, so each is written once.

pub mod midway;
pub mod recorder;
pub mod records;
pub mod restore;
mod store;
pub mod sweep;

pub use recorder::Recorder;
pub use restore::{Restored, holds_work, restore};
pub use store::Shelf;

/// Keys of the journal.
mod keys {
    pub(super) const DESK: &str = "desk";
    pub(super) const VIEW: &str = "view";
    pub(super) const DOCUMENT: &str = "document";
    pub(super) const STRIP: &str = "strip";
    pub(super) const HISTORY: &str = "history";
    pub(super) const ENTRY: &str = "entry/";
    pub(super) const STEP: &str = "step/";
    pub(super) const TILE: &str = "tile/";
    pub(super) const PICTURE: &str = "picture/";
    pub(super) const THUMB: &str = "thumb/";
    pub(super) const MIDWAY: &str = "midway/";

    pub(super) fn entry(id: u64) -> String {
        format!("{ENTRY}{id}")
    }
    /// The moment on one side of a step: before it while it is done, after it while it is undone.
    pub(super) fn step(id: u64, undone: bool) -> String {
        format!("{STEP}{id}/{}", u8::from(undone))
    }
    pub(super) fn tile(key: u64) -> String {
        format!("{TILE}{key}")
    }
    pub(super) fn picture(key: u64) -> String {
        format!("{PICTURE}{key}")
    }
    pub(super) fn thumb(entry: u64) -> String {
        format!("{THUMB}{entry}")
    }
    pub(super) fn midway(entry: u64) -> String {
        format!("{MIDWAY}{entry}")
    }
}
