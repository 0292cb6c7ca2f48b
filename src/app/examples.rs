//! Prompts to begin with: those of the model, or these until it has said its own; and the dice.
//!
//! Asked by [`super::painting`] and the chips above the dock.

use std::hash::{BuildHasher, Hasher};

/// Chips that stand above the dock.
pub const CHIPS: usize = 4;

const SUBJECTS: [&str; 20] = [
    "fox",
    "cat",
    "owl",
    "whale",
    "butterfly",
    "house",
    "castle",
    "sailboat",
    "mountain",
    "tree",
    "rose",
    "mushroom",
    "apple",
    "lemon",
    "sun",
    "moon",
    "teapot",
    "lantern",
    "rocket",
    "snail",
];
const COLOURS: [&str; 9] =
    ["red", "orange", "golden", "green", "blue", "purple", "pink", "white", "black"];
const PLACES: [&str; 10] = [
    "",
    " in the snow",
    " on the beach",
    " at night",
    " in the rain",
    " under the stars",
    " in a garden",
    " by the sea",
    " in the morning",
    " on a hill",
];

/// A number that nobody can foresee. The standard library seeds its hash maps with such numbers,
/// which saves a dependency.
#[must_use]
pub fn random() -> u64 {
    std::collections::hash_map::RandomState::new().build_hasher().finish()
}

/// A fresh seed. Torch's generator reads 32 bits, so more would only look like more.
#[must_use]
pub fn random_seed() -> u64 {
    random() & 0xffff_ffff
}

/// Rolls a prompt.
#[must_use]
pub fn surprise() -> String {
    let dice = random();
    let pick = |list: &[&'static str], shift: u32| list[(dice >> shift) as usize % list.len()];
    let colour = pick(&COLOURS, 0);
    let article = if colour.starts_with('o') { "an" } else { "a" };
    format!("{article} {colour} {}{}", pick(&SUBJECTS, 16), pick(&PLACES, 32))
}
