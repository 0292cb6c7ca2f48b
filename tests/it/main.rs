//! The integration tests, in one crate so that linking happens once.

mod engine;
mod cli;
mod oracle;
mod parity;
mod support;
