//! The canvas: the picture, what emerges over it, the mask, and the strokes and moves of the pointer.
//!
//! The shell shows it each frame and turns its events into commands. It changes no document; it keeps
//! only what is needed to show things: textures, a crossfade under way, the gesture under the pointer.

mod contrast;
mod fade;
mod fit;
mod gpu;
mod input;
pub(super) mod mips;
mod overlay;
mod paint;
mod pipelines;
mod resample;
mod ring;
mod tiles;
mod types;
mod wipe;

#[cfg(test)]
mod tests;

use std::sync::Arc;

use eframe::egui_wgpu;
use egui::accesskit::Role;
use egui::mutex::Mutex;
use egui::{Color32, CursorIcon, Rect, Response, Sense, Stroke, StrokeKind, Ui, WidgetInfo, vec2};

use crate::app::tool::{Brush, Tool};
use crate::app::view::View;
use crate::engine::protocol::Picture;
use crate::plane::{PixelRect, Plane};

use super::tokens;
use fade::{Mix, Side};
use gpu::{FrameUniform, Scene};
use paint::{CanvasCallback, Layer, Patches, Pending};

pub use paint::install;
pub use types::{CanvasColors, CanvasEvent, CanvasInput, Emerging, MaskLayer, MaskLook};

/// From this zoom on, pixels are sharp and have a grid between them.
const SHARP_ZOOM: f32 = 6.0;
/// How much white the hatch over the mask has.
const MASK_HATCH: f32 = 0.12;
/// How long a dab is seen after the brush was given another shape, in seconds.
const DAB_SECS: f64 = 0.8;
/// What is left of the contour while the masked part emerges.
const EMERGING_CONTOUR: f32 = 0.3;

/// The canvas: keep one, show it each frame.
#[derive(Default)]
pub struct Canvas {
    pointer: input::Pointer,
    follow: fit::Follow,
    fade: fade::Fade,
    overlay: overlay::Overlay,
    ring: ring::Ring,
    wipe: wipe::Wipe,
    patches: Patches,
    pending: Pending,
    held_up: Pending,
    /// Which of the mask's colours it has; chosen when a stroke starts, or when it comes whole.
    mask_color: usize,
    /// Whether that colour was chosen for what the mask covers now.
    mask_colored: bool,
    mask_level: u32,
    /// What lay beneath in the frame before.
    beneath: Option<Plane<4>>,
    /// The view of the frame before.
    view: View,
    /// The tool and its brush in the frame before, and when that brush was given another shape.
    brush: Option<(Tool, Brush)>,
    shaped_at: Option<f64>,
    /// The canvas's corner in the frame before.
    corner: Option<egui::Pos2>,
}

impl Canvas {
    /// Fills the room that `ui` has left. Returns what the user did, in order.
    pub fn show(&mut self, ui: &mut Ui, input: &CanvasInput<'_>) -> Vec<CanvasEvent> {
        let room = ui.available_rect_before_wrap();
        let response = ui.allocate_rect(room, Sense::click_and_drag());
        response.widget_info(|| WidgetInfo::labeled(Role::Image, true, &input.alt_text));
        if room.width() < 1.0 || room.height() < 1.0 {
            return Vec::new();
        }
        let pixels_per_point = ui.ctx().pixels_per_point();
        let now = ui.input(|input| input.time);

        let (mut events, view, mut moves) = self.listen(ui, &response, input, now);
        self.view = view;
        self.choose_mask_color(input, &events);
        if view != input.view {
            events.push(CanvasEvent::View(view));
        }

        let screen = Screen::new(room, &view, pixels_per_point);
        let beneath = |part: PixelRect, (width, height)| {
            if let Some(picture) = &self.beneath {
                let part = part.scaled(input.size, picture.size());
                return resample::shrunk(picture, part, (width, height));
            }
            let rgba = input.colors.sheet.to_array();
            Picture { width, height, rgba: rgba.repeat(width as usize * height as usize) }
        };
        let emerging = input.emerging.as_ref();
        let mix = self.fade.update(emerging, beneath, now, input.motion);
        moves |= mix.is_some_and(|mix| mix.moves(now));
        let mut scene = scene(input, &screen, mix, now);
        scene.uniform.mask_color = rgba(input.colors.mask[self.mask_color]);
        // Held only while something dissolves: a stroke must copy every tile that somebody holds.
        self.beneath = input.picture.filter(|_| mix.is_some()).cloned();

        self.mask_level = mask_level(input.size, screen.scale);
        if scene.masked
            && let Some(layer) = &input.mask
        {
            self.follow_mask(layer);
        }
        let original = input.original.map(|picture| scene.beside(picture));
        let patches = Arc::clone(&self.patches);
        self.pending = Arc::new(Mutex::new(Some(scene)));
        let compares = original.is_some();
        let scene = Arc::clone(&self.pending);
        let callback = CanvasCallback { layer: Layer::Picture { compares }, scene, patches };
        ui.painter().add(egui_wgpu::Callback::new_paint_callback(room, callback));
        self.hold_up(ui, room, original, screen.points(input.size));
        self.decorate(ui, &response, input, &screen);

        if moves {
            ui.ctx().request_repaint();
        }
        events
    }

