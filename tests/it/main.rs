//! The integration tests, in one crate so that linking happens once.

mod cli;
mod engine;
mod numbers;
mod oracle;
mod parity;
mod support;
mod tidy;
mod ui;
