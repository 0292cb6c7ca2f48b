//! What each network of a model costs by itself: text encoder, UNet, autoencoder.

use std::time::Instant;

use anyhow::{Context, Result};

use crate::cancel::CancelToken;
use crate::diffusion::conditioning::ToldSizes;
use crate::diffusion::text::clip::ClipText;
use crate::diffusion::text::encoders::{parts, reach};
use crate::diffusion::unet::{UNet, Words};
use crate::diffusion::vae::Vae;
use crate::models::config::clip::ClipConfig;
use crate::models::config::unet::UNetConfig;
use crate::models::config::vae::VaeConfig;
use crate::models::{ModelFolder, TensorFile};
use crate::ops::cpu::profile::{Operator, Share};
use crate::ops::cpu::{Cpu, Tensor};
use crate::ops::{ImageDims, Ops};

/// What is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in super::super) enum Part {
    /// Two prompts.
    Text,
    /// One picture at one step.
    UNet1,
    /// A guided step.
    UNet2,
    /// A latent to a picture.
    Decode,
    /// A picture to a latent.
    Encode,
}

impl Part {
    /// All of them, in the order of tables.
    pub(in super::super) const ALL: [Self; 5] =
        [Self::Text, Self::UNet1, Self::UNet2, Self::Decode, Self::Encode];

    /// The name in tables, and what a peer is asked for.
    pub(in super::super) fn name(self) -> &'static str {
        match self {
            Self::Text => "text",
            Self::UNet1 => "unet-b1",
            Self::UNet2 => "unet-b2",
            Self::Decode => "vae-decode",
            Self::Encode => "vae-encode",
        }
    }
}

impl std::fmt::Display for Part {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name())
    }
}

impl std::str::FromStr for Part {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        let part = Self::ALL.into_iter().find(|part| part.name() == name);
        part.ok_or_else(|| format!("Known: {}", Self::ALL.map(Self::name).join(", ")))
    }
}

/// A model's networks with inputs of one size.
pub(super) struct Networks {
    ops: Cpu,
    texts: Vec<ClipText<Cpu>>,
    unet: UNet<Cpu>,
    vae: Vae<Cpu>,
    words: [Words<Cpu>; 2],
    /// Rows and columns of the latent.
    cells: (usize, usize),
    go: CancelToken,
}

impl Networks {
    /// Reads a model; without weights (`random`) noise stands in. `size` is the pictures' height
    /// and width.
    pub(super) fn load(
        ops: Cpu,
        folder: &ModelFolder,
        random: bool,
        size: Option<(usize, usize)>,
    ) -> Result<Self> {
        let go = CancelToken::default();
        let file = |part: &str| {
            if random { Ok(TensorFile::random()) } else { folder.tensors(part) }
        };
        let unet = UNet::load(&ops, UNetConfig::read(folder)?, &file("unet")?, &go)?;
        let parts = parts(folder);
        let texts: Vec<ClipText<Cpu>> = parts
            .iter()
            .enumerate()
            .map(|(index, (part, _))| -> Result<_> {
                let projected = unet.config().added.is_some() && index + 1 == parts.len();
                let config = ClipConfig::read(folder, part)?;
                Ok(ClipText::load(&ops, config, projected, &file(part)?, &go)?)
            })
            .collect::<Result<_>>()?;
        let vae = Vae::load(&ops, VaeConfig::read(folder)?, &file("vae")?, &go)?;
        let factor = vae.config().factor();
        let own = unet.config().sample_size.map_or(64, |(height, _)| height) * factor;
        let (height, width) = size.unwrap_or((own, own));
        let words = |batch: usize| {
            let shape = [batch, 77, unet.config().cross_attention_dim];
            let states = ops.tokens(shape, &waves(shape.iter().product()))?;
            let words = unet.words(&ops, &states, &go)?;
            let pooled = texts.last().map_or(0, |text| text.config().projection);
            let size = (width as u32, height as u32);
            let sizes = ToldSizes { original: size, crop: (0, 0), target: size };
            let ids = unet.config().added.as_ref().and_then(|added| added.ids(pooled));
            let numbers = ids.map_or_else(Vec::new, |ids| sizes.numbers(ids, false));
            let pooled = waves(pooled);
            unet.told(&ops, &words, &vec![(pooled.as_slice(), numbers); batch], 7.5)
        };
        let words = [words(1)?, words(2)?];
        Ok(Self { texts, unet, vae, words, cells: (height / factor, width / factor), go, ops })
    }

    /// Seconds that a part takes, once.
    pub(super) fn run(&self, part: Part) -> Result<f64> {
        let start = Instant::now();
        let out = match part {
            Part::Text => {
                for text in &self.texts {
                    let ids: Vec<u32> = (0..text.config().positions as u32).collect();
                    let reach = reach(self.unet.config());
                    // It ends with values that were read back.
                    text.read(&self.ops, &[&ids, &ids], 1, reach, &self.go)?;
                }
                return Ok(start.elapsed().as_secs_f64());
            }
            Part::UNet1 => self.step(1)?,
            Part::UNet2 => self.step(2)?,
            Part::Decode => {
                let latent = self.image(1, self.vae.config().latent_channels, self.cells)?;
                self.vae.decode(&self.ops, &latent, &self.go)?
            }
            Part::Encode => {
                let factor = self.vae.config().factor();
                let size = (self.cells.0 * factor, self.cells.1 * factor);
                self.vae.encode(&self.ops, &self.image(1, 3, size)?, &self.go)?
            }
        };
        drop(self.ops.read_image(&out).context("The result cannot be read")?);
        Ok(start.elapsed().as_secs_f64())
    }

    fn step(&self, batch: usize) -> Result<Tensor> {
        let latent = self.image(batch, self.unet.config().in_channels, self.cells)?;
        let timesteps = vec![500.0; batch];
        let words = &self.words[batch - 1];
        Ok(self.unet.forward(&self.ops, &latent, &timesteps, words, &self.go)?)
    }

    fn image(&self, batch: usize, channels: usize, size: (usize, usize)) -> Result<Tensor> {
        let dims = ImageDims { batch, channels, height: size.0, width: size.1 };
        Ok(self.ops.image(dims, &waves(batch * channels * size.0 * size.1))?)
    }

    /// Where the time went since the last call.
    pub(super) fn profile(&self) -> [Share; Operator::ALL.len()] {
        self.ops.profile().take()
    }

    /// Height and width of the pictures.
    pub(super) fn size(&self) -> (usize, usize) {
        let factor = self.vae.config().factor();
        (self.cells.0 * factor, self.cells.1 * factor)
    }
}

/// Some values about zero.
fn waves(count: usize) -> Vec<f32> {
    (0..count).map(|i| (i as f32 * 0.37).sin()).collect()
}
