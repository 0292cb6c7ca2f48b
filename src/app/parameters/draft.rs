//! A recipe while it is read: values come as text, are judged, and taken over or reported.
//!
//! Used by the readers beside it. All ranges stand here, so that no reader lets a NaN through.

use std::ops::RangeInclusive;

use super::{Origin, Reading, Recipe, Unhonoured, names};
use crate::app::told::{MOST_TOLD, REFINER_FROM};
use crate::engine::protocol::{Part, PromptStyle, Savings, Variation};

/// The most entries of a report.
const MOST_REPORTED: usize = 200;
/// The longest value of a report, in letters.
const LONGEST_VALUE: usize = 300;
/// The longest side that can be painted, in pixels.
const LONGEST_SIDE: u64 = 4096;
/// The longest side that a model is told of, in pixels.
const TOLD: u64 = MOST_TOLD as u64;
/// What stands for a depth map that was estimated from the picture.
pub(super) const DEPTH_ESTIMATED: &str = "estimated";

/// What a value is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Field {
    Prompt,
    Negative,
    Steps,
    Guidance,
    Rescale,
    GuidanceInterval,
    DeepCache,
    TokenMerging,
    Weights,
    Vae,
    Averaged,
    FewSteps,
    Prediction,
    Seed,
    Size,
    Width,
    Height,
    Sampler,
    Schedule,
    Eta,
    SameAs,
    BatchIndex,
    BatchSize,
    Strength,
    VariationSeed,
    VariationStrength,
    PromptStyle,
    ClipSkip,
    OriginalSize,
    Crop,
    TargetSize,
    Refiner,
    RefinerFrom,
    PictureGuidance,
    Depth,
}

/// A recipe while it is read.
#[derive(Clone, Debug, Default)]
pub(super) struct Draft {
    pub(super) recipe: Recipe,
    unhonoured: Vec<Unhonoured>,
    sides: [Option<u32>; 2],
    /// The schedule as the text has it, until the sampler is known.
    schedule: Option<(String, String)>,
    varied: (Option<u64>, Option<f32>),
    batch: (Option<u32>, Option<u32>),
    refined: (Option<String>, Option<f32>),
}

impl Draft {
    /// Takes a value over, or reports it.
    pub(super) fn take(&mut self, field: Field, key: &str, value: &str) {
        let value = value.trim();
        if self.took(field, key, value).is_none() {
            self.cannot(key, value);
        }
    }

    fn took(&mut self, field: Field, key: &str, value: &str) -> Option<()> {
        let recipe = &mut self.recipe;
        match field {
            Field::Prompt => value.clone_into(&mut recipe.prompt),
            Field::Negative => value.clone_into(&mut recipe.negative),
            Field::Steps => recipe.steps = Some(whole(value, 1..=150)? as u32),
            Field::Guidance => recipe.guidance = Some(number(value, 0.0..=100.0)?),
            Field::Rescale => recipe.guidance_rescale = Some(number(value, 0.0..=1.0)?),
            Field::GuidanceInterval => {
                let (low, high) = value.split_once(' ')?;
                let bound = |text| number(text, 0.0..=Savings::MOST_SIGMA);
                let interval = (bound(low)?, bound(high)?);
                recipe.savings.guidance_interval = Some(interval).filter(|(low, high)| low < high);
                recipe.savings.guidance_interval?;
            }
            Field::DeepCache => {
                let most = u64::from(Savings::MOST_STEPS);
                recipe.savings.deep_cache = Some(whole(value, 2..=most)? as u32);
            }
            Field::TokenMerging => {
                let share = number(value, 0.0..=Savings::MOST_MERGED)?;
                recipe.savings.token_merging = Some(share).filter(|share| *share > 0.0);
            }
            Field::Vae => recipe.vae = Some(shortened(value)).filter(|name| !name.is_empty()),
            Field::Averaged => recipe.averaged = value.parse().ok()?,
            Field::FewSteps => recipe.few_steps = value.parse().ok()?,
            Field::Prediction => recipe.prediction = Some(value.parse().ok()?),
            Field::Weights => recipe.weights = Some(value.parse().ok()?),
            Field::Seed => recipe.seed = Some(whole(value, 0..=u64::MAX)?),
            Field::Size => recipe.size = Some(pair(value, 1..=LONGEST_SIDE)?),
            Field::Width => self.sides[0] = Some(whole(value, 1..=LONGEST_SIDE)? as u32),
            Field::Height => self.sides[1] = Some(whole(value, 1..=LONGEST_SIDE)? as u32),
            Field::Sampler => {
                let (sampler, schedule) = names::sampler(value)?;
                recipe.sampler = Some(sampler);
                if let Some(schedule) = schedule {
                    self.schedule = Some((key.to_owned(), schedule.to_owned()));
                }
            }
            Field::Schedule => self.schedule = Some((key.to_owned(), value.to_owned())),
            Field::Eta => recipe.eta = Some(number(value, 0.0..=1.0)?),
            Field::SameAs => recipe.same_as = Some(value.parse().ok()?),
            Field::BatchIndex => self.batch.0 = Some(whole(value, 0..=999)? as u32),
            Field::BatchSize => self.batch.1 = Some(whole(value, 1..=1000)? as u32),
            Field::Strength => {
                recipe.strength =
                    Some(number(value, 0.0..=1.0).filter(|strength| *strength > 0.0)?);
            }
            Field::VariationSeed => self.varied.0 = Some(whole(value, 0..=u64::MAX)?),
            Field::PromptStyle => recipe.prompt_style = Some(value.parse().ok()?),
            Field::ClipSkip => recipe.clip_skip = Some(whole(value, 1..=12)? as u32),
            Field::VariationStrength => self.varied.1 = Some(number(value, 0.0..=1.0)?),
            Field::OriginalSize => recipe.original_size = Some(pair(value, 1..=TOLD)?),
            Field::Crop => recipe.crop = Some(pair(value, 0..=TOLD)?),
            Field::TargetSize => recipe.target_size = Some(pair(value, 1..=TOLD)?),
            Field::Refiner => {
                // A1111 writes the beginning of the file's sum behind its name.
                let name = value.split_once(" [").map_or(value, |(name, _)| name);
                self.refined.0 = Some(shortened(name)).filter(|name| !name.is_empty());
            }
            Field::RefinerFrom => self.refined.1 = Some(number(value, 0.0..=1.0)?),
            Field::PictureGuidance => recipe.picture_guidance = Some(number(value, 1.0..=100.0)?),
            Field::Depth => {
                recipe.depth_estimated = value == DEPTH_ESTIMATED;
                recipe.depth_estimated.then_some(())?;
            }
        }
        Some(())
    }

