//! The `parameters` text that A1111 made the custom: what a picture was made from, for people and programs.
//!
//! Used by the window's save and by the command line. It builds text; [`crate::document::codec`]
//! puts it into the file.

use crate::engine::protocol::PaintRequest;

/// The text for one picture of `request`, which must have its defaults filled in
/// (as [`crate::engine::protocol::Event::Finished`] returns it).
#[must_use]
pub fn infotext(request: &PaintRequest, seed: u64, size: (u32, u32), model_name: &str) -> String {
    let mut text = request.prompt.trim_end().to_owned();
    if !request.negative.trim().is_empty() {
        text.push_str("\nNegative prompt: ");
        text.push_str(request.negative.trim_end());
    }
    let mut fields: Vec<(&str, String)> = Vec::new();
    if let Some(steps) = request.steps {
        fields.push(("Steps", steps.to_string()));
    }
    if let Some(sampler) = request.sampler {
        fields.push(("Sampler", sampler.name().to_owned()));
    }
    if let Some(schedule) = request.schedule {
        fields.push(("Schedule type", schedule.name().to_owned()));
    }
    if let Some(guidance) = request.guidance {
        fields.push(("CFG scale", guidance.to_string()));
    }
    fields.push(("Seed", seed.to_string()));
    fields.push(("Size", format!("{}x{}", size.0, size.1)));
    fields.push(("Model", model_name.to_owned()));
    if let Some(init) = &request.init {
        fields.push(("Denoising strength", init.strength.to_string()));
    }
    if let Some(mask) = &request.mask {
        fields.push(("Mask blur", mask.feather_px.to_string()));
    }
    if request.guidance_rescale > 0.0 {
        fields.push(("CFG Rescale phi", request.guidance_rescale.to_string()));
    }
    fields.push(("Version", format!("pentimento {}", env!("CARGO_PKG_VERSION"))));
    let fields: Vec<String> =
        fields.into_iter().map(|(name, value)| format!("{name}: {}", quoted(value))).collect();
    text.push('\n');
    text.push_str(&fields.join(", "));
    text
}

/// A1111's custom: a value that would break the list apart is written as a JSON string.
fn quoted(value: String) -> String {
    if value.contains([',', ':', '\n']) {
        serde_json::Value::String(value).to_string()
    } else {
        value
    }
}

/// What can be taken over from such a text: the words and the numbers that the panel has.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Recipe {
    /// The prompt.
    pub prompt: String,
    /// The negative prompt.
    pub negative: String,
    /// Sampling steps.
    pub steps: Option<u32>,
    /// Guidance scale.
    pub guidance: Option<f32>,
    /// The seed.
    pub seed: Option<u64>,
    /// The algorithm, if this program has it.
    pub sampler: Option<crate::engine::protocol::Sampler>,
    /// The schedule, if this program has it.
    pub schedule: Option<crate::engine::protocol::Schedule>,
}

/// Reads such a text. What it does not know it leaves out; it never fails.
#[must_use]
pub fn parse(text: &str) -> Recipe {
    let mut recipe = Recipe::default();
    let (words, fields) = match text.rfind("\nSteps: ") {
        Some(at) => (&text[..at], &text[at + 1..]),
        None => (text, ""),
    };
    match words.split_once("Negative prompt: ") {
        Some((prompt, negative)) => {
            prompt.trim_end().clone_into(&mut recipe.prompt);
            negative.trim_end().clone_into(&mut recipe.negative);
        }
        None => words.trim_end().clone_into(&mut recipe.prompt),
    }
    for field in fields.split(", ") {
        let Some((name, value)) = field.split_once(": ") else { continue };
        match name {
            "Steps" => recipe.steps = value.parse().ok(),
            "CFG scale" => recipe.guidance = value.parse().ok(),
            "Seed" => recipe.seed = value.parse().ok(),
            "Sampler" => recipe.sampler = value.parse().ok(),
            "Schedule type" => recipe.schedule = value.parse().ok(),
            _ => {}
        }
    }
    recipe
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::engine::protocol::{InitPicture, Picture, Posterior, Sampler, Schedule};

    fn request() -> PaintRequest {
        PaintRequest {
            prompt: "a red fox, snow".to_owned(),
            negative: "text".to_owned(),
            steps: Some(20),
            sampler: Some(Sampler::DpmPp2M),
            schedule: Some(Schedule::Karras),
            guidance: Some(7.0),
            ..PaintRequest::default()
        }
    }

    #[test]
    fn reads_like_a1111() {
        let text = infotext(&request(), 1, (512, 512), "my, model");
        let version = env!("CARGO_PKG_VERSION");
        assert_eq!(
            text,
            format!(
                "a red fox, snow\nNegative prompt: text\nSteps: 20, Sampler: DPM++ 2M, \
                 Schedule type: Karras, CFG scale: 7, Seed: 1, Size: 512x512, \
                 Model: \"my, model\", Version: pentimento {version}"
            )
        );
    }

    #[test]
    fn says_the_strength_of_a_repaint() {
        let picture = Arc::new(Picture { width: 1, height: 1, rgba: vec![0; 4] });
        let init = InitPicture { picture, strength: 0.6, posterior: Posterior::Mode };
        let request = PaintRequest { init: Some(init), ..request() };
        assert!(infotext(&request, 1, (8, 8), "m").contains("Denoising strength: 0.6, "));
    }

    #[test]
    fn comes_back() {
        let recipe = parse(&infotext(&request(), 42, (512, 512), "m"));
        assert_eq!(recipe.prompt, "a red fox, snow");
        assert_eq!(recipe.negative, "text");
        assert_eq!((recipe.steps, recipe.seed), (Some(20), Some(42)));
        assert_eq!((recipe.guidance, recipe.sampler), (Some(7.0), Some(Sampler::DpmPp2M)));
        assert_eq!(parse("just words").prompt, "just words");
    }
}
