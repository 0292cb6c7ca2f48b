//! What the map in `lib.rs` promises, read off the source: who may know what, how long files may
//! be, what no file may hold. Comments do not count, nor do unit tests.

use std::collections::HashSet;
use std::fs;
use std::path::{Path, PathBuf};

/// A folder, what its code never mentions, and why.
const ROOMS: &[(&str, &[&str], &str)] = &[
    (
        "src/app",
        &["egui", "wgpu", "candle_", "std::thread"],
        "state is data: no window, no tensors, no threads",
    ),
    (
        "src/ui",
        &["candle_", "rten", "std::thread", "crate::diffusion::unet", "crate::ops"],
        "panels know no tensors and no threads",
    ),
    (
        "src/document",
        &["egui", "candle_", "crate::diffusion", "crate::ops", "crate::ui"],
        "the picture knows no tensors and no window",
    ),
    (
        "src/engine",
        &["egui", "crate::ui", "crate::app", "crate::files", "crate::document", "crate::cli"],
        "the worker knows neither the window nor its files",
    ),
    (
        "src/engine/protocol.rs",
        &["candle_", "crate::ops"],
        "what crosses the thread boundary is plain data",
    ),
    (
        "src/files",
        &["candle_", "egui", "crate::ops", "crate::ui"],
        "file threads compute no tensors",
    ),
    (
        "src/diffusion",
        &[
            "egui",
            "std::thread",
            "crossbeam_channel",
            "mpsc",
            "crate::ui",
            "crate::app",
            "crate::document",
        ],
        "the science has no channels, threads or window",
    ),
    (
        "src/ops",
        &["egui", "crate::models", "crate::diffusion", "std::fs"],
        "verbs know no files and no networks",
    ),
    (
        "src/models",
        &["egui", "crate::ui", "crate::app", "crate::ops"],
        "files know no window and compute nothing",
    ),
    ("src/kernels", &["egui", "candle_", "crate::"], "kernels know numbers only"),
    ("src/cli", &["egui", "candle_"], "the command line makes the window's requests"),
    ("src/cli.rs", &["egui", "candle_"], "the command line makes the window's requests"),
];

/// Never, anywhere in `src/` but in the files named.
const BANS: &[(&str, &[&str], &str)] = &[
    ("unsafe ", &["src/kernels/"], "unsafe code lives in kernels/ only"),
    ("unbounded(", &[], "channels are bounded"),
    ("mpsc::channel(", &[], "channels are bounded"),
    ("thread::spawn(", &[], "threads have names: thread::Builder"),
    ("Color32::from_", &["src/ui/tokens.rs"], "colours come from ui/tokens.rs"),
    ("Color32::BLACK", &["src/ui/tokens.rs"], "colours come from ui/tokens.rs"),
    ("Color32::WHITE", &["src/ui/tokens.rs"], "colours come from ui/tokens.rs"),
    ("Color32::RED", &["src/ui/tokens.rs"], "colours come from ui/tokens.rs"),
    ("Color32::GRAY", &["src/ui/tokens.rs"], "colours come from ui/tokens.rs"),
    ("Rgba::from_", &["src/ui/tokens.rs"], "colours come from ui/tokens.rs"),
    ("dbg!(", &[], "no left-overs"),
    ("todo!(", &[], "no left-overs"),
    ("unimplemented!(", &[], "no left-overs"),
];

/// Lines of a file of source, at most.
const LONGEST_FILE: usize = 600;
/// Lines of `main.rs`, fewer than.
const LONGEST_MAIN: usize = 60;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// All files under `place` (a file or a folder; nothing if it is not there), in order.
fn files(place: &str) -> Vec<PathBuf> {
    let path = root().join(place);
    if path.is_file() {
        return vec![path];
    }
    let Ok(entries) = fs::read_dir(&path) else { return Vec::new() };
    let mut found: Vec<PathBuf> = entries.map(|entry| entry.expect("readable").path()).collect();
    found.sort();
    found
        .into_iter()
        .flat_map(|path| if path.is_dir() { files(&shown(&path)) } else { vec![path] })
        .collect()
}

fn rust_files(place: &str) -> Vec<PathBuf> {
    files(place).into_iter().filter(|path| path.extension().is_some_and(|e| e == "rs")).collect()
}

/// The program's source without the files that hold unit tests only.
fn shipped_files() -> Vec<PathBuf> {
    let is_test =
        |path: &PathBuf| shown(path).split('/').any(|part| matches!(part, "tests" | "tests.rs"));
    rust_files("src").into_iter().filter(|path| !is_test(path)).collect()
}

/// The path as people write it, from the package's root.
fn shown(path: &Path) -> String {
    path.strip_prefix(root()).unwrap_or(path).display().to_string().replace('\\', "/")
}

fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", shown(path)))
}

