//! Writing JPEG. Called by [`super`]; reading is the `image` crate's.

use image::codecs::jpeg::JpegEncoder;
use image::{ExtendedColorType, ImageEncoder};

use super::{CodecError, metadata, on_white};
use crate::types::Picture;

/// Of 100; the encoder keeps colours at full resolution (4:4:4) whatever the quality.
const QUALITY: u8 = 95;
/// The longest EXIF block: a segment's 65,535 bytes less its length and its name.
const EXIF_LIMIT: usize = 65_535 - 2 - 6;

/// Makes a JPEG, transparent parts on white.
pub(super) fn encode(picture: &Picture, parameters: Option<&str>) -> Result<Vec<u8>, CodecError> {
    let encoding = |error: &dyn std::fmt::Display| CodecError::Encode(error.to_string());
    let mut bytes = Vec::new();
    let mut encoder = JpegEncoder::new_with_quality(&mut bytes, QUALITY);
    if let Some(text) = parameters {
        let mut exif = metadata::to_exif(text)?;
        if exif.len() > EXIF_LIMIT && text.is_ascii() {
            exif = metadata::to_ascii_exif(text)?;
        }
        if exif.len() > EXIF_LIMIT {
            return Err(CodecError::TextTooLong);
        }
        encoder.set_exif_metadata(exif).map_err(|error| encoding(&error))?;
    }
    encoder
        .write_image(&on_white(picture), picture.width, picture.height, ExtendedColorType::Rgb8)
        .map_err(|error| encoding(&error))?;
    Ok(bytes)
}
