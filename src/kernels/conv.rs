//! Convolution, channels last, as matrix products without an unfolded copy of the image.
//!
//! In a padded image of `channels` values a pixel, the values under one row of a k × k window
//! are `k · channels` neighbours, and the next window's begin `stride · channels` further on. So
//! one row of the window, for all pixels, is a matrix with overlapping rows, and a k × k
//! convolution is k products that add up. Products run over whole padded rows; the few columns
//! that fall between two rows are computed and left out. Bands of rows are worked on apart, small
//! enough to stay in the cache.

use std::cell::RefCell;

use rayon::prelude::*;

use super::gemm::{Gemm, Into, PackedWeights, View};

/// Constant weights of a convolution.
pub struct Conv {
    rows: Vec<PackedWeights>,
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

/// What is added to the product while it is written.
#[derive(Clone, Copy, Default)]
pub struct Extra<'a> {
    /// A value per image and channel: `[batch, output]`.
    pub channel_bias: Option<&'a [f32]>,
    /// A tensor of the output's shape.
    pub residual: Option<&'a [f32]>,
}

/// Pixels a band aims at.
const BAND_PIXELS: usize = 1024;

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
        let rows = (0..kernel)
            .map(|y| {
                let mut matrix = vec![0.0; kernel * input * output];
                for o in 0..output {
                    for i in 0..input {
                        for x in 0..kernel {
                            matrix[(x * input + i) * output + o] =
                                weight[((o * input + i) * kernel + y) * kernel + x];
                        }
                    }
                }
                gemm.pack(View::dense(&matrix, kernel * input, output))
            })
            .collect();
        Self { rows, bias, input, output, kernel, stride, padding }
    }

    /// The size that comes out for an image of `height` × `width`.
    #[must_use]
    pub fn output_size(&self, height: usize, width: usize) -> (usize, usize) {
        let [top, left, bottom, right] = self.padding;
        let along = |size: usize| (size - self.kernel) / self.stride + 1;
        (along(height + top + bottom), along(width + left + right))
    }

    /// Convolves `x` of `shape`, enlarged first to `enlarged` (height, width) by repeating the
    /// nearest pixel where given.
    pub fn run(
        &self,
        gemm: &Gemm,
        out: &mut [f32],
        x: &[f32],
        shape: ImageShape,
        enlarged: Option<(usize, usize)>,
        extra: Extra<'_>,
    ) {
        let (height, width) = enlarged.unwrap_or((shape.height, shape.width));
        let (out_height, out_width) = self.output_size(height, width);
        if self.kernel == 1 && self.stride == 1 && self.padding == [0; 4] && enlarged.is_none() {
            self.run_pointwise(gemm, out, x, out_height * out_width, extra);
            return;
        }
        let out_row = out_width * self.output;
        let band_rows =
            (BAND_PIXELS / (out_width * self.stride * self.stride)).clamp(1, out_height);
        out.par_chunks_mut(out_height * out_row).enumerate().for_each(|(image, out)| {
            let source = Source {
                x: &x[image * shape.height * shape.width * self.input..],
                shape,
                enlarged: (height, width),
            };
            out.par_chunks_mut(band_rows * out_row).enumerate().for_each(|(band, out)| {
                let first = band * band_rows;
                let extra = Extra {
                    channel_bias: extra
                        .channel_bias
                        .map(|b| &b[image * self.output..][..self.output]),
                    residual: extra
                        .residual
                        .map(|r| &r[(image * out_height + first) * out_row..][..out.len()]),
                };
                self.run_band(gemm, out, &source, first, out_width, extra);
            });
        });
    }

    fn run_band(
        &self,
        gemm: &Gemm,
        out: &mut [f32],
        source: &Source<'_>,
        first_row: usize,
        out_width: usize,
        extra: Extra<'_>,
    ) {
        thread_local! {
            static SCRATCH: RefCell<(Vec<f32>, Vec<f32>)> = const { RefCell::new((Vec::new(), Vec::new())) };
        }
        let [_, left, _, right] = self.padding;
        let padded_width = source.enlarged.1 + left + right;
        let rows = out.len() / (out_width * self.output);
        let padded_rows = (rows - 1) * self.stride + self.kernel;
        // Taken out, so that a task stolen while this one waits finds its own.
        let (mut padded, mut product) = SCRATCH.take();
        padded.resize(padded_rows * padded_width * self.input, 0.0);
        for (row, padded) in padded.chunks_exact_mut(padded_width * self.input).enumerate() {
            self.copy_row(padded, source, first_row * self.stride + row);
        }
        // Windows of the last row end where its last pixel's window ends.
        let windows = (rows - 1) * padded_width + out_width;
        product.resize(windows * self.output, 0.0);
        for (y, weights) in self.rows.iter().enumerate() {
            let view = View {
                data: &padded[y * padded_width * self.input..],
                rows: windows,
                columns: self.kernel * self.input,
                row_stride: self.stride * self.input,
                column_stride: 1,
            };
            let (bias, into) =
                if y == 0 { (self.bias.as_deref(), Into::Replace) } else { (None, Into::Add) };
            gemm.multiply(&mut product, view, weights, bias, into);
        }
        let out_row = out_width * self.output;
        for (row, out) in out.chunks_exact_mut(out_row).enumerate() {
            out.copy_from_slice(&product[row * padded_width * self.output..][..out_row]);
            let residual = extra.residual.map(|r| &r[row * out_row..][..out_row]);
            add_extra(out, self.output, extra.channel_bias, residual);
        }
        SCRATCH.set((padded, product));
    }

    /// Fills one padded row; `row` counts from the top of the padding.
    fn copy_row(&self, padded: &mut [f32], source: &Source<'_>, row: usize) {
        let [top, left, ..] = self.padding;
        let (height, width) = source.enlarged;
        if row < top || row >= top + height {
            padded.fill(0.0);
            return;
        }
        let channels = self.input;
        let ImageShape { height: from_height, width: from_width, .. } = source.shape;
        let from_row = (row - top) * from_height / height;
        let from = &source.x[from_row * from_width * channels..][..from_width * channels];
        let (before, rest) = padded.split_at_mut(left * channels);
        let (inside, after) = rest.split_at_mut(width * channels);
        before.fill(0.0);
        after.fill(0.0);
        if width == from_width {
            inside.copy_from_slice(from);
        } else {
            for (x, pixel) in inside.chunks_exact_mut(channels).enumerate() {
                pixel.copy_from_slice(&from[x * from_width / width * channels..][..channels]);
            }
        }
    }

    fn run_pointwise(
        &self,
        gemm: &Gemm,
        out: &mut [f32],
        x: &[f32],
        pixels: usize,
        extra: Extra<'_>,
    ) {
        let rows = x.len() / self.input;
        gemm.multiply(
            out,
            View::dense(x, rows, self.input),
            &self.rows[0],
            self.bias.as_deref(),
            Into::Replace,
        );
        if extra.channel_bias.is_some() || extra.residual.is_some() {
            let image = pixels * self.output;
            out.par_chunks_mut(image).enumerate().for_each(|(index, out)| {
                let channel_bias =
                    extra.channel_bias.map(|b| &b[index * self.output..][..self.output]);
                add_extra(
                    out,
                    self.output,
                    channel_bias,
                    extra.residual.map(|r| &r[index * image..][..image]),
                );
            });
        }
    }
}

struct Source<'a> {
    x: &'a [f32],
    shape: ImageShape,
    enlarged: (usize, usize),
}

fn add_extra(
    out: &mut [f32],
    channels: usize,
    channel_bias: Option<&[f32]>,
    residual: Option<&[f32]>,
) {
    if let Some(bias) = channel_bias {
        for pixel in out.chunks_exact_mut(channels) {
            pixel.iter_mut().zip(bias).for_each(|(out, bias)| *out += bias);
        }
    }
    if let Some(residual) = residual {
        out.iter_mut().zip(residual).for_each(|(out, residual)| *out += residual);
    }
}
