//! From pointer events to what they mean: panning, zooming, strokes.
//!
//! [`super::Canvas`] hands it every event of the frame in order, so that a stroke has each position
//! the system reported, not one a frame. It changes nothing but the view it is given.

#[cfg(test)]
mod tests;

use egui::{Event, Key, MouseWheelUnit, MultiTouchInfo, PointerButton, Pos2, Rect, TouchPhase};

use super::types::CanvasEvent;
use crate::app::tool::{Brush, Tool};
use crate::app::view::View;
use crate::document::StrokePoint;

/// Points that a notch of the wheel pans.
const LINE_POINTS: f32 = 48.0;
/// Zoom of a notch of the wheel: four double it.
const NOTCH_ZOOM: f32 = 1.189_207_1;
/// Points of a trackpad's scroll that zoom as much as a notch.
const NOTCH_POINTS: f32 = 50.0;
/// Points of Alt and a drag with the right button that make a brush from soft hard.
const HARDNESS_POINTS: f32 = 200.0;
/// Points that a finger moves before it draws: a second one may come down until then.
const FINGER_POINTS: f32 = 6.0;

/// What the pressed button does.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
enum Gesture {
    /// Takes colours.
    Pick,
    /// Gives the brush another size (sideways) and hardness (up and down).
    Shape {
        start: Pos2,
        brush: Brush,
    },
    #[default]
    None,
    Pan {
        button: PointerButton,
        last: Pos2,
    },
    Stroke,
    /// A finger came down: the beginning of a stroke, or the first of two.
    Finger {
        start: Pos2,
    },
    /// Two fingers move and zoom the view; nothing else happens until all are lifted.
    Fingers,
}

/// What was pressed, and where.
#[derive(Default)]
pub(super) struct Pointer {
    gesture: Gesture,
    /// Where the last stroke ended, in image pixels: straight lines begin there.
    pub(super) last_point: Option<[f32; 2]>,
    /// How hard the pen is pressed, 0 to 1, where that is known.
    force: Option<f32>,
    /// Whether a finger, or a pen that does not say how hard it is pressed, is what points.
    finger: bool,
}

/// The room and the tool, for one frame.
#[expect(clippy::struct_excessive_bools, reason = "each says another thing, by itself")]
pub(super) struct Context<'a> {
    pub(super) rect: Rect,
    pub(super) tool: Tool,
    /// The tool's brush.
    pub(super) brush: Brush,
    pub(super) space: bool,
    /// Where the pointer is, if it is over the canvas and nothing lies between.
    pub(super) hover: Option<Pos2>,
    /// Whether any button is still held down.
    pub(super) any_down: bool,
    /// What more than one finger do on the canvas in this frame.
    pub(super) fingers: Option<MultiTouchInfo>,
    /// Whether a pen's pressure counts.
    pub(super) pen_pressure: bool,
    /// Whether a press only closes what is open elsewhere; the view can be moved all the same.
    pub(super) covered: bool,
    /// Whether a press at this point is the canvas's.
    pub(super) owns: &'a dyn Fn(Pos2) -> bool,
}

impl Pointer {
    pub(super) fn is_stroking(&self) -> bool {
        self.gesture == Gesture::Stroke
    }

    pub(super) fn is_panning(&self) -> bool {
        matches!(self.gesture, Gesture::Pan { .. })
    }

    pub(super) fn is_picking(&self) -> bool {
        self.gesture == Gesture::Pick
    }

    pub(super) fn is_shaping(&self) -> bool {
        self.shaped_at().is_some()
    }

    /// Where the brush stays while it is given another shape.
    pub(super) fn shaped_at(&self) -> Option<Pos2> {
        match self.gesture {
            Gesture::Shape { start, .. } => Some(start),
            _ => None,
        }
    }

