//! The text that A1111 made the custom: prompt lines, "Negative prompt:" lines, one line of fields.
//!
//! Written for every picture that is saved; read by [`super`]. Forge, and this program, write the
//! same.

use serde::de::IgnoredAny;

use super::draft::{DEPTH_ESTIMATED, Draft, Field};
use super::{Origin, Reading};
use crate::engine::protocol::{
    Conditions, FillArea, ModelChoices, PaintRequest, Posterior, PromptStyle, SameAs, Sampler,
    WeightBits,
};

/// A line with fewer fields is words.
const FEWEST_FIELDS: usize = 3;
/// The most fields that are looked at.
const MOST_FIELDS: usize = 1000;
/// The longest value that is looked at as JSON, in bytes.
const LONGEST_JSON: usize = 32 << 10;
/// The field that says whose picture one of this program's is.
const SAME_AS: &str = "Same picture as";
/// The field that says in how many bits the weights were kept.
const WEIGHTS: &str = "Weights";
/// The field that says which file the autoencoder came from; A1111's name.
const VAE: &str = "VAE";
/// The field that says that a checkpoint's averaged weights were taken.
const AVERAGED: &str = "EMA";
/// The field that says that the model's form for few steps was taken.
const FEW_STEPS: &str = "Few steps";
/// The field that says what the model's output was taken for.
const PREDICTION: &str = "Prediction";
/// What A1111 begins the words to avoid with.
const NEGATIVE: &str = "Negative prompt:";

/// The text for the picture of `request` (of several, see [`PaintRequest::alone`]), which must have its defaults filled in
/// (as [`crate::engine::protocol::Painted`] has it).
#[must_use]
pub fn infotext(request: &PaintRequest, size: (u32, u32), model_name: &str) -> String {
    let mut text = request.prompt.trim_end().to_owned();
    if !request.negative.trim().is_empty() {
        text.push_str("\nNegative prompt: ");
        text.push_str(request.negative.trim_end());
    }
    let mut fields: Vec<(&str, String)> = Vec::new();
    if let Some(steps) = request.steps {
        fields.push(("Steps", steps.to_string()));
    }
    if let Some(sampler) = request.sampler {
        fields.push(("Sampler", sampler.name().to_owned()));
    }
    if let Some(schedule) = request.schedule {
        fields.push(("Schedule type", schedule.name().to_owned()));
    }
    if let Some(guidance) = request.guidance {
        fields.push(("CFG scale", guidance.to_string()));
    }
    fields.push(("Seed", request.seed.to_string()));
    fields.push(("Size", format!("{}x{}", size.0, size.1)));
    fields.push(("Model", model_name.to_owned()));
    if let Some(variation) = request.variation {
        fields.push(("Variation seed", variation.seed.to_string()));
        fields.push(("Variation seed strength", variation.strength.to_string()));
    }
    if let Some(init) = &request.init {
        fields.push(("Denoising strength", init.strength.to_string()));
        if init.posterior == Posterior::Sample {
            fields.push(("VAE sample", true.to_string()));
        }
    }
    if let Some(mask) = &request.mask {
        fields.push(("Mask blur", mask.feather_px.to_string()));
        if mask.area == FillArea::Around {
            fields.push(("Inpaint area", "Only masked".to_owned()));
        }
    }
    if request.guidance_rescale > 0.0 {
        fields.push(("CFG Rescale phi", request.guidance_rescale.to_string()));
    }
    if let Some((low, high)) = request.savings.guidance_interval {
        fields.push(("Guidance interval", format!("{low} {high}")));
    }
    if let Some(steps) = request.savings.deep_cache {
        fields.push(("DeepCache interval", steps.to_string()));
    }
    if let Some(share) = request.savings.token_merging {
        fields.push(("Token merging ratio", share.to_string()));
    }
    chosen(&request.choices, &mut fields);
    if request.clip_skip > 1 {
        fields.push(("Clip skip", request.clip_skip.to_string()));
    }
    if request.prompt_style != PromptStyle::A1111 {
        fields.push(("Prompt style", request.prompt_style.name().to_owned()));
    }
    if let Some(eta) = request.eta {
        let is_ddim = request.sampler == Some(Sampler::Ddim);
        fields.push((if is_ddim { "Eta DDIM" } else { "Eta" }, eta.to_string()));
    }
    tell(&request.conditions, &mut fields);
    if let Some(part) = request.batch {
        fields.push(("Batch size", part.of.to_string()));
        fields.push(("Batch pos", part.index.to_string()));
    }
    // Whoever reads A1111's texts finds the first noise by this.
    let cuda = matches!(request.same_as, SameAs::A1111 | SameAs::DiffusersCuda);
    fields.push(("RNG", if cuda { "NV" } else { "CPU" }.to_owned()));
    if request.same_as != SameAs::default() {
        fields.push((SAME_AS, request.same_as.name().to_owned()));
    }
    fields.push(("Version", format!("pentimento {}", env!("CARGO_PKG_VERSION"))));
    let fields: Vec<String> =
        fields.into_iter().map(|(name, value)| format!("{name}: {}", quoted(value))).collect();
    text.push('\n');
    text.push_str(&fields.join(", "));
    text
}

