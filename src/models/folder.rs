//! A model's folder in the diffusers layout, on disk or inside the program; a model in a single file
//! looks like one.
//!
//! Opened by the worker and by `pentimento inspect`. It finds and reads files; what they mean is
//! decided by whoever asks.

mod beside;
mod weights;

pub use beside::{is_model_folder, may_be_model};

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use serde_json::Value;

use super::defaults::Extras;
use super::error::ModelError;
use super::pocket;
use super::single::{self, Family, Single};
use super::tensors::TensorFile;
use super::vocabulary;
use crate::types::{ModelChoices, ModelSource};

/// Longest text file that is read (vocabularies reach a few megabytes).
const TEXT_LIMIT: u64 = 64 << 20;
/// The components that hold weights; not every model has all.
pub const COMPONENTS: [&str; 4] = ["text_encoder", "text_encoder_2", "unet", "vae"];

/// Where the bytes of a file come from.
#[derive(Clone, Debug)]
pub enum Bytes {
    /// They are part of the program.
    Embedded(&'static [u8]),
    /// They are on disk.
    File(PathBuf),
}

/// Where a folder's files are looked up.
#[derive(Clone, Debug)]
enum Place {
    Embedded,
    Disk(PathBuf),
    /// A single file that looks like a folder.
    File(PathBuf),
}

/// Something that was decided while a model was opened, and that its user should know.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Remark {
    /// A part was taken from somewhere else.
    Borrowed {
        /// The component, such as `vae`.
        component: String,
        /// Where it comes from.
        from: String,
    },
    /// What the UNet predicts could only be guessed.
    Guessed {
        /// diffusers' name of it.
        prediction: String,
    },
}

/// A folder with a model in the diffusers layout.
#[derive(Clone, Debug)]
pub struct ModelFolder {
    place: Place,
    name: String,
    extras: Extras,
    /// Text files that are not on the disk, or stand in for those that are.
    texts: BTreeMap<String, String>,
    /// Likewise the tensors of components.
    tables: BTreeMap<String, TensorFile>,
    single: Option<Single>,
    remarks: Vec<Remark>,
}

impl ModelFolder {
    /// Opens a model as its files have it.
    ///
    /// # Errors
    /// As [`Self::open_with`].
    pub fn open(source: &ModelSource) -> Result<Self, ModelError> {
        Self::open_with(source, &ModelChoices::default())
    }

    /// Opens a model: looks that it is one, reads its `pentimento.json` if it has that, and puts in
    /// what was chosen otherwise. Of weights only the headers of single files are read.
    ///
    /// # Errors
    /// [`ModelError`] when nothing is there, it is no model, its defaults are wrong, or what was
    /// chosen does not fit.
    pub fn open_with(source: &ModelSource, choices: &ModelChoices) -> Result<Self, ModelError> {
        let mut folder = Self::bare(source, choices)?;
        if let Some(path) = &choices.vae {
            folder.choose_vae(path)?;
        }
        if choices.few_steps {
            folder.choose_few_steps()?;
        }
        folder.borrow_what_is_missing();
        if let Some(prediction) = choices.prediction {
            folder.set_prediction(prediction.name())?;
        }
        Ok(folder)
    }

    /// A model as its files have it, whatever it lacks: for lists. Nothing is looked for beside it.
    ///
    /// # Errors
    /// [`ModelError`] when nothing is there or it is no model.
    pub fn look(source: &ModelSource) -> Result<Self, ModelError> {
        Self::bare(source, &ModelChoices::default())
    }

    /// The model alone, whatever it lacks.
    fn bare(source: &ModelSource, choices: &ModelChoices) -> Result<Self, ModelError> {
        let place = match source {
            ModelSource::BuiltIn => Place::Embedded,
            ModelSource::Path(path) => existing(path)?,
        };
        let name = match &place {
            Place::Embedded => "Built-in model".to_owned(),
            Place::Disk(folder) => folder_name(folder),
            Place::File(file) => file
                .file_stem()
                .map_or_else(String::new, |name| name.to_string_lossy().into_owned()),
        };
        let mut folder = Self { name, ..Self::at(place) };
        if let Place::File(path) = &folder.place {
            let file = TensorFile::open(&Bytes::File(path.clone()), folder.location())?;
            let single = single::read(&file, path, choices)?;
            folder.texts.clone_from(&single.texts);
            folder.tables.clone_from(&single.tables);
            if single.predicts.guessed {
                let prediction = single.predicts.prediction.name().to_owned();
                folder.remarks.push(Remark::Guessed { prediction });
            }
            folder.single = Some(single);
        }
        if !folder.has("model_index.json") && !folder.has("unet/config.json") {
            return Err(ModelError::NotFound { path: folder.location() });
        }
        if folder.has("pentimento.json") {
            let text = folder.text("pentimento.json")?;
            folder.extras = Extras::parse(&text).map_err(|reason| ModelError::BadDefaults {
                reason,
                path: folder.path_of("pentimento.json"),
            })?;
        }
        if let Some(name) = &folder.extras.name {
            folder.name.clone_from(name);
        }
        Ok(folder)
    }

