//! What a painting would take, known before it begins.
//!
//! Used by the painter: the same pipeline walks over [`Shapes`] instead of numbers, at the cost of
//! milliseconds.

use super::condition;
use super::depth::Needs;
use super::painter::Options;
use super::resolve::Resolved;
use crate::cancel::CancelToken;
use crate::diffusion::conditioning::Shown;
use crate::diffusion::error::DiffusionError;
use crate::diffusion::noise::Noise;
use crate::diffusion::pipeline::{Job, Model, Pipeline, Step, Watcher};
use crate::diffusion::samplers::State;
use crate::models::ModelFolder;
use crate::models::identify::Task;
use crate::ops::cpu::Isa;
use crate::ops::shapes::{Counter, Need, Shapes};
use crate::types::{SameAs, Savings, WeightBits};

/// Sides of sizes that are offered instead, as shares of the asked one.
const SMALLER: [f64; 7] = [0.875, 0.75, 0.625, 0.5, 0.375, 0.25, 0.125];
/// Bytes beside tensors and weights: scratch of the threads, pixels on their way.
const BESIDE: u64 = 64 << 20;

/// A model's shapes.
pub struct Forecaster {
    model: Pipeline<Shapes>,
    counter: Counter,
    weights: u64,
    /// Of those, what is not kept.
    passing: u64,
}

impl Forecaster {
    /// Reads a model's shapes, not its weights, which will have so many bits.
    ///
    /// # Errors
    /// A part is missing or contradicts another.
    pub fn new(
        folder: &ModelFolder,
        options: Options,
        bits: WeightBits,
        cancel: &CancelToken,
    ) -> Result<Self, DiffusionError> {
        let isa = options.isa.unwrap_or_else(Isa::best);
        let dtype = options.precision.dtype(isa);
        let shapes = Shapes::new(isa, dtype).with_weights(bits);
        let counter = shapes.counter();
        let model = Pipeline::load(shapes, folder, cancel, &mut |_share| {})?;
        let weights = counter.take().weights as u64;
        Ok(Self { model, counter, weights, passing: 0 })
    }

    /// Bytes that the packed weights take.
    #[must_use]
    pub fn weights(&self) -> u64 {
        self.weights
    }

    /// Most bytes that a job takes at once, weights included: painting, or before it estimating the
    /// depth, whose network gives way to the painting where it must.
    ///
    /// # Errors
    /// Cancelled.
    pub fn needs(
        &mut self,
        resolved: &Resolved,
        size: (u32, u32),
        depth: Option<Needs>,
        cancel: &CancelToken,
    ) -> Result<u64, DiffusionError> {
        let before = self.counter.take().weights;
        let Need { tensors, weights, .. } = self.walk(resolved, size, cancel)?;
        // A large text encoder is there only while it reads, and the same words are not read twice.
        self.passing = self.passing.max((weights - before) as u64);
        let estimating = depth.map_or(0, |depth| depth.weights + depth.tensors);
        Ok(self.weights + self.passing.max(tensors as u64).max(estimating) + BESIDE)
    }

    /// The largest smaller size in the same shape for which `free` bytes suffice.
    ///
    /// # Errors
    /// Cancelled.
    pub fn fitting(
        &mut self,
        resolved: &Resolved,
        free: u64,
        depth: Option<Needs>,
        cancel: &CancelToken,
    ) -> Result<Option<(u32, u32)>, DiffusionError> {
        // Sizes that every model takes.
        let whole = |side: u32, share: f64| ((f64::from(side) * share / 64.0) as u32).max(1) * 64;
        for share in SMALLER {
            let size = (whole(resolved.size.0, share), whole(resolved.size.1, share));
            if self.needs(resolved, size, depth, cancel)? <= free {
                return Ok(Some(size));
            }
        }
        Ok(None)
    }

    /// All that one step of a run does.
    fn walk(
        &mut self,
        resolved: &Resolved,
        (width, height): (u32, u32),
        cancel: &CancelToken,
    ) -> Result<Need, DiffusionError> {
        let request = &resolved.request;
        let unet = self.model.unet_config();
        let task = unet.task();
        let reading = condition::reading(unet, resolved);
        self.model.read_words(&reading, cancel)?;
        let (width, height) = (width as usize, height as usize);
        let factor = self.model.vae_config().factor();
        let cells = (height / factor, width / factor);
        if request.init.is_some() || task == Task::Inpaint {
            let picture = vec![0.0; 3 * width * height];
            self.model.encode(&picture, (height, width), cancel)?;
        }
        let shown = Shown::blank(task, self.model.vae_config().latent_channels, cells);
        let job = Job {
            size: cells,
            steps: 1,
            sampler: resolved.sampler,
            schedule: resolved.schedule,
            eta: None,
            same_as: SameAs::default(),
            guidance: resolved.guidance,
            rescale: 0.0,
            savings: Savings::default(),
            picture_guidance: resolved.picture_guidance,
            sizes: condition::sizes(resolved),
            shown: shown.as_ref(),
            noise: Noise::torch(0),
            later_noise: None,
            variation: None,
            init: None,
            mask: None,
            previews: false,
            from: None,
            until: None,
        };
        let latent = self.model.paint(&job, &mut Nobody, cancel)?;
        self.model.decode(&latent, cells, cancel)?;
        Ok(self.counter.take())
    }
}

/// Watches nothing.
struct Nobody;

impl Watcher for Nobody {
    fn step(&mut self, _step: Step) {}

    fn stopped(&mut self, _state: State) {}
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::painter::load_model;
    use crate::engine::protocol::{ModelSource, PaintRequest};
    use crate::engine::resolve::{describe, resolve};

    #[test]
    fn weights_are_counted_once() {
        let (options, go) = (Options::default(), CancelToken::default());
        let folder = ModelFolder::open(&ModelSource::BuiltIn).unwrap();
        let model = load_model(&folder, options, WeightBits::Full, &go, &mut |_share| {}).unwrap();
        let info = describe(model.as_ref(), &folder, &ModelSource::BuiltIn).unwrap();
        let resolved = resolve(&PaintRequest::default(), &info).unwrap();
        let mut forecaster = Forecaster::new(&folder, options, WeightBits::Full, &go).unwrap();
        let short = Forecaster::new(&folder, options, WeightBits::Eight, &go).unwrap();
        assert!(short.weights() < forecaster.weights(), "8 bits are less than 32");
        let mut beside = |side| {
            let needs = forecaster.needs(&resolved, (side, side), None, &go).unwrap();
            needs - forecaster.weights() - BESIDE
        };
        let (small, large) = (beside(64), beside(512));
        assert!(small < forecaster.weights() / 2, "{small} bytes for the smallest picture");
        assert!(large > 8 * small, "{large} and {small}");
        // Estimating comes before painting, not with it.
        let mut with = |depth| forecaster.needs(&resolved, (512, 512), Some(depth), &go).unwrap();
        let little = Needs { weights: large / 4, tensors: large / 4 };
        let much = Needs { weights: large, tensors: large };
        assert_eq!(with(much) - with(little), large);
    }
}
