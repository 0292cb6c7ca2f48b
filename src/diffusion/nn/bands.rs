//! Layers of the autoencoder on images too large to be worked on as a whole: band after band of
//! rows, with the rows around it that a convolution reaches into, and norms that know the whole
//! image. What comes out is what whole layers give, but for rounding; what it costs is that the
//! first convolution of a residual block is computed twice.

use std::ops::Range;

use super::resnet::Resnet;
use crate::cancel::CancelToken;
use crate::diffusion::error::Result;
use crate::ops::{Activation, ConvExtra, ImageDims, Moments, Ops, OpsError};

/// Rows that a 3×3 convolution reaches beyond its own.
const REACH: usize = 1;

/// How layers are computed band by band.
pub struct Bands<'a, O: Ops> {
    /// The backend.
    pub ops: &'a O,
    /// Looked at before every band.
    pub cancel: &'a CancelToken,
    /// Values of a band, about.
    pub values: usize,
}

/// An image, or what a convolution makes of it when its rows are asked for.
pub struct Source<'a, O: Ops> {
    /// What is kept: one image.
    pub kept: O::Tensor,
    /// Doubles height and width, repeating the nearest pixel, and convolves, 3×3.
    pub enlarged: Option<&'a O::Conv>,
}

impl<O: Ops> Source<'_, O> {
    /// An image as it is.
    pub fn of(kept: O::Tensor) -> Self {
        Self { kept, enlarged: None }
    }

    /// The sizes of the image it stands for; an enlarging convolution keeps the channels.
    pub fn dims(&self, ops: &O) -> ImageDims {
        let dims = ops.image_dims(&self.kept);
        let by = if self.enlarged.is_some() { 2 } else { 1 };
        ImageDims { height: by * dims.height, width: by * dims.width, ..dims }
    }

    /// All of it.
    ///
    /// # Errors
    /// The backend fails.
    pub fn whole(self, ops: &O) -> Result<O::Tensor> {
        let dims = self.dims(ops);
        let Some(conv) = self.enlarged else { return Ok(self.kept) };
        let enlarge = Some((dims.height, dims.width));
        Ok(ops.convolve(&self.kept, conv, ConvExtra { enlarge, ..ConvExtra::default() })?)
    }

    /// Some of its rows.
    fn rows(&self, ops: &O, rows: Range<usize>) -> Result<O::Tensor> {
        let Some(conv) = self.enlarged else { return Ok(ops.rows(&self.kept, rows)?) };
        let dims = ops.image_dims(&self.kept);
        let from = reached(&(rows.start / 2..rows.end.div_ceil(2)), dims.height);
        let enlarge = Some((2 * from.len(), 2 * dims.width));
        let kept = ops.rows(&self.kept, from.clone())?;
        let wide = ops.convolve(&kept, conv, ConvExtra { enlarge, ..ConvExtra::default() })?;
        Ok(ops.rows(&wide, within(&rows, 2 * from.start))?)
    }
}

/// Rows with those that a convolution reaches into, as far as there are any.
fn reached(rows: &Range<usize>, height: usize) -> Range<usize> {
    rows.start.saturating_sub(REACH)..(rows.end + REACH).min(height)
}

/// Rows of an image, counted within a band that begins at its row `start`.
fn within(rows: &Range<usize>, start: usize) -> Range<usize> {
    rows.start - start..rows.end - start
}

