//! The timestep's embedding: sines and cosines, then two linear layers (diffusers'
//! `embeddings.py`, `get_timestep_embedding` and `TimestepEmbedding`).

use super::load::Loader;
use crate::diffusion::error::Result;
use crate::ops::{Activation, Ops};

/// Turns a timestep into a vector that every residual block reads.
pub struct TimestepEmbedding<O: Ops> {
    first: O::Linear,
    second: O::Linear,
    activation: Activation,
    waves: usize,
    cosine_first: bool,
    freq_shift: f32,
}

impl<O: Ops> TimestepEmbedding<O> {
    /// Reads the two layers: `waves` sines and cosines to `width` values.
    ///
    /// # Errors
    /// A tensor cannot be read.
    pub fn load(
        from: &Loader<'_, O>,
        waves: usize,
        width: usize,
        activation: Activation,
        (cosine_first, freq_shift): (bool, f32),
    ) -> Result<Self> {
        Ok(Self {
            first: from.linear("linear_1", width, waves)?,
            second: from.linear("linear_2", width, width)?,
            activation,
            waves,
            cosine_first,
            freq_shift,
        })
    }

    /// The activated embedding of one timestep for each image: tokens `[batch, 1, width]`.
    ///
    /// # Errors
    /// The backend fails.
    pub fn forward(&self, ops: &O, timesteps: &[f32]) -> Result<O::Tensor> {
        let values: Vec<f32> =
            timesteps.iter().flat_map(|timestep| self.waves(*timestep)).collect();
        let waves = ops.tokens([timesteps.len(), 1, self.waves], &values)?;
        let hidden = ops.project(&waves, &self.first, Some(self.activation), None)?;
        // Every residual block would begin with the second activation.
        Ok(ops.project(&hidden, &self.second, Some(self.activation), None)?)
    }

    fn waves(&self, timestep: f32) -> Vec<f32> {
        let half = self.waves / 2;
        let angle = |i: usize| {
            let exponent = -(10_000_f32.ln()) * i as f32 / (half as f32 - self.freq_shift);
            timestep * exponent.exp()
        };
        let sines = (0..half).map(|i| angle(i).sin());
        let cosines = (0..half).map(|i| angle(i).cos());
        let mut waves: Vec<f32> = if self.cosine_first {
            cosines.chain(sines).collect()
        } else {
            sines.chain(cosines).collect()
        };
        waves.resize(self.waves, 0.0);
        waves
    }
}
