//! What a picture was made from, offered and taken over: in grey in the empty prompt, by a notice,
//! or out of pasted text.
//!
//! Called by [`super::update`] and [`super::events`]; the texts are read in [`super::parameters`].

use std::sync::Arc;

use super::command::Command;
use super::notices::Kind;
use super::parameters::{self, Origin, Reading, Recipe};
use super::state::{AppState, Effect};
use super::words::Text;
use crate::document::codec::RawText;
use crate::engine::protocol::ModelChoices;

/// Entries of the report that a notice has room for.
const REPORTED: usize = 8;
/// Letters of a value that it has room for.
const VALUE: usize = 40;

impl AppState {
    /// Offers what a placed picture says about itself; the notice's action, if it says anything.
    pub(super) fn offer(&mut self, texts: &[RawText]) -> Option<(Text, Command)> {
        let reading = parameters::read(texts).map(Arc::new);
        let own_form = reading
            .as_ref()
            .is_some_and(|reading| matches!(reading.origin, Origin::A1111 | Origin::Pentimento));
        let text = texts.iter().find(|text| own_form && text.keyword == "parameters");
        self.document_recipe = text.map_or_else(String::new, |text| text.text.clone());
        self.offered = reading.clone().filter(|reading| !reading.recipe.prompt.is_empty());
        reading.map(|reading| (Text::ReadSettings, Command::Recipe(reading)))
    }

    /// Offers to read words that were pasted with settings behind them.
    pub(super) fn offer_pasted(&mut self, words: &str) {
        let was_there = self.prompt.contains("Steps: ");
        if was_there || !words.contains("Steps: ") || words.len() < self.prompt.len() + 16 {
            return;
        }
        self.offer_settings(words);
    }

    /// Words were pasted where none can stand, perhaps instead of a picture.
    pub(super) fn paste_words(&mut self, words: &str) {
        if !words.contains("Steps: ") || !self.offer_settings(words) {
            let said = self.lang.get(Text::NothingToPaste).to_owned();
            self.notices.say(self.now, Kind::Info, said, None);
        }
    }

    /// Offers to take over the settings in a text; whether there are some.
    fn offer_settings(&mut self, words: &str) -> bool {
        let reading = parameters::parse(words);
        let found = reading.recipe.steps.is_some() || !reading.unhonoured.is_empty();
        if found {
            let action = (Text::ReadSettings, Command::Recipe(Arc::new(reading)));
            let said = self.lang.get(Text::PastedSettings).to_owned();
            self.notices.say(self.now, Kind::Info, said, Some(action));
        }
        found
    }

    /// Takes words and numbers over and tells what could not be.
    pub(super) fn take_recipe(&mut self, reading: &Reading) {
        let recipe = &reading.recipe;
        self.offered = None;
        self.prompt.clone_from(&recipe.prompt);
        self.negative.clone_from(&recipe.negative);
        self.avoid_open = !self.negative.is_empty();
        let paint = &mut self.settings.paint;
        paint.size = recipe.size.or(paint.size);
        paint.steps = recipe.steps;
        paint.guidance = recipe.guidance;
        paint.guidance_rescale = recipe.guidance_rescale.unwrap_or(0.0);
        paint.savings = recipe.savings;
        paint.prompt_style = recipe.prompt_style.unwrap_or_default();
        paint.clip_skip = recipe.clip_skip.unwrap_or(1);
        paint.sampler = recipe.sampler;
        paint.schedule = recipe.schedule;
        paint.eta = recipe.eta;
        paint.same_as = recipe.same_as.unwrap_or_default();
        paint.seed = recipe.seed.unwrap_or(paint.seed);
        let lacking = self.take_told(recipe);
        if let Some(strength) = recipe.strength.filter(|_| !self.has_mask()) {
            self.strength = ((strength * 100.0).round() as u32).clamp(1, 100);
        }
        self.count_words();
        self.report(reading, lacking.as_deref());
    }

    /// Paints what is offered as it was painted: from words alone unless it says otherwise.
    pub(super) fn paint_offered(&mut self) -> Vec<Effect> {
        let Some(reading) = self.offered.clone() else { return Vec::new() };
        self.take_recipe(&reading);
        if reading.recipe.strength.is_none() && !self.has_mask() {
            self.strength = 100;
        }
        self.paint(Some(1), false, reading.recipe.seed)
    }

