//! Pentimento.
pub mod app;
pub mod diffusion;
pub mod engine;
pub mod models;
