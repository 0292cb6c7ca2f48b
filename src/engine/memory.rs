//! How much memory there is for painting, and how much was taken.

use sysinfo::{MemoryRefreshKind, RefreshKind, System};

/// Bytes that programs can still get without anything being swapped out; `None` where the system
/// does not tell.
#[must_use]
pub fn available() -> Option<u64> {
    let refresh = RefreshKind::nothing().with_memory(MemoryRefreshKind::nothing().with_ram());
    let free = System::new_with_specifics(refresh).ok()?.available_memory();
    (free > 0).then_some(free)
}

/// The most bytes that this process has held, by the system's accounting, which only Linux tells.
#[must_use]
pub fn peak() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find(|line| line.starts_with("VmHWM:"))?;
    let kib: u64 = line.split_whitespace().nth(1)?.parse().ok()?;
    Some(kib * 1024)
}

/// Bytes in the unit that people know, with one digit behind the point.
#[must_use]
pub fn gigabytes(bytes: u64) -> String {
    format!("{:.1}", bytes as f64 / 1e9)
}
