//! `vae/config.json`: diffusers' `AutoencoderKL` (its `autoencoder_kl.py`).

use serde_json::{Value, json};

use super::Reader;
use crate::kernels::activation::Activation;
use crate::models::error::ModelError;
use crate::models::folder::ModelFolder;

/// An autoencoder's shape.
#[derive(Clone, Debug, PartialEq)]
pub struct VaeConfig {
    /// Channels of a picture: 3.
    pub in_channels: usize,
    /// Channels of a latent.
    pub latent_channels: usize,
    /// Channels of each resolution, the picture's own first.
    pub channels: Vec<usize>,
    /// Residual layers of each resolution on the way down (one more on the way up).
    pub layers: usize,
    /// Groups of the group norms.
    pub norm_groups: usize,
    /// Function between the layers.
    pub activation: Activation,
    /// Whether the middle attends.
    pub mid_attention: bool,
    /// Whether a 1×1 convolution follows the encoder.
    pub quant_conv: bool,
    /// Whether a 1×1 convolution precedes the decoder.
    pub post_quant_conv: bool,
    /// The UNet sees `(latent - shift_factor) * scaling_factor`.
    pub scaling_factor: f32,
    /// See `scaling_factor`.
    pub shift_factor: f32,
    /// Side of the pictures it was trained on, in pixels.
    pub sample_size: Option<usize>,
}

impl VaeConfig {
    /// Pixels a latent cell covers on each side.
    #[must_use]
    pub fn factor(&self) -> usize {
        1 << (self.channels.len() - 1)
    }

    /// Reads and checks the file.
    ///
    /// # Errors
    /// A key is unknown, contradictory or asks for something that is not implemented.
    pub fn read(folder: &ModelFolder) -> Result<Self, ModelError> {
        let reader = Reader::open(folder, "vae/config.json")?;
        let channels = reader.sizes("block_out_channels", &[64])?;
        let groups = reader.size("norm_num_groups", 32)?;
        if channels.iter().any(|channels| channels % groups != 0) {
            return Err(reader.wrong("norm_num_groups", "a divisor of every block's channels"));
        }
        for (key, kind) in
            [("down_block_types", "DownEncoderBlock2D"), ("up_block_types", "UpDecoderBlock2D")]
        {
            let kinds = reader.words(key, &[kind])?;
            if kinds.len() != channels.len() || kinds.iter().any(|word| *word != kind) {
                let wanted = format!("{kind} for each of the {} resolutions", channels.len());
                return Err(reader.wrong(key, &wanted));
            }
        }
        let config = Self {
            in_channels: reader.size("in_channels", 3)?,
            latent_channels: reader.size("latent_channels", 4)?,
            layers: reader.size("layers_per_block", 1)?,
            norm_groups: groups,
            activation: reader.activation("act_fn", "silu")?,
            mid_attention: reader.flag("mid_block_add_attention", true)?,
            quant_conv: reader.flag("use_quant_conv", true)?,
            post_quant_conv: reader.flag("use_post_quant_conv", true)?,
            scaling_factor: reader.number("scaling_factor", 0.18215)? as f32,
            shift_factor: reader.number("shift_factor", 0.0)? as f32,
            sample_size: reader.get("sample_size").and_then(super::as_size),
            channels,
        };
        if !(config.scaling_factor.is_finite() && config.scaling_factor > 0.0) {
            return Err(reader.wrong("scaling_factor", "a number above 0"));
        }
        reader.only(&[
            ("in_channels", json!(3)),
            ("out_channels", json!(3)),
            ("latents_mean", Value::Null),
            ("latents_std", Value::Null),
        ])?;
        reader.ignore(&["force_upcast"]);
        reader.finish()?;
        Ok(config)
    }
}
