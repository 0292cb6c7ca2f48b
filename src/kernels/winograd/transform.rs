//! The transforms of weights, of tiles on their way in and on their way out, by vectors of channels.

use super::super::isa::{self, for_each_isa};
use super::super::memory::{LINE_VALUES, Shared, will_read, will_write};
use super::super::values::{Element, Values, with_values};
use super::super::vector::Fma;
use super::{IN, Image, OUT, PLACES};

/// The points.
const NEAR: f32 = 0.75;
const FAR: f32 = 1.5;
/// Their squares; all coefficients that follow from these are exact.
const NEAR2: f32 = NEAR * NEAR;
const FAR2: f32 = FAR * FAR;
/// What weights are scaled by at zero and at the points.
const AT_ZERO: f32 = 1.0 / (NEAR2 * FAR2);
const AT_NEAR: f32 = 1.0 / (2.0 * NEAR2 * (NEAR2 - FAR2));
const AT_FAR: f32 = 1.0 / (2.0 * FAR2 * (FAR2 - NEAR2));
/// Channels that the transforms work on at once.
pub(super) const LANES: usize = 16;

/// Values of a window.
pub(super) const TAPS: usize = 9;

/// `G`, by rows.
const G: [[f32; 3]; IN] = [
    [AT_ZERO, 0.0, 0.0],
    [AT_NEAR, AT_NEAR * NEAR, AT_NEAR * NEAR2],
    [AT_NEAR, -AT_NEAR * NEAR, AT_NEAR * NEAR2],
    [AT_FAR, AT_FAR * FAR, AT_FAR * FAR2],
    [AT_FAR, -AT_FAR * FAR, AT_FAR * FAR2],
    [0.0, 0.0, 1.0],
];

/// Where transformed weights go.
#[derive(Clone, Copy)]
pub(super) struct Spread {
    /// Channels out of the panel.
    pub width: usize,
    /// The row of `G g Gᵀ` that is wanted, or all.
    pub row: Option<usize>,
    /// From place to place.
    pub stride: usize,
}

for_each_isa! {
    /// `G g Gᵀ`, or a row of it, for `depth` input channels of a panel: `from` is
    /// `[depth, TAPS, width]`, `out` for each place `[depth, width]`.
    pub(super) fn spread_weights[T: Element](out: &mut [f32], from: &[T], by: Spread) = spread_here;
}

#[inline(always)]
fn spread_here<T: Element>(fma: impl Fma, out: &mut [f32], from: &[T], by: Spread) {
    // Panels are 8, 16 or 32 wide.
    if by.width.is_multiple_of(LANES) {
        spread_lanes::<T, LANES>(fma, out, from, by);
    } else {
        spread_lanes::<T, { LANES / 2 }>(fma, out, from, by);
    }
}

#[inline(always)]
fn spread_lanes<T: Element, const L: usize>(
    fma: impl Fma,
    out: &mut [f32],
    from: &[T],
    Spread { width, row, stride }: Spread,
) {
    /// Channels that are asked for ahead: weights come from memory.
    const AHEAD: usize = 8;
    for (channel, taps) in from.chunks_exact(TAPS * width).enumerate() {
        for line in (0..TAPS * width).step_by(LINE_VALUES) {
            will_read(taps.as_ptr().wrapping_add(AHEAD * TAPS * width + line));
        }
        let (taps, _) = taps.as_chunks::<L>();
        for part in 0..width / L {
            // By plain loops: closures in `map` are not compiled for the vectors.
            let mut columns = [[[0.0_f32; L]; 3]; 3];
            for (x, column) in columns.iter_mut().enumerate() {
                for (y, column) in column.iter_mut().enumerate() {
                    let from = &taps[(3 * y + x) * (width / L) + part];
                    for lane in 0..L {
                        column[lane] = from[lane].get();
                    }
                }
            }
            let at = channel * width + part * L;
            if let Some(row) = row {
                let mut half = [[0.0_f32; L]; 3];
                for (half, column) in half.iter_mut().zip(&columns) {
                    for (g, column) in G[row].iter().zip(column) {
                        for lane in 0..L {
                            half[lane] = fma.mul_add(*g, column[lane], half[lane]);
                        }
                    }
                }
                put_line(fma, &mut out[at..], stride, &half);
                continue;
            }
            let half = [
                line_of_weights(fma, &columns[0]),
                line_of_weights(fma, &columns[1]),
                line_of_weights(fma, &columns[2]),
            ];
            for row in 0..IN {
                let half = [half[0][row], half[1][row], half[2][row]];
                put_line(fma, &mut out[row * IN * stride + at..], stride, &half);
            }
        }
    }
}

/// A row of `G g Gᵀ` from one of `G g`.
#[inline(always)]
fn put_line<const L: usize>(fma: impl Fma, out: &mut [f32], stride: usize, half: &[[f32; L]; 3]) {
    for (column, line) in line_of_weights(fma, half).iter().enumerate() {
        let out = out[column * stride..].first_chunk_mut().expect("there is room for a vector");
        *out = *line;
    }
}

