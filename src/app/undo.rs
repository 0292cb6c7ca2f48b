//! Undo and redo of everything that is made by hand: strokes, masks, kept and discarded results,
//! opened pictures, numbers of the panel. Each step holds the moment before it; moments share all
//! pixels that did not change, so a step costs what it changed.
//!
//! [`super::update`] puts a step down after each command that changed something; the history tab
//! reads the steps. What the engine adds by itself (results, previews) is no step and survives every
//! undo. Text fields undo their own words.

use std::collections::VecDeque;

use super::command::{Action, Command};
use super::history::{HistoryIcon, HistoryRow};
use super::jobs::EntryId;
use super::models::Numbers;
use super::settings::PaintSettings;
use super::state::AppState;
use super::told::Told;
use super::tool::Tool;
use super::words::Text;
use crate::document::document::Document;
use crate::engine::protocol::ModelSource;

/// Changes of one control within this time are one step, in seconds.
const COALESCE_SECS: f64 = 1.0;
/// Pixels that old moments may hold beside the present ones, in bytes. Results are not counted:
/// they live on the strip.
const BUDGET: usize = 1 << 30;

/// Everything that undo brings back.
#[derive(Clone, Debug)]
pub struct Moment {
    /// The picture and its mask.
    pub document: Document,
    /// The A1111 text of the picture.
    pub recipe: String,
    /// The entry that the picture was kept from.
    pub entry: Option<EntryId>,
    /// What the document is called.
    pub title: String,
    /// Which picture it is.
    pub sheet: u64,
    /// The model in use, whose numbers the panel has.
    pub model: ModelSource,
    /// Strength in percent.
    pub strength: u32,
    /// Strength before a mask set it to 100.
    pub strength_before_mask: Option<u32>,
    /// The panel's numbers.
    pub paint: PaintSettings,
    /// Entries that were kept.
    pub kept: Vec<EntryId>,
    /// Entries that lay in the bin.
    pub binned: Vec<EntryId>,
    /// What the canvas showed.
    pub shown: Option<EntryId>,
}

impl Moment {
    /// The present.
    #[must_use]
    pub fn of(state: &AppState) -> Self {
        Self {
            document: state.document.clone(),
            recipe: state.document_recipe.clone(),
            entry: state.document_entry,
            title: state.title.clone(),
            sheet: state.sheet,
            model: state.model.source.clone(),
            strength: state.strength,
            strength_before_mask: state.strength_before_mask,
            paint: state.settings.paint.clone(),
            kept: state.entries.iter().filter(|entry| entry.kept).map(|entry| entry.id).collect(),
            binned: state.bin.iter().map(|(_, entry)| entry.id).collect(),
            shown: state.shown,
        }
    }

    /// Whether going from one to the other changes nothing that a step is for.
    fn same(&self, other: &Self) -> bool {
        let keys = |moment: &Self| {
            let document = &moment.document;
            (document.picture_key(), document.mask.key(), document.feather_px.to_bits())
        };
        // Every job notes the seed it used; only a locked one is the user's own.
        let seedless = |paint: &PaintSettings| {
            let seed = if paint.seed_locked { paint.seed } else { 0 };
            PaintSettings { seed, ..paint.clone() }
        };
        keys(self) == keys(other)
            && self.strength == other.strength
            && seedless(&self.paint) == seedless(&other.paint)
            && self.kept == other.kept
            && self.binned == other.binned
    }
}

/// What a step did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Deed {
    /// Its picture in the history.
    pub icon: HistoryIcon,
    /// Its name in the history.
    pub text: Text,
}

impl Deed {
    const fn new(icon: HistoryIcon, text: Text) -> Self {
        Self { icon, text }
    }

    /// A control of the panel was changed.
    #[must_use]
    pub const fn setting(text: Text) -> Self {
        Self::new(HistoryIcon::Setting, text)
    }

