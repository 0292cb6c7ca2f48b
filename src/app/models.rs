//! The models that the picker lists: the built-in one, those that the user added, and those that
//! lie in watched folders; and what is remembered of each.
//!
//! Called by [`super::update`] and [`super::events`]; drawn by `ui::model_picker`. Whether a path is a
//! model is found out by the engine when it is read, or by the scan.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::command::{Action, Command};
use super::hub::known;
use super::notices::{Kind, Offer};
use super::settings::PaintSettings;
use super::state::{AppState, Effect};
use super::told::Told;
use super::trouble;
use super::words::Text;
use crate::engine::protocol::{
    FailureKind, JobError, ModelChoices, ModelInfo, ModelSource, Sampler, Schedule,
};
use crate::models::find::Found;

/// Models that are remembered.
const MOST: usize = 200;

/// A model that the user added, with what its last reading told.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct KnownModel {
    /// The folder or file.
    pub path: PathBuf,
    /// Its name, once it was read.
    pub name: String,
    /// Its family, once it was read.
    pub family: String,
    /// Size of its weights in bytes, once it was read.
    pub bytes: u64,
}

/// What is remembered of a model that was used: the numbers it is painted with, and the choices
/// about its files.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct ModelMemory {
    /// The model.
    pub source: ModelSource,
    /// What of it is taken otherwise than its files have it.
    pub choices: ModelChoices,
    /// The numbers; `None` is the model's own.
    pub numbers: Numbers,
}

/// The numbers that each model has its own of.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Numbers {
    /// Size of a new picture.
    pub size: Option<(u32, u32)>,
    /// Sampling steps.
    pub steps: Option<u32>,
    /// Guidance scale.
    pub guidance: Option<f32>,
    /// The algorithm.
    pub sampler: Option<Sampler>,
    /// Where its steps lie.
    pub schedule: Option<Schedule>,
    /// What only some models are told.
    pub told: Told,
}

impl Numbers {
    /// Those of the panel.
    #[must_use]
    pub fn of(paint: &PaintSettings) -> Self {
        let PaintSettings { size, steps, guidance, sampler, schedule, .. } = *paint;
        Self { size, steps, guidance, sampler, schedule, told: paint.told.clone() }
    }

    /// The panel with these; what a damaged file says beyond the ranges does not count.
    #[must_use]
    pub fn put_into(self, paint: &PaintSettings) -> PaintSettings {
        let Self { size, steps, guidance, sampler, schedule, told } = self;
        let put = PaintSettings { size, steps, guidance, sampler, schedule, told, ..paint.clone() };
        put.within_bounds()
    }
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
    /// Whether the user added it by hand and may take it out again.
    pub added: bool,
    /// The licence that its makers ask to be read, until it was accepted here.
    pub licence: Option<&'static known::Known>,
}

impl AppState {
    /// All models, the built-in one first, then those added by hand.
    #[must_use]
    pub fn model_rows(&self) -> Vec<ModelRow> {
        let name = self.lang.get(Text::ModelBuiltIn).to_owned();
        let built_in = KnownModel { name, ..KnownModel::default() };
        let mut rows = vec![self.model_row(ModelSource::BuiltIn, &built_in, None)];
        let added = &self.settings.models;
        for known in added {
            let found = self.library.at(&known.path);
            rows.push(self.model_row(ModelSource::Path(known.path.clone()), known, found));
        }
        for found in self.library.models() {
            if added.iter().any(|known| known.path == found.path) {
                continue;
            }
            let known = KnownModel { path: found.path.clone(), ..KnownModel::default() };
            let source = ModelSource::Path(found.path.clone());
            rows.push(ModelRow { added: false, ..self.model_row(source, &known, Some(found)) });
        }
        rows
    }

