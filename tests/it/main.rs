//! The integration tests, in one crate so that linking happens once.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on should stop there")]

mod bands;
mod batches;
mod cli;
mod depth;
mod desk;
mod engine;
mod families;
mod flicker;
#[allow(dead_code, reason = "its own tests use all of it")]
#[path = "../../src/files/hub/tests/server.rs"]
mod hub_server;
mod journal;
mod journeys;
mod loading;
mod numbers;
mod oracle;
mod parity;
mod precision;
mod preview;
mod prompts;
mod reopen;
mod samplers;
mod savings;
mod session;
mod single;
mod support;
mod tidy;
mod ui;
mod ui_keyboard;
mod ui_models;
mod ui_page;
mod ui_prompt;
mod ui_told;
mod ui_words;
mod window;
#[cfg(target_os = "linux")]
mod xdnd;
