//! Pictures in and out: two named threads of the same shape as the engine's.
//!
//! The shell submits requests and drains events. `files` reads, decodes, encodes and writes; `dialogs`
//! only waits for the user, so that a dialog left open never delays file work. The clipboard gets
//! its pictures here, too, because putting them into a format takes its time. A third thread, in
//! [`journal`], does nothing but write the journal, and a fourth, in [`hub`], downloads models; a
//! fifth, in [`scan`], looks for models in folders. Computes no tensors.

pub mod hub;
pub mod journal;
pub mod scan;

use std::fs::File;
use std::io::{Cursor, Read, Seek};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use arboard::{Clipboard, ImageData};
use crossbeam_channel::{Receiver, Sender, bounded, select};

use crate::document::codec::openraster::{self, EXTENSION, Opened, Project, is_project};
use crate::document::codec::{self, CodecError, Decoded, Format, RawText};
use crate::models::folder::{is_model_folder, may_be_model};
use crate::plane::Plane;
use crate::types::Picture;

/// Requests and events that may wait. The shell drains once a frame.
const SLOTS: usize = 32;
/// The largest file that is read whole; a picture of 16 bits at 16,384² stays below it.
const MOST_BYTES: u64 = 2 << 30;
/// A dialog that is gone sooner than anybody can close it was never shown.
const UNSEEN: Duration = Duration::from_millis(50);
const NO_DIALOG: &str =
    "No file dialog can be shown; install xdg-desktop-portal or zenity and try again";
/// How names of files end that can be opened.
const OPENED: &[&str] = &["png", "jpg", "jpeg", "webp", "tif", "tiff", EXTENSION];

/// Those of them that are nothing but a picture.
const DEPTHS: &[&str] = &["png", "jpg", "jpeg", "webp", "tif", "tiff"];

/// How names of files end that may be models.
const WEIGHTS: &[&str] = &["safetensors", "ckpt", "pt", "bin"];

/// What the threads are asked to do.
#[derive(Clone, Debug)]
pub enum FileRequest {
    /// Ask the user for a picture and open it.
    OpenDialog,
    /// Ask the user for a place and save there.
    SaveDialog {
        /// What to save.
        project: Box<Project>,
        /// The file name that the dialog begins with.
        suggested_name: String,
        /// What is saved, to be said back.
        version: Version,
    },
    /// Ask the user for something that has to do with models.
    ModelDialog(Wish),
    /// What the user chose for that; answered as it is.
    Chosen(Wish, PathBuf),
    /// Read a picture.
    Open(PathBuf),
    /// Write the whole project, or its picture in the format that the name ends with, else as PNG.
    Save {
        /// Where to.
        path: PathBuf,
        /// What to save.
        project: Box<Project>,
        /// What is saved, to be said back.
        version: Version,
    },
    /// Read a picture that is to be a depth map.
    ReadDepth(PathBuf),
    /// Decode a picture that was dropped or pasted as bytes.
    DecodeBytes {
        /// What to call it.
        name: String,
        /// The file's content.
        bytes: Vec<u8>,
    },
    /// Put a picture on the clipboard.
    Copy(Plane<4>),
    /// Put a flat picture into tiles, which the window's thread has no time for.
    Tile {
        /// What to call it.
        name: String,
        /// The picture.
        picture: Arc<Picture>,
    },
}

/// Which document something is about, in which state: saving takes its time, and the window goes on
/// meanwhile.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Version {
    /// The document; another number when another picture takes its place.
    pub sheet: u64,
    /// The key of its picture.
    pub picture: u64,
    /// The key of its mask.
    pub mask: u64,
}

/// What a path about models is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wish {
    /// A model's folder, or one with models in it.
    Folder,
    /// A file with a model.
    File,
    /// A folder with models in it, to be watched.
    Watch,
    /// A file with an autoencoder for the model in use.
    Vae,
    /// A file with a model for its last steps.
    Refiner,
    /// A picture that is its depth map.
    Depth,
}

