//! Journals cut, damaged and interrupted at every place.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use super::*;

type State = BTreeMap<String, Vec<u8>>;

/// Bytes that do not compress.
fn noise(seed: u32, count: usize) -> Vec<u8> {
    let mut state = u64::from(seed) * 2 + 1;
    std::iter::repeat_with(|| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963);
        (state >> 33) as u8
    })
    .take(count)
    .collect()
}

/// The changes of batch `n`; no value deletes.
fn changes(n: u32) -> Vec<(String, Option<Vec<u8>>)> {
    let mut changes = vec![
        ("count".to_owned(), Some(n.to_string().into_bytes())),
        (format!("entry/{n}"), Some(format!("stroke {n}").into_bytes())),
    ];
    match n % 4 {
        1 => changes.push((format!("blob/{n}"), Some(noise(n, 1100)))),
        2 => changes.push((format!("blob/{n}"), Some(vec![n as u8; 3000]))),
        3 => changes.push((format!("entry/{}", n - 2), None)),
        _ => changes.push(("blob/1".to_owned(), Some(noise(n + 100, 1030)))),
    }
    changes
}

fn encoded(n: u32) -> EncodedBatch {
    let mut batch = Batch::new();
    for (key, value) in changes(n) {
        match value {
            Some(value) => batch.put(key, value),
            None => batch.delete(key),
        };
    }
    batch.encode().unwrap()
}

/// The state after each number of batches.
fn states(count: u32) -> Vec<State> {
    let mut state = State::new();
    let mut states = vec![state.clone()];
    for n in 0..count {
        for (key, value) in changes(n) {
            match value {
                Some(value) => state.insert(key, value),
                None => state.remove(&key),
            };
        }
        states.push(state.clone());
    }
    states
}

fn state_of(reader: &Reader) -> State {
    let value = |key: &str| reader.get(key).unwrap().unwrap();
    reader.keys_under("").into_iter().map(|key| (key.clone(), value(&key))).collect()
}

fn open(folder: &Path) -> Journal {
    Journal::open(folder, "s").unwrap()
}

/// Writes batches `from..to`, syncing after those in `synced`. Where each ends.
fn write(folder: &Path, from: u32, to: u32, synced: &[u32]) -> Vec<u64> {
    let mut journal = open(folder);
    let mut ends = Vec::new();
    for n in from..to {
        journal.append(&encoded(n)).unwrap();
        ends.push(journal.bytes());
        if synced.contains(&n) {
            journal.sync().unwrap();
        }
    }
    ends
}

fn files(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let name = |entry: &fs::DirEntry| entry.file_name().into_string().unwrap();
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap());
    entries.map(|entry| (name(&entry), fs::read(entry.path()).unwrap())).collect()
}

fn copy(folder: &Path) -> tempfile::TempDir {
    let other = tempfile::tempdir().unwrap();
    for (name, bytes) in files(folder) {
        fs::write(other.path().join(name), bytes).unwrap();
    }
    other
}

#[test]
fn what_is_written_is_there_again() {
    let folder = tempfile::tempdir().unwrap();
    let all = states(20);
    write(folder.path(), 0, 12, &[]);
    // Dropped without closing: no index.
    let mut journal = open(folder.path());
    assert!(journal.recovery().is_whole() && !journal.recovery().from_index);
    assert_eq!(state_of(&journal.reader()), all[12]);
    for n in 12..20 {
        journal.append(&encoded(n)).unwrap();
    }
    let reader = journal.reader();
    assert_eq!(
        reader.keys_under("blob/"),
        [
            "blob/1", "blob/10", "blob/13", "blob/14", "blob/17", "blob/18", "blob/2", "blob/5",
            "blob/6", "blob/9"
        ]
    );
    assert_eq!((reader.length("blob/2"), reader.length("entry/1")), (Some(3000), None));
    assert!(reader.contains("count") && !reader.contains("coun"));
    journal.close().unwrap();
    let journal = open(folder.path());
    assert!(journal.recovery().from_index && journal.recovery().is_whole());
    assert_eq!(state_of(&journal.reader()), all[20]);
}

