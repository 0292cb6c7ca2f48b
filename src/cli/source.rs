//! From flags to a request: reads the initial picture and the mask, and brings them to size.

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use anyhow::{Result, bail};
use image::imageops::{FilterType, resize};
use image::{GrayImage, Rgba, Rgba32FImage, RgbaImage};

use super::args::Generate;
use crate::document::codec::{Decoded, decode_picture};
use crate::engine::protocol::{
    Conditions, Coverage, FillArea, InitPicture, InpaintMask, ModelChoices, PaintRequest, Picture,
    Posterior, Refiner, Savings, Variation,
};
use crate::files::hub::HubSettings;
use crate::models::depth;

/// The longest picture file that is read, in bytes.
const FILE_LIMIT: u64 = 2 << 30;

/// The request that the flags mean.
pub(super) fn request(args: &Generate) -> Result<PaintRequest> {
    let mut request = PaintRequest {
        model: args.model.clone(),
        choices: ModelChoices {
            vae: args.vae.clone(),
            ema: args.ema,
            prediction: args.prediction,
            weights: args.weights,
            few_steps: args.few_steps,
        },
        prompt: args.prompt.clone(),
        negative: args.negative.clone(),
        prompt_style: args.prompt_style,
        clip_skip: args.clip_skip,
        size: args.size,
        steps: args.steps,
        sampler: args.sampler.map(|(sampler, _)| sampler),
        schedule: args.schedule.or(args.sampler.and_then(|(_, schedule)| schedule)),
        eta: args.eta,
        same_as: args.same_as,
        guidance: args.cfg,
        guidance_rescale: args.cfg_rescale,
        savings: Savings {
            guidance_interval: args.guidance_interval,
            deep_cache: args.deep_cache,
            token_merging: args.token_merging,
        },
        seed: args.seed,
        variation: args
            .variation_seed
            .map(|seed| Variation { seed, strength: args.variation_strength }),
        count: args.count,
        batch: args.batch,
        init: None,
        mask: None,
        conditions: Conditions {
            original_size: args.original_size,
            crop: args.crop,
            target_size: args.target_size,
            picture_guidance: args.image_cfg,
            refiner: args.refiner.clone().map(|model| Refiner { model, from: args.refiner_from }),
            depth: match &args.depth_image {
                Some(path) => Some((&read(path)?).into()),
                None => None,
            },
            depth_model: depth_model(args),
        },
        previews: args.previews.is_some(),
        latents: args.latents.is_some(),
        resume: None,
        anyway: args.anyway,
    };
    let Some(path) = &args.init_image else { return Ok(request) };
    let picture = read(path)?;
    let own_size = (picture.width, picture.height);
    let size = args.size.unwrap_or(own_size);
    if let Some(path) = &args.mask {
        let mask = read(path)?;
        if (mask.width, mask.height) != own_size {
            bail!(
                "The mask is {} × {} pixels and the picture {} × {}; make the mask of the \
                 picture's size: {}",
                mask.width,
                mask.height,
                own_size.0,
                own_size.1,
                path.display()
            );
        }
        let coverage = resized_coverage(coverage(&mask), size);
        let area = if args.fill_around { FillArea::Around } else { FillArea::Whole };
        let coverage = (&coverage).into();
        request.mask = Some(InpaintMask { coverage, feather_px: args.mask_blur, area });
        if request.fill_place().is_some() {
            // The size is the picture's; the part has one of its own.
            request.size = None;
        }
    }
    let usual_strength = if args.mask.is_some() { 1.0 } else { 0.6 };
    request.init = Some(InitPicture {
        picture: (&resized_picture(picture, size)).into(),
        strength: args.strength.unwrap_or(usual_strength),
        posterior: if args.vae_sample { Posterior::Sample } else { Posterior::Mode },
    });
    Ok(request)
}

/// The weights that estimate depth, where it may have to be: those that are named, else those that
/// were downloaded. Models of other kinds let them pass.
fn depth_model(args: &Generate) -> Option<PathBuf> {
    if args.init_image.is_none() || args.depth_image.is_some() {
        return None;
    }
    let named = args.depth_model.clone();
    named.or_else(|| depth::in_cache(&HubSettings::from_environment().cache))
}

fn read(path: &Path) -> Result<Picture> {
    Ok(read_whole(path)?.picture)
}

