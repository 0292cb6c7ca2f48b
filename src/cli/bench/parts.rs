//! `pentimento bench --model …`: the networks of a model part by part, beside a peer if wanted.

use std::io::Write;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use serde_json::{Value, json};

use super::super::args::{Bench, BenchModel};
use super::median;
use super::networks::{Networks, Part};
use super::peer::{Setup, Torch};
use crate::engine::memory;
use crate::kernels::gemm::Gemm;
use crate::kernels::peak::peak;
use crate::models::ModelFolder;
use crate::ops::cpu::profile::{Operator, Share};
use crate::ops::cpu::{Cpu, DType, Isa};
use crate::types::ModelSource;

/// One part's medians.
struct Row {
    part: Part,
    secs: f64,
    /// The costs of one run, by [`Operator::ALL`].
    shares: [Share; Operator::ALL.len()],
    theirs: Option<f64>,
}

impl Row {
    fn gflop(&self) -> f64 {
        self.shares.iter().map(|share| share.flop).sum::<f64>() / 1e9
    }
}

/// Measures and prints.
pub(super) fn run(args: &Bench, model: &BenchModel) -> Result<()> {
    let threads = match args.threads {
        Some(threads) => usize::from(threads),
        None => std::thread::available_parallelism().map_or(1, usize::from),
    };
    let pool = rayon::ThreadPoolBuilder::new()
        .num_threads(threads)
        .thread_name(|index| format!("bench {index}"))
        .build()
        .context("The system gives no threads; close other programs")?;
    pool.install(|| measure(args, model, threads))
}

fn measure(args: &Bench, model: &BenchModel, threads: usize) -> Result<()> {
    let shapes = tempfile::tempdir().context("There is no room for temporary files")?;
    let (folder, random) = open(model, shapes.path())?;
    let isa = args.isa.0.unwrap_or_else(Isa::best);
    let dtype = args.dtype.dtype(isa, folder.is_built_in());
    let gemm = Gemm::new(isa, dtype);
    let peak = peak(&gemm);
    let size = args.size.map(|(width, height)| (height as usize, width as usize));
    let networks = Networks::load(Cpu::new(isa, dtype), &folder, random, size)?;
    let mut peer = match (args.against, model) {
        (None, _) => None,
        (Some(_), BenchModel::Source(ModelSource::BuiltIn)) => {
            bail!("A peer needs a model's folder: give its path, or sd15, sd21 or sdxl")
        }
        (Some(_), BenchModel::Source(ModelSource::Path(path))) => {
            Some(torch(args, path, isa, dtype, networks.size(), threads)?)
        }
        (Some(_), BenchModel::Shape(_)) => {
            Some(torch(args, shapes.path(), isa, dtype, networks.size(), threads)?)
        }
    };
    let mut rows = Vec::new();
    for part in args.parts.iter().copied() {
        rows.push(row(&networks, part, args.runs, peer.as_mut())?);
    }
    let theirs = peer.as_mut().map(Torch::peak_bytes).transpose()?;
    let report = Report {
        isa,
        dtype,
        threads,
        peak,
        rows,
        size: networks.size(),
        peak_bytes: memory::peak().map(|bytes| bytes as f64),
        peer: peer.as_ref().map(|peer| peer.versions.clone()).zip(theirs),
    };
    let mut out = std::io::stdout().lock();
    let written = if args.json {
        writeln!(out, "{}", report.json())
    } else {
        report.table(&mut out, args.profile)
    };
    written.context("Nobody reads the standard output any more")
}

fn open(model: &BenchModel, shapes: &Path) -> Result<(ModelFolder, bool)> {
    Ok(match model {
        BenchModel::Source(source) => (ModelFolder::open(source)?, false),
        BenchModel::Shape(shape) => {
            shape.write(shapes).context("There is no room for temporary files")?;
            (ModelFolder::open(&ModelSource::Path(shapes.to_owned()))?, true)
        }
    })
}

fn torch(
    args: &Bench,
    folder: &Path,
    isa: Isa,
    dtype: DType,
    size: (usize, usize),
    threads: usize,
) -> Result<Torch> {
    let python = args.python.clone().unwrap_or_else(|| PathBuf::from("python3"));
    Torch::start(&Setup {
        python: &python,
        folder,
        dtype: name(dtype),
        threads,
        size,
        cap: match isa {
            Isa::Amx => None,
            Isa::Avx512Bf16 => Some("AVX512_CORE_BF16"),
            Isa::Avx512 => Some("AVX512_CORE"),
            Isa::Avx2 | Isa::Plain => Some("AVX2"),
        },
    })
}

