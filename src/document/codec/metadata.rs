//! Texts about how a picture was made, and EXIF, in which JPEG and WebP carry them.
//!
//! Called by [`super`] and the formats beside it. It finds texts; what they mean is read in
//! `app::parameters`.

use std::io::Cursor;

use exif::{Context, Exif, Field, In, Reader, Tag, Value, experimental::Writer};

use super::{CodecError, TEXT_LIMIT};

/// The keyword under which A1111 and others store what a picture was made from.
pub(super) const PARAMETERS: &str = "parameters";

/// The keywords under which programs store it.
pub(super) const KEYWORDS: [&str; 7] = [
    PARAMETERS,
    "prompt",
    "workflow",
    "invokeai_metadata",
    "sd-metadata",
    "fooocus_scheme",
    "Comment",
];

/// A text out of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RawText {
    /// What the file calls it; EXIF's comment is called `parameters`, as the PNG's text is.
    pub keyword: String,
    /// The text itself, at most a megabyte.
    pub text: String,
}

impl RawText {
    fn new(keyword: &str, text: String) -> Option<Self> {
        let wanted = !text.trim().is_empty() && text.len() <= TEXT_LIMIT;
        wanted.then(|| Self { keyword: keyword.to_owned(), text })
    }
}

/// Where Fooocus says which form its comment has.
const MAKER_NOTE: Tag = Tag(Context::Exif, 0x927C);

/// The texts of an EXIF block. What is damaged in it is left out.
pub(super) fn from_exif(block: Vec<u8>) -> Vec<RawText> {
    let block = block.strip_prefix(b"Exif\0\0").map(<[u8]>::to_vec).unwrap_or(block);
    let mut reader = Reader::new();
    reader.continue_on_error(true);
    let read = reader.read_raw(block).or_else(|error| error.distill_partial_result(|_| {}));
    let Ok(exif) = read else { return Vec::new() };
    let mut texts = Vec::new();
    let comment = field(&exif, Tag::UserComment);
    texts.extend(
        comment.and_then(|bytes| {
            RawText::new(PARAMETERS, user_comment(&bytes, exif.little_endian())?)
        }),
    );
    let scheme = field(&exif, MAKER_NOTE).filter(|bytes| bytes.len() < 64);
    texts.extend(scheme.and_then(|bytes| RawText::new("fooocus_scheme", utf8(&bytes))));
    // ComfyUI writes "prompt:{…}" and "workflow:{…}" into whatever fields come first.
    for tag in [Tag::Model, Tag::Make, Tag::ImageDescription] {
        let Some(text) = field(&exif, tag).map(|bytes| utf8(&bytes)) else { continue };
        let Some((keyword, json)) = text.split_once(':') else { continue };
        let keyword = keyword.trim().to_lowercase();
        if KEYWORDS.contains(&keyword.as_str()) {
            texts.extend(RawText::new(&keyword, json.trim().to_owned()));
        }
    }
    texts
}

fn field(exif: &Exif, tag: Tag) -> Option<Vec<u8>> {
    match &exif.get_field(tag, In::PRIMARY)?.value {
        Value::Undefined(bytes, _) | Value::Byte(bytes) => Some(bytes.clone()),
        Value::Ascii(lines) => Some(lines.join(&0)),
        _ => None,
    }
    .filter(|bytes| bytes.len() <= 4 * TEXT_LIMIT)
}

fn utf8(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).trim_matches(['\0', ' ']).to_owned()
}

/// EXIF 2.3, 4.6.5: eight bytes say how the rest is written. Some programs leave them out.
fn user_comment(bytes: &[u8], little_endian: bool) -> Option<String> {
    let Some((code, rest)) = bytes.split_first_chunk::<8>() else { return Some(utf8(bytes)) };
    match code {
        b"UNICODE\0" => Some(utf16(rest, little_endian)),
        b"ASCII\0\0\0" | b"\0\0\0\0\0\0\0\0" => Some(utf8(rest)),
        b"JIS\0\0\0\0\0" => None,
        _ => Some(utf8(bytes)),
    }
}

/// Programs do not agree in which byte order this is: A1111 always takes the big end first,
/// others the order of the block. Latin letters tell, having one byte of zero.
fn utf16(bytes: &[u8], little_endian: bool) -> String {
    let pairs = || bytes.chunks_exact(2).map(|pair| [pair[0], pair[1]]);
    let zeros = |at: usize| pairs().filter(|pair| pair[at] == 0 && pair[1 - at] != 0).count();
    let little = match bytes {
        [0xFF, 0xFE, ..] => true,
        [0xFE, 0xFF, ..] => false,
        _ if zeros(0) == zeros(1) => little_endian,
        _ => zeros(1) > zeros(0),
    };
    let units = pairs().map(|p| if little { u16::from_le_bytes(p) } else { u16::from_be_bytes(p) });
    let text: String = char::decode_utf16(units)
        .map(|letter| letter.unwrap_or(char::REPLACEMENT_CHARACTER))
        .collect();
    text.trim_matches(['\0', '\u{FEFF}']).to_owned()
}

/// An EXIF block with the text as its comment, as A1111 writes it.
pub(super) fn to_exif(text: &str) -> Result<Vec<u8>, CodecError> {
    let letters = text.encode_utf16().flat_map(u16::to_be_bytes);
    with_comment(b"UNICODE\0".iter().copied().chain(letters).collect())
}

/// The same in half the room.
pub(super) fn to_ascii_exif(text: &str) -> Result<Vec<u8>, CodecError> {
    with_comment([b"ASCII\0\0\0", text.as_bytes()].concat())
}

fn with_comment(comment: Vec<u8>) -> Result<Vec<u8>, CodecError> {
    let value = Value::Undefined(comment, 0);
    let field = Field { tag: Tag::UserComment, ifd_num: In::PRIMARY, value };
    let mut writer = Writer::new();
    writer.push_field(&field);
    let mut block = Cursor::new(Vec::new());
    writer.write(&mut block, false).map_err(|error| CodecError::Encode(error.to_string()))?;
    Ok(block.into_inner())
}
