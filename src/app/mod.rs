//! The state of what the user sees, and how commands change it.
//!
//! Called by the shell and read by `ui`. Knows no egui, wgpu, tensors or threads.

pub mod clock;
pub mod command;
pub mod emphasis;
pub mod events;
pub mod examples;
pub mod history;
pub mod hub;
pub mod intent;
pub mod jobs;
pub mod keys;
pub mod library;
pub mod models;
pub mod notices;
mod obstacle;
pub mod painting;
pub mod palette;
pub mod parameters;
pub mod paths;
pub mod preferences;
pub mod project;
pub mod prompts;
pub mod queue;
pub mod recipes;
pub mod results;
pub mod scene;
pub mod session;
pub mod settings;
pub mod state;
pub mod strokes;
pub mod told;
pub mod tool;
pub mod trouble;
pub mod undo;
pub mod update;
pub mod view;
pub mod words;
