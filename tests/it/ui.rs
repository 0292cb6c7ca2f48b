//! The window by label and keyboard, over a generator that paints plain pictures.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use eframe::App as _;
use egui::{Key, Modifiers};
use egui_kittest::Harness;
use egui_kittest::kittest::Queryable as _;
use pentimento::app::jobs::Stage;
use pentimento::app::settings::Settings;
use pentimento::document::codec::{Format, encode};
use pentimento::engine::Engine;
use pentimento::engine::protocol::{
    Event, FailureKind, JobError, ModelChoices, ModelInfo, ModelSource, Painted, Picture, Preview,
    PreviewKind, Request, Timing,
};
use pentimento::engine::worker::{Done, Generator, Reporter, Stop};
use pentimento::files::hub::HubSettings;
use pentimento::shell::Shell;

const STEPS: u32 = 4;

/// A size that is small enough for a "huge" picture.
const FITS: (u32, u32) = (128, 64);

/// Paints grey squares; "slow" takes its time, "fail" fails, "huge" does not fit into the memory.
struct Fake {
    /// What it says of its model, if it has one.
    info: Option<Arc<ModelInfo>>,
}

fn square(grey: u8) -> Arc<Picture> {
    Arc::new(Picture { width: 64, height: 64, rgba: [grey, grey, grey, 255].repeat(64 * 64) })
}

/// Models and autoencoders called "wrong" cannot be read, "large" ones do not fit.
fn refuse(source: &ModelSource, choices: &ModelChoices, anyway: bool) -> Result<(), Stop> {
    let named = |path: &Path, word: &str| path.to_string_lossy().contains(word);
    let failed =
        |message: &str, kind| Err(Stop::Failed(JobError { message: message.to_owned(), kind }));
    if let ModelSource::Path(path) = source {
        if named(path, "wrong") {
            let message = "The file is a LoRA, not a model that paints; choose a model: wrong";
            return failed(message, FailureKind::Model);
        }
        if named(path, "large") && !anyway {
            return failed("Needs 11.2 GB, 8.1 GB are free", FailureKind::Memory { fits: None });
        }
    }
    match &choices.vae {
        Some(path) if named(path, "wrong") => failed("No such autoencoder", FailureKind::Model),
        _ => Ok(()),
    }
}

impl Generator for Fake {
    fn run(&mut self, request: &Request, reporter: &Reporter<'_>) -> Result<Done, Stop> {
        if let Request::Load { source, choices, anyway } = request {
            refuse(source, choices, *anyway)?;
        }
        let Request::Paint(paint) = request else {
            if let (Some(info), Request::Load { source, .. }) = (&self.info, request) {
                let job = reporter.job;
                let info = Arc::new(ModelInfo { source: source.clone(), ..(**info).clone() });
                let resident = vec![(source.clone(), 1_000_000)];
                reporter.say(Event::ModelReady { job, info, resident, load_secs: 0.0 });
            }
            return Ok(Done { request: None, timing: Timing::default() });
        };
        let job = reporter.job;
        let pause = if paint.prompt.contains("slow") { 200 } else { 1 };
        if paint.prompt.contains("huge") && paint.size != Some(FITS) && !paint.anyway {
            let message = "Needs 11.2 GB, 8.1 GB are free".to_owned();
            let kind = FailureKind::Memory { fits: Some(FITS) };
            return Err(Stop::Failed(JobError { message, kind }));
        }
        for index in 0..paint.count {
            for step in 1..=STEPS {
                std::thread::sleep(Duration::from_millis(pause));
                if reporter.cancel.is_cancelled() {
                    return Err(Stop::Cancelled(None));
                }
                if paint.prompt.contains("fail") {
                    let message = "It failed".to_owned();
                    return Err(Stop::Failed(JobError { message, kind: FailureKind::Numbers }));
                }
                let preview = Preview { picture: square(40), kind: PreviewKind::Linear };
                reporter.say(Event::Step {
                    job,
                    index,
                    step,
                    of: STEPS,
                    sigma: 1.0,
                    step_secs: 0.001,
                    preview: Some(preview),
                });
            }
            let (seed, _) = paint.seeds(index);
            let picture = (&*square(200)).into();
            let request = Arc::new(*paint.clone());
            let painted = Painted { index, seed, picture, latent: None, request };
            reporter.say(Event::Painted { job, painted });
        }
        Ok(Done { request: Some(paint.clone()), timing: Timing::default() })
    }

