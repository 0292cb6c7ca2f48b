//! How a stroke's points become ink, and the ink pixels: a Catmull-Rom curve, swept by a round
//! brush, laid once over what was there before the stroke.
//!
//! [`super::mask`] and [`super::raster`] feed it points and say how ink changes a pixel.

use std::collections::{HashMap, HashSet};

use crate::app::tool::Brush;
use crate::plane::{PixelRect, Plane};

/// Side of a tile of ink, in pixels.
const TILE: usize = 64;
/// Pixels of a row that are looked at together.
const LANES: usize = 16;
/// Full ink. Sixteen bits, so that soft brushes do not band when they are composited.
pub(super) const FULL: u16 = u16::MAX;

/// A place that a stroke goes through.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct StrokePoint {
    /// In image pixels.
    pub at: [f32; 2],
    /// How hard the pen is pressed, 0 to 1: the part of the brush's size that is drawn. Without a
    /// pen it is 1.
    pub pressure: f32,
}

impl From<[f32; 2]> for StrokePoint {
    fn from(at: [f32; 2]) -> Self {
        Self { at, pressure: 1.0 }
    }
}

impl StrokePoint {
    fn distance(&self, other: &Self) -> f32 {
        (other.at[0] - self.at[0]).hypot(other.at[1] - self.at[1])
    }
}

/// A stroke that is being drawn on a plane.
#[derive(Clone, Debug)]
pub(super) struct Stroke<const N: usize> {
    path: Path,
    /// Ink of the part of the curve that is certain.
    ink: Ink,
    /// Ink of the piece to the newest point, which the next point may bend.
    tail: Ink,
    tail_rect: PixelRect,
    /// Tiles of ink that were laid over the base already.
    touched: HashSet<(usize, usize)>,
    /// Everything that was touched.
    drawn: PixelRect,
    /// The plane before the stroke; it shares the tiles that the stroke leaves alone.
    base: Plane<N>,
}

impl<const N: usize> Stroke<N> {
    /// A stroke that begins at `at`; nothing is drawn yet.
    pub(super) fn new(at: StrokePoint, plane: &Plane<N>) -> Self {
        Self {
            path: Path::new(at),
            ink: Ink::default(),
            tail: Ink::default(),
            tail_rect: PixelRect::EMPTY,
            touched: HashSet::new(),
            drawn: PixelRect::EMPTY,
            base: plane.clone(),
        }
    }

    /// Gathers the ink of the way through `points`. Returns where it changed.
    pub(super) fn gather(
        &mut self,
        points: impl IntoIterator<Item = StrokePoint>,
        brush: &Brush,
    ) -> PixelRect {
        let size = self.base.size();
        let mut dirty = self.tail_rect;
        self.tail.tiles.clear();
        for point in points {
            let piece = self.path.push(point, brush);
            dirty = dirty.union(self.ink.draw(&piece, brush, size));
        }
        let tail = self.path.tail(brush);
        self.tail_rect = self.tail.draw(&tail, brush, size);
        dirty.union(self.tail_rect)
    }

