//! Which of its three colours a mask takes, so that it is never lost in the picture.

use egui::Color32;

use crate::plane::Plane;

/// Colours nearer than this in CIE Lab are too alike.
const NEAR: f32 = 40.0;
/// The share of near pixels from which on a colour is lost.
const LOST_SHARE: f32 = 0.2;
/// Samples on each side of the square that is looked at.
const SAMPLES: u32 = 24;

/// The first of `colors` that shows on `picture` around `at` (image pixels), else the one that shows best.
pub(super) fn mask_color(
    picture: Option<&Plane<4>>,
    at: [f32; 2],
    radius_px: f32,
    colors: &[Color32; 3],
) -> usize {
    let Some(picture) = picture else { return 0 };
    let (width, height) = picture.size();
    let radius = radius_px.max(8.0);
    let samples: Vec<[f32; 3]> = (0..SAMPLES * SAMPLES)
        .filter_map(|index| {
            let place = |index: u32, middle: f32| {
                middle + radius * ((index as f32 + 0.5) / SAMPLES as f32 * 2.0 - 1.0)
            };
            let x = place(index % SAMPLES, at[0]);
            let y = place(index / SAMPLES, at[1]);
            let inside = x >= 0.0 && y >= 0.0 && x < width as f32 && y < height as f32;
            inside.then(|| {
                let [r, g, b, _] = picture.pixel(x as u32, y as u32);
                lab([r, g, b])
            })
        })
        .collect();
    if samples.is_empty() {
        return 0;
    }
    let near = |color: &Color32| {
        let [r, g, b, _] = color.to_array();
        let own = lab([r, g, b]);
        let distance = |[l, a, b]: &[f32; 3]| (l - own[0]).hypot(a - own[1]).hypot(b - own[2]);
        samples.iter().filter(|sample| distance(sample) < NEAR).count() as f32
            / samples.len() as f32
    };
    let shares = colors.each_ref().map(near);
    shares
        .iter()
        .position(|share| *share < LOST_SHARE)
        .unwrap_or_else(|| (0..3).min_by(|a, b| shares[*a].total_cmp(&shares[*b])).unwrap_or(0))
}

/// sRGB to CIE Lab (D65).
fn lab(rgb: [u8; 3]) -> [f32; 3] {
    let [r, g, b] = rgb.map(|value| {
        let value = f32::from(value) / 255.0;
        if value <= 0.04045 { value / 12.92 } else { ((value + 0.055) / 1.055).powf(2.4) }
    });
    let x = (0.412_456_4 * r + 0.357_576_1 * g + 0.180_437_5 * b) / 0.950_47;
    let y = 0.212_672_9 * r + 0.715_152_2 * g + 0.072_175 * b;
    let z = (0.019_333_9 * r + 0.119_192 * g + 0.950_304_1 * b) / 1.088_83;
    let [x, y, z] =
        [x, y, z].map(
            |value: f32| {
                if value > 0.008_856 { value.cbrt() } else { 7.787 * value + 16.0 / 116.0 }
            },
        );
    [116.0 * y - 16.0, 500.0 * (x - y), 200.0 * (y - z)]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn flat([r, g, b]: [u8; 3]) -> Plane<4> {
        Plane::filled((64, 64), [r, g, b, 255])
    }

    #[test]
    fn lab_of_known_colours() {
        let close = |found: [f32; 3], expected: [f32; 3]| {
            found.iter().zip(expected).all(|(a, b)| (a - b).abs() < 0.2)
        };
        assert!(close(lab([255, 255, 255]), [100.0, 0.0, 0.0]));
        assert!(close(lab([255, 0, 0]), [53.24, 80.09, 67.2]));
    }

    #[test]
    fn the_colour_that_shows_is_taken() {
        let colors = [[255, 46, 99], [0, 184, 217], [166, 226, 46]]
            .map(|[r, g, b]: [u8; 3]| Color32::from_rgb(r, g, b));
        let check = |rgb: [u8; 3], expected: usize| {
            let found = mask_color(Some(&flat(rgb)), [32.0, 32.0], 10.0, &colors);
            assert_eq!(found, expected, "{rgb:?}");
        };
        check([128, 128, 128], 0);
        check([240, 50, 90], 1);
        check([0, 180, 210], 0);
        let mixed = [[0, 180, 210, 255], [240, 50, 90, 255]].concat().repeat(64 * 32);
        let mixed = Plane::from_flat((64, 64), &mixed);
        assert_eq!(mask_color(Some(&mixed), [32.0, 32.0], 10.0, &colors), 2);
        assert_eq!(mask_color(None, [0.0, 0.0], 10.0, &colors), 0);
    }
}
