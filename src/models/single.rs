//! A model in one file, made to look like a folder in the diffusers layout: configurations from the
//! tensors' names and shapes alone, and the tensors under diffusers' names. Nothing but headers is
//! read for it.
//!
//! Called by [`super::folder`].

pub mod clip;
pub mod configs;
pub mod kind;
pub mod shape;
pub mod unet;
pub mod vae;

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::path::Path;

use serde_json::Value;

use super::error::ModelError;
use super::tensors::{Tensor, TensorFile};
use crate::types::ModelChoices;
use configs::{Predicts, Texts};
use kind::{Naming, Part, Parts};

/// What the original checkpoints call the average of the weights, which training keeps beside them.
const AVERAGE: &str = "model_ema.";
/// Averages of fewer tensors than this are left-overs.
const FEWEST_AVERAGES: usize = 100;

/// Tensors by their name without their part's prefix.
pub type Names = BTreeMap<String, Tensor>;

/// Whose descendant a model is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Family {
    /// Stable Diffusion 1.x.
    Sd1,
    /// Stable Diffusion 2.x.
    Sd2,
    /// Stable Diffusion XL.
    Sdxl,
    /// The second model of Stable Diffusion XL.
    Refiner,
}

impl Family {
    /// Whose descendant a UNet is, by its `config.json`: the text that it reads.
    #[must_use]
    pub fn of(unet: &Value) -> Self {
        let width = unet.get("cross_attention_dim").and_then(Value::as_u64);
        let sizes = unet.get("addition_embed_type").is_some_and(|kind| kind == "text_time");
        match width {
            Some(1280) if sizes => Self::Refiner,
            _ if sizes => Self::Sdxl,
            Some(768) => Self::Sd1,
            Some(1024) => Self::Sd2,
            // Small ones for tests: SD 2.x brought linear projections.
            _ if unet.get("use_linear_projection").is_some_and(|linear| linear == true) => {
                Self::Sd2
            }
            _ => Self::Sd1,
        }
    }

    /// What the UNet's latents are multiplied by.
    #[must_use]
    pub fn scaling_factor(self) -> f64 {
        match self {
            Self::Sd1 | Self::Sd2 => 0.18215,
            Self::Sdxl | Self::Refiner => 0.13025,
        }
    }

    /// Sides of the pictures that it was trained on, in pixels.
    #[must_use]
    pub fn side(self, predicts: &Predicts) -> usize {
        match self {
            // Its models for 768 pixels are those that predict the velocity.
            Self::Sd2 if predicts.prediction == crate::types::Prediction::V => 768,
            Self::Sd1 | Self::Sd2 => 512,
            Self::Sdxl | Self::Refiner => 1024,
        }
    }

    /// The text encoders that it reads with, by the folders' names.
    #[must_use]
    pub fn encoders(self) -> &'static [&'static str] {
        match self {
            Self::Sd1 | Self::Sd2 => &["text_encoder"],
            Self::Sdxl => &["text_encoder", "text_encoder_2"],
            Self::Refiner => &["text_encoder_2"],
        }
    }
}

/// A single file as a folder.
#[derive(Clone, Debug)]
pub struct Single {
    /// Configurations by their path in the folder.
    pub texts: Texts,
    /// Tensors of each part.
    pub tables: BTreeMap<String, TensorFile>,
    /// Whose descendant it is.
    pub family: Family,
    /// What its UNet predicts.
    pub predicts: Predicts,
    /// Whether averaged weights (EMA) are there.
    pub averages: bool,
    /// How its names are made, and whether averages are there and used, for people.
    pub layout: String,
}

