//! Where the parts of a ZIP archive lie, for the checkpoints that `torch.save` writes since 1.6.
//!
//! Their parts are stored as they are, so that tensors can be read by position. After PKWARE's
//! APPNOTE 6.3.10, with the 64-bit fields of large archives (4.3.14 to 4.3.16, 4.5.3). What an
//! archive claims about itself allocates nothing that is not in the file.

use std::collections::HashMap;

use super::source::Blob;
use crate::models::error::ModelError;

const END: &[u8] = b"PK\x05\x06";
const END_LENGTH: u64 = 22;
const LOCATOR: &[u8] = b"PK\x06\x07";
const LOCATOR_LENGTH: u64 = 20;
const END_64: &[u8] = b"PK\x06\x06";
const END_64_LENGTH: u64 = 56;
const ENTRY: &[u8] = b"PK\x01\x02";
const ENTRY_LENGTH: usize = 46;
const PART: &[u8] = b"PK\x03\x04";
const PART_LENGTH: u64 = 30;
/// The longest comment that an archive may end with.
const LONGEST_COMMENT: u64 = 0xFFFF;
/// Bytes that the directory may have: some hundred thousand parts.
const LARGEST_DIRECTORY: u64 = 64 << 20;

/// The parts of an archive by name.
pub(super) struct Archive<'a> {
    blob: &'a Blob,
    parts: HashMap<String, Part>,
}

#[derive(Clone, Copy)]
struct Part {
    /// Where its own header begins.
    header: u64,
    length: u64,
    stored: bool,
}

/// A number of `N` bytes, lowest first.
fn number<const N: usize>(bytes: &[u8], at: usize) -> Option<u64> {
    let bytes = bytes.get(at..at.checked_add(N)?)?;
    Some(bytes.iter().rev().fold(0, |value, byte| value << 8 | u64::from(*byte)))
}

impl<'a> Archive<'a> {
    pub(super) fn open(blob: &'a Blob) -> Result<Self, ModelError> {
        let (start, length) = directory(blob)?;
        if length > LARGEST_DIRECTORY {
            return Err(blob.damaged(format!("a directory of {length} bytes")));
        }
        let bytes = blob.part(start, length)?;
        let mut parts = HashMap::new();
        let mut rest = bytes.as_slice();
        while !rest.is_empty() {
            let (name, part, used) =
                entry(rest).ok_or_else(|| blob.damaged("its directory is wrong"))?;
            parts.insert(name, part);
            rest = &rest[used..];
        }
        Ok(Self { blob, parts })
    }

    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        self.parts.keys().map(String::as_str)
    }

    /// Where in the file a part's bytes lie: begin and length.
    pub(super) fn place(&self, name: &str) -> Result<Option<(u64, u64)>, ModelError> {
        let Some(part) = self.parts.get(name).copied() else { return Ok(None) };
        if !part.stored {
            return Err(self.blob.unsupported(
                "The checkpoint was compressed after it was saved; unpack it, or get the model as \
                 .safetensors",
            ));
        }
        let header = self.blob.part(part.header, PART_LENGTH)?;
        let lengths = number::<2>(&header, 26).zip(number::<2>(&header, 28));
        let Some((name_length, extra)) = lengths.filter(|_| header.starts_with(PART)) else {
            return Err(self.blob.damaged(format!("'{name}' is not where its directory says")));
        };
        let begin = part.header + PART_LENGTH + name_length + extra;
        if begin.checked_add(part.length).is_none_or(|end| end > self.blob.length) {
            return Err(self.blob.damaged(format!("'{name}' is not all there")));
        }
        Ok(Some((begin, part.length)))
    }
}

/// Begin and length of the directory.
fn directory(blob: &Blob) -> Result<(u64, u64), ModelError> {
    let tail_length = blob.length.min(END_LENGTH + LONGEST_COMMENT + LOCATOR_LENGTH);
    let tail_start = blob.length - tail_length;
    let tail = blob.part(tail_start, tail_length)?;
    let cut = || blob.damaged("the end of the archive is missing");
    // The last one whose comment reaches to the end of the file.
    let ends = tail.windows(END.len()).enumerate().rev().filter(|(_, bytes)| *bytes == END);
    let whole = |at: &usize| {
        let comment = number::<2>(&tail, at + 20);
        comment.is_some_and(|comment| *at as u64 + END_LENGTH + comment == tail_length)
    };
    let end = ends.map(|(at, _)| at).find(whole).ok_or_else(cut)?;
    let length = number::<4>(&tail, end + 12).ok_or_else(cut)?;
    let start = number::<4>(&tail, end + 16).ok_or_else(cut)?;
    let locator = end.checked_sub(LOCATOR_LENGTH as usize).map(|at| &tail[at..end]);
    let Some(locator) = locator.filter(|bytes| bytes.starts_with(LOCATOR)) else {
        return Ok((start, length));
    };
    let end = blob.part(number::<8>(locator, 8).ok_or_else(cut)?, END_64_LENGTH)?;
    let length = number::<8>(&end, 40).filter(|_| end.starts_with(END_64)).ok_or_else(cut)?;
    Ok((number::<8>(&end, 48).ok_or_else(cut)?, length))
}

/// An entry of the directory and the bytes that it took.
fn entry(bytes: &[u8]) -> Option<(String, Part, usize)> {
    if !bytes.starts_with(ENTRY) {
        return None;
    }
    let flags = number::<2>(bytes, 8)?;
    let method = number::<2>(bytes, 10)?;
    let mut length = number::<4>(bytes, 20)?;
    let mut whole = number::<4>(bytes, 24)?;
    let name_length = number::<2>(bytes, 28)? as usize;
    let extra_length = number::<2>(bytes, 30)? as usize;
    let comment_length = number::<2>(bytes, 32)? as usize;
    let mut header = number::<4>(bytes, 42)?;
    let name = bytes.get(ENTRY_LENGTH..ENTRY_LENGTH + name_length)?;
    let mut extra = bytes.get(ENTRY_LENGTH + name_length..)?.get(..extra_length)?;
    // Fields of 64 bits stand in for those that are full, in this order.
    while let Some((kind, size)) = number::<2>(extra, 0).zip(number::<2>(extra, 2)) {
        let mut field = extra.get(4..4 + size as usize)?;
        extra = &extra[4 + size as usize..];
        if kind == 1 {
            for value in [&mut whole, &mut length, &mut header] {
                if *value == 0xFFFF_FFFF {
                    *value = number::<8>(field, 0)?;
                    field = &field[8..];
                }
            }
        }
    }
    let stored = method == 0 && flags & 1 == 0 && whole == length;
    let used = ENTRY_LENGTH + name_length + extra_length + comment_length;
    let name = String::from_utf8_lossy(name).into_owned();
    (used <= bytes.len()).then_some((name, Part { header, length, stored }, used))
}
