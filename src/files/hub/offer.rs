//! What a repository holds, and which of its files make the model.

use serde::Deserialize;
use serde_json::Value;

use super::error::HubError;

/// A file that would be downloaded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RemoteFile {
    /// Its path in the repository.
    pub path: String,
    /// Its length in bytes.
    pub size: u64,
    /// The name of its content in the cache: its SHA-256 for large files, git's for small ones.
    pub blob: String,
    /// Whether [`Self::blob`] is the SHA-256 of its bytes.
    pub checked: bool,
}

/// A model that can be had.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Offer {
    /// Owner and name.
    pub repo: String,
    /// What was asked for: a branch, a tag or a commit.
    pub revision: String,
    /// The commit that it is now.
    pub commit: String,
    /// The licence, as its makers name it.
    pub licence: Option<String>,
    /// Whether its makers ask for something before they give it.
    pub gated: bool,
    /// The files that make the model; the one that says it is complete comes last.
    pub files: Vec<RemoteFile>,
    /// How much of them is in the cache already, in bytes.
    pub present: u64,
}

impl Offer {
    /// The length of all files, in bytes.
    #[must_use]
    pub fn size(&self) -> u64 {
        self.files.iter().map(|file| file.size).sum()
    }
}

/// What is wanted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wanted {
    /// Owner and name.
    pub repo: String,
    /// A branch, a tag or a commit.
    pub revision: String,
    /// Weights in 16 bits where there are such: half the size, and hardly a difference.
    pub half: bool,
    /// One file of a repository that holds several models.
    pub file: Option<String>,
}

impl Wanted {
    /// A repository's newest state, in 16 bits.
    #[must_use]
    pub fn new(repo: &str) -> Self {
        Self { repo: repo.to_owned(), revision: "main".to_owned(), half: true, file: None }
    }

    /// Refuses what would be no address, or a path out of the cache.
    pub(super) fn check(&self) -> Result<(), HubError> {
        let word = |word: &str| {
            let letters = |c: char| c.is_ascii_alphanumeric() || "-._".contains(c);
            !word.is_empty()
                && word.len() <= 96
                && word.chars().all(letters)
                && !word.contains("..")
        };
        let whole = self.repo.split('/').count() <= 2 && self.repo.split('/').all(word);
        if !whole || self.repo.starts_with('.') {
            return Err(HubError::Name(self.repo.clone()));
        }
        if self.revision.len() > 200 || !self.revision.split('/').all(word) {
            return Err(HubError::NotFound(self.revision.clone()));
        }
        Ok(())
    }
}

#[derive(Deserialize)]
struct Answer {
    sha: String,
    #[serde(default)]
    gated: Value,
    #[serde(default)]
    tags: Vec<String>,
    #[serde(default, rename = "cardData")]
    card: Value,
    siblings: Vec<Sibling>,
}

#[derive(Deserialize)]
struct Sibling {
    rfilename: String,
    #[serde(default)]
    size: Option<u64>,
    #[serde(default, rename = "blobId")]
    blob: Option<String>,
    #[serde(default)]
    lfs: Option<Lfs>,
}

#[derive(Deserialize)]
struct Lfs {
    sha256: String,
    size: u64,
}

/// Reads the hub's answer and chooses the files.
pub(super) fn read(wanted: &Wanted, answer: &str, url: &str) -> Result<Offer, HubError> {
    let bad = |reason: String| HubError::Answer { reason, url: url.to_owned() };
    let answer: Answer = serde_json::from_str(answer).map_err(|error| bad(error.to_string()))?;
    if !is_hex(&answer.sha, 40) {
        return Err(bad("it names no commit".to_owned()));
    }
    let licence = answer.card.get("license").and_then(Value::as_str).map(str::to_owned);
    let tag = || answer.tags.iter().find_map(|tag| tag.strip_prefix("license:"));
    let licence = licence.or_else(|| tag().map(str::to_owned));
    let gated = !matches!(answer.gated, Value::Null | Value::Bool(false));
    // A path that leads out of the cache, or a file of which nothing is known, is never asked for.
    let files: Vec<RemoteFile> = answer.siblings.into_iter().filter_map(remote_file).collect();
    Ok(Offer {
        repo: wanted.repo.clone(),
        revision: wanted.revision.clone(),
        commit: answer.sha,
        licence,
        gated,
        files: chosen(files, wanted)?,
        present: 0,
    })
}

fn remote_file(sibling: Sibling) -> Option<RemoteFile> {
    let Sibling { rfilename: path, size, blob, lfs } = sibling;
    let part = |part: &str| {
        !matches!(part, "" | "." | "..") && !part.contains(['\\', ':', '\0']) && part.len() < 200
    };
    if !path.split('/').all(part) {
        return None;
    }
    let checked = lfs.is_some();
    let (blob, size) = match lfs {
        Some(lfs) => (lfs.sha256, lfs.size),
        None => (blob?, size?),
    };
    is_hex(&blob, if checked { 64 } else { 40 }).then_some(RemoteFile { path, size, blob, checked })
}

