//! Sessions that are reopened: a long day's, one with damaged records, one whose garbage was swept
//! while it ran; and what another window left.

use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use pentimento::app::command::{Action, Command};
use pentimento::app::jobs::{Entry, EntryId, Keyed, Stage, Step};
use pentimento::app::session::{Recorder, Restored, holds_work, restore};
use pentimento::app::state::AppState;
use pentimento::app::tool::Tool;
use pentimento::app::update::update;
use pentimento::diffusion::noise::Noise;
use pentimento::diffusion::samplers::State;
use pentimento::document::journal::{Batch, Journal, left_behind, open_free};
use pentimento::engine::protocol::{
    Coverage, FillArea, InitPicture, InpaintMask, Midway, PaintRequest, Picture, Posterior,
};
use pentimento::files::journal::JournalWriter;
use pentimento::plane::Plane;

use super::session::{digest, fresh};

/// A picture of noise, which no compression makes smaller.
fn flat(seed: u64, side: u32) -> Arc<Picture> {
    let mut state = seed * 2 + 1;
    let rgba = std::iter::repeat_with(|| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963);
        (state >> 33) as u8
    });
    Arc::new(Picture {
        width: side,
        height: side,
        rgba: rgba.take(4 * (side * side) as usize).collect(),
    })
}

fn picture(seed: u64, side: u32) -> Plane<4> {
    Plane::from(&*flat(seed, side))
}

/// A result with as many steps as most have; every third is a fill of a picture of its own.
fn result(state: &mut AppState, seed: u64, side: u32) -> Entry {
    let small = flat(seed, 64);
    let steps = (0..20).map(|_| Step {
        preview: Some(Keyed { key: state.fresh_key(), picture: Arc::clone(&small) }),
        secs: 0.5,
    });
    let steps = steps.collect();
    let origin = seed.is_multiple_of(3).then(|| picture(seed + 1_000_000, side));
    let init = origin.clone().map(|picture| InitPicture {
        picture,
        strength: 0.6,
        posterior: Posterior::Mode,
    });
    let mask = origin.as_ref().map(|_| {
        let values = (0..side * side).map(|at| (at / side + seed as u32) as u8).collect();
        let coverage = Plane::from(&Coverage { width: side, height: side, values });
        InpaintMask { coverage, feather_px: 5.0, area: FillArea::Whole }
    });
    let prompt = format!("a fox {seed}");
    let request = PaintRequest { prompt, seed, init, mask, ..PaintRequest::default() };
    Entry {
        id: EntryId(state.fresh_key()),
        job: seed,
        index: 0,
        request: Arc::new(request),
        seed,
        stage: Stage::Finished,
        phase: None,
        steps,
        of: 20,
        picture: Some(picture(seed + 2_000_000, side)),
        small: None,
        kept: false,
        origin,
        place: None,
        sheet: None,
        before: None,
        model: "pocket".into(),
        began: 0.0,
        took_secs: Some(10.0),
    }
}

fn stroke(state: &mut AppState, tool: Tool, at: f32) {
    state.tool = tool;
    for command in [
        Command::StrokeBegan([at, at].into()),
        Command::StrokeMoved(vec![[at + 20.0, at].into(), [at + 30.0, at + 9.0].into()]),
        Command::StrokeEnded,
    ] {
        drop(update(state, command));
    }
}

/// Results on the strip and steps in the history.
fn worked(results: u64, side: u32, strokes: u32) -> AppState {
    let mut state = fresh();
    drop(state.place("photo.png", picture(7, 2 * side), &[]));
    for at in 0..strokes {
        stroke(&mut state, [Tool::Brush, Tool::Mask][at as usize % 2], (at * 13 % side) as f32);
    }
    for seed in 1..=results {
        let entry = result(&mut state, seed, side);
        state.entries.push(entry);
    }
    drop(update(&mut state, Command::Prompt("the last words".to_owned())));
    state
}

/// Writes what is new.
fn write(folder: &Path, recorder: &mut Recorder, state: &AppState) {
    let mut writer = JournalWriter::spawn(Journal::open(folder, "s").unwrap(), || ()).unwrap();
    if let Some(batch) = recorder.observe(state) {
        writer.submit(1, batch);
    }
    assert_eq!(writer.close(), 0);
}

