//! What becomes of jobs that wait, are paused, cancelled or fail.

use super::*;
use crate::app::command::{Action, Command};
use crate::app::intent;
use crate::app::jobs::Thumb;
use crate::app::scene::MaskShow;
use crate::app::settings::Settings;
use crate::app::told::plain_model;
use crate::app::tool::Tool;
use crate::app::update::update;
use crate::app::words::Lang;
use crate::diffusion::noise::Noise;
use crate::diffusion::samplers::State;
use crate::document::mask::Mask;
use crate::engine::protocol::{
    Event, FailureKind, FillArea, InpaintMask, JobError, JobId, ModelInfo, Painted, Preview,
    PreviewKind, Sampler,
};
use crate::plane::{PixelRect, Plane};
use crate::types::Picture;

fn state_with(prompts: &[&str]) -> AppState {
    let mut state = AppState::new(Settings::default(), Lang::En);
    state.jobs.paused = true;
    for words in prompts {
        let request = PaintRequest { prompt: (*words).to_owned(), ..PaintRequest::default() };
        state.enqueue(request, None, false, false);
    }
    state
}

/// Where a job stands after one step of its picture `index`.
fn midway(index: u32) -> Arc<Midway> {
    let noise = Noise::torch(1);
    let state = State { latent: Vec::new(), step: 1, earlier: Vec::new(), noise };
    Arc::new(Midway { index, state })
}

/// A window whose one job, of `count` pictures, is in the engine.
fn running(count: u32, resume: Option<Arc<Midway>>) -> AppState {
    let mut state = state_with(&[]);
    let request = PaintRequest { count, resume, ..PaintRequest::default() };
    state.enqueue(request, None, false, false);
    drop(state.pause_queue());
    state.submitted(1, Ok(JobId(7)));
    state
}

fn painted(index: u32, request: PaintRequest) -> Event {
    let picture = Plane::new((8, 8));
    let painted = Painted { index, seed: 5, picture, latent: None, request: Arc::new(request) };
    Event::Painted { job: JobId(7), painted }
}

fn words(state: &AppState) -> Vec<&str> {
    state.entries.iter().map(Entry::words).collect()
}

#[test]
fn a_pause_taken_back_goes_on_from_where_it_stood() {
    let mut state = state_with(&["a"]);
    let midway = Some(midway(0));
    drop(state.pause_queue());
    state.submitted(1, Ok(JobId(7)));
    drop(state.pause_queue());
    drop(state.pause_queue());
    let effects = state.engine_event(Event::Cancelled { job: JobId(7), midway });
    let [Effect::Submit { request, .. }] = &effects[..] else { panic!("{effects:?}") };
    assert!(request.resume.is_some());
    // Paused again before it did a step of its own.
    state.submitted(1, Ok(JobId(8)));
    drop(state.pause_queue());
    drop(state.engine_event(Event::Cancelled { job: JobId(8), midway: None }));
    assert!(state.jobs.waiting[0].request.resume.is_some());
}

#[test]
fn the_order_changes_in_queue_and_strip_alike() {
    let mut state = state_with(&["a", "b", "c"]);
    let ids: Vec<EntryId> = state.entries.iter().map(|entry| entry.id).collect();
    state.move_waiting(ids[2], Some(ids[0]));
    assert_eq!(words(&state), ["c", "a", "b"]);
    state.move_waiting(ids[2], None);
    assert_eq!(words(&state), ["a", "b", "c"]);
    state.move_waiting(ids[1], Some(ids[1]));
    let queue: Vec<&str> =
        state.jobs.waiting.iter().map(|job| job.request.prompt.as_str()).collect();
    assert_eq!(queue, ["a", "b", "c"]);
}

#[test]
fn a_paused_queue_holds_until_it_is_let_go() {
    let mut state = state_with(&["a", "b"]);
    assert!(state.advance().is_empty());
    let effects = state.pause_queue();
    assert!(matches!(effects[..], [Effect::Submit { .. }]));
    assert_eq!(state.jobs.waiting.len(), 1);
}

#[test]
fn what_a_paused_job_has_painted_stays_when_the_rest_is_cancelled() {
    let mut state = state_with(&[]);
    let request = PaintRequest { count: 3, ..PaintRequest::default() };
    state.enqueue(request, None, false, false);
    state.entries[0].stage = Stage::Finished;
    let (painted, waiting) = (state.entries[0].id, state.entries[1].id);
    state.unqueue(waiting);
    assert!(state.jobs.waiting.is_empty());
    assert_eq!(state.entries.iter().map(|entry| entry.id).collect::<Vec<_>>(), [painted]);
}

