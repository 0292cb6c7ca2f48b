//! Prompts: their tokens and the encoder that reads them.
pub mod clip;
pub mod tokenizer;
pub use tokenizer::Tokenizer;
