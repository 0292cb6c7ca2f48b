//! CLIP's byte-pair tokenizer, as transformers' `CLIPTokenizer` does it, token for token.
//!
//! Made by the worker from a model's folder, used by the text encoder and by the window's word
//! counter. It knows nothing of weights; attention to single words "(like this:1.2)" is the business
//! of [`super::prompt`].

use std::collections::HashMap;

use serde::Deserialize;
use serde_json::Value;
use tokenizers::models::bpe::{BPE, Merges, Vocab};
use tokenizers::normalizers::replace::ReplacePattern;
use tokenizers::normalizers::{Lowercase, NFC, Replace, Sequence as Normalizers};
use tokenizers::pre_tokenizers::byte_level::ByteLevel;
use tokenizers::pre_tokenizers::sequence::Sequence as PreTokenizers;
use tokenizers::pre_tokenizers::split::{Split, SplitPattern};
use tokenizers::{AddedToken, Model, SplitDelimiterBehavior};

use crate::models::{ModelError, ModelFolder};

/// Where CLIP cuts a text into words, as in transformers' `tokenization_clip.py`.
const WORDS: &str =
    r"<\|startoftext\|>|<\|endoftext\|>|'s|'t|'re|'ve|'m|'ll|'d|[\p{L}]+|[\p{N}]|[^\s\p{L}\p{N}]+";
/// Begin, end and at least one word.
const FEWEST_POSITIONS: usize = 3;

/// Splits prompts into token ids.
#[derive(Debug)]
pub struct Tokenizer {
    inner: tokenizers::Tokenizer,
    positions: usize,
    begin: u32,
    end: u32,
    pad: u32,
}

impl Tokenizer {
    /// Reads the tokenizer of a model whose text encoder has `positions` positions. A smaller
    /// `model_max_length` in the tokenizer's own configuration wins.
    ///
    /// # Errors
    /// [`ModelError`] when files are missing or contradict each other.
    pub fn load(folder: &ModelFolder, positions: usize) -> Result<Self, ModelError> {
        Self::load_part(folder, "tokenizer", positions)
    }

    /// The same for a component of another name, such as the `tokenizer_2` of a model with two text
    /// encoders.
    ///
    /// # Errors
    /// As [`Self::load`].
    pub fn load_part(
        folder: &ModelFolder,
        part: &str,
        positions: usize,
    ) -> Result<Self, ModelError> {
        let names = SpecialNames::read(folder, part)?;
        let positions = names.positions.map_or(positions, |own| own.min(positions));
        if positions < FEWEST_POSITIONS {
            return Err(ModelError::Unsupported {
                reason: format!(
                    "The tokenizer leaves room for {positions} tokens where at least \
                     {FEWEST_POSITIONS} are needed; download the model again"
                ),
                path: folder.path_of(&format!("{part}/tokenizer_config.json")),
            });
        }
        let vocabulary = Vocabulary::read(folder, part)?;
        let id = |token: &AddedToken| {
            vocabulary.ids.get(&token.content).copied().ok_or_else(|| ModelError::Unsupported {
                reason: format!(
                    "The token '{}' is not in the tokenizer's vocabulary; the files do not belong \
                     together, download the model again",
                    token.content
                ),
                path: folder.path_of(part),
            })
        };
        let (begin, end, pad) = (id(&names.begin)?, id(&names.end)?, id(&names.pad)?);
        // Not used here, but `encode` counts on it.
        id(&names.unknown)?;
        let inner = pipeline(vocabulary, names).map_err(|error| ModelError::BadText {
            reason: error.to_string(),
            path: folder.path_of(part),
        })?;
        Ok(Self { inner, positions, begin, end, pad })
    }

    /// How many ids every prompt becomes.
    #[must_use]
    pub fn positions(&self) -> usize {
        self.positions
    }

    /// How many tokens of a prompt the model reads (positions without begin and end).
    #[must_use]
    pub fn room(&self) -> usize {
        self.positions - 2
    }

    /// Id of the token before the prompt.
    #[must_use]
    pub fn begin(&self) -> u32 {
        self.begin
    }

    /// Id of the token after the prompt.
    #[must_use]
    pub fn end(&self) -> u32 {
        self.end
    }

