//! Pictures in files: PNG, JPEG, WebP and TIFF in; PNG, JPEG and WebP out. [`openraster`] is the
//! document's own form, in and out.
//!
//! Called by whatever opens or saves a picture, in the window and on the command line. It works on
//! bytes in memory; only [`write_whole`] and [`write_with`] touch the disk. Colours become sRGB, which
//! the files it makes are taken for. What the texts in a file mean is not its business:
//! `app::parameters` reads them.

mod jpeg;
mod metadata;
pub mod openraster;
mod png;
mod profile;
mod tiff;
mod webp;
mod zip;

use std::fs::File;
use std::io::{self, BufWriter, Cursor, Write};
use std::path::Path;

use image::metadata::Orientation;
use image::{DynamicImage, ImageDecoder, ImageError, ImageFormat, ImageReader, Limits};

pub use metadata::RawText;

use crate::plane::LONGEST_SIDE;
use crate::types::Picture;

/// The most bytes that a picture may have after decoding.
const DECODED_LIMIT: u64 = 1 << 30;
/// The most bytes that a decoder may use beside those: tables, rows, colour profiles.
const WORKING_LIMIT: u64 = 256 << 20;
/// The formats that are read.
const READ: [ImageFormat; 4] =
    [ImageFormat::Png, ImageFormat::Jpeg, ImageFormat::WebP, ImageFormat::Tiff];
/// The longest text that is taken out of a file, in bytes.
const TEXT_LIMIT: usize = 1 << 20;

/// A picture out of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decoded {
    /// Its pixels in sRGB, turned as the file's orientation says.
    pub picture: Picture,
    /// What programs wrote into the file about how it was made, as it stands there.
    pub texts: Vec<RawText>,
}

impl Decoded {
    /// A1111's text, if the file has one.
    #[must_use]
    pub fn parameters(&self) -> Option<&str> {
        let text = self.texts.iter().find(|text| text.keyword == metadata::PARAMETERS)?;
        Some(&text.text)
    }
}

/// A format that pictures are written in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Format {
    /// Every bit kept; the usual one.
    #[default]
    Png,
    /// Quality 95, colours at full resolution, transparent parts on white.
    Jpeg,
    /// Every bit kept, smaller than PNG.
    WebP,
}

impl Format {
    /// All of them, the usual one first.
    pub const ALL: [Self; 3] = [Self::Png, Self::Jpeg, Self::WebP];

    /// What people call it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Png => "PNG",
            Self::Jpeg => "JPEG",
            Self::WebP => "WebP",
        }
    }

    /// How names of its files end, the usual ending first.
    #[must_use]
    pub fn extensions(self) -> &'static [&'static str] {
        match self {
            Self::Png => &["png"],
            Self::Jpeg => &["jpg", "jpeg"],
            Self::WebP => &["webp"],
        }
    }

    /// The format that a file's name asks for.
    #[must_use]
    pub fn of_path(path: &Path) -> Option<Self> {
        let extension = path.extension()?;
        let is = |known: &&&str| extension.eq_ignore_ascii_case(known);
        Self::ALL.into_iter().find(|format| format.extensions().iter().any(|known| is(&known)))
    }
}

/// Why a picture was not opened or saved.
#[derive(Debug, thiserror::Error)]
pub enum CodecError {
    /// The bytes are none of the formats that are read.
    #[error("This file is not a picture that can be read (PNG, JPEG, WebP, TIFF, OpenRaster)")]
    NotAPicture,
    /// The picture has more pixels than a canvas may have.
    #[error(
        "Too large: {width} × {height} pixels. \
         Make it at most {LONGEST_SIDE} × {LONGEST_SIDE}"
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
    /// The pixels could not be put into the format.
    #[error("The picture could not be made into a file ({0}); save it at a smaller size")]
    Encode(String),
    /// The text that recalls how it was made has no room in the format.
    #[error("A JPEG has no room for so long a prompt; save it as PNG or WebP")]
    TextTooLong,
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
    if openraster::is_archive(bytes) {
        return Ok(match openraster::read(Cursor::new(bytes))? {
            openraster::Opened::Project(project) => Decoded::from(*project),
            openraster::Opened::Picture { decoded, .. } => decoded,
        });
    }
    decode_flat(bytes)
}

