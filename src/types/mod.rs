//! The plain data that all rooms share: pictures, masks, names of samplers. No behaviour beyond
//! reading and writing themselves.

use std::path::PathBuf;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

mod sampling;

use sampling::simplified;
pub use sampling::{SameAs, Sampler, Schedule};

/// Where a model's weights come from.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum ModelSource {
    /// The model that is part of the program.
    #[default]
    BuiltIn,
    /// A folder in the diffusers layout, or a file with a whole model.
    Path(PathBuf),
}

impl ModelSource {
    /// What it is called by its path alone, in texts that other machines read: a file without its
    /// ending, a folder of the hub's cache as its repository.
    #[must_use]
    pub fn called(&self) -> String {
        let Self::Path(path) = self else { return "pocket".to_owned() };
        let lossy = |name: Option<&std::ffi::OsStr>| {
            name.map_or_else(String::new, |name| name.to_string_lossy().into_owned())
        };
        let snapshots = path.parent().filter(|parent| parent.ends_with("snapshots"));
        if let Some(repository) = snapshots.and_then(|snapshots| snapshots.parent()) {
            let name = lossy(repository.file_name());
            return name.rsplit("--").next().unwrap_or_default().to_owned();
        }
        let weights = ["safetensors", "ckpt", "pt", "bin"];
        let is_file = path.extension().is_some_and(|end| weights.iter().any(|one| end == *one));
        lossy(if is_file { path.file_stem() } else { path.file_name() })
    }
}

/// What a model's output means.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Prediction {
    /// The noise.
    Epsilon,
    /// The velocity `alpha · noise − sigma · x0` (Salimans & Ho 2022).
    V,
    /// The picture.
    Sample,
}

impl Prediction {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Epsilon, Self::V, Self::Sample];

    /// diffusers' name.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Epsilon => "epsilon",
            Self::V => "v_prediction",
            Self::Sample => "sample",
        }
    }
}

impl FromStr for Prediction {
    type Err = UnknownName;

    fn from_str(name: &str) -> Result<Self, UnknownName> {
        let mut all = Self::ALL.into_iter();
        all.find(|prediction| prediction.name() == name)
            .ok_or_else(|| UnknownName::new("prediction", name, &Self::ALL.map(Self::name)))
    }
}

/// In how many bits a model's weights are kept in memory.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum WeightBits {
    /// As many as is computed with.
    #[default]
    Full,
    /// Those of the UNet's transformers in 8, whose products are then computed from 8 bits as well.
    Eight,
}

impl WeightBits {
    /// All of them, the usual one first.
    pub const ALL: [Self; 2] = [Self::Full, Self::Eight];

    /// The name on the command line and in pictures.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Full => "full",
            Self::Eight => "int8",
        }
    }
}

impl FromStr for WeightBits {
    type Err = UnknownName;

    fn from_str(name: &str) -> Result<Self, UnknownName> {
        let mut all = Self::ALL.into_iter();
        all.find(|bits| bits.name() == name)
            .ok_or_else(|| UnknownName::new("kind of weights", name, &Self::ALL.map(Self::name)))
    }
}

/// What is taken otherwise than a model's files have it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(default)]
pub struct ModelChoices {
    /// Another autoencoder: a file, or a folder in the diffusers layout.
    pub vae: Option<PathBuf>,
    /// The averaged weights of a checkpoint that has both.
    pub ema: bool,
    /// What the output means, where the files do not say it or are wrong.
    pub prediction: Option<Prediction>,
    /// Short weights: less memory and mostly less time, for another picture by a little.
    pub weights: WeightBits,
    /// The form that paints in few steps, of a model that brings one.
    pub few_steps: bool,
}

/// Savings that change the picture a little; all off unless asked for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Savings {
    /// Guidance only where the noise per picture (sigma, 0 to about 15, for zero terminal SNR 4096)
    /// lies above the first and up to the second number (Kynkäänniemi et al. 2024); outside, the
    /// prompt alone is followed, at half the cost.
    pub guidance_interval: Option<(f32, f32)>,
    /// The whole UNet only in every so many steps, 2 to [`Savings::MOST_STEPS`]; between them its
    /// last layers alone, over what the others gave last (`DeepCache`, Ma et al. 2023).
    pub deep_cache: Option<u32>,
    /// Share of the tokens that the largest self-attentions see only merged with others like them,
    /// over 0 up to [`Savings::MOST_MERGED`] (token merging, Bolya and Hoffman 2023).
    pub token_merging: Option<f32>,
}

impl Savings {
    /// The longest that deep features may be used.
    pub const MOST_STEPS: u32 = 5;
    /// The largest share of tokens that is merged: one of four stays.
    pub const MOST_MERGED: f32 = 0.75;
    /// The largest bound of an interval.
    pub const MOST_SIGMA: f32 = 10_000.0;

    /// Whether a step at this noise per picture is guided; pure noise counts as sigma 4096.
    #[must_use]
    pub fn guides_at(&self, sigma: f64) -> bool {
        let sigma = sigma.min(4096.0);
        let within = |(low, high): (f32, f32)| f64::from(low) < sigma && sigma <= f64::from(high);
        self.guidance_interval.is_none_or(within)
    }

