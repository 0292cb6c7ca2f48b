//! The mask: coverage that strokes add to and take from.
//!
//! The document owns it, the canvas shows it, requests take a snapshot of it. It is stored as it was
//! painted; feather is a parameter of whoever uses it, never baked in.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use super::document::fresh_key;
pub use super::stroke::PixelRect;
use super::stroke::{FULL, Ink, Path, Profile, TILE};
use crate::app::tool::Brush;
use crate::engine::protocol::Coverage;

/// Changes that are remembered by rectangle; who lags behind further looks at everything.
const REMEMBERED_CHANGES: usize = 256;

/// Painted coverage, 8 bits a pixel. Cloning is cheap until one side changes.
#[derive(Clone, Debug)]
pub struct Mask {
    coverage: Arc<Coverage>,
    /// Sum of all coverage, kept up to date so that [`Mask::fraction`] costs nothing.
    sum: u64,
    key: u64,
    /// What changed, with the key from before it; oldest first.
    changes: VecDeque<(u64, PixelRect)>,
    stroke: Option<Stroke>,
}

/// A stroke that is being drawn.
#[derive(Clone, Debug)]
struct Stroke {
    path: Path,
    /// Ink of the part of the curve that is certain.
    ink: Ink,
    /// Ink of the piece to the newest point, which the next point may bend.
    tail: Ink,
    tail_rect: PixelRect,
    /// Coverage under the stroke, by tile, as it was before it.
    base: HashMap<(usize, usize), Box<[u8]>>,
}

impl Mask {
    /// A mask that covers nothing.
    #[must_use]
    pub fn new(width: u32, height: u32) -> Self {
        let values = vec![0; width as usize * height as usize];
        Self::from_coverage(Coverage { width, height, values })
    }

    /// A mask from stored coverage.
    #[must_use]
    pub fn from_coverage(coverage: Coverage) -> Self {
        Self {
            sum: sum_of(&coverage.values),
            coverage: Arc::new(coverage),
            key: fresh_key(),
            changes: VecDeque::new(),
            stroke: None,
        }
    }

    /// Width and height in pixels.
    #[must_use]
    pub fn size(&self) -> (u32, u32) {
        (self.coverage.width, self.coverage.height)
    }

    /// Whether nothing is covered.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.sum == 0
    }

    /// How much of the picture is covered, 0..=1.
    #[must_use]
    pub fn fraction(&self) -> f32 {
        (self.sum as f64 / (255.0 * self.coverage.values.len().max(1) as f64)) as f32
    }

    /// Changes with the content. Equal keys mean equal content, across all masks of the process.
    #[must_use]
    pub fn key(&self) -> u64 {
        self.key
    }

    /// The pixels that may differ between the content that had `key` and now. `None`: all of them.
    #[must_use]
    pub fn dirty_since(&self, key: u64) -> Option<PixelRect> {
        if key == self.key {
            return Some(PixelRect::EMPTY);
        }
        let first = self.changes.iter().position(|(before, _)| *before == key)?;
        let changed = self.changes.iter().skip(first).map(|(_, rect)| *rect);
        Some(changed.fold(PixelRect::EMPTY, PixelRect::union))
    }

    /// Starts a stroke with a dab at `at`, in image pixels. A click is just this.
    pub fn begin_stroke(&mut self, at: [f32; 2], brush: &Brush) {
        self.end_stroke();
        self.stroke = Some(Stroke {
            path: Path::new(at),
            ink: Ink::default(),
            tail: Ink::default(),
            tail_rect: PixelRect::EMPTY,
            base: HashMap::new(),
        });
        self.extend_stroke(&[], brush);
    }

    /// Draws the stroke on through `points`, in image pixels. Without a stroke it begins one.
    pub fn extend_stroke(&mut self, points: &[[f32; 2]], brush: &Brush) {
        let size = self.size();
        let Some(mut stroke) = self.stroke.take() else {
            if let Some((first, rest)) = points.split_first() {
                self.begin_stroke(*first, brush);
                self.extend_stroke(rest, brush);
            }
            return;
        };
        let profile = Profile::of(brush);
        let step = (brush.size_px / 8.0).max(1.0);
        let mut dirty = stroke.tail_rect;
        stroke.tail.clear();
        for point in points {
            let piece = stroke.path.push(*point, step);
            dirty = dirty.union(draw(&mut stroke.ink, &piece, profile, size));
        }
        let tail = stroke.path.tail(step);
        stroke.tail_rect = draw(&mut stroke.tail, &tail, profile, size);
        dirty = dirty.union(stroke.tail_rect);
        self.composite(&mut stroke, dirty, brush.erases);
        self.stroke = Some(stroke);
        self.changed(dirty);
    }

    /// Ends the stroke; what it drew stays.
    pub fn end_stroke(&mut self) {
        // The shown coverage already is the stroke over its base, with its tail as the true end.
        self.stroke = None;
    }

    /// Whether a stroke is being drawn.
    #[must_use]
    pub fn is_stroking(&self) -> bool {
        self.stroke.is_some()
    }

    /// Drops the unfinished stroke and what it drew.
    pub fn cancel_stroke(&mut self) {
        let Some(stroke) = self.stroke.take() else { return };
        let (width, height) = self.size();
        let mut dirty = PixelRect::EMPTY;
        let coverage = Arc::make_mut(&mut self.coverage);
        for (at, base) in &stroke.base {
            let rect = tile_rect(*at, (width, height));
            for y in rect.y0..rect.y1 {
                let to = (y * width + rect.x0) as usize;
                let from = (y as usize - at.1 * TILE) * TILE;
                let count = rect.size().0 as usize;
                coverage.values[to..to + count].copy_from_slice(&base[from..from + count]);
            }
            dirty = dirty.union(rect);
        }
        self.sum = sum_of(&self.coverage.values);
        self.changed(dirty);
    }

    /// Covers nothing any more.
    pub fn clear(&mut self) {
        self.replace(|value| *value = 0);
    }

    /// Covers what was not covered and the other way round.
    pub fn invert(&mut self) {
        self.replace(|value| *value = 255 - *value);
    }

    /// Covers the whole picture.
    pub fn fill_whole(&mut self) {
        self.replace(|value| *value = 255);
    }

    /// A snapshot of the coverage.
    #[must_use]
    pub fn coverage(&self) -> Arc<Coverage> {
        Arc::clone(&self.coverage)
    }

    /// The coverage itself, row by row.
    #[must_use]
    pub fn values(&self) -> &[u8] {
        &self.coverage.values
    }

    fn replace(&mut self, change: impl Fn(&mut u8)) {
        self.end_stroke();
        Arc::make_mut(&mut self.coverage).values.iter_mut().for_each(change);
        self.sum = sum_of(&self.coverage.values);
        self.changed(PixelRect::whole(self.size()));
    }

    fn changed(&mut self, rect: PixelRect) {
        if self.changes.len() == REMEMBERED_CHANGES {
            self.changes.pop_front();
        }
        self.changes.push_back((self.key, rect));
        self.key = fresh_key();
    }

    /// Lays the stroke over its base in `dirty`.
    fn composite(&mut self, stroke: &mut Stroke, dirty: PixelRect, erases: bool) {
        if dirty.is_empty() {
            return;
        }
        let size = self.size();
        let width = size.0 as usize;
        let coverage = Arc::make_mut(&mut self.coverage);
        for tile_y in dirty.y0 as usize / TILE..=(dirty.y1 as usize - 1) / TILE {
            for tile_x in dirty.x0 as usize / TILE..=(dirty.x1 as usize - 1) / TILE {
                let at = (tile_x, tile_y);
                let (ink, tail) = (stroke.ink.tile(at), stroke.tail.tile(at));
                if ink.is_none() && tail.is_none() && !stroke.base.contains_key(&at) {
                    continue;
                }
                let rect = tile_rect(at, size);
                let columns = rect.size().0 as usize;
                let base = stroke.base.entry(at).or_insert_with(|| {
                    let mut base = vec![0; TILE * TILE].into_boxed_slice();
                    for y in 0..rect.size().1 as usize {
                        let from = (tile_y * TILE + y) * width + tile_x * TILE;
                        base[y * TILE..y * TILE + columns]
                            .copy_from_slice(&coverage.values[from..from + columns]);
                    }
                    base
                });
                let ink_at = |ink: Option<&[u16]>, place: usize| ink.map_or(0, |ink| ink[place]);
                for y in 0..rect.size().1 as usize {
                    let row = (tile_y * TILE + y) * width + tile_x * TILE;
                    for x in 0..columns {
                        let place = y * TILE + x;
                        let ink = ink_at(ink, place).max(ink_at(tail, place));
                        let new = over(base[place], ink, erases);
                        let old = std::mem::replace(&mut coverage.values[row + x], new);
                        self.sum = self.sum + u64::from(new) - u64::from(old);
                    }
                }
            }
        }
    }
}

