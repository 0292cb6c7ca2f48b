//! PNG: its texts, its writing, and masks as grey pictures. Called by [`super`]; the pixels of
//! pictures are read by the `image` crate.

use std::io::Cursor;

use ::png as format;

use super::metadata::{KEYWORDS, PARAMETERS, RawText};
use super::{CodecError, TEXT_LIMIT, is_opaque, on_white};
use crate::types::{Coverage, Picture};

/// The eight bytes that every PNG begins with.
const SIGNATURE: usize = 8;
/// Length and kind before, checksum after a chunk's content.
const FRAME: usize = 12;
/// Chunks of text that are looked at.
const MOST_TEXTS: usize = 64;

/// The texts of interest, from any of the three kinds of text chunks, wherever they stand. One that
/// is too long or damaged is left alone.
pub(super) fn texts(bytes: &[u8]) -> Vec<RawText> {
    let Some(head) = bytes.get(..SIGNATURE + FRAME + 13) else { return Vec::new() };
    let chunks = text_chunks(bytes);
    chunks.into_iter().filter_map(|chunk| text(head, chunk)).collect()
}

/// The text chunks with their frames. Programs write them after the pixels too.
fn text_chunks(bytes: &[u8]) -> Vec<&[u8]> {
    let mut found = Vec::new();
    let mut rest = bytes.get(SIGNATURE..).unwrap_or_default();
    while let Some((length, after)) = rest.split_first_chunk::<4>() {
        let length = u32::from_be_bytes(*length) as usize;
        let Some(chunk) = length.checked_add(FRAME).and_then(|end| rest.get(..end)) else { break };
        if after.starts_with(b"IEND") || found.len() == MOST_TEXTS {
            break;
        }
        let is_text = [b"tEXt", b"zTXt", b"iTXt"].iter().any(|kind| after.starts_with(*kind));
        let is_known = is_text
            && KEYWORDS.iter().any(|keyword| {
                after[4..]
                    .strip_prefix(keyword.as_bytes())
                    .is_some_and(|rest| rest.starts_with(&[0]))
            });
        if is_known && length <= TEXT_LIMIT + 256 {
            found.push(chunk);
        }
        rest = &rest[chunk.len()..];
    }
    found
}

/// Reads one chunk as if it were the only one, so that a damaged one spoils no other.
fn text(head: &[u8], chunk: &[u8]) -> Option<RawText> {
    let pixels_begin = [0, 0, 0, 0, b'I', b'D', b'A', b'T', 0x35, 0xAF, 0x06, 0x1E];
    let alone = [head, chunk, &pixels_begin].concat();
    let limits = format::Limits { bytes: 4 * TEXT_LIMIT };
    let reader = format::Decoder::new_with_limits(Cursor::new(alone), limits).read_info().ok()?;
    let info = reader.info();
    let (keyword, text) = if let Some(plain) = info.uncompressed_latin1_text.first() {
        (plain.keyword.clone(), unmasked(plain.text.clone()))
    } else if let Some(text) = info.utf8_text.first() {
        let mut text = text.clone();
        text.decompress_text_with_limit(TEXT_LIMIT).ok()?;
        (text.keyword.clone(), text.get_text().ok()?)
    } else {
        let mut text = info.compressed_latin1_text.first()?.clone();
        text.decompress_text_with_limit(TEXT_LIMIT).ok()?;
        (text.keyword.clone(), unmasked(text.get_text().ok()?))
    };
    (text.len() <= TEXT_LIMIT).then_some(RawText { keyword, text })
}

fn latin1(text: &str) -> Option<Vec<u8>> {
    text.chars().map(|letter| u8::try_from(u32::from(letter)).ok()).collect()
}

/// Some programs write UTF-8 where the format says Latin-1. Text of several letters that is valid
/// UTF-8 by accident does not happen.
fn unmasked(text: String) -> String {
    if text.is_ascii() {
        return text;
    }
    latin1(&text).and_then(|bytes| String::from_utf8(bytes).ok()).unwrap_or(text)
}

/// Makes a PNG: without alpha when every pixel is opaque.
pub(super) fn encode(picture: &Picture, parameters: Option<&str>) -> Result<Vec<u8>, CodecError> {
    let mut bytes = Vec::new();
    write(&mut bytes, picture, parameters)
        .map_err(|error| CodecError::Encode(error.to_string()))?;
    Ok(bytes)
}

fn write(
    out: &mut Vec<u8>,
    picture: &Picture,
    parameters: Option<&str>,
) -> Result<(), format::EncodingError> {
    let mut encoder = format::Encoder::new(out, picture.width, picture.height);
    let opaque = is_opaque(picture);
    encoder.set_color(if opaque { format::ColorType::Rgb } else { format::ColorType::Rgba });
    encoder.set_depth(format::BitDepth::Eight);
    encoder.set_compression(format::Compression::Fast);
    if let Some(text) = parameters {
        // The format ends its texts with a zero.
        let text = text.replace('\0', " ");
        // As A1111 has it: Latin-1 where that is enough, and where it is not taken for UTF-8.
        if latin1(&text).is_some() && unmasked(text.clone()) == text {
            encoder.add_text_chunk(PARAMETERS.to_owned(), text)?;
        } else {
            encoder.add_itxt_chunk(PARAMETERS.to_owned(), text)?;
        }
    }
    let mut writer = encoder.write_header()?;
    if opaque {
        writer.write_image_data(&on_white(picture))?;
    } else {
        writer.write_image_data(&picture.rgba)?;
    }
    writer.finish()
}

/// Width and height out of the first 33 bytes of a PNG.
pub(super) fn size(head: &[u8]) -> Option<(u32, u32)> {
    let header = head.strip_prefix(b"\x89PNG\r\n\x1A\n\0\0\0\x0DIHDR")?;
    let side = |at: usize| Some(u32::from_be_bytes(header.get(at..at + 4)?.try_into().ok()?));
    side(0).zip(side(4))
}

/// Makes a grey PNG of a mask.
pub(super) fn encode_grey(mask: &Coverage) -> Result<Vec<u8>, CodecError> {
    let mut bytes = Vec::new();
    let mut encoder = format::Encoder::new(&mut bytes, mask.width, mask.height);
    encoder.set_color(format::ColorType::Grayscale);
    encoder.set_depth(format::BitDepth::Eight);
    encoder.set_compression(format::Compression::Fast);
    let written = encoder.write_header().and_then(|mut writer| {
        writer.write_image_data(&mask.values)?;
        writer.finish()
    });
    written.map_err(|error| CodecError::Encode(error.to_string()))?;
    Ok(bytes)
}

/// Reads such a PNG, which must have this size.
pub(super) fn decode_grey(bytes: &[u8], size: (u32, u32)) -> Result<Coverage, CodecError> {
    let damaged = |error: format::DecodingError| CodecError::Damaged(error.to_string());
    let mut reader = format::Decoder::new(Cursor::new(bytes)).read_info().map_err(damaged)?;
    let info = reader.info();
    let fits = (info.width, info.height) == size
        && info.color_type == format::ColorType::Grayscale
        && info.bit_depth == format::BitDepth::Eight;
    if !fits {
        return Err(CodecError::Damaged("the mask does not fit the picture".to_owned()));
    }
    let (width, height) = size;
    let mut values = vec![0; width as usize * height as usize];
    reader.next_frame(&mut values).map_err(damaged)?;
    Ok(Coverage { width, height, values })
}
