//! What is shown of a picture before it is finished: estimates of the end (x0), never noise.
//!
//! Used by the pipeline after each step: a full decode where that is cheap, else the model's small
//! decoder ([`super::preview_decoder`]), else a linear map.

use crate::models::defaults::PreviewFactors;

/// An 8-bit RGB picture as it comes out of the pipeline.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rgb {
    /// Width in pixels.
    pub width: usize,
    /// Height in pixels.
    pub height: usize,
    /// `3 * width * height` bytes.
    pub pixels: Vec<u8>,
}

/// Full decodes may take this share of a run.
const FULL_SHARE: f64 = 0.25;

/// How long things took on this machine with this model, in seconds for a latent cell.
#[derive(Clone, Copy, Debug, Default)]
pub struct Pace {
    /// One step, if one was ever done.
    pub step: Option<f64>,
    /// One decode, if one was ever done.
    pub decode: Option<f64>,
}

impl Pace {
    /// Whether decoding after every step takes at most a quarter of the run. What was never
    /// measured counts as too slow.
    #[must_use]
    pub fn allows_full_decodes(&self) -> bool {
        match (self.step, self.decode) {
            (Some(step), Some(decode)) => decode <= FULL_SHARE * (step + decode),
            _ => false,
        }
    }
}

/// Maps a latent (channels × height × width) to a picture of its own size.
#[must_use]
pub fn linear(latent: &[f32], (height, width): (usize, usize), factors: &PreviewFactors) -> Rgb {
    let cells = height * width;
    let mut pixels = Vec::with_capacity(3 * cells);
    for cell in 0..cells {
        for colour in 0..3 {
            let sum: f32 = factors
                .factors
                .iter()
                .enumerate()
                .map(|(channel, factor)| factor[colour] * latent[channel * cells + cell])
                .sum();
            pixels.push(byte(sum + factors.bias[colour]));
        }
    }
    Rgb { width, height, pixels }
}

/// The picture of decoded values (3 × height × width, about -1..=1).
#[must_use]
pub fn picture(values: &[f32], (height, width): (usize, usize)) -> Rgb {
    let plane = height * width;
    let mut pixels = Vec::with_capacity(3 * plane);
    for pixel in 0..plane {
        pixels.extend((0..3).map(|colour| byte(values[colour * plane + pixel])));
    }
    Rgb { width, height, pixels }
}

/// -1..=1 to 0..=255, rounded as numpy does.
fn byte(value: f32) -> u8 {
    ((value / 2.0 + 0.5).clamp(0.0, 1.0) * 255.0).round_ties_even() as u8
}

/// The factors of a model that brings none: those that stable-diffusion.cpp (MIT) states for the
/// autoencoder of Stable Diffusion 1 and 2.
#[must_use]
pub fn usual_factors(latent_channels: usize) -> Option<PreviewFactors> {
    (latent_channels == 4).then(|| PreviewFactors {
        factors: vec![
            [0.337_366, 0.216_344, 0.257_386],
            [0.165_636, 0.386_828, 0.046_994],
            [-0.267_803, 0.237_036, 0.223_517],
            [-0.178_022, -0.200_862, -0.678_514],
        ],
        bias: [-0.017_478, -0.055_834, -0.105_825],
    })
}
