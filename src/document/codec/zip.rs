//! The ZIP archive that an OpenRaster file is: read within bounds, written without compression.
//!
//! Used by [`super::openraster`]. Nothing is unpacked to the disk: parts are asked for by name, so a
//! name with `..` in it is only a name that nobody asks for. A part is read up to a bound that the
//! caller sets, the directory up to one of its own, and what an archive claims about itself
//! allocates nothing. Libraries for ZIP make room for as many entries as a file says that it has,
//! which is why this is not one of them. After PKWARE's APPNOTE 6.3.10.

use std::collections::HashMap;
use std::io::{self, Read, Seek, SeekFrom, Write};

use flate2::read::DeflateDecoder;

use super::CodecError;

/// How an archive begins that has a part.
pub(super) const SIGNATURE: [u8; 4] = *b"PK\x03\x04";

const PART: [u8; 4] = SIGNATURE;
const DIRECTORY_ENTRY: [u8; 4] = *b"PK\x01\x02";
const END: [u8; 4] = *b"PK\x05\x06";
const PART_HEADER: usize = 30;
const ENTRY_HEADER: usize = 46;
const END_LENGTH: usize = 22;
/// The longest comment that an archive may end with.
const MOST_COMMENT: u64 = 0xFFFF;
/// Parts that an archive may have; a drawing has one for each layer and a few more.
const MOST_PARTS: usize = 4096;
/// Bytes that the directory may have.
const MOST_DIRECTORY: u32 = 1 << 20;
/// The first day that the format knows: equal content makes equal files.
const DATE: u16 = 0x21;

/// Where a part lies.
#[derive(Clone, Copy, Debug)]
struct Place {
    at: u64,
    stored: u64,
    length: u64,
    crc: u32,
    /// 0 stored, 8 deflated.
    method: u16,
    encrypted: bool,
}

/// An archive that can be read from.
#[derive(Debug)]
pub(super) struct Archive<R> {
    source: R,
    /// Length of the whole.
    length: u64,
    parts: HashMap<Vec<u8>, Place>,
}

fn damaged(what: &str) -> CodecError {
    CodecError::Damaged(what.to_owned())
}

fn unreadable(error: &io::Error) -> CodecError {
    CodecError::Damaged(error.to_string())
}

/// Takes little-endian numbers off the front.
struct Fields<'a>(&'a [u8]);

impl<'a> Fields<'a> {
    fn bytes(&mut self, count: usize) -> Result<&'a [u8], CodecError> {
        let (front, rest) = self
            .0
            .split_at_checked(count)
            .ok_or_else(|| damaged("its directory ends too early"))?;
        self.0 = rest;
        Ok(front)
    }

    fn u16(&mut self) -> Result<u16, CodecError> {
        Ok(self.bytes(2)?.iter().rev().fold(0, |value, byte| value << 8 | u16::from(*byte)))
    }

    fn u32(&mut self) -> Result<u32, CodecError> {
        Ok(self.bytes(4)?.iter().rev().fold(0, |value, byte| value << 8 | u32::from(*byte)))
    }
}

