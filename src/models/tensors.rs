//! A table of tensors: names, and where in which file their numbers lie. Headers are read and
//! checked at once, each tensor when asked, with low-rank factors added where there are some.
//!
//! Made by [`super::folder`] and [`super::single`], read by [`crate::diffusion`] while a model is put
//! together. The files are safetensors or `torch.save`'s checkpoints, old and new; they are read by
//! position, never memory-mapped: one that shrinks while it is read gives an error.

mod low_rank;
mod safetensors;
mod source;
mod torch;
mod zip;

use std::collections::BTreeMap;
use std::io;
use std::sync::Arc;

use half::slice::{HalfBitsSliceExt, HalfFloatSliceExt};
use half::{bf16, f16};

use super::error::ModelError;
use super::folder::Bytes;
use crate::cancel::CancelToken;
use low_rank::LowRank;
use source::Blob;

#[cfg(not(target_endian = "little"))]
compile_error!("safetensors holds little-endian numbers, which are read as they lie");

/// The kinds of numbers that become `f32`.
const FLOATS: [&str; 6] = ["F8_E4M3", "F8_E5M2", "F16", "BF16", "F32", "F64"];
/// Names of missing tensors that a message lists.
const NAMED: usize = 5;
/// Longest pointer to a file that Git LFS left in its place.
const LONGEST_POINTER: u64 = 1024;

/// Named tensors, of one file or of several.
#[derive(Clone, Debug)]
pub struct TensorFile {
    path: String,
    tensors: BTreeMap<String, Tensor>,
    notes: BTreeMap<String, String>,
    format: &'static str,
    /// Whether any tensor that is asked for is there, of seeded noise.
    noise: bool,
    /// What is added to the tensors as they are read.
    low_rank: Option<Arc<LowRank>>,
}

/// A tensor in a file.
#[derive(Clone, Debug)]
pub struct Tensor {
    blob: Arc<Blob>,
    dtype: String,
    shape: Vec<usize>,
    /// Numbers from one index to the next along each side; `None`: row after row.
    strides: Option<Vec<usize>>,
    /// Where in the file its first number lies, in bytes.
    begin: u64,
}

/// What a file's header says.
struct Table {
    tensors: BTreeMap<String, Tensor>,
    notes: BTreeMap<String, String>,
}

impl Tensor {
    /// Length of each side.
    #[must_use]
    pub fn shape(&self) -> &[usize] {
        &self.shape
    }

    /// Bytes of its numbers.
    fn bytes(&self) -> u64 {
        count(&self.shape).saturating_mul(value_bytes(&self.dtype).unwrap_or(0))
    }

    /// A part of its rows, without reading anything.
    ///
    /// # Panics
    /// It has fewer rows.
    #[must_use]
    pub fn rows(&self, rows: std::ops::Range<usize>) -> Self {
        assert!(rows.start <= rows.end && self.shape.first().is_some_and(|all| rows.end <= *all));
        let row = match &self.strides {
            Some(strides) => strides[0] as u64,
            None => count(&self.shape[1..]),
        };
        // Numbers of an unknown kind are of any length, but are not read either.
        let width = value_bytes(&self.dtype).unwrap_or(0);
        let mut part = self.clone();
        part.begin += (rows.start as u64).saturating_mul(row) * width;
        part.shape[0] = rows.len();
        part
    }

    /// A matrix with its two sides swapped.
    ///
    /// # Panics
    /// It is no matrix.
    #[must_use]
    pub fn transposed(&self) -> Self {
        let [rows, columns] = self.shape[..] else { panic!("a matrix has two sides") };
        let [row, column] = match self.strides.as_deref() {
            Some([row, column]) => [*row, *column],
            _ => [columns, 1],
        };
        let (shape, strides) = (vec![columns, rows], Some(vec![column, row]));
        Self { shape, strides, ..self.clone() }
    }

    /// The same without its last two sides where those are 1: a linear layer that was stored as a
    /// convolution.
    #[must_use]
    pub fn flattened(&self) -> Self {
        let mut flat = self.clone();
        if let [_, _, 1, 1] = self.shape[..] {
            flat.shape.truncate(2);
            if let Some(strides) = &mut flat.strides {
                strides.truncate(2);
            }
        }
        flat
    }