/// A picture with its texts.
pub(super) fn read_whole(path: &Path) -> Result<Decoded> {
    let shown = || path.display().to_string();
    let mut bytes = Vec::new();
    File::open(path)
        .and_then(|file| file.take(FILE_LIMIT).read_to_end(&mut bytes))
        .map_err(|error| anyhow::anyhow!("The picture cannot be read ({error}): {}", shown()))?;
    match decode_picture(&bytes) {
        Ok(decoded) => Ok(decoded),
        Err(error) => bail!("{error}: {}", shown()),
    }
}

/// White and opaque is painted again; black or transparent is kept.
fn coverage(mask: &Picture) -> Coverage {
    let luminance = |pixel: &[u8]| {
        let [r, g, b, a] = [0, 1, 2, 3].map(|channel| u32::from(pixel[channel]));
        // Rec. 601 in thousandths, times alpha.
        ((299 * r + 587 * g + 114 * b) * a + 127_500) / 255_000
    };
    let values = mask.rgba.chunks_exact(4).map(|pixel| luminance(pixel) as u8).collect();
    Coverage { width: mask.width, height: mask.height, values }
}

fn resized_coverage(coverage: Coverage, (width, height): (u32, u32)) -> Coverage {
    if (coverage.width, coverage.height) == (width, height) {
        return coverage;
    }
    let image = GrayImage::from_raw(coverage.width, coverage.height, coverage.values)
        .expect("a coverage has one byte for each of its pixels");
    let values = resize(&image, width, height, FilterType::Triangle).into_raw();
    Coverage { width, height, values }
}

fn resized_picture(picture: Picture, (width, height): (u32, u32)) -> Picture {
    if (picture.width, picture.height) == (width, height) {
        return picture;
    }
    let opaque = picture.rgba.chunks_exact(4).all(|pixel| pixel[3] == 255);
    let image = RgbaImage::from_raw(picture.width, picture.height, picture.rgba)
        .expect("a picture has four bytes for each of its pixels");
    let filter = FilterType::Lanczos3;
    let rgba = if opaque {
        resize(&image, width, height, filter).into_raw()
    } else {
        // With weights of alpha, so that the colour of what cannot be seen does not bleed.
        unweighted(&resize(&weighted(&image), width, height, filter))
    };
    Picture { width, height, rgba }
}

fn weighted(image: &RgbaImage) -> Rgba32FImage {
    Rgba32FImage::from_fn(image.width(), image.height(), |x, y| {
        let [r, g, b, a] = image.get_pixel(x, y).0.map(|value| f32::from(value) / 255.0);
        Rgba([r * a, g * a, b * a, a])
    })
}

fn unweighted(image: &Rgba32FImage) -> Vec<u8> {
    let byte = |value: f32| (value.clamp(0.0, 1.0) * 255.0).round() as u8;
    let straight = |Rgba([r, g, b, a]): &Rgba<f32>| {
        let scale = if *a > 0.0 { 1.0 / a } else { 0.0 };
        [byte(r * scale), byte(g * scale), byte(b * scale), byte(*a)]
    };
    image.pixels().flat_map(straight).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn picture(width: u32, height: u32, pixel: [u8; 4]) -> Picture {
        Picture { width, height, rgba: pixel.repeat((width * height) as usize) }
    }

    #[test]
    fn white_and_opaque_is_painted_again() {
        let check = |pixel: [u8; 4], expected: u8| {
            assert_eq!(coverage(&picture(2, 1, pixel)).values, [expected; 2], "{pixel:?}");
        };
        check([255, 255, 255, 255], 255);
        check([0, 0, 0, 255], 0);
        check([255, 255, 255, 0], 0);
        check([255, 255, 255, 128], 128);
        check([128, 128, 128, 255], 128);
        check([255, 0, 0, 255], 76);
    }

    #[test]
    fn plain_colours_survive_another_size() {
        for pixel in [[10, 200, 30, 255], [10, 200, 30, 100]] {
            assert_eq!(resized_picture(picture(7, 5, pixel), (12, 3)), picture(12, 3, pixel));
        }
        let invisible = resized_picture(picture(4, 4, [9, 9, 9, 0]), (8, 8));
        assert!(invisible.rgba.chunks_exact(4).all(|pixel| pixel[3] == 0));
        let full = Coverage { width: 3, height: 3, values: vec![255; 9] };
        assert_eq!(resized_coverage(full, (5, 2)).values, [255; 10]);
    }
}