#[test]
fn what_a_paused_job_had_begun_stays_when_it_is_cancelled() {
    let mut state = running(2, None);
    let picture = Arc::new(Picture { width: 1, height: 1, rgba: vec![255; 4] });
    let preview = Some(Preview { picture, kind: PreviewKind::Linear });
    let job = JobId(7);
    drop(state.engine_event(Event::Step {
        job,
        index: 0,
        step: 1,
        of: 4,
        step_secs: 0.1,
        sigma: 1.0,
        preview,
    }));
    drop(state.pause_queue());
    drop(state.engine_event(Event::Cancelled { job, midway: Some(midway(0)) }));
    let begun = state.entries[0].id;
    state.unqueue(begun);
    let left: Vec<_> = state.entries.iter().map(|entry| (entry.id, entry.stage)).collect();
    assert_eq!(left, [(begun, Stage::Stopped)]);
}

#[test]
fn a_batch_goes_on_with_the_picture_that_it_was_paused_in() {
    let mut state = running(3, None);
    drop(state.engine_event(painted(0, PaintRequest { count: 3, ..PaintRequest::default() })));
    assert_eq!(state.ahead(), 2);
    drop(state.pause_queue());
    let midway = Some(midway(1));
    drop(state.engine_event(Event::Cancelled { job: JobId(7), midway }));
    drop(state.pause_queue());
    let stages: Vec<_> = state.entries.iter().map(|entry| entry.stage).collect();
    assert_eq!(stages, [Stage::Finished, Stage::Running, Stage::Waiting]);
}

#[test]
fn a_job_without_room_asks_again_for_what_is_owed_alone() {
    let mut state = running(4, Some(midway(2)));
    let kind = FailureKind::Memory { fits: Some((64, 64)) };
    let error = JobError { message: "Too large".to_owned(), kind };
    drop(state.engine_event(Event::Failed { job: JobId(7), error }));
    let offers = state.notices.list.last().unwrap().offers.iter();
    let requests: Vec<&PaintRequest> = offers
        .filter_map(|offer| match &offer.command {
            Command::PaintRequest(request) => Some(&**request),
            _ => None,
        })
        .collect();
    let [smaller, anyway] = requests[..] else { panic!("{requests:?}") };
    assert_eq!((smaller.count, smaller.size, &smaller.resume), (2, Some((64, 64)), &None));
    assert_eq!(anyway.count, 2);
    assert_eq!(anyway.resume.as_ref().map(|midway| midway.index), Some(0));
}

#[test]
fn a_job_that_failed_is_what_again_paints_and_a_long_one_calls() {
    for (late, calls) in [(0.0, false), (11.0, true)] {
        let mut state = running(3, None);
        drop(state.engine_event(painted(0, PaintRequest { count: 3, ..PaintRequest::default() })));
        "something else".clone_into(&mut state.prompt);
        state.now += late;
        let error = JobError { message: "A fault".to_owned(), kind: FailureKind::Fault };
        let effects = state.engine_event(Event::Failed { job: JobId(7), error });
        assert_eq!(effects.iter().any(|effect| matches!(effect, Effect::CallBack)), calls);
        let again = &state.notices.list.last().unwrap().offers[0].command;
        let Command::PaintRequest(request) = again else { panic!("{again:?}") };
        assert_eq!((&*request.prompt, request.count), ("", 3));
    }
}

#[test]
fn a_picture_of_a_batch_that_goes_on_says_how_it_was_made() {
    let mut state = running(2, None);
    let sampler = Some(Sampler::Ddim);
    let request = PaintRequest { count: 2, steps: Some(9), sampler, ..PaintRequest::default() };
    drop(state.engine_event(painted(0, request)));
    let first = state.entries[0].id;
    state.show(Some(first));
    assert!(state.keep_shown() && state.jobs.running.is_some());
    let recipe = &state.document_recipe;
    assert!(recipe.contains("Steps: 9") && recipe.contains("Sampler: DDIM"), "{recipe}");
}

#[test]
fn a_picture_says_the_model_that_painted_it() {
    let mut state = running(1, None);
    let info = Arc::new(ModelInfo { name: "Another".to_owned(), ..(*plain_model()).clone() });
    let (job, resident, load_secs) = (JobId(7), Vec::new(), 0.0);
    drop(state.engine_event(Event::ModelReady { job, info, resident, load_secs }));
    assert_eq!(&*state.entries[0].model, "Another");
}

