//! The examples above the dock: four prompts that the model does well, and the dice.

use egui::{Align, Layout, Ui, UiBuilder};

use super::Cx;
use super::icons;
use super::tokens::{size, space};
use super::widgets::button;
use crate::app::command::{Action, Command};
use crate::app::examples;
use crate::app::words::Text;

/// Draws the row, centred, as many as fit.
pub fn show(ui: &mut Ui, cx: &mut Cx<'_>) {
    let rect = ui.max_rect();
    let (surround, _) = super::tokens::surround(cx.palette, cx.state.settings.prefer.surround);
    ui.painter().rect_filled(rect, 0, surround);
    let list = cx.state.model.examples().to_vec();
    let prompts: Vec<&str> =
        list.iter().take(examples::CHIPS).map(|example| example.prompt.as_str()).collect();
    let surprise = cx.t(Text::SurpriseMe);
    let measure = |ui: &Ui, text: &str, icon: f32| {
        let font = super::tokens::body();
        let galley = ui.painter().layout_no_wrap(text.to_owned(), font, cx.palette.text_1);
        galley.size().x + 2.0 * space::M + icon
    };
    let dice = measure(ui, surprise, size::ICON + space::XS);
    let mut shown = 0;
    let mut width = dice;
    for prompt in &prompts {
        let with = width + measure(ui, prompt, 0.0) + space::S;
        if with > rect.width() - 2.0 * space::L {
            break;
        }
        width = with;
        shown += 1;
    }
    let row = egui::Rect::from_center_size(
        rect.center() - egui::vec2(0.0, 2.0),
        egui::vec2(width, size::CONTROL),
    );
    let mut row = ui.new_child(
        UiBuilder::new().id_salt("row").max_rect(row).layout(Layout::left_to_right(Align::Center)),
    );
    let obstacle = Action::Surprise.obstacle(cx.state);
    let enabled = obstacle.is_none();
    let lang = cx.lang();
    let tip = |usual| obstacle.clone().unwrap_or(lang.get(usual).into());
    for (index, prompt) in prompts.iter().take(shown).enumerate() {
        let chip = button::chip(&mut row, None, prompt, enabled);
        if chip.on_hover_text(tip(Text::ExampleTip)).clicked() {
            cx.ask(Command::Example(index));
        }
    }
    let chip = button::chip(&mut row, Some(icons::DICE_FIVE), surprise, enabled);
    if chip.on_hover_text(tip(Text::SurpriseTip)).clicked() {
        let keeps = ui.input(|input| input.modifiers.shift);
        cx.act(if keeps { Action::SurpriseRest } else { Action::Surprise });
    }
}