    fn reset(&mut self) {}
}

/// The shell, made on the first frame because only then there is a context.
pub(crate) struct Window {
    shell: Option<Shell>,
    frame: eframe::Frame,
    settings: Settings,
    info: Option<Arc<ModelInfo>>,
    hub: HubSettings,
}

impl Window {
    pub(crate) fn state(&self) -> &pentimento::app::state::AppState {
        self.shell.as_ref().unwrap().state()
    }

    fn show(&mut self, ui: &mut egui::Ui) {
        let settings = self.settings.clone();
        let ctx = ui.ctx().clone();
        let shell = self.shell.get_or_insert_with(|| {
            let wake = ctx.clone();
            let fake = Fake { info: self.info.clone() };
            let engine =
                Engine::spawn_with(Some(1), || fake, move || wake.request_repaint()).unwrap();
            Shell::with_hub(&ctx, engine, settings, self.hub.clone()).unwrap()
        });
        shell.logic(&ctx, &mut self.frame);
        // Fonts that were set in a frame are there in the next one.
        if ctx.cumulative_frame_nr() > 0 {
            shell.ui(ui, &mut self.frame);
        }
    }
}

pub(crate) fn window(settings: Settings) -> Harness<'static, Window> {
    window_with(settings, None)
}

pub(crate) fn window_with(
    settings: Settings,
    info: Option<Arc<ModelInfo>>,
) -> Harness<'static, Window> {
    window_on(settings, info, HubSettings::nowhere())
}

pub(crate) fn window_on(
    settings: Settings,
    info: Option<Arc<ModelInfo>>,
    hub: HubSettings,
) -> Harness<'static, Window> {
    let window = Window { shell: None, frame: eframe::Frame::_new_kittest(), settings, info, hub };
    let builder = Harness::builder().with_size([1280.0, 800.0]);
    let mut harness = builder.build_ui_state(|ui, window: &mut Window| window.show(ui), window);
    harness.run_steps(3);
    harness
}

pub(crate) fn later_start() -> Settings {
    Settings { welcome_painted: true, own_pictures: 2, ..Settings::default() }
}

/// Runs frames until something is so. The limit is for what hangs: a machine that stands still for
/// seconds makes a request to the hub be tried again after half a minute.
pub(crate) fn until(
    harness: &mut Harness<'static, Window>,
    what: &str,
    so: impl Fn(&Window) -> bool,
) {
    let end = Instant::now() + Duration::from_secs(90);
    while !so(harness.state()) {
        assert!(Instant::now() < end, "never came: {what}");
        std::thread::sleep(Duration::from_millis(2));
        harness.step();
    }
    harness.run_steps(2);
}

pub(crate) fn finished(shell: &Window) -> usize {
    shell.state().entries.iter().filter(|entry| entry.stage == Stage::Finished).count()
}

pub(crate) fn paint(harness: &mut Harness<'static, Window>, words: &str) {
    harness.get_by_label("Prompt").focus();
    harness.run_steps(2);
    harness.key_press_modifiers(Modifiers::COMMAND, Key::A);
    harness.step();
    harness.event(egui::Event::Text(words.to_owned()));
    harness.step();
    harness.key_press(Key::Enter);
    harness.step();
}

#[test]
fn enter_paints_and_the_focus_stays() {
    let mut harness = window(later_start());
    paint(&mut harness, "a red fox");
    until(&mut harness, "a result", |shell| finished(shell) == 1);
    assert_eq!(harness.state().state().prompt, "a red fox");
    assert!(harness.get_by_label("Prompt").is_focused());
    harness.get_by_label("Result 1: a red fox");
    harness.key_press(Key::Enter);
    harness.step();
    until(&mut harness, "a second result", |shell| finished(shell) == 2);
    // A job starts from the document, and looking never keeps.
    assert!(harness.state().state().document.is_empty());
}