#[test]
fn a_journal_cut_anywhere_is_what_it_was_after_some_batches() {
    let count = 9;
    let all = states(count);
    let folder = tempfile::tempdir().unwrap();
    let ends = write(folder.path(), 0, count, &[3]);
    open(folder.path()).close().unwrap();
    let (journal, index) = (folder.path().join("s.journal"), folder.path().join("s.index"));
    let (whole, sidecar) = (fs::read(&journal).unwrap(), fs::read(&index).unwrap());
    assert_eq!(*ends.last().unwrap(), whole.len() as u64);
    for cut in 0..=whole.len() {
        fs::write(&journal, &whole[..cut]).unwrap();
        let kept = ends.iter().filter(|end| **end <= cut as u64).count();
        let read = Journal::read_only(folder.path(), "s").unwrap();
        assert_eq!(state_of(&read.reader()), all[kept], "cut at {cut}");
        let sound = if kept == 0 { 64.min(cut as u64) } else { ends[kept - 1] };
        let dropped = if cut < 64 { 0 } else { cut as u64 - sound };
        assert_eq!(read.recovery().dropped_bytes, dropped, "cut at {cut}");
        // Mending and going on is slow, as it syncs: here and there will do.
        if cut % 97 == 0 || cut < 3 {
            fs::write(&index, &sidecar).unwrap();
            write(folder.path(), kept as u32, count, &[]);
            let read = Journal::read_only(folder.path(), "s").unwrap();
            assert!(read.recovery().is_whole() && !read.recovery().from_index);
            assert_eq!(state_of(&read.reader()), all[count as usize], "cut at {cut}, gone on");
            let copies = files(folder.path());
            let copies = copies.iter().filter(|(name, _)| name.ends_with("damaged"));
            for (name, bytes) in copies.clone() {
                let from = if cut < 64 { 0 } else { sound as usize };
                assert_eq!(*bytes, whole[from..cut]);
                fs::remove_file(folder.path().join(name)).unwrap();
            }
            assert!(copies.count() == 1 || dropped == 0, "cut at {cut}");
        }
    }
}

#[test]
fn a_flipped_bit_anywhere_gives_no_wrong_value() {
    let count = 9;
    let all = states(count);
    let folder = tempfile::tempdir().unwrap();
    // From batch 6 on nothing proves what the disk had.
    let ends = write(folder.path(), 0, count, &[1, 3, 5]);
    let journal = folder.path().join("s.journal");
    let whole = fs::read(&journal).unwrap();
    let last = &all[count as usize];
    for byte in 0..whole.len() {
        let mut damaged = whole.clone();
        damaged[byte] ^= 1 << (byte % 8);
        fs::write(&journal, &damaged).unwrap();
        let read = Journal::read_only(folder.path(), "s").unwrap();
        let (reader, recovery) = (read.reader(), read.recovery());
        let (mut right, mut told) = (true, !recovery.is_whole());
        for key in reader.keys_under("") {
            match reader.get(&key) {
                Ok(value) => {
                    let value = value.unwrap();
                    let known = all.iter().any(|state| state.get(&key) == Some(&value));
                    assert!(known, "byte {byte}: {key}");
                    right &= last.get(&key) == Some(&value);
                }
                Err(ReadError::Damaged { .. }) => told = true,
                Err(error) => panic!("byte {byte}: {error}"),
            }
        }
        right &= reader.keys_under("").len() == last.len();
        // Damage to what was put anew or deleted later harms nobody.
        assert!(right || told, "byte {byte}: damage that nobody noticed");
        let struck = ends.iter().filter(|end| **end <= byte as u64).count();
        if byte >= 64 && struck >= 6 {
            assert_eq!(state_of(&reader), all[struck], "byte {byte}: the end is dropped whole");
        } else if byte >= 64 {
            // What comes after it is there.
            assert_eq!(reader.get("count").unwrap().unwrap(), b"8", "byte {byte}");
            assert_eq!(recovery.dropped_bytes, 0, "byte {byte}");
            assert_eq!(recovery.lost_batches, u64::from(recovery.skipped_bytes > 0));
        }
    }
}

