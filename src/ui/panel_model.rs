//! The rows of More that are about the model in use: another autoencoder, averaged weights, what it
//! predicts, weights in 8 bits, its form for few steps, and the way back to its own numbers.

use std::path::PathBuf;

use egui::Ui;

use super::Cx;
use super::panel::{Change, label};
use super::panel_more::choice;
use super::tokens::space;
use super::widgets::{button, toggle};
use crate::app::command::Command;
use crate::app::models::Numbers;
use crate::app::settings::PaintSettings;
use crate::app::words::Text;
use crate::engine::protocol::{ModelChoices, ModelSource, Prediction, WeightBits};
use crate::files::Wish;

/// What a row of the autoencoders means.
#[derive(Clone, Copy, PartialEq)]
enum Vae {
    Own,
    /// One of the list.
    Of(usize),
    /// A file that is still to be chosen.
    Other,
}

/// Draws the rows.
pub(super) fn show(ui: &mut Ui, cx: &mut Cx<'_>, paint: &mut PaintSettings) {
    few_steps(ui, cx);
    if let ModelSource::Path(path) = &cx.state.model.source {
        let before = &cx.state.model.choices;
        let mut choices = before.clone();
        let averages = cx.state.library.at(path).is_some_and(|found| found.averages);
        let other = vae(ui, cx, &mut choices);
        if averages || choices.ema {
            ema(ui, cx, &mut choices);
        }
        prediction(ui, cx, &mut choices);
        short_weights(ui, cx, &mut choices);
        if choices != *before {
            cx.ask(Command::Choose(choices));
        }
        if other {
            cx.ask(Command::ChooseFile(Wish::Vae));
        }
    }
    if Numbers::of(paint) != Numbers::default() {
        ui.horizontal(|ui| {
            ui.add_space(-space::S);
            if button::word(ui, None, cx.t(Text::ModelOwnNumbers), true, true).clicked() {
                *paint = Numbers::default().put_into(paint);
            }
        });
    }
}

/// The autoencoder's row; whether a file is to be asked for.
fn vae(ui: &mut Ui, cx: &Cx<'_>, choices: &mut ModelChoices) -> bool {
    let mut known: Vec<(PathBuf, String)> =
        cx.state.library.vaes().map(|found| (found.path.clone(), found.name.clone())).collect();
    if let Some(chosen) =
        choices.vae.clone().filter(|path| known.iter().all(|(one, _)| one != path))
    {
        let name = chosen.file_stem().map(|name| name.to_string_lossy().into_owned());
        known.push((chosen, name.unwrap_or_default()));
    }
    let at = choices.vae.as_ref().and_then(|path| known.iter().position(|(one, _)| one == path));
    let own = [(Vae::Own, cx.t(Text::VaeOwn))].into_iter();
    let listed = known.iter().enumerate().map(|(index, (_, name))| (Vae::Of(index), name.as_str()));
    let names: Vec<(Vae, &str)> =
        own.chain(listed).chain([(Vae::Other, cx.t(Text::VaeFile))]).collect();
    let now = at.map_or(Vae::Own, Vae::Of);
    match choice(ui, cx, Text::Autoencoder, &names, now, Some(Vae::Own)) {
        Some(Change::ModelsOwn | Change::To(Vae::Own)) => choices.vae = None,
        Some(Change::To(Vae::Of(index))) => {
            choices.vae = known.get(index).map(|(path, _)| path.clone());
        }
        Some(Change::To(Vae::Other)) => return true,
        None => {}
    }
    false
}

fn ema(ui: &mut Ui, cx: &Cx<'_>, choices: &mut ModelChoices) {
    choices.ema = switch(ui, cx, Text::Averages, cx.t(Text::AveragesTip), choices.ema);
}

fn short_weights(ui: &mut Ui, cx: &Cx<'_>, choices: &mut ModelChoices) {
    let short = choices.weights == WeightBits::Eight;
    let short = switch(ui, cx, Text::ShortWeights, cx.t(Text::ShortWeightsTip), short);
    choices.weights = if short { WeightBits::Eight } else { WeightBits::Full };
}

fn few_steps(ui: &mut Ui, cx: &mut Cx<'_>) {
    let Some(few) = cx.state.model.info.as_ref().and_then(|info| info.few_steps) else { return };
    let choices = &cx.state.model.choices;
    let tip = cx.lang().fill(Text::FewStepsTip, &[&few.to_string()]);
    let few_steps = switch(ui, cx, Text::FewSteps, &tip, choices.few_steps);
    if few_steps != choices.few_steps {
        cx.ask(Command::Choose(ModelChoices { few_steps, ..choices.clone() }));
    }
}

/// A row with a switch that is usually off; where it stands now.
fn switch(ui: &mut Ui, cx: &Cx<'_>, text: Text, tip: &str, on: bool) -> bool {
    let mut now = on;
    ui.horizontal(|ui| {
        ui.spacing_mut().item_spacing.x = 0.0;
        let off = on.then(|| cx.t(Text::Off));
        if label(ui, cx, text, off) {
            now = false;
        }
        if toggle::show(ui, cx.t(text), on).on_hover_text(tip).clicked() {
            now = !on;
        }
    });
    now
}

fn prediction(ui: &mut Ui, cx: &Cx<'_>, choices: &mut ModelChoices) {
    let own = [(None, cx.t(Text::PredictionOwn))].into_iter();
    let names: Vec<(Option<Prediction>, &str)> =
        own.chain(Prediction::ALL.map(|one| (Some(one), one.name()))).collect();
    let changed = choice(ui, cx, Text::PredictionName, &names, choices.prediction, Some(None));
    if let Some(changed) = changed {
        choices.prediction = changed.or_models_own().flatten();
    }
}
