//! Pentimento.
pub mod app;
pub mod cancel;
pub mod diffusion;
pub mod document;
pub mod engine;
pub mod kernels;
pub mod models;
pub mod ops;
pub mod shell;
