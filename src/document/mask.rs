//! The mask: coverage that strokes add to and take from.
//!
//! The document owns it, the canvas shows it, requests take a snapshot of it. It is stored as it was
//! painted; feather is a parameter of whoever uses it, never baked in.

use std::cell::Cell;

use super::mask_shapes::MaskShape;
use super::stroke::{FULL, Stroke, StrokePoint};
use crate::app::tool::Brush;
pub use crate::plane::PixelRect;
use crate::plane::Plane;

/// Painted coverage, 8 bits a pixel. Cloning is cheap: tiles are shared until one side changes.
#[derive(Clone, Debug)]
pub struct Mask {
    plane: Plane<1>,
    /// Sum of all coverage, kept up to date so that [`Mask::fraction`] costs nothing.
    sum: u64,
    /// The smallest rectangle around what is covered, and the content that it is of.
    bounds: Cell<Option<(u64, PixelRect)>>,
    /// The stroke under way, and the brush that it was begun with.
    stroke: Option<(Stroke<1>, Brush)>,
}

impl Mask {
    /// A mask that covers nothing.
    #[must_use]
    pub fn new(width: u32, height: u32) -> Self {
        Self::with_sum(Plane::new((width, height)), 0)
    }

    /// A mask from stored tiles.
    #[must_use]
    pub fn from_plane(plane: Plane<1>) -> Self {
        let sum = sum_of(&plane, PixelRect::whole(plane.size()));
        Self::with_sum(plane, sum)
    }

    fn with_sum(plane: Plane<1>, sum: u64) -> Self {
        Self { plane, sum, bounds: Cell::default(), stroke: None }
    }

    /// Its tiles, to show and to store.
    #[must_use]
    pub fn plane(&self) -> &Plane<1> {
        &self.plane
    }

    /// Width and height in pixels.
    #[must_use]
    pub fn size(&self) -> (u32, u32) {
        self.plane.size()
    }

    /// Whether nothing is covered.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.sum == 0
    }

    /// How much of the picture is covered, 0..=1.
    #[must_use]
    pub fn fraction(&self) -> f32 {
        let (width, height) = self.size();
        let pixels = f64::from(width.max(1)) * f64::from(height.max(1));
        (self.sum as f64 / (255.0 * pixels)) as f32
    }

    /// The smallest rectangle around what is covered. Cheap to ask for again.
    #[must_use]
    pub fn bounds(&self) -> PixelRect {
        if let Some((key, bounds)) = self.bounds.get()
            && key == self.key()
        {
            return bounds;
        }
        let bounds = self.plane.bounds();
        self.bounds.set(Some((self.key(), bounds)));
        bounds
    }

    /// Changes with the content. Equal keys mean equal content, across all masks of the process.
    #[must_use]
    pub fn key(&self) -> u64 {
        self.plane.key()
    }

    /// The pixels that may differ between the content that had `key` and now. `None`: all of them.
    #[must_use]
    pub fn dirty_since(&self, key: u64) -> Option<PixelRect> {
        self.plane.dirty_since(key)
    }

    /// Starts a stroke with a dab at `at`, in image pixels. A click is just this.
    pub fn begin_stroke(&mut self, at: impl Into<StrokePoint>, brush: &Brush) {
        self.end_stroke();
        self.stroke = Some((Stroke::new(at.into(), &self.plane), *brush));
        self.extend_stroke::<StrokePoint>(&[], brush);
    }

    /// Draws the stroke on through `points`, in image pixels, with the brush that it was begun with.
    /// Without a stroke it begins one.
    pub fn extend_stroke<P>(&mut self, points: &[P], brush: &Brush)
    where
        P: Copy + Into<StrokePoint>,
    {
        let Some((stroke, brush)) = &mut self.stroke else {
            if let Some((first, rest)) = points.split_first() {
                self.begin_stroke(*first, brush);
                self.extend_stroke(rest, brush);
            }
            return;
        };
        let dirty = stroke.gather(points.iter().map(|point| (*point).into()), brush);
        self.sum -= sum_of(&self.plane, dirty);
        let erases = brush.erases;
        stroke.composite(&mut self.plane, dirty, |[base], ink, _| [over(base, ink, erases)]);
        self.sum += sum_of(&self.plane, dirty);
    }

    /// Ends the stroke; what it drew stays.
    pub fn end_stroke(&mut self) {
        if let Some((stroke, _)) = self.stroke.take() {
            stroke.finish(&mut self.plane);
        }
    }

    /// Whether a stroke is being drawn.
    #[must_use]
    pub fn is_stroking(&self) -> bool {
        self.stroke.is_some()
    }

    /// Drops the unfinished stroke and what it drew.
    pub fn cancel_stroke(&mut self) {
        let Some((stroke, _)) = self.stroke.take() else { return };
        stroke.cancel(&mut self.plane);
        self.sum = sum_of(&self.plane, PixelRect::whole(self.size()));
    }

    /// Covers nothing any more.
    pub fn clear(&mut self) {
        self.end_stroke();
        self.plane.fill([0]);
        self.sum = 0;
    }

    /// Covers what was not covered and the other way round.
    pub fn invert(&mut self) {
        self.end_stroke();
        self.plane.map(|bytes| bytes.iter_mut().for_each(|value| *value = 255 - *value));
        self.plane.trim(PixelRect::whole(self.size()));
        self.sum = self.most() - self.sum;
    }

    /// Covers the whole picture.
    pub fn fill_whole(&mut self) {
        self.end_stroke();
        self.plane.fill([255]);
        self.sum = self.most();
    }

    /// Covers a shape, or takes it away.
    pub fn add_shape(&mut self, shape: MaskShape, erases: bool) {
        self.end_stroke();
        shape.lay_over(&mut self.plane, if erases { 0 } else { 255 });
        self.sum = sum_of(&self.plane, PixelRect::whole(self.size()));
    }

    fn most(&self) -> u64 {
        let (width, height) = self.size();
        255 * u64::from(width) * u64::from(height)
    }
}

