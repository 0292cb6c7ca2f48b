//! A small decoder that makes a picture of each step's estimate: smaller than the autoencoder's, for a
//! small part of its arithmetic.
//!
//! Blocks as in diffusers' `AutoencoderTiny` (its `autoencoder_tiny.py`; TAESD by Ollin Boer Bohan):
//! three convolutions and a shortcut, rectified, doubling by repeating pixels. Used by the pipeline;
//! `assets/pocket/recipe/preview_decoder.py` makes its weights.

use super::error::Result;
use super::nn::load::{Loader, Loading};
use crate::cancel::CancelToken;
use crate::kernels::activation::Activation;
use crate::models::TensorFile;
use crate::models::config::preview_decoder::PreviewDecoderConfig;
use crate::ops::{ConvExtra, ImageDims, Ops};

/// Latents are squeezed softly into ± this before anything else.
const MOST: f32 = 3.0;

/// The network.
pub struct PreviewDecoder<O: Ops> {
    config: PreviewDecoderConfig,
    first: O::Conv,
    blocks: Vec<Block<O>>,
    last: O::Conv,
}

struct Block<O: Ops> {
    /// Follows the doubling of height and width.
    doubled: Option<O::Conv>,
    convs: [O::Conv; 3],
}

impl<O: Ops> PreviewDecoder<O> {
    /// Reads the network's tensors.
    ///
    /// # Errors
    /// Tensors are missing, damaged or of another shape; cancelled.
    pub fn load<'a>(
        ops: &'a O,
        config: PreviewDecoderConfig,
        file: &'a TensorFile,
        loading: impl Into<Loading<'a>>,
    ) -> Result<Self> {
        let root = Loader::new(ops, file, loading);
        let layers = root.at("layers");
        let PreviewDecoderConfig { channels, latent_channels } = &config;
        let block = |index: usize| -> Result<Block<O>> {
            let width = channels[index];
            let before = index.checked_sub(1).map(|before| channels[before]);
            // The activation and the doubling have numbers, too.
            let (conv, block) = (3 * index + 1, layers.at(3 * index + 2).at("conv"));
            Ok(Block {
                doubled: before
                    .map(|before| layers.conv3(&conv.to_string(), width, before))
                    .transpose()?,
                convs: [
                    block.conv3("0", width, width)?,
                    block.conv3("2", width, width)?,
                    block.conv3("4", width, width)?,
                ],
            })
        };
        let decoder = Self {
            first: layers.conv3("0", channels[0], *latent_channels)?,
            blocks: (0..channels.len()).map(block).collect::<Result<_>>()?,
            last: layers.conv3(
                &(3 * channels.len()).to_string(),
                3,
                channels[channels.len() - 1],
            )?,
            config,
        };
        root.finish()?;
        Ok(decoder)
    }

    /// Pixels of the preview for a latent cell, on each side.
    #[must_use]
    pub fn factor(&self) -> usize {
        self.config.factor()
    }

    /// The picture (3 × height × width, about -1..=1) of a latent as the UNet sees it, channels ×
    /// `size` (height, width): [`Self::factor`] times as large on each side.
    ///
    /// # Errors
    /// Cancelled, or the backend fails.
    pub fn decode(
        &self,
        ops: &O,
        latent: &[f32],
        (height, width): (usize, usize),
        cancel: &CancelToken,
    ) -> Result<Vec<f32>> {
        let squeezed: Vec<f32> = latent.iter().map(|value| MOST * (value / MOST).tanh()).collect();
        let dims = ImageDims { batch: 1, channels: self.config.latent_channels, height, width };
        let relu = |x: &O::Tensor| ops.activate(x, Activation::Relu);
        let mut x = ops.image(dims, &squeezed)?;
        x = relu(&ops.convolve(&x, &self.first, ConvExtra::default())?)?;
        for block in &self.blocks {
            cancel.check()?;
            if let Some(conv) = &block.doubled {
                let ImageDims { height, width, .. } = ops.image_dims(&x);
                let enlarge = Some((2 * height, 2 * width));
                x = ops.convolve(&x, conv, ConvExtra { enlarge, ..ConvExtra::default() })?;
            }
            let [first, second, third] = &block.convs;
            let y = relu(&ops.convolve(&x, first, ConvExtra::default())?)?;
            let y = relu(&ops.convolve(&y, second, ConvExtra::default())?)?;
            let shortcut = ConvExtra { residual: Some(&x), ..ConvExtra::default() };
            x = relu(&ops.convolve(&y, third, shortcut)?)?;
        }
        Ok(ops.read_image(&ops.convolve(&x, &self.last, ConvExtra::default())?)?)
    }
}
