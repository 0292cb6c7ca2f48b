//! The canvas drawn for real, on the software adapter. Skipped where there is none.

use std::cell::RefCell;
use std::rc::Rc;

use egui::{Event, TouchPhase};
use egui_kittest::Harness;
use egui_kittest::kittest::Queryable as _;
use egui_kittest::wgpu::{WgpuTestRenderer, create_render_state, default_wgpu_setup};

use super::*;
use crate::app::tool::Brush;
use crate::document::mask::Mask;
use crate::document::raster::Raster;

/// What the canvas is shown with, frame by frame.
struct Bench {
    canvas: Canvas,
    size: (u32, u32),
    picture: Option<Plane<4>>,
    original: Option<Plane<4>>,
    raster: Option<Raster>,
    brush: Brush,
    emerging: Option<(u64, Arc<Picture>, bool)>,
    place: Option<PixelRect>,
    mask: Mask,
    look: MaskLook,
    values: bool,
    view: View,
    tool: Tool,
    events: Vec<CanvasEvent>,
}

type Shared = Rc<RefCell<Bench>>;

fn colors() -> CanvasColors {
    let [surround, sheet, line, focus, a, b, c] = [
        [46, 46, 46],
        [54, 54, 54],
        [56, 56, 56],
        [154, 208, 255],
        [255, 46, 99],
        [0, 184, 217],
        [166, 226, 46],
    ]
    .map(|[r, g, b]: [u8; 3]| Color32::from_rgb(r, g, b));
    CanvasColors { surround, sheet, line, focus, mask: [a, b, c] }
}

fn bench(picture: Option<&Picture>) -> (Shared, Harness<'static>, egui_wgpu::RenderState) {
    let size = picture.map_or((64, 64), |picture| (picture.width, picture.height));
    let bench = Rc::new(RefCell::new(Bench {
        canvas: Canvas::default(),
        size,
        picture: picture.map(Plane::from),
        original: None,
        raster: None,
        brush: Brush { size_px: 20.0, hardness: 1.0, erases: false },
        emerging: None,
        place: None,
        mask: Mask::new(size.0, size.1),
        look: MaskLook::Paint,
        values: false,
        view: View { fit: false, offset: [10.0, 20.0], ..View::default() },
        tool: Tool::Hand,
        events: Vec::new(),
    }));
    let state = create_render_state(default_wgpu_setup(), egui_wgpu::RendererOptions::PREDICTABLE);
    install(&state);
    let shared = Rc::clone(&bench);
    let harness = Harness::builder()
        .with_size(vec2(300.0, 200.0))
        .with_step_dt(1.0 / 60.0)
        .renderer(WgpuTestRenderer::from_render_state(state.clone()))
        .build_ui(move |ui| {
            let bench = &mut *shared.borrow_mut();
            let brush = bench.brush;
            if let Some(raster) = &bench.raster {
                bench.picture = Some(raster.plane().clone());
            }
            let room = Rect::from_min_size(egui::Pos2::ZERO, vec2(300.0, 200.0));
            let mut ui = ui.new_child(egui::UiBuilder::new().max_rect(room));
            let input = CanvasInput {
                size: bench.size,
                picture: bench.picture.as_ref(),
                original: bench.original.as_ref(),
                emerging: bench.emerging.as_ref().map(|(key, picture, within_mask)| Emerging {
                    key: *key,
                    picture,
                    step_secs: 0.1,
                    within_mask: *within_mask,
                    place: bench.place.unwrap_or(PixelRect::whole(bench.size)),
                }),
                mask: Some(MaskLayer { mask: &bench.mask, feather_px: 0.0, look: bench.look }),
                view: bench.view,
                tool: bench.tool,
                idle: false,
                covered: false,
                brush: &brush,
                brush_words: "40 px".to_owned(),
                color: [0; 3],
                color_at: &|_| None,
                alt_text: "Picture 64 by 64".to_owned(),
                motion: true,
                always_sharp: false,
                pen_pressure: true,
                mask_fill: 0.45,
                values: bench.values,
                colors: colors(),
            };
            let events = bench.canvas.show(&mut ui, &input);
            for event in &events {
                match event {
                    CanvasEvent::View(view) => bench.view = *view,
                    CanvasEvent::StrokeBegan(at) => match &mut bench.raster {
                        Some(raster) => raster.begin_stroke(*at, &brush, [200, 30, 40]),
                        None => bench.mask.begin_stroke(*at, &brush),
                    },
                    CanvasEvent::StrokeMoved(points) => match &mut bench.raster {
                        Some(raster) => raster.extend_stroke(points),
                        None => bench.mask.extend_stroke(points, &brush),
                    },
                    CanvasEvent::StrokeEnded => match &mut bench.raster {
                        Some(raster) => raster.end_stroke(),
                        None => bench.mask.end_stroke(),
                    },
                    CanvasEvent::StrokeCancelled => match &mut bench.raster {
                        Some(raster) => raster.cancel_stroke(),
                        None => bench.mask.cancel_stroke(),
                    },
                    CanvasEvent::Pressed | CanvasEvent::Picked(_) | CanvasEvent::Brush(_) => {}
                }
            }
            bench.events.extend(events);
        });
    (bench, harness, state)
}

