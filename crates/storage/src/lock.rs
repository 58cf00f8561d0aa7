//! One writer per directory: an exclusive lock on a file that names its holder.

use std::{
    fs::{self, File, OpenOptions, TryLockError},
    io::{ErrorKind, Read, Seek, Write},
    path::Path,
};

use crate::StorageError;

const FILE_NAME: &str = "LOCK";

/// Longest process id that is read from a lock file, in bytes.
const MAX_PID_BYTES: u64 = 20;

/// Holds the lock of a directory until it is dropped, or the process ends in whatever way.
#[derive(Debug)]
pub(crate) struct DirectoryLock {
    _file: File,
}

impl DirectoryLock {
    /// Creates the directory if need be and takes its lock.
    pub(crate) fn acquire(directory: &Path) -> Result<Self, StorageError> {
        fs::create_dir_all(directory).map_err(|source| io_error("create directory", directory, source))?;
        let path = directory.join(FILE_NAME);
        let mut file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(&path)
            .map_err(|source| io_error("open lock file", &path, source))?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                return Err(StorageError::Locked {
                    path: directory.to_path_buf(),
                    pid: read_pid(&mut file),
                });
            }
            Err(TryLockError::Error(source)) => return Err(io_error("lock", &path, source)),
        }
        write_pid(&mut file).map_err(|source| io_error("write lock file", &path, source))?;
        Ok(Self { _file: file })
    }
}

fn read_pid(file: &mut File) -> Option<u32> {
    let mut text = String::new();
    file.take(MAX_PID_BYTES).read_to_string(&mut text).ok()?;
    text.trim().parse().ok()
}

fn write_pid(file: &mut File) -> std::io::Result<()> {
    file.set_len(0)?;
    file.rewind()?;
    writeln!(file, "{}", std::process::id())
}

/// Names a failed file operation; a full disk by its own name.
pub(crate) fn io_error(action: &'static str, path: &Path, source: std::io::Error) -> StorageError {
    let path = path.to_path_buf();
    if matches!(
        source.kind(),
        ErrorKind::StorageFull | ErrorKind::FileTooLarge | ErrorKind::QuotaExceeded
    ) {
        return StorageError::DiskFull {
            path,
            reason: "the disk is full",
        };
    }
    StorageError::Io { action, path, source }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_holder_is_told_who_the_first_is() {
        let directory = tempfile::tempdir().unwrap();
        let held = DirectoryLock::acquire(directory.path()).unwrap();
        let refused = DirectoryLock::acquire(directory.path()).unwrap_err();
        assert!(matches!(refused, StorageError::Locked { pid: Some(pid), .. } if pid == std::process::id()));
        drop(held);
        DirectoryLock::acquire(directory.path()).unwrap();
    }

    #[test]
    fn a_lock_file_of_garbage_names_nobody() {
        let directory = tempfile::tempdir().unwrap();
        let _held = DirectoryLock::acquire(directory.path()).unwrap();
        fs::write(directory.path().join(FILE_NAME), [0xff; 4096]).unwrap();
        let refused = DirectoryLock::acquire(directory.path()).unwrap_err();
        assert!(matches!(refused, StorageError::Locked { pid: None, .. }));
    }
}
