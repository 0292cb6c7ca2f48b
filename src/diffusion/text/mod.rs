//! Prompts: their tokens and the encoders that read them.
pub mod clip;
pub mod encoders;
pub mod tokenizer;
pub use tokenizer::Tokenizer;