fn is_hex(text: &str, length: usize) -> bool {
    text.len() == length && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

/// What says that a folder holds a model.
const INDEX: &str = "model_index.json";
/// The folders of a model that are used.
const PARTS: &[&str] =
    &["unet", "vae", "text_encoder", "text_encoder_2", "tokenizer", "tokenizer_2", "scheduler"];
/// How names of weights end, the best form first.
const WEIGHTS: &[&str] = &[".safetensors", ".bin"];

/// How names of configurations and vocabularies end.
const SMALL: &[&str] = &[".json", ".txt"];

fn chosen(files: Vec<RemoteFile>, wanted: &Wanted) -> Result<Vec<RemoteFile>, HubError> {
    if let Some(name) = &wanted.file {
        let file = files.into_iter().find(|file| file.path == *name);
        let missing = || HubError::NotFound(format!("{}/{name}", wanted.repo));
        return file.map(|file| vec![file]).ok_or_else(missing);
    }
    if !files.iter().any(|file| file.path == INDEX) {
        return single(&files, wanted);
    }
    let (weights, mut small): (Vec<_>, Vec<_>) = files
        .into_iter()
        .filter(|file| match file.path.split_once('/') {
            Some((part, rest)) => PARTS.contains(&part) && !rest.contains('/'),
            None => matches!(file.path.as_str(), INDEX | "pentimento.json"),
        })
        .partition(|file| is_weights(&file.path));
    small.retain(|file| SMALL.iter().any(|end| file.path.ends_with(end)));
    // The lists of shards come with the shards.
    small.retain(|file| !file.path.contains(".index."));
    let mut chosen = Vec::new();
    for part in PARTS {
        let of_part: Vec<&RemoteFile> = weights
            .iter()
            .filter(|file| file.path.split_once('/').is_some_and(|(folder, _)| folder == *part))
            .collect();
        chosen.extend(best(&of_part, wanted.half).into_iter().cloned());
    }
    if chosen.is_empty() {
        return Err(HubError::NoModel(wanted.repo.clone()));
    }
    chosen.append(&mut small);
    chosen.sort_by_key(|file| (file.path == INDEX, is_weights(&file.path), file.path.clone()));
    Ok(chosen)
}

/// Weights, or the list of their shards.
fn is_weights(path: &str) -> bool {
    WEIGHTS.iter().any(|end| path.ends_with(end) || path.contains(&format!("{end}.index")))
}

/// The files of the best form and kind of one part.
fn best<'a>(files: &[&'a RemoteFile], half: bool) -> Vec<&'a RemoteFile> {
    let kinds: [&str; 2] = if half { ["fp16", ""] } else { ["", "fp16"] };
    for form in WEIGHTS {
        for kind in kinds {
            let mut of_kind: Vec<&RemoteFile> = files
                .iter()
                .copied()
                .filter(|file| file.path.contains(form) && variant(&file.path) == Some(kind))
                .collect();
            // Whole weights and shards of the same are twice the same.
            let whole =
                |file: &&RemoteFile| file.path.ends_with(form) && !file.path.contains("-of-");
            if of_kind.iter().any(whole) {
                of_kind.retain(whole);
            }
            if of_kind.iter().any(|file| file.path.ends_with(form)) {
                return of_kind;
            }
        }
    }
    Vec::new()
}

/// "fp16" in `unet/diffusion_pytorch_model.fp16-00001-of-00002.safetensors`, nothing in the usual
/// file; `None` for other kinds and for files that belong to other programs.
fn variant(path: &str) -> Option<&str> {
    let name = path.rsplit('/').next()?;
    let rest = ["diffusion_pytorch_model", "pytorch_model", "model"]
        .iter()
        .find_map(|stem| name.strip_prefix(stem))?;
    let rest = rest.trim_end_matches(".json");
    let rest = rest.replace(".safetensors", "").replace(".bin", "").replace(".index", "");
    let kind = rest.split('-').next()?;
    match kind {
        "" => Some(""),
        ".fp16" => Some("fp16"),
        _ => None,
    }
}

