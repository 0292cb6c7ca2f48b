//! Words of a prompt that the model has never learnt, and what it knows instead.

use std::ops::Range;
use std::sync::LazyLock;

use strsim::osa_distance;

use super::is_han;
use super::words::{folded, singles, vocabulary};

/// The words of a prompt that the model does not know, in bytes, in their order. Chinese ones are the
/// business of [`super::english`]; weights, tags and the signs between words are no words.
#[must_use]
pub fn unknown(prompt: &str) -> Vec<Range<usize>> {
    let tags = tags(prompt);
    let words = singles(prompt).filter(|(at, word)| {
        let is_word = word.chars().any(char::is_alphabetic) && word.chars().count() > 1;
        is_word
            && !word.contains(is_han)
            && !["BREAK", "AND"].contains(word)
            && !tags.iter().any(|tag| tag.contains(at))
    });
    words
        .filter(|(_, word)| !vocabulary().words.contains(&folded(word)))
        .map(|(at, word)| at..at + word.len())
        .collect()
}

/// "<lora:name:0.8>" and its like.
fn tags(prompt: &str) -> Vec<Range<usize>> {
    let opened = prompt.match_indices('<');
    opened.filter_map(|(at, _)| Some(at..at + prompt[at..].find('>')?)).collect()
}

/// Words that misspelt ones are compared with, folded and as they are written: names, then what
/// else captions say.
fn known() -> &'static [(String, &'static str)] {
    static KNOWN: LazyLock<Vec<(String, &'static str)>> = LazyLock::new(|| {
        let vocabulary = vocabulary();
        let mut known: Vec<(String, &'static str)> =
            vocabulary.said.iter().map(|word| (folded(word), word.as_str())).collect();
        known.sort_by_key(|(word, _)| !vocabulary.names.contains(word));
        known
    });
    &KNOWN
}

/// What is known and nearest to a word that is not: what means the same; but a word that is spelled
/// alike where that is a slip of one letter, or where nothing means the same. It takes a
/// millisecond or two.
#[must_use]
pub fn nearest(word: &str) -> Option<&'static str> {
    let word = folded(word);
    let word = word.as_str();
    let (alike, distance) = spelled_alike(word).unzip();
    if distance == Some(1) && word.chars().count() > 3 {
        return alike;
    }
    let vocabulary = vocabulary();
    let stems = [Some(word), word.strip_suffix('s'), word.strip_suffix("es")];
    let meant = stems.into_iter().flatten().find_map(|stem| vocabulary.near.get(stem));
    meant.map(|object| vocabulary.objects[*object].name.as_str()).or(alike)
}

/// The known word that is spelled most alike, and in how many letters it differs.
fn spelled_alike(word: &str) -> Option<(&'static str, usize)> {
    let letters = word.chars().count();
    let most = match letters {
        0..=2 => return None,
        3..=4 => 1,
        5..=7 => 2,
        _ => 3,
    };
    let sorted = |word: &str| {
        let mut letters: Vec<char> = word.chars().collect();
        letters.sort_unstable();
        letters
    };
    let own = sorted(word);
    let scored = known().iter().filter_map(|(known, text)| {
        let length = known.chars().count();
        if length.abs_diff(letters) > most || length < 3 {
            return None;
        }
        let distance = osa_distance(word, known);
        if distance > most {
            return None;
        }
        // Of equally near ones that of the same letters, then that which begins alike.
        let other_start = word.chars().next() != known.chars().next();
        Some(((distance, sorted(known) != own, other_start), *text))
    });
    let ((distance, ..), text) = scored.min_by_key(|(score, _)| *score)?;
    Some((text, distance))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(prompt: &str, wanted: &[(&str, Option<&str>)]) {
        let found = unknown(prompt);
        let found: Vec<_> = found
            .iter()
            .map(|range| &prompt[range.clone()])
            .map(|one| (one, nearest(one)))
            .collect();
        assert_eq!(found, wanted, "{prompt}");
    }

    #[test]
    fn what_captions_say_is_known() {
        for prompt in [
            "a red fox in the snow",
            "Two small PENGUINS and a big cactus, on a pink background",
            "a strawberry to the left of a (t-shirt:1.3), 3d render",
            "an illustration of a cat behind a jack-o-lantern BREAK in outer space",
            "<lora:frobnicate:0.8> a fox",
            "雪地里的狐狸",
            "three mice above a green apple, 42",
            "a piñata, a pinata",
        ] {
            check(prompt, &[]);
        }
    }

    #[test]
    fn what_nobody_trained_is_told_with_what_is_nearest() {
        check("a pengiun", &[("pengiun", Some("penguin"))]);
        check("a fxo", &[("fxo", Some("fox"))]);
        check(
            "a (strawbery:1.2) in teh snow",
            &[("strawbery", Some("strawberry")), ("teh", Some("the"))],
        );
        check("a xylophonist", &[("xylophonist", None)]);
        check("dragonflies", &[("dragonflies", None)]);
        check("qq", &[("qq", None)]);
    }

    #[test]
    fn all_that_the_model_is_known_for_is_known() {
        for object in &vocabulary().objects {
            check(&object.name, &[]);
        }
        for place in &vocabulary().places {
            for phrase in &place.phrases {
                check(phrase, &[]);
            }
        }
    }

    #[test]
    fn a_word_with_the_same_meaning_is_nearer_than_one_spelled_alike() {
        let vocabulary = vocabulary();
        assert!(vocabulary.near.len() > 100);
        let mut words: Vec<_> = vocabulary.near.iter().collect();
        words.sort();
        for (word, object) in words.into_iter().step_by(11) {
            let name = vocabulary.objects[*object].name.as_str();
            let slip = spelled_alike(word).is_some_and(|(_, distance)| distance == 1);
            assert!(slip || nearest(word) == Some(name), "{word}: {:?}", nearest(word));
        }
    }
}
