//! What can go wrong with an index, and what to do about it.

use std::{
    io::{self, ErrorKind},
    path::{Path, PathBuf},
};

use cwe_fingerprint::{
    DecodeError,
    bucket::{BucketError, BucketPrefix},
};
use signet_libmdbx::{MdbxError, ReadError};

/// Any failure of a [`FingerprintIndex`](crate::FingerprintIndex).
///
/// A failed write leaves the index as it was before the call.
#[derive(Debug, thiserror::Error)]
pub enum IndexError {
    /// Another process, or another instance in this one, writes to the folder.
    #[error("{path} is in use by another writer: stop it first, or open the index read-only")]
    Locked {
        /// Folder of the index.
        path: PathBuf,
    },
    /// The folder holds something else.
    #[error("{path} holds something that is no fingerprint index ({found}): give the index an empty folder of its own")]
    Foreign {
        /// Folder that was given.
        path: PathBuf,
        /// What was found there.
        found: String,
    },
    /// The index was written in another format.
    #[error("{path} has format {found}, this program reads {supported}: remove the folder and index the works again")]
    Format {
        /// Folder of the index.
        path: PathBuf,
        /// Format of the files.
        found: u32,
        /// Format of this program.
        supported: u32,
    },
    /// A folder without an index was opened read-only.
    #[error("{path} holds no index yet: open it for writing first")]
    Missing {
        /// Folder that was given.
        path: PathBuf,
    },
    /// A bulk load into this index never finished.
    #[error("{path} holds an interrupted bulk load: remove the folder and load again")]
    InterruptedLoad {
        /// Folder of the index.
        path: PathBuf,
    },
    /// A bulk load needs an empty index.
    #[error("{path} already holds {works} works: bulk loading needs an empty index, use insert")]
    NotEmpty {
        /// Folder of the index.
        path: PathBuf,
        /// Works in it.
        works: u64,
    },
    /// A work came twice in a bulk load.
    #[error("work {work} comes twice in one bulk load: load each work once")]
    Repeated {
        /// The work.
        work: crate::WorkId,
    },
    /// Every number of a work was given away.
    #[error("the index has numbered {limit} works, its limit: build a new one from the works that are left")]
    Full {
        /// The limit.
        limit: u32,
    },
    /// Writing to an index that was opened for reading.
    #[error("{path} was opened read-only: open it for writing")]
    ReadOnly {
        /// Folder of the index.
        path: PathBuf,
    },
    /// A bucket's prefix is longer than the catalogue allows.
    #[error("bucket {prefix} would hold too few works: ask with at most {limit} bits")]
    PrefixTooLong {
        /// What was asked for.
        prefix: BucketPrefix,
        /// Longest prefix that is answered now.
        limit: u8,
    },
    /// A bucket has fewer pages.
    #[error("bucket {prefix} has {pages} pages, there is no page {page}: pages are counted from 0")]
    NoSuchPage {
        /// What was asked for.
        prefix: BucketPrefix,
        /// What was asked for.
        page: u32,
        /// Pages that there are.
        pages: u32,
    },
    /// A bucket is larger than what is gathered for one answer.
    #[error("bucket {prefix} holds more than {limit} anchors: ask with a longer prefix")]
    BucketTooLarge {
        /// What was asked for.
        prefix: BucketPrefix,
        /// The limit.
        limit: usize,
    },
    /// A bucket could not be put together.
    #[error("bucket: {0}")]
    Bucket(#[from] BucketError),
    /// A row of the index is malformed.
    #[error("table {table} holds a malformed row ({reason}): remove the folder and index the works again")]
    Malformed {
        /// The table.
        table: &'static str,
        /// What is wrong.
        reason: String,
    },
    /// The files are damaged.
    #[error("{path} is damaged ({reason}): remove the folder and index the works again")]
    Damaged {
        /// Folder of the index.
        path: PathBuf,
        /// What was found.
        reason: String,
    },
    /// No room left: on the disk, or under the configured limit.
    #[error("no room for {path} ({reason}): free disk space or raise the size limit; nothing was written")]
    NoRoom {
        /// Folder of the index.
        path: PathBuf,
        /// Which limit was met.
        reason: &'static str,
    },
    /// A file operation failed.
    #[error("{action} {path}: {source}")]
    Io {
        /// What was attempted.
        action: &'static str,
        /// File or folder.
        path: PathBuf,
        /// The system's reason.
        source: io::Error,
    },
    /// Any other failure of MDBX.
    #[error("MDBX at {path}: {source}")]
    Mdbx {
        /// Folder of the index.
        path: PathBuf,
        /// MDBX's reason.
        source: MdbxError,
    },
    /// A set of shards was given none.
    #[error("a sharded index needs at least one shard")]
    NoShards,
}

/// POSIX codes that mean "no room", as MDBX passes them on: ENOSPC, EFBIG, EDQUOT.
const NO_ROOM: [i32; 3] = [28, 27, 122];

impl IndexError {
    /// A row whose bytes do not have the table's layout.
    pub(crate) fn malformed(table: &'static str, reason: impl Into<String>) -> Self {
        Self::Malformed {
            table,
            reason: reason.into(),
        }
    }

    /// A stored descriptor that does not decode.
    pub(crate) fn descriptor(reason: &DecodeError) -> Self {
        Self::malformed("descriptors", reason.to_string())
    }

    /// Names a failed file operation; a full disk by its own name.
    pub(crate) fn io(action: &'static str, path: &Path, source: io::Error) -> Self {
        let path = path.to_path_buf();
        match source.kind() {
            ErrorKind::StorageFull | ErrorKind::FileTooLarge | ErrorKind::QuotaExceeded => Self::NoRoom {
                path,
                reason: "the disk is full",
            },
            _ => Self::Io { action, path, source },
        }
    }

    /// Names the failure of an MDBX call on the environment at `path`.
    pub(crate) fn mdbx(path: &Path, error: MdbxError) -> Self {
        let path = path.to_path_buf();
        match error {
            MdbxError::MapFull | MdbxError::UnableExtendMapSize => Self::NoRoom {
                path,
                reason: "the index reached its size limit",
            },
            MdbxError::Other(code) if NO_ROOM.contains(&code) => Self::NoRoom {
                path,
                reason: "the disk is full",
            },
            MdbxError::Busy => Self::Locked { path },
            MdbxError::Corrupted
            | MdbxError::PageNotFound
            | MdbxError::WannaRecovery
            | MdbxError::CursorFull
            | MdbxError::Incompatible => Self::Damaged {
                path,
                reason: error.to_string(),
            },
            source => Self::Mdbx { path, source },
        }
    }

    /// Names the failure of a read on the environment at `path`.
    pub(crate) fn read(path: &Path, error: ReadError) -> Self {
        match error {
            ReadError::Mdbx(error) => Self::mdbx(path, error),
            ReadError::Decoding(reason) => Self::Damaged {
                path: path.to_path_buf(),
                reason: reason.to_string(),
            },
        }
    }
}
