//! Steps back and forward.

use super::super::settings::Settings;
use super::super::update::update;
use super::super::words::Lang;
use super::*;
use crate::plane::Plane;

fn state() -> AppState {
    let mut state = AppState::new(Settings::default(), Lang::En);
    drop(state.place("a.png", Plane::filled((64, 64), [200; 4]), &[]));
    state
}

fn stroke(state: &mut AppState, at: f32) {
    for command in [
        Command::StrokeBegan([at, at].into()),
        Command::StrokeMoved(vec![[at + 4.0, at].into(), [at + 8.0, at].into()]),
        Command::StrokeEnded,
    ] {
        drop(update(state, command));
    }
}

#[test]
fn strokes_go_and_come_back() {
    let mut state = state();
    state.tool = super::super::tool::Tool::Mask;
    let clean = state.document.mask.plane().clone();
    stroke(&mut state, 10.0);
    let one = state.document.mask.plane().clone();
    stroke(&mut state, 40.0);
    let two = state.document.mask.plane().clone();
    assert!(clean != one && one != two);
    assert_eq!((state.strength, state.undo.done.len()), (100, 3));
    state.undo();
    assert_eq!(state.document.mask.plane().clone(), one);
    state.undo();
    assert_eq!(state.document.mask.plane().clone(), clean);
    assert_eq!(state.strength, 60, "the mask took its strength with it");
    state.redo();
    state.redo();
    assert_eq!(state.document.mask.plane().clone(), two);
    assert!(!state.can_redo());
    state.jump(0);
    assert!(state.document.is_empty());
    assert_eq!(state.history_rows().iter().position(|row| row.present), Some(0));
    state.jump(3);
    assert_eq!(state.document.mask.plane().clone(), two);
}

#[test]
fn a_new_step_forgets_what_was_undone() {
    let mut state = state();
    stroke(&mut state, 10.0);
    state.undo();
    assert!(state.can_redo());
    drop(update(&mut state, Command::Strength(30)));
    assert!(!state.can_redo());
}

#[test]
fn a_control_that_is_dragged_is_one_step() {
    let mut state = state();
    let steps = |state: &mut AppState, steps, now| {
        state.now = now;
        let paint = PaintSettings { steps: Some(steps), ..state.settings.paint.clone() };
        drop(update(state, Command::Paint(paint)));
    };
    for (at, value) in (10..20).enumerate() {
        steps(&mut state, value, 5.0 + at as f64 * 0.1);
    }
    assert_eq!(state.undo.done.len(), 2);
    steps(&mut state, 40, 9.0);
    assert_eq!(state.undo.done.len(), 3);
    state.undo();
    assert_eq!(state.settings.paint.steps, Some(19));
    state.undo();
    assert_eq!(state.settings.paint.steps, None);
}

#[test]
fn a_feather_that_is_dragged_is_one_step() {
    let mut state = state();
    state.tool = Tool::Mask;
    stroke(&mut state, 10.0);
    let steps = state.undo.done.len();
    for px in [1.0, 5.0, 20.0] {
        drop(update(&mut state, Command::Feather(px)));
    }
    assert_eq!(state.undo.done.len(), steps + 1);
    state.undo();
    assert_eq!(state.document.feather_px, state.settings.feather_px);
    assert!(state.document.feather_px < 20.0);
}

#[test]
fn a_placed_picture_can_be_taken_back_from_its_notice() {
    let mut state = state();
    let clean = state.document.raster.as_ref().unwrap().plane().key();
    drop(state.place("b.png", Plane::filled((32, 32), [9; 4]), &[]));
    let offers = state.notices.list.last().unwrap().offers.clone();
    assert_eq!(offers.len(), 1);
    state.tool = Tool::Brush;
    stroke(&mut state, 10.0);
    drop(update(&mut state, offers[0].command.clone()));
    assert_eq!(state.document.raster.as_ref().unwrap().plane().key(), clean);
    // Nothing more of it is there to be taken back.
    drop(update(&mut state, offers[0].command.clone()));
    assert_eq!(state.document.raster.as_ref().unwrap().plane().key(), clean);
}

#[test]
fn what_is_done_during_a_stroke_belongs_to_it() {
    let mut state = state();
    state.tool = Tool::Mask;
    stroke(&mut state, 10.0);
    let one = state.document.mask.key();
    for command in [
        Command::StrokeBegan([40.0, 40.0].into()),
        Command::StrokeMoved(vec![[44.0, 40.0].into()]),
        Command::Do(Action::Save),
        Command::StrokeMoved(vec![[48.0, 40.0].into()]),
        Command::StrokeEnded,
    ] {
        drop(update(&mut state, command));
    }
    assert_ne!(state.document.mask.key(), one);
    state.undo();
    assert_eq!(state.document.mask.key(), one);
}

#[test]
fn a_picture_that_arrives_during_a_stroke_ends_it() {
    let mut state = state();
    state.tool = Tool::Brush;
    let clean = state.document.raster.as_ref().unwrap().plane().key();
    for command in
        [Command::StrokeBegan([40.0, 40.0].into()), Command::StrokeMoved(vec![[44.0, 40.0].into()])]
    {
        drop(update(&mut state, command));
    }
    drop(state.place("b.png", Plane::filled((32, 32), [9; 4]), &[]));
    drop(update(&mut state, Command::StrokeEnded));
    assert_eq!(state.document.size(), (32, 32));
    state.undo();
    let painted = state.document.raster.as_ref().unwrap();
    assert!(!painted.is_stroking() && painted.plane().key() != clean);
    state.undo();
    assert_eq!(state.document.raster.as_ref().unwrap().plane().key(), clean);
}

#[test]
fn a_step_back_leaves_the_numbers_of_another_model_alone() {
    let mut state = state();
    state.tool = Tool::Mask;
    stroke(&mut state, 10.0);
    state.model.source = ModelSource::Path("other".into());
    state.settings.paint.steps = Some(9);
    state.undo();
    assert!(state.document.mask.is_empty());
    assert_eq!(state.settings.paint.steps, Some(9));
}

#[test]
fn a_file_belongs_to_the_picture_that_was_saved_there() {
    use crate::files::FileEvent;
    let mut state = state();
    let saved = |version| FileEvent::Saved { path: "a.png".into(), version };
    let first = state.version();
    drop(state.file_event(saved(first)));
    assert!(state.file().is_some() && !state.unsaved);
    drop(state.place("b.png", Plane::filled((64, 64), [90; 4]), &[]));
    assert_eq!(state.file(), None);
    state.undo();
    assert!(state.file().is_some(), "the first picture is back, and its file");
    state.redo();
    // A save of the first one that took its time.
    drop(state.file_event(saved(first)));
    assert!(state.file().is_none() && state.unsaved);
}

#[test]
fn looking_is_no_step() {
    let mut state = state();
    let before = state.undo.done.len();
    for command in [Command::Scrub(Some(3)), Command::Compare(true), Command::Strength(60)] {
        drop(update(&mut state, command));
    }
    assert_eq!(state.undo.done.len(), before);
}
