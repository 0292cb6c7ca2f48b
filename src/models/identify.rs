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
        (Some(into), Some(out)) if into == out => Task::Plain,
        (Some(into), Some(out)) if into == out + 1 => Task::Depth,
        (Some(into), Some(out)) if into == 2 * out => Task::Edit,
        (Some(into), Some(out)) if into == 2 * out + 1 => Task::Inpaint,
        _ => Task::Unknown,
    };
    let width = size("cross_attention_dim");
    let (family, because) = if let Some(family) = &folder.extras().family {
        (family.as_str(), "pentimento.json names it".to_owned())
    } else if unet.get("addition_embed_type").is_some_and(|kind| kind == "text_time") {
        ("SDXL", "its UNet takes sizes and pooled text (addition_embed_type)".to_owned())
    } else {
        let family = match width {
            Some(768) => "SD 1.x",
            Some(1024) => "SD 2.x",
            _ => "Stable Diffusion",
        };
        let shown = width.map_or("not given".to_owned(), |width| width.to_string());
        (family, format!("the width of its text states (cross_attention_dim) is {shown}"))
    };
    Ok(Identity { family: family.to_owned(), because, task })
}

impl Task {
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
    }
}
