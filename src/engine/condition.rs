//! From a request to what a model is told and shown: its words, its sizes, and for one with more
//! channels than the latent's a masked picture, a depth map, or the picture to edit.
//!
//! Called by the painter and its forecast, once a job. Each does what diffusers' pipeline of that kind does
//! (`StableDiffusionInpaintPipeline`, `…Depth2ImgPipeline`, `…InstructPix2PixPipeline`).

use super::compose;
use super::depth;
use super::protocol::{InpaintMask, PaintRequest, Posterior};
use super::resolve::{Resolved, refused};
use super::worker::Stop;
use crate::cancel::CancelToken;
use crate::diffusion::conditioning::{Branches, Shown, ToldSizes};
use crate::diffusion::depth::DepthMap;
use crate::diffusion::pipeline::Model;
use crate::diffusion::text::encoders::Reading;
use crate::models::config::unet::UNetConfig;
use crate::models::identify::Task;
use crate::plane::Plane;

/// Coverage from which on a pixel lies in the hole.
const HOLE: u8 = 128;

/// The prompts that this UNet goes by, and how they are read.
#[must_use]
pub fn reading(unet: &UNetConfig, resolved: &Resolved) -> Reading {
    let request = &resolved.request;
    let branches = Branches::of(unet, resolved.guidance, resolved.picture_guidance);
    Reading {
        prompts: branches.prompts(&request.negative, &request.prompt),
        style: request.prompt_style,
        clip_skip: request.clip_skip as usize,
    }
}

/// What the model is shown; nothing for one that takes the latent alone.
///
/// # Errors
/// The request lacks the picture that this kind of model needs; cancelled.
pub fn shown(
    model: &dyn Model,
    resolved: &Resolved,
    cancel: &CancelToken,
) -> Result<Option<Shown>, Stop> {
    let request = &resolved.request;
    let (width, height) = resolved.size;
    let size = (height as usize, width as usize);
    let vae = model.vae_config();
    let factor = vae.factor();
    let cells = (size.0 / factor, size.1 / factor);
    Ok(match model.unet_config().task() {
        Task::Plain | Task::Unknown => None,
        Task::Depth => Some(Shown::Depth(match (&request.conditions.depth, &resolved.near) {
            (Some(depth), _) => depth::cells(&lightness(depth), cells),
            (None, Some(near)) => depth::cells(near, cells),
            (None, None) if request.init.is_some() => {
                return refused(
                    "This model paints after a depth map, and nothing is here that estimates it \
                     from the picture: download depth-anything/Depth-Anything-V2-Small-hf, or name \
                     its weights (--depth-model on the command line)",
                );
            }
            (None, None) => {
                return refused(
                    "This model paints after a depth map: open a picture to take it from, or give \
                     it a map (--depth-image on the command line), light where things are near",
                );
            }
        })),
        Task::Edit => {
            let Some(init) = &request.init else {
                return refused("This model changes a picture as it is told: open one first");
            };
            let pixels = compose::flattened(&init.picture, resolved.size);
            let posterior = model.encode(&compose::planes(&pixels), size, cancel)?;
            let unscaled = |value: &f32| value / vae.scaling_factor + vae.shift_factor;
            Some(Shown::Picture(posterior.mean.iter().map(unscaled).collect()))
        }
        Task::Inpaint => {
            let hole = hole(request.mask.as_ref(), resolved.size);
            let mut planes = match &request.init {
                Some(init) => compose::planes(&compose::flattened(&init.picture, resolved.size)),
                None => vec![0.0; 3 * size.0 * size.1],
            };
            for (value, hole) in planes.iter_mut().zip(hole.iter().cycle()) {
                if *hole {
                    *value = 0.0;
                }
            }
            // As torch's `interpolate` has it by default: the first pixel of each cell.
            let mask = (0..cells.0).flat_map(|row| {
                let hole = &hole;
                (0..cells.1).map(move |column| hole[row * factor * size.1 + column * factor])
            });
            Some(Shown::Masked {
                mask: mask.map(|hole| if hole { 1.0 } else { 0.0 }).collect(),
                picture: model.encode(&planes, size, cancel)?,
                sampled: request
                    .init
                    .as_ref()
                    .is_some_and(|init| init.posterior == Posterior::Sample),
            })
        }
    })
}

