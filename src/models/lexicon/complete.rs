//! What the word at the cursor could become: names, synonyms and Chinese words that begin so.

use std::cmp::Reverse;
use std::collections::HashSet;
use std::ops::Range;

use super::dictionary::{Meaning, chinese_for, dictionary};
use super::sentence::{article, plural};
use super::words::{Vocabulary, folded, vocabulary};
use super::{MEASURES, is_han};

/// Most that are offered.
pub const MOST: usize = 7;
/// Letters from which on a word is completed.
const LEAST: usize = 2;
/// Chinese letters that are looked at, from the cursor back.
const HAN_BACK: usize = 8;
/// Words of the longest phrase that is looked for.
const PHRASE: usize = 8;
/// Numbers that the captions count with, from two on.
const NUMBERS: [&str; 3] = ["two", "three", "four"];

/// One way to go on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Completion {
    /// What it replaces, in bytes of the text.
    pub range: Range<usize>,
    /// What it puts there.
    pub text: String,
    /// Another word for it: the one that was typed, where it is taken by its name.
    pub also: Option<&'static str>,
    /// What it is called in the other language.
    pub other: Option<&'static str>,
    /// Its cell in [`super::FACES`].
    pub face: usize,
}

/// How well a word fits, best first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Fit {
    /// The name begins so.
    Name,
    /// Another word for it begins so.
    Also,
    /// A later word of the name begins so.
    Inside,
    /// A later word of another word for it.
    InsideAlso,
}

/// A kind of word. Objects come first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Kind {
    Object,
    Colour,
    Place,
}

/// A word or a phrase that can be typed.
struct Candidate {
    kind: Kind,
    /// What is matched, folded, word by word.
    words: Vec<String>,
    /// What is put into the text.
    text: &'static str,
    /// The synonym, if it is matched by one.
    also: Option<&'static str>,
    face: usize,
}

/// What could become of the word that ends at a byte of a text, best first; nothing inside a word.
#[must_use]
pub fn complete(text: &str, at: usize) -> Vec<Completion> {
    let (Some(before), Some(after)) = (text.get(..at), text.get(at..)) else { return Vec::new() };
    match before.chars().next_back() {
        Some(last) if is_han(last) => chinese(before),
        Some(last) if last.is_alphanumeric() => {
            let inside = after.starts_with(|next: char| next.is_alphanumeric() || next == '-');
            if inside { Vec::new() } else { english(before) }
        }
        _ => Vec::new(),
    }
}

/// The typed words of the line's end with their places, the nearest last. Only signs that names
/// have stand between them: a phrase does not reach over a comma.
fn typed(before: &str) -> Vec<(usize, String)> {
    let mut words: Vec<(usize, String)> = Vec::new();
    let mut end = before.len();
    let is_part = |letter: char| letter.is_alphanumeric() && !is_han(letter);
    while words.len() < PHRASE {
        let rest = &before[..end];
        let begin = rest.trim_end_matches(is_part).len();
        if begin == end {
            break;
        }
        words.insert(0, (begin, folded(&rest[begin..])));
        end = before[..begin].trim_end_matches([' ', '-', '\'', '.']).len();
        if end == begin {
            break;
        }
    }
    words
}

/// What is typed, up to the cursor.
struct Typed {
    /// Earlier words with their places, folded.
    earlier: Vec<(usize, String)>,
    /// The word at the cursor, folded.
    fragment: String,
    /// Where that begins.
    begin: usize,
    /// Whether it is a word of grammar by itself: "on" is complete, though "onion" begins so.
    is_grammar: bool,
}

impl Typed {
    fn of(before: &str) -> Option<Self> {
        let mut earlier = typed(before);
        let (begin, fragment) = earlier.pop()?;
        let vocabulary = vocabulary();
        let is_grammar = fragment.chars().count() <= 3
            && vocabulary.words.contains(&fragment)
            && !vocabulary.names.contains(&fragment);
        Some(Self { earlier, fragment, begin, is_grammar })
    }

