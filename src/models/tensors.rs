//! Weights in a safetensors file: the header is read and checked at once, each tensor when asked.
//!
//! Opened by [`super::folder`], read by [`crate::diffusion`] while a model is put together. Files
//! are read by position, never memory-mapped: one that shrinks while it is read gives an error.

use std::collections::{BTreeMap, HashMap};
use std::fs::File;
use std::io;

use half::slice::{HalfBitsSliceExt, HalfFloatSliceExt};
use half::{bf16, f16};
use serde::Deserialize;

use super::error::ModelError;
use super::folder::Bytes;

#[cfg(not(target_endian = "little"))]
compile_error!("safetensors holds little-endian numbers, which are read as they lie");

/// The longest header that is read; the format's own limit.
const HEADER_LIMIT: u64 = 100_000_000;
/// Bytes that are read and converted at a time: they stay in the cache between the two.
const CHUNK_BYTES: usize = 128 << 10;

/// An open safetensors file.
#[derive(Debug)]
pub struct TensorFile {
    source: Source,
    path: String,
    data_start: u64,
    tensors: BTreeMap<String, Entry>,
}

#[derive(Debug)]
enum Source {
    Embedded(&'static [u8]),
    File(File),
    /// Any tensor that is asked for, of seeded noise.
    Noise,
}

#[derive(Debug, Deserialize)]
struct Entry {
    dtype: String,
    shape: Vec<usize>,
    data_offsets: (u64, u64),
}

#[derive(Deserialize)]
struct Header {
    /// Anything that the writer wanted to say; not used.
    #[serde(default, rename = "__metadata__")]
    _metadata: Option<HashMap<String, String>>,
    #[serde(flatten)]
    tensors: BTreeMap<String, Entry>,
}

impl TensorFile {
    /// Opens a file, reads its header and checks that the contents can be what it says. `path` is
    /// what messages call the file.
    ///
    /// # Errors
    /// [`ModelError`] when it cannot be read, is truncated or damaged.
    pub fn open(bytes: &Bytes, path: String) -> Result<Self, ModelError> {
        let unreadable = |error: io::Error, path: &str| ModelError::Unreadable {
            reason: error.to_string(),
            path: path.to_owned(),
        };
        let source = match bytes {
            Bytes::Embedded(bytes) => Source::Embedded(bytes),
            Bytes::File(file) => {
                Source::File(File::open(file).map_err(|error| unreadable(error, &path))?)
            }
        };
        let size = source.size().map_err(|error| unreadable(error, &path))?;
        let damaged = |reason: String| ModelError::Damaged { reason, path: path.clone() };
        let mut length = [0; 8];
        source.read_at(0, &mut length).map_err(|error| damaged(error.to_string()))?;
        let length = u64::from_le_bytes(length);
        if length > HEADER_LIMIT || length > size - 8 {
            return Err(damaged(format!("a header of {length} bytes in a file of {size}")));
        }
        let mut header = vec![0; usize::try_from(length).unwrap_or(usize::MAX)];
        source.read_at(8, &mut header).map_err(|error| damaged(error.to_string()))?;
        let header: Header = serde_json::from_slice(&header)
            .map_err(|error| damaged(format!("its header cannot be read, {error}")))?;
        check_layout(&header.tensors, size - 8 - length).map_err(damaged)?;
        Ok(Self { source, path, data_start: 8 + length, tensors: header.tensors })
    }

    /// A file that has any tensor, of any shape, filled with noise that keeps values in range: for
    /// measuring.
    #[must_use]
    pub fn random() -> Self {
        let path = "noise".to_owned();
        Self { source: Source::Noise, path, data_start: 0, tensors: BTreeMap::new() }
    }

    /// Whether there is a tensor of this name.
    #[must_use]
    pub fn has(&self, name: &str) -> bool {
        matches!(self.source, Source::Noise) || self.tensors.contains_key(name)
    }

