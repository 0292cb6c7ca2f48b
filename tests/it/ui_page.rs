//! What lies over the window and around it, by label and keyboard: palette, settings page, keys,
//! panel tabs, queue, regions.

use egui::{Key, Modifiers};
use egui_kittest::kittest::Queryable as _;
use pentimento::app::command::Action;
use pentimento::app::keys::plain;
use pentimento::app::settings::{PanelTab, Settings};
use pentimento::app::state::Over;
use pentimento::app::tool::Tool;
use pentimento::app::words::Lang;

use crate::ui::{finished, later_start, paint, until, window};

type Harness = egui_kittest::Harness<'static, crate::ui::Window>;

fn press(harness: &mut Harness, modifiers: Modifiers, key: Key) {
    harness.key_press_modifiers(modifiers, key);
    harness.run_steps(2);
}

fn write(harness: &mut Harness, words: &str) {
    harness.event(egui::Event::Text(words.to_owned()));
    harness.run_steps(2);
}

#[test]
fn the_palette_finds_and_does() {
    let mut harness = window(later_start());
    press(&mut harness, Modifiers::COMMAND, Key::K);
    assert!(harness.get_by_label("Find a command…").is_focused());
    write(&mut harness, "steps 35");
    harness.get_by_label("Steps: 35");
    press(&mut harness, Modifiers::NONE, Key::Enter);
    let state = harness.state().state();
    assert_eq!(state.settings.paint.steps, Some(35));
    assert_eq!(state.over, None);
    assert!(harness.get_by_label("Prompt").is_focused(), "the focus goes back");
    press(&mut harness, Modifiers::COMMAND, Key::K);
    write(&mut harness, "canvas only");
    press(&mut harness, Modifiers::NONE, Key::Escape);
    assert_eq!(harness.state().state().over, None);
    assert!(!harness.state().state().canvas_only);
}

#[test]
fn the_palette_finds_english_in_a_chinese_window() {
    let mut harness = window(Settings { language: Some(Lang::Zh), ..later_start() });
    press(&mut harness, Modifiers::COMMAND, Key::K);
    write(&mut harness, "results strip");
    press(&mut harness, Modifiers::NONE, Key::Enter);
    assert!(!harness.state().state().settings.strip_open);
}

#[test]
fn the_settings_page_changes_and_leaves() {
    let mut harness = window(later_start());
    press(&mut harness, Modifiers::COMMAND, Key::Comma);
    harness.run_steps(20);
    assert_eq!(harness.state().state().over, Some(Over::Settings));
    harness.get_by_label("Always sharp pixels").click();
    harness.run_steps(2);
    assert!(harness.state().state().settings.prefer.always_sharp);
    harness.get_by_label("Search the settings").focus();
    harness.run_steps(2);
    write(&mut harness, "theme");
    assert!(harness.query_by_label("Always sharp pixels").is_none());
    // Esc leaves the field first, then the page.
    press(&mut harness, Modifiers::NONE, Key::Escape);
    assert!(harness.state().state().over.is_some());
    press(&mut harness, Modifiers::NONE, Key::Escape);
    assert_eq!(harness.state().state().over, None);
}

#[test]
fn the_bin_is_emptied_on_the_settings_page() {
    let mut harness = window(later_start());
    paint(&mut harness, "a fox");
    until(&mut harness, "the picture", |window| finished(window) == 1);
    paint(&mut harness, "an owl");
    until(&mut harness, "the second one", |window| finished(window) == 2);
    harness.get_by_label("Discard").click();
    harness.run_steps(2);
    assert_eq!(harness.state().state().bin.len(), 1);
    press(&mut harness, Modifiers::COMMAND, Key::Comma);
    harness.run_steps(20);
    harness.get_by_label("Search the settings").focus();
    harness.run_steps(2);
    write(&mut harness, "discarded");
    harness.get_by_label_contains("1 · ");
    harness.get_by_label("Empty the bin").click();
    harness.run_steps(2);
    let state = harness.state().state();
    assert!(state.bin.is_empty() && state.entries.len() == 1);
    let shown = state.shown;
    assert!(shown.is_some());
    harness.get_by_label("None");
    assert!(harness.query_by_label("Empty the bin").is_none());
    let offers = &harness.state().state().notices.list;
    assert!(offers.is_empty(), "nothing can be brought back: {offers:?}");
    // What is gone for good is not brought back by a step.
    press(&mut harness, Modifiers::NONE, Key::Escape);
    press(&mut harness, Modifiers::NONE, Key::Escape);
    press(&mut harness, Modifiers::COMMAND, Key::Z);
    let state = harness.state().state();
    assert_eq!((state.entries.len(), state.shown), (1, shown));
}