#[test]
fn a_mask_makes_the_button_fill_and_keeps_what_it_lies_on() {
    let mut harness = window(later_start());
    paint(&mut harness, "a red fox");
    until(&mut harness, "a result", |shell| finished(shell) == 1);
    harness.get_by_label("Paint");
    harness.key_press_modifiers(Modifiers::COMMAND | Modifiers::SHIFT, Key::I);
    harness.run_steps(2);
    harness.get_by_label("Fill");
    let state = harness.state().state();
    assert!(!state.document.is_empty());
    assert!(state.entries[0].kept);
    harness.key_press_modifiers(Modifiers::COMMAND, Key::D);
    harness.run_steps(2);
    harness.get_by_label("Paint");
}

#[test]
fn escape_leaves_the_field_first_and_then_stops() {
    let mut harness = window(later_start());
    paint(&mut harness, "slow fox");
    until(&mut harness, "a step", |shell| {
        shell.state().entries.first().is_some_and(|entry| !entry.steps.is_empty())
    });
    harness.key_press(Key::Escape);
    harness.run_steps(2);
    assert!(harness.state().state().jobs.running.is_some());
    harness.key_press(Key::Escape);
    until(&mut harness, "the end", |shell| shell.state().jobs.running.is_none());
    // What had emerged stays on the strip, never on the canvas.
    assert_eq!(harness.state().state().entries[0].stage, Stage::Stopped);
    assert_eq!(harness.state().state().shown, None);
}

#[test]
fn keys_walk_discard_and_bring_back() {
    let mut harness = window(later_start());
    for words in ["one", "two"] {
        paint(&mut harness, words);
    }
    until(&mut harness, "two results", |shell| finished(shell) == 2);
    harness.key_press(Key::Escape);
    harness.run_steps(2);
    harness.key_press(Key::ArrowLeft);
    harness.run_steps(2);
    let first = harness.state().state().entries[0].id;
    assert_eq!(harness.state().state().shown, Some(first));
    harness.key_press(Key::Delete);
    harness.run_steps(2);
    assert_eq!(harness.state().state().entries.len(), 1);
    // The top bar has an Undo of its own; the notice's is drawn over it, so it comes last.
    harness.get_all_by_label("Undo").last().unwrap().click();
    harness.run_steps(3);
    assert_eq!(harness.state().state().entries[0].id, first);
}

#[test]
fn a_failure_says_so_and_offers_another_try() {
    let mut harness = window(later_start());
    paint(&mut harness, "fail");
    until(&mut harness, "a notice", |shell| !shell.state().notices.list.is_empty());
    harness.get_by_label("It failed");
    harness.get_by_label("Again");
    assert!(harness.state().state().entries.is_empty());
}

#[test]
fn what_does_not_fit_is_painted_smaller_or_anyway() {
    for (label, size) in [("Use 128 × 64", Some(FITS)), ("Try anyway", None)] {
        let mut harness = window(later_start());
        paint(&mut harness, "a huge fox");
        until(&mut harness, "a notice", |shell| !shell.state().notices.list.is_empty());
        harness.get_by_label("Needs 11.2 GB, 8.1 GB are free");
        harness.get_by_label(label).click();
        until(&mut harness, "the picture", |shell| finished(shell) == 1);
        assert_eq!(harness.state().state().entries[0].request.size, size);
    }
}

#[test]
fn letters_are_typed_while_a_field_has_the_focus() {
    let mut harness = window(later_start());
    paint(&mut harness, "q");
    assert_eq!(harness.state().state().tool, pentimento::app::tool::Tool::Hand);
    harness.key_press(Key::Escape);
    harness.run_steps(2);
    harness.key_press(Key::Q);
    harness.run_steps(2);
    assert_eq!(harness.state().state().tool, pentimento::app::tool::Tool::Mask);
}

/// A file of which only the path is wanted.
#[derive(Debug)]
pub(crate) struct Dropped(pub(crate) PathBuf);

impl egui::DroppedFile for Dropped {
    fn path(&self) -> &Path {
        &self.0
    }

    fn bytes(&self) -> Result<Vec<u8>, String> {
        Err("nobody reads it so".to_owned())
    }
}

