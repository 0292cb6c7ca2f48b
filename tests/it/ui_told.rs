//! What only some models are told, in the window: each row is there only with a model that has it, is
//! undone like any number, and goes into the request.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use egui::{Key, Modifiers};
use egui_kittest::kittest::Queryable as _;
use pentimento::app::command::Action;
use pentimento::app::settings::Settings;
use pentimento::app::told::{DepthFrom, Told};
use pentimento::engine::protocol::{ModelInfo, ModelSource, Refiner, Task};
use pentimento::plane::Plane;

use crate::support::fixtures;
use crate::ui::{Window, finished, later_start, paint, until, window_with};
use crate::ui_prompt::model;

type Harness = egui_kittest::Harness<'static, Window>;

/// A window with More open over a model that is shown `task` and may be told sizes.
fn window(settings: Settings, task: Task, told_sizes: bool) -> Harness {
    let family = if told_sizes { "SDXL" } else { "SD 2.x" }.to_owned();
    let info = Arc::new(ModelInfo { task, told_sizes, family, ..(*model()).clone() });
    let mut harness = window_with(Settings { more_open: true, ..settings }, Some(info));
    until(&mut harness, "the model", |window| window.state().model.info.is_some());
    harness
}

fn told(harness: &Harness) -> &Told {
    &harness.state().state().settings.paint.told
}

/// Types a number into a field of the panel.
fn enter(harness: &mut Harness, name: &str, value: &str) {
    harness.get_by_label(name).scroll_to_me();
    harness.run_steps(3);
    harness.get_by_label(name).focus();
    harness.run_steps(2);
    harness.key_press_modifiers(Modifiers::COMMAND, Key::A);
    harness.run_steps(2);
    harness.event(egui::Event::Text(value.to_owned()));
    harness.run_steps(2);
    harness.key_press(Key::Enter);
    harness.run_steps(3);
}

/// Takes a line of a list.
fn choose(harness: &mut Harness, name: &str, line: &str) {
    harness.get_by_label(name).scroll_to_me();
    harness.run_steps(3);
    harness.get_by_label(name).click();
    harness.run_steps(3);
    harness.get_by_label(line).click();
    harness.run_steps(3);
}

fn act(harness: &mut Harness, action: Action) {
    let keys = match action {
        Action::Undo => (Modifiers::COMMAND, Key::Z),
        _ => (Modifiers::COMMAND, Key::Y),
    };
    harness.key_press(Key::Escape);
    harness.run_steps(2);
    harness.key_press_modifiers(keys.0, keys.1);
    harness.run_steps(3);
}

/// The row that each kind of model alone has.
const ROWS: [&str; 4] = ["Original width", "Refiner", "Picture guidance", "Depth map"];

#[test]
fn each_row_is_there_only_where_the_model_has_it() {
    let check = |task, told_sizes, expected: &[&str]| {
        let harness = window(later_start(), task, told_sizes);
        let there: Vec<&str> =
            ROWS.into_iter().filter(|row| harness.query_all_by_label(row).count() > 0).collect();
        assert_eq!(there, expected, "{task:?}");
    };
    check(Task::Plain, false, &[]);
    check(Task::Inpaint, false, &[]);
    check(Task::Plain, true, &ROWS[..2]);
    check(Task::Edit, false, &ROWS[2..3]);
    check(Task::Depth, false, &ROWS[3..]);
}

#[test]
fn sizes_are_typed_undone_and_told() {
    let mut harness = window(later_start(), Task::Plain, true);
    enter(&mut harness, "Original width", "512");
    assert_eq!(told(&harness).original_size, Some((512, 64)));
    enter(&mut harness, "Crop top", "128");
    assert_eq!(told(&harness).crop, (0, 128));
    enter(&mut harness, "Target height", "99999");
    harness.get_by_label_contains("From 1 to 16384");
    assert_eq!(told(&harness).target_size, None);
    act(&mut harness, Action::Undo);
    assert_eq!((told(&harness).crop, told(&harness).original_size), ((0, 0), Some((512, 64))));
    act(&mut harness, Action::Redo);
    paint(&mut harness, "a red fox");
    until(&mut harness, "a result", |window| finished(window) == 1);
    let conditions = &harness.state().state().entries[0].request.conditions;
    assert_eq!((conditions.original_size, conditions.crop), (Some((512, 64)), (0, 128)));
    // The dot puts the model's own back.
    harness.get_by_label("Back to the model's own: 64 × 64").click();
    harness.run_steps(3);
    assert_eq!(told(&harness).original_size, None);
}