    /// Writes the values to the beginning of `into`, which grows where it must. Says whether all are
    /// finite, or `None` when they are no floating point numbers.
    fn read(&self, into: &mut Vec<f32>, cancel: &CancelToken) -> io::Result<Option<bool>> {
        let count = count(&self.shape) as usize;
        let Some(strides) = self.strides.as_ref().filter(|_| count > 0) else {
            return self.run(count, into, cancel);
        };
        // All numbers from the first to the last, of which some may belong to others.
        let span: usize =
            self.shape.iter().zip(strides).map(|(side, step)| (side - 1) * step).sum();
        let mut all = Vec::new();
        if self.run(span + 1, &mut all, cancel)?.is_none() {
            return Ok(None);
        }
        let mut index = vec![0; self.shape.len()];
        let values = grown(into, count);
        for value in &mut *values {
            *value = all[index.iter().zip(strides).map(|(i, step)| i * step).sum::<usize>()];
            for (index, side) in index.iter_mut().zip(&self.shape).rev() {
                *index += 1;
                if *index < *side {
                    break;
                }
                *index = 0;
            }
        }
        Ok(Some(values.iter().all(|value| value.is_finite())))
    }

    /// The same for `count` numbers one after the other.
    fn run(
        &self,
        count: usize,
        into: &mut Vec<f32>,
        cancel: &CancelToken,
    ) -> io::Result<Option<bool>> {
        if !FLOATS.contains(&self.dtype.as_str()) {
            return Ok(None);
        }
        let bytes = (count as u64).saturating_mul(value_bytes(&self.dtype).unwrap_or(0));
        // Asked before the room is made; the file may have become shorter since.
        if self.begin.saturating_add(bytes) > self.blob.length {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        let values = grown(into, count);
        let (blob, begin) = (&self.blob, self.begin);
        let finite = match self.dtype.as_str() {
            "F32" => blob.read_chunks(begin, values, cancel, |stored: &[f32], out| {
                out.copy_from_slice(stored);
            })?,
            "F16" => blob.read_chunks(begin, values, cancel, |bits: &[u16], out| {
                bits.reinterpret_cast::<f16>().convert_to_f32_slice(out);
            })?,
            "BF16" => blob.read_chunks(begin, values, cancel, |bits: &[u16], out| {
                bits.reinterpret_cast::<bf16>().convert_to_f32_slice(out);
            })?,
            // Half precision without its last eight bits.
            "F8_E5M2" => blob.read_chunks(begin, values, cancel, |bytes: &[u8], out| {
                for (out, byte) in out.iter_mut().zip(bytes) {
                    *out = f16::from_bits(u16::from(*byte) << 8).to_f32();
                }
            })?,
            "F8_E4M3" => blob.read_chunks(begin, values, cancel, |bytes: &[u8], out| {
                for (out, byte) in out.iter_mut().zip(bytes) {
                    *out = from_e4m3(*byte);
                }
            })?,
            "F64" => blob.read_chunks(begin, values, cancel, |wide: &[f64], out| {
                for (out, wide) in out.iter_mut().zip(wide) {
                    *out = *wide as f32;
                }
            })?,
            _ => return Ok(None),
        };
        Ok(Some(finite))
    }
}

impl TensorFile {
    /// Opens a file of any of the formats, which its first bytes tell apart, reads its header and
    /// checks that the contents can be what it says. `path` is what messages call the file.
    ///
    /// # Errors
    /// [`ModelError`] when it cannot be read, is truncated or damaged, or is something else.
    pub fn open(bytes: &Bytes, path: String) -> Result<Self, ModelError> {
        let blob = Arc::new(Blob::open(bytes, path)?);
        let start = blob.part(0, blob.length.min(LONGEST_POINTER))?;
        let (format, table) = match start.as_slice() {
            [b'P', b'K', 3 | 5, ..] => ("a checkpoint of torch", torch::read_zip(&blob)?),
            // A pickle; the length of a safetensors header may begin with the same bytes.
            start @ [0x80, 1..=5, ..] if start.get(4..9) != Some(b"\0\0\0\0{") => {
                ("a checkpoint of torch before 1.6", torch::read_legacy(&blob)?)
            }
            start if is_tar(start) => {
                return Err(blob.unsupported(
                    "The checkpoint is in a format from before 2018; open it with torch and save it \
                     again",
                ));
            }
            start if start.starts_with(b"version https://git-lfs") => {
                return Err(blob.unsupported(
                    "The file is only a pointer that Git LFS left behind; download the model itself",
                ));
            }
            start if start.trim_ascii_start().starts_with(b"<") => {
                return Err(blob
                    .unsupported("The file is a web page, not a model; download the model again"));
            }
            start if start.starts_with(b"GGUF") => {
                return Err(
                    blob.unsupported("GGUF files cannot be read; get the model as .safetensors")
                );
            }
            _ => ("safetensors", safetensors::read(&blob)?),
        };
        let Table { tensors, notes } = table;
        Ok(Self { path: blob.path.clone(), tensors, notes, format, noise: false, low_rank: None })
    }