/// What is taken otherwise than the model's files have it.
fn chosen(choices: &ModelChoices, fields: &mut Vec<(&str, String)>) {
    if let Some(file) = choices.vae.as_ref().and_then(|path| path.file_name()) {
        fields.push((VAE, file.to_string_lossy().into_owned()));
    }
    if choices.ema {
        fields.push((AVERAGED, true.to_string()));
    }
    if choices.few_steps {
        fields.push((FEW_STEPS, true.to_string()));
    }
    if let Some(prediction) = choices.prediction {
        fields.push((PREDICTION, prediction.name().to_owned()));
    }
    if choices.weights != WeightBits::Full {
        fields.push((WEIGHTS, choices.weights.name().to_owned()));
    }
}

/// What only some models are told. The names are A1111's where it has them.
fn tell(conditions: &Conditions, fields: &mut Vec<(&str, String)>) {
    let pair = |(first, second): (u32, u32)| format!("{first}x{second}");
    if let Some(size) = conditions.original_size {
        fields.push(("Original size", pair(size)));
    }
    if conditions.crop != (0, 0) {
        fields.push(("Crop", pair(conditions.crop)));
    }
    if let Some(size) = conditions.target_size {
        fields.push(("Target size", pair(size)));
    }
    if let Some(refiner) = &conditions.refiner {
        fields.push(("Refiner", refiner.model.called()));
        fields.push(("Refiner switch at", refiner.from.to_string()));
    }
    if let Some(guidance) = conditions.picture_guidance {
        fields.push(("Image CFG scale", guidance.to_string()));
    }
    if conditions.depth.is_some() {
        fields.push(("Depth", "picture".to_owned()));
    } else if conditions.depth_model.is_some() {
        fields.push(("Depth", DEPTH_ESTIMATED.to_owned()));
    }
}

/// A1111's custom: a value that would break the list apart is written as a JSON string.
fn quoted(value: String) -> String {
    if value.contains([',', ':', '\n']) {
        serde_json::Value::String(value).to_string()
    } else {
        value
    }
}

/// Reads such a text. It never fails: what it does not know it reports.
pub(super) fn read(text: &str) -> Reading {
    let lines: Vec<&str> = text.trim().lines().collect();
    let at = fields_line(&lines);
    let (words, rest) = lines.split_at(at.unwrap_or(lines.len()));
    let mut draft = Draft::default();
    split_words(words, &mut draft);
    let list = rest.first().map(|line| fields(line)).unwrap_or_default();
    let has = |name: &str| list.iter().any(|(key, _)| *key == name);
    let hires = has("Hires upscale") || has("Hires upscaler") || has("Hires resize");
    let is_own =
        |(key, value): &(&str, String)| *key == "Version" && value.starts_with("pentimento");
    let own = list.iter().any(is_own);
    let origin = if own { Origin::Pentimento } else { Origin::A1111 };
    let mut on_cpu = false;
    for (key, value) in &list {
        match *key {
            // What A1111 does unless told otherwise, and which program it was, are no settings.
            "Version" | "User" => {}
            // Of A1111's noise; this program's own texts say more.
            "RNG" if value == "CPU" => on_cpu = true,
            "RNG" if value == "NV" || value == "GPU" => {}
            "Emphasis" if value == "Original" => {}
            // There it means that brackets are words.
            "Emphasis" if value == "None" => {
                draft.take(Field::PromptStyle, key, PromptStyle::Plain.name());
            }
            "Denoising strength" if hires => draft.cannot(key, value),
            "Batch size" if own => draft.take(Field::BatchSize, key, value),
            "Batch pos" if own => draft.take(Field::BatchIndex, key, value),
            _ => match field(key) {
                Some(field) => draft.take(field, key, value),
                None => draft.cannot(key, value),
            },
        }
    }
    for line in rest.iter().skip(1).filter(|line| !line.trim().is_empty()) {
        let (key, value) = line.split_once(':').unwrap_or(("Text", line));
        draft.cannot(key.trim(), value.trim());
    }
    if at.is_some() && origin == Origin::A1111 {
        // Unless told otherwise it draws on the card, or as the card would.
        let program = if on_cpu { SameAs::A1111Cpu } else { SameAs::A1111 };
        draft.recipe.same_as = Some(program);
    }
    if at.is_some() && !has("Schedule type") {
        draft.schedule_of_sampler();
    }
    for tag in draft.recipe.prompt.clone().split("<lora:").skip(1).take(MOST_FIELDS) {
        if let Some((lora, _)) = tag.split_once('>') {
            draft.cannot("Lora", lora);
        }
    }
    draft.finish(origin)
}