    /// Gives the mask a colour that shows: where a stroke begins, or, if none began it, anywhere on the
    /// picture. It then stays until the mask is empty.
    fn choose_mask_color(&mut self, input: &CanvasInput<'_>, events: &[CanvasEvent]) {
        let colors = &input.colors.mask;
        let mut strokes = events.iter().filter_map(|event| match event {
            CanvasEvent::StrokeBegan(point) if input.tool == Tool::Mask => Some(point.at),
            _ => None,
        });
        if let Some(at) = strokes.next_back() {
            let radius = input.brush.size_px / 2.0;
            self.mask_color = contrast::mask_color(input.picture, at, radius, colors);
            self.mask_colored = true;
            return;
        }
        let Some(layer) = input.mask.as_ref().filter(|_| !self.is_stroking()) else { return };
        let covers = !layer.mask.is_empty();
        if covers && !self.mask_colored {
            let [width, height] = [input.size.0, input.size.1].map(|side| side as f32 / 2.0);
            let (middle, radius) = ([width, height], width.max(height));
            self.mask_color = contrast::mask_color(input.picture, middle, radius, colors);
        }
        self.mask_colored = covers;
    }

    /// Lays what is held up for comparison over the picture, whose rectangle is `sheet`.
    fn hold_up(&mut self, ui: &Ui, room: Rect, original: Option<Scene>, sheet: Rect) {
        let Some(scene) = original else {
            self.wipe = wipe::Wipe::default();
            return;
        };
        let part = self.wipe.follow(room, ui.input(|input| input.pointer.latest_pos()));
        let painter = ui.painter_at(part.intersect(ui.clip_rect()));
        self.held_up = Arc::new(Mutex::new(Some(scene)));
        let scene = Arc::clone(&self.held_up);
        let callback =
            CanvasCallback { layer: Layer::Original, scene, patches: Patches::default() };
        painter.add(egui_wgpu::Callback::new_paint_callback(room, callback));
        self.wipe.show(&ui.painter_at(room), sheet);
    }

    /// Takes back what the last call of [`Self::show`] gave to be drawn, as that pass of egui is
    /// thrown away: a stroke must copy every tile that somebody else holds.
    pub fn let_go(&self) {
        *self.pending.lock() = None;
        *self.held_up.lock() = None;
    }

    /// Changes the picture that this frame will show, and nothing else of it. `change` gives the new
    /// one; meanwhile nobody here holds the old.
    pub fn swap_picture(&mut self, change: impl FnOnce() -> Option<Plane<4>>) {
        let mut pending = self.pending.lock();
        if let Some(scene) = pending.as_mut() {
            scene.picture = None;
        }
        let dissolves = self.beneath.take().is_some();
        let picture = change();
        self.beneath = picture.clone().filter(|_| dissolves);
        if let Some(scene) = pending.as_mut() {
            scene.picture = picture;
        }
    }

