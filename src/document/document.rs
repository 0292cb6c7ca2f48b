//! Stub.
use std::sync::Arc;

use super::mask::Mask;
use crate::engine::protocol::Picture;

/// Stub.
pub struct Document {
    /// Stub.
    pub picture: Option<Arc<Picture>>,
    /// Stub.
    pub picture_key: u64,
    /// Stub.
    pub mask: Mask,
    /// Stub.
    pub feather_px: f32,
}

impl Document {
    /// Stub.
    #[must_use]
    pub fn empty(size: (u32, u32)) -> Self {
        Self { picture: None, picture_key: 0, mask: Mask::new(size.0, size.1), feather_px: 0.0 }
    }
    /// Stub.
    #[must_use]
    pub fn size(&self) -> (u32, u32) {
        self.mask.size()
    }
    /// Stub.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.picture.is_none()
    }
    /// Stub.
    pub fn replace_picture(&mut self, picture: Arc<Picture>) {
        let size = (picture.width, picture.height);
        if size != self.size() {
            self.mask = Mask::new(size.0, size.1);
        }
        self.picture = Some(picture);
        self.picture_key += 1;
    }
}
