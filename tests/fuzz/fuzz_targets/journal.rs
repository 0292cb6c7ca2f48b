//! Opens any bytes as a journal and its index, reads every value, mends, appends, opens again.
//!
//! The journal's source is taken in as it is, so that a sanitizer's build takes seconds and not the
//! hundreds of crates of the whole program. The input's first byte says what is made sound about
//! it: checksums that nobody guesses would end every try at the door.

#![no_main]

use libfuzzer_sys::fuzz_target;

#[allow(dead_code, unused_imports, reason = "the program uses the rest")]
#[path = "../../../src/document/journal/mod.rs"]
mod journal;

use journal::{Batch, Journal};

/// A journal's file header and, on demand, sound headers around what the fuzzer made.
fn dress(how: u8, bytes: &[u8]) -> Vec<u8> {
    if how & 1 == 0 {
        return bytes.to_vec();
    }
    let id = 7_u64;
    let mut half = [0; 32];
    half[..8].copy_from_slice(b"PENTJRN\n");
    half[8] = 1;
    half[16..24].copy_from_slice(&id.to_le_bytes());
    let crc = crc32fast::hash(&half[..28]);
    half[28..].copy_from_slice(&crc.to_le_bytes());
    let mut file = [half, half].concat();
    if how & 2 == 0 {
        file.extend(bytes);
        return file;
    }
    // Each part is a directory; two bytes before it say how much data follows and what was synced.
    let parts = bytes.split(|byte| *byte == 0xFF).filter(|part| part.len() > 2);
    for (number, part) in parts.enumerate() {
        let (at, directory) = (file.len() as u64, &part[2..]);
        let data = u64::from(part[0] & 0x7F);
        let synced = if part[0] & 0x80 == 0 { 64 } else { at };
        let mut head = Vec::new();
        head.extend(*b"\xE9bat");
        head.extend((directory.len() as u32).to_le_bytes());
        head.extend(data.to_le_bytes());
        head.extend((number as u64 + 1).to_le_bytes());
        head.extend(synced.to_le_bytes());
        head.extend((crc32fast::hash(directory) ^ u32::from(part[1] == 1)).to_le_bytes());
        let mut crc = crc32fast::Hasher::new();
        crc.update(&id.to_le_bytes());
        crc.update(&at.to_le_bytes());
        crc.update(&head);
        head.extend(crc.finalize().to_le_bytes());
        file.extend(head);
        file.extend(directory);
        file.extend((0..data).map(|n| n as u8));
    }
    file
}

fuzz_target!(|input: &[u8]| {
    let Some((how, bytes)) = input.split_first() else { return };
    let folder = tempfile::tempdir().expect("a folder");
    let (index, bytes) = bytes.split_at(if how & 4 == 0 { 0 } else { bytes.len() / 2 });
    std::fs::write(folder.path().join("s.journal"), dress(*how, bytes)).expect("room");
    if !index.is_empty() {
        std::fs::write(folder.path().join("s.index"), index).expect("room");
    }
    let Ok(mut opened) = Journal::open(folder.path(), "s") else { return };
    let reader = opened.reader();
    let read = |key: &str| reader.get(key).ok().flatten();
    let state = || reader.keys_under("").into_iter().map(|k| (read(&k), k)).collect::<Vec<_>>();
    let mut batch = Batch::new();
    batch.put("new", *b"value").put("large", vec![1; 5000]);
    opened.append(&batch.encode().expect("within bounds")).expect("a folder that can be written");
    let before = state();
    opened.compact_from(0);
    while opened.needs_compaction() {
        opened.compact_step().expect("room");
    }
    // What could not be read is gone with the compaction, and nothing else.
    let sound = |state: Vec<(Option<Vec<u8>>, String)>| -> Vec<_> {
        state.into_iter().filter(|(value, _)| value.is_some()).collect()
    };
    let before = sound(before);
    assert_eq!(before, sound(state()));
    opened.close().expect("room");
    let again = Journal::open(folder.path(), "s").expect("what was mended opens");
    let reader = again.reader();
    for (value, key) in before {
        assert_eq!(reader.get(&key).ok().flatten(), value);
    }
});
