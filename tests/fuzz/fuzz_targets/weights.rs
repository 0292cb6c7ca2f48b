//! Opens any bytes as a file of weights, says what it is, makes a folder of it and reads what it can.
//!
//! The source of the models' room is taken in as it is, so that a sanitizer's build takes seconds.
//! The input's first byte says what is put around the rest: most mistakes lie within an archive or
//! behind a header that nobody guesses.

#![no_main]

use std::io::Write;
use std::path::Path;

use libfuzzer_sys::fuzz_target;

mod allocation;

#[allow(dead_code, unused_imports, reason = "the program uses the rest")]
#[path = "../../../src/types/mod.rs"]
mod types;

#[allow(dead_code, reason = "the program uses the rest")]
#[path = "../../../src/cancel.rs"]
mod cancel;

#[allow(dead_code, unused_imports, reason = "the program uses the rest")]
#[path = "../../../src/models/mod.rs"]
mod models;

/// As the program's own, as far as the models' room uses it.
mod kernels {
    pub mod activation {
        #[allow(dead_code, reason = "configurations name them")]
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum Activation {
            Silu,
            Gelu,
            QuickGelu,
            Relu,
        }
    }
}

use models::TensorFile;
use models::folder::Bytes;
use models::single::{self, kind};

/// An archive of stored parts.
fn archive(parts: &[(&str, &[u8])]) -> Vec<u8> {
    let (mut file, mut directory) = (Vec::new(), Vec::new());
    for (name, bytes) in parts {
        let at = file.len() as u32;
        let length = (bytes.len() as u32).to_le_bytes();
        let name_length = (name.len() as u16).to_le_bytes();
        file.extend([&b"PK\x03\x04"[..], &[0; 14], &length, &length, &name_length, &[0; 2]].concat());
        file.extend([name.as_bytes(), bytes].concat());
        directory.extend([&b"PK\x01\x02"[..], &[0; 16], &length, &length, &name_length].concat());
        directory.extend([&[0; 12][..], &at.to_le_bytes(), name.as_bytes()].concat());
    }
    let (at, length) = (file.len() as u32, directory.len() as u32);
    let count = (parts.len() as u16).to_le_bytes();
    file.extend(directory);
    file.extend([&b"PK\x05\x06\0\0\0\0"[..], &count, &count].concat());
    file.extend([&length.to_le_bytes()[..], &at.to_le_bytes(), &[0; 2]].concat());
    file
}

/// What `how` puts around the bytes.
fn dress(how: u8, bytes: &[u8]) -> Vec<u8> {
    let numbers = [7; 256];
    match how % 4 {
        0 => bytes.to_vec(),
        1 => archive(&[("a/data.pkl", bytes), ("a/data/0", &numbers), ("a/data/1", &numbers)]),
        2 => {
            // What old checkpoints begin with: magic number, version, system.
            let magic = b"\x80\x02\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19.";
            let rest = b"\x80\x02M\xe9\x03.\x80\x02}.";
            [&magic[..], rest, bytes].concat()
        }
        _ => {
            // A header, and as much data as it claims up to a bound.
            let length = (bytes.len() as u64).to_le_bytes();
            [&length[..], bytes, &[0; 64]].concat()
        }
    }
}

fuzz_target!(|input: &[u8]| {
    let Some((how, bytes)) = input.split_first() else { return };
    let bytes = dress(*how, bytes);
    let mut file = tempfile::NamedTempFile::new().expect("a file");
    file.write_all(&bytes).expect("room");
    let source = Bytes::File(file.path().to_owned());
    allocation::bounded(bytes.len(), || read(&source, bytes.len()));
});

/// Opens it and reads all that can be read, within `length` bytes of file.
fn read(source: &Bytes, length: usize) {
    let Ok(table) = TensorFile::open(source, "input".to_owned()) else { return };
    for name in table.names() {
        let shape = table.shape(name).expect("a name of the table").to_vec();
        if let Ok(values) = table.read_f32(name, &shape) {
            // Nothing is longer than its file.
            assert!(values.len() <= length);
        }
    }
    let _what = (kind::is_model(&table), kind::other(&table));
    drop(single::read(&table, Path::new("input"), &types::ModelChoices::default()));
}