/// `G` times one row or column of a window.
#[inline(always)]
fn line_of_weights<const L: usize>(fma: impl Fma, g: &[[f32; L]; 3]) -> [[f32; L]; IN] {
    let mut out = [[0.0; L]; IN];
    for lane in 0..L {
        let [a, b, c] = [g[0][lane], g[1][lane], g[2][lane]];
        out[0][lane] = AT_ZERO * a;
        let (even, odd) = (AT_NEAR * fma.mul_add(NEAR2, c, a), (AT_NEAR * NEAR) * b);
        out[1][lane] = even + odd;
        out[2][lane] = even - odd;
        let (even, odd) = (AT_FAR * fma.mul_add(FAR2, c, a), (AT_FAR * FAR) * b);
        out[3][lane] = even + odd;
        out[4][lane] = even - odd;
        out[5][lane] = c;
    }
    out
}

/// Image, row and column of a tile.
fn place_of(tile: usize, grid: (usize, usize)) -> (usize, usize, usize) {
    let (line, column) = (tile / grid.1, tile % grid.1);
    (line / grid.0, line % grid.0, column)
}

/// A tile on its way in.
#[derive(Clone, Copy)]
pub(super) struct Going<'a> {
    pub image: Image<'a>,
    pub channels: usize,
    /// Rows and columns of tiles.
    pub grid: (usize, usize),
    /// The tile, of all.
    pub tile: usize,
    /// Its row among the block's `rows`.
    pub row: usize,
    pub rows: usize,
    /// The block's transformed values: `[PLACES, rows, stride]`.
    pub v: Shared<f32>,
    pub stride: usize,
}

for_each_isa! {
    /// `Bᵀ d B` for a tile, which nobody else may work on.
    pub(super) fn go_in[X: Element](job: &Going<'_>, x: &[X]) = go_in_here;
}

#[inline(always)]
fn go_in_here<X: Element>(fma: impl Fma, job: &Going<'_>, x: &[X]) {
    let (image, row, column) = place_of(job.tile, job.grid);
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
            will_read(from.as_ptr().wrapping_add(2 * LANES));
            if let Ok(from) = <&[X; LANES]>::try_from(from) {
                for lane in 0..LANES {
                    d[lane] = from[lane].get();
                }
            } else {
                d.iter_mut().zip(from).for_each(|(d, from)| *d = from.get());
            }
        }
        let begin = job.row * job.stride + channel;
        for place in 0..PLACES {
            will_write(job.v.at(begin + place * job.rows * job.stride));
        }
        for line in 0..IN {
            line_in(fma, &mut d, [0, 1, 2, 3, 4, 5].map(|i| i * IN + line));
        }
        for line in 0..IN {
            line_in(fma, &mut d, [0, 1, 2, 3, 4, 5].map(|i| line * IN + i));
        }
        for (place, d) in d.iter().enumerate() {
            let at = begin + place * job.rows * job.stride;
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
pub(super) struct Coming<'a, T> {
    /// `[PLACES, rows, width]`.
    pub sums: &'a [f32],
    pub rows: usize,
    pub width: usize,
    /// The tile's row in the sums.
    pub row: usize,
    /// The tile, of all.
    pub tile: usize,
    /// Rows and columns of the image, and of tiles.
    pub size: (usize, usize),
    pub grid: (usize, usize),
    /// All output channels, and which of them these are.
    pub channels: usize,
    pub first: usize,
    pub count: usize,
    pub bias: &'a [f32],
    pub channel_bias: Option<Values<'a>>,
    pub residual: Option<Values<'a>>,
    pub out: Shared<T>,
}

for_each_isa! {
    /// `Aᵀ m A` for a tile and what is added to it. The tile's pixels, in these channels, must be
    /// written by nobody else.
    pub(super) fn come_out[T: Element](job: &Coming<'_, T>) = come_out_here;
}

#[inline(always)]
fn come_out_here<T: Element>(fma: impl Fma, job: &Coming<'_, T>) {
    let (image, row, column) = place_of(job.tile, job.grid);
    for lane in (0..job.count).step_by(LANES) {
        let count = LANES.min(job.count - lane);
        let channel = job.first + lane;
        let mut m = [[0.0_f32; LANES]; PLACES];
        for (place, m) in m.iter_mut().enumerate() {
            let from = &job.sums[(place * job.rows + job.row) * job.width + lane..];
            if let Some(from) = from.first_chunk::<LANES>() {
                *m = *from;
            } else {
                // Narrower panels than vectors: the last tile's.
                m[..count].copy_from_slice(&from[..count]);
            }
        }
        let rows = OUT.min(job.size.0 - row * OUT);
        let columns = OUT.min(job.size.1 - column * OUT);
        let line = image * job.size.0 + row * OUT;
        let begin = (line * job.size.1 + column * OUT) * job.channels + channel;
        for y in 0..rows {
            for x in 0..columns {
                will_write(job.out.at(begin + (y * job.size.1 + x) * job.channels));
            }
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
        for y in 0..rows {
            for x in 0..columns {
                let mut values = m[y * IN + x];
                for lane in 0..LANES {
                    values[lane] += bias[lane];
                }
                let at = begin + (y * job.size.1 + x) * job.channels;
                if let Some(residual) = job.residual {
                    add_values(&mut values, residual, at, count);
                }
                // SAFETY: within the output, and this tile's pixels are nobody else's.
                let out = unsafe { std::slice::from_raw_parts_mut(job.out.at(at), count) };
                if let Ok(out) = <&mut [T; LANES]>::try_from(&mut *out) {
                    fma.put(out, &values);
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
