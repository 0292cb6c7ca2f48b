//! 3×3 convolution with a quarter of the multiplications (Lavin & Gray 2016, F(4×4, 3×3)): the
//! image in tiles of 6×6 that overlap by two, transformed, multiplied place by place, and back.
//!
//! The polynomials behind it are taken at 0, ±3/4, ±3/2 and infinity: at these points rounding in
//! f32 grows twofold against the plain sum, at the usual 0, ±1, ±2 tenfold (320 channels, largest
//! error). bf16 products could not afford even that. The transforms are compiled for each
//! [`Isa`]; the products run on the microkernels of [`super::gemm`].

use rayon::prelude::*;

use super::gemm::tile::{Kernel, Out, Span, Strip};
use super::gemm::{Extra, Gemm, PackedWeights, kernel};
use super::isa::{self, Isa, for_each_isa};
use super::memory::{Shared, scratch};
use super::values::{DType, Element, Values, ValuesMut, with_values};
use super::vector::Fma;

/// The points.
const NEAR: f32 = 0.75;
const FAR: f32 = 1.5;
/// Their squares; all coefficients that follow are exact.
const NEAR2: f32 = NEAR * NEAR;
const FAR2: f32 = FAR * FAR;
/// Side of a tile that goes in.
const IN: usize = 6;
/// Side of a tile that comes out.
const OUT: usize = 4;
/// Products per tile, channel in and channel out.
const PLACES: usize = IN * IN;
/// Channels that the transforms work on at once.
const LANES: usize = 16;
/// Bytes of transformed values that are kept at a time.
const KEPT_BYTES: usize = 24 << 20;

/// Transformed weights of a 3×3 convolution.
pub(super) struct Winograd {
    kernel: Kernel,
    places: Vec<PackedWeights>,
    input: usize,
    output: usize,
}

/// The image that is convolved, with a border of one zero around its enlarged form.
#[derive(Clone, Copy)]
pub(super) struct Image<'a> {
    /// `[batch, height, width, input]`.
    pub x: Values<'a>,
    /// Images.
    pub batch: usize,
    /// Rows and columns.
    pub size: (usize, usize),
    /// Rows and columns after enlarging by repeating the nearest pixel; also those that come out.
    pub enlarged: (usize, usize),
}

impl Winograd {
    /// Whether it wins: with f32 products only, and not where weights are so many and maps so
    /// small (the inner levels of a `UNet`) that reading fourfold weights would cost more.
    pub(super) fn wins(gemm: &Gemm, input: usize, output: usize) -> bool {
        gemm.input() == DType::F32
            && (LANES..=1920).contains(&input)
            && (LANES..=640).contains(&output)
    }

    /// Bytes that its weights take.
    pub(super) fn packed_bytes(input: usize, output: usize) -> usize {
        PLACES * input * output * DType::F32.size()
    }

    /// Transforms weights `[output, input, 3, 3]`.
    pub(super) fn new(gemm: &Gemm, weight: &[f32], input: usize, output: usize) -> Self {
        let kernel = kernel(gemm.isa(), DType::F32);
        let mut transformed = vec![0.0_f32; PLACES * output * input];
        // By place, then output, then input.
        let shared = Shared::new(&mut transformed);
        (0..output).into_par_iter().for_each(|o| {
            for i in 0..input {
                let window = &weight[(o * input + i) * 9..][..9];
                let places = transform_window(window);
                for (place, value) in places.iter().enumerate() {
                    // SAFETY: each output has places of its own, all within the vector.
                    unsafe { *shared.at((place * output + o) * input + i) = *value };
                }
            }
        });
        let places = (0..PLACES)
            .map(|place| {
                let values = &transformed[place * output * input..][..output * input];
                PackedWeights::new(kernel, (1, input), output, false, |_, i, o| {
                    values[o * input + i]
                })
            })
            .collect();
        Self { kernel, places, input, output }
    }

    /// Convolves; `bias` is the convolution's own.
    pub(super) fn run(
        &self,
        isa: Isa,
        out: ValuesMut<'_>,
        image: Image<'_>,
        bias: Option<&[f32]>,
        extra: Extra<'_>,
    ) {
        with_values!(ValuesMut, out, out => self.run_typed(isa, out, image, bias, extra));
    }

