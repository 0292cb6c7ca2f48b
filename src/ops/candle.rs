//! The verbs over plain candle tensors, on any device candle knows: the plain twin of
//! [`super::cpu`], the way to a graphics card, and the one that can be differentiated.
//!
//! Images are `[batch, channels, height, width]`, tokens `[batch, tokens, channels]`, all f32.

use std::ops::Range;

use candle_core::{D, DType, Device, Tensor};

use super::{
    Activation, ConvExtra, ConvWeights, ImageDims, LinearWeights, Merging, Moments, NormWeights,
    Ops, OpsError, Result,
};
use crate::types::WeightBits;

/// A candle device.
pub struct Candle {
    device: Device,
    bits: WeightBits,
}

/// A convolution's weights.
pub struct Conv {
    weight: Tensor,
    bias: Option<Tensor>,
    stride: usize,
    padding: [usize; 4],
}

/// A linear layer's weights, transposed.
pub struct Linear {
    weight: Tensor,
    bias: Option<Tensor>,
    /// For weights in 8 bits, whole numbers from -127 to 127: each column's unit `[output]`.
    units: Option<Tensor>,
}

/// Less than this are zeros, in 8 bits.
const LEAST: f64 = 1e-30;

/// Keys and values, heads apart.
pub struct Keys {
    k: Tensor,
    v: Tensor,
    heads: usize,
}

/// A norm's weights.
pub struct Norm {
    weight: Tensor,
    bias: Tensor,
    eps: f64,
    groups: usize,
}

impl From<candle_core::Error> for OpsError {
    fn from(error: candle_core::Error) -> Self {
        Self(error.to_string())
    }
}

impl Candle {
    /// The best device of this build: a card with the `cuda` or `metal` feature, else the
    /// processor.
    ///
    /// # Errors
    /// The build is for a card, and there is none.
    pub fn new() -> Result<Self> {
        #[cfg(feature = "cuda")]
        let device = Device::new_cuda(0)?;
        #[cfg(all(feature = "metal", not(feature = "cuda")))]
        let device = Device::new_metal(0)?;
        #[cfg(not(any(feature = "cuda", feature = "metal")))]
        let device = Device::Cpu;
        Ok(Self { device, bits: WeightBits::Full })
    }

    /// The same with weights of so many bits, for those linear layers that may have it. They are
    /// rounded as on the processor, but stored in 32 bits.
    #[must_use]
    pub fn with_weights(self, bits: WeightBits) -> Self {
        Self { bits, ..self }
    }

    fn vector(&self, values: Option<Vec<f32>>, shape: &[usize]) -> Result<Option<Tensor>> {
        values.map(|values| Ok(Tensor::from_vec(values, shape, &self.device)?)).transpose()
    }
}

/// `[batch, tokens, channels]` to `[batch, heads, tokens, channels / heads]`.
fn heads_apart(x: &Tensor, heads: usize) -> Result<Tensor> {
    let (batch, tokens, channels) = x.dims3()?;
    Ok(x.reshape((batch, tokens, heads, channels / heads))?.transpose(1, 2)?.contiguous()?)
}

/// Rows rounded to 256 even steps between their least and greatest value and zero: how many steps
/// each value lies from zero, and a row's step. What is not finite is NaN, and stays it.
fn in_bytes(rows: &Tensor) -> Result<(Tensor, Tensor)> {
    let low = rows.min_keepdim(1)?.minimum(0.0)?;
    let spread = (rows.max_keepdim(1)?.maximum(0.0)? - &low)?.maximum(LEAST)?;
    let steps = (spread.recip()? * 255.0)?;
    let zero = (low.neg()? * &steps)?.round()?;
    let bytes = rows.broadcast_mul(&steps)?.broadcast_add(&zero)?.clamp(0.0, 255.0)?.round()?;
    let bytes = (bytes.broadcast_sub(&zero)? + (rows * 0.0)?)?;
    Ok((bytes, (spread / 255.0)?))
}

fn activated(x: &Tensor, activation: Activation) -> Result<Tensor> {
    Ok(match activation {
        Activation::Silu => x.silu()?,
        Activation::Gelu => x.gelu_erf()?,
        Activation::QuickGelu => (x * candle_nn::ops::sigmoid(&(x * 1.702)?)?)?,
        Activation::Relu => x.relu()?,
    })
}