/// Numbered lines without comments.
fn code(text: &str) -> impl Iterator<Item = (usize, &str)> {
    text.lines().enumerate().map(|(index, line)| {
        // A comment begins at the line's start or after a space; `https://` does not.
        let start = line.match_indices("//").map(|(at, _)| at);
        let comment = start.into_iter().find(|at| line[..*at].ends_with(' ') || *at == 0);
        (index + 1, &line[..comment.unwrap_or(line.len())])
    })
}

/// Numbered lines without comments, up to the file's unit tests.
fn shipped(text: &str) -> impl Iterator<Item = (usize, &str)> {
    code(text).take_while(|(_, line)| !line.starts_with("#[cfg(test)]"))
}

fn fail_with(broken: &[String]) {
    assert!(broken.is_empty(), "\n{}", broken.join("\n"));
}

#[test]
fn rooms_do_not_know_what_they_must_not() {
    let mut broken = Vec::new();
    for (room, never, why) in ROOMS {
        for path in rust_files(room) {
            let text = read(&path);
            for (number, line) in shipped(&text) {
                for word in never.iter().filter(|word| line.contains(*word)) {
                    broken.push(format!("{}:{number}: '{word}' in {room}: {why}", shown(&path)));
                }
            }
        }
    }
    fail_with(&broken);
}

#[test]
fn banned_words_are_not_used() {
    let mut broken = Vec::new();
    for path in shipped_files() {
        let (text, name) = (read(&path), shown(&path));
        for (number, line) in shipped(&text) {
            for (word, but, why) in BANS {
                if line.contains(word) && !but.iter().any(|place| name.starts_with(place)) {
                    broken.push(format!("{name}:{number}: '{word}': {why}"));
                }
            }
        }
    }
    fail_with(&broken);
}

#[test]
fn nothing_unwraps_outside_tests() {
    let mut broken = Vec::new();
    for path in shipped_files() {
        let text = read(&path);
        for (number, line) in shipped(&text).filter(|(_, line)| line.contains(".unwrap()")) {
            broken.push(format!("{}:{number}: {}", shown(&path), line.trim()));
        }
    }
    fail_with(&broken);
}

#[test]
fn each_unsafe_block_gives_its_reason() {
    let mut broken = Vec::new();
    for path in rust_files("src/kernels") {
        let text = read(&path);
        let lines: Vec<&str> = text.lines().collect();
        for (number, line) in code(&text).filter(|(_, line)| line.contains("unsafe {")) {
            // The reason stands right above, or above the statement that the block is part of.
            let above = &lines[number.saturating_sub(5)..number];
            if !above.iter().any(|line| line.contains("SAFETY:")) {
                broken.push(format!("{}:{number}: {}", shown(&path), line.trim()));
            }
        }
    }
    fail_with(&broken);
}

#[test]
fn each_module_says_what_it_is() {
    let silent: Vec<String> = ["src", "tests"]
        .iter()
        .flat_map(|place| rust_files(place))
        .filter(|path| !read(path).starts_with("//! "))
        .map(|path| shown(&path))
        .collect();
    fail_with(&silent);
}

#[test]
fn files_stay_short() {
    let mut broken = Vec::new();
    for path in rust_files("src").into_iter().chain(rust_files("tests")) {
        let (name, lines) = (shown(&path), read(&path).lines().count());
        if lines > LONGEST_FILE || name == "src/main.rs" && lines >= LONGEST_MAIN {
            broken.push(format!("{name}: {lines} lines"));
        }
    }
    fail_with(&broken);
}

#[test]
fn no_path_of_a_machine_is_written_down() {
    // Spelled in two parts, so that this file does not hold them.
    let paths = [
        concat!("/ho", "me/"),
        concat!("/ro", "ot/"),
        concat!("/wo", "rk/"),
        concat!("/op", "t/"),
        concat!("/Us", "ers/"),
        concat!("C:", "\\\\"),
    ];
    let mut broken = Vec::new();
    let places =
        ["src", "tests", "assets", "build.rs", "Cargo.toml", "README.md", ".cargo", ".github"];
    for path in places.iter().flat_map(|place| files(place)) {
        // Pictures and weights are no text.
        let Ok(text) = fs::read_to_string(&path) else { continue };
        for (index, line) in text.lines().enumerate() {
            // An address on the net may have such a part.
            for found in paths.iter().filter(|p| line.contains(*p) && !line.contains("://")) {
                broken.push(format!("{}:{}: '{found}'", shown(&path), index + 1));
            }
        }
    }
    fail_with(&broken);
}

#[test]
fn dependencies_come_from_the_public_registry() {
    let lock = read(&root().join("Cargo.lock"));
    let public = "source = \"registry+https://github.com/rust-lang/crates.io-index\"";
    let other: Vec<String> = lock
        .lines()
        .filter(|line| line.starts_with("source = ") && *line != public)
        .map(str::to_owned)
        .collect();
    fail_with(&other);
}

/// What a text begins with, up to the first character that is in no name.
fn word(text: &str) -> Option<&str> {
    text.split(|c: char| !c.is_alphanumeric()).next()
}

