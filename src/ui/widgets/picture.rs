//! Small textures of pictures, made once for each key and forgotten when no longer shown.

use std::collections::HashMap;

use egui::{ColorImage, Context, TextureHandle, TextureId, TextureOptions};

use crate::app::jobs::{Keyed, THUMB_SIDE};
use crate::document::pixels::shrunk;
use crate::engine::protocol::Picture;

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
    pub fn texture(&mut self, ctx: &Context, picture: &Keyed) -> TextureId {
        let kept = self.kept.entry(picture.key).or_insert_with(|| Kept {
            texture: ctx.load_texture("thumb", image(picture.small()), TextureOptions::LINEAR),
            used: true,
        });
        kept.used = true;
        kept.texture.id()
    }

    /// Forgets what was not asked for since the last call.
    pub fn sweep(&mut self) {
        self.kept.retain(|_, kept| std::mem::replace(&mut kept.used, false));
    }
}

fn image(picture: &Picture) -> ColorImage {
    let small = shrunk(picture, THUMB_SIDE);
    let size = [small.width as usize, small.height as usize];
    ColorImage::from_rgba_unmultiplied(size, &small.rgba)
}