impl Ops for Candle {
    type Tensor = Tensor;
    type Conv = Conv;
    type Linear = Linear;
    type Gated = Linear;
    type Norm = Norm;
    type Keys = Keys;

    fn conv(&self, weights: ConvWeights<'_>) -> Result<Conv> {
        let [output, input, kernel] = weights.shape;
        let weight =
            Tensor::from_slice(weights.weight, (output, input, kernel, kernel), &self.device)?;
        let bias = self.vector(weights.bias, &[1, output, 1, 1])?;
        Ok(Conv { weight, bias, stride: weights.stride, padding: weights.padding })
    }

    fn linear(&self, weights: LinearWeights<'_>) -> Result<Linear> {
        let [output, _] = weights.shape;
        let mut weight = Tensor::from_slice(weights.weight, &weights.shape, &self.device)?;
        let mut units = None;
        if weights.may_round && self.bits == WeightBits::Eight {
            let unit = (weight.abs()?.max_keepdim(1)?.maximum(LEAST)? / 127.0)?;
            weight = weight.broadcast_div(&unit)?.round()?;
            units = Some(unit.flatten_all()?);
        }
        Ok(Linear {
            weight: weight.t()?.contiguous()?,
            bias: self.vector(weights.bias, &[output])?,
            units,
        })
    }

    fn gated(&self, weights: LinearWeights<'_>) -> Result<Linear> {
        self.linear(weights)
    }

    fn norm(&self, weights: NormWeights) -> Result<Norm> {
        let channels = weights.weight.len();
        Ok(Norm {
            weight: Tensor::from_vec(weights.weight, channels, &self.device)?,
            bias: Tensor::from_vec(weights.bias, channels, &self.device)?,
            eps: f64::from(weights.eps),
            groups: weights.groups,
        })
    }

    fn image(&self, dims: ImageDims, values: &[f32]) -> Result<Tensor> {
        let shape = (dims.batch, dims.channels, dims.height, dims.width);
        Ok(Tensor::from_slice(values, shape, &self.device)?)
    }

    fn tokens(&self, shape: [usize; 3], values: &[f32]) -> Result<Tensor> {
        Ok(Tensor::from_slice(values, &shape, &self.device)?)
    }

    fn read_image(&self, x: &Tensor) -> Result<Vec<f32>> {
        Ok(x.flatten_all()?.to_vec1()?)
    }

    fn read_tokens(&self, x: &Tensor) -> Result<Vec<f32>> {
        Ok(x.flatten_all()?.to_vec1()?)
    }

    fn image_dims(&self, x: &Tensor) -> ImageDims {
        match *x.dims() {
            [batch, channels, height, width] => ImageDims { batch, channels, height, width },
            [batch, tokens, channels] => ImageDims { batch, channels, height: 1, width: tokens },
            _ => unreachable!("verbs make images and tokens only"),
        }
    }

    fn convolve(&self, x: &Tensor, conv: &Conv, extra: ConvExtra<'_, Tensor>) -> Result<Tensor> {
        let mut x = x.clone();
        if let Some((height, width)) = extra.enlarge {
            x = x.upsample_nearest2d(height, width)?;
        }
        let [top, left, bottom, right] = conv.padding;
        let even = if [left, bottom, right] == [top; 3] {
            top
        } else {
            x = x.pad_with_zeros(2, top, bottom)?.pad_with_zeros(3, left, right)?;
            0
        };
        let mut out = x.conv2d(&conv.weight, even, conv.stride, 1, 1)?;
        if let Some(bias) = &conv.bias {
            out = out.broadcast_add(bias)?;
        }
        if let Some(bias) = extra.channel_bias {
            let (batch, _, channels) = bias.dims3()?;
            out = out.broadcast_add(&bias.reshape((batch, channels, 1, 1))?)?;
        }
        if let Some(residual) = extra.residual {
            out = (out + residual)?;
        }
        Ok(out)
    }

    fn project(
        &self,
        x: &Tensor,
        linear: &Linear,
        activation: Option<Activation>,
        residual: Option<&Tensor>,
    ) -> Result<Tensor> {
        let (batch, tokens, channels) = x.dims3()?;
        let rows = x.contiguous()?.reshape((batch * tokens, channels))?;
        let out = match &linear.units {
            None => rows.matmul(&linear.weight)?,
            Some(columns) => {
                let (bytes, units) = in_bytes(&rows)?;
                bytes.matmul(&linear.weight)?.broadcast_mul(&units)?.broadcast_mul(columns)?
            }
        };
        let mut out = out.reshape((batch, tokens, ()))?;
        if let Some(bias) = &linear.bias {
            out = out.broadcast_add(bias)?;
        }
        if let Some(activation) = activation {
            out = activated(&out, activation)?;
        }
        if let Some(residual) = residual {
            out = (out + residual)?;
        }
        Ok(out)
    }

