//! CLIP's text encoder: transformers' `CLIPTextModel` (`modeling_clip.py`).
//!
//! Called by the pipeline with token ids; gives the normed states of its last layer, or of one before.

use crate::cancel::CancelToken;
use crate::diffusion::error::Result;
use crate::diffusion::nn::attention::{Attention, Names};
use crate::diffusion::nn::load::Loader;
use crate::models::TensorFile;
use crate::models::config::clip::ClipConfig;
use crate::ops::Ops;

/// A text encoder on a backend.
pub struct ClipText<O: Ops> {
    tokens: Vec<f32>,
    positions: Vec<f32>,
    layers: Vec<Layer<O>>,
    norm: O::Norm,
    config: ClipConfig,
}

struct Layer<O: Ops> {
    norm1: O::Norm,
    attention: Attention<O>,
    norm2: O::Norm,
    widen: O::Linear,
    narrow: O::Linear,
}

impl<O: Ops> ClipText<O> {
    /// Reads a text encoder's tensors, with or without the `text_model.` prefix.
    ///
    /// # Errors
    /// Tensors are missing, damaged or of another shape; cancelled.
    pub fn load(
        ops: &O,
        config: ClipConfig,
        file: &TensorFile,
        cancel: &CancelToken,
    ) -> Result<Self> {
        let root = Loader::new(ops, file, cancel);
        let prefixed = root.at("text_model");
        let from = if prefixed.has("embeddings.token_embedding.weight") { prefixed } else { root };
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
            config,
        };
        from.finish()?;
        Ok(encoder)
    }

    /// Its shape.
    #[must_use]
    pub fn config(&self) -> &ClipConfig {
        &self.config
    }

    /// The states of prompts, tokens `[prompts, positions, hidden]`. Each prompt's ids are as many
    /// as the model has positions, each below the vocabulary's size.
    ///
    /// # Errors
    /// Cancelled, or the backend fails.
    pub fn forward(&self, ops: &O, prompts: &[&[u32]], cancel: &CancelToken) -> Result<O::Tensor> {
        self.forward_skipping(ops, prompts, 1, cancel)
    }

    /// The same, of the `clip_skip`-th layer from the end: 1 is the last one. The norm is the same
    /// for all. At least one layer is run.
    ///
    /// # Errors
    /// Cancelled, or the backend fails.
    pub fn forward_skipping(
        &self,
        ops: &O,
        prompts: &[&[u32]],
        clip_skip: usize,
        cancel: &CancelToken,
    ) -> Result<O::Tensor> {
        let layers = (self.layers.len() + 1).saturating_sub(clip_skip).max(1);
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
        let mut x = ops.tokens([prompts.len(), length, hidden], &values)?;
        for layer in self.layers.iter().take(layers) {
            cancel.check()?;
            let normed = ops.layer_norm(&x, &layer.norm1)?;
            let keys = layer.attention.keys(ops, &normed)?;
            x = layer.attention.forward(ops, &normed, &keys, true, &x)?;
            let normed = ops.layer_norm(&x, &layer.norm2)?;
            let wide = ops.project(&normed, &layer.widen, Some(self.config.activation), None)?;
            x = ops.project(&wide, &layer.narrow, None, Some(&x))?;
        }
        Ok(ops.layer_norm(&x, &self.norm)?)
    }
}
