//! `unet/config.json`: diffusers' `UNet2DConditionModel` (its `unet_2d_condition.py`).

use serde_json::{Value, json};

use super::Reader;
use crate::kernels::activation::Activation;
use crate::models::error::ModelError;
use crate::models::folder::ModelFolder;
use crate::models::identify::Task;

/// Layers of one block; far more than any model has.
const MOST_LAYERS: usize = 256;

/// Blocks that diffusers means where a configuration names none: Stable Diffusion 1's.
const DOWN: [&str; 4] =
    ["CrossAttnDownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D", "DownBlock2D"];
const UP: [&str; 4] =
    ["UpBlock2D", "CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "CrossAttnUpBlock2D"];

/// A UNet's shape.
#[derive(Clone, Debug, PartialEq)]
pub struct UNetConfig {
    /// Channels in; more than `out_channels` for inpainting, depth and edit models.
    pub in_channels: usize,
    /// Channels out: the latent's.
    pub out_channels: usize,
    /// Side of the latent it was trained at: height, width.
    pub sample_size: Option<(usize, usize)>,
    /// Width of the text states.
    pub cross_attention_dim: usize,
    /// Groups of the group norms.
    pub norm_groups: usize,
    /// Added to the variance in the residual blocks' norms.
    pub norm_eps: f32,
    /// Function between the layers.
    pub activation: Activation,
    /// Zeros around a downsampled map; 0 pads right and bottom only.
    pub downsample_padding: usize,
    /// Linear instead of 1×1 convolutional projections around the transformers.
    pub linear_projection: bool,
    /// The timestep's embedding: cosine first.
    pub flip_sin_to_cos: bool,
    /// The timestep's embedding: frequency shift.
    pub freq_shift: f32,
    /// Width of the timestep's embedding after its two layers.
    pub time_embedding: usize,
    /// What is embedded beside the timestep: the whole text and sizes (`text_time`).
    pub added: Option<Added>,
    /// Width of the guidance scale's embedding, in models distilled to need one call a step.
    pub guidance_embedding: Option<usize>,
    /// Blocks on the way down.
    pub down: Vec<Block>,
    /// The middle, if there is one.
    pub mid: Option<Mid>,
    /// Blocks on the way up.
    pub up: Vec<Block>,
}

/// Micro-conditioning (Podell et al. 2023, section 2.2): the whole text's projection beside the
/// waves of a few whole numbers.
#[derive(Clone, Debug, PartialEq)]
pub struct Added {
    /// Width of the waves of each number.
    pub waves: usize,
    /// Width of the whole text's projection and all waves together.
    pub input: usize,
}

/// What the numbers of the micro-conditioning are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AddedIds {
    /// Six: original size, crop and target size.
    Sizes,
    /// Five: original size, crop and an aesthetic score (the refiner).
    Score,
}

impl Added {
    /// Which numbers there are beside a projection of `pooled` values; `None` where none fit.
    #[must_use]
    pub fn ids(&self, pooled: usize) -> Option<AddedIds> {
        let left = self.input.checked_sub(pooled)?;
        match (left / self.waves, left % self.waves) {
            (6, 0) => Some(AddedIds::Sizes),
            (5, 0) => Some(AddedIds::Score),
            _ => None,
        }
    }
}

/// One resolution's block.
#[derive(Clone, Debug, PartialEq)]
pub struct Block {
    /// Channels it works at.
    pub channels: usize,
    /// Residual layers.
    pub layers: usize,
    /// Transformer layers after each residual layer; empty for a block without attention.
    pub transformers: Vec<usize>,
    /// Attention heads.
    pub heads: usize,
}

/// The middle block: one residual layer, or two around a transformer.
#[derive(Clone, Debug, PartialEq)]
pub struct Mid {
    /// Transformer layers; `None` for a middle that does not attend.
    pub transformers: Option<usize>,
    /// Attention heads.
    pub heads: usize,
}

impl UNetConfig {
    /// What it is for, by the channels that it takes beside the latent's.
    #[must_use]
    pub fn task(&self) -> Task {
        Task::of(self.in_channels, self.out_channels)
    }

