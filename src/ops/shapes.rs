//! The verbs without values: what a network would need in memory and arithmetic on the processor,
//! known before it runs.
//!
//! A pipeline on this backend walks the very same way as on [`super::cpu`], so that what it tells
//! follows every change of the networks by itself. Weights need no values, images read back are
//! zeros.

use std::ops::Range;
use std::sync::{Arc, Mutex, PoisonError};

use super::cpu::profile::Operator;
use super::cpu::shelf::Shelf;
use super::cpu::{DType, Isa, stored_as};
use super::{
    Activation, ConvExtra, ConvWeights, ImageDims, LinearWeights, Merging, Moments, NormWeights,
    Ops, Result,
};
use crate::kernels::conv;
use crate::kernels::gemm::{Gemm, packed_bytes};
use crate::types::WeightBits;

/// A processor that only counts.
pub struct Shapes {
    gemm: Gemm,
    bits: WeightBits,
    meter: Arc<Mutex<Meter>>,
}

/// What was counted.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Need {
    /// Bytes of packed weights.
    pub weights: usize,
    /// Most bytes of all tensors that were alive at once, with those kept for reuse.
    pub tensors: usize,
    /// Floating-point operations by [`Operator::ALL`], counted as the plain algorithms do them.
    pub flop: [f64; Operator::ALL.len()],
}

#[derive(Default)]
struct Meter {
    need: Need,
    alive: usize,
    shelf: Shelf<()>,
}

/// Sizes. Tokens have `height` 1.
#[derive(Clone)]
pub struct Tensor {
    dims: ImageDims,
    _held: Arc<Held>,
}

/// Bytes on loan.
struct Held {
    bytes: usize,
    meter: Arc<Mutex<Meter>>,
}

/// A convolution's sizes.
pub struct Conv {
    output: usize,
    input: usize,
    kernel: usize,
    stride: usize,
    padding: [usize; 4],
}

/// A linear layer's widths.
pub struct Linear {
    output: usize,
    /// Width of the product, gates counted.
    product: usize,
}

/// Keys' and values' number.
pub struct Keys {
    keys: usize,
    _held: Arc<Held>,
}

impl Shapes {
    /// Counts as [`super::cpu::Cpu::new`] would compute.
    #[must_use]
    pub fn new(isa: Isa, dtype: DType) -> Self {
        Self { gemm: Gemm::new(isa, dtype), bits: WeightBits::Full, meter: Arc::default() }
    }

    /// The same with weights of so many bits, as [`super::cpu::Cpu::with_weights`].
    #[must_use]
    pub fn with_weights(self, bits: WeightBits) -> Self {
        Self { bits, ..self }
    }

    /// The counter, to be asked while a pipeline owns the backend.
    #[must_use]
    pub fn counter(&self) -> Counter {
        Counter(Arc::clone(&self.meter))
    }

    fn hold(&self, bytes: usize) -> Arc<Held> {
        let mut meter = locked(&self.meter);
        meter.shelf.take(bytes);
        meter.alive += bytes;
        meter.need.tensors = meter.need.tensors.max(meter.alive + meter.shelf.kept());
        Arc::new(Held { bytes, meter: Arc::clone(&self.meter) })
    }

    fn made(&self, dims: ImageDims, operator: Operator, flop: usize) -> Tensor {
        locked(&self.meter).need.flop[operator as usize] += flop as f64;
        let dtype = stored_as(&self.gemm, dims.channels);
        let bytes = dims.batch * dims.height * dims.width * dims.channels * dtype.size();
        Tensor { dims, _held: self.hold(bytes) }
    }

    fn weigh(&self, bytes: usize) {
        locked(&self.meter).need.weights += bytes;
    }
}

fn locked(meter: &Mutex<Meter>) -> std::sync::MutexGuard<'_, Meter> {
    meter.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Reads what a [`Shapes`] counted.
#[derive(Clone)]
pub struct Counter(Arc<Mutex<Meter>>);

