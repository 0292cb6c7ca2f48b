//! The state of what the user sees, and how commands change it. Knows no egui, wgpu, tensors or threads.
pub mod tool;
pub mod view;
pub mod parameters;
