//! The thread boundary: requests in, events out, one background thread named `infer`.
//!
//! Called by the window's shell and by the command line; it alone calls [`crate::diffusion`] and
//! [`crate::models`] to paint. It knows nothing of egui, and its protocol nothing of tensors.

pub mod area;
pub mod compose;
pub mod condition;
pub mod depth;
mod forecast;
pub mod handle;
pub mod memory;
pub mod painter;
pub mod protocol;
mod resample;
mod resident;
pub mod resolve;
mod sizes;
pub mod worker;

pub use handle::Engine;