fn reopened(folder: &Path) -> (AppState, Recorder, usize) {
    let journal = Journal::open(folder, "s").unwrap();
    let restored: Restored = restore(&journal.reader()).expect("a session");
    let (mut state, lost) = (fresh(), restored.lost);
    let recorder = restored.put_back(&mut state);
    (state, recorder, lost)
}

#[test]
fn a_long_day_is_back_at_once_and_its_pixels_when_they_are_wanted() {
    for side in [512, 1024] {
        let folder = tempfile::tempdir().unwrap();
        let mut day = worked(320, side, 200);
        write(folder.path(), &mut Recorder::default(), &day);
        let bytes = std::fs::metadata(folder.path().join("s.journal")).unwrap().len();
        for name in ["s.journal", "s.index"] {
            assert!(folder.path().join(name).exists());
        }
        let begun = Instant::now();
        let journal = Journal::open(folder.path(), "s").unwrap();
        let opened = begun.elapsed();
        let restored = restore(&journal.reader()).expect("a session");
        let read = begun.elapsed();
        assert_eq!(restored.lost, 0);
        let mut state = fresh();
        let shelf = restored.shelf.clone();
        let recorder = restored.put_back(&mut state);
        println!(
            "320 results of {side}², 200 steps, {} MB: journal open after {opened:.0?}, \
             session read after {read:.0?}, back after {:.0?}",
            bytes >> 20,
            begun.elapsed()
        );
        // Nothing of it was read but its thumb.
        let entry = &state.entries[200];
        let picture = entry.picture.as_ref().unwrap();
        assert_eq!(picture.size(), (side, side));
        assert_eq!(entry.small.as_ref().unwrap().picture.width, 144);
        let begun = Instant::now();
        drop(picture.to_flat());
        println!("one of them shown after {:.1?}", begun.elapsed());
        if side == 512 {
            drop(recorder);
            assert!(digest(&state) == digest(&day), "everything is as it was");
        }
        assert_eq!(shelf.take_lost(), 0);
        drop((journal, state));
        // A result that was not looked at is written anew without its pixels, and has them still.
        let (mut state, mut recorder, _) = reopened(folder.path());
        for state in [&mut state, &mut day] {
            state.entries[2].kept = true;
        }
        write(folder.path(), &mut recorder, &state);
        let (state, ..) = reopened(folder.path());
        if side == 512 {
            assert!(digest(&state) == digest(&day), "and after another round");
        }
    }
}

#[test]
fn what_the_records_say_is_put_together_when_they_are_damaged() {
    let check = |keys: &[&str], same: &[usize]| {
        let folder = tempfile::tempdir().unwrap();
        let mut day = worked(4, 160, 6);
        drop(update(&mut day, Command::Do(Action::Undo)));
        day.jobs.paused = true;
        day.prompt = "still to come".to_owned();
        drop(update(&mut day, Command::Do(Action::PaintForever)));
        day.settings.paint.seed = 0;
        write(folder.path(), &mut Recorder::default(), &day);
        let mut damage = Batch::new();
        for key in keys {
            damage.put(*key, *b"{\"order\": 7");
        }
        let mut journal = Journal::open(folder.path(), "s").unwrap();
        journal.append(&damage.encode().unwrap()).unwrap();
        drop(journal);
        let (mut state, mut recorder, lost) = reopened(folder.path());
        assert_eq!(lost, keys.len(), "{keys:?}");
        let seed = state.settings.paint.seed;
        state.settings.paint.seed = 0;
        let (found, expected) = (digest(&state), digest(&day));
        for part in same {
            assert_eq!(found[*part], expected[*part], "{keys:?}: part {part}");
        }
        assert_eq!(state.entries.len(), 5, "{keys:?}");
        assert_eq!(found[4..8], expected[4..8], "{keys:?}: the results");
        assert_eq!(state.jobs.waiting[0].request.prompt, "still to come");
        assert_eq!(state.entries[4].stage, Stage::Waiting);
        assert_eq!(state.undo.done.len() + state.undo.undone.len(), 7, "{keys:?}");
        assert!(!state.document.is_empty());
        // What was put together is written, so the next start finds it whole.
        state.settings.paint.seed = seed;
        write(folder.path(), &mut recorder, &state);
        let (again, _, lost) = reopened(folder.path());
        assert_eq!(lost, 0, "{keys:?}");
        assert!(digest(&again) == digest(&state), "{keys:?}: the second time");
    };
    // Parts of the digest: desk, document, bin, history.
    check(&["strip"], &[0, 1, 2, 3]);
    check(&["history"], &[0, 1, 2, 3]);
    check(&["view"], &[1, 2, 3]);
    check(&["desk"], &[1, 2, 3]);
    check(&["document"], &[0, 2, 3]);
    check(&["strip", "desk", "history"], &[1, 2, 3]);
}

