//! Earlier prompts: remembered when something is painted, walked with Alt+Up and Alt+Down, offered
//! while the prompt is empty.
//!
//! Called by [`super::update`] and [`super::painting`].

use super::state::AppState;

/// Prompts that are remembered.
pub const MOST: usize = 100;
/// Bytes of a prompt that is remembered; a longer one is hardly typed again.
const LONGEST: usize = 4096;

/// A walk through earlier prompts.
#[derive(Clone, Debug)]
pub struct PromptWalk {
    /// Which of the remembered prompts is shown, from the newest.
    pub back: usize,
    /// What stood there before the walk.
    pub draft: String,
}

impl AppState {
    /// Other words stand in the prompt.
    pub fn set_prompt(&mut self, words: String) {
        self.prompt = words;
        self.prompt_walk = None;
        self.count_words();
    }

    /// Remembers a prompt that was painted, newest first, each once.
    pub fn remember_prompt(&mut self, words: &str) {
        self.prompt_walk = None;
        self.typing = None;
        let words = words.trim();
        if words.is_empty() || words.len() > LONGEST {
            return;
        }
        let recent = &mut self.settings.recent_prompts;
        recent.retain(|earlier| earlier != words);
        recent.insert(0, words.to_owned());
        recent.truncate(MOST);
    }

    /// One prompt back in time.
    pub fn earlier_prompt(&mut self) {
        let recent = &self.settings.recent_prompts;
        let (mut back, draft) = match self.prompt_walk.take() {
            Some(walk) => (walk.back + 1, walk.draft),
            None => (0, self.prompt.clone()),
        };
        // What stands in the dock already would look as if the key did nothing.
        if recent.get(back).is_some_and(|words| *words == self.prompt) && back + 1 < recent.len() {
            back += 1;
        }
        let back = back.min(recent.len().saturating_sub(1));
        if let Some(words) = recent.get(back) {
            self.prompt.clone_from(words);
        }
        self.prompt_walk = Some(PromptWalk { back, draft });
        self.count_words();
    }

    /// One prompt on, at the end back to what stood there before the walk.
    pub fn later_prompt(&mut self) {
        let Some(mut walk) = self.prompt_walk.take() else { return };
        if walk.back == 0 {
            self.prompt = walk.draft;
        } else {
            walk.back -= 1;
            if let Some(words) = self.settings.recent_prompts.get(walk.back) {
                self.prompt.clone_from(words);
            }
            self.prompt_walk = Some(walk);
        }
        self.count_words();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::app::settings::Settings;
    use crate::app::words::Lang;

    #[test]
    fn walks_back_and_returns_to_the_draft() {
        let settings = Settings { welcome_painted: true, ..Settings::default() };
        let mut state = AppState::new(settings, Lang::En);
        for words in ["one", "two", " one ", ""] {
            state.remember_prompt(words);
        }
        assert_eq!(state.settings.recent_prompts, ["one", "two"]);
        state.prompt = "draft".to_owned();
        let mut seen = Vec::new();
        for _ in 0..3 {
            state.earlier_prompt();
            seen.push(state.prompt.clone());
        }
        for _ in 0..3 {
            state.later_prompt();
            seen.push(state.prompt.clone());
        }
        assert_eq!(seen, ["one", "two", "two", "one", "draft", "draft"]);
    }

    #[test]
    fn is_bounded() {
        let mut state = AppState::new(Settings::default(), Lang::En);
        for number in 0..300 {
            state.remember_prompt(&number.to_string());
        }
        state.remember_prompt(&"x".repeat(LONGEST + 1));
        assert_eq!(state.settings.recent_prompts.len(), MOST);
        assert_eq!(state.settings.recent_prompts[0], "299");
    }
}
