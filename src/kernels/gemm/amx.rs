//! The microkernels for Intel's matrix tiles: 32 rows times 32 columns in four tiles of sums, of bf16
//! or of bytes.
//!
//! Written in assembly: stable Rust has no functions for tiles. The tiles' contents live within
//! one block each; only their configuration outlives it, see [`Configured`].

use std::arch::asm;
use std::marker::PhantomData;
use std::sync::OnceLock;

use super::super::values::DType;
use super::tile::{Kernel, Out, Run, Span, Strip};

/// For bf16 values and weights.
pub(super) const BF16: Kernel = Kernel {
    rows: 32,
    columns: 32,
    unit: 32,
    a: DType::Bf16,
    b: DType::Bf16,
    tiles: true,
    // A step takes two tiles of weights in the time of four products: only the first cache is
    // that fast.
    span_bytes: 32 << 10,
    run: tiles,
    interleaved: None,
    fill: None,
};

/// For bytes, see [`super::int8`].
pub(super) const BYTES: Run = byte_tiles;

/// Whether tiles of bytes can be multiplied, where tiles are [`available`].
pub(super) fn multiplies_bytes() -> bool {
    std::arch::x86_64::__cpuid_count(7, 0).edx >> 25 & 1 == 1
}

/// Whether the processor has tiles with bf16, and the system lets this process use them: on Linux
/// they must be asked for, because a saved thread grows by 8 KiB.
pub(in super::super) fn available() -> bool {
    static ANSWER: OnceLock<bool> = OnceLock::new();
    *ANSWER.get_or_init(|| processor_has_tiles() && system_allows_tiles())
}

fn processor_has_tiles() -> bool {
    let leaf = std::arch::x86_64::__cpuid_count(7, 0);
    let (bf16, tile) = (leaf.edx >> 22 & 1, leaf.edx >> 24 & 1);
    bf16 == 1 && tile == 1
}

/// `arch_prctl(ARCH_REQ_XCOMP_PERM, XFEATURE_XTILEDATA)`.
#[cfg(target_os = "linux")]
fn system_allows_tiles() -> bool {
    const ARCH_PRCTL: i64 = 158;
    const REQUEST_PERMISSION: u64 = 0x1023;
    const TILE_DATA: u64 = 18;
    let result: i64;
    // SAFETY: the call takes two numbers and touches no memory of ours.
    unsafe {
        asm!(
            "syscall",
            inlateout("rax") ARCH_PRCTL => result,
            in("rdi") REQUEST_PERMISSION,
            in("rsi") TILE_DATA,
            out("rcx") _,
            out("r11") _,
            options(nostack),
        );
    }
    result == 0
}

#[cfg(not(target_os = "linux"))]
fn system_allows_tiles() -> bool {
    false
}

/// Eight tiles of 16 rows × 64 bytes, on this thread, for as long as this lives.
pub(in super::super) struct Configured(PhantomData<*const ()>);

impl Configured {
    /// Sets the tiles up if `wanted`, which needs [`available`].
    pub(in super::super) fn when(wanted: bool) -> Option<Self> {
        #[repr(C, align(64))]
        struct Config([u8; 64]);
        if !wanted {
            return None;
        }
        let mut config = Config([0; 64]);
        config.0[0] = 1;
        for tile in 0..8 {
            config.0[16 + 2 * tile] = 64;
            config.0[48 + tile] = 16;
        }
        // SAFETY: tiles are available, and the configuration is a valid one of palette 1.
        unsafe { asm!("ldtilecfg [{}]", in(reg) config.0.as_ptr(), options(nostack, readonly)) };
        Some(Self(PhantomData))
    }
}

impl Drop for Configured {
    fn drop(&mut self) {
        // SAFETY: tiles are available; their contents are needed no more.
        unsafe { asm!("tilerelease", options(nostack, nomem)) };
    }
}

/// What the assembly reads, by offset.
#[repr(C)]
struct Parameters {
    a: [*const u8; 2],     // 0, 8
    stride: [usize; 2],    // 16, 24
    run_bytes: [usize; 2], // 32, 40
    b: *const u8,          // 48
    tail: *const u8,       // 56
    runs: usize,           // 64
    steps: usize,          // 72
    out: *mut f32,         // 80
    out_stride: usize,     // 88
    add: usize,            // 96
}

/// # Safety
/// See [`super::tile::Run`]; tiles are configured on this thread.
unsafe fn tiles(strip: &Strip, span: Span, b: *const u8, out: Out) {
    let mut parameters = Parameters::new(strip, span, b, out);
    // SAFETY: the caller's promise is handed on.
    unsafe {
        if out.wide {
            two_by_two(&mut parameters);
        } else {
            two_by_one(&mut parameters);
        }
    }
}

