//! The project file: an OpenRaster archive (`.ora`), which Krita, GIMP, MyPaint and others open as
//! a picture, with what only this program knows beside it.
//!
//! OpenRaster because a painter's own file should not lock the painting in: it is a ZIP of PNGs that
//! any of those programs opens today, and it has room for layers once the document has them.
//! Called by the files thread. Knows what of a document is stored; the words and numbers of the
//! window are JSON that [`crate::app::project`] makes and reads.
//!
//! | part | what |
//! |---|---|
//! | `mimetype` | `image/openraster`; first, so that the file is known by its beginning |
//! | `stack.xml` | size and layers, as the standard (0.0.6) has it |
//! | `data/layer0.png` | the raster, every bit of it, hidden colours too |
//! | `mergedimage.png` | what the layers make together: today the same bytes |
//! | `Thumbnails/thumbnail.png` | at most 256 pixels a side |
//! | `pentimento/document.json` | form, feather, recipe, the window's words and numbers |
//! | `pentimento/mask.png` | the mask's coverage, grey; absent without a mask |
//!
//! A file without the last two, or of a newer form, opens as the picture that its layers make.

use std::io::{self, Read, Seek, Write};
use std::path::Path;

use serde::{Deserialize, Serialize};

use super::zip::{Archive, Writer};
use super::{CodecError, DECODED_LIMIT, Decoded, RawText, metadata, png};
use crate::document::document::Document;
use crate::document::mask::Mask;
use crate::document::raster::Raster;
use crate::plane::{LONGEST_SIDE, Plane};
use crate::types::{Coverage, shrunk};

/// How names of project files end.
pub const EXTENSION: &str = "ora";

const MIMETYPE: &str = "image/openraster";
const MERGED: &str = "mergedimage.png";
const LAYER: &str = "data/layer0.png";
const THUMBNAIL: &str = "Thumbnails/thumbnail.png";
const OURS: &str = "pentimento/document.json";
const MASK: &str = "pentimento/mask.png";
/// The form of our own parts.
const FORM: u32 = 1;
/// Longest side of the thumbnail, in pixels, as the standard has it.
const THUMBNAIL_SIDE: u32 = 256;
/// Bytes that our JSON may have.
const MOST_JSON: u64 = 16 << 20;
/// Bytes that a PNG may have beside its pixels: texts, palettes, the frames of its chunks.
const MOST_BESIDE: u64 = 16 << 20;
/// Bytes of a PNG up to the end of its header.
const PNG_HEAD: usize = 33;

/// A document as a file holds it.
#[derive(Clone, Debug)]
pub struct Project {
    /// The picture, the mask and its feather.
    pub document: Document,
    /// The A1111 text of the picture; empty if it was not painted.
    pub recipe: String,
    /// The window's words and numbers.
    pub desk: serde_json::Value,
}

/// What an OpenRaster file turned out to be.
#[derive(Clone, Debug)]
pub enum Opened {
    /// One of ours.
    Project(Box<Project>),
    /// Another program's, or what is left of one of ours.
    Picture {
        /// What its layers make together.
        decoded: Decoded,
        /// Whether our own parts are there but cannot be read.
        damaged: bool,
    },
}

/// Our JSON.
#[derive(Debug, Serialize, Deserialize)]
struct Ours {
    form: u32,
    program: String,
    mask: bool,
    feather_px: f32,
    recipe: String,
    desk: serde_json::Value,
}

/// What a document's file is made of, encoded.
#[derive(Debug)]
pub struct Encoded {
    stack: String,
    picture: Vec<u8>,
    thumbnail: Vec<u8>,
    ours: Vec<u8>,
    mask: Option<Vec<u8>>,
}

/// Encodes a document.
///
/// # Errors
/// [`CodecError::Encode`] when there is no picture, or it cannot be encoded.
pub fn encode(project: &Project) -> Result<Encoded, CodecError> {
    let Some(picture) = project.document.picture() else {
        return Err(CodecError::Encode("there is no picture".to_owned()));
    };
    let picture = picture.to_picture();
    let recipe = Some(project.recipe.as_str()).filter(|text| !text.is_empty());
    let document = &project.document;
    let mask = (!document.mask.is_empty()).then(|| png::encode_grey(&coverage(&document.mask)));
    let ours = Ours {
        form: FORM,
        program: format!("pentimento {}", env!("PENTIMENTO_BUILD")),
        mask: mask.is_some(),
        feather_px: document.feather_px,
        recipe: project.recipe.clone(),
        desk: project.desk.clone(),
    };
    let ours =
        serde_json::to_vec_pretty(&ours).map_err(|error| CodecError::Encode(error.to_string()))?;
    Ok(Encoded {
        stack: stack(document.size()),
        picture: png::encode(&picture, recipe)?,
        thumbnail: png::encode(&shrunk(&picture, THUMBNAIL_SIDE), None)?,
        ours,
        mask: mask.transpose()?,
    })
}