    fn geglu(&self, x: &Tensor, gated: &Linear) -> Result<Tensor> {
        let halves = self.project(x, gated, None, None)?.chunk(2, D::Minus1)?;
        Ok((&halves[0] * halves[1].contiguous()?.gelu_erf()?)?)
    }

    fn group_norm(
        &self,
        x: &Tensor,
        norm: &Norm,
        activation: Option<Activation>,
    ) -> Result<Tensor> {
        let (batch, channels, height, width) = x.dims4()?;
        let grouped = x.reshape((batch, norm.groups, channels / norm.groups * height * width))?;
        let centred = grouped.broadcast_sub(&grouped.mean_keepdim(2)?)?;
        let variance = centred.sqr()?.mean_keepdim(2)?;
        let unit = centred.broadcast_div(&(variance + norm.eps)?.sqrt()?)?;
        let out = unit
            .reshape((batch, channels, height, width))?
            .broadcast_mul(&norm.weight.reshape((1, channels, 1, 1))?)?
            .broadcast_add(&norm.bias.reshape((1, channels, 1, 1))?)?;
        activation.map_or_else(|| Ok(out.clone()), |activation| activated(&out, activation))
    }

    fn moments(&self, x: &Tensor) -> Result<Moments> {
        let channels = x.flatten_from(2)?.squeeze(0)?;
        let means = channels.mean_keepdim(1)?;
        let squares = channels.broadcast_sub(&means)?.sqr()?.sum(1)?;
        let values = |x: Tensor| -> Result<Vec<f64>> { Ok(x.to_dtype(DType::F64)?.to_vec1()?) };
        Ok(Moments::new(channels.dim(1)?, values(means.squeeze(1)?)?, values(squares)?))
    }

    fn group_norm_by(
        &self,
        x: &Tensor,
        norm: &Norm,
        moments: &Moments,
        activation: Option<Activation>,
    ) -> Result<Tensor> {
        let (_, channels, _, _) = x.dims4()?;
        let groups = moments.of_groups(norm.groups);
        let factor = |variance: f64| 1.0 / (variance + norm.eps).sqrt();
        let by_channel = |value: &dyn Fn((f64, f64)) -> f64| {
            let group = |channel: usize| groups[channel * norm.groups / channels];
            let values = (0..channels).map(|channel| value(group(channel)) as f32).collect();
            Tensor::from_vec(values, (1, channels, 1, 1), &self.device)
        };
        let out = x
            .broadcast_sub(&by_channel(&|(mean, _)| mean)?)?
            .broadcast_mul(&by_channel(&|(_, variance)| factor(variance))?)?
            .broadcast_mul(&norm.weight.reshape((1, channels, 1, 1))?)?
            .broadcast_add(&norm.bias.reshape((1, channels, 1, 1))?)?;
        activation.map_or_else(|| Ok(out.clone()), |activation| activated(&out, activation))
    }

    fn layer_norm(&self, x: &Tensor, norm: &Norm) -> Result<Tensor> {
        let centred = x.broadcast_sub(&x.mean_keepdim(D::Minus1)?)?;
        let variance = centred.sqr()?.mean_keepdim(D::Minus1)?;
        let unit = centred.broadcast_div(&(variance + norm.eps)?.sqrt()?)?;
        Ok(unit.broadcast_mul(&norm.weight)?.broadcast_add(&norm.bias)?)
    }

    fn activate(&self, x: &Tensor, activation: Activation) -> Result<Tensor> {
        activated(x, activation)
    }

    fn keys(&self, k: &Tensor, v: &Tensor, heads: usize) -> Result<Keys> {
        Ok(Keys { k: heads_apart(k, heads)?, v: heads_apart(v, heads)?, heads })
    }

