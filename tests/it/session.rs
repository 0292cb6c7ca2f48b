//! The whole session without a window: strokes, undo, masks, results, jobs and settings, killed at
//! random moments. After reopening, the state is one that was sent to the journal, and never older
//! than the newest that was acknowledged.

use std::collections::hash_map::DefaultHasher;
use std::hash::{Hash, Hasher};
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command as Process, Stdio};
use std::time::Duration;

use pentimento::app::command::{Action, Command};
use pentimento::app::jobs::{Entry, Stage};
use pentimento::app::session::{Recorder, restore};
use pentimento::app::settings::{PaintSettings, Settings};
use pentimento::app::state::{AppState, Effect};
use pentimento::app::tool::Tool;
use pentimento::app::update::update;
use pentimento::app::words::Lang;
use pentimento::document::document::Document;
use pentimento::document::journal::Journal;
use pentimento::engine::Engine;
use pentimento::engine::painter::Options;
use pentimento::engine::protocol::{Conditions, PaintRequest, Request};
use pentimento::files::journal::{JournalEvent, JournalWriter};
use pentimento::plane::Plane;

/// Set for the process that is killed; its folder.
const CHILD: &str = "PENTIMENTO_TEST_SESSION";
/// How often it is killed; more than CI's 20 on demand.
const KILLS: &str = "PENTIMENTO_TEST_KILLS";

/// Everything that is promised to come back, as numbers: words and settings, picture and mask, each
/// entry, the bin, the history.
pub fn digest(state: &AppState) -> Vec<u64> {
    let mut parts = Vec::new();
    let mut part = |fill: &mut dyn FnMut(&mut DefaultHasher)| {
        let mut hasher = DefaultHasher::new();
        fill(&mut hasher);
        parts.push(hasher.finish());
    };
    let paint = |paint: &PaintSettings| serde_json::to_string(paint).unwrap();
    part(&mut |hasher| {
        (&state.prompt, &state.negative, state.strength, &state.title).hash(hasher);
        (&state.document_recipe, state.document_entry, state.unsaved).hash(hasher);
        paint(&state.settings.paint).hash(hasher);
        serde_json::to_string(&(state.tool, state.view)).unwrap().hash(hasher);
    });
    part(&mut |hasher| hash_document(&state.document, hasher));
    part(&mut |hasher| {
        for (place, entry) in &state.bin {
            place.hash(hasher);
            hash_entry(entry, hasher);
        }
    });
    part(&mut |hasher| {
        let undone = state.undo.undone.iter();
        for step in state.undo.done.iter().chain(undone) {
            (step.id, step.deed.text, step.moment.strength, &step.moment.title).hash(hasher);
            (&step.moment.kept, &step.moment.binned).hash(hasher);
            paint(&step.moment.paint).hash(hasher);
            hash_document(&step.moment.document, hasher);
        }
        (state.undo.done.len(), state.undo.undone.len()).hash(hasher);
    });
    for entry in &state.entries {
        part(&mut |hasher| hash_entry(entry, hasher));
    }
    parts
}

fn hash_document(document: &Document, hasher: &mut DefaultHasher) {
    (document.size(), document.feather_px.to_bits(), document.raster.is_some()).hash(hasher);
    if let Some(raster) = &document.raster {
        raster.plane().to_flat().hash(hasher);
    }
    document.mask.plane().to_flat().hash(hasher);
}

fn hash_entry(entry: &Entry, hasher: &mut DefaultHasher) {
    let painting = matches!(entry.stage, Stage::Waiting | Stage::Running);
    (entry.id, &entry.request.prompt, entry.seed, entry.kept, painting).hash(hasher);
    (entry.stage == Stage::Finished, &entry.model).hash(hasher);
    let settled = entry.settled_steps();
    (settled.len(), (!settled.is_empty()).then_some(entry.of)).hash(hasher);
    for step in settled {
        step.preview.as_ref().map(|preview| &preview.picture.rgba).hash(hasher);
    }
    if let Some(midway) = entry.begun_from() {
        midway.state.step.hash(hasher);
        let bits = midway.state.latent.iter().map(|value| value.to_bits());
        bits.collect::<Vec<_>>().hash(hasher);
    }
    entry.picture.as_ref().map(Plane::to_flat).hash(hasher);
    let request = &entry.request;
    request.init.as_ref().map(|init| init.picture.to_flat()).hash(hasher);
    request.mask.as_ref().map(|mask| mask.coverage.to_flat()).hash(hasher);
    request.conditions.depth.as_ref().map(Plane::to_flat).hash(hasher);
}

