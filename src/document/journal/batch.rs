//! What is written at once: a batch of puts and deletes, and its form as a record.
//!
//! The window's thread makes batches, the journal's thread encodes them: compressing, and making
//! the bytes of a [`Value::Made`], happens there.

use std::fmt;
use std::sync::Arc;

use super::error::BatchError;
use super::format::{Change, Large, MOST_DATA, MOST_DIRECTORY, MOST_KEY, MOST_VALUE, push_change};

/// Values up to this length lie in the directory and are held in memory.
pub(super) const SMALL_BYTES: usize = 1024;

/// The bytes to put under a key.
pub enum Value {
    /// These.
    Bytes(Arc<[u8]>),
    /// What this makes, on the journal's thread.
    Made(Box<dyn FnOnce() -> Vec<u8> + Send>),
}

impl fmt::Debug for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Bytes(bytes) => write!(f, "{} bytes", bytes.len()),
            Self::Made(_) => f.write_str("bytes to be made"),
        }
    }
}

/// Changes that happen together or not at all.
#[derive(Debug, Default)]
pub struct Batch {
    /// In order; no value deletes.
    changes: Vec<(Box<str>, Option<Value>)>,
}

impl Batch {
    /// Nothing yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Puts these bytes under the key.
    pub fn put(&mut self, key: impl Into<Box<str>>, bytes: impl Into<Arc<[u8]>>) -> &mut Self {
        self.changes.push((key.into(), Some(Value::Bytes(bytes.into()))));
        self
    }

    /// Puts under the key what `make` returns, which is called on the journal's thread.
    pub fn put_made(
        &mut self,
        key: impl Into<Box<str>>,
        make: impl FnOnce() -> Vec<u8> + Send + 'static,
    ) -> &mut Self {
        self.changes.push((key.into(), Some(Value::Made(Box::new(make)))));
        self
    }

    /// Takes the key away; one that is not there is no mistake.
    pub fn delete(&mut self, key: impl Into<Box<str>>) -> &mut Self {
        self.changes.push((key.into(), None));
        self
    }

    /// Whether it changes nothing.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.changes.is_empty()
    }

    /// As a record: makes, compresses and sums up the values.
    ///
    /// # Errors
    /// A key or a value outside the bounds, or too many of them.
    pub fn encode(self) -> Result<EncodedBatch, BatchError> {
        let mut encoded = EncodedBatch::default();
        for (key, value) in self.changes {
            if key.is_empty() || key.len() > MOST_KEY {
                return Err(BatchError::Key { key: key.into() });
            }
            match value {
                None => encoded.push(&key, Change::Delete),
                Some(Value::Bytes(bytes)) => encoded.put(&key, Stored::Shared(bytes))?,
                Some(Value::Made(make)) => encoded.put(&key, Stored::Own(make()))?,
            }
            if encoded.directory.len() > MOST_DIRECTORY || encoded.data > MOST_DATA {
                return Err(BatchError::Batch);
            }
        }
        Ok(encoded)
    }
}

/// Bytes as they go to the disk.
pub(super) enum Stored {
    Shared(Arc<[u8]>),
    Own(Vec<u8>),
}

impl Stored {
    pub(super) fn bytes(&self) -> &[u8] {
        match self {
            Self::Shared(bytes) => bytes,
            Self::Own(bytes) => bytes,
        }
    }
}

/// A batch as it goes to the disk; can be written again if the disk refuses it.
#[derive(Default)]
pub struct EncodedBatch {
    pub(super) directory: Vec<u8>,
    pub(super) values: Vec<Stored>,
    /// Sum of the values' lengths.
    pub(super) data: u64,
}

impl EncodedBatch {
    /// Bytes that it takes on the disk.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        super::format::RECORD_HEADER as u64 + self.directory.len() as u64 + self.data
    }

    /// Adds a change without data.
    pub(super) fn push(&mut self, key: &str, change: Change) {
        push_change(&mut self.directory, key, change);
    }

    /// Adds a large value that is already in its stored form.
    pub(super) fn push_stored(&mut self, key: &str, large: Large, stored: Stored) {
        self.push(key, Change::Large(large));
        self.data += u64::from(large.stored);
        self.values.push(stored);
    }

    fn put(&mut self, key: &str, value: Stored) -> Result<(), BatchError> {
        let raw = value.bytes().len();
        if raw > MOST_VALUE {
            return Err(BatchError::Value { key: key.to_owned() });
        }
        if raw <= SMALL_BYTES {
            self.push(key, Change::Small(value.bytes()));
            return Ok(());
        }
        let packed = lz4_flex::block::compress(value.bytes());
        // Pictures are packed already: what gains next to nothing stays as it is.
        let lz4 = packed.len() < raw - raw / 8;
        let stored = if lz4 { Stored::Own(packed) } else { value };
        let bytes = stored.bytes();
        let crc = crc32fast::hash(bytes);
        let large = Large { lz4, stored: bytes.len() as u32, raw: raw as u32, crc };
        self.push_stored(key, large, stored);
        Ok(())
    }
}

impl fmt::Debug for EncodedBatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a record of {} bytes", self.bytes())
    }
}
