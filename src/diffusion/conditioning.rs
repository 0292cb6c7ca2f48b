//! What a UNet is told besides the noisy latent: which prompts go through it side by side, the
//! numbers of SDXL's micro-conditioning, and the channels that inpainting, depth and edit models
//! take beside the latent's.
//!
//! All of it follows from the UNet's configuration and is made once a run by the pipeline; the
//! painter asks [`Branches`] which prompts are to be read.

use super::guidance::guided;
use super::noise::Noise;
use super::pipeline::Posterior;
use super::text::encoders::Prompt;
use crate::models::config::unet::{AddedIds, UNetConfig};
use crate::models::identify::Task;

/// The aesthetic score that the refiner is told for what is wanted: diffusers' and the makers' own.
const SCORE: f32 = 6.0;
/// And for what is to be avoided.
const NEGATIVE_SCORE: f32 = 2.5;

/// What goes through the UNet side by side.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Branches {
    /// The prompt alone: without guidance, or with the scale embedded.
    Prompt,
    /// What to avoid, and the prompt.
    Both,
    /// Brooks et al. 2023, equation 3: what to avoid without and with the picture to edit, and the
    /// prompt with it.
    WithPicture,
}

/// How far predictions are pulled apart.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Scales {
    /// Towards the prompt.
    pub text: f32,
    /// Towards the picture to edit.
    pub picture: f32,
    /// Guidance rescale in 0..=1.
    pub rescale: f32,
}

impl Branches {
    /// What the scales ask of this UNet. An edit model is guided by both or by none, as in
    /// diffusers' `StableDiffusionInstructPix2PixPipeline`.
    #[must_use]
    pub fn of(unet: &UNetConfig, text: f32, picture: f32) -> Self {
        if text <= 1.0 || unet.guidance_embedding.is_some() {
            return Self::Prompt;
        }
        match unet.task() {
            Task::Edit if picture < 1.0 => Self::Prompt,
            Task::Edit => Self::WithPicture,
            _ => Self::Both,
        }
    }

    /// How many go through the UNet.
    #[must_use]
    pub fn count(self) -> usize {
        match self {
            Self::Prompt => 1,
            Self::Both => 2,
            Self::WithPicture => 3,
        }
    }

    /// The prompt of each.
    #[must_use]
    pub fn prompts(self, negative: &str, prompt: &str) -> Vec<Prompt> {
        let prompt = Prompt { text: prompt.to_owned(), negative: false };
        let negative = Prompt { text: negative.to_owned(), negative: true };
        match self {
            Self::Prompt => vec![prompt],
            Self::Both => vec![negative, prompt],
            Self::WithPicture => vec![negative.clone(), negative, prompt],
        }
    }

    /// One prediction from those of all branches.
    #[must_use]
    pub fn combined(self, predicted: &[f32], scales: Scales) -> Vec<f32> {
        let mut parts = predicted.chunks_exact(predicted.len() / self.count());
        let mut next = || parts.next().expect("there is a part for each branch");
        match self {
            Self::Prompt => predicted.to_vec(),
            Self::Both => guided(next(), next(), scales.text, scales.rescale),
            Self::WithPicture => {
                let (free, seen, bound) = (next(), next(), next());
                let values = free.iter().zip(seen).zip(bound);
                let pulled = values.map(|((free, seen), bound)| {
                    free + scales.text * (bound - seen) + scales.picture * (seen - free)
                });
                pulled.collect()
            }
        }
    }
}

/// The sizes that SDXL is told, in pixels (width, height; left, top).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ToldSizes {
    /// Of the picture that the painted one is cut from.
    pub original: (u32, u32),
    /// Where it is cut.
    pub crop: (u32, u32),
    /// Of the cut.
    pub target: (u32, u32),
}

impl ToldSizes {
    /// The numbers in the order in which the model was trained with them.
    #[must_use]
    pub fn numbers(&self, ids: AddedIds, negative: bool) -> Vec<f32> {
        let Self { original, crop, target } = *self;
        let mut numbers = vec![original.1, original.0, crop.1, crop.0];
        if ids == AddedIds::Sizes {
            numbers.extend([target.1, target.0]);
        }
        let score = if negative { NEGATIVE_SCORE } else { SCORE };
        let score = (ids == AddedIds::Score).then_some(score);
        numbers.into_iter().map(|number| number as f32).chain(score).collect()
    }
}

