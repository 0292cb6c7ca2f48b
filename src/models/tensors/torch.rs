//! Checkpoints of `torch.save`: the pickle says which tensor views which storage, and the storages
//! lie beside it, in an archive (torch 1.6 and later) or one after the other (before). After torch's
//! `serialization.py`.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use super::source::Blob;
use super::zip::Archive;
use super::{Table, Tensor, value_bytes};
use crate::models::error::ModelError;
use crate::models::pickle::{Node, Pickle, PickleError, Storage, View};

/// Bytes of pickle that are read: a model with its optimizer has a few megabytes of it.
const LARGEST_PICKLE: u64 = 64 << 20;
/// Bytes of an old checkpoint that are looked at first for its pickles.
const FIRST_LOOK: u64 = 1 << 20;
/// What old checkpoints begin with, as a pickled number.
const MAGIC: [u8; 10] = [0x6c, 0xfc, 0x9c, 0x46, 0xf9, 0x20, 0x6a, 0xa8, 0x50, 0x19];
const PROTOCOL: i64 = 1001;
/// The part of an archive that holds the pickle.
const PICKLE_PART: &str = "data.pkl";

/// Where each storage lies: begin and length in bytes.
type Places = HashMap<String, (u64, u64)>;

pub(super) fn read_zip(blob: &Arc<Blob>) -> Result<Table, ModelError> {
    let archive = Archive::open(blob)?;
    // All parts lie in one folder, whose name is the file's when it was saved.
    let root =
        archive.names().filter_map(|name| name.strip_suffix(PICKLE_PART)).min_by_key(|r| r.len());
    let Some(root) = root.map(str::to_owned) else {
        return Err(blob.unsupported(
            "The file is an archive, but no checkpoint of torch; unpack it, or choose another file",
        ));
    };
    if let Some((begin, length)) = archive.place(&format!("{root}byteorder"))?
        && blob.part(begin, length.min(16))?.starts_with(b"big")
    {
        return Err(big_endian(blob));
    }
    let (begin, length) = archive.place(&format!("{root}{PICKLE_PART}"))?.unwrap_or_default();
    if length > LARGEST_PICKLE {
        return Err(blob.damaged(format!("a pickle of {length} bytes")));
    }
    let bytes = blob.part(begin, length)?;
    let pickle = Pickle::read(&bytes).map_err(|error| blob.damaged(error.to_string()))?;
    let mut places = Places::new();
    for (_, storage) in used(&pickle) {
        if let Some(place) = archive.place(&format!("{root}data/{}", storage.key))? {
            places.insert(storage.key.clone(), place);
        }
    }
    table(blob, &pickle, &places)
}

pub(super) fn read_legacy(blob: &Arc<Blob>) -> Result<Table, ModelError> {
    let mut look = FIRST_LOOK.min(blob.length);
    // How much of the file is pickle is known only when it is read.
    let (pickle, keys, mut at) = loop {
        match legacy_pickles(&blob.part(0, look)?) {
            Ok(pickles) => break pickles,
            Err(PickleError::Ended) if look < blob.length.min(LARGEST_PICKLE) => {
                look = (look * 4).min(blob.length).min(LARGEST_PICKLE);
            }
            Err(PickleError::Bad { at: 0, what }) => return Err(blob.unsupported(what)),
            Err(error) => return Err(blob.damaged(error.to_string())),
        }
    };
    let kinds: HashMap<&str, &str> =
        used(&pickle).map(|(_, s)| (s.key.as_str(), s.kind.as_str())).collect();
    let mut places = Places::new();
    for key in keys {
        let width = kinds.get(key.as_str()).and_then(|kind| value_bytes(dtype(kind)?));
        let Some(width) = width else {
            // Not knowing its length means not knowing where the next one begins.
            return Err(blob.unsupported(format!(
                "The checkpoint has numbers of a kind that is not known ('{key}'); get the model as \
                 .safetensors"
            )));
        };
        let count = blob.part(at, 8)?;
        let count = count.iter().rev().fold(0_u64, |value, byte| value << 8 | u64::from(*byte));
        at += 8;
        let end = count.checked_mul(width).and_then(|length| at.checked_add(length));
        let Some(end) = end.filter(|end| *end <= blob.length) else {
            return Err(blob.damaged(format!("storage '{key}' is not all there")));
        };
        places.insert(key, (at, end - at));
        at = end;
    }
    table(blob, &pickle, &places)
}

