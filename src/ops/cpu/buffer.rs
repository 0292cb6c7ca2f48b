//! Buffers that are used again: a picture's steps ask for the same sizes over and over, and fresh
//! pages cost more than the arithmetic on small maps.

use std::collections::HashMap;
use std::ops::{Deref, DerefMut};
use std::sync::{Arc, Mutex, PoisonError};

/// Values that are kept for reuse at most; what comes back beyond it is freed (512 MiB).
const KEPT_VALUES: usize = 128 * 1024 * 1024;

/// Buffers that nobody uses at the moment, by length.
#[derive(Default)]
pub struct Pool {
    free: Mutex<Free>,
}

#[derive(Default)]
struct Free {
    by_length: HashMap<usize, Vec<Vec<f32>>>,
    kept: usize,
}

/// A slice of values on loan from a [`Pool`].
pub struct Buffer {
    values: Vec<f32>,
    pool: Arc<Pool>,
}

impl Pool {
    /// A buffer of `length` values. What it holds is left over: write before reading.
    pub fn take(self: &Arc<Self>, length: usize) -> Buffer {
        let mut free = self.free.lock().unwrap_or_else(PoisonError::into_inner);
        let kept = free.by_length.get_mut(&length).and_then(Vec::pop);
        if kept.is_some() {
            free.kept -= length;
        }
        drop(free);
        let values = kept.unwrap_or_else(|| vec![0.0; length]);
        Buffer { values, pool: Arc::clone(self) }
    }
}

impl Drop for Buffer {
    fn drop(&mut self) {
        let values = std::mem::take(&mut self.values);
        let mut free = self.pool.free.lock().unwrap_or_else(PoisonError::into_inner);
        if free.kept + values.len() > KEPT_VALUES {
            // Another size is painted now: forget the old sizes rather than the new one.
            free.by_length.clear();
            free.kept = 0;
        }
        free.kept += values.len();
        free.by_length.entry(values.len()).or_default().push(values);
    }
}

impl Deref for Buffer {
    type Target = [f32];

    fn deref(&self) -> &[f32] {
        &self.values
    }
}

impl DerefMut for Buffer {
    fn deref_mut(&mut self) -> &mut [f32] {
        &mut self.values
    }
}