/// What a model with more channels than the latent's is shown.
#[derive(Clone, Debug, PartialEq)]
pub enum Shown {
    /// How near everything is: height × width cells, the farthest -1, the nearest 1.
    Depth(Vec<f32>),
    /// The picture to edit, as the autoencoder has it: without the scaling factor.
    Picture(Vec<f32>),
    /// A picture with a hole.
    Masked {
        /// 1 in the hole, height × width cells.
        mask: Vec<f32>,
        /// The picture, mid-grey in the hole.
        picture: Posterior,
        /// Whether it is drawn with the run's noise, after the first latent's; else its mode.
        sampled: bool,
    },
}

impl Shown {
    /// Something of the right size for a model that needs it: for looking at sizes only.
    #[must_use]
    pub fn blank(task: Task, channels: usize, (height, width): (usize, usize)) -> Option<Self> {
        let zeros = |channels: usize| vec![0.0; channels * height * width];
        match task {
            Task::Plain | Task::Unknown => None,
            Task::Depth => Some(Self::Depth(zeros(1))),
            Task::Edit => Some(Self::Picture(zeros(channels))),
            Task::Inpaint => {
                let picture = Posterior { mean: zeros(channels), deviation: zeros(channels) };
                Some(Self::Masked { mask: zeros(1), picture, sampled: false })
            }
        }
    }
}

/// The channels beside the latent's, as every step has them.
pub struct Beside {
    values: Vec<f32>,
}

impl Beside {
    /// Makes them once a run; nothing for a model that takes the latent alone.
    #[must_use]
    pub fn new(shown: Option<&Shown>, noise: &mut Noise) -> Self {
        let values = match shown {
            None => Vec::new(),
            Some(Shown::Depth(values) | Shown::Picture(values)) => values.clone(),
            Some(Shown::Masked { mask, picture, sampled }) => {
                let latent = if *sampled { picture.sample(noise) } else { picture.mean.clone() };
                mask.iter().copied().chain(latent).collect()
            }
        };
        Self { values }
    }

    /// The UNet's input: the latent for each branch, with its other channels; of three branches
    /// the first sees zeros instead of the picture.
    #[must_use]
    pub fn join(&self, latent: &[f32], branches: Branches) -> Vec<f32> {
        let mut input = Vec::with_capacity(branches.count() * (latent.len() + self.values.len()));
        for branch in 0..branches.count() {
            input.extend_from_slice(latent);
            if branch == 0 && branches == Branches::WithPicture {
                input.resize(input.len() + self.values.len(), 0.0);
            } else {
                input.extend_from_slice(&self.values);
            }
        }
        input
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SCALES: Scales = Scales { text: 3.0, picture: 2.0, rescale: 0.0 };

    #[test]
    fn each_branch_pulls_its_own_way() {
        assert_eq!(Branches::Prompt.combined(&[1.0, 2.0], SCALES), [1.0, 2.0]);
        // From 1 to 2 three times.
        assert_eq!(Branches::Both.combined(&[1.0, 2.0], SCALES), [4.0]);
        // 1 + 3 · (5 - 2) + 2 · (2 - 1).
        assert_eq!(Branches::WithPicture.combined(&[1.0, 2.0, 5.0], SCALES), [12.0]);
    }

    #[test]
    fn only_the_first_of_three_is_blind() {
        let mut noise = Noise::torch(0);
        let shown = Shown::Picture(vec![7.0]);
        let three = Branches::WithPicture;
        let beside = Beside::new(Some(&shown), &mut noise);
        assert_eq!(beside.join(&[1.0], three), [1.0, 0.0, 1.0, 7.0, 1.0, 7.0]);
        let beside = Beside::new(None, &mut noise);
        assert_eq!(beside.join(&[1.0], Branches::Both), [1.0, 1.0]);
    }

    #[test]
    fn sizes_are_told_height_first() {
        let sizes = ToldSizes { original: (640, 480), crop: (10, 20), target: (64, 48) };
        let six = [480.0, 640.0, 20.0, 10.0, 48.0, 64.0];
        assert_eq!(sizes.numbers(AddedIds::Sizes, true), six);
        assert_eq!(sizes.numbers(AddedIds::Score, false), [480.0, 640.0, 20.0, 10.0, 6.0]);
        assert_eq!(sizes.numbers(AddedIds::Score, true)[4], 2.5);
    }
}
