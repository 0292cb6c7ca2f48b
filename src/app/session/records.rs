//! The JSON values of the journal. A field that an older program did not write gets its default; a
//! field, or one of a list of choices, that this program does not know is ignored.

use std::path::PathBuf;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer, Serialize};

use super::super::history::HistoryIcon;
use super::super::jobs::{Entry, EntryId, Stage};
use super::super::scene::MaskShow;
use super::super::settings::PaintSettings;
use super::super::state::AppState;
use super::super::tool::Tool;
use super::super::undo::{Deed, Moment, Step};
use super::super::words::Text;
use crate::document::document::Document;
use crate::engine::protocol::{
    Conditions, FillArea, ModelChoices, ModelSource, PaintRequest, Posterior, PromptStyle, SameAs,
    Sampler, Savings, Schedule, Variation,
};
use crate::plane::{Plane, TileAt};

/// A value as far as it is known here: a newer program's, such as another tool's name, is the default
/// rather than the loss of all that is written beside it.
fn known<'de, D: Deserializer<'de>, T: DeserializeOwned + Default>(from: D) -> Result<T, D::Error> {
    let value = serde_json::Value::deserialize(from)?;
    Ok(serde_json::from_value(value).unwrap_or_default())
}

/// What lies on the desk beside the picture.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "they are independent facts, as in the state they come from"
)]
pub struct Desk {
    /// The prompt.
    pub prompt: String,
    /// The words to avoid.
    pub negative: String,
    /// Whether their line is open.
    pub avoid_open: bool,
    /// Strength in percent.
    pub strength: u32,
    /// Strength before a mask set it to 100.
    pub strength_before_mask: Option<u32>,
    /// The active tool.
    #[serde(deserialize_with = "known")]
    pub tool: Tool,
    /// Whether the mask is hidden by hand.
    pub mask_hidden: bool,
    /// The entry on the canvas.
    pub shown: Option<u64>,
    /// Whether the canvas goes on to newer results.
    pub follow: bool,
    /// What the document is called.
    pub title: String,
    /// Whether it has changed since it was saved.
    pub unsaved: bool,
    /// Which picture it is.
    pub sheet: u64,
    /// Its file.
    pub saved_to: Option<PathBuf>,
    /// The A1111 text of the document's picture.
    pub recipe: String,
    /// The entry that the document was kept from.
    pub kept_from: Option<u64>,
    /// The panel's numbers.
    #[serde(deserialize_with = "known")]
    pub paint: PaintSettings,
}

impl Desk {
    /// A desk that nothing is known of.
    pub(super) fn lost() -> Self {
        Self { strength: 100, follow: true, ..Self::default() }
    }

    pub(super) fn of(state: &AppState) -> Self {
        Self {
            prompt: state.prompt.clone(),
            negative: state.negative.clone(),
            avoid_open: state.avoid_open,
            strength: state.strength,
            strength_before_mask: state.strength_before_mask,
            tool: state.tool,
            mask_hidden: state.mask_show == MaskShow::Hidden,
            shown: state.shown.map(|id| id.0),
            follow: state.follow,
            title: state.title.clone(),
            unsaved: state.unsaved,
            sheet: state.sheet,
            saved_to: state.file().cloned(),
            recipe: state.document_recipe.clone(),
            kept_from: state.document_entry.map(|id| id.0),
            paint: state.settings.paint.clone(),
        }
    }

    pub(super) fn put_back(self, state: &mut AppState) {
        state.prompt = self.prompt;
        state.negative = self.negative;
        state.avoid_open = self.avoid_open;
        state.strength = self.strength.clamp(1, 100);
        state.strength_before_mask = self.strength_before_mask;
        state.tool = self.tool;
        state.mask_show = MaskShow::hidden(self.mask_hidden);
        state.shown = self.shown.map(EntryId);
        state.follow = self.follow;
        state.title = self.title;
        state.unsaved = self.unsaved;
        state.sheet = self.sheet;
        state.saved_to = self.saved_to.map(|path| (self.sheet, path));
        state.document_recipe = self.recipe;
        state.document_entry = self.kept_from.map(EntryId);
        state.settings.paint = self.paint;
    }
}

