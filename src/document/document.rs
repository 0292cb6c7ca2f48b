//! What the user works on: one picture and one mask over it.
//!
//! The shell owns it, commands change it, the canvas shows it. It keeps no history and reads no files.

use super::mask::Mask;
use super::raster::Raster;
use crate::plane::{Plane, fresh_key};

/// One picture with its mask. Cloning is cheap: tiles are shared until one side changes them, so an
/// earlier state is kept as a clone of all of it.
#[derive(Clone, Debug)]
pub struct Document {
    /// The pixels, or nothing yet; as large as the document.
    pub raster: Option<Raster>,
    /// What is to be painted again; as large as the document.
    pub mask: Mask,
    /// Width in pixels over which a fill fades into the picture, inward from the mask's edge.
    pub feather_px: f32,
    /// What [`Self::picture_key`] says while there is no picture.
    empty_key: u64,
}

impl Document {
    /// An empty sheet.
    #[must_use]
    pub fn empty((width, height): (u32, u32)) -> Self {
        Self {
            raster: None,
            mask: Mask::new(width, height),
            feather_px: 0.0,
            empty_key: fresh_key(),
        }
    }

    /// The same with another feather.
    #[must_use]
    pub fn with_feather(self, feather_px: f32) -> Self {
        Self { feather_px, ..self }
    }

    /// A document from what was stored of it.
    #[must_use]
    pub fn restored(raster: Option<Raster>, mask: Mask, feather_px: f32) -> Self {
        let feather_px = if feather_px.is_finite() { feather_px.clamp(0.0, 10_000.0) } else { 0.0 };
        Self { raster, mask, feather_px, empty_key: fresh_key() }
    }

    /// Width and height in pixels.
    #[must_use]
    pub fn size(&self) -> (u32, u32) {
        self.mask.size()
    }

    /// Whether there is no picture yet.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.raster.is_none()
    }

    /// The picture, for requests, files and the canvas. It costs nothing to ask for.
    #[must_use]
    pub fn picture(&self) -> Option<Plane<4>> {
        self.raster.as_ref().map(|raster| raster.plane().clone())
    }

    /// Changes whenever the picture does. Equal keys mean equal pixels.
    #[must_use]
    pub fn picture_key(&self) -> u64 {
        self.raster.as_ref().map_or(self.empty_key, Raster::key)
    }

    /// Bytes of pixels that this document has and the other does not share.
    #[must_use]
    pub fn bytes_apart(&self, other: &Self) -> usize {
        let raster = match (&self.raster, &other.raster) {
            (Some(raster), Some(other)) => raster.plane().bytes_apart(Some(other.plane())),
            (Some(raster), None) => raster.plane().bytes_apart(None),
            (None, _) => 0,
        };
        raster + self.mask.plane().bytes_apart(Some(other.mask.plane()))
    }

    /// Takes a picture in place of the present one. The mask stays if the size does.
    pub fn replace_picture(&mut self, picture: Plane<4>) {
        self.replace_raster(Raster::from_plane(picture));
    }

    /// Takes a raster in place of the present one. The mask stays if the size does.
    pub fn replace_raster(&mut self, raster: Raster) {
        let size = raster.size();
        if size != self.size() {
            self.mask = Mask::new(size.0, size.1);
        }
        self.raster = Some(raster);
    }

    /// Whether a stroke is being drawn, on the picture or on the mask.
    #[must_use]
    pub fn is_stroking(&self) -> bool {
        self.mask.is_stroking() || self.raster.as_ref().is_some_and(Raster::is_stroking)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn picture(width: u32, height: u32) -> Plane<4> {
        Plane::filled((width, height), [255; 4])
    }

    #[test]
    fn a_picture_of_the_same_size_keeps_the_mask() {
        let mut document = Document::empty((8, 4));
        assert!(document.is_empty());
        document.mask.fill_whole();
        let before = document.picture_key();
        document.replace_picture(picture(8, 4));
        assert!(!document.is_empty());
        assert_ne!(document.picture_key(), before);
        assert!(!document.mask.is_empty());
        document.replace_picture(picture(4, 4));
        assert_eq!(document.size(), (4, 4));
        assert!(document.mask.is_empty());
    }
}
