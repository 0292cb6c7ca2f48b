//! The conditional UNet: diffusers' `UNet2DConditionModel` (`unet_2d_condition.py`,
//! `unet_2d_blocks.py`), driven by its `config.json`.
//!
//! Called by the pipeline with a noisy latent, a timestep and what else it is told (text states and,
//! in some models, sizes or the guidance scale); predicts noise, velocity or picture, as the model
//! was trained to. Cancelling takes effect between its blocks.

use std::sync::Arc;

use super::error::Result;
use super::nn::load::{Loader, Loading};
use super::nn::merging::Merge;
use super::nn::resnet::{Resnet, ResnetStyle};
use super::nn::timestep::{Embedding, TimestepEmbedding, Waves, guidance_waves};
use super::nn::transformer::{Transformer, TransformerShape};
use crate::cancel::CancelToken;
use crate::models::TensorFile;
use crate::models::config::unet::{Block, UNetConfig};
use crate::ops::{Activation, ConvExtra, ImageDims, Ops};

/// A UNet on a backend.
pub struct UNet<O: Ops> {
    time: TimestepEmbedding<O>,
    /// Of the whole text and the numbers beside it.
    added: Option<Embedding<O>>,
    /// From the guidance scale's waves to those of the timestep.
    guidance: Option<O::Linear>,
    conv_in: O::Conv,
    down: Vec<Down<O>>,
    mid: Option<Mid<O>>,
    up: Vec<Up<O>>,
    norm_out: O::Norm,
    conv_out: O::Conv,
    config: UNetConfig,
}

/// What a UNet is told beside latent and timestep.
pub struct Words<O: Ops> {
    /// What its transformers see of the text, in the order in which they run.
    by_transformer: Arc<Vec<Vec<O::Keys>>>,
    /// Added to the timestep's waves.
    guidance: Option<O::Tensor>,
    /// Added to the timestep's embedding.
    added: Option<O::Tensor>,
    /// Share of the tokens that self-attention does not see, see [`super::nn::merging`].
    merged: Option<f32>,
}

/// What one transformer is told.
struct Said<'a, O: Ops> {
    keys: &'a [O::Keys],
    merge: Option<Merge>,
}

/// What [`UNet::forward_reusing`] keeps from call to call: the input of the last layer on the way up
/// (`DeepCache`, Ma et al. 2023, section 3.2, its shallowest branch).
pub struct Kept<O: Ops>(Option<O::Tensor>);

impl<O: Ops> Default for Kept<O> {
    fn default() -> Self {
        Self(None)
    }
}

/// A residual layer and what attends after it.
struct Layer<O: Ops> {
    resnet: Resnet<O>,
    transformer: Option<Transformer<O>>,
}

struct Down<O: Ops> {
    layers: Vec<Layer<O>>,
    smaller: Option<O::Conv>,
}

struct Mid<O: Ops> {
    first: Resnet<O>,
    transformer: Option<(Transformer<O>, Resnet<O>)>,
}

struct Up<O: Ops> {
    layers: Vec<Layer<O>>,
    larger: Option<O::Conv>,
}

