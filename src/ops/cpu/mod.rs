//! The verbs on the processor: own buffers, channels last, over [`crate::kernels`].
//!
//! Images and tokens lie alike in memory (`[batch, pixels, channels]`), so that going from one to
//! the other costs nothing.

mod buffer;

use std::sync::Arc;

use rayon::prelude::*;

use self::buffer::{Buffer, Pool};
use super::{
    Activation, ConvExtra, ConvWeights, ImageDims, LinearWeights, NormWeights, Ops, Result,
};
use crate::kernels::activation;
use crate::kernels::attention::{self, attention};
use crate::kernels::conv::{Conv, Extra, ImageShape};
use crate::kernels::gemm::{Gemm, Into, PackedWeights, View};
use crate::kernels::norm::{self, Norm};

/// The processor.
#[derive(Default)]
pub struct Cpu {
    gemm: Gemm,
    pool: Arc<Pool>,
}

/// Values with their sizes. Tokens have `height` 1.
#[derive(Clone)]
pub struct Tensor {
    dims: ImageDims,
    values: Arc<Buffer>,
}

/// A linear layer: packed weights and the bias.
pub struct Linear {
    weights: PackedWeights,
    bias: Option<Vec<f32>>,
}

impl Cpu {
    fn made(&self, dims: ImageDims, fill: impl FnOnce(&mut [f32])) -> Tensor {
        let mut values = self.pool.take(dims.batch * dims.height * dims.width * dims.channels);
        fill(&mut values);
        Tensor { dims, values: Arc::new(values) }
    }
}

/// Moves channels last; `[batch, channels, pixels]` to `[batch, pixels, channels]`.
fn channels_last(out: &mut [f32], values: &[f32], channels: usize, pixels: usize) {
    let image = channels * pixels;
    for (out, values) in out.chunks_exact_mut(image).zip(values.chunks_exact(image)) {
        out.par_chunks_mut(channels).enumerate().with_min_len(1024).for_each(|(pixel, out)| {
            for (channel, out) in out.iter_mut().enumerate() {
                *out = values[channel * pixels + pixel];
            }
        });
    }
}

impl Ops for Cpu {
    type Tensor = Tensor;
    type Conv = Conv;
    type Linear = Linear;
    type Norm = Norm;

    fn conv(&self, weights: ConvWeights) -> Result<Conv> {
        let ConvWeights { weight, bias, shape, stride, padding } = weights;
        Ok(Conv::new(&self.gemm, &weight, bias, shape, stride, padding))
    }

    fn linear(&self, weights: LinearWeights) -> Result<Linear> {
        let LinearWeights { weight, bias, shape: [output, input] } = weights;
        let across = View {
            data: &weight,
            rows: input,
            columns: output,
            row_stride: 1,
            column_stride: input,
        };
        Ok(Linear { weights: self.gemm.pack(across), bias })
    }

    fn norm(&self, weights: NormWeights) -> Result<Norm> {
        let NormWeights { weight, bias, eps, groups } = weights;
        Ok(Norm { weight, bias, eps, groups })
    }

    fn image(&self, dims: ImageDims, values: &[f32]) -> Result<Tensor> {
        Ok(self
            .made(dims, |out| channels_last(out, values, dims.channels, dims.height * dims.width)))
    }

    fn tokens(&self, [batch, tokens, channels]: [usize; 3], values: &[f32]) -> Result<Tensor> {
        let dims = ImageDims { batch, channels, height: 1, width: tokens };
        Ok(self.made(dims, |out| out.copy_from_slice(values)))
    }

    fn read_image(&self, x: &Tensor) -> Result<Vec<f32>> {
        let ImageDims { channels, height, width, .. } = x.dims;
        let mut out = vec![0.0; x.values.len()];
        // The same transposition with the roles of channels and pixels exchanged.
        channels_last(&mut out, &x.values, height * width, channels);
        Ok(out)
    }