    /// Reads and checks the file.
    ///
    /// # Errors
    /// A key is unknown, contradictory or asks for something that is not implemented.
    pub fn read(folder: &ModelFolder) -> Result<Self, ModelError> {
        let reader = Reader::open(folder, "unet/config.json")?;
        let down_types = reader.words("down_block_types", &DOWN)?;
        let up_types = reader.words("up_block_types", &UP)?;
        let count = down_types.len();
        if up_types.len() != count {
            return Err(reader.wrong("up_block_types", &format!("a list of {count} words")));
        }
        let channels = reader.sizes("block_out_channels", &[320, 640, 1280, 1280])?;
        if channels.len() != count {
            return Err(reader.wrong("block_out_channels", &format!("a list of {count} numbers")));
        }
        let layers = layers_of_blocks(&reader, count)?;
        let heads_key = if reader.get("num_attention_heads").is_some() {
            "num_attention_heads"
        } else {
            "attention_head_dim"
        };
        reader.ignore(&["num_attention_heads", "attention_head_dim"]);
        let heads = reader.size_per_block(heads_key, 8, count)?;
        let cross = reader.size_per_block("cross_attention_dim", 1280, count)?;
        if cross.iter().any(|width| *width != cross[0]) {
            return Err(reader.wrong("cross_attention_dim", "one width for all blocks"));
        }
        let transformers = transformer_layers(&reader, &layers)?;
        let groups = reader.size("norm_num_groups", 32)?;
        for channels in &channels {
            if channels % groups != 0 {
                let wanted = format!("a divisor of every block's channels ({channels} is not)");
                return Err(reader.wrong("norm_num_groups", &wanted));
            }
        }

        let block = |index: usize, attends: bool, extra: usize, transformers: Vec<usize>| Block {
            channels: channels[index],
            layers: layers[index] + extra,
            transformers: if attends { transformers } else { Vec::new() },
            heads: heads[index],
        };
        let mut down = Vec::new();
        for (index, kind) in down_types.iter().enumerate() {
            let attends = match *kind {
                "CrossAttnDownBlock2D" => true,
                "DownBlock2D" => false,
                _ => {
                    return Err(
                        reader.wrong("down_block_types", "CrossAttnDownBlock2D or DownBlock2D")
                    );
                }
            };
            down.push(block(index, attends, 0, transformers.down[index].clone()));
        }
        let mut up = Vec::new();
        for (index, kind) in up_types.iter().enumerate() {
            let attends = match *kind {
                "CrossAttnUpBlock2D" => true,
                "UpBlock2D" => false,
                _ => return Err(reader.wrong("up_block_types", "CrossAttnUpBlock2D or UpBlock2D")),
            };
            let mirrored = count - 1 - index;
            up.push(block(mirrored, attends, 1, transformers.up[index].clone()));
        }
        for (key, blocks) in [(heads_key, &down), (heads_key, &up)] {
            for block in blocks.iter().filter(|block| !block.transformers.is_empty()) {
                if block.channels % block.heads != 0 {
                    let wanted =
                        format!("numbers of heads that divide the channels ({})", block.channels);
                    return Err(reader.wrong(key, &wanted));
                }
            }
        }
        let last = count - 1;
        let mid = middle(&reader, transformers.mid, heads[last], channels[last])?;
        let config = Self {
            in_channels: reader.size("in_channels", 4)?,
            out_channels: reader.size("out_channels", 4)?,
            sample_size: sample_size(&reader)?,
            cross_attention_dim: cross[0],
            norm_groups: groups,
            norm_eps: reader.number("norm_eps", 1e-5)? as f32,
            activation: reader.activation("act_fn", "silu")?,
            downsample_padding: if reader.get("downsample_padding").and_then(Value::as_u64)
                == Some(0)
            {
                0
            } else {
                reader.size("downsample_padding", 1)?
            },
            linear_projection: reader.flag("use_linear_projection", false)?,
            flip_sin_to_cos: reader.flag("flip_sin_to_cos", true)?,
            freq_shift: reader.number("freq_shift", 0.0)? as f32,
            time_embedding: reader.size("time_embedding_dim", channels[0] * 4)?,
            added: added(&reader)?,
            guidance_embedding: optional_size(&reader, "time_cond_proj_dim")?,
            down,
            mid,
            up,
        };
        refuse_the_rest(&reader)?;
        Ok(config)
    }
}

