//! Models in the window, by label: the picker with what lies in watched folders, choices, wrong files,
//! and a download from a hub on this machine.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use egui::accesskit::Role;
use egui::{Key, Modifiers};
use egui_kittest::kittest::{NodeT as _, Queryable as _};
use pentimento::app::hub::{Look, Stage};
use pentimento::app::settings::Settings;
use pentimento::app::state::Over;
use pentimento::engine::protocol::{ModelChoices, ModelSource, Prediction, WeightBits};
use pentimento::files::hub::HubSettings;
use pentimento::models::pocket;
use safetensors::tensor::{SafeTensors, serialize_to_file};

use crate::hub_server::{Fault, Server};
use crate::support::fixtures;
use crate::ui::{Dropped, Window, later_start, until, window_on, window_with};
use crate::ui_prompt::model;

type Harness = egui_kittest::Harness<'static, Window>;

fn put(from: &str, to: &Path) {
    std::fs::create_dir_all(to.parent().unwrap()).unwrap();
    std::fs::copy(fixtures().join(from), to).unwrap();
}

/// A folder as other programs have it: a model, an autoencoder, a file that broke off.
fn folder() -> tempfile::TempDir {
    let desk = tempfile::tempdir().unwrap();
    let models = desk.path().join("models");
    put("single/sd1.ckpt", &models.join("Stable-diffusion/harbour.ckpt"));
    put("single/sd2.safetensors", &models.join("Stable-diffusion/meadow.safetensors"));
    put("single/vae.pt", &models.join("VAE/soft.pt"));
    std::fs::write(models.join("Stable-diffusion/broken.safetensors"), "<html>").unwrap();
    desk
}

fn watching(folder: &Path) -> Harness {
    let settings = Settings { watched: vec![folder.to_owned()], ..later_start() };
    let mut harness = window_with(settings, Some(model()));
    until(&mut harness, "the models", |window| {
        let state = window.state();
        state.model.info.is_some() && !state.library.looking
    });
    harness
}

/// Opens the list once it is complete: what is found later moves its rows under a click.
fn open_picker(harness: &mut Harness) {
    until(harness, "the list", |window| !window.state().library.looking);
    harness.get_by_label("Model: Built-in model, in memory").click();
    harness.run_steps(3);
}

fn typed(harness: &mut Harness, words: &str) {
    harness.event(egui::Event::Text(words.to_owned()));
    harness.run_steps(3);
}

/// What is read aloud of the picker's rows.
fn rows(harness: &Harness) -> Vec<String> {
    let options = harness.query_all_by_role(egui::accesskit::Role::ListBoxOption);
    options.filter_map(|node| node.accesskit_node().label()).collect()
}

#[test]
fn the_picker_lists_watched_folders_and_searches_them() {
    let desk = folder();
    let mut harness = watching(desk.path());
    open_picker(&mut harness);
    let all = rows(&harness);
    assert_eq!(all.len(), 4, "{all:?}");
    assert!(all[0].starts_with("Built-in model") && all[0].ends_with("in memory"), "{all:?}");
    assert!(all[1].starts_with("broken, ") && all[1].contains("web page"), "{all:?}");
    assert!(all[2].starts_with("harbour, ") && all[3].starts_with("meadow, "), "{all:?}");
    typed(&mut harness, "mead");
    assert_eq!(rows(&harness).len(), 1);
    typed(&mut harness, "zzz");
    harness.get_by_label("No model called 'meadzzz'");
    harness.get_by_label("Show all").click();
    harness.run_steps(3);
    assert_eq!(rows(&harness).len(), 4);
    harness.get_by_label_contains("meadow").click();
    harness.run_steps(2);
    until(
        &mut harness,
        "the model",
        |window| matches!(&window.state().model.source, ModelSource::Path(path) if path.ends_with("meadow.safetensors")),
    );
    // The next start begins with it.
    assert_eq!(harness.state().state().settings.in_use, harness.state().state().model.source);
}

