//! Writing WebP without loss. Called by [`super`]; reading is the `image` crate's.

use image::codecs::webp::WebPEncoder;
use image::{ExtendedColorType, ImageEncoder};

use super::{CodecError, is_opaque, metadata, on_white};
use crate::types::Picture;

/// Makes a WebP: without alpha when every pixel is opaque.
pub(super) fn encode(picture: &Picture, parameters: Option<&str>) -> Result<Vec<u8>, CodecError> {
    let encoding = |error: &dyn std::fmt::Display| CodecError::Encode(error.to_string());
    let mut bytes = Vec::new();
    let mut encoder = WebPEncoder::new_lossless(&mut bytes);
    if let Some(text) = parameters {
        let exif = metadata::to_exif(text)?;
        encoder.set_exif_metadata(exif).map_err(|error| encoding(&error))?;
    }
    let (width, height) = (picture.width, picture.height);
    if is_opaque(picture) {
        encoder.write_image(&on_white(picture), width, height, ExtendedColorType::Rgb8)
    } else {
        encoder.write_image(&picture.rgba, width, height, ExtendedColorType::Rgba8)
    }
    .map_err(|error| encoding(&error))?;
    Ok(bytes)
}
