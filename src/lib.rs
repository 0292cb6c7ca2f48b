//! Pentimento.
pub mod app;
pub mod cancel;
pub mod diffusion;
pub mod engine;
pub mod kernels;
pub mod models;
pub mod ops;