fn field(key: &str) -> Option<Field> {
    Some(match key {
        "Steps" => Field::Steps,
        "Sampler" => Field::Sampler,
        "Schedule type" => Field::Schedule,
        "Eta" | "Eta DDIM" => Field::Eta,
        SAME_AS => Field::SameAs,
        "CFG scale" => Field::Guidance,
        "CFG Rescale phi" | "CFG rescale" => Field::Rescale,
        "Guidance interval" => Field::GuidanceInterval,
        "DeepCache interval" => Field::DeepCache,
        "Token merging ratio" => Field::TokenMerging,
        VAE => Field::Vae,
        AVERAGED => Field::Averaged,
        FEW_STEPS => Field::FewSteps,
        PREDICTION => Field::Prediction,
        WEIGHTS => Field::Weights,
        "Seed" => Field::Seed,
        "Size" => Field::Size,
        "Denoising strength" => Field::Strength,
        "Prompt style" => Field::PromptStyle,
        "Clip skip" => Field::ClipSkip,
        "Variation seed" => Field::VariationSeed,
        "Variation seed strength" => Field::VariationStrength,
        "Original size" => Field::OriginalSize,
        "Crop" => Field::Crop,
        "Target size" => Field::TargetSize,
        "Refiner" => Field::Refiner,
        "Refiner switch at" => Field::RefinerFrom,
        "Image CFG scale" => Field::PictureGuidance,
        "Depth" => Field::Depth,
        _ => return None,
    })
}

/// The last line, or the last one that begins as these lines do: extensions add lines below it.
fn fields_line(lines: &[&str]) -> Option<usize> {
    // Three colons alone do not make it one: "Style: oil, Mood: calm, Light: soft" is a prompt.
    let enough = |line: &str| {
        let list = fields(line);
        list.len() >= FEWEST_FIELDS && list.iter().any(|(key, _)| field(key).is_some())
    };
    let last = lines.len().checked_sub(1)?;
    if enough(lines[last]) {
        return Some(last);
    }
    let begins = |line: &&str| line.starts_with("Steps: ");
    lines.iter().rposition(begins).filter(|at| enough(lines[*at]))
}

fn split_words(lines: &[&str], draft: &mut Draft) {
    let mut texts = [Vec::new(), Vec::new()];
    let mut negative = false;
    for line in lines {
        let line = line.trim_end();
        match line.trim_start().strip_prefix(NEGATIVE) {
            Some(rest) => {
                negative = true;
                texts[1].push(rest.trim_start());
            }
            None => texts[usize::from(negative)].push(line),
        }
    }
    let [prompt, negative] = texts.map(|lines| lines.join("\n").trim().to_owned());
    draft.recipe.prompt = prompt;
    draft.recipe.negative = negative;
}

/// Cuts a line into its fields. A value is a JSON string, other JSON, or what stands before the
/// next comma.
fn fields(line: &str) -> Vec<(&str, String)> {
    let mut found = Vec::new();
    let mut rest = line.trim();
    for _ in 0..MOST_FIELDS {
        let Some((key, after)) = rest.split_once(':') else { break };
        // Words without a colon before a key belong to none: the key is what follows their comma.
        let key = key.rsplit(',').next().unwrap_or(key).trim();
        let after = after.trim_start();
        let (value, end) = value(after);
        if is_key(key) && !value.is_empty() {
            found.push((key, value));
        }
        let Some(next) = after.get(end..) else { break };
        rest = next.split_once(',').map_or("", |(_, next)| next.trim_start());
        if rest.is_empty() {
            break;
        }
    }
    found
}

fn is_key(key: &str) -> bool {
    let letter = |c: char| c.is_alphanumeric() || c == '_';
    key.starts_with(letter)
        && key.chars().count() <= 60
        && key.chars().all(|c| letter(c) || matches!(c, ' ' | '-' | '/' | '(' | ')' | '.' | '+'))
}

/// A value and where it ends.
fn value(text: &str) -> (String, usize) {
    let near = &text[..text.floor_char_boundary(LONGEST_JSON)];
    if near.starts_with('"') {
        let mut values = serde_json::Deserializer::from_str(near).into_iter::<String>();
        if let Some(Ok(value)) = values.next() {
            return (value, values.byte_offset());
        }
    } else if near.starts_with(['[', '{']) {
        let mut values = serde_json::Deserializer::from_str(near).into_iter::<IgnoredAny>();
        if let Some(Ok(_)) = values.next() {
            let end = values.byte_offset();
            return (text[..end].to_owned(), end);
        }
    }
    let end = text.find(',').unwrap_or(text.len());
    (text[..end].trim().to_owned(), end)
}
