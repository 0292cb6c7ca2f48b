//! The header of a safetensors file: its length in 8 bytes, then JSON.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::Deserialize;

use super::source::Blob;
use super::{Table, Tensor, value_bytes};
use crate::models::error::ModelError;

/// The longest header that is read; the format's own limit.
const HEADER_LIMIT: u64 = 100_000_000;

#[derive(Debug, Deserialize)]
struct Entry {
    dtype: String,
    shape: Vec<usize>,
    data_offsets: (u64, u64),
}

#[derive(Deserialize)]
struct Header {
    /// Anything that the writer wanted to say.
    #[serde(default, rename = "__metadata__")]
    metadata: Option<BTreeMap<String, String>>,
    #[serde(flatten)]
    tensors: BTreeMap<String, Entry>,
}

/// Reads the header and checks that the contents can be what it says.
pub(super) fn read(blob: &Arc<Blob>) -> Result<Table, ModelError> {
    let size = blob.length;
    let mut length = [0; 8];
    blob.read_at(0, &mut length).map_err(|error| blob.damaged(error.to_string()))?;
    let length = u64::from_le_bytes(length);
    if length > HEADER_LIMIT || length > size - 8 {
        return Err(blob.damaged(format!("a header of {length} bytes in a file of {size}")));
    }
    let header = blob.part(8, length)?;
    let header: Header = serde_json::from_slice(&header)
        .map_err(|error| blob.damaged(format!("its header cannot be read, {error}")))?;
    check_layout(&header.tensors, size - 8 - length).map_err(|reason| blob.damaged(reason))?;
    let tensor = |(name, entry): (String, Entry)| {
        let begin = 8 + length + entry.data_offsets.0;
        let blob = Arc::clone(blob);
        let Entry { dtype, shape, .. } = entry;
        (name, Tensor { blob, dtype, shape, strides: None, begin })
    };
    Ok(Table {
        tensors: header.tensors.into_iter().map(tensor).collect(),
        notes: header.metadata.unwrap_or_default(),
    })
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