/// Ink over coverage, rounded once.
fn over(base: u8, ink: u16, erases: bool) -> u8 {
    let (full, base, ink) = (u64::from(FULL), u64::from(base), u64::from(ink));
    let scaled = if erases { base * (full - ink) } else { base * full + (255 - base) * ink };
    ((scaled + full / 2) / full) as u8
}

/// The coverage of a rectangle, summed up.
fn sum_of(plane: &Plane<1>, rect: PixelRect) -> u64 {
    let mut sum = 0;
    for at in plane.tiles_in(rect) {
        let part = rect.intersection(plane.tile_rect(at));
        for y in part.y0..part.y1 {
            let Some(span) = plane.span(part.x0, y, part.size().0) else { break };
            sum += u64::from(span.iter().map(|value| u32::from(*value)).sum::<u32>());
        }
    }
    sum
}

#[cfg(test)]
mod tests {
    use super::*;

    fn brush(size_px: f32, hardness: f32) -> Brush {
        Brush { size_px, hardness, erases: false }
    }

    fn at(mask: &Mask, x: u32, y: u32) -> u8 {
        mask.plane().pixel(x, y)[0]
    }

    #[test]
    fn a_click_is_a_dab() {
        let mut mask = Mask::new(100, 80);
        let key = mask.key();
        mask.begin_stroke([50.0, 40.0], &brush(20.0, 1.0));
        mask.end_stroke();
        assert_eq!(at(&mask, 50, 40), 255);
        assert_eq!(at(&mask, 58, 40), 255);
        assert_eq!(at(&mask, 61, 40), 0);
        let area = mask.fraction() * 8000.0;
        assert!((area - 314.0).abs() < 6.0, "{area}");
        let dirty = mask.dirty_since(key).expect("one change is remembered");
        assert_eq!(dirty, PixelRect { x0: 39, y0: 29, x1: 61, y1: 51 });
    }

    #[test]
    fn a_fast_stroke_has_no_gaps_and_no_scallops() {
        let mut mask = Mask::new(400, 100);
        let brush = brush(30.0, 1.0);
        mask.begin_stroke([20.0, 50.0], &brush);
        mask.extend_stroke(&[[200.0, 50.0], [380.0, 50.0]], &brush);
        mask.end_stroke();
        for x in 20..380 {
            assert_eq!(at(&mask, x, 36), 255, "hole at {x}");
            assert_eq!(at(&mask, x, 33), 0, "bulge at {x}");
        }
    }

