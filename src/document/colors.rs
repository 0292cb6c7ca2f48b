//! The colours of a picture: of one pixel, and the few that stand for the whole.
//!
//! Asked by the eyedropper and the colour popup. It changes nothing.

use crate::plane::Plane;
use crate::types::Picture;

/// Samples that the colours of a picture are taken from, about.
const SAMPLES: u32 = 4096;

/// Up to `count` colours that stand for the picture, most of it first.
#[must_use]
pub fn colors(picture: &Plane<4>, count: usize) -> Vec<[u8; 3]> {
    let (width, height) = picture.size();
    let step = (f64::from(width) * f64::from(height) / f64::from(SAMPLES)).sqrt().max(1.0);
    let places = |side: u32| {
        let count = (f64::from(side) / step).ceil() as u32;
        (0..count).map(move |index| ((f64::from(index) + 0.5) * step) as u32)
    };
    let samples = places(height).flat_map(|y| places(width).map(move |x| (x, y)));
    let opaque = samples.filter_map(|(x, y)| {
        let [r, g, b, alpha] = picture.pixel(x.min(width - 1), y.min(height - 1));
        (alpha >= 128).then_some([r, g, b])
    });
    median_cut(opaque.collect(), count)
}

/// A pixel of a flat picture with straight alpha; nothing outside.
#[must_use]
pub fn flat_pixel(picture: &Picture, x: u32, y: u32) -> [u8; 4] {
    let mut pixel = [0; 4];
    if x < picture.width && y < picture.height {
        let from = 4 * (y as usize * picture.width as usize + x as usize);
        if let Some(bytes) = picture.rgba.get(from..from + 4) {
            pixel.copy_from_slice(bytes);
        }
    }
    pixel
}

/// Median cut (Heckbert 1982): the box with the longest side is halved at its median until there
/// are enough; each stands for its mean.
fn median_cut(samples: Vec<[u8; 3]>, count: usize) -> Vec<[u8; 3]> {
    let spread = |samples: &[[u8; 3]]| -> (u8, usize) {
        (0..3)
            .map(|channel| {
                let values = samples.iter().map(|sample| sample[channel]);
                let (low, high) = values.fold((255, 0), |(low, high), v| (v.min(low), v.max(high)));
                (u8::saturating_sub(high, low), channel)
            })
            .max()
            .unwrap_or((0, 0))
    };
    let mut boxes = vec![samples];
    boxes.retain(|samples| !samples.is_empty());
    while boxes.len() < count {
        let widest = (0..boxes.len()).max_by_key(|index| spread(&boxes[*index]).0);
        let Some(index) = widest.filter(|index| spread(&boxes[*index]).0 > 0) else { break };
        let mut samples = boxes.swap_remove(index);
        let channel = spread(&samples).1;
        samples.sort_unstable_by_key(|sample| sample[channel]);
        // Between two values, so that one colour is never in two boxes.
        let middle = samples[samples.len() / 2][channel];
        let mut cut = samples.partition_point(|sample| sample[channel] < middle);
        if cut == 0 {
            cut = samples.partition_point(|sample| sample[channel] <= middle);
        }
        let upper = samples.split_off(cut);
        boxes.extend([samples, upper]);
    }
    boxes.sort_by_key(|samples| std::cmp::Reverse(samples.len()));
    let mean = |samples: &Vec<[u8; 3]>| {
        [0, 1, 2].map(|channel| {
            let sum: usize = samples.iter().map(|sample| usize::from(sample[channel])).sum();
            ((sum + samples.len() / 2) / samples.len()) as u8
        })
    };
    boxes.iter().map(mean).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn colours_of_a_picture_are_its_own() {
        let stripes = [[250, 10, 10], [10, 250, 10], [10, 10, 250], [250, 250, 10]];
        let rgba: Vec<u8> = (0..64 * 64)
            .flat_map(|index| {
                // The first takes half of the picture.
                let [r, g, b] = stripes[[0, 0, 0, 1, 2, 3][index / 64 * 6 / 64]];
                [r, g, b, 255]
            })
            .collect();
        let found = colors(&Plane::from_flat((64, 64), &rgba), 8);
        assert_eq!(found[0], stripes[0]);
        let mut sorted = found.clone();
        sorted.sort_unstable();
        let mut expected = stripes.to_vec();
        expected.sort_unstable();
        assert_eq!(sorted, expected);
    }

    #[test]
    fn nothing_has_no_colours_and_many_are_cut_down() {
        assert!(colors(&Plane::new((9000, 3)), 8).is_empty());
        let rgba: Vec<u8> = (0..=255u8).flat_map(|v| [v, 255 - v, v / 2, 255]).collect();
        assert_eq!(colors(&Plane::from_flat((256, 1), &rgba), 8).len(), 8);
    }

    #[test]
    fn a_flat_pixel_is_found_by_its_place() {
        let rgba: Vec<u8> = (0..5 * 3 * 4).collect();
        let picture = Picture { width: 5, height: 3, rgba };
        let plane = Plane::from(&picture);
        for (x, y) in [(0, 0), (4, 2), (5, 0), (0, 3)] {
            assert_eq!(flat_pixel(&picture, x, y), plane.pixel(x, y));
        }
        assert_eq!(plane.to_picture(), picture);
    }
}