impl<R: Read + Seek> Archive<R> {
    /// Reads the directory.
    ///
    /// # Errors
    /// [`CodecError::Damaged`] when there is none or it makes no sense.
    pub(super) fn open(mut source: R) -> Result<Self, CodecError> {
        let io = |error: io::Error| unreadable(&error);
        let length = source.seek(SeekFrom::End(0)).map_err(io)?;
        let tail_at = length.saturating_sub(MOST_COMMENT + END_LENGTH as u64);
        source.seek(SeekFrom::Start(tail_at)).map_err(io)?;
        let mut tail = Vec::new();
        (&mut source).take(length - tail_at).read_to_end(&mut tail).map_err(io)?;
        let end = (0..tail.len().saturating_sub(END_LENGTH - 1))
            .rev()
            .find(|at| tail[*at..].starts_with(&END))
            .ok_or_else(|| damaged("its end is missing"))?;
        let mut fields = Fields(&tail[end + 4..]);
        let (disk, first_disk, here, all) =
            (fields.u16()?, fields.u16()?, fields.u16()?, fields.u16()?);
        let (size, at) = (fields.u32()?, fields.u32()?);
        // The larger form of ZIP says so with the largest numbers; nothing that opens needs it.
        if (disk, first_disk) != (0, 0) || here != all || usize::from(all) > MOST_PARTS {
            return Err(damaged("it has too many parts"));
        }
        if size > MOST_DIRECTORY || u64::from(at) + u64::from(size) > tail_at + end as u64 {
            return Err(damaged("its directory cannot be where it should"));
        }
        source.seek(SeekFrom::Start(u64::from(at))).map_err(io)?;
        let mut directory = Vec::new();
        (&mut source).take(u64::from(size)).read_to_end(&mut directory).map_err(io)?;
        let parts = parse(&directory, all)?;
        Ok(Self { source, length, parts })
    }

    /// Whether there is a part of this name.
    pub(super) fn has(&self, name: &str) -> bool {
        self.parts.contains_key(name.as_bytes())
    }

    /// The first bytes of a part: `count`, or fewer if it has fewer.
    ///
    /// # Errors
    /// [`CodecError::Damaged`] when there is no such part or it cannot be read.
    pub(super) fn head(&mut self, name: &str, count: usize) -> Result<Vec<u8>, CodecError> {
        let (_, reader) = self.reader(name)?;
        let mut bytes = Vec::new();
        reader.take(count as u64).read_to_end(&mut bytes).map_err(|e| unreadable(&e))?;
        Ok(bytes)
    }

    /// A part of at most `most` bytes, checked against its sum.
    ///
    /// # Errors
    /// [`CodecError::Damaged`] when there is no such part, it is longer, or its bytes are not those
    /// that were put in.
    pub(super) fn read(&mut self, name: &str, most: u64) -> Result<Vec<u8>, CodecError> {
        let (place, reader) = self.reader(name)?;
        if place.length > most {
            return Err(damaged(&format!("{name} is too long")));
        }
        // What comes counts, not what was claimed.
        let mut bytes = Vec::new();
        reader.take(place.length + 1).read_to_end(&mut bytes).map_err(|e| unreadable(&e))?;
        if bytes.len() as u64 != place.length || crc32fast::hash(&bytes) != place.crc {
            return Err(damaged(&format!("{name} is not what was saved")));
        }
        Ok(bytes)
    }

    fn reader(&mut self, name: &str) -> Result<(Place, Box<dyn Read + '_>), CodecError> {
        let place = *self
            .parts
            .get(name.as_bytes())
            .ok_or_else(|| damaged(&format!("{name} is missing")))?;
        if place.encrypted {
            return Err(CodecError::Unsupported("it is encrypted".to_owned()));
        }
        let io = |error: io::Error| unreadable(&error);
        let mut header = [0; PART_HEADER];
        self.source.seek(SeekFrom::Start(place.at)).map_err(io)?;
        self.source.read_exact(&mut header).map_err(io)?;
        if !header.starts_with(&PART) {
            return Err(damaged(&format!("{name} is not where it should be")));
        }
        let mut lengths = Fields(&header[26..]);
        let skipped = u64::from(lengths.u16()?) + u64::from(lengths.u16()?);
        let data = place.at + PART_HEADER as u64 + skipped;
        if data.checked_add(place.stored).is_none_or(|end| end > self.length) {
            return Err(damaged(&format!("{name} is cut off")));
        }
        self.source.seek(SeekFrom::Start(data)).map_err(io)?;
        let stored = (&mut self.source).take(place.stored);
        match place.method {
            0 if place.stored == place.length => Ok((place, Box::new(stored))),
            8 => Ok((place, Box::new(DeflateDecoder::new(stored)))),
            0 => Err(damaged(&format!("{name} has two lengths"))),
            method => Err(CodecError::Unsupported(format!("compression {method}"))),
        }
    }
}

