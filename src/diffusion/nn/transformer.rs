//! The transformer between a UNet's residual blocks: diffusers' `Transformer2DModel` with its
//! `BasicTransformerBlock`s (`transformer_2d.py`, `attention.py`).

use super::attention::{Attention, Names};
use super::load::Loader;
use super::merging::{Merge, merging};
use crate::diffusion::error::Result;
use crate::ops::{ConvExtra, Merging, Ops};

/// Added to the variance in front of the transformer, whatever the UNet's own value is.
const NORM_EPS: f32 = 1e-6;

/// Norm, projection, blocks, projection, beside the image itself.
pub struct Transformer<O: Ops> {
    norm: O::Norm,
    project_in: Projection<O>,
    blocks: Vec<Block<O>>,
    project_out: Projection<O>,
}

enum Projection<O: Ops> {
    Linear(O::Linear),
    Conv(O::Conv),
}

struct Block<O: Ops> {
    norm1: O::Norm,
    own: Attention<O>,
    norm2: O::Norm,
    cross: Attention<O>,
    norm3: O::Norm,
    widen: O::Gated,
    narrow: O::Linear,
}

/// A transformer's sizes.
#[derive(Clone, Copy)]
pub struct TransformerShape {
    /// Channels of the image.
    pub channels: usize,
    /// Attention heads.
    pub heads: usize,
    /// Blocks.
    pub layers: usize,
    /// Width of the text states.
    pub context: usize,
    /// Groups of the norm.
    pub groups: usize,
    /// Linear instead of 1×1 convolutional projections.
    pub linear: bool,
}

impl<O: Ops> Transformer<O> {
    /// Reads a transformer. Its linear layers may be rounded: most of a UNet's are here, and what they
    /// say is added to what is there.
    ///
    /// # Errors
    /// A tensor cannot be read.
    pub fn load(from: &Loader<'_, O>, shape: TransformerShape) -> Result<Self> {
        let TransformerShape { channels, heads, layers, context, groups, linear } = shape;
        let from = &from.rounding();
        let projection = |name: &str| -> Result<Projection<O>> {
            Ok(if linear {
                Projection::Linear(from.linear(name, channels, channels)?)
            } else {
                Projection::Conv(from.conv(name, [channels, channels, 1], 1, [0; 4])?)
            })
        };
        let blocks = (0..layers)
            .map(|index| {
                Block::load(&from.at("transformer_blocks").at(index), channels, heads, context)
            })
            .collect::<Result<_>>()?;
        Ok(Self {
            norm: from.norm("norm", channels, groups, NORM_EPS)?,
            project_in: projection("proj_in")?,
            blocks,
            project_out: projection("proj_out")?,
        })
    }

    /// What its blocks see of the text states `context` (tokens): the same for all steps.
    ///
    /// # Errors
    /// The backend fails.
    pub fn words(&self, ops: &O, context: &O::Tensor) -> Result<Vec<O::Keys>> {
        self.blocks.iter().map(|block| block.cross.keys(ops, context)).collect()
    }

    /// `x` is an image, `words` come from [`Self::words`]; tokens are merged if the image has as
    /// many as `merge` says.
    ///
    /// # Errors
    /// The backend fails.
    pub fn forward(
        &self,
        ops: &O,
        x: &O::Tensor,
        words: &[O::Keys],
        merge: Option<Merge>,
    ) -> Result<O::Tensor> {
        let dims = ops.image_dims(x);
        let sides = [dims.height, dims.width];
        let merge = merge.filter(|merge| merge.tokens == dims.height * dims.width);
        let normed = ops.group_norm(x, &self.norm, None)?;
        let mut tokens = match &self.project_in {
            Projection::Linear(linear) => {
                ops.project(&ops.tokens_of_image(&normed)?, linear, None, None)?
            }
            Projection::Conv(conv) => {
                ops.tokens_of_image(&ops.convolve(&normed, conv, ConvExtra::default())?)?
            }
        };
        for (block, words) in self.blocks.iter().zip(words) {
            let merging = match merge {
                Some(merge) => merging(ops, &tokens, sides, merge.share)?,
                None => None,
            };
            tokens = block.forward(ops, &tokens, words, merging.as_ref())?;
        }
        match &self.project_out {
            Projection::Linear(linear) => {
                let out = ops.project(&tokens, linear, None, Some(&ops.tokens_of_image(x)?))?;
                Ok(ops.image_of_tokens(&out, dims.height, dims.width)?)
            }
            Projection::Conv(conv) => {
                let image = ops.image_of_tokens(&tokens, dims.height, dims.width)?;
                let extra = ConvExtra { residual: Some(x), ..ConvExtra::default() };
                Ok(ops.convolve(&image, conv, extra)?)
            }
        }
    }
}

impl<O: Ops> Block<O> {
    fn load(from: &Loader<'_, O>, channels: usize, heads: usize, context: usize) -> Result<Self> {
        let norm = |name| from.norm(name, channels, 1, 1e-5);
        let inner = channels * 4;
        Ok(Self {
            norm1: norm("norm1")?,
            own: Attention::load(&from.at("attn1"), &Names::UNET, channels, channels, heads)?,
            norm2: norm("norm2")?,
            cross: Attention::load(&from.at("attn2"), &Names::UNET, channels, context, heads)?,
            norm3: norm("norm3")?,
            widen: from.gated("ff.net.0.proj", inner * 2, channels)?,
            narrow: from.linear("ff.net.2", channels, inner)?,
        })
    }

    fn forward(
        &self,
        ops: &O,
        x: &O::Tensor,
        words: &O::Keys,
        merging: Option<&Merging>,
    ) -> Result<O::Tensor> {
        let normed = ops.layer_norm(x, &self.norm1)?;
        let x = match merging {
            None => {
                let keys = self.own.keys(ops, &normed)?;
                self.own.forward(ops, &normed, &keys, false, Some(x))?
            }
            Some(merging) => {
                let merged = ops.merge(&normed, merging)?;
                let keys = self.own.keys(ops, &merged)?;
                let answers = self.own.forward(ops, &merged, &keys, false, None)?;
                ops.spread(&answers, merging, x)?
            }
        };
        let normed = ops.layer_norm(&x, &self.norm2)?;
        let x = self.cross.forward(ops, &normed, words, false, Some(&x))?;
        let wide = ops.geglu(&ops.layer_norm(&x, &self.norm3)?, &self.widen)?;
        Ok(ops.project(&wide, &self.narrow, None, Some(&x))?)
    }
}
