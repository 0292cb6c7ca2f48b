//! The picture's pixels, and the strokes of brush and eraser on them.
//!
//! The document owns one; canvas, requests and files take its plane. Today it is one layer. With
//! layers, the document will hold several of these under one size, the canvas will be given the
//! plane that they make together, and strokes will go on to the one that is active: nothing outside
//! this room asks for more than a plane.

use super::stroke::{FULL, Stroke, StrokePoint};
use crate::app::tool::Brush;
use crate::plane::{PixelRect, Plane};

/// RGBA with straight alpha, 8 bits a channel. Cloning is cheap: tiles are shared until one side
/// changes.
#[derive(Clone, Debug)]
pub struct Raster {
    plane: Plane<4>,
    stroke: Option<Painting>,
}

/// A stroke under way.
#[derive(Clone, Debug)]
struct Painting {
    stroke: Stroke<4>,
    brush: Brush,
    color: [u8; 3],
}

impl Raster {
    /// A raster of one colour.
    #[must_use]
    pub fn filled(size: (u32, u32), rgba: [u8; 4]) -> Self {
        Self::from_plane(Plane::filled(size, rgba))
    }

    /// A raster of these tiles.
    #[must_use]
    pub fn from_plane(plane: Plane<4>) -> Self {
        Self { plane, stroke: None }
    }

    /// Its tiles, to show and to store.
    #[must_use]
    pub fn plane(&self) -> &Plane<4> {
        &self.plane
    }

    /// Width and height in pixels.
    #[must_use]
    pub fn size(&self) -> (u32, u32) {
        self.plane.size()
    }

    /// Changes with the content. Equal keys mean equal content, across the process.
    #[must_use]
    pub fn key(&self) -> u64 {
        self.plane.key()
    }

    /// Starts a stroke with a dab at `at`, in image pixels: of `color`, or of nothing at all with a
    /// brush that erases. A click is just this.
    pub fn begin_stroke(&mut self, at: impl Into<StrokePoint>, brush: &Brush, color: [u8; 3]) {
        self.end_stroke();
        let stroke = Stroke::new(at.into(), &self.plane);
        self.stroke = Some(Painting { stroke, brush: *brush, color });
        self.extend_stroke::<StrokePoint>(&[]);
    }

    /// Draws the stroke on through `points`, in image pixels.
    pub fn extend_stroke<P: Copy + Into<StrokePoint>>(&mut self, points: &[P]) {
        let Some(Painting { stroke, brush, color }) = &mut self.stroke else { return };
        let dirty = stroke.gather(points.iter().map(|point| (*point).into()), brush);
        let color = *color;
        if brush.erases {
            stroke.composite(&mut self.plane, dirty, erased);
        } else {
            let blend = |base, ink, place| painted(base, color, ink, place);
            stroke.composite(&mut self.plane, dirty, blend);
        }
    }

    /// Ends the stroke; what it drew stays.
    pub fn end_stroke(&mut self) {
        if let Some(painting) = self.stroke.take() {
            painting.stroke.finish(&mut self.plane);
        }
    }

    /// Whether a stroke is being drawn.
    #[must_use]
    pub fn is_stroking(&self) -> bool {
        self.stroke.is_some()
    }

    /// Drops the unfinished stroke and what it drew: every bit is as it was.
    pub fn cancel_stroke(&mut self) {
        if let Some(painting) = self.stroke.take() {
            painting.stroke.cancel(&mut self.plane);
        }
    }

    /// The pixels that may differ between the content that had `key` and now. `None`: all of them.
    #[must_use]
    pub fn dirty_since(&self, key: u64) -> Option<PixelRect> {
        self.plane.dirty_since(key)
    }
}

/// Where a value between two bytes is rounded up, 0..1, by place: interleaved gradient noise
/// (Jimenez 2014), whose mean over any few pixels is one half, so that soft edges have no steps.
fn threshold((x, y): (u32, u32)) -> f32 {
    // By way of an integer: `fract` is a call of a function on plain x86-64.
    let fraction = |value: f32| value - (value as i32) as f32;
    fraction(52.982_918 * fraction(0.067_110_56 * x as f32 + 0.005_837_15 * y as f32))
}

/// A value rounded by place; whole numbers stay as they are.
fn rounded(value: f32, threshold: f32) -> u8 {
    (value + threshold * (510.0 / 512.0) + 1.0 / 512.0).clamp(0.0, 255.0) as u8
}