/// Ink over coverage, rounded once.
fn over(base: u8, ink: u16, erases: bool) -> u8 {
    let (full, base, ink) = (u64::from(FULL), u64::from(base), u64::from(ink));
    let scaled = if erases { base * (full - ink) } else { base * full + (255 - base) * ink };
    ((scaled + full / 2) / full) as u8
}

fn draw(ink: &mut Ink, line: &[[f32; 2]], profile: Profile, size: (u32, u32)) -> PixelRect {
    match line {
        [] => PixelRect::EMPTY,
        [point] => ink.sweep(*point, *point, profile, size),
        line => line
            .windows(2)
            .map(|pair| ink.sweep(pair[0], pair[1], profile, size))
            .fold(PixelRect::EMPTY, PixelRect::union),
    }
}

fn tile_rect((tile_x, tile_y): (usize, usize), (width, height): (u32, u32)) -> PixelRect {
    let (x0, y0) = ((tile_x * TILE) as u32, (tile_y * TILE) as u32);
    PixelRect { x0, y0, x1: (x0 + TILE as u32).min(width), y1: (y0 + TILE as u32).min(height) }
}

fn sum_of(values: &[u8]) -> u64 {
    // In chunks, so that the inner sum fits 32 bits and is vectorised.
    values
        .chunks(1 << 16)
        .map(|chunk| u64::from(chunk.iter().map(|value| u32::from(*value)).sum::<u32>()))
        .sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn brush(size_px: f32, hardness: f32) -> Brush {
        Brush { size_px, hardness, erases: false }
    }

    fn at(mask: &Mask, x: u32, y: u32) -> u8 {
        mask.values()[(y * mask.size().0 + x) as usize]
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
            mask.coverage()
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
    fn a_cancelled_stroke_leaves_no_trace() {
        let mut mask = Mask::new(150, 150);
        mask.begin_stroke([30.0, 30.0], &brush(40.0, 0.3));
        mask.end_stroke();
        let before = (mask.coverage(), mask.fraction());
        mask.begin_stroke([40.0, 40.0], &brush(60.0, 0.3));
        mask.extend_stroke(&[[140.0, 100.0]], &brush(60.0, 0.3));
        mask.cancel_stroke();
        assert_eq!(mask.coverage(), before.0);
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
