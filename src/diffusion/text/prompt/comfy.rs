//! ComfyUI's brackets: `(x)` 1.1-fold, `(x:1.3)` exactly 1.3, and a backslash before `( )`. Square
//! brackets and BREAK are words. Written from its behaviour.
//!
//! A bracket without its partner is a word, except that a text which begins with "(" and ends with
//! ")" is taken for a bracket whatever stands between.

use std::ops::Range;

use super::{DEEPEST, Emphasis, Node, Prompt};
use crate::types::PromptStyle;

/// What a bracket without a number does.
const STEP: f64 = 1.1;

pub(super) fn parse(source: &str) -> Prompt {
    let mut prompt = Prompt { style: PromptStyle::Comfy, ..Prompt::default() };
    prompt.nodes = level(source, &(0..source.len()), 0, &mut prompt.brackets);
    prompt
}

/// A sign of a text, and its first byte.
enum Sign {
    Open(usize),
    Close(usize),
    /// A bracket behind a backslash: the backslash's place.
    Escape(usize),
}

fn signs(source: &str, within: &Range<usize>) -> Vec<Sign> {
    let bytes = &source.as_bytes()[..within.end];
    let mut found = Vec::new();
    let mut at = within.start;
    while at < within.end {
        match bytes[at] {
            b'(' => found.push(Sign::Open(at)),
            b')' => found.push(Sign::Close(at)),
            b'\\' if matches!(bytes.get(at + 1), Some(b'(' | b')')) => {
                found.push(Sign::Escape(at));
                at += 1;
            }
            _ => {}
        }
        at += 1;
    }
    found
}

/// The pieces of a text: those at its outermost brackets, and what stands between.
fn pieces(source: &str, within: &Range<usize>) -> Vec<Range<usize>> {
    let mut pieces = Vec::new();
    let mut begin = within.start;
    // Below 0 behind a stray ")": the next "(" then only makes up for it.
    let mut depth = 0_i64;
    for sign in signs(source, within) {
        match sign {
            Sign::Open(at) => {
                if depth == 0 {
                    pieces.push(begin..at);
                    begin = at;
                }
                depth += 1;
            }
            Sign::Close(at) => {
                depth -= 1;
                if depth == 0 {
                    pieces.push(begin..at + 1);
                    begin = at + 1;
                }
            }
            Sign::Escape(_) => {}
        }
    }
    pieces.push(begin..within.end);
    pieces.retain(|piece| !piece.is_empty());
    pieces
}

fn level(
    source: &str,
    within: &Range<usize>,
    depth: usize,
    brackets: &mut Vec<Emphasis>,
) -> Vec<Node> {
    let mut nodes = Vec::new();
    for piece in pieces(source, within) {
        let text = &source[piece.clone()];
        let is_bracket = text.len() >= 2 && text.starts_with('(') && text.ends_with(')');
        if depth == DEEPEST || !is_bracket || text.ends_with("\\)") {
            nodes.push(words(source, &piece));
            continue;
        }
        let mut inner = piece.start + 1..piece.end - 1;
        let mut emphasis = Emphasis::Times(STEP);
        if let Some(colon) = source[inner.clone()].rfind(':').filter(|colon| *colon > 0) {
            let number = source[inner.start + colon + 1..inner.end].trim();
            if let Some(value) = number.parse::<f64>().ok().filter(|value| value.is_finite()) {
                emphasis = Emphasis::Exactly(value);
                inner.end = inner.start + colon;
            }
        }
        let bracket = brackets.len();
        brackets.push(emphasis);
        let inside = level(source, &inner, depth + 1, brackets);
        if !inside.is_empty() {
            nodes.push(Node::Group { bracket, nodes: inside });
        }
    }
    nodes
}

/// A text without its backslashes.
fn words(source: &str, within: &Range<usize>) -> Node {
    let mut ranges = Vec::new();
    let mut begin = within.start;
    for sign in signs(source, within) {
        if let Sign::Escape(at) = sign {
            ranges.push(begin..at);
            begin = at + 1;
        }
    }
    ranges.push(begin..within.end);
    Node::Words(ranges)
}