#[test]
fn a_stroke_that_was_not_ended_changes_nothing_of_what_comes_back() {
    let folder = tempfile::tempdir().unwrap();
    let (mut day, mut recorder) = (worked(1, 64, 0), Recorder::default());
    write(folder.path(), &mut recorder, &day);
    let result = day.entries[0].id;
    day.pick(result);
    day.tool = Tool::Brush;
    drop(update(&mut day, Command::StrokeBegan([5.0, 5.0].into())));
    assert!(day.stroking && day.title == "a fox 1");
    write(folder.path(), &mut recorder, &day);
    let (again, ..) = reopened(folder.path());
    // Picture, title and file belong together.
    assert_eq!((again.document.size(), again.title.as_str()), ((128, 128), "photo.png"));
}

#[test]
fn a_paused_job_that_goes_on_can_still_be_begun_from_where_it_stood() {
    let folder = tempfile::tempdir().unwrap();
    let (mut day, mut recorder) = (fresh(), Recorder::default());
    day.jobs.paused = true;
    let noise = Noise::torch(1);
    let stood = State { latent: vec![1.0], step: 1, earlier: Vec::new(), noise };
    let resume = Some(Arc::new(Midway { index: 0, state: stood }));
    drop(day.paint_request(PaintRequest { resume, ..PaintRequest::default() }));
    let shown = Keyed { key: day.fresh_key(), picture: flat(1, 8) };
    day.entries[0].steps.push(Step { preview: Some(shown), secs: 0.5 });
    write(folder.path(), &mut recorder, &day);
    drop(update(&mut day, Command::Do(Action::PauseQueue)));
    assert_eq!(day.entries[0].stage, Stage::Running);
    write(folder.path(), &mut recorder, &day);
    let (again, ..) = reopened(folder.path());
    assert_eq!(again.entries[0].midway().map(|midway| midway.state.step), Some(1));
    assert_eq!(again.entries[0].steps.len(), 1);
}

#[test]
fn a_picture_outlives_what_it_was_made_from() {
    let folder = tempfile::tempdir().unwrap();
    let day = worked(3, 64, 0);
    write(folder.path(), &mut Recorder::default(), &day);
    let origin = day.entries[2].origin.as_ref().expect("a fill");
    let mut damage = Batch::new();
    for (_, tile) in origin.tiles() {
        damage.delete(format!("tile/{}", tile.key()));
    }
    let mut journal = Journal::open(folder.path(), "s").unwrap();
    journal.append(&damage.encode().unwrap()).unwrap();
    drop(journal);
    let (again, _, lost) = reopened(folder.path());
    assert!(lost > 0);
    let picture = |state: &AppState| state.entries[2].picture.as_ref().map(Plane::to_flat);
    assert!(picture(&again).is_some() && picture(&again) == picture(&day));
}

#[test]
fn a_step_that_is_gone_is_missed() {
    let folder = tempfile::tempdir().unwrap();
    let day = worked(0, 64, 4);
    write(folder.path(), &mut Recorder::default(), &day);
    let mut journal = Journal::open(folder.path(), "s").unwrap();
    let steps = journal.reader().keys_under("step/");
    assert!(steps.len() > 3);
    let mut damage = Batch::new();
    damage.delete(steps[2].clone());
    journal.append(&damage.encode().unwrap()).unwrap();
    drop(journal);
    let journal = Journal::open(folder.path(), "s").unwrap();
    let restored = restore(&journal.reader()).expect("a session");
    assert_eq!(restored.lost, 1);
    assert!(restored.garbage.is_empty(), "the steps before it may still be mended");
}