/// Ink of a colour over a pixel (Porter and Duff's "over" with straight alpha).
fn painted(base: [u8; 4], color: [u8; 3], ink: u16, place: (u32, u32)) -> [u8; 4] {
    let [r, g, b] = color;
    if ink == FULL {
        return [r, g, b, 255];
    }
    let threshold = threshold(place);
    if base[3] == 255 {
        let full = u32::from(FULL);
        let (ink, up) = (u32::from(ink), ((threshold * f32::from(FULL)) as u32).min(full - 1));
        let mix = |from: u8, to: u8| {
            ((u32::from(from) * (full - ink) + u32::from(to) * ink + up) / full) as u8
        };
        return [mix(base[0], r), mix(base[1], g), mix(base[2], b), 255];
    }
    let (ink, below) = (f32::from(ink) / f32::from(FULL), f32::from(base[3]) / 255.0);
    let rest = below * (1.0 - ink);
    let alpha = ink + rest;
    let mix = |from: u8, to: u8| {
        rounded((f32::from(to) * ink + f32::from(from) * rest) / alpha, threshold)
    };
    let out =
        [mix(base[0], r), mix(base[1], g), mix(base[2], b), rounded(alpha * 255.0, threshold)];
    if out[3] == 0 { base } else { out }
}

/// Ink that takes away.
fn erased(base: [u8; 4], ink: u16, place: (u32, u32)) -> [u8; 4] {
    let rest = 1.0 - f32::from(ink) / f32::from(FULL);
    let alpha = rounded(f32::from(base[3]) * rest, threshold(place)).min(base[3]);
    // What cannot be seen has no colour: a tile of it need not exist.
    if ink == FULL || alpha == 0 { [0; 4] } else { [base[0], base[1], base[2], alpha] }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn brush(size_px: f32, hardness: f32) -> Brush {
        Brush { size_px, hardness, erases: false }
    }

    fn eraser(size_px: f32, hardness: f32) -> Brush {
        Brush { size_px, hardness, erases: true }
    }

    fn noise(width: u32, height: u32) -> Raster {
        let rgba = (0..width * height * 4).map(|i| (i.wrapping_mul(2_654_435_761) >> 24) as u8);
        let rgba: Vec<u8> = rgba.collect();
        Raster::from_plane(Plane::from_flat((width, height), &rgba))
    }

    const RED: [u8; 3] = [200, 30, 40];

    #[test]
    fn a_click_is_a_dab_and_nothing_else_changes() {
        let mut raster = noise(300, 300);
        let before = raster.clone();
        raster.begin_stroke([256.0, 100.0], &brush(20.0, 1.0), RED);
        raster.end_stroke();
        let dirty = raster.dirty_since(before.key()).expect("remembered");
        assert_eq!(dirty, PixelRect { x0: 245, y0: 89, x1: 267, y1: 111 });
        for y in 0..300u32 {
            for x in 0..300u32 {
                let apart = (x as f32 + 0.5 - 256.0).hypot(y as f32 + 0.5 - 100.0);
                let pixel = raster.plane().pixel(x, y);
                if apart < 9.4 {
                    assert_eq!(pixel, [200, 30, 40, 255], "{x} {y}");
                } else if apart > 10.6 {
                    assert_eq!(pixel, before.plane().pixel(x, y), "{x} {y}");
                }
            }
        }
        let same = |at| raster.plane().tile_key(at) == before.plane().tile_key(at);
        assert_eq!([(0, 0), (1, 0), (0, 1), (1, 1)].map(same), [false, false, true, true]);
    }

    #[test]
    fn a_fast_stroke_has_no_gaps() {
        let mut raster = Raster::filled((900, 200), [255; 4]);
        raster.begin_stroke([20.0, 100.0], &brush(12.0, 1.0), [0; 3]);
        // Three points far apart: what a fast pen reports.
        raster.extend_stroke(&[[300.0, 60.0], [600.0, 140.0], [880.0, 100.0]]);
        raster.end_stroke();
        for x in 20..880 {
            let darkest = (0..200).map(|y| raster.plane().pixel(x, y)[0]).min();
            assert_eq!(darkest, Some(0), "a gap at {x}");
        }
    }

    #[test]
    fn soft_ink_has_no_bands() {
        // A wide brush from one dark grey to the next: only 12 values over 200 pixels.
        let side = 500;
        let mut raster = Raster::filled((side, side), [30, 30, 30, 255]);
        raster.begin_stroke([250.0, 250.0], &brush(480.0, 0.5), [42; 3]);
        raster.end_stroke();
        let mut worst = 0.0f32;
        for top in (60..440).step_by(8) {
            for left in (60..440).step_by(8) {
                let (mut found, mut expected) = (0.0, 0.0);
                for y in top..top + 8 {
                    for x in left..left + 8 {
                        found += f32::from(raster.plane().pixel(x, y)[0]) / 64.0;
                        let apart = (x as f32 + 0.5 - 250.0).hypot(y as f32 + 0.5 - 250.0);
                        let t = ((240.5 - apart) / 120.5).clamp(0.0, 1.0);
                        expected += (30.0 + 12.0 * t * t * (3.0 - 2.0 * t)) / 64.0;
                    }
                }
                worst = worst.max((found - expected).abs());
            }
        }
        // Rounding alone is off by up to half a step over whole bands.
        assert!(worst < 0.15, "{worst}");
    }

    #[test]
    fn one_stroke_is_composited_once() {
        let mut raster = Raster::filled((100, 100), [0, 0, 0, 255]);
        let soft = brush(60.0, 0.0);
        raster.begin_stroke([50.0, 50.0], &soft, [255; 3]);
        let once = raster.plane().pixel(66, 50)[0];
        for _ in 0..20 {
            raster.extend_stroke(&[[51.0, 50.0], [50.0, 50.0]]);
        }
        assert!(raster.plane().pixel(66, 50)[0] < once + 20);
        raster.begin_stroke([50.0, 50.0], &soft, [255; 3]);
        assert!(raster.plane().pixel(66, 50)[0] > once + 20);
    }

    #[test]
    fn the_eraser_leaves_nothing_and_paint_comes_back_over_nothing() {
        let mut raster = Raster::filled((256, 256), [10, 200, 30, 255]);
        raster.begin_stroke([100.0, 100.0], &eraser(40.0, 1.0), RED);
        raster.end_stroke();
        assert_eq!(raster.plane().pixel(100, 100), [0; 4]);
        assert_eq!(raster.plane().pixel(130, 100), [10, 200, 30, 255]);
        let rim: Vec<u8> = (110..125).map(|x| raster.plane().pixel(x, 100)[3]).collect();
        assert!(rim.is_sorted());
        // A half-hard brush over nothing has its own colour all the way to its rim.
        raster.begin_stroke([100.0, 100.0], &brush(30.0, 0.2), RED);
        raster.end_stroke();
        for x in 86..114 {
            let [r, g, b, alpha] = raster.plane().pixel(x, 100);
            assert!(alpha > 0 && [r, g, b] == RED, "{x}: {r} {g} {b} {alpha}");
        }
        // Everything erased is no tile at all.
        raster.begin_stroke([128.0, 128.0], &eraser(900.0, 1.0), RED);
        raster.end_stroke();
        assert_eq!(raster.plane().tiles().count(), 0);
    }

    #[test]
    fn a_cancelled_stroke_leaves_no_trace() {
        let mut raster = noise(600, 300);
        let before = raster.clone();
        for brush in [brush(80.0, 0.3), eraser(70.0, 0.6)] {
            raster.begin_stroke([40.0, 40.0], &brush, RED);
            raster.extend_stroke(&[[300.0, 200.0], [590.0, 10.0]]);
            assert_ne!(raster.key(), before.key());
            raster.cancel_stroke();
            assert_eq!(raster.key(), before.key());
            assert_eq!(raster.plane().to_flat(), before.plane().to_flat());
            for at in raster.plane().tiles_in(PixelRect::whole((600, 300))) {
                assert_eq!(raster.plane().tile_key(at), before.plane().tile_key(at));
            }
        }
    }

    #[test]
    fn a_brush_on_a_large_picture_touches_little() {
        let mut raster = Raster::filled((4096, 4096), [255; 4]);
        raster.begin_stroke([2000.0, 2000.0], &brush(200.0, 0.8), RED);
        for x in 1..20u8 {
            let before = raster.clone();
            raster.extend_stroke(&[[2000.0 + 6.0 * f32::from(x), 2001.0]]);
            let (width, height) = raster.dirty_since(before.key()).expect("remembered").size();
            assert!(width * height < 240 * 210, "{width} x {height}");
        }
        raster.end_stroke();
        let white = Raster::filled((1, 1), [255; 4]);
        assert_ne!(white.key(), raster.key());
        let first = raster.plane().tile_key((0, 0));
        let own = raster.plane().tiles().filter(|(_, tile)| tile.key() != first).count();
        assert!(own <= 4, "{own} tiles");
    }
}
