//! From pointer events to what they mean: panning, zooming, strokes.
//!
//! [`super::Canvas`] hands it every event of the frame in order, so that a stroke has each position
//! the system reported, not one a frame. It changes nothing but the view it is given.

use egui::{Event, Key, MouseWheelUnit, PointerButton, Pos2, Rect};

use super::types::CanvasEvent;
use crate::app::tool::{Brush, Tool};
use crate::app::view::View;

/// Points that a notch of the wheel pans.
const LINE_POINTS: f32 = 48.0;
/// Zoom of a notch of the wheel: four double it.
const NOTCH_ZOOM: f32 = 1.189_207_1;
/// Points of a trackpad's scroll that zoom as much as a notch.
const NOTCH_POINTS: f32 = 50.0;
/// Points of Alt and a drag with the right button that make a brush from soft hard.
const HARDNESS_POINTS: f32 = 200.0;

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
}

/// What was pressed, and where.
#[derive(Default)]
pub(super) struct Pointer {
    gesture: Gesture,
    /// Where the last stroke ended, in image pixels: straight lines begin there.
    pub(super) last_point: Option<[f32; 2]>,
}

/// The room and the tool, for one frame.
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
                    self.release(Some(*button), &mut said);
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
        if !context.any_down {
            // The release went to another window.
            self.release(None, &mut said);
        }
        said
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
            self.gesture = Gesture::Stroke;
            let at = image_point(pos, context.rect, view);
            match self.last_point.filter(|_| modifiers.shift) {
                Some(start) => {
                    said.push(CanvasEvent::StrokeBegan(start));
                    said.push(CanvasEvent::StrokeMoved(vec![at]));
                }
                None => said.push(CanvasEvent::StrokeBegan(at)),
            }
            self.last_point = Some(at);
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
            Gesture::None => {}
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
                let at = image_point(pos, context.rect, view);
                if self.last_point == Some(at) {
                    return;
                }
                self.last_point = Some(at);
                if let Some(CanvasEvent::StrokeMoved(points)) = said.last_mut() {
                    points.push(at);
                } else {
                    said.push(CanvasEvent::StrokeMoved(vec![at]));
                }
            }
        }
    }

    fn release(&mut self, button: Option<PointerButton>, said: &mut Vec<CanvasEvent>) {
        let ends = match self.gesture {
            Gesture::None => false,
            Gesture::Pan { button: held, .. } => button.is_none_or(|button| button == held),
            Gesture::Stroke | Gesture::Pick => {
                button.is_none_or(|button| button == PointerButton::Primary)
            }
            Gesture::Shape { .. } => button.is_none_or(|button| button == PointerButton::Secondary),
        };
        if ends {
            if self.is_stroking() {
                said.push(CanvasEvent::StrokeEnded);
            }
            self.gesture = Gesture::None;
        }
    }
}

