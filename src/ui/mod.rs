//! What draws. Reads the state, returns commands; changes no document, knows no tensors or threads.

pub mod canvas;
pub mod fonts;
pub mod icons;
