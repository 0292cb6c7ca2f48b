//! The names that other programs have for samplers and schedules.

use crate::engine::protocol::{Sampler, Schedule};

/// A sampler, and the schedule that its name carries in older A1111 texts ("DPM++ 2M Karras") and
/// in InvokeAI's (`dpmpp_2m_k`).
pub(super) fn sampler(name: &str) -> Option<(Sampler, Option<&'static str>)> {
    let lower = name.trim().to_lowercase();
    if let Some(sampler) = plain_sampler(&lower) {
        return Some((sampler, None));
    }
    for (ending, schedule) in [
        (" karras", "karras"),
        (" exponential", "exponential"),
        ("_karras", "karras"),
        ("_k", "karras"),
    ] {
        if let Some(sampler) = lower.strip_suffix(ending).and_then(plain_sampler) {
            return Some((sampler, Some(schedule)));
        }
    }
    None
}

fn plain_sampler(name: &str) -> Option<Sampler> {
    let simple = simplified(name);
    // k-diffusion's functions and the first programs over it say "k_" or "sample_" before each.
    let simple = simple.strip_prefix("sample").unwrap_or(&simple);
    let simple = match simple.strip_prefix('k') {
        Some(rest) => rest,
        None => simple,
    };
    // ComfyUI's name for drawing on the card what is drawn anyway.
    let simple = simple.strip_suffix("gpu").unwrap_or(simple).replace("dpmpp", "dpm++");
    Some(match simple.as_str() {
        "euler" => Sampler::Euler,
        "eulera" | "eulerancestral" => Sampler::EulerAncestral,
        "heun" => Sampler::Heun,
        "dpm2" => Sampler::Dpm2,
        "dpm2a" | "dpm2ancestral" => Sampler::Dpm2Ancestral,
        "lms" => Sampler::Lms,
        "dpm++2sa" | "dpm++2sancestral" => Sampler::DpmPp2SAncestral,
        "dpm++2m" => Sampler::DpmPp2M,
        "dpm++sde" => Sampler::DpmPpSde,
        "dpm++2msde" => Sampler::DpmPp2MSde,
        "dpm++3msde" => Sampler::DpmPp3MSde,
        "unipc" => Sampler::UniPc,
        "deis" => Sampler::Deis,
        "ddim" => Sampler::Ddim,
        "ddpm" => Sampler::Ddpm,
        "pndm" | "plms" => Sampler::Pndm,
        "lcm" => Sampler::Lcm,
        "tcd" => Sampler::Tcd,
        _ => return None,
    })
}

/// No schedule of this program has the name.
pub(super) struct Unknown;

/// A schedule; none is "as the model says". Names differ, but they lay the steps alike:
/// k-diffusion's uniform one is diffusers' linspace, DDIM's own its leading one, and the
/// polyexponential one is with its usual power the exponential.
pub(super) fn schedule(name: &str, sampler: Option<Sampler>) -> Result<Option<Schedule>, Unknown> {
    Ok(Some(match simplified(name).as_str() {
        "karras" => Schedule::Karras,
        "exponential" | "polyexponential" => Schedule::Exponential,
        "uniform" | "normal" | "linspace" => Schedule::Linspace,
        "sgmuniform" => Schedule::SgmUniform,
        "simple" => Schedule::Simple,
        "trailing" => Schedule::Trailing,
        "ddimuniform" | "ddim" | "leading" => Schedule::Leading,
        "beta" => Schedule::Beta,
        "alignyoursteps" | "ays" => Schedule::AlignYourSteps,
        "kloptimal" => Schedule::KlOptimal,
        "automatic" => return sampler.map(automatic).ok_or(Unknown),
        _ => return Err(Unknown),
    }))
}

/// A1111's "Automatic".
fn automatic(sampler: Sampler) -> Option<Schedule> {
    match sampler {
        Sampler::DpmPp2M
        | Sampler::DpmPpSde
        | Sampler::DpmPp2SAncestral
        | Sampler::Dpm2
        | Sampler::Dpm2Ancestral => Some(Schedule::Karras),
        Sampler::DpmPp2MSde | Sampler::DpmPp3MSde => Some(Schedule::Exponential),
        other => old_schedule(other),
    }
}

/// What A1111 used before it named schedules.
pub(super) fn old_schedule(sampler: Sampler) -> Option<Schedule> {
    match sampler {
        Sampler::Ddim | Sampler::Pndm => Some(Schedule::Leading),
        Sampler::Lcm | Sampler::Tcd => None,
        _ => Some(Schedule::Linspace),
    }
}

fn simplified(name: &str) -> String {
    name.trim().to_lowercase().chars().filter(|c| !matches!(c, ' ' | '-' | '_')).collect()
}
