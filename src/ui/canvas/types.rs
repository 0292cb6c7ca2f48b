//! What the canvas is given and what it says. The shell fills these in each frame.

use std::sync::Arc;

use egui::Color32;

use crate::app::tool::{Brush, Tool};
use crate::app::view::View;
use crate::document::StrokePoint;
use crate::document::mask::Mask;
use crate::engine::protocol::Picture;
use crate::plane::{PixelRect, Plane};

/// Everything that the canvas shows in this frame.
#[expect(clippy::struct_excessive_bools, reason = "each says another thing, by itself")]
pub struct CanvasInput<'a> {
    /// Size of the document, or of the sheet to come, in pixels.
    pub size: (u32, u32),
    /// The picture; `None` shows the empty sheet.
    pub picture: Option<&'a Plane<4>>,
    /// What is held up before it; the pointer's first move sideways makes it end at the pointer.
    pub original: Option<&'a Plane<4>>,
    /// The picture that is emerging over it.
    pub emerging: Option<Emerging<'a>>,
    /// The mask, where there is one.
    pub mask: Option<MaskLayer<'a>>,
    /// How the picture lies on the screen.
    pub view: View,
    /// What a press does.
    pub tool: Tool,
    /// Whether it has nothing to act on.
    pub idle: bool,
    /// Whether something is open over the window that a press closes, and does nothing else.
    pub covered: bool,
    /// The active tool's brush.
    pub brush: &'a Brush,
    /// The brush's size in words.
    pub brush_words: String,
    /// The colour that is painted with.
    pub color: [u8; 3],
    /// The colour that is seen at a place in image pixels.
    pub color_at: &'a dyn Fn([f32; 2]) -> Option<[u8; 3]>,
    /// What a screen reader says about the canvas.
    pub alt_text: String,
    /// Whether things may move; `false` keeps a crossfade of 60 ms.
    pub motion: bool,
    /// Whether enlarged pixels keep hard edges at any zoom.
    pub always_sharp: bool,
    /// Whether a pen's pressure makes the line wide or thin.
    pub pen_pressure: bool,
    /// How much of the mask's colour lies over the picture where the mask covers fully.
    pub mask_fill: f32,
    /// Whether all is shown in greys as light as its colours.
    pub values: bool,
    /// The theme's colours.
    pub colors: CanvasColors,
}

/// The colours that the canvas draws with, from the design tokens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CanvasColors {
    /// Around the picture.
    pub surround: Color32,
    /// The empty sheet.
    pub sheet: Color32,
    /// The sheet's outline.
    pub line: Color32,
    /// The keyboard focus ring.
    pub focus: Color32,
    /// The mask's colour, and the two that replace it over pictures of that colour.
    pub mask: [Color32; 3],
}

/// An estimate of the picture that is being painted.
pub struct Emerging<'a> {
    /// Changes with each estimate.
    pub key: u64,
    /// Its pixels; often fewer than the document has.
    pub picture: &'a Arc<Picture>,
    /// How long a step takes, in seconds.
    pub step_secs: f32,
    /// Whether it is laid through the mask, over the picture's own pixels.
    pub within_mask: bool,
    /// The part of the picture that it is of, in image pixels.
    pub place: PixelRect,
}

/// The mask over the picture.
pub struct MaskLayer<'a> {
    /// Its coverage.
    pub mask: &'a Mask,
    /// Width in pixels over which a fill fades out, inward from the mask's edge.
    pub feather_px: f32,
    /// How it is shown.
    pub look: MaskLook,
}

/// How a mask is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MaskLook {
    /// As paint, with hatch and contour.
    Paint,
    /// Only its contour.
    Contour,
    /// Not at all; it still bounds what emerges.
    Hidden,
}

/// What the user did on the canvas.
#[derive(Clone, Debug, PartialEq)]
pub enum CanvasEvent {
    /// The view moved, by hand or by Fit.
    View(View),
    /// A stroke began here.
    StrokeBegan(StrokePoint),
    /// The stroke went on through these.
    StrokeMoved(Vec<StrokePoint>),
    /// The stroke ended.
    StrokeEnded,
    /// The stroke was none: a second finger came down, or the system took the touch back.
    StrokeCancelled,
    /// The colour at this place was picked, in image pixels.
    Picked([f32; 2]),
    /// The brush was given another size or hardness.
    Brush(Brush),
    /// Some button was pressed on the canvas; text fields have lost the focus.
    Pressed,
}
