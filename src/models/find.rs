//! Finds models in folders by headers alone: the layouts of A1111 and ComfyUI, the Hugging Face
//! cache, plain folders of files and of diffusers folders.
//!
//! Called by [`crate::files::scan`] on a thread of its own. A file that cannot be read becomes a row
//! with its error; what is no model (LoRA files, upscalers, other families' files) is counted and left out.

use std::collections::{HashMap, HashSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use super::depth;
use super::error::ModelError;
use super::folder::{Bytes, ModelFolder};
use super::identify::identify;
use super::single::kind;
use super::tensors::TensorFile;
use crate::cancel::CancelToken;
use crate::types::ModelSource;

/// Folders inside folders that are followed.
const DEPTH: usize = 6;
/// Entries that are looked at, and models that are listed, at most.
const MOST_ENTRIES: usize = 50_000;
const MOST_FOUND: usize = 2_000;
/// Folders that hold parts and helpers of other programs, in small letters.
const PASSED_BY: &[&str] = &[
    "lora",
    "loras",
    "lycoris",
    "embeddings",
    "controlnet",
    "control_net",
    "controlnetpreprocessor",
    "hypernetworks",
    "esrgan",
    "realesrgan",
    "swinir",
    "ldsr",
    "gfpgan",
    "codeformer",
    "deepbooru",
    "upscale_models",
    "clip",
    "clip_vision",
    "text_encoder",
    "text_encoders",
    "ipadapter",
    "ip-adapter",
    "style_models",
    "gligen",
    "photomaker",
    "vae_approx",
    "vae-approx",
    "blobs",
    "refs",
    "node_modules",
    "__pycache__",
];
/// Folders whose `.pt` and `.bin` files count too: elsewhere these are mostly something else.
const PICKLES_IN: &[&str] = &["vae", "stable-diffusion", "checkpoints"];

/// What a found file or folder is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A model that paints, or what should be one.
    Model,
    /// An autoencoder alone.
    Vae,
}

/// A model that lies on the disk.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    /// Its folder or file.
    pub path: PathBuf,
    /// What it is.
    pub kind: Kind,
    /// The name to show.
    pub name: String,
    /// Its family; empty where that is not known.
    pub family: String,
    /// Size of its weights in bytes.
    pub bytes: u64,
    /// Whether it has averaged weights (EMA) beside its own.
    pub averages: bool,
    /// Owner and name on the hub, for what lies in its cache.
    pub repo: Option<String>,
    /// Why it cannot be used.
    pub trouble: Option<String>,
}

impl Found {
    fn new(path: &Path, bytes: u64) -> Self {
        let name = path.file_stem().map_or_else(String::new, |n| n.to_string_lossy().into_owned());
        Self {
            path: path.to_owned(),
            kind: Kind::Model,
            name,
            family: String::new(),
            bytes,
            averages: false,
            repo: None,
            trouble: None,
        }
    }
}

/// What is remembered of files between two searches: they are read again only when they changed.
pub type Known = HashMap<PathBuf, (u64, Option<SystemTime>, Option<Found>)>;

/// How a search went.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Outcome {
    /// What was found, by name.
    pub found: Vec<Found>,
    /// Files of weights that are no models.
    pub left_out: usize,
    /// Folders that cannot be listed, with the reason.
    pub unreadable: Vec<(PathBuf, String)>,
    /// Weights that estimate depth, where a folder that was looked through is a cache of the hub.
    pub depth: Option<PathBuf>,
}

/// A search under way.
pub struct Search<'a> {
    cancel: &'a CancelToken,
    known: &'a mut Known,
    /// Told after each find.
    tell: &'a mut dyn FnMut(&Outcome),
    seen: HashSet<PathBuf>,
    entries: usize,
    outcome: Outcome,
}

impl<'a> Search<'a> {
    /// A search that remembers files in `known` and says what it has after each find.
    pub fn new(
        cancel: &'a CancelToken,
        known: &'a mut Known,
        tell: &'a mut dyn FnMut(&Outcome),
    ) -> Self {
        let (seen, outcome) = (HashSet::new(), Outcome::default());
        Self { cancel, known, tell, seen, entries: 0, outcome }
    }

    /// Looks through a folder. One that is not there has no models.
    pub fn look(&mut self, root: &Path) {
        if root.is_dir() {
            self.folder(root, 0);
            self.outcome.depth = self.outcome.depth.take().or_else(|| depth::in_cache(root));
        }
    }

    /// What was found, in the order of names.
    #[must_use]
    pub fn done(mut self) -> Outcome {
        self.outcome.found.sort_by_key(|found| (found.name.to_lowercase(), found.path.clone()));
        self.outcome
    }