/// What the threads say.
#[derive(Clone, Debug)]
pub enum FileEvent {
    /// A picture was read.
    Opened {
        /// Where it lies; `None` when it came as bytes.
        path: Option<PathBuf>,
        /// Its file name.
        name: String,
        /// Its pixels.
        picture: Plane<4>,
        /// The texts that it carried about how it was made.
        texts: Vec<RawText>,
        /// Whether it is all that could be read of a project.
        damaged: bool,
    },
    /// A project was read.
    OpenedProject {
        /// Where it lies; `None` when it came as bytes.
        path: Option<PathBuf>,
        /// Its file name.
        name: String,
        /// What was saved.
        project: Box<Project>,
    },
    /// A picture was written.
    Saved {
        /// Where to.
        path: PathBuf,
        /// What was written.
        version: Version,
    },
    /// A picture lies on the clipboard.
    Copied,
    /// Something that has to do with models was chosen, or dropped.
    Chosen {
        /// What it is for.
        wish: Wish,
        /// Which.
        path: PathBuf,
    },
    /// The picture of a depth map was read.
    DepthRead {
        /// Where it lies.
        path: PathBuf,
        /// Its pixels, or why there are none; for people.
        picture: Result<Plane<4>, String>,
    },
    /// A dialog was closed without a choice.
    DialogClosed,
    /// Something did not work.
    Failed {
        /// What, and what to do; for people.
        message: String,
        /// What was being done.
        work: Work,
    },
}

/// Kinds of work that can fail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Work {
    /// Reading a file.
    Open,
    /// Writing one.
    Save,
    /// The clipboard.
    Copy,
}

impl Work {
    fn of(request: &FileRequest) -> Self {
        match request {
            FileRequest::SaveDialog { .. } | FileRequest::Save { .. } => Self::Save,
            FileRequest::Copy(_) => Self::Copy,
            _ => Self::Open,
        }
    }
}

/// A question for the user that a dialog answers with a path.
#[derive(Clone, Debug)]
enum Question {
    Open,
    Model(Wish),
    Save { project: Box<Project>, suggested_name: String, version: Version },
}

/// What became of a dialog.
enum Reply {
    Path(PathBuf),
    Closed,
    /// The system has none.
    NotShown,
}

/// What the dialogs' thread tells the files' thread.
enum Answer {
    Chosen(FileRequest),
    Closed,
    NotShown(Work),
}

/// Owns the two threads. Dropping it finishes the file work and joins.
pub struct FileWorker {
    requests: Option<Sender<FileRequest>>,
    questions: Option<Sender<(Question, Work)>>,
    events: Receiver<FileEvent>,
    /// Events that arose on this side.
    own_events: Vec<FileEvent>,
    dialog_open: Arc<AtomicBool>,
    files: Option<JoinHandle<()>>,
    dialogs: Option<JoinHandle<()>>,
}

impl FileWorker {
    /// Starts the threads. `wake` is called from one of them after each event.
    ///
    /// # Errors
    /// The operating system refuses a thread.
    pub fn spawn(wake: impl Fn() + Send + 'static) -> std::io::Result<Self> {
        Self::spawn_with(wake, |question| {
            let start = Instant::now();
            match ask(question) {
                Some(path) => Reply::Path(path),
                None if start.elapsed() < UNSEEN => Reply::NotShown,
                None => Reply::Closed,
            }
        })
    }

