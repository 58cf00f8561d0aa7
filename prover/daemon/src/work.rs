//! The files between stages, and what of them the queue keeps: small ones whole, so that any machine can go on after
//! them; of large ones the hash, so that only a machine that has the very file does.

use std::{
    collections::HashSet,
    fs::{self, File, TryLockError},
    io::{self, Read, Write},
    path::{Path, PathBuf},
};

use alloy::primitives::B256;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

/// Largest output that the queue keeps whole, bytes.
const INLINE_BYTES: u64 = 16 << 20;

const INLINE: u8 = 0;
const ELSEWHERE: u8 = 1;

/// A folder that can't be used.
#[derive(Debug, thiserror::Error)]
pub enum WorkError {
    /// Another daemon has it.
    #[error("{0} is in use by another prover: give each its own stages.work")]
    InUse(PathBuf),
    /// The disk fails.
    #[error("{path}: {error}", path = .path.display())]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// Why.
        error: io::Error,
    },
}

fn at(path: &Path) -> impl FnOnce(io::Error) -> WorkError {
    let path = path.to_path_buf();
    |error| WorkError::Io { path, error }
}

/// Output of a stage as the queue keeps it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Kept {
    /// All of it.
    Whole(Vec<u8>),
    /// A file on the machine that made it.
    Elsewhere(Fingerprint),
}

/// By which a large file is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Fingerprint {
    sha256: B256,
    bytes: u64,
}

impl Kept {
    pub(crate) fn encode(&self) -> Vec<u8> {
        match self {
            Self::Whole(bytes) => [&[INLINE], bytes.as_slice()].concat(),
            Self::Elsewhere(print) => [&[ELSEWHERE], serde_json::to_vec(print).unwrap_or_default().as_slice()].concat(),
        }
    }

    /// `None` for what this program did not write: the stage is run again then.
    pub(crate) fn decode(bytes: &[u8]) -> Option<Self> {
        match bytes.split_first()? {
            (&INLINE, rest) => Some(Self::Whole(rest.to_vec())),
            (&ELSEWHERE, rest) => serde_json::from_slice(rest).ok().map(Self::Elsewhere),
            _ => None,
        }
    }
}

/// SHA-256.
pub(crate) fn sha256(bytes: &[u8]) -> B256 {
    B256::new(Sha256::digest(bytes).into())
}

/// The folder of all jobs' folders, one daemon's at a time.
#[derive(Debug)]
pub struct WorkFolder {
    path: PathBuf,
    _lock: File,
}

impl WorkFolder {
    /// Opens or makes it.
    ///
    /// # Errors
    /// [`WorkError`].
    pub fn open(path: &Path) -> Result<Self, WorkError> {
        fs::create_dir_all(path).map_err(at(path))?;
        let name = path.join("lock");
        let lock = File::create(&name).map_err(at(&name))?;
        match lock.try_lock() {
            Ok(()) => Ok(Self {
                path: path.to_path_buf(),
                _lock: lock,
            }),
            Err(TryLockError::WouldBlock) => Err(WorkError::InUse(path.to_path_buf())),
            Err(TryLockError::Error(error)) => Err(at(&name)(error)),
        }
    }

    /// A job's folder, made if it isn't there.
    pub(crate) fn of(&self, job: i64) -> Result<JobFolder, WorkError> {
        let path = self.path.join(job.to_string());
        fs::create_dir_all(&path).map_err(at(&path))?;
        Ok(JobFolder(path))
    }

    /// Removes a job's folder.
    pub fn remove(&self, job: i64) -> Result<(), WorkError> {
        let path = self.path.join(job.to_string());
        match fs::remove_dir_all(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(at(&path)(error)),
            _ => Ok(()),
        }
    }

    /// Removes the folders of jobs other than these.
    pub(crate) fn keep_only(&self, jobs: &HashSet<i64>) -> Result<(), WorkError> {
        for entry in fs::read_dir(&self.path).map_err(at(&self.path))? {
            let name = entry.map_err(at(&self.path))?.file_name();
            let job = name.to_str().and_then(|name| name.parse().ok());
            if let Some(job) = job.filter(|job| !jobs.contains(job)) {
                self.remove(job)?;
            }
        }
        Ok(())
    }
}

/// A job's folder.
#[derive(Debug, Clone)]
pub(crate) struct JobFolder(PathBuf);

impl JobFolder {
    pub(crate) fn path(&self) -> &Path {
        &self.0
    }

