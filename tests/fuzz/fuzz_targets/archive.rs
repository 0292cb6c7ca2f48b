//! Opens any bytes as the archive of a project file and reads its parts within their bounds.
//!
//! The archive's source is taken in as it is, so that a sanitizer's build takes seconds.

#![no_main]

use std::io::Cursor;

use libfuzzer_sys::fuzz_target;

/// As the program's own, as far as the archive uses it.
#[derive(Debug)]
pub enum CodecError {
    Damaged(String),
    Unsupported(String),
}

#[allow(dead_code, reason = "the program uses the rest")]
#[path = "../../../src/document/codec/zip.rs"]
mod zip;

const NAMES: [&str; 4] = ["mimetype", "stack.xml", "mergedimage.png", "data/layer0.png"];

fuzz_target!(|input: &[u8]| {
    // What was not put in by the writer is never longer than it may be.
    if let Ok(mut archive) = zip::Archive::open(Cursor::new(input)) {
        for name in NAMES {
            drop(archive.head(name, 33));
            if let Ok(bytes) = archive.read(name, 1 << 16) {
                assert!(archive.has(name) && bytes.len() <= 1 << 16);
            }
        }
    }
    // What was put in comes out.
    let parts = input.chunks(97).zip(NAMES);
    let mut writer = zip::Writer::new(Vec::new());
    for (bytes, name) in parts.clone() {
        writer.add(name, bytes).expect("room");
    }
    let mut archive = zip::Archive::open(Cursor::new(writer.finish().expect("room"))).expect("ours");
    for (bytes, name) in parts {
        assert_eq!(archive.read(name, 97).expect("ours"), bytes);
    }
});