/// A window that has just opened.
pub fn fresh() -> AppState {
    let settings = Settings { welcome_painted: true, ..Settings::default() };
    AppState::new(settings, Lang::En)
}

/// Dice.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: u64) -> u64 {
        // Xorshift (Marsaglia 2003).
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % sides
    }
}

/// What the window's shell does with effects, without the window.
fn carry(engine: &mut Engine, state: &mut AppState, effects: Vec<Effect>) {
    for effect in effects {
        match effect {
            Effect::Submit { number, request } => {
                let job = engine.next_job();
                let sent = engine.submit(job, Request::Paint(Box::new((*request).clone())));
                state.submitted(number, sent.map(|()| job).map_err(|error| error.to_string()));
            }
            Effect::Cancel(job) => engine.cancel(job),
            _ => {}
        }
    }
}

/// Something that a painter might do.
fn deed(dice: &mut Dice, state: &mut AppState) -> Vec<Effect> {
    let at = [dice.roll(64) as f32, dice.roll(64) as f32];
    match dice.roll(20) {
        0..=5 => {
            state.tool = [Tool::Mask, Tool::Brush, Tool::Eraser][dice.roll(3) as usize];
            drop(update(state, Command::StrokeBegan(at.into())));
            let to = [dice.roll(64) as f32, dice.roll(64) as f32];
            drop(update(state, Command::StrokeMoved(vec![to.into(), at.into()])));
            update(state, Command::StrokeEnded)
        }
        6 => update(state, Command::Prompt(format!("a fox {}", dice.roll(1000)))),
        7 => update(state, Command::Strength(1 + dice.roll(100) as u32)),
        8 => {
            let paint = PaintSettings {
                size: Some((64, 64)),
                steps: Some(2 + dice.roll(4) as u32),
                count: 1 + dice.roll(2) as u32,
                ..state.settings.paint.clone()
            };
            update(state, Command::Paint(paint))
        }
        9 => {
            let shade = dice.roll(256) as u8;
            state.place("placed.png", Plane::filled((64, 64), [shade; 4]), &[])
        }
        10 => update(state, Command::View(state.view.panned(at))),
        dice @ 11..=18 => {
            let action = [
                Action::Undo,
                Action::Redo,
                Action::Keep,
                Action::Discard,
                Action::UndoDiscard,
                Action::MaskInvert,
                Action::NextResult,
                Action::PauseQueue,
            ][dice as usize - 11];
            update(state, Command::Do(action))
        }
        _ if state.jobs.waiting.len() < 3 && state.entries.len() < 40 => {
            update(state, Command::Do(Action::Paint))
        }
        _ => Vec::new(),
    }
}

/// Paints for ever and prints what is sent and what is acknowledged.
#[test]
fn child_that_is_killed() {
    let Some(folder) = std::env::var_os(CHILD) else { return };
    let journal = Journal::open(Path::new(&folder), "session").unwrap();
    let mut state = fresh();
    let mut recorder = match restore(&journal.reader()) {
        Some(restored) => restored.put_back(&mut state),
        None => Recorder::default(),
    };
    state.settings.paint.size = Some((64, 64));
    state.settings.paint.steps = Some(2);
    // What nothing needs is looked for all the time, and the kill may come in the middle of it.
    recorder.sweep_after(1 << 20);
    let mut sweep = None;
    let mut writer = JournalWriter::spawn(journal, || ()).unwrap();
    let mut engine = Engine::spawn(Options::default(), || ()).unwrap();
    let clock = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
    let mut dice = Dice(clock.as_nanos() as u64 | 1);
    let mut seq = 0;
    loop {
        state.now += 0.3;
        let effects = deed(&mut dice, &mut state);
        carry(&mut engine, &mut state, effects);
        for event in engine.drain() {
            let effects = state.engine_event(event);
            carry(&mut engine, &mut state, effects);
        }
        if let Some(batch) = recorder.observe(&state) {
            seq += 1;
            println!("\nsent {seq} {:?}", digest(&state));
            writer.submit(seq, batch);
        }
        if sweep.is_none() {
            sweep = recorder.begin_sweep(&state);
        } else if dice.roll(4) == 0
            && let Some(sweep) = sweep.take()
            && let Some(batch) = recorder.end_sweep(&sweep.run())
        {
            seq += 1;
            println!("\nswept {seq}");
            println!("\nsent {seq} {:?}", digest(&state));
            writer.submit(seq, batch);
        }
        for event in writer.drain() {
            match event {
                JournalEvent::Written { seq } => println!("\nwritten {seq}"),
                JournalEvent::Synced { .. } => {}
                event => panic!("{event:?}"),
            }
        }
        std::thread::sleep(Duration::from_millis(dice.roll(12)));
    }
}

