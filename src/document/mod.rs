//! Stub.
pub mod document;
pub mod mask;