    #[test]
    fn the_order_of_frames_does_not_matter() {
        let points: Vec<[f32; 2]> = (0..40u8)
            .map(|i| [10.0 + 4.0 * f32::from(i), 60.0 + (f32::from(i) * 0.7).sin() * 40.0])
            .collect();
        let brush = brush(17.0, 0.4);
        let draw = |chunk: usize| {
            let mut mask = Mask::new(180, 120);
            mask.begin_stroke(points[0], &brush);
            for points in points[1..].chunks(chunk) {
                mask.extend_stroke(points, &brush);
            }
            mask.end_stroke();
            mask.plane().clone()
        };
        assert_eq!(draw(1), draw(7));
        assert_eq!(draw(1), draw(100));
    }

    #[test]
    fn one_stroke_is_composited_once() {
        let mut mask = Mask::new(64, 64);
        let soft = brush(40.0, 0.0);
        mask.begin_stroke([32.0, 32.0], &soft);
        let once = at(&mask, 42, 32);
        for _ in 0..20 {
            mask.extend_stroke(&[[33.0, 32.0], [32.0, 32.0]], &soft);
        }
        // Going to and fro keeps the most ink, it does not pile up.
        assert!(at(&mask, 42, 32) < once + 20);
        mask.end_stroke();
        mask.begin_stroke([32.0, 32.0], &soft);
        assert!(at(&mask, 42, 32) > once + 20);
    }

    #[test]
    fn erasing_takes_away() {
        let mut mask = Mask::new(64, 64);
        mask.fill_whole();
        assert!((mask.fraction() - 1.0).abs() < 1e-6);
        mask.begin_stroke([32.0, 32.0], &Brush { erases: true, ..brush(20.0, 1.0) });
        mask.end_stroke();
        assert_eq!(at(&mask, 32, 32), 0);
        assert_eq!(at(&mask, 5, 5), 255);
        mask.invert();
        assert_eq!(at(&mask, 32, 32), 255);
        assert_eq!(at(&mask, 5, 5), 0);
        mask.clear();
        assert!(mask.is_empty());
    }

    #[test]
    fn a_stroke_keeps_the_brush_that_it_was_begun_with() {
        let (mut one, mut other) = (Mask::new(100, 100), Mask::new(100, 100));
        let begun = brush(20.0, 1.0);
        for (mask, then) in [(&mut one, begun), (&mut other, Brush { erases: true, ..begun })] {
            mask.begin_stroke([20.0, 50.0], &begun);
            mask.extend_stroke(&[[80.0, 50.0]], &then);
            mask.end_stroke();
        }
        assert_eq!(one.plane().to_flat(), other.plane().to_flat());
    }

    #[test]
    fn a_cancelled_stroke_leaves_no_trace() {
        let mut mask = Mask::new(150, 150);
        mask.begin_stroke([30.0, 30.0], &brush(40.0, 0.3));
        mask.end_stroke();
        let before = (mask.plane().clone(), mask.fraction());
        mask.begin_stroke([40.0, 40.0], &brush(60.0, 0.3));
        mask.extend_stroke(&[[140.0, 100.0]], &brush(60.0, 0.3));
        mask.cancel_stroke();
        assert_eq!(mask.plane().clone(), before.0);
        assert!((mask.fraction() - before.1).abs() < 1e-9);
    }

    #[test]
    fn changes_are_found_by_key_and_clones_do_not_mix() {
        let mut mask = Mask::new(200, 200);
        let seen = mask.key();
        let mut other = mask.clone();
        mask.begin_stroke([50.0, 50.0], &brush(10.0, 1.0));
        other.begin_stroke([150.0, 150.0], &brush(10.0, 1.0));
        assert_ne!(mask.key(), other.key());
        assert_eq!(mask.dirty_since(other.key()), None);
        assert_eq!(mask.dirty_since(mask.key()), Some(PixelRect::EMPTY));
        assert!(mask.dirty_since(seen).is_some_and(|rect| rect.x1 <= 57));
    }

    #[test]
    fn strokes_may_leave_the_picture() {
        let mut mask = Mask::new(70, 70);
        let brush = brush(30.0, 0.8);
        mask.begin_stroke([-200.0, -10.0], &brush);
        assert!(mask.is_empty());
        mask.extend_stroke(&[[35.0, 35.0], [500.0, 900.0]], &brush);
        mask.end_stroke();
        assert_eq!(at(&mask, 35, 35), 255);
    }
}
