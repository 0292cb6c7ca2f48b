//! What only some models are told: sizes, a refiner, how closely to keep to a picture, a depth map.
//!
//! The values are part of the panel's numbers and remembered for each model; [`super::painting`] puts
//! them into requests, `ui::panel_told` draws them. A depth map's file is read by the files thread:
//! [`super::update`] asks for it whenever the numbers name one that is not here.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::intent;
use super::parameters::Recipe;
use super::state::{AppState, Effect};
use super::trouble;
use super::undo::{Deed, Moment};
use super::words::Text;
use crate::engine::protocol::{Conditions, ModelSource, PaintRequest, Refiner, Task};
use crate::files::FileRequest;
use crate::plane::Plane;

/// Where a refiner takes over unless the user says otherwise, as its makers did it.
pub const REFINER_FROM: f32 = 0.8;
/// The longest side that a model can be told of, in pixels.
pub const MOST_TOLD: u32 = 16_384;

/// What only some models are told. `None` means "as the model says".
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Told {
    /// SDXL: width and height of the picture that the painted one is said to be cut from.
    pub original_size: Option<(u32, u32)>,
    /// SDXL: left and top of the cut.
    pub crop: (u32, u32),
    /// SDXL: width and height of the cut.
    pub target_size: Option<(u32, u32)>,
    /// SDXL: another model for the last steps.
    pub refiner: Option<Refiner>,
    /// Edit models: how closely the picture is kept to.
    pub picture_guidance: Option<f32>,
    /// Depth models: where the map comes from.
    pub depth: DepthFrom,
}

/// Where a depth model's map comes from.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum DepthFrom {
    /// Estimated from the picture that is painted again.
    #[default]
    Estimated,
    /// The picture on the canvas is the map.
    Canvas,
    /// A picture file.
    File(PathBuf),
}

/// The chosen picture of a map, as far as it was read.
#[derive(Clone, Debug, Default)]
pub enum DepthPicture {
    /// None was needed yet.
    #[default]
    Nothing,
    /// It is on its way.
    Reading(PathBuf),
    /// It is here.
    Here(PathBuf, Plane<4>),
    /// It cannot be read; why, in English.
    Unreadable(PathBuf, String),
}

impl DepthPicture {
    fn path(&self) -> Option<&Path> {
        match self {
            Self::Nothing => None,
            Self::Reading(path) | Self::Here(path, _) | Self::Unreadable(path, _) => Some(path),
        }
    }
}

impl Told {
    /// The same with every number in the range of its control.
    #[must_use]
    pub fn within_bounds(self) -> Self {
        let sides = 1..=MOST_TOLD;
        let size = |size: Option<(u32, u32)>| {
            size.filter(|(width, height)| sides.contains(width) && sides.contains(height))
        };
        Self {
            original_size: size(self.original_size),
            crop: (self.crop.0.min(MOST_TOLD), self.crop.1.min(MOST_TOLD)),
            target_size: size(self.target_size),
            refiner: self.refiner.filter(|refiner| (0.0..=1.0).contains(&refiner.from)),
            picture_guidance: self
                .picture_guidance
                .filter(|guidance| (1.0..=100.0).contains(guidance)),
            depth: self.depth,
        }
    }

    /// What a picture was painted with; a map's picture tells no file, so that the choice of before
    /// stays.
    #[must_use]
    pub fn of(request: &PaintRequest, before: &Self) -> Self {
        let Conditions { original_size, crop, target_size, picture_guidance, .. } =
            request.conditions;
        let estimated = request.conditions.depth_model.is_some();
        Self {
            original_size,
            crop,
            target_size,
            refiner: request.conditions.refiner.clone(),
            picture_guidance,
            depth: if estimated { DepthFrom::Estimated } else { before.depth.clone() },
        }
    }
}

impl AppState {
    /// What the model in use is shown beside the latent, once that is known.
    #[must_use]
    pub fn task(&self) -> Task {
        self.model.info.as_ref().map_or(Task::Plain, |info| info.task)
    }

    /// Whether the model goes by the picture on the canvas at any strength.
    #[must_use]
    pub fn looks_at_picture(&self) -> bool {
        match self.task() {
            Task::Edit => true,
            Task::Depth => self.settings.paint.told.depth == DepthFrom::Estimated,
            _ => false,
        }
    }

    /// What the model in use is told beside the words.
    pub(super) fn conditions(&self) -> Conditions {
        let told = &self.settings.paint.told;
        let info = self.model.info.as_ref();
        let depth = self.depth_map();
        Conditions {
            original_size: told.original_size,
            crop: told.crop,
            target_size: told.target_size,
            picture_guidance: told.picture_guidance,
            refiner: told.refiner.clone().filter(|_| info.is_none_or(|info| info.told_sizes)),
            depth_model: self.library.outcome.depth.clone().filter(|_| depth.is_none()),
            depth,
        }
    }