    /// Lays the stroke over its base in `dirty`. `blend` gives the pixel for what was there, the ink
    /// over it and the place; full ink makes the same of every pixel.
    pub(super) fn composite(
        &mut self,
        plane: &mut Plane<N>,
        dirty: PixelRect,
        blend: impl Fn([u8; N], u16, (u32, u32)) -> [u8; N],
    ) {
        if dirty.is_empty() {
            return;
        }
        let full = blend([0; N], FULL, (0, 0));
        for tile_y in dirty.y0 as usize / TILE..=(dirty.y1 as usize - 1) / TILE {
            for tile_x in dirty.x0 as usize / TILE..=(dirty.x1 as usize - 1) / TILE {
                let at = (tile_x, tile_y);
                let (ink, tail) = (self.ink.tiles.get(&at), self.tail.tiles.get(&at));
                let has_ink = ink.is_some() || tail.is_some();
                if !has_ink && !self.touched.contains(&at) {
                    continue;
                }
                self.touched.insert(at);
                let (left, top) = ((tile_x * TILE) as u32, (tile_y * TILE) as u32);
                let (right, bottom) = (left + TILE as u32, top + TILE as u32);
                let tile = PixelRect { x0: left, y0: top, x1: right, y1: bottom };
                let base = &self.base;
                plane.edit(tile.intersection(dirty), |x, y, row| {
                    if let Some(below) = base.span(x, y, (row.len() / N) as u32) {
                        row.copy_from_slice(below);
                    } else {
                        row.fill(0);
                    }
                    let first = (y - top) as usize * TILE + (x - left) as usize;
                    let line = |ink: Option<&'_ Box<[u16]>>, at: usize, count: usize| {
                        let mut line = [0; LANES];
                        if let Some(ink) = ink {
                            line[..count].copy_from_slice(&ink[first + at..first + at + count]);
                        }
                        line
                    };
                    for (at, pixels) in (0..).step_by(LANES).zip(row.chunks_mut(LANES * N)) {
                        let count = pixels.len() / N;
                        let (certain, tail) = (line(ink, at, count), line(tail, at, count));
                        let most: [u16; LANES] =
                            std::array::from_fn(|index| certain[index].max(tail[index]));
                        if most == [0; LANES] {
                            continue;
                        }
                        let all_full = most[..count].iter().all(|ink| *ink == FULL);
                        for (index, pixel) in pixels.chunks_exact_mut(N).enumerate() {
                            let after = match most[index] {
                                _ if all_full => full,
                                0 => continue,
                                ink => {
                                    let before = pixel.first_chunk().copied().unwrap_or([0; N]);
                                    blend(before, ink, (x + (at + index) as u32, y))
                                }
                            };
                            pixel.copy_from_slice(&after);
                        }
                    }
                });
            }
        }
        plane.log(dirty);
        self.drawn = self.drawn.union(dirty);
    }

    /// Ends the stroke; what it drew stays: its tail was drawn as the true end.
    pub(super) fn finish(self, plane: &mut Plane<N>) {
        plane.trim(self.drawn);
    }

    /// Takes everything that it drew away again.
    pub(super) fn cancel(self, plane: &mut Plane<N>) {
        plane.restore(&self.base, self.drawn);
    }
}

/// A sparse plane of 16-bit ink: only the tiles that a stroke touched exist.
#[derive(Clone, Debug, Default)]
struct Ink {
    tiles: HashMap<(usize, usize), Box<[u16]>>,
}

impl Ink {
    /// Sweeps the brush along a polyline. Returns what it touched.
    fn draw(&mut self, line: &[StrokePoint], brush: &Brush, size: (u32, u32)) -> PixelRect {
        let mut sweep = |from: &StrokePoint, to: &StrokePoint| {
            let profile = Profile::of(brush, f32::midpoint(from.pressure, to.pressure));
            self.sweep(from.at, to.at, profile, size)
        };
        match line {
            [] => PixelRect::EMPTY,
            [point] => sweep(point, point),
            line => line
                .windows(2)
                .map(|pair| sweep(&pair[0], &pair[1]))
                .fold(PixelRect::EMPTY, PixelRect::union),
        }
    }

    /// Sweeps the brush from `from` to `to`, keeping the most ink per pixel. Returns what it touched.
    fn sweep(
        &mut self,
        from: [f32; 2],
        to: [f32; 2],
        profile: Profile,
        size: (u32, u32),
    ) -> PixelRect {
        let reach = profile.outer;
        let low = [0, 1].map(|axis| (from[axis].min(to[axis]) - reach).floor().max(0.0) as u32);
        let high = [0, 1].map(|axis| (from[axis].max(to[axis]) + reach).ceil().max(0.0) as u32);
        let rect =
            PixelRect { x0: low[0], y0: low[1], x1: high[0].min(size.0), y1: high[1].min(size.1) };
        if rect.is_empty() {
            return PixelRect::EMPTY;
        }
        let segment = Segment::new(from, to);
        for tile_y in rect.y0 as usize / TILE..=(rect.y1 as usize - 1) / TILE {
            for tile_x in rect.x0 as usize / TILE..=(rect.x1 as usize - 1) / TILE {
                let centre = [tile_x, tile_y].map(|tile| (tile * TILE + TILE / 2) as f32);
                // Half a tile's diagonal is under 0.71 of its side.
                let near = reach + 0.71 * TILE as f32;
                if segment.distance_sq(centre) > near * near {
                    continue;
                }
                let ink = self
                    .tiles
                    .entry((tile_x, tile_y))
                    .or_insert_with(|| vec![0; TILE * TILE].into_boxed_slice());
                let (left, top) = (tile_x * TILE, tile_y * TILE);
                let first = (rect.x0 as usize).max(left);
                let end = (rect.x1 as usize).min(left + TILE);
                for y in (rect.y0 as usize).max(top)..(rect.y1 as usize).min(top + TILE) {
                    let row = &mut ink[(y - top) * TILE..][..TILE];
                    let line = y as f32 + 0.5;
                    let Some(seen) = segment.span(line, profile.outer + 1.0) else { continue };
                    let limit = |x: f32| (x.max(0.0) as usize).clamp(first, end);
                    let (x0, x1) = (limit(seen.0), limit(seen.1 + 1.0));
                    // Well inside there is nothing to work out.
                    let full = segment.span(line, profile.inner - 1.0);
                    let full = full.map_or((x0, x0), |(low, high)| {
                        let low = limit(low + 1.0).clamp(x0, x1);
                        (low, limit(high).clamp(low, x1))
                    });
                    row[full.0 - left..full.1 - left].fill(FULL);
                    for (x0, x1) in [(x0, full.0), (full.1, x1)] {
                        for (at, places) in
                            (x0..).step_by(LANES).zip(row[x0 - left..x1 - left].chunks_mut(LANES))
                        {
                            // The piece before left full ink over most of this one's round end.
                            if places.iter().all(|place| *place == FULL) {
                                continue;
                            }
                            for (x, place) in (at as i32..).zip(places) {
                                let distance_sq = segment.distance_sq([x as f32 + 0.5, line]);
                                *place = (*place).max(profile.at(distance_sq));
                            }
                        }
                    }
                }
            }
        }
        rect
    }
}