    fn spawn_with(
        wake: impl Fn() + Send + 'static,
        ask: impl Fn(&Question) -> Reply + Send + 'static,
    ) -> std::io::Result<Self> {
        let (requests, inbox) = bounded::<FileRequest>(SLOTS);
        let (questions, asked) = bounded::<(Question, Work)>(1);
        // Answers go through the files thread, so that only it says anything.
        let (answer, answers) = bounded::<Answer>(1);
        let (outbox, events) = bounded(SLOTS);
        let dialog_open = Arc::new(AtomicBool::new(false));

        let open = Arc::clone(&dialog_open);
        let dialogs = std::thread::Builder::new().name("dialogs".to_owned()).spawn(move || {
            for (question, work) in asked {
                // A dialog that fails is a dialog that was closed.
                let reply = catch_unwind(AssertUnwindSafe(|| ask(&question)));
                open.store(false, Ordering::Release);
                let outcome = match reply.unwrap_or(Reply::Closed) {
                    Reply::Path(path) => Answer::Chosen(chosen(question, path)),
                    Reply::Closed => Answer::Closed,
                    Reply::NotShown => Answer::NotShown(work),
                };
                if answer.send(outcome).is_err() {
                    return;
                }
            }
        })?;
        let files = std::thread::Builder::new().name("files".to_owned()).spawn(move || {
            let say = |event| {
                if outbox.send(event).is_ok() {
                    wake();
                }
            };
            let mut clipboard = None;
            loop {
                select! {
                    recv(inbox) -> request => match request {
                        Ok(request) => say(work_safely(request, &mut clipboard)),
                        Err(_) => return,
                    },
                    recv(answers) -> answer => match answer {
                        Ok(Answer::Chosen(request)) => say(work_safely(request, &mut clipboard)),
                        Ok(Answer::Closed) => say(FileEvent::DialogClosed),
                        Ok(Answer::NotShown(work)) => {
                            say(FileEvent::Failed { message: NO_DIALOG.to_owned(), work });
                        }
                        Err(_) => break,
                    },
                }
            }
            // The dialogs' thread is gone; the rest still works.
            for request in inbox {
                say(work_safely(request, &mut clipboard));
            }
        })?;
        Ok(Self {
            requests: Some(requests),
            questions: Some(questions),
            events,
            own_events: Vec::new(),
            dialog_open,
            files: Some(files),
            dialogs: Some(dialogs),
        })
    }

    /// Asks for something. A second dialog while one is open is not shown.
    pub fn submit(&mut self, request: FileRequest) {
        let work = Work::of(&request);
        let question = match request {
            FileRequest::OpenDialog => Question::Open,
            FileRequest::ModelDialog(wish) => Question::Model(wish),
            FileRequest::SaveDialog { project, suggested_name, version } => {
                Question::Save { project, suggested_name, version }
            }
            request => {
                let sent = self.requests.as_ref().is_some_and(|to| to.try_send(request).is_ok());
                if !sent {
                    let message =
                        "Too many files wait to be read or written; try again in a moment";
                    self.fail(message, work);
                }
                return;
            }
        };
        if self.dialog_open.swap(true, Ordering::AcqRel) {
            return;
        }
        let sent = self.questions.as_ref().is_some_and(|to| to.try_send((question, work)).is_ok());
        if !sent {
            self.dialog_open.store(false, Ordering::Release);
            self.fail(NO_DIALOG, work);
        }
    }

    /// All events that are there now, in order. Never waits.
    pub fn drain(&mut self) -> Vec<FileEvent> {
        let mut events = std::mem::take(&mut self.own_events);
        events.extend(self.events.try_iter());
        events
    }

    fn fail(&mut self, message: &str, work: Work) {
        self.own_events.push(FileEvent::Failed { message: message.to_owned(), work });
    }
}

impl Drop for FileWorker {
    fn drop(&mut self) {
        self.requests = None;
        self.questions = None;
        // What was asked to be saved is saved; its thread may wait for room to say so.
        while self.events.recv().is_ok() {}
        if let Some(files) = self.files.take() {
            drop(files.join());
        }
        // A dialog that is still open cannot be closed from here: its thread ends with the process.
        if let Some(dialogs) = self.dialogs.take()
            && !self.dialog_open.load(Ordering::Acquire)
        {
            drop(dialogs.join());
        }
    }
}

/// What follows from the user's choice.
fn chosen(question: Question, path: PathBuf) -> FileRequest {
    match question {
        Question::Open => FileRequest::Open(path),
        Question::Model(wish) => FileRequest::Chosen(wish, path),
        Question::Save { project, version, .. } => {
            FileRequest::Save { path: with_extension(path), project, version }
        }
    }
}

