//! Between pictures and the numbers that the pipeline works on: sizes, ranges, masks, blending.
//!
//! Called by the painter. Pictures go in at their own resolution and come back at it; the model
//! works at its own.

use image::imageops::{FilterType, resize};
use image::{ImageBuffer, Rgb};

use super::protocol::{Coverage, Picture};
use crate::diffusion::preview;
use crate::feather;

type Rgb8 = ImageBuffer<Rgb<u8>, Vec<u8>>;

/// A picture over white, at another size if need be, without alpha.
#[must_use]
pub fn flattened(picture: &Picture, (width, height): (u32, u32)) -> Vec<u8> {
    let over_white = picture.rgba.chunks_exact(4).flat_map(|pixel| {
        let alpha = u32::from(pixel[3]);
        [pixel[0], pixel[1], pixel[2]]
            .map(|value| ((u32::from(value) * alpha + 255 * (255 - alpha) + 127) / 255) as u8)
    });
    resized(over_white.collect(), (picture.width, picture.height), (width, height))
}

/// RGB pixels at another size: smooth both ways, and untouched at their own.
fn resized(pixels: Vec<u8>, from: (u32, u32), to: (u32, u32)) -> Vec<u8> {
    if from == to {
        return pixels;
    }
    let image = Rgb8::from_raw(from.0, from.1, pixels).expect("three bytes for each pixel");
    resize(&image, to.0, to.1, FilterType::CatmullRom).into_raw()
}

/// RGB bytes as planes in -1..=1.
#[must_use]
pub fn planes(pixels: &[u8]) -> Vec<f32> {
    let channel = |channel: usize| pixels.iter().skip(channel).step_by(3);
    let value = |byte: &u8| f32::from(*byte) / 255.0 * 2.0 - 1.0;
    (0..3).flat_map(|index| channel(index).map(value)).collect()
}

/// 1 for each latent cell under which any pixel of the mask is painted, else 0. The mask may be
/// of any size; cells are `cells` (height, width).
#[must_use]
pub fn latent_mask(mask: &Coverage, cells: (usize, usize)) -> Vec<f32> {
    let (rows, columns) = cells;
    let span = |index: usize, count: usize, size: u32| {
        let size = size as usize;
        let begin = index * size / count;
        begin..((index + 1) * size).div_ceil(count).clamp(begin + 1, size)
    };
    let mut cells = Vec::with_capacity(rows * columns);
    for row in 0..rows {
        for column in 0..columns {
            let across = span(column, columns, mask.width);
            let painted = span(row, rows, mask.height).any(|y| {
                let line = &mask.values[y * mask.width as usize..];
                line[across.clone()].iter().any(|coverage| *coverage > 0)
            });
            cells.push(if painted { 1.0 } else { 0.0 });
        }
    }
    cells
}

/// An opaque picture of RGB pixels, at another size if need be.
#[must_use]
pub fn picture(rgb: preview::Rgb, (width, height): (u32, u32)) -> Picture {
    let pixels = resized(rgb.pixels, (rgb.width as u32, rgb.height as u32), (width, height));
    let rgba =
        pixels.chunks_exact(3).flat_map(|pixel| [pixel[0], pixel[1], pixel[2], 255]).collect();
    Picture { width, height, rgba }
}

/// `painted` laid over `original` through the mask, fading in over `feather_px` from its edge
/// inward. Where the mask is 0, every bit is the original's.
#[must_use]
pub fn blended(original: &Picture, painted: &Picture, mask: &Coverage, feather_px: f32) -> Picture {
    let weights = feathered(mask, feather_px);
    let pixels = original.rgba.chunks_exact(4).zip(painted.rgba.chunks_exact(4));
    let mixed = pixels.zip(weights).flat_map(|((original, painted), weight)| {
        [0, 1, 2, 3].map(|channel| match weight {
            0 => original[channel],
            255 => painted[channel],
            _ => {
                let (a, b, w) =
                    (u32::from(original[channel]), u32::from(painted[channel]), u32::from(weight));
                ((a * (255 - w) + b * w + 127) / 255) as u8
            }
        })
    });
    Picture { width: original.width, height: original.height, rgba: mixed.collect() }
}

/// The mask with its edge softened inward over `feather_px`; 0 where it is 0. The picture's own
/// border is no edge.
#[must_use]
pub fn feathered(mask: &Coverage, feather_px: f32) -> Vec<u8> {
    if feather_px <= 0.0 {
        return mask.values.clone();
    }
    let (width, height) = (mask.width as usize, mask.height as usize);
    let depths = feather::depths(&mask.values, width, 0..width, 0..height);
    let pixels = mask.values.iter().zip(depths);
    pixels.map(|(value, depth)| feather::feathered(*value, depth, feather_px)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn square_mask() -> Coverage {
        let inside = |i: usize| (2..8).contains(&(i % 10)) && (2..8).contains(&(i / 10));
        let values = (0..100).map(|i| if inside(i) { 255 } else { 0 }).collect();
        Coverage { width: 10, height: 10, values }
    }

    #[test]
    fn outside_the_mask_no_bit_changes_and_the_feather_stays_inside() {
        let rgba: Vec<u8> = (0..400).map(|i| (i * 7 % 256) as u8).collect();
        let original = Picture { width: 10, height: 10, rgba };
        let painted = Picture { width: 10, height: 10, rgba: vec![200; 400] };
        let mask = square_mask();
        for feather in [0.0, 1.0, 3.0, 40.0] {
            let weights = feathered(&mask, feather);
            let blended = blended(&original, &painted, &mask, feather);
            for (i, (weight, covered)) in weights.iter().zip(&mask.values).enumerate() {
                assert!(weight <= covered);
                if *covered == 0 {
                    assert_eq!(blended.rgba[i * 4..][..4], original.rgba[i * 4..][..4]);
                }
            }
        }
        assert_eq!(feathered(&mask, 2.0)[5 * 10 + 5], 255);
        assert!(feathered(&mask, 4.0)[5 * 10 + 2] < 128);
    }

    #[test]
    fn a_latent_cell_is_free_when_any_of_its_pixels_is() {
        assert_eq!(
            latent_mask(&square_mask(), (5, 5)),
            [
                [0., 0., 0., 0., 0.],
                [0., 1., 1., 1., 0.],
                [0., 1., 1., 1., 0.],
                [0., 1., 1., 1., 0.],
                [0.; 5]
            ]
            .concat()
        );
        // A mask smaller than the latent, and one dot in a large one.
        assert_eq!(
            latent_mask(&Coverage { width: 1, height: 1, values: vec![1] }, (2, 3)),
            [1.0; 6]
        );
        let mut dot = Coverage { width: 9, height: 9, values: vec![0; 81] };
        dot.values[80] = 9;
        assert_eq!(latent_mask(&dot, (2, 2)), [0.0, 0.0, 0.0, 1.0]);
    }

    #[test]
    fn transparent_parts_are_white() {
        let picture = Picture { width: 2, height: 1, rgba: vec![0, 0, 0, 0, 100, 0, 0, 255] };
        assert_eq!(flattened(&picture, (2, 1)), [255, 255, 255, 100, 0, 0]);
    }
}
