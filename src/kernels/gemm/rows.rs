//! Left-hand rows for a block of the output: the image's windows, without an unfolded copy of it.
//!
//! In an image of `channels` values a pixel, the values under one row of a k × k window are
//! `k · channels` neighbours. So the rows of a convolution's left-hand matrix are k runs of the
//! image itself; only a band is copied, with its border of zeros (and enlarged, where wanted), and
//! linear layers and pointwise convolutions read what is there.

use half::bf16;

use super::super::convert::copy_converted;
use super::super::isa::Isa;
use super::super::memory::{LINE_VALUES, Loan, scratch};
use super::super::values::{DType, Values};
use super::epilogue::Stretch;
use super::tile::{Half, Kernel, Run, STRIP, Strip};

/// What is multiplied from the left: an image, channels last. A matrix is an image of one row of
/// pixels.
#[derive(Clone, Copy)]
pub(in super::super) struct Windows<'a> {
    /// `[batch, height, width, channels]`.
    pub x: Values<'a>,
    /// Images.
    pub batch: usize,
    /// Rows and columns of pixels.
    pub size: (usize, usize),
    /// Values of a pixel.
    pub channels: usize,
    /// Rows and columns after enlarging by repeating the nearest pixel.
    pub enlarged: (usize, usize),
    /// Side of the window.
    pub kernel: usize,
    /// Step of the window.
    pub stride: usize,
    /// Zeros around the image: top, left.
    pub padding: (usize, usize),
    /// Rows and columns of windows.
    pub out: (usize, usize),
}

/// Windows that one task works on: `height` × `width` of them from (`y`, `x`) on, in `images`
/// images from `image` on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in super::super) struct Block {
    image: usize,
    images: usize,
    y: usize,
    height: usize,
    x: usize,
    width: usize,
}

impl Block {
    /// Windows in it.
    pub(in super::super) fn rows(&self) -> usize {
        self.images * self.height * self.width
    }

    /// Where its rows lie in the output.
    pub(super) fn stretches(&self, windows: &Windows<'_>) -> Vec<Stretch> {
        let (out_height, out_width) = windows.out;
        let mut stretches = Vec::with_capacity(self.images * self.height);
        for index in 0..self.images * self.height {
            let (image, y) = (self.image + index / self.height, self.y + index % self.height);
            stretches.push(Stretch {
                row: index * self.width,
                out_row: (image * out_height + y) * out_width + self.x,
                count: self.width,
            });
        }
        stretches
    }
}

/// The widest block: a band of it, with the windows' border, stays in the cache.
const WIDEST: usize = 64;

impl<'a> Windows<'a> {
    /// A dense matrix of rows of `channels` values.
    pub(in super::super) fn matrix(x: Values<'a>, channels: usize) -> Self {
        let rows = x.len() / channels;
        Self {
            x,
            batch: 1,
            size: (1, rows),
            channels,
            enlarged: (1, rows),
            kernel: 1,
            stride: 1,
            padding: (0, 0),
            out: (1, rows),
        }
    }

    /// Whether windows are single pixels, one after the other.
    fn is_matrix(&self) -> bool {
        self.kernel == 1
            && self.stride == 1
            && self.padding == (0, 0)
            && self.enlarged == self.size
            && self.out == self.size
    }

    /// Cuts the windows into blocks of about `target`.
    pub(in super::super) fn blocks(&self, target: usize) -> Vec<Block> {
        let (height, width) = self.out;
        let mut blocks = Vec::new();
        if self.is_matrix() {
            // As one long row.
            let rows = self.batch * height * width;
            for x in (0..rows).step_by(target) {
                let width = target.min(rows - x);
                blocks.push(Block { image: 0, images: 1, y: 0, height: 1, x, width });
            }
            return blocks;
        }
        let parts = width.div_ceil(WIDEST);
        let wide = width.div_ceil(parts).next_multiple_of(16).min(width);
        let high = (target / wide).clamp(1, height);
        if high == height && wide == width {
            let together = (target / (height * width)).clamp(1, self.batch);
            for image in (0..self.batch).step_by(together) {
                let images = together.min(self.batch - image);
                blocks.push(Block { image, images, y: 0, height, x: 0, width });
            }
            return blocks;
        }
        for image in 0..self.batch {
            for y in (0..height).step_by(high) {
                for x in (0..width).step_by(wide) {
                    let (height, width) = (high.min(height - y), wide.min(width - x));
                    blocks.push(Block { image, images: 1, y, height, x, width });
                }
            }
        }
        blocks
    }
}

