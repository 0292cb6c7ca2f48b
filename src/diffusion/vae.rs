//! The autoencoder between pictures and latents: diffusers' `AutoencoderKL`
//! (`autoencoder_kl.py`, `vae.py`), driven by its `config.json`.
//!
//! Called by the pipeline. Pictures are in -1..=1; latents come and go unscaled: the pipeline
//! applies the scaling factor. Cancelling takes effect between its layers. Layers of large
//! pictures are computed in bands, see [`super::nn::bands`].

use super::error::Result;
use super::nn::attention::{Attention, Names};
use super::nn::bands::{Bands, Source};
use super::nn::load::{Loader, Loading};
use super::nn::resnet::{Resnet, ResnetStyle};
use crate::cancel::CancelToken;
use crate::models::TensorFile;
use crate::models::config::vae::VaeConfig;
use crate::ops::{ConvExtra, ImageDims, Ops};

/// Added to the variance in all of the autoencoder's norms.
const NORM_EPS: f32 = 1e-6;

/// Values that a layer may have for the layers beside it to be kept whole: those of SD's widest
/// at 1024 × 1024 pixels, of which about four lie in memory at once.
const WHOLE_VALUES: usize = 1 << 28;
/// Bands of a whole: few rows are computed twice, and little memory is added.
const BANDS_PER_WHOLE: usize = 16;

/// An autoencoder on a backend.
pub struct Vae<O: Ops> {
    encoder: Encoder<O>,
    decoder: Decoder<O>,
    config: VaeConfig,
    whole_values: usize,
}

struct Encoder<O: Ops> {
    conv_in: O::Conv,
    blocks: Vec<Block<O>>,
    mid: Mid<O>,
    norm_out: O::Norm,
    conv_out: O::Conv,
    quant: Option<O::Conv>,
}

struct Decoder<O: Ops> {
    post_quant: Option<O::Conv>,
    conv_in: O::Conv,
    mid: Mid<O>,
    blocks: Vec<Block<O>>,
    norm_out: O::Norm,
    conv_out: O::Conv,
}

/// Residual layers at one resolution, then the way to the next.
struct Block<O: Ops> {
    resnets: Vec<Resnet<O>>,
    resample: Option<O::Conv>,
    /// Channels that it makes.
    channels: usize,
}

struct Mid<O: Ops> {
    first: Resnet<O>,
    attention: Option<(O::Norm, Attention<O>)>,
    second: Resnet<O>,
}

