//! The files of a diffusers folder that say nothing of tensors: scheduler, index, tokenizers. A
//! single file does not have them; each family's makers published them.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Read;
use std::path::Path;

use serde_json::{Value, json};

use super::Family;
use crate::models::TensorFile;
use crate::types::Prediction;

/// Steps after which the models with 512 pixels of SD 2.x were published; those with 768 predict
/// the velocity. diffusers tells them apart by the same number.
const SD2_BASE_STEPS: &str = "875000";
/// Model cards in safetensors' metadata (Stability's `modelspec`).
const CARD: [&str; 2] = ["modelspec.prediction_type", "modelspec.architecture"];

/// Bytes of a configuration that are read; they have some thousand.
const LONGEST_YAML: u64 = 1 << 16;

/// What a UNet's output means, and how that was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Predicts {
    /// What it means.
    pub prediction: Prediction,
    /// Whether the noisiest step is pure noise.
    pub zero_snr: bool,
    /// What decided it, for people.
    pub because: String,
    /// Whether that was no more than a guess.
    pub guessed: bool,
}

/// Finds out what a single file's UNet predicts.
#[must_use]
pub fn predicts(file: &TensorFile, path: &Path, family: Family, plain: bool) -> Predicts {
    let zero_snr = file.has("ztsnr");
    let found = |prediction, because: &str| Predicts {
        prediction,
        zero_snr: zero_snr && prediction == Prediction::V,
        because: because.to_owned(),
        guessed: false,
    };
    if file.has("v_pred") {
        return found(Prediction::V, "the file holds the mark 'v_pred'");
    }
    let note = |key: &str| file.notes().get(key).map(|note| note.to_lowercase());
    match note(CARD[0]).as_deref() {
        Some("v" | "v_prediction" | "v-prediction") => {
            return found(Prediction::V, "its metadata says so (modelspec.prediction_type)");
        }
        Some("epsilon" | "eps") => {
            return found(Prediction::Epsilon, "its metadata says so (modelspec.prediction_type)");
        }
        _ => {}
    }
    if note(CARD[1]).is_some_and(|kind| kind.contains("768-v")) {
        return found(Prediction::V, "its metadata says so (modelspec.architecture)");
    }
    if beside_says_v(path) {
        return found(Prediction::V, "the .yaml file beside it says so");
    }
    if family != Family::Sd2 {
        return found(Prediction::Epsilon, "its family does");
    }
    if !plain {
        return found(Prediction::Epsilon, "models of SD 2.x with more channels do");
    }
    match note("global_step").as_deref() {
        Some(SD2_BASE_STEPS) => {
            return found(Prediction::Epsilon, "it was trained for 875000 steps, as SD 2.x base");
        }
        Some(_) => return found(Prediction::V, "of SD 2.x only base has no velocity"),
        None => {}
    }
    let name = path.file_stem().map(|name| name.to_string_lossy().to_lowercase());
    let name = name.unwrap_or_default();
    let prediction = if ["turbo", "base", "512"].iter().any(|word| name.contains(word)) {
        Prediction::Epsilon
    } else {
        Prediction::V
    };
    Predicts { guessed: true, ..found(prediction, "guessed from the file's name") }
}

/// Whether the configuration that older programs want beside a checkpoint has the velocity.
fn beside_says_v(path: &Path) -> bool {
    let mut text = String::new();
    let file = File::open(path.with_extension("yaml")).ok();
    let read = file.map(|file| file.take(LONGEST_YAML).read_to_string(&mut text));
    let mut lines = text.lines().filter_map(|line| line.trim().strip_prefix("parameterization:"));
    matches!(read, Some(Ok(_))) && lines.any(|value| matches!(value.trim(), "\"v\"" | "'v'" | "v"))
}

/// `scheduler/scheduler_config.json`, as the family's makers published it.
#[must_use]
pub fn scheduler(family: Family, predicts: &Predicts, distilled: bool) -> Value {
    let mut config = json!({
        "_class_name": "PNDMScheduler",
        "beta_end": 0.012,
        "beta_schedule": "scaled_linear",
        "beta_start": 0.000_85,
        "clip_sample": false,
        "num_train_timesteps": 1000,
        "prediction_type": predicts.prediction.name(),
        "set_alpha_to_one": false,
        "skip_prk_steps": true,
        "steps_offset": 1,
        "timestep_spacing": "leading",
        "trained_betas": null,
    });
    if distilled {
        config["_class_name"] = "LCMScheduler".into();
        config["original_inference_steps"] = 50.into();
        config["set_alpha_to_one"] = true.into();
    } else if matches!(family, Family::Sdxl | Family::Refiner) {
        config["_class_name"] = "EulerDiscreteScheduler".into();
        config["interpolation_type"] = "linear".into();
        config["use_karras_sigmas"] = false.into();
    } else if predicts.prediction == Prediction::V {
        config["_class_name"] = "DDIMScheduler".into();
    }
    if predicts.zero_snr {
        config["rescale_betas_zero_snr"] = true.into();
        config["timestep_spacing"] = "trailing".into();
    }
    config
}

/// `model_index.json`.
#[must_use]
pub fn index(family: Family, plain: bool, encoders: &[String]) -> Value {
    let pipeline = match (family, plain) {
        (Family::Refiner, _) => "StableDiffusionXLImg2ImgPipeline",
        (Family::Sdxl, true) => "StableDiffusionXLPipeline",
        (Family::Sdxl, false) => "StableDiffusionXLInpaintPipeline",
        (_, true) => "StableDiffusionPipeline",
        (_, false) => "StableDiffusionInpaintPipeline",
    };
    let mut index = json!({
        "_class_name": pipeline,
        "unet": ["diffusers", "UNet2DConditionModel"],
        "vae": ["diffusers", "AutoencoderKL"],
    });
    for encoder in encoders {
        let class =
            if encoder == "text_encoder" { "CLIPTextModel" } else { "CLIPTextModelWithProjection" };
        index[encoder] = json!(["transformers", class]);
        index[encoder.replace("text_encoder", "tokenizer")] =
            json!(["transformers", "CLIPTokenizer"]);
    }
    match family {
        Family::Sdxl => index["force_zeros_for_empty_prompt"] = true.into(),
        Family::Refiner => {
            index["force_zeros_for_empty_prompt"] = false.into();
            index["requires_aesthetics_score"] = true.into();
        }
        Family::Sd1 | Family::Sd2 => {}
    }
    index
}

/// `tokenizer_config.json` for an encoder: those of OpenCLIP fill up with token 0, "!".
#[must_use]
pub fn tokenizer(open_clip: bool, positions: u64) -> Value {
    json!({
        "bos_token": "<|startoftext|>",
        "eos_token": "<|endoftext|>",
        "model_max_length": positions,
        "pad_token": if open_clip { "!" } else { "<|endoftext|>" },
        "tokenizer_class": "CLIPTokenizer",
        "unk_token": "<|endoftext|>",
    })
}

/// Files of a folder that were made, by their path in it.
pub type Texts = BTreeMap<String, String>;