    /// Turns this frame's events into the canvas's, moving `view`.
    pub(super) fn handle(
        &mut self,
        events: &[Event],
        context: &Context<'_>,
        view: &mut View,
    ) -> Vec<CanvasEvent> {
        let mut said = Vec::new();
        for event in events {
            match event {
                Event::Touch { phase, force, .. } => self.touch(*phase, *force, context, &mut said),
                Event::PointerButton { pos, button, pressed: true, modifiers }
                    if self.gesture == Gesture::None
                        && (context.owns)(*pos)
                        && (!context.covered || *button == PointerButton::Middle) =>
                {
                    said.push(CanvasEvent::Pressed);
                    self.press(*pos, *button, *modifiers, context, view, &mut said);
                }
                Event::PointerButton { pos, button, pressed: false, .. } => {
                    self.move_to(*pos, context, view, &mut said);
                    self.release(Some(*button), context, view, &mut said);
                }
                Event::PointerMoved(pos) => self.move_to(*pos, context, view, &mut said),
                Event::MouseWheel { unit, delta, modifiers, .. } if context.hover.is_some() => {
                    let points = *delta
                        * match unit {
                            MouseWheelUnit::Point => 1.0,
                            MouseWheelUnit::Line => LINE_POINTS,
                            MouseWheelUnit::Page => context.rect.height(),
                        };
                    if modifiers.ctrl || modifiers.command {
                        let notches = match unit {
                            MouseWheelUnit::Line => delta.y,
                            _ => points.y / NOTCH_POINTS,
                        };
                        zoom(NOTCH_ZOOM.powf(notches), context, view);
                    } else if modifiers.shift && points.x == 0.0 {
                        *view = view.panned([points.y, 0.0]);
                    } else {
                        *view = view.panned([points.x, points.y]);
                    }
                }
                Event::Zoom(factor) if context.hover.is_some() => {
                    zoom(*factor, context, view);
                }
                _ => {}
            }
        }
        if let Some(fingers) = context.fingers {
            self.give_up(&mut said);
            self.gesture = Gesture::Fingers;
            let middle = fingers.center_pos - fingers.translation_delta - context.rect.min;
            let zoomed = view.zoomed_at([middle.x, middle.y], fingers.zoom_delta);
            *view = zoomed.panned(fingers.translation_delta.into());
        }
        if !context.any_down {
            // The release may have gone to another window, and a pen may have touched a panel.
            self.release(None, context, view, &mut said);
            self.rest();
        }
        said
    }

    /// Listens to how hard a pen is pressed. Its position comes as the pointer's.
    fn touch(
        &mut self,
        phase: TouchPhase,
        force: Option<f32>,
        context: &Context<'_>,
        said: &mut Vec<CanvasEvent>,
    ) {
        match phase {
            TouchPhase::Start => (self.force, self.finger) = (force, force.is_none()),
            // A pen that is about to be lifted may say nothing.
            TouchPhase::Move => self.force = force.or(self.force),
            TouchPhase::End => {}
            // A palm, for example; no release follows.
            TouchPhase::Cancel => self.give_up(said),
        }
        self.force = self.force.filter(|_| context.pen_pressure);
    }

    /// Leaves what is being done; a stroke was none.
    fn give_up(&mut self, said: &mut Vec<CanvasEvent>) {
        if self.is_stroking() {
            said.push(CanvasEvent::StrokeCancelled);
        }
        self.rest();
    }

    /// Nothing is pressed any more.
    fn rest(&mut self) {
        self.gesture = Gesture::None;
        (self.force, self.finger) = (None, false);
    }

    fn point(&self, at: [f32; 2]) -> StrokePoint {
        StrokePoint { at, pressure: self.force.map_or(1.0, |force| force.clamp(0.0, 1.0)) }
    }

    fn press(
        &mut self,
        pos: Pos2,
        button: PointerButton,
        modifiers: egui::Modifiers,
        context: &Context<'_>,
        view: &View,
        said: &mut Vec<CanvasEvent>,
    ) {
        let primary = button == PointerButton::Primary;
        let pans = button == PointerButton::Middle
            || primary && (context.space || context.tool == Tool::Hand);
        if pans {
            self.gesture = Gesture::Pan { button, last: pos };
        } else if primary && picks(context.tool, modifiers.alt) {
            self.gesture = Gesture::Pick;
            said.push(CanvasEvent::Picked(image_point(pos, context.rect, view)));
        } else if button == PointerButton::Secondary && modifiers.alt && context.tool.strokes() {
            self.gesture = Gesture::Shape { start: pos, brush: context.brush };
        } else if primary && context.tool.strokes() {
            let at = image_point(pos, context.rect, view);
            match self.last_point.filter(|_| modifiers.shift) {
                Some(start) => {
                    self.begin(start, said);
                    self.draw_to(at, said);
                }
                None if self.finger => self.gesture = Gesture::Finger { start: pos },
                None => self.begin(at, said),
            }
        }
    }

