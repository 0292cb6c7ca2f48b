//! Stub.
use std::sync::Arc;

use crate::app::tool::Brush;
use crate::engine::protocol::Coverage;

/// Stub.
pub struct Mask {
    coverage: Coverage,
    key: u64,
}

impl Mask {
    /// Stub.
    #[must_use]
    pub fn new(width: u32, height: u32) -> Self {
        Self { coverage: Coverage { width, height, values: vec![0; (width * height) as usize] }, key: 0 }
    }
    /// Stub.
    #[must_use]
    pub fn size(&self) -> (u32, u32) {
        (self.coverage.width, self.coverage.height)
    }
    /// Stub.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.coverage.values.iter().all(|v| *v == 0)
    }
    /// Stub.
    #[must_use]
    pub fn fraction(&self) -> f32 {
        self.coverage.values.iter().filter(|v| **v > 127).count() as f32
            / self.coverage.values.len() as f32
    }
    /// Stub.
    #[must_use]
    pub fn key(&self) -> u64 {
        self.key
    }
    /// Stub.
    pub fn begin_stroke(&mut self, at: [f32; 2], brush: &Brush) {
        self.extend_stroke(&[at], brush);
    }
    /// Stub.
    pub fn extend_stroke(&mut self, points: &[[f32; 2]], brush: &Brush) {
        self.key += 1;
        let (w, h) = self.size();
        for [px, py] in points {
            for y in 0..h {
                for x in 0..w {
                    let d = ((x as f32 - px).powi(2) + (y as f32 - py).powi(2)).sqrt();
                    if d < brush.size_px / 2.0 {
                        self.coverage.values[(y * w + x) as usize] =
                            if brush.erases { 0 } else { 255 };
                    }
                }
            }
        }
    }
    /// Stub.
    pub fn end_stroke(&mut self) {}
    /// Stub.
    pub fn clear(&mut self) {
        self.key += 1;
        self.coverage.values.fill(0);
    }
    /// Stub.
    pub fn invert(&mut self) {
        self.key += 1;
        for v in &mut self.coverage.values {
            *v = 255 - *v;
        }
    }
    /// Stub.
    pub fn fill_whole(&mut self) {
        self.key += 1;
        self.coverage.values.fill(255);
    }
    /// Stub.
    #[must_use]
    pub fn coverage(&self) -> Arc<Coverage> {
        Arc::new(self.coverage.clone())
    }
}
