//! The bytes of a journal's file: headers and directories, as the tables in the module's docs say.
//!
//! Used within the journal. Reads and writes no files; no bytes make it panic.

/// The newest version of the format that is understood.
pub(super) const VERSION: u32 = 1;
/// Where the first record lies.
pub(super) const FIRST_RECORD: u64 = 64;
/// How a record begins.
pub(super) const MARK: [u8; 4] = *b"\xE9bat";
/// Bytes of a record's header.
pub(super) const RECORD_HEADER: usize = 40;
/// Bytes of a directory, at most.
pub(super) const MOST_DIRECTORY: usize = 16 << 20;
/// Bytes of a record's data, at most.
pub(super) const MOST_DATA: u64 = 16 << 30;
/// Bytes of a value, at most.
pub(super) const MOST_VALUE: usize = 1 << 30;
/// Bytes of a key, at most.
pub(super) const MOST_KEY: usize = 512;

const FILE_MAGIC: [u8; 8] = *b"PENTJRN\n";
const HALF: usize = 32;

const DELETE: u8 = 0;
const SMALL: u8 = 1;
const LARGE: u8 = 2;
const LARGE_LZ4: u8 = 3;

/// Why a file's beginning is not accepted.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum HeaderError {
    /// Of this newer version.
    Newer(u32),
    /// No journal, or damaged twice.
    Foreign,
}

/// Takes numbers off the front of a slice; `None` when it is too short.
pub(super) struct Cursor<'a>(pub(super) &'a [u8]);

impl<'a> Cursor<'a> {
    pub(super) fn bytes(&mut self, count: usize) -> Option<&'a [u8]> {
        let (front, rest) = self.0.split_at_checked(count)?;
        self.0 = rest;
        Some(front)
    }

    fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        self.bytes(N)?.try_into().ok()
    }

    pub(super) fn u8(&mut self) -> Option<u8> {
        Some(self.array::<1>()?[0])
    }

    pub(super) fn u16(&mut self) -> Option<u16> {
        self.array().map(u16::from_le_bytes)
    }

    pub(super) fn u32(&mut self) -> Option<u32> {
        self.array().map(u32::from_le_bytes)
    }

    pub(super) fn u64(&mut self) -> Option<u64> {
        self.array().map(u64::from_le_bytes)
    }
}

/// The beginning of a new file.
pub(super) fn file_header(id: u64) -> [u8; FIRST_RECORD as usize] {
    let mut half = [0; HALF];
    half[..8].copy_from_slice(&FILE_MAGIC);
    half[8..12].copy_from_slice(&VERSION.to_le_bytes());
    half[16..24].copy_from_slice(&id.to_le_bytes());
    let crc = crc32fast::hash(&half[..28]);
    half[28..].copy_from_slice(&crc.to_le_bytes());
    let mut both = [0; FIRST_RECORD as usize];
    both[..HALF].copy_from_slice(&half);
    both[HALF..].copy_from_slice(&half);
    both
}

/// The file's number, from whichever copy of the header is sound.
pub(super) fn parse_file_header(bytes: &[u8]) -> Result<u64, HeaderError> {
    let (version, id) =
        bytes.chunks_exact(HALF).take(2).find_map(parse_half).ok_or(HeaderError::Foreign)?;
    if version > VERSION { Err(HeaderError::Newer(version)) } else { Ok(id) }
}

fn parse_half(bytes: &[u8]) -> Option<(u32, u64)> {
    let sound = crc32fast::hash(&bytes[..28]);
    let mut cursor = Cursor(bytes);
    let magic = cursor.bytes(8)?;
    let version = cursor.u32()?;
    cursor.u32()?;
    let id = cursor.u64()?;
    cursor.u32()?;
    (magic == FILE_MAGIC && cursor.u32()? == sound && version > 0).then_some((version, id))
}

/// What a record says before its directory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct RecordHeader {
    pub(super) directory: u32,
    pub(super) data: u64,
    pub(super) number: u64,
    /// Length of the file that was surely on the disk.
    pub(super) synced: u64,
    pub(super) directory_crc: u32,
}

impl RecordHeader {
    /// As bytes, for the record at `at` of the file `id`.
    pub(super) fn encode(&self, id: u64, at: u64) -> [u8; RECORD_HEADER] {
        let mut bytes = [0; RECORD_HEADER];
        bytes[..4].copy_from_slice(&MARK);
        bytes[4..8].copy_from_slice(&self.directory.to_le_bytes());
        bytes[8..16].copy_from_slice(&self.data.to_le_bytes());
        bytes[16..24].copy_from_slice(&self.number.to_le_bytes());
        bytes[24..32].copy_from_slice(&self.synced.to_le_bytes());
        bytes[32..36].copy_from_slice(&self.directory_crc.to_le_bytes());
        let crc = header_crc(id, at, &bytes[..36]);
        bytes[36..].copy_from_slice(&crc.to_le_bytes());
        bytes
    }

    /// From bytes; `None` unless they were written for this place of this file.
    pub(super) fn parse(id: u64, at: u64, bytes: &[u8]) -> Option<Self> {
        if !bytes.starts_with(&MARK) {
            return None;
        }
        let mut cursor = Cursor(bytes.get(4..RECORD_HEADER)?);
        let header = Self {
            directory: cursor.u32()?,
            data: cursor.u64()?,
            number: cursor.u64()?,
            synced: cursor.u64()?,
            directory_crc: cursor.u32()?,
        };
        let sound = cursor.u32()? == header_crc(id, at, &bytes[..36])
            && header.directory as usize <= MOST_DIRECTORY
            && header.data <= MOST_DATA
            && header.synced <= at;
        sound.then_some(header)
    }