fn parse(directory: &[u8], count: u16) -> Result<HashMap<Vec<u8>, Place>, CodecError> {
    let mut parts = HashMap::new();
    let mut rest = Fields(directory);
    for _ in 0..count {
        let mut head = Fields(rest.bytes(ENTRY_HEADER)?);
        if head.bytes(4)? != DIRECTORY_ENTRY {
            return Err(damaged("its directory makes no sense"));
        }
        head.bytes(4)?;
        let (flags, method) = (head.u16()?, head.u16()?);
        head.bytes(4)?;
        let (crc, stored, length) = (head.u32()?, head.u32()?, head.u32()?);
        let (name, extra, comment) = (head.u16()?, head.u16()?, head.u16()?);
        head.bytes(8)?;
        let at = u64::from(head.u32()?);
        let name = rest.bytes(usize::from(name))?.to_vec();
        rest.bytes(usize::from(extra) + usize::from(comment))?;
        let (stored, length) = (u64::from(stored), u64::from(length));
        let place = Place { at, stored, length, crc, method, encrypted: flags & 1 == 1 };
        // Programs would not agree which of the two they mean.
        if parts.insert(name, place).is_some() {
            return Err(damaged("two of its parts have one name"));
        }
    }
    Ok(parts)
}

/// Writes an archive part by part.
#[derive(Debug)]
pub(super) struct Writer<W> {
    out: W,
    at: u64,
    directory: Vec<u8>,
    count: u16,
}

impl<W: Write> Writer<W> {
    pub(super) fn new(out: W) -> Self {
        Self { out, at: 0, directory: Vec::new(), count: 0 }
    }

    /// Adds a part as it is.
    ///
    /// # Errors
    /// The system refuses, or the archive would grow beyond 4 GiB.
    pub(super) fn add(&mut self, name: &str, bytes: &[u8]) -> io::Result<()> {
        let too_large = |_| io::Error::other("it would be larger than 4 GiB");
        let (at, length) = (
            u32::try_from(self.at).map_err(too_large)?,
            u32::try_from(bytes.len()).map_err(too_large)?,
        );
        let name_length = name.len() as u16;
        // Version 2.0, no flags, stored, midnight.
        let mut common = Vec::with_capacity(26);
        for field in [20, 0, 0, 0, DATE] {
            common.extend(field.to_le_bytes());
        }
        for field in [crc32fast::hash(bytes), length, length] {
            common.extend(field.to_le_bytes());
        }
        common.extend(name_length.to_le_bytes());
        common.extend(0u16.to_le_bytes());
        self.directory.extend(DIRECTORY_ENTRY);
        self.directory.extend(20u16.to_le_bytes());
        self.directory.extend(&common);
        // No comment, first disk, no attributes.
        self.directory.extend([0; 10]);
        self.directory.extend(at.to_le_bytes());
        self.directory.extend(name.as_bytes());
        self.count += 1;
        self.out.write_all(&PART)?;
        self.out.write_all(&common)?;
        self.out.write_all(name.as_bytes())?;
        self.out.write_all(bytes)?;
        self.at += (PART_HEADER + name.len() + bytes.len()) as u64;
        Ok(())
    }

    /// Writes the directory.
    ///
    /// # Errors
    /// As [`Self::add`].
    pub(super) fn finish(mut self) -> io::Result<W> {
        let at = u32::try_from(self.at)
            .map_err(|_too_large| io::Error::other("it would be larger than 4 GiB"))?;
        self.out.write_all(&self.directory)?;
        self.out.write_all(&END)?;
        for field in [0, 0, self.count, self.count] {
            self.out.write_all(&field.to_le_bytes())?;
        }
        self.out.write_all(&(self.directory.len() as u32).to_le_bytes())?;
        self.out.write_all(&at.to_le_bytes())?;
        self.out.write_all(&[0; 2])?;
        self.out.flush()?;
        Ok(self.out)
    }
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use super::*;

