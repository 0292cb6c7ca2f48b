//! What the settings page, the palette and the keys change about the program itself.
//!
//! Called by [`super::update`].

use super::command::Action;
use super::keys::Keys;
use super::settings::{Preferences, SCALE_RANGE};
use super::state::{AppState, Effect, Over};

/// Percents that the interface grows or shrinks by.
const SCALE_STEP: u32 = 10;

impl AppState {
    /// Takes new preferences over.
    pub fn prefer(&mut self, mut prefer: Preferences) -> Vec<Effect> {
        prefer.scale_percent = prefer.scale_percent.clamp(SCALE_RANGE.0, SCALE_RANGE.1);
        self.settings.prefer = prefer;
        vec![Effect::Look, Effect::Remember]
    }

    /// Makes the interface larger (1), smaller (-1) or as it was (0).
    pub(super) fn scale(&mut self, direction: i32) -> Vec<Effect> {
        let now = self.settings.prefer.scale_percent;
        let scale_percent = match direction {
            0 => 100,
            1.. => now.saturating_add(SCALE_STEP),
            _ => now.saturating_sub(SCALE_STEP),
        };
        self.prefer(Preferences { scale_percent, ..self.settings.prefer.clone() })
    }

    /// Gives a command other keys.
    pub(super) fn bind(&mut self, action: Action, keys: Keys) -> Vec<Effect> {
        self.settings.keys.bind(action, keys);
        vec![Effect::Remember]
    }

    /// Gives one command or all their default keys back.
    pub(super) fn reset_keys(&mut self, action: Option<Action>) -> Vec<Effect> {
        match action {
            Some(action) => self.settings.keys.reset(action),
            None => self.settings.keys.reset_all(),
        }
        vec![Effect::Remember]
    }

    /// Opens what lies over the window; asked for again, it closes.
    pub(super) fn toggle_over(&mut self, over: Over) -> Vec<Effect> {
        self.over = if self.over == Some(over) { None } else { Some(over) };
        vec![Effect::ClosePopups]
    }
}
