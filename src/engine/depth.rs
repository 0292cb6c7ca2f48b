//! Depth from the picture itself, for a depth model that is given no depth map.
//!
//! Called once a job, while the request is made into what the model is shown. The weights are the
//! user's: named in the request, or in the cache that the Hugging Face hub's tools share.

use std::path::Path;

use super::compose;
use super::resolve::refused;
use super::worker::Stop;
use crate::cancel::CancelToken;
use crate::diffusion::depth::resize::bicubic;
use crate::diffusion::depth::{DepthMap, DepthNetwork, working_size};
use crate::diffusion::error::DiffusionError;
use crate::files::hub::HubSettings;
use crate::models::depth;
use crate::ops::cpu::Cpu;
use crate::plane::Plane;

/// Estimates how near everything in a picture is, with the weights at `chosen` or those that are
/// found.
///
/// # Errors
/// There are none, they cannot be read, or cancelled.
pub fn estimated(
    picture: &Plane<4>,
    chosen: Option<&Path>,
    cancel: &CancelToken,
) -> Result<DepthMap, Stop> {
    let found = match chosen {
        Some(path) => Some(path.to_owned()),
        None => depth::in_cache(&HubSettings::from_environment().cache),
    };
    let Some(path) = found else {
        return refused(
            "This model paints after a depth map, and nothing is here that estimates it from the \
             picture: download depth-anything/Depth-Anything-V2-Small-hf, or name its weights \
             (--depth-model on the command line)",
        );
    };
    let (config, table) = depth::open(&path)?;
    let patch = config.patch;
    let ops = Cpu::default();
    let network = DepthNetwork::load(&ops, config, &table, cancel)?;
    let (width, height) = working_size(picture.size(), patch);
    let rgb = compose::flattened(picture, (width, height));
    let size = (height as usize, width as usize);
    let map = network.estimate(&ops, &rgb, size, cancel)?;
    if map.values.iter().all(|value| value.is_finite()) {
        Ok(map)
    } else {
        Err(DiffusionError::Decoding.into())
    }
}

/// A map at the latent's size (height, width), stretched to -1..=1, as diffusers'
/// `StableDiffusionDepth2ImgPipeline` does it; a flat one is 0.
#[must_use]
pub fn cells(map: &DepthMap, cells: (usize, usize)) -> Vec<f32> {
    let values = bicubic(&map.values, map.size, cells);
    let far = values.iter().copied().fold(f32::INFINITY, f32::min);
    let near = values.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    if near <= far {
        return vec![0.0; values.len()];
    }
    values.iter().map(|value| 2.0 * (value - far) / (near - far) - 1.0).collect()
}
