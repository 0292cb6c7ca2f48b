//! The tokenizer against transformers (`tests/fixtures/tokenizer.py`), and with bad folders.

use std::path::Path;

use super::*;
use crate::types::ModelSource;

/// A prompt that is words only, in one chunk.
pub(crate) struct Tokens {
    /// Exactly as many ids as the model has text positions: begin, words, end, padding.
    pub(crate) ids: Vec<u32>,
    /// Tokens of the prompt itself, including those that did not fit.
    pub(crate) used: usize,
    /// Byte offset in the prompt at which words began to fall off, if any did.
    pub(crate) lost_from: Option<usize>,
}

impl Tokenizer {
    pub(crate) fn encode(&self, prompt: &str) -> Tokens {
        let words = self.pieces(prompt);
        let lost_from = words.get(self.room()).map(|(_, begin)| start_of_word(prompt, *begin));
        Tokens { ids: self.padded(words.iter().map(|(id, _)| *id)), used: words.len(), lost_from }
    }
}

#[derive(Deserialize)]
struct Fixture {
    own: Vec<Row>,
    exclamation: Vec<Row>,
}

#[derive(Deserialize)]
struct Row {
    prompt: String,
    ids: Vec<u32>,
    used: usize,
}

fn fixture() -> Fixture {
    serde_json::from_str(include_str!("../../../../tests/fixtures/tokenizer.json")).unwrap()
}

fn built_in() -> ModelFolder {
    ModelFolder::open(&ModelSource::BuiltIn).unwrap()
}

fn check(tokenizer: &Tokenizer, rows: &[Row]) {
    assert!(rows.len() > 20);
    for row in rows {
        let tokens = tokenizer.encode(&row.prompt);
        assert_eq!(tokens.ids, row.ids, "{:?}", row.prompt);
        assert_eq!(tokens.used, row.used, "{:?}", row.prompt);
        assert_eq!(tokens.lost_from.is_some(), row.used > tokenizer.room(), "{:?}", row.prompt);
    }
}

/// A folder with the built-in tokenizer's files, after `change` saw each of them.
fn folder_with(change: impl Fn(&str, String) -> Option<(String, String)>) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(folder.path().join("tokenizer")).unwrap();
    std::fs::write(folder.path().join("model_index.json"), "{}").unwrap();
    for name in ["vocab.json", "merges.txt", "tokenizer_config.json"] {
        let text = built_in().text(&format!("tokenizer/{name}")).unwrap();
        if let Some((name, text)) = change(name, text) {
            std::fs::write(folder.path().join("tokenizer").join(name), text).unwrap();
        }
    }
    folder
}

/// A file's name and text, or `None` to leave it out.
type Change<'a> = &'a dyn Fn(&str, String) -> Option<(String, String)>;

#[expect(clippy::unnecessary_wraps, reason = "it is one of two answers of a change")]
fn keep(name: &str, text: String) -> Option<(String, String)> {
    Some((name.to_owned(), text))
}

fn load(folder: &Path, positions: usize) -> Result<Tokenizer, ModelError> {
    let folder = ModelFolder::open(&ModelSource::Path(folder.to_owned())).unwrap();
    Tokenizer::load(&folder, positions)
}

#[test]
fn the_built_in_tokenizer_equals_transformers() {
    let tokenizer = Tokenizer::load(&built_in(), 32).unwrap();
    assert_eq!((tokenizer.begin(), tokenizer.end(), tokenizer.pad()), (4094, 4095, 4095));
    assert_eq!((tokenizer.room(), tokenizer.vocabulary_size()), (30, 4096));
    check(&tokenizer, &fixture().own);
}

