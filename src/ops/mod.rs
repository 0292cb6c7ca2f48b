//! The fused verbs that the networks are written in, and their implementations.
//!
//! [`Ops`] is spoken by [`crate::diffusion::nn`]; [`cpu`] computes it with own kernels, [`candle`]
//! with plain candle tensors on any device: the twin that tests hold the other against; [`shapes`]
//! only counts what a run would take. A verb takes and returns the backend's own tensor and never
//! assumes that its values can be read at once. Nothing here knows files or networks.

pub mod candle;
pub mod cpu;
mod merging;
pub mod shapes;

use std::ops::Range;

pub use crate::kernels::activation::Activation;
pub use crate::kernels::moments::Moments;
pub use merging::Merging;

/// A backend could not compute: out of memory, a device that is gone.
#[derive(Debug, thiserror::Error)]
#[error("The computation failed: {0}")]
pub struct OpsError(pub String);

/// Result of a verb.
pub type Result<T> = std::result::Result<T, OpsError>;

/// Constant weights of a convolution.
pub struct ConvWeights<'a> {
    /// `[output, input, kernel, kernel]`.
    pub weight: &'a [f32],
    /// `[output]`.
    pub bias: Option<Vec<f32>>,
    /// Output channels, input channels, side of the window.
    pub shape: [usize; 3],
    /// Step of the window.
    pub stride: usize,
    /// Zeros around the image: top, left, bottom, right.
    pub padding: [usize; 4],
}

/// Constant weights of a linear layer.
pub struct LinearWeights<'a> {
    /// `[output, input]`.
    pub weight: &'a [f32],
    /// `[output]`.
    pub bias: Option<Vec<f32>>,
    /// Output and input width.
    pub shape: [usize; 2],
    /// Whether they may be kept in 8 bits, where the backend was asked for it.
    pub may_round: bool,
}

/// Constant weights of a group or layer norm.
pub struct NormWeights {
    /// Scale per channel.
    pub weight: Vec<f32>,
    /// Shift per channel.
    pub bias: Vec<f32>,
    /// Added to the variance.
    pub eps: f32,
    /// Groups of channels; unused by layer norms.
    pub groups: usize,
}

/// What a convolution does besides convolving.
pub struct ConvExtra<'a, T> {
    /// Enlarge the input to this height and width first, repeating the nearest pixel.
    pub enlarge: Option<(usize, usize)>,
    /// Add a value per image and channel: tokens `[batch, 1, output]`.
    pub channel_bias: Option<&'a T>,
    /// Add an image of the output's shape.
    pub residual: Option<&'a T>,
}

impl<T> Default for ConvExtra<'_, T> {
    fn default() -> Self {
        Self { enlarge: None, channel_bias: None, residual: None }
    }
}

/// Sizes of a tensor, as images or as tokens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ImageDims {
    /// Images.
    pub batch: usize,
    /// Channels of a pixel.
    pub channels: usize,
    /// Rows of pixels.
    pub height: usize,
    /// Pixels a row.
    pub width: usize,
}

