//! Why a download does not go on.

use std::io;
use std::path::PathBuf;

/// What went wrong, and what to do, for people.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum HubError {
    /// Not a repository's name.
    #[error("This is not the name of a model on the hub; write it as owner/name: '{0}'")]
    Name(String),
    /// There is none.
    #[error("The hub has no such model or file; check the name and the revision: {0}")]
    NotFound(String),
    /// It is not shown to everyone.
    #[error(
        "The hub asks for a token: the model is private, or there is none of that name. Make a \
         token at huggingface.co/settings/tokens and set it in the window's settings or as HF_TOKEN: \
         {0}"
    )]
    Token(String),
    /// Its makers ask for something first.
    #[error(
        "The model is given only to those who accepted its terms: do so on its page with the \
         account that your token belongs to: {0}"
    )]
    Gated(String),
    /// Too many requests.
    #[error("The hub is busy and asks to wait; try again later: {0}")]
    Busy(String),
    /// An answer that no retry made better.
    #[error("The hub does not answer as it should (status {status}); try again later: {url}")]
    Status {
        /// The answer's status.
        status: u16,
        /// What was asked for.
        url: String,
    },
    /// No answer, or it broke off again and again.
    #[error("The connection to the hub does not hold ({reason}); what has arrived is kept: {url}")]
    Network {
        /// What the network said.
        reason: String,
        /// What was asked for.
        url: String,
    },
    /// An answer that is no list of files.
    #[error("The hub's answer cannot be read ({reason}): {url}")]
    Answer {
        /// What is wrong with it.
        reason: String,
        /// What was asked for.
        url: String,
    },
    /// A model of no known layout.
    #[error(
        "There is no model in it that can be used: neither a model_index.json with its folders nor \
         a .safetensors or .ckpt file: {0}"
    )]
    NoModel(String),
    /// Several models, of which one must be named.
    #[error("There are several model files; name one of them: {0}")]
    ManyFiles(String),
    /// The bytes are others than the hub's list says.
    #[error("A file arrived damaged twice (its checksum differs); try again later: {0}")]
    Damaged(String),
    /// The file has changed on the hub.
    #[error("A file on the hub is no longer the one of the list; begin again: {0}")]
    Changed(String),
    /// Not enough room, known before.
    #[error("{needed} MB are needed and {free} MB are free; make room and try again: {}", path.display())]
    NoRoom {
        /// Megabytes that are still to come.
        needed: u64,
        /// Megabytes that are free.
        free: u64,
        /// Where.
        path: PathBuf,
    },
    /// The disk is full now.
    #[error("The disk is full; what has arrived is kept, make room and go on: {}", .0.display())]
    DiskFull(PathBuf),
    /// The cache cannot be written.
    #[error("The folder of downloads cannot be written ({reason}): {}", path.display())]
    Disk {
        /// What the system said.
        reason: String,
        /// Where.
        path: PathBuf,
    },
    /// A fault in the program.
    #[error("The download stopped because of a fault in the program; start it again")]
    Fault,
}

impl HubError {
    /// What a failure on disk means.
    pub(super) fn disk(error: &io::Error, path: impl Into<PathBuf>) -> Self {
        let path = path.into();
        match error.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => Self::DiskFull(path),
            _ => Self::Disk { reason: error.to_string(), path },
        }
    }
}

/// Why something ends before its end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Stop {
    /// The user paused it.
    Paused,
    /// It cannot be done.
    Failed(HubError),
}

impl From<HubError> for Stop {
    fn from(error: HubError) -> Self {
        Self::Failed(error)
    }
}