#[test]
fn each_model_keeps_its_numbers_and_an_autoencoder_is_chosen() {
    let desk = folder();
    let mut harness = watching(desk.path());
    let path = desk.path().join("models/Stable-diffusion/meadow.safetensors");
    let source = ModelSource::Path(path);
    harness.get_by_label("More").click();
    harness.run_steps(3);
    assert!(harness.query_by_label("VAE").is_none(), "the built-in model's own is the only one");
    let steps = |harness: &Harness| harness.state().state().settings.paint.steps;
    set_steps(&mut harness, 7);
    for (round, expected) in [("meadow", None), (BUILT_IN, Some(7))] {
        switch(&mut harness, round);
        assert_eq!(steps(&harness), expected);
    }
    switch(&mut harness, "meadow");
    assert_eq!(harness.state().state().model.source, source);
    let vae = desk.path().join("models/VAE/soft.pt");
    choose(&mut harness, "VAE", "soft");
    until(&mut harness, "the autoencoder", |window| window.state().model.choices.vae.is_some());
    assert_eq!(harness.state().state().model.choices.vae.as_deref(), Some(vae.as_path()));
    harness.get_by_role_and_label(Role::Switch, "8-bit weights").scroll_to_me();
    harness.run_steps(3);
    harness.get_by_role_and_label(Role::Switch, "8-bit weights").click();
    let short = |window: &Window| window.state().model.choices.weights == WeightBits::Eight;
    until(&mut harness, "short weights", short);
    switch(&mut harness, BUILT_IN);
    assert_eq!(harness.state().state().model.choices, ModelChoices::default());
    switch(&mut harness, "meadow");
    assert!(harness.state().state().model.choices.vae.is_some(), "it is remembered");
    assert!(short(harness.state()), "it is remembered");
}

const AVERAGES: &str = "Averaged (EMA)";

/// A checkpoint that training left with both sets of weights.
fn with_averages(folder: &Path) {
    let bytes = std::fs::read(folder.join("meadow.safetensors")).unwrap();
    let file = SafeTensors::deserialize(&bytes).unwrap();
    let mut tensors = file.tensors();
    let averages: Vec<_> = tensors
        .iter()
        .filter_map(|(name, tensor)| {
            let flat = name.strip_prefix("model.")?.replace('.', "");
            Some((format!("model_ema.{flat}"), tensor.clone()))
        })
        .collect();
    assert!(averages.len() > 100, "left-overs do not count");
    tensors.extend(averages);
    serialize_to_file(tensors, None, &folder.join("both.safetensors")).unwrap();
}

#[test]
fn more_has_the_averages_the_prediction_and_autoencoders_of_a_file() {
    let desk = folder();
    put("single/vae.pt", &desk.path().join("models/VAE/wrong.pt"));
    with_averages(&desk.path().join("models/Stable-diffusion"));
    let mut harness = watching(desk.path());
    harness.get_by_label("More").click();
    harness.run_steps(3);
    for row in ["VAE", "Prediction", AVERAGES] {
        assert!(harness.query_by_label(row).is_none(), "{row} of the built-in model");
    }
    switch(&mut harness, "meadow");
    assert!(harness.query_by_label(AVERAGES).is_none(), "the file has one set of weights");
    choose(&mut harness, "Prediction", "v_prediction");
    until(&mut harness, "the prediction", |window| {
        window.state().model.choices.prediction == Some(Prediction::V)
    });
    // The dot before the row's name takes it back.
    harness.get_by_label("Back to the model's own: As the files say").click();
    until(&mut harness, "the files' word", |window| {
        window.state().model.choices.prediction.is_none()
    });
    // A choice that does not work is said, and not made.
    choose(&mut harness, "VAE", "wrong");
    until(&mut harness, "the refusal", |window| {
        window.state().notices.list.iter().any(|notice| notice.text == "No such autoencoder")
    });
    assert!(harness.state().state().model.choices.vae.is_none());
    assert!(harness.state().state().model.failed.is_empty(), "the model itself is as it was");

    switch(&mut harness, "both");
    harness.get_by_label(AVERAGES).scroll_to_me();
    harness.run_steps(3);
    harness.get_by_label(AVERAGES).click();
    until(&mut harness, "the averages", |window| window.state().model.choices.ema);
    harness.get_by_label("Back to the model's own: off").click();
    until(&mut harness, "the weights themselves", |window| !window.state().model.choices.ema);
}

