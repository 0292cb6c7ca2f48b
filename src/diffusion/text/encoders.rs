//! A model's text encoders, one or two, and what they say together.
//!
//! Called by the pipeline. Which encoders there are follows from the folder, how they are read from
//! the UNet: one that takes the whole text besides (SDXL) reads the states before the last layer,
//! side by side, and the projection of the last encoder. A large encoder is read from disk when there
//! are words for it, and is not kept: it would lie idle through all of the steps.

use std::sync::Arc;

use super::chunks::{self, Chunk, Chunks};
use super::clip::{ClipText, Reach};
use super::tokenizer::Tokenizer;
use super::weights;
use crate::cancel::CancelToken;
use crate::diffusion::error::Result;
use crate::diffusion::nn::load::Loading;
use crate::models::config::clip::ClipConfig;
use crate::models::config::unet::UNetConfig;
use crate::models::{ModelError, ModelFolder};
use crate::ops::Ops;
use crate::types::PromptStyle;

/// A component with a text encoder, and the one with its tokenizer.
const PARTS: [(&str, &str); 2] = [("text_encoder", "tokenizer"), ("text_encoder_2", "tokenizer_2")];

/// Parameters of the largest encoder that is kept: those of Stable Diffusion 1 and 2 have 123 and 340
/// million, SDXL's second one 694.
pub const KEPT_PARAMETERS: usize = 400_000_000;

/// The encoders of a model.
pub struct TextEncoders<O: Ops> {
    folder: ModelFolder,
    encoders: Vec<Encoder<O>>,
    reach: Reach,
    /// Whether an empty negative prompt is no text at all: zeros.
    empty_is_zero: bool,
}

struct Encoder<O: Ops> {
    part: &'static str,
    tokenizer: Arc<Tokenizer>,
    config: ClipConfig,
    projected: bool,
    /// `None`: read when it is needed.
    clip: Option<ClipText<O>>,
}

/// A prompt and what it is for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Prompt {
    /// The words.
    pub text: String,
    /// Whether they say what to avoid.
    pub negative: bool,
}

/// Prompts and how they are read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reading {
    /// The prompts of all branches.
    pub prompts: Vec<Prompt>,
    /// How their signs are read.
    pub style: PromptStyle,
    /// The layer that is listened to, from the end, as [`Reach::skipping`] counts it.
    pub clip_skip: usize,
}

/// What all encoders say of prompts.
#[derive(Clone, Debug, PartialEq)]
pub struct TextStates {
    /// Prompts, tokens of each, width of their states.
    pub shape: [usize; 3],
    /// The states, in that order.
    pub states: Vec<f32>,
    /// Prompts × width: each text as a whole; empty where no encoder projects it.
    pub pooled: Vec<f32>,
}

