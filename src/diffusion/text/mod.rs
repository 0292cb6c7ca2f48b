//! Prompts: their language, their tokens in chunks, and the encoders that read them.

pub mod chunks;
pub mod clip;
pub mod encoders;
pub mod prompt;
pub mod tokenizer;
pub mod weights;

pub use tokenizer::Tokenizer;
