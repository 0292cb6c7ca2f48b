//! What a picture was made from: written as A1111's text, read from the forms of several programs.
//!
//! Used by the window, the command line and [`super::recipes`]. It reads and makes text;
//! [`crate::document::codec`] takes it out of files and puts it in. Nothing here fails: what cannot
//! be taken over is reported as [`Unhonoured`].

mod a1111;
mod comfy;
mod draft;
mod flat;
mod graph;
mod names;

use serde_json::Value;

pub use a1111::infotext;

use crate::document::codec::RawText;
use crate::engine::protocol::{
    Part, Prediction, PromptStyle, SameAs, Sampler, Savings, Schedule, Variation, WeightBits,
};
use crate::types::UnknownName;

/// The sampler of a name that any of the known programs uses, and the schedule that the name
/// carries, if it does ("DPM++ 2M Karras").
///
/// # Errors
/// [`UnknownName`] lists this program's own names.
pub fn sampler_named(name: &str) -> Result<(Sampler, Option<Schedule>), UnknownName> {
    let Some((sampler, schedule)) = names::sampler(name) else {
        return Ok((name.parse()?, None));
    };
    Ok((sampler, schedule.map(str::parse).transpose()?))
}

/// What can be taken over: the words and the numbers that the window has.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Recipe {
    /// The prompt.
    pub prompt: String,
    /// The negative prompt.
    pub negative: String,
    /// How their signs are read, if another way than A1111's.
    pub prompt_style: Option<PromptStyle>,
    /// The text encoder's layer that is listened to, from the end; 1 is the last one.
    pub clip_skip: Option<u32>,
    /// Width and height in pixels.
    pub size: Option<(u32, u32)>,
    /// Sampling steps.
    pub steps: Option<u32>,
    /// Guidance scale.
    pub guidance: Option<f32>,
    /// Guidance rescale.
    pub guidance_rescale: Option<f32>,
    /// Approximate savings.
    pub savings: Savings,
    /// In how many bits the weights are kept, if not in all.
    pub weights: Option<WeightBits>,
    /// The file of another autoencoder than the model's own.
    pub vae: Option<String>,
    /// Whether a checkpoint's averaged weights were taken.
    pub averaged: bool,
    /// Whether the model's form for few steps was taken.
    pub few_steps: bool,
    /// What the model's output was taken for, other than its files say.
    pub prediction: Option<Prediction>,
    /// The seed.
    pub seed: Option<u64>,
    /// The noise mixed into the seed's.
    pub variation: Option<Variation>,
    /// The algorithm.
    pub sampler: Option<Sampler>,
    /// Where its steps lie.
    pub schedule: Option<Schedule>,
    /// Share of the noise that the sampler renews.
    pub eta: Option<f32>,
    /// The program whose noise, batches and steps it was painted with.
    pub same_as: Option<SameAs>,
    /// Which picture of a batch with one seed it is.
    pub batch: Option<Part>,
    /// How far a picture that it began from was left, over 0 up to 1.
    pub strength: Option<f32>,
    /// SDXL: width and height of the picture that it is said to be cut from.
    pub original_size: Option<(u32, u32)>,
    /// SDXL: left and top of the cut.
    pub crop: Option<(u32, u32)>,
    /// SDXL: width and height of the cut.
    pub target_size: Option<(u32, u32)>,
    /// The name of another model for the last steps, and from which share of the way on.
    pub refiner: Option<(String, f32)>,
    /// Edit models: how closely the picture was kept to.
    pub picture_guidance: Option<f32>,
    /// Depth models: whether the map was estimated from the picture.
    pub depth_estimated: bool,
}

/// Something that a text asks for and that is not done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unhonoured {
    /// What the text calls it.
    pub key: String,
    /// What it asks for, cut if it is long.
    pub value: String,
}

/// The program that wrote a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// This one.
    Pentimento,
    /// A1111, Forge and the many that write like them.
    A1111,
    /// ComfyUI: a graph.
    ComfyUi,
    /// InvokeAI.
    InvokeAi,
    /// Fooocus.
    Fooocus,
    /// Another one that writes plain JSON.
    Other,
}

impl Origin {
    /// Its name.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Pentimento => "Pentimento",
            Self::A1111 => "A1111",
            Self::ComfyUi => "ComfyUI",
            Self::InvokeAi => "InvokeAI",
            Self::Fooocus => "Fooocus",
            Self::Other => "JSON",
        }
    }
}

/// A text that was read.
#[derive(Clone, Debug, PartialEq)]
pub struct Reading {
    /// Who wrote it.
    pub origin: Origin,
    /// What can be taken over.
    pub recipe: Recipe,
    /// What cannot.
    pub unhonoured: Vec<Unhonoured>,
}

/// Reads what programs wrote into a picture; `None` if nothing in it tells how it was made.
#[must_use]
pub fn read(texts: &[RawText]) -> Option<Reading> {
    let all = |keyword: &'static str| {
        texts.iter().filter(move |text| text.keyword == keyword).map(|text| text.text.as_str())
    };
    // Several programs write their own form and A1111's beside it: their own says more.
    let own = all("invokeai_metadata").chain(all("sd-metadata")).find_map(flat::read_invoke);
    own.or_else(|| all("parameters").find_map(parameters))
        .or_else(|| all("prompt").find_map(comfy::read))
        .or_else(|| all("Comment").find_map(parameters))
}

/// Reads a pasted text of any of these forms.
#[must_use]
pub fn parse(text: &str) -> Reading {
    parameters(text).unwrap_or_else(|| a1111::read(text))
}

/// A `parameters` text is A1111's, or JSON of those who took only the keyword over.
fn parameters(text: &str) -> Option<Reading> {
    let text = text.trim();
    if text.starts_with('{') {
        return comfy::read(text).or_else(|| flat::read_invoke(text)).or_else(|| flat::read(text));
    }
    (!text.is_empty()).then(|| a1111::read(text))
}

/// Python writes NaN and Infinity into its JSON, which JSON does not have: they become null.
fn json(text: &str) -> Option<Value> {
    serde_json::from_str(text).ok().or_else(|| serde_json::from_str(&without_nan(text)).ok())
}

fn without_nan(text: &str) -> String {
    let mut clean = String::with_capacity(text.len());
    let (mut rest, mut quoted) = (text, false);
    while let Some(letter) = rest.chars().next() {
        let word = ["NaN", "-Infinity", "Infinity"].into_iter().find(|word| rest.starts_with(word));
        let taken = match word {
            Some(word) if !quoted => {
                clean.push_str("null");
                word.len()
            }
            _ if quoted && letter == '\\' => {
                let taken = rest.chars().take(2).map(char::len_utf8).sum();
                clean.push_str(&rest[..taken]);
                taken
            }
            _ => {
                quoted ^= letter == '"';
                clean.push(letter);
                letter.len_utf8()
            }
        };
        rest = &rest[taken..];
    }
    clean
}

#[cfg(test)]
mod tests;
