//! Numbers as vectors: sines and cosines, then two linear layers (diffusers' `embeddings.py`,
//! `get_timestep_embedding` and `TimestepEmbedding`). So the timestep is told to every residual
//! block, and in some models sizes and the guidance scale beside it.

use super::load::Loader;
use crate::diffusion::error::Result;
use crate::ops::{Activation, Ops};

/// How numbers become waves.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Waves {
    /// Sines and cosines of each number.
    pub count: usize,
    /// Which half comes first.
    pub cosine_first: bool,
    /// Slows the fastest fall of the frequencies: 0, or 1 where the last one is exactly 1 / 10000.
    pub freq_shift: f32,
}

impl Waves {
    /// The waves of a number.
    #[must_use]
    pub fn of(&self, number: f32) -> Vec<f32> {
        let half = self.count / 2;
        let angle = |i: usize| {
            let exponent = -(10_000_f32.ln()) * i as f32 / (half as f32 - self.freq_shift);
            number * exponent.exp()
        };
        let sines = (0..half).map(|i| angle(i).sin());
        let cosines = (0..half).map(|i| angle(i).cos());
        let mut waves: Vec<f32> = if self.cosine_first {
            cosines.chain(sines).collect()
        } else {
            sines.chain(cosines).collect()
        };
        waves.resize(self.count, 0.0);
        waves
    }
}

/// The waves of a guidance scale: `get_guidance_scale_embedding` of diffusers' latent consistency
/// pipeline (Luo et al. 2023), which counts from 1. The order of its operations is kept: an angle of
/// thousands shows every rounding.
#[must_use]
pub fn guidance_waves(scale: f32, count: usize) -> Vec<f32> {
    let half = count / 2;
    let fall = 10_000_f32.ln() / (half as f32 - 1.0);
    let angles = (0..half).map(|i| (scale - 1.0) * 1000.0 * (i as f32 * -fall).exp());
    let angles: Vec<f32> = angles.collect();
    let sines = angles.iter().map(|angle| angle.sin());
    let mut waves: Vec<f32> = sines.chain(angles.iter().map(|angle| angle.cos())).collect();
    waves.resize(count, 0.0);
    waves
}

/// Two linear layers, an activation between them.
pub struct Embedding<O: Ops> {
    first: O::Linear,
    second: O::Linear,
    activation: Activation,
}

impl<O: Ops> Embedding<O> {
    /// Reads the layers from `input` to `width` values.
    ///
    /// # Errors
    /// A tensor cannot be read.
    pub fn load(
        from: &Loader<'_, O>,
        input: usize,
        width: usize,
        activation: Activation,
    ) -> Result<Self> {
        Ok(Self {
            first: from.linear("linear_1", width, input)?,
            second: from.linear("linear_2", width, width)?,
            activation,
        })
    }

    /// Tokens `[batch, 1, input]` to `[batch, 1, width]`, not activated.
    ///
    /// # Errors
    /// The backend fails.
    pub fn forward(&self, ops: &O, x: &O::Tensor) -> Result<O::Tensor> {
        let hidden = ops.project(x, &self.first, Some(self.activation), None)?;
        Ok(ops.project(&hidden, &self.second, None, None)?)
    }
}

/// Turns a timestep into a vector that every residual block reads.
pub struct TimestepEmbedding<O: Ops> {
    embedding: Embedding<O>,
    waves: Waves,
}

impl<O: Ops> TimestepEmbedding<O> {
    /// Reads the two layers from `waves` to `width` values.
    ///
    /// # Errors
    /// A tensor cannot be read.
    pub fn load(
        from: &Loader<'_, O>,
        waves: Waves,
        width: usize,
        activation: Activation,
    ) -> Result<Self> {
        Ok(Self { embedding: Embedding::load(from, waves.count, width, activation)?, waves })
    }

    /// The activated embedding of one timestep for each image: tokens `[batch, 1, width]`. What is
    /// told beside the timestep is added: `to_waves` to its waves, `to_embedding` to the embedding.
    ///
    /// # Errors
    /// The backend fails.
    pub fn forward(
        &self,
        ops: &O,
        timesteps: &[f32],
        to_waves: Option<&O::Tensor>,
        to_embedding: Option<&O::Tensor>,
    ) -> Result<O::Tensor> {
        let Embedding { first, second, activation } = &self.embedding;
        let values: Vec<f32> =
            timesteps.iter().flat_map(|timestep| self.waves.of(*timestep)).collect();
        let mut waves = ops.tokens([timesteps.len(), 1, self.waves.count], &values)?;
        if let Some(more) = to_waves {
            waves = ops.add(&waves, more)?;
        }
        let hidden = ops.project(&waves, first, Some(*activation), None)?;
        // Every residual block would begin with the second activation.
        match to_embedding {
            None => Ok(ops.project(&hidden, second, Some(*activation), None)?),
            Some(more) => {
                let sum = ops.project(&hidden, second, None, Some(more))?;
                Ok(ops.activate(&sum, *activation)?)
            }
        }
    }
}
