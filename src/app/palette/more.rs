//! The settings of More that are chosen from a list, so that the command palette finds them: how
//! words are read, savings, what only some models are told, and what is taken otherwise than the
//! model's files have it. As in the panel, each is there only where the model in use has it.

use super::List;
use crate::app::command::Command;
use crate::app::settings::{DEEP_CACHE, PaintSettings, TOKEN_MERGING};
use crate::app::told::{DepthFrom, REFINER_FROM};
use crate::app::words::{Lang, Text};
use crate::engine::protocol::{
    ModelChoices, ModelSource, Prediction, PromptStyle, Refiner, Task, WeightBits,
};

/// Off and on, as a switch has it.
const SWITCH: [(Text, bool); 2] = [(Text::On, true), (Text::Off, false)];

impl List<'_> {
    /// A setting whose value is a word of the window.
    fn paint_word(&mut self, name: Text, value: Text, change: impl Fn(&mut PaintSettings)) {
        self.paint_as(name, &|lang| lang.get(value).to_owned(), change);
    }

    /// A choice about the model in use.
    fn choose(
        &mut self,
        name: Text,
        value: &dyn Fn(Lang) -> String,
        change: impl Fn(&mut ModelChoices),
    ) {
        let mut choices = self.state.model.choices.clone();
        change(&mut choices);
        let on = choices == self.state.model.choices;
        self.setting(name, value, on, Command::Choose(choices));
    }
}

/// Adds them.
pub(super) fn add(list: &mut List<'_>) {
    for style in PromptStyle::ALL {
        list.paint(Text::PromptStyle, style.name(), |paint| paint.prompt_style = style);
    }
    for layer in [1, 2] {
        list.paint(Text::ClipSkip, &layer.to_string(), |paint| paint.clip_skip = layer);
    }
    for (steps, word) in DEEP_CACHE {
        list.paint_word(Text::DeepCache, word, |paint| paint.savings.deep_cache = steps);
    }
    for share in TOKEN_MERGING {
        let say = |lang: Lang| lang.share_or_off(share);
        list.paint_as(Text::TokenMerging, &say, |paint| paint.savings.token_merging = share);
    }
    told(list);
    choices(list);
}

fn told(list: &mut List<'_>) {
    let state = list.state;
    let Some(info) = &state.model.info else { return };
    if info.told_sizes {
        list.paint_word(Text::Refiner, Text::RefinerNone, |paint| paint.told.refiner = None);
        let from = state.settings.paint.told.refiner.as_ref();
        let from = from.map_or(REFINER_FROM, |refiner| refiner.from);
        let rows = state.model_rows().into_iter().filter(|row| row.family.contains("refiner"));
        for row in rows.filter(|row| row.source != info.source) {
            list.paint(Text::Refiner, &row.name, |paint| {
                paint.told.refiner = Some(Refiner { model: row.source.clone(), from });
            });
        }
    }
    if info.task == Task::Depth {
        let ways =
            [(Text::DepthEstimated, DepthFrom::Estimated), (Text::DepthCanvas, DepthFrom::Canvas)];
        for (word, way) in ways {
            list.paint_word(Text::DepthFrom, word, |paint| paint.told.depth = way.clone());
        }
    }
}

fn choices(list: &mut List<'_>) {
    let state = list.state;
    if state.model.info.as_ref().is_some_and(|info| info.few_steps.is_some()) {
        for (text, on) in SWITCH {
            list.choose(Text::FewSteps, &|lang| lang.get(text).to_owned(), |choices| {
                choices.few_steps = on;
            });
        }
    }
    let ModelSource::Path(path) = &state.model.source else { return };
    let word = |text: Text| move |lang: Lang| lang.get(text).to_owned();
    list.choose(Text::Autoencoder, &word(Text::VaeOwn), |choices| choices.vae = None);
    for found in state.library.vaes() {
        list.choose(Text::Autoencoder, &|_| found.name.clone(), |choices| {
            choices.vae = Some(found.path.clone());
        });
    }
    if state.model.choices.ema || state.library.at(path).is_some_and(|found| found.averages) {
        for (text, on) in SWITCH {
            list.choose(Text::Averages, &word(text), |choices| choices.ema = on);
        }
    }
    let own = word(Text::PredictionOwn);
    list.choose(Text::PredictionName, &own, |choices| choices.prediction = None);
    for prediction in Prediction::ALL {
        list.choose(Text::PredictionName, &|_| prediction.name().to_owned(), |choices| {
            choices.prediction = Some(prediction);
        });
    }
    for (text, on) in SWITCH {
        let weights = if on { WeightBits::Eight } else { WeightBits::Full };
        list.choose(Text::ShortWeights, &word(text), |choices| choices.weights = weights);
    }
}
