//! The prompt's box: its counter, where the model's reading is cut, and weights by keyboard.

use std::sync::Arc;

use egui::{Key, Modifiers};
use egui_kittest::Harness;
use egui_kittest::kittest::Queryable as _;
use pentimento::app::settings::Settings;
use pentimento::engine::protocol::{
    ModelInfo, ModelSource, PromptStyle, Sampler, Schedule, Task, Tokenizer,
};
use pentimento::models::ModelFolder;

use crate::ui::{Window, later_start, until, window_with};

/// A model of whose parts only the tokenizer is real: 30 tokens a chunk.
pub(crate) fn model() -> Arc<ModelInfo> {
    let folder = ModelFolder::open(&ModelSource::BuiltIn).unwrap();
    Arc::new(ModelInfo {
        source: ModelSource::BuiltIn,
        name: "A model".to_owned(),
        family: "Pocket".to_owned(),
        task: Task::Plain,
        told_sizes: false,
        native_size: (64, 64),
        vae_factor: 8,
        latent_channels: 4,
        default_steps: 4,
        default_guidance: 7.0,
        default_sampler: Sampler::Euler,
        default_schedule: Schedule::Trailing,
        few_steps: Some(2),
        examples: Vec::new(),
        tokenizer: Arc::new(Tokenizer::load(&folder, 32).unwrap()),
        weight_bytes: 1,
    })
}

pub(crate) fn window(settings: Settings) -> Harness<'static, Window> {
    let mut harness = window_with(settings, Some(model()));
    until(&mut harness, "the model", |window| window.state().model.info.is_some());
    harness
}

pub(crate) fn typed(harness: &mut Harness<'static, Window>, words: &str) {
    harness.event(egui::Event::Text(words.to_owned()));
    harness.run_steps(2);
}

pub(crate) fn press(harness: &mut Harness<'static, Window>, modifiers: Modifiers, key: Key) {
    harness.key_press_modifiers(modifiers, key);
    harness.run_steps(2);
}

pub(crate) fn prompt<'a>(harness: &'a Harness<'static, Window>) -> &'a str {
    &harness.state().state().prompt
}

#[test]
fn the_counter_counts_and_a_second_chunk_has_its_mark() {
    let mut harness = window(later_start());
    typed(&mut harness, "the (fox:1.3)");
    harness.get_by_label("2/30");
    typed(&mut harness, &" the".repeat(29));
    harness.get_by_label("31/60");
    let words = &harness.state().state().words;
    let text = prompt(&harness);
    assert_eq!(words.marks, [text.len() - 3]);
    assert_eq!((words.chunks, words.lost_from), (2, None));
    typed(&mut harness, " BREAK the");
    harness.get_by_label("61/90");
}

#[test]
fn plain_words_beyond_the_first_chunk_fall_off() {
    let mut settings = later_start();
    settings.paint.prompt_style = PromptStyle::Plain;
    let mut harness = window(settings);
    typed(&mut harness, &"the ".repeat(31));
    harness.get_by_label("31/30");
    assert_eq!(harness.state().state().words.lost_from, Some(120));
}

#[test]
fn weights_change_by_keyboard() {
    let mut harness = window(later_start());
    let (up, down) = (Key::ArrowUp, Key::ArrowDown);
    typed(&mut harness, "a red fox");
    press(&mut harness, Modifiers::COMMAND, up);
    assert_eq!(prompt(&harness), "a red (fox:1.1)");
    press(&mut harness, Modifiers::COMMAND, up);
    assert_eq!(prompt(&harness), "a red (fox:1.2)");
    // The cursor stayed in its word.
    typed(&mut harness, "es");
    assert_eq!(prompt(&harness), "a red (foxes:1.2)");
    for _ in 0..2 {
        press(&mut harness, Modifiers::COMMAND, down);
    }
    assert_eq!(prompt(&harness), "a red foxes");
    press(&mut harness, Modifiers::COMMAND, Key::A);
    for _ in 0..2 {
        press(&mut harness, Modifiers::COMMAND, down);
    }
    assert_eq!(prompt(&harness), "(a red foxes:0.8)");
    typed(&mut harness, "owl");
    assert_eq!(prompt(&harness), "(owl:0.8)", "what was selected stayed so");
    // Far from the words, the prompt's last place counts; in the words to avoid, theirs.
    press(&mut harness, Modifiers::NONE, Key::Escape);
    press(&mut harness, Modifiers::COMMAND, up);
    assert_eq!(prompt(&harness), "(owl:0.9)");
    harness.get_by_label("Avoid…").click();
    harness.run_steps(3);
    typed(&mut harness, "fog");
    // The words to avoid have a counter of their own.
    assert_eq!(harness.state().state().negative_words.room, 30);
    assert!(harness.state().state().negative_words.used > 0);
    press(&mut harness, Modifiers::COMMAND, up);
    let state = harness.state().state();
    assert_eq!((state.negative.as_str(), state.prompt.as_str()), ("(fog:1.1)", "(owl:0.9)"));
}

#[test]
fn a_chinese_prompt_says_what_it_is_painted_as() {
    let mut harness = window(later_start());
    typed(&mut harness, "雪地里的狐狸");
    harness.get_by_label("Painted as: a fox in the snow");
    let counted = harness.state().state().words.used;
    typed(&mut harness, "和骑士");
    harness.get_by_label("Painted as: a fox in the snow · not known: 骑士");
    assert_eq!(harness.state().state().words.used, counted, "the caption's words are counted");
}