    /// Writes a file: whole or not at all.
    pub(crate) fn put(&self, name: &str, bytes: &[u8]) -> Result<(), WorkError> {
        let (path, new) = (self.0.join(name), self.0.join(format!("{name}.new")));
        let write = || -> io::Result<()> {
            let mut file = File::create(&new)?;
            file.write_all(bytes)?;
            file.sync_all()?;
            fs::rename(&new, &path)
        };
        write().map_err(at(&path))
    }

    /// A file's bytes.
    pub(crate) fn read(&self, name: &str) -> Result<Vec<u8>, WorkError> {
        let path = self.0.join(name);
        fs::read(&path).map_err(at(&path))
    }

    /// What the queue is to keep of a file.
    pub(crate) fn keep(&self, name: &str) -> Result<Kept, WorkError> {
        let path = self.0.join(name);
        let bytes = fs::metadata(&path).map_err(at(&path))?.len();
        if bytes <= INLINE_BYTES {
            return Ok(Kept::Whole(self.read(name)?));
        }
        fingerprint(&path).map(Kept::Elsewhere).map_err(at(&path))
    }

    /// Makes a file what the queue has kept of it; whether that is possible here.
    pub(crate) fn restore(&self, name: &str, kept: &Kept) -> Result<bool, WorkError> {
        let path = self.0.join(name);
        match kept {
            Kept::Whole(bytes) => self.put(name, bytes).map(|()| true),
            Kept::Elsewhere(wanted) => match fs::metadata(&path) {
                Ok(found) if found.len() == wanted.bytes => {
                    fingerprint(&path).map(|found| found == *wanted).map_err(at(&path))
                }
                _ => Ok(false),
            },
        }
    }
}

fn fingerprint(path: &Path) -> io::Result<Fingerprint> {
    let mut file = File::open(path)?;
    let (mut hash, mut bytes) = (Sha256::new(), 0u64);
    let mut buffer = vec![0; 1 << 20];
    loop {
        match file.read(&mut buffer)? {
            0 => break,
            count => {
                hash.update(&buffer[..count]);
                bytes += count as u64;
            }
        }
    }
    Ok(Fingerprint {
        sha256: B256::new(hash.finalize().into()),
        bytes,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_small_file_goes_to_any_machine_and_a_large_one_stays() {
        let home = tempfile::tempdir().unwrap();
        let here = WorkFolder::open(&home.path().join("here")).unwrap();
        let there = WorkFolder::open(&home.path().join("there")).unwrap();
        let (here, there) = (here.of(1).unwrap(), there.of(1).unwrap());
        here.put("small", b"proof").unwrap();
        here.put("large", &vec![7; usize::try_from(INLINE_BYTES).unwrap() + 1])
            .unwrap();
        let kept = |name| Kept::decode(&here.keep(name).unwrap().encode()).unwrap();
        assert!(there.restore("small", &kept("small")).unwrap());
        assert_eq!(there.read("small").unwrap(), b"proof");
        assert!(here.restore("large", &kept("large")).unwrap());
        assert!(!there.restore("large", &kept("large")).unwrap());

        let print = kept("large");
        let mut changed = here.read("large").unwrap();
        changed[12_345] ^= 1;
        here.put("large", &changed).unwrap();
        assert!(!here.restore("large", &print).unwrap(), "a damaged file is made again");
    }

    #[test]
    fn results_of_other_programs_are_not_taken() {
        assert_eq!(Kept::decode(b""), None);
        assert_eq!(Kept::decode(b"\x01not json"), None);
        assert_eq!(Kept::decode(b"\x07"), None);
    }

    #[test]
    fn a_folder_has_one_daemon_and_only_the_jobs_that_are_there() {
        let home = tempfile::tempdir().unwrap();
        let folder = WorkFolder::open(home.path()).unwrap();
        assert!(matches!(WorkFolder::open(home.path()), Err(WorkError::InUse(_))));
        for job in 1..=3 {
            folder.of(job).unwrap().put("input.bin", b"x").unwrap();
        }
        folder.keep_only(&HashSet::from([2])).unwrap();
        let exists = |job: i64| home.path().join(job.to_string()).exists();
        assert!(!exists(1) && exists(2) && !exists(3));
        folder.remove(2).unwrap();
        folder.remove(2).unwrap();
        drop(folder);
        WorkFolder::open(home.path()).unwrap();
    }
}