/// How far a run leaves the initial picture, and whether the mask is held around it: `None` where
/// the run starts from noise alone. A model that is shown the picture needs no holding, but an edit
/// model, which sees all of it.
#[must_use]
pub fn start(task: Task, request: &PaintRequest) -> Option<f32> {
    let init = request.init.as_ref()?;
    match task {
        Task::Edit => request.mask.is_some().then_some(1.0),
        Task::Inpaint => (init.strength < 1.0).then_some(init.strength),
        _ => Some(init.strength),
    }
}

/// The sizes that a model with micro-conditioning is told.
#[must_use]
pub fn sizes(resolved: &Resolved) -> ToldSizes {
    let conditions = &resolved.request.conditions;
    ToldSizes {
        original: conditions.original_size.unwrap_or(resolved.size),
        crop: conditions.crop,
        target: conditions.target_size.unwrap_or(resolved.size),
    }
}

/// Which pixels at the working size lie in the hole: without a mask, all.
fn hole(mask: Option<&InpaintMask>, (width, height): (u32, u32)) -> Vec<bool> {
    let Some(mask) = mask else { return vec![true; width as usize * height as usize] };
    let values = mask.coverage.to_flat();
    let (own_width, own_height) = mask.coverage.size();
    let at = |index: u32, from: u32, to: u32| {
        (u64::from(index) * u64::from(from) / u64::from(to)) as usize
    };
    let rows = (0..height).map(|y| at(y, own_height, height) * own_width as usize);
    let pixels = rows.flat_map(|row| (0..width).map(move |x| row + at(x, own_width, width)));
    pixels.map(|pixel| values[pixel] >= HOLE).collect()
}

/// A depth map from its picture: how light it is.
fn lightness(depth: &Plane<4>) -> DepthMap {
    let (width, height) = depth.size();
    let light = |pixel: &[u8]| {
        // Rec. 601.
        0.299 * f32::from(pixel[0]) + 0.587 * f32::from(pixel[1]) + 0.114 * f32::from(pixel[2])
    };
    let values = depth.to_flat().chunks_exact(4).map(light).collect();
    DepthMap { size: (height as usize, width as usize), values }
}

#[cfg(test)]
mod tests {
    use super::super::protocol::FillArea;
    use super::*;

    fn grey(width: u32, height: u32, value: impl Fn(u32) -> u8) -> Plane<4> {
        let pixels = (0..width * height).flat_map(|index| {
            let value = value(index % width);
            [value, value, value, 255]
        });
        Plane::from_flat((width, height), &pixels.collect::<Vec<u8>>())
    }

    #[test]
    fn depth_is_stretched_to_its_whole_range() {
        let cells = depth::cells(&lightness(&grey(32, 16, |x| 50 + 4 * x as u8)), (2, 4));
        assert_eq!((cells[0], cells[3], cells.len()), (-1.0, 1.0, 8));
        assert!((cells[1] + 1.0 / 3.0).abs() < 1e-3, "{cells:?}");
        assert_eq!(depth::cells(&lightness(&grey(8, 8, |_| 77)), (2, 2)), [0.0; 4]);
    }

    #[test]
    fn half_covered_pixels_lie_in_the_hole() {
        let coverage = Plane::from_flat((4, 2), &[0, 127, 128, 255, 0, 0, 0, 0]);
        let mask = InpaintMask { coverage, feather_px: 0.0, area: FillArea::Whole };
        let row = [false, false, true, true];
        assert_eq!(hole(Some(&mask), (4, 1)), row);
        assert_eq!(hole(Some(&mask), (2, 1)), [false, true]);
        assert_eq!(hole(None, (2, 1)), [true; 2]);
    }
}
