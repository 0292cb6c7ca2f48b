//! Why a model cannot be read: what failed, what to do next, and the path last.
//!
//! Made by the readers of this module and by the layers that ask them for tensors; shown as it is
//! by the window and the command line.

/// Why a model, or a part of it, cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ModelError {
    /// Nothing lies at the path that was named.
    #[error(
        "There is no model here; choose a file with a whole model, or a folder with a \
         model_index.json inside: {path}"
    )]
    NotFound {
        /// The path that was asked for.
        path: String,
    },
    /// A file of weights that is something else.
    #[error("The file is {what}, not a model that paints; choose a model: {path}")]
    NotAModel {
        /// What it is, with its article.
        what: String,
        /// The file that was named.
        path: String,
    },
    /// A single file without one of the parts that a model has.
    #[error(
        "The file holds no {part}, and no model of its family in the same folder does; put one \
         there, or choose a complete file: {path}"
    )]
    MissingPart {
        /// The part, for people.
        part: String,
        /// The file.
        path: String,
    },
    /// The folder lacks a file that every model has.
    #[error("'{file}' is missing from the model; download the model again: {folder}")]
    MissingFile {
        /// Name of the file, relative to the folder.
        file: String,
        /// The model's folder.
        folder: String,
    },
    /// The weights are there, but only in a format that is not read.
    #[error(
        "The weights of '{component}' are stored as {found}; get them as .safetensors: {folder}"
    )]
    OtherFormat {
        /// The component, such as `unet`.
        component: String,
        /// What was found instead.
        found: &'static str,
        /// The model's folder.
        folder: String,
    },
    /// The operating system could not read a file.
    #[error("The file cannot be read ({reason}); check the disk and the permissions: {path}")]
    Unreadable {
        /// What the system said.
        reason: String,
        /// The file.
        path: String,
    },
    /// A text file is not what it should be.
    #[error("The file is not valid ({reason}); download the model again: {path}")]
    BadText {
        /// What is wrong with it.
        reason: String,
        /// The file.
        path: String,
    },
    /// The optional `pentimento.json` says something that cannot be meant.
    #[error("The model's defaults cannot be used ({reason}); correct or remove the file: {path}")]
    BadDefaults {
        /// What is wrong with them.
        reason: String,
        /// The file.
        path: String,
    },
    /// A weights file whose header and contents do not agree.
    #[error("The weights are truncated or damaged ({reason}); download the file again: {path}")]
    Damaged {
        /// What does not fit.
        reason: String,
        /// The file.
        path: String,
    },
    /// Tensors that the model needs are not in the file.
    #[error(
        "{count} tensor{plural} missing: {named}; the file belongs to another kind of model or is \
         incomplete: {path}",
        plural = if *count == 1 { " is" } else { "s are" }
    )]
    MissingTensors {
        /// How many are missing.
        count: usize,
        /// The first few of them, quoted.
        named: String,
        /// The file.
        path: String,
    },
    /// A tensor does not have the shape that the configuration promises.
    #[error(
        "Tensor '{name}' has the shape {found:?} where the model's config.json asks for \
         {expected:?}; the files do not belong together, download the model again: {path}"
    )]
    WrongShape {
        /// The tensor.
        name: String,
        /// The shape that the configuration asks for.
        expected: Vec<usize>,
        /// The shape in the file.
        found: Vec<usize>,
        /// The file.
        path: String,
    },
    /// A tensor's numbers are stored in a format that cannot become `f32`.
    #[error(
        "Tensor '{name}' is stored as {dtype}; only F8, F16, BF16, F32 and F64 weights can be used, \
         get the model in one of these: {path}"
    )]
    WrongType {
        /// The tensor.
        name: String,
        /// The format in the file.
        dtype: String,
        /// The file.
        path: String,
    },
    /// A weight is infinite or not a number.
    #[error("Tensor '{name}' holds infinite or undefined values; download the file again: {path}")]
    NotFinite {
        /// The tensor.
        name: String,
        /// The file.
        path: String,
    },
    /// The parts contradict each other or are of a kind that is not known.
    #[error("{reason}: {path}")]
    Unsupported {
        /// What cannot be used, and what to do about it.
        reason: String,
        /// The file or folder.
        path: String,
    },
}
