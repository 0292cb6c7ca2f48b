//! What the command palette finds: every command with its key, the settings, the models and the
//! recent prompts, by fuzzy name in both languages.
//!
//! Asked by `ui::palette`. It only lists; what is chosen is carried out by [`super::update`].

mod more;

use std::borrow::Cow;

use nucleo_matcher::pattern::{AtomKind, CaseMatching, Normalization, Pattern};
use nucleo_matcher::{Config, Matcher, Utf32Str};

use super::command::{Action, Command, ROWS};
use super::settings::{PaintSettings, Preferences, Surround};
use super::state::AppState;
use super::words::{Lang, Text};
use crate::engine::protocol::{SameAs, Sampler, Schedule};

/// What kind of thing a line is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A row of the command table.
    Command,
    /// A setting with a value.
    Setting,
    /// A model.
    Model,
    /// A prompt that was painted.
    Prompt,
}

impl Kind {
    /// Its word.
    #[must_use]
    pub fn word(self) -> Text {
        match self {
            Self::Command => Text::KindCommand,
            Self::Setting => Text::KindSetting,
            Self::Model => Text::Model,
            Self::Prompt => Text::Prompt,
        }
    }
}

/// One line of the palette.
#[derive(Clone, Debug)]
pub struct Item {
    /// What it is.
    pub kind: Kind,
    /// Its words.
    pub label: String,
    /// Its English words, when the window speaks another language.
    pub english: Option<String>,
    /// Its key.
    pub keys: Option<String>,
    /// Why it cannot be chosen now.
    pub obstacle: Option<String>,
    /// Whether it is the choice that is made now.
    pub checked: bool,
    /// What choosing it asks for.
    pub command: Command,
}

/// A list under construction: it says every label in the window's language and in English.
struct List<'a> {
    state: &'a AppState,
    items: Vec<Item>,
}

impl List<'_> {
    fn add(&mut self, kind: Kind, say: &dyn Fn(Lang) -> String, checked: bool, command: Command) {
        let lang = self.state.lang;
        self.items.push(Item {
            kind,
            label: say(lang),
            english: (lang != Lang::En).then(|| say(Lang::En)),
            keys: None,
            obstacle: None,
            checked,
            command,
        });
    }

    /// "Steps: 30".
    fn setting(&mut self, name: Text, value: &dyn Fn(Lang) -> String, on: bool, command: Command) {
        let say = |lang: Lang| lang.fill(Text::SettingValue, &[lang.get(name), &value(lang)]);
        self.add(Kind::Setting, &say, on, command);
    }

    fn paint(&mut self, name: Text, value: &str, change: impl Fn(&mut PaintSettings)) {
        self.paint_as(name, &|_| value.to_owned(), change);
    }

    fn paint_as(
        &mut self,
        name: Text,
        value: &dyn Fn(Lang) -> String,
        change: impl Fn(&mut PaintSettings),
    ) {
        let before = &self.state.settings.paint;
        let mut paint = before.clone();
        change(&mut paint);
        let on = paint == *before;
        self.setting(name, value, on, Command::Paint(paint));
    }

    fn prefer(&mut self, name: Text, value: Text, change: impl Fn(&mut Preferences)) {
        let mut prefer = self.state.settings.prefer.clone();
        change(&mut prefer);
        let on = prefer == self.state.settings.prefer;
        self.setting(name, &|lang| lang.get(value).to_owned(), on, Command::Prefer(prefer));
    }
}

/// Everything that can be found; `query` adds the numbers that stand in it ("steps 35").
#[must_use]
pub fn items(state: &AppState, query: &str) -> Vec<Item> {
    let mut list = List { state, items: Vec::new() };
    commands(&mut list);
    numbers(&mut list, query);
    settings(&mut list);
    for row in state.model_rows() {
        let name = row.name.clone();
        list.add(Kind::Model, &|_| name.clone(), row.in_use, Command::UseModel(row.source));
    }
    for words in &state.settings.recent_prompts {
        list.add(Kind::Prompt, &|_| words.clone(), false, Command::Prompt(words.clone()));
    }
    list.items
}

fn commands(list: &mut List<'_>) {
    let state = list.state;
    // What is in no menu is only a key's or a notice's business.
    for row in ROWS.iter().filter(|row| row.group.is_some() && row.action != Action::Palette) {
        let say = |lang: Lang| lang.get(row.label).to_owned();
        let checked = row.action.checked(state);
        list.add(Kind::Command, &say, checked, Command::Do(row.action));
        if let Some(item) = list.items.last_mut() {
            item.keys = row.action.keys_text(&state.settings.keys);
            item.obstacle = row.action.obstacle(state).map(Cow::into_owned);
        }
    }
}

fn numbers(list: &mut List<'_>, query: &str) {
    let digits = query.rsplit(|c: char| !(c.is_ascii_digit() || c == '.')).next().unwrap_or("");
    if let Ok(number) = digits.parse::<u64>() {
        let small = number.min(u64::from(u32::MAX)) as u32;
        if (1..=150).contains(&small) {
            list.paint(Text::Steps, digits, |paint| paint.steps = Some(small));
        }
        if (1..=8).contains(&small) {
            list.paint(Text::Count, digits, |paint| paint.count = small);
        }
        if (1..=100).contains(&small) {
            let say = |lang: Lang| lang.fill(Text::Percent, &[digits]);
            let on = list.state.strength == small;
            list.setting(Text::Strength, &say, on, Command::Strength(small));
        }
        list.paint(Text::Seed, digits, |paint| {
            paint.seed = number;
            paint.seed_locked = true;
        });
    }
    if let Ok(number) = digits.parse::<f32>()
        && (1.0..=30.0).contains(&number)
    {
        list.paint(Text::Guidance, digits, |paint| paint.guidance = Some(number));
    }
}

