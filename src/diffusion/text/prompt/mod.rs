//! The prompt language: brackets that weigh words, BREAK, escapes.
//!
//! [`parse`] makes a tree of what the user typed, [`Prompt::parts`] lays it flat for
//! [`super::chunks`]. Nothing here fails: what is no bracket is words. The tree has room for more
//! forms (words that change while painting, alternatives, wildcards): until they exist, their
//! brackets weigh like any other and their signs are words, as A1111's weights read them.

mod a1111;
mod comfy;

use std::ops::Range;

use crate::types::PromptStyle;

/// Brackets within brackets; deeper ones are words. It bounds the depth of the tree, not what
/// anybody means: 64 round ones weigh 446-fold.
const DEEPEST: usize = 64;
/// The largest weight; it keeps finite what was asked for beyond all sense.
const HEAVIEST: f64 = 1000.0;

/// A prompt that was read.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Prompt {
    /// How it was read.
    pub style: PromptStyle,
    /// What stands there, in order.
    pub nodes: Vec<Node>,
    /// What each bracket does to the weight of what is in it.
    pub brackets: Vec<Emphasis>,
    /// Bytes of the source that look like a weight and are none, as in "(x:1.2.3)".
    pub odd: Vec<Range<usize>>,
}

/// A piece of a prompt.
#[derive(Clone, Debug, PartialEq)]
pub enum Node {
    /// Words: bytes of the source, together one text; what is left out between are backslashes.
    Words(Vec<Range<usize>>),
    /// What stands in a bracket. Brackets that overlap, "[a (b] c)", become groups inside each
    /// other, of which two are the same bracket.
    Group {
        /// Which of [`Prompt::brackets`].
        bracket: usize,
        /// What stands in it.
        nodes: Vec<Node>,
    },
    /// The next words begin a new chunk.
    Break,
}

/// What a bracket does to the weight of what is in it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Emphasis {
    /// Multiplies it.
    Times(f64),
    /// Sets it, whatever stands around.
    Exactly(f64),
}

/// A prompt laid flat.
#[derive(Clone, Debug, PartialEq)]
pub enum Part {
    /// Words of one weight.
    Words(Weighted),
    /// The next words begin a new chunk.
    Break,
}

/// Words of one weight, to be cut into tokens together.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Weighted {
    /// The words, without brackets and escapes.
    pub text: String,
    /// Their weight; 1 is usual.
    pub weight: f64,
    /// Where pieces of the text begin: in the text, and in the source.
    pieces: Vec<(usize, usize)>,
}

impl Weighted {
    /// The byte of the source that stands at a byte of the text.
    #[must_use]
    pub fn source(&self, at: usize) -> usize {
        let next = self.pieces.partition_point(|(begins, _)| *begins <= at);
        let piece = next.checked_sub(1).and_then(|index| self.pieces.get(index));
        piece.map_or(at, |(begins, source)| source + (at - begins))
    }
}

/// Reads a prompt as a program does.
#[must_use]
pub fn parse(source: &str, style: PromptStyle) -> Prompt {
    match style {
        PromptStyle::A1111 => a1111::parse(source),
        PromptStyle::Comfy => comfy::parse(source),
        PromptStyle::Plain => {
            let all = std::iter::once(0..source.len()).collect();
            Prompt { style, nodes: vec![Node::Words(all)], ..Prompt::default() }
        }
    }
}

impl Prompt {
    /// The prompt laid flat; A1111 takes neighbours of equal weight together. `source` is what was
    /// parsed.
    #[must_use]
    pub fn parts(&self, source: &str) -> Vec<Part> {
        let mut flat = Flat { prompt: self, source, path: Vec::new(), parts: Vec::new() };
        flat.add(&self.nodes);
        flat.parts
    }
}

/// A tree on its way to be flat.
struct Flat<'a> {
    prompt: &'a Prompt,
    source: &'a str,
    /// The brackets around what comes next, outermost first.
    path: Vec<usize>,
    parts: Vec<Part>,
}

impl Flat<'_> {
    fn add(&mut self, nodes: &[Node]) {
        for node in nodes {
            match node {
                Node::Words(range) => self.add_words(range),
                Node::Group { bracket, nodes } => {
                    self.path.push(*bracket);
                    self.add(nodes);
                    self.path.pop();
                }
                Node::Break => self.parts.push(Part::Break),
            }
        }
    }

    fn add_words(&mut self, ranges: &[Range<usize>]) {
        let weight = self.weight();
        let mut words = Weighted { text: String::new(), weight, pieces: Vec::new() };
        let joins = self.prompt.style == PromptStyle::A1111;
        let same = |part: &mut Part| matches!(part, Part::Words(last) if last.weight == weight);
        if let Some(Part::Words(last)) = self.parts.pop_if(|part| joins && same(part)) {
            words = last;
        }
        for range in ranges {
            if let Some(text) = self.source.get(range.clone()).filter(|text| !text.is_empty()) {
                words.pieces.push((words.text.len(), range.start));
                words.text.push_str(text);
            }
        }
        if !words.text.is_empty() {
            self.parts.push(Part::Words(words));
        }
    }

    /// Inner brackets first, as they close first: equal weights must be equal to the last bit.
    fn weight(&self) -> f64 {
        let mut weight = 1.0;
        for bracket in self.path.iter().rev() {
            match self.prompt.brackets.get(*bracket) {
                Some(Emphasis::Times(factor)) => weight *= factor,
                Some(Emphasis::Exactly(value)) => {
                    weight *= value;
                    break;
                }
                None => {}
            }
        }
        weight.clamp(-HEAVIEST, HEAVIEST)
    }
}

#[cfg(test)]
mod tests;
