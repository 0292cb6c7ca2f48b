//! The verbs on the processor: own buffers, channels last, over [`crate::kernels`].
//!
//! Images and tokens lie alike in memory (`[batch, pixels, channels]`), so that going from one to
//! the other costs nothing.

mod buffer;
pub mod profile;
pub(super) mod shelf;

use std::ops::Range;
use std::sync::Arc;

use self::buffer::{Buffer, Pool};
use self::profile::{Operator, Profile};
use super::{
    Activation, ConvExtra, ConvWeights, ImageDims, LinearWeights, Merging, Moments, NormWeights,
    Ops, OpsError, Result,
};
use crate::kernels::attention::{self, attention};
use crate::kernels::conv::{Conv, ImageShape};
use crate::kernels::gemm::{ByteWeights, Extra, Gemm, PackedWeights, Weights};
pub use crate::kernels::isa::Isa;
use crate::kernels::norm::{self, Norm};
pub use crate::kernels::values::DType;
use crate::kernels::values::{Values, ValuesMut};
use crate::kernels::{activation, layout, likeness};
use crate::types::WeightBits;

/// The processor.
pub struct Cpu {
    gemm: Gemm,
    bits: WeightBits,
    pool: Arc<Pool>,
    profile: Arc<Profile>,
}

/// Values with their sizes. Tokens have `height` 1.
#[derive(Clone)]
pub struct Tensor {
    dims: ImageDims,
    values: Arc<Buffer>,
}

/// A linear layer: packed weights and the bias.
pub struct Linear {
    weights: Packed,
    bias: Option<Vec<f32>>,
    /// Width of what comes out.
    columns: usize,
    /// Width of the product, gates counted.
    outputs: usize,
}

/// A linear layer's weights.
enum Packed {
    /// As numbers that are computed with.
    Full(PackedWeights),
    /// In 8 bits.
    Bytes(ByteWeights),
}

/// Verbs without arithmetic worth counting.
const OTHER: (Operator, usize) = (Operator::Other, 0);
/// Norms, whose arithmetic is not worth counting.
const NORM: (Operator, usize) = (Operator::Norm, 0);
/// Latents and pictures have so few channels that they stay f32 whatever else is stored as.
const FEW_CHANNELS: usize = 16;

/// How values of so many channels are stored.
pub(super) fn stored_as(gemm: &Gemm, channels: usize) -> DType {
    if channels < FEW_CHANNELS { DType::F32 } else { gemm.weights() }
}

impl Default for Cpu {
    /// The best instructions of this processor, in f32.
    fn default() -> Self {
        Self::new(Isa::best(), DType::F32)
    }
}

impl Cpu {
    /// Computes with the instructions of `isa`; weights and what lies between layers are stored
    /// as `dtype`.
    #[must_use]
    pub fn new(isa: Isa, dtype: DType) -> Self {
        Self {
            gemm: Gemm::new(isa, dtype),
            bits: WeightBits::Full,
            pool: Arc::default(),
            profile: Arc::default(),
        }
    }

    /// The same with weights of so many bits, for those linear layers that may have it.
    #[must_use]
    pub fn with_weights(self, bits: WeightBits) -> Self {
        Self { bits, ..self }
    }

    /// Where the time goes.
    #[must_use]
    pub fn profile(&self) -> &Arc<Profile> {
        &self.profile
    }

    /// Makes a tensor by a verb of so many operations.
    fn made(
        &self,
        dims: ImageDims,
        (operator, flop): (Operator, usize),
        fill: impl FnOnce(ValuesMut<'_>),
    ) -> Tensor {
        let count = dims.batch * dims.height * dims.width * dims.channels;
        let dtype = stored_as(&self.gemm, dims.channels);
        let mut values = self.pool.take(dtype, count);
        self.profile.of(operator, flop, || fill(values.values_mut()));
        Tensor { dims, values: Arc::new(values) }
    }

    fn isa(&self) -> Isa {
        self.gemm.isa()
    }

    /// Packs a linear layer; if `gated`, the second half of its columns gates the first.
    fn pack(&self, weights: LinearWeights<'_>, gated: bool) -> Linear {
        let LinearWeights { weight, bias, shape: [output, input], may_round } = weights;
        let weights = Weights { values: weight, output, input };
        let bytes = may_round && self.bits == WeightBits::Eight;
        let weights = match (bytes, gated) {
            (false, false) => Packed::Full(self.gemm.pack(weights)),
            (false, true) => Packed::Full(self.gemm.pack_gated(weights)),
            (true, false) => Packed::Bytes(self.gemm.pack_bytes(weights)),
            (true, true) => Packed::Bytes(self.gemm.pack_bytes_gated(weights)),
        };
        let columns = if gated { output / 2 } else { output };
        Linear { weights, bias, columns, outputs: output }
    }
}

impl Tensor {
    fn values(&self) -> Values<'_> {
        self.values.values()
    }

    fn reshaped(&self, dims: ImageDims) -> Self {
        Self { dims, values: Arc::clone(&self.values) }
    }
}

