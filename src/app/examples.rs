//! Prompts to begin with: those of the model, or these until it has said its own; and the dice.
//!
//! Asked by [`super::painting`] and the chips above the dock.

use std::hash::{BuildHasher, Hasher};

/// Chips that stand above the dock.
pub const CHIPS: usize = 4;

/// Things, colours and places that the built-in model does well; its word list has more.
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
    "balloon",
    "rose",
    "mushroom",
    "strawberry",
    "lemon",
    "turtle",
    "umbrella",
    "teapot",
    "dragon",
    "rocket",
    "snail",
];
/// How many things the model learnt to count.
const NUMBERS: [&str; 3] = ["two", "three", "four"];
const COLOURS: [&str; 8] = ["red", "orange", "yellow", "green", "teal", "blue", "purple", "pink"];
const PLACES: [&str; 9] = [
    "",
    " in the snow",
    " on the beach",
    " at night",
    " in a meadow",
    " in space",
    " at sunset",
    " in the desert",
    " on a wooden table",
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

/// Rolls a prompt: a subject, unless one is given, in a colour and a place.
#[must_use]
pub fn surprise(subject: &str) -> String {
    let dice = random();
    let pick = |list: &[&'static str], shift: u32| list[(dice >> shift) as usize % list.len()];
    let colour = pick(&COLOURS, 0);
    let place = pick(&PLACES, 32);
    let subject = if subject.is_empty() { pick(&SUBJECTS, 16) } else { subject };
    // As the model has read it: "three red foxes", "a red fox".
    if let Some((number, things)) = subject.split_once(' ').filter(|(word, _)| is_number(word)) {
        return format!("{number} {colour} {things}{place}");
    }
    let article = if colour.starts_with('o') { "an" } else { "a" };
    format!("{article} {colour} {subject}{place}")
}

fn is_number(word: &str) -> bool {
    NUMBERS.iter().any(|number| number.eq_ignore_ascii_case(word))
}

/// What a prompt is about: its words without what the dice add round them.
#[must_use]
pub fn subject(prompt: &str) -> String {
    let mut words = prompt.trim().trim_end_matches(['.', '!', '…']);
    for place in PLACES.iter().filter(|place| !place.is_empty()) {
        let at = words.len().saturating_sub(place.len());
        let ends = words.get(at..).is_some_and(|end| end.eq_ignore_ascii_case(place));
        words = if ends { &words[..at] } else { words };
    }
    words = without_colour(words);
    match words.split_once(' ').filter(|(first, _)| is_number(first)) {
        Some((number, things)) => format!("{number} {}", without_colour(things.trim_start())),
        None => words.to_owned(),
    }
}

/// Words without the articles and colours that they begin with.
fn without_colour(mut words: &str) -> &str {
    let drops = |word: &str| {
        ["a", "an", "the"].iter().chain(&COLOURS).any(|other| other.eq_ignore_ascii_case(word))
    };
    while let Some((_, rest)) = words.split_once(' ').filter(|(first, _)| drops(first)) {
        words = rest.trim_start();
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::models::lexicon;

    #[test]
    fn the_rest_is_rolled_round_what_stays() {
        for (prompt, about) in [
            ("a red fox in the snow", "fox"),
            ("an orange cat", "cat"),
            (" the sleepy owl on a branch ", "sleepy owl on a branch"),
            ("A penguin in the Snow.", "penguin"),
            ("Red", "Red"),
            ("two orange foxes at night", "two foxes"),
            ("apricots", "apricots"),
            ("", ""),
        ] {
            assert_eq!(subject(prompt), about);
        }
        for _ in 0..50 {
            let rolled = surprise("sleepy owl");
            assert_eq!(subject(&rolled), "sleepy owl", "{rolled}");
            let rolled = surprise("Two owls");
            let colour = rolled.strip_prefix("Two ").and_then(|rest| rest.split_once(" owls"));
            assert!(colour.is_some_and(|(colour, _)| COLOURS.contains(&colour)), "{rolled}");
            assert_eq!(subject(&rolled), "Two owls");
            assert!(SUBJECTS.contains(&subject(&surprise("")).as_str()));
        }
    }

    #[test]
    fn the_dice_say_nothing_that_the_built_in_model_does_not_know() {
        for colour in COLOURS {
            for place in PLACES {
                for subject in SUBJECTS {
                    let rolled = format!("{colour} {subject}{place}");
                    assert!(lexicon::unknown(&rolled).is_empty(), "{rolled}");
                }
            }
        }
        for place in PLACES.iter().map(|place| place.trim()).filter(|place| !place.is_empty()) {
            assert!(lexicon::is_place(place), "{place}");
        }
    }
}