/// Adds `.png` unless the name ends as a format does: what it is called is what it is. The dialog
/// asked about the name without it, so that a file of the longer name gets a neighbour.
fn with_extension(path: PathBuf) -> PathBuf {
    if Format::of_path(&path).is_some() || is_project(&path) {
        return path;
    }
    let ended = |middle: &str| {
        let mut name = path.clone().into_os_string();
        name.push(middle);
        name.push(".png");
        PathBuf::from(name)
    };
    let plain = ended("");
    if !plain.exists() {
        return plain;
    }
    (2..1000)
        .map(|number| ended(&format!(" {number}")))
        .find(|path| !path.exists())
        .unwrap_or(plain)
}

/// Shows the system's dialog: the desktop portal's, else zenity's.
fn ask(question: &Question) -> Option<PathBuf> {
    match question {
        Question::Open => rfd::FileDialog::new()
            .add_filter("PNG, JPEG, WebP, TIFF, OpenRaster", OPENED)
            .pick_file(),
        Question::Model(Wish::Folder | Wish::Watch) => rfd::FileDialog::new().pick_folder(),
        Question::Model(Wish::Depth) => {
            rfd::FileDialog::new().add_filter("PNG, JPEG, WebP, TIFF", DEPTHS).pick_file()
        }
        Question::Model(Wish::File | Wish::Vae | Wish::Refiner) => {
            rfd::FileDialog::new().add_filter("safetensors, ckpt, pt, bin", WEIGHTS).pick_file()
        }
        Question::Save { suggested_name, .. } => {
            let filter = |dialog: rfd::FileDialog, format: Format| {
                dialog.add_filter(format.name(), format.extensions())
            };
            let dialog = Format::ALL.into_iter().fold(rfd::FileDialog::new(), filter);
            let dialog = dialog.add_filter("Pentimento (OpenRaster)", &[EXTENSION]);
            dialog.set_file_name(suggested_name).save_file()
        }
    }
}

fn work_safely(request: FileRequest, clipboard: &mut Option<Clipboard>) -> FileEvent {
    let kind = Work::of(&request);
    let fault = "A file could not be handled because of a fault in the program. Your work is safe";
    let done = catch_unwind(AssertUnwindSafe(|| work(request, clipboard)));
    let done = done.unwrap_or_else(|_| Err(fault.to_owned()));
    done.unwrap_or_else(|message| FileEvent::Failed { message, work: kind })
}

fn work(request: FileRequest, clipboard: &mut Option<Clipboard>) -> Result<FileEvent, String> {
    match request {
        FileRequest::Open(path) => open(&path),
        FileRequest::ReadDepth(path) => {
            let picture = depth(&path);
            Ok(FileEvent::DepthRead { path, picture })
        }
        FileRequest::DecodeBytes { name, bytes } => decode(None, name, &bytes),
        FileRequest::Copy(picture) => copy(&picture, clipboard),
        FileRequest::Tile { name, picture } => {
            let (picture, texts) = (tiled(&picture), Vec::new());
            Ok(FileEvent::Opened { path: None, name, picture, texts, damaged: false })
        }
        FileRequest::Save { path, project, version } => match write(&path, &project) {
            Ok(()) => Ok(FileEvent::Saved { path, version }),
            Err(error) => Err(error.to_string()),
        },
        // Dialogs go to the other thread; here there is nothing to do for them.
        FileRequest::OpenDialog | FileRequest::ModelDialog(_) | FileRequest::SaveDialog { .. } => {
            Ok(FileEvent::DialogClosed)
        }
        // Of a folder that is no model itself, those inside it are meant.
        FileRequest::Chosen(Wish::Folder, path) if !is_model_folder(&path) => {
            Ok(FileEvent::Chosen { wish: Wish::Watch, path })
        }
        FileRequest::Chosen(wish, path) => Ok(FileEvent::Chosen { wish, path }),
    }
}

