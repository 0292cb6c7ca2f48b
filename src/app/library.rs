//! The models that lie in watched folders, as the scan tells them.
//!
//! Called by the shell and [`super::update`]; the picker and the settings page read it. The folders
//! themselves are read by [`crate::files::scan`].

use std::path::{Path, PathBuf};

use super::state::{AppState, Effect};
use crate::files::scan::Scanned;
use crate::models::find::{Found, Kind, Outcome};

/// Folders that are watched, at most.
const MOST: usize = 50;

/// What the last search found.
#[derive(Clone, Debug, Default)]
pub struct Library {
    /// Models and autoencoders, with what could not be read.
    pub outcome: Outcome,
    /// Whether a search is under way.
    pub looking: bool,
    /// Whether one was ended: what is looked through again is not announced.
    pub looked: bool,
}

impl Library {
    /// The models, those that cannot be read too.
    pub fn models(&self) -> impl Iterator<Item = &Found> {
        self.outcome.found.iter().filter(|found| found.kind == Kind::Model)
    }

    /// The autoencoders that can be chosen.
    pub fn vaes(&self) -> impl Iterator<Item = &Found> {
        let of_use = |found: &&Found| found.kind == Kind::Vae && found.trouble.is_none();
        self.outcome.found.iter().filter(of_use)
    }

    /// What was found at a path.
    #[must_use]
    pub fn at(&self, path: &Path) -> Option<&Found> {
        self.outcome.found.iter().find(|found| found.path == path)
    }

    /// Why a watched folder cannot be listed.
    #[must_use]
    pub fn unreadable(&self, folder: &Path) -> Option<&str> {
        let found = self.outcome.unreadable.iter().find(|(path, _)| path == folder);
        found.map(|(_, reason)| reason.as_str())
    }
}

impl AppState {
    /// Has the folders looked through.
    pub fn look_for_models(&mut self) -> Vec<Effect> {
        self.library.looking = true;
        vec![Effect::Scan(self.settings.watched.clone())]
    }

    /// Brings in what a search found.
    pub fn scanned(&mut self, scanned: Scanned) {
        // What was there before stays until the new search is done.
        if scanned.done || self.library.outcome.found.is_empty() {
            self.library.outcome = scanned.outcome;
        }
        self.library.looking &= !scanned.done;
        self.library.looked |= scanned.done;
    }

    /// Watches a folder from now on.
    pub fn watch(&mut self, folder: PathBuf) -> Vec<Effect> {
        let watched = &mut self.settings.watched;
        if !watched.contains(&folder) && watched.len() < MOST {
            watched.push(folder);
        }
        let mut effects = self.look_for_models();
        effects.push(Effect::Remember);
        effects
    }

    /// Watches a folder no longer; nothing on the disk changes.
    pub fn unwatch(&mut self, folder: &Path) -> Vec<Effect> {
        self.settings.watched.retain(|watched| watched != folder);
        let mut effects = self.look_for_models();
        effects.push(Effect::Remember);
        effects
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::app::settings::Settings;
    use crate::app::words::Lang;

    #[test]
    fn folders_are_watched_once_and_an_old_list_stays_until_the_new_one_is_done() {
        let mut state = AppState::new(Settings::default(), Lang::En);
        let folder = PathBuf::from("models");
        for _ in 0..2 {
            let effects = state.watch(folder.clone());
            assert!(matches!(&effects[0], Effect::Scan(roots) if *roots == [folder.clone()]));
        }
        let found = |name: &str| Found {
            path: folder.join(name),
            kind: Kind::Model,
            name: name.to_owned(),
            family: String::new(),
            bytes: 1,
            averages: false,
            repo: None,
            trouble: None,
        };
        let outcome = |names: &[&str]| Outcome {
            found: names.iter().map(|name| found(name)).collect(),
            ..Outcome::default()
        };
        state.scanned(Scanned { outcome: outcome(&["a", "b"]), done: true });
        assert!(!state.library.looking);
        state.look_for_models();
        state.scanned(Scanned { outcome: outcome(&["a"]), done: false });
        assert_eq!(state.library.models().count(), 2);
        assert_eq!(state.model_rows().len(), 3);
        state.scanned(Scanned { outcome: outcome(&["a"]), done: true });
        assert_eq!(state.model_rows().len(), 2);
        assert!(matches!(&state.unwatch(&folder)[0], Effect::Scan(roots) if roots.is_empty()));
    }
}
