//! What a run's UNet calls have in common: put together from the prompts that were read, the job and
//! the UNet's configuration.

use super::{Job, Pipeline, Read};
use crate::cancel::CancelToken;
use crate::diffusion::conditioning::Branches;
use crate::diffusion::error::{DiffusionError, Result};
use crate::diffusion::text::encoders::{Prompt, Reading};
use crate::diffusion::unet::Words;
use crate::ops::Ops;

/// What the UNet is told besides the latent, what lies beside it, and the timestep.
pub(super) struct Told<O: Ops> {
    pub(super) branches: Branches,
    pub(super) words: Words<O>,
}

impl<O: Ops> Pipeline<O> {
    /// What the UNet is told in all steps of a run.
    pub(super) fn told(&self, job: &Job<'_>) -> Result<Told<O>> {
        let config = self.unet.config();
        let branches = Branches::of(config, job.guidance, job.picture_guidance);
        let read = self.read.as_ref().filter(|read| read.states.shape[0] == branches.count());
        let Some(read) = read else {
            return Err(DiffusionError::Request("No words were read before painting".to_owned()));
        };
        if job.shown.is_none() && config.in_channels != config.out_channels {
            return Err(DiffusionError::Request("This model needs to see a picture".to_owned()));
        }
        self.told_words(branches, 0, read, &read.words, job)
    }

    /// What the UNet is told in steps without guidance: the prompt alone, which is read last.
    pub(super) fn told_alone(
        &self,
        job: &Job<'_>,
        cancel: &CancelToken,
    ) -> Result<Option<Told<O>>> {
        let read = self.read.as_ref().filter(|read| read.states.shape[0] > 1);
        let Some(read) = read.filter(|_| job.savings.guidance_interval.is_some()) else {
            return Ok(None);
        };
        let [prompts, tokens, width] = read.states.shape;
        let alone = &read.states.states[(prompts - 1) * tokens * width..];
        let alone = self.ops.tokens([1, tokens, width], alone)?;
        let words = self.unet.words(&self.ops, &alone, cancel)?;
        self.told_words(Branches::Prompt, prompts - 1, read, &words, job).map(Some)
    }

    /// The words of the prompts from `first` on, with the text as a whole and the sizes.
    fn told_words(
        &self,
        branches: Branches,
        first: usize,
        read: &Read<O>,
        words: &Words<O>,
        job: &Job<'_>,
    ) -> Result<Told<O>> {
        let Read { reading: Reading { prompts, .. }, states, .. } = read;
        let pooled = states.pooled.len() / prompts.len();
        let ids = self.unet.config().added.as_ref().and_then(|added| added.ids(pooled));
        let numbers = |prompt: &Prompt| {
            ids.map_or_else(Vec::new, |ids| job.sizes.numbers(ids, prompt.negative))
        };
        let told = prompts.iter().enumerate().skip(first);
        let added: Vec<(&[f32], Vec<f32>)> = told
            .map(|(index, prompt)| (&states.pooled[index * pooled..][..pooled], numbers(prompt)))
            .collect();
        let words =
            self.unet.told(&self.ops, words, &added, job.guidance, job.savings.token_merging)?;
        Ok(Told { branches, words })
    }
}
