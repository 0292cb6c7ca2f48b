//! Noise equal to torch's, so that a seed means the same picture here and there.
//!
//! Used by the pipeline for the first latent and by the samplers that add fresh noise. Programs
//! differ in which of torch's generators they draw from, and in how the pictures of a batch share
//! its numbers: [`sources`] knows.

mod philox;
mod torch;

pub use philox::Philox;
pub use torch::TorchNoise;

use crate::types::SameAs;

/// A generator and the part of its draws that a picture takes. Cloning keeps its place.
#[derive(Clone, Debug, PartialEq)]
pub struct Noise {
    source: Source,
    part: Part,
}

/// Whose numbers.
#[derive(Clone, Debug, PartialEq)]
enum Source {
    /// torch's CPU generator.
    Torch(Box<TorchNoise>),
    /// torch's CUDA generator.
    Philox(Philox),
}

/// Which picture of a batch that is drawn for at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Part {
    /// The picture's number, from 0.
    pub index: u32,
    /// Pictures in all, more than `index`.
    pub of: u32,
}

impl Part {
    /// A picture that is drawn for alone.
    pub const ALONE: Self = Self { index: 0, of: 1 };
}

/// Where a generator stands, to be stored.
#[derive(Clone, Debug, PartialEq)]
pub struct Place {
    /// Whether it is the CUDA generator.
    pub cuda: bool,
    /// The state's words: 624 of the CPU generator; the seed's two and the draws done of CUDA's.
    pub words: Vec<u32>,
    /// The CPU generator's next word.
    pub next: u32,
    /// A normal value of the CPU generator that waits, as its bits.
    pub spare: Option<u64>,
    /// The picture's part of the draws.
    pub part: Part,
}

/// The first noise of a picture, and the samplers' where that is not the same generator going on.
#[must_use]
pub fn sources(same_as: SameAs, seed: u64, part: Part) -> (Noise, Option<Noise>) {
    let torch = |seed| Noise::new(Source::Torch(Box::new(TorchNoise::new(seed))), part);
    let philox = |seed| Noise::new(Source::Philox(Philox::new(seed)), part);
    match same_as {
        SameAs::Pentimento | SameAs::A1111Cpu | SameAs::Diffusers => (torch(seed), None),
        SameAs::A1111 | SameAs::DiffusersCuda => (philox(seed), None),
        SameAs::ComfyUi => (torch(seed), Some(torch(seed.wrapping_add(1)))),
        SameAs::ComfyUiCuda => (torch(seed), Some(philox(seed))),
    }
}

impl Noise {
    fn new(source: Source, part: Part) -> Self {
        Self { source, part }
    }

    /// `torch.Generator().manual_seed(seed)` for one picture.
    #[must_use]
    pub fn torch(seed: u64) -> Self {
        Self::new(Source::Torch(Box::new(TorchNoise::new(seed))), Part::ALONE)
    }

    /// The picture's part of `torch.randn` for the whole batch: `count` normal values.
    pub fn normal(&mut self, count: usize) -> Vec<f32> {
        let (index, of) = (self.part.index as usize, self.part.of as usize);
        match &mut self.source {
            Source::Torch(torch) if of == 1 => torch.normal(count),
            Source::Torch(torch) => torch.normal(count * of)[count * index..][..count].to_vec(),
            Source::Philox(philox) => philox.normal(count * index, count),
        }
    }

    /// `torch.randn` for something that all pictures of the batch share: `count` normal values.
    pub fn shared(&mut self, count: usize) -> Vec<f32> {
        match &mut self.source {
            Source::Torch(torch) => torch.normal(count),
            Source::Philox(philox) => philox.normal(0, count),
        }
    }

    /// Its place.
    #[must_use]
    pub fn place(&self) -> Place {
        let (cuda, (words, next, spare)) = match &self.source {
            Source::Torch(torch) => (false, torch.place()),
            Source::Philox(philox) => (true, (philox.place(), 0, None)),
        };
        Place { cuda, words, next, spare, part: self.part }
    }

    /// A generator at a stored place; `None` if that is none.
    #[must_use]
    pub fn at_place(place: &Place) -> Option<Self> {
        let source = if place.cuda {
            Source::Philox(Philox::at_place(&place.words)?)
        } else {
            let torch = TorchNoise::at_place(&place.words, place.next, place.spare)?;
            Source::Torch(Box::new(torch))
        };
        (place.part.index < place.part.of).then_some(Self { source, part: place.part })
    }
}

