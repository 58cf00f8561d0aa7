//! A file that only its owner may read, and a lock beside it.

use std::{
    ffi::OsString,
    fs::{self, File, OpenOptions, TryLockError},
    io::{self, Read, Write},
    path::{Path, PathBuf},
};

use tempfile::NamedTempFile;

use super::{Storage, StorageError};
use crate::vault::MAX_FILE_BYTES;

/// A wallet file, locked as long as this lives, or the process.
#[derive(Debug)]
pub struct FileStorage {
    path: PathBuf,
    _lock: File,
}

impl FileStorage {
    /// A place for a new wallet. Nothing may be there yet.
    ///
    /// # Errors
    /// Something is there, the folder can't be made, or another program has the lock.
    pub fn create(path: &Path) -> Result<Self, StorageError> {
        fs::create_dir_all(folder(path)).map_err(|error| io_error("making the folder of", path, &error))?;
        let storage = Self::lock(path)?;
        if path.symlink_metadata().is_ok() {
            return Err(StorageError::Exists { place: place(path) });
        }
        Ok(storage)
    }

    /// The wallet that is there.
    ///
    /// # Errors
    /// There is none, or another program has it open.
    pub fn open(path: &Path) -> Result<Self, StorageError> {
        // Behind a link lies the file that others may have open under its own name.
        let path = fs::canonicalize(path).map_err(|error| io_error("opening", path, &error))?;
        Self::lock(&path)
    }

    /// On a file of its own, since the wallet's is replaced by every save.
    fn lock(path: &Path) -> Result<Self, StorageError> {
        let mut name = path.file_name().map_or_else(OsString::new, OsString::from);
        name.push(".lock");
        let lock_path = path.with_file_name(name);
        let lock = OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(false)
            .open(&lock_path)
            .map_err(|error| io_error("opening the lock", &lock_path, &error))?;
        match lock.try_lock() {
            Ok(()) => Ok(Self {
                path: path.into(),
                _lock: lock,
            }),
            Err(TryLockError::WouldBlock) => Err(StorageError::InUse { place: place(path) }),
            Err(TryLockError::Error(error)) => Err(io_error("locking", &lock_path, &error)),
        }
    }
}

impl Storage for FileStorage {
    fn load(&self) -> Result<Option<Vec<u8>>, StorageError> {
        let failed = |error: &io::Error| io_error("reading", &self.path, error);
        let file = match File::open(&self.path) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(failed(&error)),
        };
        let bytes = file.metadata().map_err(|error| failed(&error))?.len();
        let limit = u64::try_from(MAX_FILE_BYTES).unwrap_or(u64::MAX);
        if bytes > limit {
            return Err(StorageError::TooLarge {
                place: place(&self.path),
                bytes,
            });
        }
        let mut value = Vec::new();
        file.take(limit)
            .read_to_end(&mut value)
            .map_err(|error| failed(&error))?;
        Ok(Some(value))
    }

    fn replace(&mut self, value: &[u8]) -> Result<(), StorageError> {
        write_whole(&self.path, value).map_err(|error| io_error("writing", &self.path, &error))
    }
}

/// Temporary files have mode 0600 from the beginning, and so has what they become.
fn write_whole(path: &Path, value: &[u8]) -> io::Result<()> {
    let mut file = NamedTempFile::new_in(folder(path))?;
    file.write_all(value)?;
    file.as_file().sync_all()?;
    file.persist(path).map_err(|error| error.error)?;
    // The name is in the folder; without this a loss of power could bring the old file back.
    File::open(folder(path))?.sync_all()
}

fn folder(path: &Path) -> PathBuf {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent.into(),
        _ => PathBuf::from("."),
    }
}

fn place(path: &Path) -> String {
    path.display().to_string()
}

fn io_error(action: &'static str, path: &Path, error: &io::Error) -> StorageError {
    StorageError::Io {
        action,
        place: place(path),
        reason: error.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_is_replaced_whole_and_only_its_owner_reads_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("new/wallet");
        let mut storage = FileStorage::create(&path).unwrap();
        assert!(storage.load().unwrap().is_none());
        storage.replace(b"first").unwrap();
        storage.replace(b"second").unwrap();
        assert_eq!(storage.load().unwrap().unwrap(), b"second");
        let names = fs::read_dir(path.parent().unwrap()).unwrap().count();
        assert_eq!(names, 2, "the wallet and its lock, no leftovers");
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        }
    }

    #[test]
    fn one_program_at_a_time() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("wallet");
        let mut first = FileStorage::create(&path).unwrap();
        first.replace(b"value").unwrap();
        assert!(matches!(FileStorage::open(&path), Err(StorageError::InUse { .. })));
        drop(first);
        FileStorage::open(&path).unwrap();
    }

    #[test]
    fn a_new_wallet_never_overwrites_one_and_a_missing_one_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("wallet");
        fs::write(&path, b"precious").unwrap();
        assert!(matches!(FileStorage::create(&path), Err(StorageError::Exists { .. })));
        let error = FileStorage::open(&folder.path().join("none")).unwrap_err().to_string();
        assert!(error.contains("none"), "{error}");
    }

    #[test]
    fn a_huge_file_is_not_read() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("wallet");
        File::create(&path).unwrap().set_len(1 << 40).unwrap();
        let storage = FileStorage::open(&path).unwrap();
        assert!(matches!(storage.load(), Err(StorageError::TooLarge { .. })));
    }

    #[test]
    fn a_write_that_fails_leaves_the_old_value() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("sub/wallet");
        let mut storage = FileStorage::create(&path).unwrap();
        storage.replace(b"old").unwrap();
        let moved = folder.path().join("moved");
        fs::rename(folder.path().join("sub"), &moved).unwrap();
        assert!(storage.replace(b"new").is_err());
        assert_eq!(fs::read(moved.join("wallet")).unwrap(), b"old");
    }
}
