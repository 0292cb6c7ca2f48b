//! Pictures and masks of earlier sessions that still lie in the journal: a long strip is there at
//! once by its thumbs, and pixels are read when they are shown or used.
//!
//! Made by [`super::session::restore`], used through [`super::jobs`]. What cannot be read is counted,
//! and told by the shell.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};

use crate::document::journal::Reader;
use crate::engine::protocol::{Coverage, Picture};

/// The journal that things are read from, and how many of them could not be.
#[derive(Clone, Debug, Default)]
pub struct Shelf {
    reader: Reader,
    lost: Arc<AtomicUsize>,
}

impl Shelf {
    /// The shelf of a journal.
    #[must_use]
    pub fn new(reader: Reader) -> Self {
        Self { reader, lost: Arc::default() }
    }

    /// What could not be read since the last call.
    #[must_use]
    pub fn take_lost(&self) -> usize {
        self.lost.swap(0, Ordering::AcqRel)
    }

    /// Width, height and bytes under a key, with `channels` bytes a pixel.
    fn read(&self, key: &str, channels: usize) -> Option<((u32, u32), Vec<u8>)> {
        let bytes = self.reader.get(key).ok().flatten();
        let sized = bytes.and_then(|bytes| unpack(bytes, channels));
        self.lost.fetch_add(usize::from(sized.is_none()), Ordering::AcqRel);
        sized
    }
}

/// Takes the two sides off the front of a picture's or a mask's bytes; `None` unless the rest fits.
#[must_use]
pub fn unpack(mut bytes: Vec<u8>, channels: usize) -> Option<((u32, u32), Vec<u8>)> {
    let side = |at: usize| Some(u32::from_le_bytes(bytes.get(at..at + 4)?.try_into().ok()?));
    let (width, height) = (side(0)?, side(4)?);
    let pixels = u64::from(width).checked_mul(u64::from(height))?;
    if pixels == 0 || pixels.checked_mul(channels as u64)? != bytes.len() as u64 - 8 {
        return None;
    }
    bytes.drain(..8);
    Some(((width, height), bytes))
}

/// The bytes of a picture or a mask, with the two sides before them.
#[must_use]
pub fn pack((width, height): (u32, u32), bytes: &[u8]) -> Vec<u8> {
    let mut value = Vec::with_capacity(8 + bytes.len());
    value.extend(width.to_le_bytes());
    value.extend(height.to_le_bytes());
    value.extend(bytes);
    value
}

/// A picture in the journal.
#[derive(Debug)]
pub struct StoredPicture {
    shelf: Shelf,
    key: String,
    size: (u32, u32),
    thumb: Arc<Picture>,
    /// Once it was asked for: what was read, or that it cannot be.
    pixels: OnceLock<Option<Arc<Picture>>>,
}

impl StoredPicture {
    /// The picture of this size under the journal's `key`, and its thumb.
    #[must_use]
    pub fn new(shelf: Shelf, key: String, size: (u32, u32), thumb: Arc<Picture>) -> Self {
        Self { shelf, key, size, thumb, pixels: OnceLock::new() }
    }

    /// Its width and height, without reading it.
    #[must_use]
    pub fn size(&self) -> (u32, u32) {
        self.size
    }

    /// Its thumb, without reading it.
    #[must_use]
    pub fn thumb(&self) -> &Arc<Picture> {
        &self.thumb
    }

    /// The picture, read the first time; `None` when it cannot be.
    #[must_use]
    pub fn read(&self) -> Option<Arc<Picture>> {
        let read = || {
            let (size, rgba) = self.shelf.read(&self.key, 4)?;
            let (width, height) = size;
            (size == self.size).then(|| Arc::new(Picture { width, height, rgba }))
        };
        self.pixels.get_or_init(read).clone()
    }

    /// The picture, or its thumb at the same size where it is lost.
    #[must_use]
    pub fn picture(&self) -> Arc<Picture> {
        self.read().unwrap_or_else(|| Arc::new(enlarged(&self.thumb, self.size)))
    }
}

/// The nearest pixel of a small picture for each of a large one.
fn enlarged(small: &Picture, (width, height): (u32, u32)) -> Picture {
    let place = |at: u32, from: u32, to: u32| u64::from(at) * u64::from(to) / u64::from(from);
    let rgba = (0..height).flat_map(|y| {
        let row = place(y, height, small.height) * u64::from(small.width);
        (0..width).flat_map(move |x| {
            let at = 4 * (row + place(x, width, small.width)) as usize;
            small.rgba[at..at + 4].iter().copied()
        })
    });
    Picture { width, height, rgba: rgba.collect() }
}

/// A job's mask in the journal.
#[derive(Debug)]
pub struct StoredMask {
    shelf: Shelf,
    key: String,
    /// Its number there.
    pub number: u64,
    values: OnceLock<Option<Arc<Coverage>>>,
}

impl StoredMask {
    /// The mask of this number under the journal's `key`.
    #[must_use]
    pub fn new(shelf: Shelf, key: String, number: u64) -> Self {
        Self { shelf, key, number, values: OnceLock::new() }
    }

    /// The mask, read the first time; `None` when it cannot be.
    #[must_use]
    pub fn read(&self) -> Option<Arc<Coverage>> {
        let read = || {
            let ((width, height), values) = self.shelf.read(&self.key, 1)?;
            Some(Arc::new(Coverage { width, height, values }))
        };
        self.values.get_or_init(read).clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_does_not_fit_its_size_is_nothing() {
        let bytes = pack((3, 2), &[7; 24]);
        assert_eq!(unpack(bytes.clone(), 4), Some(((3, 2), vec![7; 24])));
        assert_eq!(unpack(bytes.clone(), 1), None);
        for cut in 0..bytes.len() {
            assert_eq!(unpack(bytes[..cut].to_vec(), 4), None);
        }
        let lie = [u32::MAX.to_le_bytes(), u32::MAX.to_le_bytes()].concat();
        assert_eq!(unpack(lie, 4), None);
    }

    #[test]
    fn a_lost_picture_is_counted_and_shown_by_its_thumb() {
        let thumb = Picture { width: 2, height: 1, rgba: vec![1, 2, 3, 4, 5, 6, 7, 8] };
        let shelf = Shelf::default();
        let stored =
            StoredPicture::new(shelf.clone(), "picture/1".to_owned(), (4, 2), Arc::new(thumb));
        assert!(stored.read().is_none());
        let row = [1, 2, 3, 4, 1, 2, 3, 4, 5, 6, 7, 8, 5, 6, 7, 8];
        assert_eq!(stored.picture().rgba, [row, row].concat());
        assert_eq!((shelf.take_lost(), shelf.take_lost()), (1, 0));
    }
}