    /// Whether a stroke is being drawn: floating bars hide meanwhile.
    #[must_use]
    pub fn is_stroking(&self) -> bool {
        self.pointer.is_stroking()
    }

    fn follow_mask(&mut self, layer: &MaskLayer<'_>) {
        if let Some(patch) = self.overlay.update(layer.mask, layer.feather_px, self.mask_level) {
            let mut patches = self.patches.lock();
            if patch.rect.size() == patch.size {
                patches.clear();
            }
            patches.push(patch);
        }
    }

    /// Takes the frame's input. Returns its events, the view to show, and whether it still moves.
    fn listen(
        &mut self,
        ui: &Ui,
        response: &Response,
        input: &CanvasInput<'_>,
        now: f64,
    ) -> (Vec<CanvasEvent>, View, bool) {
        let room = response.rect;
        let ctx = ui.ctx();
        let reached = response.hovered()
            || response.is_pointer_button_down_on()
            || response.contains_pointer() && response.clicked();
        let owns = |pos: egui::Pos2| {
            reached
                && room.contains(pos)
                && ui.clip_rect().contains(pos)
                && ctx.layer_id_at(pos).is_none_or(|layer| layer == ui.layer_id())
        };
        let (frame_events, any_down, fingers) = ui.input(|input| {
            let pointer = &input.pointer;
            (input.events.clone(), pointer.any_down(), input.multi_touch())
        });
        let context = input::Context {
            rect: room,
            tool: input.tool,
            brush: *input.brush,
            space: input::space_held(ctx),
            hover: response.hover_pos(),
            any_down,
            fingers: fingers.filter(|fingers| owns(fingers.center_pos)),
            pen_pressure: input.pen_pressure,
            covered: input.covered,
            owns: &owns,
        };
        let mut view = input.view;
        // What is at another corner now keeps its place on the screen.
        if let Some(moved) = self.corner.replace(room.min).map(|before| before - room.min)
            && !view.fit
            && moved != egui::Vec2::ZERO
        {
            view = view.panned(moved.into());
        }
        let events = self.pointer.handle(&frame_events, &context, &mut view);
        if events.contains(&CanvasEvent::Pressed) {
            ui.memory_mut(|memory| {
                if let Some(focused) = memory.focused() {
                    memory.surrender_focus(focused);
                }
            });
        }
        if !view.fit {
            self.follow.leave(view);
            return (events, view, false);
        }
        let size = [room.width(), room.height()];
        let target = fit::fitted(size, input.size, ctx.pixels_per_point());
        let (view, moves) = self.follow.view(self.view, target, input.size, now, input.motion);
        (events, view, moves)
    }

