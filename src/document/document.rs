//! What the user works on: one picture and one mask over it.
//!
//! The shell owns it, commands change it, the canvas shows it. It keeps no history and reads no files.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use super::mask::Mask;
use crate::engine::protocol::Picture;

/// Keys are never used twice, so that whoever caches by key needs to know no owner.
static NEXT_KEY: AtomicU64 = AtomicU64::new(1);

/// A content key that nothing else in this process has.
pub(super) fn fresh_key() -> u64 {
    NEXT_KEY.fetch_add(1, Ordering::Relaxed)
}

/// One picture with its mask. Cloning is cheap: pixels are shared until one side changes.
#[derive(Clone, Debug)]
pub struct Document {
    /// The pixels, or nothing yet.
    pub picture: Option<Arc<Picture>>,
    /// Changes whenever the picture does.
    pub picture_key: u64,
    /// What is to be painted again; as large as the document.
    pub mask: Mask,
    /// Width in pixels over which a fill fades into the picture, inward from the mask's edge.
    pub feather_px: f32,
}

impl Document {
    /// An empty sheet.
    #[must_use]
    pub fn empty((width, height): (u32, u32)) -> Self {
        Self {
            picture: None,
            picture_key: fresh_key(),
            mask: Mask::new(width, height),
            feather_px: 0.0,
        }
    }

    /// Width and height in pixels.
    #[must_use]
    pub fn size(&self) -> (u32, u32) {
        self.mask.size()
    }

    /// Whether there is no picture yet.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.picture.is_none()
    }

    /// Bytes of pixels that this document has and the other does not share.
    #[must_use]
    pub fn bytes_apart(&self, other: &Self) -> usize {
        let area = |(width, height): (u32, u32)| width as usize * height as usize;
        let picture = if self.picture_key == other.picture_key { 0 } else { 4 * area(self.size()) };
        let mask = if self.mask.key() == other.mask.key() { 0 } else { area(self.size()) };
        picture + mask
    }

    /// Takes a picture in place of the present one. The mask stays if the size does.
    pub fn replace_picture(&mut self, picture: Arc<Picture>) {
        let size = (picture.width, picture.height);
        if size != self.size() {
            self.mask = Mask::new(size.0, size.1);
        }
        self.picture = Some(picture);
        self.picture_key = fresh_key();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn picture(width: u32, height: u32) -> Arc<Picture> {
        let rgba = vec![255; (4 * width * height) as usize];
        Arc::new(Picture { width, height, rgba })
    }

    #[test]
    fn a_picture_of_the_same_size_keeps_the_mask() {
        let mut document = Document::empty((8, 4));
        assert!(document.is_empty());
        document.mask.fill_whole();
        let before = document.picture_key;
        document.replace_picture(picture(8, 4));
        assert!(!document.is_empty());
        assert_ne!(document.picture_key, before);
        assert!(!document.mask.is_empty());
        document.replace_picture(picture(4, 4));
        assert_eq!(document.size(), (4, 4));
        assert!(document.mask.is_empty());
    }
}