    fn is_over(&self) -> bool {
        self.cancel.is_cancelled()
            || self.entries >= MOST_ENTRIES
            || self.outcome.found.len() >= MOST_FOUND
    }

    /// Whether a path was not met yet: links may lead in circles, or to the same file twice.
    fn is_new(&mut self, path: &Path) -> bool {
        path.canonicalize().is_ok_and(|real| self.seen.insert(real))
    }

    fn add(&mut self, found: Found) {
        self.outcome.found.push(found);
        (self.tell)(&self.outcome);
    }

    fn folder(&mut self, folder: &Path, depth: usize) {
        if self.is_over() || depth > DEPTH || !self.is_new(folder) {
            return;
        }
        let name = file_name(folder);
        if let Some(repo) = name.strip_prefix("models--") {
            let repo = repo.replacen("--", "/", 1);
            return self.repository(folder, &repo);
        }
        if name.starts_with("datasets--") || name.starts_with("spaces--") {
            return;
        }
        let has = |file: &str| folder.join(file).is_file();
        if has("model_index.json") || has("unet/config.json") {
            return self.diffusers(folder, None);
        }
        if has("config.json") && has("diffusion_pytorch_model.safetensors") {
            return self.part(folder);
        }
        let Some((folders, files)) = self.list(folder) else { return };
        for file in files {
            self.file(&file, None);
        }
        for inner in folders {
            let name = file_name(&inner).to_lowercase();
            if !PASSED_BY.contains(&name.as_str()) {
                self.folder(&inner, depth + 1);
            }
        }
    }

    /// The folders and the files of weights in a folder, by name.
    fn list(&mut self, folder: &Path) -> Option<(Vec<PathBuf>, Vec<PathBuf>)> {
        let entries = match fs::read_dir(folder) {
            Ok(entries) => entries,
            Err(error) => {
                self.outcome.unreadable.push((folder.to_owned(), error.to_string()));
                return None;
            }
        };
        let (mut folders, mut files) = (Vec::new(), Vec::new());
        for entry in entries.flatten() {
            self.entries += 1;
            let path = entry.path();
            if self.is_over() || file_name(&path).starts_with('.') {
                continue;
            }
            // Links are followed. What is neither a folder nor a plain file (a pipe) is never opened.
            match fs::metadata(&path) {
                Ok(data) if data.is_dir() => folders.push(path),
                Ok(data) if data.is_file() && is_weights(&path) => files.push(path),
                _ => {}
            }
        }
        folders.sort();
        files.sort();
        Some((folders, files))
    }

    /// A repository of the hub's cache: of its snapshots the one that its branch names, else the
    /// newest.
    fn repository(&mut self, folder: &Path, repo: &str) {
        let snapshots = folder.join("snapshots");
        let main = fs::read_to_string(folder.join("refs/main")).unwrap_or_default();
        let main = Some(main.trim()).filter(|main| !main.is_empty() && !main.contains(['/', '\\']));
        let main = main.map(|main| snapshots.join(main)).filter(|path| path.is_dir());
        let newest = || {
            let entries = fs::read_dir(&snapshots).ok()?.flatten();
            let dated = entries.filter_map(|entry| {
                let data = fs::metadata(entry.path()).ok().filter(fs::Metadata::is_dir)?;
                Some((data.modified().ok()?, entry.path()))
            });
            dated.max().map(|(_, path)| path)
        };
        let Some(snapshot) = main.or_else(newest) else { return };
        // It comes last: without it the download is not done.
        if snapshot.join("model_index.json").is_file() {
            return self.diffusers(&snapshot, Some(repo));
        }
        let Some((_, files)) = self.list(&snapshot) else { return };
        for file in files {
            self.file(&file, Some(repo));
        }
    }

    /// A folder in the diffusers layout. Other kinds of pipelines are left out.
    fn diffusers(&mut self, folder: &Path, repo: Option<&str>) {
        let mut found = Found::new(folder, 0);
        found.name = repo.map_or_else(|| file_name(folder), |repo| short(repo).to_owned());
        found.repo = repo.map(str::to_owned);
        match diffusers(folder) {
            Ok(None) => self.outcome.left_out += 1,
            Ok(Some((name, family, bytes))) => {
                if let Some(name) = name {
                    found.name = name;
                }
                (found.family, found.bytes) = (family, bytes);
                self.add(found);
            }
            Err(error) => {
                found.trouble = Some(error.to_string());
                self.add(found);
            }
        }
    }

