//! Where the results go: names, a look at the folders before anything is painted, whole writes.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use safetensors::tensor::{Dtype, TensorView, serialize};

use super::args::Generate;
use crate::document::codec::{Format, encode, encode_png, write_whole};
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
            if let Err(error) = fs::create_dir_all(previews) {
                bail!("The folder for previews cannot be made ({error}): {}", previews.display());
            }
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
        let format = Format::of_path(&path).unwrap_or_default();
        write_whole(&path, &encode(picture, format, Some(text))?)?;
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
        if let Err(error) = fs::write(&path, encode_png(picture, None)?) {
            bail!("The preview could not be written ({error}): {}", path.display());
        }
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
            .context("The latents have different shapes")?;
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
    match tempfile::Builder::new().prefix(".pentimento-").tempfile_in(folder) {
        Ok(_removed_at_once) => Ok(()),
        Err(error) => bail!(
            "Nothing can be written in this folder ({}); choose another one: {}",
            error.kind(),
            folder.display()
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outputs<'a>(out: &'a Path, folder: &'a Path, count: u32) -> Outputs<'a> {
        Outputs { out, previews: Some(folder), latents: Some(out), count }
    }

    #[test]
    fn several_pictures_are_numbered() {
        let check = |out: &str, count: u32, index: u32, expected: &str| {
            let path = outputs(Path::new(out), Path::new("p"), count).picture_path(index);
            assert_eq!(path, Path::new(expected));
        };
        check("a.png", 1, 0, "a.png");
        check("a.png", 3, 0, "a-0.png");
        check("b/a.b.PNG", 3, 2, "b/a.b-2.PNG");
    }

    #[test]
    fn wrong_places_are_found_before_painting() {
        let folder = tempfile::tempdir().unwrap();
        assert!(check_file(&folder.path().join("a.png")).is_ok());
        assert!(check_file(folder.path()).unwrap_err().to_string().contains("This is a folder"));
        assert!(check_file(&folder.path().join("no/a.png")).is_err());
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
    }

    #[test]
    fn previews_and_latents_are_written() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("l.safetensors");
        let picture = Picture { width: 1, height: 1, rgba: vec![1, 2, 3, 255] };
        let name = |count: u32, step: u32| {
            let path = outputs(&file, folder.path(), count).write_preview(0, step, &picture);
            path.unwrap().unwrap().strip_prefix(folder.path()).unwrap().to_owned()
        };
        assert_eq!(name(1, 1), Path::new("step-01.png"));
        assert_eq!(name(1, 120), Path::new("step-120.png"));
        assert_eq!(name(2, 3), Path::new("0-step-03.png"));
        let latent = Latent { shape: [1, 2, 1], values: vec![0.5, -1.0] };
        let outputs = outputs(&file, folder.path(), 2);
        outputs.write_latents(&[latent.clone(), latent]).unwrap();
        let bytes = fs::read(&file).unwrap();
        let tensors = safetensors::SafeTensors::deserialize(&bytes).unwrap();
        let tensor = tensors.tensor("latent").unwrap();
        assert_eq!(tensor.shape(), [2, 1, 2, 1]);
        assert_eq!(tensor.data()[..8], [0, 0, 0, 63, 0, 0, 128, 191]);
        assert!(outputs.write_latents(&[]).is_err());
    }
}