    /// Id of the token that fills the remaining positions.
    #[must_use]
    pub fn pad(&self) -> u32 {
        self.pad
    }

    /// One more than the largest id: the text encoder needs as many embeddings.
    #[must_use]
    pub fn vocabulary_size(&self) -> usize {
        let ids = self.inner.get_model().get_vocab();
        ids.values().max().map_or(0, |id| *id as usize + 1)
    }

    /// Id of the comma at the end of a word, where long prompts are cut best.
    #[must_use]
    pub fn comma(&self) -> Option<u32> {
        self.inner.token_to_id(",</w>")
    }

    /// The tokens of a text and the byte at which each begins, without begin and end.
    ///
    /// # Panics
    /// Never: [`Self::load`] saw that there is a token for whatever is unknown.
    #[must_use]
    pub fn pieces(&self, text: &str) -> Vec<(u32, usize)> {
        let encoding = self
            .inner
            .encode(text, false)
            .expect("byte-pair encoding with an unknown token has an id for every text");
        let begins = encoding.get_offsets().iter().map(|(begin, _)| *begin);
        encoding.get_ids().iter().copied().zip(begins).collect()
    }

    /// The ids of all positions: begin, words, end, padding. What does not fit is left out.
    #[must_use]
    pub fn padded(&self, words: impl IntoIterator<Item = u32>) -> Vec<u32> {
        let mut ids = Vec::with_capacity(self.positions);
        ids.push(self.begin);
        ids.extend(words.into_iter().take(self.room()));
        ids.push(self.end);
        ids.resize(self.positions, self.pad);
        ids
    }
}

/// Walks back to the white space before `offset`.
pub(super) fn start_of_word(prompt: &str, offset: usize) -> usize {
    let offset = prompt.floor_char_boundary(offset);
    prompt[..offset]
        .rfind(char::is_whitespace)
        .map_or(0, |space| space + prompt[space..].chars().next().map_or(0, char::len_utf8))
}

/// The stages of `CLIPTokenizer.__init__`. Begin, end and padding are added by [`Tokenizer::padded`].
fn pipeline(
    vocabulary: Vocabulary,
    names: SpecialNames,
) -> tokenizers::Result<tokenizers::Tokenizer> {
    let model = BPE::builder()
        .vocab_and_merges(vocabulary.ids, vocabulary.merges)
        .unk_token(names.unknown.content.clone())
        .continuing_subword_prefix(String::new())
        .end_of_word_suffix("</w>".to_owned())
        .build()?;
    let spaces = Replace::new(ReplacePattern::Regex(r"\s+".to_owned()), " ")?;
    let words = SplitPattern::Regex(WORDS.to_owned());
    let words = Split::new(words, SplitDelimiterBehavior::Removed, true)?;
    let mut tokenizer = tokenizers::Tokenizer::new(model);
    tokenizer.with_normalizer(Some(Normalizers::new(vec![
        NFC.into(),
        spaces.into(),
        Lowercase.into(),
    ])))?;
    tokenizer.with_pre_tokenizer(Some(PreTokenizers::new(vec![
        words.into(),
        ByteLevel::new(false, true, true).into(),
    ])));
    let SpecialNames { begin, end, unknown, pad, .. } = names;
    tokenizer.add_special_tokens([begin, end, unknown, pad])?;
    Ok(tokenizer)
}

/// The tokens and the merges, from either of the two ways in which they are stored.
struct Vocabulary {
    ids: Vocab,
    merges: Merges,
}

impl Vocabulary {
    fn read(folder: &ModelFolder, part: &str) -> Result<Self, ModelError> {
        let plain = &format!("{part}/vocab.json");
        let whole = &format!("{part}/tokenizer.json");
        if folder.has(plain) || !folder.has(whole) {
            let ids: HashMap<String, u32> = typed(folder, plain)?;
            let path = &format!("{part}/merges.txt");
            let text = folder.text(path)?;
            let lines = text.lines().filter(|l| !l.starts_with("#version") && !l.is_empty());
            let merges = lines.map(|line| pair(folder, path, line)).collect::<Result<_, _>>()?;
            return Ok(Self { ids: ids.into_iter().collect(), merges });
        }
        let WholeFile { model } = typed(folder, whole)?;
        let merges = model.merges.into_iter().map(|merge| match merge {
            Merge::Pair(left, right) => Ok((left, right)),
            Merge::Line(line) => pair(folder, whole, &line),
        });
        Ok(Self {
            merges: merges.collect::<Result<_, _>>()?,
            ids: model.vocab.into_iter().collect(),
        })
    }
}