impl Encoded {
    /// Writes the file.
    ///
    /// # Errors
    /// The system refuses, or it would be larger than 4 GiB.
    pub fn write(&self, out: impl Write) -> io::Result<()> {
        let mut archive = Writer::new(out);
        archive.add("mimetype", MIMETYPE.as_bytes())?;
        archive.add("stack.xml", self.stack.as_bytes())?;
        archive.add(OURS, &self.ours)?;
        if let Some(mask) = &self.mask {
            archive.add(MASK, mask)?;
        }
        archive.add(LAYER, &self.picture)?;
        archive.add(MERGED, &self.picture)?;
        archive.add(THUMBNAIL, &self.thumbnail)?;
        drop(archive.finish()?);
        Ok(())
    }
}

fn coverage(mask: &Mask) -> Coverage {
    let (width, height) = mask.size();
    Coverage { width, height, values: mask.plane().to_flat() }
}

fn stack((width, height): (u32, u32)) -> String {
    format!(
        r#"<?xml version="1.0" encoding="UTF-8"?>
<image version="0.0.6" w="{width}" h="{height}" xres="72" yres="72">
  <stack>
    <layer name="Picture" src="{LAYER}" x="0" y="0" opacity="1.0" visibility="visible" composite-op="svg:src-over"/>
  </stack>
</image>
"#
    )
}

/// Whether a file's name asks for this form.
#[must_use]
pub fn is_project(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case(EXTENSION))
}

/// Whether a file's first bytes are those of an archive.
#[must_use]
pub fn is_archive(head: &[u8]) -> bool {
    head.starts_with(&super::zip::SIGNATURE)
}

/// Reads an OpenRaster file.
///
/// # Errors
/// [`CodecError::NotAPicture`] when the archive is something else; as
/// [`super::decode_picture`] for its picture.
pub fn read(source: impl Read + Seek) -> Result<Opened, CodecError> {
    let mut archive = Archive::open(source)?;
    if !archive.has("stack.xml") && !archive.has(MERGED) {
        return Err(CodecError::NotAPicture);
    }
    let mut damaged = false;
    if archive.has(OURS) {
        match read_ours(&mut archive) {
            Ok(Some(project)) => return Ok(Opened::Project(Box::new(project))),
            // A newer form: the standard's parts are what both know.
            Ok(None) => {}
            Err(error @ CodecError::TooLarge { .. }) => return Err(error),
            Err(_) => damaged = true,
        }
    }
    // One of the two pictures may be sound where the other is not.
    let decoded = match picture(&mut archive, MERGED) {
        Err(CodecError::Damaged(_)) if archive.has(LAYER) => picture(&mut archive, LAYER),
        decoded => decoded,
    }?;
    Ok(Opened::Picture { decoded, damaged })
}

fn read_ours<R: Read + Seek>(archive: &mut Archive<R>) -> Result<Option<Project>, CodecError> {
    let json = archive.read(OURS, MOST_JSON)?;
    let form = serde_json::from_slice::<serde_json::Value>(&json)
        .ok()
        .and_then(|value| value.get("form")?.as_u64())
        .ok_or_else(|| CodecError::Damaged(format!("{OURS} makes no sense")))?;
    if form > u64::from(FORM) {
        return Ok(None);
    }
    let ours: Ours =
        serde_json::from_slice(&json).map_err(|error| CodecError::Damaged(error.to_string()))?;
    let picture = picture(archive, LAYER)?.picture;
    let size = (picture.width, picture.height);
    let mask = if ours.mask {
        let bytes = archive.read(MASK, png_bound(size, 1))?;
        Mask::from_plane(Plane::from(&png::decode_grey(&bytes, size)?))
    } else {
        Mask::new(size.0, size.1)
    };
    let raster = Plane::from(&picture);
    raster.make_halves();
    let raster = Raster::from_plane(raster);
    let document = Document::restored(Some(raster), mask, ours.feather_px);
    Ok(Some(Project { document, recipe: ours.recipe, desk: ours.desk }))
}

/// A PNG of the archive; its size is looked at before the rest of it is unpacked.
fn picture<R: Read + Seek>(archive: &mut Archive<R>, name: &str) -> Result<Decoded, CodecError> {
    let head = archive.head(name, PNG_HEAD)?;
    let size = png::size(&head).ok_or_else(|| CodecError::Damaged(format!("{name} is no PNG")))?;
    if size.0.max(size.1) > LONGEST_SIDE {
        return Err(CodecError::TooLarge { width: size.0, height: size.1 });
    }
    // Up to 16 bits in four channels.
    let bytes = archive.read(name, png_bound(size, 8).min(DECODED_LIMIT + MOST_BESIDE))?;
    super::decode_flat(&bytes)
}

/// The most bytes of a PNG with so many bytes a pixel: what does not shrink grows a little.
fn png_bound((width, height): (u32, u32), bytes: u64) -> u64 {
    let raw = (u64::from(width) * bytes + 1) * u64::from(height);
    raw + raw / 100 + MOST_BESIDE
}

/// A document's picture as a file's, with its recipe among the texts.
impl From<Project> for Decoded {
    fn from(project: Project) -> Self {
        let picture = project.document.picture().unwrap_or_else(|| Plane::new((1, 1)));
        let texts = if project.recipe.is_empty() {
            Vec::new()
        } else {
            vec![RawText { keyword: metadata::PARAMETERS.to_owned(), text: project.recipe }]
        };
        Self { picture: picture.to_picture(), texts }
    }
}