impl<O: Ops> UNet<O> {
    /// Reads a UNet's tensors.
    ///
    /// # Errors
    /// Tensors are missing, damaged or of another shape; cancelled.
    pub fn load<'a>(
        ops: &'a O,
        config: UNetConfig,
        file: &'a TensorFile,
        loading: impl Into<Loading<'a>>,
    ) -> Result<Self> {
        let root = Loader::new(ops, file, loading);
        let style = ResnetStyle {
            groups: config.norm_groups,
            eps: config.norm_eps,
            activation: config.activation,
            time: Some(config.time_embedding),
        };
        let transformer = |block: &Block, layers: usize| TransformerShape {
            channels: block.channels,
            heads: block.heads,
            layers,
            context: config.cross_attention_dim,
            groups: config.norm_groups,
            linear: config.linear_projection,
        };
        let layer = |from: &Loader<'_, O>,
                     block: &Block,
                     index: usize,
                     input: usize|
         -> Result<Layer<O>> {
            let attention = block.transformers.get(index).map(|layers| {
                Transformer::load(&from.at("attentions").at(index), transformer(block, *layers))
            });
            Ok(Layer {
                resnet: Resnet::load(&from.at("resnets").at(index), input, block.channels, style)?,
                transformer: attention.transpose()?,
            })
        };

        let first = config.down[0].channels;
        let mut channels = first;
        // The way up meets the way down in reverse.
        let mut skips = vec![first];
        let mut down = Vec::new();
        for (index, block) in config.down.iter().enumerate() {
            let from = root.at("down_blocks").at(index);
            let mut layers = Vec::new();
            for position in 0..block.layers {
                layers.push(layer(&from, block, position, channels)?);
                channels = block.channels;
                skips.push(channels);
            }
            let smaller = if index + 1 < config.down.len() {
                let pad = config.downsample_padding;
                let padding = if pad == 0 { [0, 0, 1, 1] } else { [pad; 4] };
                skips.push(channels);
                Some(from.conv("downsamplers.0.conv", [channels, channels, 3], 2, padding)?)
            } else {
                None
            };
            down.push(Down { layers, smaller });
        }

        let mid = config.mid.as_ref().map(|mid| {
            let block = Block { channels, layers: 1, transformers: Vec::new(), heads: mid.heads };
            let shape = mid.transformers.map(|layers| transformer(&block, layers));
            Mid::load(&root.at("mid_block"), channels, style, shape)
        });
        let mid = mid.transpose()?;

        let mut up = Vec::new();
        for (index, block) in config.up.iter().enumerate() {
            let from = root.at("up_blocks").at(index);
            let mut layers = Vec::new();
            for position in 0..block.layers {
                let skip = skips.pop().expect("the way up has one layer for each of the way down");
                layers.push(layer(&from, block, position, channels + skip)?);
                channels = block.channels;
            }
            let larger = (index + 1 < config.up.len())
                .then(|| from.conv3("upsamplers.0.conv", channels, channels))
                .transpose()?;
            up.push(Up { layers, larger });
        }

        let time = root.at("time_embedding");
        let width = config.time_embedding;
        let unet = Self {
            time: TimestepEmbedding::load(&time, waves(&config, first), width, config.activation)?,
            added: config
                .added
                .as_ref()
                .map(|added| {
                    let from = root.at("add_embedding");
                    // Not the UNet's own activation: `TimestepEmbedding`'s usual one.
                    Embedding::load(&from, added.input, width, Activation::Silu)
                })
                .transpose()?,
            guidance: config
                .guidance_embedding
                .map(|waves| time.linear_unbiased("cond_proj", first, waves))
                .transpose()?,
            conv_in: root.conv3("conv_in", first, config.in_channels)?,
            down,
            mid,
            up,
            norm_out: root.norm("conv_norm_out", first, config.norm_groups, config.norm_eps)?,
            conv_out: root.conv3("conv_out", config.out_channels, first)?,
            config,
        };
        root.finish()?;
        Ok(unet)
    }

    /// Its shape.
    #[must_use]
    pub fn config(&self) -> &UNetConfig {
        &self.config
    }

    /// What its transformers see of the text states `context` (batch, tokens, channels): read
    /// once, used in all steps.
    ///
    /// # Errors
    /// Cancelled, or the backend fails.
    pub fn words(&self, ops: &O, context: &O::Tensor, cancel: &CancelToken) -> Result<Words<O>> {
        let down = self.down.iter().flat_map(|block| &block.layers);
        let up = self.up.iter().flat_map(|block| &block.layers);
        let mid = self.mid.iter().filter_map(|mid| mid.transformer.as_ref());
        let transformers = down
            .filter_map(|layer| layer.transformer.as_ref())
            .chain(mid.map(|(transformer, _)| transformer))
            .chain(up.filter_map(|layer| layer.transformer.as_ref()));
        let keys = transformers.map(|transformer| {
            cancel.check()?;
            transformer.words(ops, context)
        });
        let by_transformer = Arc::new(keys.collect::<Result<_>>()?);
        Ok(Words { by_transformer, guidance: None, added: None, merged: None })
    }

    /// The same words with what else is told for a whole run, for each image of the batch. `added`
    /// holds for each the whole text's projection and some numbers (where the model embeds them);
    /// `guidance` is the scale (where the model embeds that). `merged` is the share of the tokens of
    /// its finest attending layers that is merged into others, 0 to 0.75.
    ///
    /// # Errors
    /// The backend fails.
    pub fn told(
        &self,
        ops: &O,
        words: &Words<O>,
        added: &[(&[f32], Vec<f32>)],
        guidance: f32,
        merged: Option<f32>,
    ) -> Result<Words<O>> {
        let batch = added.len();
        let embedded = match (&self.added, &self.config.added) {
            (Some(embedding), Some(config)) => {
                let waves = waves(&self.config, config.waves);
                let values: Vec<f32> = added
                    .iter()
                    .flat_map(|(text, numbers)| {
                        let waves = numbers.iter().flat_map(|number| waves.of(*number));
                        text.iter().copied().chain(waves)
                    })
                    .collect();
                let tokens = ops.tokens([batch, 1, config.input], &values)?;
                Some(embedding.forward(ops, &tokens)?)
            }
            _ => None,
        };
        let guidance = match (&self.guidance, self.config.guidance_embedding) {
            (Some(linear), Some(count)) => {
                let values = guidance_waves(guidance, count).repeat(batch);
                let tokens = ops.tokens([batch, 1, count], &values)?;
                Some(ops.project(&tokens, linear, None, None)?)
            }
            _ => None,
        };
        let by_transformer = Arc::clone(&words.by_transformer);
        Ok(Words { by_transformer, guidance, added: embedded, merged })
    }

    /// What the transformers are told in their order, from the one at `first` on, for an input of
    /// these sizes.
    fn said<'a>(
        &self,
        words: &'a Words<O>,
        first: usize,
        input: ImageDims,
    ) -> impl Iterator<Item = Said<'a, O>> + use<'a, O> {
        let finest = self.config.down.iter().position(|block| !block.transformers.is_empty());
        // Each block but the last halves its image, and rounds up.
        let halvings = finest.unwrap_or(self.down.len().saturating_sub(1));
        let along = |size: usize| (0..halvings).fold(size, |size, _| size.div_ceil(2));
        let tokens = along(input.height) * along(input.width);
        let merge = words.merged.map(|share| Merge { share, tokens });
        words.by_transformer[first..].iter().map(move |keys| Said { keys, merge })
    }

    /// Predicts for each image of `x` (batch, channels, height, width; any size from 1 × 1) at
    /// its timestep, with its words.
    ///
    /// # Errors
    /// Cancelled, or the backend fails.
    pub fn forward(
        &self,
        ops: &O,
        x: &O::Tensor,
        timesteps: &[f32],
        words: &Words<O>,
        cancel: &CancelToken,
    ) -> Result<O::Tensor> {
        // What is kept is freed at once.
        self.whole(ops, x, timesteps, words, &mut Kept::default(), cancel)
    }

    /// As [`Self::forward`], but where `kept` holds something of as many images, only the first
    /// convolution and the last layer are run, over the deep features of then; otherwise all is run
    /// and `kept` is filled.
    ///
    /// # Errors
    /// Cancelled, or the backend fails.
    pub fn forward_reusing(
        &self,
        ops: &O,
        x: &O::Tensor,
        timesteps: &[f32],
        words: &Words<O>,
        kept: &mut Kept<O>,
        cancel: &CancelToken,
    ) -> Result<O::Tensor> {
        let dims = ops.image_dims(x);
        let deep = kept.0.as_ref().filter(|deep| {
            let deep = ops.image_dims(deep);
            (deep.batch, deep.height, deep.width) == (dims.batch, dims.height, dims.width)
        });
        let last = self.up.last().and_then(|block| block.layers.last());
        let (Some(deep), Some(last)) = (deep, last) else {
            return self.whole(ops, x, timesteps, words, kept, cancel);
        };
        cancel.check()?;
        let time = self.time_of(ops, timesteps, words)?;
        let skip = ops.convolve(x, &self.conv_in, ConvExtra::default())?;
        let transformers = usize::from(last.transformer.is_some());
        let from = words.by_transformer.len() - transformers;
        let mut words = self.said(words, from, dims);
        let x = last.forward(ops, &ops.concat(deep, &skip)?, &time, &mut words)?;
        self.finish(ops, &x)
    }

    /// The embedding of the timesteps, with what else is told.
    fn time_of(&self, ops: &O, timesteps: &[f32], words: &Words<O>) -> Result<O::Tensor> {
        self.time.forward(ops, timesteps, words.guidance.as_ref(), words.added.as_ref())
    }

    fn whole(
        &self,
        ops: &O,
        x: &O::Tensor,
        timesteps: &[f32],
        words: &Words<O>,
        kept: &mut Kept<O>,
        cancel: &CancelToken,
    ) -> Result<O::Tensor> {
        let time = self.time_of(ops, timesteps, words)?;
        let mut words = self.said(words, 0, ops.image_dims(x));
        let mut x = ops.convolve(x, &self.conv_in, ConvExtra::default())?;
        let mut skips = vec![x.clone()];
        for block in &self.down {
            for layer in &block.layers {
                cancel.check()?;
                x = layer.forward(ops, &x, &time, &mut words)?;
                skips.push(x.clone());
            }
            if let Some(conv) = &block.smaller {
                x = ops.convolve(&x, conv, ConvExtra::default())?;
                skips.push(x.clone());
            }
        }
        if let Some(mid) = &self.mid {
            cancel.check()?;
            x = mid.first.forward(ops, &x, Some(&time))?;
            if let Some((transformer, resnet)) = &mid.transformer {
                let said = words.next().expect("there are words for each transformer");
                x = transformer.forward(ops, &x, said.keys, said.merge)?;
                x = resnet.forward(ops, &x, Some(&time))?;
            }
        }
        for block in &self.up {
            for layer in &block.layers {
                cancel.check()?;
                let skip = skips.pop().expect("the way up has one layer for each of the way down");
                if skips.is_empty() {
                    kept.0 = Some(x.clone());
                }
                x = layer.forward(ops, &ops.concat(&x, &skip)?, &time, &mut words)?;
            }
            if let Some(conv) = &block.larger {
                // Odd sizes were rounded up on the way down: go to the size of the next skip.
                let next = ops.image_dims(skips.last().expect("a larger block has layers"));
                let extra =
                    ConvExtra { enlarge: Some((next.height, next.width)), ..ConvExtra::default() };
                x = ops.convolve(&x, conv, extra)?;
            }
        }
        self.finish(ops, &x)
    }

    /// From the last layer's image to the prediction.
    fn finish(&self, ops: &O, x: &O::Tensor) -> Result<O::Tensor> {
        let x = ops.group_norm(x, &self.norm_out, Some(self.config.activation))?;
        Ok(ops.convolve(&x, &self.conv_out, ConvExtra::default())?)
    }
}

