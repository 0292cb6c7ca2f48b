//! The soft edge of a mask: one rule for what is shown and what is painted.
//!
//! Used by the canvas to show the edge as it will act, and by the worker to blend a fill. It fades
//! inward and never leaves what the user painted.

use std::ops::Range;

/// Farther than any picture is wide.
const FAR: f32 = 1e6;

/// Coverage, faded in over `feather` pixels from the mask's edge.
#[must_use]
pub fn feathered(coverage: u8, depth: f32, feather: f32) -> u8 {
    let t = (depth / feather).clamp(0.0, 1.0);
    (f32::from(coverage) * t * t * (3.0 - 2.0 * t) + 0.5) as u8
}

/// How deep each pixel of a part (`columns` × `rows`) lies inside the mask, in pixels: distance to the nearest pixel that is less
/// than half covered (Felzenszwalb and Huttenlocher 2012, exact). The
/// part's own border is no edge.
#[must_use]
pub fn depths(
    coverage: &[u8],
    row_length: usize,
    columns: Range<usize>,
    rows: Range<usize>,
) -> Vec<f32> {
    let (width, height) = (columns.len(), rows.len());
    let mut grid = vec![FAR; width * height];
    // Down and up each column: plain distances.
    for y in 0..height {
        let row = (rows.start + y) * row_length + columns.start;
        for x in 0..width {
            let above = if y > 0 { grid[(y - 1) * width + x] + 1.0 } else { FAR };
            grid[y * width + x] = if coverage[row + x] < 128 { 0.0 } else { above };
        }
    }
    for y in (0..height.saturating_sub(1)).rev() {
        for x in 0..width {
            let below = grid[(y + 1) * width + x] + 1.0;
            let here = &mut grid[y * width + x];
            *here = here.min(below);
        }
    }
    // Along each row: the lower envelope of parabolas.
    let mut source = vec![0.0f32; width];
    let (mut peaks, mut starts) = (vec![0usize; width], vec![0.0f32; width + 1]);
    for row in grid.chunks_exact_mut(width) {
        for (source, value) in source.iter_mut().zip(row.iter()) {
            *source = value.min(FAR).powi(2);
        }
        let mut last = 0;
        peaks[0] = 0;
        (starts[0], starts[1]) = (f32::NEG_INFINITY, f32::INFINITY);
        for x in 1..width {
            let meet = |peak: usize| {
                let (a, b) = (x as f32, peak as f32);
                ((source[x] + a * a) - (source[peak] + b * b)) / (2.0 * (a - b))
            };
            let mut start = meet(peaks[last]);
            while start <= starts[last] {
                last -= 1;
                start = meet(peaks[last]);
            }
            last += 1;
            peaks[last] = x;
            (starts[last], starts[last + 1]) = (start, f32::INFINITY);
        }
        let mut peak = 0;
        for (x, value) in row.iter_mut().enumerate() {
            while starts[peak + 1] < x as f32 {
                peak += 1;
            }
            let across = x as f32 - peaks[peak] as f32;
            *value = (across * across + source[peaks[peak]]).sqrt();
        }
    }
    grid
}
