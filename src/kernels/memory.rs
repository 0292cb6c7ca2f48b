//! Memory for vectors: aligned to cache lines, in large pages where the system has them.

use std::mem::MaybeUninit;
use std::ops::{Deref, DerefMut};

use rayon::prelude::*;

use super::values::{DType, Element, Values, ValuesMut};
use half::bf16;

/// A cache line, and the widest vector.
#[repr(C, align(64))]
#[derive(Clone, Copy)]
struct Line([u8; LINE]);

const LINE: usize = 64;

/// From this size on, large pages are asked for.
const LARGE: usize = 4 << 20;

/// Cache lines that one thread writes at a time: a large page.
const LINES_AT_ONCE: usize = (2 << 20) / LINE;

/// Values of f32 in a cache line.
pub(super) const LINE_VALUES: usize = LINE / 4;

/// Zeroed bytes that begin on a cache line. They never move.
#[derive(Default)]
pub struct Memory {
    lines: Vec<Line>,
}

impl Memory {
    /// At least `bytes` zeros.
    #[must_use]
    pub fn zeroed(bytes: usize) -> Self {
        let count = bytes.div_ceil(LINE);
        let mut lines: Vec<Line> = Vec::with_capacity(count);
        if bytes >= LARGE {
            ask_for_large_pages(lines.as_mut_ptr().cast(), count * LINE);
        }
        // Pages are taken from the system as they are first written: by all threads for large ones.
        let zero = |lines: &mut [MaybeUninit<Line>]| {
            for line in lines {
                line.write(Line([0; LINE]));
            }
        };
        let spare = &mut lines.spare_capacity_mut()[..count];
        if bytes >= LARGE {
            spare.par_chunks_mut(LINES_AT_ONCE).for_each(zero);
        } else {
            zero(spare);
        }
        // SAFETY: all of them were just written.
        unsafe { lines.set_len(count) };
        Self { lines }
    }

    /// Its first byte.
    pub(super) fn address(&self) -> *const u8 {
        self.lines.as_ptr().cast()
    }

    /// Makes sure that there are at least `bytes`; what was there is lost if not.
    pub(super) fn reserve(&mut self, bytes: usize) {
        if self.lines.len() * LINE < bytes {
            *self = Self::default();
            *self = Self::zeroed(bytes);
        }
    }

    /// The first `count` numbers.
    #[must_use]
    pub fn slice<T: Element>(&self, count: usize) -> &[T] {
        assert!(count * size_of::<T>() <= self.lines.len() * LINE, "within the memory");
        // SAFETY: aligned to 64 bytes, initialised, and any bits are an `Element` (f32 or bf16).
        unsafe { std::slice::from_raw_parts(self.lines.as_ptr().cast(), count) }
    }

    /// The first `count` numbers.
    pub fn slice_mut<T: Element>(&mut self, count: usize) -> &mut [T] {
        assert!(count * size_of::<T>() <= self.lines.len() * LINE, "within the memory");
        // SAFETY: aligned to 64 bytes, initialised, and any bits are an `Element` (f32 or bf16).
        unsafe { std::slice::from_raw_parts_mut(self.lines.as_mut_ptr().cast(), count) }
    }

    /// The first `count` bytes.
    pub(super) fn bytes_mut(&mut self, count: usize) -> &mut [u8] {
        assert!(count <= self.lines.len() * LINE, "within the memory");
        // SAFETY: initialised, and any bits are a byte.
        unsafe { std::slice::from_raw_parts_mut(self.lines.as_mut_ptr().cast(), count) }
    }

    /// The first `count` numbers, stored as `dtype`.
    #[must_use]
    pub fn values(&self, dtype: DType, count: usize) -> Values<'_> {
        match dtype {
            DType::F32 => Values::F32(self.slice::<f32>(count)),
            DType::Bf16 => Values::Bf16(self.slice::<bf16>(count)),
        }
    }

    /// The first `count` numbers, stored as `dtype`.
    pub fn values_mut(&mut self, dtype: DType, count: usize) -> ValuesMut<'_> {
        match dtype {
            DType::F32 => ValuesMut::F32(self.slice_mut::<f32>(count)),
            DType::Bf16 => ValuesMut::Bf16(self.slice_mut::<bf16>(count)),
        }
    }
}

