//! Everything by keyboard and by ear: the first journey without a pointer, with what a screen reader
//! is told, and every command of the table by its name.

use egui::{Key, Modifiers};
use egui_kittest::kittest::{NodeT as _, Queryable as _};
use pentimento::app::command::{Action, ROWS};
use pentimento::app::words::Lang;

use crate::ui::{Window, finished, later_start, paint, until, window};

type Harness = egui_kittest::Harness<'static, crate::ui::Window>;

fn press(harness: &mut Harness, modifiers: Modifiers, key: Key) {
    harness.key_press_modifiers(modifiers, key);
    harness.run_steps(2);
}

/// Role, name and value of all that a screen reader meets, in its order.
fn heard(harness: &Harness) -> Vec<String> {
    let nodes = harness.root().children_recursive();
    let lines = nodes.map(|node| {
        let node = node.accesskit_node();
        let name = node.label().unwrap_or_default();
        let value = node.value().unwrap_or_default();
        format!("{:?} \"{name}\" {value}", node.role()).trim_end().to_owned()
    });
    lines.filter(|line| !line.starts_with("GenericContainer")).collect()
}

#[test]
fn the_first_journey_by_keyboard_alone() {
    let mut harness = window(later_start());
    assert!(harness.get_by_label("Prompt").is_focused());
    harness.event(egui::Event::Text("a blue cat".to_owned()));
    harness.run_steps(2);
    press(&mut harness, Modifiers::NONE, Key::Enter);
    until(&mut harness, "a picture", |shell| finished(shell) == 1);
    let tree = heard(&harness);
    println!("{}", tree.join("\n"));
    let told = |part: &str| tree.iter().any(|line| line.contains(part));
    for part in ["Picture 64 by 64", "\"Prompt\" a blue cat", "\"Paint\"", "\"Steps\"", "\"Menu\""]
    {
        assert!(told(part), "nobody hears {part}");
    }
    // Another one without leaving the words, then out of them, back one result, and keep it.
    press(&mut harness, Modifiers::NONE, Key::Enter);
    until(&mut harness, "another picture", |shell| finished(shell) == 2);
    press(&mut harness, Modifiers::NONE, Key::Escape);
    press(&mut harness, Modifiers::NONE, Key::ArrowLeft);
    press(&mut harness, Modifiers::NONE, Key::Enter);
    let state = harness.state().state();
    assert_eq!(state.document_entry, Some(state.entries[0].id));
    // A mask without a pointer, and its fill.
    press(&mut harness, Modifiers::COMMAND, Key::K);
    harness.event(egui::Event::Text("left half".to_owned()));
    harness.run_steps(2);
    press(&mut harness, Modifiers::NONE, Key::Enter);
    assert!((harness.state().state().document.mask.fraction() - 0.5).abs() < 0.01);
    press(&mut harness, Modifiers::COMMAND, Key::Enter);
    until(&mut harness, "the fill", |shell| finished(shell) == 3);
    let request = harness.state().state().entries[2].request.clone();
    assert!(request.mask.is_some());
    press(&mut harness, Modifiers::NONE, Key::Escape);
    press(&mut harness, Modifiers::COMMAND, Key::Z);
    assert!(harness.state().state().document.mask.is_empty(), "undone");
}

#[test]
fn every_command_has_words_and_a_key_or_a_place() {
    for lang in [Lang::En, Lang::Zh] {
        for row in ROWS {
            assert!(!lang.get(row.label).is_empty(), "{:?}", row.action);
            let reached = row.group.is_some()
                || !row.keys.is_empty()
                || row.action == pentimento::app::command::Action::UndoDiscard;
            assert!(reached, "{:?} can only be guessed", row.action);
        }
    }
}

#[test]
fn the_menu_holds_every_command_by_name() {
    let mut harness = window(later_start());
    harness.get_by_label("Menu").click();
    harness.run_steps(3);
    for row in ROWS.iter().filter(|row| row.group.is_some()) {
        let label = Lang::En.get(row.label);
        let found = harness.query_all_by_label(label).next().is_some();
        assert!(found, "'{label}' is not in the menu");
    }
}

#[test]
fn greys_last_as_long_as_their_key() {
    let mut harness = window(later_start());
    paint(&mut harness, "one");
    until(&mut harness, "a result", |shell| finished(shell) == 1);
    // A letter for the prompt is none for the canvas.
    harness.key_down(Key::Y);
    harness.run_steps(2);
    assert!(!harness.state().state().values);
    harness.key_up(Key::Y);
    press(&mut harness, Modifiers::NONE, Key::Escape);
    harness.key_down(Key::Y);
    harness.run_steps(2);
    assert!(harness.state().state().values);
    harness.key_up(Key::Y);
    harness.run_steps(2);
    assert!(!harness.state().state().values);
}

#[test]
fn the_view_is_moved_by_keys() {
    let mut harness = window(later_start());
    press(&mut harness, Modifiers::NONE, Key::Escape);
    let view = harness.state().state().view;
    assert!(view.fit);
    let before = view.offset;
    press(&mut harness, Modifiers::SHIFT, Key::ArrowRight);
    press(&mut harness, Modifiers::SHIFT, Key::ArrowUp);
    let view = harness.state().state().view;
    assert_eq!(view.offset, [before[0] - 64.0, before[1] + 64.0]);
    assert!(!view.fit);
}

#[test]
fn what_cannot_act_says_why() {
    let mut harness = window(later_start());
    harness.get_by_label("Redo").hover();
    harness.run_steps(60);
    harness.get_by_label_contains("Nothing to redo");
    let said = |harness: &egui_kittest::Harness<'_, Window>,
                expected: &[(Action, Option<&str>)]| {
        let state = harness.state().state();
        for (action, why) in expected {
            assert_eq!(action.obstacle(state).as_deref(), *why, "{action:?}");
        }
    };
    let none_shown = Some("No result is shown");
    said(
        &harness,
        &[
            (Action::Paint, None),
            (Action::Keep, none_shown),
            (Action::Discard, none_shown),
            (Action::Save, Some("There is no picture yet")),
            (Action::MaskClear, Some("Nothing is masked")),
            (Action::Stop, Some("Nothing is being painted")),
        ],
    );
    paint(&mut harness, "a fox");
    let unfinished = Some("The shown picture is not finished yet");
    said(
        &harness,
        &[(Action::Keep, unfinished), (Action::Discard, unfinished), (Action::Stop, None)],
    );
    until(&mut harness, "the picture", |window| finished(window) == 1);
    said(&harness, &[(Action::Keep, None), (Action::Discard, None), (Action::Save, None)]);
    press(&mut harness, Modifiers::NONE, Key::Escape);
    press(&mut harness, Modifiers::NONE, Key::Enter);
    said(&harness, &[(Action::Keep, Some("This one is kept already"))]);
}
