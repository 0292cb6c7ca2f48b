//! The journal as the program uses it: its thread, a full disk, a folder that must not be written,
//! two windows, and the end of the process at any moment.
//!
//! Where a test needs a process of its own, this very test binary is started again with a variable
//! of the environment set, and runs the one test that looks for it.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::{Duration, Instant};

use pentimento::document::journal::{Batch, Journal, OpenError, Reader, open_free};
use pentimento::files::journal::{JournalEvent, JournalWriter};

type State = BTreeMap<String, Vec<u8>>;

fn noise(seed: u64, count: usize) -> Vec<u8> {
    let mut state = seed * 2 + 1;
    std::iter::repeat_with(|| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963);
        (state >> 33) as u8
    })
    .take(count)
    .collect()
}

/// A session's batch `n`: a stroke, now and then a picture, older ones go.
fn batch(n: u64) -> Batch {
    let mut batch = Batch::new();
    batch.put("count", n.to_string().into_bytes());
    batch.put(format!("entry/{n}"), format!("stroke {n}").into_bytes());
    if n.is_multiple_of(3) {
        batch.put_made(format!("blob/{n}"), move || noise(n, 200_000));
    }
    if n.is_multiple_of(7) {
        batch.put(format!("blob/{n}"), vec![n as u8; 300_000]);
    }
    if n >= 12 {
        batch.delete(format!("entry/{}", n - 12)).delete(format!("blob/{}", n - 12));
    }
    batch
}

/// What is there after `count` of them, numbered from 1.
fn state_after(count: u64) -> State {
    let mut state = State::new();
    for n in count.saturating_sub(11).max(1)..=count {
        state.insert(format!("entry/{n}"), format!("stroke {n}").into_bytes());
        if n.is_multiple_of(7) {
            state.insert(format!("blob/{n}"), vec![n as u8; 300_000]);
        } else if n.is_multiple_of(3) {
            state.insert(format!("blob/{n}"), noise(n, 200_000));
        }
    }
    if count > 0 {
        state.insert("count".to_owned(), count.to_string().into_bytes());
    }
    state
}

fn state_of(reader: &Reader) -> State {
    let value = |key: &str| reader.get(key).unwrap().unwrap();
    reader.keys_under("").into_iter().map(|key| (key.clone(), value(&key))).collect()
}

/// A writer that can be waited for.
struct Driven {
    writer: JournalWriter,
    woken: crossbeam_channel::Receiver<()>,
}

impl Driven {
    fn open(folder: &Path, compact_from: u64) -> Self {
        let mut journal = Journal::open(folder, "session").unwrap();
        journal.compact_from(compact_from);
        let (wake, woken) = crossbeam_channel::bounded(1);
        // A wake that is still unheard stands for this one, too.
        let writer =
            JournalWriter::spawn(journal, move || wake.try_send(()).unwrap_or(())).unwrap();
        Self { writer, woken }
    }

    /// Waits for events until one of them satisfies `wanted`; all of them.
    fn until(&mut self, wanted: impl Fn(&JournalEvent) -> bool) -> Vec<JournalEvent> {
        let end = Instant::now() + Duration::from_mins(1);
        let mut events = Vec::new();
        while Instant::now() < end {
            events.extend(self.writer.drain());
            if events.iter().any(&wanted) {
                return events;
            }
            self.woken.recv_timeout(Duration::from_millis(100)).unwrap_or(());
        }
        panic!("waited in vain: {events:?}");
    }
}