    fn model_row(
        &self,
        source: ModelSource,
        known: &KnownModel,
        found: Option<&Found>,
    ) -> ModelRow {
        let model = &self.model;
        let info = model.info.as_ref().filter(|info| info.source == source);
        let first = |words: [&str; 2]| {
            words.into_iter().find(|word| !word.is_empty()).unwrap_or_default().to_owned()
        };
        let file =
            known.path.file_name().map_or_else(String::new, |n| n.to_string_lossy().into_owned());
        let name = match (info, found) {
            // A folder of the hub's cache is called by its commit.
            (_, Some(found)) if found.repo.is_some() => found.name.clone(),
            (Some(info), _) if source != ModelSource::BuiltIn => info.name.clone(),
            (_, Some(found)) => first([&known.name, &found.name]),
            _ => first([&known.name, &file]),
        };
        let family = info.map_or(&known.family, |info| &info.family);
        let bytes = info.map_or(known.bytes, |info| info.weight_bytes);
        let wanted = model.pending.as_ref().map_or(&model.source, |pending| &pending.source);
        let failed = model.failed.iter().find(|(failed, _)| *failed == source);
        let trouble = failed.map(|(_, trouble)| trouble.as_str());
        let trouble = trouble.or_else(|| found?.trouble.as_deref());
        ModelRow {
            name,
            family: first([family, found.map_or("", |found| &found.family)]),
            bytes: if bytes > 0 { bytes } else { found.map_or(0, |found| found.bytes) },
            in_memory: model.resident.iter().any(|(resident, _)| *resident == source),
            in_use: model.source == source,
            loading: model.loading.filter(|_| *wanted == source).map(|(_, done)| done),
            trouble: trouble.map(|trouble| trouble::said(self.lang, trouble).into_owned()),
            added: source != ModelSource::BuiltIn,
            licence: found.and_then(|found| self.unread_licence(found)),
            source,
        }
    }

