//! `text_encoder/config.json` and `text_encoder_2/config.json`: transformers' `CLIPTextModel` and
//! `CLIPTextModelWithProjection`.
//!
//! transformers writes many keys that say nothing of the network, and more with each version; so
//! only those that do are looked at, and unknown ones are let pass here.

use super::Reader;
use crate::kernels::activation::Activation;
use crate::models::error::ModelError;
use crate::models::folder::ModelFolder;

/// A text encoder's shape.
#[derive(Clone, Debug, PartialEq)]
pub struct ClipConfig {
    /// Tokens it knows.
    pub vocabulary: usize,
    /// Width of its states.
    pub hidden: usize,
    /// Width between the two layers of a block's feed-forward part.
    pub intermediate: usize,
    /// Blocks.
    pub layers: usize,
    /// Attention heads.
    pub heads: usize,
    /// Tokens it reads at once.
    pub positions: usize,
    /// Function of the feed-forward part.
    pub activation: Activation,
    /// Added to the variance in the norms.
    pub norm_eps: f32,
    /// Width of the whole text's projection, in encoders that have one.
    pub projection: usize,
}

impl ClipConfig {
    /// About how many parameters it has: embeddings, and four projections and two layers a block.
    #[must_use]
    pub fn parameters(&self) -> usize {
        let Self { vocabulary, hidden, intermediate, layers, positions, .. } = *self;
        (vocabulary + positions) * hidden + layers * hidden * (4 * hidden + 2 * intermediate)
    }

    /// Reads and checks the file of a component, `text_encoder` or `text_encoder_2`.
    ///
    /// # Errors
    /// A key is missing or contradicts another.
    pub fn read(folder: &ModelFolder, component: &str) -> Result<Self, ModelError> {
        let reader = Reader::open(folder, &format!("{component}/config.json"))?;
        let kind = reader.word("model_type", "clip_text_model")?;
        if !matches!(kind, "clip_text_model" | "clip") {
            return Err(reader.wrong("model_type", "clip_text_model"));
        }
        let config = Self {
            vocabulary: reader.size("vocab_size", 49408)?,
            hidden: reader.size("hidden_size", 512)?,
            intermediate: reader.size("intermediate_size", 2048)?,
            layers: reader.size("num_hidden_layers", 12)?,
            heads: reader.size("num_attention_heads", 8)?,
            positions: reader.size("max_position_embeddings", 77)?,
            activation: reader.activation("hidden_act", "quick_gelu")?,
            norm_eps: reader.number("layer_norm_eps", 1e-5)? as f32,
            projection: reader.size("projection_dim", 512)?,
        };
        if !config.hidden.is_multiple_of(config.heads) {
            return Err(reader.wrong("num_attention_heads", "a divisor of hidden_size"));
        }
        Ok(config)
    }
}