impl<O: Ops> TextEncoders<O> {
    /// Reads the encoders of a folder for a UNet, but for those with more than `kept` parameters.
    ///
    /// # Errors
    /// A part is missing, damaged or contradicts another; cancelled.
    pub fn load<'a>(
        ops: &O,
        folder: &ModelFolder,
        unet: &UNetConfig,
        kept: usize,
        loading: impl Into<Loading<'a>>,
    ) -> Result<Self> {
        let loading = loading.into();
        let parts = parts(folder);
        let reach = reach(unet);
        let mut encoders = Vec::new();
        for (index, (part, tokenizer)) in parts.iter().enumerate() {
            let config = ClipConfig::read(folder, part)?;
            let tokenizer = Tokenizer::load_part(folder, tokenizer, config.positions)?;
            check_vocabulary(folder, &tokenizer, &config)?;
            let projected = unet.added.is_some() && index + 1 == parts.len();
            // That it is there and whole is seen at once.
            let file = folder.tensors(part)?;
            let clip = (config.parameters() <= kept)
                .then(|| ClipText::load(ops, config.clone(), projected, &file, loading))
                .transpose()?;
            let tokenizer = Arc::new(tokenizer);
            encoders.push(Encoder { part, tokenizer, config, projected, clip });
        }
        let texts = Self {
            folder: folder.clone(),
            encoders,
            reach,
            empty_is_zero: unet.added.is_some() && forces_zeros(folder)?,
        };
        texts.check(folder, unet)?;
        Ok(texts)
    }

    /// Splits prompts into tokens; where two encoders have one each, both do it alike but for what
    /// fills the rest.
    #[must_use]
    pub fn tokenizer(&self) -> &Arc<Tokenizer> {
        &self.encoders[0].tokenizer
    }

    /// Width of the states side by side.
    fn width(&self) -> usize {
        self.encoders.iter().map(|encoder| encoder.config.hidden).sum()
    }

    /// Reads prompts in chunks; equal ones once. What is not kept is read from disk first. A text as a
    /// whole is its first chunk's, without weights.
    ///
    /// # Errors
    /// Cancelled, the backend fails, or an encoder cannot be read any more.
    pub fn read(&self, ops: &O, reading: &Reading, cancel: &CancelToken) -> Result<TextStates> {
        let Reading { prompts, style, clip_skip } = reading;
        let reach = self.reach.skipping(*clip_skip);
        let mut distinct: Vec<&str> = Vec::new();
        let mut places = Vec::new();
        for prompt in prompts {
            let known = distinct.iter().position(|text| *text == prompt.text);
            places.push(known.unwrap_or(distinct.len()));
            if known.is_none() {
                distinct.push(&prompt.text);
            }
        }
        let mut encoded = Vec::new();
        let mut pooled = Vec::new();
        for Encoder { part, tokenizer, config, projected, clip } in &self.encoders {
            let brought;
            let clip = if let Some(clip) = clip {
                clip
            } else {
                let file = self.folder.tensors(part)?;
                brought = ClipText::load(ops, config.clone(), *projected, &file, cancel)?;
                &brought
            };
            let chunked: Vec<Chunks> =
                distinct.iter().map(|text| chunks::read(tokenizer, text, *style)).collect();
            let mut whole = None;
            let states = weights::states(&chunked, &Chunk::empty(tokenizer), *style, |ids| {
                let read = clip.read(ops, ids, tokenizer.end(), reach, cancel)?;
                whole = read.pooled.map(|pooled| (ids.len(), pooled));
                Ok(read.states)
            })?;
            if let Some((chunks, whole)) = whole {
                pooled = of_first_chunks(&chunked, &whole, whole.len() / chunks);
            }
            encoded.push((config.hidden, states));
        }
        let count = distinct.len().max(1);
        let length = encoded.iter().map(|(hidden, states)| states.len() / hidden / count).min();
        let shape = [prompts.len(), length.unwrap_or(0), self.width()];
        let mut states = Vec::with_capacity(shape.iter().product());
        let mut wholes = Vec::new();
        for (prompt, place) in prompts.iter().zip(places) {
            let zero = self.empty_is_zero && prompt.negative && prompt.text.is_empty();
            let kept = if zero { 0.0 } else { 1.0 };
            for token in 0..shape[1] {
                for (hidden, encoded) in &encoded {
                    let own = &encoded[place * (encoded.len() / count)..];
                    let row = &own[token * hidden..][..*hidden];
                    states.extend(row.iter().map(|value| value * kept));
                }
            }
            let width = pooled.len() / count;
            wholes.extend(pooled[place * width..][..width].iter().map(|value| value * kept));
        }
        Ok(TextStates { shape, states, pooled: wholes })
    }

    /// The encoders and the UNet must be made for each other.
    fn check(
        &self,
        folder: &ModelFolder,
        unet: &UNetConfig,
    ) -> std::result::Result<(), ModelError> {
        let refused = |reason| Err(ModelError::Unsupported { reason, path: folder.location() });
        let Some(last) = self.encoders.last() else {
            return Err(ModelError::MissingFile {
                file: "text_encoder/config.json".to_owned(),
                folder: folder.location(),
            });
        };
        if unet.cross_attention_dim != self.width() {
            return refused(format!(
                "The UNet's 'cross_attention_dim' is {}, but the text encoder's 'hidden_size' {}",
                unet.cross_attention_dim,
                self.width()
            ));
        }
        let Some(added) = &unet.added else { return Ok(()) };
        let pooled = last.config.projection;
        if added.ids(pooled).is_none() {
            return refused(format!(
                "The UNet's 'projection_class_embeddings_input_dim' is {}, which does not fit the \
                 text encoder's 'projection_dim' {pooled}",
                added.input
            ));
        }
        Ok(())
    }
}

/// The rows of each prompt's first chunk, out of one of `width` values for every chunk.
fn of_first_chunks(prompts: &[Chunks], rows: &[f32], width: usize) -> Vec<f32> {
    let mut rest = rows;
    let mut first = Vec::with_capacity(prompts.len() * width);
    for prompt in prompts {
        first.extend(&rest[..width]);
        rest = &rest[prompt.chunks.len() * width..];
    }
    first
}

/// Bytes that [`TextEncoders::load`] reads of a folder.
///
/// # Errors
/// A part is missing or damaged.
pub fn bytes(folder: &ModelFolder, kept: usize) -> std::result::Result<u64, ModelError> {
    let mut bytes = 0;
    for (part, _) in parts(folder) {
        if ClipConfig::read(folder, part)?.parameters() <= kept {
            bytes += folder.tensors(part)?.bytes();
        }
    }
    Ok(bytes)
}

/// Which states a UNet was trained with.
#[must_use]
pub fn reach(unet: &UNetConfig) -> Reach {
    if unet.added.is_some() { Reach::PENULTIMATE } else { Reach::LAST }
}

/// The encoders that the folder has, and the tokenizer of each. Where the UNet embeds the whole text,
/// the last one projects it.
#[must_use]
pub fn parts(folder: &ModelFolder) -> Vec<(&'static str, &'static str)> {
    let there = |part: &&(&str, &str)| folder.has(&format!("{}/config.json", part.0));
    PARTS.iter().filter(there).copied().collect()
}

/// `force_zeros_for_empty_prompt` of diffusers' SDXL pipelines: true unless the index says no.
fn forces_zeros(folder: &ModelFolder) -> std::result::Result<bool, ModelError> {
    let index = folder.optional_json("model_index.json")?.unwrap_or_default();
    Ok(index.get("force_zeros_for_empty_prompt").and_then(serde_json::Value::as_bool)
        != Some(false))
}

fn check_vocabulary(
    folder: &ModelFolder,
    tokenizer: &Tokenizer,
    config: &ClipConfig,
) -> std::result::Result<(), ModelError> {
    if tokenizer.vocabulary_size() <= config.vocabulary {
        return Ok(());
    }
    Err(ModelError::Unsupported {
        reason: format!(
            "The tokenizer knows {} tokens, but the text encoder {}",
            tokenizer.vocabulary_size(),
            config.vocabulary
        ),
        path: folder.location(),
    })
}