    fn attend(&self, q: &Tensor, keys: &Keys, causal: bool) -> Result<Tensor> {
        let Keys { k, v, heads } = keys;
        let (batch, queries, channels) = q.dims3()?;
        let q = heads_apart(q, *heads)?;
        let scale = 1.0 / ((channels / heads) as f64).sqrt();
        let mut scores = (q.matmul(&k.t()?)? * scale)?;
        if causal {
            let mask: Vec<f32> = (0..queries * queries)
                .map(|i| if i % queries > i / queries { f32::NEG_INFINITY } else { 0.0 })
                .collect();
            let mask = Tensor::from_vec(mask, (queries, queries), &self.device)?;
            scores = scores.broadcast_add(&mask)?;
        }
        let mixed = candle_nn::ops::softmax(&scores, D::Minus1)?.matmul(v)?;
        Ok(mixed.transpose(1, 2)?.contiguous()?.reshape((batch, queries, channels))?)
    }

    fn likest(&self, x: &Tensor, from: &[u32], to: &[u32]) -> Result<Vec<Vec<(u32, f32)>>> {
        let length =
            x.sqr()?.sum_keepdim(D::Minus1)?.sqrt()?.maximum(f64::from(f32::MIN_POSITIVE))?;
        let directions = x.broadcast_div(&length)?;
        let some = |tokens: &[u32]| {
            directions.index_select(&Tensor::new(tokens, &self.device)?, 1)?.contiguous()
        };
        let cosines = some(from)?.matmul(&some(to)?.t()?.contiguous()?)?;
        let places = cosines.argmax(D::Minus1)?.to_vec2::<u32>()?;
        let greatest = cosines.max(D::Minus1)?.to_vec2::<f32>()?;
        let pairs = places.into_iter().zip(greatest);
        Ok(pairs.map(|(places, greatest)| places.into_iter().zip(greatest).collect()).collect())
    }

    fn merge(&self, x: &Tensor, merging: &Merging) -> Result<Tensor> {
        let (_, _, channels) = x.dims3()?;
        let images = merging.images().iter().enumerate().map(|(image, groups)| -> Result<Tensor> {
            let of_token = Tensor::new(groups.of_token.as_slice(), &self.device)?;
            let blank = Tensor::zeros((merging.kept(), channels), DType::F32, &self.device)?;
            let sums = blank.index_add(&of_token, &x.get(image)?.contiguous()?, 0)?;
            let counts = (0..merging.kept()).map(|group| groups.members(group).len() as f32);
            let counts = Tensor::from_iter(counts, &self.device)?.reshape(((), 1))?;
            Ok(sums.broadcast_div(&counts)?)
        });
        Ok(Tensor::stack(&images.collect::<Result<Vec<_>>>()?, 0)?)
    }

    fn spread(&self, x: &Tensor, merging: &Merging, residual: &Tensor) -> Result<Tensor> {
        let images = merging.images().iter().enumerate().map(|(image, groups)| -> Result<Tensor> {
            let of_token = Tensor::new(groups.of_token.as_slice(), &self.device)?;
            Ok(x.get(image)?.index_select(&of_token, 0)?)
        });
        Ok((Tensor::stack(&images.collect::<Result<Vec<_>>>()?, 0)? + residual)?)
    }

    fn add(&self, a: &Tensor, b: &Tensor) -> Result<Tensor> {
        Ok((a + b)?)
    }

    fn concat(&self, a: &Tensor, b: &Tensor) -> Result<Tensor> {
        Ok(Tensor::cat(&[a, b], 1)?)
    }

    fn tokens_of_image(&self, x: &Tensor) -> Result<Tensor> {
        Ok(x.flatten_from(2)?.transpose(1, 2)?.contiguous()?)
    }

    fn image_of_tokens(&self, x: &Tensor, height: usize, width: usize) -> Result<Tensor> {
        let (batch, _, channels) = x.dims3()?;
        Ok(x.transpose(1, 2)?.contiguous()?.reshape((batch, channels, height, width))?)
    }

    fn rows(&self, x: &Tensor, rows: Range<usize>) -> Result<Tensor> {
        Ok(x.narrow(2, rows.start, rows.len())?.force_contiguous()?)
    }

    fn blank(&self, dims: ImageDims) -> Result<Tensor> {
        let shape = (dims.batch, dims.channels, dims.height, dims.width);
        Ok(Tensor::zeros(shape, DType::F32, &self.device)?)
    }

    fn put_rows(&self, x: &mut Tensor, at: usize, rows: &Tensor) -> Result<()> {
        Ok(x.slice_set(rows, 2, at)?)
    }
}