    /// A folder that nothing is known of yet.
    fn at(place: Place) -> Self {
        Self {
            place,
            name: String::new(),
            extras: Extras::default(),
            texts: BTreeMap::new(),
            tables: BTreeMap::new(),
            single: None,
            remarks: Vec::new(),
        }
    }

    /// Takes the form that paints in few steps, with what is recommended for it.
    fn choose_few_steps(&mut self) -> Result<(), ModelError> {
        let few = self.extras.few_steps.clone().ok_or_else(|| ModelError::Unsupported {
            reason: "The model has no form for few steps; paint with the model as it is".to_owned(),
            path: self.location(),
        })?;
        let bytes = self.find(&few.factors).ok_or_else(|| self.missing(&few.factors))?;
        let factors = TensorFile::open(&bytes, self.path_of(&few.factors))?;
        let mut unet = self.tensors("unet")?;
        unet.add_factors(factors, "unet")?;
        self.tables.insert("unet".to_owned(), unet);
        (self.extras.steps, self.extras.guidance) = (Some(few.steps), Some(1.0));
        Ok(())
    }

    /// Says what the UNet predicts, whatever the configuration has.
    fn set_prediction(&mut self, prediction: &str) -> Result<(), ModelError> {
        let relative = "scheduler/scheduler_config.json";
        let mut config = self.json(relative)?;
        if let Some(config) = config.as_object_mut() {
            config.insert("prediction_type".to_owned(), prediction.into());
            if prediction == "epsilon" {
                // Pure noise says nothing of the noise in it.
                config.remove("rescale_betas_zero_snr");
            }
        }
        self.texts.insert(relative.to_owned(), config.to_string());
        Ok(())
    }

    /// What was decided while it was opened, and should be told.
    #[must_use]
    pub fn remarks(&self) -> &[Remark] {
        &self.remarks
    }

    /// What a single file was found to be; `None` for a folder.
    #[must_use]
    pub fn single(&self) -> Option<&Single> {
        self.single.as_ref()
    }

    /// Whose descendant it is.
    ///
    /// # Errors
    /// Its UNet's configuration cannot be read.
    pub fn family(&self) -> Result<Family, ModelError> {
        Ok(Family::of(&self.json("unet/config.json")?))
    }

    /// The name to show: the one in `pentimento.json`, else the folder's own.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What the folder's `pentimento.json` says; empty without one.
    #[must_use]
    pub fn extras(&self) -> &Extras {
        &self.extras
    }

    /// The folder for people: its path, or what the built-in one is called.
    #[must_use]
    pub fn location(&self) -> String {
        match &self.place {
            Place::Embedded => "built-in model".to_owned(),
            Place::Disk(path) | Place::File(path) => path.display().to_string(),
        }
    }

    /// A file of this folder for people, for the end of a message.
    #[must_use]
    pub fn path_of(&self, relative: &str) -> String {
        match &self.place {
            Place::Embedded => format!("built-in model, {relative}"),
            Place::Disk(folder) => folder.join(relative).display().to_string(),
            Place::File(path) => path.display().to_string(),
        }
    }

    /// Whether the folder holds this file.
    #[must_use]
    pub fn has(&self, relative: &str) -> bool {
        self.texts.contains_key(relative)
            || self.find(relative).is_some()
            || self.vocabulary(relative).is_some()
    }

    /// Whether it holds this file itself; CLIP's vocabulary stands in for a missing one.
    #[must_use]
    pub fn brings(&self, relative: &str) -> bool {
        self.find(relative).is_some()
    }

    /// The text of a file.
    ///
    /// # Errors
    /// [`ModelError`] when it is missing, unreadable, too long, or not UTF-8.
    pub fn text(&self, relative: &str) -> Result<String, ModelError> {
        if let Some(text) = self.texts.get(relative) {
            return Ok(text.clone());
        }
        let Some(bytes) = self.find(relative) else {
            return match self.vocabulary(relative) {
                Some(text) => Ok(text()),
                None => Err(self.missing(relative)),
            };
        };
        let path = || self.path_of(relative);
        let bytes = match bytes {
            Bytes::Embedded(bytes) => bytes.to_vec(),
            Bytes::File(file) => read_bounded(&file).map_err(|error| ModelError::Unreadable {
                reason: error.to_string(),
                path: path(),
            })?,
        };
        if bytes.len() as u64 > TEXT_LIMIT {
            return Err(ModelError::BadText { reason: "it is too long".to_owned(), path: path() });
        }
        String::from_utf8(bytes).map_err(|error| ModelError::BadText {
            reason: format!("it is not UTF-8 text, {}", error.utf8_error()),
            path: path(),
        })
    }

    /// The value in a JSON file.
    ///
    /// # Errors
    /// [`ModelError`] when it is missing, unreadable, or not JSON.
    pub fn json(&self, relative: &str) -> Result<Value, ModelError> {
        let text = self.text(relative)?;
        serde_json::from_str(&text).map_err(|error| ModelError::BadText {
            reason: format!("it is not JSON, {error}"),
            path: self.path_of(relative),
        })
    }

