//! The models in memory: the one that was asked for last, and those before it while there is room,
//! so that going back to them takes no time. The network that estimates depth stays as they do, and
//! is the first to go.
//!
//! Used by the painter.

use std::sync::Arc;
use std::time::Instant;

use super::depth::{self, Estimator};
use super::forecast::Forecaster;
use super::memory::{self, gigabytes};
use super::painter::{Backend, Options, load_model};
use super::protocol::{
    Event, FailureKind, JobError, ModelChoices, ModelInfo, ModelSource, Notice, Phase, Task,
};
use super::resolve::{self, Resolved};
use super::worker::{Reporter, Stop};
use crate::diffusion::depth::DepthMap;
use crate::diffusion::pipeline::Model;
use crate::models::ModelFolder;
use crate::models::folder::Remark;

/// A model in memory.
pub struct Resident {
    /// The model.
    pub model: Box<dyn Model>,
    /// What others may know of it.
    pub info: Arc<ModelInfo>,
    /// What was taken otherwise than its files have it.
    choices: ModelChoices,
    /// `None` where the backend's memory is not the processor's.
    forecaster: Option<Forecaster>,
}

impl Resident {
    /// What it is shown beside the latent.
    fn task(&self) -> Task {
        self.info.task
    }

    /// Bytes of its weights, as far as they are known.
    fn weights(&self) -> u64 {
        self.forecaster.as_ref().map_or(0, Forecaster::weights)
    }
}

/// All models in memory.
pub struct Residents {
    options: Options,
    /// The one that was asked for last is the last.
    models: Vec<Resident>,
    /// What estimates depth for depth models.
    depth: Option<Estimator>,
}

impl Residents {
    /// None yet.
    #[must_use]
    pub fn new(options: Options) -> Self {
        Self { options, models: Vec::new(), depth: None }
    }

    /// Forgets all of them.
    pub fn clear(&mut self) {
        self.models.clear();
        self.depth = None;
    }

    /// Makes sure that the model is in memory and the last of all; says how long that took.
    /// `anyway`: even where the memory seems too small.
    ///
    /// # Errors
    /// Cancelled, the model cannot be read, or it does not fit.
    pub fn load(
        &mut self,
        source: &ModelSource,
        choices: &ModelChoices,
        anyway: bool,
        reporter: &Reporter<'_>,
    ) -> Result<f64, Stop> {
        let load_secs = self.bring(source, choices, anyway, reporter)?;
        let of_depth = |one: &Estimator| (ModelSource::Path(one.path().to_owned()), one.weights());
        let of_model = |model: &Resident| (model.info.source.clone(), model.weights());
        let resident =
            self.depth.iter().map(of_depth).chain(self.models.iter().map(of_model)).collect();
        let job = reporter.job;
        if let Some(last) = self.models.last() {
            let info = Arc::clone(&last.info);
            reporter.say(Event::ModelReady { job, info, resident, load_secs });
        }
        Ok(load_secs)
    }

    /// The same without saying that the model is ready: for one that helps the user's own.
    ///
    /// # Errors
    /// As [`Self::load`].
    pub fn bring(
        &mut self,
        source: &ModelSource,
        choices: &ModelChoices,
        anyway: bool,
        reporter: &Reporter<'_>,
    ) -> Result<f64, Stop> {
        let start = Instant::now();
        let same = |model: &Resident| model.info.source == *source && model.choices == *choices;
        let at = self.models.iter().position(same);
        let model = match at {
            Some(at) => self.models.remove(at),
            None => self.read(source, choices, anyway, reporter)?,
        };
        self.models.push(model);
        Ok(start.elapsed().as_secs_f64())
    }

    fn read(
        &mut self,
        source: &ModelSource,
        choices: &ModelChoices,
        anyway: bool,
        reporter: &Reporter<'_>,
    ) -> Result<Resident, Stop> {
        let job = reporter.job;
        reporter.say(Event::Phase { job, phase: Phase::ReadingModel(0.0) });
        let folder = ModelFolder::open_with(source, choices)?;
        if let Some(last) = self.models.last_mut() {
            last.model.rest();
        }
        let forecaster = match self.options.backend {
            Backend::Cpu => {
                Some(Forecaster::new(&folder, self.options, choices.weights, reporter.cancel)?)
            }
            Backend::Candle => {
                // What lies on another device is not counted.
                self.models.clear();
                None
            }
        };
        let weights = forecaster.as_ref().map_or(0, Forecaster::weights);
        while let Some(free) = self.free().filter(|free| weights > *free) {
            if self.depth.take().is_some() {
                continue;
            }
            if self.models.is_empty() {
                if anyway {
                    break;
                }
                return Err(too_large(weights, free, None));
            }
            self.models.remove(0);
        }
        let mut progress =
            |share| reporter.say(Event::Phase { job, phase: Phase::ReadingModel(share) });
        let (bits, cancel) = (choices.weights, reporter.cancel);
        let model = load_model(&folder, self.options, bits, cancel, &mut progress)?;
        let info = Arc::new(resolve::describe(model.as_ref(), &folder, source)?);
        for remark in folder.remarks() {
            reporter.say(Event::Notice { job, notice: noticed(remark) });
        }
        Ok(Resident { model, info, choices: choices.clone(), forecaster })
    }