impl Counter {
    /// What was counted since the last call; the weights stay.
    #[must_use]
    pub fn take(&self) -> Need {
        let mut meter = locked(&self.0);
        let (weights, alive) = (meter.need.weights, meter.alive);
        let next = Need { weights, tensors: alive + meter.shelf.kept(), ..Need::default() };
        std::mem::replace(&mut meter.need, next)
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        let mut meter = locked(&self.meter);
        meter.alive -= self.bytes;
        meter.shelf.give(self.bytes, ());
    }
}

impl Ops for Shapes {
    const VALUES: bool = false;

    type Tensor = Tensor;
    type Conv = Conv;
    type Linear = Linear;
    type Gated = Linear;
    type Norm = ();
    type Keys = Keys;

    fn keeps(&self, bytes: usize) {
        self.weigh(bytes);
    }

    fn conv(&self, weights: ConvWeights<'_>) -> Result<Conv> {
        let ConvWeights { shape, stride, padding, .. } = weights;
        self.weigh(conv::packed_bytes(&self.gemm, shape));
        let [output, input, kernel] = shape;
        Ok(Conv { output, input, kernel, stride, padding })
    }

    fn linear(&self, weights: LinearWeights<'_>) -> Result<Linear> {
        let [output, input] = weights.shape;
        self.weigh(if weights.may_round && self.bits == WeightBits::Eight {
            packed_bytes(output, input)
        } else {
            output * input * self.gemm.weights().size()
        });
        Ok(Linear { output, product: output })
    }

    fn gated(&self, weights: LinearWeights<'_>) -> Result<Linear> {
        let [product, _] = weights.shape;
        Ok(Linear { output: product / 2, ..self.linear(weights)? })
    }

    fn norm(&self, _weights: NormWeights) -> Result<()> {
        Ok(())
    }

    fn image(&self, dims: ImageDims, _values: &[f32]) -> Result<Tensor> {
        Ok(self.made(dims, Operator::Other, 0))
    }

    fn tokens(&self, [batch, tokens, channels]: [usize; 3], _values: &[f32]) -> Result<Tensor> {
        let dims = ImageDims { batch, channels, height: 1, width: tokens };
        Ok(self.made(dims, Operator::Other, 0))
    }

    fn read_image(&self, x: &Tensor) -> Result<Vec<f32>> {
        let ImageDims { batch, channels, height, width } = x.dims;
        Ok(vec![0.0; batch * channels * height * width])
    }

    fn read_tokens(&self, x: &Tensor) -> Result<Vec<f32>> {
        self.read_image(x)
    }

    fn image_dims(&self, x: &Tensor) -> ImageDims {
        x.dims
    }

    fn convolve(&self, x: &Tensor, conv: &Conv, extra: ConvExtra<'_, Tensor>) -> Result<Tensor> {
        let (height, width) = extra.enlarge.unwrap_or((x.dims.height, x.dims.width));
        let [top, left, bottom, right] = conv.padding;
        let along = |size: usize| (size - conv.kernel) / conv.stride + 1;
        let (height, width) = (along(height + top + bottom), along(width + left + right));
        let dims = ImageDims { batch: x.dims.batch, channels: conv.output, height, width };
        let places = dims.batch * height * width * conv.output;
        let flop = 2 * places * conv.input * conv.kernel * conv.kernel;
        Ok(self.made(dims, Operator::Convolution, flop))
    }

    fn project(
        &self,
        x: &Tensor,
        linear: &Linear,
        _activation: Option<Activation>,
        _residual: Option<&Tensor>,
    ) -> Result<Tensor> {
        let ImageDims { batch, channels, height, width } = x.dims;
        let flop = 2 * batch * height * width * channels * linear.product;
        let dims = ImageDims { channels: linear.output, ..x.dims };
        Ok(self.made(dims, Operator::Linear, flop))
    }

