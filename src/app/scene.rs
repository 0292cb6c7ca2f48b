//! What lies on the canvas now: which picture, what emerges over it, how the mask looks.
//!
//! Read by `ui` for the canvas and by [`super::painting`] for what a job starts from. Changes nothing.

use super::jobs::{Keyed, Stage};
use super::state::AppState;
use super::tool::Tool;
use super::words::Text;
use crate::document::colors::flat_pixel;
use crate::document::mask::Mask;
use crate::plane::{PixelRect, Plane};

/// An estimate that lies over the picture.
#[derive(Clone, Debug)]
pub struct Emergence {
    /// The estimate.
    pub preview: Keyed,
    /// Seconds a step, which paces the crossfade.
    pub step_secs: f32,
    /// Whether it lies inside the mask only.
    pub within_mask: bool,
    /// The part of the picture that it is of.
    pub place: PixelRect,
}

/// Whether the mask is seen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum MaskShow {
    /// Always with the mask's tool; otherwise unless a fill is to be judged.
    #[default]
    Auto,
    /// A fill has just ended: hidden over it until the mask's tool or a stroke asks for it.
    AfterFill,
    /// Asked for by hand.
    Shown,
    /// Hidden by hand.
    Hidden,
}

impl MaskShow {
    /// As it was stored.
    pub(super) fn hidden(hidden: bool) -> Self {
        if hidden { Self::Hidden } else { Self::Auto }
    }
}

/// How the mask is seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MaskSeen {
    /// As paint, in the mask tool.
    Paint,
    /// As a contour.
    Contour,
    /// Not at all.
    Hidden,
}

/// Everything the canvas shows.
#[derive(Clone, Debug)]
pub struct Scene {
    /// Size of the picture or of the empty sheet.
    pub size: (u32, u32),
    /// The picture.
    pub picture: Option<Plane<4>>,
    /// What emerges over it.
    pub emerging: Option<Emergence>,
    /// How the mask is seen; `None` when it does not belong to what is shown.
    pub mask: Option<MaskSeen>,
    /// What is held up for comparison, of the same size.
    pub original: Option<Plane<4>>,
}

impl Scene {
    /// The colour that is seen at a place in image pixels; nothing beyond the picture and where it
    /// is transparent.
    #[must_use]
    pub fn color_at(&self, [x, y]: [f32; 2], mask: &Mask) -> Option<[u8; 3]> {
        let (width, height) = self.size;
        if !(0.0..width as f32).contains(&x) || !(0.0..height as f32).contains(&y) {
            return None;
        }
        let at = (x as u32, y as u32);
        let emerging = self.emerging.as_ref().filter(|_| self.original.is_none());
        let estimate = emerging.filter(|emergence| {
            // Half covered is where the contour runs.
            let reached = !emergence.within_mask || mask.plane().pixel(at.0, at.1)[0] >= 128;
            reached && emergence.place.contains(at)
        });
        let stretched = |place: PixelRect, (to_width, to_height): (u32, u32)| {
            let along = |at: f32, from: u32, side: u32, to: u32| {
                ((at - from as f32) / side as f32 * to as f32) as u32
            };
            let (width, height) = place.size();
            (along(x, place.x0, width, to_width), along(y, place.y0, height, to_height))
        };
        let pixel = match (estimate, self.original.as_ref().or(self.picture.as_ref())) {
            (Some(emergence), _) => {
                let (x, y) = stretched(emergence.place, emergence.preview.size());
                flat_pixel(&emergence.preview.picture, x, y)
            }
            (None, Some(shown)) => {
                let (x, y) = stretched(PixelRect::whole(self.size), shown.size());
                shown.pixel(x, y)
            }
            (None, None) => return None,
        };
        let [r, g, b, alpha] = pixel;
        (alpha > 0).then_some([r, g, b])
    }
}

/// Whether two sizes have the same shape, rounding aside.
fn same_shape(a: (u32, u32), b: (u32, u32)) -> bool {
    let shape = |(width, height): (u32, u32)| f64::from(width) / f64::from(height.max(1));
    (shape(a) / shape(b) - 1.0).abs() < 0.02
}

/// The shapes that the panel offers for a new picture.
pub const SHAPES: [(u32, u32); 5] = [(1, 1), (3, 2), (2, 3), (16, 9), (9, 16)];

impl AppState {
    /// The size of a shape at the model's native area.
    #[must_use]
    pub fn shape_size(&self, (w, h): (u32, u32)) -> (u32, u32) {
        let info = self.model.info.as_ref();
        let native = info.map_or((256, 256), |info| info.native_size);
        let area = f64::from(native.0) * f64::from(native.1);
        let aspect = f64::from(w) / f64::from(h);
        let size = ((area * aspect).sqrt().round() as u32, (area / aspect).sqrt().round() as u32);
        info.map_or(size, |info| info.rounded(size))
    }

    /// Size of a new picture: the user's, else the model's own.
    #[must_use]
    pub fn new_size(&self) -> (u32, u32) {
        let size = self.settings.paint.size.unwrap_or_else(|| self.own_size());
        self.model.info.as_ref().map_or(size, |info| info.rounded(size))
    }

    /// Size of a new picture unless the user says otherwise: the model's own, in the shape of the map
    /// that it paints after.
    #[must_use]
    pub fn own_size(&self) -> (u32, u32) {
        let native = || self.model.info.as_ref().map_or((256, 256), |info| info.native_size);
        self.depth_size().unwrap_or_else(native)
    }