    /// The model that was asked for last.
    pub fn last(&mut self) -> Option<&mut Resident> {
        self.models.last_mut()
    }

    /// Makes room for a painting with the last model, at the cost of the others.
    ///
    /// # Errors
    /// Cancelled, or there is not enough memory even so.
    pub fn make_room(&mut self, resolved: &Resolved, reporter: &Reporter<'_>) -> Result<(), Stop> {
        let (job, cancel) = (reporter.job, reporter.cancel);
        let wanted = self.last().and_then(|last| depth::wanted(last.task(), resolved));
        let estimating = match wanted {
            Some((picture, path)) => Some(depth::needs(path, picture.size(), cancel)?),
            None => None,
        };
        while let Some(free) = self.free() {
            let others = self.models.len() > 1;
            let Some(model) = self.models.last_mut() else { break };
            let Some(forecaster) = &mut model.forecaster else { break };
            let same = |one: &&Estimator| wanted.is_some_and(|(_, path)| one.path() == path);
            let estimator = self.depth.as_ref().filter(same).map_or(0, Estimator::weights);
            let free = free + forecaster.weights() + estimator;
            let needs = forecaster.needs(resolved, resolved.size, estimating, cancel)?;
            if needs > free && estimator == 0 && self.depth.take().is_some() {
                continue;
            }
            if needs > free && others {
                self.models.remove(0);
                continue;
            }
            reporter.say(Event::Forecast { job, needs, free });
            if needs <= free || resolved.request.anyway {
                break;
            }
            let fits = forecaster.fitting(resolved, free, estimating, cancel)?;
            return Err(too_large(needs, free, fits));
        }
        Ok(())
    }

    /// Estimates how near everything in the picture is, if the last model paints after that and has
    /// no map. Room was made for it. The network stays if the painting fits beside it.
    ///
    /// # Errors
    /// Cancelled, or the weights cannot be read.
    pub fn estimate_depth(
        &mut self,
        resolved: &Resolved,
        reporter: &Reporter<'_>,
    ) -> Result<Option<DepthMap>, Stop> {
        let (job, cancel) = (reporter.job, reporter.cancel);
        let task = self.models.last().map(Resident::task);
        let Some((picture, path)) = task.and_then(|task| depth::wanted(task, resolved)) else {
            return Ok(None);
        };
        reporter.say(Event::Phase { job, phase: Phase::EncodingPicture });
        let there = self.depth.take().filter(|one| one.path() == path);
        let estimator = if let Some(there) = there {
            there
        } else {
            let weights = depth::needs(path, picture.size(), cancel)?.weights;
            Estimator::read(path, weights, cancel)?
        };
        let estimator = self.depth.insert(estimator);
        let map = estimator.map(picture, cancel)?;
        let free = self.free();
        let forecaster = self.models.last_mut().and_then(|model| model.forecaster.as_mut());
        if let (Some(free), Some(forecaster)) = (free, forecaster)
            && forecaster.needs(resolved, resolved.size, None, cancel)?
                > free + forecaster.weights()
        {
            self.depth = None;
        }
        Ok(Some(map))
    }

    /// Bytes that may still be taken beside the models; `None` where nobody knows.
    fn free(&self) -> Option<u64> {
        let depth = self.depth.as_ref().map_or(0, Estimator::weights);
        let held = || depth + self.models.iter().map(Resident::weights).sum::<u64>();
        match self.options.memory {
            Some(budget) => Some(budget.saturating_sub(held())),
            None => memory::available(),
        }
    }
}

/// What was decided while a model was opened, as its user hears of it.
fn noticed(remark: &Remark) -> Notice {
    match remark.clone() {
        Remark::Borrowed { component, from } => Notice::PartBorrowed { component, from },
        Remark::Guessed { prediction } => Notice::PredictionGuessed { prediction },
    }
}

fn too_large(needs: u64, free: u64, fits: Option<(u32, u32)>) -> Stop {
    let (needs, free) = (gigabytes(needs), gigabytes(free));
    let message = format!("Needs {needs} GB, {free} GB are free");
    Stop::Failed(JobError { message, kind: FailureKind::Memory { fits } })
}
