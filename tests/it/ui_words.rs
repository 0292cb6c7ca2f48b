//! Words of the built-in model in the prompt's box: completion by keyboard and pointer, and marks
//! under what it does not know.

use egui::{Key, Modifiers};
use egui_kittest::Harness;
use egui_kittest::kittest::{NodeT as _, Queryable as _};
use pentimento::app::settings::Settings;
use pentimento::app::words::Lang;
use pentimento::engine::protocol::ModelSource;
use pentimento::models::lexicon::object_count;

use crate::ui::{Window, finished, later_start, until};
use crate::ui_prompt::{press, prompt, typed, window};

const LIST: &str = "Words that the model knows";

fn is_open(harness: &Harness<'static, Window>) -> bool {
    harness.query_by_label(LIST).is_some()
}

/// Rows of the list, in their order on the screen.
fn rows(harness: &Harness<'static, Window>) -> Vec<String> {
    let list = harness.get_by_label(LIST);
    list.children_recursive().filter_map(|node| node.accesskit_node().label()).collect()
}

fn key(harness: &mut Harness<'static, Window>, key: Key) {
    press(harness, Modifiers::NONE, key);
}

#[test]
fn tab_takes_the_best_word_and_typing_goes_on_behind_it() {
    let mut harness = window(later_start());
    typed(&mut harness, "a p");
    assert!(!is_open(&harness), "one letter is not enough");
    typed(&mut harness, "engu");
    assert_eq!(rows(&harness), ["penguin"]);
    key(&mut harness, Key::Tab);
    assert_eq!(prompt(&harness), "a penguin");
    assert!(!is_open(&harness));
    assert!(harness.get_by_label("Prompt").is_focused());
    typed(&mut harness, " and an ice cre");
    key(&mut harness, Key::Tab);
    assert_eq!(prompt(&harness), "a penguin and an ice cream cone");
    typed(&mut harness, "s in the sno");
    key(&mut harness, Key::Tab);
    assert_eq!(prompt(&harness), "a penguin and an ice cream cones in the snow");
    assert!(harness.state().state().entries.is_empty(), "nothing was painted");
}

#[test]
fn enter_takes_only_what_the_arrows_chose() {
    let mut harness = window(later_start());
    typed(&mut harness, "a ca");
    let list = rows(&harness);
    assert!(list.len() > 4, "{list:?}");
    // The list lies above the prompt, the best next to the word.
    assert_eq!(list.last().unwrap(), "cat");
    for arrow in [Key::ArrowUp, Key::ArrowUp, Key::ArrowDown] {
        key(&mut harness, arrow);
    }
    assert!(is_open(&harness) && prompt(&harness) == "a ca");
    key(&mut harness, Key::Enter);
    assert_eq!(prompt(&harness), "a cat");
    assert!(harness.state().state().entries.is_empty(), "Enter took the word");
    key(&mut harness, Key::Enter);
    until(&mut harness, "a picture", |shell| finished(shell) == 1);
    assert_eq!(harness.state().state().entries[0].request.prompt, "a cat");
    // With nothing chosen, Enter paints what stands there.
    typed(&mut harness, " pengu");
    assert!(is_open(&harness));
    key(&mut harness, Key::Enter);
    until(&mut harness, "another picture", |shell| finished(shell) == 2);
    assert_eq!(harness.state().state().entries[1].request.prompt, "a cat pengu");
    assert!(!is_open(&harness));
    // So it does with Ctrl, whatever is chosen.
    typed(&mut harness, "in snowm");
    key(&mut harness, Key::ArrowUp);
    assert!(is_open(&harness));
    press(&mut harness, Modifiers::COMMAND, Key::Enter);
    until(&mut harness, "a third picture", |shell| finished(shell) == 3);
    assert!(!is_open(&harness));
}

#[test]
fn escape_closes_the_list_before_it_leaves_the_field() {
    let mut harness = window(later_start());
    typed(&mut harness, "pengu");
    key(&mut harness, Key::Escape);
    assert!(!is_open(&harness));
    assert!(harness.get_by_label("Prompt").is_focused());
    // The cursor is where it was.
    typed(&mut harness, "i");
    assert_eq!(prompt(&harness), "pengui");
    assert!(is_open(&harness), "a new letter opens it again");
    key(&mut harness, Key::Escape);
    key(&mut harness, Key::Escape);
    assert!(!harness.get_by_label("Prompt").is_focused());
}