    /// A part's own folder: of those only autoencoders are of use alone.
    fn part(&mut self, folder: &Path) {
        let config = fs::read_to_string(folder.join("config.json")).unwrap_or_default();
        if config.len() < 1 << 20 && config.contains("\"AutoencoderKL\"") {
            let weights = folder.join("diffusion_pytorch_model.safetensors");
            let bytes = fs::metadata(weights).map_or(0, |data| data.len());
            let name = file_name(folder);
            self.add(Found { kind: Kind::Vae, name, ..Found::new(folder, bytes) });
        } else {
            self.outcome.left_out += 1;
        }
    }

    fn file(&mut self, path: &Path, repo: Option<&str>) {
        if self.is_over() || !self.is_new(path) {
            return;
        }
        let Ok(data) = fs::metadata(path) else { return };
        let stamp = (data.len(), data.modified().ok());
        let found = match self.known.get(path) {
            Some((length, changed, found)) if (*length, *changed) == stamp => found.clone(),
            _ => {
                let found = single(path, data.len());
                self.known.insert(path.to_owned(), (stamp.0, stamp.1, found.clone()));
                found
            }
        };
        match found {
            Some(found) => self.add(Found { repo: repo.map(str::to_owned), ..found }),
            None => self.outcome.left_out += 1,
        }
    }
}

fn file_name(path: &Path) -> String {
    path.file_name().map_or_else(String::new, |name| name.to_string_lossy().into_owned())
}

/// A repository's name without its owner.
fn short(repo: &str) -> &str {
    repo.rsplit('/').next().unwrap_or(repo)
}

/// Whether a file may hold a model, by its name and its folder's.
fn is_weights(path: &Path) -> bool {
    let name = file_name(path).to_lowercase();
    // One of several shards is no model.
    if name.contains("-of-0") {
        return false;
    }
    let folder = path.parent().map(file_name).unwrap_or_default().to_lowercase();
    match path.extension().map(|end| end.to_string_lossy().to_lowercase()).as_deref() {
        Some("safetensors" | "ckpt") => true,
        Some("pt" | "bin") => name.contains("vae") || PICKLES_IN.contains(&folder.as_str()),
        _ => false,
    }
}

/// What a diffusers folder holds: its own name, family and bytes; `None`: another kind of model.
fn diffusers(folder: &Path) -> Result<Option<(Option<String>, String, u64)>, ModelError> {
    let source = ModelSource::Path(folder.to_owned());
    let model = ModelFolder::look(&source)?;
    if let Some(index) = model.optional_json("model_index.json")?
        && index.get("unet").is_none()
        && !model.has("unet/config.json")
    {
        return Ok(None);
    }
    let identity = identify(&model)?;
    let parts: Vec<&str> = model.components().collect();
    for part in parts {
        model.tensors(part)?;
    }
    Ok(Some((model.extras().name.clone(), identity.family, model.weight_bytes())))
}

