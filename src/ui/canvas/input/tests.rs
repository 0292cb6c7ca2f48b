//! Gestures of mouse, pen and fingers, frame by frame.

use egui::{Modifiers, TouchDeviceId, TouchId, Vec2, pos2, vec2};

use super::*;

const ROOM: Rect = Rect { min: pos2(100.0, 50.0), max: pos2(500.0, 350.0) };

#[expect(clippy::struct_excessive_bools, reason = "each is a field of the frame's context")]
struct Bench {
    pointer: Pointer,
    view: View,
    tool: Tool,
    space: bool,
    down: bool,
    covered: bool,
    hover: Pos2,
    fingers: Option<MultiTouchInfo>,
    pen_pressure: bool,
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
            fingers: None,
            pen_pressure: true,
        }
    }

    fn frame(&mut self, events: &[Event]) -> Vec<CanvasEvent> {
        let context = Context {
            rect: ROOM,
            tool: self.tool,
            brush: Brush::default(),
            space: self.space,
            hover: Some(self.hover),
            any_down: self.down,
            fingers: self.fingers,
            pen_pressure: self.pen_pressure,
            covered: self.covered,
            owns: &|pos| ROOM.contains(pos),
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
        CanvasEvent::StrokeBegan([0.0, 0.0].into()),
        CanvasEvent::StrokeMoved(vec![[1.0, 0.0].into(), [2.0, 1.0].into()]),
    ];
    assert_eq!(said, expected);
    // Leaving the window does not end it.
    assert!(bench.frame(&[Event::PointerGone]).is_empty());
    let said =
        bench.frame(&[moved(900.0, 70.0), button(900.0, 70.0, PointerButton::Primary, false)]);
    let expected = [CanvasEvent::StrokeMoved(vec![[395.0, 0.0].into()]), CanvasEvent::StrokeEnded];
    assert_eq!(said, expected);
    assert!(bench.frame(&[moved(120.0, 90.0)]).is_empty());
}

fn touch(phase: TouchPhase, force: Option<f32>) -> Event {
    let (device_id, id) = (TouchDeviceId(1), TouchId(1));
    Event::Touch { device_id, id, phase, pos: pos2(110.0, 70.0), force }
}

#[test]
fn a_pen_draws_as_it_is_pressed() {
    let mut bench = Bench::new(Tool::Brush);
    let said = bench.frame(&[
        touch(TouchPhase::Start, Some(0.25)),
        moved(110.0, 70.0),
        button(110.0, 70.0, PointerButton::Primary, true),
        touch(TouchPhase::Move, Some(0.5)),
        moved(112.0, 70.0),
        // It says nothing more about how hard.
        touch(TouchPhase::Move, None),
        moved(114.0, 70.0),
    ]);
    let point = |x, pressure| StrokePoint { at: [x, 0.0], pressure };
    let expected = [
        CanvasEvent::Pressed,
        CanvasEvent::StrokeBegan(point(0.0, 0.25)),
        CanvasEvent::StrokeMoved(vec![point(1.0, 0.5), point(2.0, 0.5)]),
    ];
    assert_eq!(said, expected);
    let ended = [touch(TouchPhase::End, None), button(114.0, 70.0, PointerButton::Primary, false)];
    let last = CanvasEvent::StrokeMoved(vec![point(2.0, 0.5)]);
    assert_eq!(bench.frame(&ended), [last, CanvasEvent::StrokeEnded]);
    // The mouse after it has no pressure.
    let said = bench.frame(&[button(110.0, 70.0, PointerButton::Primary, true)]);
    assert!(said.contains(&CanvasEvent::StrokeBegan([0.0, 0.0].into())), "{said:?}");
}

#[test]
fn a_pen_without_pressure_in_the_settings_is_a_mouse() {
    let mut bench = Bench::new(Tool::Brush);
    bench.pen_pressure = false;
    let down = button(110.0, 70.0, PointerButton::Primary, true);
    let said = bench.frame(&[touch(TouchPhase::Start, Some(0.25)), down]);
    assert!(said.contains(&CanvasEvent::StrokeBegan([0.0, 0.0].into())), "{said:?}");
}