impl<O: Ops> Vae<O> {
    /// Reads an autoencoder's tensors.
    ///
    /// # Errors
    /// Tensors are missing, damaged or of another shape; cancelled.
    pub fn load<'a>(
        ops: &'a O,
        config: VaeConfig,
        file: &'a TensorFile,
        loading: impl Into<Loading<'a>>,
    ) -> Result<Self> {
        let root = Loader::new(ops, file, loading);
        let vae = Self {
            encoder: Encoder::load(&root, &config)?,
            decoder: Decoder::load(&root, &config)?,
            config,
            whole_values: WHOLE_VALUES,
        };
        root.finish()?;
        Ok(vae)
    }

    /// Sets how many values a layer may have for the layers beside it to be kept whole; larger ones
    /// are computed in bands, with the same result but for rounding.
    pub fn keep_whole(&mut self, values: usize) {
        self.whole_values = values;
    }

    /// Its shape.
    #[must_use]
    pub fn config(&self) -> &VaeConfig {
        &self.config
    }

    /// The posterior of each picture of `x` (batch, 3, height, width): an image of
    /// `2 · latent_channels` channels, means first, then the logarithms of the variances.
    ///
    /// # Errors
    /// Cancelled, or the backend fails.
    pub fn encode(&self, ops: &O, x: &O::Tensor, cancel: &CancelToken) -> Result<O::Tensor> {
        let Encoder { conv_in, blocks, mid, norm_out, conv_out, quant } = &self.encoder;
        let first = self.config.channels[0];
        let mut x = if self.in_bands(ops.image_dims(x), first) {
            self.bands(ops, cancel).convolve(x, conv_in)?
        } else {
            ops.convolve(x, conv_in, ConvExtra::default())?
        };
        for block in blocks {
            let bands = self.in_bands(ops.image_dims(&x), block.channels);
            let bands = bands.then(|| self.bands(ops, cancel));
            x = block.refine(ops, Source::of(x), bands.as_ref(), cancel)?;
            let Some(conv) = &block.resample else { continue };
            cancel.check()?;
            x = match bands {
                Some(bands) => bands.halve(&x, conv)?,
                None => ops.convolve(&x, conv, ConvExtra::default())?,
            };
        }
        let x = mid.forward(ops, &x, cancel)?;
        let x = ops.group_norm(&x, norm_out, Some(self.config.activation))?;
        let x = ops.convolve(&x, conv_out, ConvExtra::default())?;
        match quant {
            Some(conv) => Ok(ops.convolve(&x, conv, ConvExtra::default())?),
            None => Ok(x),
        }
    }

    /// The pictures of latents `z` (batch, channels, height, width), about -1..=1.
    ///
    /// # Errors
    /// Cancelled, or the backend fails.
    pub fn decode(&self, ops: &O, z: &O::Tensor, cancel: &CancelToken) -> Result<O::Tensor> {
        let Decoder { post_quant, conv_in, mid, blocks, norm_out, conv_out } = &self.decoder;
        let z = match post_quant {
            Some(conv) => &ops.convolve(z, conv, ConvExtra::default())?,
            None => z,
        };
        let x = ops.convolve(z, conv_in, ConvExtra::default())?;
        let mut x = Source::of(mid.forward(ops, &x, cancel)?);
        for block in blocks {
            let bands = self.in_bands(x.dims(ops), block.channels);
            let bands = bands.then(|| self.bands(ops, cancel));
            let kept = block.refine(ops, x, bands.as_ref(), cancel)?;
            x = Source { kept, enlarged: block.resample.as_ref() };
        }
        let (x, activation) = (x.whole(ops)?, self.config.activation);
        if self.in_bands(ops.image_dims(&x), 0) {
            return self.bands(ops, cancel).finish(&x, norm_out, conv_out, activation);
        }
        let x = ops.group_norm(&x, norm_out, Some(activation))?;
        Ok(ops.convolve(&x, conv_out, ConvExtra::default())?)
    }

    /// Whether layers from an image of `dims` to one of `channels` are computed in bands.
    fn in_bands(&self, dims: ImageDims, channels: usize) -> bool {
        let values = dims.height * dims.width * dims.channels.max(channels);
        dims.batch == 1 && values > self.whole_values
    }

    fn bands<'a>(&self, ops: &'a O, cancel: &'a CancelToken) -> Bands<'a, O> {
        Bands { ops, cancel, values: self.whole_values / BANDS_PER_WHOLE }
    }
}

fn style(config: &VaeConfig) -> ResnetStyle {
    ResnetStyle {
        groups: config.norm_groups,
        eps: NORM_EPS,
        activation: config.activation,
        time: None,
    }
}

impl<O: Ops> Encoder<O> {
    fn load(root: &Loader<'_, O>, config: &VaeConfig) -> Result<Self> {
        let from = root.at("encoder");
        let mut channels = config.channels[0];
        let conv_in = from.conv3("conv_in", channels, config.in_channels)?;
        let mut blocks = Vec::new();
        for (index, width) in config.channels.iter().enumerate() {
            let last = index + 1 == config.channels.len();
            let from = from.at("down_blocks").at(index);
            let resnets = Block::resnets(&from, channels, *width, config.layers, config)?;
            channels = *width;
            let resample = (!last)
                .then(|| from.conv("downsamplers.0.conv", [channels, channels, 3], 2, [0, 0, 1, 1]))
                .transpose()?;
            blocks.push(Block { resnets, resample, channels });
        }
        let moments = 2 * config.latent_channels;
        Ok(Self {
            conv_in,
            blocks,
            mid: Mid::load(&from.at("mid_block"), channels, config)?,
            norm_out: from.norm("conv_norm_out", channels, config.norm_groups, NORM_EPS)?,
            conv_out: from.conv3("conv_out", moments, channels)?,
            quant: config
                .quant_conv
                .then(|| root.conv("quant_conv", [moments, moments, 1], 1, [0; 4]))
                .transpose()?,
        })
    }
}

