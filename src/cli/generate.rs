//! `pentimento generate`: one job for the engine, its events told and its pictures written.

use std::sync::Arc;

use anyhow::{Context, Result, bail};

use super::args::{Generate, options};
use super::output::Outputs;
use super::report::{Report, StepDone};
use super::source;
use crate::app::parameters::infotext;
use crate::engine::Engine;
use crate::engine::painter::Options;
use crate::engine::protocol::{Event, Latent, ModelInfo, PaintRequest, Painted, Request};
use crate::engine::resolve;

/// Paints what the flags say.
pub(super) fn run(args: &Generate) -> Result<()> {
    let mut report = Report::new(args.json);
    let outcome = paint(args, &mut report);
    if let Err(error) = &outcome {
        report.failed(error);
    }
    outcome
}

fn paint(args: &Generate, report: &mut Report) -> Result<()> {
    let outputs = Outputs::checked(args)?;
    let request = source::request(args)?;
    let options = options(args.backend, args.isa, args.dtype, args.threads);
    let mut engine = Engine::spawn(Options { memory: args.memory, ..options }, || {})
        .context("The system gives no thread to paint with; close other programs")?;
    report.job(&request)?;
    let job = engine.next_job();
    engine.submit(job, Request::Paint(Box::new(request.clone())))?;
    let mut run = Run { outputs, request, info: None, latents: Vec::new() };
    // Leaving early, on a full disk say, drops the engine and with it the job.
    while let Some(event) = engine.wait() {
        if run.take(event, report)? {
            return run.outputs.write_latents(&run.latents);
        }
    }
    bail!("Painting has stopped because of a fault in the program; try again")
}

/// What is known of the job while it runs.
struct Run<'a> {
    outputs: Outputs<'a>,
    request: PaintRequest,
    info: Option<Arc<ModelInfo>>,
    latents: Vec<Latent>,
}

impl Run<'_> {
    /// Deals with one event; whether it was the last one.
    fn take(&mut self, event: Event, report: &mut Report) -> Result<bool> {
        match event {
            Event::Started { .. } => {}
            Event::ModelReady { info, load_secs, .. } => {
                report.model(&info, load_secs)?;
                self.info = Some(info);
            }
            Event::Forecast { needs, free, .. } => report.forecast(needs, free)?,
            Event::Phase { phase, .. } => report.phase(phase)?,
            Event::Notice { notice, .. } => report.notice(&notice)?,
            Event::Step { index, step, of, sigma, step_secs, preview, .. } => {
                let done = StepDone { index, step, of, sigma, step_secs };
                let path = match &preview {
                    Some(preview) => self.outputs.write_preview(index, step, &preview.picture)?,
                    None => None,
                };
                report.step(&done, path.as_deref())?;
                if let (Some(preview), Some(path)) = (&preview, &path) {
                    report.preview(&done, preview, path)?;
                }
            }
            Event::Painted { painted, .. } => self.write(painted, report)?,
            Event::Finished { request, timing, .. } => {
                report.finished(request.as_deref(), &timing)?;
                return Ok(true);
            }
            Event::Cancelled { .. } => {
                report.cancelled()?;
                bail!("Painting was stopped");
            }
            Event::Failed { error, .. } => bail!(error),
        }
        Ok(false)
    }

    /// Each picture is written when it is done, not when all are: stopping the program half way
    /// through a hundred of them leaves fifty.
    fn write(&mut self, mut painted: Painted, report: &mut Report) -> Result<()> {
        let size = painted.picture.size();
        let name = self.info.as_ref().map_or("unknown", |info| info.name.as_str());
        let text = infotext(&self.resolved().alone(painted.index), size, name);
        let path =
            self.outputs.write_picture(painted.index, &painted.picture.to_picture(), &text)?;
        self.latents.extend(painted.latent.take());
        report.painted(&painted, &path)
    }

    /// The request with the model's defaults filled in, as the last event will say it.
    fn resolved(&self) -> PaintRequest {
        let mut request = self.request.clone();
        // The worker has said so.
        drop(resolve::translate(&mut request));
        if let Some(info) = &self.info {
            resolve::forget_unheard(&mut request.conditions, info);
            request.steps.get_or_insert(info.default_steps);
            request.sampler.get_or_insert(info.default_sampler);
            request.schedule.get_or_insert(info.default_schedule);
            request.guidance.get_or_insert(info.default_guidance);
        }
        request
    }
}
