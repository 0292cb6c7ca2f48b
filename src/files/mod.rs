//! Stub.
use std::path::PathBuf;
use std::sync::Arc;

use crate::engine::protocol::Picture;

/// Stub.
#[derive(Clone, Debug)]
pub enum FileRequest {
    /// Stub.
    OpenDialog,
    /// Stub.
    SaveDialog {
        /// Stub.
        picture: Arc<Picture>,
        /// Stub.
        parameters: String,
        /// Stub.
        suggested_name: String,
    },
    /// Stub.
    Open(PathBuf),
    /// Stub.
    Save {
        /// Stub.
        path: PathBuf,
        /// Stub.
        picture: Arc<Picture>,
        /// Stub.
        parameters: String,
    },
    /// Stub.
    DecodeBytes {
        /// Stub.
        name: String,
        /// Stub.
        bytes: Vec<u8>,
    },
}
/// Stub.
#[derive(Clone, Debug)]
pub enum FileEvent {
    /// Stub.
    Opened {
        /// Stub.
        path: Option<PathBuf>,
        /// Stub.
        name: String,
        /// Stub.
        picture: Arc<Picture>,
        /// Stub.
        parameters: Option<String>,
    },
    /// Stub.
    Saved {
        /// Stub.
        path: PathBuf,
    },
    /// Stub.
    DialogClosed,
    /// Stub.
    Failed {
        /// Stub.
        message: String,
    },
}
/// Stub.
pub struct FileWorker;
impl FileWorker {
    /// Stub.
    /// # Errors
    /// Never.
    pub fn spawn(_wake: impl Fn() + Send + 'static) -> std::io::Result<Self> {
        Ok(Self)
    }
    /// Stub.
    pub fn submit(&mut self, _request: FileRequest) {}
    /// Stub.
    pub fn drain(&mut self) -> Vec<FileEvent> {
        Vec::new()
    }
}