#[test]
fn every_text_of_the_table_is_used() {
    let table = root().join("src/app/words.rs");
    let others: String =
        shipped_files().iter().filter(|path| **path != table).map(|path| read(path)).collect();
    let named = others.split("Text::").skip(1).filter_map(|rest| word(rest));
    // A row of the commands' table has the text after the action.
    let rows = others.lines().filter_map(|line| word(line.trim_start().split_once(", ")?.1));
    let used: HashSet<&str> = named.chain(rows).collect();
    let table = read(&table);
    let names = table.lines().filter_map(|line| line.trim_start().split_once(" => (\""));
    let broken: Vec<String> = names
        .map(|(name, _)| name)
        .filter(|name| !used.contains(name))
        .map(str::to_owned)
        .collect();
    fail_with(&broken);
}

/// The fuzz targets take the models' room in by path, with a manifest of their own, and are not
/// built with the rest.
#[test]
fn the_fuzz_targets_have_what_the_models_room_uses() {
    let names = |manifest: &str| -> Vec<String> {
        let text = read(&root().join(manifest));
        let lines = text.lines().skip_while(|line| *line != "[dependencies]").skip(1);
        let lines = lines.take_while(|line| !line.starts_with('['));
        lines.filter_map(|line| Some(line.split_once(" = ")?.0.replace('-', "_"))).collect()
    };
    let there = names("tests/fuzz/Cargo.toml");
    let mut broken = Vec::new();
    for path in shipped_files().iter().filter(|path| shown(path).starts_with("src/models")) {
        let text = read(path);
        // A module of the room may have the name of a crate.
        let own = |name: &String| text.contains(&format!("mod {name};"));
        for name in names("Cargo.toml").iter().filter(|name| !there.contains(name) && !own(name)) {
            if shipped(&text).any(|(_, line)| line.contains(&format!("{name}::"))) {
                broken.push(format!("{}: tests/fuzz/Cargo.toml lacks {name}", shown(path)));
            }
        }
    }
    fail_with(&broken);
}

#[test]
fn what_is_bundled_has_its_licence() {
    let mut broken = Vec::new();
    for entry in fs::read_dir(root().join("assets")).expect("assets") {
        let folder = entry.expect("readable").path();
        let is_licence = |path: &PathBuf| {
            let name =
                path.file_name().map(|n| n.to_string_lossy().to_uppercase()).unwrap_or_default();
            ["LICENSE", "LICENCE", "COPYING", "OFL", "MIT", "NOTICE"]
                .iter()
                .any(|l| name.starts_with(l))
        };
        if folder.is_dir() && !files(&shown(&folder)).iter().any(is_licence) {
            broken.push(format!("{}: no LICENSE, OFL… or MIT… beside the files", shown(&folder)));
        }
    }
    fail_with(&broken);
}

/// The checks themselves notice what they are for.
#[test]
fn comments_and_tests_are_told_from_code() {
    let text = "//! egui\nuse a; // egui\nlet url = \"https://egui\";\n#[cfg(test)]\nmod egui;\n";
    let hits = |lines: Vec<(usize, &str)>| {
        lines.into_iter().filter(|(_, l)| l.contains("egui")).map(|(n, _)| n).collect::<Vec<_>>()
    };
    assert_eq!(hits(code(text).collect()), [3, 5]);
    assert_eq!(hits(shipped(text).collect()), [3]);
}

/// Where errors are worded that reach the window.
const WORDED: &[&str] = &[
    "src/document/codec/mod.rs",
    "src/document/journal/error.rs",
    "src/diffusion/error.rs",
    "src/engine/handle.rs",
    "src/files/hub/error.rs",
    "src/models/error.rs",
    "src/ops/mod.rs",
];

/// The sentences in a file's `#[error("…")]`, with `{}` where names and numbers stand.
fn error_sentences(source: &str) -> Vec<String> {
    let mut found = Vec::new();
    for part in source.split("#[error(").skip(1) {
        // The sentence is the first string, perhaps over several lines.
        let Some(text) = part.split('"').nth(1) else { continue };
        let joined: Vec<&str> = text.split("\\\n").map(str::trim_start).collect();
        let mut sentence = String::new();
        let mut depth = 0;
        for letter in joined.concat().chars() {
            match letter {
                '{' => depth += 1,
                '}' => {
                    depth -= 1;
                    sentence.push_str("{}");
                }
                letter if depth == 0 => sentence.push(letter),
                _ => {}
            }
        }
        // A sentence of nothing but a name was worded by whoever made it.
        if sentence.matches(char::is_alphabetic).count() > 0 {
            found.push(sentence);
        }
    }
    found
}

#[test]
fn every_error_is_said_in_both_languages() {
    let known: Vec<&str> = pentimento::app::trouble::known().collect();
    let mut seen = 0;
    for path in WORDED {
        let source = fs::read_to_string(root().join(path)).unwrap();
        for sentence in error_sentences(&source) {
            seen += 1;
            assert!(known.contains(&sentence.as_str()), "{path}: no translation of: {sentence}");
        }
    }
    assert!(seen > 25, "only {seen} sentences were found");
}
