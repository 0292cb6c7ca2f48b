//! A model's folder in the diffusers layout, on disk or inside the program.
//!
//! Opened by the worker and by `pentimento inspect`. It finds and reads files; what they mean is
//! decided by whoever asks.

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use serde_json::Value;

use super::defaults::Extras;
use super::error::ModelError;
use super::pocket;
use super::tensors::TensorFile;
use crate::types::ModelSource;

/// Longest text file that is read (vocabularies reach a few megabytes).
const TEXT_LIMIT: u64 = 64 << 20;
/// The names under which diffusers stores a component's weights, best first.
const WEIGHTS: [&str; 4] = [
    "diffusion_pytorch_model.safetensors",
    "model.safetensors",
    "diffusion_pytorch_model.fp16.safetensors",
    "model.fp16.safetensors",
];
/// Names that show in which other form the weights are there.
const OTHER_FORMATS: [(&str, &str); 6] = [
    ("diffusion_pytorch_model.safetensors.index.json", "several part files"),
    ("model.safetensors.index.json", "several part files"),
    ("diffusion_pytorch_model.bin", "a Python pickle"),
    ("diffusion_pytorch_model.fp16.bin", "a Python pickle"),
    ("pytorch_model.bin", "a Python pickle"),
    ("pytorch_model.fp16.bin", "a Python pickle"),
];
/// The components that hold weights: a model has one text encoder or both.
const COMPONENTS: [&str; 4] = ["text_encoder", "text_encoder_2", "unet", "vae"];

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
}

/// A folder with a model in the diffusers layout.
#[derive(Clone, Debug)]
pub struct ModelFolder {
    place: Place,
    name: String,
    extras: Extras,
}