    /// A table of tensors that were taken from this file, under whatever names.
    #[must_use]
    pub fn part(&self, tensors: BTreeMap<String, Tensor>) -> Self {
        let (path, notes) = (self.path.clone(), BTreeMap::new());
        Self { path, tensors, notes, format: self.format, noise: self.noise, low_rank: None }
    }

    /// A file that has any tensor, of any shape, filled with noise that keeps values in range: for
    /// measuring.
    #[must_use]
    pub fn random() -> Self {
        Self {
            path: "noise".to_owned(),
            tensors: BTreeMap::new(),
            notes: BTreeMap::new(),
            format: "noise",
            noise: true,
            low_rank: None,
        }
    }

    /// Whether there is a tensor of this name.
    #[must_use]
    pub fn has(&self, name: &str) -> bool {
        self.noise || self.tensors.contains_key(name)
    }

    /// What messages call the file.
    #[must_use]
    pub fn path(&self) -> &str {
        &self.path
    }

    /// How the file is made, for people.
    #[must_use]
    pub fn format(&self) -> &'static str {
        self.format
    }

    /// The tensors' names, in order.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.tensors.keys().map(String::as_str)
    }

    /// A tensor, if it is there.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&Tensor> {
        self.tensors.get(name)
    }

    /// The shape of a tensor, if it is there.
    #[must_use]
    pub fn shape(&self, name: &str) -> Option<&[usize]> {
        self.tensors.get(name).map(|tensor| tensor.shape.as_slice())
    }

    /// How a tensor's numbers are stored, such as `F16`, if it is there.
    #[must_use]
    pub fn dtype(&self, name: &str) -> Option<&str> {
        self.tensors.get(name).map(|tensor| tensor.dtype.as_str())
    }

    /// What its writer noted: safetensors' metadata, or the plain values beside the tensors.
    #[must_use]
    pub fn notes(&self) -> &BTreeMap<String, String> {
        &self.notes
    }

    /// Adds another file's tensors: a model may be stored in several.
    pub fn join(&mut self, other: Self) {
        self.tensors.extend(other.tensors);
        self.notes.extend(other.notes);
    }

    /// Has low-rank factors added to the tensors as they are read. They are named after `component`,
    /// as PEFT does it, and their products count in full.
    ///
    /// # Errors
    /// [`ModelError`] when one of them belongs to no tensor of this table, or does not fit.
    pub fn add_factors(
        &mut self,
        factors: Self,
        component: &'static str,
    ) -> Result<(), ModelError> {
        self.low_rank = Some(Arc::new(LowRank::new(self, factors, component)?));
        Ok(())
    }

    /// Bytes of all its tensors' numbers.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.tensors.values().map(Tensor::bytes).fold(0, u64::saturating_add)
    }

    /// Bytes of a tensor's numbers; none if it is not there.
    #[must_use]
    pub fn bytes_of(&self, name: &str) -> u64 {
        self.tensors.get(name).map_or(0, Tensor::bytes)
    }

    /// Checks that all these tensors are there.
    ///
    /// # Errors
    /// [`ModelError::MissingTensors`] that counts those that are not and names the first.
    pub fn missing<'a>(&self, names: impl IntoIterator<Item = &'a str>) -> Result<(), ModelError> {
        let missing = names.into_iter().filter(|name| !self.has(name));
        let missing: Vec<String> = missing.map(str::to_owned).collect();
        if missing.is_empty() { Ok(()) } else { Err(self.not_there(&missing)) }
    }

    /// The error about tensors that are not there.
    #[must_use]
    pub fn not_there(&self, names: &[String]) -> ModelError {
        let named: Vec<String> = names.iter().take(NAMED).map(|name| format!("'{name}'")).collect();
        let more = if names.len() > NAMED { " …" } else { "" };
        ModelError::MissingTensors {
            count: names.len(),
            named: named.join(", ") + more,
            path: self.path.clone(),
        }
    }

    /// Checks a tensor's shape, as reading it would.
    ///
    /// # Errors
    /// [`ModelError`] when it is not there or has another shape than `expected`.
    pub fn check_shape(&self, name: &str, expected: &[usize]) -> Result<(), ModelError> {
        if self.noise { Ok(()) } else { self.shaped(name, expected).map(|_tensor| ()) }
    }

    /// A tensor of the shape that is expected.
    fn shaped(&self, name: &str, expected: &[usize]) -> Result<&Tensor, ModelError> {
        let tensor = self.tensors.get(name).ok_or_else(|| self.not_there(&[name.to_owned()]))?;
        if tensor.shape == expected {
            return Ok(tensor);
        }
        Err(ModelError::WrongShape {
            name: name.to_owned(),
            expected: expected.to_vec(),
            found: tensor.shape.clone(),
            path: tensor.blob.path.clone(),
        })
    }

    /// Reads a tensor as `f32`.
    ///
    /// # Errors
    /// [`ModelError`] when it is not there, has another shape than `expected`, holds no floating
    /// point numbers or some that are not finite, or the file is no longer as it was.
    pub fn read_f32(&self, name: &str, expected: &[usize]) -> Result<Vec<f32>, ModelError> {
        let mut values = Vec::new();
        self.read_into(name, expected, &mut values, &CancelToken::default())?;
        Ok(values)
    }

    /// The same, on all threads of the pool, to the beginning of `into`, which grows where it must;
    /// soon after `cancel` is set it ends with an error about reading, which nobody needs to hear of.
    ///
    /// # Errors
    /// As [`Self::read_f32`], or cancelled.
    pub fn read_into(
        &self,
        name: &str,
        expected: &[usize],
        into: &mut Vec<f32>,
        cancel: &CancelToken,
    ) -> Result<(), ModelError> {
        if self.noise {
            *into = noise(name, expected);
            return Ok(());
        }
        let tensor = self.shaped(name, expected)?;
        let path = || tensor.blob.path.clone();
        let finite = tensor.read(into, cancel).map_err(|error| ModelError::Damaged {
            reason: format!("'{name}' cannot be read, {error}"),
            path: path(),
        })?;
        let finite = finite.ok_or_else(|| ModelError::WrongType {
            name: name.to_owned(),
            dtype: tensor.dtype.clone(),
            path: path(),
        })?;
        if !finite {
            return Err(ModelError::NotFinite { name: name.to_owned(), path: path() });
        }
        match &self.low_rank {
            Some(low_rank) => {
                low_rank.add(name, expected, &mut into[..count(expected) as usize], cancel)
            }
            None => Ok(()),
        }
    }
}