/// Makes pieces of a megabyte and more the system's again as soon as they are freed. glibc would
/// raise that bound by itself to 32 MiB, and keep what the reading of a model leaves: a tenth of its
/// weights. To be called once, at the program's start.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
pub fn give_back_large_pieces() {
    const BYTES: libc::c_int = 1 << 20;
    // SAFETY: it sets a number of the allocator, and there are no other threads yet.
    unsafe { libc::mallopt(libc::M_MMAP_THRESHOLD, BYTES) };
}

/// Other systems' allocators do so by themselves.
#[cfg(not(all(target_os = "linux", target_env = "gnu")))]
pub fn give_back_large_pieces() {}

/// Tells the system that large pages would do here: vectors run over gigabytes of weights, and
/// small pages cost a look-up every 4 KiB. Only a wish: nothing follows from its failing.
#[cfg(target_os = "linux")]
fn ask_for_large_pages(begin: *mut u8, bytes: usize) {
    const PAGE: usize = 4096;
    let skip = begin.align_offset(PAGE);
    if skip >= bytes {
        return;
    }
    let whole = (bytes - skip) / PAGE * PAGE;
    // SAFETY: the range lies within one allocation, and this advice changes no contents.
    unsafe {
        rustix::mm::madvise(begin.add(skip).cast(), whole, rustix::mm::Advice::LinuxHugepage).ok();
    }
}

#[cfg(not(target_os = "linux"))]
fn ask_for_large_pages(_begin: *mut u8, _bytes: usize) {}

/// Asks for a cache line that will be read soon. Any address will do.
#[inline(always)]
pub(super) fn will_read<T>(at: *const T) {
    #[cfg(target_arch = "x86_64")]
    {
        use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
        // SAFETY: a prefetch reads nothing; it may be given any address.
        unsafe { _mm_prefetch::<_MM_HINT_T0>(at.cast()) };
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = at;
}

/// Asks for a cache line that will be written soon, so that writing need not wait for it to come
/// from other caches. Any address will do.
#[inline(always)]
pub(super) fn will_write<T>(at: *const T) {
    #[cfg(target_arch = "x86_64")]
    // SAFETY: a prefetch changes nothing; it may be given any address, and processors that do not
    // know this one pass over it.
    unsafe {
        std::arch::asm!("prefetchw [{}]", in(reg) at, options(nostack, preserves_flags, readonly));
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = at;
}

/// A pointer that tasks share, each writing a part of its own.
#[derive(Clone, Copy)]
pub(super) struct Shared<T>(*mut T);

// SAFETY: who makes one promises that no two tasks touch the same place; see `Shared::new`.
unsafe impl<T: Send> Send for Shared<T> {}
// SAFETY: as above.
unsafe impl<T: Send> Sync for Shared<T> {}

impl<T> Shared<T> {
    /// Tasks that get copies must write disjoint parts only, while the slice is borrowed.
    pub(super) fn new(slice: &mut [T]) -> Self {
        Self(slice.as_mut_ptr())
    }

    /// The element `at`.
    pub(super) fn at(self, at: usize) -> *mut T {
        self.0.wrapping_add(at)
    }

    /// What begins at the element `at`.
    pub(super) fn after(self, at: usize) -> Self {
        Self(self.at(at))
    }
}

/// Scratch of one thread, handed back when dropped.
pub(super) struct Loan {
    memory: Memory,
    home: &'static std::thread::LocalKey<std::cell::RefCell<Vec<Memory>>>,
}

thread_local! {
    static SCRATCH: std::cell::RefCell<Vec<Memory>> = const { std::cell::RefCell::new(Vec::new()) };
}

/// Borrows at least `bytes` of this thread's scratch, with whatever it holds. Loans nest: the same
/// order of loans gets the same memory again.
pub(super) fn scratch(bytes: usize) -> Loan {
    let mut memory = SCRATCH.with_borrow_mut(Vec::pop).unwrap_or_default();
    memory.reserve(bytes);
    Loan { memory, home: &SCRATCH }
}

impl Drop for Loan {
    fn drop(&mut self) {
        let memory = std::mem::take(&mut self.memory);
        // At a thread's end there may be nothing left to hand it back to.
        self.home.try_with(|free| free.borrow_mut().push(memory)).ok();
    }
}

impl Deref for Loan {
    type Target = Memory;

    fn deref(&self) -> &Memory {
        &self.memory
    }
}

impl DerefMut for Loan {
    fn deref_mut(&mut self) -> &mut Memory {
        &mut self.memory
    }
}
