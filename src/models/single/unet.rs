//! A UNet's original names (ldm's `openaimodel.py`) as diffusers'.
//!
//! The original numbers all blocks of the way down, and of the way up, in one row; where a stage
//! ends is seen by its down- or upsampler. After the structure of both implementations.

use std::collections::BTreeMap;

use super::Names;

/// What the names of its modules begin with.
const ROOTS: [&str; 6] =
    ["input_blocks.", "middle_block.", "output_blocks.", "time_embed", "label_emb.", "out."];
/// Width of the text states of SD 2.x.
const SD2_CONTEXT: usize = 1024;

/// What stands at a numbered place: the new name of the module.
enum Place {
    /// A residual layer, whose own modules have other names too.
    Residual(String),
    /// A module whose tensors are called alike.
    Same(String),
    /// A convolution with another name.
    Downsampler(String),
}

/// Places by their old name.
type Places = BTreeMap<String, Place>;

/// The tensors with diffusers' names. What belongs to no module of a UNet is left out.
///
/// # Errors
/// A module is not known; for people.
pub fn convert(from: &Names) -> Result<Names, String> {
    let mut places = Places::new();
    way_down(from, &mut places);
    for (index, new) in ["resnets.0", "attentions.0", "resnets.1"].iter().enumerate() {
        let new = format!("mid_block.{new}");
        let place = if index == 1 { Place::Same(new) } else { Place::Residual(new) };
        places.insert(format!("middle_block.{index}"), place);
    }
    way_up(from, &mut places);
    // SD 2.x that reads the embedding of a picture, where SDXL reads sizes and pooled text.
    let context = from.iter().find(|(name, _)| name.ends_with(".attn2.to_k.weight"));
    let class = context.is_some_and(|(_, t)| t.shape().get(1) == Some(&SD2_CONTEXT));
    let embedding = if class { "class_embedding" } else { "add_embedding" };
    let mut tensors = Names::new();
    for (name, tensor) in from {
        if ROOTS.iter().any(|root| name.starts_with(root)) {
            let renamed = renamed(name, &places, embedding)
                .ok_or_else(|| format!("Its UNet has a part that is not known ('{name}')"))?;
            tensors.insert(renamed, tensor.clone());
        }
    }
    Ok(tensors)
}

fn way_down(from: &Names, places: &mut Places) {
    let (mut stage, mut layer) = (0, 0);
    for index in 1.. {
        let old = format!("input_blocks.{index}");
        if from.contains_key(&format!("{old}.0.op.weight")) {
            let new = format!("down_blocks.{stage}.downsamplers.0");
            places.insert(format!("{old}.0"), Place::Downsampler(new));
            (stage, layer) = (stage + 1, 0);
        } else if place_layer(from, &old, &format!("down_blocks.{stage}"), layer, places) {
            layer += 1;
        } else {
            break;
        }
    }
}

fn way_up(from: &Names, places: &mut Places) {
    let (mut stage, mut layer) = (0, 0);
    for index in 0.. {
        let old = format!("output_blocks.{index}");
        if !place_layer(from, &old, &format!("up_blocks.{stage}"), layer, places) {
            break;
        }
        layer += 1;
        let upsampler = ["1", "2"].map(|place| format!("{old}.{place}"));
        let upsampler = upsampler.iter().find(|p| from.contains_key(&format!("{p}.conv.weight")));
        if let Some(place) = upsampler {
            places.insert(place.clone(), Place::Same(format!("up_blocks.{stage}.upsamplers.0")));
            (stage, layer) = (stage + 1, 0);
        }
    }
}

/// A residual layer with or without a transformer behind it; whether there is one.
fn place_layer(from: &Names, old: &str, new: &str, layer: usize, places: &mut Places) -> bool {
    if !from.contains_key(&format!("{old}.0.in_layers.2.weight")) {
        return false;
    }
    places.insert(format!("{old}.0"), Place::Residual(format!("{new}.resnets.{layer}")));
    if from.contains_key(&format!("{old}.1.proj_in.weight")) {
        places.insert(format!("{old}.1"), Place::Same(format!("{new}.attentions.{layer}")));
    }
    true
}

fn renamed(name: &str, places: &Places, embedding: &str) -> Option<String> {
    let fixed = [
        ("time_embed.0.", "time_embedding.linear_1."),
        ("time_embed.2.", "time_embedding.linear_2."),
        ("time_embed.cond_proj.", "time_embedding.cond_proj."),
        // As converters leave it that do not know of it.
        ("time_embedding.cond_proj.", "time_embedding.cond_proj."),
        ("label_emb.0.0.", &format!("{embedding}.linear_1.")),
        ("label_emb.0.2.", &format!("{embedding}.linear_2.")),
        ("input_blocks.0.0.", "conv_in."),
        ("out.0.", "conv_norm_out."),
        ("out.2.", "conv_out."),
    ];
    for (old, new) in fixed {
        if let Some(rest) = name.strip_prefix(old) {
            return Some(format!("{new}{rest}"));
        }
    }
    // "input_blocks.4.1" and "middle_block.1".
    let numbers = if name.starts_with("middle_block.") { 2 } else { 3 };
    let end = name.match_indices('.').nth(numbers - 1)?.0;
    let rest = &name[end + 1..];
    match places.get(&name[..end])? {
        Place::Same(new) => Some(format!("{new}.{rest}")),
        Place::Downsampler(new) => Some(format!("{new}.conv.{}", rest.strip_prefix("op.")?)),
        Place::Residual(new) => {
            let (old, kind) = rest.rsplit_once('.')?;
            let inner = match old {
                "in_layers.0" => "norm1",
                "in_layers.2" => "conv1",
                "emb_layers.1" => "time_emb_proj",
                "out_layers.0" => "norm2",
                "out_layers.3" => "conv2",
                "skip_connection" => "conv_shortcut",
                _ => return None,
            };
            Some(format!("{new}.{inner}.{kind}"))
        }
    }
}