/// The only model file of a repository without folders.
fn single(files: &[RemoteFile], wanted: &Wanted) -> Result<Vec<RemoteFile>, HubError> {
    for form in [".safetensors", ".ckpt"] {
        let found: Vec<&RemoteFile> =
            files.iter().filter(|file| file.path.ends_with(form)).collect();
        match found[..] {
            [] => {}
            [only] => return Ok(vec![only.clone()]),
            _ => {
                let names: Vec<&str> =
                    found.iter().take(20).map(|file| file.path.as_str()).collect();
                return Err(HubError::ManyFiles(names.join(", ")));
            }
        }
    }
    Err(HubError::NoModel(wanted.repo.clone()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn files(names: &[&str]) -> Vec<RemoteFile> {
        let file = |name: &&str| RemoteFile {
            path: (*name).to_owned(),
            size: 1,
            blob: "0".repeat(64),
            checked: true,
        };
        names.iter().map(file).collect()
    }

    fn check(names: &[&str], half: bool, expected: &[&str]) {
        let wanted = Wanted { half, ..Wanted::new("a/b") };
        let chosen = chosen(files(names), &wanted).unwrap();
        let chosen: Vec<&str> = chosen.iter().map(|file| file.path.as_str()).collect();
        assert_eq!(chosen, expected);
    }

    const USUAL: &[&str] = &[
        ".gitattributes",
        "README.md",
        "v1-5-pruned.ckpt",
        "v1-5-pruned.safetensors",
        "model_index.json",
        "safety_checker/model.safetensors",
        "scheduler/scheduler_config.json",
        "text_encoder/config.json",
        "text_encoder/model.fp16.safetensors",
        "text_encoder/model.safetensors",
        "text_encoder/pytorch_model.bin",
        "tokenizer/merges.txt",
        "tokenizer/vocab.json",
        "unet/config.json",
        "unet/diffusion_pytorch_model.bin",
        "unet/diffusion_pytorch_model.fp16.safetensors",
        "unet/diffusion_pytorch_model.non_ema.safetensors",
        "unet/diffusion_pytorch_model.safetensors",
        "vae/config.json",
        "vae/diffusion_pytorch_model.safetensors",
    ];

    #[test]
    fn half_where_there_is_such_and_whole_on_demand() {
        let small = [
            "scheduler/scheduler_config.json",
            "text_encoder/config.json",
            "tokenizer/merges.txt",
            "tokenizer/vocab.json",
            "unet/config.json",
            "vae/config.json",
        ];
        let with = |weights: &[&'static str]| [&small, weights, &["model_index.json"]].concat();
        check(
            USUAL,
            true,
            &with(&[
                "text_encoder/model.fp16.safetensors",
                "unet/diffusion_pytorch_model.fp16.safetensors",
                "vae/diffusion_pytorch_model.safetensors",
            ]),
        );
        check(
            USUAL,
            false,
            &with(&[
                "text_encoder/model.safetensors",
                "unet/diffusion_pytorch_model.safetensors",
                "vae/diffusion_pytorch_model.safetensors",
            ]),
        );
    }

    #[test]
    fn shards_come_with_their_list_and_pickles_at_need() {
        check(
            &[
                "model_index.json",
                "unet/diffusion_pytorch_model-00001-of-00002.safetensors",
                "unet/diffusion_pytorch_model-00002-of-00002.safetensors",
                "unet/diffusion_pytorch_model.safetensors.index.json",
                "unet/diffusion_pytorch_model.bin",
                "vae/diffusion_pytorch_model.bin",
            ],
            true,
            &[
                "unet/diffusion_pytorch_model-00001-of-00002.safetensors",
                "unet/diffusion_pytorch_model-00002-of-00002.safetensors",
                "unet/diffusion_pytorch_model.safetensors.index.json",
                "vae/diffusion_pytorch_model.bin",
                "model_index.json",
            ],
        );
    }

    #[test]
    fn single_files_are_taken_or_asked_for() {
        check(&["README.md", "a.safetensors", "a.ckpt"], true, &["a.safetensors"]);
        let many = chosen(files(&["a.safetensors", "b.safetensors"]), &Wanted::new("a/b"));
        assert_eq!(many, Err(HubError::ManyFiles("a.safetensors, b.safetensors".to_owned())));
        let wanted = Wanted { file: Some("b.ckpt".to_owned()), ..Wanted::new("a/b") };
        assert_eq!(chosen(files(&["a.ckpt", "b.ckpt"]), &wanted).unwrap()[0].path, "b.ckpt");
        let none = chosen(files(&["README.md"]), &Wanted::new("a/b"));
        assert_eq!(none, Err(HubError::NoModel("a/b".to_owned())));
    }

    #[test]
    fn paths_out_of_the_cache_are_never_asked_for() {
        let sha = "a".repeat(40);
        let sibling = |name: &str| format!(r#"{{"rfilename":"{name}","size":1,"blobId":"{sha}"}}"#);
        let names = ["../x.ckpt", "/etc/x.ckpt", "a/../../x.ckpt", "C:/x.ckpt", "a\\\\x.ckpt"];
        let siblings = names.map(sibling).join(",");
        let answer = format!(r#"{{"sha":"{sha}","siblings":[{siblings}]}}"#);
        let offer = read(&Wanted::new("a/b"), &answer, "u");
        assert_eq!(offer, Err(HubError::NoModel("a/b".to_owned())));
        for repo in ["", "a", "../b", "a/..", "a/b/c", "a/b?x", "a b/c", ".a/b"] {
            let ok = Wanted::new(repo).check().is_ok();
            assert_eq!(ok, repo == "a", "{repo}");
        }
    }
}