    /// Reports what is not done.
    pub(super) fn cannot(&mut self, key: &str, value: &str) {
        let entry = Unhonoured { key: shortened(key), value: shortened(value) };
        if self.unhonoured.len() < MOST_REPORTED && !self.unhonoured.contains(&entry) {
            self.unhonoured.push(entry);
        }
    }

    /// Older texts name no schedule: it is the one that the sampler then had.
    pub(super) fn schedule_of_sampler(&mut self) {
        if self.schedule.is_none()
            && let Some(sampler) = self.recipe.sampler
        {
            self.recipe.schedule = names::old_schedule(sampler);
        }
    }

    /// Puts together what came in parts.
    pub(super) fn finish(mut self, origin: Origin) -> Reading {
        if let Some((key, name)) = self.schedule.take() {
            match names::schedule(&name, self.recipe.sampler) {
                Ok(schedule) => self.recipe.schedule = schedule,
                Err(names::Unknown) => self.cannot(&key, &name),
            }
        }
        match self.sides {
            [Some(width), Some(height)] => self.recipe.size = Some((width, height)),
            [Some(width), None] => self.cannot("width", &width.to_string()),
            [None, Some(height)] => self.cannot("height", &height.to_string()),
            [None, None] => {}
        }
        match self.varied {
            (Some(seed), Some(strength)) => {
                self.recipe.variation = Some(Variation { seed, strength });
            }
            (Some(seed), None) => self.cannot("Variation seed", &seed.to_string()),
            (None, Some(by)) => self.cannot("Variation seed strength", &by.to_string()),
            (None, None) => {}
        }
        match self.refined {
            (Some(ref name), from) => {
                self.recipe.refiner = Some((name.clone(), from.unwrap_or(REFINER_FROM)));
            }
            (None, Some(from)) => self.cannot("Refiner switch at", &from.to_string()),
            (None, None) => {}
        }
        if origin == Origin::ComfyUi {
            self.recipe.prompt_style = Some(PromptStyle::Comfy);
        }
        if let (Some(index), Some(of)) = self.batch
            && index < of
        {
            self.recipe.batch = Some(Part { index, of });
        }
        Reading { origin, recipe: self.recipe, unhonoured: self.unhonoured }
    }
}

/// A whole number, also written as "20.0".
fn whole(text: &str, range: RangeInclusive<u64>) -> Option<u64> {
    let exact = text.parse::<u64>().ok();
    let rounded = || {
        let value = text.parse::<f64>().ok()?;
        (value.fract() == 0.0 && (0.0..9e15).contains(&value)).then_some(value as u64)
    };
    exact.or_else(rounded).filter(|value| range.contains(value))
}

/// Two whole numbers with anything between them: "512x768".
fn pair(text: &str, range: RangeInclusive<u64>) -> Option<(u32, u32)> {
    let numbers = text.split(|c: char| !c.is_ascii_digit() && c != '.' && c != '-');
    let numbers = numbers.filter(|part| !part.is_empty());
    let numbers: Vec<u32> =
        numbers.map(|one| Some(whole(one, range.clone())? as u32)).collect::<Option<_>>()?;
    let [first, second] = numbers[..] else { return None };
    Some((first, second))
}

/// A number in a range, which "NaN" is never in.
fn number(text: &str, range: RangeInclusive<f32>) -> Option<f32> {
    text.parse().ok().filter(|value| range.contains(value))
}

fn shortened(text: &str) -> String {
    let text = text.trim();
    match text.char_indices().nth(LONGEST_VALUE) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}