impl Ops for Cpu {
    type Tensor = Tensor;
    type Conv = Conv;
    type Linear = Linear;
    type Gated = Linear;
    type Norm = Norm;
    type Keys = attention::Keys;

    fn rest(&self) {
        self.pool.clear();
    }

    fn in_full(&self) -> Option<Self> {
        (self.gemm.weights() != DType::F32).then(|| Self::new(self.isa(), DType::F32))
    }

    fn conv(&self, weights: ConvWeights<'_>) -> Result<Conv> {
        let ConvWeights { weight, bias, shape, stride, padding } = weights;
        Ok(Conv::new(&self.gemm, weight, bias, shape, stride, padding))
    }

    fn linear(&self, weights: LinearWeights<'_>) -> Result<Linear> {
        Ok(self.pack(weights, false))
    }

    fn gated(&self, weights: LinearWeights<'_>) -> Result<Linear> {
        Ok(self.pack(weights, true))
    }

    fn norm(&self, weights: NormWeights) -> Result<Norm> {
        let NormWeights { weight, bias, eps, groups } = weights;
        Ok(Norm { weight, bias, eps, groups })
    }

    fn image(&self, dims: ImageDims, values: &[f32]) -> Result<Tensor> {
        let pixels = dims.height * dims.width;
        Ok(self.made(dims, OTHER, |out| {
            layout::channels_last(out, values, dims.channels, pixels);
        }))
    }

    fn tokens(&self, [batch, tokens, channels]: [usize; 3], values: &[f32]) -> Result<Tensor> {
        let dims = ImageDims { batch, channels, height: 1, width: tokens };
        Ok(self.made(dims, OTHER, |out| layout::store(self.isa(), out, values)))
    }

    fn read_image(&self, x: &Tensor) -> Result<Vec<f32>> {
        let ImageDims { channels, height, width, .. } = x.dims;
        Ok(layout::channels_first(x.values(), channels, height * width))
    }

    fn read_tokens(&self, x: &Tensor) -> Result<Vec<f32>> {
        Ok(layout::read(self.isa(), x.values()))
    }

    fn image_dims(&self, x: &Tensor) -> ImageDims {
        x.dims
    }

    fn convolve(&self, x: &Tensor, conv: &Conv, extra: ConvExtra<'_, Tensor>) -> Result<Tensor> {
        let ImageDims { batch, height, width, .. } = x.dims;
        let (wide_height, wide_width) = extra.enlarge.unwrap_or((height, width));
        let (out_height, out_width) = conv.output_size(wide_height, wide_width);
        let dims = ImageDims { batch, channels: conv.output, height: out_height, width: out_width };
        let added = Extra {
            channel_bias: extra.channel_bias.map(Tensor::values),
            residual: extra.residual.map(Tensor::values),
            ..Extra::default()
        };
        let places = batch * out_height * out_width * conv.output;
        let flop = 2 * places * conv.input * conv.kernel * conv.kernel;
        Ok(self.made(dims, (Operator::Convolution, flop), |out| {
            let shape = ImageShape { batch, height, width };
            conv.run(&self.gemm, out, x.values(), shape, extra.enlarge, added);
        }))
    }

    fn project(
        &self,
        x: &Tensor,
        linear: &Linear,
        activation: Option<Activation>,
        residual: Option<&Tensor>,
    ) -> Result<Tensor> {
        let dims = ImageDims { channels: linear.columns, ..x.dims };
        let extra = Extra {
            bias: linear.bias.as_deref(),
            activation,
            residual: residual.map(Tensor::values),
            ..Extra::default()
        };
        let flop = 2 * x.values().len() * linear.outputs;
        Ok(self.made(dims, (Operator::Linear, flop), |out| match &linear.weights {
            Packed::Full(weights) => {
                self.gemm.multiply(out, x.values(), x.dims.channels, weights, extra);
            }
            Packed::Bytes(weights) => self.gemm.multiply_bytes(out, x.values(), weights, extra),
        }))
    }

    fn geglu(&self, x: &Tensor, gated: &Linear) -> Result<Tensor> {
        self.project(x, gated, None, None)
    }

    fn group_norm(
        &self,
        x: &Tensor,
        norm: &Norm,
        activation: Option<Activation>,
    ) -> Result<Tensor> {
        let pixels = x.dims.height * x.dims.width;
        Ok(self.made(x.dims, NORM, |out| {
            norm::group_norm(self.isa(), out, x.values(), pixels, norm, activation);
        }))
    }

    fn moments(&self, x: &Tensor) -> Result<Moments> {
        let gather = || Moments::of(self.isa(), x.values(), x.dims.channels);
        Ok(self.profile.of(Operator::Norm, 0, gather))
    }

    fn group_norm_by(
        &self,
        x: &Tensor,
        norm: &Norm,
        moments: &Moments,
        activation: Option<Activation>,
    ) -> Result<Tensor> {
        Ok(self.made(x.dims, NORM, |out| {
            norm::group_norm_by(self.isa(), out, x.values(), moments, norm, activation);
        }))
    }

