//! Where the time goes: seconds and arithmetic of each kind of verb.
//!
//! Always kept: reading the clock costs nothing beside a verb.

use std::sync::{Mutex, PoisonError};
use std::time::Instant;

/// Kinds of verbs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operator {
    /// Convolutions, with what is fused to them.
    Convolution,
    /// Linear layers, with what is fused to them.
    Linear,
    /// Attention without its projections.
    Attention,
    /// Group and layer norms, with their activations.
    Norm,
    /// Copies and the rest.
    Other,
}

impl Operator {
    /// All of them, in the order of tables.
    pub const ALL: [Self; 5] =
        [Self::Convolution, Self::Linear, Self::Attention, Self::Norm, Self::Other];

    /// The name in tables.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Convolution => "convolution",
            Self::Linear => "linear",
            Self::Attention => "attention",
            Self::Norm => "norm",
            Self::Other => "other",
        }
    }
}

/// What a kind of verb has cost.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Share {
    /// Calls.
    pub calls: usize,
    /// Seconds.
    pub secs: f64,
    /// Floating-point operations; a multiplication with its addition is two. Counted as the
    /// plain algorithm would do them.
    pub flop: f64,
}

/// The costs so far, by [`Operator::ALL`].
#[derive(Default)]
pub struct Profile {
    shares: Mutex<[Share; Operator::ALL.len()]>,
}

impl Profile {
    /// Runs a verb of so many operations and adds it up.
    pub fn of<T>(&self, operator: Operator, flop: usize, verb: impl FnOnce() -> T) -> T {
        let start = Instant::now();
        let result = verb();
        let secs = start.elapsed().as_secs_f64();
        let mut shares = self.shares.lock().unwrap_or_else(PoisonError::into_inner);
        let share = &mut shares[operator as usize];
        share.calls += 1;
        share.secs += secs;
        share.flop += flop as f64;
        result
    }

    /// The costs since the last call.
    pub fn take(&self) -> [Share; Operator::ALL.len()] {
        std::mem::take(&mut *self.shares.lock().unwrap_or_else(PoisonError::into_inner))
    }
}
