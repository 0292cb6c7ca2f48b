//! The weight of words in a prompt, changed with two keys: of what is selected, else of the bracket
//! or the word under the cursor.
//!
//! Called by [`super::update`]. It writes brackets as A1111 and ComfyUI both read them; what they
//! mean is the business of [`crate::diffusion::text`].

use std::ops::Range;

use super::state::{AppState, Effect, Focus};

/// What one press changes.
const STEP: f64 = 0.1;
/// The same for the strength in a tag, "<lora:name:0.8>".
const TAG_STEP: f64 = 0.05;
/// What "(x)" and "[x]" weigh, as near as one press can say it.
const ROUND: f64 = 1.1;
const SQUARE: f64 = 0.9;
/// Weights that can be reached with the keys.
const WEIGHTS: (f64, f64) = (0.0, 10.0);

impl AppState {
    /// Changes the weight of what is selected in the prompt or in the words to avoid.
    pub(super) fn weigh(
        &mut self,
        negative: bool,
        selection: &Range<usize>,
        up: bool,
    ) -> Vec<Effect> {
        let words = if negative { &mut self.negative } else { &mut self.prompt };
        let byte =
            |letter: usize| words.char_indices().nth(letter).map_or(words.len(), |(byte, _)| byte);
        let bytes = byte(selection.start)..byte(selection.end.max(selection.start));
        let Some((changed, selected)) = weighed(words, &bytes, up) else { return Vec::new() };
        let letter = |byte: usize| changed[..byte].chars().count();
        let letters = (letter(selected.start), letter(selected.end));
        *words = changed;
        self.prompt_walk = None;
        self.count_words();
        vec![Effect::Focus(Focus::Letters { negative, letters })]
    }
}

/// Words that have a weight, with what stands around them.
struct Target {
    /// All of it, brackets too.
    whole: Range<usize>,
    /// The words alone.
    words: Range<usize>,
    weight: f64,
    /// Whether it is a tag in angle brackets, whose own weight cannot be left out.
    tag: bool,
}

/// The text after the change and what is then selected, in bytes; `None` where there is no word.
fn weighed(text: &str, selection: &Range<usize>, up: bool) -> Option<(String, Range<usize>)> {
    let target = target(text, selection)?;
    let step = if target.tag { TAG_STEP } else { STEP };
    let weight = target.weight + if up { step } else { -step };
    let weight = (weight.clamp(WEIGHTS.0, WEIGHTS.1) * 100.0).round() / 100.0;
    let words = &text[target.words.clone()];
    let (opening, closing) = match (target.tag, weight) {
        (true, weight) => ("<", format!(":{weight}>")),
        (false, 1.0) => ("", String::new()),
        (false, weight) => ("(", format!(":{weight})")),
    };
    let before = &text[..target.whole.start];
    let after = &text[target.whole.end..];
    let begins = before.len() + opening.len();
    let changed = format!("{before}{opening}{words}{closing}{after}");
    // A cursor stays a cursor at its letter; what was selected stays selected.
    let selected = if selection.is_empty() {
        let at = selection.start.clamp(target.words.start, target.words.end);
        let at = begins + (at - target.words.start);
        at..at
    } else {
        begins..begins + words.len()
    };
    Some((changed, selected))
}

fn target(text: &str, selection: &Range<usize>) -> Option<Target> {
    let selected = text.get(selection.clone())?;
    let start = selection.start + (selected.len() - selected.trim_start().len());
    let chosen = start..start + selected.trim().len();
    let mut around: Vec<Target> = brackets(text)
        .into_iter()
        .filter(|target| {
            if chosen.is_empty() {
                let at = selection.start;
                return target.whole.start <= at && at <= target.whole.end;
            }
            target.words == chosen || target.whole == chosen
        })
        .collect();
    around.sort_by_key(|target| target.whole.len());
    if let Some(innermost) = around.into_iter().next() {
        return Some(innermost);
    }
    let words = if chosen.is_empty() { word(text, selection.start)? } else { chosen };
    Some(Target { whole: words.clone(), words, weight: 1.0, tag: false })
}