    /// The licence of a model from the hub that was not accepted here.
    fn unread_licence(&self, found: &Found) -> Option<&'static known::Known> {
        let repo = found.repo.as_deref()?;
        let known = known::of(repo)?;
        (!self.settings.licences.iter().any(|accepted| accepted == repo)).then_some(known)
    }

    /// What is remembered of a model.
    fn memory(&self, source: &ModelSource) -> Option<&ModelMemory> {
        self.settings.memories.iter().find(|memory| memory.source == *source)
    }

    /// Remembers how the model in use is painted with.
    fn remember_model(&mut self) {
        let (source, choices) = (self.model.source.clone(), self.model.choices.clone());
        let numbers = Numbers::of(&self.settings.paint);
        let memories = &mut self.settings.memories;
        memories.retain(|memory| memory.source != source);
        memories.push(ModelMemory { source, choices, numbers });
        let surplus = memories.len().saturating_sub(MOST);
        memories.drain(..surplus);
    }

    /// Has a model read; it is used from when that worked.
    pub fn use_model(&mut self, source: ModelSource) -> Vec<Effect> {
        let in_use = self.model.source == source && self.model.trouble.is_none();
        if in_use && self.model.pending.is_none() {
            return Vec::new();
        }
        let choices = self.memory(&source).map(|memory| memory.choices.clone());
        self.load(source, choices.unwrap_or_default(), false)
    }

    /// Takes parts of the model in use otherwise than its files have them.
    pub fn choose(&mut self, choices: ModelChoices) -> Vec<Effect> {
        if choices == self.model.choices && self.model.pending.is_none() {
            return Vec::new();
        }
        self.load(self.model.source.clone(), choices, false)
    }

    /// Has a model read though the memory seems too small for it.
    pub fn load_anyway(&mut self, source: ModelSource, choices: ModelChoices) -> Vec<Effect> {
        self.load(source, choices, true)
    }

    fn load(&mut self, source: ModelSource, choices: ModelChoices, anyway: bool) -> Vec<Effect> {
        self.model.failed.retain(|(failed, _)| *failed != source);
        let memory = ModelMemory { source, choices, numbers: Numbers::default() };
        let ModelMemory { source, choices, .. } = memory.clone();
        self.model.pending = Some(memory);
        vec![Effect::Load { source, choices, anyway }]
    }

    /// Adds a folder or a file to the list and has it read.
    pub fn add_model(&mut self, path: PathBuf) -> Vec<Effect> {
        let listed = self.library.models().any(|found| found.path == path);
        if !listed && !self.settings.models.iter().any(|known| known.path == path) {
            self.settings.models.push(KnownModel { path: path.clone(), ..KnownModel::default() });
            let surplus = self.settings.models.len().saturating_sub(MOST);
            self.settings.models.drain(..surplus);
        }
        let mut effects = self.use_model(ModelSource::Path(path));
        effects.push(Effect::Remember);
        effects
    }

    /// Takes a model out of the list, unless it is in use.
    pub fn forget_model(&mut self, path: &PathBuf) -> Vec<Effect> {
        let source = ModelSource::Path(path.clone());
        let pending = self.model.pending.as_ref().is_some_and(|pending| pending.source == source);
        if self.model.source == source || pending {
            return Vec::new();
        }
        self.settings.models.retain(|known| known.path != *path);
        self.model.failed.retain(|(failed, _)| *failed != source);
        vec![Effect::Remember]
    }

    /// A model is in memory: what is known of it is remembered. `loaded`: by its own load, not for
    /// a job.
    pub(super) fn note_model(&mut self, info: &ModelInfo, loaded: bool) {
        self.model.failed.retain(|(failed, _)| *failed != info.source);
        let pending = self.model.pending.take_if(|new| loaded && new.source == info.source);
        if let Some(pending) = pending {
            self.remember_model();
            if self.model.source != info.source {
                let numbers = self.memory(&info.source).map(|memory| memory.numbers.clone());
                let numbers = numbers.unwrap_or_default();
                self.settings.paint = numbers.put_into(&self.settings.paint);
            } else if self.model.choices.few_steps != pending.choices.few_steps {
                // Numbers for the other form would spoil this one's pictures.
                (self.settings.paint.steps, self.settings.paint.guidance) = (None, None);
            }
            self.model.source = info.source.clone();
            self.model.choices = pending.choices;
            self.settings.in_use = info.source.clone();
            self.remember_model();
        }
        if let ModelSource::Path(path) = &info.source {
            for known in self.settings.models.iter_mut().filter(|known| known.path == *path) {
                known.name.clone_from(&info.name);
                known.family.clone_from(&info.family);
                known.bytes = info.weight_bytes;
            }
        }
    }

    /// A model could not be read: its row and a notice say so, and the one before stays in use.
    pub(super) fn model_failed(&mut self, error: &JobError) -> Vec<Effect> {
        let message = error.message.clone();
        let asked = self.model.pending.take();
        let source = asked.as_ref().map_or(&self.model.source, |asked| &asked.source).clone();
        let choices = asked.as_ref().map_or(&self.model.choices, |asked| &asked.choices).clone();
        let said = brief(&trouble::said(self.lang, &message), &source);
        // What was wrong with the choice is not wrong with the model.
        if asked.is_none() || source != self.model.source {
            self.model.failed.push((source.clone(), message.clone()));
        }
        let way_out = match error.kind {
            FailureKind::Memory { .. } => {
                Offer::of(Text::TryAnyway, Command::LoadAnyway(source.clone(), choices))
            }
            _ => Offer::of(Text::ChooseAnother, Command::Do(Action::AddModelFile)),
        };
        if asked.is_some() {
            self.notices.offer(self.now, Kind::Error, said, vec![way_out]);
            return Vec::new();
        }
        if source == ModelSource::BuiltIn {
            self.model.trouble = Some(message);
            return Vec::new();
        }
        // The model of the last session is gone or damaged.
        let words = self.lang.fill(Text::ModelFallback, &[&said]);
        self.notices.offer(self.now, Kind::Error, words, vec![way_out]);
        self.load(ModelSource::BuiltIn, ModelChoices::default(), false)
    }
}

