//! What a run's UNet calls have in common: put together from the prompts that were read, the job and
//! the UNet's configuration.

use super::{Job, Pipeline, Read};
use crate::diffusion::conditioning::{Beside, Branches};
use crate::diffusion::error::{DiffusionError, Result};
use crate::diffusion::noise::TorchNoise;
use crate::diffusion::text::encoders::Prompt;
use crate::diffusion::unet::Words;
use crate::ops::Ops;

/// What the UNet is told besides the latent and the timestep.
pub(super) struct Told<O: Ops> {
    pub(super) branches: Branches,
    pub(super) words: Words<O>,
    pub(super) beside: Beside,
}

impl<O: Ops> Pipeline<O> {
    /// What the UNet is told in all steps of a run; `noise` may be drawn from.
    pub(super) fn told(&self, job: &Job<'_>, noise: &mut TorchNoise) -> Result<Told<O>> {
        let config = self.unet.config();
        let branches = Branches::of(config, job.guidance, job.picture_guidance);
        let read = self.read.as_ref().filter(|read| read.prompts.len() == branches.count());
        let Some(Read { prompts, states, words }) = read else {
            return Err(DiffusionError::Request("No words were read before painting".to_owned()));
        };
        if job.shown.is_none() && config.in_channels != config.out_channels {
            return Err(DiffusionError::Request("This model needs to see a picture".to_owned()));
        }
        let pooled = states.pooled.len() / prompts.len();
        let ids = config.added.as_ref().and_then(|added| added.ids(pooled));
        let numbers = |prompt: &Prompt| {
            ids.map_or_else(Vec::new, |ids| job.sizes.numbers(ids, prompt.negative))
        };
        let added: Vec<(&[f32], Vec<f32>)> = prompts
            .iter()
            .enumerate()
            .map(|(index, prompt)| (&states.pooled[index * pooled..][..pooled], numbers(prompt)))
            .collect();
        let words = self.unet.told(&self.ops, words, &added, job.guidance)?;
        Ok(Told { branches, words, beside: Beside::new(job.shown, branches, noise) })
    }
}