#[test]
fn padding_of_its_own_equals_transformers() {
    // As a newer folder says it, and as an older one does.
    let in_config = folder_with(|name, text| {
        keep(name, text.replace(r#""pad_token": "<|endoftext|>""#, r#""pad_token": "!""#))
    });
    let in_map = folder_with(keep);
    let map = in_map.path().join("tokenizer/special_tokens_map.json");
    std::fs::write(map, r#"{"pad_token": "!"}"#).unwrap();
    for folder in [in_config, in_map] {
        let tokenizer = load(folder.path(), 32).unwrap();
        assert_eq!(tokenizer.pad(), 0);
        check(&tokenizer, &fixture().exclamation);
    }
}

#[test]
fn one_file_serves_as_well_as_two() {
    let merges = built_in().text("tokenizer/merges.txt").unwrap();
    let lines: Vec<&str> = merges.lines().skip(1).collect();
    let pairs: Vec<Vec<&str>> = lines.iter().map(|line| line.split(' ').collect()).collect();
    for merges in [serde_json::json!(lines), serde_json::json!(pairs)] {
        let folder = folder_with(|name, text| match name {
            "vocab.json" => {
                let vocab: Value = serde_json::from_str(&text).unwrap();
                let whole = serde_json::json!({"model": {"vocab": vocab, "merges": merges}});
                keep("tokenizer.json", whole.to_string())
            }
            "merges.txt" => None,
            _ => keep(name, text),
        });
        check(&load(folder.path(), 32).unwrap(), &fixture().own);
    }
}

#[test]
fn words_fall_off_as_wholes() {
    let tokenizer = Tokenizer::load(&built_in(), 8).unwrap();
    let lost =
        |prompt: &str| tokenizer.encode(prompt).lost_from.map(|from| prompt[from..].to_owned());
    assert_eq!(lost("the the the the the the"), None);
    assert_eq!(lost("the the the the the the fox"), Some("fox".to_owned()));
    assert_eq!(
        lost("the the the the the  supercalifragilistic cat").as_deref(),
        Some("supercalifragilistic cat")
    );
    assert_eq!(lost("狐狸狐狸狐狸").as_deref(), Some("狐狸狐狸狐狸"));
    assert_eq!(tokenizer.encode("").ids.len(), 8);
}

#[test]
fn a_whole_book_is_read() {
    let tokenizer = Tokenizer::load(&built_in(), 32).unwrap();
    for text in ["a", "a ", "\u{301}", "1", " ", "狐", "'s", "<|endoftext|>"] {
        assert_eq!(tokenizer.encode(&text.repeat(100_000)).ids.len(), 32);
    }
}

#[test]
fn the_smaller_limit_wins() {
    assert_eq!(Tokenizer::load(&built_in(), 77).unwrap().positions(), 32);
    assert_eq!(Tokenizer::load(&built_in(), 16).unwrap().positions(), 16);
    let unlimited = folder_with(|name, text| {
        keep(name, text.replace(r#""model_max_length": 32"#, r#""model_max_length": 1e30"#))
    });
    assert_eq!(load(unlimited.path(), 77).unwrap().positions(), 77);
    assert!(matches!(load(unlimited.path(), 2), Err(ModelError::Unsupported { .. })));
}

#[test]
fn bad_folders_are_named() {
    let message =
        |change: Change<'_>| load(folder_with(change).path(), 32).unwrap_err().to_string();
    let without = |wanted: &'static str| {
        move |name: &str, text| if name == wanted { None } else { keep(name, text) }
    };
    assert!(message(&without("vocab.json")).contains("tokenizer/vocab.json"));
    assert!(message(&without("merges.txt")).contains("tokenizer/merges.txt"));
    let text = message(&|name, text| {
        keep(name, text.replace("<|startoftext|>", "<s>").replace("\"<s>\": 4094", "\"x\": 4094"))
    });
    assert!(text.contains("<s>"), "{text}");
    let text = message(&|name, text| {
        keep(name, if name == "merges.txt" { "i n g".to_owned() } else { text })
    });
    assert!(text.contains("'i n g'"), "{text}");
    let text = message(&|name, text| {
        keep(name, if name == "vocab.json" { "[1]".to_owned() } else { text })
    });
    assert!(text.ends_with("vocab.json"), "{text}");
}