fn optional_size(reader: &Reader, key: &str) -> Result<Option<usize>, ModelError> {
    reader.get(key).is_some().then(|| reader.needed_size(key)).transpose()
}

/// `addition_embed_type`; the keys beside it mean nothing without it.
fn added(reader: &Reader) -> Result<Option<Added>, ModelError> {
    let key = "addition_embed_type";
    if reader.get(key).is_none() {
        reader.ignore(&["addition_time_embed_dim", "projection_class_embeddings_input_dim"]);
        return Ok(None);
    }
    if reader.word(key, "")? != "text_time" {
        return Err(reader.wrong(key, "text_time or null"));
    }
    let waves = reader.needed_size("addition_time_embed_dim")?;
    let input = reader.needed_size("projection_class_embeddings_input_dim")?;
    Ok(Some(Added { waves, input }))
}

/// The middle block; null (and only null) means that there is none.
fn middle(
    reader: &Reader,
    transformers: usize,
    heads: usize,
    channels: usize,
) -> Result<Option<Mid>, ModelError> {
    let key = "mid_block_type";
    let absent = reader.map.get(key).is_some_and(Value::is_null);
    let mid = match reader.word(key, "UNetMidBlock2DCrossAttn")? {
        _ if absent => return Ok(None),
        "UNetMidBlock2DCrossAttn" if !channels.is_multiple_of(heads) => {
            return Err(reader.error(format!(
                "The configuration's heads ({heads}) do not divide the middle's channels \
                 ({channels})"
            )));
        }
        "UNetMidBlock2DCrossAttn" => Mid { transformers: Some(transformers), heads },
        "UNetMidBlock2D" => Mid { transformers: None, heads },
        _ => {
            return Err(reader.wrong(key, "UNetMidBlock2DCrossAttn, UNetMidBlock2D or null"));
        }
    };
    Ok(Some(mid))
}

/// Transformer layers of each block.
struct TransformerLayers {
    down: Vec<Vec<usize>>,
    mid: usize,
    up: Vec<Vec<usize>>,
}

/// Blocks without attention may have 0.
fn as_depth(value: &Value) -> Option<usize> {
    value.as_u64().and_then(|depth| usize::try_from(depth).ok())
}

fn layers_of_blocks(reader: &Reader, count: usize) -> Result<Vec<usize>, ModelError> {
    let layers = reader.size_per_block("layers_per_block", 2, count)?;
    if layers.iter().any(|layers| *layers > MOST_LAYERS) {
        let wanted = format!("a whole number up to {MOST_LAYERS} for each block");
        return Err(reader.wrong("layers_per_block", &wanted));
    }
    Ok(layers)
}