    fn geglu(&self, x: &Tensor, gated: &Linear) -> Result<Tensor> {
        self.project(x, gated, None, None)
    }

    fn group_norm(&self, x: &Tensor, (): &(), _activation: Option<Activation>) -> Result<Tensor> {
        Ok(self.made(x.dims, Operator::Norm, 0))
    }

    fn moments(&self, _x: &Tensor) -> Result<Moments> {
        Ok(Moments::default())
    }

    fn group_norm_by(
        &self,
        x: &Tensor,
        (): &(),
        _moments: &Moments,
        activation: Option<Activation>,
    ) -> Result<Tensor> {
        self.group_norm(x, &(), activation)
    }

    fn layer_norm(&self, x: &Tensor, (): &()) -> Result<Tensor> {
        Ok(self.made(x.dims, Operator::Norm, 0))
    }

    fn activate(&self, x: &Tensor, _activation: Activation) -> Result<Tensor> {
        Ok(self.made(x.dims, Operator::Other, 0))
    }

    fn keys(&self, k: &Tensor, _v: &Tensor, _heads: usize) -> Result<Keys> {
        let ImageDims { batch, channels, height, width } = k.dims;
        let bytes = 2 * batch * height * width * channels * self.gemm.input().size();
        Ok(Keys { keys: height * width, _held: self.hold(bytes) })
    }

    fn attend(&self, q: &Tensor, keys: &Keys, _causal: bool) -> Result<Tensor> {
        let ImageDims { batch, channels, height, width } = q.dims;
        let flop = 4 * batch * height * width * channels * keys.keys;
        Ok(self.made(q.dims, Operator::Attention, flop))
    }

    fn likest(&self, x: &Tensor, from: &[u32], to: &[u32]) -> Result<Vec<Vec<(u32, f32)>>> {
        let ImageDims { batch, channels, .. } = x.dims;
        let flop = 2 * batch * channels * from.len() * to.len();
        locked(&self.meter).need.flop[Operator::Attention as usize] += flop as f64;
        Ok(vec![vec![(0, 0.0); from.len()]; batch])
    }

    fn merge(&self, x: &Tensor, merging: &Merging) -> Result<Tensor> {
        let dims = ImageDims { width: merging.kept(), ..x.dims };
        Ok(self.made(dims, Operator::Other, 0))
    }

    fn spread(&self, _x: &Tensor, _merging: &Merging, residual: &Tensor) -> Result<Tensor> {
        Ok(self.made(residual.dims, Operator::Other, 0))
    }

    fn add(&self, a: &Tensor, _b: &Tensor) -> Result<Tensor> {
        Ok(self.made(a.dims, Operator::Other, 0))
    }

    fn concat(&self, a: &Tensor, b: &Tensor) -> Result<Tensor> {
        let dims = ImageDims { channels: a.dims.channels + b.dims.channels, ..a.dims };
        Ok(self.made(dims, Operator::Other, 0))
    }

    fn tokens_of_image(&self, x: &Tensor) -> Result<Tensor> {
        let ImageDims { batch, channels, height, width } = x.dims;
        let dims = ImageDims { batch, channels, height: 1, width: height * width };
        Ok(Tensor { dims, ..x.clone() })
    }

    fn image_of_tokens(&self, x: &Tensor, height: usize, width: usize) -> Result<Tensor> {
        Ok(Tensor { dims: ImageDims { height, width, ..x.dims }, ..x.clone() })
    }

    fn rows(&self, x: &Tensor, rows: Range<usize>) -> Result<Tensor> {
        let dims = ImageDims { batch: 1, height: rows.len(), ..x.dims };
        Ok(self.made(dims, Operator::Other, 0))
    }

    fn blank(&self, dims: ImageDims) -> Result<Tensor> {
        Ok(self.made(dims, Operator::Other, 0))
    }

    fn put_rows(&self, _x: &mut Tensor, _at: usize, _rows: &Tensor) -> Result<()> {
        Ok(())
    }
}