impl ModelFolder {
    /// Opens a model: looks that it is one, and reads its `pentimento.json` if it has that.
    ///
    /// # Errors
    /// [`ModelError`] when nothing is there, it is no model, or its defaults are wrong.
    pub fn open(source: &ModelSource) -> Result<Self, ModelError> {
        let place = match source {
            ModelSource::BuiltIn => Place::Embedded,
            ModelSource::Path(path) => Place::Disk(existing_folder(path)?),
        };
        let name = match &place {
            Place::Embedded => "Built-in model".to_owned(),
            Place::Disk(folder) => folder_name(folder),
        };
        let mut folder = Self { place, name, extras: Extras::default() };
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

    /// Whether it is part of the program.
    #[must_use]
    pub fn is_built_in(&self) -> bool {
        matches!(self.place, Place::Embedded)
    }

    /// The folder for people: its path, or what the built-in one is called.
    #[must_use]
    pub fn location(&self) -> String {
        match &self.place {
            Place::Embedded => "built-in model".to_owned(),
            Place::Disk(folder) => folder.display().to_string(),
        }
    }

    /// A file of this folder for people, for the end of a message.
    #[must_use]
    pub fn path_of(&self, relative: &str) -> String {
        match &self.place {
            Place::Embedded => format!("built-in model, {relative}"),
            Place::Disk(folder) => folder.join(relative).display().to_string(),
        }
    }

    /// Whether the folder holds this file.
    #[must_use]
    pub fn has(&self, relative: &str) -> bool {
        self.find(relative).is_some()
    }

    /// The text of a file.
    ///
    /// # Errors
    /// [`ModelError`] when it is missing, unreadable, too long, or not UTF-8.
    pub fn text(&self, relative: &str) -> Result<String, ModelError> {
        let bytes = self.find(relative).ok_or_else(|| ModelError::MissingFile {
            file: relative.to_owned(),
            folder: self.location(),
        })?;
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

    /// Opens the weights of a component, such as `unet`.
    ///
    /// # Errors
    /// [`ModelError`] when there are none, they are in another format, or they are damaged.
    pub fn tensors(&self, component: &str) -> Result<TensorFile, ModelError> {
        if let Some((relative, bytes)) = self.weights(component) {
            return TensorFile::open(&bytes, self.path_of(&relative));
        }
        let other = OTHER_FORMATS.iter().find(|(name, _)| self.has(&format!("{component}/{name}")));
        Err(match other {
            Some((_, found)) => ModelError::OtherFormat {
                component: component.to_owned(),
                found,
                folder: self.location(),
            },
            None => ModelError::MissingFile {
                file: format!(
                    "{component}/{}",
                    WEIGHTS[usize::from(component.starts_with("text_encoder"))]
                ),
                folder: self.location(),
            },
        })
    }

    /// Size of all weights, in bytes; components that are missing count as nothing.
    #[must_use]
    pub fn weight_bytes(&self) -> u64 {
        let size = |bytes: Bytes| match bytes {
            Bytes::Embedded(bytes) => bytes.len() as u64,
            Bytes::File(path) => path.metadata().map_or(0, |data| data.len()),
        };
        COMPONENTS.iter().filter_map(|part| self.weights(part)).map(|(_, bytes)| size(bytes)).sum()
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

    fn weights(&self, component: &str) -> Option<(String, Bytes)> {
        WEIGHTS.iter().find_map(|name| {
            let relative = format!("{component}/{name}");
            self.find(&relative).map(|bytes| (relative, bytes))
        })
    }

    fn find(&self, relative: &str) -> Option<Bytes> {
        match &self.place {
            Place::Embedded => pocket::FILES
                .iter()
                .find(|(name, _)| *name == relative)
                .map(|(_, bytes)| Bytes::Embedded(bytes)),
            Place::Disk(folder) => {
                let path = folder.join(relative);
                path.is_file().then_some(Bytes::File(path))
            }
        }
    }
}

/// The folder that a user's path means: itself, or the one around a `model_index.json`.
fn existing_folder(path: &Path) -> Result<PathBuf, ModelError> {
    if path.is_dir() {
        return Ok(path.to_owned());
    }
    let shown = path.display().to_string();
    if !path.is_file() {
        return Err(ModelError::NotFound { path: shown });
    }
    match path.parent() {
        Some(parent) if path.file_name().is_some_and(|name| name == "model_index.json") => {
            // The parent of a bare file name is the empty path, which means "here".
            Ok(if parent.as_os_str().is_empty() { PathBuf::from(".") } else { parent.to_owned() })
        }
        _ => Err(ModelError::SingleFile { path: shown }),
    }
}

fn folder_name(folder: &Path) -> String {
    let full = folder.canonicalize().unwrap_or_else(|_| folder.to_owned());
    full.file_name()
        .map_or_else(|| full.display().to_string(), |n| n.to_string_lossy().into_owned())
}

/// Reads one byte more than the limit at most, so that the caller sees that it is too long.
fn read_bounded(path: &Path) -> std::io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    File::open(path)?.take(TEXT_LIMIT + 1).read_to_end(&mut bytes)?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn opened(path: &Path) -> Result<ModelFolder, ModelError> {
        ModelFolder::open(&ModelSource::Path(path.to_owned()))
    }

    #[test]
    fn the_built_in_model_reads_in_full() {
        let folder = ModelFolder::open(&ModelSource::BuiltIn).unwrap();
        assert_eq!(folder.name(), "Built-in model");
        assert!(folder.weight_bytes() > 30_000_000);
        for component in folder.components() {
            let file = folder.tensors(component).unwrap();
            for name in file.names() {
                let shape = file.shape(name).unwrap().to_vec();
                file.read_f32(name, &shape).unwrap();
            }
        }
        assert!(folder.json("unet/config.json").unwrap()["in_channels"] == 4);
    }

    #[test]
    fn what_is_missing_is_named_with_the_folder() {
        let folder = tempfile::tempdir().unwrap();
        assert!(matches!(opened(folder.path()), Err(ModelError::NotFound { .. })));
        assert!(matches!(opened(&folder.path().join("no")), Err(ModelError::NotFound { .. })));
        std::fs::create_dir(folder.path().join("unet")).unwrap();
        std::fs::write(folder.path().join("unet/config.json"), "{").unwrap();
        let model = opened(folder.path()).unwrap();
        assert!(matches!(model.json("unet/config.json"), Err(ModelError::BadText { .. })));
        assert!(model.optional_json("vae/config.json").unwrap().is_none());
        let message = model.tensors("vae").unwrap_err().to_string();
        assert!(message.contains("vae/diffusion_pytorch_model.safetensors"), "{message}");
        assert!(message.ends_with(&folder.path().display().to_string()), "{message}");
        std::fs::write(folder.path().join("unet/diffusion_pytorch_model.bin"), "").unwrap();
        assert!(matches!(model.tensors("unet"), Err(ModelError::OtherFormat { .. })));
    }

    #[test]
    fn a_path_may_point_at_the_index_but_not_at_weights() {
        let folder = tempfile::tempdir().unwrap();
        let index = folder.path().join("model_index.json");
        std::fs::write(&index, "{}").unwrap();
        assert!(opened(&index).is_ok());
        let file = folder.path().join("v1-5.safetensors");
        std::fs::write(&file, "").unwrap();
        assert!(matches!(opened(&file), Err(ModelError::SingleFile { .. })));
    }

    #[test]
    fn wrong_defaults_name_the_key() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("model_index.json"), "{}").unwrap();
        std::fs::write(folder.path().join("pentimento.json"), r#"{"stepps": 3}"#).unwrap();
        let message = opened(folder.path()).unwrap_err().to_string();
        assert!(message.contains("stepps") && message.ends_with("pentimento.json"), "{message}");
    }
}