#[test]
fn a_depth_map_comes_back_with_its_job() {
    let folder = tempfile::tempdir().unwrap();
    let pixels: Vec<u8> = (0..3 * 2 * 4).collect();
    let map: Plane<4> = Plane::from_flat((3, 2), &pixels);
    let conditions = Conditions { depth: Some(map), ..Conditions::default() };
    let mut state = fresh();
    drop(state.paint_request(PaintRequest { conditions, ..PaintRequest::default() }));
    let journal = Journal::open(folder.path(), "session").unwrap();
    let mut writer = JournalWriter::spawn(journal, || ()).unwrap();
    writer.submit(1, Recorder::default().observe(&state).unwrap());
    assert_eq!(writer.close(), 0);
    let journal = Journal::open(folder.path(), "session").unwrap();
    let mut back = fresh();
    drop(restore(&journal.reader()).expect("a session").put_back(&mut back));
    let depth = back.entries[0].request.conditions.depth.as_ref();
    assert_eq!(depth.map(Plane::to_flat), Some(pixels));
}

#[test]
fn a_killed_session_comes_back_as_it_was() {
    let kills = std::env::var(KILLS).ok().and_then(|kills| kills.parse().ok()).unwrap_or(20);
    let folder = tempfile::tempdir().unwrap();
    let mut deeds = 0;
    let (mut jobs, mut swept) = (0, 0);
    for round in 0..kills {
        // A long day makes long digests; now and then another one begins.
        let day = folder.path().join((round / 10).to_string());
        std::fs::create_dir_all(&day).unwrap();
        let mut child = Process::new(std::env::current_exe().unwrap())
            .args(["session::child_that_is_killed", "--exact", "--nocapture"])
            .env(CHILD, &day)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let mut sent: Vec<(u64, String)> = Vec::new();
        let mut written = 0;
        let hear = |line: String, sent: &mut Vec<(u64, String)>, written: &mut u64| {
            let words: Vec<&str> = line.splitn(3, ' ').collect();
            match words[..] {
                ["sent", seq, digest] => {
                    // The very last line may be cut by the kill; then it matches nothing.
                    if let Ok(seq) = seq.parse() {
                        sent.push((seq, digest.to_owned()));
                    }
                }
                ["written", seq] => *written = seq.parse().unwrap_or(*written),
                _ => {}
            }
        };
        while written == 0 {
            hear(lines.next().expect("it lives").unwrap(), &mut sent, &mut written);
        }
        let clock = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
        let chance = Dice(clock.as_nanos() as u64 | 1).roll(1_000_000);
        std::thread::sleep(Duration::from_micros(chance));
        child.kill().unwrap();
        child.wait().unwrap();
        for line in lines {
            let line = line.unwrap();
            swept += usize::from(line.starts_with("swept"));
            hear(line, &mut sent, &mut written);
        }

        let journal = Journal::open(&day, "session").unwrap();
        let mut state = fresh();
        let restored = restore(&journal.reader()).expect("a session");
        assert_eq!(restored.lost, 0, "round {round}");
        drop(restored.put_back(&mut state));
        let found = format!("{:?}", digest(&state));
        let newest = sent.iter().rev().find(|(_, digest)| *digest == found).map(|(seq, _)| *seq);
        assert!(
            newest.is_some_and(|newest| newest >= written),
            "round {round}: {written} of {} acknowledged, found {newest:?}: {found}\nsent {:?}",
            sent.len(),
            sent.last()
        );
        deeds += sent.len();
        jobs += state.entries.iter().filter(|entry| entry.stage == Stage::Finished).count();
    }
    println!("{kills} kills, {deeds} changes sent, {swept} sweeps, {jobs} finished pictures found");
}
