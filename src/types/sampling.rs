//! The names of what a run is done with: samplers, schedules, and the program whose picture it is
//! to be.

use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::UnknownName;

/// The sampling algorithms. Each file under `diffusion/samplers` cites its paper.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Sampler {
    /// Denoising diffusion probabilistic models: the training's own way back.
    Ddpm,
    /// Denoising diffusion implicit models.
    Ddim,
    /// Pseudo numerical methods, linear multistep (known as PLMS).
    Pndm,
    /// Euler's method.
    Euler,
    /// Euler's method with fresh noise at each step.
    EulerAncestral,
    /// Heun's method, two model calls a step.
    Heun,
    /// DPM-Solver-2, two model calls a step.
    Dpm2,
    /// DPM-Solver-2 with fresh noise at each step.
    Dpm2Ancestral,
    /// Linear multistep (Adams–Bashforth), fourth order.
    Lms,
    /// DPM-Solver++, second order, single step, with fresh noise at each step.
    DpmPp2SAncestral,
    /// DPM-Solver++, second order, multistep.
    DpmPp2M,
    /// DPM-Solver++ of the stochastic equation, two model calls a step.
    DpmPpSde,
    /// DPM-Solver++ of the stochastic equation, second order, multistep.
    DpmPp2MSde,
    /// DPM-Solver++ of the stochastic equation, third order, multistep.
    DpmPp3MSde,
    /// Unified predictor and corrector.
    UniPc,
    /// Exponential integrator, second order, multistep.
    Deis,
    /// Latent consistency sampling, for distilled models.
    Lcm,
    /// Trajectory consistency sampling, for distilled models.
    Tcd,
}

impl Sampler {
    /// All of them, in the order of menus.
    pub const ALL: [Self; 18] = [
        Self::DpmPp2M,
        Self::DpmPpSde,
        Self::DpmPp2MSde,
        Self::DpmPp3MSde,
        Self::DpmPp2SAncestral,
        Self::Euler,
        Self::EulerAncestral,
        Self::Heun,
        Self::Dpm2,
        Self::Dpm2Ancestral,
        Self::Lms,
        Self::UniPc,
        Self::Deis,
        Self::Ddim,
        Self::Ddpm,
        Self::Pndm,
        Self::Lcm,
        Self::Tcd,
    ];

    /// The name shown to users and written into pictures, as A1111 spells it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Ddpm => "DDPM",
            Self::Ddim => "DDIM",
            Self::Pndm => "PNDM",
            Self::Euler => "Euler",
            Self::EulerAncestral => "Euler a",
            Self::Heun => "Heun",
            Self::Dpm2 => "DPM2",
            Self::Dpm2Ancestral => "DPM2 a",
            Self::Lms => "LMS",
            Self::DpmPp2SAncestral => "DPM++ 2S a",
            Self::DpmPp2M => "DPM++ 2M",
            Self::DpmPpSde => "DPM++ SDE",
            Self::DpmPp2MSde => "DPM++ 2M SDE",
            Self::DpmPp3MSde => "DPM++ 3M SDE",
            Self::UniPc => "UniPC",
            Self::Deis => "DEIS",
            Self::Lcm => "LCM",
            Self::Tcd => "TCD",
        }
    }

    /// How often it asks the model in a step.
    #[must_use]
    pub fn calls(self) -> u32 {
        match self {
            Self::Heun
            | Self::Dpm2
            | Self::Dpm2Ancestral
            | Self::DpmPp2SAncestral
            | Self::DpmPpSde => 2,
            _ => 1,
        }
    }

    /// How much of the noise it may renew at each step: its usual share, 0 none, 1 all that the
    /// method allows. `None`: it has no such choice.
    #[must_use]
    pub fn eta(self) -> Option<f32> {
        match self {
            Self::Ddim => Some(0.0),
            Self::Tcd => Some(0.3),
            Self::EulerAncestral
            | Self::Dpm2Ancestral
            | Self::DpmPp2SAncestral
            | Self::DpmPpSde
            | Self::DpmPp2MSde
            | Self::DpmPp3MSde => Some(1.0),
            Self::Ddpm
            | Self::Pndm
            | Self::Euler
            | Self::Heun
            | Self::Dpm2
            | Self::Lms
            | Self::DpmPp2M
            | Self::UniPc
            | Self::Deis
            | Self::Lcm => None,
        }
    }
}

/// Names compare without case, spaces, dashes and underscores: "dpm++ 2m", "DPM++2M", "euler-a";
/// "pp" is read as "++".
pub(super) fn simplified(name: &str) -> String {
    let plain: String =
        name.to_lowercase().chars().filter(|c| !matches!(c, ' ' | '-' | '_')).collect();
    plain.replace("dpmpp", "dpm++")
}

impl FromStr for Sampler {
    type Err = UnknownName;

    fn from_str(name: &str) -> Result<Self, UnknownName> {
        let wanted = simplified(name);
        let wanted = match wanted.as_str() {
            "eulerancestral" => "eulera",
            "dpm2ancestral" => "dpm2a",
            "dpm++2sancestral" => "dpm++2sa",
            "plms" => "pndm",
            other => other,
        };
        Self::ALL
            .into_iter()
            .find(|sampler| simplified(sampler.name()) == wanted)
            .ok_or_else(|| UnknownName::new("sampler", name, &Self::ALL.map(Self::name)))
    }
}

