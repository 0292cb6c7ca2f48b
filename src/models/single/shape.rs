//! A UNet's `config.json` from its tensors' names (diffusers') and shapes alone.
//!
//! What neither says is the same in all families: 32 groups in the norms, 8 heads of attention in
//! models with convolutional projections (SD 1.x), 64 channels a head in the others.

use serde_json::{Value, json};

use super::Names;

/// Channels of an attention head in models with linear projections (SD 2.x, SDXL).
const HEAD_CHANNELS: usize = 64;
/// Heads in the others (SD 1.x).
const HEADS: usize = 8;
/// Embedded sizes of SDXL, and of its refiner.
const SIZES: [usize; 2] = [6, 5];
/// Values of each embedded size.
const SIZE_EMBEDDING: usize = 256;

/// One stage of the way down or up.
struct Stage {
    channels: usize,
    /// Transformer layers after each residual layer; 0 for none.
    depths: Vec<usize>,
}

impl Stage {
    fn attends(&self) -> bool {
        self.depths.iter().any(|depth| *depth > 0)
    }

    /// Whether all its layers have transformers, or none.
    fn is_whole(&self) -> bool {
        !self.attends() || self.depths.iter().all(|depth| *depth > 0)
    }
}

fn count(is_there: impl Fn(usize) -> bool) -> usize {
    let first_missing = (0..usize::MAX).find(|index| !is_there(*index));
    first_missing.unwrap_or_default()
}

/// The stages of a way, in diffusers' order.
fn stages(tensors: &Names, way: &str) -> Vec<Stage> {
    let conv = |stage: usize, layer: usize| {
        tensors.get(&format!("{way}.{stage}.resnets.{layer}.conv1.weight"))
    };
    let stage = |stage: usize| Stage {
        channels: conv(stage, 0).and_then(|t| t.shape().first().copied()).unwrap_or(0),
        depths: (0..count(|layer| conv(stage, layer).is_some()))
            .map(|layer| depth(tensors, &format!("{way}.{stage}.attentions.{layer}")))
            .collect(),
    };
    (0..count(|index| conv(index, 0).is_some())).map(stage).collect()
}

/// Layers of a transformer; 0 where there is none.
fn depth(tensors: &Names, of: &str) -> usize {
    count(|index| tensors.contains_key(&format!("{of}.transformer_blocks.{index}.norm1.weight")))
}

