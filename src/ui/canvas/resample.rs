//! Resampling of what emerges, on the CPU: a Mitchell cubic for tiny previews, blends.
//!
//! All of it works on 8-bit RGBA, in the picture's own (gamma) space.

use crate::engine::protocol::Picture;
use crate::plane::{DEEPEST, PixelRect, Plane, TILE, TileAt};

/// The mean grey of the checks that are seen through what is transparent.
const CHECKS: u16 = 178;

/// Mitchell and Netravali's cubic with B = C = 1/3.
fn mitchell(distance: f32) -> f32 {
    let x = distance.abs();
    if x < 1.0 {
        (7.0 * x * x * x - 12.0 * x * x + 16.0 / 3.0) / 6.0
    } else if x < 2.0 {
        (-7.0 / 3.0 * x * x * x + 12.0 * x * x - 20.0 * x + 32.0 / 3.0) / 6.0
    } else {
        0.0
    }
}

/// Four taps per output sample: where they begin, and their weights.
fn taps(from: usize, factor: usize) -> Vec<([usize; 4], [f32; 4])> {
    (0..from * factor)
        .map(|index| {
            let at = (index as f32 + 0.5) / factor as f32 - 0.5;
            let first = at.floor() as i64 - 1;
            let places = [0, 1, 2, 3].map(|tap| (first + tap).clamp(0, from as i64 - 1) as usize);
            let weights = [0i64, 1, 2, 3].map(|tap| mitchell(at - (first + tap) as f32));
            (places, weights)
        })
        .collect()
}

/// Enlarged by a whole factor with a Mitchell cubic: fog, never blocks.
pub(super) fn enlarged(picture: &Picture, factor: usize) -> Picture {
    let (width, height) = (picture.width as usize, picture.height as usize);
    let across = taps(width, factor);
    let wide = width * factor;
    let mut rows = vec![0.0f32; wide * 4 * height];
    for (row, out) in picture.rgba.chunks_exact(width * 4).zip(rows.chunks_exact_mut(wide * 4)) {
        for ((places, weights), out) in across.iter().zip(out.chunks_exact_mut(4)) {
            for (place, weight) in places.iter().zip(weights) {
                for (value, source) in out.iter_mut().zip(&row[place * 4..place * 4 + 4]) {
                    *value += weight * f32::from(*source);
                }
            }
        }
    }
    let mut rgba = Vec::with_capacity(wide * height * factor * 4);
    for (places, weights) in taps(height, factor) {
        let row = |tap: usize| &rows[places[tap] * wide * 4..][..wide * 4];
        let (a, b, c, d) = (row(0), row(1), row(2), row(3));
        let mixed = a.iter().zip(b).zip(c.iter().zip(d)).map(|((a, b), (c, d))| {
            /// Added to a small number, it leaves that number, rounded, in the last bits: a
            /// conversion that is done for many pixels at once.
            const UNITS: f32 = 8_388_608.0;
            let sum = weights[0] * a + weights[1] * b + weights[2] * c + weights[3] * d;
            (sum.clamp(0.0, 255.0) + UNITS).to_bits() as u8
        });
        rgba.extend(mixed);
    }
    Picture { width: wide as u32, height: (height * factor) as u32, rgba }
}

/// Stretched to another size with bilinear taps.
pub(super) fn stretched(picture: &Picture, width: u32, height: u32) -> Picture {
    if (picture.width, picture.height) == (width, height) {
        return picture.clone();
    }
    let axis = |to: u32, from: u32| -> Vec<(usize, usize, f32)> {
        (0..to)
            .map(|index| {
                let at = (index as f32 + 0.5) * from as f32 / to as f32 - 0.5;
                let at = at.clamp(0.0, from as f32 - 1.0);
                let low = at as usize;
                (low, (low + 1).min(from as usize - 1), at.fract())
            })
            .collect()
    };
    let columns = axis(width, picture.width);
    let mut rgba = Vec::with_capacity(width as usize * height as usize * 4);
    for (top, bottom, down) in axis(height, picture.height) {
        let stride = picture.width as usize * 4;
        let (top, bottom) = (&picture.rgba[top * stride..], &picture.rgba[bottom * stride..]);
        for (left, right, along) in &columns {
            for channel in 0..4 {
                let mix = |row: &[u8]| {
                    let (a, b) = (row[left * 4 + channel], row[right * 4 + channel]);
                    f32::from(a) + (f32::from(b) - f32::from(a)) * along
                };
                let (a, b) = (mix(top), mix(bottom));
                rgba.push((a + (b - a) * down + 0.5) as u8);
            }
        }
    }
    Picture { width, height, rgba }
}

