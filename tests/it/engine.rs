//! The thread boundary: with a made-up generator for its promises, with the real one for what a
//! painter relies on.

use std::sync::Arc;
use std::time::{Duration, Instant};

use pentimento::cancel::CancelToken;
use pentimento::engine::Engine;
use pentimento::engine::painter::Options;
use pentimento::engine::protocol::{
    Event, FailureKind, FillArea, InitPicture, InpaintMask, JobId, Midway, ModelChoices,
    ModelSource, Notice, PaintRequest, Painted, Posterior, PromptStyle, Request, Sampler, Timing,
    Variation,
};
use pentimento::engine::worker::{Done, Generator, Reporter, Stop};
use pentimento::plane::{PixelRect, Plane};

use super::support::fixtures;

/// Does what the prompt says.
struct Scripted;

impl Generator for Scripted {
    fn run(&mut self, request: &Request, reporter: &Reporter<'_>) -> Result<Done, Stop> {
        let Request::Paint(paint) = request else { panic!("only pictures here") };
        let done = Done { request: None, timing: Timing::default() };
        match paint.prompt.as_str() {
            "panic" => panic!("a fault"),
            "flood" => {
                for step in 1..=2000 {
                    reporter.say(step_event(reporter.job, step));
                }
                Ok(done)
            }
            "wait" => loop {
                reporter.cancel.check().map_err(|_cancelled| Stop::Cancelled(None))?;
                std::thread::sleep(Duration::from_millis(1));
            },
            _ => Ok(done),
        }
    }

    fn reset(&mut self) {}
}

fn step_event(job: JobId, step: u32) -> Event {
    Event::Step { job, index: 0, step, of: 2000, sigma: 1.0, step_secs: 0.0, preview: None }
}

fn scripted() -> Engine {
    Engine::spawn_with(Some(1), || Scripted, || ()).expect("a thread")
}

fn submit(engine: &mut Engine, prompt: &str) -> JobId {
    let job = engine.next_job();
    let request = PaintRequest { prompt: prompt.to_owned(), ..PaintRequest::default() };
    engine.submit(job, Request::Paint(Box::new(request))).expect("room");
    job
}

/// All events up to the terminal one of `last`.
fn events_until(engine: &mut Engine, last: JobId) -> Vec<Event> {
    let mut events = Vec::new();
    while let Some(event) = engine.wait() {
        let done = event.is_terminal() && event.job() == last;
        events.push(event);
        if done {
            break;
        }
    }
    events
}

fn terminal(events: &[Event], job: JobId) -> &Event {
    let ends: Vec<_> = events.iter().filter(|e| e.is_terminal() && e.job() == job).collect();
    assert_eq!(ends.len(), 1, "{job:?} ends exactly once");
    ends[0]
}

#[test]
fn a_panic_fails_its_job_and_the_next_one_runs() {
    let mut engine = scripted();
    let bad = submit(&mut engine, "panic");
    let good = submit(&mut engine, "fine");
    let events = events_until(&mut engine, good);
    let Event::Failed { error, .. } = terminal(&events, bad) else { panic!("it failed") };
    assert_eq!(error.kind, FailureKind::Fault);
    assert!(matches!(terminal(&events, good), Event::Finished { .. }));
}

#[test]
fn running_and_waiting_jobs_are_cancelled_in_order() {
    let mut engine = scripted();
    let running = submit(&mut engine, "wait");
    let waiting = submit(&mut engine, "wait");
    assert!(matches!(engine.wait(), Some(Event::Started { job }) if job == running));
    engine.cancel(waiting);
    engine.cancel(running);
    let events = events_until(&mut engine, waiting);
    assert!(matches!(terminal(&events, running), Event::Cancelled { .. }));
    assert!(matches!(terminal(&events, waiting), Event::Cancelled { .. }));
    let started = events.iter().filter(|e| matches!(e, Event::Started { .. })).count();
    assert_eq!(started, 0, "the waiting one never began");
}

#[test]
fn a_reader_who_sleeps_loses_no_ending() {
    let mut engine = scripted();
    let job = submit(&mut engine, "flood");
    std::thread::sleep(Duration::from_millis(50));
    let events = events_until(&mut engine, job);
    assert!(matches!(terminal(&events, job), Event::Finished { .. }));
    assert_eq!(events.iter().filter(|e| matches!(e, Event::Step { .. })).count(), 2000);
}

#[test]
fn dropping_the_engine_ends_its_running_job() {
    let mut engine = scripted();
    submit(&mut engine, "wait");
    submit(&mut engine, "flood");
    let start = Instant::now();
    drop(engine);
    assert!(start.elapsed() < Duration::from_secs(5), "it does not wait for the job");
}

