//! The real generator: models in memory, one job at a time.

use super::protocol::{FailureKind, JobError, Request};
use super::worker::{Done, Generator, Reporter, Stop};

/// Which implementation of the layers computes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Backend {
    /// Own kernels on the processor.
    #[default]
    Cpu,
    /// Plain candle tensors: the twin that tests hold against, and the way to a graphics card.
    Candle,
}

/// What is decided once, at start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Options {
    /// Which implementation computes.
    pub backend: Backend,
    /// Threads for computing; `None`: the physical cores.
    pub threads: Option<usize>,
}

/// Loads models and paints.
pub struct Painter {
    _options: Options,
}

impl Painter {
    /// Makes a painter without a model; the first request loads one.
    #[must_use]
    pub fn new(options: Options) -> Self {
        Self { _options: options }
    }
}

impl Generator for Painter {
    fn run(&mut self, _request: &Request, _reporter: &Reporter<'_>) -> Result<Done, Stop> {
        Err(Stop::Failed(JobError { message: "no model".to_owned(), kind: FailureKind::Model }))
    }

    fn reset(&mut self) {}
}
