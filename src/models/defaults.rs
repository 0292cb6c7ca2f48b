//! What a model's maker recommends: the optional `pentimento.json` in its folder.
//!
//! Read by [`super::folder`] when a model is opened. Whatever it leaves out is decided from the
//! model's own configuration, elsewhere.

use serde::{Deserialize, Deserializer, de::Error};

use super::config::noise::{NoiseConfig, Prediction};
use super::config::unet::UNetConfig;
use crate::types::Example;
use crate::types::Sampler;
use crate::types::Schedule;

/// A model's recommendations; every one may be missing.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Extras {
    /// Name to show.
    pub name: Option<String>,
    /// What kind of model it is, for people.
    pub family: Option<String>,
    /// Sampling steps, 1..=150.
    pub steps: Option<u32>,
    /// Guidance scale, 0 or more.
    pub guidance: Option<f32>,
    /// Sampler, by the name users see.
    #[serde(deserialize_with = "by_name")]
    pub sampler: Option<Sampler>,
    /// Schedule, by the name users see.
    #[serde(deserialize_with = "by_name")]
    pub schedule: Option<Schedule>,
    /// Width and height it was trained at, in pixels.
    pub native_size: Option<(u32, u32)>,
    /// A form of it that paints in few steps.
    pub few_steps: Option<FewSteps>,
    /// Prompts that it does well.
    pub examples: Vec<Example>,
    /// How a latent looks without decoding it.
    pub preview: Option<PreviewFactors>,
}

/// What makes a model paint in few steps, and what is recommended then.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FewSteps {
    /// Low-rank factors for the UNet: a file in the folder, its parts joined by `/`.
    pub factors: String,
    /// Sampling steps, 1..=150. They are taken without guidance.
    pub steps: u32,
}

/// A linear map from a latent cell to a colour: `rgb = bias + Σ factors[c] * latent[c]`, in -1..=1.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PreviewFactors {
    /// One colour for each latent channel.
    pub factors: Vec<[f32; 3]>,
    /// The colour of a latent of zeros.
    #[serde(default)]
    pub bias: [f32; 3],
}

impl Extras {
    /// Reads the file's text and checks its values.
    ///
    /// # Errors
    /// What is wrong, for people; an unknown key is named.
    pub fn parse(text: &str) -> Result<Self, String> {
        // A list would be read as the fields in order.
        if !text.trim_start().starts_with('{') {
            return Err("it is not a JSON object".to_owned());
        }
        let extras: Self = serde_json::from_str(text).map_err(|error| error.to_string())?;
        let few = extras.few_steps.as_ref();
        let steps = extras.steps.into_iter().chain(few.map(|few| few.steps));
        if steps.into_iter().any(|steps| !(1..=150).contains(&steps)) {
            return Err("steps must be 1 to 150".to_owned());
        }
        if extras.guidance.is_some_and(|scale| !scale.is_finite() || scale < 0.0) {
            return Err("guidance must be 0 or more".to_owned());
        }
        if extras.native_size.is_some_and(|(width, height)| width == 0 || height == 0) {
            return Err("native_size must be at least 1 by 1".to_owned());
        }
        let outside = |part: &str| part.is_empty() || part == ".." || part.contains(['\\', ':']);
        if few.is_some_and(|few| few.factors.split('/').any(outside)) {
            return Err("few_steps needs a file in the model's own folder".to_owned());
        }
        if let Some(preview) = &extras.preview {
            let mut values = preview.factors.iter().flatten().chain(&preview.bias);
            if preview.factors.is_empty() || !values.all(|value| value.is_finite()) {
                return Err("preview needs one finite colour for each latent channel".to_owned());
            }
        }
        Ok(extras)
    }
}

/// Steps and guidance where the folder does not recommend any.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Usual {
    /// Sampling steps.
    pub steps: u32,
    /// Guidance scale.
    pub guidance: f32,
}

impl Usual {
    /// By how the model was distilled, if it was. The scale embedded, or LCM's own scheduler:
    /// latent consistency (Luo et al. 2023). Noise predicted over the trailing steps of an Euler
    /// scheduler: adversarial distillation (Sauer et al. 2023; SD-Turbo and SDXL-Turbo), which is
    /// run without guidance.
    #[must_use]
    pub fn of(unet: &UNetConfig, noise: &NoiseConfig) -> Self {
        let euler = matches!(noise.sampler, Sampler::Euler | Sampler::EulerAncestral);
        let turbo = euler
            && noise.schedule == Schedule::Trailing
            && noise.prediction == Prediction::Epsilon
            && !noise.zero_terminal_snr;
        if unet.guidance_embedding.is_some() {
            Self { steps: 4, guidance: 8.5 }
        } else if noise.sampler == Sampler::Lcm || turbo {
            Self { steps: 4, guidance: 1.0 }
        } else {
            Self { steps: 20, guidance: 7.5 }
        }
    }
}

/// Names are those of menus and messages, not those of the code.
fn by_name<'de, D, T>(deserializer: D) -> Result<Option<T>, D::Error>
where
    D: Deserializer<'de>,
    T: std::str::FromStr<Err: std::fmt::Display>,
{
    let name = Option::<String>::deserialize(deserializer)?;
    name.map(|name| name.parse().map_err(D::Error::custom)).transpose()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(text: &str, word: &str) {
        let reason = Extras::parse(text).unwrap_err();
        assert!(reason.contains(word), "{reason}");
    }

    #[test]
    fn everything_may_be_missing_or_there() {
        assert_eq!(Extras::parse("{}"), Ok(Extras::default()));
        let text = r#"{"name": "N", "steps": 20, "guidance": 4, "sampler": "ddim",
            "schedule": "Trailing", "native_size": [256, 128],
            "few_steps": {"factors": "few_step/weights.safetensors", "steps": 4},
            "examples": [{"prompt": "a fox", "seed": 3}],
            "preview": {"factors": [[1, 0, 0]], "bias": [0, 0, 0.5]}}"#;
        let extras = Extras::parse(text).unwrap();
        assert_eq!(extras.sampler, Some(Sampler::Ddim));
        assert_eq!(extras.schedule, Some(Schedule::Trailing));
        assert_eq!(extras.native_size, Some((256, 128)));
        assert_eq!(extras.few_steps.unwrap().steps, 4);
        assert_eq!(extras.examples[0].seed, 3);
        assert_eq!(extras.preview.unwrap().bias, [0.0, 0.0, 0.5]);
    }

    #[test]
    fn mistakes_are_named() {
        refused(r#"{"stepps": 20}"#, "stepps");
        refused(r#"{"preview": {"factors": [[1, 0, 0]], "biass": [0, 0, 0]}}"#, "biass");
        refused(r#"{"sampler": "magic"}"#, "Known: ");
        refused(r#"{"steps": 0}"#, "steps");
        refused(r#"{"guidance": -1}"#, "guidance");
        refused(r#"{"few_steps": {"factors": "a", "steps": 0}}"#, "steps");
        for outside in ["../a", "/a", "a/../../b", "c:a"] {
            let text = format!(r#"{{"few_steps": {{"factors": "{outside}", "steps": 4}}}}"#);
            refused(&text, "own folder");
        }
        refused(r#"{"preview": {"factors": []}}"#, "preview");
        refused("[]", "not a JSON object");
        refused("{", "EOF");
    }
}