#[test]
fn keys_are_bound_and_a_clash_is_shown_first() {
    let mut harness = window(later_start());
    press(&mut harness, Modifiers::NONE, Key::F1);
    harness.run_steps(20);
    // The list is long: what is looked for comes into sight.
    harness.get_by_label("Search the settings").focus();
    harness.run_steps(2);
    write(&mut harness, "mask");
    harness.get_by_label("Keys of Mask: Q").click();
    harness.run_steps(2);
    press(&mut harness, Modifiers::NONE, Key::H);
    harness.get_by_label("H is taken by: Hand");
    assert_eq!(harness.state().state().tool, Tool::Hand, "a key that is bound does nothing else");
    harness.get_by_label("Use it here").click();
    harness.run_steps(2);
    harness.get_by_label("Keys of Mask: H");
    press(&mut harness, Modifiers::NONE, Key::Escape);
    press(&mut harness, Modifiers::NONE, Key::Escape);
    press(&mut harness, Modifiers::NONE, Key::H);
    assert_eq!(harness.state().state().tool, Tool::Mask);
}

#[test]
fn a_key_right_after_escape_is_not_lost() {
    let mut harness = window(later_start());
    harness.get_by_label("Prompt").focus();
    harness.run_steps(2);
    harness.key_press(Key::Escape);
    harness.key_press(Key::Q);
    harness.run_steps(2);
    assert_eq!(harness.state().state().tool, Tool::Mask);
    assert_eq!(harness.state().state().prompt, "");
}

#[test]
fn earlier_prompts_are_walked_and_offered() {
    let mut harness = window(later_start());
    for words in ["first", "second"] {
        paint(&mut harness, words);
    }
    until(&mut harness, "two results", |shell| finished(shell) == 2);
    press(&mut harness, Modifiers::ALT, Key::ArrowUp);
    assert_eq!(harness.state().state().prompt, "first");
    press(&mut harness, Modifiers::ALT, Key::ArrowDown);
    press(&mut harness, Modifiers::ALT, Key::ArrowDown);
    assert_eq!(harness.state().state().prompt, "second");
    press(&mut harness, Modifiers::COMMAND, Key::A);
    press(&mut harness, Modifiers::NONE, Key::Delete);
    harness.get_by_label("Recent prompts");
    press(&mut harness, Modifiers::NONE, Key::ArrowUp);
    press(&mut harness, Modifiers::NONE, Key::ArrowUp);
    press(&mut harness, Modifiers::NONE, Key::Enter);
    assert_eq!(harness.state().state().prompt, "first");
    assert_eq!(finished(harness.state()), 2, "Enter took the line and painted nothing");
}

#[test]
fn the_panel_has_a_history_and_the_model_a_picker() {
    let mut harness = window(later_start());
    harness.get_by_label("History").click();
    harness.run_steps(2);
    harness.get_by_label("Nothing to undo yet");
    assert_eq!(harness.state().state().settings.panel_tab, PanelTab::History);
    press(&mut harness, Modifiers::COMMAND, Key::K);
    write(&mut harness, "mask the border");
    press(&mut harness, Modifiers::NONE, Key::Escape);
}

#[test]
fn the_queue_is_paused_and_taken_from() {
    let mut harness = window(later_start());
    for words in ["slow one", "two", "three"] {
        paint(&mut harness, words);
    }
    harness.get_by_label("Pause the queue").click();
    harness.step();
    assert!(harness.state().state().jobs.paused);
    until(&mut harness, "the pause", |shell| shell.state().jobs.running.is_none());
    harness.get_by_label("Waiting: slow one");
    harness.get_all_by_label("Take it out of the queue").nth(1).unwrap().click();
    harness.run_steps(2);
    harness.get_by_label("Waiting: three");
    assert!(harness.query_by_label("Waiting: two").is_none());
    assert_eq!(finished(harness.state()), 0);
    harness.get_by_label("Go on with the queue").click();
    until(&mut harness, "the last one", |shell| finished(shell) == 2);
}