#[test]
fn a_mask_hidden_by_hand_stays_hidden_when_a_fill_is_done() {
    let coverage = Plane::new((8, 8));
    let mask = Some(InpaintMask { coverage, feather_px: 0.0, area: FillArea::Whole });
    for (before, after) in
        [(MaskShow::Hidden, MaskShow::Hidden), (MaskShow::Shown, MaskShow::AfterFill)]
    {
        let mut state = running(1, None);
        let request = PaintRequest { mask: mask.clone(), ..PaintRequest::default() };
        state.mask_show = before;
        drop(state.engine_event(painted(0, request)));
        assert_eq!(state.mask_show, after);
        // The mask's tool is in the hand still, and asked for again it shows the mask.
        state.tool = Tool::Mask;
        assert!(!state.mask_is_seen());
        drop(update(&mut state, Command::Do(Action::ToolMask)));
        assert!(state.mask_is_seen());
    }
}

#[test]
fn a_repeating_job_comes_again_with_another_seed() {
    let mut state = state_with(&["a"]);
    state.jobs.waiting[0].repeats = true;
    let mut job = state.jobs.waiting.pop_front().unwrap();
    // It was paused and let go on in between.
    let resume = Some(midway(0));
    job.request = Arc::new(PaintRequest { resume, ..(*job.request).clone() });
    assert!(state.job_done(&job).is_empty());
    let next = &state.jobs.waiting[0];
    assert_eq!(next.request.resume, None);
    assert!(next.repeats && next.request.seed != job.request.seed);
    assert_eq!(next.request.prompt, "a");
}

#[test]
fn a_fill_emerges_where_it_works() {
    let mut state = AppState::new(Settings::default(), Lang::En);
    state.model.info = Some(plain_model());
    drop(state.place("photo.png", Plane::filled((400, 300), [10, 20, 30, 255]), &[]));
    let mut coverage = Plane::new((400, 300));
    coverage.fill_rect(PixelRect { x0: 100, y0: 100, x1: 160, y1: 160 }, [255]);
    state.document.mask = Mask::from_plane(coverage);
    let place = PixelRect { x0: 84, y0: 84, x1: 176, y1: 176 };
    assert_eq!(intent::fill_place(&state), Some(place));
    // Enlarged to the model's own size, as nothing else is.
    let (info, small) = (plain_model(), PixelRect::whole((40, 40)));
    assert_eq!(info.size_for((400, 300), Some(small)), info.native_size);
    assert_eq!(info.size_for(small.size(), None), (40, 40));
    drop(update(&mut state, Command::Do(Action::FillAround)));
    assert_eq!(intent::fill_place(&state), None);
    drop(update(&mut state, Command::Do(Action::FillAround)));

    drop(update(&mut state, Command::Do(Action::Paint)));
    state.submitted(1, Ok(JobId(7)));
    let grey = Picture { width: 2, height: 1, rgba: vec![50, 50, 50, 255, 90, 90, 90, 255] };
    drop(state.engine_event(Event::Step {
        job: JobId(7),
        index: 0,
        step: 1,
        of: 4,
        sigma: 1.0,
        step_secs: 0.1,
        preview: Some(Preview { picture: Arc::new(grey), kind: PreviewKind::Linear }),
    }));
    let scene = state.scene();
    assert_eq!((scene.size, scene.emerging.as_ref().map(|e| e.place)), ((400, 300), Some(place)));
    let seen = |x: f32, y: f32| scene.color_at([x, y], &state.document.mask);
    assert_eq!((seen(110.0, 150.0), seen(150.0, 110.0)), (Some([50; 3]), Some([90; 3])));
    assert_eq!(seen(90.0, 150.0), Some([10, 20, 30]), "round the mask");
    let thumb = state.entries[0].thumb().expect("something to see");
    assert!(matches!(thumb, Thumb::Part(_, _, part) if part == place));
    assert_eq!(thumb.size(), (400, 300));
}

#[test]
fn a_picture_that_comes_while_the_welcome_is_painted_stays_in_sight() {
    let mut state = AppState::new(Settings::default(), Lang::En);
    state.model.info = Some(plain_model());
    drop(state.paint_welcome());
    state.submitted(1, Ok(JobId(7)));
    let effects = state.place("photo.png", Plane::filled((40, 30), [10, 20, 30, 255]), &[]);
    assert!(effects.iter().any(|effect| matches!(effect, Effect::Cancel(JobId(7)))));
    // It may be done before it hears of that.
    drop(state.engine_event(painted(0, PaintRequest::default())));
    assert_eq!((state.shown, state.scene().size), (None, (40, 30)));
}