/// Whether a press with a tool takes a colour.
pub(super) fn picks(tool: Tool, alt: bool) -> bool {
    tool == Tool::Eyedropper || tool.paints() && alt
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

#[cfg(test)]
mod tests {
    use egui::{Modifiers, TouchPhase, Vec2, pos2, vec2};

    use super::*;

    struct Bench {
        pointer: Pointer,
        view: View,
        tool: Tool,
        space: bool,
        down: bool,
        covered: bool,
        hover: Pos2,
    }

    impl Bench {
        fn new(tool: Tool) -> Self {
            let view = View { matrix: [[2.0, 0.0], [0.0, 2.0]], offset: [10.0, 20.0], fit: true };
            Self {
                pointer: Pointer::default(),
                view,
                tool,
                space: false,
                down: true,
                covered: false,
                hover: pos2(160.0, 120.0),
            }
        }

        fn frame(&mut self, events: &[Event]) -> Vec<CanvasEvent> {
            let rect = Rect::from_min_size(pos2(100.0, 50.0), vec2(400.0, 300.0));
            let context = Context {
                rect,
                tool: self.tool,
                brush: Brush::default(),
                space: self.space,
                hover: Some(self.hover),
                any_down: self.down,
                covered: self.covered,
                owns: &|pos| rect.contains(pos),
            };
            self.pointer.handle(events, &context, &mut self.view)
        }
    }

    fn button(x: f32, y: f32, button: PointerButton, pressed: bool) -> Event {
        let modifiers = Modifiers::NONE;
        Event::PointerButton { pos: pos2(x, y), button, pressed, modifiers }
    }

    fn moved(x: f32, y: f32) -> Event {
        Event::PointerMoved(pos2(x, y))
    }

    #[test]
    fn a_stroke_has_every_point_of_the_frame() {
        let mut bench = Bench::new(Tool::Mask);
        let said = bench.frame(&[
            moved(110.0, 70.0),
            button(110.0, 70.0, PointerButton::Primary, true),
            moved(112.0, 70.0),
            moved(114.0, 72.0),
        ]);
        let expected = [
            CanvasEvent::Pressed,
            CanvasEvent::StrokeBegan([0.0, 0.0]),
            CanvasEvent::StrokeMoved(vec![[1.0, 0.0], [2.0, 1.0]]),
        ];
        assert_eq!(said, expected);
        // Leaving the window does not end it.
        assert!(bench.frame(&[Event::PointerGone]).is_empty());
        let said =
            bench.frame(&[moved(900.0, 70.0), button(900.0, 70.0, PointerButton::Primary, false)]);
        let expected = [CanvasEvent::StrokeMoved(vec![[395.0, 0.0]]), CanvasEvent::StrokeEnded];
        assert_eq!(said, expected);
        assert!(bench.frame(&[moved(120.0, 90.0)]).is_empty());
    }

    #[test]
    fn a_press_that_closes_something_paints_nothing() {
        let mut bench = Bench::new(Tool::Brush);
        bench.covered = true;
        assert!(bench.frame(&[button(110.0, 70.0, PointerButton::Primary, true)]).is_empty());
        // By the next frame it is closed; the button is still down.
        bench.covered = false;
        assert!(bench.frame(&[moved(130.0, 70.0)]).is_empty());
        bench.frame(&[button(130.0, 70.0, PointerButton::Primary, false)]);
        let said = bench.frame(&[button(110.0, 70.0, PointerButton::Primary, true)]);
        assert!(said.contains(&CanvasEvent::StrokeBegan([0.0, 0.0])), "{said:?}");
    }

    #[test]
    fn a_release_that_got_lost_ends_the_stroke() {
        let mut bench = Bench::new(Tool::Mask);
        bench.frame(&[button(110.0, 70.0, PointerButton::Primary, true)]);
        bench.down = false;
        assert_eq!(bench.frame(&[]), [CanvasEvent::StrokeEnded]);
    }

    #[test]
    fn shift_draws_a_straight_line_from_the_last_point() {
        let mut bench = Bench::new(Tool::Mask);
        bench.frame(&[
            button(110.0, 70.0, PointerButton::Primary, true),
            button(110.0, 70.0, PointerButton::Primary, false),
        ]);
        let said = bench.frame(&[Event::PointerButton {
            pos: pos2(130.0, 70.0),
            button: PointerButton::Primary,
            pressed: true,
            modifiers: Modifiers::SHIFT,
        }]);
        let expected = [
            CanvasEvent::Pressed,
            CanvasEvent::StrokeBegan([0.0, 0.0]),
            CanvasEvent::StrokeMoved(vec![[10.0, 0.0]]),
        ];
        assert_eq!(said, expected);
    }

    #[test]
    fn the_eyedropper_and_alt_pick_colours() {
        for (tool, modifiers) in
            [(Tool::Eyedropper, Modifiers::NONE), (Tool::Brush, Modifiers::ALT)]
        {
            let mut bench = Bench::new(tool);
            let (pos, button) = (pos2(114.0, 74.0), PointerButton::Primary);
            let press = Event::PointerButton { pos, button, pressed: true, modifiers };
            let said = bench.frame(&[press, moved(116.0, 74.0)]);
            let expected = [
                CanvasEvent::Pressed,
                CanvasEvent::Picked([2.0, 2.0]),
                CanvasEvent::Picked([3.0, 2.0]),
            ];
            assert_eq!(said, expected);
        }
    }

    #[test]
    fn alt_and_the_right_button_shape_the_brush() {
        let mut bench = Bench::new(Tool::Eraser);
        let (pos, button) = (pos2(200.0, 100.0), PointerButton::Secondary);
        let modifiers = Modifiers::ALT;
        let press = Event::PointerButton { pos, button, pressed: true, modifiers };
        let said = bench.frame(&[press, moved(215.0, 140.0)]);
        let brush = Brush { size_px: 55.0, hardness: 0.6, ..Brush::default() };
        assert_eq!(said, [CanvasEvent::Pressed, CanvasEvent::Brush(brush)]);
        bench.frame(&[Event::PointerButton { pos, button, pressed: false, modifiers }]);
        assert!(bench.frame(&[moved(300.0, 100.0)]).is_empty());
    }

    #[test]
    fn hand_middle_and_space_pan() {
        for (tool, space, held) in [
            (Tool::Hand, false, PointerButton::Primary),
            (Tool::Mask, true, PointerButton::Primary),
            (Tool::Mask, false, PointerButton::Middle),
        ] {
            let mut bench = Bench::new(tool);
            bench.space = space;
            let said = bench.frame(&[button(200.0, 100.0, held, true), moved(203.0, 95.0)]);
            assert_eq!(said, [CanvasEvent::Pressed]);
            assert_eq!(bench.view.offset, [13.0, 15.0]);
            assert!(!bench.view.fit && bench.pointer.is_panning());
            bench.frame(&[button(203.0, 95.0, held, false), moved(300.0, 100.0)]);
            assert_eq!(bench.view.offset, [13.0, 15.0]);
        }
    }

    #[test]
    fn the_wheel_pans_and_with_ctrl_zooms_at_the_cursor() {
        let wheel = |delta: Vec2, modifiers: Modifiers| Event::MouseWheel {
            unit: MouseWheelUnit::Line,
            delta,
            phase: TouchPhase::Move,
            source: egui::MouseWheelSource::Unknown,
            modifiers,
        };
        let mut bench = Bench::new(Tool::Hand);
        bench.down = false;
        bench.frame(&[wheel(vec2(0.0, -1.0), Modifiers::NONE)]);
        assert_eq!(bench.view.offset, [10.0, 20.0 - LINE_POINTS]);
        bench.frame(&[wheel(vec2(0.0, 1.0), Modifiers::SHIFT)]);
        assert_eq!(bench.view.offset, [10.0 + LINE_POINTS, 20.0 - LINE_POINTS]);

        let mut bench = Bench::new(Tool::Hand);
        bench.down = false;
        let under = bench.view.image_from_screen([60.0, 70.0]);
        bench.frame(&[wheel(vec2(0.0, 4.0), Modifiers::CTRL)]);
        assert!((bench.view.zoom() - 4.0).abs() < 1e-4);
        let after = bench.view.image_from_screen([60.0, 70.0]);
        assert!((under[0] - after[0]).abs() < 1e-3 && (under[1] - after[1]).abs() < 1e-3);
        for _ in 0..20 {
            bench.frame(&[wheel(vec2(0.0, 10.0), Modifiers::CTRL)]);
        }
        assert!((bench.view.zoom() - 64.0).abs() < 1e-2);
    }

    #[test]
    fn a_press_elsewhere_is_not_ours() {
        let mut bench = Bench::new(Tool::Mask);
        let said =
            bench.frame(&[button(10.0, 10.0, PointerButton::Primary, true), moved(150.0, 100.0)]);
        assert!(said.is_empty());
    }
}
