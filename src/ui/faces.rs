//! The little pictures of the words that the built-in model knows: one texture, made when the first
//! of them is shown.

use egui::{ColorImage, Rect, TextureHandle, TextureOptions, Ui, pos2};

use super::tokens;
use crate::document::codec::decode_picture;
use crate::models::lexicon::{FACE_COLUMNS, FACES};

/// The sheet on the graphics side.
#[derive(Default)]
pub struct Faces {
    sheet: Option<TextureHandle>,
}

impl Faces {
    /// Draws one of the pictures.
    pub fn show(&mut self, ui: &Ui, rect: Rect, face: usize) {
        let sheet = self.sheet.get_or_insert_with(|| {
            let picture =
                decode_picture(FACES).expect("the embedded sheet is read by a test").picture;
            let size = [picture.width as usize, picture.height as usize];
            let image = ColorImage::from_rgba_unmultiplied(size, &picture.rgba);
            ui.ctx().load_texture("faces", image, TextureOptions::LINEAR)
        });
        let [width, height] = sheet.size().map(|side| side as f32);
        let cell = width / FACE_COLUMNS as f32;
        let (column, row) = ((face % FACE_COLUMNS) as f32, (face / FACE_COLUMNS) as f32);
        let from = pos2(column * cell / width, row * cell / height);
        let to = pos2((column + 1.0) * cell / width, (row + 1.0) * cell / height);
        ui.painter().image(sheet.id(), rect, Rect::from_min_max(from, to), tokens::UNTINTED);
    }
}