/// A part's medians: both sides warm, then in turns.
fn row(networks: &Networks, part: Part, runs: u32, peer: Option<&mut Torch>) -> Result<Row> {
    networks.run(part)?;
    let mut peer = peer;
    if let Some(peer) = &mut peer {
        peer.run(part)?;
    }
    networks.profile();
    let (mut ours, mut theirs) = (Vec::new(), Vec::new());
    for _ in 0..runs {
        ours.push(networks.run(part)?);
        if let Some(peer) = &mut peer {
            theirs.push(peer.run(part)?);
        }
    }
    let shares = networks.profile().map(|share| Share {
        calls: share.calls / runs as usize,
        secs: share.secs / f64::from(runs),
        flop: share.flop / f64::from(runs),
    });
    let theirs = peer.is_some().then(|| median(theirs));
    Ok(Row { part, secs: median(ours), shares, theirs })
}

struct Report {
    isa: Isa,
    dtype: DType,
    threads: usize,
    /// Operations a second.
    peak: f64,
    size: (usize, usize),
    rows: Vec<Row>,
    peak_bytes: Option<f64>,
    /// What the peer is, and its peak memory in bytes.
    peer: Option<(String, f64)>,
}

impl Report {
    fn table(&self, out: &mut impl Write, profile: bool) -> std::io::Result<()> {
        writeln!(
            out,
            "{}\n{} {}, {} threads, peak {:.0} GFLOP/s, {}×{} pixels",
            processor(),
            self.isa,
            name(self.dtype),
            self.threads,
            self.peak / 1e9,
            self.size.1,
            self.size.0,
        )?;
        writeln!(out, "part        seconds    GFLOP  GFLOP/s  of peak   peer s  ratio")?;
        for row in &self.rows {
            let pace = row.gflop() / row.secs;
            write!(
                out,
                "{:<10} {:>8.3} {:>8.1} {:>8.0} {:>7.0}%",
                row.part.name(),
                row.secs,
                row.gflop(),
                pace,
                pace * 1e11 / self.peak,
            )?;
            match row.theirs {
                Some(theirs) => writeln!(out, " {theirs:>8.3}  {:>5.2}", row.secs / theirs)?,
                None => writeln!(out)?,
            }
            if profile {
                for (operator, share) in Operator::ALL.iter().zip(&row.shares) {
                    writeln!(
                        out,
                        "  {:<11} {:>5.1}% {:>8.3} s {:>5} calls {:>8.0} GFLOP/s",
                        operator.name(),
                        100.0 * share.secs / row.secs,
                        share.secs,
                        share.calls,
                        share.flop / share.secs.max(1e-9) / 1e9,
                    )?;
                }
            }
        }
        if let Some(bytes) = self.peak_bytes {
            write!(out, "peak memory {:.2} GiB", bytes / f64::from(1 << 30))?;
            if let Some((_, theirs)) = &self.peer {
                let theirs = theirs / f64::from(1 << 30);
                write!(out, ", the peer's {theirs:.2} GiB")?;
            }
            writeln!(out)?;
        }
        if let Some((versions, _)) = &self.peer {
            writeln!(out, "peer {versions}")?;
        }
        Ok(())
    }

    fn json(&self) -> Value {
        let parts: Vec<Value> = self
            .rows
            .iter()
            .map(|row| {
                let operators: serde_json::Map<String, Value> = Operator::ALL
                    .iter()
                    .zip(&row.shares)
                    .map(|(operator, share)| {
                        let share = json!({
                            "calls": share.calls, "secs": share.secs, "flop": share.flop,
                        });
                        (operator.name().to_owned(), share)
                    })
                    .collect();
                json!({
                    "part": row.part.name(), "secs": row.secs, "gflop": row.gflop(),
                    "peer_secs": row.theirs, "operators": operators,
                })
            })
            .collect();
        json!({
            "build": env!("PENTIMENTO_BUILD"), "processor": processor(),
            "isa": self.isa.name(), "dtype": name(self.dtype), "threads": self.threads,
            "peak_flops": self.peak, "height": self.size.0, "width": self.size.1,
            "parts": parts, "peak_bytes": self.peak_bytes,
            "peer": self.peer.as_ref().map(|(versions, _)| versions),
            "peer_peak_bytes": self.peer.as_ref().map(|(_, bytes)| bytes),
        })
    }
}

fn name(dtype: DType) -> &'static str {
    match dtype {
        DType::F32 => "f32",
        DType::Bf16 => "bf16",
    }
}

/// The processor's name and the instructions of it that count here.
fn processor() -> String {
    let known = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let of = |key: &str| {
        let line = known.lines().find(|line| line.starts_with(key));
        line.and_then(|line| line.split_once(':')).map_or("", |(_, value)| value.trim())
    };
    let flags: Vec<&str> = of("flags")
        .split(' ')
        .filter(|flag| {
            let kinds = ["avx2", "avx512f", "avx512_bf16", "avx512_vnni", "amx_bf16"];
            kinds.contains(flag)
        })
        .collect();
    match of("model name") {
        "" => std::env::consts::ARCH.to_owned(),
        name => format!("{name} ({})", flags.join(" ")),
    }
}