/// What a file is; `None`: no model and no autoencoder.
fn single(path: &Path, bytes: u64) -> Option<Found> {
    let found = Found::new(path, bytes);
    let failed = |error: ModelError| Found { trouble: Some(error.to_string()), ..found.clone() };
    let file = match TensorFile::open(&Bytes::File(path.to_owned()), path.display().to_string()) {
        Ok(file) => file,
        Err(error) => return Some(failed(error)),
    };
    if kind::is_vae(&file) {
        return Some(Found { kind: Kind::Vae, ..found });
    }
    if !kind::is_model(&file) {
        return None;
    }
    let model = ModelFolder::look(&ModelSource::Path(path.to_owned()));
    let known = model.and_then(|model| {
        let averages = model.single().is_some_and(|single| single.averages);
        Ok((identify(&model)?.family, averages))
    });
    Some(match known {
        Ok((family, averages)) => Found { family, averages, ..found },
        Err(error) => failed(error),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fixtures() -> PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures")
    }

    fn search(roots: &[&Path], known: &mut Known) -> Outcome {
        let cancel = CancelToken::default();
        let mut tell = |_: &Outcome| {};
        let mut search = Search::new(&cancel, known, &mut tell);
        for root in roots {
            search.look(root);
        }
        search.done()
    }

    fn copy(from: &Path, to: &Path) {
        fs::create_dir_all(to.parent().unwrap()).unwrap();
        if from.is_file() {
            fs::copy(from, to).unwrap();
            return;
        }
        fs::create_dir_all(to).unwrap();
        for entry in fs::read_dir(from).unwrap().flatten() {
            copy(&entry.path(), &to.join(entry.file_name()));
        }
    }

    fn named<'a>(outcome: &'a Outcome, name: &str) -> &'a Found {
        let mut found = outcome.found.iter().filter(|found| found.name == name);
        found.next().unwrap_or_else(|| panic!("{name} in {:?}", outcome.found))
    }

    #[test]
    fn other_programs_layouts_are_understood() {
        let desk = tempfile::tempdir().unwrap();
        let (here, fixtures) = (desk.path(), fixtures());
        let put = |from: &str, to: &str| copy(&fixtures.join(from), &here.join(to));
        put("single/sd1.ckpt", "webui/models/Stable-diffusion/anime/first.ckpt");
        put("single/vae.pt", "webui/models/VAE/soft.pt");
        put("single/sd2.safetensors", "ComfyUI/models/checkpoints/second.safetensors");
        put("single/vae.pt", "ComfyUI/models/loras/never.pt");
        put("sd1_tiny", "hub/models--painter--tiny/snapshots/abc");
        put("sd2_tiny", "plain/third");
        fs::create_dir_all(here.join("hub/models--painter--tiny/refs")).unwrap();
        fs::write(here.join("hub/models--painter--tiny/refs/main"), "abc").unwrap();
        // A download that is not done, and another kind of model.
        fs::create_dir_all(here.join("hub/models--painter--half/snapshots/abc/unet")).unwrap();
        let other = here.join("hub/models--painter--other/snapshots/abc");
        fs::create_dir_all(&other).unwrap();
        fs::write(other.join("model_index.json"), r#"{"transformer": ["a", "b"]}"#).unwrap();

        let roots = ["webui", "ComfyUI", "hub", "plain", "nowhere"].map(|name| here.join(name));
        let outcome = search(&roots.each_ref().map(PathBuf::as_path), &mut Known::new());
        let names: Vec<&str> = outcome.found.iter().map(|found| found.name.as_str()).collect();
        assert_eq!(names, ["first", "second", "soft", "third", "tiny"], "{outcome:?}");
        assert_eq!(outcome.left_out, 1);
        assert!(outcome.found.iter().all(|found| found.trouble.is_none()), "{outcome:?}");
        assert_eq!(named(&outcome, "soft").kind, Kind::Vae);
        assert_eq!(named(&outcome, "tiny").repo.as_deref(), Some("painter/tiny"));
        assert!(named(&outcome, "first").bytes > 0 && named(&outcome, "third").bytes > 0);
        assert!(!named(&outcome, "first").family.is_empty());
    }

    #[test]
    fn hostile_files_get_a_row_and_stop_nothing() {
        let desk = tempfile::tempdir().unwrap();
        let here = desk.path();
        let whole = fs::read(fixtures().join("single/sd2.safetensors")).unwrap();
        fs::write(here.join("cut.safetensors"), &whole[..whole.len() / 2]).unwrap();
        fs::write(here.join("page.safetensors"), "<!doctype html><html></html>").unwrap();
        fs::write(here.join("empty.ckpt"), "").unwrap();
        let mut huge = u64::MAX.to_le_bytes().to_vec();
        huge.extend(b"{}");
        fs::write(here.join("huge.safetensors"), huge).unwrap();
        fs::create_dir(here.join("folder.safetensors")).unwrap();
        fs::create_dir_all(here.join("broken/unet")).unwrap();
        fs::write(here.join("broken/model_index.json"), r#"{"unet": ["a", "b"]}"#).unwrap();
        fs::write(here.join("broken/unet/config.json"), "[").unwrap();
        fs::write(here.join("good.safetensors"), &whole).unwrap();
        #[cfg(unix)]
        {
            std::os::unix::fs::symlink(here, here.join("circle")).unwrap();
            std::os::unix::fs::symlink("nowhere", here.join("gone.ckpt")).unwrap();
            let pipe = std::process::Command::new("mkfifo").arg(here.join("pipe.ckpt")).status();
            assert!(pipe.unwrap().success());
        }
        let mut known = Known::new();
        let outcome = search(&[here], &mut known);
        for name in ["cut", "page", "empty", "huge", "broken"] {
            assert!(named(&outcome, name).trouble.is_some(), "{name}");
        }
        assert_eq!(named(&outcome, "good").trouble, None);
        assert_eq!(outcome.found.len(), 6, "{outcome:?}");
        // The second time files that did not change are not read; the answer is the same.
        assert_eq!(search(&[here], &mut known), outcome);
        fs::write(here.join("cut.safetensors"), &whole).unwrap();
        assert_eq!(named(&search(&[here], &mut known), "cut").trouble, None);
    }
}
