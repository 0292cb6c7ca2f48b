//! What happens, told on the way: JSON lines on standard output, a progress line on a terminal.

use std::io::{IsTerminal, Write, stderr, stdout};
use std::path::Path;

use anyhow::{Context, Result};
use serde_json::{Value, json};

use crate::engine::memory;
use crate::engine::protocol::{
    ModelInfo, ModelSource, Notice, PaintRequest, Painted, Phase, Posterior, Preview, Sampler,
    Schedule, Timing,
};
use crate::plane::Plane;

/// Says what happens, in the way that was asked for.
pub(super) struct Report {
    json: bool,
    terminal: bool,
    /// Whether a progress line stands on the terminal now.
    line: bool,
}

/// A step, as [`crate::engine::protocol::Event::Step`] carries it.
pub(super) struct StepDone {
    pub(super) index: u32,
    pub(super) step: u32,
    pub(super) of: u32,
    pub(super) sigma: f32,
    pub(super) step_secs: f32,
}

impl Report {
    pub(super) fn new(json: bool) -> Self {
        Self { json, terminal: stderr().is_terminal(), line: false }
    }

    /// The job was handed over.
    pub(super) fn job(&mut self, request: &PaintRequest) -> Result<()> {
        let mut event = described(request);
        event["event"] = "job".into();
        self.say(&event)
    }

    /// The model is in memory.
    pub(super) fn model(&mut self, info: &ModelInfo, load_secs: f64) -> Result<()> {
        self.progress(&info.name);
        self.say(&json!({
            "event": "model", "name": info.name, "family": info.family,
            "native_size": info.native_size, "weight_bytes": info.weight_bytes,
            "load_secs": load_secs,
        }))
    }

    /// What painting will take, in bytes.
    pub(super) fn forecast(&mut self, needs: u64, free: u64) -> Result<()> {
        self.say(&json!({"event": "forecast", "needs_bytes": needs, "free_bytes": free}))
    }

    /// Something beside the steps begins.
    pub(super) fn phase(&mut self, phase: Phase) -> Result<()> {
        let (name, words, done) = match phase {
            Phase::ReadingModel(done) => ("reading-model", "Reading the model", Some(done)),
            Phase::ReadingWords => ("reading-words", "Reading the words", None),
            Phase::EncodingPicture => ("encoding-picture", "Looking at the picture", None),
            Phase::Decoding => ("decoding", "Finishing the picture", None),
        };
        self.progress(words);
        let mut event = json!({"event": "phase", "phase": name});
        if let Some(done) = done {
            event["done"] = done.into();
        }
        self.say(&event)
    }

    /// Something to know. It is told on standard error even when nobody watches.
    pub(super) fn notice(&mut self, notice: &Notice) -> Result<()> {
        self.clear();
        match notice {
            Notice::SizeRounded { asked, used } => {
                eprintln!(
                    "The size was rounded from {} × {} to {} × {}",
                    asked.0, asked.1, used.0, used.1
                );
                self.say(&json!({
                    "event": "notice", "notice": "size-rounded", "asked": asked, "used": used,
                }))
            }
            Notice::WordsLost { lost, negative } => {
                let which = if *negative { "negative prompt" } else { "prompt" };
                eprintln!("The {which} is too long; these words are not read: {lost}");
                self.say(&json!({
                    "event": "notice", "notice": "words-lost", "lost": lost, "negative": negative,
                }))
            }
            Notice::PartBorrowed { component, from } => {
                eprintln!("The model's file holds no {component}; that of {from} is used");
                self.say(&json!({
                    "event": "notice", "notice": "part-borrowed", "component": component,
                    "from": from,
                }))
            }
            Notice::PredictionGuessed { prediction } => {
                eprintln!(
                    "What the model predicts ({prediction}) was guessed from its name; if pictures \
                     turn out wrong, set --prediction"
                );
                self.say(&json!({
                    "event": "notice", "notice": "prediction-guessed", "prediction": prediction,
                }))
            }
            Notice::Translated { caption, unknown } => {
                if !caption.is_empty() {
                    eprintln!("Painted as: {caption}");
                }
                if !unknown.is_empty() {
                    eprintln!("The built-in model does not know: {}", unknown.join(", "));
                }
                self.say(&json!({
                    "event": "notice", "notice": "translated", "caption": caption,
                    "unknown": unknown,
                }))
            }
            Notice::WordsUnknown { words, knows } => {
                let said = words.iter().map(|(word, nearest)| match nearest {
                    Some(nearest) => format!("{word} (nearest: {nearest})"),
                    None => word.clone(),
                });
                eprintln!(
                    "The built-in model does not know: {}. It is a small model that knows about \
                     {knows} things; load Stable Diffusion for anything else (--model)",
                    said.collect::<Vec<_>>().join(", ")
                );
                self.say(&json!({
                    "event": "notice", "notice": "words-unknown", "words": words, "knows": knows,
                }))
            }
            Notice::DecodedInFull => {
                eprintln!(
                    "The autoencoder (VAE) overflowed in 16-bit numbers; the picture was decoded \
                     again in 32-bit ones"
                );
                self.say(&json!({ "event": "notice", "notice": "decoded-in-full" }))
            }
            Notice::NotAWeight { text, negative } => {
                let which = if *negative { "negative prompt" } else { "prompt" };
                eprintln!("In the {which}, {text} is no weight; it is read as words");
                self.say(&json!({
                    "event": "notice", "notice": "not-a-weight", "text": text, "negative": negative,
                }))
            }
        }
    }

