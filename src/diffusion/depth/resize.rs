//! torch's `interpolate` on planes of f32, which networks have within them: bilinear with aligned
//! corners, and bicubic.

use rayon::prelude::*;

/// `interpolate(mode="bilinear", align_corners=True)` of `planes` (planes × height × width) from
/// one size (height, width) to another: corners lie upon corners.
#[must_use]
pub fn bilinear(planes: &[f32], from: (usize, usize), to: (usize, usize)) -> Vec<f32> {
    let taps = |from: usize, to: usize| -> Vec<(usize, usize, f32)> {
        let scale = if to > 1 { (from - 1) as f32 / (to - 1) as f32 } else { 0.0 };
        let tap = |index: usize| {
            let place = index as f32 * scale;
            let first = (place as usize).min(from - 1);
            (first, (first + 1).min(from - 1), place - first as f32)
        };
        (0..to).map(tap).collect()
    };
    let (down, across) = (taps(from.0, to.0), taps(from.1, to.1));
    let mut out = vec![0.0; planes.len() / (from.0 * from.1) * to.0 * to.1];
    let pairs = out.par_chunks_mut(to.0 * to.1).zip(planes.par_chunks(from.0 * from.1));
    pairs.for_each(|(out, plane)| {
        for (out, (above, below, low)) in out.chunks_exact_mut(to.1).zip(&down) {
            let (above, below) = (&plane[above * from.1..], &plane[below * from.1..]);
            for (out, (left, right, far)) in out.iter_mut().zip(&across) {
                let along = |row: &[f32]| row[*left] + far * (row[*right] - row[*left]);
                let (above, below) = (along(above), along(below));
                *out = above + low * (below - above);
            }
        }
    });
    out
}

/// `interpolate(mode="bicubic", align_corners=False)` of one plane: Keys' cubic with a = -0.75 over
/// four pixels each way, whatever the scale. Sizes are height, width.
#[must_use]
pub fn bicubic(values: &[f32], from: (usize, usize), to: (usize, usize)) -> Vec<f32> {
    let across: Vec<_> = (0..to.1).map(|x| cubic_taps(x, from.1, to.1)).collect();
    let mut out = Vec::with_capacity(to.0 * to.1);
    for y in 0..to.0 {
        let down = cubic_taps(y, from.0, to.0);
        out.extend(across.iter().map(|across| {
            let row = |row: usize| -> f32 {
                across.iter().map(|(at, weight)| weight * values[row * from.1 + at]).sum()
            };
            down.iter().map(|(at, weight)| weight * row(*at)).sum::<f32>()
        }));
    }
    out
}

/// The four pixels that one is made of along an axis, and their weights.
fn cubic_taps(index: usize, from: usize, to: usize) -> [(usize, f32); 4] {
    const A: f32 = -0.75;
    let place = (index as f32 + 0.5) * (from as f32 / to as f32) - 0.5;
    let first = place.floor();
    let t = place - first;
    let near = |x: f32| ((A + 2.0) * x - (A + 3.0)) * x * x + 1.0;
    let far = |x: f32| ((A * x - 5.0 * A) * x + 8.0 * A) * x - 4.0 * A;
    let weights = [far(t + 1.0), near(t), near(1.0 - t), far(2.0 - t)];
    [0, 1, 2, 3].map(|tap| {
        let at = (first as i64 + tap as i64 - 1).clamp(0, from as i64 - 1);
        (at as usize, weights[tap])
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_cubic_keeps_what_is_level_and_goes_through_the_pixels() {
        let values = [3.0, 1.0, 4.0, 1.0];
        assert_eq!(bicubic(&values, (1, 4), (1, 4)), values);
        assert!(bicubic(&[2.0; 12], (3, 4), (5, 9)).iter().all(|v| (v - 2.0).abs() < 1e-5));
    }

    #[test]
    fn lines_lie_corner_upon_corner() {
        assert_eq!(bilinear(&[1.0, 3.0], (1, 2), (2, 3)), [1.0, 2.0, 3.0, 1.0, 2.0, 3.0]);
        assert_eq!(bilinear(&[0.0, 4.0, 8.0, 5.0], (4, 1), (2, 1)), [0.0, 5.0]);
        assert_eq!(bilinear(&[7.0, 9.0], (1, 1), (1, 2)), [7.0, 7.0, 9.0, 9.0]);
    }
}