impl<O: Ops> Bands<'_, O> {
    /// The bands of an image, of a multiple of 8 rows but for the last.
    fn of(&self, dims: ImageDims) -> impl Iterator<Item = Range<usize>> + use<O> {
        let rows = (self.values / (dims.width * dims.channels)).max(1).next_multiple_of(8);
        (0..dims.height).step_by(rows).map(move |row| row..(row + rows).min(dims.height))
    }

    /// Mean and spread of the channels of an image of `dims` whose rows `of` gives.
    fn moments(
        &self,
        dims: ImageDims,
        of: impl Fn(Range<usize>) -> Result<O::Tensor>,
    ) -> Result<Moments> {
        let mut moments = Moments::default();
        for rows in self.of(dims) {
            self.cancel.check()?;
            moments.join(&self.ops.moments(&of(rows)?)?);
        }
        Ok(moments)
    }

    /// An image made by bands: rows of one of `dims` become `by` times fewer of the result.
    fn made(
        &self,
        dims: ImageDims,
        by: usize,
        of: impl Fn(Range<usize>) -> Result<O::Tensor>,
    ) -> Result<O::Tensor> {
        let mut whole = None;
        for rows in self.of(dims) {
            self.cancel.check()?;
            let start = rows.start / by;
            let band = of(rows)?;
            let out = match &mut whole {
                Some(whole) => whole,
                none => {
                    let height = dims.height / by;
                    let dims = ImageDims { height, ..self.ops.image_dims(&band) };
                    none.insert(self.ops.blank(dims)?)
                }
            };
            self.ops.put_rows(out, start, &band)?;
        }
        whole.ok_or_else(|| OpsError("An image without rows".to_owned()).into())
    }

    /// Rows of a 3×3 convolution that keeps the size; `of` gives those of its input.
    fn convolved(
        &self,
        height: usize,
        rows: &Range<usize>,
        conv: &O::Conv,
        of: impl Fn(Range<usize>) -> Result<O::Tensor>,
    ) -> Result<O::Tensor> {
        let from = reached(rows, height);
        let band = self.ops.convolve(&of(from.clone())?, conv, ConvExtra::default())?;
        Ok(self.ops.rows(&band, within(rows, from.start))?)
    }

    /// A 3×3 convolution that keeps the size.
    ///
    /// # Errors
    /// Cancelled, or the backend fails.
    pub fn convolve(&self, x: &O::Tensor, conv: &O::Conv) -> Result<O::Tensor> {
        let dims = self.ops.image_dims(x);
        self.made(dims, 1, |rows| {
            self.convolved(dims.height, &rows, conv, |rows| Ok(self.ops.rows(x, rows)?))
        })
    }

    /// A 3×3 convolution with stride 2 and a zero below and to the right, of an image of even
    /// size.
    ///
    /// # Errors
    /// Cancelled, or the backend fails.
    pub fn halve(&self, x: &O::Tensor, conv: &O::Conv) -> Result<O::Tensor> {
        let dims = self.ops.image_dims(x);
        self.made(dims, 2, |rows| {
            let from = rows.start..(rows.end + REACH).min(dims.height);
            Ok(self.ops.convolve(&self.ops.rows(x, from)?, conv, ConvExtra::default())?)
        })
    }

    /// Norm, activation and a 3×3 convolution: how an autoencoder ends.
    ///
    /// # Errors
    /// Cancelled, or the backend fails.
    pub fn finish(
        &self,
        x: &O::Tensor,
        norm: &O::Norm,
        conv: &O::Conv,
        activation: Activation,
    ) -> Result<O::Tensor> {
        let (ops, dims) = (self.ops, self.ops.image_dims(x));
        let moments = self.moments(dims, |rows| Ok(ops.rows(x, rows)?))?;
        self.made(dims, 1, |rows| {
            self.convolved(dims.height, &rows, conv, |rows| {
                Ok(ops.group_norm_by(&ops.rows(x, rows)?, norm, &moments, Some(activation))?)
            })
        })
    }

    /// A residual block without a timestep; an image that is kept and has the block's channels is
    /// written over.
    ///
    /// # Errors
    /// Cancelled, or the backend fails.
    pub fn refine(&self, resnet: &Resnet<O>, mut x: Source<'_, O>) -> Result<O::Tensor> {
        let (ops, dims) = (self.ops, x.dims(self.ops));
        let act = Some(resnet.activation);
        let first = self.moments(dims, |rows| x.rows(ops, rows))?;
        let hidden = |x: &Source<'_, O>, rows: Range<usize>| {
            self.convolved(dims.height, &rows, &resnet.conv1, |rows| {
                Ok(ops.group_norm_by(&x.rows(ops, rows)?, &resnet.norm1, &first, act)?)
            })
        };
        let second = self.moments(dims, |rows| hidden(&x, rows))?;
        let refined = |x: &Source<'_, O>, rows: &Range<usize>| -> Result<O::Tensor> {
            let from = reached(rows, dims.height);
            let hidden = hidden(x, from.clone())?;
            let hidden = ops.group_norm_by(&hidden, &resnet.norm2, &second, act)?;
            let out = resnet.with_shortcut(ops, &hidden, &x.rows(ops, from.clone())?)?;
            Ok(ops.rows(&out, within(rows, from.start))?)
        };
        if resnet.shortcut.is_some() || x.enlarged.is_some() {
            return self.made(dims, 1, |rows| refined(&x, &rows));
        }
        // Each band waits until its neighbour, which reaches into what it will write over, is done.
        let mut waiting: Option<(usize, O::Tensor)> = None;
        for rows in self.of(dims) {
            self.cancel.check()?;
            let done = refined(&x, &rows)?;
            if let Some((at, before)) = waiting.replace((rows.start, done)) {
                ops.put_rows(&mut x.kept, at, &before)?;
            }
        }
        if let Some((at, last)) = waiting {
            ops.put_rows(&mut x.kept, at, &last)?;
        }
        Ok(x.kept)
    }
}
