//! Where a run's steps lie between pure noise and the finished picture.

use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::samplers::{UnknownName, simplified};

/// How the steps are spread over the training timesteps.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Schedule {
    /// Every (T / n)-th timestep from 0, plus the model's offset.
    Leading,
    /// Every (T / n)-th timestep down from the last.
    Trailing,
    /// Evenly from the first to the last timestep.
    Linspace,
    /// Karras et al. 2022, equation 5, rho 7.
    Karras,
}

impl Schedule {
    /// All of them, in the order of menus.
    pub const ALL: [Self; 4] = [Self::Trailing, Self::Leading, Self::Linspace, Self::Karras];

    /// The name shown to users and written into pictures.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Leading => "Leading",
            Self::Trailing => "Trailing",
            Self::Linspace => "Linspace",
            Self::Karras => "Karras",
        }
    }
}

impl FromStr for Schedule {
    type Err = UnknownName;

    fn from_str(name: &str) -> Result<Self, UnknownName> {
        let wanted = simplified(name);
        Self::ALL
            .into_iter()
            .find(|schedule| simplified(schedule.name()) == wanted)
            .ok_or_else(|| UnknownName::new("schedule", name, &Self::ALL.map(Self::name)))
    }
}
