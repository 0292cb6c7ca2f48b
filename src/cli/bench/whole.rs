//! Whole pictures: by a model that stays in memory, and from a cold start in a process of its own.
//!
//! Both sides paint with DDIM on trailing timesteps, guided, so that they call their `UNets` equally
//! often with two pictures each.

use std::io;
use std::path::Path;
use std::time::Instant;

use anyhow::{Context, Result, bail};

use super::PROMPT;
use super::networks::Part;
use super::peer::{Peer, Question, Setup};
use super::side::Side;
use crate::engine::Engine;
use crate::engine::painter::Options;
use crate::engine::protocol::{
    Event, ModelChoices, ModelSource, PaintRequest, Request, Sampler, Schedule, WeightBits,
};

/// Guidance of the pictures; any over 1 costs the same.
const GUIDANCE: f32 = 7.5;

/// An engine that paints the pictures of one model.
pub(super) struct Pictures {
    engine: Engine,
    model: ModelSource,
    choices: ModelChoices,
}

impl Pictures {
    /// Starts an engine; the model is read with the first picture, its weights in so many bits.
    pub(super) fn new(folder: &Path, options: Options, weights: WeightBits) -> Result<Self> {
        let engine = Engine::spawn(options, || {})
            .context("The system gives no thread to paint with; close other programs")?;
        let choices = ModelChoices { weights, ..ModelChoices::default() };
        Ok(Self { engine, model: ModelSource::Path(folder.to_owned()), choices })
    }

    /// Paints one; the seconds from the request to its pixels.
    pub(super) fn paint(&mut self, question: &Question) -> Result<f64> {
        let request = PaintRequest {
            model: self.model.clone(),
            choices: self.choices.clone(),
            prompt: PROMPT.to_owned(),
            size: Some((question.width as u32, question.height as u32)),
            steps: Some(question.steps),
            sampler: Some(Sampler::Ddim),
            schedule: Some(Schedule::Trailing),
            guidance: Some(GUIDANCE),
            previews: false,
            ..PaintRequest::default()
        };
        let start = Instant::now();
        let job = self.engine.next_job();
        self.engine.submit(job, Request::Paint(Box::new(request)))?;
        while let Some(event) = self.engine.wait() {
            match event {
                Event::Finished { .. } => return Ok(start.elapsed().as_secs_f64()),
                Event::Cancelled { .. } => bail!("Painting was stopped"),
                Event::Failed { error, .. } => bail!(error),
                _ => {}
            }
        }
        bail!("Painting has stopped because of a fault in the program; try again")
    }
}

/// What one whole run cost.
#[derive(Clone, Copy, Debug)]
pub(super) struct Cost {
    /// Seconds from reading the model to the picture.
    pub(super) secs: f64,
    /// The most memory that the process held, in bytes.
    pub(super) peak_bytes: f64,
}

/// Our own run in a fresh process.
pub(super) fn own_run(setup: &Setup<'_>, question: &Question) -> Result<Cost> {
    run(Peer::of_program(Side::Own, setup)?, question)?.context("Our own run has no answer")
}

/// A peer's run in a fresh process, if it does whole runs.
pub(super) fn run(mut peer: Peer, question: &Question) -> Result<Option<Cost>> {
    let Some(secs) = peer.run(question)? else { return Ok(None) };
    let (peak_bytes, _) = peer.account()?;
    Ok(Some(Cost { secs, peak_bytes }))
}

/// Brings a model's weights into the system's cache, so that no side waits for the disk.
pub(super) fn warm_files(folder: &Path) -> Result<()> {
    for part in ["unet", "vae", "text_encoder"] {
        let folder = folder.join(part);
        let files = std::fs::read_dir(&folder);
        let files = files.with_context(|| {
            format!(
                "The part '{}' needs a model with weights, see tests/bench/README.md: {}",
                Part::Run,
                folder.display()
            )
        })?;
        for file in files {
            let mut file = std::fs::File::open(file?.path())?;
            io::copy(&mut file, &mut io::sink())?;
        }
    }
    Ok(())
}