    /// A picture came from outside.
    pub const OPEN: Self = Self::new(HistoryIcon::Picture, Text::StepOpened);
    /// The mask's edge was made softer or harder.
    const FEATHER: Self = Self::new(HistoryIcon::Mask, Text::Feather);

    /// What a command is called once it is done; `None` for those that change nothing of this.
    fn of(command: &Command, state: &AppState) -> Option<Self> {
        use HistoryIcon as Icon;
        let deed = |icon, text| Some(Self::new(icon, text));
        match command {
            Command::Do(action) => match action {
                Action::Keep
                | Action::Paint
                | Action::PaintFront
                | Action::PaintFour
                | Action::PaintForever
                | Action::Surprise
                | Action::SurpriseRest
                | Action::Save
                | Action::SaveAs => deed(Icon::Keep, Text::Keep),
                Action::Discard => deed(Icon::Discard, Text::Discard),
                Action::UndoDiscard => deed(Icon::Discard, Text::StepBroughtBack),
                Action::MaskInvert => deed(Icon::Mask, Text::MaskInvert),
                Action::MaskClear => deed(Icon::Mask, Text::MaskClear),
                Action::MaskWhole => deed(Icon::Mask, Text::MaskWhole),
                Action::MaskLeft => deed(Icon::Mask, Text::MaskLeft),
                Action::MaskRight => deed(Icon::Mask, Text::MaskRight),
                Action::MaskTop => deed(Icon::Mask, Text::MaskTop),
                Action::MaskBottom => deed(Icon::Mask, Text::MaskBottom),
                Action::MaskCentre => deed(Icon::Mask, Text::MaskCentre),
                Action::MaskBorder => deed(Icon::Mask, Text::MaskBorder),
                _ => None,
            },
            Command::StrokeBegan(_) => match state.tool {
                Tool::Brush => deed(Icon::Brush, Text::ToolBrush),
                Tool::Eraser => deed(Icon::Eraser, Text::ToolEraser),
                _ => deed(Icon::Mask, Text::StepMaskStroke),
            },
            Command::Feather(_) => Some(Deed::FEATHER),
            Command::Strength(_) => deed(Icon::Setting, Text::Strength),
            Command::Paint(paint) => {
                deed(Icon::Setting, changed_number(&state.settings.paint, paint))
            }
            Command::UseSettings(_) | Command::Recipe(_) => {
                deed(Icon::Setting, Text::StepTookSettings)
            }
            Command::KeepEntry(_) => deed(Icon::Keep, Text::Keep),
            Command::DiscardEntry(_) => deed(Icon::Discard, Text::Discard),
            _ => None,
        }
    }
}

/// The panel's control that makes the difference.
fn changed_number(old: &PaintSettings, new: &PaintSettings) -> Text {
    if old.size != new.size {
        Text::Size
    } else if old.count != new.count {
        Text::Count
    } else if old.steps != new.steps {
        Text::Steps
    } else if old.guidance != new.guidance {
        Text::Guidance
    } else if old.sampler != new.sampler {
        Text::Sampler
    } else if old.schedule != new.schedule {
        Text::Schedule
    } else if old.eta != new.eta {
        Text::Eta
    } else if old.same_as != new.same_as {
        Text::SameAs
    } else if old.guidance_rescale != new.guidance_rescale {
        Text::Rescale
    } else if old.savings.guidance_interval != new.savings.guidance_interval {
        Text::GuidanceInterval
    } else if old.savings.deep_cache != new.savings.deep_cache {
        Text::DeepCache
    } else if old.savings.token_merging != new.savings.token_merging {
        Text::TokenMerging
    } else if old.clip_skip != new.clip_skip {
        Text::ClipSkip
    } else if old.prompt_style != new.prompt_style {
        Text::PromptStyle
    } else if old.told != new.told {
        changed_told(&old.told, &new.told)
    } else {
        Text::Seed
    }
}