#[test]
fn few_steps_are_a_switch_that_takes_the_other_forms_numbers_away() {
    let mut harness = watching(folder().path());
    set_steps(&mut harness, 30);
    let set = |window: &Window| window.state().settings.paint.steps;
    assert_eq!(set(harness.state()), Some(30));
    harness.get_by_label("More").click();
    harness.run_steps(3);
    harness.get_by_label("Few steps").scroll_to_me();
    harness.run_steps(3);
    harness.get_by_label("Few steps").click();
    until(&mut harness, "the form for few steps", |window| window.state().model.choices.few_steps);
    assert_eq!(set(harness.state()), None);
    harness.get_by_label("Back to the model's own: off").click();
    until(&mut harness, "the model itself", |window| !window.state().model.choices.few_steps);
}

fn set_steps(harness: &mut Harness, steps: u32) {
    harness.key_press_modifiers(Modifiers::COMMAND, Key::K);
    harness.run_steps(3);
    typed(harness, &format!("steps {steps}"));
    harness.key_press(Key::Enter);
    harness.run_steps(3);
}

const BUILT_IN: &str = "Built-in model";

/// Takes another model by the picker.
fn switch(harness: &mut Harness, name: &'static str) {
    // The panel may have been scrolled.
    harness.get_by_label_contains("Model: ").scroll_to_me();
    harness.run_steps(3);
    harness.get_by_label_contains("Model: ").click();
    harness.run_steps(3);
    let options = harness.query_all_by_role(egui::accesskit::Role::ListBoxOption);
    let named = |label: Option<String>| label.is_some_and(|label| label.starts_with(name));
    options.into_iter().find(|node| named(node.accesskit_node().label())).unwrap().click();
    until(harness, "the other model", |window| {
        let model = &window.state().model;
        let source = match &model.source {
            ModelSource::BuiltIn => BUILT_IN.to_owned(),
            path @ ModelSource::Path(_) => path.called(),
        };
        source == name && model.pending.is_none() && model.loading.is_none()
    });
    harness.run_steps(3);
}

/// Takes a line of a list of the panel.
fn choose(harness: &mut Harness, list: &str, line: &str) {
    harness.get_by_label(list).scroll_to_me();
    harness.run_steps(3);
    harness.get_by_label(list).click();
    harness.run_steps(3);
    harness.get_by_label(line).click();
    harness.run_steps(3);
}

#[test]
fn a_wrong_file_and_one_that_does_not_fit_say_what_to_do() {
    let desk = tempfile::tempdir().unwrap();
    let mut harness = window_with(later_start(), Some(model()));
    until(&mut harness, "the model", |window| window.state().model.info.is_some());
    for (name, said, way_out) in [
        (
            "wrong.safetensors",
            "The file is a LoRA, not a model that paints; choose a model: wrong",
            "Choose another",
        ),
        ("large.safetensors", "Needs 11.2 GB, 8.1 GB are free", "Try anyway"),
    ] {
        let path = desk.path().join(name);
        std::fs::write(&path, "").unwrap();
        harness.input_mut().dropped_files.push(Arc::new(Dropped(path)));
        harness.step();
        until(&mut harness, name, |window| {
            window.state().notices.list.iter().any(|notice| notice.text == said)
        });
        harness.get_by_label(said);
        harness.get_by_label(way_out);
        assert_eq!(harness.state().state().model.source, ModelSource::BuiltIn);
    }
    harness.get_by_label("Try anyway").click();
    until(&mut harness, "the large one", |window| {
        window.state().model.source != ModelSource::BuiltIn
    });
}

/// The small model's files, by their names on a hub: those of the built-in model but for what is its
/// own.
fn files() -> Vec<(&'static str, Vec<u8>)> {
    let folders = ["preview_decoder/", "few_step/"];
    let own = |name: &str| {
        name == "pentimento.json" || folders.iter().any(|folder| name.starts_with(folder))
    };
    let names = pocket::FILES.iter().map(|(name, _)| *name);
    let read = |name| (name, std::fs::read(fixtures().join("sd1_tiny").join(name)).unwrap());
    names.filter(|name| !own(name)).map(read).collect()
}

fn stage(window: &Window) -> Option<&Stage> {
    window.state().hub.downloads.first().map(|download| &download.stage)
}

