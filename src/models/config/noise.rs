//! `scheduler/scheduler_config.json`: how the model was trained to see noise, and which sampler
//! and schedule its makers chose. Keys of samplers that are not used are let pass.

use serde_json::{Value, json};

use super::Reader;
use crate::models::error::ModelError;
use crate::models::folder::ModelFolder;
pub use crate::types::Prediction;
use crate::types::Sampler;
use crate::types::Schedule;

/// The training noise as configured.
#[derive(Clone, Debug, PartialEq)]
pub struct NoiseConfig {
    /// The variance added at each training timestep, in f32 as torch computes it.
    pub betas: Vec<f32>,
    /// Whether the last timestep is rescaled to pure noise (Lin et al. 2023, algorithm 1).
    pub zero_terminal_snr: bool,
    /// What the UNet's output means.
    pub prediction: Prediction,
    /// Added to each timestep of the leading spacing.
    pub steps_offset: usize,
    /// Whether the last step of DDIM and PNDM goes to a picture without noise instead of timestep 0;
    /// `None`: not said.
    pub set_alpha_to_one: Option<bool>,
    /// The makers' sampler.
    pub sampler: Sampler,
    /// The makers' schedule.
    pub schedule: Schedule,
}

impl NoiseConfig {
    /// Reads and checks the file.
    ///
    /// # Errors
    /// A key is contradictory or asks for something that is not implemented.
    pub fn read(folder: &ModelFolder) -> Result<Self, ModelError> {
        let reader = Reader::open(folder, "scheduler/scheduler_config.json")?;
        let prediction = match reader.word("prediction_type", "epsilon")? {
            "epsilon" => Prediction::Epsilon,
            "v_prediction" => Prediction::V,
            "sample" => Prediction::Sample,
            _ => return Err(reader.wrong("prediction_type", "epsilon, v_prediction or sample")),
        };
        let zero_terminal_snr = reader.flag("rescale_betas_zero_snr", false)?;
        if zero_terminal_snr && prediction == Prediction::Epsilon {
            return Err(reader.error(
                "The configuration's 'rescale_betas_zero_snr' contradicts its 'prediction_type' \
                 epsilon: pure noise says nothing of the picture",
            ));
        }
        let (sampler, usual_spacing) = match reader.word("_class_name", "DDIMScheduler")? {
            "DDIMScheduler" => (Sampler::Ddim, "leading"),
            "EulerDiscreteScheduler" => (Sampler::Euler, "linspace"),
            "EulerAncestralDiscreteScheduler" => (Sampler::EulerAncestral, "linspace"),
            "HeunDiscreteScheduler" => (Sampler::Heun, "linspace"),
            "LCMScheduler" => (Sampler::Lcm, "leading"),
            "TCDScheduler" => (Sampler::Tcd, "leading"),
            "KDPM2DiscreteScheduler" => (Sampler::Dpm2, "linspace"),
            "KDPM2AncestralDiscreteScheduler" => (Sampler::Dpm2Ancestral, "linspace"),
            "DPMSolverSDEScheduler" => (Sampler::DpmPpSde, "linspace"),
            "UniPCMultistepScheduler" => (Sampler::UniPc, "linspace"),
            "DEISMultistepScheduler" => (Sampler::Deis, "linspace"),
            "DPMSolverMultistepScheduler"
                if reader.word("algorithm_type", "dpmsolver++")? == "sde-dpmsolver++" =>
            {
                (Sampler::DpmPp2MSde, "linspace")
            }
            "PNDMScheduler" => (Sampler::DpmPp2M, "leading"),
            // Whatever else it names (the training's own among them), this one does well on every
            // model in few steps.
            _ => (Sampler::DpmPp2M, "linspace"),
        };
        let usual_spacing = if zero_terminal_snr { "trailing" } else { usual_spacing };
        let schedule = match reader.word("timestep_spacing", usual_spacing)? {
            _ if reader.flag("use_karras_sigmas", false)? => Schedule::Karras,
            _ if reader.flag("use_exponential_sigmas", false)? => Schedule::Exponential,
            _ if reader.flag("use_beta_sigmas", false)? => Schedule::Beta,
            "leading" => Schedule::Leading,
            "trailing" => Schedule::Trailing,
            "linspace" => Schedule::Linspace,
            _ => return Err(reader.wrong("timestep_spacing", "leading, trailing or linspace")),
        };
        reader.only(&[("thresholding", json!(false))])?;
        let steps_offset = reader.get("steps_offset").map_or(Some(0), Value::as_u64);
        let config = Self {
            betas: betas(&reader)?,
            zero_terminal_snr,
            prediction,
            steps_offset: steps_offset
                .and_then(|offset| usize::try_from(offset).ok())
                .ok_or_else(|| reader.wrong("steps_offset", "a whole number"))?,
            set_alpha_to_one: match reader.get("set_alpha_to_one") {
                Some(_) => Some(reader.flag("set_alpha_to_one", true)?),
                None => None,
            },
            sampler,
            schedule,
        };
        if config.steps_offset >= config.betas.len() {
            return Err(reader.wrong("steps_offset", "a number below num_train_timesteps"));
        }
        Ok(config)
    }
}

fn betas(reader: &Reader) -> Result<Vec<f32>, ModelError> {
    let count = reader.size("num_train_timesteps", 1000)?;
    if !(2..=100_000).contains(&count) {
        return Err(reader.wrong("num_train_timesteps", "2 to 100000"));
    }
    let start = reader.number("beta_start", 0.0001)?;
    let end = reader.number("beta_end", 0.02)?;
    let trained = reader.get("trained_betas");
    let betas = match (trained, reader.word("beta_schedule", "linear")?) {
        (Some(list), _) => {
            let betas: Option<Vec<f32>> = list
                .as_array()
                .filter(|list| list.len() == count)
                .and_then(|list| list.iter().map(|beta| beta.as_f64().map(|b| b as f32)).collect());
            betas.ok_or_else(|| {
                reader.wrong("trained_betas", &format!("a list of {count} numbers"))
            })?
        }
        (None, "linear") => linspace(start as f32, end as f32, count),
        (None, "scaled_linear") => {
            // The roots are taken before torch rounds them.
            let roots = linspace(start.sqrt() as f32, end.sqrt() as f32, count);
            roots.into_iter().map(|root| root * root).collect()
        }
        (None, "squaredcos_cap_v2") => cosine(count),
        _ => {
            let wanted = "linear, scaled_linear or squaredcos_cap_v2";
            return Err(reader.wrong("beta_schedule", wanted));
        }
    };
    if betas.iter().any(|beta| !(0.0..=1.0).contains(beta)) {
        return Err(reader.error("The configuration's betas leave the range 0 to 1"));
    }
    Ok(betas)
}

/// `torch.linspace` in f32: counted from both ends to the middle.
fn linspace(start: f32, end: f32, count: usize) -> Vec<f32> {
    let step = (end - start) / (count - 1) as f32;
    (0..count)
        .map(|i| {
            if i < count / 2 {
                step.mul_add(i as f32, start)
            } else {
                (-step).mul_add((count - 1 - i) as f32, end)
            }
        })
        .collect()
}

/// Nichol & Dhariwal 2021, equation 17, each beta at most 0.999.
fn cosine(count: usize) -> Vec<f32> {
    let alpha_bar = |i: usize| {
        let time = i as f64 / count as f64;
        ((time + 0.008) / 1.008 * std::f64::consts::FRAC_PI_2).cos().powi(2)
    };
    (0..count).map(|i| (1.0 - alpha_bar(i + 1) / alpha_bar(i)).min(0.999) as f32).collect()
}
