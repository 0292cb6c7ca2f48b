//! The bytes behind a table of tensors, read by position.

use std::fs::File;
use std::io;
use std::sync::atomic::{AtomicBool, Ordering};

use rayon::prelude::*;

use crate::cancel::CancelToken;
use crate::models::error::ModelError;
use crate::models::folder::Bytes;

/// Bytes that are read and converted at a time: they stay in the cache between the two.
pub(super) const CHUNK_BYTES: usize = 128 << 10;

/// An open file, and what messages call it.
#[derive(Debug)]
pub(super) struct Blob {
    source: Source,
    pub(super) path: String,
    /// Its length when it was opened.
    pub(super) length: u64,
}

#[derive(Debug)]
enum Source {
    Embedded(&'static [u8]),
    File(File),
}

impl Blob {
    pub(super) fn open(bytes: &Bytes, path: String) -> Result<Self, ModelError> {
        let opened = match bytes {
            Bytes::Embedded(bytes) => Ok((Source::Embedded(bytes), bytes.len() as u64)),
            Bytes::File(file) => File::open(file).and_then(|file| {
                let length = file.metadata()?.len();
                Ok((Source::File(file), length))
            }),
        };
        match opened {
            Ok((source, length)) => Ok(Self { source, path, length }),
            Err(error) => Err(ModelError::Unreadable { reason: error.to_string(), path }),
        }
    }

    /// An error about its contents.
    pub(super) fn damaged(&self, reason: impl Into<String>) -> ModelError {
        ModelError::Damaged { reason: reason.into(), path: self.path.clone() }
    }

    /// An error about a kind of contents that is not read.
    pub(super) fn unsupported(&self, reason: impl Into<String>) -> ModelError {
        ModelError::Unsupported { reason: reason.into(), path: self.path.clone() }
    }

    /// The bytes from `offset` on, for the parsers of headers.
    ///
    /// # Errors
    /// They are not all in the file any more.
    pub(super) fn part(&self, offset: u64, length: u64) -> Result<Vec<u8>, ModelError> {
        if offset.checked_add(length).is_none_or(|end| end > self.length) {
            let reason = format!("{length} bytes are missing at {offset} of {}", self.length);
            return Err(self.damaged(reason));
        }
        let mut bytes = vec![0; length as usize];
        self.read_at(offset, &mut bytes).map_err(|error| self.damaged(error.to_string()))?;
        Ok(bytes)
    }

    /// Fills `out` from `offset` on, or says that the file ends before.
    pub(super) fn read_at(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        match &self.source {
            Source::Embedded(bytes) => {
                let begin = usize::try_from(offset).unwrap_or(usize::MAX);
                let from = begin.checked_add(out.len()).and_then(|end| bytes.get(begin..end));
                out.copy_from_slice(from.ok_or(io::ErrorKind::UnexpectedEof)?);
                Ok(())
            }
            Source::File(file) => read_exact_at(file, offset, out),
        }
    }

    /// Reads stored numbers from `offset` on, a chunk at a time on all threads of the pool, and
    /// lets `convert` write each chunk into `out`. Says whether all that came out is finite.
    ///
    /// # Errors
    /// The file ends before, or [`io::ErrorKind::Interrupted`]: cancelled.
    pub(super) fn read_chunks<S: bytemuck::Pod + Send>(
        &self,
        offset: u64,
        out: &mut [f32],
        cancel: &CancelToken,
        convert: impl Fn(&[S], &mut [f32]) + Sync,
    ) -> io::Result<bool> {
        let values = CHUNK_BYTES / size_of::<S>();
        let finite = AtomicBool::new(true);
        let read = |stored: &mut Vec<S>, (index, out): (usize, &mut [f32])| -> io::Result<()> {
            if cancel.is_cancelled() {
                return Err(io::ErrorKind::Interrupted.into());
            }
            stored.resize(out.len(), S::zeroed());
            let offset = offset + (index * CHUNK_BYTES) as u64;
            self.read_at(offset, bytemuck::cast_slice_mut(stored))?;
            convert(stored, out);
            // Without a branch for each value, so that it runs over whole vectors.
            if !out.iter().fold(true, |finite, value| finite & value.is_finite()) {
                finite.store(false, Ordering::Relaxed);
            }
            Ok(())
        };
        if out.len() <= values {
            read(&mut Vec::new(), (0, out))?;
        } else {
            out.par_chunks_mut(values).enumerate().try_for_each_init(Vec::new, read)?;
        }
        Ok(finite.into_inner())
    }
}

#[cfg(unix)]
fn read_exact_at(file: &File, offset: u64, out: &mut [u8]) -> io::Result<()> {
    std::os::unix::fs::FileExt::read_exact_at(file, out, offset)
}

#[cfg(windows)]
fn read_exact_at(file: &File, mut offset: u64, mut out: &mut [u8]) -> io::Result<()> {
    while !out.is_empty() {
        let read = std::os::windows::fs::FileExt::seek_read(file, out, offset)?;
        if read == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        out = &mut out[read..];
        offset += read as u64;
    }
    Ok(())
}
