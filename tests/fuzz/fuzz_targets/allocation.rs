//! An allocator that counts, so that a target can tell what an input made a reader ask for.
//!
//! Numbers that an input claims must not become memory: a table may take several times the bytes
//! that it was read from, but a single piece of memory is bounded by the input's own length.

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

/// Bytes that any input may ask for at once: tables of values, each made from a byte or two of a
/// small input, and the reading buffers.
const BESIDE: usize = 4 << 20;
/// Bytes that may be alive for each byte of input: the largest of the pickle machine's values, of
/// which a byte makes one, twice over while their table grows.
const ALIVE_PER_BYTE: usize = 400;

struct Counting;

static ALIVE: AtomicUsize = AtomicUsize::new(0);
static MOST_ALIVE: AtomicUsize = AtomicUsize::new(0);
static LARGEST: AtomicUsize = AtomicUsize::new(0);

fn took(bytes: usize) {
    LARGEST.fetch_max(bytes, Relaxed);
    let alive = ALIVE.fetch_add(bytes, Relaxed) + bytes;
    MOST_ALIVE.fetch_max(alive, Relaxed);
}

// SAFETY: every call goes on to the system's allocator as it came.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        took(layout.size());
        // SAFETY: as the caller promises.
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        took(layout.size());
        // SAFETY: as the caller promises.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn dealloc(&self, memory: *mut u8, layout: Layout) {
        ALIVE.fetch_sub(layout.size(), Relaxed);
        // SAFETY: as the caller promises.
        unsafe { System.dealloc(memory, layout) };
    }

    unsafe fn realloc(&self, memory: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        took(size);
        ALIVE.fetch_sub(layout.size(), Relaxed);
        // SAFETY: as the caller promises.
        unsafe { System.realloc(memory, layout, size) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// Runs a reader on an input of so many bytes.
///
/// # Panics
/// It asks for a piece of memory larger than twice the input, or for more in all than values made
/// from that input can need.
pub fn bounded<T>(input: usize, reader: impl FnOnce() -> T) -> T {
    let before = ALIVE.load(Relaxed);
    MOST_ALIVE.store(before, Relaxed);
    LARGEST.store(0, Relaxed);
    let read = reader();
    let (largest, most) = (LARGEST.load(Relaxed), MOST_ALIVE.load(Relaxed).saturating_sub(before));
    assert!(largest <= 2 * input + BESIDE, "{largest} bytes at once for {input} of input");
    let bound = ALIVE_PER_BYTE * input + BESIDE;
    assert!(most <= bound, "{most} bytes alive for {input} of input");
    read
}
