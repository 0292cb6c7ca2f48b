//! Buffers that are used again: a picture's steps ask for the same sizes over and over, and fresh
//! pages cost more than the arithmetic on small maps.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use crate::kernels::memory::Memory;
use crate::kernels::values::{DType, Values, ValuesMut};

/// Bytes that are kept for reuse at most; what comes back beyond it is freed.
const KEPT_BYTES: usize = 512 << 20;

/// Buffers that nobody uses at the moment, by length in bytes.
#[derive(Default)]
pub struct Pool {
    free: Mutex<Free>,
}

#[derive(Default)]
struct Free {
    by_length: HashMap<usize, Vec<Memory>>,
    kept: usize,
}

/// Values on loan from a [`Pool`].
pub struct Buffer {
    memory: Memory,
    dtype: DType,
    count: usize,
    pool: Arc<Pool>,
}

impl Pool {
    /// A buffer of `count` values. What it holds is left over: write before reading.
    pub fn take(self: &Arc<Self>, dtype: DType, count: usize) -> Buffer {
        let bytes = count * dtype.size();
        let mut free = self.free.lock().unwrap_or_else(PoisonError::into_inner);
        let kept = free.by_length.get_mut(&bytes).and_then(Vec::pop);
        if kept.is_some() {
            free.kept -= bytes;
        }
        drop(free);
        let memory = kept.unwrap_or_else(|| Memory::zeroed(bytes));
        Buffer { memory, dtype, count, pool: Arc::clone(self) }
    }
}

impl Buffer {
    /// The values.
    pub fn values(&self) -> Values<'_> {
        self.memory.values(self.dtype, self.count)
    }

    /// The values, to be written.
    pub fn values_mut(&mut self) -> ValuesMut<'_> {
        self.memory.values_mut(self.dtype, self.count)
    }
}

impl Drop for Buffer {
    fn drop(&mut self) {
        let memory = std::mem::take(&mut self.memory);
        let bytes = self.count * self.dtype.size();
        let mut free = self.pool.free.lock().unwrap_or_else(PoisonError::into_inner);
        if free.kept + bytes > KEPT_BYTES {
            // Another size is painted now: forget the old sizes rather than the new one.
            free.by_length.clear();
            free.kept = 0;
        }
        if bytes <= KEPT_BYTES {
            free.kept += bytes;
            free.by_length.entry(bytes).or_default().push(memory);
        }
    }
}