/// Makes a single file look like a folder. Parts that it lacks are left out.
///
/// # Errors
/// It has no UNet, or one that cannot be expressed.
pub fn read(file: &TensorFile, path: &Path, choices: &ModelChoices) -> Result<Single, ModelError> {
    let shown = path.display().to_string();
    let unsupported = |reason| ModelError::Unsupported { reason, path: shown.clone() };
    let parts = Parts::of(file);
    let Some(part) = parts.unet.as_ref().filter(|_| kind::is_model(file)) else {
        let what = kind::other(file).unwrap_or("something unknown");
        return Err(ModelError::NotAModel { what: what.to_owned(), path: shown });
    };
    if file.has("edm_mean") {
        let reason = "Models that were trained with EDM's noise cannot be used; choose another one";
        return Err(unsupported(reason.to_owned()));
    }
    let averages = file.names().filter(|name| name.starts_with(AVERAGE)).count() > FEWEST_AVERAGES;
    let averaged = averages && choices.ema;
    let mut names = under(file, part, averaged);
    if part.naming == Naming::Original {
        names = unet::convert(&names).map_err(unsupported)?;
    }
    let mut config = shape::config(&names).map_err(unsupported)?;
    let family = Family::of(&config);
    let plain = config["in_channels"] == config["out_channels"];
    let mut predicts = configs::predicts(file, path, family, plain);
    if let Some(prediction) = choices.prediction {
        predicts = Predicts {
            prediction,
            zero_snr: predicts.zero_snr && prediction == crate::types::Prediction::V,
            because: "it was set".to_owned(),
            guessed: false,
        };
    }
    let side = family.side(&predicts);
    config["sample_size"] = (side / 8).into();
    let mut single = Single {
        texts: Texts::new(),
        tables: BTreeMap::new(),
        family,
        predicts,
        averages,
        layout: layout(part, averages, averaged),
    };
    let distilled = !config["time_cond_proj_dim"].is_null();
    let scheduler = configs::scheduler(family, &single.predicts, distilled);
    single.texts.insert("scheduler/scheduler_config.json".to_owned(), scheduler.to_string());

    let last_unused = family == Family::Sd2;
    let mut encoders = Vec::new();
    for (component, part) in text_parts(family, &parts) {
        let names = clip::convert(&under(file, part, false), part.naming, last_unused);
        let text = clip::config(&names, part.naming).map_err(unsupported)?;
        if let (Some(width), Some(pooled)) = (
            config["projection_class_embeddings_input_dim"].as_u64(),
            text["projection_dim"].as_u64().filter(|_| component == "text_encoder_2"),
        ) {
            config["addition_time_embed_dim"] =
                shape::size_embedding(width as usize, pooled as usize).into();
        }
        single.add(component, text.to_string(), file.part(names));
        encoders.push(component.to_owned());
    }
    for component in family.encoders() {
        let tokenizer = component.replace("text_encoder", "tokenizer");
        let positions = single.texts.get(&format!("{component}/config.json"));
        let positions = positions.and_then(|text| serde_json::from_str::<Value>(text).ok());
        let positions = positions.and_then(|config| config["max_position_embeddings"].as_u64());
        let open_clip = family == Family::Sd2 || *component == "text_encoder_2";
        let text = configs::tokenizer(open_clip, positions.unwrap_or(77)).to_string();
        single.texts.insert(format!("{tokenizer}/tokenizer_config.json"), text);
    }
    if let Some(part) = &parts.vae {
        let (config, table) =
            vae_of(file, part, family.scaling_factor(), side).map_err(unsupported)?;
        single.add("vae", config.to_string(), table);
    }
    let index = configs::index(family, plain, &encoders);
    single.texts.insert("model_index.json".to_owned(), index.to_string());
    single.add("unet", config.to_string(), file.part(names));
    Ok(single)
}

impl Single {
    fn add(&mut self, component: &str, config: String, table: TensorFile) {
        self.texts.insert(format!("{component}/config.json"), config);
        self.tables.insert(component.to_owned(), table);
    }
}

/// The autoencoder in a file: its configuration and its tensors.
///
/// # Errors
/// It is not complete; for people.
pub fn vae_of(
    file: &TensorFile,
    part: &Part,
    scaling_factor: f64,
    side: usize,
) -> Result<(Value, TensorFile), String> {
    let mut names = under(file, part, false);
    if part.naming == Naming::Original {
        names = vae::convert(&names);
    }
    let config = vae::config(&names, scaling_factor, side)?;
    Ok((config, file.part(names)))
}

/// The tensors of a part, without its prefix; the averages in their place where they are wanted.
fn under(file: &TensorFile, part: &Part, averaged: bool) -> Names {
    let names = file.names().filter_map(|name| {
        let rest = name.strip_prefix(part.prefix.as_str())?;
        let average = averaged.then(|| {
            // The averages' names have lost "model." and all their dots.
            let flat = name.strip_prefix("model.").unwrap_or(name).replace('.', "");
            file.get(&format!("{AVERAGE}{flat}"))
        });
        let tensor = average.flatten().or_else(|| file.get(name))?;
        Some((rest.to_owned(), tensor.clone()))
    });
    names.collect()
}

/// Which text encoder of the file stands where in the family's folder.
fn text_parts(family: Family, parts: &Parts) -> Vec<(&'static str, &Part)> {
    let found = match family {
        Family::Sd1 => vec![("text_encoder", parts.clip.as_ref())],
        Family::Sd2 => {
            vec![("text_encoder", parts.open_clip.as_ref().or(parts.clip.as_ref()))]
        }
        Family::Sdxl => vec![
            ("text_encoder", parts.clip.as_ref()),
            ("text_encoder_2", parts.open_clip.as_ref()),
        ],
        Family::Refiner => vec![("text_encoder_2", parts.open_clip.as_ref())],
    };
    found.into_iter().filter_map(|(name, part)| Some((name, part?))).collect()
}

fn layout(part: &Part, averages: bool, averaged: bool) -> String {
    let names = match part.naming {
        Naming::Original => "original names",
        Naming::Diffusers | Naming::OpenClip => "diffusers' names",
    };
    let averages = match (averages, averaged) {
        (false, _) => "",
        (true, false) => ", with averaged weights (EMA) that are not used",
        (true, true) => ", its averaged weights (EMA) are used",
    };
    format!("one file with {names}{averages}")
}
