//! Pixels at another size: Catmull-Rom both ways, straight out of a plane's tiles and straight into
//! them, so that no flat copy of a large picture is ever made.
//!
//! Called by [`super::compose`]. Works on 8-bit RGB in the picture's own (gamma) space.

use rayon::prelude::*;

use crate::diffusion::preview::Rgb;
use crate::plane::{PixelRect, Plane};

/// Rows of a result that are worked out together.
const BAND: usize = 16;

/// The source pixels that one pixel of the result is made of, along one axis.
struct Taps {
    first: usize,
    weights: Vec<f32>,
}

/// Catmull and Rom's cubic.
fn cubic(distance: f32) -> f32 {
    let x = distance.abs();
    if x < 1.0 {
        (1.5 * x - 2.5) * x * x + 1.0
    } else if x < 2.0 {
        ((-0.5 * x + 2.5) * x - 4.0) * x + 2.0
    } else {
        0.0
    }
}

/// One for each pixel in `range` of a side that goes from `from` to `to` pixels. Made smaller, the
/// cubic is as wide as it takes to see every source pixel.
fn taps(from: u32, to: u32, range: std::ops::Range<u32>) -> Vec<Taps> {
    let ratio = f64::from(from) / f64::from(to);
    let wide = ratio.max(1.0);
    let made = range.map(|index| {
        let middle = (f64::from(index) + 0.5) * ratio;
        let first = (middle - 2.0 * wide).floor().max(0.0) as usize;
        let end = ((middle + 2.0 * wide).ceil() as usize).clamp(first + 1, from as usize);
        let weight = |at: usize| cubic(((at as f64 + 0.5 - middle) / wide) as f32);
        let mut weights: Vec<f32> = (first..end).map(weight).collect();
        let sum: f32 = weights.iter().sum();
        for weight in &mut weights {
            *weight /= sum;
        }
        Taps { first, weights }
    });
    made.collect()
}

/// A row of RGB, resampled along itself and added to `out`, `share` of it.
fn add_row(row: &[u8], across: &[Taps], share: f32, out: &mut [f32]) {
    for (taps, out) in across.iter().zip(out.chunks_exact_mut(3)) {
        let mut sum = [0.0f32; 3];
        for (weight, pixel) in taps.weights.iter().zip(row[3 * taps.first..].chunks_exact(3)) {
            for channel in 0..3 {
                sum[channel] += weight * f32::from(pixel[channel]);
            }
        }
        for channel in 0..3 {
            out[channel] += share * sum[channel];
        }
    }
}

fn byte(value: f32) -> u8 {
    (value + 0.5) as u8
}

/// A picture over white at another size, as RGB rows.
pub(super) fn over_white(picture: &Plane<4>, (width, height): (u32, u32)) -> Vec<u8> {
    let (from_width, from_height) = picture.size();
    let across = taps(from_width, width, 0..width);
    let down = taps(from_height, height, 0..height);
    let stride = 3 * width as usize;
    let mut out = vec![0; stride * height as usize];
    let bands = out.par_chunks_mut(stride * BAND).zip(down.par_chunks(BAND));
    bands.for_each(|(out, down)| {
        let mut sums = vec![0.0f32; out.len()];
        let mut row = Vec::with_capacity(3 * from_width as usize);
        let mut resampled = vec![0.0f32; stride];
        let first = down.iter().map(|taps| taps.first).min().unwrap_or(0);
        let end = down.iter().map(|taps| taps.first + taps.weights.len()).max().unwrap_or(0);
        for y in first..end {
            row_over_white(picture, y as u32, &mut row);
            resampled.fill(0.0);
            add_row(&row, &across, 1.0, &mut resampled);
            for (taps, sums) in down.iter().zip(sums.chunks_exact_mut(stride)) {
                let weight = y.checked_sub(taps.first).and_then(|tap| taps.weights.get(tap));
                let Some(weight) = weight else { continue };
                sums.iter_mut().zip(&resampled).for_each(|(sum, value)| *sum += weight * value);
            }
        }
        out.iter_mut().zip(&sums).for_each(|(out, sum)| *out = byte(*sum));
    });
    out
}

/// A row of a picture over white, as RGB.
fn row_over_white(picture: &Plane<4>, y: u32, row: &mut Vec<u8>) {
    let width = picture.size().0;
    row.clear();
    for at in picture.tiles_in(PixelRect { x0: 0, y0: y, x1: width, y1: y + 1 }) {
        let rect = picture.tile_rect(at);
        let count = rect.size().0;
        let Some(span) = picture.span(rect.x0, y, count) else {
            row.resize(row.len() + 3 * count as usize, 255);
            continue;
        };
        for pixel in span.chunks_exact(4) {
            let alpha = u32::from(pixel[3]);
            let over = |value: u8| (u32::from(value) * alpha + 255 * (255 - alpha) + 127) / 255;
            row.extend([pixel[0], pixel[1], pixel[2]].map(|value| over(value) as u8));
        }
    }
}