fn noise(width: u32, height: u32) -> Picture {
    let mut state = 12345u32;
    let rgba = (0..width * height * 4)
        .map(|index| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            if index % 4 == 3 { 255 } else { (state >> 24) as u8 }
        })
        .collect();
    Picture { width, height, rgba }
}

fn flat(width: u32, height: u32, value: u8) -> Picture {
    let rgba = [value, value, value, 255].repeat((width * height) as usize);
    Picture { width, height, rgba }
}

fn drawn(state: &egui_wgpu::RenderState) -> [u32; 2] {
    let renderer = state.renderer.read();
    renderer.callback_resources.get::<gpu::CanvasGpu>().expect("installed").drawn
}

#[test]
fn at_100_percent_bytes_in_are_bytes_out() {
    let picture = noise(120, 90);
    let (_bench, mut harness, _state) = bench(Some(&picture));
    let image = harness.render().expect("an adapter");
    for y in 0..90 {
        for x in 0..120 {
            let at = 4 * (y * 120 + x) as usize;
            assert_eq!(image.get_pixel(x + 10, y + 20).0, picture.rgba[at..at + 4], "{x} {y}");
        }
    }
    assert_eq!(image.get_pixel(9, 30).0, [46, 46, 46, 255]);
    assert_eq!(image.get_pixel(130, 30).0, [46, 46, 46, 255]);
}

/// The greys of pure red, green, blue and mid-grey, as CSS's `color(from … xyz-d65 y y y)` gives them.
#[test]
fn values_are_as_light_as_the_colours() {
    let colors = [[255, 0, 0], [0, 255, 0], [0, 0, 255], [128, 128, 128], [10, 10, 10]];
    let greys: [u8; 5] = [127, 220, 76, 128, 10];
    let rgba = colors.iter().flat_map(|[r, g, b]| [*r, *g, *b, 255]).collect();
    let picture = Picture { width: 5, height: 1, rgba };
    let (bench, mut harness, state) = bench(Some(&picture));
    harness.render().expect("an adapter");
    let before = drawn(&state);
    bench.borrow_mut().values = true;
    harness.run();
    let image = harness.render().expect("an adapter");
    for (x, grey) in (10..).zip(greys) {
        let [r, g, b, _] = image.get_pixel(x, 20).0;
        assert!(r == g && g == b && r.abs_diff(grey) <= 1, "{:?}, not {grey}", [r, g, b]);
    }
    assert_eq!(drawn(&state), before, "only the copy differs");
}

#[test]
fn the_original_is_held_up_and_wiped_to_the_pointer() {
    let (bench, mut harness, _state) = bench(Some(&flat(120, 90, 200)));
    bench.borrow_mut().original = Some(Plane::from(&flat(120, 90, 50)));
    harness.hover_at(egui::pos2(100.0, 50.0));
    harness.run();
    let at = |harness: &mut Harness<'_>, x: u32| {
        let image = harness.render().expect("an adapter");
        [10, x - 4, x + 4, 128].map(|x| image.get_pixel(x, 40).0[0])
    };
    assert_eq!(at(&mut harness, 100), [50; 4], "the whole picture");
    harness.hover_at(egui::pos2(60.0, 70.0));
    harness.run();
    assert_eq!(at(&mut harness, 60), [50, 50, 200, 200]);
    bench.borrow_mut().original = None;
    harness.run();
    assert_eq!(at(&mut harness, 60), [200; 4]);
}