/// A straight piece of a stroke.
#[derive(Clone, Copy)]
struct Segment {
    from: [f32; 2],
    to: [f32; 2],
    /// One over its squared length; 0 for a point, to which the nearest place is the point.
    per_length_sq: f32,
    /// Across it, of length 1; nothing for a point.
    across: [f32; 2],
}

impl Segment {
    fn new(from: [f32; 2], to: [f32; 2]) -> Self {
        let (along_x, along_y) = (to[0] - from[0], to[1] - from[1]);
        let length_sq = along_x * along_x + along_y * along_y;
        let per_length_sq = if length_sq > 0.0 { 1.0 / length_sq } else { 0.0 };
        let across = [-along_y, along_x].map(|value| value * per_length_sq.sqrt());
        Self { from, to, per_length_sq, across }
    }

    /// Squared distance of a point.
    fn distance_sq(&self, point: [f32; 2]) -> f32 {
        let Self { from, to, per_length_sq, .. } = self;
        let (along_x, along_y) = (to[0] - from[0], to[1] - from[1]);
        let (x, y) = (point[0] - from[0], point[1] - from[1]);
        let t = ((x * along_x + y * along_y) * per_length_sq).clamp(0.0, 1.0);
        let (x, y) = (x - t * along_x, y - t * along_y);
        x * x + y * y
    }

    /// The part of a row that lies within `reach` of it, from where to where.
    fn span(&self, row: f32, reach: f32) -> Option<(f32, f32)> {
        if reach <= 0.0 {
            return None;
        }
        let Self { from, to, .. } = *self;
        let (mut low, mut high) = (f32::INFINITY, f32::NEG_INFINITY);
        let mut add = |x: f32| (low, high) = (low.min(x), high.max(x));
        for end in [from, to] {
            let half_sq = reach * reach - (row - end[1]) * (row - end[1]);
            if half_sq >= 0.0 {
                add(end[0] - half_sq.sqrt());
                add(end[0] + half_sq.sqrt());
            }
        }
        let (along_x, along_y) = (to[0] - from[0], to[1] - from[1]);
        if along_y != 0.0 {
            // The two long sides of the rectangle between the round ends.
            let out = self.across.map(|value| value * reach);
            for side in [1.0, -1.0] {
                let t = (row - from[1] - side * out[1]) / along_y;
                if (0.0..=1.0).contains(&t) {
                    add(from[0] + side * out[0] + t * along_x);
                }
            }
        }
        (low <= high).then_some((low, high))
    }
}

/// How ink falls off from a brush's middle.
#[derive(Clone, Copy, Debug)]
struct Profile {
    inner: f32,
    outer: f32,
    /// One over the distance between the two.
    per_width: f32,
}

impl Profile {
    fn of(brush: &Brush, pressure: f32) -> Self {
        let radius = (brush.size_px * pressure).max(1.0) / 2.0;
        // Half a pixel on both sides of the rim is its antialiasing.
        let inner = (radius * brush.hardness.clamp(0.0, 1.0)).min(radius - 0.5);
        let outer = radius + 0.5;
        Self { inner, outer, per_width: 1.0 / (outer - inner) }
    }