#[test]
fn more_jobs_than_fit_are_refused_not_waited_for() {
    let mut engine = scripted();
    submit(&mut engine, "wait");
    let refused = (0..100).find_map(|_| {
        let job = engine.next_job();
        engine.submit(job, Request::Paint(Box::default())).err()
    });
    assert!(refused.is_some());
}

// What follows paints with the built-in model.

fn small(prompt: &str) -> PaintRequest {
    PaintRequest {
        prompt: prompt.to_owned(),
        size: Some((128, 96)),
        steps: Some(4),
        previews: false,
        ..PaintRequest::default()
    }
}

fn paint_with(threads: usize, request: PaintRequest) -> (Vec<Painted>, Vec<Event>) {
    let mut engine = Engine::spawn(Options { threads: Some(threads), ..Options::default() }, || ())
        .expect("a thread");
    let job = engine.next_job();
    engine.submit(job, Request::Paint(Box::new(request))).expect("room");
    let events = events_until(&mut engine, job);
    let painted = events.iter().filter_map(|event| match event {
        Event::Painted { painted, .. } => Some(painted.clone()),
        _ => None,
    });
    (painted.collect(), events)
}

fn failure(request: PaintRequest) -> String {
    let (_, events) = paint_with(1, request);
    match events.last() {
        Some(Event::Failed { error, .. }) => error.message.clone(),
        other => panic!("not a failure: {other:?}"),
    }
}

fn colourful(width: u32, height: u32) -> Plane<4> {
    let pixel =
        |i: u32| [(i * 7 % 256) as u8, (i * 3 % 256) as u8, (i / width * 2 % 256) as u8, 255];
    Plane::from_flat((width, height), &(0..width * height).flat_map(pixel).collect::<Vec<u8>>())
}

fn init(picture: Plane<4>, strength: f32) -> InitPicture {
    InitPicture { picture, strength, posterior: Posterior::Mode }
}

fn left_half(width: u32, height: u32) -> Plane<1> {
    let covered = |i: u32| if i % width < width / 2 { 255 } else { 0 };
    Plane::from_flat((width, height), &(0..width * height).map(covered).collect::<Vec<u8>>())
}

#[test]
fn threads_change_no_bit_and_a_finished_request_paints_the_same_again() {
    let (one, events) = paint_with(1, small("a fox"));
    let (two, _) = paint_with(2, small("a fox"));
    assert_eq!(one[0].picture, two[0].picture);
    let Some(Event::Finished { request: Some(request), .. }) = events.last() else {
        panic!("it finished")
    };
    let (again, _) = paint_with(2, (**request).clone());
    assert_eq!(again[0].picture, one[0].picture);
}

#[test]
fn few_steps_bring_their_own_numbers_and_need_a_model_that_has_them() {
    let few_steps = || ModelChoices { few_steps: true, ..ModelChoices::default() };
    let request = PaintRequest { steps: None, choices: few_steps(), ..small("a frog on a meadow") };
    let (few, _) = paint_with(2, request.clone());
    assert_eq!((few[0].request.steps, few[0].request.guidance), (Some(4), Some(1.0)));
    let same = PaintRequest { choices: ModelChoices::default(), ..(*few[0].request).clone() };
    assert_ne!(paint_with(2, same).0[0].picture, few[0].picture, "the weights are others");
    let model = ModelSource::Path(fixtures().join("sd1_tiny"));
    let refused = failure(PaintRequest { model, ..request });
    assert!(refused.contains("no form for few steps"), "{refused}");
}

#[test]
fn picture_k_of_a_batch_is_the_picture_of_seed_plus_k() {
    let (batch, _) = paint_with(2, PaintRequest { seed: 5, count: 3, ..small("a frog") });
    let (single, _) = paint_with(2, PaintRequest { seed: 7, ..small("a frog") });
    assert_eq!(batch.len(), 3);
    assert_eq!(batch[2].seed, 7);
    assert_eq!(batch[2].picture, single[0].picture);
    assert_ne!(batch[1].picture, single[0].picture);
}

