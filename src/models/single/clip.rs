//! A text encoder's names as transformers', and its configuration from the names and shapes alone.
//!
//! OpenCLIP keeps query, key and value in one matrix, whose rows are taken apart here, and its last
//! projection the other way round.

use serde_json::{Value, json};

use super::Names;
use super::kind::Naming;

/// Channels of an attention head, in every CLIP.
const HEAD_CHANNELS: usize = 64;
/// Widths of the encoders that were trained by OpenCLIP, whose function is the exact GELU.
const OPEN_CLIP_WIDTHS: [usize; 2] = [1024, 1280];
/// Layers of the encoder of SD 2.x as it was trained, and its width; the last one is not used.
const SD2: (usize, usize) = (24, 1024);

/// What transformers' names begin with, before and since its version 5.
const ROOTS: [&str; 5] =
    ["text_model.", "embeddings.", "encoder.", "final_layer_norm.", "text_projection."];

/// The tensors with transformers' names. `without_last`: the last layer is not used (SD 2.x).
#[must_use]
pub fn convert(from: &Names, naming: Naming, without_last: bool) -> Names {
    if naming != Naming::OpenClip {
        let own = |name: &str| ROOTS.iter().any(|root| name.starts_with(root));
        let kept = from.iter().filter(|(name, _)| own(name) && !name.ends_with("position_ids"));
        return kept.map(|(name, tensor)| (name.clone(), tensor.clone())).collect();
    }
    let layer = |index: &usize| format!("transformer.resblocks.{index}.ln_1.weight");
    let layers = (0..from.len()).take_while(|index| from.contains_key(&layer(index))).count();
    let width = from.get("ln_final.weight").and_then(|t| t.shape().first().copied());
    // Some tools save what is used only.
    let whole = width != Some(SD2.1) || layers == SD2.0;
    let used = if without_last && whole { layers.saturating_sub(1) } else { layers };
    let mut tensors = Names::new();
    for (name, tensor) in from {
        let fixed = match name.as_str() {
            "token_embedding.weight" => Some("text_model.embeddings.token_embedding.weight"),
            "positional_embedding" => Some("text_model.embeddings.position_embedding.weight"),
            "ln_final.weight" => Some("text_model.final_layer_norm.weight"),
            "ln_final.bias" => Some("text_model.final_layer_norm.bias"),
            _ => None,
        };
        if let Some(renamed) = fixed {
            tensors.insert(renamed.to_owned(), tensor.clone());
        } else if name.starts_with("text_projection") && without_last {
            // SD 2.x reads the states before it.
        } else if name == "text_projection" && tensor.shape().len() == 2 {
            tensors.insert("text_projection.weight".to_owned(), tensor.transposed());
        } else if name == "text_projection.weight" {
            tensors.insert(name.clone(), tensor.clone());
        } else if let Some((layer, rest)) = block(name).filter(|(layer, _)| *layer < used) {
            let new = format!("text_model.encoder.layers.{layer}");
            if let Some(kind) = rest.strip_prefix("attn.in_proj_") {
                let Some(rows) = tensor.shape().first().map(|rows| rows / 3) else { continue };
                for (index, part) in ["q_proj", "k_proj", "v_proj"].iter().enumerate() {
                    let part_rows = tensor.rows(index * rows..(index + 1) * rows);
                    tensors.insert(format!("{new}.self_attn.{part}.{kind}"), part_rows);
                }
            } else if let Some(rest) = inner(rest) {
                tensors.insert(format!("{new}.{rest}"), tensor.clone());
            }
        }
    }
    tensors
}

/// The number of a layer and what follows it.
fn block(name: &str) -> Option<(usize, &str)> {
    let (layer, rest) = name.strip_prefix("transformer.resblocks.")?.split_once('.')?;
    Some((layer.parse().ok()?, rest))
}

fn inner(rest: &str) -> Option<String> {
    let (old, kind) = rest.rsplit_once('.')?;
    let new = match old {
        "ln_1" => "layer_norm1",
        "ln_2" => "layer_norm2",
        "attn.out_proj" => "self_attn.out_proj",
        "mlp.c_fc" => "mlp.fc1",
        "mlp.c_proj" => "mlp.fc2",
        _ => return None,
    };
    Some(format!("{new}.{kind}"))
}

/// `config.json` of tensors with transformers' names.
///
/// # Errors
/// The structure is not a text encoder's; for people.
pub fn config(tensors: &Names, naming: Naming) -> Result<Value, String> {
    let start =
        if tensors.keys().any(|name| name.starts_with("text_model.")) { "text_model." } else { "" };
    let shape = |name: &str, index: usize| {
        let tensor = tensors.get(&format!("{start}{name}"));
        let side = tensor.and_then(|tensor| tensor.shape().get(index).copied());
        side.ok_or_else(|| format!("Its text encoder's '{name}' is missing"))
    };
    let hidden = shape("embeddings.token_embedding.weight", 1)?;
    let vocabulary = shape("embeddings.token_embedding.weight", 0)?;
    let layer = |index: &usize| format!("{start}encoder.layers.{index}.layer_norm1.weight");
    let layers = (0..tensors.len()).take_while(|index| tensors.contains_key(&layer(index))).count();
    let exact = naming == Naming::OpenClip || OPEN_CLIP_WIDTHS.contains(&hidden);
    let projection = tensors.get("text_projection.weight").and_then(|t| t.shape().first().copied());
    let class = if projection.is_some() { "CLIPTextModelWithProjection" } else { "CLIPTextModel" };
    Ok(json!({
        "architectures": [class],
        "bos_token_id": vocabulary.saturating_sub(2),
        "eos_token_id": vocabulary.saturating_sub(1),
        "hidden_act": if exact { "gelu" } else { "quick_gelu" },
        "hidden_size": hidden,
        "intermediate_size": shape("encoder.layers.0.mlp.fc1.weight", 0)?,
        "layer_norm_eps": 1e-5,
        "max_position_embeddings": shape("embeddings.position_embedding.weight", 0)?,
        "model_type": "clip_text_model",
        "num_attention_heads": (hidden / HEAD_CHANNELS).max(1),
        "num_hidden_layers": layers,
        "projection_dim": projection.unwrap_or(hidden),
        "vocab_size": vocabulary,
    }))
}
