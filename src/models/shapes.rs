//! Configurations of well-known models without their weights: for measuring, where only shapes
//! count.
//!
//! Used by `pentimento bench`, together with [`super::TensorFile::random`].

use std::path::Path;

use serde_json::{Value, json};

/// A well-known shape.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shape {
    /// Stable Diffusion 1.5.
    Sd15,
    /// Stable Diffusion 2.1 (base).
    Sd21,
    /// Stable Diffusion XL.
    Sdxl,
}

impl Shape {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Sd15, Self::Sd21, Self::Sdxl];

    /// The name on the command line.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Sd15 => "sd15",
            Self::Sd21 => "sd21",
            Self::Sdxl => "sdxl",
        }
    }

    /// Sides of the pictures it was made for, in pixels.
    #[must_use]
    pub fn side(self) -> usize {
        if self == Self::Sdxl { 1024 } else { 512 }
    }

    /// Writes its configurations into a folder in the diffusers layout.
    ///
    /// # Errors
    /// The folder cannot be written.
    pub fn write(self, folder: &Path) -> std::io::Result<()> {
        let mut files = vec![("unet", self.unet()), ("vae", self.vae())];
        files.extend(self.texts());
        for (part, config) in files {
            std::fs::create_dir_all(folder.join(part))?;
            std::fs::write(folder.join(part).join("config.json"), config.to_string())?;
        }
        Ok(())
    }

    fn unet(self) -> Value {
        let (down, up) = ("CrossAttnDownBlock2D", "CrossAttnUpBlock2D");
        let common = json!({
            "_class_name": "UNet2DConditionModel",
            "in_channels": 4, "out_channels": 4, "layers_per_block": 2,
            "sample_size": self.side() / 8,
        });
        let own = match self {
            Self::Sd15 => json!({
                "down_block_types": [down, down, down, "DownBlock2D"],
                "up_block_types": ["UpBlock2D", up, up, up],
                "block_out_channels": [320, 640, 1280, 1280],
                "cross_attention_dim": 768, "attention_head_dim": 8,
            }),
            Self::Sd21 => json!({
                "down_block_types": [down, down, down, "DownBlock2D"],
                "up_block_types": ["UpBlock2D", up, up, up],
                "block_out_channels": [320, 640, 1280, 1280],
                "cross_attention_dim": 1024, "attention_head_dim": [5, 10, 20, 20],
                "use_linear_projection": true,
            }),
            Self::Sdxl => json!({
                "down_block_types": ["DownBlock2D", down, down],
                "up_block_types": [up, up, "UpBlock2D"],
                "block_out_channels": [320, 640, 1280],
                "transformer_layers_per_block": [1, 2, 10],
                "cross_attention_dim": 2048, "attention_head_dim": [5, 10, 20],
                "use_linear_projection": true,
                "addition_embed_type": "text_time", "addition_time_embed_dim": 256,
                "projection_class_embeddings_input_dim": 1280 + 6 * 256,
            }),
        };
        merged(common, own)
    }

    fn vae(self) -> Value {
        json!({
            "_class_name": "AutoencoderKL",
            "in_channels": 3, "out_channels": 3, "latent_channels": 4,
            "block_out_channels": [128, 256, 512, 512], "layers_per_block": 2,
            "down_block_types": vec!["DownEncoderBlock2D"; 4],
            "up_block_types": vec!["UpDecoderBlock2D"; 4],
            "norm_num_groups": 32, "act_fn": "silu", "sample_size": self.side(),
            "scaling_factor": if self == Self::Sdxl { 0.13025 } else { 0.18215 },
        })
    }

    fn texts(self) -> Vec<(&'static str, Value)> {
        let text = |hidden: usize, layers: usize, heads: usize, activation: &str| {
            json!({
                "architectures": ["CLIPTextModel"], "model_type": "clip_text_model",
                "hidden_size": hidden, "intermediate_size": 4 * hidden,
                "num_hidden_layers": layers, "num_attention_heads": heads,
                "hidden_act": activation, "vocab_size": 49408, "max_position_embeddings": 77,
                "projection_dim": hidden,
            })
        };
        let clip_l = || ("text_encoder", text(768, 12, 12, "quick_gelu"));
        match self {
            Self::Sd15 => vec![clip_l()],
            Self::Sd21 => vec![("text_encoder", text(1024, 23, 16, "gelu"))],
            Self::Sdxl => vec![clip_l(), ("text_encoder_2", text(1280, 32, 20, "gelu"))],
        }
    }
}

fn merged(mut all: Value, more: Value) -> Value {
    if let (Some(all), Value::Object(more)) = (all.as_object_mut(), more) {
        all.extend(more);
    }
    all
}