/// A window on which a picture with this recipe was dropped.
fn dropped(recipe: &str) -> Harness<'static, Window> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("fox.webp");
    std::fs::write(&path, encode(&square(9), Format::WebP, Some(recipe)).unwrap()).unwrap();
    let mut harness = window(later_start());
    harness.input_mut().dropped_files.push(Arc::new(Dropped(path)));
    harness.step();
    until(&mut harness, "the picture", |shell| !shell.state().document.is_empty());
    harness
}

const RECIPE: &str = "a lighthouse\nNegative prompt: fog\n\
    Steps: 7, Sampler: Euler a, CFG scale: 3.5, Seed: 42, Size: 96x64, Clip skip: 2, \
    Hires upscale: 2";

#[test]
fn a_dropped_pictures_recipe_stands_in_grey_until_tab_takes_it_over() {
    let mut harness = dropped(RECIPE);
    assert_eq!(harness.state().state().prompt, "");
    harness.get_by_label("Read its settings");
    assert!(harness.get_by_label("Prompt").is_focused());
    harness.key_press(Key::Tab);
    harness.run_steps(2);
    let state = harness.state().state();
    assert_eq!((state.prompt.as_str(), state.negative.as_str()), ("a lighthouse", "fog"));
    let paint = &state.settings.paint;
    assert_eq!((paint.steps, paint.guidance, paint.seed), (Some(7), Some(3.5), 42));
    assert!(state.offered.is_none() && state.entries.is_empty());
    let said = |text: &str| state.notices.list.iter().any(|notice| notice.text == text);
    assert_eq!(paint.clip_skip, 2);
    assert!(said("Not taken over: Hires upscale 2"), "{:?}", state.notices.list);
    assert!(harness.get_by_label("Prompt").is_focused());
}

#[test]
fn of_fifty_dropped_files_the_first_is_placed() {
    let folder = tempfile::tempdir().unwrap();
    let mut harness = window(later_start());
    for number in 0..50u8 {
        let path = folder.path().join(format!("{number:02}.png"));
        std::fs::write(&path, encode(&square(number), Format::Png, None).unwrap()).unwrap();
        harness.input_mut().dropped_files.push(Arc::new(Dropped(path)));
    }
    harness.step();
    until(&mut harness, "the picture", |shell| !shell.state().document.is_empty());
    let state = harness.state().state();
    assert_eq!((state.document.size(), state.title.as_str()), ((64, 64), "00.png"));
    assert!(state.notices.list.iter().any(|notice| notice.text.starts_with("50 files")));
}

#[test]
fn enter_paints_again_what_is_offered() {
    let mut harness = dropped(RECIPE);
    harness.key_press(Key::Enter);
    harness.step();
    until(&mut harness, "a result", |shell| finished(shell) == 1);
    let request = &harness.state().state().entries[0].request;
    assert_eq!((request.prompt.as_str(), request.seed), ("a lighthouse", 42));
    assert_eq!((request.size, request.steps), (Some((96, 64)), Some(7)));
    assert!(request.init.is_none(), "it was painted from words alone");
}

#[test]
fn a_pasted_recipe_offers_to_be_read() {
    let mut harness = window(later_start());
    harness.get_by_label("Prompt").focus();
    harness.run_steps(2);
    harness.event(egui::Event::Paste(RECIPE.to_owned()));
    harness.run_steps(2);
    harness.get_by_label("Read its settings").click();
    harness.run_steps(2);
    assert_eq!(harness.state().state().prompt, "a lighthouse");
}

#[test]
fn vary_paints_four_relatives_of_a_result() {
    let mut harness = window(later_start());
    paint(&mut harness, "a red fox");
    until(&mut harness, "a result", |shell| finished(shell) == 1);
    harness.get_by_label("Result 1: a red fox").click_secondary();
    harness.run_steps(2);
    harness.get_by_label("Vary: four near relatives").click();
    harness.run_steps(2);
    until(&mut harness, "its relatives", |shell| finished(shell) == 5);
    let entries = &harness.state().state().entries;
    let seed = entries[0].seed;
    for (index, entry) in entries[1..].iter().enumerate() {
        let (own, variation) = entry.request.seeds(index as u32);
        assert_eq!((own, entry.seed), (seed, seed));
        assert_eq!(variation.unwrap().strength, 0.2);
    }
}
