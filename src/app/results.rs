//! The results: which one is shown, keeping, discarding and walking through them.
//!
//! Called by [`super::update`]. Looking never keeps; touching does.

use super::command::{Action, Command};
use super::jobs::{Entry, EntryId, Stage};
use super::notices::Kind;
use super::parameters::infotext;
use super::state::AppState;
use super::words::Text;

impl AppState {
    /// An entry by its name.
    #[must_use]
    pub fn entry(&self, id: EntryId) -> Option<&Entry> {
        self.entries.iter().find(|entry| entry.id == id)
    }

    /// An entry by its name, to change it.
    pub fn entry_mut(&mut self, id: EntryId) -> Option<&mut Entry> {
        self.entries.iter_mut().find(|entry| entry.id == id)
    }

    /// The entry on the canvas.
    #[must_use]
    pub fn shown_entry(&self) -> Option<&Entry> {
        self.shown.and_then(|id| self.entry(id))
    }

    /// Shows an entry, or the document.
    pub fn show(&mut self, shown: Option<EntryId>) {
        self.shown = shown;
        self.scrub = None;
        self.pinned = None;
        self.compare = false;
    }

    /// Shows what the user picked: from now on new results do not push it away until the next Paint.
    pub fn pick(&mut self, id: EntryId) {
        self.show(Some(id));
        self.follow = self.entry(id).is_some_and(|entry| entry.stage == Stage::Running);
    }

    /// Makes the shown result the document. Whether there is a document picture afterwards.
    pub fn keep_shown(&mut self) -> bool {
        let Some(entry) = self.shown_entry() else { return !self.document.is_empty() };
        if entry.kept && self.document_entry == Some(entry.id) {
            return true;
        }
        let Some(picture) = entry.picture.clone() else { return !self.document.is_empty() };
        let (id, sheet) = (entry.id, entry.sheet);
        let recipe = infotext(&entry.request.alone(entry.index), picture.size(), &entry.model);
        let title = entry.words().to_owned();
        self.document.replace_picture(picture);
        self.document_recipe = recipe;
        self.document_entry = Some(id);
        self.title = title;
        match sheet {
            Some(sheet) => self.sheet = sheet,
            None => self.begin_sheet(),
        }
        self.unsaved = true;
        if let Some(entry) = self.entry_mut(id) {
            entry.kept = true;
        }
        true
    }

    /// Takes an entry off the strip; it can be brought back.
    pub fn discard(&mut self, id: EntryId) {
        let Some(at) = self.entries.iter().position(|entry| entry.id == id) else { return };
        if matches!(self.entries[at].stage, Stage::Waiting | Stage::Running) {
            return;
        }
        let entry = self.entries.remove(at);
        if self.shown == Some(id) {
            let next = self.neighbour_of(at);
            self.show(if self.document.is_empty() { next } else { self.kept_entry() });
        }
        self.bin.push((at, entry));
        let words = self.lang.get(Text::DiscardedOne).to_owned();
        let undo = (Text::Undo, Command::Do(Action::UndoDiscard));
        self.notices.say(self.now, Kind::Info, words, Some(undo));
    }

    /// The entry that the document came from if it is still there, else none: the document itself.
    fn kept_entry(&self) -> Option<EntryId> {
        self.document_entry.filter(|id| self.entry(*id).is_some())
    }

    fn neighbour_of(&self, at: usize) -> Option<EntryId> {
        let earlier = self.entries[..at.min(self.entries.len())].iter().rev();
        let later = self.entries.iter().skip(at);
        earlier.chain(later).find(|entry| entry.stage == Stage::Finished).map(|entry| entry.id)
    }

    /// Brings back what was discarded last.
    pub fn undo_discard(&mut self) {
        if let Some((at, entry)) = self.bin.pop() {
            let id = entry.id;
            self.entries.insert(at.min(self.entries.len()), entry);
            self.show(Some(id));
            self.notices.retract(self.lang.get(Text::DiscardedOne));
        }
    }

    /// Forgets for good what was discarded.
    pub fn empty_bin(&mut self) {
        self.bin.clear();
        self.notices.retract(self.lang.get(Text::DiscardedOne));
    }

    /// Bytes of pixels that the discarded pictures hold, on the disk and partly in memory; fewer where
    /// they share tiles.
    #[must_use]
    pub fn bin_bytes(&self) -> usize {
        let bytes = |entry: &Entry| {
            let previews = entry.steps.iter().filter_map(|step| step.preview.as_ref());
            previews.map(|preview| preview.picture.rgba.len()).sum::<usize>()
                + entry.picture.as_ref().map_or(0, |picture| picture.bytes_apart(None))
        };
        self.bin.iter().map(|(_, entry)| bytes(entry)).sum()
    }

    /// Walks to the previous (-1) or next (+1) result that has something to show.
    pub fn walk(&mut self, by: isize) {
        let visible: Vec<EntryId> = self
            .entries
            .iter()
            .filter(|entry| entry.stage != Stage::Waiting)
            .map(|entry| entry.id)
            .collect();
        let Some(last) = visible.len().checked_sub(1) else { return };
        let now = self.shown.and_then(|id| visible.iter().position(|other| *other == id));
        let to = match now {
            Some(at) => at.saturating_add_signed(by).min(last),
            None => last,
        };
        self.pick(visible[to]);
    }
}