#[test]
fn the_pointer_takes_a_word_and_the_focus_stays() {
    let mut harness = window(later_start());
    typed(&mut harness, "a mushr in a room");
    for _ in 0.." in a room".len() {
        key(&mut harness, Key::ArrowLeft);
    }
    assert!(!is_open(&harness));
    typed(&mut harness, "o");
    assert_eq!(rows(&harness), ["mushroom"]);
    harness.get_by_label("mushroom").click();
    harness.run_steps(3);
    assert_eq!(prompt(&harness), "a mushroom in a room");
    assert!(harness.get_by_label("Prompt").is_focused());
    typed(&mut harness, "s");
    assert_eq!(prompt(&harness), "a mushrooms in a room", "the cursor stands behind the word");
}

#[test]
fn moving_away_closes_the_list_and_weights_still_change() {
    let mut harness = window(later_start());
    typed(&mut harness, "a fo");
    assert!(is_open(&harness));
    press(&mut harness, Modifiers::COMMAND, Key::ArrowUp);
    assert_eq!(prompt(&harness), "a (fo:1.1)");
    assert!(!is_open(&harness));
    typed(&mut harness, "x");
    assert_eq!(prompt(&harness), "a (fox:1.1)");
    typed(&mut harness, "glo");
    key(&mut harness, Key::ArrowLeft);
    assert!(!is_open(&harness));
    // Tab is the regions' again.
    key(&mut harness, Key::Tab);
    assert!(!harness.get_by_label("Prompt").is_focused());
}

#[test]
fn synonyms_and_chinese_are_found() {
    let mut harness = window(later_start());
    typed(&mut harness, "kitte");
    assert_eq!(rows(&harness), ["cat, kitten"]);
    key(&mut harness, Key::Tab);
    typed(&mut harness, ", 仙人");
    assert_eq!(rows(&harness).last().unwrap(), "仙人掌, cactus");
    key(&mut harness, Key::Tab);
    assert_eq!(prompt(&harness), "cat, 仙人掌");
    let mut harness = window(Settings { language: Some(Lang::Zh), ..later_start() });
    typed(&mut harness, "pengu");
    harness.get_by_label("penguin, 企鹅");
}

#[test]
fn unknown_words_are_marked_and_the_nearest_is_a_click_away() {
    let mut harness = window(later_start());
    typed(&mut harness, "a pengiun");
    let mark = "“pengiun” is not known to the small model";
    assert!(harness.query_by_label(mark).is_none(), "it is still being typed");
    typed(&mut harness, " on ice");
    let told =
        format!("Not known: pengiun · a small model that knows about {} things", object_count());
    harness.get_by_label_contains(&told);
    harness.get_by_label(mark).hover();
    harness.run_steps(90);
    harness.get_by_label("“pengiun” is not known to the small model: nearest is “penguin”");
    harness.get_by_label("Use “penguin”").click();
    harness.run_steps(3);
    assert_eq!(prompt(&harness), "a penguin on ice");
    assert!(harness.query_by_label(mark).is_none());
    assert!(harness.query_by_label_contains("Not known").is_none());
    assert!(harness.get_by_label("Prompt").is_focused());
}

#[test]
fn the_last_word_is_marked_once_it_was_painted() {
    let mut harness = window(later_start());
    typed(&mut harness, "a xylophonist");
    let mark = "“xylophonist” is not known to the small model";
    assert!(harness.query_by_label(mark).is_none());
    key(&mut harness, Key::Enter);
    until(&mut harness, "a picture", |shell| finished(shell) == 1);
    harness.get_by_label(mark);
}

#[test]
fn other_models_get_neither_words_nor_marks() {
    let settings = Settings { in_use: ModelSource::Path("other".into()), ..later_start() };
    let mut harness = window(settings);
    typed(&mut harness, "a xylophonist with a pengu");
    assert!(!is_open(&harness));
    assert!(harness.query_by_label_contains("not known").is_none());
}

#[test]
fn the_picker_tells_the_limits() {
    let mut harness = window(later_start());
    harness.get_by_label_contains("Built-in model").click();
    harness.run_steps(4);
    let limits =
        "A small model that knows about 942 things; load Stable Diffusion for anything else";
    harness.get_by_label(limits);
}
