//! An autoencoder's original names (ldm's `model.py`) as diffusers', and its configuration from the
//! names and shapes alone. The original counts the decoder's stages from the picture's size, diffusers
//! from the latent's.

use serde_json::{Value, json};

use super::Names;

/// The tensors with diffusers' names. Those that are nobody's are left out.
#[must_use]
pub fn convert(from: &Names) -> Names {
    let stages =
        count(|stage| from.contains_key(&format!("decoder.up.{stage}.block.0.norm1.weight")));
    let mut tensors = Names::new();
    for (name, tensor) in from {
        if let Some(renamed) = renamed(name, stages) {
            // Projections of the middle's attention are stored as 1×1 convolutions.
            let projection = renamed.contains(".attentions.");
            let tensor = if projection { tensor.flattened() } else { tensor.clone() };
            tensors.insert(renamed, tensor);
        }
    }
    tensors
}

fn count(is_there: impl Fn(usize) -> bool) -> usize {
    let first_missing = (0..usize::MAX).find(|index| !is_there(*index));
    first_missing.unwrap_or_default()
}

fn renamed(name: &str, stages: usize) -> Option<String> {
    if name.starts_with("quant_conv.") || name.starts_with("post_quant_conv.") {
        return Some(name.to_owned());
    }
    let (half, rest) = name.split_once('.')?;
    if !matches!(half, "encoder" | "decoder") {
        return None;
    }
    for (old, new) in [
        ("conv_in.", "conv_in."),
        ("conv_out.", "conv_out."),
        ("norm_out.", "conv_norm_out."),
        ("mid.block_1.", "mid_block.resnets.0."),
        ("mid.block_2.", "mid_block.resnets.1."),
    ] {
        if let Some(rest) = rest.strip_prefix(old) {
            return Some(format!("{half}.{new}{}", shortcut(rest)));
        }
    }
    if let Some(rest) = rest.strip_prefix("mid.attn_1.") {
        let (old, kind) = rest.split_once('.')?;
        let new = match old {
            "norm" => "group_norm",
            "q" => "to_q",
            "k" => "to_k",
            "v" => "to_v",
            "proj_out" => "to_out.0",
            _ => return None,
        };
        return Some(format!("{half}.mid_block.attentions.0.{new}.{kind}"));
    }
    let (way, rest) = rest.split_once('.')?;
    let (stage, rest) = rest.split_once('.')?;
    let stage: usize = stage.parse().ok()?;
    let stage = match (half, way) {
        ("encoder", "down") => format!("down_blocks.{stage}"),
        ("decoder", "up") => format!("up_blocks.{}", stages.checked_sub(stage.checked_add(1)?)?),
        _ => return None,
    };
    if let Some(rest) = rest.strip_prefix("block.") {
        return Some(format!("{half}.{stage}.resnets.{}", shortcut(rest)));
    }
    let rest = rest
        .strip_prefix("downsample.")
        .map(|rest| format!("downsamplers.0.{rest}"))
        .or_else(|| rest.strip_prefix("upsample.").map(|rest| format!("upsamplers.0.{rest}")))?;
    Some(format!("{half}.{stage}.{rest}"))
}

fn shortcut(rest: &str) -> String {
    rest.replace("nin_shortcut.", "conv_shortcut.")
}

/// `config.json` of tensors with diffusers' names.
///
/// # Errors
/// The structure is not an autoencoder's; for people.
pub fn config(tensors: &Names, scaling_factor: f64, side: usize) -> Result<Value, String> {
    let shape = |name: &str, index: usize| {
        tensors.get(name).and_then(|tensor| tensor.shape().get(index).copied())
    };
    let missing = |what: &str| format!("Its autoencoder's {what} is missing");
    let stage = |stage: usize| format!("decoder.up_blocks.{stage}.resnets");
    let stages = count(|index| tensors.contains_key(&format!("{}.0.norm1.weight", stage(index))));
    let channels: Option<Vec<usize>> = (0..stages)
        .rev()
        .map(|index| shape(&format!("{}.0.conv1.weight", stage(index)), 0))
        .collect();
    let channels = channels.filter(|channels| !channels.is_empty());
    let channels = channels.ok_or_else(|| missing("decoder"))?;
    let layers = count(|layer| tensors.contains_key(&format!("{}.{layer}.norm1.weight", stage(0))));
    if !tensors.contains_key("encoder.conv_in.weight") {
        return Err(missing("encoder"));
    }
    Ok(json!({
        "_class_name": "AutoencoderKL",
        "act_fn": "silu",
        "block_out_channels": channels,
        "down_block_types": vec!["DownEncoderBlock2D"; stages],
        "in_channels": shape("encoder.conv_in.weight", 1).ok_or_else(|| missing("first layer"))?,
        "latent_channels": shape("decoder.conv_in.weight", 1).ok_or_else(|| missing("decoder"))?,
        "layers_per_block": layers.saturating_sub(1),
        "mid_block_add_attention":
            tensors.keys().any(|name| name.starts_with("decoder.mid_block.attentions.")),
        "norm_num_groups": 32,
        "out_channels": shape("decoder.conv_out.weight", 0).ok_or_else(|| missing("last layer"))?,
        "sample_size": side,
        "scaling_factor": scaling_factor,
        "up_block_types": vec!["UpDecoderBlock2D"; stages],
        "use_post_quant_conv": tensors.contains_key("post_quant_conv.weight"),
        "use_quant_conv": tensors.contains_key("quant_conv.weight"),
    }))
}