fn settings(list: &mut List<'_>) {
    for size in super::scene::SHAPES.map(|shape| list.state.shape_size(shape)) {
        let value = format!("{} × {}", size.0, size.1);
        list.paint(Text::Size, &value, |paint| paint.size = Some(size));
    }
    for steps in [10, 20, 30, 50] {
        list.paint(Text::Steps, &steps.to_string(), |paint| paint.steps = Some(steps));
    }
    for sampler in Sampler::ALL {
        list.paint(Text::Sampler, sampler.name(), |paint| paint.sampler = Some(sampler));
    }
    for schedule in Schedule::ALL {
        list.paint(Text::Schedule, schedule.name(), |paint| paint.schedule = Some(schedule));
    }
    for program in SameAs::ALL {
        list.paint(Text::SameAs, program.name(), |paint| paint.same_as = program);
    }
    more::add(list);
    for surround in Surround::ALL {
        list.prefer(Text::Surround, surround.word(), |prefer| prefer.surround = surround);
    }
    for (word, on) in [(Text::On, true), (Text::Off, false)] {
        list.prefer(Text::AlwaysSharp, word, |prefer| prefer.always_sharp = on);
        list.prefer(Text::PenPressure, word, |prefer| prefer.pen_pressure = on);
        list.prefer(Text::LessMotion, word, |prefer| prefer.less_motion = Some(on));
        list.prefer(Text::Previews, word, |prefer| prefer.previews = on);
        if cfg!(target_os = "linux") {
            list.prefer(Text::Wayland, word, |prefer| prefer.wayland = on);
        }
    }
}

/// Finds lines by fuzzy name.
pub struct Finder {
    matcher: Matcher,
}

impl Default for Finder {
    fn default() -> Self {
        Self { matcher: Matcher::new(Config::DEFAULT) }
    }
}

impl Finder {
    /// The indices of what `query` finds in `names`, best first. An empty query finds all. A line
    /// with several names counts by the best.
    pub fn find<'n>(
        &mut self,
        query: &str,
        names: impl Iterator<Item = [Option<&'n str>; 2]>,
    ) -> Vec<usize> {
        let pattern =
            Pattern::new(query, CaseMatching::Ignore, Normalization::Smart, AtomKind::Fuzzy);
        let mut letters = Vec::new();
        let mut score =
            |name: &str| pattern.score(Utf32Str::new(name, &mut letters), &mut self.matcher);
        let mut found: Vec<(u32, usize)> = names
            .enumerate()
            .filter_map(|(index, names)| {
                let best = names.into_iter().flatten().filter_map(&mut score).max()?;
                Some((best, index))
            })
            .collect();
        // Equals keep the order of the list.
        found.sort_by_key(|(score, _)| std::cmp::Reverse(*score));
        found.into_iter().map(|(_, index)| index).collect()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::app::settings::Settings;
    use crate::app::told::plain_model;
    use crate::engine::protocol::{ModelInfo, ModelSource};

    fn state(lang: Lang) -> AppState {
        let settings = Settings {
            recent_prompts: vec!["a lighthouse at dusk".to_owned()],
            ..Settings::default()
        };
        AppState::new(settings, lang)
    }

    fn first(lang: Lang, query: &str) -> String {
        first_of(&state(lang), query)
    }

    fn first_of(state: &AppState, query: &str) -> String {
        let items = items(state, query);
        let names = items.iter().map(|item| [Some(item.label.as_str()), item.english.as_deref()]);
        let found = Finder::default().find(query, names);
        found.first().map_or_else(String::new, |index| items[*index].label.clone())
    }

    #[test]
    fn finds_by_fuzzy_name() {
        for (query, expected) in [
            ("save as", "Save as…"),
            ("invm", "Invert mask"),
            ("steps 35", "Steps: 35"),
            ("karras", "Schedule: Karras"),
            ("token merging 50", "Token merging: 50 %"),
            ("lighth", "a lighthouse at dusk"),
            ("zzzzqqq", ""),
        ] {
            assert_eq!(first(Lang::En, query), expected, "{query}");
        }
    }

    /// The built-in model has no other autoencoder, and is told no sizes.
    #[test]
    fn what_a_model_does_not_have_is_not_found() {
        let mut state = state(Lang::En);
        assert!(!first_of(&state, "8-bit weights on").starts_with("8-bit"));
        state.model.source = ModelSource::Path("models/a.safetensors".into());
        assert_eq!(first_of(&state, "8-bit weights on"), "8-bit weights: on");
        assert_eq!(first_of(&state, "v_prediction"), "Prediction: v_prediction");
        assert_eq!(first_of(&state, "refiner none"), "");
        let info = ModelInfo { told_sizes: true, ..(*plain_model()).clone() };
        state.model.info = Some(Arc::new(info));
        assert_eq!(first_of(&state, "refiner none"), "Refiner: None");
    }

    #[test]
    fn both_languages_find_in_chinese() {
        assert_eq!(first(Lang::Zh, "反转"), "反转蒙版");
        assert_eq!(first(Lang::Zh, "invert mask"), "反转蒙版");
    }
}
