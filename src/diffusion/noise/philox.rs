//! Noise equal to torch's CUDA generator: Philox 4x32-10 (Salmon et al. 2011) and the transform of
//! Box & Muller (1958), as curand's `curand_normal4` and A1111's "NV" noise have it.
//!
//! Every value has its own counter, its place in the tensor, so that a part of a draw costs no more
//! than its length. Equal to the card's as long as it gives each value a thread of its own: up to
//! some hundred thousand values, far more than a latent has.

/// The multipliers of a round.
const MULTIPLIERS: [u32; 2] = [0xd251_1f53, 0xcd9e_8d57];
/// What the key grows by from round to round.
const WEYL: [u32; 2] = [0x9e37_79b9, 0xbb67_ae85];
/// 2^-32 and 2π · 2^-32 in f32, as curand has them.
const TWO_POW_32_INV: f32 = 2.328_306_4e-10;
const TWO_POW_32_INV_2PI: f32 = 1.462_918_1e-9;

/// A torch CUDA generator. Cloning keeps its place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Philox {
    key: [u32; 2],
    draws: u32,
}

impl Philox {
    /// `torch.Generator("cuda").manual_seed(seed)`.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self { key: [seed as u32, (seed >> 32) as u32], draws: 0 }
    }

    /// Its place, to be stored: the seed's low and high word, and how many tensors were drawn.
    #[must_use]
    pub fn place(&self) -> Vec<u32> {
        vec![self.key[0], self.key[1], self.draws]
    }

    /// A generator at a stored place; `None` if that is none.
    #[must_use]
    pub fn at_place(words: &[u32]) -> Option<Self> {
        let [low, high, draws] = *words else { return None };
        Some(Self { key: [low, high], draws })
    }

    /// `count` values from `begin` of the next `torch.randn`.
    pub fn normal(&mut self, begin: usize, count: usize) -> Vec<f32> {
        let values = (begin..begin + count).map(|at| self.value(at as u32)).collect();
        self.draws = self.draws.wrapping_add(1);
        values
    }

    fn value(&self, at: u32) -> f32 {
        let [first, second, ..] = rounds([self.draws, 0, at, 0], self.key);
        let uniform = |bits: u32, unit: f32| {
            let unit = f64::from(unit);
            f64::from(bits) * unit + unit / 2.0
        };
        let radius = (-2.0 * uniform(first, TWO_POW_32_INV).ln()).sqrt();
        (radius * uniform(second, TWO_POW_32_INV_2PI).sin()) as f32
    }
}

fn rounds(mut counter: [u32; 4], mut key: [u32; 2]) -> [u32; 4] {
    for round in 0..10 {
        if round > 0 {
            key = [key[0].wrapping_add(WEYL[0]), key[1].wrapping_add(WEYL[1])];
        }
        let product = |a: u32, b: u32| {
            let product = u64::from(a) * u64::from(b);
            (product as u32, (product >> 32) as u32)
        };
        let (low_0, high_0) = product(counter[0], MULTIPLIERS[0]);
        let (low_1, high_1) = product(counter[2], MULTIPLIERS[1]);
        counter = [high_1 ^ counter[1] ^ key[0], low_1, high_0 ^ counter[3] ^ key[1], low_0];
    }
    counter
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_generator_is_the_papers() {
        // Known answers of the authors' Random123.
        let ones = u32::MAX;
        assert_eq!(rounds([0; 4], [0; 2]), [0x6627_e8d5, 0xe169_c58d, 0xbc57_ac4c, 0x9b00_dbd8]);
        assert_eq!(
            rounds([ones; 4], [ones; 2]),
            [0x408f_276d, 0x41c8_3b0e, 0xa20b_c7c6, 0x6d54_51fd]
        );
    }

    #[test]
    fn normal_numbers_are_those_of_the_card() {
        // torch.randn((3, 4), device="cuda") with seed 0, as A1111 states it.
        let known = [
            -0.924_662_6,
            -0.425_344_15,
            -2.643_845_7,
            0.145_183_88,
            -0.120_866_47,
            -0.579_725_6,
            -0.622_851_2,
            -0.328_387_1,
            -1.074_542_3,
            -0.363_144_07,
            -1.671_050_7,
            2.265_505,
        ];
        let mut noise = Philox::new(0);
        for (ours, known) in noise.normal(0, 12).iter().zip(known) {
            assert!((ours - known).abs() < 1e-6, "{ours} {known}");
        }
        assert_ne!(noise.normal(0, 12), Philox::new(0).normal(0, 12));
    }
}
