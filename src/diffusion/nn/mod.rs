//! The layers that the networks are built from, written once over [`crate::ops::Ops`].
//!
//! Used by the UNet, the autoencoder and the text encoder beside this folder. Names of tensors are
//! diffusers'.

pub mod attention;
pub mod bands;
pub mod load;
pub mod merging;
pub mod resnet;
pub mod timestep;
pub mod transformer;
