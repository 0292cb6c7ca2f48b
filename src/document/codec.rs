//! Stub: the real one is written by another helper; the lead keeps theirs.

use std::path::Path;

use crate::engine::protocol::Picture;

/// A picture read from bytes.
pub struct Decoded {
    /// Its pixels.
    pub picture: Picture,
    /// The parameters text it carried.
    pub parameters: Option<String>,
}

/// Why a picture could not be read or written.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct CodecError(String);

/// Reads a picture.
///
/// # Errors
/// The bytes are no picture.
pub fn decode_picture(bytes: &[u8]) -> Result<Decoded, CodecError> {
    let image = image::load_from_memory(bytes).map_err(|error| CodecError(error.to_string()))?;
    let image = image.into_rgba8();
    let (width, height) = image.dimensions();
    let picture = Picture { width, height, rgba: image.into_raw() };
    Ok(Decoded { picture, parameters: None })
}

/// Writes a picture as PNG.
///
/// # Errors
/// The encoder fails.
pub fn encode_png(picture: &Picture, _parameters: Option<&str>) -> Result<Vec<u8>, CodecError> {
    let mut bytes = std::io::Cursor::new(Vec::new());
    image::write_buffer_with_format(
        &mut bytes,
        &picture.rgba,
        picture.width,
        picture.height,
        image::ExtendedColorType::Rgba8,
        image::ImageFormat::Png,
    )
    .map_err(|error| CodecError(error.to_string()))?;
    Ok(bytes.into_inner())
}

/// Writes a file under a temporary name and renames it.
///
/// # Errors
/// The disk refuses.
pub fn write_whole(path: &Path, bytes: &[u8]) -> Result<(), CodecError> {
    std::fs::write(path, bytes).map_err(|error| CodecError(error.to_string()))
}
