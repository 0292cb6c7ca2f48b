//! Parts that a model does not bring itself: a chosen autoencoder, and for single files what lies
//! beside them.
//!
//! Checkpoints often come without an autoencoder or a text encoder, which are the same for a whole
//! family. They are looked for where people keep them: under the file's own name with `.vae` in it,
//! in folders called like the part, and in other models of the family in the same folder. Only
//! headers are read.

use std::path::{Path, PathBuf};

use serde_json::Value;

use super::{Bytes, ModelFolder, Place, Remark};
use crate::models::error::ModelError;
use crate::models::single::{Family, kind, vae_of};
use crate::models::tensors::TensorFile;
use crate::types::{ModelChoices, ModelSource};

/// Other models that are looked at.
const MOST_NEIGHBOURS: usize = 64;
/// How files of weights end.
const WEIGHTS: [&str; 4] = ["safetensors", "ckpt", "pt", "bin"];
/// Scaling factors are short decimals that some configurations round.
const SAME_FACTOR: f64 = 1e-3;

/// A part with its configuration.
type Found = (Value, TensorFile);

impl ModelFolder {
    /// Takes another autoencoder: a file, a folder with one, or another model's.
    pub(super) fn choose_vae(&mut self, path: &Path) -> Result<(), ModelError> {
        let shown = path.display().to_string();
        let (config, table) = self.vae_at(path)?;
        self.check_vae(&config, &shown)?;
        self.put("vae", &config, table);
        Ok(())
    }

    /// Looks beside a single file for what it lacks; what is not found stays missing.
    pub(super) fn borrow_what_is_missing(&mut self) {
        let (Place::File(path), Some(single)) = (self.place.clone(), self.single.as_ref()) else {
            return;
        };
        let family = single.family;
        let wanted = family.encoders().iter().copied().chain(["vae"]);
        let wanted: Vec<&str> = wanted.filter(|part| !self.tables.contains_key(*part)).collect();
        for component in wanted {
            if let Some((from, (config, table))) = self.neighbour(&path, component, family) {
                self.put(component, &config, table);
                let from = from.display().to_string();
                self.remarks.push(Remark::Borrowed { component: component.to_owned(), from });
            }
        }
    }

    fn put(&mut self, component: &str, config: &Value, table: TensorFile) {
        self.texts.insert(format!("{component}/config.json"), config.to_string());
        self.tables.insert(component.to_owned(), table);
    }

    /// The part of another model, or one that lies alone, beside a file.
    fn neighbour(&self, path: &Path, component: &str, family: Family) -> Option<(PathBuf, Found)> {
        let here = path.parent().filter(|parent| !parent.as_os_str().is_empty());
        let here = here.unwrap_or(Path::new("."));
        let fits = |(_, (config, _)): &(PathBuf, Found)| {
            if component == "vae" {
                self.check_vae(config, "").is_ok()
            } else {
                self.check_text(config, component, family)
            }
        };
        if component == "vae" {
            let named = WEIGHTS.iter().map(|end| path.with_extension(format!("vae.{end}")));
            let mut named = named.filter(|path| path.is_file());
            let found = named.find_map(|at| self.vae_at(&at).ok().map(|part| (at, part)));
            if let Some(found) = found.filter(fits) {
                return Some(found);
            }
        }
        // A folder called like the part.
        let alone = Self::at(Place::Disk(here.to_owned()));
        let found = alone.component(component).map(|part| (here.join(component), part));
        if let Some(found) = found.filter(fits) {
            return Some(found);
        }
        let mut others: Vec<PathBuf> = std::fs::read_dir(here)
            .ok()?
            .filter_map(|entry| Some(entry.ok()?.path()))
            .filter(|other| other != path && may_be_model(other))
            .collect();
        others.sort();
        others.truncate(MOST_NEIGHBOURS);
        others.into_iter().find_map(|other| {
            let source = ModelSource::Path(other.clone());
            let model = Self::bare(&source, &ModelChoices::default()).ok()?;
            (model.family().ok()? == family)
                .then(|| model.component(component))
                .flatten()
                .map(|part| (other, part))
                .filter(fits)
        })
    }

