//! The token that the window was given, in a file that only its user may read.

use std::fs;
use std::io::{self, Write as _};
use std::path::Path;

/// Longest token that is read, in bytes.
const LONGEST: u64 = 4096;

/// The stored token, if there is a usable one.
#[must_use]
pub fn stored(path: &Path) -> Option<String> {
    let length = fs::metadata(path).ok()?.len();
    let text = (length <= LONGEST).then(|| fs::read_to_string(path).ok()).flatten()?;
    usable(&text)
}

/// Stores a token, or removes it.
///
/// # Errors
/// The folder or the file cannot be written.
pub fn store(path: &Path, token: Option<&str>) -> io::Result<()> {
    let Some(token) = token else {
        return match fs::remove_file(path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        };
    };
    let folder = path.parent().ok_or(io::ErrorKind::InvalidInput)?;
    fs::create_dir_all(folder)?;
    // Temporary files are made for their user alone, and keep that when they are renamed.
    let mut file = tempfile::NamedTempFile::new_in(folder)?;
    file.write_all(token.as_bytes())?;
    file.persist(path)?;
    Ok(())
}

/// A token without what surrounds it; `None` for what can be none.
#[must_use]
pub fn usable(token: &str) -> Option<String> {
    let token = token.trim();
    let good = !token.is_empty() && token.bytes().all(|byte| byte.is_ascii_graphic());
    good.then(|| token.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_comes_back_and_only_its_user_may_read_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("deep/token");
        assert_eq!(stored(&path), None);
        store(&path, Some("hf_one")).unwrap();
        store(&path, Some("hf_two")).unwrap();
        assert_eq!(stored(&path).as_deref(), Some("hf_two"));
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt as _;
            let mode = fs::metadata(&path).unwrap().permissions().mode();
            assert_eq!(mode & 0o777, 0o600);
        }
        store(&path, None).unwrap();
        store(&path, None).unwrap();
        assert_eq!(stored(&path), None);
        assert_eq!(usable("a\nb"), None);
    }
}
