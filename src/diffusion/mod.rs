//! The science of Stable Diffusion.
pub mod samplers;
pub mod schedule;
pub mod text;