/// A plane of tiles by name.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PlaneRecord(pub Vec<(u32, u32, u64)>);

impl PlaneRecord {
    fn of<const N: usize>(plane: &Plane<N>) -> Self {
        Self(plane.tiles().map(|((x, y), tile)| (x, y, tile.key())).collect())
    }

    /// Where its tiles lie, and their keys.
    pub(super) fn tiles(&self) -> impl Iterator<Item = (TileAt, u64)> + '_ {
        self.0.iter().map(|(x, y, key)| ((*x, *y), *key))
    }
}

/// A finished picture, or a mask that jobs paint in: its tiles are those of the document as far as
/// they are the same.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SizedRecord {
    /// Width and height in pixels.
    pub size: (u32, u32),
    /// The tiles.
    pub tiles: PlaneRecord,
}

impl SizedRecord {
    fn of<const N: usize>(plane: &Plane<N>) -> Self {
        Self { size: plane.size(), tiles: PlaneRecord::of(plane) }
    }
}

/// A picture and its mask.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct DocumentRecord {
    /// Width and height in pixels.
    pub size: (u32, u32),
    /// The raster, if there is one.
    pub raster: Option<PlaneRecord>,
    /// The mask's coverage.
    pub mask: PlaneRecord,
    /// Width of the fade at the mask's edge, in pixels.
    pub feather_px: f32,
}

impl DocumentRecord {
    pub(super) fn of(document: &Document) -> Self {
        Self {
            size: document.size(),
            raster: document.raster.as_ref().map(|raster| PlaneRecord::of(raster.plane())),
            mask: PlaneRecord::of(document.mask.plane()),
            feather_px: document.feather_px,
        }
    }

    pub(super) fn tile_keys(&self) -> impl Iterator<Item = u64> + '_ {
        self.raster.iter().chain([&self.mask]).flat_map(|plane| plane.tiles().map(|(_, key)| key))
    }
}

/// The order of things.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Strip {
    /// Entries, old to new.
    pub order: Vec<u64>,
    /// Discarded ones with the place they had, oldest first.
    pub bin: Vec<(usize, u64)>,
    /// Jobs that wait, next first; the running one before them.
    pub queue: Vec<u64>,
    /// Those of them that come again until they are stopped.
    pub repeats: Vec<u64>,
    /// The last job number given.
    pub last_number: u64,
    /// The last key given to an entry or a picture.
    pub last_key: u64,
}

impl Strip {
    pub(super) fn of(state: &AppState) -> Self {
        let jobs = || state.jobs.running.iter().chain(&state.jobs.waiting);
        Self {
            order: state.entries.iter().map(|entry| entry.id.0).collect(),
            bin: state.bin.iter().map(|(place, entry)| (*place, entry.id.0)).collect(),
            queue: jobs().map(|job| job.number).collect(),
            repeats: jobs().filter(|job| job.repeats).map(|job| job.number).collect(),
            last_number: state.jobs.last_number,
            last_key: state.next_key,
        }
    }

    /// Whether both are the same but for the counters, which alone are no reason to write.
    pub(super) fn same_order(&self, other: &Self) -> bool {
        self.order == other.order
            && self.bin == other.bin
            && self.queue == other.queue
            && self.repeats == other.repeats
    }
}