/// The word at a byte, or the one that ends there.
fn word(text: &str, at: usize) -> Option<Range<usize>> {
    let parts = |letter: char| letter.is_whitespace() || ",.;:!?(){}[]<>|\"\\".contains(letter);
    let start = text[..at]
        .rfind(parts)
        .map_or(0, |last| last + text[last..].chars().next().map_or(1, char::len_utf8));
    let end = text[at..].find(parts).map_or(text.len(), |next| at + next);
    (start < end).then_some(start..end)
}

/// All brackets that have their partner, and all tags with a weight.
fn brackets(text: &str) -> Vec<Target> {
    let mut found = Vec::new();
    let mut open: Vec<(usize, u8)> = Vec::new();
    let mut escaped = false;
    for (at, sign) in text.bytes().enumerate() {
        let was_escaped = escaped;
        escaped = sign == b'\\' && !was_escaped;
        let opening = match sign {
            _ if was_escaped => continue,
            b'(' | b'[' | b'<' => {
                open.push((at, sign));
                continue;
            }
            b')' => b'(',
            b']' => b'[',
            b'>' => b'<',
            _ => continue,
        };
        let Some(place) = open.iter().rposition(|(_, sign)| *sign == opening) else { continue };
        let (begin, _) = open.swap_remove(place);
        open.truncate(place);
        found.extend(bracket(text, begin, at, opening));
    }
    found
}

/// The bracket whose signs stand at two bytes.
fn bracket(text: &str, begin: usize, end: usize, sign: u8) -> Option<Target> {
    let inside = begin + 1..end;
    let number = text[inside.clone()].rfind(':').and_then(|colon| {
        let value = text[inside.start + colon + 1..inside.end].trim().parse::<f64>().ok();
        value.filter(|value| value.is_finite()).map(|value| (inside.start + colon, value))
    });
    let whole = begin..end + 1;
    let (words, weight) = match (sign, number) {
        (b'(' | b'<', Some((colon, value))) => (inside.start..colon, value),
        (b'(', None) => (inside, ROUND),
        (b'[', _) => (inside, SQUARE),
        _ => return None,
    };
    Some(Target { whole, words, weight, tag: sign == b'<' })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `|` is the cursor, or both ends of what is selected.
    fn check(before: &str, up: bool, after: &str) {
        let text = before.replace('|', "");
        let first = before.find('|').unwrap();
        let last = before.rfind('|').unwrap();
        let selection = first..if last > first { last - 1 } else { first };
        let Some((changed, selected)) = weighed(&text, &selection, up) else {
            assert_eq!(after, "", "{before}");
            return;
        };
        let mut shown = changed;
        shown.insert(selected.end, '|');
        if !selected.is_empty() {
            shown.insert(selected.start, '|');
        }
        assert_eq!(shown, after, "{before}");
    }

    #[test]
    fn words_brackets_and_selections() {
        for (before, up, after) in [
            ("a red f|ox", true, "a red (f|ox:1.1)"),
            ("a red fox|", true, "a red (fox|:1.1)"),
            ("a red (f|ox:1.1)", true, "a red (f|ox:1.2)"),
            ("a red (fox:1.2)|", true, "a red (fox|:1.3)"),
            ("a red (f|ox:1.1)", false, "a red f|ox"),
            ("a red f|ox", false, "a red (f|ox:0.9)"),
            ("a |red fox|", true, "a (|red fox|:1.1)"),
            ("a (|red fox|:1.1)", true, "a (|red fox|:1.2)"),
            ("a |(red fox:1.1)|", false, "a |red fox|"),
            ("a (red |fox|:1.1)", true, "a (red (|fox|:1.1):1.1)"),
            ("(f|ox)", true, "(f|ox:1.2)"),
            ("[f|ox]", true, "f|ox"),
            ("[f|ox]", false, "(f|ox:0.8)"),
            ("((f|ox))", true, "((f|ox:1.2))"),
            ("(a:|b:1.25)", true, "(a:|b:1.35)"),
            (r"cat \(f|ox\)", true, r"cat \((f|ox:1.1)\)"),
            ("<lora:f|ur:0.8> fox", true, "<lora:f|ur:0.85> fox"),
            ("<lora:f|ur:1> fox", false, "<lora:f|ur:0.95> fox"),
            ("(fox:0.05|)", false, "(fox|:0)"),
            ("狐|狸, 雪", true, "(狐|狸:1.1), 雪"),
            ("a , | b", true, ""),
            ("|", true, ""),
        ] {
            check(before, up, after);
        }
    }
}