#[test]
fn a_variation_goes_from_its_seed_to_the_other() {
    let paint = |seed: u64, variation: Option<(u64, f32)>, count: u32| {
        let variation = variation.map(|(seed, strength)| Variation { seed, strength });
        let sampler = Some(Sampler::DpmPp2M);
        let request =
            PaintRequest { seed, variation, sampler, count, ..small("a frog on a meadow") };
        paint_with(2, request).0
    };
    let (one, other) = (paint(5, None, 1), paint(9, None, 1));
    assert_eq!(paint(5, Some((9, 0.0)), 1)[0].picture, one[0].picture);
    assert_eq!(paint(5, Some((9, 1.0)), 1)[0].picture, other[0].picture);
    let between = paint(5, Some((8, 0.2)), 2);
    assert_eq!((between[0].seed, between[1].seed), (5, 5));
    assert_eq!(paint(5, Some((9, 0.2)), 1)[0].picture, between[1].picture);
    let away = |picture: &Plane<4>, from: &Plane<4>| -> u64 {
        picture.to_flat().iter().zip(&from.to_flat()).map(|(a, b)| u64::from(a.abs_diff(*b))).sum()
    };
    assert!(away(&between[1].picture, &one[0].picture) > 0);
    assert!(away(&between[1].picture, &one[0].picture) < away(&other[0].picture, &one[0].picture));
}

#[test]
fn a_fill_changes_nothing_outside_its_mask_whatever_the_sizes() {
    for (width, height) in [(128, 96), (101, 77), (700, 500)] {
        let picture = colourful(width, height);
        let mask = left_half(width, height);
        let request = PaintRequest {
            init: Some(init(picture.clone(), 1.0)),
            mask: Some(InpaintMask {
                coverage: mask.clone(),
                feather_px: 6.0,
                area: FillArea::Whole,
            }),
            size: None,
            ..small("a red apple")
        };
        let (painted, _) = paint_with(2, request);
        assert_eq!(painted[0].picture.size(), (width, height));
        let (result, before) = (painted[0].picture.to_flat(), picture.to_flat());
        let mask = mask.to_flat();
        let mut changed = 0;
        for (i, covered) in mask.iter().enumerate() {
            let same = result[i * 4..][..4] == before[i * 4..][..4];
            assert!(*covered > 0 || same, "pixel {i} outside the mask changed");
            changed += usize::from(!same);
        }
        assert!(changed > mask.len() / 4, "the inside was painted");
    }
}

#[test]
fn a_fill_round_its_mask_works_on_that_part_and_returns_the_whole() {
    let picture = colourful(300, 200);
    let hole = PixelRect { x0: 20, y0: 30, x1: 60, y1: 70 };
    let mut coverage = Plane::new((300, 200));
    coverage.fill_rect(hole, [255]);
    let request = |area| PaintRequest {
        init: Some(init(picture.clone(), 1.0)),
        mask: Some(InpaintMask { coverage: coverage.clone(), feather_px: 0.0, area }),
        size: None,
        ..small("a red apple")
    };
    let (painted, _) = paint_with(2, request(FillArea::Around));
    let result = &painted[0].picture;
    for y in 0..200 {
        for x in 0..300 {
            let inside = (hole.x0..hole.x1).contains(&x) && (hole.y0..hole.y1).contains(&y);
            assert!(inside || result.pixel(x, y) == picture.pixel(x, y), "{x}, {y}");
        }
    }
    assert_ne!(result.read(hole), picture.read(hole));
    // What is stored is the whole, at the part's own working size: it can be painted again.
    let stored = (*painted[0].request).clone();
    assert_eq!(stored.init, request(FillArea::Around).init);
    assert_eq!(stored.mask, request(FillArea::Around).mask);
    assert_eq!(stored.size, Some((256, 256)));
    assert_eq!(paint_with(2, stored).0[0].picture, *result);
    let (whole, _) = paint_with(2, request(FillArea::Whole));
    assert_ne!(whole[0].picture, *result);
}

#[test]
fn a_long_prompt_names_the_words_it_lost_and_odd_sizes_are_rounded_aloud() {
    let words = "fox ".repeat(40) + "(x:1.2.3) zebra";
    let request = PaintRequest { size: Some((99, 61)), ..small(&words) };
    let plain = PaintRequest { prompt_style: PromptStyle::Plain, ..request.clone() };
    let (painted, events) = paint_with(2, plain);
    assert_eq!(painted[0].picture.size(), (96, 64));
    let notices: Vec<_> = events
        .iter()
        .filter_map(|event| match event {
            Event::Notice { notice, .. } => Some(notice.clone()),
            _ => None,
        })
        .collect();
    assert!(notices.contains(&Notice::SizeRounded { asked: (99, 61), used: (96, 64) }));
    let lost = notices.iter().find_map(|notice| match notice {
        Notice::WordsLost { lost, negative: false } => Some(lost.clone()),
        _ => None,
    });
    assert!(lost.is_some_and(|lost| lost.ends_with("zebra")));
    // Read in chunks nothing is lost, but what looks like a weight is told.
    let (_, events) = paint_with(2, request);
    let told =
        |event: &Event| matches!(event, Event::Notice { notice: Notice::WordsLost { .. }, .. });
    assert!(!events.iter().any(told));
    let odd = Notice::NotAWeight { text: "1.2.3".to_owned(), negative: false };
    let told = |event: &Event| matches!(event, Event::Notice { notice, .. } if *notice == odd);
    assert!(events.iter().any(told));
}