#[test]
fn a_pen_that_touched_a_panel_does_not_thin_the_mouse_s_line() {
    let mut bench = Bench::new(Tool::Brush);
    bench.down = false;
    bench.frame(&[
        touch(TouchPhase::Start, Some(0.25)),
        button(20.0, 70.0, PointerButton::Primary, true),
        button(20.0, 70.0, PointerButton::Primary, false),
    ]);
    bench.down = true;
    let said = bench.frame(&[button(110.0, 70.0, PointerButton::Primary, true)]);
    assert!(said.contains(&CanvasEvent::StrokeBegan([0.0, 0.0].into())), "{said:?}");
}

#[test]
fn a_touch_that_the_system_takes_back_was_none() {
    let mut bench = Bench::new(Tool::Brush);
    let down = button(110.0, 70.0, PointerButton::Primary, true);
    bench.frame(&[touch(TouchPhase::Start, Some(0.25)), down]);
    let said = bench.frame(&[touch(TouchPhase::Cancel, None), moved(130.0, 70.0)]);
    assert_eq!(said, [CanvasEvent::StrokeCancelled]);
}

#[test]
fn a_finger_draws_once_it_moves_and_a_tap_is_a_dab() {
    let mut bench = Bench::new(Tool::Brush);
    let down = [
        touch(TouchPhase::Start, None),
        button(110.0, 70.0, PointerButton::Primary, true),
        moved(112.0, 70.0),
    ];
    assert_eq!(bench.frame(&down), [CanvasEvent::Pressed]);
    let expected = [
        CanvasEvent::StrokeBegan([0.0, 0.0].into()),
        CanvasEvent::StrokeMoved(vec![[5.0, 0.0].into()]),
    ];
    assert_eq!(bench.frame(&[moved(120.0, 70.0)]), expected);
    let up = button(120.0, 70.0, PointerButton::Primary, false);
    assert_eq!(bench.frame(&[up]), [CanvasEvent::StrokeEnded]);

    bench.frame(&down);
    let tap = bench.frame(&[button(110.0, 70.0, PointerButton::Primary, false)]);
    let expected = [CanvasEvent::StrokeBegan([0.0, 0.0].into()), CanvasEvent::StrokeEnded];
    assert_eq!(tap, expected);
}

#[test]
fn two_fingers_move_and_zoom_and_draw_nothing() {
    let fingers = |zoom_delta, translation_delta| MultiTouchInfo {
        start_time: 0.0,
        start_pos: pos2(200.0, 150.0),
        center_pos: pos2(200.0, 150.0) + translation_delta,
        num_touches: 2,
        zoom_delta,
        zoom_delta_2d: Vec2::splat(zoom_delta),
        rotation_delta: 0.0,
        translation_delta,
        force: 0.0,
    };
    let mut bench = Bench::new(Tool::Brush);
    bench.frame(&[
        touch(TouchPhase::Start, None),
        button(110.0, 70.0, PointerButton::Primary, true),
    ]);
    bench.fingers = Some(fingers(1.0, Vec2::ZERO));
    assert!(bench.frame(&[]).is_empty());
    let beneath = image_point(pos2(200.0, 150.0), ROOM, &bench.view);
    bench.fingers = Some(fingers(2.0, vec2(7.0, -3.0)));
    assert!(bench.frame(&[moved(150.0, 90.0)]).is_empty());
    assert_eq!(bench.view.zoom(), 4.0);
    let now = image_point(pos2(207.0, 147.0), ROOM, &bench.view);
    assert!((now[0] - beneath[0]).abs() < 1e-3 && (now[1] - beneath[1]).abs() < 1e-3);
    // One is lifted; the other draws nothing either.
    bench.fingers = None;
    assert!(bench.frame(&[moved(180.0, 90.0)]).is_empty());
    let up = button(180.0, 90.0, PointerButton::Primary, false);
    assert!(bench.frame(&[up]).is_empty());

    // A stroke that was begun before the second finger came was none.
    bench.frame(&[button(110.0, 70.0, PointerButton::Primary, true)]);
    bench.fingers = Some(fingers(1.0, Vec2::ZERO));
    assert_eq!(bench.frame(&[]), [CanvasEvent::StrokeCancelled]);
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
    assert!(said.contains(&CanvasEvent::StrokeBegan([0.0, 0.0].into())), "{said:?}");
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
        CanvasEvent::StrokeBegan([0.0, 0.0].into()),
        CanvasEvent::StrokeMoved(vec![[10.0, 0.0].into()]),
    ];
    assert_eq!(said, expected);
}

#[test]
fn the_eyedropper_and_alt_pick_colours() {
    for (tool, modifiers) in [(Tool::Eyedropper, Modifiers::NONE), (Tool::Brush, Modifiers::ALT)] {
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