fn changed_told(old: &Told, new: &Told) -> Text {
    if old.refiner != new.refiner {
        Text::Refiner
    } else if old.depth != new.depth {
        Text::DepthFrom
    } else if old.picture_guidance != new.picture_guidance {
        Text::PictureGuidance
    } else if old.original_size != new.original_size {
        Text::OriginalSize
    } else if old.crop != new.crop {
        Text::Crop
    } else {
        Text::TargetSize
    }
}

/// A step and the moment on its other side: before it for those done, after it for those undone.
#[derive(Clone, Debug)]
pub struct Step {
    /// Never used twice in a document's life, so that the journal can name it.
    pub id: u64,
    /// What it did.
    pub deed: Deed,
    /// The other side.
    pub moment: Moment,
}

/// All steps.
#[derive(Clone, Debug, Default)]
pub struct Undo {
    /// Done, oldest first; each with the moment before it.
    pub done: VecDeque<Step>,
    /// Undone, the next to redo last; each with the moment after it.
    pub undone: Vec<Step>,
    /// The stroke that is being drawn.
    begun: Option<(Deed, Moment)>,
    /// When the newest step was put down, in seconds of the window's clock.
    newest_at: f64,
    last_id: u64,
}

impl Undo {
    /// Steps from an earlier run of the program.
    #[must_use]
    pub fn restored(done: VecDeque<Step>, undone: Vec<Step>) -> Self {
        let last_id = done.iter().chain(&undone).map(|step| step.id).max().unwrap_or(0);
        Self { done, undone, last_id, newest_at: f64::NEG_INFINITY, begun: None }
    }

    /// Lets the oldest steps go until the rest fits.
    fn trim(&mut self, present: &Moment) {
        let mut bytes: usize = 0;
        let mut next = &present.document;
        let mut fitting = 0;
        for step in self.done.iter().rev() {
            bytes = bytes.saturating_add(step.moment.document.bytes_apart(next));
            if bytes > BUDGET {
                break;
            }
            fitting += 1;
            next = &step.moment.document;
        }
        let excess = self.done.len() - fitting;
        self.done.drain(..excess);
    }
}

/// What [`AppState::begin_step`] noted.
pub struct Begun(Option<(Deed, Moment)>);

impl AppState {
    /// Notes the present before a command is carried out.
    pub fn begin_step(&mut self, command: &Command) -> Begun {
        let begun = Deed::of(command, self).map(|deed| (deed, Moment::of(self)));
        if matches!(command, Command::StrokeBegan(_)) {
            self.undo.begun = begun;
            return Begun(None);
        }
        let may_end = matches!(
            command,
            Command::StrokeEnded | Command::StrokeCancelled | Command::Do(Action::LeaveOrStop)
        );
        if may_end {
            return Begun(self.undo.begun.take());
        }
        Begun(begun)
    }

    /// Puts a step down if the command changed something.
    pub fn end_step(&mut self, begun: Begun) {
        if let Begun(Some((deed, before))) = begun {
            if self.stroking {
                // What is done during a stroke belongs to the stroke's own step.
                self.undo.begun.get_or_insert((deed, before));
            } else {
                self.put_step(deed, before);
            }
        }
    }

    /// Puts a step down unless nothing changed since `before`.
    pub fn put_step(&mut self, deed: Deed, before: Moment) {
        let present = Moment::of(self);
        if before.same(&present) {
            return;
        }
        let undo = &mut self.undo;
        undo.undone.clear();
        let again = undo.done.back().is_some_and(|step| step.deed == deed)
            && (deed.icon == HistoryIcon::Setting || deed == Deed::FEATHER)
            && self.now - undo.newest_at < COALESCE_SECS;
        undo.newest_at = self.now;
        if !again {
            undo.last_id += 1;
            undo.done.push_back(Step { id: undo.last_id, deed, moment: before });
            undo.trim(&present);
        }
    }

    /// Goes one step back.
    pub fn undo(&mut self) {
        if let Some(step) = self.undo.done.pop_back() {
            let after = self.exchange(step.moment);
            self.undo.undone.push(Step { moment: after, ..step });
        }
    }