    fn run_typed<T: Element>(
        &self,
        isa: Isa,
        out: &mut [T],
        image: Image<'_>,
        bias: Option<&[f32]>,
        extra: Extra<'_>,
    ) {
        let (height, width) = image.enlarged;
        let grid = (height.div_ceil(OUT), width.div_ceil(OUT));
        let tiles = image.batch * grid.0 * grid.1;
        assert_eq!(out.len(), image.batch * height * width * self.output, "the output's size");
        let columns = self.output.next_multiple_of(self.kernel.columns);
        let each = PLACES * self.input.max(columns) * 4;
        let rows = self.kernel.rows;
        let most = (KEPT_BYTES / each / rows).max(1) * rows;
        let kept = most.min(tiles.next_multiple_of(rows));
        let mut going_in = scratch(PLACES * kept * self.input * 4);
        let mut coming_out = scratch(PLACES * kept * columns * 4);
        let going_in = going_in.slice_mut::<f32>(PLACES * kept * self.input);
        let coming_out = coming_out.slice_mut::<f32>(PLACES * kept * columns);
        let out = Shared::new(out);
        let bias = bias.map_or_else(|| vec![0.0; self.output], <[f32]>::to_vec);
        for first in (0..tiles).step_by(most) {
            let count = most.min(tiles - first);
            let v = Shared::new(going_in);
            (0..count).into_par_iter().with_min_len(4).for_each(|tile| {
                let job = Going { image, channels: self.input, grid, first, tile, kept, v };
                with_values!(Values, image.x, x => go_in(isa, &job, x));
            });
            let m = Shared::new(coming_out);
            self.multiply(going_in, m, count, kept, columns);
            let sums: &[f32] = coming_out;
            (0..count).into_par_iter().with_min_len(4).for_each(|tile| {
                come_out(
                    isa,
                    &Coming {
                        sums,
                        size: image.enlarged,
                        grid,
                        tile,
                        first,
                        kept,
                        columns,
                        out,
                        channels: self.output,
                        bias: &bias,
                        channel_bias: extra.channel_bias,
                        residual: extra.residual,
                    },
                );
            });
        }
    }

    /// Products of `count` transformed tiles with the weights of each place.
    fn multiply(&self, v: &[f32], m: Shared<f32>, count: usize, kept: usize, columns: usize) {
        let kernel = &self.kernel;
        let block = 9 * kernel.rows;
        let blocks = count.div_ceil(block);
        (0..PLACES * blocks).into_par_iter().for_each(|task| {
            let (place, first) = (task / blocks, task % blocks * block);
            let weights = &self.places[place];
            let strips: Vec<Strip> = (first..count.min(first + block))
                .step_by(kernel.rows)
                .map(|tile| {
                    let begin = v[(place * kept + tile) * self.input..].as_ptr().cast();
                    // Rows beyond the last tile hold what is left over; nobody reads their sums.
                    Strip::dense(begin, self.input * 4, kernel.rows)
                })
                .collect();
            for index in 0..weights.panels() {
                let panel = weights.panel(index);
                for (part, span) in kernel.spans(1, self.input).into_iter().enumerate() {
                    let b = weights.address(panel, 0, span.step);
                    for (index, strip) in strips.iter().enumerate() {
                        let tile = first + index * kernel.rows;
                        let out = Out {
                            begin: m.at((place * kept + tile) * columns + panel.first),
                            stride: columns,
                            wide: panel.wide,
                            add: part > 0,
                        };
                        let span = Span { run: 0, ..span };
                        // SAFETY: an `Isa` is only made where it is available; `kept` is whole
                        // strips, `columns` whole panels, and no other task has this place and
                        // these tiles.
                        unsafe { (kernel.run)(strip, span, b, out) };
                    }
                }
            }
        });
    }
}

/// `G g Gᵀ`.
fn transform_window(window: &[f32]) -> [f32; PLACES] {
    let (near, far) = (f64::from(NEAR), f64::from(FAR));
    let (near2, far2) = (near * near, far * far);
    let row = |point: f64, scale: f64| [1.0 / scale, point / scale, point * point / scale];
    let (near_scale, far_scale) = (2.0 * near2 * (near2 - far2), 2.0 * far2 * (far2 - near2));
    let g = [
        row(0.0, near2 * far2),
        row(near, near_scale),
        row(-near, near_scale),
        row(far, far_scale),
        row(-far, far_scale),
        [0.0, 0.0, 1.0],
    ];
    let mut half = [[0.0_f64; 3]; IN];
    for (row, half) in g.iter().zip(&mut half) {
        for (x, half) in half.iter_mut().enumerate() {
            *half = (0..3).map(|y| row[y] * f64::from(window[3 * y + x])).sum();
        }
    }
    std::array::from_fn(|place| {
        let (row, column) = (place / IN, place % IN);
        (0..3).map(|x| half[row][x] * g[column][x]).sum::<f64>() as f32
    })
}

