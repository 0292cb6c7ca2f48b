//! Multi-head attention with its four projections: diffusers' `Attention` (`attention_processor.py`).

use super::load::Loader;
use crate::diffusion::error::Result;
use crate::ops::Ops;

/// Queries from the tokens, keys and values from the tokens or from a context.
pub struct Attention<O: Ops> {
    q: O::Linear,
    k: O::Linear,
    v: O::Linear,
    out: O::Linear,
    heads: usize,
}

/// What the four projections are called.
pub struct Names {
    /// Query, key, value, output.
    pub qkvo: [&'static str; 4],
    /// Whether query, key and value have biases.
    pub biased: bool,
}

impl Names {
    /// In a UNet's transformer.
    pub const UNET: Self = Self { qkvo: ["to_q", "to_k", "to_v", "to_out.0"], biased: false };
    /// In an autoencoder.
    pub const VAE: Self = Self { qkvo: ["to_q", "to_k", "to_v", "to_out.0"], biased: true };
    /// In an autoencoder written by an old version of diffusers.
    pub const OLD_VAE: Self = Self { qkvo: ["query", "key", "value", "proj_attn"], biased: true };
    /// In a CLIP text encoder.
    pub const CLIP: Self = Self { qkvo: ["q_proj", "k_proj", "v_proj", "out_proj"], biased: true };
}

impl<O: Ops> Attention<O> {
    /// Reads projections for tokens of `channels` that look at a context of `context` channels.
    ///
    /// # Errors
    /// A tensor cannot be read.
    pub fn load(
        from: &Loader<'_, O>,
        names: &Names,
        channels: usize,
        context: usize,
        heads: usize,
    ) -> Result<Self> {
        let [q, k, v, out] = names.qkvo;
        let project = |name: &str, input: usize| {
            if names.biased {
                from.linear(name, channels, input)
            } else {
                from.linear_unbiased(name, channels, input)
            }
        };
        Ok(Self {
            q: project(q, channels)?,
            k: project(k, context)?,
            v: project(v, context)?,
            out: from.linear(out, channels, channels)?,
            heads,
        })
    }

    /// The keys and values of a context, which may be attended to many times.
    ///
    /// # Errors
    /// The backend fails.
    pub fn keys(&self, ops: &O, context: &O::Tensor) -> Result<O::Keys> {
        let k = ops.project(context, &self.k, None, None)?;
        let v = ops.project(context, &self.v, None, None)?;
        Ok(ops.keys(&k, &v, self.heads)?)
    }

    /// What the tokens `x` gather from the context, plus `residual`; all are tokens.
    ///
    /// # Errors
    /// The backend fails.
    pub fn forward(
        &self,
        ops: &O,
        x: &O::Tensor,
        context: &O::Keys,
        causal: bool,
        residual: Option<&O::Tensor>,
    ) -> Result<O::Tensor> {
        let q = ops.project(x, &self.q, None, None)?;
        let mixed = ops.attend(&q, context, causal)?;
        Ok(ops.project(&mixed, &self.out, None, residual)?)
    }
}
