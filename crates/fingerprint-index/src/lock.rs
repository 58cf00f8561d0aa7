//! One writer per folder: an exclusive lock on a file in it, gone with the process however that ends.

use std::{
    fs::{self, File, OpenOptions, TryLockError},
    path::Path,
};

use crate::IndexError;

/// Name of the lock file.
pub(crate) const LOCK_FILE: &str = "LOCK";

/// Holds the lock of a folder until it is dropped.
#[derive(Debug)]
pub(crate) struct FolderLock {
    _file: File,
}

impl FolderLock {
    /// Creates the folder if need be and takes its lock.
    pub(crate) fn acquire(folder: &Path) -> Result<Self, IndexError> {
        fs::create_dir_all(folder).map_err(|source| IndexError::io("create folder", folder, source))?;
        let path = folder.join(LOCK_FILE);
        let file = OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(false)
            .open(&path)
            .map_err(|source| IndexError::io("open lock file", &path, source))?;
        match file.try_lock() {
            Ok(()) => Ok(Self { _file: file }),
            Err(TryLockError::WouldBlock) => Err(IndexError::Locked {
                path: folder.to_path_buf(),
            }),
            Err(TryLockError::Error(source)) => Err(IndexError::io("lock", &path, source)),
        }
    }
}
