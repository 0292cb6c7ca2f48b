//! Programs that write plain JSON: InvokeAI's two forms, Fooocus, and others with the same keys.

use serde_json::{Map, Value};

use super::draft::{Draft, Field};
use super::{Origin, Reading, json};
use crate::engine::protocol::SameAs;

/// The most keys that are looked at.
const MOST_KEYS: usize = 1000;

/// Reads InvokeAI's `invokeai_metadata` (since 3.0) or `sd-metadata` (before).
pub(super) fn read_invoke(text: &str) -> Option<Reading> {
    let Value::Object(map) = json(text)? else { return None };
    if let Some(Value::Object(image)) = map.get("image") {
        return Some(old_invoke(&map, image));
    }
    if !map.contains_key("positive_prompt") && !map.contains_key("generation_mode") {
        return None;
    }
    let mut draft = Draft::default();
    for (key, value) in entries(&map) {
        match key {
            // Which program and which of its screens, not how.
            "app_version" | "generation_mode" | "metadata_version" | "canvas_v2_metadata" => {}
            "rand_device" if value == "cpu" => {}
            "rand_device" if value == "cuda" => {
                draft.recipe.same_as = Some(SameAs::DiffusersCuda);
            }
            // It counts the layers left out.
            "clip_skip" => match value.as_u64() {
                Some(left_out @ 0..=11) => {
                    draft.take(Field::ClipSkip, key, &(left_out + 1).to_string());
                }
                _ => draft.cannot(key, &plain(value)),
            },
            "model" => draft.cannot("Model", &model_name(value)),
            "loras" => each(&mut draft, "Lora", value, |entry| {
                let name = ["lora", "model"].iter().find_map(|key| entry.get(*key));
                format!("{}:{}", model_name(name.unwrap_or(entry)), plain(&entry["weight"]))
            }),
            _ => known(&mut draft, invoke_field(key), key, value),
        }
    }
    Some(draft.finish(Origin::InvokeAi))
}

fn invoke_field(key: &str) -> Option<Field> {
    Some(match key {
        "positive_prompt" => Field::Prompt,
        "negative_prompt" => Field::Negative,
        "width" => Field::Width,
        "height" => Field::Height,
        "seed" => Field::Seed,
        "steps" => Field::Steps,
        "cfg_scale" => Field::Guidance,
        "cfg_rescale_multiplier" => Field::Rescale,
        "scheduler" | "sampler" => Field::Sampler,
        "strength" => Field::Strength,
        _ => return None,
    })
}

/// `sd-metadata`: one object of the picture in one of the model; words to avoid stand in brackets
/// within the prompt.
fn old_invoke(map: &Map<String, Value>, image: &Map<String, Value>) -> Reading {
    let mut draft = Draft::default();
    let model = map.get("model_weights").or_else(|| map.get("model"));
    if let Some(name) = model.and_then(Value::as_str) {
        draft.cannot("Model", name);
    }
    for (key, value) in entries(image) {
        match key {
            "type" => {}
            "prompt" => {
                let words = match value {
                    Value::Array(parts) => {
                        let words = parts.iter().filter_map(|part| part["prompt"].as_str());
                        words.collect::<Vec<_>>().join(" ")
                    }
                    value => plain(value),
                };
                let (prompt, negative) = without_brackets(&words);
                draft.take(Field::Prompt, key, &prompt);
                draft.take(Field::Negative, key, &negative);
            }
            _ => known(&mut draft, invoke_field(key), key, value),
        }
    }
    draft.finish(Origin::InvokeAi)
}

fn without_brackets(text: &str) -> (String, String) {
    let mut prompt = String::new();
    let mut negative: Vec<&str> = Vec::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('[') {
        let Some((inside, after)) = after.split_once(']') else { break };
        prompt.push_str(before);
        negative.push(inside.trim());
        rest = after;
    }
    prompt.push_str(rest);
    (prompt.trim().to_owned(), negative.join(" "))
}

/// Reads what Fooocus writes, and others who name things alike.
pub(super) fn read(text: &str) -> Option<Reading> {
    let Value::Object(map) = json(text)? else { return None };
    let key_of = |wanted: Field| map.keys().any(|key| flat_field(key) == Some(wanted));
    if !key_of(Field::Prompt) || !(key_of(Field::Steps) || key_of(Field::Seed)) {
        return None;
    }
    let scheme = map.get("metadata_scheme").or_else(|| map.get("fooocus_version"));
    let version = map.get("version").and_then(Value::as_str).unwrap_or_default();
    let is_fooocus = scheme.is_some() || version.starts_with("Fooocus");
    let mut draft = Draft::default();
    for (key, value) in entries(&map) {
        match key {
            "metadata_scheme"
            | "version"
            | "created_by"
            | "full_prompt"
            | "full_negative_prompt" => {}
            "loras" => each(&mut draft, "Lora", value, |entry| match entry {
                Value::Array(parts) => {
                    parts.iter().take(2).map(plain).collect::<Vec<_>>().join(":")
                }
                entry => plain(entry),
            }),
            _ => known(&mut draft, flat_field(key), key, value),
        }
    }
    Some(draft.finish(if is_fooocus { Origin::Fooocus } else { Origin::Other }))
}

fn flat_field(key: &str) -> Option<Field> {
    Some(match key.to_lowercase().replace(' ', "_").as_str() {
        "prompt" => Field::Prompt,
        "negative_prompt" | "negative" | "uc" => Field::Negative,
        "steps" => Field::Steps,
        "guidance_scale" | "cfg_scale" | "cfg" | "scale" => Field::Guidance,
        "cfg_rescale" => Field::Rescale,
        "seed" => Field::Seed,
        "resolution" | "size" => Field::Size,
        "width" => Field::Width,
        "height" => Field::Height,
        "sampler" | "sampler_name" => Field::Sampler,
        "scheduler" => Field::Schedule,
        "strength" | "denoising_strength" => Field::Strength,
        "clip_skip" => Field::ClipSkip,
        _ => return None,
    })
}

fn entries(map: &Map<String, Value>) -> impl Iterator<Item = (&str, &Value)> {
    let said = map.iter().filter(|(_, value)| !is_empty(value));
    said.take(MOST_KEYS).map(|(key, value)| (key.as_str(), value))
}

/// Whether a value only says that something was not used.
fn is_empty(value: &Value) -> bool {
    match value {
        Value::Null | Value::Bool(false) => true,
        Value::String(text) => text.is_empty() || text == "None",
        Value::Array(list) => list.is_empty(),
        Value::Object(map) => map.is_empty(),
        _ => false,
    }
}

fn known(draft: &mut Draft, field: Option<Field>, key: &str, value: &Value) {
    match field {
        Some(field) if !value.is_object() => draft.take(field, key, &plain(value)),
        _ => draft.cannot(key, &plain(value)),
    }
}

fn each(draft: &mut Draft, key: &str, value: &Value, said: impl Fn(&Value) -> String) {
    for entry in value.as_array().into_iter().flatten().take(MOST_KEYS) {
        draft.cannot(key, &said(entry));
    }
}

fn model_name(value: &Value) -> String {
    let name = ["name", "model_name", "key"].iter().find_map(|key| value[*key].as_str());
    name.map_or_else(|| plain(value), str::to_owned)
}

/// A value as people write it.
pub(super) fn plain(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        value => value.to_string(),
    }
}