/// The pickles that an old checkpoint begins with: what it holds, the storages' keys in order, and
/// where they begin.
fn legacy_pickles(bytes: &[u8]) -> Result<(Pickle, Vec<String>, u64), PickleError> {
    let foreign = |what| PickleError::Bad { at: 0, what };
    let magic = Pickle::read(bytes)?;
    if *magic.root() != Node::Long(MAGIC.to_vec()) {
        return Err(foreign(
            "The file is a Python pickle, but no checkpoint of torch; choose another file",
        ));
    }
    let mut at = magic.length();
    let mut next = || {
        let pickle = Pickle::read(&bytes[at..]).map_err(|error| match error {
            PickleError::Bad { at: inner, what } => PickleError::Bad { at: at + inner, what },
            PickleError::Ended => PickleError::Ended,
        })?;
        at += pickle.length();
        Ok(pickle)
    };
    if *next()?.root() != Node::Int(PROTOCOL) {
        return Err(foreign(
            "The checkpoint is of an unknown version; get the model as .safetensors",
        ));
    }
    let system = next()?;
    if system.entries().notes.get("little_endian").is_some_and(|value| value == "false") {
        return Err(foreign(BIG_ENDIAN));
    }
    let pickle = next()?;
    let keys = next()?;
    let Node::List(list) = keys.root() else {
        return Err(PickleError::Bad { at, what: "the list of storages is missing" });
    };
    let text = |node: &Node| match node {
        Node::Text(key) => Some(key.clone()),
        Node::Int(key) => Some(key.to_string()),
        _ => None,
    };
    let keys: Option<Vec<String>> = list.iter().map(|id| text(keys.node(*id))).collect();
    let keys = keys.ok_or(PickleError::Bad { at, what: "a storage has no name" })?;
    Ok((pickle, keys, at as u64))
}

const BIG_ENDIAN: &str =
    "The checkpoint was written by a big-endian machine; get the model as .safetensors";

fn big_endian(blob: &Blob) -> ModelError {
    blob.unsupported(BIG_ENDIAN)
}

/// The views with the storages that they view.
fn used(pickle: &Pickle) -> impl Iterator<Item = (&View, &Storage)> {
    pickle.nodes().filter_map(|node| match node {
        Node::Tensor(view) => match pickle.node(view.storage) {
            Node::Storage(storage) => Some((view, storage)),
            _ => None,
        },
        _ => None,
    })
}

/// safetensors' name for a type that torch calls `Half` (of a storage) or `float16` (of a tensor).
fn dtype(name: &str) -> Option<&'static str> {
    Some(match name {
        "Half" | "float16" | "half" => "F16",
        "BFloat16" | "bfloat16" => "BF16",
        "Float" | "float32" | "float" => "F32",
        "Double" | "float64" | "double" => "F64",
        "Long" | "int64" => "I64",
        "Int" | "int32" => "I32",
        "Short" | "int16" => "I16",
        "Char" | "int8" => "I8",
        "Byte" | "uint8" | "Untyped" => "U8",
        "Bool" | "bool" => "BOOL",
        "float8_e4m3fn" => "F8_E4M3",
        "float8_e5m2" => "F8_E5M2",
        _ => return None,
    })
}

/// The tensors whose numbers are of a known kind, each checked to lie within its storage.
fn table(blob: &Arc<Blob>, pickle: &Pickle, places: &Places) -> Result<Table, ModelError> {
    let entries = pickle.entries();
    let mut tensors = BTreeMap::new();
    for (name, view) in entries.tensors {
        let Node::Storage(storage) = pickle.node(view.storage) else { continue };
        let stored = view.dtype.as_deref().unwrap_or(&storage.kind);
        let Some(dtype) = dtype(stored) else { continue };
        let place = places.get(&storage.key);
        let (begin, length) =
            place.ok_or_else(|| blob.damaged(format!("the numbers of '{name}' are missing")))?;
        let width = value_bytes(dtype).unwrap_or(1);
        let begin = place_of(view, storage.first, width, *length).map(|first| begin + first);
        let Some(begin) = begin else {
            return Err(blob.damaged(format!("'{name}' reaches beyond its numbers")));
        };
        let View { shape, strides, .. } = view.clone();
        let strides = (!is_packed(&shape, &strides)).then_some(strides);
        let blob = Arc::clone(blob);
        tensors.insert(name, Tensor { blob, dtype: dtype.to_owned(), shape, strides, begin });
    }
    if tensors.is_empty() {
        return Err(blob.unsupported(
            "The checkpoint has no named tensors; it is no model, or a whole program object: get the \
             model as .safetensors",
        ));
    }
    Ok(Table { tensors, notes: entries.notes })
}

/// Where in its storage of `length` bytes a view begins, in bytes; `None` when it reaches beyond, or
/// has more numbers than the storage.
fn place_of(view: &View, part: u64, width: u64, length: u64) -> Option<u64> {
    let sides = || view.shape.iter().map(|side| *side as u64);
    let count = sides().try_fold(1_u64, u64::checked_mul)?;
    if count == 0 {
        return Some(0);
    }
    let steps = sides().zip(&view.strides).map(|(side, step)| (side - 1).checked_mul(*step as u64));
    let last = steps.into_iter().try_fold(0_u64, |all, steps| all.checked_add(steps?))?;
    let first = view.offset.checked_add(part)?.checked_mul(width)?;
    let end = last.checked_add(1)?.checked_mul(width)?.checked_add(first)?;
    (end <= length && count.checked_mul(width)? <= length).then_some(first)
}

/// Whether the numbers lie row after row; sides of 1 may have any stride.
fn is_packed(shape: &[usize], strides: &[usize]) -> bool {
    let mut step = 1_usize;
    shape.iter().zip(strides).rev().all(|(side, stride)| {
        let packed = *side == 1 || *stride == step;
        step = step.saturating_mul(*side);
        packed
    })
}
