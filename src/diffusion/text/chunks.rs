//! A prompt's tokens in chunks of as many as a text encoder reads at once.
//!
//! Made by the pipeline, which has each chunk encoded by itself, and by the window, which shows
//! where they meet. Where a prompt is cut is written from the behaviour of the programs that
//! [`PromptStyle`] names.

use std::ops::Range;

use super::prompt::{self, Part};
use super::tokenizer::{Tokenizer, start_of_word};
use crate::types::PromptStyle;

/// Chunks that are read of a prompt: 1200 tokens of CLIP's. The rest falls off.
pub const MOST: usize = 16;
/// A1111 looks back over so many tokens for a comma to cut at.
const BACKTRACK: usize = 20;
/// ComfyUI keeps words of one weight together if they are fewer tokens than this.
const LARGE: usize = 8;

/// A prompt as the text encoder reads it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Chunks {
    /// At least one, at most [`MOST`].
    pub chunks: Vec<Chunk>,
    /// Places taken: all chunks but the last count in full.
    pub used: usize,
    /// Places that there are in as many chunks.
    pub room: usize,
    /// Byte of the prompt at which words begin to fall off, if any do.
    pub lost_from: Option<usize>,
    /// Bytes of the prompt that look like a weight and are none.
    pub odd: Vec<Range<usize>>,
}

/// What the text encoder reads at once.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Chunk {
    /// As many ids as the model has text positions.
    pub ids: Vec<u32>,
    /// A weight for each.
    pub weights: Vec<f32>,
    /// Byte of the prompt at which its words begin, if it has any.
    pub from: Option<usize>,
}

impl Chunk {
    /// Whether any word weighs more or less than usual.
    #[must_use]
    pub fn is_weighted(&self) -> bool {
        self.weights.iter().any(|weight| *weight != 1.0)
    }

    /// The chunk of an empty prompt.
    #[must_use]
    pub fn empty(tokenizer: &Tokenizer) -> Self {
        close(tokenizer, &[])
    }
}

impl Chunks {
    /// Bytes of the prompt at which its second and later chunks begin.
    #[must_use]
    pub fn marks(&self) -> Vec<usize> {
        self.chunks.iter().skip(1).filter_map(|chunk| chunk.from).collect()
    }
}

/// A token with its weight and the byte of the prompt at which it begins.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Token {
    id: u32,
    weight: f32,
    at: usize,
}

/// Reads a prompt.
#[must_use]
pub fn read(tokenizer: &Tokenizer, source: &str, style: PromptStyle) -> Chunks {
    let parsed = prompt::parse(source, style);
    let parts: Vec<Option<Vec<Token>>> =
        parsed.parts(source).iter().map(|part| tokens(tokenizer, part)).collect();
    let room = tokenizer.room();
    let (cut, most) = match style {
        PromptStyle::A1111 => (at_commas(&parts, room, tokenizer.comma()), MOST),
        PromptStyle::Comfy => (between_brackets(&parts, room), MOST),
        PromptStyle::Plain => (at_commas(&parts, room, None), 1),
    };
    let last = cut.last().map_or(0, Vec::len);
    let first_lost = cut.iter().skip(most).flatten().next();
    let lost_from = first_lost.map(|token| start_of_word(source, token.at));
    let chunks: Vec<Chunk> = cut.iter().take(most).map(|tokens| close(tokenizer, tokens)).collect();
    Chunks {
        used: (cut.len() - 1) * room + last,
        room: chunks.len() * room,
        chunks,
        lost_from,
        odd: parsed.odd,
    }
}

/// The tokens of a part; `None` for BREAK.
fn tokens(tokenizer: &Tokenizer, part: &Part) -> Option<Vec<Token>> {
    let Part::Words(words) = part else { return None };
    let weight = words.weight as f32;
    let pieces = tokenizer.pieces(&words.text).into_iter();
    Some(pieces.map(|(id, at)| Token { id, weight, at: words.source(at) }).collect())
}

fn close(tokenizer: &Tokenizer, tokens: &[Token]) -> Chunk {
    let mut weights = vec![1.0];
    weights.extend(tokens.iter().map(|token| token.weight));
    weights.resize(tokenizer.positions(), 1.0);
    let ids = tokenizer.padded(tokens.iter().map(|token| token.id));
    Chunk { ids, weights, from: tokens.first().map(|token| token.at) }
}

/// Chunks of `room` tokens. What follows a comma near a chunk's end goes into the next one, unless
/// the chunk ends there anyway; BREAK ends a chunk, be it empty.
fn at_commas(parts: &[Option<Vec<Token>>], room: usize, comma: Option<u32>) -> Vec<Vec<Token>> {
    let mut done: Vec<Vec<Token>> = Vec::new();
    let mut chunk: Vec<Token> = Vec::new();
    // Tokens of the chunk up to and with its last comma.
    let mut phrase = 0;
    for part in parts {
        let Some(tokens) = part else {
            done.push(std::mem::take(&mut chunk));
            phrase = 0;
            continue;
        };
        for token in tokens {
            let is_comma = Some(token.id) == comma;
            let full = chunk.len() == room;
            if full {
                let near = phrase > 0 && room - phrase < BACKTRACK;
                let moved = if near && !is_comma { chunk.split_off(phrase) } else { Vec::new() };
                done.push(std::mem::replace(&mut chunk, moved));
                phrase = 0;
            }
            chunk.push(*token);
            // A comma that begins a chunk ends nothing in it.
            if is_comma && !full {
                phrase = chunk.len();
            }
        }
    }
    if !chunk.is_empty() || done.is_empty() {
        done.push(chunk);
    }
    done
}

/// Chunks of `room` tokens. A few words of one weight that do not fit begin the next one.
fn between_brackets(parts: &[Option<Vec<Token>>], room: usize) -> Vec<Vec<Token>> {
    let mut done: Vec<Vec<Token>> = Vec::new();
    let mut chunk: Vec<Token> = Vec::new();
    for tokens in parts.iter().flatten() {
        let splits = tokens.len() >= LARGE || tokens.len() > room;
        let mut rest = tokens.as_slice();
        while chunk.len() + rest.len() > room {
            let (now, later) = rest.split_at(if splits { room - chunk.len() } else { 0 });
            chunk.extend(now);
            rest = later;
            done.push(std::mem::take(&mut chunk));
        }
        chunk.extend(rest);
    }
    if !chunk.is_empty() || done.is_empty() {
        done.push(chunk);
    }
    done
}

#[cfg(test)]
mod tests;