    fn at(self, distance_sq: f32) -> u16 {
        /// Added to a small number, it leaves that number, rounded, in the last bits: a conversion
        /// that is done for many pixels at once.
        const UNITS: f32 = 8_388_608.0;
        let t = ((self.outer - distance_sq.sqrt()) * self.per_width).clamp(0.0, 1.0);
        (t * t * (3.0 - 2.0 * t) * f32::from(FULL) + UNITS).to_bits() as u16
    }
}

/// The points of a running stroke, and how much of its curve is already ink.
#[derive(Clone, Debug)]
struct Path {
    /// The last three points at most; the curve is certain up to the last but one.
    points: Vec<StrokePoint>,
}

impl Path {
    fn new(at: StrokePoint) -> Self {
        Self { points: vec![at] }
    }

    fn last(&mut self) -> &mut StrokePoint {
        self.points.last_mut().expect("a path has at least the point it began with")
    }

    /// Takes the next point. Returns the piece of the curve that is now certain, as a polyline.
    fn push(&mut self, next: StrokePoint, brush: &Brush) -> Vec<StrokePoint> {
        let last = self.last();
        if last.distance(&next) < 0.05 {
            // A pen that rests and is pressed harder.
            last.pressure = last.pressure.max(next.pressure);
            return Vec::new();
        }
        let piece = match *self.points.as_slice() {
            [from, to] => catmull_rom(from, from, to, next, brush),
            [before, from, to] => catmull_rom(before, from, to, next, brush),
            _ => Vec::new(),
        };
        if self.points.len() == 3 {
            self.points.remove(0);
        }
        self.points.push(next);
        piece
    }

    /// The piece to the newest point, as it would be if the stroke ended now.
    fn tail(&self, brush: &Brush) -> Vec<StrokePoint> {
        match *self.points.as_slice() {
            [from, to] if from.pressure == to.pressure => vec![from, to],
            [from, to] => catmull_rom(from, from, to, to, brush),
            [before, from, to] => catmull_rom(before, from, to, to, brush),
            _ => self.points.clone(),
        }
    }
}

