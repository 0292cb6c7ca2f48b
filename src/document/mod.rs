//! The picture: its pixels, masks and file formats. Knows no tensors and no egui.
pub mod codec;