/// `transformer_layers_per_block` is a number, one a block, or a list a block; a list of lists does
/// not say how the way up looks, so `reverse_transformer_layers_per_block` must.
fn transformer_layers(reader: &Reader, layers: &[usize]) -> Result<TransformerLayers, ModelError> {
    let key = "transformer_layers_per_block";
    let nested =
        |value: &Value| value.as_array().is_some_and(|list| list.iter().any(Value::is_array));
    let expand =
        |key: &str, blocks: &[usize], value: &Value| -> Result<Vec<Vec<usize>>, ModelError> {
            let list = value.as_array().filter(|list| list.len() == blocks.len());
            let list =
                list.ok_or_else(|| reader.wrong(key, &format!("a list of {}", blocks.len())))?;
            let mut expanded = Vec::new();
            for (value, layers) in list.iter().zip(blocks) {
                let depths: Option<Vec<usize>> = match value {
                    Value::Array(depths) => depths.iter().map(as_depth).collect(),
                    depth => as_depth(depth).map(|depth| vec![depth; *layers]),
                };
                let depths = depths.filter(|depths| depths.len() == *layers);
                expanded.push(depths.ok_or_else(|| {
                    reader.wrong(key, &format!("a number or {layers} of them for each block"))
                })?);
            }
            Ok(expanded)
        };
    let value = reader.get(key).cloned().unwrap_or(json!(1));
    let value = if value.is_array() { value } else { json!(vec![value; layers.len()]) };
    let up_layers: Vec<usize> = layers.iter().rev().map(|layers| layers + 1).collect();
    let up_key = "reverse_transformer_layers_per_block";
    let up_value = match reader.get(up_key) {
        Some(up) => up.clone(),
        None if nested(&value) => {
            return Err(reader.wrong(up_key, &format!("a list beside a list of lists in {key}")));
        }
        None => json!(value.as_array().map(|list| list.iter().rev().cloned().collect::<Vec<_>>())),
    };
    let down = expand(key, layers, &value)?;
    let up = expand(up_key, &up_layers, &up_value)?;
    // The middle has one transformer: of a list it takes the first.
    let mid = down.last().and_then(|depths| depths.first()).copied().unwrap_or(1);
    Ok(TransformerLayers { down, mid, up })
}

fn sample_size(reader: &Reader) -> Result<Option<(usize, usize)>, ModelError> {
    match reader.get("sample_size") {
        None => Ok(None),
        Some(Value::Array(_)) => match reader.sizes("sample_size", &[])?[..] {
            [height, width] => Ok(Some((height, width))),
            _ => Err(reader.wrong("sample_size", "a number or two of them")),
        },
        Some(_) => reader.needed_size("sample_size").map(|side| Some((side, side))),
    }
}

/// Keys with one supported value, and keys that do not matter when a picture is painted.
fn refuse_the_rest(reader: &Reader) -> Result<(), ModelError> {
    reader.only(&[
        ("attention_type", json!("default")),
        ("center_input_sample", json!(false)),
        ("class_embed_type", Value::Null),
        ("class_embeddings_concat", json!(false)),
        ("conv_in_kernel", json!(3)),
        ("conv_out_kernel", json!(3)),
        ("cross_attention_norm", Value::Null),
        ("dual_cross_attention", json!(false)),
        ("encoder_hid_dim", Value::Null),
        ("encoder_hid_dim_type", Value::Null),
        ("mid_block_only_cross_attention", json!(false)),
        ("mid_block_scale_factor", json!(1)),
        ("num_class_embeds", Value::Null),
        ("only_cross_attention", json!(false)),
        ("resnet_out_scale_factor", json!(1.0)),
        ("resnet_skip_time_act", json!(false)),
        ("resnet_time_scale_shift", json!("default")),
        ("time_embedding_act_fn", Value::Null),
        ("time_embedding_type", json!("positional")),
        ("timestep_post_act", Value::Null),
    ])?;
    reader.ignore(&["addition_embed_type_num_heads", "dropout", "upcast_attention"]);
    reader.finish()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::types::ModelSource;

    #[test]
    fn layers_that_no_model_has_are_refused() {
        let place = tempfile::tempdir().unwrap();
        std::fs::write(place.path().join("model_index.json"), "{}").unwrap();
        std::fs::create_dir(place.path().join("unet")).unwrap();
        let read = |layers: Value| {
            let config = json!({
                "block_out_channels": [32, 32, 32, 32],
                "cross_attention_dim": 32,
                "layers_per_block": layers,
            });
            std::fs::write(place.path().join("unet/config.json"), config.to_string()).unwrap();
            UNetConfig::read(&ModelFolder::open(&ModelSource::Path(place.path().into())).unwrap())
        };
        assert!(read(json!(MOST_LAYERS)).is_ok());
        for layers in [json!(MOST_LAYERS + 1), json!([2, 2, 2, 9_000_000_000_u64])] {
            let error = read(layers).unwrap_err().to_string();
            assert!(error.contains("layers_per_block"), "{error}");
        }
    }
}
