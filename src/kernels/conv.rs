//! Convolution, channels last: as an implicit matrix product, see [`super::gemm::rows`], or with
//! fewer multiplications, see [`super::winograd`].

use super::gemm::rows::{Windows, packed_channels};
use super::gemm::{Columns, Extra, Gemm, PackedWeights};
use super::values::{Values, ValuesMut};
use super::winograd::{Image, Winograd};

/// Constant weights of a convolution.
pub struct Conv {
    weights: Kind,
    bias: Option<Vec<f32>>,
    /// Channels in.
    pub input: usize,
    /// Channels out.
    pub output: usize,
    /// Side of the square window.
    pub kernel: usize,
    /// Step of the window, in both directions.
    pub stride: usize,
    /// Zeros around the image: top, left, bottom, right.
    pub padding: [usize; 4],
}

enum Kind {
    Windows(PackedWeights),
    Winograd(Winograd),
}

/// Sizes of an image batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ImageShape {
    /// Images.
    pub batch: usize,
    /// Rows of pixels.
    pub height: usize,
    /// Pixels a row.
    pub width: usize,
}

/// Bytes that the packed weights of a convolution take, but for what fills up the last columns.
#[must_use]
pub fn packed_bytes(gemm: &Gemm, [output, input, kernel]: [usize; 3]) -> usize {
    let channels = packed_channels(&gemm.kernel(), input);
    output * channels * kernel * kernel * gemm.weights().size()
}

impl Conv {
    /// Packs weights `[output, input, kernel, kernel]`.
    #[must_use]
    pub fn new(
        gemm: &Gemm,
        weight: &[f32],
        bias: Option<Vec<f32>>,
        [output, input, kernel]: [usize; 3],
        stride: usize,
        padding: [usize; 4],
    ) -> Self {
        if kernel == 3 && stride == 1 && padding == [1; 4] && Winograd::wins(gemm, input, output) {
            let weights = Kind::Winograd(Winograd::new(gemm, weight, input, output));
            return Self { weights, bias, input, output, kernel, stride, padding };
        }
        let channels = packed_channels(&gemm.kernel(), input);
        let runs = (kernel, kernel * channels);
        let source = Columns { values: weight, stride: input * kernel * kernel };
        let weights = PackedWeights::new(gemm.kernel(), runs, output, false, source, |y, place| {
            let (x, channel) = (place / channels, place % channels);
            (channel < input).then_some((channel * kernel + y) * kernel + x)
        });
        let weights = Kind::Windows(weights);
        Self { weights, bias, input, output, kernel, stride, padding }
    }

    /// The size that comes out for an image of `height` × `width`.
    #[must_use]
    pub fn output_size(&self, height: usize, width: usize) -> (usize, usize) {
        let [top, left, bottom, right] = self.padding;
        let along = |size: usize| (size - self.kernel) / self.stride + 1;
        (along(height + top + bottom), along(width + left + right))
    }

    /// Convolves `x` of `shape`, enlarged first to `enlarged` (height, width) by repeating the
    /// nearest pixel where given. The convolution's own bias comes before what `extra` says.
    pub fn run(
        &self,
        gemm: &Gemm,
        out: ValuesMut<'_>,
        x: Values<'_>,
        shape: ImageShape,
        enlarged: Option<(usize, usize)>,
        extra: Extra<'_>,
    ) {
        let size = (shape.height, shape.width);
        let enlarged = enlarged.unwrap_or(size);
        let weights = match &self.weights {
            Kind::Windows(weights) => weights,
            Kind::Winograd(winograd) => {
                let image = Image { x, batch: shape.batch, size, enlarged };
                winograd.run(gemm.isa(), out, image, self.bias.as_deref(), extra);
                return;
            }
        };
        let windows = Windows {
            x,
            batch: shape.batch,
            size,
            channels: self.input,
            enlarged,
            kernel: self.kernel,
            stride: self.stride,
            padding: (self.padding[0], self.padding[1]),
            out: self.output_size(enlarged.0, enlarged.1),
        };
        let extra = Extra { bias: self.bias.as_deref(), ..extra };
        gemm.multiply_windows(out, &windows, weights, extra);
    }
}