    fn component(&self, component: &str) -> Option<Found> {
        let config = self.json(&format!("{component}/config.json")).ok()?;
        Some((config, self.tensors(component).ok()?))
    }

    /// The autoencoder at a path, of whatever kind.
    fn vae_at(&self, path: &Path) -> Result<Found, ModelError> {
        let unsupported =
            |reason| ModelError::Unsupported { reason, path: path.display().to_string() };
        if path.is_dir() {
            let folder = Self::at(Place::Disk(path.to_owned()));
            if folder.has("vae/config.json") {
                return Ok((folder.json("vae/config.json")?, folder.tensors("vae")?));
            }
            // The part's own folder: its files are those of the component "".
            return Ok((folder.json("config.json")?, folder.tensors(".")?));
        }
        let file = TensorFile::open(&Bytes::File(path.to_owned()), path.display().to_string())?;
        let Some(part) = kind::Parts::of(&file).vae else {
            let what = kind::other(&file).unwrap_or("something unknown");
            return Err(unsupported(format!(
                "The file is {what}, not an autoencoder (VAE); choose another one"
            )));
        };
        // A file does not say it, but an autoencoder that is chosen is meant for this model.
        let side = self.json("vae/config.json").ok().and_then(|own| own["sample_size"].as_u64());
        vae_of(&file, &part, self.scaling_factor(), side.unwrap_or(512) as usize)
            .map_err(unsupported)
    }

    /// What the UNet's latents are multiplied by.
    fn scaling_factor(&self) -> f64 {
        let own = self.json("vae/config.json").ok();
        let own = own.and_then(|config| config.get("scaling_factor").and_then(Value::as_f64));
        let family = self.family().map(Family::scaling_factor);
        own.or(family.ok()).unwrap_or(0.18215)
    }

    /// Refuses an autoencoder whose latents the UNet does not understand.
    fn check_vae(&self, config: &Value, path: &str) -> Result<(), ModelError> {
        let refuse = |reason| Err(ModelError::Unsupported { reason, path: path.to_owned() });
        let unet = self.json("unet/config.json")?;
        let wanted = unet.get("out_channels").and_then(Value::as_u64).unwrap_or(4);
        let channels = config.get("latent_channels").and_then(Value::as_u64).unwrap_or(4);
        if channels != wanted {
            return refuse(format!(
                "This autoencoder (VAE) is of another family: its latents have {channels} channels, \
                 the model's {wanted}; choose one for this model"
            ));
        }
        let factor = config.get("scaling_factor").and_then(Value::as_f64).unwrap_or(0.18215);
        let own = self.scaling_factor();
        if (factor - own).abs() > SAME_FACTOR {
            return refuse(format!(
                "This autoencoder (VAE) is of another family: its latents are scaled by {factor}, \
                 the model's by {own}; choose one for this model"
            ));
        }
        Ok(())
    }

    /// Whether a text encoder is as wide as the UNet wants it.
    fn check_text(&self, config: &Value, component: &str, family: Family) -> bool {
        let width = config.get("hidden_size").and_then(Value::as_u64);
        let unet = self.json("unet/config.json").ok();
        let wanted = unet.and_then(|unet| unet.get("cross_attention_dim").and_then(Value::as_u64));
        match family {
            // The two encoders of SDXL stand beside each other.
            Family::Sdxl if component == "text_encoder" => width < wanted,
            Family::Sdxl => width.is_some() && width < wanted,
            Family::Sd1 | Family::Sd2 | Family::Refiner => width == wanted,
        }
    }
}

/// Whether a folder is a model in the diffusers layout, by the files in it.
#[must_use]
pub fn is_model_folder(path: &Path) -> bool {
    path.join("model_index.json").is_file() || path.join("unet/config.json").is_file()
}

/// Whether a path may be a model by its name: a folder in the diffusers layout, or a file of weights.
#[must_use]
pub fn may_be_model(path: &Path) -> bool {
    let weights = path.extension().is_some_and(|end| WEIGHTS.iter().any(|weights| end == *weights));
    weights || path.join("model_index.json").is_file()
}