    fn layer_norm(&self, x: &Tensor, norm: &Norm) -> Result<Tensor> {
        Ok(self.made(x.dims, NORM, |out| {
            norm::layer_norm(self.isa(), out, x.values(), norm);
        }))
    }

    fn activate(&self, x: &Tensor, activation: Activation) -> Result<Tensor> {
        Ok(self.made(x.dims, OTHER, |out| {
            activation::apply(self.isa(), out, x.values(), activation);
        }))
    }

    fn keys(&self, k: &Tensor, v: &Tensor, heads: usize) -> Result<attention::Keys> {
        let ImageDims { batch, channels, height, width } = k.dims;
        let shape = attention::Shape { batch, keys: height * width, channels, heads };
        Ok(self.profile.of(Operator::Attention, 0, || {
            attention::Keys::new(&self.gemm, k.values(), v.values(), shape)
        }))
    }

    fn attend(&self, q: &Tensor, keys: &attention::Keys, causal: bool) -> Result<Tensor> {
        let flop = 4 * q.values().len() * keys.shape().keys;
        Ok(self.made(q.dims, (Operator::Attention, flop), |out| {
            attention(&self.gemm, out, q.values(), keys, causal);
        }))
    }

    fn likest(&self, x: &Tensor, from: &[u32], to: &[u32]) -> Result<Vec<Vec<(u32, f32)>>> {
        let ImageDims { batch, channels, width: tokens, .. } = x.dims;
        let flop = 2 * batch * channels * from.len() * to.len();
        Ok(self.profile.of(Operator::Attention, flop, || {
            let images = (0..batch).map(|image| x.values().after(image * tokens * channels));
            images.map(|x| likeness::likest(&self.gemm, x, channels, from, to)).collect()
        }))
    }

    fn merge(&self, x: &Tensor, merging: &Merging) -> Result<Tensor> {
        let (tokens, images) = (x.dims.width, merging.images());
        let dims = ImageDims { width: merging.kept(), ..x.dims };
        Ok(self.made(dims, OTHER, |out| {
            let sizes = [tokens, merging.kept()];
            let members = |image: usize, group: usize| images[image].members(group);
            likeness::merge(self.isa(), out, x.values(), dims.channels, sizes, members);
        }))
    }

    fn spread(&self, x: &Tensor, merging: &Merging, residual: &Tensor) -> Result<Tensor> {
        let (dims, images) = (residual.dims, merging.images());
        Ok(self.made(dims, OTHER, |out| {
            let sizes = [dims.width, merging.kept()];
            let (x, residual) = (x.values(), residual.values());
            let group = |image: usize, token: usize| images[image].of_token[token];
            likeness::spread(self.isa(), out, x, residual, dims.channels, sizes, group);
        }))
    }

    fn add(&self, a: &Tensor, b: &Tensor) -> Result<Tensor> {
        Ok(self.made(a.dims, OTHER, |out| {
            activation::add(self.isa(), out, a.values(), b.values());
        }))
    }

    fn concat(&self, a: &Tensor, b: &Tensor) -> Result<Tensor> {
        let (left, right) = (a.dims.channels, b.dims.channels);
        let dims = ImageDims { channels: left + right, ..a.dims };
        Ok(self.made(dims, OTHER, |out| {
            layout::concat(self.isa(), out, (a.values(), left), (b.values(), right));
        }))
    }

    fn tokens_of_image(&self, x: &Tensor) -> Result<Tensor> {
        let ImageDims { batch, channels, height, width } = x.dims;
        Ok(x.reshaped(ImageDims { batch, channels, height: 1, width: height * width }))
    }

    fn image_of_tokens(&self, x: &Tensor, height: usize, width: usize) -> Result<Tensor> {
        Ok(x.reshaped(ImageDims { height, width, ..x.dims }))
    }

    fn rows(&self, x: &Tensor, rows: Range<usize>) -> Result<Tensor> {
        let row = x.dims.width * x.dims.channels;
        let dims = ImageDims { batch: 1, height: rows.len(), ..x.dims };
        Ok(self.made(dims, OTHER, |out| {
            let from = (x.values(), rows.start * row);
            layout::copy(self.isa(), (out, 0), from, rows.len() * row);
        }))
    }

    fn blank(&self, dims: ImageDims) -> Result<Tensor> {
        Ok(self.made(dims, OTHER, |_| {}))
    }

    fn put_rows(&self, x: &mut Tensor, at: usize, rows: &Tensor) -> Result<()> {
        let row = x.dims.width * x.dims.channels;
        let shared = || OpsError("An image that others hold cannot be written into".to_owned());
        let out = Arc::get_mut(&mut x.values).ok_or_else(shared)?;
        let from = rows.values();
        self.profile.of(Operator::Other, 0, || {
            layout::copy(self.isa(), (out.values_mut(), at * row), (from, 0), from.len());
        });
        Ok(())
    }
}
