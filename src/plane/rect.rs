//! A rectangle of pixels.

/// A half-open rectangle of pixels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PixelRect {
    /// Left edge.
    pub x0: u32,
    /// Top edge.
    pub y0: u32,
    /// Right edge, exclusive.
    pub x1: u32,
    /// Bottom edge, exclusive.
    pub y1: u32,
}

impl PixelRect {
    /// No pixels.
    pub const EMPTY: Self = Self { x0: 0, y0: 0, x1: 0, y1: 0 };

    /// All pixels of a picture.
    #[must_use]
    pub fn whole((width, height): (u32, u32)) -> Self {
        Self { x0: 0, y0: 0, x1: width, y1: height }
    }

    /// Whether there are no pixels in it.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.x0 >= self.x1 || self.y0 >= self.y1
    }

    /// The smallest rectangle around both.
    #[must_use]
    pub fn union(self, other: Self) -> Self {
        if self.is_empty() {
            return other;
        }
        if other.is_empty() {
            return self;
        }
        Self {
            x0: self.x0.min(other.x0),
            y0: self.y0.min(other.y0),
            x1: self.x1.max(other.x1),
            y1: self.y1.max(other.y1),
        }
    }

    /// What lies in both.
    #[must_use]
    pub fn intersection(self, other: Self) -> Self {
        let both = Self {
            x0: self.x0.max(other.x0),
            y0: self.y0.max(other.y0),
            x1: self.x1.min(other.x1),
            y1: self.y1.min(other.y1),
        };
        if both.is_empty() { Self::EMPTY } else { both }
    }

    /// Grown by `by` on every side, inside a picture of `size`.
    #[must_use]
    pub fn grown(self, by: u32, (width, height): (u32, u32)) -> Self {
        if self.is_empty() {
            return self;
        }
        Self {
            x0: self.x0.saturating_sub(by),
            y0: self.y0.saturating_sub(by),
            x1: (self.x1 + by).min(width),
            y1: (self.y1 + by).min(height),
        }
    }

    /// The pixels of a picture of size `to` that show what these show of one of size `from`: at least
    /// one, if there are any.
    #[must_use]
    pub fn scaled(self, from: (u32, u32), to: (u32, u32)) -> Self {
        if self.is_empty() || from == to {
            return self;
        }
        let place = |at: u32, from: u32, to: u32| {
            (u64::from(at.min(from)) * u64::from(to) / u64::from(from.max(1))) as u32
        };
        let span = |low: u32, high: u32, from: u32, to: u32| {
            let low = place(low, from, to).min(to.saturating_sub(1));
            (low, place(high, from, to).max(low + 1))
        };
        let (x0, x1) = span(self.x0, self.x1, from.0, to.0);
        let (y0, y1) = span(self.y0, self.y1, from.1, to.1);
        Self { x0, y0, x1, y1 }
    }

    /// Whether a pixel lies in it.
    #[must_use]
    pub fn contains(&self, (x, y): (u32, u32)) -> bool {
        (self.x0..self.x1).contains(&x) && (self.y0..self.y1).contains(&y)
    }

    /// Width and height.
    #[must_use]
    pub fn size(&self) -> (u32, u32) {
        (self.x1.saturating_sub(self.x0), self.y1.saturating_sub(self.y0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_keeps_its_place_in_another_size() {
        let part = PixelRect { x0: 10, y0: 20, x1: 30, y1: 100 };
        let half = PixelRect { x0: 5, y0: 10, x1: 15, y1: 50 };
        assert_eq!(part.scaled((100, 100), (50, 50)), half);
        assert_eq!(half.scaled((50, 50), (100, 100)), part);
        let last = PixelRect { x0: 99, y0: 0, x1: 100, y1: 1 };
        assert_eq!(last.scaled((100, 100), (3, 3)), PixelRect { x0: 2, y0: 0, x1: 3, y1: 1 });
        assert_eq!(PixelRect::EMPTY.scaled((100, 100), (3, 3)), PixelRect::EMPTY);
    }
}
