//! Weights of Depth Anything V2 (Yang et al. 2024): where people have them, what shape they are of,
//! and the names of the original checkpoints in those of transformers.
//!
//! Asked by the engine for a depth model that is given no depth map. Published are
//! `depth-anything/Depth-Anything-V2-Small-hf` (also Base and Large) with transformers' names, and
//! the same weights as `depth_anything_v2_vits.pth` with the authors' own.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::error::ModelError;
use super::folder::Bytes;
use super::tensors::{Tensor, TensorFile};

/// Repositories on the Hugging Face hub, the smallest first: depth for a latent needs no more.
const REPOSITORIES: [&str; 6] = [
    "Depth-Anything-V2-Small-hf",
    "Depth-Anything-V2-Small",
    "Depth-Anything-V2-Base-hf",
    "Depth-Anything-V2-Base",
    "Depth-Anything-V2-Large-hf",
    "Depth-Anything-V2-Large",
];
/// What they call the weights.
const FILES: [&str; 5] = [
    "model.safetensors",
    "pytorch_model.bin",
    "depth_anything_v2_vits.pth",
    "depth_anything_v2_vitb.pth",
    "depth_anything_v2_vitl.pth",
];
/// Stages of the transformer that the head looks at.
pub const STAGES: usize = 4;
/// Layers of the largest that was trained.
const MOST_LAYERS: usize = 40;
/// Channels of a head of attention in every published size.
const HEAD: usize = 64;

/// The shape of a network.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DepthConfig {
    /// Side of a patch in pixels.
    pub patch: usize,
    /// Patches a side of the pictures that positions were learnt for.
    pub side: usize,
    /// Width of tokens.
    pub hidden: usize,
    /// Heads of attention.
    pub heads: usize,
    /// Width within the layers' second half.
    pub intermediate: usize,
    /// Layers of the transformer.
    pub layers: usize,
    /// After how many layers each stage is taken.
    pub stages: [usize; STAGES],
    /// Channels of each stage.
    pub widths: [usize; STAGES],
    /// Channels in which the stages are put together.
    pub fused: usize,
    /// Channels before the last layer.
    pub last: usize,
}

/// Whether a repository of the hub holds such weights.
#[must_use]
pub fn is_in(repository: &str) -> bool {
    let name = repository.strip_prefix("depth-anything/");
    name.is_some_and(|name| REPOSITORIES.contains(&name))
}

/// Where the weights are in a cache of the hub, if they are there.
#[must_use]
pub fn in_cache(cache: &Path) -> Option<PathBuf> {
    REPOSITORIES.iter().find_map(|repository| {
        let snapshots = cache.join(format!("models--depth-anything--{repository}/snapshots"));
        let mut found: Vec<PathBuf> = std::fs::read_dir(snapshots)
            .ok()?
            .filter_map(|e| weights_at(&e.ok()?.path()))
            .collect();
        found.sort();
        found.pop()
    })
}

/// The weights that a path means: a file, or one in a folder.
fn weights_at(path: &Path) -> Option<PathBuf> {
    if path.is_file() {
        return Some(path.to_owned());
    }
    FILES.iter().map(|file| path.join(file)).find(|file| file.is_file())
}

/// Opens weights, with transformers' names whatever theirs are.
///
/// # Errors
/// Nothing is there, or it is something else.
pub fn open(path: &Path) -> Result<(DepthConfig, TensorFile), ModelError> {
    let shown = path.display().to_string();
    let Some(file) = weights_at(path) else { return Err(ModelError::NotFound { path: shown }) };
    let table = TensorFile::open(&Bytes::File(file), shown.clone())?;
    let table = if table.has("pretrained.cls_token") { renamed(&table) } else { table };
    let config = config(&table).ok_or_else(|| ModelError::Unsupported {
        reason: "The file is not Depth Anything V2 in one of its sizes Small, Base and Large; \
                 choose another one"
            .to_owned(),
        path: shown,
    })?;
    Ok((config, table))
}

