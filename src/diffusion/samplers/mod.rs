//! The samplers: one algorithm a file, a `step` over a storable state.

use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// The sampling algorithms.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Sampler {
    /// Denoising diffusion implicit models, eta 0.
    Ddim,
    /// Euler's method.
    Euler,
    /// Euler's method with fresh noise at each step.
    EulerAncestral,
    /// DPM-Solver++, second order, multistep.
    DpmPp2M,
    /// Heun's method, two model calls a step.
    Heun,
    /// Latent consistency sampling, for distilled models.
    Lcm,
}

impl Sampler {
    /// All of them, in the order of menus.
    pub const ALL: [Self; 6] =
        [Self::DpmPp2M, Self::Euler, Self::EulerAncestral, Self::Heun, Self::Ddim, Self::Lcm];

    /// The name shown to users and written into pictures, as A1111 spells it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Ddim => "DDIM",
            Self::Euler => "Euler",
            Self::EulerAncestral => "Euler a",
            Self::DpmPp2M => "DPM++ 2M",
            Self::Heun => "Heun",
            Self::Lcm => "LCM",
        }
    }
}

/// A name that no sampler or schedule has.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("There is no {what} called '{name}'. Known: {known}")]
pub struct UnknownName {
    what: &'static str,
    name: String,
    known: String,
}

impl UnknownName {
    pub(crate) fn new(what: &'static str, name: &str, known: &[&str]) -> Self {
        Self { what, name: name.to_owned(), known: known.join(", ") }
    }
}

/// Names compare without case, spaces, dashes and underscores: "dpm++ 2m", "DPM++2M", "euler-a".
pub(crate) fn simplified(name: &str) -> String {
    name.to_lowercase().chars().filter(|c| !matches!(c, ' ' | '-' | '_')).collect()
}

impl FromStr for Sampler {
    type Err = UnknownName;

    fn from_str(name: &str) -> Result<Self, UnknownName> {
        let wanted = simplified(name);
        let wanted = match wanted.as_str() {
            "eulerancestral" => "eulera",
            "dpmpp2m" => "dpm++2m",
            other => other,
        };
        Self::ALL
            .into_iter()
            .find(|sampler| simplified(sampler.name()) == wanted)
            .ok_or_else(|| UnknownName::new("sampler", name, &Self::ALL.map(Self::name)))
    }
}
