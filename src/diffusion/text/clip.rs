//! CLIP's text encoder: transformers' `CLIPTextModel` and `CLIPTextModelWithProjection`
//! (`modeling_clip.py`).
//!
//! Called by [`super::encoders`] with token ids; gives the states of a layer and, where wanted, the
//! projection of the whole text.

use crate::cancel::CancelToken;
use crate::diffusion::error::Result;
use crate::diffusion::nn::attention::{Attention, Names};
use crate::diffusion::nn::load::{Loader, Loading};
use crate::models::TensorFile;
use crate::models::config::clip::ClipConfig;
use crate::ops::Ops;

/// A text encoder on a backend.
pub struct ClipText<O: Ops> {
    tokens: Vec<f32>,
    positions: Vec<f32>,
    layers: Vec<Layer<O>>,
    norm: O::Norm,
    projection: Option<O::Linear>,
    config: ClipConfig,
}

struct Layer<O: Ops> {
    norm1: O::Norm,
    attention: Attention<O>,
    norm2: O::Norm,
    widen: O::Linear,
    narrow: O::Linear,
}

/// Which states are read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reach {
    /// Layers that are left out, from the last one.
    pub skipped: usize,
    /// Whether the final norm follows.
    pub normed: bool,
}

impl Reach {
    /// Stable Diffusion 1 and 2: the last layer's states, normed.
    pub const LAST: Self = Self { skipped: 0, normed: true };
    /// Stable Diffusion XL: the last layer but one's, as they are (Podell et al. 2023, section 2.1).
    pub const PENULTIMATE: Self = Self { skipped: 1, normed: false };

    /// With CLIP skip: the `clip_skip`-th layer from the end, 1 is the last one, but none after the
    /// layer that the model was trained with. So 1 and 2 are the same for SDXL: programs that ignore
    /// CLIP skip there and those that count it from the end both write 2.
    #[must_use]
    pub fn skipping(self, clip_skip: usize) -> Self {
        Self { skipped: self.skipped.max(clip_skip.saturating_sub(1)), ..self }
    }
}

/// What an encoder says of prompts.
#[derive(Clone, Debug, PartialEq)]
pub struct Encoded {
    /// Prompts × tokens × hidden.
    pub states: Vec<f32>,
    /// Prompts × projection width, from an encoder with a projection.
    pub pooled: Option<Vec<f32>>,
}

impl<O: Ops> ClipText<O> {
    /// Reads a text encoder's tensors, with or without the `text_model.` prefix; `projected` ones
    /// have a projection.
    ///
    /// # Errors
    /// Tensors are missing, damaged or of another shape; cancelled.
    pub fn load<'a>(
        ops: &'a O,
        config: ClipConfig,
        projected: bool,
        file: &'a TensorFile,
        loading: impl Into<Loading<'a>>,
    ) -> Result<Self> {
        let root = Loader::new(ops, file, loading);
        let prefixed = root.at("text_model");
        let plain = !prefixed.has("embeddings.token_embedding.weight");
        let from = if plain { &root } else { &prefixed };
        let ClipConfig { hidden, intermediate, norm_eps, .. } = config;
        let embeddings = from.at("embeddings");
        let layers = (0..config.layers)
            .map(|index| {
                let from = from.at("encoder.layers").at(index);
                Ok(Layer {
                    norm1: from.norm("layer_norm1", hidden, 1, norm_eps)?,
                    attention: Attention::load(
                        &from.at("self_attn"),
                        &Names::CLIP,
                        hidden,
                        hidden,
                        config.heads,
                    )?,
                    norm2: from.norm("layer_norm2", hidden, 1, norm_eps)?,
                    widen: from.linear("mlp.fc1", intermediate, hidden)?,
                    narrow: from.linear("mlp.fc2", hidden, intermediate)?,
                })
            })
            .collect::<Result<_>>()?;
        let encoder = Self {
            tokens: embeddings.table("token_embedding.weight", &[config.vocabulary, hidden])?,
            positions: embeddings
                .table("position_embedding.weight", &[config.positions, hidden])?,
            layers,
            norm: from.norm("final_layer_norm", hidden, 1, norm_eps)?,
            projection: projected
                .then(|| root.linear_unbiased("text_projection", config.projection, hidden))
                .transpose()?,
            config,
        };
        root.finish()?;
        Ok(encoder)
    }

    /// Its shape.
    #[must_use]
    pub fn config(&self) -> &ClipConfig {
        &self.config
    }

    /// Reads prompts. Each one's ids are as many as the model has positions, each below the
    /// vocabulary's size; `end` is the id of the token at which the whole text is read. At least one
    /// layer is run.
    ///
    /// # Errors
    /// Cancelled, or the backend fails.
    pub fn read(
        &self,
        ops: &O,
        prompts: &[&[u32]],
        end: u32,
        reach: Reach,
        cancel: &CancelToken,
    ) -> Result<Encoded> {
        let kept = self.layers.len().saturating_sub(reach.skipped).max(1);
        let x = self.through(ops, self.embedded(ops, prompts)?, 0..kept, cancel)?;
        let normed = if reach.normed { &ops.layer_norm(&x, &self.norm)? } else { &x };
        let states = ops.read_tokens(normed)?;
        let Some(projection) = &self.projection else {
            return Ok(Encoded { states, pooled: None });
        };
        let x = self.through(ops, x, kept..self.layers.len(), cancel)?;
        let whole = ops.read_tokens(&ops.layer_norm(&x, &self.norm)?)?;
        let hidden = self.config.hidden;
        let ends = prompts.iter().zip(whole.chunks_exact(whole.len() / prompts.len().max(1)));
        let ends: Vec<f32> = ends
            .flat_map(|(ids, states)| {
                // As transformers does: the first one, padding may be the same token.
                let place = ids.iter().position(|id| *id == end).unwrap_or(ids.len() - 1);
                &states[place * hidden..][..hidden]
            })
            .copied()
            .collect();
        let ends = ops.tokens([prompts.len(), 1, hidden], &ends)?;
        let pooled = ops.read_tokens(&ops.project(&ends, projection, None, None)?)?;
        Ok(Encoded { states, pooled: Some(pooled) })
    }

    fn embedded(&self, ops: &O, prompts: &[&[u32]]) -> Result<O::Tensor> {
        let hidden = self.config.hidden;
        let length = prompts.first().map_or(0, |ids| ids.len());
        let mut values = Vec::with_capacity(prompts.len() * length * hidden);
        // Without values there are no tables to look into.
        for ids in prompts.iter().filter(|_| O::VALUES) {
            for (position, id) in ids.iter().enumerate() {
                let token = &self.tokens[*id as usize * hidden..][..hidden];
                let place = &self.positions[position * hidden..][..hidden];
                values.extend(token.iter().zip(place).map(|(token, place)| token + place));
            }
        }
        Ok(ops.tokens([prompts.len(), length, hidden], &values)?)
    }

    fn through(
        &self,
        ops: &O,
        mut x: O::Tensor,
        layers: std::ops::Range<usize>,
        cancel: &CancelToken,
    ) -> Result<O::Tensor> {
        for layer in &self.layers[layers] {
            cancel.check()?;
            let normed = ops.layer_norm(&x, &layer.norm1)?;
            let keys = layer.attention.keys(ops, &normed)?;
            x = layer.attention.forward(ops, &normed, &keys, true, Some(&x))?;
            let normed = ops.layer_norm(&x, &layer.norm2)?;
            let wide = ops.project(&normed, &layer.widen, Some(self.config.activation), None)?;
            x = ops.project(&wide, &layer.narrow, None, Some(&x))?;
        }
        Ok(x)
    }
}
