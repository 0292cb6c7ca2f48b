//! CLIP's byte-pair tokenizer.

/// Splits prompts into token ids.
#[derive(Debug)]
pub struct Tokenizer {}

/// A prompt as the text encoder reads it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tokens {
    /// Exactly as many ids as the model has text positions: begin, words, end, padding.
    pub ids: Vec<u32>,
    /// Tokens of the prompt itself, including those that did not fit.
    pub used: usize,
    /// Byte offset in the prompt at which words began to fall off, if any did.
    pub lost_from: Option<usize>,
}

impl Tokenizer {
    /// How many tokens of a prompt the model reads (positions without begin and end).
    #[must_use]
    pub fn room(&self) -> usize { 0 }

    /// Tokenizes a prompt.
    #[must_use]
    pub fn encode(&self, _prompt: &str) -> Tokens { Tokens { ids: vec![], used: 0, lost_from: None } }
}
