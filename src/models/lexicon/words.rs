//! The word list that the recipe wrote beside the weights, and the sheet of little pictures.

use std::collections::{HashMap, HashSet};
use std::sync::LazyLock;

use serde::Deserialize;

/// The little pictures of objects, colours and places, in this order: square cells,
/// [`FACE_COLUMNS`] in a row (WebP with alpha; `assets/pocket/recipe/faces.py`).
pub static FACES: &[u8] = include_bytes!("../../../assets/pocket/faces.webp");

/// Cells in a row of [`FACES`].
pub const FACE_COLUMNS: usize = 32;

/// How many kinds of objects the built-in model knows.
#[must_use]
pub fn object_count() -> usize {
    vocabulary().objects.len()
}

/// Whether captions name a place so.
#[must_use]
pub fn is_place(phrase: &str) -> bool {
    vocabulary().places.iter().any(|place| place.phrases.iter().any(|known| known == phrase))
}

/// An object that the model knows.
#[derive(Deserialize)]
pub(super) struct Object {
    /// Its English name.
    pub name: String,
    /// Other English words for it, which it may share.
    pub also: Vec<String>,
    /// Chinese words for it; the first is its own, the others it may share.
    pub zh: Vec<String>,
    /// English words that were never trained, but mean it.
    near: Vec<String>,
}

/// A place that scenes are set in.
#[derive(Deserialize)]
pub(super) struct Place {
    /// What captions call it.
    pub phrases: Vec<String>,
}

#[derive(Deserialize)]
struct List {
    objects: Vec<Object>,
    colours: Vec<String>,
    places: Vec<Place>,
    words: String,
}

/// All that is known of the model's words.
pub(super) struct Vocabulary {
    /// The objects, in the order of the recipe's list.
    pub objects: Vec<Object>,
    /// The colours.
    pub colours: Vec<String>,
    /// The places.
    pub places: Vec<Place>,
    /// Single words that captions can have, as they are written.
    pub said: Vec<String>,
    /// The same, folded (see [`folded`]).
    pub words: HashSet<String>,
    /// Those of them that name an object, a colour or a place.
    pub names: HashSet<String>,
    /// Words that were never trained, folded, and the object that they mean.
    pub near: HashMap<String, usize>,
}

impl Vocabulary {
    /// The cell of a colour in [`FACES`]; an object's is its own place.
    pub(super) fn colour_face(&self, colour: usize) -> usize {
        self.objects.len() + colour
    }

    /// The cell of a place.
    pub(super) fn place_face(&self, place: usize) -> usize {
        self.objects.len() + self.colours.len() + place
    }
}

/// As words are compared: in small letters without accents ("piñata").
pub(super) fn folded(word: &str) -> String {
    word.to_lowercase().replace('ñ', "n").replace('é', "e")
}

/// The single words of a text with their places in bytes: runs of letters and digits, as the
/// recipe's `words.py` cuts them.
pub(super) fn singles(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let mut rest = text;
    std::iter::from_fn(move || {
        rest = rest.trim_start_matches(|letter: char| !letter.is_alphanumeric());
        let end = rest.find(|letter: char| !letter.is_alphanumeric()).unwrap_or(rest.len());
        let (word, after) = rest.split_at(end);
        let at = text.len() - rest.len();
        rest = after;
        (!word.is_empty()).then_some((at, word))
    })
}

/// The vocabulary of the embedded model.
pub(super) fn vocabulary() -> &'static Vocabulary {
    static VOCABULARY: LazyLock<Vocabulary> = LazyLock::new(|| {
        let list = include_str!("../../../assets/pocket/words.json");
        made(serde_json::from_str(list).expect("the embedded list is read by a test"))
    });
    &VOCABULARY
}

fn made(list: List) -> Vocabulary {
    let List { objects, colours, places, words } = list;
    let said = |text: &String| -> Vec<String> {
        let words = singles(text).map(|(_, word)| folded(word));
        words.filter(|word| word.len() > 1 && !GRAMMAR.contains(&word.as_str())).collect()
    };
    let things =
        objects.iter().flat_map(|object| std::iter::once(&object.name).chain(&object.also));
    let phrases = places.iter().flat_map(|place| &place.phrases);
    let names = things.chain(&colours).chain(phrases).flat_map(said).collect();
    let mut near = HashMap::new();
    for (index, object) in objects.iter().enumerate() {
        for word in &object.near {
            near.entry(folded(word)).or_insert(index);
        }
    }
    let said: Vec<String> = words.split(' ').map(str::to_owned).collect();
    let words = said.iter().map(|word| folded(word)).collect();
    Vocabulary { objects, colours, places, said, words, names, near }
}

/// Words of names and phrases that name nothing by themselves.
const GRAMMAR: [&str; 19] = [
    "above",
    "among",
    "an",
    "and",
    "at",
    "background",
    "bottom",
    "by",
    "front",
    "in",
    "left",
    "of",
    "off",
    "on",
    "right",
    "the",
    "to",
    "under",
    "with",
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::document::codec::decode_picture;

    #[test]
    fn every_word_of_a_name_is_known() {
        let vocabulary = vocabulary();
        for object in &vocabulary.objects {
            for name in std::iter::once(&object.name).chain(&object.also) {
                for (_, word) in singles(name) {
                    assert!(vocabulary.words.contains(&folded(word)), "{word} of {name}");
                }
            }
            assert!(!object.zh.is_empty(), "{}", object.name);
        }
        for word in ["a", "the", "two", "small", "left", "above", "blue", "snow", "3d", "picture"] {
            assert!(vocabulary.words.contains(word), "{word}");
        }
        assert!(!vocabulary.names.contains("the") && vocabulary.names.contains("snow"));
    }

    #[test]
    fn every_word_has_its_picture() {
        let sheet = decode_picture(FACES).unwrap().picture;
        let vocabulary = vocabulary();
        let cell = sheet.width as usize / FACE_COLUMNS;
        assert_eq!(sheet.width as usize, cell * FACE_COLUMNS);
        let count = vocabulary.place_face(vocabulary.places.len());
        assert_eq!(sheet.height as usize, count.div_ceil(FACE_COLUMNS) * cell);
        for face in 0..count {
            let (left, top) = (face % FACE_COLUMNS * cell, face / FACE_COLUMNS * cell);
            let alpha = |x: usize, y: usize| {
                sheet.rgba[4 * ((top + y) * sheet.width as usize + left + x) + 3]
            };
            assert!((0..cell).any(|x| alpha(x, cell / 2) > 128), "cell {face} is empty");
            assert!((0..cell).all(|x| alpha(x, 0) < 8 && alpha(0, x) < 8), "border of {face}");
        }
    }

    #[test]
    fn the_readme_says_how_many_things_are_known() {
        let said = format!("it knows {} things", object_count());
        assert!(include_str!("../../../README.md").contains(&said), "{said}");
    }

    #[test]
    fn texts_are_cut_into_words() {
        let words: Vec<_> = singles("a t-shirt, (2 foxes:1.3)狐狸").collect();
        let wanted =
            [(0, "a"), (2, "t"), (4, "shirt"), (12, "2"), (14, "foxes"), (20, "1"), (22, "3")];
        assert_eq!(words[..7], wanted);
        assert_eq!(words[7], (24, "狐狸"));
    }
}