    /// What lies over the picture: outlines, the ring, the cursor.
    fn decorate(&mut self, ui: &Ui, response: &Response, input: &CanvasInput<'_>, screen: &Screen) {
        let painter = ui.painter_at(response.rect);
        if input.picture.is_none() {
            let outline = Stroke::new(1.0, input.colors.line);
            painter.rect_stroke(screen.points(input.size), 0.0, outline, StrokeKind::Outside);
        }
        if response.has_focus() {
            let ring = Stroke::new(2.0, input.colors.focus);
            painter.rect_stroke(response.rect, 0.0, ring, StrokeKind::Inside);
        }
        let shaped = self.follow_brush(ui, input);
        let ctx = ui.ctx();
        let pointer = ui.input(|input| input.pointer.latest_pos());
        let here = response.hovered() || self.pointer.is_stroking() || self.pointer.is_panning();
        let Some(pos) = pointer.filter(|_| here) else {
            self.ring.hide(ctx);
            return;
        };
        let grabs = input.tool == Tool::Hand || input::space_held(ctx);
        if self.pointer.is_panning() {
            self.ring.hide(ctx);
            ctx.set_cursor_icon(CursorIcon::Grabbing);
        } else if grabs && !self.pointer.is_stroking() {
            self.ring.hide(ctx);
            ctx.set_cursor_icon(CursorIcon::Grab);
        } else if !self.pointer.is_stroking() && self.picks(ui, input) {
            self.ring.hide(ctx);
            ctx.set_cursor_icon(CursorIcon::Crosshair);
            let at = pos - response.rect.min;
            let at = self.view.image_from_screen([at.x, at.y]);
            ring::eyedropper(&painter, pos, (input.color_at)(at), input.color);
        } else if input.idle && !self.pointer.is_stroking() {
            self.ring.hide(ctx);
            ctx.set_cursor_icon(CursorIcon::NotAllowed);
        } else {
            let masks = input.tool == Tool::Mask;
            let color = if masks { input.colors.mask[self.mask_color] } else { tokens::RING_LIGHT };
            let pos = self.pointer.shaped_at().unwrap_or(pos);
            let shift = ui.input(|input| input.modifiers.shift);
            if shift
                && !self.pointer.is_stroking()
                && let Some(start) = self.pointer.last_point
            {
                let [x, y] = self.view.screen_from_image(start);
                let start = response.rect.min + vec2(x, y);
                painter.line_segment([start, pos], Stroke::new(1.0, color));
            }
            if shaped && !self.pointer.is_stroking() {
                let paints = input.tool == Tool::Brush;
                let color = if paints { tokens::of_rgb(input.color) } else { color };
                let words = &input.brush_words;
                ring::dab(&painter, pos, input.brush, screen.scale, color, words);
            }
            self.ring.show(&painter, pos, input.brush, screen.scale, color);
        }
    }

    /// Whether the tool's brush is being given another shape, or was a moment ago.
    fn follow_brush(&mut self, ui: &Ui, input: &CanvasInput<'_>) -> bool {
        let now = ui.input(|input| input.time);
        let shape = |brush: &Brush| (brush.size_px, brush.hardness);
        let before = self.brush.replace((input.tool, *input.brush));
        if before
            .is_some_and(|(tool, brush)| tool == input.tool && shape(&brush) != shape(input.brush))
        {
            self.shaped_at = Some(now);
        }
        let left = self.shaped_at.map_or(0.0, |at| at + DAB_SECS - now);
        if left > 0.0 {
            ui.ctx().request_repaint_after_secs(left as f32);
        } else {
            self.shaped_at = None;
        }
        left > 0.0 || self.pointer.is_shaping()
    }
}

impl Canvas {
    /// Whether a press would take a colour.
    fn picks(&self, ui: &Ui, input: &CanvasInput<'_>) -> bool {
        let alt = ui.input(|input| input.modifiers.alt);
        self.pointer.is_picking() || !self.pointer.is_shaping() && input::picks(input.tool, alt)
    }
}

/// How the picture lies on the canvas, in physical pixels.
struct Screen {
    /// The canvas's top left corner in the window, and its size.
    corner: egui::Pos2,
    size: egui::Vec2,
    matrix: [[f32; 2]; 2],
    offset: [f32; 2],
    scale: f32,
    zoom: f32,
    pixels_per_point: f32,
}

impl Screen {
    fn new(room: Rect, view: &View, pixels_per_point: f32) -> Self {
        let matrix = view.matrix.map(|row| row.map(|value| value * pixels_per_point));
        let straight = matrix[0][1] == 0.0 && matrix[1][0] == 0.0;
        // On whole pixels, so that 100 % is exact.
        let offset = view.offset.map(|value| {
            let value = value * pixels_per_point;
            if straight { value.round() } else { value }
        });
        let corner = (room.min * pixels_per_point).round();
        let size = (room.max * pixels_per_point).round() - corner;
        let zoom = view.zoom();
        Self {
            corner,
            size,
            matrix,
            offset,
            scale: zoom * pixels_per_point,
            zoom,
            pixels_per_point,
        }
    }