/// A request without its pixels.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "they are the fields of PaintRequest")]
pub struct RequestRecord {
    pub model: ModelSource,
    /// What of it was taken otherwise than its files have it.
    #[serde(default, deserialize_with = "known")]
    pub choices: ModelChoices,
    pub prompt: String,
    pub negative: String,
    /// Older programs read words only.
    #[serde(default = "as_plain_words", deserialize_with = "known")]
    pub prompt_style: PromptStyle,
    /// 0 in older records: 1.
    #[serde(default)]
    pub clip_skip: u32,
    pub size: Option<(u32, u32)>,
    pub steps: Option<u32>,
    #[serde(default, deserialize_with = "known")]
    pub sampler: Option<Sampler>,
    #[serde(default, deserialize_with = "known")]
    pub schedule: Option<Schedule>,
    #[serde(default)]
    pub eta: Option<f32>,
    #[serde(default, deserialize_with = "known")]
    pub same_as: SameAs,
    pub guidance: Option<f32>,
    pub guidance_rescale: f32,
    #[serde(default, deserialize_with = "known")]
    pub savings: Savings,
    pub seed: u64,
    pub count: u32,
    /// Number and size of the batch.
    #[serde(default)]
    pub batch: Option<(u32, u32)>,
    /// Strength and posterior; the picture is the entry's origin.
    pub init: Option<(f32, Posterior)>,
    /// What is mixed into the noise.
    #[serde(default)]
    pub variation: Option<Variation>,
    /// The mask's coverage, and its feather.
    pub mask: Option<(SizedRecord, f32)>,
    /// What of the picture is worked on, with a mask.
    #[serde(default, deserialize_with = "known")]
    pub fill_area: FillArea,
    /// What only some models are told.
    #[serde(default, deserialize_with = "known")]
    pub conditions: Conditions,
    /// The depth map among them.
    #[serde(default)]
    pub depth: Option<SizedRecord>,
}

/// How a request of an older program was read.
fn as_plain_words() -> PromptStyle {
    PromptStyle::Plain
}

impl RequestRecord {
    fn of(request: &PaintRequest) -> Self {
        Self {
            model: request.model.clone(),
            choices: request.choices.clone(),
            prompt: request.prompt.clone(),
            negative: request.negative.clone(),
            prompt_style: request.prompt_style,
            clip_skip: request.clip_skip,
            size: request.size,
            steps: request.steps,
            sampler: request.sampler,
            schedule: request.schedule,
            eta: request.eta,
            same_as: request.same_as,
            guidance: request.guidance,
            guidance_rescale: request.guidance_rescale,
            savings: request.savings,
            seed: request.seed,
            count: request.count,
            batch: request.batch.map(|part| (part.index, part.of)),
            variation: request.variation,
            conditions: Conditions { depth: None, ..request.conditions.clone() },
            depth: request.conditions.depth.as_ref().map(SizedRecord::of),
            init: request.init.as_ref().map(|init| (init.strength, init.posterior)),
            mask: request
                .mask
                .as_ref()
                .map(|mask| (SizedRecord::of(&mask.coverage), mask.feather_px)),
            fill_area: request.mask.as_ref().map_or(FillArea::Whole, |mask| mask.area),
        }
    }
}

impl EntryRecord {
    /// The tiles of its pictures and its mask.
    pub(super) fn tile_keys(&self) -> impl Iterator<Item = u64> + '_ {
        let mask = self.request.mask.as_ref().map(|(mask, _)| mask);
        let sized = self.picture.iter().chain(&self.origin).chain(mask).chain(&self.request.depth);
        sized.flat_map(|sized| sized.tiles.tiles().map(|(_, key)| key))
    }
}

/// One entry of the strip.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct EntryRecord {
    /// The job it belongs to.
    pub job: u64,
    /// Which picture of the job.
    pub index: u32,
    /// What it is made from.
    pub request: RequestRecord,
    /// Its own seed.
    pub seed: u64,
    /// Finished, stopped, or still to be painted.
    pub stage: StageRecord,
    /// Seconds and preview of each step.
    pub steps: Vec<(f32, Option<u64>)>,
    /// Steps of the whole run.
    pub of: u32,
    /// The finished picture.
    pub picture: Option<SizedRecord>,
    /// Whether it was kept.
    pub kept: bool,
    /// What it started from.
    pub origin: Option<SizedRecord>,
    /// Which picture that was a state of.
    #[serde(default)]
    pub sheet: Option<u64>,
    /// The model's name.
    pub model: String,
    /// How long it took in all.
    pub took_secs: Option<f64>,
}

/// Where an entry stands, as far as that outlives the program.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum StageRecord {
    /// In the queue, or being painted when it was written.
    Waiting,
    /// Painted.
    Finished,
    /// Stopped on the way.
    Stopped,
}

impl StageRecord {
    pub(super) fn of(stage: Stage) -> Self {
        match stage {
            Stage::Waiting | Stage::Running => Self::Waiting,
            Stage::Finished => Self::Finished,
            Stage::Stopped => Self::Stopped,
        }
    }
}