#[test]
fn a_refiner_is_taken_from_the_models_that_are_there() {
    let desk = tempfile::tempdir().unwrap();
    let file = desk.path().join("late.safetensors");
    std::fs::copy(fixtures().join("single/sdxl.safetensors"), &file).unwrap();
    let settings = Settings { watched: vec![desk.path().to_owned()], ..later_start() };
    let mut harness = window(settings, Task::Plain, true);
    until(&mut harness, "the list", |window| {
        let library = &window.state().library;
        !library.looking && library.models().count() == 1
    });
    assert!(harness.query_by_label("Refine from").is_none());
    choose(&mut harness, "Refiner", "late");
    let refiner = |from| Some(Refiner { model: ModelSource::Path(file.clone()), from });
    assert_eq!(told(&harness).refiner, refiner(0.8));
    let fields: Vec<_> = harness.get_all_by_label("Refine from").collect();
    fields.last().expect("slider and field").focus();
    harness.run_steps(2);
    harness.key_press_modifiers(Modifiers::COMMAND, Key::A);
    harness.event(egui::Event::Text("0.5".to_owned()));
    harness.run_steps(2);
    harness.key_press(Key::Enter);
    harness.run_steps(3);
    assert_eq!(told(&harness).refiner, refiner(0.5));
    paint(&mut harness, "a red fox");
    until(&mut harness, "a result", |window| finished(window) == 1);
    let state = harness.state().state();
    assert_eq!(state.entries[0].request.conditions.refiner, refiner(0.5));
    // What a picture says about itself brings it back.
    assert!(state.settings.paint.told.refiner.is_some());
    choose(&mut harness, "Refiner", "None");
    assert_eq!(told(&harness).refiner, None);
}

#[test]
fn a_depth_map_is_the_canvas_or_a_file() {
    let desk = tempfile::tempdir().unwrap();
    let near = desk.path().join("near.png");
    let map = image::RgbaImage::from_fn(96, 48, |x, _| image::Rgba([2 * x as u8, 0, 0, 255]));
    map.save(&near).unwrap();
    let mut harness = window(later_start(), Task::Depth, false);
    harness.get_by_label_contains("This model paints after a depth map: open a picture");
    choose(&mut harness, "Depth map", "The canvas");
    assert_eq!(told(&harness).depth, DepthFrom::Canvas);
    harness.get_by_label_contains("This model paints after a depth map: open a picture");

    // As a dialog answers; it is undone and done again like a number.
    let chosen = DepthFrom::File(near.clone());
    let settings = {
        let mut settings = later_start();
        settings.paint.told.depth = chosen.clone();
        settings
    };
    let mut harness = window(settings, Task::Depth, false);
    until(&mut harness, "the map", |window| window.state().depth_size().is_some());
    harness.get_by_label("New 96 × 48 picture");
    paint(&mut harness, "a cave");
    until(&mut harness, "a result", |window| finished(window) == 1);
    let request = &harness.state().state().entries[0].request;
    assert_eq!(request.conditions.depth.as_ref().map(Plane::size), Some((96, 48)));
    assert_eq!(request.size, Some((96, 48)));
    choose(&mut harness, "Depth map", "Estimated");
    act(&mut harness, Action::Undo);
    assert_eq!(told(&harness).depth, chosen);

    let mut settings = later_start();
    settings.paint.told.depth = DepthFrom::File(PathBuf::from("nowhere/map.png"));
    let mut harness = window(settings, Task::Depth, false);
    until(&mut harness, "the trouble", |window| {
        let said = pentimento::app::intent::line(window.state());
        said.1 && said.0.contains(&Path::new("nowhere/map.png").display().to_string())
    });
}
