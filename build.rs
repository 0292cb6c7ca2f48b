//! Checks the built-in model's files against their hashes and records what is being built.

use std::fs;
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

const MODEL: &str = "assets/pocket";

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    if let Err(message) = check_model() {
        println!("cargo::error={message}");
    }
    let version = std::env::var("CARGO_PKG_VERSION").unwrap_or_default();
    let build = match commit() {
        Some(commit) => format!("{version}+{commit}"),
        None => version,
    };
    println!("cargo::rustc-env=PENTIMENTO_BUILD={build}");
}

/// The program embeds these files: a half-fetched one must not become a broken program.
fn check_model() -> Result<(), String> {
    let folder = Path::new(MODEL);
    let list = folder.join("model.sha256");
    println!("cargo::rerun-if-changed={}", list.display());
    let text = fs::read_to_string(&list).map_err(|e| format!("{}: {e}", list.display()))?;
    for line in text.lines().filter(|line| !line.trim().is_empty()) {
        let (hash, name) = line
            .split_once("  ")
            .ok_or_else(|| format!("not a line of sha256sum in {}: {line}", list.display()))?;
        let path = folder.join(name);
        println!("cargo::rerun-if-changed={}", path.display());
        let bytes = fs::read(&path).map_err(|e| {
            format!(
                "the built-in model is incomplete, check the sources out again ({e}): {}",
                path.display()
            )
        })?;
        let found = Sha256::digest(&bytes)
            .iter()
            .fold(String::new(), |hex, byte| hex + &format!("{byte:02x}"));
        if found != hash {
            return Err(format!(
                "the built-in model is damaged, check the sources out again \
                 (SHA-256 {found}, not {hash}): {}",
                path.display()
            ));
        }
    }
    Ok(())
}

/// The first ten digits of the commit, if this is a git checkout. Only `HEAD` is watched, so that
/// a commit does not build everything anew: while developing, this is where the branch was taken up.
fn commit() -> Option<String> {
    let dot_git = Path::new(".git");
    let git: PathBuf = if dot_git.is_dir() {
        dot_git.to_owned()
    } else {
        fs::read_to_string(dot_git).ok()?.strip_prefix("gitdir:")?.trim().into()
    };
    let head = git.join("HEAD");
    println!("cargo::rerun-if-changed={}", head.display());
    let head = fs::read_to_string(head).ok()?;
    let hash = match head.strip_prefix("ref:").map(str::trim) {
        None => head.trim().to_owned(),
        Some(name) => resolved(&git, name)?,
    };
    (hash.len() >= 40 && hash.bytes().all(|b| b.is_ascii_hexdigit())).then(|| hash[..10].to_owned())
}

/// The commit that a branch points at. A worktree keeps its branches in the common folder.
fn resolved(git: &Path, name: &str) -> Option<String> {
    let common = match fs::read_to_string(git.join("commondir")) {
        Ok(path) => git.join(path.trim()),
        Err(_) => git.to_owned(),
    };
    if let Ok(hash) = fs::read_to_string(common.join(name)) {
        return Some(hash.trim().to_owned());
    }
    let packed = fs::read_to_string(common.join("packed-refs")).ok()?;
    packed
        .lines()
        .find_map(|line| line.strip_suffix(name)?.split_whitespace().next().map(str::to_owned))
}
