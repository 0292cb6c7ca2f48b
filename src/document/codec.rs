//! Pictures in files: PNG, JPEG, WebP and TIFF in, PNG out.
//!
//! Called by whatever opens or saves a picture, in the window and on the command line. It works on
//! bytes in memory; only [`write_whole`] touches the disk. Colour profiles are not applied.

use std::io::{Cursor, Write as _};
use std::path::Path;

use image::{DynamicImage, ImageDecoder, ImageError, ImageFormat, ImageReader, Limits};

use crate::types::Picture;

/// The longest side that is opened, in pixels. A canvas of this size has 1 GiB.
pub const LONGEST_SIDE: u32 = 16_384;
/// The most bytes that a picture may have after decoding.
const DECODED_LIMIT: u64 = 1 << 30;
/// The most bytes that a decoder may use beside those: tables, rows, colour profiles.
const WORKING_LIMIT: u64 = 256 << 20;
/// The longest text that is taken out of a PNG, in bytes.
const TEXT_LIMIT: usize = 1 << 20;
/// The PNG keyword under which A1111 and others store what a picture was made from.
const PARAMETERS: &str = "parameters";

/// A picture out of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decoded {
    /// Its pixels, turned as the file's orientation says.
    pub picture: Picture,
    /// What it was made from, if the file says so: A1111's text.
    pub parameters: Option<String>,
}

/// Why a picture was not opened or saved.
#[derive(Debug, thiserror::Error)]
pub enum CodecError {
    /// The bytes are none of the formats that are read.
    #[error("This file is not a picture that can be read (PNG, JPEG, WebP, TIFF)")]
    NotAPicture,
    /// The picture has more pixels than a canvas may have.
    #[error(
        "This picture is {width} × {height} pixels; \
         up to {LONGEST_SIDE} × {LONGEST_SIDE} can be opened"
    )]
    TooLarge {
        /// Width in pixels.
        width: u32,
        /// Height in pixels.
        height: u32,
    },
    /// The picture has few enough pixels, but too many bytes for each.
    #[error(
        "This picture takes {mib} MiB in memory; up to 1024 can be opened, save it with 8 bits a channel"
    )]
    TooDeep {
        /// Its size after decoding, in MiB.
        mib: u64,
    },
    /// The format is read, but not this kind of it.
    #[error("This kind of picture cannot be read ({0}); save it as PNG with another program")]
    Unsupported(String),
    /// The file is cut off or its contents make no sense.
    #[error("This picture is damaged or incomplete ({0}); try another copy of it")]
    Damaged(String),
    /// The pixels could not be put into a PNG.
    #[error("The picture could not be made into a PNG ({0}); save it at a smaller size")]
    Encode(String),
    /// The file could not be written.
    #[error("The file could not be written ({reason}); choose another folder or make room: {path}")]
    Write {
        /// What the system said.
        reason: String,
        /// The file.
        path: String,
    },
}

/// Reads a picture. Its content decides about the format, not its name.
///
/// # Errors
/// [`CodecError`] when it is no picture, damaged, or too large; its size is looked at before
/// anything is decoded.
pub fn decode_picture(bytes: &[u8]) -> Result<Decoded, CodecError> {
    let format = image::guess_format(bytes).map_err(|_unknown| CodecError::NotAPicture)?;
    if ![ImageFormat::Png, ImageFormat::Jpeg, ImageFormat::WebP, ImageFormat::Tiff]
        .contains(&format)
    {
        return Err(CodecError::NotAPicture);
    }
    let mut limits = Limits::no_limits();
    limits.max_alloc = Some(DECODED_LIMIT + WORKING_LIMIT);
    let mut reader = ImageReader::with_format(Cursor::new(bytes), format);
    reader.limits(limits);
    let mut decoder = reader.into_decoder().map_err(failure)?;
    let (width, height) = decoder.dimensions();
    if width.max(height) > LONGEST_SIDE {
        return Err(CodecError::TooLarge { width, height });
    }
    if width.min(height) == 0 {
        return Err(CodecError::Damaged("it has no pixels".to_owned()));
    }
    if decoder.total_bytes() > DECODED_LIMIT {
        return Err(CodecError::TooDeep { mib: decoder.total_bytes() >> 20 });
    }
    let orientation = decoder.orientation().map_err(failure)?;
    let mut image = DynamicImage::from_decoder(decoder).map_err(failure)?;
    image.apply_orientation(orientation);
    let image = image.into_rgba8();
    let (width, height) = image.dimensions();
    let picture = Picture { width, height, rgba: image.into_raw() };
    let parameters = if format == ImageFormat::Png { png_parameters(bytes) } else { None };
    Ok(Decoded { picture, parameters })
}

