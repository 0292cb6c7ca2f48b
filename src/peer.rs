//! The stock Stable Diffusion networks of candle-transformers with random weights, as others use
//! them: what `pentimento bench --against candle` measures. Nothing else calls it.

use std::time::Instant;

use candle_core::{DType, Device, Module, Result, Shape, Tensor};
use candle_nn::VarBuilder;
use candle_nn::var_builder::SimpleBackend;
use candle_transformers::models::stable_diffusion::clip::{ClipTextTransformer, Config};
use candle_transformers::models::stable_diffusion::unet_2d::{
    BlockConfig, UNet2DConditionModel, UNet2DConditionModelConfig,
};
use candle_transformers::models::stable_diffusion::vae::{AutoEncoderKL, AutoEncoderKLConfig};

use crate::models::config::clip::ClipConfig;
use crate::models::config::unet::UNetConfig;
use crate::models::config::vae::VaeConfig;
use crate::models::{ModelError, ModelFolder, TensorFile};

/// A model's networks, each made when it is first run.
pub struct Stock {
    unet_config: UNetConfig,
    vae_config: VaeConfig,
    text_config: ClipConfig,
    text: Option<ClipTextTransformer>,
    unet: Option<UNet2DConditionModel>,
    vae: Option<AutoEncoderKL>,
}

impl Stock {
    /// Networks of a folder's shapes.
    ///
    /// # Errors
    /// A configuration cannot be read.
    pub fn of(folder: &ModelFolder) -> std::result::Result<Self, ModelError> {
        Ok(Self {
            unet_config: UNetConfig::read(folder)?,
            vae_config: VaeConfig::read(folder)?,
            text_config: ClipConfig::read(folder, "text_encoder")?,
            text: None,
            unet: None,
            vae: None,
        })
    }

    /// Seconds for two prompts; `None` for a text encoder that candle has no name for.
    ///
    /// # Errors
    /// candle cannot compute it.
    pub fn text(&mut self) -> Result<Option<f64>> {
        let known = [Config::v1_5(), Config::v2_1(), Config::sdxl2()];
        let widths = [768, 1024, 1280];
        let Some(at) = widths.iter().position(|width| *width == self.text_config.hidden) else {
            return Ok(None);
        };
        let network = match self.text.take() {
            Some(network) => network,
            None => ClipTextTransformer::new(random(), &known[at])?,
        };
        let positions = self.text_config.positions as u32;
        let ids: Vec<u32> = (0..2).flat_map(|_| 0..positions).collect();
        let ids = Tensor::from_vec(ids, (2, positions as usize), &Device::Cpu)?;
        let start = Instant::now();
        drop(network.forward(&ids)?);
        self.text = Some(network);
        Ok(Some(start.elapsed().as_secs_f64()))
    }

    /// Seconds for one call of the UNet with `batch` pictures of `size` (height, width) in pixels.
    ///
    /// # Errors
    /// candle cannot compute it.
    pub fn step(&mut self, batch: usize, size: (usize, usize)) -> Result<f64> {
        let (channels, width) =
            (self.unet_config.in_channels, self.unet_config.cross_attention_dim);
        let unet = if let Some(unet) = self.unet.take() {
            unet
        } else {
            let config = unet_config(&self.unet_config);
            UNet2DConditionModel::new(random(), channels, channels, false, config)?
        };
        let latent = self.cells(batch, channels, size)?;
        let states = Tensor::randn(0_f32, 1.0, (batch, 77, width), &Device::Cpu)?;
        let start = Instant::now();
        drop(unet.forward(&latent, 500.0, &states)?);
        self.unet = Some(unet);
        Ok(start.elapsed().as_secs_f64())
    }

    /// Seconds from a latent to a picture.
    ///
    /// # Errors
    /// candle cannot compute it.
    pub fn decode(&mut self, size: (usize, usize)) -> Result<f64> {
        let latent = self.cells(1, self.vae_config.latent_channels, size)?;
        let vae = self.vae()?;
        let start = Instant::now();
        drop(vae.decode(&latent)?);
        self.vae = Some(vae);
        Ok(start.elapsed().as_secs_f64())
    }

    /// Seconds from a picture to a latent.
    ///
    /// # Errors
    /// candle cannot compute it.
    pub fn encode(&mut self, (height, width): (usize, usize)) -> Result<f64> {
        let picture = Tensor::randn(0_f32, 1.0, (1, 3, height, width), &Device::Cpu)?;
        let vae = self.vae()?;
        let start = Instant::now();
        drop(vae.encode(&picture)?);
        self.vae = Some(vae);
        Ok(start.elapsed().as_secs_f64())
    }

    fn vae(&mut self) -> Result<AutoEncoderKL> {
        let config = &self.vae_config;
        match self.vae.take() {
            Some(vae) => Ok(vae),
            None => AutoEncoderKL::new(
                random(),
                3,
                3,
                AutoEncoderKLConfig {
                    block_out_channels: config.channels.clone(),
                    layers_per_block: config.layers,
                    latent_channels: config.latent_channels,
                    norm_num_groups: config.norm_groups,
                    use_quant_conv: config.quant_conv,
                    use_post_quant_conv: config.post_quant_conv,
                },
            ),
        }
    }

    fn cells(&self, batch: usize, channels: usize, size: (usize, usize)) -> Result<Tensor> {
        let factor = self.vae_config.factor();
        let shape = (batch, channels, size.0 / factor, size.1 / factor);
        Tensor::randn(0_f32, 1.0, shape, &Device::Cpu)
    }
}

fn unet_config(config: &UNetConfig) -> UNet2DConditionModelConfig {
    let blocks = config.down.iter().map(|block| BlockConfig {
        out_channels: block.channels,
        use_cross_attn: block.transformers.first().copied(),
        attention_head_dim: block.heads,
    });
    UNet2DConditionModelConfig {
        blocks: blocks.collect(),
        layers_per_block: config.down[0].layers,
        norm_num_groups: config.norm_groups,
        cross_attention_dim: config.cross_attention_dim,
        use_linear_projection: config.linear_projection,
        ..UNet2DConditionModelConfig::default()
    }
}

/// Any weights that are asked for.
struct Noise(TensorFile);

fn random() -> VarBuilder<'static> {
    VarBuilder::from_backend(Box::new(Noise(TensorFile::random())), DType::F32, Device::Cpu)
}

impl SimpleBackend for Noise {
    fn get(
        &self,
        shape: Shape,
        name: &str,
        _init: candle_nn::Init,
        _dtype: DType,
        device: &Device,
    ) -> Result<Tensor> {
        let values = self.0.read_f32(name, shape.dims()).map_err(candle_core::Error::wrap)?;
        Tensor::from_vec(values, shape, device)
    }

    fn get_unchecked(&self, name: &str, _dtype: DType, _device: &Device) -> Result<Tensor> {
        candle_core::bail!("'{name}' is asked for without its shape")
    }

    fn contains_tensor(&self, _name: &str) -> bool {
        true
    }
}
