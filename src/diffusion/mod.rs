//! The science: text encoders, UNet, conditioning, autoencoder, samplers, schedules, guidance, noise, previews.
//!
//! Called by the worker in [`crate::engine`]; written over the verbs of [`crate::ops`], reads its
//! weights through [`crate::models`]. Never: channels, threads of its own, windows, requests.

pub mod conditioning;
pub mod depth;
pub mod error;
pub mod guidance;
pub mod nn;
pub mod noise;
pub mod pipeline;
pub mod preview;
pub mod preview_decoder;
pub mod samplers;
pub mod schedule;
pub mod text;
pub mod unet;
pub mod vae;
