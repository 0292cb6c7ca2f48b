//! What is on disk: finds a model's files, checks them, and hands out their values.
//!
//! Called by the worker ([`crate::engine`]), by [`crate::diffusion`] while a model is put
//! together, and by `pentimento inspect`. It never touches the network, and
//! computes nothing with tensors but that low-rank factors are added while weights are read.

pub mod config;
pub mod defaults;
pub mod depth;
pub mod error;
pub mod find;
pub mod folder;
pub mod identify;
pub mod lexicon;
pub mod pickle;
pub mod pocket;
pub mod shapes;
pub mod single;
pub mod tensors;
pub mod vocabulary;

pub use error::ModelError;
pub use folder::ModelFolder;
pub use tensors::TensorFile;