/// The first `count` values of `into`, whatever they are; without a copy of what they were.
fn grown(into: &mut Vec<f32>, count: usize) -> &mut [f32] {
    if into.len() < count {
        // Zeros that the system gives cost nothing before they are written over.
        *into = Vec::new();
        *into = vec![0.0; count];
    }
    &mut into[..count]
}

/// A number of 4 bits of exponent and 3 of mantissa without infinities (Micikevicius et al. 2022,
/// table 1).
fn from_e4m3(byte: u8) -> f32 {
    let (exponent, mantissa) = (i32::from(byte >> 3 & 15), f32::from(byte & 7));
    let magnitude = match exponent {
        _ if byte & 0x7F == 0x7F => f32::NAN,
        0 => mantissa / 512.0,
        _ => (8.0 + mantissa) * 2.0_f32.powi(exponent - 10),
    };
    if byte & 0x80 == 0 { magnitude } else { -magnitude }
}

/// Numbers in a tensor; a header may claim any shape for numbers of an unknown kind.
fn count(shape: &[usize]) -> u64 {
    shape.iter().fold(1, |all, side| all.saturating_mul(*side as u64))
}

/// The tar archives of torch 0.1.
fn is_tar(start: &[u8]) -> bool {
    start.get(257..262) == Some(b"ustar")
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