/// The shape, from the tensors'; `None` for something else.
fn config(table: &TensorFile) -> Option<DepthConfig> {
    let side = |name: &str, side: usize| table.shape(name)?.get(side).copied();
    let embeddings = "backbone.embeddings";
    let projection = format!("{embeddings}.patch_embeddings.projection.weight");
    let hidden = side(&projection, 0)?;
    let positions = side(&format!("{embeddings}.position_embeddings"), 1)?.checked_sub(1)?;
    let named = |layer: usize| format!("backbone.encoder.layer.{layer}.norm1.weight");
    let layers = (0..MOST_LAYERS).take_while(|layer| table.has(&named(*layer))).count();
    // Evenly, but for the largest size.
    let stages = match layers {
        24 => [5, 12, 18, 24],
        _ => [1, 2, 3, 4].map(|stage| layers * stage / STAGES),
    };
    let mut widths = [0; STAGES];
    for (index, width) in widths.iter_mut().enumerate() {
        let name = format!("neck.reassemble_stage.layers.{index}.projection.weight");
        *width = side(&name, 0)?;
    }
    let config = DepthConfig {
        patch: side(&projection, 2)?,
        side: positions.isqrt(),
        hidden,
        heads: hidden / HEAD,
        intermediate: side("backbone.encoder.layer.0.mlp.fc1.weight", 0)?,
        layers,
        stages,
        widths,
        fused: side("neck.convs.0.weight", 0)?,
        last: side("head.conv2.weight", 0)?,
    };
    let sound = config.side * config.side == positions
        && hidden > 0
        && hidden.is_multiple_of(HEAD)
        && layers >= STAGES
        && config.patch > 0
        && config.fused >= 2;
    sound.then_some(config)
}

/// The authors' checkpoint with transformers' names.
fn renamed(table: &TensorFile) -> TensorFile {
    let mut tensors = BTreeMap::new();
    for name in table.names() {
        let Some(tensor) = table.get(name).filter(|tensor| !tensor.shape().is_empty()) else {
            continue;
        };
        match name.split_once(".attn.qkv.") {
            Some((block, kind)) => {
                let rows = tensor.shape().first().map_or(0, |rows| rows / 3);
                for (index, part) in ["query", "key", "value"].into_iter().enumerate() {
                    let name = format!("{}.attention.attention.{part}.{kind}", block_name(block));
                    let rows: Tensor = tensor.rows(index * rows..(index + 1) * rows);
                    tensors.insert(name, rows);
                }
            }
            None => {
                if let Some(name) = new_name(name) {
                    tensors.insert(name, tensor.clone());
                }
            }
        }
    }
    table.part(tensors)
}

fn block_name(block: &str) -> String {
    block.replacen("pretrained.blocks.", "backbone.encoder.layer.", 1)
}

/// transformers' name of the authors' tensor; `None` for those that depth does not need.
fn new_name(name: &str) -> Option<String> {
    if name.starts_with("pretrained.blocks.") {
        let parts = [
            (".attn.proj.", ".attention.output.dense."),
            (".ls1.gamma", ".layer_scale1.lambda1"),
            (".ls2.gamma", ".layer_scale2.lambda1"),
        ];
        return Some(parts.into_iter().fold(block_name(name), |n, (old, new)| n.replace(old, new)));
    }
    if let Some(rest) = name.strip_prefix("pretrained.") {
        return Some(match rest {
            "cls_token" => "backbone.embeddings.cls_token".to_owned(),
            "pos_embed" => "backbone.embeddings.position_embeddings".to_owned(),
            _ => match (rest.strip_prefix("patch_embed.proj."), rest.strip_prefix("norm.")) {
                (Some(kind), _) => {
                    format!("backbone.embeddings.patch_embeddings.projection.{kind}")
                }
                (_, Some(kind)) => format!("backbone.layernorm.{kind}"),
                _ => return None,
            },
        });
    }
    let rest = name.strip_prefix("depth_head.")?;
    let (first, last) = rest.split_once('.')?;
    if first == "projects" || first == "resize_layers" {
        let (index, kind) = last.split_once('.')?;
        let what = if first == "projects" { "projection" } else { "resize" };
        return Some(format!("neck.reassemble_stage.layers.{index}.{what}.{kind}"));
    }
    let (first, last) = last.split_once('.')?;
    if let Some(number) = first.strip_prefix("layer").and_then(|n| n.strip_suffix("_rn")) {
        return Some(format!(
            "neck.convs.{}.{last}",
            number.parse::<usize>().ok()?.checked_sub(1)?
        ));
    }
    if let Some(number) = first.strip_prefix("refinenet") {
        // The authors count from the finest stage, transformers from the coarsest.
        let layer = STAGES.checked_sub(number.parse().ok()?)?;
        let last = last
            .replace("out_conv.", "projection.")
            .replace("resConfUnit", "residual_layer")
            .replace(".conv", ".convolution");
        return Some(format!("neck.fusion_stage.layers.{layer}.{last}"));
    }
    match first {
        "output_conv1" => Some(format!("head.conv1.{last}")),
        "output_conv2" => {
            let (index, kind) = last.split_once('.')?;
            Some(format!("head.conv{}.{kind}", if index == "0" { 2 } else { 3 }))
        }
        _ => None,
    }
}