/// `config.json` of a UNet, without `sample_size`, which nothing in it says.
///
/// # Errors
/// The blocks are arranged in no way that diffusers can express; for people.
pub fn config(tensors: &Names) -> Result<Value, String> {
    let unlike = || "Its UNet's blocks are arranged in a way that is not known".to_owned();
    let side = |name: &str, index: usize| {
        tensors.get(name).and_then(|tensor| tensor.shape().get(index).copied())
    };
    let (down, up) = (stages(tensors, "down_blocks"), stages(tensors, "up_blocks"));
    let mid = tensors
        .contains_key("mid_block.resnets.0.conv1.weight")
        .then(|| depth(tensors, "mid_block.attentions.0"));
    let fits = |(down, up): (&Stage, &Stage)| {
        let layers = down.depths.len() + 1 == up.depths.len();
        down.channels == up.channels && layers && down.is_whole() && up.is_whole()
    };
    if down.is_empty() || down.len() != up.len() || !down.iter().rev().zip(&up).all(fits) {
        return Err(unlike());
    }
    let channels: Vec<usize> = down.iter().map(|stage| stage.channels).collect();
    let layers: Vec<usize> = down.iter().map(|stage| stage.depths.len()).collect();
    let kinds = |stages: &[Stage], with: &'static str, without: &'static str| -> Vec<&str> {
        stages.iter().map(|stage| if stage.attends() { with } else { without }).collect()
    };
    let ending = |end: &str| tensors.iter().find(|(name, _)| name.ends_with(end)).map(|(_, t)| t);
    let context = ending(".attn2.to_k.weight").and_then(|t| t.shape().get(1).copied());
    let linear = ending(".proj_in.weight").is_some_and(|t| t.shape().len() == 2);
    let heads: Vec<usize> = channels
        .iter()
        .map(|channels| if linear { (channels / HEAD_CHANNELS).max(1) } else { HEADS })
        .collect();
    let (transformers, reverse) = transformers(&down, mid, &up);
    let lowest = down.last().and_then(|stage| stage.depths.last().copied()).unwrap_or(0);
    if mid.is_some_and(|mid| mid > 0 && lowest > 0 && mid != lowest) {
        return Err(unlike());
    }
    let mut config = json!({
        "_class_name": "UNet2DConditionModel",
        "act_fn": "silu",
        "attention_head_dim": same_or_list(&heads),
        "block_out_channels": channels,
        "cross_attention_dim": context.ok_or_else(unlike)?,
        "down_block_types": kinds(&down, "CrossAttnDownBlock2D", "DownBlock2D"),
        "flip_sin_to_cos": true,
        "freq_shift": 0,
        "in_channels": side("conv_in.weight", 1).ok_or_else(unlike)?,
        "layers_per_block": same_or_list(&layers),
        "mid_block_type": match mid {
            None => Value::Null,
            Some(0) => json!("UNetMidBlock2D"),
            Some(_) => json!("UNetMidBlock2DCrossAttn"),
        },
        "norm_eps": 1e-5,
        "norm_num_groups": 32,
        "out_channels": side("conv_out.weight", 0).ok_or_else(unlike)?,
        "reverse_transformer_layers_per_block": reverse,
        "time_cond_proj_dim": side("time_embedding.cond_proj.weight", 1),
        "transformer_layers_per_block": transformers,
        "up_block_types": kinds(&up, "CrossAttnUpBlock2D", "UpBlock2D"),
        "use_linear_projection": linear,
    });
    if let Some(width) = side("add_embedding.linear_1.weight", 1) {
        config["addition_embed_type"] = "text_time".into();
        config["addition_time_embed_dim"] = SIZE_EMBEDDING.into();
        config["projection_class_embeddings_input_dim"] = width.into();
    }
    if let Some(width) = side("class_embedding.linear_1.weight", 1) {
        config["class_embed_type"] = "projection".into();
        config["projection_class_embeddings_input_dim"] = width.into();
    }
    Ok(config)
}

/// Width of each embedded size where a UNet takes `input` values of which `pooled` are text.
#[must_use]
pub fn size_embedding(input: usize, pooled: usize) -> usize {
    let sizes = input.saturating_sub(pooled);
    let usual = SIZES.iter().any(|count| count * SIZE_EMBEDDING == sizes);
    // Of small ones for tests: six sizes, or the refiner's five.
    let fitting = SIZES.iter().find(|count| sizes > 0 && sizes.is_multiple_of(**count));
    fitting.filter(|_| !usual).map_or(SIZE_EMBEDDING, |count| sizes / count)
}

/// `transformer_layers_per_block` and its reverse: a number or a list where that says it all, else
/// one number for each layer. The last stage has the middle's number where it has none of its own,
/// since diffusers takes it from there; any other such stage is only filled.
fn transformers(down: &[Stage], mid: Option<usize>, up: &[Stage]) -> (Value, Value) {
    let depths = |stage: &Stage, filler: usize| -> Vec<usize> {
        stage.depths.iter().map(|depth| if *depth == 0 { filler } else { *depth }).collect()
    };
    let last = mid.filter(|depth| *depth > 0).unwrap_or(1);
    let filler = |from_last: usize| if from_last == 0 { last } else { 1 };
    let way = |stages: &[Stage], from_last: &dyn Fn(usize) -> usize| -> Vec<Vec<usize>> {
        let stages = stages.iter().enumerate();
        stages.map(|(index, stage)| depths(stage, filler(from_last(index)))).collect()
    };
    let (down, up) = (way(down, &|index| down.len() - 1 - index), way(up, &|index| index));
    let first = |stage: &Vec<usize>| stage.first().copied().unwrap_or(1);
    let even = |stage: &Vec<usize>| stage.iter().all(|depth| *depth == first(stage));
    let mirrored = down.iter().rev().zip(&up).all(|(down, up)| first(down) == first(up));
    if mirrored && down.iter().chain(&up).all(even) {
        let depths: Vec<usize> = down.iter().map(first).collect();
        return (same_or_list(&depths), Value::Null);
    }
    (json!(down), json!(up))
}

fn same_or_list(values: &[usize]) -> Value {
    match values {
        [first, rest @ ..] if rest.iter().all(|value| value == first) => json!(first),
        _ => json!(values),
    }
}
