//! Prompts: tokens and their conditioning.
pub mod tokenizer;
pub use tokenizer::Tokenizer;
