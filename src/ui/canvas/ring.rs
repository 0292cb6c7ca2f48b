//! The brush's ring: a real system cursor while it is small, drawn on the canvas when it is large.
//! While the brush is given another shape, the dab that it would make is seen in it.

use std::sync::Arc;

use egui::{
    Align2, Color32, CursorIcon, CustomCursorImage, Mesh, Painter, Pos2, Rect, Shape, Stroke, vec2,
};

use crate::app::tool::Brush;
use crate::ui::tokens;

/// From this diameter on, in physical pixels, the ring is drawn by the canvas.
const LARGEST_CURSOR: f32 = 96.0;

/// What the bitmap was made from.
#[derive(Clone, Copy, PartialEq)]
struct Made {
    diameter: f32,
    hardness: f32,
    erases: bool,
    color: [u8; 3],
}

/// Keeps the cursor's bitmap until the brush or the zoom changes.
#[derive(Default)]
pub(super) struct Ring {
    made: Option<(Made, CustomCursorImage)>,
    /// Whether our bitmap is the window's cursor: it stays until it is taken back.
    shown: bool,
}

impl Ring {
    /// Shows the brush at `pos`. `scale` is physical pixels per image pixel.
    pub(super) fn show(
        &mut self,
        painter: &Painter,
        pos: Pos2,
        brush: &Brush,
        scale: f32,
        color: Color32,
    ) {
        let ctx = painter.ctx();
        let pixels_per_point = ctx.pixels_per_point();
        let diameter = brush.size_px * scale;
        if diameter >= LARGEST_CURSOR {
            self.hide(ctx);
            ctx.set_cursor_icon(CursorIcon::Crosshair);
            let radius = diameter / 2.0 / pixels_per_point;
            let width = 1.0 / pixels_per_point;
            painter.circle_stroke(pos, radius, Stroke::new(width, tokens::RING_DARK));
            painter.circle_stroke(pos, radius - width, Stroke::new(width, color));
            if brush.hardness < 0.98 {
                let faint = color.gamma_multiply(0.4);
                let inner = radius * brush.hardness.max(0.02);
                painter.circle_stroke(pos, inner, Stroke::new(width, faint));
            }
            if brush.erases {
                let minus = Rect::from_center_size(pos + vec2(12.0, 12.0), vec2(7.0, 1.0));
                painter.rect_filled(minus.expand(1.0), 0, tokens::RING_DARK);
                painter.rect_filled(minus, 0, tokens::RING_LIGHT);
            }
            return;
        }
        let [r, g, b, _] = color.to_array();
        let made = Made {
            // Quarter pixels: zooming smoothly must not make a bitmap a frame for nothing.
            diameter: (diameter.max(3.0) * 4.0).round() / 4.0,
            hardness: (brush.hardness * 50.0).round() / 50.0,
            erases: brush.erases,
            color: [r, g, b],
        };
        if self.made.as_ref().is_none_or(|(before, _)| *before != made) {
            self.made = Some((made, bitmap(made)));
        }
        if let Some((_, image)) = &self.made {
            ctx.set_cursor_icon(CursorIcon::Crosshair);
            ctx.set_cursor_image(Some(image.clone()));
            self.shown = true;
        }
    }

    /// Takes the bitmap back.
    pub(super) fn hide(&mut self, ctx: &egui::Context) {
        if std::mem::take(&mut self.shown) {
            ctx.set_cursor_image(None);
        }
    }
}

/// Corners of a dab's rings, and rings of its soft edge.
const DAB: (u32, u32) = (64, 12);
/// How much of a dab's colour covers what is under it.
const DAB_COVERS: f32 = 0.7;

/// The dab that a brush would make at `pos`, and its size in words. `scale` is physical pixels per
/// image pixel.
pub(super) fn dab(
    painter: &Painter,
    pos: Pos2,
    brush: &Brush,
    scale: f32,
    color: Color32,
    words: &str,
) {
    let per_pixel = scale / painter.ctx().pixels_per_point();
    let radius = brush.size_px / 2.0 * per_pixel;
    let inner = radius * brush.hardness.clamp(0.0, 1.0);
    let (corners, rings) = DAB;
    let mut mesh = Mesh::default();
    for ring in 0..=rings {
        let share = ring as f32 / rings as f32;
        let distance = inner + (radius - inner) * share;
        // As ink falls off: a smooth step from the edge's beginning to its end.
        let ink = 1.0 - share * share * (3.0 - 2.0 * share);
        for corner in 0..corners {
            let angle = std::f32::consts::TAU * corner as f32 / corners as f32;
            let at = pos + distance * vec2(angle.cos(), angle.sin());
            mesh.colored_vertex(at, color.gamma_multiply(DAB_COVERS * ink));
        }
    }
    mesh.colored_vertex(pos, color.gamma_multiply(DAB_COVERS));
    let middle = (rings + 1) * corners;
    for corner in 0..corners {
        let next = (corner + 1) % corners;
        mesh.add_triangle(middle, corner, next);
        for ring in 0..rings {
            let (from, to) = (ring * corners, (ring + 1) * corners);
            mesh.add_triangle(from + corner, from + next, to + corner);
            mesh.add_triangle(from + next, to + next, to + corner);
        }
    }
    painter.add(Shape::mesh(mesh));
    let galley = painter.layout_no_wrap(words.to_owned(), tokens::caption(), tokens::RING_LIGHT);
    // Beside it, or in its middle when there is no room beside.
    let beside = pos + vec2(radius + 10.0, 0.0);
    let fits = painter.clip_rect().contains(beside + vec2(galley.size().x + 8.0, 0.0));
    let ground = if fits {
        Align2::LEFT_CENTER.anchor_size(beside, galley.size())
    } else {
        Align2::CENTER_CENTER.anchor_size(pos + vec2(0.0, 24.0), galley.size())
    };
    painter.rect_filled(ground.expand2(vec2(6.0, 2.0)), tokens::radius::S, tokens::RING_DARK);
    painter.galley(ground.min, galley, tokens::RING_LIGHT);
}

