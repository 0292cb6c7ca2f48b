//! The words that the built-in model knows: Chinese prompts in them, completion while typing, and
//! what of a prompt it has never learnt.
//!
//! The model was trained on English captions of objects that the emoji data names in both
//! languages. A Chinese prompt is cut into the longest words that are known; what they mean is put
//! together as the captions were (`assets/pocket/recipe/captions.py`). Used by the engine and
//! by the window for the built-in model alone; other models are given what was typed.

mod complete;
mod dictionary;
mod sentence;
mod unknown;
mod words;

pub use self::complete::{Completion, MOST as MOST_COMPLETIONS, complete};
pub use self::unknown::{nearest, unknown};
pub use self::words::{FACE_COLUMNS, FACES, is_place, object_count};

use self::dictionary::{Meaning, dictionary};
use self::sentence::Sentence;

/// A Chinese prompt in the built-in model's words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct English {
    /// An English caption; empty where no word was known.
    pub caption: String,
    /// Chinese words that are not known, in their order.
    pub unknown: Vec<String>,
}

/// Whether a letter is Chinese.
fn is_han(letter: char) -> bool {
    matches!(letter, '\u{3400}'..='\u{4dbf}' | '\u{4e00}'..='\u{9fff}' | '\u{f900}'..='\u{faff}')
}

/// Whether a prompt has Chinese words.
#[must_use]
pub fn is_chinese(prompt: &str) -> bool {
    prompt.contains(is_han)
}

/// A prompt with Chinese words as an English caption; `None` if it has none. What is not Chinese
/// stays as it is.
#[must_use]
pub fn english(prompt: &str) -> Option<English> {
    if !is_chinese(prompt) {
        return None;
    }
    let mut sentence = Sentence::default();
    let mut unknown: Vec<String> = Vec::new();
    let (mut rest, mut was_unknown) = (prompt, false);
    while let Some(letter) = rest.chars().next() {
        let (length, meaning) = match longest(rest) {
            (_, None) if !is_han(letter) && !is_sign(letter) => {
                let end = rest.find(|c| is_han(c) || is_sign(c)).unwrap_or(rest.len());
                (end, Some(foreign(&rest[..end], &rest[end..])))
            }
            found => found,
        };
        match meaning {
            Some(meaning) => sentence.take(meaning, &rest[..length]),
            None => match unknown.last_mut().filter(|_| was_unknown) {
                Some(word) => word.push(letter),
                None => unknown.push(letter.to_string()),
            },
        }
        was_unknown = meaning.is_none();
        rest = &rest[length..];
        if let Some(Meaning::Count(_)) = meaning {
            rest = after_measure(rest);
        }
    }
    Some(English { caption: sentence.finish(), unknown })
}

/// Chinese punctuation.
fn is_sign(letter: char) -> bool {
    matches!(letter, '，' | '、' | '。' | '；' | '：' | '！' | '？' | '“' | '”')
}

/// The longest known word at the beginning, in bytes, or a letter without a meaning.
fn longest(text: &str) -> (usize, Option<Meaning>) {
    let dictionary = dictionary();
    let ends = text.char_indices().map(|(at, letter)| at + letter.len_utf8());
    let ends: Vec<usize> = ends.take(dictionary.longest).collect();
    for end in ends.iter().rev() {
        if let Some(meaning) = dictionary.words.get(&text[..*end]) {
            return (*end, Some(*meaning));
        }
    }
    (ends[0], None)
}

/// What is typed in other letters: a digit before Chinese letters counts.
fn foreign(text: &str, rest: &str) -> Meaning {
    match text.trim() {
        "" => Meaning::Nothing,
        digit if rest.starts_with(is_han) => match digit.parse() {
            Ok(count @ 1..=9) => Meaning::Count(count),
            _ => Meaning::Foreign,
        },
        _ => Meaning::Foreign,
    }
}

/// Words between a number and what it counts.
const MEASURES: &str = "只个朵棵条匹头辆艘架座位颗片张本把杯株枚根块幅名件台顶盏支串条束";

/// Without the measure word that follows a number, unless a longer word begins with it.
fn after_measure(text: &str) -> &str {
    let Some(first) = text.chars().next().filter(|letter| MEASURES.contains(*letter)) else {
        return text;
    };
    match longest(text) {
        (length, Some(_)) if length > first.len_utf8() => text,
        _ => &text[first.len_utf8()..],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chinese_prompts_become_captions() {
        for (chinese, wanted) in [
            ("狐狸", "a fox"),
            ("雪地里的狐狸", "a fox in the snow"),
            ("一只狐狸在雪地里", "a fox in the snow"),
            ("红草莓放在木桌上", "a red strawberry on a wooden table"),
            ("草莓", "a strawberry"),
            ("蓝色的狐狸", "a blue fox"),
            ("两只猫", "two cats"),
            ("3朵向日葵", "three sunflowers"),
            ("一只大企鹅和一只小狐狸", "a big penguin and a small fox"),
            ("猫、狗和狐狸", "a cat, a dog and a fox"),
            ("狐狸在猫的左边", "a fox to the left of a cat"),
            ("沙滩上的棕榈树，日落", "a palm tree on the beach at sunset"),
            ("粉色背景上的草莓", "a strawberry on a pink background"),
            ("大象", "an elephant"),
            ("fox在雪地里", "fox in the snow"),
        ] {
            let read = english(chinese).unwrap();
            assert_eq!(read.caption, wanted, "{chinese}");
            assert_eq!(read.unknown, Vec::<String>::new(), "{chinese}");
        }
    }

    #[test]
    fn what_is_not_known_is_told() {
        assert_eq!(english("a fox in the snow"), None);
        let read = english("雪地里的骑士和狐狸").unwrap();
        assert_eq!((read.caption.as_str(), read.unknown.len()), ("a fox in the snow", 1));
        assert_eq!(read.unknown, ["骑士"]);
        let read = english("哲學").unwrap();
        assert_eq!((read.caption.as_str(), read.unknown), ("", vec!["哲學".to_owned()]));
    }

    #[test]
    fn every_object_is_found_by_its_own_label() {
        for object in &words::vocabulary().objects {
            // "UFO" is called so in both languages.
            let Some(read) = english(&object.zh[0]) else { continue };
            assert_eq!(read.unknown, Vec::<String>::new(), "{}", object.name);
            assert!(!read.caption.is_empty(), "{}", object.name);
        }
    }
}