/// The uniform Catmull-Rom curve from `from` to `to`, in pieces no longer than about an eighth of
/// the brush, over which the pressure changes its rim by half a pixel at most.
fn catmull_rom(
    before: StrokePoint,
    from: StrokePoint,
    to: StrokePoint,
    after: StrokePoint,
    brush: &Brush,
) -> Vec<StrokePoint> {
    let length = from.distance(&to);
    let widening = (to.pressure - from.pressure).abs() * brush.size_px;
    let count = (length / (brush.size_px / 8.0).max(1.0)).max(widening).ceil();
    let count = count.clamp(1.0, 256.0) as usize;
    let pressures = [from.pressure, to.pressure];
    let [before, from, to, after] = [before, from, to, after].map(|point| point.at);
    // Tangents no longer than the piece itself: a slow point after a fast one must not loop.
    let tangent = |a: [f32; 2], b: [f32; 2]| {
        let raw = [(b[0] - a[0]) / 2.0, (b[1] - a[1]) / 2.0];
        let limit = (length / raw[0].hypot(raw[1]).max(1e-6)).min(1.0);
        raw.map(|value| value * limit)
    };
    let (leave, arrive) = (tangent(before, to), tangent(from, after));
    (0..=count)
        .map(|index| {
            let t = index as f32 / count as f32;
            let (t2, t3) = (t * t, t * t * t);
            let at = [0, 1].map(|axis| {
                (2.0 * t3 - 3.0 * t2 + 1.0) * from[axis]
                    + (t3 - 2.0 * t2 + t) * leave[axis]
                    + (3.0 * t2 - 2.0 * t3) * to[axis]
                    + (t3 - t2) * arrive[axis]
            });
            StrokePoint { at, pressure: pressures[0] + t * (pressures[1] - pressures[0]) }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn brush(size_px: f32, hardness: f32) -> Brush {
        Brush { size_px, hardness, erases: false }
    }

    /// Ink on a row of pixels after a stroke along it with these pressures, 60 pixels apart.
    fn row_heights(pressures: &[f32], size_px: f32) -> Vec<u32> {
        let mut plane = Plane::<1>::new((400, 100));
        let points = (0..).map(|index| 50.0 + 60.0 * index as f32).zip(pressures);
        let points: Vec<StrokePoint> = points
            .map(|(x, pressure)| StrokePoint { at: [x, 50.0], pressure: *pressure })
            .collect();
        let mut stroke = Stroke::new(points[0], &plane);
        let brush = brush(size_px, 1.0);
        for point in &points {
            let dirty = stroke.gather([*point], &brush);
            stroke.composite(&mut plane, dirty, |_, ink, _| [(ink >> 8) as u8]);
        }
        stroke.finish(&mut plane);
        let height = |x| (0..100).map(|y| u32::from(plane.pixel(x, y)[0])).sum::<u32>() / 255;
        (0..400).map(height).collect()
    }

    #[test]
    fn pressure_makes_the_line_wide_and_its_rim_has_no_steps() {
        let heights = row_heights(&[0.2, 0.2, 1.0, 1.0, 0.0], 40.0);
        assert_eq!((heights[80], heights[200]), (8, 40));
        let widening = &heights[110..170];
        assert!(widening.is_sorted(), "{widening:?}");
        assert!(widening.windows(2).all(|pair| pair[1] - pair[0] <= 2), "{widening:?}");
        let thinning = &heights[232..288];
        assert!(thinning.is_sorted_by(|a, b| a >= b), "{thinning:?}");
        assert!(heights[292] == 0, "it ends in a point");
    }

    #[test]
    fn a_pen_that_rests_and_is_pressed_harder_widens_its_dab() {
        let mut plane = Plane::<1>::new((100, 100));
        let dab = |pressure| StrokePoint { at: [50.0, 50.0], pressure };
        let mut stroke = Stroke::new(dab(0.1), &plane);
        for pressure in [0.1, 0.5, 0.3] {
            let dirty = stroke.gather([dab(pressure)], &brush(40.0, 1.0));
            stroke.composite(&mut plane, dirty, |_, ink, _| [(ink >> 8) as u8]);
        }
        stroke.finish(&mut plane);
        assert_eq!([plane.pixel(58, 50), plane.pixel(62, 50)], [[255], [0]]);
    }

    #[test]
    fn the_curve_goes_through_its_points_without_gaps() {
        let points = [[0.0, 0.0], [10.0, 0.0], [20.0, 10.0], [20.0, 30.0], [21.0, 30.0]];
        let brush = brush(8.0, 1.0);
        let mut path = Path::new(points[0].into());
        let mut drawn = Vec::new();
        for point in &points[1..] {
            drawn.extend(path.push((*point).into(), &brush));
        }
        drawn.extend(path.tail(&brush));
        let drawn: Vec<[f32; 2]> = drawn.iter().map(|point| point.at).collect();
        for point in points {
            assert!(drawn.iter().any(|at| (at[0] - point[0]).hypot(at[1] - point[1]) < 1e-3));
        }
        for pair in drawn.windows(2) {
            let gap = (pair[1][0] - pair[0][0]).hypot(pair[1][1] - pair[0][1]);
            assert!(gap < 2.0, "gap of {gap} at {:?}", pair[0]);
        }
    }

    #[test]
    fn hardness_decides_where_ink_begins_to_fall() {
        let hard = Profile::of(&brush(40.0, 1.0), 1.0);
        assert_eq!(hard.at(19.4 * 19.4), FULL);
        assert_eq!(hard.at(20.6 * 20.6), 0);
        let soft = Profile::of(&brush(40.0, 0.0), 1.0);
        let values: Vec<u16> = (0..21u16).map(|d| soft.at(f32::from(d * d))).collect();
        assert!(values.is_sorted_by(|a, b| a >= b));
        assert!(values[10] > 20_000 && values[10] < 45_000);
    }

    #[test]
    fn rows_of_a_sweep_are_those_that_lie_near() {
        let ends = [[40.0, 30.0], [41.5, 30.0], [70.25, 62.5], [12.0, 75.0], [40.0, 30.0]];
        for to in ends {
            for hardness in [0.0, 0.5, 1.0] {
                let profile = Profile::of(&brush(31.0, hardness), 1.0);
                let segment = Segment::new(ends[0], to);
                let mut ink = Ink::default();
                ink.sweep(ends[0], to, profile, (100, 100));
                for y in 0..100 {
                    for x in 0..100 {
                        let tile = ink.tiles.get(&(x / TILE, y / TILE));
                        let found = tile.map_or(0, |ink| ink[y % TILE * TILE + x % TILE]);
                        let point = [x as f32 + 0.5, y as f32 + 0.5];
                        assert_eq!(found, profile.at(segment.distance_sq(point)), "{x} {y}");
                    }
                }
            }
        }
    }
}
