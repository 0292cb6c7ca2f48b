//! Where the results go: names, a look at the folders before anything is painted, whole writes.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use safetensors::tensor::{Dtype, TensorView, serialize};

use super::args::Generate;
use crate::document::codec::{encode_png, write_whole};
use crate::engine::protocol::{Latent, Picture};

/// The files of one call.
pub(super) struct Outputs<'a> {
    out: &'a Path,
    previews: Option<&'a Path>,
    latents: Option<&'a Path>,
    count: u32,
}

impl<'a> Outputs<'a> {
    /// Looks whether everything can be written: hours of painting must not end at a wrong path.
    pub(super) fn checked(args: &'a Generate) -> Result<Self> {
        check_file(&args.out)?;
        if let Some(latents) = &args.latents {
            check_file(latents)?;
        }
        if let Some(previews) = &args.previews {
            fs::create_dir_all(previews).with_context(|| {
                format!("The folder for previews cannot be made: {}", previews.display())
            })?;
            check_folder(previews)?;
        }
        Ok(Self {
            out: &args.out,
            previews: args.previews.as_deref(),
            latents: args.latents.as_deref(),
            count: args.count,
        })
    }

    /// The file of a picture: the name that was asked for, numbered if there are several.
    pub(super) fn picture_path(&self, index: u32) -> PathBuf {
        if self.count == 1 {
            return self.out.to_owned();
        }
        let mut name = self.out.file_stem().unwrap_or_default().to_owned();
        name.push(format!("-{index}."));
        name.push(self.out.extension().unwrap_or_default());
        self.out.with_file_name(name)
    }

    /// Writes a finished picture with what it was made from.
    pub(super) fn write_picture(
        &self,
        index: u32,
        picture: &Picture,
        text: &str,
    ) -> Result<PathBuf> {
        let path = self.picture_path(index);
        write_whole(&path, &encode_png(picture, Some(text))?)?;
        Ok(path)
    }

    /// Writes a preview, if they are wanted. Without the care for finished pictures: a preview
    /// that a power cut takes away is no loss.
    pub(super) fn write_preview(
        &self,
        index: u32,
        step: u32,
        picture: &Picture,
    ) -> Result<Option<PathBuf>> {
        let Some(folder) = self.previews else { return Ok(None) };
        let name = match self.count {
            1 => format!("step-{step:02}.png"),
            _ => format!("{index}-step-{step:02}.png"),
        };
        let path = folder.join(name);
        fs::write(&path, encode_png(picture, None)?)
            .with_context(|| format!("The preview could not be written: {}", path.display()))?;
        Ok(Some(path))
    }

    /// Writes the final latents, if they are wanted.
    pub(super) fn write_latents(&self, latents: &[Latent]) -> Result<()> {
        let Some(path) = self.latents else { return Ok(()) };
        let Some(first) = latents.first() else {
            bail!("No latent came back; this model does not give any: {}", path.display());
        };
        let mut shape = vec![latents.len()];
        shape.extend(first.shape);
        let values = latents.iter().flat_map(|latent| &latent.values);
        let bytes: Vec<u8> = values.flat_map(|value| value.to_le_bytes()).collect();
        let file = TensorView::new(Dtype::F32, shape, &bytes)
            .and_then(|tensor| serialize([("latent", tensor)], None))
            .with_context(|| format!("The latents cannot be stored: {}", path.display()))?;
        Ok(write_whole(path, &file)?)
    }
}

fn check_file(path: &Path) -> Result<()> {
    if path.is_dir() {
        bail!("This is a folder; add the name of a file: {}", path.display());
    }
    match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => check_folder(folder),
        _ => check_folder(Path::new(".")),
    }
}

/// Permissions, read-only disks and the like are best judged by trying.
fn check_folder(folder: &Path) -> Result<()> {
    let tried = tempfile::Builder::new().prefix(".pentimento-").tempfile_in(folder);
    tried.map(drop).with_context(|| {
        format!("Nothing can be written in this folder; choose another one: {}", folder.display())
    })
}