#[test]
fn what_was_skipped_is_kept_and_the_rest_goes_on() {
    let folder = tempfile::tempdir().unwrap();
    let ends = write(folder.path(), 0, 6, &[3]);
    let journal = folder.path().join("s.journal");
    let mut bytes = fs::read(&journal).unwrap();
    bytes[ends[0] as usize + 4] ^= 0x40;
    fs::write(&journal, &bytes).unwrap();
    let mut opened = open(folder.path());
    let recovery = opened.recovery().clone();
    assert_eq!((recovery.skipped_bytes, recovery.lost_batches), (ends[1] - ends[0], 1));
    let kept = fs::read(recovery.kept.unwrap()).unwrap();
    assert_eq!(kept, bytes[ends[0] as usize..ends[1] as usize]);
    opened.append(&encoded(6)).unwrap();
    drop(opened);
    let read = open(folder.path());
    assert_eq!(read.reader().get("count").unwrap().unwrap(), b"6");
    assert!(read.reader().contains("entry/0") && !read.reader().contains("blob/9"));
}

#[test]
fn a_value_that_holds_a_journal_is_no_record() {
    let folder = tempfile::tempdir().unwrap();
    write(folder.path(), 0, 4, &[0, 1, 2, 3]);
    let path = folder.path().join("s.journal");
    let inner = fs::read(&path).unwrap();
    let mut batch = Batch::new();
    batch.put("copy", [noise(1, 5000), inner].concat());
    let mut journal = open(folder.path());
    let at = journal.bytes();
    journal.append(&batch.encode().unwrap()).unwrap();
    journal.sync().unwrap();
    journal.append(&encoded(4)).unwrap();
    drop(journal);
    let mut bytes = fs::read(&path).unwrap();
    bytes[at as usize + 5] ^= 1;
    fs::write(&path, bytes).unwrap();
    let journal = open(folder.path());
    assert_eq!(journal.recovery().lost_batches, 1);
    assert!(!journal.reader().contains("copy"));
    assert_eq!(state_of(&journal.reader()), states(5)[5]);
}

#[test]
fn an_index_that_does_not_fit_is_not_used() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("s.index");
    write(folder.path(), 0, 3, &[]);
    open(folder.path()).close().unwrap();
    let old = fs::read(&path).unwrap();
    write(folder.path(), 3, 9, &[]);
    open(folder.path()).close().unwrap();
    let new = fs::read(&path).unwrap();
    let check = |index: Option<&[u8]>, used| {
        match index {
            Some(bytes) => fs::write(&path, bytes).unwrap(),
            None => fs::remove_file(&path).unwrap(),
        }
        let read = Journal::read_only(folder.path(), "s").unwrap();
        assert_eq!(read.recovery().from_index, used);
        assert_eq!(state_of(&read.reader()), states(9)[9]);
    };
    check(Some(&new), true);
    // An older one is a good beginning.
    check(Some(&old), true);
    for at in [0, 12, 17, 30, 60, new.len() - 1] {
        let mut bytes = new.clone();
        bytes[at] ^= 4;
        check(Some(&bytes), false);
        check(Some(&new[..at]), false);
    }
    check(Some(&noise(1, 400)), false);
    check(None, false);
    // The index of another journal, and of this one before it was cut and went on differently.
    let other = tempfile::tempdir().unwrap();
    write(other.path(), 0, 9, &[]);
    open(other.path()).close().unwrap();
    check(Some(&fs::read(other.path().join("s.index")).unwrap()), false);
    let journal = folder.path().join("s.journal");
    let bytes = fs::read(&journal).unwrap();
    fs::write(&journal, &bytes[..bytes.len() - 1]).unwrap();
    write(folder.path(), 8, 9, &[8]);
    let mut again = open(folder.path());
    let mut batch = Batch::new();
    batch.delete("nothing");
    again.append(&batch.encode().unwrap()).unwrap();
    drop(again);
    check(Some(&new), false);
}