#[test]
fn what_is_acknowledged_is_read_at_once_and_after_closing() {
    let folder = tempfile::tempdir().unwrap();
    let mut driven = Driven::open(folder.path(), 1 << 20);
    // More than the channel holds, without waiting for it.
    for n in 1..=600 {
        driven.writer.submit(n, batch(n));
    }
    let events = driven.until(|event| *event == JournalEvent::Written { seq: 600 });
    let written = |event: &JournalEvent| match event {
        JournalEvent::Written { seq } => Some(*seq),
        _ => None,
    };
    let order: Vec<u64> = events.iter().filter_map(written).collect();
    assert!(order.is_sorted());
    assert_eq!(driven.writer.unwritten(), 0);
    let reader = driven.writer.reader();
    assert_eq!(state_of(&reader), state_after(600));
    driven.until(|event| *event == JournalEvent::Synced { seq: 600 });
    // With nothing to do, what is of no use goes, while readers read.
    let live = reader.live_bytes();
    let path = folder.path().join("session.journal");
    let end = Instant::now() + Duration::from_mins(1);
    while std::fs::metadata(&path).unwrap().len() > 2 * live + (1 << 20) {
        assert!(Instant::now() < end, "nothing was compacted");
        assert!(reader.get("blob/600").unwrap().is_some());
    }
    driven.writer.submit(601, batch(601));
    assert_eq!(driven.writer.close(), 0);
    assert_eq!(state_of(&reader), state_after(601));
    let journal = Journal::open(folder.path(), "session").unwrap();
    assert!(journal.recovery().from_index && journal.recovery().is_whole());
    assert_eq!(state_of(&journal.reader()), state_after(601));
}

#[test]
fn a_batch_that_cannot_be_written_does_not_stop_the_others() {
    let folder = tempfile::tempdir().unwrap();
    let mut driven = Driven::open(folder.path(), u64::MAX);
    let mut bad = Batch::new();
    bad.put("", *b"x");
    let mut worse = Batch::new();
    worse.put_made("x", || panic!("a fault on purpose"));
    driven.writer.submit(1, bad);
    driven.writer.submit(2, worse);
    driven.writer.submit(3, batch(1));
    let events = driven.until(|event| *event == JournalEvent::Written { seq: 3 });
    let refused = |n: u64| move |event: &JournalEvent| matches!(event, JournalEvent::Refused { seq, .. } if *seq == n);
    assert!(events.iter().any(refused(1)) && events.iter().any(refused(2)));
    assert_eq!(state_of(&driven.writer.reader()), state_after(1));
}

#[test]
fn a_second_window_says_so_and_opens_another() {
    let folder = tempfile::tempdir().unwrap();
    let first = open_free(folder.path(), "session").unwrap();
    assert_eq!((first.which, first.refused.len()), (1, 0));
    let error = Journal::open(folder.path(), "session").unwrap_err();
    assert!(matches!(error, OpenError::InUse { .. }), "{error}");
    let second = open_free(folder.path(), "session").unwrap();
    assert_eq!(second.which, 2);
    assert!(matches!(second.refused[..], [OpenError::InUse { .. }]));
    drop(first);
    assert_eq!(open_free(folder.path(), "session").unwrap().which, 1);
    assert!(folder.path().join("session-2.journal").exists());
}

#[cfg(target_os = "linux")]
mod processes {
    use std::io::{BufRead, BufReader};
    use std::os::unix::fs::PermissionsExt;
    use std::process::{Child, Command, Stdio};

    use pentimento::document::journal::Trouble;
    use rustix::process::{Resource, Rlimit, setrlimit};

    use super::*;

    /// Set for a process that another test started; its folder.
    const CHILD: &str = "PENTIMENTO_TEST_JOURNAL";

    fn child_folder() -> Option<std::path::PathBuf> {
        std::env::var_os(CHILD).map(Into::into)
    }

    /// This binary again, with the one test; a write beyond a limit of its own is an error to it and
    /// no signal.
    fn start(test: &str, folder: &Path) -> Child {
        Command::new("sh")
            .args(["-c", "trap '' XFSZ; exec \"$0\" \"$@\""])
            .arg(std::env::current_exe().unwrap())
            .args([&format!("journal::processes::{test}"), "--exact", "--nocapture"])
            .env(CHILD, folder)
            .stdout(Stdio::piped())
            .stderr(Stdio::inherit())
            .spawn()
            .unwrap()
    }

