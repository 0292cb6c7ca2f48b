//! Small textures of pictures, made once for each key and forgotten when no longer shown.

use std::collections::HashMap;

use egui::{ColorImage, Context, TextureHandle, TextureId, TextureOptions};

use super::super::canvas::mips::Mips;
use crate::app::jobs::{THUMB_SIDE, Thumb};
use crate::plane::{DEEPEST, PixelRect, Plane, halved};
use crate::types::{Picture, shrunk};

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
    /// The texture of a picture; of a part, that of what lies round it.
    pub fn texture(&mut self, ctx: &Context, thumb: Thumb<'_>) -> TextureId {
        let key = match thumb {
            Thumb::Finished(picture) | Thumb::Part(picture, ..) => picture.key(),
            Thumb::Estimate(estimate) => estimate.key,
        };
        let kept = self.kept.entry(key).or_insert_with(|| {
            let image = match thumb {
                Thumb::Finished(picture) | Thumb::Part(picture, ..) => halved_to_thumb(picture),
                Thumb::Estimate(estimate) => {
                    let small = shrunk(&estimate.picture, THUMB_SIDE);
                    ColorImage::from_rgba_unmultiplied(sides(&small), &small.rgba)
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
    while level < DEEPEST && longest(halved(picture.size(), level + 1)) >= THUMB_SIDE {
        level += 1;
    }
    let mut mips = Mips::default();
    mips.ensure(picture, PixelRect::whole(picture.size()), level);
    let (width, height) = halved(picture.size(), level);
    let mut rgba = Vec::with_capacity(4 * width as usize * height as usize);
    for y in 0..height {
        mips.row(picture, level, y, 0..width, &mut rgba);
    }
    let small = shrunk(&Picture { width, height, rgba }, THUMB_SIDE);
    ColorImage::from_rgba_premultiplied(sides(&small), &small.rgba)
}

fn longest((width, height): (u32, u32)) -> u32 {
    width.max(height)
}

fn sides(picture: &Picture) -> [usize; 2] {
    [picture.width as usize, picture.height as usize]
}