#[test]
fn a_download_stalls_is_paused_goes_on_and_is_in_the_picker_at_once() {
    let cache = tempfile::tempdir().unwrap();
    let server = Server::start("painter/tiny", files());
    let hub = HubSettings {
        endpoint: server.endpoint(),
        token: None,
        cache: cache.path().to_owned(),
        // Longer than a busy machine takes to answer itself.
        patience: Duration::from_secs(3),
        // Long enough to be seen.
        wait: Duration::from_secs(30),
    };
    let mut harness = window_on(later_start(), Some(model()), hub);
    until(&mut harness, "the model", |window| window.state().model.info.is_some());
    open_picker(&mut harness);
    harness.get_by_label("Get a model…").click();
    harness.run_steps(20);
    assert!(server.asked().is_empty(), "the network without the user's word");
    typed(&mut harness, "painter/tiny");
    harness.key_press(Key::Enter);
    until(&mut harness, "the offer", |window| matches!(window.state().hub.look, Look::Offered(..)));
    harness.get_by_label("Licence: openrail");
    assert!(server.asked().iter().all(|asked| !asked.file), "files before the licence is accepted");
    let small = [Fault::None; 7];
    server.plan(small.into_iter().chain([Fault::Stall(20_000)]));
    harness.get_by_label("Accept the licence and download").click();
    until(&mut harness, "the stall", |window| matches!(stage(window), Some(Stage::Retrying(_))));
    harness.get_by_label("painter/tiny, no answer; trying again in 30 s");
    harness.get_by_label("Pause").click();
    until(&mut harness, "the pause", |window| stage(window) == Some(&Stage::Paused));
    let (here, of) = harness.state().state().hub.downloads[0].bytes;
    assert!(here > 0 && here < of, "{here} of {of}");
    assert_eq!(harness.state().state().settings.pending.len(), 1, "a kill loses nothing");
    harness.get_by_label("Go on").click();
    until(&mut harness, "the model", |window| matches!(stage(window), Some(Stage::Done(_))));
    until(&mut harness, "the list", |window| !window.state().library.looking);
    harness.get_all_by_label("Paint with it").last().unwrap().click();
    let folder = PathBuf::from("snapshots").join("0123456789abcdef0123456789abcdef01234567");
    until(
        &mut harness,
        "its use",
        |window| matches!(&window.state().model.source, ModelSource::Path(path) if path.ends_with(&folder)),
    );
    harness.key_press(Key::Escape);
    harness.run_steps(30);
    harness.get_by_label_contains("Model: ").click();
    harness.run_steps(3);
    let all = rows(&harness);
    assert!(all.iter().any(|row| row.starts_with("tiny, ")), "{all:?}");
    // What has arrived is not asked for again.
    let starts: Vec<usize> = server.asked().iter().map(|asked| asked.from).collect();
    assert!(starts.iter().any(|from| *from > 0), "{starts:?}");
}

/// What has arrived of a repository: parts and whole files.
fn arrived(cache: &Path, repo: &str) -> Vec<PathBuf> {
    let blobs = cache.join(format!("models--{}", repo.replace('/', "--"))).join("blobs");
    let entries = std::fs::read_dir(blobs).into_iter().flatten();
    entries.map(|entry| entry.unwrap().path()).collect()
}

/// Looks at a repository and accepts its licence; its large file stalls.
fn download(harness: &mut Harness, server: &Server, repo: &str) {
    harness.get_by_label("Owner/name on the hub").focus();
    harness.run_steps(2);
    harness.key_press_modifiers(Modifiers::COMMAND, Key::A);
    harness.run_steps(2);
    typed(harness, repo);
    harness.key_press(Key::Enter);
    until(harness, "the offer", |window| matches!(window.state().hub.look, Look::Offered(..)));
    server.plan([Fault::None; 7].into_iter().chain([Fault::Stall(20_000)]));
    harness.get_by_label("Accept the licence and download").click();
    harness.run_steps(3);
}