/// A part of a picture at another size, however small, without alpha: what is transparent is as grey as the checks
/// behind it.
pub(super) fn shrunk(picture: &Plane<4>, part: PixelRect, (width, height): (u32, u32)) -> Picture {
    let from = part.size();
    if from.0 < width || from.1 < height {
        // Blocks would be seen where the screen shows a smooth picture.
        let (own_width, own_height) = (from.0.min(width), from.1.min(height));
        return stretched(&shrunk(picture, part, (own_width, own_height)), width, height);
    }
    let place = |at: u32, to: u32, from: u32| {
        ((f64::from(at) + 0.5) / f64::from(to) * f64::from(from)) as u32
    };
    // A tile that has its halves gives one that still has enough texels: they lie close together.
    let level = (from.0 / width).min(from.1 / height).ilog2().min(DEEPEST as u32);
    let columns: Vec<u32> = (0..width).map(|x| part.x0 + place(x, width, from.0)).collect();
    let mut rgba = Vec::with_capacity(width as usize * height as usize * 4);
    for y in 0..height {
        let y = part.y0 + place(y, height, from.1);
        // Tile by tile, so that each is looked up once a row.
        for columns in columns.chunk_by(|a, b| a / TILE == b / TILE) {
            let first = columns.first().map_or(0, |x| x / TILE * TILE);
            let texels = texels(picture, (first / TILE, y / TILE), y % TILE, level);
            let (row, level) = texels.unwrap_or((&[], 0));
            for x in columns {
                let at = 4 * ((x - first) >> level) as usize;
                let pixel = row.get(at..).and_then(|row| row.first_chunk()).copied();
                let [r, g, b, alpha] = pixel.unwrap_or([0; 4]).map(u16::from);
                let over = |value: u16| {
                    // The texels of halves have their colours multiplied by alpha already.
                    let value = if level == 0 { value * alpha } else { value * 255 };
                    ((value + CHECKS * (255 - alpha) + 127) / 255).min(255) as u8
                };
                rgba.extend([over(r), over(g), over(b), 255]);
            }
        }
    }
    Picture { width, height, rgba }
}

/// A row of a tile's texels, at `level` if the tile has it, and the level that it is.
fn texels(picture: &Plane<4>, at: TileAt, row: u32, level: u32) -> Option<(&[u8], u32)> {
    let halves = picture.halves(at).and_then(|halves| halves.get(level.checked_sub(1)? as usize));
    let Some(texels) = halves else {
        return Some((picture.span(at.0 * TILE, at.1 * TILE + row, TILE)?, 0));
    };
    let bytes = 4 * (TILE >> level) as usize;
    Some((texels.get((row >> level) as usize * bytes..)?.get(..bytes)?, level))
}