    /// A step is done; its preview may lie in a file.
    pub(super) fn step(&mut self, step: &StepDone, preview: Option<&Path>) -> Result<()> {
        let StepDone { index, step, of, sigma, step_secs } = step;
        self.progress(&format!("Step {step} of {of}, {step_secs:.2} s"));
        let mut event = json!({
            "event": "step", "index": index, "step": step, "of": of, "sigma": sigma,
            "step_secs": step_secs,
        });
        if let Some(path) = preview {
            event["preview"] = path.to_string_lossy().into();
        }
        self.say(&event)
    }

    /// A preview was written.
    pub(super) fn preview(
        &mut self,
        step: &StepDone,
        preview: &Preview,
        path: &Path,
    ) -> Result<()> {
        self.say(&json!({
            "event": "preview", "index": step.index, "step": step.step, "kind": preview.kind,
            "width": preview.picture.width, "height": preview.picture.height,
            "path": path.to_string_lossy(),
        }))
    }

    /// A picture was written.
    pub(super) fn painted(&mut self, painted: &Painted, path: &Path) -> Result<()> {
        self.clear();
        self.say(&json!({
            "event": "painted", "index": painted.index, "seed": painted.seed,
            "width": painted.picture.size().0, "height": painted.picture.size().1,
            "path": path.to_string_lossy(),
        }))
    }

    /// Everything is done.
    pub(super) fn finished(
        &mut self,
        request: Option<&PaintRequest>,
        timing: &Timing,
    ) -> Result<()> {
        self.clear();
        let peak = memory::peak();
        let mut event = json!({"event": "finished", "timing": timing, "peak_bytes": peak});
        if let Some(request) = request {
            event["request"] = described(request);
        }
        self.say(&event)
    }

    /// The job was stopped.
    pub(super) fn cancelled(&mut self) -> Result<()> {
        self.clear();
        self.say(&json!({"event": "cancelled"}))
    }

    /// The call failed; `main` says the message on standard error.
    pub(super) fn failed(&mut self, error: &anyhow::Error) {
        self.clear();
        // Standard output may be what failed.
        drop(self.say(&json!({"event": "error", "message": format!("{error:#}")})));
    }

    fn say(&self, event: &Value) -> Result<()> {
        if !self.json {
            return Ok(());
        }
        let mut out = stdout().lock();
        writeln!(out, "{event}")
            .and_then(|()| out.flush())
            .context("Nobody reads the standard output any more")
    }

    fn progress(&mut self, words: &str) {
        if self.terminal {
            eprint!("\r\x1b[K{words}");
            self.line = true;
        }
    }

    fn clear(&mut self) {
        if self.line {
            eprint!("\r\x1b[K");
            self.line = false;
        }
    }
}

/// A request without its pixels.
fn described(request: &PaintRequest) -> Value {
    let model = match &request.model {
        ModelSource::BuiltIn => "pocket".into(),
        ModelSource::Path(path) => path.to_string_lossy(),
    };
    let init = request.init.as_ref();
    json!({
        "model": model, "choices": request.choices,
        "prompt": request.prompt, "negative": request.negative,
        "prompt_style": request.prompt_style.name(), "clip_skip": request.clip_skip,
        "size": request.size, "steps": request.steps,
        "sampler": request.sampler.map(Sampler::name),
        "schedule": request.schedule.map(Schedule::name),
        "eta": request.eta, "same_as": request.same_as.name(),
        "guidance": request.guidance, "guidance_rescale": request.guidance_rescale,
        "guidance_interval": request.savings.guidance_interval,
        "deep_cache": request.savings.deep_cache,
        "token_merging": request.savings.token_merging,
        "seed": request.seed, "count": request.count,
        "variation": request.variation.map(|by| json!({"seed": by.seed, "strength": by.strength})),
        "batch": request.batch.map(|part| (part.index, part.of)),
        "conditions": request.conditions,
        "depth_size": request.conditions.depth.as_ref().map(Plane::size),
        "init_size": init.map(|init| init.picture.size()),
        "strength": init.map(|init| init.strength),
        "vae_sample": init.map(|init| init.posterior == Posterior::Sample),
        "mask_feather_px": request.mask.as_ref().map(|mask| mask.feather_px),
        "fill_area": request.mask.as_ref().map(|mask| mask.area),
    })
}