    /// Whether these words stand right before the one at the cursor.
    fn follows(&self, words: &[String]) -> bool {
        let from = self.earlier.len().checked_sub(words.len());
        from.is_some_and(|from| self.earlier[from..].iter().map(|(_, word)| word).eq(words))
    }

    /// The word so many before the one at the cursor, if it is one of these: where it begins.
    fn is(&self, back: usize, list: &[&str]) -> Option<usize> {
        let (at, word) = self.earlier.iter().rev().nth(back.checked_sub(1)?)?;
        list.contains(&word.as_str()).then_some(*at)
    }

    /// Where so many words before the one at the cursor begin.
    fn back(&self, words: usize) -> usize {
        let earlier = words.checked_sub(1).and_then(|back| self.earlier.iter().rev().nth(back));
        earlier.map_or(self.begin, |(at, _)| *at)
    }
}

/// A candidate that fits, and from where it replaces.
struct Match {
    /// How many of its words stand there already.
    goes_on: usize,
    fit: Fit,
    begin: usize,
    candidate: &'static Candidate,
}

fn english(before: &str) -> Vec<Completion> {
    let Some(typed) = Typed::of(before) else { return Vec::new() };
    let mut found: Vec<Match> =
        candidates().iter().filter_map(|candidate| matched(candidate, &typed)).collect();
    // Equals keep the order of the list.
    found.sort_by_key(|one| {
        (Reverse(one.goes_on), one.fit, one.candidate.kind, one.candidate.text.len())
    });
    let mut faces = HashSet::new();
    found.retain(|one| faces.insert(one.candidate.face));
    found.truncate(MOST);
    let list: Vec<Completion> = found.iter().map(|one| completion(one, before)).collect();
    // A word that is already there needs no help.
    let done = |one: &Completion| before[one.range.clone()] == one.text;
    if matches!(list.as_slice(), [one] if done(one)) { Vec::new() } else { list }
}

fn matched(candidate: &'static Candidate, typed: &Typed) -> Option<Match> {
    let places = candidate.words.iter().enumerate();
    let fits = places.filter(|(_, word)| word.starts_with(&typed.fragment));
    let fits = fits.filter_map(|(place, word)| {
        let heads = &candidate.words[..place];
        let chained = typed.follows(heads);
        let goes_on = if chained { place } else { 0 };
        if goes_on == 0 && (typed.is_grammar || typed.fragment.chars().count() < LEAST) {
            return None;
        }
        let is_place = candidate.kind == Kind::Place;
        // A place is meant by any word that says something.
        if is_place && goes_on == 0 && !vocabulary().names.contains(word) {
            return None;
        }
        let fit = match (chained, candidate.also) {
            (false, None) if is_place => Fit::Also,
            (true, None) => Fit::Name,
            (true, Some(_)) => Fit::Also,
            (false, None) => Fit::Inside,
            (false, Some(_)) => Fit::InsideAlso,
        };
        let begin = if chained { typed.back(place) } else { begin(candidate, heads, typed) };
        Some(Match { goes_on, fit, begin, candidate })
    });
    fits.min_by_key(|one| (Reverse(one.goes_on), one.fit))
}

/// From where a candidate is put that is matched by a later word: with those of its earlier words
/// that stand there, or, before a place, with the preposition that stands there for its own.
fn begin(candidate: &Candidate, heads: &[String], typed: &Typed) -> usize {
    const PREPOSITIONS: [&str; 5] = ["in", "on", "at", "under", "among"];
    const ARTICLES: [&str; 3] = ["the", "a", "an"];
    if candidate.kind == Kind::Place && PREPOSITIONS.contains(&candidate.words[0].as_str()) {
        let article = usize::from(typed.is(1, &ARTICLES).is_some());
        return typed.is(article + 1, &PREPOSITIONS).unwrap_or(typed.begin);
    }
    let overlaps = (1..=heads.len()).rev();
    let overlap = overlaps.into_iter().find(|length| typed.follows(&heads[heads.len() - length..]));
    typed.back(overlap.unwrap_or(0))
}