/// The left-hand rows of one block.
pub(in super::super) struct Rows {
    /// A kernel's worth each.
    pub strips: Vec<Strip>,
    // What the strips point into, beside the image.
    _band: Option<Loan>,
    _gathered: Option<Loan>,
}

/// With fewer panels, interleaving rows costs more than it gains.
const FEW_PANELS: usize = 4;

/// Length of a run as it is packed: pairs need an even one.
pub(in super::super) fn packed_channels(kernel: &Kernel, channels: usize) -> usize {
    if kernel.unit == 2 { channels.next_multiple_of(2) } else { channels }
}

impl Rows {
    /// Gathers the rows of a block for a kernel.
    pub(in super::super) fn new(
        isa: Isa,
        kernel: &Kernel,
        windows: &Windows<'_>,
        block: Block,
    ) -> Self {
        let size = kernel.a.size();
        let channels = packed_channels(kernel, windows.channels);
        let run_bytes;
        let mut band = None;
        let first: *const u8;
        let (pixel, line, image);
        if windows.is_matrix() && windows.x.dtype() == kernel.a && channels == windows.channels {
            pixel = channels * size;
            (line, image, run_bytes) = (0, 0, 0);
            first = windows.x.address().wrapping_add(block.x * pixel);
        } else {
            let (copy, sides) = copy_band(isa, kernel.a, windows, block, channels);
            first = copy.address();
            band = Some(copy);
            run_bytes = sides.1 * channels * size;
            pixel = windows.stride * channels * size;
            line = windows.stride * run_bytes;
            image = sides.0 * run_bytes;
        }
        let rows = block.rows();
        let mut strips = Vec::with_capacity(rows.div_ceil(kernel.rows));
        for begin in (0..rows).step_by(kernel.rows) {
            let mut strip =
                Strip { count: kernel.rows.min(rows - begin), run_bytes, ..Strip::EMPTY };
            for (index, row) in strip.rows.iter_mut().enumerate().take(strip.count) {
                let place = begin + index;
                let (y, x) = (place / block.width, place % block.width);
                let (picture, y) = (y / block.height, y % block.height);
                *row = first.wrapping_add(picture * image + y * line + x * pixel);
            }
            strips.push(strip);
        }
        let gathered = kernel.tiles.then(|| {
            let run = windows.kernel * channels;
            halve(&mut strips, kernel, windows.kernel, run)
        });
        Self { strips, _band: band, _gathered: gathered.flatten() }
    }

    /// The rows as they are best multiplied with so many panels, and by which function.
    pub(super) fn for_panels(
        mut self,
        kernel: &Kernel,
        windows: &Windows<'_>,
        panels: usize,
    ) -> (Self, Run) {
        let (Some(run), Some(fill)) = (kernel.interleaved, kernel.fill) else {
            return (self, kernel.run);
        };
        if windows.kernel > 1 || panels < FEW_PANELS {
            return (self, kernel.run);
        }
        let depth = windows.channels;
        let each = kernel.rows * depth;
        let mut loan = scratch((self.strips.len() * each + LINE_VALUES) * 4);
        let all = loan.slice_mut::<f32>(self.strips.len() * each + LINE_VALUES);
        for (index, strip) in self.strips.iter_mut().enumerate() {
            let to = all[index * each..].as_mut_ptr();
            // SAFETY: an `Isa` is only made where it is available; windows of one pixel are rows
            // of one run, and there is a line left after the last strip.
            unsafe { fill(strip, depth, to) };
            strip.rows[0] = to.cast_const().cast();
        }
        (Self { _gathered: Some(loan), ..self }, run)
    }
}