#[test]
fn regions_are_walked_and_tab_stays_inside() {
    let mut harness = window(later_start());
    harness.get_by_label("Menu").focus();
    harness.run_steps(2);
    press(&mut harness, Modifiers::SHIFT, Key::Tab);
    assert!(!harness.get_by_label("Menu").is_focused());
    press(&mut harness, Modifiers::NONE, Key::Tab);
    assert!(harness.get_by_label("Menu").is_focused(), "round the bar and back");
    press(&mut harness, Modifiers::NONE, Key::F6);
    assert!(harness.get_by_label("Brush").is_focused());
    press(&mut harness, Modifiers::SHIFT, Key::F6);
    assert!(harness.get_by_label("Menu").is_focused());
    // The canvas alone still says what it is.
    press(&mut harness, Modifiers::NONE, Key::F);
    assert!(harness.query_by_label("Prompt").is_none());
    harness.get_by_label("Empty sheet, 256 by 256");
    press(&mut harness, Modifiers::NONE, Key::F);
    harness.get_by_label("Prompt");
}

#[test]
fn arrows_walk_the_results_from_the_canvas_and_from_the_strip() {
    let mut harness = window(later_start());
    for words in ["one", "two"] {
        paint(&mut harness, words);
    }
    until(&mut harness, "two results", |shell| finished(shell) == 2);
    let ids: Vec<_> = harness.state().state().entries.iter().map(|entry| entry.id).collect();
    press(&mut harness, Modifiers::NONE, Key::Escape);
    // Top bar, tools, canvas.
    for _ in 0..3 {
        press(&mut harness, Modifiers::NONE, Key::F6);
    }
    press(&mut harness, Modifiers::NONE, Key::ArrowLeft);
    assert_eq!(harness.state().state().shown, Some(ids[0]));
    // Result bar, strip.
    for _ in 0..2 {
        press(&mut harness, Modifiers::NONE, Key::F6);
    }
    press(&mut harness, Modifiers::NONE, Key::ArrowRight);
    assert_eq!(harness.state().state().shown, Some(ids[1]));
    // On a thumb Enter shows that one; it keeps nothing.
    press(&mut harness, Modifiers::NONE, Key::Enter);
    assert!(harness.state().state().document.is_empty());
    // The focus has walked along.
    assert_eq!(harness.state().state().shown, Some(ids[1]));
}

#[test]
fn a_bound_letter_is_typed_all_the_same() {
    let mut settings = later_start();
    settings.keys.bind(Action::ToggleStrip, plain("M"));
    let mut harness = window(settings);
    harness.get_by_label("Prompt").focus();
    harness.run_steps(2);
    press(&mut harness, Modifiers::NONE, Key::M);
    assert!(harness.state().state().settings.strip_open);
    // What types nothing acts from there, too.
    press(&mut harness, Modifiers::COMMAND, Key::Num2);
    let state = harness.state().state();
    assert!((state.view.zoom() - 2.0).abs() < 1e-3 && state.prompt.is_empty());
    press(&mut harness, Modifiers::NONE, Key::Escape);
    press(&mut harness, Modifiers::NONE, Key::M);
    assert!(!harness.state().state().settings.strip_open);
}

#[test]
fn half_the_picture_is_masked_by_keyboard() {
    let mut harness = window(later_start());
    paint(&mut harness, "a red fox");
    until(&mut harness, "a result", |shell| finished(shell) == 1);
    press(&mut harness, Modifiers::COMMAND, Key::K);
    write(&mut harness, "mask the left");
    press(&mut harness, Modifiers::NONE, Key::Enter);
    let fraction = harness.state().state().document.mask.fraction();
    assert!((fraction - 0.5).abs() < 1e-3, "{fraction}");
    harness.get_by_label("Fill");
}