    /// The chosen map, if the model is shown one and it is here.
    #[must_use]
    pub(super) fn depth_map(&self) -> Option<Plane<4>> {
        if self.task() != Task::Depth {
            return None;
        }
        match (&self.settings.paint.told.depth, &self.depth) {
            (DepthFrom::Canvas, _) => intent::start(self),
            (DepthFrom::File(wanted), DepthPicture::Here(path, picture)) if wanted == path => {
                Some(picture.clone())
            }
            _ => None,
        }
    }

    /// The size at which a new picture has the shape of the chosen map.
    #[must_use]
    pub fn depth_size(&self) -> Option<(u32, u32)> {
        let info = self.model.info.as_ref().filter(|info| info.task == Task::Depth)?;
        let size = match (&self.settings.paint.told.depth, &self.depth) {
            (DepthFrom::Canvas, _) => intent::start_size(self)?,
            (DepthFrom::File(wanted), DepthPicture::Here(path, map)) if wanted == path => {
                map.size()
            }
            _ => return None,
        };
        Some(info.working_size(size))
    }

    /// Why the model in use cannot paint now, if it lacks what it has to be shown.
    pub(super) fn told_trouble(&self) -> Option<String> {
        let starts = intent::start_size(self).is_some();
        let text = match (self.task(), &self.settings.paint.told.depth) {
            (Task::Edit, _) if !starts => Text::CannotEdit,
            (Task::Depth, DepthFrom::Estimated | DepthFrom::Canvas) if !starts => Text::CannotDepth,
            (Task::Depth, DepthFrom::Estimated) if self.library.outcome.depth.is_none() => {
                Text::CannotEstimate
            }
            (Task::Depth, DepthFrom::File(wanted)) => match &self.depth {
                DepthPicture::Here(path, _) if path == wanted => return None,
                DepthPicture::Unreadable(path, reason) if path == wanted => {
                    return Some(trouble::said(self.lang, reason).into_owned());
                }
                _ => Text::DepthReading,
            },
            _ => return None,
        };
        Some(self.lang.get(text).to_owned())
    }

    /// Asks for the chosen map's file if it is needed and was not asked for.
    pub(super) fn need_depth(&mut self) -> Option<Effect> {
        let DepthFrom::File(path) = &self.settings.paint.told.depth else { return None };
        if self.task() != Task::Depth || self.depth.path() == Some(path.as_path()) {
            return None;
        }
        let path = path.clone();
        self.depth = DepthPicture::Reading(path.clone());
        Some(Effect::File(FileRequest::ReadDepth(path)))
    }

    /// A map's file was read.
    pub(super) fn depth_read(&mut self, path: PathBuf, picture: Result<Plane<4>, String>) {
        // Another one may have been chosen meanwhile.
        if self.depth.path() == Some(path.as_path()) {
            self.depth = match picture {
                Ok(picture) => DepthPicture::Here(path, picture),
                Err(reason) => DepthPicture::Unreadable(path, reason),
            };
        }
    }

    /// A picture was chosen to be the depth map.
    pub(super) fn choose_depth(&mut self, path: PathBuf) -> Vec<Effect> {
        // It may have changed since it was read.
        self.depth = DepthPicture::Nothing;
        self.tell(Text::DepthFrom, |told| told.depth = DepthFrom::File(path))
    }

    /// A file was chosen to be the refiner.
    pub(super) fn choose_refiner(&mut self, path: PathBuf) -> Vec<Effect> {
        self.tell(Text::Refiner, |told| {
            let from = told.refiner.as_ref().map_or(REFINER_FROM, |refiner| refiner.from);
            told.refiner = Some(Refiner { model: ModelSource::Path(path), from });
        })
    }

    /// Changes what is told, as a step that can be undone.
    fn tell(&mut self, text: Text, change: impl FnOnce(&mut Told)) -> Vec<Effect> {
        let before = Moment::of(self);
        change(&mut self.settings.paint.told);
        self.put_step(Deed::setting(text), before);
        self.need_depth().into_iter().chain([Effect::Remember]).collect()
    }

    /// Takes over what a recipe says; what it names and this machine lacks.
    pub(super) fn take_told(&mut self, recipe: &Recipe) -> Option<String> {
        let depth = self.settings.paint.told.depth.clone();
        let named = recipe.refiner.as_ref();
        let refiner = named.and_then(|(name, from)| {
            let rows = self.model_rows();
            let file = |source: &ModelSource| source.called() == name.as_str();
            let row = rows.into_iter().find(|row| row.name == *name || file(&row.source))?;
            Some(Refiner { model: row.source, from: *from })
        });
        let lacking = named.filter(|_| refiner.is_none()).map(|(name, _)| name.clone());
        self.settings.paint.told = Told {
            original_size: recipe.original_size,
            crop: recipe.crop.unwrap_or_default(),
            target_size: recipe.target_size,
            refiner,
            picture_guidance: recipe.picture_guidance,
            depth: if recipe.depth_estimated { DepthFrom::Estimated } else { depth },
        };
        lacking
    }
}

