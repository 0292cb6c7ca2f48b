//! What kind of model a folder holds, and what says so.
//!
//! Asked by the worker for a model's name plate and by `pentimento inspect`. It reads the
//! configuration only; whether the tensors agree is found out when they are read.

use serde_json::Value;

use super::error::ModelError;
use super::folder::ModelFolder;

/// What a model is for, from the channels that its UNet takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Task {
    /// Latent in, latent out.
    Plain,
    /// One more channel: a depth map.
    Depth,
    /// Twice the latent: changes a picture by instruction.
    Edit,
    /// Twice the latent and a mask.
    Inpaint,
    /// Some other number of channels.
    Unknown,
}

/// What a model is, and why we think so.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    /// "SD 1.x", "SD 2.x", "SDXL", what its maker calls it, or plain "Stable Diffusion".
    pub family: String,
    /// What decided about the family, for people.
    pub because: String,
    /// What it is for.
    pub task: Task,
}

/// Says what a folder holds.
///
/// # Errors
/// [`ModelError`] when the UNet's configuration is missing or not JSON.
pub fn identify(folder: &ModelFolder) -> Result<Identity, ModelError> {
    let unet = folder.json("unet/config.json")?;
    let size = |key: &str| unet.get(key).and_then(Value::as_u64);
    let task = match (size("in_channels"), size("out_channels")) {
        (Some(into), Some(out)) => Task::of(into as usize, out as usize),
        _ => Task::Unknown,
    };
    let width = size("cross_attention_dim");
    let (family, because) = if let Some(family) = &folder.extras().family {
        (family.as_str(), "pentimento.json names it".to_owned())
    } else if unet.get("addition_embed_type").is_some_and(|kind| kind == "text_time") {
        let input = size("projection_class_embeddings_input_dim");
        // The projection is as wide as the states in all models that people have.
        let text = folder.optional_json("text_encoder_2/config.json")?.unwrap_or_default();
        let pooled = text.get("projection_dim").and_then(Value::as_u64).or(width);
        let score = size("addition_time_embed_dim").zip(pooled).map(|(each, text)| 5 * each + text);
        if score.is_some() && score == input {
            ("SDXL refiner", "its UNet takes an aesthetic score and pooled text".to_owned())
        } else {
            ("SDXL", "its UNet takes sizes and pooled text (addition_embed_type)".to_owned())
        }
    } else {
        let family = match width {
            Some(768) => "SD 1.x",
            Some(1024) => "SD 2.x",
            _ => "Stable Diffusion",
        };
        let shown = width.map_or("not given".to_owned(), |width| width.to_string());
        (family, format!("the width of its text states (cross_attention_dim) is {shown}"))
    };
    let mut family = family.to_owned();
    if folder.extras().family.is_none() {
        family.extend(variant(&unet));
    }
    Ok(Identity { family, because, task })
}

/// How a family's model was changed to be quicker, as far as its UNet shows that.
fn variant(unet: &Value) -> Option<&'static str> {
    let middle = unet.get("mid_block_type");
    if unet.get("time_cond_proj_dim").is_some_and(|width| !width.is_null()) {
        // The guidance scale is embedded.
        Some(", latent consistency")
    } else if middle.is_some_and(|middle| middle.is_null() || middle == "UNetMidBlock2D")
        || unet.get("layers_per_block").is_some_and(|layers| layers == 1)
    {
        // Layers were taken out: BK-SDM, tiny-sd, SSD-1B, Segmind-Vega.
        Some(", distilled")
    } else {
        None
    }
}

impl Task {
    /// From the channels that a UNet takes and gives.
    #[must_use]
    pub fn of(into: usize, out: usize) -> Self {
        match into.checked_sub(out) {
            Some(0) => Self::Plain,
            Some(1) => Self::Depth,
            Some(more) if more == out => Self::Edit,
            Some(more) if more == out + 1 => Self::Inpaint,
            _ => Self::Unknown,
        }
    }

    /// The task in words.
    #[must_use]
    pub fn words(self) -> &'static str {
        match self {
            Self::Plain => "paints from words",
            Self::Depth => "paints from words and a depth map",
            Self::Edit => "changes a picture by instruction",
            Self::Inpaint => "made for inpainting",
            Self::Unknown => "takes an unknown number of channels",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::types::ModelSource;

    fn check(config: &str, family: &str, task: Task) {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("unet")).unwrap();
        std::fs::write(folder.path().join("unet/config.json"), config).unwrap();
        let folder = ModelFolder::open(&ModelSource::Path(folder.path().to_owned())).unwrap();
        let identity = identify(&folder).unwrap();
        assert_eq!((identity.family.as_str(), identity.task), (family, task));
    }

    #[test]
    fn families_and_tasks_are_told_apart() {
        let unet = |into: u32, width: u32| {
            format!(
                r#"{{"in_channels": {into}, "out_channels": 4, "cross_attention_dim": {width}}}"#
            )
        };
        check(&unet(4, 768), "SD 1.x", Task::Plain);
        check(&unet(5, 1024), "SD 2.x", Task::Depth);
        check(&unet(8, 768), "SD 1.x", Task::Edit);
        check(&unet(9, 1024), "SD 2.x", Task::Inpaint);
        check(&unet(7, 99), "Stable Diffusion", Task::Unknown);
        check(r#"{"addition_embed_type": "text_time"}"#, "SDXL", Task::Unknown);
        let sdxl = |text: u32, input: u32| {
            format!(
                r#"{{"addition_embed_type": "text_time", "addition_time_embed_dim": 256,
                    "projection_class_embeddings_input_dim": {input}, "in_channels": 4,
                    "out_channels": 4, "cross_attention_dim": {text}}}"#
            )
        };
        check(&sdxl(2048, 2816), "SDXL", Task::Plain);
        check(&sdxl(1280, 2560), "SDXL refiner", Task::Plain);
        let more = |key: &str| unet(4, 768).replace('}', &format!(", {key}}}"));
        check(&more(r#""time_cond_proj_dim": 256"#), "SD 1.x, latent consistency", Task::Plain);
        check(&more(r#""mid_block_type": null"#), "SD 1.x, distilled", Task::Plain);
    }
}
