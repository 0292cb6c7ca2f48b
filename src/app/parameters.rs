//! Stub.
use crate::engine::protocol::PaintRequest;

/// Stub.
#[must_use]
pub fn infotext(request: &PaintRequest, seed: u64, size: (u32, u32), model_name: &str) -> String {
    let (width, height) = size;
    format!("{}\nSteps: 20, Seed: {seed}, Size: {width}x{height}, Model: {model_name}", request.prompt)
}
