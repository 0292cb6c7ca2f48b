//! What was measured, as a table or as JSON.

use std::io::Write;

use serde_json::{Value, json};

use super::networks::Part;
use crate::ops::cpu::profile::{Operator, Share};

/// Bytes of a GiB.
const GIB: f64 = (1 << 30) as f64;

/// One part's medians.
pub(super) struct Row {
    pub(super) part: Part,
    /// Height and width of the picture.
    pub(super) size: (usize, usize),
    pub(super) secs: f64,
    /// Peak memory of a whole run.
    pub(super) bytes: Option<f64>,
    /// The costs of one run, by [`Operator::ALL`].
    pub(super) shares: [Share; Operator::ALL.len()],
    /// The peers', in their order.
    pub(super) theirs: Vec<Theirs>,
}

/// A peer's medians.
pub(super) struct Theirs {
    /// `None` when it does not do this part.
    pub(super) secs: Option<f64>,
    /// Peak memory of a whole run.
    pub(super) bytes: Option<f64>,
}

impl Row {
    fn gflop(&self) -> f64 {
        self.shares.iter().map(|share| share.flop).sum::<f64>() / 1e9
    }
}

/// All of it, with what it was measured on.
pub(super) struct Report {
    pub(super) isa: &'static str,
    pub(super) dtype: &'static str,
    pub(super) threads: usize,
    /// Operations a second.
    pub(super) peak: f64,
    /// The peers' names.
    pub(super) peers: Vec<&'static str>,
    pub(super) rows: Vec<Row>,
    /// Our peak memory.
    pub(super) peak_bytes: Option<f64>,
    /// What each peer says of itself.
    pub(super) accounts: Vec<String>,
}

impl Report {
    /// Writes the table for people.
    pub(super) fn table(&self, out: &mut impl Write, profile: bool) -> std::io::Result<()> {
        writeln!(
            out,
            "{}\n{} {}, {} threads, peak {:.0} GFLOP/s",
            processor(),
            self.isa,
            self.dtype,
            self.threads,
            self.peak / 1e9,
        )?;
        write!(out, "part       size       seconds    GFLOP  GFLOP/s  of peak")?;
        for peer in &self.peers {
            write!(out, "  {peer:>13}  ratio")?;
        }
        writeln!(out)?;
        for row in &self.rows {
            self.write_row(out, row)?;
            if profile {
                write_shares(out, row)?;
            }
        }
        if let Some(bytes) = self.peak_bytes {
            writeln!(out, "peak memory {:.2} GiB", bytes / GIB)?;
        }
        for account in &self.accounts {
            writeln!(out, "{account}")?;
        }
        Ok(())
    }

    fn write_row(&self, out: &mut impl Write, row: &Row) -> std::io::Result<()> {
        let size = format!("{}×{}", row.size.1, row.size.0);
        write!(out, "{:<10} {size:<9} {:>8.3}", row.part.name(), row.secs)?;
        let gflop = row.gflop();
        if gflop > 0.0 {
            let pace = gflop / row.secs;
            write!(out, " {gflop:>8.1} {pace:>8.0} {:>7.0}%", pace * 1e11 / self.peak)?;
        } else {
            write!(out, " {:>8} {:>8} {:>8}", "–", "–", "–")?;
        }
        for theirs in &row.theirs {
            match theirs.secs {
                Some(secs) => write!(out, "  {secs:>13.3}  {:>5.2}", row.secs / secs)?,
                None => write!(out, "  {:>13}  {:>5}", "–", "–")?,
            }
        }
        writeln!(out)?;
        let Some(bytes) = row.bytes else { return Ok(()) };
        write!(out, "  peak GiB           {:>8.2} {:>26}", bytes / GIB, "")?;
        for theirs in &row.theirs {
            if let Some(their_bytes) = theirs.bytes {
                write!(out, "  {:>13.2}  {:>5.2}", their_bytes / GIB, bytes / their_bytes)?;
            }
        }
        writeln!(out)
    }

    /// The same for programs.
    pub(super) fn json(&self) -> Value {
        let parts: Vec<Value> = self.rows.iter().map(|row| self.row_json(row)).collect();
        json!({
            "build": env!("PENTIMENTO_BUILD"), "processor": processor(),
            "isa": self.isa, "dtype": self.dtype, "threads": self.threads,
            "peak_flops": self.peak, "parts": parts, "peak_bytes": self.peak_bytes,
            "peers": self.accounts,
        })
    }

    fn row_json(&self, row: &Row) -> Value {
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
        let peers: serde_json::Map<String, Value> = self
            .peers
            .iter()
            .zip(&row.theirs)
            .map(|(name, theirs)| {
                let ratio = theirs.secs.map(|secs| row.secs / secs);
                let theirs = json!({
                    "secs": theirs.secs, "ratio": ratio, "peak_bytes": theirs.bytes,
                });
                ((*name).to_owned(), theirs)
            })
            .collect();
        json!({
            "part": row.part.name(), "height": row.size.0, "width": row.size.1,
            "secs": row.secs, "peak_bytes": row.bytes, "gflop": row.gflop(),
            "operators": operators, "peers": peers,
        })
    }
}

fn write_shares(out: &mut impl Write, row: &Row) -> std::io::Result<()> {
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
    Ok(())
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