/// A tile on its way in.
struct Going<'a> {
    image: Image<'a>,
    channels: usize,
    /// Rows and columns of tiles.
    grid: (usize, usize),
    /// The first tile that is kept now.
    first: usize,
    /// The tile, counted from that one.
    tile: usize,
    /// Tiles that there is room for.
    kept: usize,
    v: Shared<f32>,
}

/// Image, row and column of a tile.
fn place_of(tile: usize, grid: (usize, usize)) -> (usize, usize, usize) {
    let (line, column) = (tile / grid.1, tile % grid.1);
    (line / grid.0, line % grid.0, column)
}

for_each_isa! {
    fn go_in[X: Element](job: &Going<'_>, x: &[X]) = go_in_here;
}

#[inline(always)]
fn go_in_here<X: Element>(fma: impl Fma, job: &Going<'_>, x: &[X]) {
    let (image, row, column) = place_of(job.first + job.tile, job.grid);
    let Image { size, enlarged, .. } = job.image;
    // Where each of the tile's pixels lies, if inside.
    let along = |index: usize, tile: usize, wide: usize, narrow: usize| {
        let at = (tile * OUT + index).checked_sub(1).filter(|at| *at < wide)?;
        Some(if wide == narrow { at } else { at * narrow / wide })
    };
    let mut pixels = [None; PLACES];
    for (place, pixel) in pixels.iter_mut().enumerate() {
        let y = along(place / IN, row, enlarged.0, size.0);
        let x = along(place % IN, column, enlarged.1, size.1);
        *pixel = y.zip(x).map(|(y, x)| ((image * size.0 + y) * size.1 + x) * job.channels);
    }
    for channel in (0..job.channels).step_by(LANES) {
        let count = LANES.min(job.channels - channel);
        let mut d = [[0.0_f32; LANES]; PLACES];
        for (d, pixel) in d.iter_mut().zip(pixels) {
            let Some(pixel) = pixel else { continue };
            let from = &x[pixel + channel..][..count];
            if let Ok(from) = <&[X; LANES]>::try_from(from) {
                for lane in 0..LANES {
                    d[lane] = from[lane].get();
                }
            } else {
                d.iter_mut().zip(from).for_each(|(d, from)| *d = from.get());
            }
        }
        for line in 0..IN {
            line_in(fma, &mut d, [0, 1, 2, 3, 4, 5].map(|i| i * IN + line));
        }
        for line in 0..IN {
            line_in(fma, &mut d, [0, 1, 2, 3, 4, 5].map(|i| line * IN + i));
        }
        for (place, d) in d.iter().enumerate() {
            let at = (place * job.kept + job.tile) * job.channels + channel;
            // SAFETY: within the transformed values, and this tile is nobody else's.
            let out = unsafe { std::slice::from_raw_parts_mut(job.v.at(at), count) };
            match <&mut [f32; LANES]>::try_from(&mut *out) {
                Ok(out) => *out = *d,
                Err(_) => out.copy_from_slice(&d[..count]),
            }
        }
    }
}

/// `Bᵀ` times one row or column of a tile.
#[inline(always)]
fn line_in(fma: impl Fma, d: &mut [[f32; LANES]; PLACES], at: [usize; IN]) {
    for lane in 0..LANES {
        let [a, b, c, e, f, g] = at.map(|place| d[place][lane]);
        let (sum, product) = (NEAR2 + FAR2, NEAR2 * FAR2);
        d[at[0]][lane] = fma.mul_add(product, a, fma.mul_add(-sum, c, f));
        let (even, odd) = (fma.mul_add(-FAR2, c, f), fma.mul_add(-FAR2, b, e));
        d[at[1]][lane] = fma.mul_add(NEAR, odd, even);
        d[at[2]][lane] = fma.mul_add(-NEAR, odd, even);
        let (even, odd) = (fma.mul_add(-NEAR2, c, f), fma.mul_add(-NEAR2, b, e));
        d[at[3]][lane] = fma.mul_add(FAR, odd, even);
        d[at[4]][lane] = fma.mul_add(-FAR, odd, even);
        d[at[5]][lane] = fma.mul_add(product, b, fma.mul_add(-sum, e, g));
    }
}

/// A tile on its way out.
struct Coming<'a, T> {
    sums: &'a [f32],
    size: (usize, usize),
    grid: (usize, usize),
    first: usize,
    tile: usize,
    kept: usize,
    columns: usize,
    channels: usize,
    bias: &'a [f32],
    channel_bias: Option<Values<'a>>,
    residual: Option<Values<'a>>,
    out: Shared<T>,
}

