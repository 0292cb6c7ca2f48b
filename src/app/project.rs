//! The document as a file of its own: what is stored beside the picture and its mask, and how a
//! project that was opened becomes the document.
//!
//! Called by [`super::update`] and [`super::events`]; the file itself is
//! [`crate::document::codec::openraster`]'s. The strip, the queue and the undo steps are not in it:
//! they are the session's, which the journal keeps. Nor is the model: a file from elsewhere must not
//! say what is read from this machine.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::notices::Kind;
use super::scene::MaskShow;
use super::settings::PaintSettings;
use super::state::{AppState, Effect, Focus};
use super::undo::{Deed, Moment};
use super::words::Text;
use crate::document::codec::openraster::Project;

/// Letters of a prompt that is taken over.
const LONGEST: usize = 1 << 20;

/// The window's words and numbers in a project file.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
struct Desk {
    prompt: String,
    negative: String,
    strength: u32,
    strength_before_mask: Option<u32>,
    mask_hidden: bool,
    paint: PaintSettings,
}

impl AppState {
    /// The document with all that belongs to it, to be saved.
    #[must_use]
    pub fn project(&self) -> Project {
        let desk = Desk {
            prompt: self.prompt.clone(),
            negative: self.negative.clone(),
            strength: self.strength,
            strength_before_mask: self.strength_before_mask,
            mask_hidden: self.mask_show == MaskShow::Hidden,
            paint: self.settings.paint.clone(),
        };
        Project {
            document: self.document.clone(),
            recipe: self.document_recipe.clone(),
            // Plain numbers and strings: there is nothing to refuse.
            desk: serde_json::to_value(desk).unwrap_or_default(),
        }
    }

    /// Makes a project file the document; saving writes to it again.
    pub fn open_project(
        &mut self,
        path: Option<PathBuf>,
        name: &str,
        project: Project,
    ) -> Vec<Effect> {
        super::update::let_go(self);
        let before = Moment::of(self);
        // What another program made of the words and numbers is not worth refusing the picture.
        let desk: Desk = serde_json::from_value(project.desk).unwrap_or_default();
        self.document = project.document;
        self.settings.feather_px = self.document.feather_px;
        self.document_recipe = project.recipe;
        self.document_entry = None;
        self.offered = None;
        // The words that stood in the dock can be walked back to.
        let words = std::mem::take(&mut self.prompt);
        self.remember_prompt(&words);
        self.prompt = cut(desk.prompt);
        self.negative = cut(desk.negative);
        self.avoid_open = !self.negative.is_empty();
        self.strength = if desk.strength == 0 { self.settings.strength } else { desk.strength };
        self.strength = self.strength.clamp(1, 100);
        self.strength_before_mask = desk.strength_before_mask.map(|percent| percent.clamp(1, 100));
        self.mask_show = MaskShow::hidden(desk.mask_hidden);
        self.settings.paint = desk.paint.within_bounds();
        name.clone_into(&mut self.title);
        self.begin_sheet();
        if let Some(path) = path {
            self.saved_to = Some((self.sheet, path));
        }
        self.unsaved = false;
        let mut effects = self.end_welcome();
        // What is being painted is not shown over it.
        self.follow = false;
        self.view.fit = true;
        self.count_words();
        self.show(None);
        self.put_step(Deed::OPEN, before);
        let words = self.lang.fill(Text::OpenedProject, &[name]);
        self.notices.say(self.now, Kind::Info, words, None);
        effects.extend([Effect::Focus(Focus::Prompt), Effect::Remember]);
        effects
    }
}