fn failure(error: ImageError) -> CodecError {
    match error {
        ImageError::Unsupported(error) => CodecError::Unsupported(error.to_string()),
        ImageError::Limits(_) => CodecError::TooDeep { mib: (DECODED_LIMIT + WORKING_LIMIT) >> 20 },
        error => CodecError::Damaged(error.to_string()),
    }
}

/// The `parameters` text of a PNG, from any of the three kinds of text chunks before its pixels.
/// One that is too long or damaged is left alone: the picture is worth more than its text.
fn png_parameters(bytes: &[u8]) -> Option<String> {
    let limits = png::Limits { bytes: 4 * TEXT_LIMIT };
    let reader = png::Decoder::new_with_limits(Cursor::new(bytes), limits).read_info().ok()?;
    let info = reader.info();
    let plain = info.uncompressed_latin1_text.iter();
    if let Some(chunk) = plain.clone().find(|chunk| chunk.keyword == PARAMETERS) {
        return Some(chunk.text.clone()).filter(|text| text.len() <= TEXT_LIMIT);
    }
    if let Some(chunk) = info.utf8_text.iter().find(|chunk| chunk.keyword == PARAMETERS) {
        let mut chunk = chunk.clone();
        chunk.decompress_text_with_limit(TEXT_LIMIT).ok()?;
        return chunk.get_text().ok();
    }
    let mut packed = info.compressed_latin1_text.iter();
    let mut chunk = packed.find(|chunk| chunk.keyword == PARAMETERS)?.clone();
    chunk.decompress_text_with_limit(TEXT_LIMIT).ok()?;
    chunk.get_text().ok()
}

/// Makes a PNG: without alpha when every pixel is opaque, and with `parameters` as A1111 stores
/// them. Quick rather than small.
///
/// # Errors
/// [`CodecError::Encode`] when the pixels do not fill the picture's size.
pub fn encode_png(picture: &Picture, parameters: Option<&str>) -> Result<Vec<u8>, CodecError> {
    let mut bytes = Vec::new();
    write_png(&mut bytes, picture, parameters)
        .map_err(|error| CodecError::Encode(error.to_string()))?;
    Ok(bytes)
}

fn write_png(
    out: &mut Vec<u8>,
    picture: &Picture,
    parameters: Option<&str>,
) -> Result<(), png::EncodingError> {
    let mut encoder = png::Encoder::new(out, picture.width, picture.height);
    let opaque = picture.rgba.chunks_exact(4).all(|pixel| pixel[3] == 255);
    encoder.set_color(if opaque { png::ColorType::Rgb } else { png::ColorType::Rgba });
    encoder.set_depth(png::BitDepth::Eight);
    encoder.set_compression(png::Compression::Fast);
    if let Some(text) = parameters {
        // The format ends its texts with a zero.
        let text = text.replace('\0', " ");
        if text.chars().all(|letter| u32::from(letter) < 256) {
            encoder.add_text_chunk(PARAMETERS.to_owned(), text)?;
        } else {
            encoder.add_itxt_chunk(PARAMETERS.to_owned(), text)?;
        }
    }
    let mut writer = encoder.write_header()?;
    if opaque {
        let rgb: Vec<u8> = picture.rgba.chunks_exact(4).flat_map(|p| [p[0], p[1], p[2]]).collect();
        writer.write_image_data(&rgb)?;
    } else {
        writer.write_image_data(&picture.rgba)?;
    }
    writer.finish()
}

/// Writes a file so that it appears whole or not at all: under a temporary name in the same
/// folder, synced, then renamed over whatever was there.
///
/// # Errors
/// [`CodecError::Write`]; what was at `path` is then as it was.
pub fn write_whole(path: &Path, bytes: &[u8]) -> Result<(), CodecError> {
    let write = || -> std::io::Result<()> {
        // A link is followed, so that the file behind it changes and not the link.
        let target = path.canonicalize().unwrap_or_else(|_new_file| path.to_owned());
        let folder = match target.parent() {
            Some(folder) if !folder.as_os_str().is_empty() => folder,
            _ => Path::new("."),
        };
        let mut file = temporary().tempfile_in(folder)?;
        file.write_all(bytes)?;
        file.as_file().sync_all()?;
        file.persist(&target)?;
        Ok(())
    };
    write().map_err(|error| CodecError::Write {
        reason: error.to_string(),
        path: path.display().to_string(),
    })
}

/// Temporary files are private by default; these become the user's ordinary files.
fn temporary() -> tempfile::Builder<'static, 'static> {
    let mut builder = tempfile::Builder::new();
    builder.prefix(".pentimento-");
    #[cfg(unix)]
    builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666));
    builder
}

#[cfg(test)]
mod tests;