/// Radius and width of the eyedropper's ring, in points.
const DISC: (f32, f32) = (18.0, 8.0);

/// The eyedropper around `pos`: the colour that would be taken above, the present one below.
pub(super) fn eyedropper(painter: &Painter, pos: Pos2, new: Option<[u8; 3]>, old: [u8; 3]) {
    let (radius, width) = DISC;
    let half = |from: f32, color: Color32| {
        let points = (0..=24u8).map(|index| {
            let angle = from + std::f32::consts::PI * f32::from(index) / 24.0;
            pos + radius * egui::vec2(angle.cos(), angle.sin())
        });
        painter.line(points.collect(), Stroke::new(width, color));
    };
    half(0.0, tokens::of_rgb(old));
    half(std::f32::consts::PI, tokens::of_rgb(new.unwrap_or(old)));
    for edge in [radius - width / 2.0, radius + width / 2.0] {
        painter.circle_stroke(pos, edge, Stroke::new(1.0, tokens::RING_DARK));
        painter.circle_stroke(pos, edge - 1.0, Stroke::new(1.0, tokens::RING_LIGHT));
    }
}

fn bitmap(made: Made) -> CustomCursorImage {
    let radius = made.diameter / 2.0;
    // Odd, so that the hotspot is the middle of a pixel.
    let half = radius.ceil() as i32 + 2;
    let side = 2 * half + 1;
    let mut rgba = Vec::with_capacity((side * side * 4) as usize);
    // How much of a line of one pixel at `line` covers a pixel at `at`.
    let line = |at: f32, line: f32| (1.0 - (at - line).abs()).clamp(0.0, 1.0);
    for y in -half..=half {
        for x in -half..=half {
            let at = (x as f32).hypot(y as f32);
            let inner = radius * made.hardness;
            let mut pixel = [0.0f32; 4];
            let mut lay = |color: [u8; 3], alpha: f32| {
                let rest = pixel[3] * (1.0 - alpha);
                let whole = alpha + rest;
                if whole > 0.0 {
                    for (value, new) in pixel[..3].iter_mut().zip(color) {
                        *value = (f32::from(new) * alpha + *value * rest) / whole;
                    }
                    pixel[3] = whole;
                }
            };
            if made.hardness < 0.98 && radius > 6.0 && inner > 3.0 {
                lay(made.color, 0.45 * line(at, inner));
            }
            lay([0, 0, 0], 0.85 * line(at, radius + 0.5));
            lay(made.color, line(at, radius - 0.5));
            if radius > 3.0 {
                let (mark, frame) = if made.erases {
                    (y == 0 && x.abs() <= 2, y.abs() <= 1 && x.abs() <= 3)
                } else {
                    (x == 0 && y == 0, x.abs() <= 1 && y.abs() <= 1)
                };
                if mark {
                    lay([255; 3], 1.0);
                } else if frame {
                    lay([0; 3], 0.6);
                }
            }
            let [r, g, b, a] = pixel;
            rgba.extend([r, g, b, a * 255.0].map(|value| value.round() as u8));
        }
    }
    CustomCursorImage { rgba: Arc::from(rgba), size: [side as u16; 2], hotspot: [half as u16; 2] }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bitmap_is_a_ring_around_its_hotspot() {
        let made = Made { diameter: 20.0, hardness: 1.0, erases: false, color: [255, 46, 99] };
        let image = bitmap(made);
        let side = image.size[0];
        assert_eq!(side % 2, 1);
        assert_eq!(image.rgba.len(), usize::from(side) * usize::from(side) * 4);
        let at = |x: u16, y: u16| {
            let from = 4 * (usize::from(y) * usize::from(side) + usize::from(x));
            [0, 1, 2, 3].map(|channel| image.rgba[from + channel])
        };
        let middle = image.hotspot[0];
        assert_eq!(at(middle, middle), [255, 255, 255, 255]);
        assert_eq!(at(middle, middle + 5)[3], 0);
        assert!(at(middle, middle + 10)[3] > 150);
        assert_eq!(at(0, 0)[3], 0);
    }
}
