//! CLIP's own vocabulary, for models that bring none: single files never do.
//!
//! Only its merges are stored (`assets/clip`); the tokens follow from them as in OpenAI's
//! `simple_tokenizer.py`: 256 bytes, the same at the end of a word, the merges in order, and the two
//! marks around a text. Read by [`super::folder`], which hands it out as a folder's own files.

use std::io::Read;

/// The merges, a pair of tokens a line, compressed.
static MERGES: &[u8] = include_bytes!("../../assets/clip/merges.txt.gz");
/// Tokens in all.
pub const SIZE: usize = 49_408;
/// Bytes of the merges unpacked, at most.
const LONGEST: u64 = 1 << 20;

/// Writes a file.
pub type Writer = fn() -> String;

/// The files of a tokenizer's folder, and what writes those that can be made.
pub const FILES: [(&str, Option<Writer>); 3] =
    [("vocab.json", Some(tokens)), ("merges.txt", Some(merges)), ("tokenizer.json", None)];

/// `merges.txt`: a pair of tokens a line, the most frequent first.
#[must_use]
pub fn merges() -> String {
    let mut text = String::new();
    let unpacked = flate2::read::GzDecoder::new(MERGES).take(LONGEST).read_to_string(&mut text);
    unpacked.expect("the program's own asset, which a test unpacks");
    text
}

/// `vocab.json`: every token with its number.
#[must_use]
pub fn tokens() -> String {
    let bytes: Vec<String> = letters().iter().map(char::to_string).collect();
    let ends = bytes.iter().map(|letter| format!("{letter}</w>"));
    let merges = merges();
    let merged = merges.lines().map(|pair| pair.replace(' ', ""));
    let marks = ["<|startoftext|>", "<|endoftext|>"].map(str::to_owned);
    let all = bytes.iter().cloned().chain(ends).chain(merged).chain(marks);
    let all: serde_json::Map<String, serde_json::Value> =
        all.enumerate().map(|(id, token)| (token, id.into())).collect();
    serde_json::Value::Object(all).to_string()
}

/// A printable letter for every byte, in the order of their numbers: those that can be printed stand
/// for themselves and come first.
fn letters() -> Vec<char> {
    let printable = |byte: &u8| matches!(byte, b'!'..=b'~' | 0xA1..=0xAC | 0xAE..=0xFF);
    let own = (0..=u8::MAX).filter(printable).map(char::from);
    let count = (0..=u8::MAX).filter(|byte| !printable(byte)).count() as u32;
    let others = (0..count).filter_map(|index| char::from_u32(256 + index));
    own.chain(others).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_clips() {
        let tokens: serde_json::Value = serde_json::from_str(&tokens()).unwrap();
        assert_eq!(tokens.as_object().unwrap().len(), SIZE);
        // From openai/clip-vit-large-patch14's vocab.json.
        for (token, id) in [
            ("!", 0),
            ("a", 64),
            ("!</w>", 256),
            ("in", 512),
            ("a</w>", 320),
            ("cat</w>", 2368),
            ("photo</w>", 1125),
            ("<|startoftext|>", 49406),
            ("<|endoftext|>", 49407),
        ] {
            assert_eq!(tokens[token], id, "{token}");
        }
        assert_eq!(merges().lines().count(), SIZE - 2 * 256 - 2);
        assert!(merges().starts_with("i n\n"));
    }
}