    /// What messages call the file.
    #[must_use]
    pub fn path(&self) -> &str {
        &self.path
    }

    /// The tensors' names, in order.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.tensors.keys().map(String::as_str)
    }

    /// The shape of a tensor, if it is there.
    #[must_use]
    pub fn shape(&self, name: &str) -> Option<&[usize]> {
        self.tensors.get(name).map(|entry| entry.shape.as_slice())
    }

    /// How a tensor's numbers are stored, such as `F16`, if it is there.
    #[must_use]
    pub fn dtype(&self, name: &str) -> Option<&str> {
        self.tensors.get(name).map(|entry| entry.dtype.as_str())
    }

    /// Checks that all these tensors are there.
    ///
    /// # Errors
    /// [`ModelError::MissingTensors`] that counts those that are not and names the first.
    pub fn missing<'a>(&self, names: impl IntoIterator<Item = &'a str>) -> Result<(), ModelError> {
        let mut missing = names.into_iter().filter(|name| !self.tensors.contains_key(*name));
        match missing.next() {
            None => Ok(()),
            Some(first) => Err(self.not_there(first, 1 + missing.count())),
        }
    }

    /// Reads a tensor as `f32`.
    ///
    /// # Errors
    /// [`ModelError`] when it is not there, has another shape than `expected`, holds no floating
    /// point numbers or some that are not finite, or the file is no longer as it was.
    pub fn read_f32(&self, name: &str, expected: &[usize]) -> Result<Vec<f32>, ModelError> {
        if matches!(self.source, Source::Noise) {
            return Ok(noise(name, expected));
        }
        let entry = self.tensors.get(name).ok_or_else(|| self.not_there(name, 1))?;
        if entry.shape != expected {
            return Err(ModelError::WrongShape {
                name: name.to_owned(),
                expected: expected.to_vec(),
                found: entry.shape.clone(),
                path: self.path.clone(),
            });
        }
        let values = self.values(entry).map_err(|error| ModelError::Damaged {
            reason: format!("'{name}' cannot be read, {error}"),
            path: self.path.clone(),
        })?;
        let values = values.ok_or_else(|| ModelError::WrongType {
            name: name.to_owned(),
            dtype: entry.dtype.clone(),
            path: self.path.clone(),
        })?;
        // Without a branch for each value, so that it runs over whole vectors.
        if !values.iter().fold(true, |finite, value| finite & value.is_finite()) {
            return Err(ModelError::NotFinite { name: name.to_owned(), path: self.path.clone() });
        }
        Ok(values)
    }

    /// The values of an entry, or `None` when they are no floating point numbers.
    fn values(&self, entry: &Entry) -> io::Result<Option<Vec<f32>>> {
        let begin = self.data_start + entry.data_offsets.0;
        // `check_layout` found this product equal to the bytes that are in the file.
        let mut values = vec![0.0_f32; entry.shape.iter().product()];
        let source = &self.source;
        match entry.dtype.as_str() {
            "F32" => source.read_at(begin, bytemuck::cast_slice_mut(&mut values))?,
            "F16" => source.read_chunks(begin, &mut values, |bits: &[u16], out| {
                bits.reinterpret_cast::<f16>().convert_to_f32_slice(out);
            })?,
            "BF16" => source.read_chunks(begin, &mut values, |bits: &[u16], out| {
                bits.reinterpret_cast::<bf16>().convert_to_f32_slice(out);
            })?,
            "F64" => source.read_chunks(begin, &mut values, |wide: &[f64], out| {
                for (out, wide) in out.iter_mut().zip(wide) {
                    *out = *wide as f32;
                }
            })?,
            _ => return Ok(None),
        }
        Ok(Some(values))
    }

    fn not_there(&self, first: &str, count: usize) -> ModelError {
        ModelError::MissingTensors { count, first: first.to_owned(), path: self.path.clone() }
    }
}