fn completion(found: &Match, before: &str) -> Completion {
    let Match { begin, candidate, .. } = *found;
    let vocabulary = vocabulary();
    let earlier = typed(before[..begin].trim_end());
    let many = earlier.last().is_some_and(|(_, word)| NUMBERS.contains(&word.as_str()));
    let mut text = match candidate.kind {
        Kind::Object if many => plural(candidate.text),
        _ => candidate.text.to_owned(),
    };
    let mut range = begin..before.len();
    // "a elep" becomes "an elephant".
    if let (Some((at, word)), Some(article)) = (earlier.last(), article(&text))
        && ["a", "an"].contains(&word.as_str())
        && word != article
        && candidate.kind != Kind::Place
    {
        text = format!("{article} {text}");
        range.start = *at;
    }
    let other = match candidate.kind {
        Kind::Object => vocabulary.objects[candidate.face].zh.first().map(String::as_str),
        _ => chinese_for(candidate.text),
    };
    Completion { range, text, also: candidate.also, other, face: candidate.face }
}

/// All that can be typed in English.
fn candidates() -> &'static [Candidate] {
    static CANDIDATES: std::sync::LazyLock<Vec<Candidate>> =
        std::sync::LazyLock::new(|| listed(vocabulary()));
    &CANDIDATES
}

fn listed(vocabulary: &'static Vocabulary) -> Vec<Candidate> {
    let words = |text: &str| -> Vec<String> {
        super::words::singles(text).map(|(_, word)| folded(word)).collect()
    };
    let of = |kind, matched: &str, text: &'static str, also, face| Candidate {
        kind,
        words: words(matched),
        text,
        also,
        face,
    };
    let mut list = Vec::new();
    for (face, object) in vocabulary.objects.iter().enumerate() {
        list.push(of(Kind::Object, &object.name, &object.name, None, face));
        for also in &object.also {
            list.push(of(Kind::Object, also, &object.name, Some(also), face));
        }
    }
    for (index, colour) in vocabulary.colours.iter().enumerate() {
        list.push(of(Kind::Colour, colour, colour, None, vocabulary.colour_face(index)));
    }
    for (index, place) in vocabulary.places.iter().enumerate() {
        for phrase in &place.phrases {
            list.push(of(Kind::Place, phrase, phrase, None, vocabulary.place_face(index)));
        }
    }
    list
}

/// Chinese words that begin with the longest end of the text that begins any.
fn chinese(before: &str) -> Vec<Completion> {
    let ends: Vec<usize> = before
        .char_indices()
        .rev()
        .take_while(|(_, letter)| is_han(*letter))
        .take(HAN_BACK)
        .map(|(at, _)| at)
        .collect();
    let words = &dictionary().words;
    for (length, begin) in ends.iter().enumerate().rev() {
        let end = &before[*begin..];
        // A single letter of grammar ("的", "只") begins nothing.
        let is_grammar = words.get(end).is_some_and(|meaning| thing(*meaning).is_none())
            || MEASURES.contains(end);
        if length == 0 && is_grammar {
            continue;
        }
        let longer =
            words.iter().filter(|(word, _)| word.len() > end.len() && word.starts_with(end));
        let mut found: Vec<(Kind, &'static str, &'static str, usize)> = longer
            .filter_map(|(word, meaning)| {
                let (kind, english, face) = thing(*meaning)?;
                Some((kind, *word, english, face))
            })
            .collect();
        // The nearest in length first; of several words for one thing the shortest.
        found.sort_by_key(|(kind, word, ..)| (*kind, word.chars().count(), *word));
        let mut faces = HashSet::new();
        found.retain(|(.., face)| faces.insert(*face));
        if !found.is_empty() {
            let completion =
                |(_, word, english, face): (Kind, &'static str, &'static str, usize)| {
                    let (text, range) = (word.to_owned(), *begin..before.len());
                    Completion { range, text, also: None, other: Some(english), face }
                };
            return found.into_iter().take(MOST).map(completion).collect();
        }
    }
    Vec::new()
}