    fn archive(parts: &[(&str, &[u8])]) -> Vec<u8> {
        let mut writer = Writer::new(Vec::new());
        for (name, bytes) in parts {
            writer.add(name, bytes).unwrap();
        }
        writer.finish().unwrap()
    }

    fn opened(bytes: &[u8]) -> Result<Archive<Cursor<&[u8]>>, CodecError> {
        Archive::open(Cursor::new(bytes))
    }

    #[test]
    fn parts_come_back_and_a_comment_does_no_harm() {
        let mut bytes = archive(&[("a", b"first"), ("b/c.txt", &[7; 300]), ("empty", b"")]);
        for comment in [0, 1, 60_000] {
            let end = bytes.len() - 2;
            bytes.truncate(end);
            bytes.extend((comment as u16).to_le_bytes());
            let with_comment = [bytes.clone(), vec![b'P'; comment]].concat();
            let mut archive = opened(&with_comment).unwrap();
            assert_eq!(archive.read("a", 5).unwrap(), b"first");
            assert_eq!(archive.read("b/c.txt", 1000).unwrap(), [7; 300]);
            assert_eq!(archive.read("empty", 0).unwrap(), b"");
            assert_eq!(archive.head("b/c.txt", 4).unwrap(), [7; 4]);
            assert!(archive.has("a") && !archive.has("c"));
            assert!(archive.read("a", 4).is_err() && archive.read("../a", 9).is_err());
        }
    }

    #[test]
    fn deflated_parts_are_read_to_their_bound_and_no_further() {
        use flate2::Compression;
        let zeros = vec![0; 10 << 20];
        let mut packed = flate2::write::DeflateEncoder::new(Vec::new(), Compression::best());
        packed.write_all(&zeros).unwrap();
        let packed = packed.finish().unwrap();
        let bytes = archive(&[("bomb", &packed)]);
        // As a deflated part, with a length that is true or a lie.
        let dressed = |length: usize| {
            let mut bytes = bytes.clone();
            let entry = 30 + 4 + packed.len();
            bytes[entry + 10] = 8;
            bytes[entry + 16..entry + 20].copy_from_slice(&crc32fast::hash(&zeros).to_le_bytes());
            bytes[entry + 24..entry + 28].copy_from_slice(&(length as u32).to_le_bytes());
            bytes
        };
        let honest = dressed(zeros.len());
        assert_eq!(opened(&honest).unwrap().read("bomb", 10 << 20).unwrap(), zeros);
        assert!(opened(&honest).unwrap().read("bomb", 1 << 20).is_err());
        for lie in [5, (10 << 20) - 1, (10 << 20) + 1, u32::MAX as usize] {
            let bytes = dressed(lie);
            assert!(opened(&bytes).unwrap().read("bomb", u64::MAX >> 1).is_err(), "{lie}");
        }
    }

    #[test]
    fn no_damage_panics_and_none_gives_wrong_bytes() {
        let whole = archive(&[("a", b"first"), ("b", &[7; 40])]);
        let check = |bytes: &[u8], what: &str| {
            let Ok(mut archive) = opened(bytes) else { return };
            for (name, expected) in [("a", &b"first"[..]), ("b", &[7; 40])] {
                if let Ok(bytes) = archive.read(name, 1000) {
                    assert_eq!(bytes, expected, "{what}");
                }
            }
        };
        for at in 0..whole.len() {
            check(&whole[..at], &format!("cut at {at}"));
            for bit in 0..8 {
                let mut bytes = whole.clone();
                bytes[at] ^= 1 << bit;
                check(&bytes, &format!("bit {bit} of {at}"));
            }
        }
        let twice = archive(&[("a", b"one"), ("a", b"two")]);
        assert!(opened(&twice).is_err());
        assert!(opened(b"").is_err() && opened(&END).is_err());
    }
}
