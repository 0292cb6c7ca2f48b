//! Why the pipeline stops before its end.

use crate::cancel::Cancelled;
use crate::models::ModelError;
use crate::ops::OpsError;

/// Why a picture, or a model, is not made.
#[derive(Debug, thiserror::Error)]
pub enum DiffusionError {
    /// It was asked to stop.
    #[error(transparent)]
    Cancelled(#[from] Cancelled),
    /// The model cannot be read or used.
    #[error(transparent)]
    Model(#[from] ModelError),
    /// The backend cannot compute.
    #[error(transparent)]
    Ops(#[from] OpsError),
    /// The request cannot be done.
    #[error("{0}")]
    Request(String),
    /// The decoded picture is not finite.
    #[error(
        "The picture cannot be decoded (the autoencoder's numbers overflow). Choose another \
         autoencoder or model"
    )]
    Decoding,
    /// The latent overflowed.
    #[error(
        "The picture turned to noise at step {step} (numbers overflowed). Lower the guidance or \
         choose another sampler"
    )]
    Overflow {
        /// The step, from 1.
        step: u32,
    },
}

/// Result of the pipeline's parts.
pub type Result<T> = std::result::Result<T, DiffusionError>;
