//! Files that only their owner may read, written whole or not at all.

use std::{
    io::Write,
    path::{Path, PathBuf},
};

use eyre::{Result, WrapErr, bail};
use tempfile::NamedTempFile;

/// Writes a new file with mode 0600. An existing one is never overwritten: it may hold the only copy of a secret.
///
/// # Errors
/// The file exists, or can't be written.
pub(crate) fn create(path: &Path, contents: &[u8]) -> Result<()> {
    match write_beside(path, contents)?.persist_noclobber(path) {
        Ok(_) => sync_folder(path),
        Err(error) if error.error.kind() == std::io::ErrorKind::AlreadyExists => {
            bail!("{} exists; it is not overwritten, choose another name", path.display())
        }
        Err(error) => Err(error.error).wrap_err_with(|| format!("writing {}", path.display())),
    }
}

/// Replaces a file, with mode 0600.
///
/// # Errors
/// The file can't be written; the old one is still there then.
pub(crate) fn replace(path: &Path, contents: &[u8]) -> Result<()> {
    write_beside(path, contents)?
        .persist(path)
        .wrap_err_with(|| format!("writing {}", path.display()))?;
    sync_folder(path)
}

/// Temporary files have mode 0600 from the beginning.
fn write_beside(path: &Path, contents: &[u8]) -> Result<NamedTempFile> {
    let writing = || format!("writing {}", path.display());
    let mut file = NamedTempFile::new_in(folder(path)).wrap_err_with(writing)?;
    file.write_all(contents).wrap_err_with(writing)?;
    file.as_file().sync_all().wrap_err_with(writing)?;
    Ok(file)
}

fn sync_folder(path: &Path) -> Result<()> {
    std::fs::File::open(folder(path))
        .and_then(|folder| folder.sync_all())
        .wrap_err_with(|| format!("writing {}", path.display()))
}

fn folder(path: &Path) -> PathBuf {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent.into(),
        _ => PathBuf::from("."),
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn only_the_owner_reads_a_new_file_and_nothing_overwrites_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("secret");
        create(&path, b"first").unwrap();
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        let error = create(&path, b"second").unwrap_err().to_string();
        assert!(error.contains("exists"), "{error}");
        assert_eq!(std::fs::read(&path).unwrap(), b"first");
        replace(&path, b"third").unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), b"third");
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1, "no leftovers");
    }

    #[test]
    fn a_folder_that_is_not_there_is_named() {
        let error = create(Path::new("/nonexistent/secret"), b"x").unwrap_err().to_string();
        assert!(error.contains("/nonexistent/secret"), "{error}");
    }
}