#[test]
fn a_download_is_seen_outside_its_page_and_those_that_wait_leave_nothing() {
    let cache = tempfile::tempdir().unwrap();
    let (first, second) = ("painter/first", "painter/second");
    let server = Server::with(&[first, second], files());
    let hub = HubSettings {
        endpoint: server.endpoint(),
        token: None,
        cache: cache.path().to_owned(),
        patience: Duration::from_secs(3),
        wait: Duration::from_mins(1),
    };
    let mut harness = window_on(later_start(), Some(model()), hub);
    until(&mut harness, "the model", |window| window.state().model.info.is_some());
    open_page(&mut harness);
    download(&mut harness, &server, first);
    until(&mut harness, "the stall", |window| matches!(stage(window), Some(Stage::Retrying(_))));
    harness.get_by_label("Pause").click();
    until(&mut harness, "the pause", |window| stage(window) == Some(&Stage::Paused));
    download(&mut harness, &server, second);
    until(&mut harness, "the second's stall", |window| {
        let downloads = &window.state().hub.downloads;
        downloads.len() == 2 && matches!(downloads[1].stage, Stage::Retrying(_))
    });
    assert!(!arrived(cache.path(), first).is_empty() && !arrived(cache.path(), second).is_empty());

    // Outside its page it stands in the top bar, and leads back.
    assert!(harness.query_by_label_contains("Downloading painter").is_none());
    harness.key_press(Key::Escape);
    harness.run_steps(2);
    harness.key_press(Key::Escape);
    harness.run_steps(20);
    assert_eq!(harness.state().state().over, None);
    harness.get_by_label_contains("Downloading painter/second, ").click();
    harness.run_steps(20);
    assert_eq!(harness.state().state().over, Some(Over::Hub));

    // The paused one goes with all that has arrived, while the other one stays.
    let cancel = |harness: &mut Harness| {
        harness.get_all_by_label("Cancel").next().unwrap().click();
        harness.run_steps(2);
    };
    cancel(&mut harness);
    until(&mut harness, "one", |window| window.state().hub.downloads.len() == 1);
    let left = arrived(cache.path(), first);
    assert!(left.is_empty(), "{left:?}");
    assert!(!arrived(cache.path(), second).is_empty());
    assert_eq!(harness.state().state().settings.pending.len(), 1);

    // One that waits for its turn is cancelled, too; then the one under way.
    download(&mut harness, &server, first);
    let waits = |window: &Window| {
        let downloads = &window.state().hub.downloads;
        downloads.last().map(|one| one.stage.clone()) == Some(Stage::Queued)
    };
    until(&mut harness, "its turn", waits);
    harness.get_all_by_label("Cancel").last().unwrap().click();
    harness.run_steps(2);
    until(&mut harness, "the other one", |window| window.state().hub.downloads.len() == 1);
    cancel(&mut harness);
    until(&mut harness, "nothing", |window| window.state().hub.downloads.is_empty());
    for repo in [first, second] {
        let left = arrived(cache.path(), repo);
        assert!(left.is_empty(), "{left:?}");
    }
}

#[test]
fn what_is_not_on_the_hub_says_what_to_do_next() {
    let server = Server::start("painter/tiny", files());
    let hub = HubSettings { endpoint: server.endpoint(), ..HubSettings::nowhere() };
    let mut harness = window_on(later_start(), Some(model()), hub);
    open_page(&mut harness);
    typed(&mut harness, "painter/none");
    harness.get_by_label("Look").click();
    until(&mut harness, "the answer", |window| matches!(window.state().hub.look, Look::Failed(..)));
    harness.get_by_label_contains("The hub has no such model or file; check the name");
    harness.get_by_label("Ask again");
    harness.get_by_label("Back to the list").click();
    harness.run_steps(2);
    harness.get_by_label("Get Stable Diffusion 1.5…");
}

fn open_page(harness: &mut Harness) {
    harness.key_press_modifiers(Modifiers::COMMAND, Key::K);
    harness.run_steps(3);
    typed(harness, "get a model");
    harness.key_press(Key::Enter);
    harness.run_steps(20);
}

#[test]
fn folders_and_the_hub_are_set_on_the_settings_page() {
    let desk = folder();
    let mut harness = watching(desk.path());
    harness.key_press_modifiers(Modifiers::COMMAND, Key::Comma);
    harness.run_steps(20);
    harness.get_by_label("Search the settings").focus();
    harness.run_steps(2);
    typed(&mut harness, "hub's");
    harness.get_by_label("Hub's token").focus();
    harness.run_steps(2);
    typed(&mut harness, "hf_abcdefghijklmnop");
    harness.get_by_label("Hub's address").focus();
    harness.run_steps(3);
    assert_eq!(harness.state().state().hub.token.as_deref(), Some("••••••••mnop"));
    typed(&mut harness, "mirror");
    harness.get_by_label("An address begins with https://");
    let path = desk.path().display();
    harness.get_by_label(&format!("Watch no longer: {path}")).click();
    until(&mut harness, "the empty list", |window| {
        let state = window.state();
        state.settings.watched.is_empty() && state.library.outcome.found.is_empty()
    });
}