    /// What the canvas shows at rest: the shown result's picture or the document's.
    #[must_use]
    pub fn shown_picture(&self) -> Option<Plane<4>> {
        match self.shown_entry() {
            Some(entry) => match entry.stage {
                Stage::Finished => entry.picture.clone(),
                _ => self.document.picture().or_else(|| entry.before.clone()),
            },
            None => self.document.picture(),
        }
    }

    /// Everything the canvas shows now.
    #[must_use]
    pub fn scene(&self) -> Scene {
        let scene = self.unaided_scene();
        if !self.compare {
            return scene;
        }
        let Some(original) = self.original() else { return self.still(None) };
        let shown = scene.picture.as_ref().filter(|_| scene.emerging.is_none());
        if shown.is_some_and(|shown| shown.key() == original.key()) {
            // The picture itself: a stroke copies every tile that is held twice.
            return scene;
        }
        if original.size() != scene.size {
            return self.still(Some(original));
        }
        Scene { original: Some(original), ..scene }
    }

    /// The same without what is held up beside it.
    fn unaided_scene(&self) -> Scene {
        let Some(entry) = self.shown_entry() else { return self.still(self.document.picture()) };
        let masked = entry.masked();
        let origin = || entry.origin.clone();
        let base = if masked { origin() } else { entry.before.clone() };
        let emerge = |preview: &Keyed, step_secs: f32, size: (u32, u32)| Emergence {
            preview: preview.clone(),
            step_secs,
            within_mask: masked,
            place: entry.place.unwrap_or(PixelRect::whole(size)),
        };
        match entry.stage {
            Stage::Waiting if entry.midway().is_none() => {
                self.still(base.or_else(|| self.document.picture()))
            }
            // A paused one stands where it is.
            Stage::Waiting | Stage::Running | Stage::Stopped => {
                let step = self.scrub.or(self.pinned);
                let preview = match step {
                    Some(step) => entry.preview_at(step),
                    None => entry.last_preview(),
                };
                let Some(preview) = preview else { return self.still(base) };
                let size = self.result_size(entry);
                Scene {
                    size,
                    picture: base.filter(|base| same_shape(base.size(), size)),
                    emerging: Some(emerge(preview, entry.step_secs(), size)),
                    mask: self.mask_seen(size),
                    original: None,
                }
            }
            Stage::Finished => {
                let mut scene = self.still(entry.picture.clone());
                // The last step is the finished picture itself: the end of the scrubber is no fog.
                let step = self.scrub.or(self.pinned).filter(|step| *step < entry.of);
                if let Some(preview) = step.and_then(|step| entry.preview_at(step)) {
                    scene.emerging = Some(emerge(preview, 0.1, scene.size));
                }
                scene
            }
        }
    }

    /// What Compare shows: where the result came from.
    fn original(&self) -> Option<Plane<4>> {
        let from_entry = self.shown_entry().and_then(|entry| {
            let is_document = self.document_entry == Some(entry.id);
            if is_document || self.document.is_empty() { entry.origin.clone() } else { None }
        });
        from_entry.or_else(|| self.document.picture()).or_else(|| self.shown_picture())
    }

    fn still(&self, picture: Option<Plane<4>>) -> Scene {
        let size = picture.as_ref().map_or_else(|| self.new_size(), Plane::size);
        let mask = picture.as_ref().and_then(|_| self.mask_seen(size));
        Scene { size, picture, emerging: None, mask, original: None }
    }

    fn mask_seen(&self, size: (u32, u32)) -> Option<MaskSeen> {
        if self.document.is_empty() || self.document.size() != size {
            return None;
        }
        Some(match self.tool {
            _ if !self.mask_is_seen() => MaskSeen::Hidden,
            Tool::Mask => MaskSeen::Paint,
            _ => MaskSeen::Contour,
        })
    }

    /// Whether a mask that lies on the picture is seen.
    #[must_use]
    pub fn mask_is_seen(&self) -> bool {
        match self.mask_show {
            MaskShow::Auto => self.tool == Tool::Mask || !self.fill_shown(),
            MaskShow::AfterFill => !self.fill_shown(),
            MaskShow::Shown => true,
            MaskShow::Hidden => false,
        }
    }

    /// After a fill the mask stays but is hidden, so that the result can be judged.
    fn fill_shown(&self) -> bool {
        self.shown_entry().is_some_and(|entry| entry.masked() && entry.stage == Stage::Finished)
    }

    /// The size an entry's result has or will have.
    fn result_size(&self, entry: &super::jobs::Entry) -> (u32, u32) {
        if let Some(picture) = &entry.picture {
            return picture.size();
        }
        if let Some(origin) = &entry.origin {
            return origin.size();
        }
        entry.request.size.unwrap_or_else(|| self.new_size())
    }

    /// What the canvas is called when it is read aloud.
    #[must_use]
    pub fn scene_name(&self, scene: &Scene) -> String {
        let (width, height) = (scene.size.0.to_string(), scene.size.1.to_string());
        let (width, height) = (width.as_str(), height.as_str());
        if scene.picture.is_none() && scene.emerging.is_none() {
            return self.lang.fill(Text::SheetName, &[width, height]);
        }
        let mut name = self.lang.fill(Text::PictureName, &[width, height]);
        if self.has_mask() {
            let share = self.lang.share(self.document.mask.fraction());
            name = self.lang.fill(Text::PictureMaskName, &[&name, &share]);
        }
        if let Some(entry) = self.shown_entry().filter(|entry| entry.stage == Stage::Running) {
            let (step, of) = (entry.steps.len().to_string(), entry.of.to_string());
            name = self.lang.fill(Text::PictureStepName, &[&name, &step, &of]);
        }
        name
    }
}
