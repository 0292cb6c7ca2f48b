//! Mean and spread of an image's channels, gathered at once or band after band.

use rayon::prelude::*;

use super::isa::{self, Isa, for_each_isa};
use super::values::{Element, Values, with_values};
use super::vector::Fma;

/// Pixels whose sums are kept in f32 before they are joined in f64.
const STRETCH: usize = 256;

/// Mean and spread of each channel of an image, or of a part of it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Moments {
    pixels: f64,
    /// By channel.
    means: Vec<f64>,
    /// Sums of the squared distances from the mean, by channel.
    squares: Vec<f64>,
}

impl Moments {
    /// From each channel's mean, and the sum of the squared distances from it, over `pixels`.
    #[must_use]
    pub fn new(pixels: usize, means: Vec<f64>, squares: Vec<f64>) -> Self {
        Self { pixels: pixels as f64, means, squares }
    }

    /// Of `x`, `[pixels, channels]`.
    #[must_use]
    pub fn of(isa: Isa, x: Values<'_>, channels: usize) -> Self {
        with_values!(Values, x, x => Self::gathered(isa, x, channels))
    }

    pub(super) fn gathered<A: Element>(isa: Isa, x: &[A], channels: usize) -> Self {
        // Distances from the first pixel: a mean that is large beside the deviation costs no
        // digits.
        let pivots = &x[..channels];
        // Sums and sums of squares per channel and stretch; joined in order.
        let stretches: Vec<(Vec<f32>, Vec<f32>)> = x
            .par_chunks(STRETCH * channels)
            .map(|stretch| {
                let (mut sums, mut squares) = (vec![0.0; channels], vec![0.0; channels]);
                gather_sums(isa, &mut sums, &mut squares, pivots, stretch);
                (sums, squares)
            })
            .collect();
        let mut joined = vec![(0.0_f64, 0.0_f64); channels];
        for (sums, squares) in &stretches {
            for (joined, (sum, square)) in joined.iter_mut().zip(sums.iter().zip(squares)) {
                joined.0 += f64::from(*sum);
                joined.1 += f64::from(*square);
            }
        }
        let pixels = (x.len() / channels) as f64;
        let means = joined
            .iter()
            .zip(pivots)
            .map(|((sum, _), pivot)| f64::from(pivot.get()) + sum / pixels);
        let squares = joined.iter().map(|(sum, square)| square - sum * sum / pixels);
        Self { pixels, means: means.collect(), squares: squares.collect() }
    }

    /// Takes in what another part of the image gave (Chan et al. 1979, equation 2.1).
    pub fn join(&mut self, other: &Self) {
        if self.pixels == 0.0 {
            *self = other.clone();
            return;
        }
        let pixels = self.pixels + other.pixels;
        let share = other.pixels / pixels;
        let mine = self.means.iter_mut().zip(&mut self.squares);
        for ((mean, square), (its_mean, its_square)) in
            mine.zip(other.means.iter().zip(&other.squares))
        {
            let apart = its_mean - *mean;
            *mean += apart * share;
            *square += its_square + apart * apart * self.pixels * share;
        }
        self.pixels = pixels;
    }

    /// Mean and variance of each of `groups` of neighbouring channels.
    #[must_use]
    pub fn of_groups(&self, groups: usize) -> Vec<(f64, f64)> {
        let width = self.means.len() / groups;
        let groups = self.means.chunks_exact(width).zip(self.squares.chunks_exact(width));
        let variance = |means: &[f64], squares: &[f64]| {
            let mean = means.iter().sum::<f64>() / width as f64;
            let apart = means.iter().map(|own| (own - mean).powi(2)).sum::<f64>();
            let within = squares.iter().sum::<f64>() / self.pixels;
            let variance = (apart + within) / width as f64;
            // As `max` does not: NaN stays.
            (mean, if variance < 0.0 { 0.0 } else { variance })
        };
        groups.map(|(means, squares)| variance(means, squares)).collect()
    }
}

for_each_isa! {
    fn gather_sums[A: Element](sums: &mut [f32], squares: &mut [f32], pivots: &[A], x: &[A])
        = gather_here;
}

#[inline(always)]
fn gather_here<A: Element>(
    fma: impl Fma,
    sums: &mut [f32],
    squares: &mut [f32],
    pivots: &[A],
    x: &[A],
) {
    for pixel in x.chunks_exact(sums.len()) {
        for ((sum, square), (x, pivot)) in
            sums.iter_mut().zip(&mut *squares).zip(pixel.iter().zip(pivots))
        {
            let x = x.get() - pivot.get();
            *sum += x;
            *square = fma.mul_add(x, x, *square);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::gemm::tests::noise;
    use super::*;

    #[test]
    fn bands_joined_are_the_whole() {
        let (pixels, channels) = (1000, 12);
        let x: Vec<f32> = noise(pixels * channels, 5)
            .iter()
            .enumerate()
            .map(|(i, x)| x + (i / 600) as f32)
            .collect();
        let isa = Isa::best();
        let whole = Moments::of(isa, Values::F32(&x), channels).of_groups(3);
        for band in [1, 7, 300, 999] {
            let mut joined = Moments::default();
            for band in x.chunks(band * channels) {
                joined.join(&Moments::of(isa, Values::F32(band), channels));
            }
            for ((mean, variance), (other_mean, other_variance)) in
                whole.iter().zip(joined.of_groups(3))
            {
                assert!((mean - other_mean).abs() < 1e-5 * mean.abs(), "{band}");
                assert!((variance - other_variance).abs() < 1e-5 * variance, "{band}");
            }
        }
    }
}