#[test]
fn a_compaction_may_stop_anywhere() {
    let folder = tempfile::tempdir().unwrap();
    write(folder.path(), 0, 8, &[]);
    let mut journal = open(folder.path());
    journal.compact_from(100);
    let mut batch = Batch::new();
    for n in 0..40 {
        batch.put(format!("blob/big{n}"), noise(n, 300_000));
    }
    journal.append(&batch.encode().unwrap()).unwrap();
    let mut batch = Batch::new();
    for n in (0..40).filter(|n| n % 4 != 0) {
        batch.delete(format!("blob/big{n}"));
    }
    journal.append(&batch.encode().unwrap()).unwrap();
    journal.write_index().unwrap();
    let reader = journal.reader();
    let (before, mut steps, mut n) = (journal.bytes(), 0, 8);
    while journal.needs_compaction() {
        journal.compact_step().unwrap();
        if steps < 2 {
            // The user goes on meanwhile.
            journal.append(&encoded(n)).unwrap();
            n += 1;
        }
        steps += 1;
        let crashed = copy(folder.path());
        let again = open(crashed.path());
        assert!(again.recovery().is_whole(), "step {steps}");
        assert_eq!(state_of(&again.reader()), state_of(&reader), "step {steps}");
        drop(again);
        assert!(!crashed.path().join("s.compact").exists());
        // The same, with the new file half written.
        let crashed = copy(folder.path());
        if let Ok(bytes) = fs::read(crashed.path().join("s.compact")) {
            fs::write(crashed.path().join("s.compact"), &bytes[..bytes.len() / 2]).unwrap();
        }
        assert_eq!(state_of(&open(crashed.path()).reader()), state_of(&reader), "step {steps}");
    }
    assert!(steps >= 3 && journal.bytes() < before / 3);
    // Appends go on in the new file.
    journal.append(&encoded(n)).unwrap();
    let state = state_of(&reader);
    let small: BTreeSet<_> = state.keys().filter(|key| !key.contains("big")).cloned().collect();
    assert_eq!(small, states(n + 1)[n as usize + 1].keys().cloned().collect());
    journal.close().unwrap();
    let again = open(folder.path());
    assert!(again.recovery().from_index);
    assert_eq!(state_of(&again.reader()), state);
}

#[test]
fn a_compaction_keeps_what_it_cannot_read() {
    let folder = tempfile::tempdir().unwrap();
    let mut journal = open(folder.path());
    journal.compact_from(100);
    let mut batch = Batch::new();
    batch.put("lost", noise(1, 2000)).put("old", noise(2, 9000)).put("well", noise(3, 2000));
    journal.append(&batch.encode().unwrap()).unwrap();
    let mut batch = Batch::new();
    batch.delete("old");
    journal.append(&batch.encode().unwrap()).unwrap();
    let path = folder.path().join("s.journal");
    let mut bytes = fs::read(&path).unwrap();
    bytes[1000] ^= 1;
    fs::write(&path, &bytes).unwrap();
    assert!(
        matches!(journal.reader().get("lost"), Err(ReadError::Damaged { key }) if key == "lost")
    );
    while journal.needs_compaction() {
        journal.compact_step().unwrap();
    }
    assert_eq!(state_of(&journal.reader()), State::from([("well".to_owned(), noise(3, 2000))]));
    assert!(files(folder.path()).iter().any(|(n, b)| n.ends_with("damaged") && *b == bytes));
}

#[test]
fn foreign_and_newer_files_are_left_alone() {
    let check = |bytes: &[u8], expected: fn(&OpenError) -> bool| {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("s.journal");
        fs::write(&path, bytes).unwrap();
        let error = Journal::open(folder.path(), "s").unwrap_err();
        assert!(expected(&error), "{error}");
        assert_eq!(fs::read(&path).unwrap(), bytes);
        let opened = open_free(folder.path(), "s").unwrap();
        assert_eq!((opened.which, opened.refused.len()), (2, 1));
    };
    check(&noise(5, 3000), |error| matches!(error, OpenError::Foreign { .. }));
    let mut newer = format::file_header(1);
    newer[8] = 9;
    let crc = crc32fast::hash(&newer[..28]);
    newer[28..32].copy_from_slice(&crc.to_le_bytes());
    check(&newer, |error| matches!(error, OpenError::Newer { found: 9, known: 1, .. }));
}

#[test]
fn bounds_are_told() {
    let check = |key: String, expected: fn(BatchError) -> bool| {
        let mut batch = Batch::new();
        batch.put(key, *b"x");
        assert!(expected(batch.encode().unwrap_err()));
    };
    check(String::new(), |error| matches!(error, BatchError::Key { .. }));
    check("k".repeat(513), |error| matches!(error, BatchError::Key { .. }));
    let mut batch = Batch::new();
    for n in 0..20_000 {
        batch.put(format!("k{n}"), [0; 1000]);
    }
    assert_eq!(batch.encode().unwrap_err(), BatchError::Batch);
}