    /// Tells what was not taken over; `refiner` is one that is not here.
    fn report(&mut self, reading: &Reading, refiner: Option<&str>) {
        let model = self.model.name().to_owned();
        let mut entries: Vec<String> = Vec::new();
        for entry in &reading.unhonoured {
            if entry.key != "Model" || entry.value != model {
                entries.push(format!("{} {}", entry.key, cut(&entry.value)).trim_end().to_owned());
            }
        }
        entries.extend(refiner.map(|name| format!("Refiner {name}")));
        if let Some(variation) = reading.recipe.variation {
            entries.push(format!("Variation seed {}", variation.seed));
        }
        entries.extend(unlike(&reading.recipe, &self.model.choices));
        if let Some(batch) = reading.recipe.batch {
            entries.push(format!("Batch pos {} of {}", batch.index + 1, batch.of));
        }
        if entries.is_empty() {
            return;
        }
        let (shown, rest) = entries.split_at(entries.len().min(REPORTED));
        let text = if rest.is_empty() { Text::NotTaken } else { Text::NotTakenMore };
        let values = [shown.join(", "), rest.len().to_string()];
        let said = self.lang.fill(text, &values.each_ref().map(String::as_str));
        self.notices.say(self.now, Kind::Info, said, None);
    }
}

/// What a recipe takes otherwise than it is chosen here: like the model, that is the user's choice.
fn unlike(recipe: &Recipe, choices: &ModelChoices) -> Vec<String> {
    let mut entries = Vec::new();
    if let Some(vae) = &recipe.vae {
        let chosen = choices.vae.as_ref().and_then(|path| path.file_name());
        if chosen.is_none_or(|file| file.to_string_lossy() != vae.as_str()) {
            entries.push(format!("VAE {}", cut(vae)));
        }
    }
    if recipe.averaged && !choices.ema {
        entries.push("EMA".to_owned());
    }
    if recipe.few_steps && !choices.few_steps {
        entries.push("Few steps".to_owned());
    }
    if let Some(prediction) = recipe.prediction
        && choices.prediction != Some(prediction)
    {
        entries.push(format!("Prediction {}", prediction.name()));
    }
    if let Some(bits) = recipe.weights
        && bits != choices.weights
    {
        entries.push(format!("Weights {}", bits.name()));
    }
    entries
}

fn cut(value: &str) -> String {
    let line = value.replace('\n', " ");
    match line.char_indices().nth(VALUE) {
        Some((end, _)) => format!("{}…", &line[..end]),
        None => line,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::app::settings::Settings;
    use crate::app::words::Lang;
    use crate::engine::protocol::{ModelChoices, Prediction};

    #[test]
    fn pasted_settings_are_offered_and_other_words_are_answered() {
        let mut state = AppState::new(Settings::default(), Lang::En);
        state.paste_words("a fox\nSteps: 9, Seed: 4, Size: 64x64");
        let offer = &state.notices.list.last().unwrap().offers[0];
        assert!(
            matches!(&offer.command, Command::Recipe(reading) if reading.recipe.steps == Some(9))
        );
        state.paste_words("how many Steps: I wonder");
        assert_eq!(state.notices.list.last().unwrap().text, Lang::En.get(Text::NothingToPaste));
    }

    #[test]
    fn what_is_chosen_here_too_is_not_reported() {
        let text = "x\nSteps: 9, Seed: 4, Size: 64x64, VAE: mse.safetensors, EMA: true, \
            Few steps: true, Prediction: v_prediction, Weights: full";
        let recipe = parameters::parse(text).recipe;
        let entries = unlike(&recipe, &ModelChoices::default());
        assert_eq!(entries, ["VAE mse.safetensors", "EMA", "Few steps", "Prediction v_prediction"]);
        let same = ModelChoices {
            vae: Some("folder/mse.safetensors".into()),
            ema: true,
            few_steps: true,
            prediction: Some(Prediction::V),
            ..ModelChoices::default()
        };
        assert!(unlike(&recipe, &same).is_empty());
        let other = ModelChoices { vae: Some("folder/other.safetensors".into()), ..same };
        assert_eq!(unlike(&recipe, &other), ["VAE mse.safetensors"]);
    }
}