#[test]
fn every_zoom_keeps_flat_colours_and_shows_no_seams() {
    for (width, zoom) in [(64, 3.0), (64, 0.4), (64, 0.1), (2100, 0.13), (2100, 2.0), (64, 5.9)] {
        let (bench, mut harness, _state) = bench(Some(&flat(width, 64, 99)));
        bench.borrow_mut().view = View {
            matrix: [[zoom, 0.0], [0.0, zoom]],
            // The seam between two tiles lies in the middle of the canvas.
            offset: [150.0 - (1024.0f32).min(width as f32 / 2.0) * zoom, 5.0],
            fit: false,
        };
        harness.step();
        let image = harness.render().expect("an adapter");
        let middle: Vec<u8> = (120..180).map(|x| image.get_pixel(x, 7).0[0]).collect();
        let inside = (64.0 * zoom / 2.0).min(29.0) as usize;
        let row = &middle[30 - inside..30 + inside];
        assert!(row.iter().all(|value| *value == 99), "{width} at {zoom}: {middle:?}");
    }
}

#[test]
fn pixels_are_sharp_from_600_percent_with_a_grid() {
    let (bench, mut harness, _state) = bench(Some(&noise(16, 16)));
    bench.borrow_mut().view.matrix = [[8.0, 0.0], [0.0, 8.0]];
    harness.step();
    let image = harness.render().expect("an adapter");
    let expected = bench.borrow().picture.as_ref().expect("set").pixel(1, 1);
    for (x, y) in [(1, 1), (4, 4), (7, 7)] {
        assert_eq!(image.get_pixel(10 + 8 + x, 20 + 8 + y).0, expected);
    }
    assert_ne!(image.get_pixel(10 + 8, 20 + 8 + 3).0, expected);
}

#[test]
fn hovering_draws_no_canvas() {
    let (bench, mut harness, state) = bench(Some(&noise(64, 64)));
    bench.borrow_mut().mask.fill_whole();
    harness.step();
    harness.render().expect("an adapter");
    let before = drawn(&state);
    for x in 20..30u8 {
        harness.hover_at(egui::pos2(f32::from(x), 40.0));
        harness.step();
        harness.render().expect("an adapter");
    }
    assert_eq!(drawn(&state), before);
}

#[test]
fn a_stroke_is_seen_and_its_part_equals_a_full_redraw() {
    let (bench, mut harness, state) = bench(Some(&flat(128, 128, 128)));
    bench.borrow_mut().tool = Tool::Mask;
    harness.hover_at(egui::pos2(50.0, 60.0));
    harness.step();
    harness.drag_at(egui::pos2(50.0, 60.0));
    harness.step();
    for x in 5..12u8 {
        harness.hover_at(egui::pos2(f32::from(x) * 10.0, 70.0));
        harness.step();
        harness.render().expect("an adapter");
    }
    harness.drop_at(egui::pos2(120.0, 70.0));
    harness.run_steps(3);
    harness.remove_cursor();
    harness.run_steps(2);
    let image = harness.render().expect("an adapter");
    assert!(!bench.borrow().mask.is_empty());
    let [r, g, _, _] = image.get_pixel(83, 71).0;
    assert!(r > g + 30, "the mask's colour lies over the grey: {r} {g}");
    let before = drawn(&state);
    assert!(before[0] <= 2, "a stroke draws no base");
    // A change of the look and back draws everything again.
    bench.borrow_mut().look = MaskLook::Hidden;
    harness.step();
    harness.render().expect("an adapter");
    bench.borrow_mut().look = MaskLook::Paint;
    harness.step();
    let again = harness.render().expect("an adapter");
    assert!(image.as_raw() == again.as_raw());
}

fn sent(state: &egui_wgpu::RenderState) -> u64 {
    let renderer = state.renderer.read();
    renderer.callback_resources.get::<gpu::CanvasGpu>().expect("installed").tiles.sent
}