    /// The rectangle around the whole picture, from the canvas's corner.
    fn sheet(&self, (width, height): (u32, u32)) -> Rect {
        let corners = [(0, 0), (width, 0), (0, height), (width, height)];
        Rect::from_points(&corners.map(|(x, y)| {
            let [[a, b], [c, d]] = self.matrix;
            let (x, y) = (x as f32, y as f32);
            egui::pos2(a * x + b * y + self.offset[0], c * x + d * y + self.offset[1])
        }))
    }

    /// The same in the window's points.
    fn points(&self, size: (u32, u32)) -> Rect {
        let sheet = self.sheet(size) / self.pixels_per_point;
        sheet.translate(self.corner.to_vec2() / self.pixels_per_point)
    }
}

/// The level at which a mask of this size is shown.
fn mask_level(size: (u32, u32), scale: f32) -> u32 {
    overlay::Overlay::level_for(size, tiles::level_of(scale, size) as u32)
}

fn rgba(color: Color32) -> [f32; 4] {
    color.to_array().map(|value| f32::from(value) / 255.0)
}

/// All that the card needs for this frame, but the mask's colour and texels.
fn scene(input: &CanvasInput<'_>, screen: &Screen, mix: Option<&Mix>, now: f64) -> Scene {
    let [[a, b], [c, d]] = screen.matrix;
    let det = a * d - b * c;
    let sheet = screen.sheet(input.size);
    let within = mix.is_some_and(|mix| mix.within_mask) && input.mask.is_some();
    let (fill, hatch, contour) = match &input.mask {
        Some(layer) if !layer.mask.is_empty() => match layer.look {
            MaskLook::Hidden => (0.0, 0.0, 0.0),
            MaskLook::Paint if !within => (input.mask_fill, MASK_HATCH, 1.0),
            _ if within => (0.0, 0.0, EMERGING_CONTOUR),
            _ => (0.0, 0.0, 1.0),
        },
        _ => (0.0, 0.0, 0.0),
    };
    let level = mask_level(input.size, screen.scale);
    let points_per_texel = screen.zoom * (1 << level) as f32;
    let side = |side: &Side| match side {
        Side::Base => None,
        Side::Estimate(picture) => Some(Arc::clone(picture)),
    };
    let is_base = |side: &Side| f32::from(u8::from(matches!(side, Side::Base)));
    let emerge = mix.map_or([0.0; 4], |mix| {
        let within = f32::from(u8::from(within));
        [mix.at(now), is_base(&mix.from), is_base(&mix.to), within]
    });
    let [r, g, b_, _] = rgba(input.colors.surround);
    Scene {
        uniform: FrameUniform {
            to_screen: [a, b, c, d],
            to_image: [d / det, -b / det, -c / det, a / det],
            offset: screen.offset,
            canvas: screen.size.into(),
            image: [input.size.0 as f32, input.size.1 as f32],
            pixels_per_point: screen.pixels_per_point,
            grid: match screen.zoom >= SHARP_ZOOM - 1e-3 {
                true => screen.scale,
                // Below zero: sharp without a grid.
                false if input.always_sharp => -1.0,
                false => 0.0,
            },
            sheet: [sheet.min.x, sheet.min.y, sheet.max.x, sheet.max.y],
            sheet_color: rgba(input.colors.sheet),
            emerge,
            place: mix.map_or([0.0; 4], |mix| {
                let (width, height) = mix.place.size();
                [mix.place.x0, mix.place.y0, width, height].map(|side| side as f32)
            }),
            mask_color: [0.0; 4],
            look: [fill, hatch, contour, points_per_texel / overlay::DISTANCE_STEPS],
            origin: [screen.corner.x, screen.corner.y, 0.0, 0.0],
        },
        surround: [r, g, b_],
        picture: input.picture.cloned(),
        emerging: mix.map(|mix| [side(&mix.from), side(&mix.to)]),
        masked: within || contour > 0.0,
        values: input.values,
    }
}
