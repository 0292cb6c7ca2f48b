//! Where prompts are cut, with the built-in tokenizer: 30 tokens a chunk.

use super::*;
use crate::models::ModelFolder;
use crate::types::ModelSource;

fn tokenizer() -> Tokenizer {
    Tokenizer::load(&ModelFolder::open(&ModelSource::BuiltIn).unwrap(), 32).unwrap()
}

/// Words of each chunk, as many as it has.
fn lengths(tokenizer: &Tokenizer, source: &str, style: PromptStyle) -> Vec<usize> {
    let end = tokenizer.end();
    let words = |chunk: &Chunk| chunk.ids.iter().position(|id| *id == end).unwrap() - 1;
    read(tokenizer, source, style).chunks.iter().map(words).collect()
}

#[test]
fn one_short_chunk_is_what_the_tokenizer_gives() {
    let tokenizer = tokenizer();
    for style in PromptStyle::ALL {
        for source in ["", "a fox", &"the ".repeat(30)] {
            let read = read(&tokenizer, source, style);
            let plain = tokenizer.encode(source);
            assert_eq!(read.chunks.len(), 1);
            assert_eq!((&read.chunks[0].ids, read.used), (&plain.ids, plain.used));
            assert!(!read.chunks[0].is_weighted() && read.lost_from.is_none());
            assert_eq!((read.room, read.marks()), (30, Vec::new()));
        }
    }
}

#[test]
fn plain_words_fall_off() {
    let tokenizer = tokenizer();
    let source = format!("{}fox", "the ".repeat(30));
    let read = read(&tokenizer, &source, PromptStyle::Plain);
    assert_eq!((read.chunks.len(), read.used, read.room), (1, 31, 30));
    assert_eq!(read.lost_from, Some(120));
    assert_eq!(read.chunks[0].ids, tokenizer.encode(&source).ids);
}

#[test]
fn a1111_cuts_at_a_near_comma_and_at_break() {
    let tokenizer = tokenizer();
    let cut = |source: &str| lengths(&tokenizer, source, PromptStyle::A1111);
    let the = |count: usize| "the ".repeat(count);
    assert_eq!(cut(&the(31)), [30, 1]);
    // The comma may be the 20th place from the end, not the one before.
    assert_eq!(cut(&format!("{}, {}", the(10), the(20))), [11, 20]);
    assert_eq!(cut(&format!("{}, {}", the(9), the(21))), [30, 1]);
    // A chunk that ends with its words is not cut again, nor where the next word is a comma.
    assert_eq!(cut(&format!("{}, {}", the(10), the(19))), [30]);
    assert_eq!(cut(&format!("{}, {}, ", the(10), the(19))), [30, 1]);
    assert_eq!(cut("the BREAK the"), [1, 1]);
    assert_eq!(cut("BREAK the BREAK"), [0, 1]);
    assert_eq!(cut("BREAK BREAK"), [0, 0]);
    assert_eq!(cut("BREAKfast").len(), 1);
}

#[test]
fn comfy_keeps_a_few_words_together() {
    let tokenizer = tokenizer();
    let cut = |source: &str| lengths(&tokenizer, source, PromptStyle::Comfy);
    let the = |count: usize| "the ".repeat(count);
    assert_eq!(cut(&the(31)), [30, 1]);
    assert_eq!(cut(&format!("{}({})", the(28), the(5))), [28, 5]);
    assert_eq!(cut(&format!("{}({})", the(28), the(8))), [30, 6]);
    assert_eq!(cut(&format!("{}, {}", the(10), the(20))), [30, 1]);
}

#[test]
fn weights_and_marks_stand_where_their_words_are() {
    let tokenizer = tokenizer();
    let source = format!("the ({}:1.5) BREAK (fox)", "the ".repeat(31));
    let read = read(&tokenizer, &source, PromptStyle::A1111);
    let weights = |index: usize| &read.chunks[index].weights;
    assert_eq!(weights(0)[..3], [1.0, 1.0, 1.5]);
    assert_eq!(weights(0)[30..], [1.5, 1.0]);
    assert_eq!(weights(1)[..4], [1.0, 1.5, 1.5, 1.0]);
    assert_eq!(weights(2)[..3], [1.0, 1.1, 1.0]);
    assert_eq!((read.used, read.room), (61, 90));
    let words: Vec<&str> = read.marks().iter().map(|mark| &source[*mark..*mark + 3]).collect();
    assert_eq!(words, ["the", "fox"]);
}

#[test]
fn padding_follows_the_first_end() {
    let tokenizer = tokenizer();
    let chunk = &read(&tokenizer, "the BREAK fox", PromptStyle::A1111).chunks[0];
    let rest = [vec![tokenizer.end()], vec![tokenizer.pad(); 29]].concat();
    assert_eq!(chunk.ids[2..], rest);
    assert_eq!(Chunk::empty(&tokenizer).ids, tokenizer.encode("").ids);
}

#[test]
fn a_book_is_cut_short() {
    let tokenizer = tokenizer();
    for style in [PromptStyle::A1111, PromptStyle::Comfy] {
        let source = "the ".repeat(2000);
        let read = read(&tokenizer, &source, style);
        assert_eq!((read.chunks.len(), read.used, read.room), (MOST, 2000, MOST * 30));
        assert_eq!(read.lost_from, Some(MOST * 30 * 4));
    }
}
