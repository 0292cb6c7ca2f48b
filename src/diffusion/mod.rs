//! The science of Stable Diffusion.
pub mod error;
pub mod nn;
pub mod samplers;
pub mod schedule;
pub mod text;
pub mod unet;
pub mod vae;