/// A device and its verbs. Two kinds of tensors exist: images (batch, channels, height, width)
/// and tokens (batch, tokens, channels). The backend chooses how they lie in memory.
pub trait Ops: Sync + 'static {
    /// Whether weights need their values; where only shapes count, they are not read.
    const VALUES: bool = true;

    /// A tensor on the device. Cloning shares the values.
    type Tensor: Clone + Send + Sync;
    /// A convolution's weights, ready for use.
    type Conv: Send + Sync;
    /// A linear layer's weights, ready for use.
    type Linear: Send + Sync;
    /// The weights of a linear layer whose second half gates the first, ready for use.
    type Gated: Send + Sync;
    /// A norm's weights, ready for use.
    type Norm: Send + Sync;
    /// Keys and values that queries attend to, ready for use.
    type Keys: Send + Sync;

    /// Hears of bytes that a network keeps outside of tensors.
    fn keeps(&self, _bytes: usize) {}
    /// Gives back memory that is kept only to be quick next time.
    fn rest(&self) {}
    /// The same device with all numbers in 32 bits; `None` where they are that already.
    fn in_full(&self) -> Option<Self>
    where
        Self: Sized,
    {
        None
    }

    /// Prepares a convolution.
    ///
    /// # Errors
    /// The device has no room.
    fn conv(&self, weights: ConvWeights<'_>) -> Result<Self::Conv>;
    /// Prepares a linear layer.
    ///
    /// # Errors
    /// The device has no room.
    fn linear(&self, weights: LinearWeights<'_>) -> Result<Self::Linear>;
    /// Prepares a linear layer to twice the width, halves `[x, gate]`, for [`Ops::geglu`].
    ///
    /// # Errors
    /// The device has no room.
    fn gated(&self, weights: LinearWeights<'_>) -> Result<Self::Gated>;
    /// Prepares a group or layer norm.
    ///
    /// # Errors
    /// The device has no room.
    fn norm(&self, weights: NormWeights) -> Result<Self::Norm>;

    /// Brings images to the device; `values` are in the order batch, channels, height, width.
    ///
    /// # Errors
    /// The device has no room.
    fn image(&self, dims: ImageDims, values: &[f32]) -> Result<Self::Tensor>;
    /// Brings tokens to the device; `values` are in the order batch, tokens, channels.
    ///
    /// # Errors
    /// The device has no room.
    fn tokens(&self, shape: [usize; 3], values: &[f32]) -> Result<Self::Tensor>;
    /// Reads images back, in the order batch, channels, height, width.
    ///
    /// # Errors
    /// The device is gone.
    fn read_image(&self, x: &Self::Tensor) -> Result<Vec<f32>>;
    /// Reads tokens back, in the order batch, tokens, channels.
    ///
    /// # Errors
    /// The device is gone.
    fn read_tokens(&self, x: &Self::Tensor) -> Result<Vec<f32>>;
    /// The sizes of images.
    fn image_dims(&self, x: &Self::Tensor) -> ImageDims;

    /// Convolution with its bias and `extra`.
    ///
    /// # Errors
    /// See [`OpsError`]; so for every verb.
    fn convolve(
        &self,
        x: &Self::Tensor,
        conv: &Self::Conv,
        extra: ConvExtra<'_, Self::Tensor>,
    ) -> Result<Self::Tensor>;
    /// Linear layer on tokens, with its bias, then `activation`, plus `residual`.
    ///
    /// # Errors
    /// See [`OpsError`].
    fn project(
        &self,
        x: &Self::Tensor,
        linear: &Self::Linear,
        activation: Option<Activation>,
        residual: Option<&Self::Tensor>,
    ) -> Result<Self::Tensor>;
    /// Linear layer to halves `[x, gate]`, then `x · gelu(gate)` with the exact error function.
    ///
    /// # Errors
    /// See [`OpsError`].
    fn geglu(&self, x: &Self::Tensor, gated: &Self::Gated) -> Result<Self::Tensor>;
    /// Group norm on images, then `activation`.
    ///
    /// # Errors
    /// See [`OpsError`].
    fn group_norm(
        &self,
        x: &Self::Tensor,
        norm: &Self::Norm,
        activation: Option<Activation>,
    ) -> Result<Self::Tensor>;
    /// Mean and spread of each channel of one image.
    ///
    /// # Errors
    /// See [`OpsError`].
    fn moments(&self, x: &Self::Tensor) -> Result<Moments>;
    /// Group norm on some rows of one image by the `moments` of the whole, then `activation`.
    ///
    /// # Errors
    /// See [`OpsError`].
    fn group_norm_by(
        &self,
        x: &Self::Tensor,
        norm: &Self::Norm,
        moments: &Moments,
        activation: Option<Activation>,
    ) -> Result<Self::Tensor>;
    /// Layer norm on tokens.
    ///
    /// # Errors
    /// See [`OpsError`].
    fn layer_norm(&self, x: &Self::Tensor, norm: &Self::Norm) -> Result<Self::Tensor>;
    /// An element-wise function.
    ///
    /// # Errors
    /// See [`OpsError`].
    fn activate(&self, x: &Self::Tensor, activation: Activation) -> Result<Self::Tensor>;
    /// Prepares keys and values `[batch, tokens, channels]` of `heads` that lie side by side in
    /// the channels.
    ///
    /// # Errors
    /// See [`OpsError`].
    fn keys(&self, k: &Self::Tensor, v: &Self::Tensor, heads: usize) -> Result<Self::Keys>;
    /// `softmax(q·kᵀ / √d)·v` for each head; a causal query sees only keys up to its own place.
    ///
    /// # Errors
    /// See [`OpsError`].
    fn attend(&self, q: &Self::Tensor, keys: &Self::Keys, causal: bool) -> Result<Self::Tensor>;
    /// For each of the tokens `from`, which of the tokens `to` has the greatest cosine with it (its
    /// place in `to`), and that cosine; by image.
    ///
    /// # Errors
    /// See [`OpsError`].
    fn likest(&self, x: &Self::Tensor, from: &[u32], to: &[u32]) -> Result<Vec<Vec<(u32, f32)>>>;
    /// The mean of each group's tokens.
    ///
    /// # Errors
    /// See [`OpsError`].
    fn merge(&self, x: &Self::Tensor, merging: &Merging) -> Result<Self::Tensor>;
    /// Each token gets its group's values of `x`, plus its own of `residual`.
    ///
    /// # Errors
    /// See [`OpsError`].
    fn spread(
        &self,
        x: &Self::Tensor,
        merging: &Merging,
        residual: &Self::Tensor,
    ) -> Result<Self::Tensor>;
    /// The sum of two tensors of one shape.
    ///
    /// # Errors
    /// See [`OpsError`].
    fn add(&self, a: &Self::Tensor, b: &Self::Tensor) -> Result<Self::Tensor>;
    /// Channels of `a` followed by those of `b`, on images.
    ///
    /// # Errors
    /// See [`OpsError`].
    fn concat(&self, a: &Self::Tensor, b: &Self::Tensor) -> Result<Self::Tensor>;
    /// Pixels as tokens, row by row.
    ///
    /// # Errors
    /// See [`OpsError`].
    fn tokens_of_image(&self, x: &Self::Tensor) -> Result<Self::Tensor>;
    /// Tokens as pixels, row by row.
    ///
    /// # Errors
    /// See [`OpsError`].
    fn image_of_tokens(
        &self,
        x: &Self::Tensor,
        height: usize,
        width: usize,
    ) -> Result<Self::Tensor>;
    /// Some rows of one image.
    ///
    /// # Errors
    /// See [`OpsError`].
    fn rows(&self, x: &Self::Tensor, rows: Range<usize>) -> Result<Self::Tensor>;
    /// One image that [`Ops::put_rows`] will fill.
    ///
    /// # Errors
    /// See [`OpsError`].
    fn blank(&self, dims: ImageDims) -> Result<Self::Tensor>;
    /// Writes `rows` into one image, from its row `at` on. No clone of the image may be alive.
    ///
    /// # Errors
    /// See [`OpsError`].
    fn put_rows(&self, x: &mut Self::Tensor, at: usize, rows: &Self::Tensor) -> Result<()>;
}
