//! Pentimento.
pub mod app;
pub mod diffusion;
pub mod document;
pub mod engine;
pub mod files;
pub mod shell;
pub mod ui;