#[test]
fn nonsense_is_refused_with_what_would_do() {
    let picture = colourful(64, 64);
    let small = |change: fn(&mut PaintRequest)| {
        let mut request = small("a fox");
        request.init = Some(init(picture.clone(), 0.5));
        change(&mut request);
        failure(request)
    };
    let cases: [(String, &str); 12] = [
        (small(|r| r.steps = Some(0)), "Steps go from 1 to 150"),
        (small(|r| r.size = Some((0, 64))), "sides go from 1"),
        (small(|r| r.size = Some((100_000, 100_000))), "cannot be painted"),
        (small(|r| r.guidance = Some(f32::NAN)), "Guidance goes from"),
        (small(|r| r.guidance_rescale = -1.0), "Guidance rescale goes from"),
        (
            small(|r| r.savings.guidance_interval = Some((5.0, f32::NAN))),
            "A guidance interval goes from a lower to a higher sigma",
        ),
        (small(|r| r.savings.deep_cache = Some(1)), "DeepCache from 2"),
        (small(|r| r.clip_skip = 0), "CLIP skip goes from"),
        (small(|r| r.count = 0), "1 to"),
        (small(|r| r.init.as_mut().expect("a picture").strength = 0.0), "Strength goes from"),
        (
            small(|r| {
                r.mask = Some(InpaintMask {
                    coverage: left_half(32, 64),
                    feather_px: 0.0,
                    area: FillArea::Whole,
                });
            }),
            "The mask is 32 × 64 pixels, but the picture 64 × 64",
        ),
        (
            small(|r| {
                r.mask = Some(InpaintMask {
                    coverage: Plane::new((64, 64)),
                    feather_px: 0.0,
                    area: FillArea::Whole,
                });
            }),
            "The mask is empty",
        ),
    ];
    for (message, part) in cases {
        assert!(message.contains(part), "'{message}' does not say '{part}'");
    }
}

/// From the call to `Cancelled`. The bound is wide for busy test machines; the time is printed.
#[test]
fn cancelling_a_picture_takes_effect_between_blocks() {
    let mut engine = Engine::spawn(Options::default(), || ()).expect("a thread");
    let load = engine.next_job();
    engine
        .submit(
            load,
            Request::Load {
                source: pentimento::types::ModelSource::BuiltIn,
                choices: pentimento::types::ModelChoices::default(),
                anyway: false,
            },
        )
        .expect("room");
    events_until(&mut engine, load);
    let mut slowest = Duration::ZERO;
    for wait in [0, 20, 60, 150] {
        let job = engine.next_job();
        let request = PaintRequest { steps: Some(150), ..PaintRequest::default() };
        engine.submit(job, Request::Paint(Box::new(request))).expect("room");
        std::thread::sleep(Duration::from_millis(wait));
        let start = Instant::now();
        engine.cancel(job);
        let events = events_until(&mut engine, job);
        slowest = slowest.max(start.elapsed());
        assert!(matches!(terminal(&events, job), Event::Cancelled { .. }));
    }
    println!("slowest from cancel to Cancelled: {slowest:.1?}");
    assert!(slowest < Duration::from_secs(2));
}

#[test]
fn loading_can_be_cancelled() {
    let token = CancelToken::default();
    token.cancel();
    let folder = pentimento::models::ModelFolder::open(&pentimento::types::ModelSource::BuiltIn);
    let loaded = pentimento::engine::painter::load_model(
        &folder.expect("the built-in model"),
        Options::default(),
        pentimento::types::WeightBits::Full,
        &token,
        &mut |_| (),
    );
    assert!(matches!(loaded, Err(pentimento::diffusion::error::DiffusionError::Cancelled(_))));
}