    /// Writes for ever and prints what is acknowledged.
    #[test]
    fn child_that_is_killed() {
        let Some(folder) = child_folder() else { return };
        let mut driven = Driven::open(&folder, 2 << 20);
        let count = driven.writer.reader().get("count").unwrap();
        let mut sent: u64 = count.map_or(0, |n| String::from_utf8(n).unwrap().parse().unwrap());
        let mut done = sent;
        loop {
            while sent < done + 5 {
                sent += 1;
                driven.writer.submit(sent, batch(sent));
            }
            // Now and then a pause, in which the thread compacts.
            if sent.is_multiple_of(50) {
                std::thread::sleep(Duration::from_millis(300));
            }
            for event in driven.until(|event| matches!(event, JournalEvent::Written { .. })) {
                if let JournalEvent::Written { seq } = event {
                    done = seq;
                    println!("\nwritten {seq}");
                }
            }
        }
    }

    #[test]
    fn what_was_acknowledged_before_a_kill_is_there() {
        const ROUNDS: u64 = 20;
        let folder = tempfile::tempdir().unwrap();
        let mut torn = 0;
        let mut compacted = 0;
        for round in 0..ROUNDS {
            let mut child = start("child_that_is_killed", folder.path());
            let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
            let acknowledged = |line: String| line.strip_prefix("written ")?.parse::<u64>().ok();
            let mut last =
                lines.by_ref().find_map(|line| acknowledged(line.unwrap())).expect("a first one");
            // Any moment: the last digits of the clock.
            let chance = std::time::SystemTime::now()
                .duration_since(std::time::UNIX_EPOCH)
                .unwrap()
                .subsec_nanos();
            std::thread::sleep(Duration::from_micros(u64::from(chance / 1000 % 700_000)));
            child.kill().unwrap();
            child.wait().unwrap();
            for line in lines {
                last = acknowledged(line.unwrap()).unwrap_or(last);
            }
            compacted += u64::from(folder.path().join("session.compact").exists());
            let journal = Journal::open(folder.path(), "session").unwrap();
            let recovery = journal.recovery();
            torn += u64::from(recovery.dropped_bytes > 0);
            assert_eq!(recovery.skipped_bytes, 0, "round {round}");
            let reader = journal.reader();
            let count: u64 =
                String::from_utf8(reader.get("count").unwrap().unwrap()).unwrap().parse().unwrap();
            assert!(count >= last, "round {round}: {last} was acknowledged, {count} is there");
            assert!(
                state_of(&reader) == state_after(count),
                "round {round}: not the state {count}"
            );
        }
        println!("{torn} of {ROUNDS} in a write, {compacted} in a compaction");
    }

    /// A disk with room for little.
    #[test]
    fn child_whose_disk_is_full() {
        let Some(folder) = child_folder() else { return };
        let limit = |bytes| {
            setrlimit(Resource::Fsize, Rlimit { current: bytes, maximum: None }).unwrap();
        };
        let mut driven = Driven::open(&folder, u64::MAX);
        limit(Some(1_000_000));
        for n in 1..=40 {
            driven.writer.submit(n, batch(n));
        }
        let failed = |event: &JournalEvent| matches!(event, JournalEvent::Failed { .. });
        let events = driven.until(failed);
        let Some(JournalEvent::Failed { trouble, message, unwritten, bytes }) =
            events.into_iter().find(failed)
        else {
            unreachable!()
        };
        assert_eq!(trouble, Trouble::DiskFull, "{message}");
        // The first to fail is told at once; the others may still be on their way.
        assert!(unwritten > 0 && bytes > 0, "{unwritten} batches, {bytes} bytes");
        // What is written stays readable, and a crash now would lose only the rest.
        let there = state_of(&driven.writer.reader());
        let count: u64 = std::str::from_utf8(&there["count"]).unwrap().parse().unwrap();
        assert_eq!(there, state_after(count));
        let copy = tempfile::tempdir_in(&folder).unwrap();
        limit(None);
        let journal = copy.path().join("session.journal");
        std::fs::copy(folder.join("session.journal"), &journal).unwrap();
        let crashed = Journal::open(copy.path(), "session").unwrap();
        let got = state_of(&crashed.reader());
        let count: u64 = std::str::from_utf8(&got["count"]).unwrap().parse().unwrap();
        assert_eq!(got, state_after(count));
        // With room again everything is written, in order.
        let events = driven.until(|event| *event == JournalEvent::Recovered);
        let last = |seq| events.contains(&JournalEvent::Written { seq });
        assert!(last(40) || driven.writer.unwritten() == 0);
        assert_eq!(state_of(&driven.writer.reader()), state_after(40));
        assert_eq!(driven.writer.close(), 0);
        let journal = Journal::open(&folder, "session").unwrap();
        assert!(journal.recovery().is_whole());
        assert_eq!(state_of(&journal.reader()), state_after(40));
        println!("\nthe disk was full");
    }

