//! Stub.
pub mod canvas;
pub mod fonts;
pub mod icons;