/// Fills a band's line: zeros, or from the image's pixel on where the map says.
type LineCopy<'a> = dyn FnMut(usize, Option<(usize, &PixelMap)>) + 'a;

/// Copies the part of the image that a block's windows see, with zeros around it, each pixel as
/// `channels` values of `dtype`. Also gives its rows and columns (of each image).
fn copy_band(
    isa: Isa,
    dtype: DType,
    windows: &Windows<'_>,
    block: Block,
    channels: usize,
) -> (Loan, (usize, usize)) {
    let seen = |count: usize| (count - 1) * windows.stride + windows.kernel;
    let (height, width) = if windows.is_matrix() {
        (1, block.width)
    } else {
        (seen(block.height), seen(block.width))
    };
    let line = width * channels;
    let mut band = scratch(block.images * height * line * dtype.size() + 64);
    let copy_lines = |band: &mut LineCopy<'_>| {
        let map = PixelMap::new(windows, block.x * windows.stride, width);
        for image in 0..block.images {
            for row in 0..height {
                let y = (block.y * windows.stride + row).checked_sub(windows.padding.0);
                let y = y.filter(|y| *y < windows.enlarged.0);
                let from = y.map(|y| {
                    let y = y * windows.size.0 / windows.enlarged.0;
                    (((block.image + image) * windows.size.0 + y) * windows.size.1, &map)
                });
                band(image * height + row, from);
            }
        }
    };
    let own = windows.channels;
    macro_rules! copy {
        ($type:ty) => {{
            let values = band.slice_mut::<$type>(block.images * height * line);
            copy_lines(&mut |row, from| {
                let line = &mut values[row * line..][..line];
                let Some((first_pixel, map)) = from else {
                    line.fill(<$type>::default());
                    return;
                };
                map.copy(isa, line, windows.x, first_pixel, (own, channels));
            });
        }};
    }
    match dtype {
        DType::F32 => copy!(f32),
        DType::Bf16 => copy!(bf16),
    }
    (band, (height, width))
}

/// Which pixel of an image's row lies under each pixel of a band's row.
struct PixelMap {
    /// Columns of zeros before and after.
    zeros: (usize, usize),
    /// The first pixel inside, if they follow one another; else all of them.
    from: Result<usize, Vec<usize>>,
}

impl PixelMap {
    fn new(windows: &Windows<'_>, first: usize, width: usize) -> Self {
        let (_, left) = windows.padding;
        let (wide, narrow) = (windows.enlarged.1, windows.size.1);
        // The row without its matrix meaning: a long row of pixels is an image as it is.
        if windows.is_matrix() {
            return Self { zeros: (0, 0), from: Ok(first) };
        }
        let before = left.saturating_sub(first).min(width);
        let begin = first.max(left) - left;
        let inside = (width - before).min(wide.saturating_sub(begin));
        let from = if wide == narrow {
            Ok(begin)
        } else {
            Err((begin..begin + inside).map(|x| x * narrow / wide).collect())
        };
        Self { zeros: (before, width - before - inside), from }
    }

    fn copy<T: super::super::values::Element>(
        &self,
        isa: Isa,
        line: &mut [T],
        x: Values<'_>,
        first_pixel: usize,
        (own, channels): (usize, usize),
    ) {
        let (before, after) = (self.zeros.0 * channels, self.zeros.1 * channels);
        let length = line.len();
        line[..before].fill(T::default());
        line[length - after..].fill(T::default());
        let inside = &mut line[before..length - after];
        match &self.from {
            Ok(begin) if own == channels => {
                copy_converted(isa, inside, x, (first_pixel + begin) * own);
            }
            Ok(begin) => {
                for (index, pixel) in inside.chunks_exact_mut(channels).enumerate() {
                    pixel[own..].fill(T::default());
                    copy_converted(isa, &mut pixel[..own], x, (first_pixel + begin + index) * own);
                }
            }
            Err(places) => {
                let mut done: Option<usize> = None;
                for (index, place) in places.iter().enumerate() {
                    let at = index * channels;
                    if done == Some(*place) {
                        // The pixel before, once more.
                        inside.copy_within(at - channels..at, at);
                        continue;
                    }
                    done = Some(*place);
                    let pixel = &mut inside[at..at + channels];
                    pixel[own..].fill(T::default());
                    copy_converted(isa, &mut pixel[..own], x, (first_pixel + place) * own);
                }
            }
        }
    }
}

