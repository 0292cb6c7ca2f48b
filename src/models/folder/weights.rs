//! The files in which a folder keeps a component's weights.

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;

use super::{Bytes, COMPONENTS, ModelFolder};
use crate::models::error::ModelError;
use crate::models::tensors::TensorFile;

/// The names under which diffusers and transformers store a component's weights, best first.
const WEIGHTS: [&str; 8] = [
    "diffusion_pytorch_model.safetensors",
    "model.safetensors",
    "diffusion_pytorch_model.fp16.safetensors",
    "model.fp16.safetensors",
    "diffusion_pytorch_model.bin",
    "pytorch_model.bin",
    "diffusion_pytorch_model.fp16.bin",
    "pytorch_model.fp16.bin",
];
/// The same where they are cut into several files: the list of them.
const INDEXES: [&str; 8] = [
    "diffusion_pytorch_model.safetensors.index.json",
    "model.safetensors.index.json",
    "diffusion_pytorch_model.safetensors.index.fp16.json",
    "diffusion_pytorch_model.fp16.safetensors.index.json",
    "model.safetensors.index.fp16.json",
    "model.fp16.safetensors.index.json",
    "diffusion_pytorch_model.bin.index.json",
    "pytorch_model.bin.index.json",
];
/// Names that show in which other form the weights are there.
const OTHER_FORMATS: [(&str, &str); 5] = [
    ("diffusion_flax_model.msgpack", "Flax arrays"),
    ("flax_model.msgpack", "Flax arrays"),
    ("tf_model.h5", "a TensorFlow file"),
    ("model.onnx", "an ONNX network"),
    ("openvino_model.xml", "an OpenVINO network"),
];

#[derive(Deserialize)]
struct Index {
    /// Which file holds which tensor.
    weight_map: BTreeMap<String, String>,
}

impl ModelFolder {
    /// Opens the weights of a component, such as `unet`.
    ///
    /// # Errors
    /// [`ModelError`] when there are none, they are in another format, or they are damaged.
    pub fn tensors(&self, component: &str) -> Result<TensorFile, ModelError> {
        if let Some(table) = self.tables.get(component) {
            return Ok(table.clone());
        }
        let relative = |name: &str| format!("{component}/{name}");
        if let Some((name, bytes)) = self.weights(component) {
            return TensorFile::open(&bytes, self.path_of(&relative(name)));
        }
        if let Some(name) = INDEXES.iter().find(|name| self.has(&relative(name))) {
            return self.sharded(component, &relative(name));
        }
        let other = OTHER_FORMATS.iter().find(|(name, _)| self.has(&relative(name)));
        Err(match other {
            Some((_, found)) => ModelError::OtherFormat {
                component: component.to_owned(),
                found,
                folder: self.location(),
            },
            None => {
                self.missing(&relative(WEIGHTS[usize::from(component.starts_with("text_encoder"))]))
            }
        })
    }

    /// Weights that are cut into several files.
    fn sharded(&self, component: &str, index: &str) -> Result<TensorFile, ModelError> {
        let wrong = |reason: String| ModelError::BadText { reason, path: self.path_of(index) };
        let Index { weight_map } =
            serde_json::from_value(self.json(index)?).map_err(|error| wrong(error.to_string()))?;
        let files: BTreeSet<&String> = weight_map.values().collect();
        let mut whole: Option<TensorFile> = None;
        for name in files {
            if name.contains(['/', '\\']) || name == ".." {
                return Err(wrong(format!("'{name}' is not in the same folder")));
            }
            let relative = format!("{component}/{name}");
            let bytes = self.find(&relative).ok_or_else(|| self.missing(&relative))?;
            let shard = TensorFile::open(&bytes, self.path_of(&relative))?;
            match &mut whole {
                None => whole = Some(shard),
                Some(whole) => whole.join(shard),
            }
        }
        let whole = whole.ok_or_else(|| wrong("it names no files".to_owned()))?;
        whole.missing(weight_map.keys().map(String::as_str))?;
        Ok(whole)
    }

    /// Size of all weights, in bytes; components that are missing count as nothing.
    #[must_use]
    pub fn weight_bytes(&self) -> u64 {
        let size = |component: &&str| match self.weights(component) {
            _ if self.tables.contains_key(*component) => self.tables[*component].bytes(),
            Some((_, Bytes::Embedded(bytes))) => bytes.len() as u64,
            Some((_, Bytes::File(path))) => path.metadata().map_or(0, |data| data.len()),
            // Several files: what their headers say.
            None => self.tensors(component).map_or(0, |table| table.bytes()),
        };
        COMPONENTS.iter().map(size).sum()
    }

    fn weights(&self, component: &str) -> Option<(&'static str, Bytes)> {
        WEIGHTS
            .iter()
            .find_map(|name| self.find(&format!("{component}/{name}")).map(|bytes| (*name, bytes)))
    }
}
