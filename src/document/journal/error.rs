//! What can go wrong with a journal, and what kind of trouble a refused write is.

use std::io;

/// Why a journal was not opened. The file is as it was.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// Another program, or another window of this one, has it open.
    #[error("Another window works with this journal: {path}")]
    InUse {
        /// The journal's file.
        path: String,
    },
    /// It is of a format that this build does not know.
    #[error(
        "A newer version of the program wrote this journal (format {found}, known up to {known}). \
         It is left as it is: {path}"
    )]
    Newer {
        /// The format's version.
        found: u32,
        /// The newest version that is understood.
        known: u32,
        /// The journal's file.
        path: String,
    },
    /// It does not begin as a journal does.
    #[error("This is no journal, or its beginning is damaged. It is left as it is: {path}")]
    Foreign {
        /// The journal's file.
        path: String,
    },
    /// It has more keys than are ever written.
    #[error("This journal has too many entries. It is left as it is: {path}")]
    TooManyKeys {
        /// The journal's file.
        path: String,
    },
    /// The system refuses to read it.
    #[error("This journal cannot be read ({reason}): {path}")]
    Read {
        /// What the system says.
        reason: String,
        /// The journal's file.
        path: String,
    },
}

/// Why a value was not read.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// Its bytes are not those that were written.
    #[error("A part of the journal is damaged: {key}")]
    Damaged {
        /// Whose value it is.
        key: String,
    },
    /// The system refuses to read it.
    #[error("A part of the journal cannot be read ({reason}): {key}")]
    Read {
        /// What the system says.
        reason: io::Error,
        /// Whose value it is.
        key: String,
    },
}

/// Why a batch cannot be a record: a mistake of the caller.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum BatchError {
    /// A key is empty or too long.
    #[error("A journal key must have 1 to 512 bytes: {key}")]
    Key {
        /// The key.
        key: String,
    },
    /// A value is too long.
    #[error("A journal value may have 1 GiB at most: {key}")]
    Value {
        /// Its key.
        key: String,
    },
    /// The batch has too many changes.
    #[error("A journal batch has too many entries")]
    Batch,
}

/// The kind of a refused write, for the words that the user reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trouble {
    /// No room is left: the disk, the quota or the largest file is reached.
    DiskFull,
    /// The folder or the file must not be written.
    ReadOnly,
    /// Anything else.
    Other,
}

impl Trouble {
    /// The kind of `error`.
    #[must_use]
    pub fn of(error: &io::Error) -> Self {
        use io::ErrorKind as Kind;
        match error.kind() {
            Kind::StorageFull | Kind::QuotaExceeded | Kind::FileTooLarge => Self::DiskFull,
            Kind::ReadOnlyFilesystem | Kind::PermissionDenied => Self::ReadOnly,
            _ => Self::Other,
        }
    }
}