    fn begin(&mut self, at: [f32; 2], said: &mut Vec<CanvasEvent>) {
        self.gesture = Gesture::Stroke;
        self.last_point = Some(at);
        said.push(CanvasEvent::StrokeBegan(self.point(at)));
    }

    fn draw_to(&mut self, at: [f32; 2], said: &mut Vec<CanvasEvent>) {
        if self.last_point == Some(at) && self.force.is_none() {
            return;
        }
        self.last_point = Some(at);
        let point = self.point(at);
        if let Some(CanvasEvent::StrokeMoved(points)) = said.last_mut() {
            points.push(point);
        } else {
            said.push(CanvasEvent::StrokeMoved(vec![point]));
        }
    }

    fn move_to(
        &mut self,
        pos: Pos2,
        context: &Context<'_>,
        view: &mut View,
        said: &mut Vec<CanvasEvent>,
    ) {
        match &mut self.gesture {
            Gesture::None | Gesture::Fingers => {}
            Gesture::Pan { last, .. } => {
                let delta = pos - *last;
                *last = pos;
                if delta != egui::Vec2::ZERO {
                    *view = view.panned([delta.x, delta.y]);
                }
            }
            Gesture::Pick => said.push(CanvasEvent::Picked(image_point(pos, context.rect, view))),
            Gesture::Shape { start, brush } => {
                let moved = pos - *start;
                // Sideways the rim follows the pointer, whatever the zoom.
                let size_px = brush.size_px + 2.0 * moved.x / view.zoom();
                let hardness = brush.hardness - moved.y / HARDNESS_POINTS;
                said.push(CanvasEvent::Brush(Brush {
                    size_px: size_px.round().clamp(1.0, 1000.0),
                    hardness: ((hardness * 100.0).round() / 100.0).clamp(0.0, 1.0),
                    ..*brush
                }));
            }
            Gesture::Stroke => {
                self.draw_to(image_point(pos, context.rect, view), said);
            }
            Gesture::Finger { start } => {
                if pos.distance(*start) > FINGER_POINTS {
                    let start = image_point(*start, context.rect, view);
                    self.begin(start, said);
                    self.draw_to(image_point(pos, context.rect, view), said);
                }
            }
        }
    }

    fn release(
        &mut self,
        button: Option<PointerButton>,
        context: &Context<'_>,
        view: &View,
        said: &mut Vec<CanvasEvent>,
    ) {
        let ends = match self.gesture {
            Gesture::None => false,
            Gesture::Pan { button: held, .. } => button.is_none_or(|button| button == held),
            Gesture::Stroke | Gesture::Pick | Gesture::Finger { .. } | Gesture::Fingers => {
                button.is_none_or(|button| button == PointerButton::Primary)
            }
            Gesture::Shape { .. } => button.is_none_or(|button| button == PointerButton::Secondary),
        };
        if ends {
            if let Gesture::Finger { start } = self.gesture {
                self.begin(image_point(start, context.rect, view), said);
            }
            if self.is_stroking() {
                said.push(CanvasEvent::StrokeEnded);
            }
            self.rest();
        }
    }
}

/// Whether a press with a tool takes a colour.
pub(super) fn picks(tool: Tool, alt: bool) -> bool {
    tool == Tool::Eyedropper || alt
}

fn zoom(factor: f32, context: &Context<'_>, view: &mut View) {
    let anchor = context.hover.unwrap_or_else(|| context.rect.center()) - context.rect.min;
    *view = view.zoomed_at([anchor.x, anchor.y], factor);
}

/// Whether Space is held and meant for the canvas, not for a text.
pub(super) fn space_held(ctx: &egui::Context) -> bool {
    !ctx.text_edit_focused() && ctx.input(|input| input.key_down(Key::Space))
}

fn image_point(pos: Pos2, rect: Rect, view: &View) -> [f32; 2] {
    let at = pos - rect.min;
    view.image_from_screen([at.x, at.y])
}