/// The English name and the picture of what a Chinese word means.
fn thing(meaning: Meaning) -> Option<(Kind, &'static str, usize)> {
    let vocabulary = vocabulary();
    match meaning {
        Meaning::Object(name) => {
            let face = vocabulary.objects.iter().position(|object| object.name == name)?;
            Some((Kind::Object, name, face))
        }
        Meaning::Colour(name) => {
            let colour = vocabulary.colours.iter().position(|colour| colour == name)?;
            Some((Kind::Colour, name, vocabulary.colour_face(colour)))
        }
        Meaning::Place(phrase) => {
            let says = |place: &super::words::Place| place.phrases.iter().any(|one| one == phrase);
            let place = vocabulary.places.iter().position(says)?;
            Some((Kind::Place, phrase, vocabulary.place_face(place)))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `|` is the cursor; what the text becomes with each completion.
    fn all(text: &str) -> Vec<String> {
        let at = text.find('|').unwrap();
        let text = text.replace('|', "");
        let become_ = |one: &Completion| {
            format!("{}{}{}", &text[..one.range.start], one.text, &text[one.range.end..])
        };
        complete(&text, at).iter().map(become_).collect()
    }

    fn check(text: &str, first: &str) {
        let found = all(text);
        assert_eq!(found.first().map_or("", String::as_str), first, "{text}: {found:?}");
    }

    fn offers(text: &str, wanted: &str) {
        let found = all(text);
        assert!(found.iter().any(|one| one == wanted), "{text}: {found:?}");
    }

    #[test]
    fn names_synonyms_and_phrases() {
        check("a pengu|", "a penguin");
        check("a Pengu|", "a penguin");
        check("a pengu|, big", "a penguin, big");
        offers("kitte|", "cat");
        check("(pengu|:1.2)", "(penguin:1.2)");
        check("pinat|", "piñata");
        offers("t-sh|", "t-shirt");
        check("a purp|", "a purple");
        check("two pengu|", "two penguins");
        check("three strawb|", "three strawberries");
        check("a eleph|", "an elephant");
        check("an strawb|", "a strawberry");
        for typed in ["in the sno|", "in sno|", "on the sno|", "sno|", "in the s|"] {
            offers(&format!("a fox {typed}"), "a fox in the snow");
        }
        offers("a cat at su|", "a cat at sunset");
        offers("cac|", "cactus");
    }

    #[test]
    fn nothing_where_nothing_is_to_be_completed() {
        for text in ["|", "a |", "p|", "a fox on|", "the|", "peng|uin", "zzzz|", "penguin|", "a, |"]
        {
            assert_eq!(all(text), Vec::<String>::new(), "{text}");
        }
    }

    #[test]
    fn a_whole_word_comes_before_longer_ones() {
        check("a cat|", "a cat");
        assert!(all("a cat|").len() > 1);
    }

    #[test]
    fn chinese_words() {
        check("雪地里的狐|", "雪地里的狐狸");
        check("一只企|", "一只企鹅");
        check("a fox, 仙人|", "a fox, 仙人掌");
        let blue = all("蓝|");
        assert!(!blue.is_empty() && blue.iter().all(|one| one.starts_with('蓝')), "{blue:?}");
        check("雪地里的|", "");
        check("一只|", "");
        let fox = &complete("狐", 3)[0];
        assert_eq!((fox.other, fox.text.as_str()), (Some("fox"), "狐狸"));
    }

    #[test]
    fn every_object_is_found_by_its_first_letters() {
        for object in &vocabulary().objects {
            let name = &object.name;
            let some: String = name.chars().take(name.chars().count() - 1).collect();
            // "an" is no beginning of "ant".
            if some.len() <= LEAST {
                continue;
            }
            let found = complete(&some, some.len());
            let whole = |one: &Completion| one.text == *name && one.range.start == 0;
            assert!(found.iter().any(whole), "{some}: {found:?}");
        }
    }
}