/// A message as a notice has room for it: the file is called by its name alone, and details in
/// brackets are left to the model's row.
fn brief(said: &str, source: &ModelSource) -> String {
    let mut said = said.to_owned();
    if let ModelSource::Path(path) = source
        && let Some(name) = path.file_name()
    {
        said = said.replace(&path.display().to_string(), &name.to_string_lossy());
    }
    for (open, close) in [(" (", ")"), ("（", "）")] {
        if let Some((before, rest)) = said.split_once(open)
            && let Some((_, after)) = rest.split_once(close)
        {
            return format!("{before}{after}");
        }
    }
    said
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::app::settings::Settings;
    use crate::app::words::Lang;
    use crate::engine::protocol::{Event, JobId};

    fn failure(message: &str, kind: FailureKind) -> JobError {
        JobError { message: message.to_owned(), kind }
    }

    #[test]
    fn a_folder_that_fails_says_so_at_its_row_and_the_old_model_stays() {
        let mut state = AppState::new(Settings::default(), Lang::En);
        let effects = state.add_model(PathBuf::from("models/broken"));
        assert!(matches!(&effects[0], Effect::Load { source: ModelSource::Path(_), .. }));
        state.model_failed(&failure("No weights", FailureKind::Model));
        let rows = state.model_rows();
        assert_eq!(rows.len(), 2);
        assert!(rows[0].in_use && rows[0].trouble.is_none());
        assert_eq!(rows[1].name, "broken");
        assert_eq!(rows[1].trouble.as_deref(), Some("No weights"));
        assert!(state.model.trouble.is_none());
        assert_eq!(state.notices.list[0].text, "No weights");
        state.forget_model(&PathBuf::from("models/broken"));
        assert_eq!(state.model_rows().len(), 1);
    }

    #[test]
    fn a_notice_names_the_file_and_leaves_details_to_the_row() {
        let path = PathBuf::from("models").join("a.safetensors");
        let shown = path.display();
        let source = ModelSource::Path(path.clone());
        let check = |said: String, expected: &str| assert_eq!(brief(&said, &source), expected);
        check(
            format!("Damaged (a header of 9 bytes); get it again: {shown}"),
            "Damaged; get it again: a.safetensors",
        );
        check(format!("已损坏（9）；请重新下载：{shown}"), "已损坏；请重新下载：a.safetensors");
        check("Plain".to_owned(), "Plain");
    }

    #[test]
    fn a_wrong_file_that_comes_before_the_first_model_is_read_leaves_that_one() {
        let mut state = AppState::new(Settings::default(), Lang::En);
        drop(state.start());
        let (first, second) = (JobId(1), JobId(2));
        state.load_submitted(first);
        drop(state.add_model(PathBuf::from("models/broken")));
        state.load_submitted(second);
        let info = crate::app::told::plain_model();
        let ready = Event::ModelReady { job: first, info, resident: Vec::new(), load_secs: 0.1 };
        drop(state.engine_event(ready));
        assert!(state.model.info.is_some(), "nothing but the newest load is heard");
        let error = failure("No weights", FailureKind::Model);
        drop(state.engine_event(Event::Failed { job: second, error }));
        assert_eq!(state.model.source, ModelSource::BuiltIn);
        assert!(state.model.info.is_some() && state.model.pending.is_none());
    }

    #[test]
    fn what_the_memory_refuses_can_be_tried_anyway() {
        let mut state = AppState::new(Settings::default(), Lang::En);
        let path = PathBuf::from("models/large");
        state.add_model(path.clone());
        state.model_failed(&failure("Too large", FailureKind::Memory { fits: None }));
        let offer = state.notices.list[0].offers[0].command.clone();
        let effects = crate::app::update::update(&mut state, offer);
        let Effect::Load { source, anyway: true, .. } = &effects[0] else { panic!("{effects:?}") };
        assert_eq!(*source, ModelSource::Path(path));
    }

    #[test]
    fn a_model_of_the_last_session_that_is_gone_gives_way_to_the_built_in_one() {
        let in_use = ModelSource::Path(PathBuf::from("models/gone"));
        let settings = Settings { in_use: in_use.clone(), ..Settings::default() };
        let mut state = AppState::new(settings, Lang::En);
        assert_eq!(state.model.source, in_use);
        let effects = state.model_failed(&failure("Gone.", FailureKind::Model));
        assert!(matches!(&effects[0], Effect::Load { source: ModelSource::BuiltIn, .. }));
        assert!(state.model.trouble.is_none());
    }
}