/// # Safety
/// See [`super::tile::Run`]; tiles are configured on this thread.
unsafe fn byte_tiles(strip: &Strip, span: Span, b: *const u8, out: Out) {
    let mut parameters = Parameters::new(strip, span, b, out);
    // SAFETY: the caller's promise is handed on.
    unsafe {
        if out.wide {
            bytes_two_by_two(&mut parameters);
        } else {
            bytes_two_by_one(&mut parameters);
        }
    }
}

impl Parameters {
    fn new(strip: &Strip, span: Span, b: *const u8, out: Out) -> Self {
        let at = |half: usize| {
            let half = &strip.halves[half];
            half.begin.wrapping_add(span.run * half.run_bytes + span.step * 64)
        };
        let tail =
            if span.tail { strip.tail.wrapping_add(span.run * 2048) } else { std::ptr::null() };
        Self {
            a: [at(0), at(1)],
            stride: strip.halves.map(|half| half.stride),
            run_bytes: strip.halves.map(|half| half.run_bytes),
            b,
            tail,
            runs: span.runs,
            steps: span.steps,
            out: out.begin,
            out_stride: out.stride * 4,
            add: usize::from(out.add),
        }
    }
}

/// Makes the functions for an instruction that adds the products of two tiles to a third.
macro_rules! products {
    ($product:literal, $wide:ident, $narrow:ident) => {
        /// 32 rows × 32 columns.
        ///
        /// # Safety
        /// See [`super::tile::Run`]; tiles are configured on this thread.
        unsafe fn $wide(parameters: &mut Parameters) {
            // SAFETY: reads and writes what the caller promised; the tiles are nobody else's.
            unsafe {
                asm!(
                    "mov {a0}, [{p}]",
                    "mov {a1}, [{p} + 8]",
                    "mov {s0}, [{p} + 16]",
                    "mov {s1}, [{p} + 24]",
                    "mov {b}, [{p} + 48]",
                    "mov {c}, [{p} + 80]",
                    "mov {t}, [{p} + 88]",
                    "cmp qword ptr [{p} + 96], 0",
                    "je 20f",
                    "tileloadd tmm0, [{c} + {t}]",
                    "tileloadd tmm1, [{c} + {t} + 64]",
                    "mov {n}, {t}",
                    "shl {n}, 4",
                    "add {c}, {n}",
                    "tileloadd tmm2, [{c} + {t}]",
                    "tileloadd tmm3, [{c} + {t} + 64]",
                    "jmp 21f",
                    "20:",
                    "tilezero tmm0",
                    "tilezero tmm1",
                    "tilezero tmm2",
                    "tilezero tmm3",
                    "21:",
                    "mov {c}, 64",
                    // Each run.
                    "30:",
                    "mov {x0}, {a0}",
                    "mov {x1}, {a1}",
                    "mov {n}, [{p} + 72]",
                    "test {n}, {n}",
                    "jz 32f",
                    // Each step of 32 values.
                    "31:",
                    "tileloadd tmm6, [{b} + {c}]",
                    "tileloadd tmm4, [{x0} + {s0}]",
                    concat!($product, " tmm0, tmm4, tmm6"),
                    "tileloadd tmm7, [{b} + {c} + 1024]",
                    concat!($product, " tmm1, tmm4, tmm7"),
                    "tileloadd tmm5, [{x1} + {s1}]",
                    concat!($product, " tmm2, tmm5, tmm6"),
                    concat!($product, " tmm3, tmm5, tmm7"),
                    "add {x0}, 64",
                    "add {x1}, 64",
                    "add {b}, 2048",
                    "dec {n}",
                    "jnz 31b",
                    // The incomplete step.
                    "32:",
                    "mov {t}, [{p} + 56]",
                    "test {t}, {t}",
                    "jz 33f",
                    "tileloadd tmm6, [{b} + {c}]",
                    "tileloadd tmm4, [{t} + {c}]",
                    concat!($product, " tmm0, tmm4, tmm6"),
                    "tileloadd tmm7, [{b} + {c} + 1024]",
                    concat!($product, " tmm1, tmm4, tmm7"),
                    "tileloadd tmm5, [{t} + {c} + 1024]",
                    concat!($product, " tmm2, tmm5, tmm6"),
                    concat!($product, " tmm3, tmm5, tmm7"),
                    "add {b}, 2048",
                    "add qword ptr [{p} + 56], 2048",
                    "33:",
                    "add {a0}, [{p} + 32]",
                    "add {a1}, [{p} + 40]",
                    "dec qword ptr [{p} + 64]",
                    "jnz 30b",
                    "mov {c}, [{p} + 80]",
                    "mov {t}, [{p} + 88]",
                    "tilestored [{c} + {t}], tmm0",
                    "tilestored [{c} + {t} + 64], tmm1",
                    "mov {n}, {t}",
                    "shl {n}, 4",
                    "add {c}, {n}",
                    "tilestored [{c} + {t}], tmm2",
                    "tilestored [{c} + {t} + 64], tmm3",
                    p = in(reg) parameters,
                    a0 = out(reg) _,
                    a1 = out(reg) _,
                    s0 = out(reg) _,
                    s1 = out(reg) _,
                    x0 = out(reg) _,
                    x1 = out(reg) _,
                    b = out(reg) _,
                    c = out(reg) _,
                    t = out(reg) _,
                    n = out(reg) _,
                    out("tmm0") _, out("tmm1") _, out("tmm2") _, out("tmm3") _,
                    out("tmm4") _, out("tmm5") _, out("tmm6") _, out("tmm7") _,
                    options(nostack),
                );
            }
        }

        /// 32 rows × 16 columns.
        ///
        /// # Safety
        /// See [`super::tile::Run`]; tiles are configured on this thread.
        unsafe fn $narrow(parameters: &mut Parameters) {
            // SAFETY: reads and writes what the caller promised; the tiles are nobody else's.
            unsafe {
                asm!(
                    "mov {a0}, [{p}]",
                    "mov {a1}, [{p} + 8]",
                    "mov {s0}, [{p} + 16]",
                    "mov {s1}, [{p} + 24]",
                    "mov {b}, [{p} + 48]",
                    "mov {c}, [{p} + 80]",
                    "mov {t}, [{p} + 88]",
                    "cmp qword ptr [{p} + 96], 0",
                    "je 20f",
                    "tileloadd tmm0, [{c} + {t}]",
                    "mov {n}, {t}",
                    "shl {n}, 4",
                    "add {c}, {n}",
                    "tileloadd tmm2, [{c} + {t}]",
                    "jmp 21f",
                    "20:",
                    "tilezero tmm0",
                    "tilezero tmm2",
                    "21:",
                    "mov {c}, 64",
                    "30:",
                    "mov {x0}, {a0}",
                    "mov {x1}, {a1}",
                    "mov {n}, [{p} + 72]",
                    "test {n}, {n}",
                    "jz 32f",
                    "31:",
                    "tileloadd tmm6, [{b} + {c}]",
                    "tileloadd tmm4, [{x0} + {s0}]",
                    concat!($product, " tmm0, tmm4, tmm6"),
                    "tileloadd tmm5, [{x1} + {s1}]",
                    concat!($product, " tmm2, tmm5, tmm6"),
                    "add {x0}, 64",
                    "add {x1}, 64",
                    "add {b}, 1024",
                    "dec {n}",
                    "jnz 31b",
                    "32:",
                    "mov {t}, [{p} + 56]",
                    "test {t}, {t}",
                    "jz 33f",
                    "tileloadd tmm6, [{b} + {c}]",
                    "tileloadd tmm4, [{t} + {c}]",
                    concat!($product, " tmm0, tmm4, tmm6"),
                    "tileloadd tmm5, [{t} + {c} + 1024]",
                    concat!($product, " tmm2, tmm5, tmm6"),
                    "add {b}, 1024",
                    "add qword ptr [{p} + 56], 2048",
                    "33:",
                    "add {a0}, [{p} + 32]",
                    "add {a1}, [{p} + 40]",
                    "dec qword ptr [{p} + 64]",
                    "jnz 30b",
                    "mov {c}, [{p} + 80]",
                    "mov {t}, [{p} + 88]",
                    "tilestored [{c} + {t}], tmm0",
                    "mov {n}, {t}",
                    "shl {n}, 4",
                    "add {c}, {n}",
                    "tilestored [{c} + {t}], tmm2",
                    p = in(reg) parameters,
                    a0 = out(reg) _,
                    a1 = out(reg) _,
                    s0 = out(reg) _,
                    s1 = out(reg) _,
                    x0 = out(reg) _,
                    x1 = out(reg) _,
                    b = out(reg) _,
                    c = out(reg) _,
                    t = out(reg) _,
                    n = out(reg) _,
                    out("tmm0") _, out("tmm2") _, out("tmm4") _, out("tmm5") _, out("tmm6") _,
                    options(nostack),
                );
            }
        }
    };
}
products!("tdpbf16ps", two_by_two, two_by_one);
products!("tdpbusd", bytes_two_by_two, bytes_two_by_one);
