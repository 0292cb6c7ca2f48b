//! The `config.json` files of a diffusers folder, checked key by key.
//!
//! Read by [`crate::diffusion`] when it builds a network. A key that would change the network in a
//! way that is not implemented, or that nobody knows, is an error that names it: a picture that is
//! quietly wrong is worse than none.

pub mod clip;
pub mod noise;
pub mod preview_decoder;
pub mod unet;
pub mod vae;

use std::cell::RefCell;
use std::collections::HashSet;

use serde_json::{Map, Value};

use super::error::ModelError;
use super::folder::ModelFolder;
use crate::kernels::activation::Activation;

/// One `config.json`, with a memory of the keys that were looked at.
pub struct Reader {
    path: String,
    map: Map<String, Value>,
    seen: RefCell<HashSet<String>>,
}

impl Reader {
    /// Reads a file of the folder.
    ///
    /// # Errors
    /// It is missing or not a JSON object.
    pub fn open(folder: &ModelFolder, relative: &str) -> Result<Self, ModelError> {
        let path = folder.path_of(relative);
        match folder.json(relative)? {
            Value::Object(map) => Ok(Self { path, map, seen: RefCell::default() }),
            _ => Err(ModelError::BadText { reason: "it is not a JSON object".to_owned(), path }),
        }
    }

    /// An error about this file.
    #[must_use]
    pub fn error(&self, reason: impl Into<String>) -> ModelError {
        ModelError::Unsupported { reason: reason.into(), path: self.path.clone() }
    }

    /// An error about one key's value.
    #[must_use]
    pub fn wrong(&self, key: &str, wanted: &str) -> ModelError {
        let value = self.map.get(key).unwrap_or(&Value::Null);
        self.error(format!("The configuration's '{key}' is {value}, where {wanted} is needed"))
    }

    /// The value of a key; `None` when it is absent or null.
    pub fn get(&self, key: &str) -> Option<&Value> {
        self.seen.borrow_mut().insert(key.to_owned());
        self.map.get(key).filter(|value| !value.is_null())
    }

    /// A whole number of at least 1.
    ///
    /// # Errors
    /// It is something else.
    pub fn size(&self, key: &str, default: usize) -> Result<usize, ModelError> {
        self.get(key).map_or(Ok(default), |value| {
            as_size(value).ok_or_else(|| self.wrong(key, "a whole number from 1"))
        })
    }

    /// A whole number that has no usual value.
    ///
    /// # Errors
    /// It is missing or something else.
    pub fn needed_size(&self, key: &str) -> Result<usize, ModelError> {
        self.get(key).and_then(as_size).ok_or_else(|| self.wrong(key, "a whole number from 1"))
    }

    /// A number.
    ///
    /// # Errors
    /// It is something else.
    pub fn number(&self, key: &str, default: f64) -> Result<f64, ModelError> {
        self.get(key)
            .map_or(Ok(default), |value| value.as_f64().ok_or_else(|| self.wrong(key, "a number")))
    }

    /// True or false.
    ///
    /// # Errors
    /// It is something else.
    pub fn flag(&self, key: &str, default: bool) -> Result<bool, ModelError> {
        self.get(key).map_or(Ok(default), |value| {
            value.as_bool().ok_or_else(|| self.wrong(key, "true or false"))
        })
    }

    /// A word.
    ///
    /// # Errors
    /// It is something else.
    pub fn word<'a>(&'a self, key: &str, default: &'a str) -> Result<&'a str, ModelError> {
        self.get(key)
            .map_or(Ok(default), |value| value.as_str().ok_or_else(|| self.wrong(key, "a word")))
    }

    /// A list of sizes.
    ///
    /// # Errors
    /// It is something else, or empty.
    pub fn sizes(&self, key: &str, default: &[usize]) -> Result<Vec<usize>, ModelError> {
        let Some(value) = self.get(key) else { return Ok(default.to_vec()) };
        let sizes: Option<Vec<usize>> =
            value.as_array().and_then(|list| list.iter().map(as_size).collect());
        sizes
            .filter(|sizes| !sizes.is_empty())
            .ok_or_else(|| self.wrong(key, "a list of whole numbers from 1"))
    }

    /// One size for each of `blocks` blocks: a list of that length, or one number for all.
    ///
    /// # Errors
    /// It is something else, or a list of another length.
    pub fn size_per_block(
        &self,
        key: &str,
        default: usize,
        blocks: usize,
    ) -> Result<Vec<usize>, ModelError> {
        let sizes = match self.get(key) {
            None => vec![default; blocks],
            Some(value) if value.is_number() => vec![self.needed_size(key)?; blocks],
            Some(_) => self.sizes(key, &[])?,
        };
        if sizes.len() != blocks {
            return Err(self.wrong(key, &format!("one number, or {blocks} of them")));
        }
        Ok(sizes)
    }

    /// A list of words.
    ///
    /// # Errors
    /// It is empty or something else.
    pub fn words<'a>(&'a self, key: &str, default: &[&'a str]) -> Result<Vec<&'a str>, ModelError> {
        let Some(value) = self.get(key) else { return Ok(default.to_vec()) };
        let words: Option<Vec<&str>> =
            value.as_array().and_then(|list| list.iter().map(Value::as_str).collect());
        words.filter(|words| !words.is_empty()).ok_or_else(|| self.wrong(key, "a list of words"))
    }

    /// An activation by diffusers' or transformers' name.
    ///
    /// # Errors
    /// No such one is implemented.
    pub fn activation(&self, key: &str, default: &str) -> Result<Activation, ModelError> {
        match self.word(key, default)? {
            "silu" | "swish" => Ok(Activation::Silu),
            "gelu" => Ok(Activation::Gelu),
            "quick_gelu" => Ok(Activation::QuickGelu),
            "relu" => Ok(Activation::Relu),
            _ => Err(self.wrong(key, "silu, gelu, quick_gelu or relu")),
        }
    }

    /// Refuses any value but the usual one (or null) for keys whose other values would change the
    /// network in ways that are not implemented.
    ///
    /// # Errors
    /// A key has another value.
    pub fn only(&self, usual: &[(&str, Value)]) -> Result<(), ModelError> {
        for (key, usual) in usual {
            let same = |value: &Value| match (value.as_f64(), usual.as_f64()) {
                (Some(a), Some(b)) => (a - b).abs() < f64::EPSILON,
                _ => value == usual,
            };
            if self.get(key).is_some_and(|value| !same(value)) {
                return Err(self.wrong(key, &format!("{usual} (nothing else is supported)")));
            }
        }
        Ok(())
    }

    /// Marks keys that do not change what is computed.
    pub fn ignore(&self, keys: &[&str]) {
        self.seen.borrow_mut().extend(keys.iter().map(|key| (*key).to_owned()));
    }

    /// Refuses keys that nobody asked about; those with a leading underscore are notes.
    ///
    /// # Errors
    /// There is such a key.
    pub fn finish(&self) -> Result<(), ModelError> {
        let seen = self.seen.borrow();
        match self.map.keys().find(|key| !key.starts_with('_') && !seen.contains(*key)) {
            Some(key) => Err(self.error(format!(
                "The configuration has the unknown key '{key}'; the model may need a newer version"
            ))),
            None => Ok(()),
        }
    }
}

fn as_size(value: &Value) -> Option<usize> {
    value.as_u64().filter(|size| *size > 0).and_then(|size| usize::try_from(size).ok())
}
