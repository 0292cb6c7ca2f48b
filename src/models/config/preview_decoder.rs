//! `preview_decoder/config.json`: the small decoder that `assets/pocket/recipe/preview_decoder.py`
//! makes. Models from elsewhere have none.

use super::Reader;
use crate::models::error::ModelError;
use crate::models::folder::ModelFolder;

/// Resolutions of a decoder at most: each doubles the sides.
const MOST_RESOLUTIONS: usize = 6;

/// A small decoder's shape.
#[derive(Clone, Debug, PartialEq)]
pub struct PreviewDecoderConfig {
    /// Channels of each resolution, the latent's own first.
    pub channels: Vec<usize>,
    /// Channels of a latent.
    pub latent_channels: usize,
}

impl PreviewDecoderConfig {
    /// Pixels of the preview for a latent cell, on each side.
    #[must_use]
    pub fn factor(&self) -> usize {
        1 << (self.channels.len() - 1)
    }

    /// Reads and checks the file, if the model has one.
    ///
    /// # Errors
    /// A key is unknown or contradictory.
    pub fn read(folder: &ModelFolder) -> Result<Option<Self>, ModelError> {
        const FILE: &str = "preview_decoder/config.json";
        if !folder.has(FILE) {
            return Ok(None);
        }
        let reader = Reader::open(folder, FILE)?;
        let channels = reader.sizes("block_out_channels", &[48, 28, 16])?;
        if !(1..=MOST_RESOLUTIONS).contains(&channels.len()) {
            let wanted = format!("a list of 1 to {MOST_RESOLUTIONS} numbers");
            return Err(reader.wrong("block_out_channels", &wanted));
        }
        let latent_channels = reader.size("latent_channels", 4)?;
        reader.finish()?;
        Ok(Some(Self { channels, latent_channels }))
    }
}