fn open(path: &Path) -> Result<FileEvent, String> {
    let unreadable =
        |error: std::io::Error| format!("This file cannot be read ({error}): {}", path.display());
    let metadata = std::fs::metadata(path).map_err(unreadable)?;
    // A model may be dropped like a picture.
    if may_be_model(path) {
        return Ok(FileEvent::Chosen { wish: Wish::File, path: path.to_owned() });
    }
    if metadata.is_dir() {
        return Err(format!(
            "This is a folder; open or drop the picture itself: {}",
            path.display()
        ));
    }
    if !metadata.is_file() {
        // A pipe would be waited for without end.
        return Err(unreadable(std::io::ErrorKind::InvalidInput.into()));
    }
    let name = path.file_name().unwrap_or(path.as_os_str()).to_string_lossy().into_owned();
    let mut file = File::open(path).map_err(unreadable)?;
    let mut head = Vec::new();
    (&mut file).take(4).read_to_end(&mut head).map_err(unreadable)?;
    if openraster::is_archive(&head) {
        // Read part by part: only its pictures need to fit into memory.
        return unpack(Some(path.to_owned()), name, file);
    }
    if metadata.len() > MOST_BYTES {
        return Err(format!("This file is too large to be a picture: {}", path.display()));
    }
    // A file that is no longer as long as it said, or endless, ends here too.
    let mut bytes = head;
    file.take(MOST_BYTES).read_to_end(&mut bytes).map_err(unreadable)?;
    decode(Some(path.to_owned()), name, &bytes)
}

/// The pixels of a depth map.
fn depth(path: &Path) -> Result<Plane<4>, String> {
    match open(path)? {
        FileEvent::Opened { picture, .. } => Ok(picture),
        _ => Err(CodecError::NotAPicture.to_string()),
    }
}

fn decode(path: Option<PathBuf>, name: String, bytes: &[u8]) -> Result<FileEvent, String> {
    if openraster::is_archive(bytes) {
        return unpack(path, name, Cursor::new(bytes));
    }
    let decoded = codec::decode_picture(bytes).map_err(|error| format!("{error}: {name}"))?;
    Ok(opened(path, name, decoded, false))
}

fn unpack(
    path: Option<PathBuf>,
    name: String,
    source: impl Read + Seek,
) -> Result<FileEvent, String> {
    match openraster::read(source).map_err(|error| format!("{error}: {name}"))? {
        Opened::Project(project) => Ok(FileEvent::OpenedProject { path, name, project }),
        Opened::Picture { decoded, damaged } => Ok(opened(path, name, decoded, damaged)),
    }
}

fn opened(path: Option<PathBuf>, name: String, decoded: Decoded, damaged: bool) -> FileEvent {
    let Decoded { picture, texts } = decoded;
    FileEvent::Opened { path, name, picture: tiled(&picture), texts, damaged }
}

/// Puts a picture on the clipboard. On some systems it lies there only as long as somebody holds
/// the clipboard, so it is kept.
fn copy(picture: &Plane<4>, clipboard: &mut Option<Clipboard>) -> Result<FileEvent, String> {
    let trouble = |error: arboard::Error| {
        format!("The picture could not be copied ({error}); save it to a file instead")
    };
    if clipboard.is_none() {
        *clipboard = Some(Clipboard::new().map_err(trouble)?);
    }
    let Picture { width, height, rgba } = picture.to_picture();
    let (width, height) = (width as usize, height as usize);
    let image = ImageData { width, height, bytes: rgba.into() };
    let copied = clipboard.as_mut().map_or(Ok(()), |clipboard| clipboard.set_image(image));
    copied.map_err(trouble)?;
    Ok(FileEvent::Copied)
}

/// A picture as the window shows it: in tiles, with their halves.
fn tiled(picture: &Picture) -> Plane<4> {
    let plane = Plane::from(picture);
    plane.make_halves();
    plane
}

fn write(path: &Path, project: &Project) -> Result<(), CodecError> {
    if is_project(path) {
        let encoded = openraster::encode(project)?;
        return codec::write_with(path, |file| encoded.write(file));
    }
    let Some(picture) = project.document.picture() else { return Ok(()) };
    let picture = picture.to_picture();
    let parameters = Some(project.recipe.as_str()).filter(|text| !text.is_empty());
    let format = Format::of_path(path).unwrap_or_default();
    let bytes = codec::encode(&picture, format, parameters)?;
    codec::write_whole(path, &bytes)
}

#[cfg(test)]
mod tests;