#[test]
fn paint_is_sent_in_parts_that_equal_the_whole() {
    // Sharp, enlarged and shrunk; the last is so large that its tiles have seams.
    for (size, zoom, offset) in [
        ((128, 128), 1.0, [10.0, 20.0]),
        ((128, 128), 2.6, [-20.0, -30.0]),
        ((128, 128), 7.0, [-300.0, -350.0]),
        ((2400, 1500), 0.11, [10.5, 8.25]),
        ((2400, 1500), 1.0, [-950.0, -940.0]),
    ] {
        let (bench, mut harness, state) = bench(Some(&flat(size.0, size.1, 128)));
        {
            let bench = &mut *bench.borrow_mut();
            bench.raster = bench.picture.clone().map(Raster::from_plane);
            bench.tool = Tool::Brush;
            bench.brush = Brush { size_px: 26.0 / zoom, hardness: 0.4, erases: false };
            bench.view = View { matrix: [[zoom, 0.0], [0.0, zoom]], offset, fit: false };
        }
        harness.run_steps(2);
        harness.render().expect("an adapter");
        let (first, before) = (sent(&state), drawn(&state));
        harness.hover_at(egui::pos2(50.0, 60.0));
        harness.step();
        harness.drag_at(egui::pos2(50.0, 60.0));
        harness.step();
        for x in 5..12u8 {
            harness.hover_at(egui::pos2(f32::from(x) * 10.0, 85.0));
            harness.step();
            harness.render().expect("an adapter");
        }
        harness.drop_at(egui::pos2(120.0, 85.0));
        harness.run_steps(3);
        harness.remove_cursor();
        harness.run_steps(2);
        let image = harness.render().expect("an adapter");
        assert!(drawn(&state)[0] > before[0], "the stroke is drawn");
        let [r, g, _, _] = image.get_pixel(85, 85).0;
        assert!(r > g + 90, "the colour lies there: {r} {g} at {zoom}");
        // Another picture and back: everything is sent and drawn anew.
        let sent_in_parts = sent(&state) - first;
        let painted = bench.borrow_mut().raster.replace(Raster::filled((8, 8), [9; 4]));
        harness.step();
        harness.render().expect("an adapter");
        bench.borrow_mut().raster = painted;
        harness.step();
        let again = harness.render().expect("an adapter");
        assert!(image.as_raw() == again.as_raw(), "{size:?} at {zoom}");
        assert!(sent_in_parts > 0);
    }
}

#[test]
fn a_stroke_on_a_large_picture_sends_little() {
    let (bench, mut harness, state) = bench(None);
    {
        let bench = &mut *bench.borrow_mut();
        bench.size = (4096, 4096);
        bench.raster = Some(Raster::filled(bench.size, [255; 4]));
    }
    harness.run_steps(2);
    harness.render().expect("an adapter");
    let whole = sent(&state);
    let brush = Brush { size_px: 200.0, hardness: 0.8, erases: false };
    for x in 0..10u8 {
        let before = sent(&state);
        if let Some(raster) = &mut bench.borrow_mut().raster {
            let at = [120.0 + 8.0 * f32::from(x), 100.0];
            if x == 0 {
                raster.begin_stroke(at, &brush, [0; 3]);
            } else {
                raster.extend_stroke(&[at]);
            }
        }
        harness.step();
        harness.render().expect("an adapter");
        let now = sent(&state) - before;
        assert!((1..230 * 230 * 4).contains(&now), "{now} bytes, the whole has {whole}");
    }
}

#[test]
fn outside_the_mask_nothing_changes_while_it_emerges() {
    let picture = noise(128, 128);
    let (bench, mut harness, _state) = bench(Some(&picture));
    bench.borrow_mut().look = MaskLook::Hidden;
    harness.step();
    let before = harness.render().expect("an adapter");
    {
        let bench = &mut *bench.borrow_mut();
        let brush = Brush { size_px: 40.0, hardness: 1.0, erases: false };
        bench.mask.begin_stroke([64.0, 64.0], &brush);
        bench.mask.end_stroke();
        bench.emerging = Some((7, Arc::new(flat(16, 16, 200)), true));
    }
    harness.run_steps(60);
    let after = harness.render().expect("an adapter");
    assert_eq!(after.get_pixel(10 + 64, 20 + 64).0, [200, 200, 200, 255]);
    for (x, y, pixel) in after.enumerate_pixels() {
        let (dx, dy) = (f64::from(x) - 73.5, f64::from(y) - 83.5);
        if dx.hypot(dy) > 23.0 {
            assert_eq!(pixel, before.get_pixel(x, y), "{x} {y}");
        }
    }
}