    /// What of it lies in its ranges.
    #[must_use]
    pub fn within_bounds(self) -> Self {
        let bound = |sigma: f32| (0.0..=Self::MOST_SIGMA).contains(&sigma);
        Self {
            guidance_interval: self
                .guidance_interval
                .filter(|(low, high)| bound(*low) && bound(*high) && low < high),
            deep_cache: self.deep_cache.filter(|steps| (2..=Self::MOST_STEPS).contains(steps)),
            token_merging: self
                .token_merging
                .filter(|share| *share > 0.0 && *share <= Self::MOST_MERGED),
        }
    }
}

/// A picture in memory: sRGB, 8 bits a channel, straight alpha, rows from the top.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Picture {
    /// Width in pixels, at least 1.
    pub width: u32,
    /// Height in pixels, at least 1.
    pub height: u32,
    /// `4 * width * height` bytes, RGBA.
    pub rgba: Vec<u8>,
}

/// Taps a side that a pixel of a shrunk picture is the mean of, at most.
const TAPS: u64 = 4;

/// A picture whose longer side is at most `longest` pixels: each pixel the mean of a few taps, which
/// is enough at the size of a thumb.
#[must_use]
pub fn shrunk(picture: &Picture, longest: u32) -> Picture {
    let long = picture.width.max(picture.height);
    if long <= longest {
        return picture.clone();
    }
    let scale = f64::from(longest) / f64::from(long);
    let side = |length: u32| ((f64::from(length) * scale).round() as u32).max(1);
    let (width, height) = (side(picture.width), side(picture.height));
    let mut rgba = Vec::with_capacity((width * height * 4) as usize);
    let taps = u64::from(long.div_ceil(longest)).min(TAPS);
    // Where the taps of an axis lie.
    let source = |of: u32, length: u32| -> Vec<usize> {
        let taps = u64::from(of) * taps;
        (0..taps).map(|tap| (tap * u64::from(length) / taps) as usize).collect()
    };
    let (columns, rows) = (source(width, picture.width), source(height, picture.height));
    let taps = taps as usize;
    for rows in rows.chunks_exact(taps) {
        for columns in columns.chunks_exact(taps) {
            // Colours count by their alpha: what cannot be seen has none.
            let (mut colors, mut alphas) = ([0u32; 3], 0);
            for row in rows {
                for column in columns {
                    let at = 4 * (row * picture.width as usize + column);
                    let alpha = u32::from(picture.rgba[at + 3]);
                    for (sum, value) in colors.iter_mut().zip(&picture.rgba[at..at + 3]) {
                        *sum += u32::from(*value) * alpha;
                    }
                    alphas += alpha;
                }
            }
            let mean = |sum: u32, of: u32| (sum + of / 2).checked_div(of).unwrap_or(0) as u8;
            rgba.extend(colors.map(|sum| mean(sum, alphas)));
            rgba.push(mean(alphas, (taps * taps) as u32));
        }
    }
    Picture { width, height, rgba }
}

/// A mask: one byte of coverage a pixel, 255 means "paint again".
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Coverage {
    /// Width in pixels, equal to the picture's.
    pub width: u32,
    /// Height in pixels, equal to the picture's.
    pub height: u32,
    /// `width * height` bytes.
    pub values: Vec<u8>,
}

/// Noise of another seed mixed into a picture's own.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Variation {
    /// The other seed.
    pub seed: u64,
    /// How far to go towards its noise, in 0..=1: 0 changes nothing, 1 is the other seed's picture.
    pub strength: f32,
}

/// An example prompt that a model is known to do well.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Example {
    /// The prompt.
    pub prompt: String,
    /// The seed to paint it with.
    pub seed: u64,
}

/// A name that no sampler or schedule has.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("There is no {what} called '{name}'. Known: {known}")]
pub struct UnknownName {
    what: &'static str,
    name: String,
    known: String,
}

impl UnknownName {
    pub(crate) fn new(what: &'static str, name: &str, known: &[&str]) -> Self {
        Self { what, name: name.to_owned(), known: known.join(", ") }
    }
}

/// How a prompt's signs are read, and what they do.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum PromptStyle {
    /// As A1111 does: brackets multiply what the text encoder says of their words, whose mean is
    /// then as before; BREAK; long prompts are cut at a comma.
    #[default]
    A1111,
    /// As ComfyUI does: brackets move what the text encoder says of their words away from what it
    /// says of an empty prompt; long prompts are cut between brackets.
    Comfy,
    /// As diffusers does: there are no signs, and what is too long falls off.
    Plain,
}

impl PromptStyle {
    /// All of them, in the order of menus.
    pub const ALL: [Self; 3] = [Self::A1111, Self::Comfy, Self::Plain];

    /// The name of the program that reads prompts so, written into pictures.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::A1111 => "A1111",
            Self::Comfy => "ComfyUI",
            Self::Plain => "diffusers",
        }
    }
}

impl FromStr for PromptStyle {
    type Err = UnknownName;

    fn from_str(name: &str) -> Result<Self, UnknownName> {
        let wanted = simplified(name);
        Self::ALL
            .into_iter()
            .find(|style| simplified(style.name()) == wanted)
            .ok_or_else(|| UnknownName::new("prompt style", name, &Self::ALL.map(Self::name)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_be_seen_darkens_no_thumb() {
        let rgba = vec![255, 0, 0, 255, 0, 0, 0, 0];
        let small = shrunk(&Picture { width: 2, height: 1, rgba }, 1);
        assert_eq!(small.rgba, [255, 0, 0, 128]);
    }
}
