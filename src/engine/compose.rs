//! Between pictures and the numbers that the pipeline works on: sizes, ranges, masks, blending.
//!
//! Called by the painter. Pictures go in at their own resolution and come back at it, in tiles; the
//! model works at its own. All work on a whole picture is done here, on the worker's threads.

use std::sync::Arc;

use rayon::prelude::*;

use super::protocol::Picture;
use super::resample::{over_white, stretched};
use crate::diffusion::preview::Rgb;
use crate::feather;
use crate::plane::{PixelRect, Plane, TILE, Tile, TileAt};

/// A picture over white, at another size if need be, without alpha: `3 * width * height` bytes.
#[must_use]
pub fn flattened(picture: &Plane<4>, size: (u32, u32)) -> Vec<u8> {
    over_white(picture, size)
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
pub fn latent_mask(mask: &Plane<1>, cells: (usize, usize)) -> Vec<f32> {
    let (rows, columns) = cells;
    let span = |index: usize, count: usize, size: u32| {
        let size = size as usize;
        let begin = index * size / count;
        let end = ((index + 1) * size).div_ceil(count).clamp(begin + 1, size);
        (begin as u32, end as u32)
    };
    let (width, height) = mask.size();
    let mut cells = Vec::with_capacity(rows * columns);
    for row in 0..rows {
        let (y0, y1) = span(row, rows, height);
        for column in 0..columns {
            let (x0, x1) = span(column, columns, width);
            let painted = !mask.is_zero_in(PixelRect { x0, y0, x1, y1 });
            cells.push(if painted { 1.0 } else { 0.0 });
        }
    }
    cells
}

/// An estimate as an opaque picture.
#[must_use]
pub fn estimate(rgb: &Rgb) -> Picture {
    let pixels = rgb.pixels.chunks_exact(3);
    let rgba = pixels.flat_map(|pixel| [pixel[0], pixel[1], pixel[2], 255]).collect();
    Picture { width: rgb.width as u32, height: rgb.height as u32, rgba }
}

/// An opaque picture, at another size if need be, with its halves.
#[must_use]
pub fn picture(rgb: &Rgb, size: (u32, u32)) -> Plane<4> {
    let sheet = Plane::<4>::new(size);
    let places: Vec<TileAt> = sheet.tiles_in(PixelRect::whole(size)).collect();
    let made = places.into_par_iter().filter_map(|at| {
        let rect = sheet.tile_rect(at);
        let rows = stretched(rgb, size, rect);
        let tile = Tile::of_rows(rows.chunks_exact(4 * rect.size().0 as usize))?;
        Some((at, Arc::new(tile)))
    });
    let tiles: Vec<_> = made.collect();
    let picture = Plane::from_tiles(size, tiles).expect("tiles of a plane that was made");
    with_halves(picture)
}

/// The halves of all tiles that have none yet, made beside each other.
fn with_halves(picture: Plane<4>) -> Plane<4> {
    let places: Vec<TileAt> = picture.tiles().map(|(at, _)| at).collect();
    places.into_par_iter().for_each(|at| picture.make_halves_at(at));
    picture
}

/// `painted` laid over `original` at `place`, which holds all of the mask, through that mask, fading
/// in over `feather_px` from its edge inward. Where the mask is 0, every bit is the original's: the
/// tiles there are the same ones.
#[must_use]
pub fn blended(
    original: &Plane<4>,
    painted: &Rgb,
    place: PixelRect,
    mask: &Plane<1>,
    feather_px: f32,
) -> Plane<4> {
    let size = original.size();
    // What fades far needs to see far: larger blocks look less often at the same pixels.
    let side = TILE * (feather_px.ceil() as u32).div_ceil(TILE).max(1);
    let blocks = (0..size.1).step_by(side as usize).flat_map(|y0| {
        (0..size.0).step_by(side as usize).map(move |x0| {
            let (x1, y1) = ((x0 + side).min(size.0), (y0 + side).min(size.1));
            PixelRect { x0, y0, x1, y1 }.intersection(place)
        })
    });
    let blocks: Vec<PixelRect> = blocks.filter(|block| !mask.is_zero_in(*block)).collect();
    let mixed = blocks.into_par_iter().map(|block| {
        let weights = feathered(mask, block, feather_px);
        let part = PixelRect {
            x0: block.x0 - place.x0,
            y0: block.y0 - place.y0,
            x1: block.x1 - place.x0,
            y1: block.y1 - place.y0,
        };
        let painted = stretched(painted, place.size(), part);
        (block, mix(&original.read(block), &painted, &weights))
    });
    let mut result = original.clone();
    for (block, pixels) in mixed.collect::<Vec<_>>() {
        // A large block may hold tiles that the mask leaves alone.
        for at in result.tiles_in(block).filter(|at| mask.tile(*at).is_some()) {
            let rect = result.tile_rect(at).intersection(block);
            let stride = 4 * block.size().0 as usize;
            let from = 4 * (rect.x0 - block.x0) as usize;
            let rows = (rect.y0 - block.y0) as usize..(rect.y1 - block.y0) as usize;
            let width = 4 * rect.size().0 as usize;
            let rows = rows.flat_map(|y| &pixels[y * stride + from..][..width]);
            result.write(rect, &rows.copied().collect::<Vec<u8>>());
        }
    }
    with_halves(result)
}

/// Pixels of the two, by weight. Colours count as much as they cover: what was erased has none to
/// give, or the fill would get a dark rim there.
fn mix(original: &[u8], painted: &[u8], weights: &[u8]) -> Vec<u8> {
    let pixels = original.chunks_exact(4).zip(painted.chunks_exact(4));
    let mixed = pixels.zip(weights).flat_map(|((original, painted), weight)| {
        let w = u32::from(*weight);
        let (a, b) = (u32::from(original[3]) * (255 - w), u32::from(painted[3]) * w);
        let cover = a + b;
        [0, 1, 2, 3].map(|channel| match *weight {
            255 => painted[channel],
            0 => original[channel],
            _ if cover == 0 => original[channel],
            _ if channel == 3 => ((cover + 127) / 255) as u8,
            _ => {
                let (from, to) = (u32::from(original[channel]), u32::from(painted[channel]));
                ((from * a + to * b + cover / 2) / cover) as u8
            }
        })
    });
    mixed.collect()
}

/// A part of the mask with its edge softened inward over `feather_px`; 0 where it is 0. The
/// picture's own border is no edge.
#[must_use]
pub fn feathered(mask: &Plane<1>, part: PixelRect, feather_px: f32) -> Vec<u8> {
    if feather_px <= 0.0 {
        return mask.read(part);
    }
    // What lies farther away than the fade is wide makes no difference.
    let around = part.grown(feather_px.ceil() as u32 + 1, mask.size());
    let values = mask.read(around);
    let (width, height) = around.size();
    let depths = feather::depths(&values, width as usize, 0..width as usize, 0..height as usize);
    let mut weights = Vec::with_capacity(part.size().0 as usize * part.size().1 as usize);
    for y in part.y0..part.y1 {
        let row = (y - around.y0) as usize * width as usize;
        let columns = (part.x0 - around.x0) as usize..(part.x1 - around.x0) as usize;
        let places = row + columns.start..row + columns.end;
        let pixels = values[places.clone()].iter().zip(&depths[places]);
        weights.extend(pixels.map(|(value, depth)| feather::feathered(*value, *depth, feather_px)));
    }
    weights
}

#[cfg(test)]
mod tests {
    use super::*;

    fn square_mask() -> Plane<1> {
        let inside = |i: usize| (2..8).contains(&(i % 10)) && (2..8).contains(&(i / 10));
        let values: Vec<u8> = (0..100).map(|i| if inside(i) { 255 } else { 0 }).collect();
        Plane::from_flat((10, 10), &values)
    }

    fn grey(width: usize, height: usize, value: u8) -> Rgb {
        Rgb { width, height, pixels: vec![value; 3 * width * height] }
    }

    #[test]
    fn outside_the_mask_no_bit_changes_and_the_feather_stays_inside() {
        let rgba: Vec<u8> = (0..400).map(|i| (i * 7 % 256) as u8).collect();
        let original = Plane::from_flat((10, 10), &rgba);
        let mask = square_mask();
        let whole = PixelRect::whole((10, 10));
        for feather in [0.0, 1.0, 3.0, 40.0] {
            let weights = feathered(&mask, whole, feather);
            let blended = blended(&original, &grey(10, 10, 200), whole, &mask, feather).to_flat();
            for (i, (weight, covered)) in weights.iter().zip(mask.to_flat()).enumerate() {
                assert!(*weight <= covered);
                if covered == 0 {
                    assert_eq!(blended[i * 4..][..4], rgba[i * 4..][..4]);
                }
            }
        }
        assert_eq!(feathered(&mask, whole, 2.0)[5 * 10 + 5], 255);
        assert!(feathered(&mask, whole, 4.0)[5 * 10 + 2] < 128);
    }

    #[test]
    fn what_fades_into_an_erased_part_keeps_its_colour() {
        let mixed = |original: [u8; 4], painted: [u8; 4], weight: u8| {
            <[u8; 4]>::try_from(mix(&original, &painted, &[weight])).unwrap()
        };
        let fill = [200, 200, 200, 255];
        assert_eq!(mixed([0; 4], fill, 128), [200, 200, 200, 128]);
        // Laid over white afterwards, it is what it would have been over white.
        assert_eq!(mixed([255; 4], fill, 128), [227, 227, 227, 255]);
        // Half covered: 100 by 64 to 200 by 128.
        assert_eq!(mixed([100, 0, 255, 128], fill, 128), [167, 134, 218, 192]);
        // Nothing on nothing, and the ends of the fade, to the bit.
        for weight in [0, 1, 128, 254] {
            assert_eq!(mixed([7, 8, 9, 0], [1, 2, 3, 0], weight), [7, 8, 9, 0]);
        }
        for original in [[0; 4], [7, 8, 9, 0], [1, 2, 3, 77]] {
            assert_eq!(mixed(original, fill, 0), original);
            assert_eq!(mixed(fill, original, 255), original);
        }
    }

    #[test]
    fn opaque_pixels_are_mixed_channel_by_channel() {
        let plain = |a: u8, b: u8, w: u8| {
            let (a, b, w) = (u32::from(a), u32::from(b), u32::from(w));
            ((a * (255 - w) + b * w + 127) / 255) as u8
        };
        for weight in 0..=255 {
            for value in 0..=255u8 {
                let (a, b) = ([value, 255 - value, 90, 255], [90, value, value / 3, 255]);
                let expected = [0, 1, 2, 3].map(|channel| plain(a[channel], b[channel], weight));
                assert_eq!(mix(&a, &b, &[weight]), expected, "{value}, {weight}");
            }
        }
    }

    #[test]
    fn tiles_that_the_mask_leaves_alone_are_the_same_ones() {
        let rgba: Vec<u8> = (0..700 * 600 * 4u32).map(|i| (i % 251) as u8).collect();
        let original = Plane::from_flat((700, 600), &rgba);
        let mut mask = Plane::<1>::new((700, 600));
        mask.fill_rect(PixelRect { x0: 300, y0: 40, x1: 340, y1: 300 }, [255]);
        for feather in [0.0, 5.0, 300.0] {
            let blended = blended(
                &original,
                &grey(64, 55, 200),
                PixelRect::whole((700, 600)),
                &mask,
                feather,
            );
            let changed = |at: &TileAt| blended.tile_key(*at) != original.tile_key(*at);
            let places = original.tiles_in(PixelRect::whole((700, 600)));
            assert_eq!(places.filter(changed).collect::<Vec<_>>(), [(1, 0), (1, 1)]);
            assert!(blended.tiles().all(|(at, _)| blended.halves(at).is_some()));
        }
    }

    #[test]
    fn parts_of_a_feathered_mask_equal_the_whole() {
        let mut mask = Plane::<1>::new((600, 300));
        mask.fill_rect(PixelRect { x0: 100, y0: 10, x1: 580, y1: 290 }, [255]);
        mask.fill_rect(PixelRect { x0: 240, y0: 100, x1: 280, y1: 120 }, [0]);
        for feather in [0.0, 7.5, 90.0] {
            let whole = feathered(&mask, PixelRect::whole((600, 300)), feather);
            let part = PixelRect { x0: 256, y0: 90, x1: 512, y1: 256 };
            let rows = whole.chunks(600).skip(90).take(166).flat_map(|row| &row[256..512]);
            assert!(feathered(&mask, part, feather).iter().eq(rows), "{feather}");
        }
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
        assert_eq!(latent_mask(&Plane::filled((1, 1), [1]), (2, 3)), [1.0; 6]);
        let mut dot = Plane::new((9, 9));
        dot.write(PixelRect { x0: 8, y0: 8, x1: 9, y1: 9 }, &[9]);
        assert_eq!(latent_mask(&dot, (2, 2)), [0.0, 0.0, 0.0, 1.0]);
    }

    #[test]
    fn a_result_has_the_size_that_is_asked_for() {
        let plain = picture(&grey(32, 32, 90), (700, 300));
        assert_eq!(plain, Plane::filled((700, 300), [90, 90, 90, 255]));
        assert!(plain.tiles().all(|(at, _)| plain.halves(at).is_some()));
    }
}
