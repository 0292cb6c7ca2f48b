//! Prompts: their language, their tokens in chunks, and the encoder that reads them.

pub mod chunks;
pub mod clip;
pub mod prompt;
pub mod tokenizer;
pub mod weights;

pub use tokenizer::Tokenizer;
