//! The residual block of UNet and autoencoder: diffusers' `ResnetBlock2D` (`resnet.py`).

use super::load::Loader;
use crate::diffusion::error::Result;
use crate::ops::{Activation, ConvExtra, Ops};

/// Norm, activation, convolution, twice, beside a shortcut.
pub struct Resnet<O: Ops> {
    pub(super) norm1: O::Norm,
    pub(super) conv1: O::Conv,
    time: Option<O::Linear>,
    pub(super) norm2: O::Norm,
    conv2: O::Conv,
    pub(super) shortcut: Option<O::Conv>,
    pub(super) activation: Activation,
}

/// What all residual blocks of a network share.
#[derive(Clone, Copy)]
pub struct ResnetStyle {
    /// Groups of the norms.
    pub groups: usize,
    /// Added to the norms' variance.
    pub eps: f32,
    /// Function between the layers.
    pub activation: Activation,
    /// Width of the timestep's embedding, in a UNet.
    pub time: Option<usize>,
}

impl<O: Ops> Resnet<O> {
    /// Reads a block from `input` to `output` channels.
    ///
    /// # Errors
    /// A tensor cannot be read.
    pub fn load(
        from: &Loader<'_, O>,
        input: usize,
        output: usize,
        style: ResnetStyle,
    ) -> Result<Self> {
        let ResnetStyle { groups, eps, activation, time } = style;
        Ok(Self {
            norm1: from.norm("norm1", input, groups, eps)?,
            conv1: from.conv3("conv1", output, input)?,
            time: time.map(|width| from.linear("time_emb_proj", output, width)).transpose()?,
            norm2: from.norm("norm2", output, groups, eps)?,
            conv2: from.conv3("conv2", output, output)?,
            shortcut: (input != output)
                .then(|| from.conv("conv_shortcut", [output, input, 1], 1, [0; 4]))
                .transpose()?,
            activation,
        })
    }

    /// `x` is an image; `time` the activated embedding, tokens `[batch, 1, width]`.
    ///
    /// # Errors
    /// The backend fails.
    pub fn forward(&self, ops: &O, x: &O::Tensor, time: Option<&O::Tensor>) -> Result<O::Tensor> {
        let time = match (&self.time, time) {
            (Some(linear), Some(time)) => Some(ops.project(time, linear, None, None)?),
            _ => None,
        };
        let act = Some(self.activation);
        let extra = ConvExtra { channel_bias: time.as_ref(), ..ConvExtra::default() };
        // Each is dropped as soon as it has been read: the autoencoder has none that are larger.
        let hidden = {
            let normed = ops.group_norm(x, &self.norm1, act)?;
            ops.convolve(&normed, &self.conv1, extra)?
        };
        let normed = ops.group_norm(&hidden, &self.norm2, act)?;
        drop(hidden);
        self.with_shortcut(ops, &normed, x)
    }

    /// The second convolution of `h`, beside the block's input `x`.
    pub(super) fn with_shortcut(&self, ops: &O, h: &O::Tensor, x: &O::Tensor) -> Result<O::Tensor> {
        let shortcut = match &self.shortcut {
            Some(conv) => &ops.convolve(x, conv, ConvExtra::default())?,
            None => x,
        };
        let extra = ConvExtra { residual: Some(shortcut), ..ConvExtra::default() };
        Ok(ops.convolve(h, &self.conv2, extra)?)
    }
}