    /// The value in a JSON file that need not be there.
    ///
    /// # Errors
    /// [`ModelError`] when it is there and unreadable, or not JSON.
    pub fn optional_json(&self, relative: &str) -> Result<Option<Value>, ModelError> {
        if self.has(relative) { self.json(relative).map(Some) } else { Ok(None) }
    }

    /// What writes CLIP's own vocabulary as the file of this name, where the model brings none.
    fn vocabulary(&self, relative: &str) -> Option<fn() -> String> {
        let (folder, file) = relative.split_once('/')?;
        let brings = |name: &str| self.find(&format!("{folder}/{name}")).is_some();
        if !folder.starts_with("tokenizer")
            || vocabulary::FILES.iter().any(|(name, _)| brings(name))
        {
            return None;
        }
        vocabulary::FILES.iter().find(|(name, _)| *name == file).and_then(|(_, text)| *text)
    }

    fn missing(&self, relative: &str) -> ModelError {
        let part = match relative.split('/').next() {
            Some("vae") => "autoencoder (VAE)",
            Some("text_encoder") => "text encoder",
            Some("text_encoder_2") => "second text encoder",
            _ => "",
        };
        if part.is_empty() || !matches!(self.place, Place::File(_)) {
            return ModelError::MissingFile { file: relative.to_owned(), folder: self.location() };
        }
        ModelError::MissingPart { part: part.to_owned(), path: self.location() }
    }

    /// The components that this model must have.
    pub fn components(&self) -> impl Iterator<Item = &'static str> {
        let second = self.has("text_encoder_2/config.json");
        // The refiner has the second text encoder alone.
        let first = !second || self.has("text_encoder/config.json");
        COMPONENTS.into_iter().filter(move |part| match *part {
            "text_encoder" => first,
            "text_encoder_2" => second,
            _ => true,
        })
    }

    fn find(&self, relative: &str) -> Option<Bytes> {
        let on_disk = |path: PathBuf| path.is_file().then_some(Bytes::File(path));
        match &self.place {
            Place::Embedded => pocket::FILES
                .iter()
                .find(|(name, _)| *name == relative)
                .map(|(_, bytes)| Bytes::Embedded(bytes)),
            Place::Disk(folder) => on_disk(folder.join(relative)),
            // Only what a file of weights cannot hold may lie beside it.
            Place::File(path) if relative.starts_with("tokenizer") && self.reads_other_words() => {
                on_disk(path.with_file_name(relative))
            }
            Place::File(_) => None,
        }
    }

    /// Whether a single file's text encoder knows other tokens than CLIP's.
    fn reads_other_words(&self) -> bool {
        let encoders = self.texts.iter().filter(|(name, _)| name.starts_with("text_encoder"));
        let mut sizes = encoders.filter_map(|(_, text)| {
            serde_json::from_str::<Value>(text).ok()?.get("vocab_size")?.as_u64()
        });
        sizes.any(|size| size != vocabulary::SIZE as u64)
    }
}

/// What a user's path means: a folder, the one around its index or a part of it, or a single file.
fn existing(path: &Path) -> Result<Place, ModelError> {
    if path.is_dir() {
        return Ok(Place::Disk(path.to_owned()));
    }
    if !path.is_file() {
        return Err(ModelError::NotFound { path: path.display().to_string() });
    }
    // The parent of a bare file name is the empty path, which means "here".
    let here = |folder: &Path| {
        Place::Disk(if folder.as_os_str().is_empty() {
            PathBuf::from(".")
        } else {
            folder.to_owned()
        })
    };
    let parent = path.parent().unwrap_or(Path::new(""));
    if path.file_name().is_some_and(|name| name == "model_index.json") {
        return Ok(here(parent));
    }
    let component = parent.file_name().is_some_and(|name| COMPONENTS.iter().any(|c| name == *c));
    let around = parent.parent().filter(|_| component);
    match around.filter(|folder| folder.join("model_index.json").is_file()) {
        Some(folder) => Ok(here(folder)),
        None => Ok(Place::File(path.to_owned())),
    }
}

fn folder_name(folder: &Path) -> String {
    let full = folder.canonicalize().unwrap_or_else(|_| folder.to_owned());
    if let Some(name) = name_in_cache(&full) {
        return name;
    }
    full.file_name()
        .map_or_else(|| full.display().to_string(), |n| n.to_string_lossy().into_owned())
}

/// The name of a model in the hub's cache, whose own folder is called by its commit:
/// `models--owner--name/snapshots/<commit>`.
fn name_in_cache(folder: &Path) -> Option<String> {
    let snapshots = folder.parent().filter(|parent| parent.ends_with("snapshots"))?;
    let repository = snapshots.parent()?.file_name()?.to_str()?.strip_prefix("models--")?;
    Some(repository.rsplit("--").next().unwrap_or(repository).to_owned())
}

/// Reads one byte more than the limit at most, so that the caller sees that it is too long.
fn read_bounded(path: &Path) -> std::io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    File::open(path)?.take(TEXT_LIMIT + 1).read_to_end(&mut bytes)?;
    Ok(bytes)
}

#[cfg(test)]
mod tests;
