//! `pentimento bench`: what each part of painting costs on the built-in model.
//!
//! Cold is the first picture of the process, which reads the model and the words; warm is the
//! median of those after it. Each picture has its own seed; previews are on, as in the window.
//! With `--model`, each network by itself or whole pictures, beside other programs if wanted.

mod networks;
mod parts;
mod peer;
mod report;
mod side;
mod whole;

use std::io::Write;
use std::time::Instant;

use anyhow::{Context, Result, bail};
use serde_json::json;

pub(super) use self::networks::Part;
pub(super) use self::peer::PeerName;
pub(super) use self::side::{Side, run as answer};
use super::args::{Bench, options};
use crate::engine::Engine;
use crate::engine::protocol::{Event, ModelChoices, PaintRequest, Request, Timing};

const PROMPT: &str = "a fox in the snow";

/// One picture's cost, in seconds.
#[derive(Clone, Copy, Debug, Default)]
struct Cost {
    load: f64,
    text: f64,
    steps: f64,
    step: f64,
    preview: f64,
    decode: f64,
    total: f64,
}

impl Cost {
    /// The parts with their names, in the order of the table.
    fn parts(&self) -> [(&'static str, f64); 7] {
        let Self { load, text, steps, step, preview, decode, total } = *self;
        [
            ("load", load),
            ("text", text),
            ("steps", steps),
            ("per step", step),
            ("preview", preview),
            ("decode", decode),
            ("total", total),
        ]
    }
}

/// Paints and prints what it cost.
pub(super) fn run(args: &Bench) -> Result<()> {
    if let Some(model) = &args.model {
        return parts::run(args, model);
    }
    let mut engine =
        Engine::spawn(options(args.backend, args.isa, args.dtype, args.threads), || {})
            .context("The system gives no thread to paint with; close other programs")?;
    let cold = paint(&mut engine, args, 0)?;
    let warm: Vec<Cost> =
        (1..=args.runs).map(|seed| paint(&mut engine, args, seed.into())).collect::<Result<_>>()?;
    let warm: Vec<f64> = (0..cold.parts().len())
        .map(|part| median(warm.iter().map(|cost| cost.parts()[part].1).collect()))
        .collect();
    let mut out = std::io::stdout().lock();
    let written = if args.json {
        let named = |values: &[f64]| -> serde_json::Map<String, serde_json::Value> {
            let parts = cold.parts().into_iter().zip(values);
            parts
                .map(|((name, _), secs)| (format!("{}_secs", name.replace(' ', "_")), json!(secs)))
                .collect()
        };
        let cold: Vec<f64> = cold.parts().iter().map(|(_, secs)| *secs).collect();
        let build = env!("PENTIMENTO_BUILD");
        writeln!(
            out,
            "{}",
            json!({
                "build": build, "backend": args.backend.name(), "threads": args.threads,
                "steps": args.steps, "size": args.size, "runs": args.runs,
                "cold": named(&cold), "warm": named(&warm),
            })
        )
    } else {
        write_table(&mut out, &cold, &warm, args.runs)
    };
    written.context("Nobody reads the standard output any more")
}

fn write_table(out: &mut impl Write, cold: &Cost, warm: &[f64], runs: u32) -> std::io::Result<()> {
    writeln!(out, "seconds     first  median of {runs}")?;
    for ((name, cold), warm) in cold.parts().into_iter().zip(warm) {
        writeln!(out, "{name:<9} {cold:>7.3} {warm:>7.3}")?;
    }
    Ok(())
}

/// One picture, from handing the request over to its pixels.
fn paint(engine: &mut Engine, args: &Bench, seed: u64) -> Result<Cost> {
    let request = PaintRequest {
        choices: ModelChoices { few_steps: args.few_steps, ..ModelChoices::default() },
        prompt: PROMPT.to_owned(),
        size: args.size,
        steps: args.steps,
        seed,
        ..PaintRequest::default()
    };
    let begun = Instant::now();
    let job = engine.next_job();
    engine.submit(job, Request::Paint(Box::new(request)))?;
    let mut steps_done = 0_u32;
    while let Some(event) = engine.wait() {
        match event {
            Event::Step { .. } => steps_done += 1,
            Event::Finished { timing, .. } => {
                return Ok(cost(&timing, steps_done, begun.elapsed().as_secs_f64()));
            }
            Event::Cancelled { .. } => bail!("Painting was stopped"),
            Event::Failed { error, .. } => bail!(error),
            _ => {}
        }
    }
    bail!("Painting has stopped because of a fault in the program; try again")
}

fn cost(timing: &Timing, steps: u32, total: f64) -> Cost {
    Cost {
        load: timing.load_secs,
        text: timing.text_secs,
        steps: timing.steps_secs,
        step: timing.steps_secs / f64::from(steps.max(1)),
        preview: timing.preview_secs,
        decode: timing.decode_secs,
        total,
    }
}

/// The middle value, or the mean of the two middle ones; 0 of none.
fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    let middle = values.len() / 2;
    match values.len() {
        0 => 0.0,
        count if count % 2 == 1 => values[middle],
        _ => f64::midpoint(values[middle - 1], values[middle]),
    }
}

#[cfg(test)]
mod tests {
    use super::median;

    #[test]
    fn the_median_is_in_the_middle() {
        let check = |values: &[f64], expected: f64| {
            assert!((median(values.to_vec()) - expected).abs() < 1e-12, "{values:?}");
        };
        check(&[], 0.0);
        check(&[3.0], 3.0);
        check(&[9.0, 1.0, 2.0], 2.0);
        check(&[4.0, 1.0, 2.0, 9.0], 3.0);
    }
}