/// How the steps are spread between pure noise and the finished picture.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Schedule {
    /// Every (T / n)-th timestep from 0, plus the model's offset.
    Leading,
    /// Every (T / n)-th timestep down from the last.
    Trailing,
    /// Evenly from the first to the last timestep.
    Linspace,
    /// Evenly from the last timestep towards the first, which is left out.
    SgmUniform,
    /// Every (T / n)-th entry of the training noise, from its end.
    Simple,
    /// Karras et al. 2022, equation 5, rho 7.
    Karras,
    /// Evenly in the logarithm of the noise.
    Exponential,
    /// Lee et al. 2024, "Beta Sampling is All You Need": quantiles of Beta(0.6, 0.6).
    Beta,
    /// Sabour et al. 2024, "Align Your Steps": its tables of ten steps, log-linear between them.
    AlignYourSteps,
    /// Sabour et al. 2024, section 3.1: evenly in the arc tangent of the noise.
    KlOptimal,
}

impl Schedule {
    /// All of them, in the order of menus.
    pub const ALL: [Self; 10] = [
        Self::Trailing,
        Self::Leading,
        Self::Linspace,
        Self::SgmUniform,
        Self::Simple,
        Self::Karras,
        Self::Exponential,
        Self::Beta,
        Self::AlignYourSteps,
        Self::KlOptimal,
    ];

    /// The name shown to users and written into pictures.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Leading => "Leading",
            Self::Trailing => "Trailing",
            Self::Linspace => "Linspace",
            Self::SgmUniform => "SGM Uniform",
            Self::Simple => "Simple",
            Self::Karras => "Karras",
            Self::Exponential => "Exponential",
            Self::Beta => "Beta",
            Self::AlignYourSteps => "Align Your Steps",
            Self::KlOptimal => "KL Optimal",
        }
    }
}

impl FromStr for Schedule {
    type Err = UnknownName;

    fn from_str(name: &str) -> Result<Self, UnknownName> {
        let wanted = simplified(name);
        let wanted = match wanted.as_str() {
            "ays" => "alignyoursteps",
            other => other,
        };
        Self::ALL
            .into_iter()
            .find(|schedule| simplified(schedule.name()) == wanted)
            .ok_or_else(|| UnknownName::new("schedule", name, &Self::ALL.map(Self::name)))
    }
}

/// The program that would make the same picture of the same words, numbers and seed. Programs
/// differ in where noise comes from, how a batch shares it, and how they lay out the steps.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum SameAs {
    /// This one: steps as diffusers lays them, torch's CPU noise, a seed for each picture.
    #[default]
    Pentimento,
    /// diffusers with one CPU generator for all pictures of a batch.
    Diffusers,
    /// diffusers with one CUDA generator for all pictures of a batch.
    DiffusersCuda,
    /// A1111 as it is installed: CUDA's noise, a seed for each picture.
    A1111,
    /// A1111 with its noise set to the CPU.
    A1111Cpu,
    /// ComfyUI on the CPU: one draw for the batch, the samplers' noise from the seed + 1.
    ComfyUi,
    /// ComfyUI on a CUDA card: the first noise from the CPU, the samplers' from the card.
    ComfyUiCuda,
}

impl SameAs {
    /// All of them, in the order of menus.
    pub const ALL: [Self; 7] = [
        Self::Pentimento,
        Self::Diffusers,
        Self::DiffusersCuda,
        Self::A1111,
        Self::A1111Cpu,
        Self::ComfyUi,
        Self::ComfyUiCuda,
    ];

    /// The name shown to users and written into pictures.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Pentimento => "Pentimento",
            Self::Diffusers => "diffusers",
            Self::DiffusersCuda => "diffusers CUDA",
            Self::A1111 => "A1111",
            Self::A1111Cpu => "A1111 CPU",
            Self::ComfyUi => "ComfyUI",
            Self::ComfyUiCuda => "ComfyUI CUDA",
        }
    }

    /// Whether all pictures of a batch share one seed and one generator, each taking its part of
    /// every draw, instead of counting the seed up.
    #[must_use]
    pub fn shares_batch(self) -> bool {
        match self {
            Self::Pentimento | Self::A1111 | Self::A1111Cpu => false,
            Self::Diffusers | Self::DiffusersCuda | Self::ComfyUi | Self::ComfyUiCuda => true,
        }
    }
}

impl FromStr for SameAs {
    type Err = UnknownName;

    fn from_str(name: &str) -> Result<Self, UnknownName> {
        let wanted = simplified(name);
        Self::ALL
            .into_iter()
            .find(|program| simplified(program.name()) == wanted)
            .ok_or_else(|| UnknownName::new("program", name, &Self::ALL.map(Self::name)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_reads_back() {
        for sampler in Sampler::ALL {
            assert_eq!(sampler.name().parse(), Ok(sampler));
            assert_eq!(sampler.name().to_uppercase().replace(' ', "-").parse(), Ok(sampler));
        }
        for schedule in Schedule::ALL {
            assert_eq!(schedule.name().parse(), Ok(schedule));
        }
        for program in SameAs::ALL {
            assert_eq!(program.name().parse(), Ok(program));
        }
        assert_eq!("dpmpp_2m_sde".parse(), Ok(Sampler::DpmPp2MSde));
        assert_eq!("PLMS".parse(), Ok(Sampler::Pndm));
        assert!("DPM fast".parse::<Sampler>().is_err());
    }
}
