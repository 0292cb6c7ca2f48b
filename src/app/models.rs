//! The models that the picker lists: the built-in one and the folders that the user added.
//!
//! Called by [`super::update`] and [`super::events`]; drawn by `ui::model_picker`. Whether a folder
//! is a model is found out by the engine, when it is read.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::state::{AppState, Effect};
use super::trouble;
use super::words::Text;
use crate::engine::protocol::{ModelInfo, ModelSource};

/// Folders that are remembered.
const MOST: usize = 200;

/// A folder that the user added, with what its last reading told.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct KnownModel {
    /// The folder.
    pub path: PathBuf,
    /// Its name, once it was read.
    pub name: String,
    /// Its family, once it was read.
    pub family: String,
    /// Size of its weights in bytes, once it was read.
    pub bytes: u64,
}

/// One row of the picker.
#[derive(Clone, Debug, PartialEq)]
pub struct ModelRow {
    /// What a click asks for.
    pub source: ModelSource,
    /// Its name.
    pub name: String,
    /// Its family; empty while unknown.
    pub family: String,
    /// Size of its weights in bytes; 0 while unknown.
    pub bytes: u64,
    /// Whether it is in memory.
    pub in_memory: bool,
    /// Whether pictures are painted with it.
    pub in_use: bool,
    /// How much of it is read, while it is being read.
    pub loading: Option<f32>,
    /// Why it could not be read.
    pub trouble: Option<String>,
}

impl AppState {
    /// All models, the built-in one first.
    #[must_use]
    pub fn model_rows(&self) -> Vec<ModelRow> {
        let built_in = KnownModel {
            name: self.lang.get(Text::ModelBuiltIn).to_owned(),
            ..KnownModel::default()
        };
        let first = std::iter::once((ModelSource::BuiltIn, built_in));
        let added = self.settings.models.iter();
        let added = added.map(|known| (ModelSource::Path(known.path.clone()), known.clone()));
        first.chain(added).map(|(source, known)| self.model_row(source, known)).collect()
    }

    fn model_row(&self, source: ModelSource, known: KnownModel) -> ModelRow {
        let model = &self.model;
        let info = model.info.as_ref().filter(|info| info.source == source);
        let folder =
            || known.path.file_name().map_or_else(String::new, |n| n.to_string_lossy().into());
        let name = match info {
            Some(info) if source != ModelSource::BuiltIn => info.name.clone(),
            _ if known.name.is_empty() => folder(),
            _ => known.name.clone(),
        };
        let wanted = model.pending.as_ref().unwrap_or(&model.source);
        let failed = model.failed.iter().find(|(failed, _)| *failed == source);
        ModelRow {
            name,
            family: info.map_or(known.family, |info| info.family.clone()),
            bytes: info.map_or(known.bytes, |info| info.weight_bytes),
            in_memory: model.resident.iter().any(|(resident, _)| *resident == source),
            in_use: model.source == source,
            loading: model.loading.filter(|_| *wanted == source).map(|(_, done)| done),
            trouble: failed.map(|(_, trouble)| trouble::said(self.lang, trouble).into_owned()),
            source,
        }
    }

    /// Has a model read; it is used from when that worked.
    pub fn use_model(&mut self, source: ModelSource) -> Vec<Effect> {
        let in_use = self.model.source == source && self.model.trouble.is_none();
        if in_use && self.model.pending.is_none() {
            return Vec::new();
        }
        self.model.failed.retain(|(failed, _)| *failed != source);
        self.model.pending = Some(source.clone());
        vec![Effect::Load(source)]
    }

    /// Adds a folder to the list and has it read.
    pub fn add_model(&mut self, path: PathBuf) -> Vec<Effect> {
        if !self.settings.models.iter().any(|known| known.path == path) {
            self.settings.models.push(KnownModel { path: path.clone(), ..KnownModel::default() });
            let surplus = self.settings.models.len().saturating_sub(MOST);
            self.settings.models.drain(..surplus);
        }
        let mut effects = self.use_model(ModelSource::Path(path));
        effects.push(Effect::Remember);
        effects
    }

    /// Takes a folder out of the list, unless it is in use.
    pub fn forget_model(&mut self, path: &PathBuf) -> Vec<Effect> {
        let source = ModelSource::Path(path.clone());
        if self.model.source == source || self.model.pending.as_ref() == Some(&source) {
            return Vec::new();
        }
        self.settings.models.retain(|known| known.path != *path);
        self.model.failed.retain(|(failed, _)| *failed != source);
        vec![Effect::Remember]
    }

    /// A model is in memory: what is known of it is remembered.
    pub(super) fn note_model(&mut self, info: &ModelInfo) {
        self.model.failed.retain(|(failed, _)| *failed != info.source);
        if self.model.pending.as_ref() == Some(&info.source) {
            self.model.pending = None;
            self.model.source = info.source.clone();
        }
        if let ModelSource::Path(path) = &info.source {
            for known in self.settings.models.iter_mut().filter(|known| known.path == *path) {
                known.name.clone_from(&info.name);
                known.family.clone_from(&info.family);
                known.bytes = info.weight_bytes;
            }
        }
    }

    /// A model could not be read: its row says so, and the one before stays in use.
    pub(super) fn model_failed(&mut self, message: String) {
        if let Some(source) = self.model.pending.take() {
            self.model.failed.push((source, message));
        } else {
            self.model.failed.push((self.model.source.clone(), message.clone()));
            self.model.trouble = Some(message);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::app::settings::Settings;
    use crate::app::words::Lang;

    #[test]
    fn a_folder_that_fails_says_so_at_its_row_and_the_old_model_stays() {
        let mut state = AppState::new(Settings::default(), Lang::En);
        let effects = state.add_model(PathBuf::from("models/broken"));
        assert!(matches!(effects[0], Effect::Load(ModelSource::Path(_))));
        state.model_failed("No weights".to_owned());
        let rows = state.model_rows();
        assert_eq!(rows.len(), 2);
        assert!(rows[0].in_use && rows[0].trouble.is_none());
        assert_eq!(rows[1].name, "broken");
        assert_eq!(rows[1].trouble.as_deref(), Some("No weights"));
        assert!(state.model.trouble.is_none());
        state.forget_model(&PathBuf::from("models/broken"));
        assert_eq!(state.model_rows().len(), 1);
    }
}