/// Finds equal distances in the strips' rows for matrix tiles; gathers the rows where there are
/// none, and the incomplete last steps of runs.
fn halve(strips: &mut [Strip], kernel: &Kernel, runs: usize, run_length: usize) -> Option<Loan> {
    let regular = |rows: &[*const u8]| {
        let stride = rows[1] as usize - rows[0] as usize;
        rows.windows(2).all(|pair| pair[1] as usize - pair[0] as usize == stride).then_some(stride)
    };
    let strides: Vec<[Option<usize>; 2]> = strips
        .iter()
        .map(|strip| {
            [0, 1].map(|half| {
                let whole = strip.count >= 16 * (half + 1);
                whole.then(|| regular(&strip.rows[16 * half..16 * half + 16])).flatten()
            })
        })
        .collect();
    let tail = run_length % kernel.unit;
    // A gathered row holds its runs one after the other.
    let row_bytes = runs * run_length * 2;
    let gathered_half = (16 * row_bytes + 64).next_multiple_of(64);
    let irregular = strides.iter().flatten().filter(|stride| stride.is_none()).count();
    let tails = if tail > 0 { strips.len() * runs * STRIP * 64 } else { 0 };
    if irregular == 0 && tails == 0 {
        for (strip, strides) in strips.iter_mut().zip(strides) {
            for half in 0..2 {
                strip.halves[half] = Half {
                    begin: strip.rows[16 * half],
                    stride: strides[half].expect("all are regular"),
                    run_bytes: strip.run_bytes,
                };
            }
        }
        return None;
    }
    let bytes = irregular * gathered_half + tails;
    let mut loan = scratch(bytes);
    let memory = loan.slice_mut::<bf16>(bytes / 2);
    let (mut gathered, mut tails) = memory.split_at_mut(irregular * gathered_half / 2);
    for (strip, strides) in strips.iter_mut().zip(strides) {
        for half in 0..2 {
            if let Some(stride) = strides[half] {
                let run_bytes = strip.run_bytes;
                strip.halves[half] = Half { begin: strip.rows[16 * half], stride, run_bytes };
                continue;
            }
            let own;
            (own, gathered) = gathered.split_at_mut(gathered_half / 2);
            for row in 0..16 {
                let out = &mut own[row * row_bytes / 2..][..row_bytes / 2];
                if 16 * half + row >= strip.count {
                    out.fill(bf16::ZERO);
                    continue;
                }
                for (run, out) in out.chunks_exact_mut(run_length).enumerate() {
                    let from = strip.rows[16 * half + row].wrapping_add(run * strip.run_bytes);
                    // SAFETY: a row's run is as long as this, see `Strip`.
                    out.copy_from_slice(unsafe {
                        std::slice::from_raw_parts(from.cast::<bf16>(), run_length)
                    });
                }
            }
            strip.halves[half] =
                Half { begin: own.as_ptr().cast(), stride: row_bytes, run_bytes: run_length * 2 };
        }
        if tail > 0 {
            let own;
            (own, tails) = tails.split_at_mut(runs * STRIP * 32);
            strip.tail = own.as_ptr().cast();
            for (index, out) in own.chunks_exact_mut(32).enumerate() {
                let (run, row) = (index / STRIP, index % STRIP);
                out.fill(bf16::ZERO);
                if row < strip.count {
                    let from = strip.rows[row]
                        .wrapping_add(run * strip.run_bytes + (run_length - tail) * 2);
                    // SAFETY: the end of a row's run, see `Strip`.
                    out[..tail].copy_from_slice(unsafe {
                        std::slice::from_raw_parts(from.cast::<bf16>(), tail)
                    });
                }
            }
        }
    }
    Some(loan)
}
