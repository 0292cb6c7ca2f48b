//! The integration tests, in one crate so that linking happens once.

mod numbers;
mod oracle;
mod parity;
mod support;
mod tidy;