#[test]
fn a_job_that_comes_again_still_does_after_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let mut state = fresh();
    state.jobs.paused = true;
    drop(update(&mut state, Command::Prompt("once".to_owned())));
    drop(update(&mut state, Command::Do(Action::Paint)));
    drop(update(&mut state, Command::Prompt("until I stop".to_owned())));
    drop(update(&mut state, Command::Do(Action::PaintForever)));
    let mut recorder = Recorder::default();
    // Twice: jobs have new numbers after each start.
    for _ in 0..3 {
        let repeats: Vec<(String, bool)> = state
            .jobs
            .waiting
            .iter()
            .map(|job| (job.request.prompt.clone(), job.repeats))
            .collect();
        assert_eq!(repeats, [("once".to_owned(), false), ("until I stop".to_owned(), true)]);
        write(folder.path(), &mut recorder, &state);
        (state, recorder, _) = reopened(folder.path());
        assert!(state.jobs.paused);
    }
}

#[test]
fn what_nothing_needs_goes_while_the_program_runs() {
    let folder = tempfile::tempdir().unwrap();
    let mut writer =
        JournalWriter::spawn(Journal::open(folder.path(), "s").unwrap(), || ()).unwrap();
    let reader = writer.reader();
    let mut recorder = Recorder::default();
    recorder.sweep_after(1 << 20);
    let mut state = worked(3, 160, 2);
    let mut seq = 0;
    let mut send = |writer: &mut JournalWriter, batch: Option<Batch>| {
        if let Some(batch) = batch {
            seq += 1;
            writer.submit(seq, batch);
        }
    };
    let mut most = 0;
    let mut under_way = None;
    for round in 0..60_u64 {
        // A picture that is undone is forgotten with the next step.
        state.now += 9.0;
        drop(state.place("new.png", picture(round, 512), &[]));
        send(&mut writer, recorder.observe(&state));
        drop(update(&mut state, Command::Do(Action::Undo)));
        stroke(&mut state, Tool::Mask, (round % 40) as f32);
        if round % 5 == 0 {
            drop(update(&mut state, Command::Do(Action::Undo)));
        }
        if round == 30 {
            // Out of the bin it is gone for good: its pictures and its mask.
            state.entries.retain(|entry| entry.seed != 3);
        }
        send(&mut writer, recorder.observe(&state));
        // The search takes some rounds, in which the session goes on.
        if round % 3 == 0 {
            under_way = under_way.or_else(|| recorder.begin_sweep(&state));
        } else if round % 3 == 2
            && let Some(sweep) = under_way.take()
        {
            let garbage = sweep.run();
            send(&mut writer, recorder.end_sweep(&garbage));
        }
        while writer.unwritten() > 0 {
            drop(writer.drain());
            std::thread::yield_now();
        }
        most = most.max(reader.live_bytes());
    }
    let tiles = reader.keys_under("tile/").len();
    println!("at most {} MB, in the end {} tiles", most >> 20, tiles);
    // Sixty pictures of a MB each went through.
    assert!(most < 16 << 20, "{most}");
    assert_eq!(reader.keys_under("thumb/").len(), 2);
    assert_eq!(reader.keys_under("entry/").len(), 2);
    assert_eq!(writer.close(), 0);
    let (again, _, lost) = reopened(folder.path());
    assert_eq!(lost, 0);
    assert!(digest(&again) == digest(&state), "all that is needed is there");
}

#[test]
fn what_another_window_left_is_found() {
    let folder = tempfile::tempdir().unwrap();
    let first = open_free(folder.path(), "session").unwrap();
    let second = open_free(folder.path(), "session").unwrap();
    assert_eq!((first.which, second.which), (1, 2));
    let names = || left_behind(folder.path(), "session", 1);
    assert_eq!(names(), ["session-2"]);
    // While it is open it belongs to that window.
    assert!(Journal::open(folder.path(), "session-2").is_err());
    assert!(!holds_work(&second.journal.reader()));
    let mut writer = JournalWriter::spawn(second.journal, || ()).unwrap();
    let batch = Recorder::default().observe(&worked(1, 16, 0)).unwrap();
    writer.submit(1, batch);
    assert_eq!(writer.close(), 0);
    let left = Journal::open(folder.path(), "session-2").unwrap();
    assert!(holds_work(&left.reader()) && !holds_work(&first.journal.reader()));
    drop(left);
    // The next window takes it up.
    let third = open_free(folder.path(), "session").unwrap();
    assert_eq!(third.which, 2);
    assert!(restore(&third.journal.reader()).is_some());
}