impl Source {
    fn size(&self) -> io::Result<u64> {
        match self {
            Self::Noise => Ok(0),
            Self::Embedded(bytes) => Ok(bytes.len() as u64),
            Self::File(file) => Ok(file.metadata()?.len()),
        }
    }

    /// Fills `out` from `offset` on, or says that the file ends before.
    fn read_at(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        match self {
            Self::Embedded(bytes) => {
                let begin = usize::try_from(offset).unwrap_or(usize::MAX);
                let from = begin.checked_add(out.len()).and_then(|end| bytes.get(begin..end));
                out.copy_from_slice(from.ok_or(io::ErrorKind::UnexpectedEof)?);
                Ok(())
            }
            Self::File(file) => read_exact_at(file, offset, out),
            Self::Noise => Err(io::ErrorKind::Unsupported.into()),
        }
    }

    /// Reads stored numbers a chunk at a time and lets `convert` write each chunk into `out`.
    fn read_chunks<S: bytemuck::Pod>(
        &self,
        mut offset: u64,
        out: &mut [f32],
        convert: impl Fn(&[S], &mut [f32]),
    ) -> io::Result<()> {
        let mut stored = vec![S::zeroed(); out.len().min(CHUNK_BYTES / size_of::<S>())];
        for out in out.chunks_mut(stored.len().max(1)) {
            let stored = &mut stored[..out.len()];
            self.read_at(offset, bytemuck::cast_slice_mut(stored))?;
            convert(stored, out);
            offset += size_of_val(stored) as u64;
        }
        Ok(())
    }
}

/// Uniform noise of the spread that layers are usually begun with, the same for the same name.
fn noise(name: &str, shape: &[usize]) -> Vec<f32> {
    let inputs: usize = shape.iter().skip(1).product();
    let spread = 1.0 / (inputs.max(1) as f32).sqrt();
    let mut state = crc32fast::hash(name.as_bytes()) | 1;
    (0..shape.iter().product())
        .map(|_| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            ((state >> 8) as f32 / (1 << 23) as f32 - 1.0) * spread
        })
        .collect()
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

/// Checks that the tensors fill the data exactly, one after the other, each as long as its shape
/// and type say.
fn check_layout(tensors: &BTreeMap<String, Entry>, data_size: u64) -> Result<(), String> {
    let mut parts: Vec<(&String, &Entry)> = tensors.iter().collect();
    parts.sort_by_key(|(_, entry)| entry.data_offsets);
    let mut end = 0;
    for (name, entry) in parts {
        let (from, to) = entry.data_offsets;
        if from != end || to < from {
            return Err(format!("'{name}' lies at {from}..{to} where {end} was expected"));
        }
        if to > data_size {
            return Err(format!("'{name}' ends at {to} of {data_size} bytes"));
        }
        let values = entry.shape.iter().try_fold(1_u64, |all, &side| all.checked_mul(side as u64));
        // Types that are not known are not read either; their length is taken as it is.
        let fits = value_bytes(&entry.dtype).is_none_or(|bytes| {
            values.and_then(|values| values.checked_mul(bytes)) == Some(to - from)
        });
        if !fits {
            let (shape, dtype) = (&entry.shape, &entry.dtype);
            return Err(format!("'{name}' has {} bytes for {shape:?} of {dtype}", to - from));
        }
        end = to;
    }
    if end != data_size {
        return Err(format!("{data_size} bytes of data where the header lists {end}"));
    }
    Ok(())
}

/// Bytes of one value of a safetensors type; `None` for types that are not known here.
fn value_bytes(dtype: &str) -> Option<u64> {
    Some(match dtype {
        "BOOL" | "U8" | "I8" | "F8_E5M2" | "F8_E4M3" => 1,
        "I16" | "U16" | "F16" | "BF16" => 2,
        "I32" | "U32" | "F32" => 4,
        "I64" | "U64" | "F64" => 8,
        _ => return None,
    })
}

#[cfg(test)]
mod tests;
