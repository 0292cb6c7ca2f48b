//! Pentimento.
pub mod app;
pub mod cli;
pub mod diffusion;
pub mod document;
pub mod engine;
pub mod models;
pub mod shell;