/// The built-in model as far as the window knows it, for tests.
#[cfg(test)]
pub(super) fn plain_model() -> std::sync::Arc<crate::engine::protocol::ModelInfo> {
    use crate::engine::protocol::{ModelInfo, Sampler, Schedule, Tokenizer};
    use crate::models::ModelFolder;

    let folder = ModelFolder::open(&ModelSource::BuiltIn).expect("it is in the program");
    std::sync::Arc::new(ModelInfo {
        source: ModelSource::BuiltIn,
        name: "A model".to_owned(),
        family: "Pocket".to_owned(),
        task: Task::Plain,
        told_sizes: false,
        native_size: (64, 64),
        vae_factor: 8,
        latent_channels: 4,
        default_steps: 4,
        default_guidance: 7.0,
        default_sampler: Sampler::Euler,
        default_schedule: Schedule::Trailing,
        few_steps: None,
        examples: Vec::new(),
        tokenizer: std::sync::Arc::new(Tokenizer::load(&folder, 32).expect("its own")),
        weight_bytes: 1,
    })
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::app::command::Command;
    use crate::app::intent::Mode;
    use crate::app::settings::Settings;
    use crate::app::update::update;
    use crate::app::words::Lang;
    use crate::engine::protocol::ModelInfo;
    use crate::files::FileEvent;

    /// A window with a model that is shown `task` beside the latent.
    fn state(task: Task) -> AppState {
        let mut state = AppState::new(Settings::default(), Lang::En);
        state.model.info = Some(Arc::new(ModelInfo { task, ..(*plain_model()).clone() }));
        state
    }

    fn trouble(state: &AppState) -> String {
        intent::trouble(state).unwrap_or_default()
    }

    #[test]
    fn a_depth_model_says_what_it_lacks_and_takes_a_map_of_any_shape() {
        let mut state = state(Task::Depth);
        assert!(trouble(&state).contains("open a picture"), "{}", trouble(&state));
        state.place("a.png", Plane::new((32, 32)), &[]);
        assert!(trouble(&state).contains("Depth-Anything"), "{}", trouble(&state));
        state.library.outcome.depth = Some(PathBuf::from("weights"));
        assert_eq!(trouble(&state), "");
        // Also where nothing of the picture is to stay.
        state.strength = 100;
        assert_eq!(intent::mode(&state), Mode::Repaint);
        let conditions = state.conditions();
        assert_eq!(conditions.depth_model.as_deref(), Some(Path::new("weights")));

        let path = PathBuf::from("near.png");
        let effects = state.choose_depth(path.clone());
        assert!(matches!(&effects[0], Effect::File(FileRequest::ReadDepth(_))), "{effects:?}");
        assert!(trouble(&state).contains("being read"), "{}", trouble(&state));
        assert!(state.need_depth().is_none(), "asked for twice");
        let failed = Err("This file is gone: near.png".to_owned());
        state.file_event(FileEvent::DepthRead { path: path.clone(), picture: failed });
        assert_eq!(trouble(&state), "This file is gone: near.png");
        state.choose_depth(path.clone());
        state.file_event(FileEvent::DepthRead { path, picture: Ok(Plane::new((96, 48))) });
        assert_eq!((trouble(&state).as_str(), intent::mode(&state)), ("", Mode::Paint));
        assert_eq!((state.new_size(), state.depth_size()), ((96, 48), Some((96, 48))));
        let conditions = state.conditions();
        assert_eq!(conditions.depth.unwrap().size(), (96, 48));
        assert!(conditions.depth_model.is_none());
    }

    #[test]
    fn a_chosen_map_is_undone_and_asked_for_again() {
        let mut state = state(Task::Depth);
        state.now = 10.0;
        for (at, name) in [(10.0, "one.png"), (20.0, "two.png")] {
            state.now = at;
            state.choose_depth(PathBuf::from(name));
        }
        let undo = Command::Do(crate::app::command::Action::Undo);
        let effects = update(&mut state, undo);
        let one = PathBuf::from("one.png");
        assert_eq!(state.settings.paint.told.depth, DepthFrom::File(one.clone()));
        let asked = |effect: &Effect| matches!(effect, Effect::File(FileRequest::ReadDepth(path)) if *path == one);
        assert!(effects.iter().any(asked), "{effects:?}");
    }

    #[test]
    fn an_edit_model_paints_on_a_picture_only() {
        let mut state = state(Task::Edit);
        assert!(trouble(&state).contains("open one first"), "{}", trouble(&state));
        state.place("a.png", Plane::new((32, 32)), &[]);
        state.strength = 100;
        assert_eq!((trouble(&state).as_str(), intent::mode(&state)), ("", Mode::Repaint));
        assert!(!intent::strength_applies(&state));
    }

    #[test]
    fn what_a_damaged_file_says_beyond_the_ranges_does_not_count() {
        let model = ModelSource::BuiltIn;
        let told = Told {
            original_size: Some((0, 5)),
            crop: (1 << 20, 3),
            target_size: Some((1024, 768)),
            refiner: Some(Refiner { model, from: 1.5 }),
            picture_guidance: Some(f32::NAN),
            depth: DepthFrom::Canvas,
        };
        let expected = Told {
            crop: (MOST_TOLD, 3),
            target_size: Some((1024, 768)),
            depth: DepthFrom::Canvas,
            ..Told::default()
        };
        assert_eq!(told.within_bounds(), expected);
    }
}