/// Reads a picture that is no archive of others.
fn decode_flat(bytes: &[u8]) -> Result<Decoded, CodecError> {
    let format = image::guess_format(bytes).map_err(|_unknown| CodecError::NotAPicture)?;
    if !READ.contains(&format) {
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
    // The picture is worth more than what is said about it: what is wrong with that stops nothing.
    let orientation = decoder.orientation().unwrap_or(Orientation::NoTransforms);
    let exif = decoder.exif_metadata().ok().flatten();
    let mut icc = decoder.icc_profile().ok().flatten();
    let mut image = DynamicImage::from_decoder(decoder).map_err(failure)?;
    image.apply_orientation(orientation);
    let image = image.into_rgba8();
    let (width, height) = image.dimensions();
    let mut picture = Picture { width, height, rgba: image.into_raw() };
    if format == ImageFormat::Tiff {
        // The decoder has no word about alpha, and misses profiles that the file does have.
        let colours = tiff::Colours::of(bytes);
        if colours.multiplied {
            tiff::divide(&mut picture.rgba);
        }
        icc = colours.icc;
    }
    if let Some(icc) = icc {
        profile::to_srgb(&icc, &mut picture.rgba);
    }
    let mut texts = if format == ImageFormat::Png { png::texts(bytes) } else { Vec::new() };
    texts.extend(exif.map(metadata::from_exif).unwrap_or_default());
    Ok(Decoded { picture, texts })
}

/// Whether these bytes begin like a picture that is read.
#[must_use]
pub fn is_picture(bytes: &[u8]) -> bool {
    openraster::is_archive(bytes)
        || image::guess_format(bytes).is_ok_and(|format| READ.contains(&format))
}

fn failure(error: ImageError) -> CodecError {
    match error {
        ImageError::Unsupported(error) => CodecError::Unsupported(error.to_string()),
        ImageError::Limits(_) => CodecError::TooDeep { mib: (DECODED_LIMIT + WORKING_LIMIT) >> 20 },
        error => CodecError::Damaged(error.to_string()),
    }
}

/// Puts a picture into a format, with `parameters` where A1111 stores them. Quick rather than small.
///
/// # Errors
/// [`CodecError::Encode`] when the pixels do not fill the picture's size;
/// [`CodecError::TextTooLong`] for a JPEG.
pub fn encode(
    picture: &Picture,
    format: Format,
    parameters: Option<&str>,
) -> Result<Vec<u8>, CodecError> {
    if picture.rgba.len() as u64 != 4 * u64::from(picture.width) * u64::from(picture.height) {
        return Err(CodecError::Encode("its pixels do not fill it".to_owned()));
    }
    match format {
        Format::Png => png::encode(picture, parameters),
        Format::Jpeg => jpeg::encode(picture, parameters),
        Format::WebP => webp::encode(picture, parameters),
    }
}

/// Makes a PNG, see [`encode`].
///
/// # Errors
/// [`CodecError::Encode`] when the pixels do not fill the picture's size.
pub fn encode_png(picture: &Picture, parameters: Option<&str>) -> Result<Vec<u8>, CodecError> {
    encode(picture, Format::Png, parameters)
}

fn is_opaque(picture: &Picture) -> bool {
    picture.rgba.chunks_exact(4).all(|pixel| pixel[3] == 255)
}

/// The colours without alpha, laid on white where they let something through.
fn on_white(picture: &Picture) -> Vec<u8> {
    let laid = |value: u8, alpha: u8| {
        let (value, alpha) = (u32::from(value), u32::from(alpha));
        ((value * alpha + 255 * (255 - alpha) + 127) / 255) as u8
    };
    let pixels = picture.rgba.chunks_exact(4);
    pixels.flat_map(|p| [laid(p[0], p[3]), laid(p[1], p[3]), laid(p[2], p[3])]).collect()
}

/// Writes a file so that it appears whole or not at all: under a temporary name in the same
/// folder, synced, then renamed over whatever was there.
///
/// # Errors
/// [`CodecError::Write`]; what was at `path` is then as it was.
pub fn write_whole(path: &Path, bytes: &[u8]) -> Result<(), CodecError> {
    write_with(path, |file| file.write_all(bytes))
}

/// As [`write_whole`], with what `fill` writes.
///
/// # Errors
/// Likewise.
pub fn write_with(
    path: &Path,
    fill: impl FnOnce(&mut BufWriter<&mut File>) -> io::Result<()>,
) -> Result<(), CodecError> {
    let write = || -> io::Result<()> {
        // A link is followed, so that the file behind it changes and not the link.
        let target = path.canonicalize().unwrap_or_else(|_new_file| path.to_owned());
        let folder = match target.parent() {
            Some(folder) if !folder.as_os_str().is_empty() => folder,
            _ => Path::new("."),
        };
        let mut file = temporary().tempfile_in(folder)?;
        let mut buffer = BufWriter::with_capacity(1 << 20, file.as_file_mut());
        fill(&mut buffer)?;
        buffer.flush()?;
        drop(buffer);
        if let Ok(there) = std::fs::metadata(&target) {
            // Who may read it is not changed by saving it again.
            file.as_file().set_permissions(there.permissions())?;
        }
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
