//! Buffers that are used again: a picture's steps ask for the same sizes over and over, and fresh
//! pages cost more than the arithmetic on small maps.

use std::sync::{Arc, Mutex, PoisonError};

use super::shelf::Shelf;
use crate::kernels::memory::Memory;
use crate::kernels::values::{DType, Values, ValuesMut};

/// Buffers that nobody uses at the moment.
#[derive(Default)]
pub struct Pool {
    free: Mutex<Shelf<Memory>>,
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
        let kept = self.free.lock().unwrap_or_else(PoisonError::into_inner).take(bytes);
        let memory = kept.unwrap_or_else(|| Memory::zeroed(bytes));
        Buffer { memory, dtype, count, pool: Arc::clone(self) }
    }
}

impl Pool {
    /// Frees what nobody uses.
    pub fn clear(&self) {
        self.free.lock().unwrap_or_else(PoisonError::into_inner).clear();
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
        self.pool.free.lock().unwrap_or_else(PoisonError::into_inner).give(bytes, memory);
    }
}
