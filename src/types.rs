//! The plain data that all rooms share: pictures, masks, names of samplers. No behaviour beyond
//! reading and writing themselves.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

mod sampling;

pub use sampling::{SameAs, Sampler, Schedule};

/// Where a model's weights come from.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum ModelSource {
    /// The model that is part of the program.
    #[default]
    BuiltIn,
    /// A folder in the diffusers layout.
    Path(PathBuf),
}

/// A picture in memory: sRGB, 8 bits a channel, straight alpha, rows from the top.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Picture {
    /// Width in pixels, at least 1.
    pub width: u32,
    /// Height in pixels, at least 1.
    pub height: u32,
    /// `4 * width * height` bytes, RGBA.
    pub rgba: Vec<u8>,
}

/// Taps a side that a pixel of a shrunk picture is the mean of, at most.
const TAPS: u64 = 4;

/// A picture whose longer side is at most `longest` pixels: each pixel the mean of a few taps, which
/// is enough at the size of a thumb.
#[must_use]
pub fn shrunk(picture: &Picture, longest: u32) -> Picture {
    let long = picture.width.max(picture.height);
    if long <= longest {
        return picture.clone();
    }
    let scale = f64::from(longest) / f64::from(long);
    let side = |length: u32| ((f64::from(length) * scale).round() as u32).max(1);
    let (width, height) = (side(picture.width), side(picture.height));
    let mut rgba = Vec::with_capacity((width * height * 4) as usize);
    let taps = u64::from(long.div_ceil(longest)).min(TAPS);
    // Where the taps of an axis lie.
    let source = |of: u32, length: u32| -> Vec<usize> {
        let taps = u64::from(of) * taps;
        (0..taps).map(|tap| (tap * u64::from(length) / taps) as usize).collect()
    };
    let (columns, rows) = (source(width, picture.width), source(height, picture.height));
    let taps = taps as usize;
    for rows in rows.chunks_exact(taps) {
        for columns in columns.chunks_exact(taps) {
            let mut sum = [0u32; 4];
            for row in rows {
                for column in columns {
                    let at = 4 * (row * picture.width as usize + column);
                    for (sum, value) in sum.iter_mut().zip(&picture.rgba[at..at + 4]) {
                        *sum += u32::from(*value);
                    }
                }
            }
            rgba.extend(sum.map(|sum| (sum / (taps * taps) as u32) as u8));
        }
    }
    Picture { width, height, rgba }
}

/// A mask: one byte of coverage a pixel, 255 means "paint again".
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Coverage {
    /// Width in pixels, equal to the picture's.
    pub width: u32,
    /// Height in pixels, equal to the picture's.
    pub height: u32,
    /// `width * height` bytes.
    pub values: Vec<u8>,
}

/// Noise of another seed mixed into a picture's own.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Variation {
    /// The other seed.
    pub seed: u64,
    /// How far to go towards its noise, in 0..=1: 0 changes nothing, 1 is the other seed's picture.
    pub strength: f32,
}

/// An example prompt that a model is known to do well.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Example {
    /// The prompt.
    pub prompt: String,
    /// The seed to paint it with.
    pub seed: u64,
}

/// A name that no sampler or schedule has.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("There is no {what} called '{name}'. Known: {known}")]
pub struct UnknownName {
    what: &'static str,
    name: String,
    known: String,
}

impl UnknownName {
    pub(crate) fn new(what: &'static str, name: &str, known: &[&str]) -> Self {
        Self { what, name: name.to_owned(), known: known.join(", ") }
    }
}
