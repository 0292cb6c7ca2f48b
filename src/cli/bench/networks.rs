//! What each network of a model costs by itself: text encoder, UNet, autoencoder.
//!
//! Used by [`super::parts`]; whole pictures are [`super::whole`]'s.

use std::time::Instant;

use anyhow::{Context, Result, bail};

use crate::cancel::CancelToken;
use crate::diffusion::conditioning::ToldSizes;
use crate::diffusion::text::clip::{ClipText, Reach};
use crate::diffusion::text::encoders;
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
    /// A whole picture by a model that is in memory, its words read before.
    Picture,
    /// A whole picture in a process of its own, reading the model and the words included.
    Run,
}

impl Part {
    /// All of them, in the order of tables.
    const ALL: [Self; 7] = [
        Self::Text,
        Self::UNet1,
        Self::UNet2,
        Self::Decode,
        Self::Encode,
        Self::Picture,
        Self::Run,
    ];
    /// Those that need no weights.
    pub(in super::super) const NETWORKS: [Self; 5] =
        [Self::Text, Self::UNet1, Self::UNet2, Self::Decode, Self::Encode];

    /// The name in tables, and what a peer is asked for.
    pub(in super::super) fn name(self) -> &'static str {
        match self {
            Self::Text => "text",
            Self::UNet1 => "unet-b1",
            Self::UNet2 => "unet-b2",
            Self::Decode => "vae-decode",
            Self::Encode => "vae-encode",
            Self::Picture => "picture",
            Self::Run => "run",
        }
    }

    /// Whether it is a whole picture, by all networks together.
    pub(super) fn is_whole(self) -> bool {
        matches!(self, Self::Picture | Self::Run)
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

/// Those of a model's networks that are measured.
pub(super) struct Networks {
    ops: Cpu,
    /// One or two text encoders, and how far they are read.
    texts: Option<(Vec<ClipText<Cpu>>, Reach)>,
    unet: Option<(UNet<Cpu>, [Words<Cpu>; 2])>,
    vae: Option<Vae<Cpu>>,
    shape: Shape,
    go: CancelToken,
}

/// What is known of a model without its weights.
#[derive(Clone, Copy)]
struct Shape {
    /// Pixels of a latent cell on each side.
    factor: usize,
    /// Side of the pictures that it was trained on.
    own: usize,
}

impl Networks {
    /// Reads what `parts` need of a model; without weights (`random`) noise stands in.
    pub(super) fn load(
        ops: Cpu,
        folder: &ModelFolder,
        random: bool,
        parts: &[Part],
    ) -> Result<Self> {
        let go = CancelToken::default();
        let file = |part: &str| {
            if random { Ok(TensorFile::random()) } else { folder.tensors(part) }
        };
        let needs = |wanted: &[Part]| parts.iter().any(|part| wanted.contains(part));
        let (unet_config, vae_config) = (UNetConfig::read(folder)?, VaeConfig::read(folder)?);
        let factor = vae_config.factor();
        let own = unet_config.sample_size.map_or(64, |(height, _)| height) * factor;
        let encoders = encoders::parts(folder);
        let texts = if needs(&[Part::Text]) {
            let projects =
                |index: usize| unet_config.added.is_some() && index + 1 == encoders.len();
            let read = |(index, (part, _)): (usize, &(&str, &str))| -> Result<_> {
                let config = ClipConfig::read(folder, part)?;
                Ok(ClipText::load(&ops, config, projects(index), &file(part)?, &go)?)
            };
            let texts: Vec<_> = encoders.iter().enumerate().map(read).collect::<Result<_>>()?;
            Some((texts, encoders::reach(&unet_config)))
        } else {
            None
        };
        let unet = if needs(&[Part::UNet1, Part::UNet2]) {
            let last = encoders.last().context("A model has a text encoder")?.0;
            let pooled = ClipConfig::read(folder, last)?.projection;
            let unet = UNet::load(&ops, unet_config, &file("unet")?, &go)?;
            let size = (own as u32, own as u32);
            let sizes = ToldSizes { original: size, crop: (0, 0), target: size };
            let words = |batch: usize| {
                let shape = [batch, 77, unet.config().cross_attention_dim];
                let states = ops.tokens(shape, &waves(shape.iter().product()))?;
                let words = unet.words(&ops, &states, &go)?;
                let ids = unet.config().added.as_ref().and_then(|added| added.ids(pooled));
                let numbers = ids.map_or_else(Vec::new, |ids| sizes.numbers(ids, false));
                let pooled = waves(pooled);
                unet.told(&ops, &words, &vec![(pooled.as_slice(), numbers); batch], 7.5, None)
            };
            let words = [words(1)?, words(2)?];
            Some((unet, words))
        } else {
            None
        };
        let vae = if needs(&[Part::Decode, Part::Encode]) {
            Some(Vae::load(&ops, vae_config, &file("vae")?, &go)?)
        } else {
            None
        };
        Ok(Self { ops, texts, unet, vae, shape: Shape { factor, own }, go })
    }

    /// Height and width of the pictures that the model was made for.
    pub(super) fn own_size(&self) -> (usize, usize) {
        (self.shape.own, self.shape.own)
    }

    /// Seconds that a part takes, once, for pictures of `size` (height, width).
    pub(super) fn run(&self, part: Part, size: (usize, usize)) -> Result<f64> {
        let factor = self.shape.factor;
        let cells = (size.0 / factor, size.1 / factor);
        let start = Instant::now();
        let out = match part {
            Part::Text => {
                let (texts, reach) = self.texts.as_ref().context("No text encoder was read")?;
                for text in texts {
                    let ids: Vec<u32> = (0..text.config().positions as u32).collect();
                    // It ends with values that were read back.
                    text.read(&self.ops, &[&ids, &ids], 1, *reach, &self.go)?;
                }
                return Ok(start.elapsed().as_secs_f64());
            }
            Part::UNet1 => self.step(1, cells)?,
            Part::UNet2 => self.step(2, cells)?,
            Part::Decode => {
                let vae = self.vae.as_ref().context("The autoencoder was not read")?;
                let latent = self.image(1, vae.config().latent_channels, cells)?;
                vae.decode(&self.ops, &latent, &self.go)?
            }
            Part::Encode => {
                let vae = self.vae.as_ref().context("The autoencoder was not read")?;
                let size = (cells.0 * factor, cells.1 * factor);
                vae.encode(&self.ops, &self.image(1, 3, size)?, &self.go)?
            }
            Part::Picture | Part::Run => bail!("A whole picture is no network's"),
        };
        drop(self.ops.read_image(&out).context("The result cannot be read")?);
        Ok(start.elapsed().as_secs_f64())
    }

    fn step(&self, batch: usize, cells: (usize, usize)) -> Result<Tensor> {
        let (unet, words) = self.unet.as_ref().context("The UNet was not read")?;
        let latent = self.image(batch, unet.config().in_channels, cells)?;
        let timesteps = vec![500.0; batch];
        Ok(unet.forward(&self.ops, &latent, &timesteps, &words[batch - 1], &self.go)?)
    }

    fn image(&self, batch: usize, channels: usize, size: (usize, usize)) -> Result<Tensor> {
        let dims = ImageDims { batch, channels, height: size.0, width: size.1 };
        Ok(self.ops.image(dims, &waves(batch * channels * size.0 * size.1))?)
    }

    /// Where the time went since the last call.
    pub(super) fn profile(&self) -> [Share; Operator::ALL.len()] {
        self.ops.profile().take()
    }
}

/// Some values about zero.
fn waves(count: usize) -> Vec<f32> {
    (0..count).map(|i| (i as f32 * 0.37).sin()).collect()
}