/// Stopped after some step and taken up again, with the sampler's state through its stored form, a
/// job ends with the very same pictures.
#[test]
fn a_stopped_job_goes_on_where_it_was() {
    use pentimento::app::session::midway;
    use pentimento::engine::protocol::{SameAs, Sampler, Savings};

    let mut engine = Engine::spawn(Options::default(), || ()).expect("a thread");
    let stops = [(1, None), (2, None), (3, Some(2)), (4, None), (2, Some(3)), (5, Some(3))];
    for (at, sampler) in Sampler::ALL.into_iter().enumerate() {
        let (stop_at, deep_cache) = stops[at % stops.len()];
        let request = PaintRequest {
            prompt: "a fox".to_owned(),
            size: Some((64, 64)),
            steps: Some(6),
            sampler: Some(sampler),
            same_as: SameAs::ALL[at % SameAs::ALL.len()],
            seed: 7,
            count: 2,
            savings: Savings { deep_cache, ..Savings::default() },
            previews: false,
            ..PaintRequest::default()
        };
        let whole = pictures(&mut engine, request.clone());

        // All of it may be painted before the word arrives: then once more.
        let stopped = || stopped_at(&mut engine, &request, stop_at);
        let (before, midway) =
            std::iter::repeat_with(stopped).take(20).flatten().next().expect("stopped in time");
        assert_eq!(before, whole[..1], "{sampler:?}");
        assert_eq!(midway.index, 1);
        let state = midway::from_bytes(&midway::to_bytes(&midway.state)).expect("its own bytes");
        let resume = Some(Arc::new(Midway { index: midway.index, state }));
        let rest = pictures(&mut engine, PaintRequest { resume, ..request });
        assert_eq!(rest, whole[1..], "{sampler:?} from step {}", midway.state.step);
    }
}

/// Stops a job after a step of its second picture; what was painted before, and where it stands.
/// `None` if it was quicker.
fn stopped_at(
    engine: &mut Engine,
    request: &PaintRequest,
    stop_at: u32,
) -> Option<(Vec<Plane<4>>, Arc<Midway>)> {
    let job = engine.next_job();
    engine.submit(job, Request::Paint(Box::new(request.clone()))).expect("room");
    let mut before = Vec::new();
    loop {
        match engine.wait().expect("the worker lives") {
            Event::Step { index: 1, step, .. } if step == stop_at => engine.cancel(job),
            Event::Painted { painted, .. } => before.push(painted.picture),
            Event::Cancelled { midway, .. } => {
                return Some((before, midway.expect("it had begun")));
            }
            Event::Finished { .. } => return None,
            event => assert!(!event.is_terminal(), "{event:?}"),
        }
    }
}

/// Stopped while the finished latent is decoded, nothing of it is done again, however many levels the
/// sampler's steps have.
#[test]
fn a_job_stopped_while_it_decodes_only_decodes_again() {
    use pentimento::engine::protocol::{Phase, Sampler};

    let mut engine = Engine::spawn(Options::default(), || ()).expect("a thread");
    let mut stopped = 0;
    for sampler in Sampler::ALL {
        let request = PaintRequest {
            prompt: "a fox".to_owned(),
            size: Some((128, 128)),
            steps: Some(3),
            sampler: Some(sampler),
            seed: 7,
            previews: false,
            ..PaintRequest::default()
        };
        let whole = pictures(&mut engine, request.clone());
        let job = engine.next_job();
        engine.submit(job, Request::Paint(Box::new(request.clone()))).expect("room");
        let mut steps = 0;
        let midway = loop {
            match engine.wait().expect("the worker lives") {
                Event::Step { of, .. } => steps = of as usize,
                Event::Phase { phase: Phase::Decoding, .. } => engine.cancel(job),
                Event::Cancelled { midway, .. } => break midway,
                // It may be decoded before the word arrives.
                Event::Finished { .. } => break None,
                event => assert!(!event.is_terminal(), "{event:?}"),
            }
        };
        let Some(midway) = midway else { continue };
        stopped += 1;
        assert_eq!(midway.state.step, steps, "{sampler:?}");
        let resume = Some(Arc::new(Midway::clone(&midway)));
        let rest = pictures(&mut engine, PaintRequest { resume, ..request });
        assert_eq!(rest, whole, "{sampler:?}");
    }
    assert!(stopped > 0, "every picture was decoded at once");
}

/// Paints, and returns the pictures.
fn pictures(engine: &mut Engine, request: PaintRequest) -> Vec<Plane<4>> {
    let job = engine.next_job();
    engine.submit(job, Request::Paint(Box::new(request))).expect("room");
    let events = events_until(engine, job);
    let end = terminal(&events, job);
    assert!(matches!(end, Event::Finished { .. }), "{end:?}");
    let painted = events.into_iter().filter_map(|event| match event {
        Event::Painted { painted, .. } => Some(painted.picture),
        _ => None,
    });
    painted.collect()
}