    fn read_tokens(&self, x: &Tensor) -> Result<Vec<f32>> {
        Ok(x.values.to_vec())
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
            channel_bias: extra.channel_bias.map(|bias| &**bias.values),
            residual: extra.residual.map(|residual| &**residual.values),
        };
        Ok(self.made(dims, |out| {
            let shape = ImageShape { batch, height, width };
            conv.run(&self.gemm, out, &x.values, shape, extra.enlarge, added);
        }))
    }

    fn project(&self, x: &Tensor, linear: &Linear, residual: Option<&Tensor>) -> Result<Tensor> {
        let dims = ImageDims { channels: linear.weights.columns(), ..x.dims };
        Ok(self.made(dims, |out| {
            let rows = x.values.len() / x.dims.channels;
            let view = View::dense(&x.values, rows, x.dims.channels);
            let into = if let Some(residual) = residual {
                out.copy_from_slice(&residual.values);
                Into::Add
            } else {
                Into::Replace
            };
            self.gemm.multiply(out, view, &linear.weights, linear.bias.as_deref(), into);
        }))
    }

    fn geglu(&self, x: &Tensor, linear: &Linear) -> Result<Tensor> {
        let both = self.project(x, linear, None)?;
        let width = both.dims.channels / 2;
        let dims = ImageDims { channels: width, ..both.dims };
        Ok(self.made(dims, |out| activation::geglu(out, &both.values, width)))
    }

    fn group_norm(
        &self,
        x: &Tensor,
        norm: &Norm,
        activation: Option<Activation>,
    ) -> Result<Tensor> {
        let pixels = x.dims.height * x.dims.width;
        Ok(self.made(x.dims, |out| norm::group_norm(out, &x.values, pixels, norm, activation)))
    }

    fn layer_norm(&self, x: &Tensor, norm: &Norm) -> Result<Tensor> {
        Ok(self.made(x.dims, |out| norm::layer_norm(out, &x.values, norm)))
    }

    fn activate(&self, x: &Tensor, activation: Activation) -> Result<Tensor> {
        Ok(self.made(x.dims, |out| {
            out.copy_from_slice(&x.values);
            activation::apply(activation, out);
        }))
    }

    fn attend(
        &self,
        q: &Tensor,
        k: &Tensor,
        v: &Tensor,
        heads: usize,
        causal: bool,
    ) -> Result<Tensor> {
        let ImageDims { batch, channels, height, width } = q.dims;
        let shape = attention::Shape {
            batch,
            queries: height * width,
            keys: k.dims.height * k.dims.width,
            channels,
            heads,
            causal,
        };
        Ok(self
            .made(q.dims, |out| attention(&self.gemm, out, &q.values, &k.values, &v.values, shape)))
    }

    fn add(&self, a: &Tensor, b: &Tensor) -> Result<Tensor> {
        Ok(self.made(a.dims, |out| {
            out.copy_from_slice(&a.values);
            activation::add(out, &b.values);
        }))
    }

    fn concat(&self, a: &Tensor, b: &Tensor) -> Result<Tensor> {
        let (left, right) = (a.dims.channels, b.dims.channels);
        let dims = ImageDims { channels: left + right, ..a.dims };
        Ok(self.made(dims, |out| {
            let pixels = a.values.chunks_exact(left).zip(b.values.chunks_exact(right));
            for (out, (a, b)) in out.chunks_exact_mut(left + right).zip(pixels) {
                out[..left].copy_from_slice(a);
                out[left..].copy_from_slice(b);
            }
        }))
    }

    fn tokens_of_image(&self, x: &Tensor) -> Result<Tensor> {
        let ImageDims { batch, channels, height, width } = x.dims;
        let dims = ImageDims { batch, channels, height: 1, width: height * width };
        Ok(Tensor { dims, values: Arc::clone(&x.values) })
    }

    fn image_of_tokens(&self, x: &Tensor, height: usize, width: usize) -> Result<Tensor> {
        Ok(Tensor { dims: ImageDims { height, width, ..x.dims }, values: Arc::clone(&x.values) })
    }
}