/// Turns `noise` (channels × height × width) towards `other` by `strength` in 0..=1, so that it
/// stays as strong as noise must be: A1111's variation seed. As there, each column of each channel
/// is turned by itself, along the great circle; columns that nearly agree are mixed plainly.
pub fn slerp(noise: &mut [f32], other: &[f32], (height, width): (usize, usize), strength: f32) {
    if strength <= 0.0 {
        return;
    }
    if strength >= 1.0 {
        noise.copy_from_slice(other);
        return;
    }
    let by = f64::from(strength);
    let planes = noise.chunks_exact_mut(height * width).zip(other.chunks_exact(height * width));
    for (from, to) in planes {
        for x in 0..width {
            let column = || (x..height * width).step_by(width);
            let dot = |a: &[f32], b: &[f32]| -> f64 {
                column().map(|at| f64::from(a[at]) * f64::from(b[at])).sum()
            };
            let lengths = (dot(from, from) * dot(to, to)).sqrt();
            let cosine = dot(from, to) / lengths;
            let (mine, its) = if lengths == 0.0 || cosine.abs() > 0.9995 {
                (1.0 - by, by)
            } else {
                let angle = cosine.acos();
                (((1.0 - by) * angle).sin() / angle.sin(), (by * angle).sin() / angle.sin())
            };
            for at in column() {
                from[at] = (mine * f64::from(from[at]) + its * f64::from(to[at])) as f32;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_variation_goes_from_one_noise_to_the_other_and_stays_as_strong() {
        let size = (32, 8);
        let draw = |seed: u64| TorchNoise::new(seed).normal(4 * 32 * 8);
        let (one, other) = (draw(1), draw(2));
        let mixed = |strength: f32| {
            let mut noise = one.clone();
            slerp(&mut noise, &other, size, strength);
            noise
        };
        assert_eq!(mixed(0.0), one);
        assert_eq!(mixed(1.0), other);
        let power = |noise: &[f32]| noise.iter().map(|v| v * v).sum::<f32>() / noise.len() as f32;
        for strength in [0.1, 0.5, 0.9] {
            let power = power(&mixed(strength));
            assert!((0.85..1.15).contains(&power), "{strength} {power}");
        }
        let likeness = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f32>();
        assert!(likeness(&mixed(0.2), &one) > 3.0 * likeness(&mixed(0.2), &other));
        assert!(mixed(0.5).iter().all(|value| value.is_finite()));
        let mut same = one.clone();
        slerp(&mut same, &one, size, 0.5);
        assert!(same.iter().zip(&one).all(|(a, b)| (a - b).abs() < 1e-6));
    }

    #[test]
    fn the_pictures_of_a_batch_take_its_draws_apart() {
        for same_as in [SameAs::Diffusers, SameAs::DiffusersCuda] {
            let draws = |part| {
                let (mut noise, later) = sources(same_as, 9, part);
                assert!(later.is_none());
                let place = noise.place();
                let values = [noise.normal(40), noise.normal(40)];
                assert_eq!(Noise::at_place(&place).unwrap().normal(40), values[0]);
                values
            };
            let (mut whole, _) = sources(same_as, 9, Part::ALONE);
            let whole = [whole.normal(120), whole.normal(120)];
            for index in 0..3 {
                let part = draws(Part { index, of: 3 });
                for (part, whole) in part.iter().zip(&whole) {
                    assert_eq!(part[..], whole[40 * index as usize..][..40]);
                }
            }
        }
    }

    #[test]
    fn comfyui_draws_the_samplers_noise_from_the_next_seed() {
        let (mut first, later) = sources(SameAs::ComfyUi, 9, Part::ALONE);
        assert_eq!(first.normal(20), TorchNoise::new(9).normal(20));
        assert_eq!(later.unwrap().normal(20), TorchNoise::new(10).normal(20));
        let (_, later) = sources(SameAs::ComfyUiCuda, 9, Part::ALONE);
        assert_eq!(later.unwrap().normal(20), Philox::new(9).normal(0, 20));
    }
}
