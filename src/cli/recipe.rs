//! `pentimento inspect picture.png`: what a picture was made from, and what of it is not done here.

use std::fmt::Write as _;
use std::fs::File;
use std::io::Read;
use std::path::Path;

use anyhow::Result;

use super::source;
use crate::app::parameters;
use crate::document::codec;
use crate::engine::protocol::Part;

/// Whether a file begins like a picture.
pub(super) fn is_picture(path: &Path) -> bool {
    let mut head = Vec::new();
    let read = File::open(path).and_then(|file| file.take(64).read_to_end(&mut head));
    read.is_ok() && codec::is_picture(&head)
}

/// Its recipe and the report, in lines.
pub(super) fn describe(path: &Path) -> Result<String> {
    let decoded = source::read_whole(path)?;
    let mut text = String::new();
    let (width, height) = (decoded.picture.width, decoded.picture.height);
    writeln!(text, "picture, {width} × {height} pixels")?;
    let Some(reading) = parameters::read(&decoded.texts) else {
        writeln!(text, "It does not say how it was made")?;
        return Ok(text);
    };
    let recipe = &reading.recipe;
    writeln!(text, "  written by   {}", reading.origin.name())?;
    let mut line = |name: &str, value: Option<String>| match value {
        Some(value) => writeln!(text, "  {name:<11}  {}", value.replace('\n', "\n               ")),
        None => Ok(()),
    };
    let words = |words: &str| (!words.is_empty()).then(|| words.to_owned());
    line("prompt", words(&recipe.prompt))?;
    line("negative", words(&recipe.negative))?;
    line("read as", recipe.prompt_style.map(|style| style.name().to_owned()))?;
    line("CLIP skip", recipe.clip_skip.map(|layer| layer.to_string()))?;
    line("size", recipe.size.map(|(width, height)| format!("{width} × {height}")))?;
    line("steps", recipe.steps.map(|steps| steps.to_string()))?;
    line("guidance", recipe.guidance.map(|scale| scale.to_string()))?;
    line("rescale", recipe.guidance_rescale.map(|phi| phi.to_string()))?;
    let interval = recipe.savings.guidance_interval;
    line("interval", interval.map(|(low, high)| format!("guided from sigma {low} to {high}")))?;
    line("deep cache", recipe.savings.deep_cache.map(|steps| steps.to_string()))?;
    line("VAE", recipe.vae.clone())?;
    line("averaged", recipe.averaged.then(|| "the EMA copy of the weights".to_owned()))?;
    line("few steps", recipe.few_steps.then(|| "the model's form for them".to_owned()))?;
    line("prediction", recipe.prediction.map(|prediction| prediction.name().to_owned()))?;
    line("weights", recipe.weights.map(|bits| bits.name().to_owned()))?;
    line("merging", recipe.savings.token_merging.map(|share| share.to_string()))?;
    line("sampler", recipe.sampler.map(|sampler| sampler.name().to_owned()))?;
    line("schedule", recipe.schedule.map(|schedule| schedule.name().to_owned()))?;
    line("eta", recipe.eta.map(|eta| eta.to_string()))?;
    line("same as", recipe.same_as.map(|program| program.name().to_owned()))?;
    line("seed", recipe.seed.map(|seed| seed.to_string()))?;
    let batch = |part: Part| format!("{} of {}", part.index + 1, part.of);
    line("batch", recipe.batch.map(batch))?;
    line("variation", recipe.variation.map(|by| format!("{} by {}", by.seed, by.strength)))?;
    line("strength", recipe.strength.map(|strength| strength.to_string()))?;
    for entry in &reading.unhonoured {
        writeln!(text, "Not taken over: {} {}", entry.key, entry.value.replace('\n', " "))?;
    }
    Ok(text)
}