fn cut(mut words: String) -> String {
    if let Some((end, _)) = words.char_indices().nth(LONGEST) {
        words.truncate(end);
    }
    words
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use super::super::command::Command;
    use super::super::settings::Settings;
    use super::super::told::{DepthFrom, Told};
    use super::super::tool::Tool;
    use super::super::update::update;
    use super::super::words::Lang;
    use super::*;
    use crate::document::codec::openraster::{self, Opened};
    use crate::engine::protocol::{ModelSource, Refiner};
    use crate::plane::Plane;
    use crate::types::{Picture, PromptStyle, SameAs, Sampler, Savings, Schedule};

    /// A picture with every colour under every alpha, a mask of every coverage.
    fn painted() -> AppState {
        let mut state = AppState::new(Settings::default(), Lang::En);
        let rgba = (0..300 * 280 * 4u32).map(|i| (i.wrapping_mul(2_654_435_761) >> 24) as u8);
        let picture = Picture { width: 300, height: 280, rgba: rgba.collect() };
        drop(state.place("a.png", Plane::from(&picture), &[]));
        drop(update(&mut state, Command::Feather(13.7)));
        state.tool = Tool::Mask;
        state.settings.mask_brush.hardness = 0.0;
        for command in [
            Command::StrokeBegan([50.0, 60.0].into()),
            Command::StrokeMoved(vec![[140.0, 100.0].into(), [295.0, 270.0].into()]),
            Command::StrokeEnded,
            Command::Prompt("a fox, 狐\n\"snow\"".to_owned()),
            Command::Negative("blur".to_owned()),
            Command::Strength(37),
            Command::Paint(PaintSettings {
                size: Some((320, 256)),
                count: 3,
                steps: Some(33),
                guidance: Some(0.1 + 0.2),
                seed: u64::MAX - 4,
                seed_locked: true,
                sampler: Some(Sampler::Heun),
                schedule: Some(Schedule::Karras),
                eta: Some(0.5),
                same_as: SameAs::A1111,
                guidance_rescale: 0.7,
                savings: Savings {
                    guidance_interval: Some((0.25, 5.5)),
                    deep_cache: Some(3),
                    token_merging: Some(0.5),
                },
                prompt_style: PromptStyle::Comfy,
                clip_skip: 2,
                told: Told {
                    original_size: Some((2048, 1536)),
                    crop: (0, 64),
                    target_size: Some((320, 256)),
                    refiner: Some(Refiner { model: ModelSource::BuiltIn, from: 0.7 }),
                    picture_guidance: Some(1.25),
                    depth: DepthFrom::File(PathBuf::from("near.png")),
                },
            }),
        ] {
            drop(update(&mut state, command));
        }
        state.document_recipe = "a fox\nSteps: 3".to_owned();
        assert!(state.has_mask());
        state
    }

    fn through_a_file(project: &Project) -> Opened {
        let mut bytes = Vec::new();
        openraster::encode(project).unwrap().write(&mut bytes).unwrap();
        openraster::read(Cursor::new(bytes)).unwrap()
    }

    #[test]
    fn a_project_comes_back_bit_for_bit() {
        let state = painted();
        let Opened::Project(project) = through_a_file(&state.project()) else { panic!("ours") };
        let mut opened = AppState::new(Settings::default(), Lang::En);
        opened.prompt = "something else".to_owned();
        drop(opened.open_project(Some(PathBuf::from("fox.ora")), "fox.ora", *project));
        let pixels = |state: &AppState| {
            let raster = state.document.raster.as_ref().unwrap();
            (raster.plane().to_flat(), state.document.mask.plane().to_flat())
        };
        assert_eq!(pixels(&opened), pixels(&state));
        let numbers = |state: &AppState| {
            let settings = &state.settings;
            (state.strength, state.strength_before_mask, settings.paint.clone())
        };
        assert_eq!(numbers(&opened), numbers(&state));
        let words = |state: &AppState| {
            [&state.prompt, &state.negative, &state.document_recipe].map(String::clone)
        };
        assert_eq!(words(&opened), words(&state));
        assert_eq!(opened.document.feather_px.to_bits(), state.document.feather_px.to_bits());
        assert_eq!(opened.settings.feather_px, state.settings.feather_px);
        assert!(!opened.unsaved && opened.file().is_some() && opened.avoid_open);
        // One step back is what was there before, and the words are not lost.
        opened.undo();
        assert!(opened.document.is_empty());
        assert_eq!(opened.settings.recent_prompts, ["something else"]);
    }

    #[test]
    fn numbers_of_a_foreign_hand_are_brought_into_their_ranges() {
        let mut project = painted().project();
        project.desk = serde_json::json!({
            "strength": 4_000_000_000u32,
            "strength_before_mask": 0,
            "paint": {
                "count": 4_000_000_000u32, "steps": 0, "guidance": 1e30,
                "guidance_rescale": -4.0,
                "savings": {"guidance_interval": [5.0, 1.0], "deep_cache": 1, "token_merging": 0.9}, "size": [0, 4_000_000_000u32],
            },
        });
        let mut state = AppState::new(Settings::default(), Lang::En);
        drop(state.open_project(None, "x.ora", project.clone()));
        let paint = PaintSettings { count: 8, ..PaintSettings::default() };
        assert_eq!(state.settings.paint, paint);
        assert_eq!((state.strength, state.strength_before_mask), (100, Some(1)));
        // What is no desk at all leaves the picture and the mask.
        for desk in [serde_json::json!([1, 2]), serde_json::json!({"prompt": 5}), "x".into()] {
            project.desk = desk;
            drop(state.open_project(None, "x.ora", project.clone()));
            assert!(state.has_mask() && state.prompt.is_empty());
            assert!((1..=100).contains(&state.strength));
        }
    }
}