/// A part of an RGB picture that is stretched to `size`, as opaque RGBA rows.
pub(super) fn stretched(rgb: &Rgb, size: (u32, u32), part: PixelRect) -> Vec<u8> {
    let across = taps(rgb.width as u32, size.0, part.x0..part.x1);
    let down = taps(rgb.height as u32, size.1, part.y0..part.y1);
    let stride = 3 * across.len();
    let first = down.first().map_or(0, |taps| taps.first);
    let end = down.last().map_or(0, |taps| taps.first + taps.weights.len());
    let mut rows = vec![0.0f32; stride * (end - first)];
    let lines = rgb.pixels.chunks_exact(3 * rgb.width).skip(first);
    for (line, row) in lines.zip(rows.chunks_exact_mut(stride.max(1))) {
        add_row(line, &across, 1.0, row);
    }
    let mut out = Vec::with_capacity(4 * across.len() * down.len());
    let mut sums = vec![0.0f32; stride];
    for taps in &down {
        sums.fill(0.0);
        let lines = rows.chunks_exact(stride.max(1)).skip(taps.first - first);
        for (weight, line) in taps.weights.iter().zip(lines) {
            sums.iter_mut().zip(line).for_each(|(sum, value)| *sum += weight * value);
        }
        let pixels = sums.chunks_exact(3);
        out.extend(pixels.flat_map(|p| [byte(p[0]), byte(p[1]), byte(p[2]), 255]));
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rgb(width: usize, height: usize, value: impl Fn(usize, usize) -> [u8; 3]) -> Rgb {
        let pixels = (0..width * height).flat_map(|i| value(i % width, i / width)).collect();
        Rgb { width, height, pixels }
    }

    fn whole(rgb: &Rgb, size: (u32, u32)) -> Vec<u8> {
        stretched(rgb, size, PixelRect::whole(size))
    }

    /// The image crate's filter of the same name says the same, to its rounding.
    #[test]
    fn equals_the_image_crates_catmull_rom() {
        let source = rgb(37, 23, |x, y| [(x * 7) as u8, (y * 11) as u8, ((x * y) % 251) as u8]);
        let rgba: Vec<u8> = source.pixels.chunks(3).flat_map(|p| [p[0], p[1], p[2], 255]).collect();
        let plane = Plane::from_flat((37, 23), &rgba);
        let image = image::RgbImage::from_raw(37, 23, source.pixels.clone()).expect("its size");
        for (width, height) in [(37, 23), (111, 50), (12, 9), (5, 60), (1, 1)] {
            let filter = image::imageops::FilterType::CatmullRom;
            let theirs = image::imageops::resize(&image, width, height, filter).into_raw();
            let close = |ours: &[u8]| {
                assert_eq!(ours.len(), theirs.len());
                ours.iter().zip(&theirs).all(|(a, b)| a.abs_diff(*b) <= 1)
            };
            assert!(close(&over_white(&plane, (width, height))), "{width} × {height}");
            let ours = whole(&source, (width, height));
            let ours: Vec<u8> = ours.chunks(4).flat_map(|p| [p[0], p[1], p[2]]).collect();
            assert!(close(&ours), "{width} × {height}");
        }
    }

    #[test]
    fn the_own_size_changes_no_bit_and_parts_equal_the_whole() {
        let source = rgb(50, 40, |x, y| [(x * 5) as u8, (y * 6) as u8, ((x ^ y) * 4) as u8]);
        let same = whole(&source, (50, 40));
        assert!(same.chunks(4).zip(source.pixels.chunks(3)).all(|(a, b)| a[..3] == *b));
        let size = (333, 90);
        let large = whole(&source, size);
        let part = PixelRect { x0: 256, y0: 17, x1: 333, y1: 60 };
        let rows = large.chunks(4 * 333).skip(17).take(43).flat_map(|row| &row[4 * 256..]);
        assert!(stretched(&source, size, part).iter().eq(rows));
    }

    #[test]
    fn transparent_parts_are_white() {
        let plane = Plane::from_flat((2, 1), &[0, 0, 0, 0, 100, 0, 0, 255]);
        assert_eq!(over_white(&plane, (2, 1)), [255, 255, 255, 100, 0, 0]);
        assert_eq!(over_white(&Plane::new((700, 300)), (3, 2)), [255; 18]);
    }
}
