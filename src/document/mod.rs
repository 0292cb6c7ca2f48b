//! The picture and the mask that the user works on, and the file formats they come in.
//!
//! The shell owns one [`document::Document`]; the panels only read it. Knows no egui and no tensors.

pub mod codec;
pub mod colors;
#[expect(clippy::module_inception, reason = "the document is what this room is about")]
pub mod document;
pub mod journal;
pub mod mask;
pub mod mask_shapes;
pub mod raster;
mod stroke;

pub use stroke::StrokePoint;