    #[test]
    fn a_full_disk_is_told_and_nothing_is_lost() {
        let folder = tempfile::tempdir().unwrap();
        let output = start("child_whose_disk_is_full", folder.path()).wait_with_output().unwrap();
        let text = String::from_utf8_lossy(&output.stdout);
        assert!(output.status.success() && text.contains("the disk was full"), "{text}");
    }

    /// From here on this thread is somebody who must not write the user's folders, even where the
    /// tests are run by the administrator: a thread has permissions of its own.
    fn become_nobody() {
        if rustix::process::geteuid().is_root() {
            rustix::thread::set_thread_uid(rustix::thread::Uid::from_raw(65534)).unwrap();
        }
    }

    #[test]
    fn a_read_only_folder_is_told_and_read() {
        let folder = tempfile::tempdir().unwrap();
        let allow = |mode| {
            std::fs::set_permissions(folder.path(), PermissionsExt::from_mode(mode)).unwrap();
        };
        let mut driven = Driven::open(folder.path(), u64::MAX);
        for n in 1..=8 {
            driven.writer.submit(n, batch(n));
        }
        assert_eq!(driven.writer.close(), 0);
        for file in std::fs::read_dir(folder.path()).unwrap() {
            let path = file.unwrap().path();
            std::fs::set_permissions(path, PermissionsExt::from_mode(0o444)).unwrap();
        }
        allow(0o555);
        let (ask, asked) = crossbeam_channel::bounded::<()>(1);
        let nobody = || {
            become_nobody();
            let journal = Journal::open(folder.path(), "session").unwrap();
            assert!(journal.recovery().is_whole() && journal.recovery().unwritable.is_some());
            assert_eq!(state_of(&journal.reader()), state_after(8));
            // A name that is not there yet: an empty journal that keeps in memory what it is given.
            let journal = Journal::open(folder.path(), "new").unwrap();
            assert!(journal.recovery().unwritable.is_some());
            let (wake, woken) = crossbeam_channel::bounded(1);
            let wake = move || wake.try_send(()).unwrap_or(());
            let writer = JournalWriter::spawn(journal, wake).unwrap();
            let mut driven = Driven { writer, woken };
            driven.writer.submit(1, batch(1));
            driven.writer.submit(2, batch(2));
            driven.until(|event| {
                matches!(event, JournalEvent::Failed { trouble: Trouble::ReadOnly, .. })
            });
            assert_eq!(driven.writer.unwritten(), 2);
            // The user makes the folder writable.
            ask.send(()).unwrap();
            driven.until(|event| *event == JournalEvent::Recovered);
            assert_eq!(state_of(&driven.writer.reader()), state_after(2));
        };
        std::thread::scope(|scope| {
            let name = std::thread::Builder::new().name("nobody".to_owned());
            let nobody = name.spawn_scoped(scope, nobody).unwrap();
            // A thread that failed does not ask, and is joined all the same.
            while !nobody.is_finished() {
                if asked.recv_timeout(Duration::from_millis(50)).is_ok() {
                    allow(0o777);
                }
            }
            nobody.join().unwrap();
        });
        allow(0o755);
    }
}