/// How this UNet turns numbers into `count` waves.
fn waves(config: &UNetConfig, count: usize) -> Waves {
    Waves { count, cosine_first: config.flip_sin_to_cos, freq_shift: config.freq_shift }
}

impl<O: Ops> Mid<O> {
    fn load(
        from: &Loader<'_, O>,
        channels: usize,
        style: ResnetStyle,
        transformer: Option<TransformerShape>,
    ) -> Result<Self> {
        let resnet =
            |index: usize| Resnet::load(&from.at("resnets").at(index), channels, channels, style);
        let transformer = transformer.map(|shape| -> Result<_> {
            Ok((Transformer::load(&from.at("attentions").at(0), shape)?, resnet(1)?))
        });
        Ok(Self { first: resnet(0)?, transformer: transformer.transpose()? })
    }
}

impl<O: Ops> Layer<O> {
    fn forward<'a>(
        &self,
        ops: &O,
        x: &O::Tensor,
        time: &O::Tensor,
        words: &mut impl Iterator<Item = Said<'a, O>>,
    ) -> Result<O::Tensor> {
        let x = self.resnet.forward(ops, x, Some(time))?;
        match &self.transformer {
            Some(transformer) => {
                let said = words.next().expect("there are words for each transformer");
                transformer.forward(ops, &x, said.keys, said.merge)
            }
            None => Ok(x),
        }
    }
}
