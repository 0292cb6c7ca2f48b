//! Small textures of pictures, made once for each key and forgotten when no longer shown.

use std::collections::HashMap;

use egui::{ColorImage, Context, TextureHandle, TextureId, TextureOptions};

use super::super::canvas::mips::Mips;
use crate::app::jobs::Thumb;
use crate::engine::protocol::Picture;
use crate::plane::{DEEPEST, PixelRect, Plane, halved};

/// Longest side of a thumb's texture, in pixels: enough for the largest thumbs at 150 %.
const LONGEST: u32 = 144;

struct Kept {
    texture: TextureHandle,
    used: bool,
}

/// The thumbs that are on the screen.
#[derive(Default)]
pub struct Thumbs {
    kept: HashMap<u64, Kept>,
}

impl Thumbs {
    /// The texture of a picture.
    pub fn texture(&mut self, ctx: &Context, thumb: Thumb<'_>) -> TextureId {
        let key = match thumb {
            Thumb::Finished(picture) => picture.key(),
            Thumb::Estimate(estimate) => estimate.key,
        };
        let kept = self.kept.entry(key).or_insert_with(|| {
            let image = match thumb {
                Thumb::Finished(picture) => halved_to_thumb(picture),
                Thumb::Estimate(estimate) => {
                    let (size, rgba) = shrunk(&estimate.picture);
                    ColorImage::from_rgba_unmultiplied(size, &rgba)
                }
            };
            Kept { texture: ctx.load_texture("thumb", image, TextureOptions::LINEAR), used: true }
        });
        kept.used = true;
        kept.texture.id()
    }

    /// Forgets what was not asked for since the last call.
    pub fn sweep(&mut self) {
        self.kept.retain(|_, kept| std::mem::replace(&mut kept.used, false));
    }
}

/// A picture of any size at thumb size, from the smallest of its halves that is large enough.
fn halved_to_thumb(picture: &Plane<4>) -> ColorImage {
    let mut level = 0;
    while level < DEEPEST && longest(halved(picture.size(), level + 1)) >= LONGEST {
        level += 1;
    }
    let mut mips = Mips::default();
    mips.ensure(picture, PixelRect::whole(picture.size()), level);
    let (width, height) = halved(picture.size(), level);
    let mut rgba = Vec::with_capacity(4 * width as usize * height as usize);
    for y in 0..height {
        mips.row(picture, level, y, 0..width, &mut rgba);
    }
    let (size, rgba) = shrunk(&Picture { width, height, rgba });
    ColorImage::from_rgba_premultiplied(size, &rgba)
}

fn longest((width, height): (u32, u32)) -> u32 {
    width.max(height)
}

/// Taps a side that a thumb's pixel is the mean of, at most.
const TAPS: u64 = 4;

/// A picture at thumb size: each pixel the mean of a few taps, which is enough at this size.
fn shrunk(picture: &Picture) -> ([usize; 2], Vec<u8>) {
    let longest = picture.width.max(picture.height);
    let scale = (f64::from(LONGEST) / f64::from(longest)).min(1.0);
    let side = |length: u32| ((f64::from(length) * scale).round() as u32).max(1);
    let (width, height) = (side(picture.width), side(picture.height));
    let mut rgba = Vec::with_capacity((width * height * 4) as usize);
    let taps = u64::from(longest.div_ceil(LONGEST)).min(TAPS);
    let source = |at: u64, of: u32, length: u32| {
        (at * u64::from(length) / (u64::from(of) * taps)).min(u64::from(length) - 1)
    };
    for y in 0..u64::from(height) {
        for x in 0..u64::from(width) {
            let mut sum = [0u32; 4];
            for tap in 0..taps * taps {
                let from_x = source(x * taps + tap % taps, width, picture.width);
                let from_y = source(y * taps + tap / taps, height, picture.height);
                let at = (from_y * u64::from(picture.width) + from_x) as usize * 4;
                for (sum, value) in sum.iter_mut().zip(&picture.rgba[at..at + 4]) {
                    *sum += u32::from(*value);
                }
            }
            rgba.extend(sum.map(|sum| (sum / (taps * taps) as u32) as u8));
        }
    }
    ([width as usize, height as usize], rgba)
}