    /// Bytes of the whole record.
    pub(super) fn length(&self) -> u64 {
        RECORD_HEADER as u64 + u64::from(self.directory) + self.data
    }
}

/// The last crc of a record's header.
pub(super) fn last_crc(header: &[u8; RECORD_HEADER]) -> u32 {
    u32::from_le_bytes([header[36], header[37], header[38], header[39]])
}

fn header_crc(id: u64, at: u64, bytes: &[u8]) -> u32 {
    let mut crc = crc32fast::Hasher::new();
    crc.update(&id.to_le_bytes());
    crc.update(&at.to_le_bytes());
    crc.update(bytes);
    crc.finalize()
}

/// A large value as it is stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Large {
    /// Compressed with LZ4.
    pub(super) lz4: bool,
    /// Bytes on the disk.
    pub(super) stored: u32,
    /// Bytes of the value.
    pub(super) raw: u32,
    /// Checksum of the bytes on the disk.
    pub(super) crc: u32,
}

impl Large {
    /// Whether the numbers can be true: an LZ4 block grows 255-fold at most, so that memory is
    /// bounded by what is really there.
    fn is_possible(&self) -> bool {
        let (stored, raw) = (u64::from(self.stored), u64::from(self.raw));
        let grown = if self.lz4 { raw <= stored * 255 + 64 } else { raw == stored };
        grown && raw <= MOST_VALUE as u64
    }
}

/// What happens to a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Change<'a> {
    Delete,
    Small(&'a [u8]),
    Large(Large),
}

/// Adds one change to a directory.
pub(super) fn push_change(directory: &mut Vec<u8>, key: &str, change: Change) {
    let kind = match change {
        Change::Delete => DELETE,
        Change::Small(_) => SMALL,
        Change::Large(large) => LARGE + u8::from(large.lz4),
    };
    directory.push(kind);
    directory.extend((key.len() as u16).to_le_bytes());
    directory.extend(key.as_bytes());
    match change {
        Change::Delete => {}
        Change::Small(value) => {
            directory.extend((value.len() as u32).to_le_bytes());
            directory.extend(value);
        }
        Change::Large(large) => {
            directory.extend(large.stored.to_le_bytes());
            directory.extend(large.raw.to_le_bytes());
            directory.extend(large.crc.to_le_bytes());
        }
    }
}

/// Takes one change off a directory's front.
pub(super) fn take_change<'a>(cursor: &mut Cursor<'a>) -> Option<(&'a str, Change<'a>)> {
    let kind = cursor.u8()?;
    let length = usize::from(cursor.u16()?);
    if length == 0 || length > MOST_KEY {
        return None;
    }
    let key = std::str::from_utf8(cursor.bytes(length)?).ok()?;
    let change = match kind {
        DELETE => Change::Delete,
        SMALL => {
            let length = cursor.u32()? as usize;
            Change::Small(cursor.bytes(length)?)
        }
        LARGE | LARGE_LZ4 => {
            let (stored, raw, crc) = (cursor.u32()?, cursor.u32()?, cursor.u32()?);
            let large = Large { lz4: kind == LARGE_LZ4, stored, raw, crc };
            Change::Large(large).filter_possible()?
        }
        _ => return None,
    };
    Some((key, change))
}

impl Change<'_> {
    fn filter_possible(self) -> Option<Self> {
        match self {
            Self::Large(large) if !large.is_possible() => None,
            change => Some(change),
        }
    }
}

/// Whether each change of a directory is well formed and its large values fill the data exactly.
pub(super) fn is_directory(directory: &[u8], data: u64) -> bool {
    let mut cursor = Cursor(directory);
    let mut stored = 0;
    while !cursor.0.is_empty() {
        match take_change(&mut cursor) {
            None => return false,
            Some((_, Change::Large(large))) => stored += u64::from(large.stored),
            Some(_) => {}
        }
    }
    stored == data
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_header_is_true_in_its_place_only() {
        let header =
            RecordHeader { directory: 7, data: 9, number: 3, synced: 64, directory_crc: 5 };
        let bytes = header.encode(1, 100);
        assert_eq!(RecordHeader::parse(1, 100, &bytes), Some(header));
        assert_eq!(RecordHeader::parse(2, 100, &bytes), None);
        assert_eq!(RecordHeader::parse(1, 101, &bytes), None);
        assert_eq!(RecordHeader::parse(1, 100, &bytes[..39]), None);
    }

    #[test]
    fn either_copy_of_the_files_header_will_do() {
        for byte in 0..64 {
            let mut bytes = file_header(77);
            bytes[byte] ^= 1;
            assert_eq!(parse_file_header(&bytes), Ok(77));
            bytes[byte ^ HALF] ^= 2;
            assert_eq!(parse_file_header(&bytes), Err(HeaderError::Foreign));
        }
    }

    #[test]
    fn impossible_lengths_are_refused() {
        let check = |large, fits| {
            let mut directory = Vec::new();
            push_change(&mut directory, "k", Change::Large(large));
            assert_eq!(is_directory(&directory, u64::from(large.stored)), fits, "{large:?}");
        };
        check(Large { lz4: true, stored: 10, raw: 2614, crc: 0 }, true);
        check(Large { lz4: true, stored: 10, raw: 2615, crc: 0 }, false);
        check(Large { lz4: false, stored: 10, raw: 10, crc: 0 }, true);
        check(Large { lz4: false, stored: 10, raw: 11, crc: 0 }, false);
        check(Large { lz4: true, stored: u32::MAX, raw: u32::MAX, crc: 0 }, false);
    }
}