#[test]
fn an_estimate_of_a_part_lies_in_its_place() {
    let (bench, mut harness, _state) = bench(Some(&flat(128, 128, 90)));
    harness.step();
    {
        let bench = &mut *bench.borrow_mut();
        bench.mask = Mask::from_plane(Plane::new((128, 128)));
        bench.place = Some(PixelRect { x0: 32, y0: 64, x1: 96, y1: 96 });
        // Left half dark, right half light.
        let row = [[20, 20, 20, 255].repeat(8), [220, 220, 220, 255].repeat(8)].concat();
        let estimate = Picture { width: 16, height: 8, rgba: row.repeat(8) };
        bench.emerging = Some((7, Arc::new(estimate), false));
    }
    harness.run_steps(60);
    let seen = harness.render().expect("an adapter");
    for (x, y, value) in [
        (40, 70, 20),
        (88, 90, 220),
        (33, 65, 20),
        (95, 95, 220),
        (30, 70, 90),
        (98, 90, 90),
        (64, 62, 90),
        (64, 98, 90),
    ] {
        assert_eq!(seen.get_pixel(10 + x, 20 + y).0[0], value, "{x} {y}");
    }
}

#[test]
fn a_whole_painting_never_flashes() {
    let (bench, mut harness, _state) = bench(None);
    harness.step();
    let mut last = f32::from(harness.render().expect("an adapter").get_pixel(40, 50).0[0]);
    assert!((last - 54.0).abs() < 0.5, "the sheet: {last}");
    let mut watch = |harness: &mut Harness<'_>, frames: u32| {
        for _ in 0..frames {
            harness.step();
            let now = f32::from(harness.render().expect("an adapter").get_pixel(40, 50).0[0]);
            assert!((now - last).abs() < 60.0, "{last} to {now}");
            last = now;
        }
        last
    };
    for (key, value) in [(1, 120), (2, 200), (3, 90)] {
        bench.borrow_mut().emerging = Some((key, Arc::new(flat(8, 8, value)), false));
        watch(&mut harness, 2);
    }
    {
        let bench = &mut *bench.borrow_mut();
        bench.emerging = None;
        bench.picture = Some(Plane::from(&flat(64, 64, 150)));
    }
    assert!((watch(&mut harness, 20) - 150.0).abs() < 0.5);
}

#[test]
fn fit_is_reported_and_the_canvas_has_a_name() {
    let (bench, mut harness, _state) = bench(Some(&flat(64, 64, 1)));
    bench.borrow_mut().view.fit = true;
    bench.borrow_mut().view.offset = [0.0, 0.0];
    harness.run_steps(30);
    let view = bench.borrow().view;
    assert!(view.fit && (view.zoom() - 2.625).abs() < 1e-4, "{view:?}");
    assert!(bench.borrow().events.contains(&CanvasEvent::View(view)));
    harness.get_by_label("Picture 64 by 64");
}

#[test]
fn two_fingers_zoom_and_leave_the_mask_alone() {
    let (bench, mut harness, _state) = bench(Some(&flat(128, 128, 128)));
    bench.borrow_mut().tool = Tool::Mask;
    harness.step();
    let pos = |x: f32| egui::pos2(x, 60.0);
    let finger = |id: u64, phase: TouchPhase, x: f32| Event::Touch {
        device_id: egui::TouchDeviceId(1),
        id: egui::TouchId(id),
        phase,
        pos: pos(x),
        force: None,
    };
    // As the window does it, the first finger is the pointer too.
    let first = |phase: TouchPhase, x: f32| [finger(1, phase, x), Event::PointerMoved(pos(x))];
    let button = |pressed: bool, x: f32| Event::PointerButton {
        pos: pos(x),
        button: egui::PointerButton::Primary,
        pressed,
        modifiers: egui::Modifiers::NONE,
    };
    let before = bench.borrow().view.zoom();
    let frames = [
        [first(TouchPhase::Start, 80.0).to_vec(), vec![button(true, 80.0)]].concat(),
        vec![finger(2, TouchPhase::Start, 120.0)],
        first(TouchPhase::Move, 70.0).to_vec(),
        vec![finger(2, TouchPhase::Move, 130.0)],
        vec![finger(2, TouchPhase::End, 130.0)],
        first(TouchPhase::Move, 90.0).to_vec(),
        vec![finger(1, TouchPhase::End, 90.0), button(false, 90.0), Event::PointerGone],
    ];
    for events in frames {
        for event in events {
            harness.event(event);
        }
        harness.step();
    }
    let bench = bench.borrow();
    assert!((bench.view.zoom() / before - 1.5).abs() < 0.01, "{}", bench.view.zoom());
    assert!(bench.mask.is_empty());
    assert!(!bench.canvas.is_stroking());
    // What lay between the fingers lies there still.
    assert_eq!(bench.view.image_from_screen([100.0, 60.0]).map(f32::round), [90.0, 40.0]);
}
