//! Where the program keeps its things, by the custom of the platform. Used by the shell at start.
//!
//! It only names folders; it reads and writes nothing.

use std::path::PathBuf;

use directories::ProjectDirs;

fn project() -> Option<ProjectDirs> {
    ProjectDirs::from("", "", "pentimento")
}

/// The settings file. `None` when the platform names no home folder.
#[must_use]
pub fn settings_file() -> Option<PathBuf> {
    project().map(|dirs| dirs.config_dir().join("settings.json"))
}

/// The file of the hub's token. `None` when the platform names no home folder.
#[must_use]
pub fn token_file() -> Option<PathBuf> {
    project().map(|dirs| dirs.config_dir().join("hub-token"))
}

/// The folder of the journal. `None` when the platform names no home folder.
#[must_use]
pub fn data_folder() -> Option<PathBuf> {
    project().map(|dirs| dirs.data_dir().to_owned())
}
