//! Depth from the picture itself, for a depth model that is given no depth map.
//!
//! Used by [`super::resident`], which keeps the network in memory beside the models, and by
//! [`super::condition`]. The weights are the user's; whoever makes the request says where they are.

use std::path::{Path, PathBuf};

use super::compose;
use super::resolve::Resolved;
use super::worker::Stop;
use crate::cancel::CancelToken;
use crate::diffusion::depth::resize::bicubic;
use crate::diffusion::depth::{DepthMap, DepthNetwork, working_size};
use crate::diffusion::error::DiffusionError;
use crate::models::depth;
use crate::models::identify::Task;
use crate::ops::Ops as _;
use crate::ops::cpu::{Cpu, DType, Isa};
use crate::ops::shapes::Shapes;
use crate::plane::Plane;

/// The network in memory.
pub struct Estimator {
    path: PathBuf,
    patch: usize,
    ops: Cpu,
    network: DepthNetwork<Cpu>,
    weights: u64,
}

/// What estimating takes, in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Needs {
    /// The packed weights.
    pub weights: u64,
    /// Most of all that lies between the layers at once.
    pub tensors: u64,
}

/// The picture and the weights to estimate its depth with; nothing where the model wants none, its
/// map is there already, or one of the two is missing.
#[must_use]
pub fn wanted(task: Task, resolved: &Resolved) -> Option<(&Plane<4>, &Path)> {
    let conditions = &resolved.request.conditions;
    if task != Task::Depth || conditions.depth.is_some() || resolved.near.is_some() {
        return None;
    }
    let init = resolved.request.init.as_ref()?;
    Some((&init.picture, conditions.depth_model.as_deref()?))
}

/// What the network at `path` takes for a picture of `size` (width, height): the same network walks
/// over its shapes.
///
/// # Errors
/// Nothing is there, it is no such network, or cancelled.
pub fn needs(path: &Path, size: (u32, u32), cancel: &CancelToken) -> Result<Needs, Stop> {
    let (config, table) = depth::open(path)?;
    let (width, height) = working_size(size, config.patch);
    // As `Cpu::default` computes.
    let ops = Shapes::new(Isa::best(), DType::F32);
    let counter = ops.counter();
    let network = DepthNetwork::load(&ops, config, &table, cancel)?;
    let blank = vec![0; 3 * width as usize * height as usize];
    network.estimate(&ops, &blank, (height as usize, width as usize), cancel)?;
    let need = counter.take();
    Ok(Needs { weights: need.weights as u64, tensors: need.tensors as u64 })
}

impl Estimator {
    /// Reads the network.
    ///
    /// # Errors
    /// Nothing is there, it is something else, damaged, or cancelled.
    pub fn read(path: &Path, weights: u64, cancel: &CancelToken) -> Result<Self, Stop> {
        let (config, table) = depth::open(path)?;
        let (patch, ops) = (config.patch, Cpu::default());
        let network = DepthNetwork::load(&ops, config, &table, cancel)?;
        Ok(Self { path: path.to_owned(), patch, ops, network, weights })
    }

    /// Where its weights came from.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Bytes that its weights take.
    #[must_use]
    pub fn weights(&self) -> u64 {
        self.weights
    }

    /// How near everything in a picture is.
    ///
    /// # Errors
    /// The numbers overflow, or cancelled.
    pub fn map(&self, picture: &Plane<4>, cancel: &CancelToken) -> Result<DepthMap, Stop> {
        let (width, height) = working_size(picture.size(), self.patch);
        let rgb = compose::flattened(picture, (width, height));
        let size = (height as usize, width as usize);
        let map = self.network.estimate(&self.ops, &rgb, size, cancel);
        // The painting needs the room more.
        self.ops.rest();
        let map = map?;
        if map.values.iter().all(|value| value.is_finite()) {
            Ok(map)
        } else {
            Err(DiffusionError::Decoding.into())
        }
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