for_each_isa! {
    fn come_out[T: Element](job: &Coming<'_, T>) = come_out_here;
}

#[inline(always)]
fn come_out_here<T: Element>(fma: impl Fma, job: &Coming<'_, T>) {
    let (image, row, column) = place_of(job.first + job.tile, job.grid);
    for channel in (0..job.channels).step_by(LANES) {
        let count = LANES.min(job.channels - channel);
        let mut m = [[0.0_f32; LANES]; PLACES];
        for (place, m) in m.iter_mut().enumerate() {
            // Whole panels: there are always as many as lanes.
            let from = &job.sums[(place * job.kept + job.tile) * job.columns + channel..];
            let from: &[f32; LANES] = from[..LANES].try_into().expect("a slice of this length");
            *m = *from;
        }
        for line in 0..IN {
            line_out(fma, &mut m, [0, 1, 2, 3, 4, 5].map(|i| i * IN + line));
        }
        for line in 0..OUT {
            line_out(fma, &mut m, [0, 1, 2, 3, 4, 5].map(|i| line * IN + i));
        }
        let mut bias = [0.0_f32; LANES];
        bias[..count].copy_from_slice(&job.bias[channel..channel + count]);
        if let Some(more) = job.channel_bias {
            let at = image * job.channels + channel;
            add_values(&mut bias, more, at, count);
        }
        for y in 0..OUT.min(job.size.0 - row * OUT) {
            for x in 0..OUT.min(job.size.1 - column * OUT) {
                let mut values = m[y * IN + x];
                for lane in 0..LANES {
                    values[lane] += bias[lane];
                }
                let line = image * job.size.0 + row * OUT + y;
                let at = (line * job.size.1 + column * OUT + x) * job.channels + channel;
                if let Some(residual) = job.residual {
                    add_values(&mut values, residual, at, count);
                }
                // SAFETY: within the output, and this tile's pixels are nobody else's.
                let out = unsafe { std::slice::from_raw_parts_mut(job.out.at(at), count) };
                if let Ok(out) = <&mut [T; LANES]>::try_from(&mut *out) {
                    for lane in 0..LANES {
                        out[lane] = T::of(values[lane]);
                    }
                } else {
                    out.iter_mut().zip(values).for_each(|(out, value)| *out = T::of(value));
                }
            }
        }
    }
}

/// `Aᵀ` times one row or column of a tile; the last two places are left as they are.
#[inline(always)]
fn line_out(fma: impl Fma, m: &mut [[f32; LANES]; PLACES], at: [usize; IN]) {
    for lane in 0..LANES {
        let [a, b, c, d, e, f] = at.map(|place| m[place][lane]);
        let (near, near_apart) = (b + c, b - c);
        let (far, far_apart) = (d + e, d - e);
        m[at[0]][lane] = a + near + far;
        m[at[1]][lane] = fma.mul_add(FAR, far_apart, NEAR * near_apart);
        m[at[2]][lane] = fma.mul_add(FAR2, far, NEAR2 * near);
        let cubes = fma.mul_add(FAR2 * FAR, far_apart, NEAR2 * NEAR * near_apart);
        m[at[3]][lane] = cubes + f;
    }
}

#[inline(always)]
fn add_values(out: &mut [f32; LANES], values: Values<'_>, at: usize, count: usize) {
    with_values!(Values, values, values => {
        let values = &values[at..at + count];
        if let Ok(values) = <&[_; LANES]>::try_from(values) {
            for lane in 0..LANES {
                out[lane] += Element::get(values[lane]);
            }
        } else {
            out.iter_mut().zip(values).for_each(|(out, value)| *out += value.get());
        }
    });
}