    /// Goes one step forward again.
    pub fn redo(&mut self) {
        if let Some(step) = self.undo.undone.pop() {
            let before = self.exchange(step.moment);
            self.undo.done.push_back(Step { moment: before, ..step });
        }
    }

    /// Goes back to before a step, if it is still there.
    pub fn undo_step(&mut self, id: u64) {
        if let Some(row) = self.undo.done.iter().position(|step| step.id == id) {
            self.jump(row);
        }
    }

    /// Goes to a row of the history: 0 is before every step.
    pub fn jump(&mut self, row: usize) {
        while self.undo.done.len() > row {
            self.undo();
        }
        while self.undo.done.len() < row && !self.undo.undone.is_empty() {
            self.redo();
        }
    }

    /// Makes a moment the present; returns the one that was.
    fn exchange(&mut self, moment: Moment) -> Moment {
        let was = Moment::of(self);
        let seed = self.settings.paint.seed;
        self.document = moment.document;
        self.document_recipe = moment.recipe;
        self.document_entry = moment.entry;
        self.title = moment.title;
        self.sheet = moment.sheet;
        self.strength = moment.strength;
        self.strength_before_mask = moment.strength_before_mask;
        let numbers = Numbers::of(&self.settings.paint);
        self.settings.paint = moment.paint;
        if moment.model != self.model.source {
            // Another model's numbers are not this one's.
            self.settings.paint = numbers.put_into(&self.settings.paint);
        }
        if !self.settings.paint.seed_locked {
            self.settings.paint.seed = seed;
        }
        self.settings.feather_px = self.document.feather_px;
        self.unsaved = true;
        self.empty_bin_to(&moment.binned);
        for entry in &mut self.entries {
            entry.kept = moment.kept.contains(&entry.id);
        }
        // One that was emptied out of the bin cannot be shown again: then what is shown stays.
        let there = |id: &EntryId| self.entry(*id).is_some();
        let gone = moment.shown.is_some_and(|id| !there(&id));
        let shown = if gone { self.shown } else { moment.shown };
        self.show(shown.filter(there));
        self.undo.newest_at = f64::NEG_INFINITY;
        was
    }

    /// Brings entries back to the strip or takes them off, until exactly those lie in the bin.
    fn empty_bin_to(&mut self, binned: &[EntryId]) {
        let mut at = self.bin.len();
        // The newest first: each place is counted on the strip as the later ones left it.
        while at > 0 {
            at -= 1;
            if !binned.contains(&self.bin[at].1.id) {
                let (place, entry) = self.bin.remove(at);
                self.entries.insert(place.min(self.entries.len()), entry);
            }
        }
        for id in binned {
            if let Some(place) = self.entries.iter().position(|entry| entry.id == *id) {
                let entry = self.entries.remove(place);
                self.bin.push((place, entry));
            }
        }
    }

    /// Whether there is a step to undo.
    #[must_use]
    pub fn can_undo(&self) -> bool {
        !self.undo.done.is_empty() && !self.stroking
    }

    /// Whether there is a step to redo.
    #[must_use]
    pub fn can_redo(&self) -> bool {
        !self.undo.undone.is_empty() && !self.stroking
    }

    /// The steps, old to new, for the history tab; the first row is before them all.
    #[must_use]
    pub fn history_rows(&self) -> Vec<HistoryRow> {
        let (done, undone) = (&self.undo.done, &self.undo.undone);
        if done.is_empty() && undone.is_empty() {
            return Vec::new();
        }
        let begin = Deed::new(HistoryIcon::Picture, Text::StepBeginning);
        let deeds = done.iter().chain(undone.iter().rev()).map(|step| step.deed);
        std::iter::once(begin)
            .chain(deeds)
            .enumerate()
            .map(|(at, deed)| HistoryRow {
                icon: deed.icon,
                text: self.lang.get(deed.text).to_owned(),
                present: at == done.len(),
            })
            .collect()
    }
}

#[cfg(test)]
mod tests;