impl<O: Ops> Decoder<O> {
    fn load(root: &Loader<'_, O>, config: &VaeConfig) -> Result<Self> {
        let from = root.at("decoder");
        let latent = config.latent_channels;
        let mut channels = config.channels[config.channels.len() - 1];
        let conv_in = from.conv3("conv_in", channels, latent)?;
        let mid = Mid::load(&from.at("mid_block"), channels, config)?;
        let mut blocks = Vec::new();
        for (index, width) in config.channels.iter().rev().enumerate() {
            let last = index + 1 == config.channels.len();
            let from = from.at("up_blocks").at(index);
            let resnets = Block::resnets(&from, channels, *width, config.layers + 1, config)?;
            channels = *width;
            let resample =
                (!last).then(|| from.conv3("upsamplers.0.conv", channels, channels)).transpose()?;
            blocks.push(Block { resnets, resample, channels });
        }
        Ok(Self {
            post_quant: config
                .post_quant_conv
                .then(|| root.conv("post_quant_conv", [latent, latent, 1], 1, [0; 4]))
                .transpose()?,
            conv_in,
            mid,
            blocks,
            norm_out: from.norm("conv_norm_out", channels, config.norm_groups, NORM_EPS)?,
            conv_out: from.conv3("conv_out", config.in_channels, channels)?,
        })
    }
}

impl<O: Ops> Block<O> {
    fn resnets(
        from: &Loader<'_, O>,
        input: usize,
        output: usize,
        count: usize,
        config: &VaeConfig,
    ) -> Result<Vec<Resnet<O>>> {
        (0..count)
            .map(|index| {
                let input = if index == 0 { input } else { output };
                Resnet::load(&from.at("resnets").at(index), input, output, style(config))
            })
            .collect()
    }

    /// The residual layers.
    fn refine(
        &self,
        ops: &O,
        mut x: Source<'_, O>,
        bands: Option<&Bands<'_, O>>,
        cancel: &CancelToken,
    ) -> Result<O::Tensor> {
        for resnet in &self.resnets {
            cancel.check()?;
            let refined = match bands {
                Some(bands) => bands.refine(resnet, x)?,
                None => resnet.forward(ops, &x.whole(ops)?, None)?,
            };
            x = Source::of(refined);
        }
        x.whole(ops)
    }
}

impl<O: Ops> Mid<O> {
    fn load(from: &Loader<'_, O>, channels: usize, config: &VaeConfig) -> Result<Self> {
        let resnet = |index: usize| {
            Resnet::load(&from.at("resnets").at(index), channels, channels, style(config))
        };
        let attention = config.mid_attention.then(|| -> Result<_> {
            let from = from.at("attentions").at(0);
            let names = if from.has("query.weight") { Names::OLD_VAE } else { Names::VAE };
            Ok((
                from.norm("group_norm", channels, config.norm_groups, NORM_EPS)?,
                Attention::load(&from, &names, channels, channels, 1)?,
            ))
        });
        Ok(Self { first: resnet(0)?, attention: attention.transpose()?, second: resnet(1)? })
    }

    fn forward(&self, ops: &O, x: &O::Tensor, cancel: &CancelToken) -> Result<O::Tensor> {
        cancel.check()?;
        let mut x = self.first.forward(ops, x, None)?;
        if let Some((norm, attention)) = &self.attention {
            cancel.check()?;
            let dims = ops.image_dims(&x);
            let normed = ops.tokens_of_image(&ops.group_norm(&x, norm, None)?)?;
            let residual = ops.tokens_of_image(&x)?;
            let keys = attention.keys(ops, &normed)?;
            let tokens = attention.forward(ops, &normed, &keys, false, Some(&residual))?;
            x = ops.image_of_tokens(&tokens, dims.height, dims.width)?;
        }
        self.second.forward(ops, &x, None)
    }
}