impl EntryRecord {
    pub(super) fn of(entry: &Entry) -> Self {
        // What emerges is on the way; it is written when it has arrived, or stands still.
        let steps = entry.settled_steps();
        Self {
            job: entry.job,
            index: entry.index,
            request: RequestRecord::of(&entry.request),
            seed: entry.seed,
            stage: StageRecord::of(entry.stage),
            steps: steps
                .iter()
                .map(|step| (step.secs, step.preview.as_ref().map(|p| p.key)))
                .collect(),
            of: if steps.is_empty() { 0 } else { entry.of },
            picture: entry.picture.as_ref().map(SizedRecord::of),
            kept: entry.kept,
            origin: entry.origin.as_ref().map(SizedRecord::of),
            sheet: entry.sheet,
            model: entry.model.to_string(),
            took_secs: entry.took_secs,
        }
    }
}

/// The order of the steps.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct HistoryRecord {
    /// Done, oldest first.
    pub done: Vec<u64>,
    /// Undone, the next to redo last.
    pub undone: Vec<u64>,
}

/// One side of a step.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "they are the fields of Moment")]
pub struct StepRecord {
    #[serde(deserialize_with = "known")]
    pub icon: HistoryIcon,
    /// Its name in the text table.
    pub text: String,
    pub document: DocumentRecord,
    pub recipe: String,
    pub entry: Option<u64>,
    pub title: String,
    #[serde(default)]
    pub sheet: u64,
    #[serde(default)]
    pub model: ModelSource,
    pub strength: u32,
    pub strength_before_mask: Option<u32>,
    #[serde(deserialize_with = "known")]
    pub paint: PaintSettings,
    pub kept: Vec<u64>,
    pub binned: Vec<u64>,
    pub shown: Option<u64>,
}

impl StepRecord {
    pub(super) fn of(step: &Step) -> Self {
        let moment = &step.moment;
        let ids = |ids: &[EntryId]| ids.iter().map(|id| id.0).collect();
        Self {
            icon: step.deed.icon,
            text: step.deed.text.name().to_owned(),
            document: DocumentRecord::of(&moment.document),
            recipe: moment.recipe.clone(),
            entry: moment.entry.map(|id| id.0),
            title: moment.title.clone(),
            sheet: moment.sheet,
            model: moment.model.clone(),
            strength: moment.strength,
            strength_before_mask: moment.strength_before_mask,
            paint: moment.paint.clone(),
            kept: ids(&moment.kept),
            binned: ids(&moment.binned),
            shown: moment.shown.map(|id| id.0),
        }
    }

    pub(super) fn into_step(self, id: u64, document: Document) -> Step {
        let ids = |ids: Vec<u64>| ids.into_iter().map(EntryId).collect();
        let text = Text::named(&self.text).unwrap_or(Text::StepUnknown);
        Step {
            id,
            deed: Deed { icon: self.icon, text },
            moment: Moment {
                document,
                recipe: self.recipe,
                entry: self.entry.map(EntryId),
                title: self.title,
                sheet: self.sheet,
                model: self.model,
                strength: self.strength,
                strength_before_mask: self.strength_before_mask,
                paint: self.paint,
                kept: ids(self.kept),
                binned: ids(self.binned),
                shown: self.shown.map(EntryId),
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_newer_programs_choices_cost_nothing_that_stands_beside_them() {
        let desk = r#"{"tool": "Lasso", "prompt": "a fox", "paint": {"sampler": "Newest"}}"#;
        let desk: Desk = serde_json::from_str(desk).unwrap();
        assert_eq!((desk.tool, desk.prompt.as_str()), (Tool::default(), "a fox"));
        let request = RequestRecord::of(&PaintRequest {
            prompt: "a fox".to_owned(),
            sampler: Some(Sampler::Ddim),
            ..PaintRequest::default()
        });
        let mut written = serde_json::to_value(&request).unwrap();
        let there: RequestRecord = serde_json::from_value(written.clone()).unwrap();
        assert_eq!(there, request);
        written["sampler"] = "Newest".into();
        written["same_as"] = "Another".into();
        let there: RequestRecord = serde_json::from_value(written).unwrap();
        assert_eq!((there.sampler, there.prompt.as_str()), (None, "a fox"));
    }
}
