//! At which size a model works on what it is given.
//!
//! Asked by the engine and by the window, so that what is told is what is done.

use super::protocol::ModelInfo;
use crate::plane::PixelRect;

impl ModelInfo {
    /// Rounds a size to the model's grid, at least one cell a side.
    #[must_use]
    pub fn rounded(&self, (width, height): (u32, u32)) -> (u32, u32) {
        let round = |side: u32| {
            let cells = (f64::from(side) / f64::from(self.vae_factor)).round().max(1.0);
            cells as u32 * self.vae_factor
        };
        (round(width), round(height))
    }

    /// The size at which the model works on a picture of `width` × `height` pixels: the picture's
    /// own, rounded to the grid, as long as its area stays within 1.5 × the native area and
    /// neither side is under half a native one; else the native area in the picture's shape.
    #[must_use]
    pub fn working_size(&self, (width, height): (u32, u32)) -> (u32, u32) {
        let small = width.min(height) * 2 < self.native_size.0.min(self.native_size.1);
        if area((width, height)) <= 1.5 * area(self.native_size) && !small {
            return self.rounded((width, height));
        }
        self.native_area((width, height))
    }

    /// The same for a part of a picture, if there is one: that is enlarged to the native area at least, since it is worked
    /// on for its detail.
    #[must_use]
    pub fn size_for(&self, picture: (u32, u32), part: Option<PixelRect>) -> (u32, u32) {
        let Some(size) = part.map(|part| part.size()) else { return self.working_size(picture) };
        let small = area(size) < area(self.native_size);
        if small { self.native_area(size) } else { self.working_size(size) }
    }

    /// The native area in the shape of a picture.
    fn native_area(&self, (width, height): (u32, u32)) -> (u32, u32) {
        // A strip of 10,000 × 1 must not become a strip of 100,000 × 1.
        let aspect = (f64::from(width) / f64::from(height)).clamp(0.25, 4.0);
        let area = area(self.native_size);
        let fit = |side: f64| side.round() as u32;
        self.rounded((fit((area * aspect).sqrt()), fit((area / aspect).sqrt())))
    }
}

fn area((width, height): (u32, u32)) -> f64 {
    f64::from(width) * f64::from(height)
}