/// What is used of a `tokenizer.json`; the stages around it are CLIP's and built in.
#[derive(Deserialize)]
struct WholeFile {
    model: WholeModel,
}

#[derive(Deserialize)]
struct WholeModel {
    vocab: HashMap<String, u32>,
    merges: Vec<Merge>,
}

/// Older files write "a b", newer ones `["a", "b"]`.
#[derive(Deserialize)]
#[serde(untagged)]
enum Merge {
    Line(String),
    Pair(String, String),
}

fn pair(folder: &ModelFolder, relative: &str, line: &str) -> Result<(String, String), ModelError> {
    match line.split_once(' ') {
        Some((left, right)) if !right.contains(' ') => Ok((left.to_owned(), right.to_owned())),
        _ => Err(ModelError::BadText {
            reason: format!("'{line}' is not a pair of tokens"),
            path: folder.path_of(relative),
        }),
    }
}

/// Reads a JSON file into its type at once: a vocabulary has 49,408 entries.
fn typed<T: serde::de::DeserializeOwned>(
    folder: &ModelFolder,
    relative: &str,
) -> Result<T, ModelError> {
    serde_json::from_str(&folder.text(relative)?).map_err(|error| ModelError::BadText {
        reason: error.to_string(),
        path: folder.path_of(relative),
    })
}

/// Which tokens have a special meaning, and how long a prompt may be.
struct SpecialNames {
    begin: AddedToken,
    end: AddedToken,
    pad: AddedToken,
    unknown: AddedToken,
    positions: Option<usize>,
}

impl SpecialNames {
    /// transformers reads `tokenizer_config.json`; where that does not list its added tokens, as
    /// in older folders, `special_tokens_map.json` has the last word (`tokenization_utils_base.py`).
    fn read(folder: &ModelFolder, part: &str) -> Result<Self, ModelError> {
        let config_file = &format!("{part}/tokenizer_config.json");
        let config = folder.optional_json(config_file)?.unwrap_or_default();
        let map = match config.get("added_tokens_decoder") {
            Some(_) => None,
            None => folder.optional_json(&format!("{part}/special_tokens_map.json"))?,
        };
        let map = map.unwrap_or_default();
        let token = |key: &str, usual: &str| {
            let value = map.get(key).or_else(|| config.get(key)).filter(|value| !value.is_null());
            added_token(&config, value, usual).ok_or_else(|| ModelError::BadText {
                reason: format!("'{key}' is not a token"),
                path: folder.path_of(config_file),
            })
        };
        // "No limit" is written as 1e30, which becomes the largest number there is.
        let positions = config.get("model_max_length").and_then(Value::as_f64).map(|n| n as usize);
        Ok(Self {
            begin: token("bos_token", "<|startoftext|>")?,
            end: token("eos_token", "<|endoftext|>")?,
            pad: token("pad_token", "<|endoftext|>")?,
            unknown: token("unk_token", "<|endoftext|>")?,
            positions,
        })
    }
}

/// A token from its name alone or from an object with flags; the list of added tokens knows the
/// flags of names.
fn added_token(config: &Value, value: Option<&Value>, usual: &str) -> Option<AddedToken> {
    let (name, flags) = match value {
        None => (usual, None),
        Some(Value::String(name)) => (name.as_str(), None),
        Some(object) => (object.get("content")?.as_str()?, Some(object)),
    };
    let listed = config.get("added_tokens_decoder").and_then(Value::as_object);
    let listed = listed.and_then(|all| all.values().find(|token| token["content"] == name));
    let flag = |key: &str| {
        flags.or(listed).and_then(|token| token.get(key)).and_then(Value::as_bool).unwrap_or(false)
    };
    let token = AddedToken::from(name, true)
        .normalized(flag("normalized"))
        .lstrip(flag("lstrip"))
        .rstrip(flag("rstrip"))
        .single_word(flag("single_word"));
    Some(token)
}

#[cfg(test)]
mod tests;
