//! This program as one side of a measurement: asked on standard input like the peers in
//! `tests/bench`, it answers on standard output.
//!
//! Started by [`super::peer`] where a process of its own is wanted: for stock candle networks, and
//! for whole runs from a cold start.

use std::io::{BufRead, Write};
use std::path::Path;
use std::time::Instant;

use anyhow::{Context, Result, bail};
use serde_json::{Value, json};

use super::super::args::BenchSide;
use super::peer::Question;
use super::whole;
use crate::engine::memory;
use crate::engine::painter::Options;
use crate::models::ModelFolder;
use crate::peer::Stock;
use crate::types::ModelSource;

/// Who answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in super::super) enum Side {
    /// Whole runs by us.
    Own,
    /// Stock candle-transformers networks.
    Candle,
}

impl Side {
    const ALL: [Self; 2] = [Self::Own, Self::Candle];

    /// The name on the command line and in tables.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Own => "pentimento",
            Self::Candle => "candle",
        }
    }
}

impl std::str::FromStr for Side {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        let side = Self::ALL.into_iter().find(|side| side.name() == name);
        side.ok_or_else(|| format!("Known: {}", Self::ALL.map(Self::name).join(", ")))
    }
}

/// Answers until nobody asks any more.
pub(in super::super) fn run(args: &BenchSide) -> Result<()> {
    match args.side {
        Side::Own => {
            let options = Options {
                isa: args.isa.0,
                precision: args.dtype,
                threads: args.threads.map(usize::from),
                ..Options::default()
            };
            serve(env!("PENTIMENTO_BUILD"), "", |question| {
                let start = Instant::now();
                let mut pictures = whole::Pictures::new(&args.folder, options, args.weights)?;
                pictures.paint(question)?;
                Ok(Some(start.elapsed().as_secs_f64()))
            })
        }
        Side::Candle => {
            let mut stock = stock(&args.folder)?;
            // Its convolutions on the processor take no bf16.
            serve("candle-transformers 0.11.1", "f32", |question| {
                let size = (question.height, question.width);
                Ok(match question.part.as_str() {
                    "text" => stock.text()?,
                    "unet-b1" => Some(stock.step(1, size)?),
                    "unet-b2" => Some(stock.step(2, size)?),
                    "vae-decode" => Some(stock.decode(size)?),
                    "vae-encode" => Some(stock.encode(size)?),
                    _ => None,
                })
            })
        }
    }
}

fn stock(folder: &Path) -> Result<Stock> {
    let folder = ModelFolder::open(&ModelSource::Path(folder.to_owned()))?;
    Ok(Stock::of(&folder)?)
}

fn serve(
    versions: &str,
    notes: &str,
    mut answer: impl FnMut(&Question) -> Result<Option<f64>>,
) -> Result<()> {
    let say = |value: Value| -> Result<()> {
        let mut out = std::io::stdout().lock();
        writeln!(out, "{value}").and_then(|()| out.flush()).context("Nobody reads the answers")
    };
    say(json!({ "versions": versions }))?;
    for line in std::io::stdin().lock().lines() {
        let line = line.context("The question cannot be read")?;
        let asked: Value = serde_json::from_str(&line).context("The question is odd")?;
        if asked["part"] == "memory" {
            let Some(bytes) = memory::peak() else { bail!("The system tells no peak memory") };
            say(json!({ "peak_bytes": bytes, "notes": notes }))?;
            continue;
        }
        let question: Question = serde_json::from_value(asked).context("The question is odd")?;
        say(json!({ "secs": answer(&question)? }))?;
    }
    Ok(())
}