/// `a` and `b` mixed, in the size of `b`; `mix` 1 is `b`.
pub(super) fn blended(a: &Picture, b: &Picture, mix: f32) -> Picture {
    let mut out = stretched(a, b.width, b.height);
    let mix = (mix.clamp(0.0, 1.0) * 256.0 + 0.5) as i32;
    for (value, to) in out.rgba.iter_mut().zip(&b.rgba) {
        let (from, to) = (i32::from(*value), i32::from(*to));
        *value = (from + (((to - from) * mix + 128) >> 8)) as u8;
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn grey(width: u32, height: u32, value: impl Fn(u32, u32) -> u8) -> Picture {
        let mut rgba = Vec::new();
        for y in 0..height {
            for x in 0..width {
                rgba.extend([value(x, y), value(x, y), value(x, y), 255]);
            }
        }
        Picture { width, height, rgba }
    }

    #[test]
    fn flat_pictures_stay_flat() {
        let flat = grey(5, 3, |_, _| 77);
        for picture in [enlarged(&flat, 8), stretched(&flat, 9, 2), blended(&flat, &flat, 0.4)] {
            assert!(picture.rgba.chunks(4).all(|pixel| pixel == [77, 77, 77, 255]));
        }
    }

    #[test]
    fn enlarging_is_smooth_and_keeps_its_place() {
        let step = grey(8, 1, |x, _| if x < 4 { 40 } else { 200 });
        let large = enlarged(&step, 8);
        let row: Vec<u8> = large.rgba.chunks(4).take(64).map(|pixel| pixel[0]).collect();
        for pair in row.windows(2) {
            assert!(pair[1].abs_diff(pair[0]) < 30, "a block's edge: {pair:?}");
        }
        // The middle of the edge lies where it lay.
        assert!(row[31].abs_diff(200 - (row[32] - 40)) < 3 && row[31] < 120 && row[32] > 120);
    }

    #[test]
    fn blends_end_exactly() {
        let (a, b) = (grey(4, 4, |x, y| (x * 60 + y) as u8), grey(4, 4, |x, y| (y * 60 + x) as u8));
        assert_eq!(blended(&a, &b, 0.0), a);
        assert_eq!(blended(&a, &b, 1.0), b);
    }

    #[test]
    fn what_is_shrunk_has_the_pixels_of_its_places() {
        let bytes: Vec<u8> = (0..700 * 300 * 4u32).map(|i| (i % 249) as u8 | 1).collect();
        let plane = Plane::from_flat((700, 300), &bytes);
        let found = shrunk(&plane, PixelRect::whole(plane.size()), (70, 30));
        for (x, y) in [(0, 0), (25, 9), (26, 26), (69, 29)] {
            let [r, g, b, alpha] = plane.pixel(x * 10 + 5, y * 10 + 5).map(u16::from);
            let over = |value: u16| ((value * alpha + 178 * (255 - alpha) + 127) / 255) as u8;
            let at = 4 * (y * 70 + x) as usize;
            assert_eq!(found.rgba[at..at + 4], [over(r), over(g), over(b), 255], "{x} {y}");
        }
        // Made larger it is smooth.
        let step = Plane::from_flat(
            (2, 1),
            &[[40; 3], [200; 3]].map(|c| [c[0], c[1], c[2], 255]).concat(),
        );
        let row: Vec<u8> = shrunk(&step, PixelRect::whole(step.size()), (8, 1))
            .rgba
            .chunks(4)
            .map(|pixel| pixel[0])
            .collect();
        assert!(row.is_sorted() && row[3] > 40 && row[4] < 200, "{row:?}");
        assert!(
            shrunk(&Plane::new((9, 9)), PixelRect::whole((9, 9)), (2, 1)).rgba
                == [178, 178, 178, 255].repeat(2)
        );
        // With halves, a texel is the mean of the pixels it stands for: here of eight by eight.
        plane.make_halves();
        let found = shrunk(&plane, PixelRect::whole(plane.size()), (70, 30));
        let level = plane.halves((0, 0)).expect("made above").get(2).expect("of an eighth");
        let [r, _, _, alpha] =
            *level[4 * (55 / 8 * 32 + 105 / 8)..].first_chunk().expect("a texel");
        let expected = (u16::from(r) * 255 + 178 * (255 - u16::from(alpha)) + 127) / 255;
        assert_eq!(u16::from(found.rgba[4 * (5 * 70 + 10)]), expected);
    }
}
