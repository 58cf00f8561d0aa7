//! What can go wrong with the database, and what to do about it.

use std::path::{Path, PathBuf};

use alloy_primitives::B256;
use cwe_primitives::queue::UnexpectedIndex;
use signet_libmdbx::{MdbxError, ReadError};

use crate::Heads;

/// Any failure of [`Database`](crate::Database), [`Snapshot`](crate::Snapshot) or [`Journal`](crate::Journal).
///
/// A failed write leaves the database as it was before the call.
#[derive(Debug, thiserror::Error)]
pub enum StorageError {
    /// Another process, or another instance in this one, has the database open.
    #[error(
        "{path} is in use by process {}: stop it first",
        pid.map_or_else(|| "(unknown)".to_owned(), |pid| pid.to_string())
    )]
    Locked {
        /// Directory of the database.
        path: PathBuf,
        /// Who holds the lock, if the lock file says so.
        pid: Option<u32>,
    },
    /// The files were written by a newer program.
    #[error(
        "{path} has schema {found}, this program knows up to {supported}: upgrade the program, or use another data directory"
    )]
    NewerSchema {
        /// Directory of the database.
        path: PathBuf,
        /// Schema of the files.
        found: u64,
        /// Newest schema this program knows.
        supported: u64,
    },
    /// The files are of an older program and there is no migration.
    #[error("{path} has schema {found}, this program needs {supported}: remove the directory and sync again")]
    OlderSchema {
        /// Directory of the database.
        path: PathBuf,
        /// Schema of the files.
        found: u64,
        /// Schema this program needs.
        supported: u64,
    },
    /// The files are damaged, or are no database at all.
    #[error("{path} is damaged ({reason}): restore a copy, or remove the directory and sync again")]
    Corrupted {
        /// Directory of the database.
        path: PathBuf,
        /// What was found.
        reason: String,
    },
    /// A row does not decode.
    #[error("table {table} holds a malformed row ({reason}): the database is damaged, restore a copy or sync again")]
    MalformedRow {
        /// Table of the row.
        table: &'static str,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// A row that other rows promise is not there.
    #[error("{what} is missing: the database is damaged, restore a copy or sync again")]
    MissingRow {
        /// What was looked for.
        what: String,
    },
    /// No room left: on the disk, or under the configured limit.
    #[error("no room for {path}: {reason}; free disk space or raise the size limit, nothing was written")]
    DiskFull {
        /// Directory of the database.
        path: PathBuf,
        /// Which limit was met.
        reason: &'static str,
    },
    /// Too many snapshots are open at once.
    #[error("all {limit} reader slots of {path} are taken: close snapshots, or raise max_readers")]
    TooManyReaders {
        /// Directory of the database.
        path: PathBuf,
        /// Configured number of slots.
        limit: u64,
    },
    /// The database belongs to another chain.
    #[error("{path} holds the chain with {what} {found}, not {expected}: use another data directory")]
    WrongChain {
        /// Directory of the database.
        path: PathBuf,
        /// What differs.
        what: &'static str,
        /// In the database.
        found: String,
        /// Asked for.
        expected: String,
    },
    /// There is no genesis yet.
    #[error("{path} is empty: initialise it with a genesis first")]
    Uninitialised {
        /// Directory of the database.
        path: PathBuf,
    },
    /// A bulk load into this database never finished.
    #[error("{path} holds an interrupted bulk load: remove the directory and load again")]
    InterruptedLoad {
        /// Directory of the database.
        path: PathBuf,
    },
    /// A bulk load needs an empty database.
    #[error("{path} already holds a chain: bulk loading needs an empty directory")]
    NotEmpty {
        /// Directory of the database.
        path: PathBuf,
    },
    /// The state after this block is no longer, or not yet, known.
    #[error("no state for block {asked}: states are kept for blocks {oldest} to {latest}")]
    PrunedHistory {
        /// Block asked for.
        asked: u64,
        /// Oldest block whose state is known.
        oldest: u64,
        /// Newest block.
        latest: u64,
    },
    /// A block that does not follow the newest one.
    #[error("block {number} on parent {parent} does not follow block {latest} with hash {latest_hash}")]
    NotNext {
        /// Number of the refused block.
        number: u64,
        /// Its parent hash.
        parent: B256,
        /// Newest block of the database.
        latest: u64,
        /// Its hash.
        latest_hash: B256,
    },
    /// The parts of a commit contradict each other.
    #[error("block {number} can't be committed: {reason}")]
    Inconsistent {
        /// Number of the refused block.
        number: u64,
        /// Which parts disagree.
        reason: &'static str,
    },
    /// Finalized blocks are never removed.
    #[error("can't go back to block {asked}: block {finalized} is finalized on L1")]
    Finalized {
        /// Block asked for.
        asked: u64,
        /// Newest finalized block.
        finalized: u64,
    },
    /// A batch that does not follow the newest one.
    #[error("batch {index} from block {first_block} does not follow {}", latest_batch(*latest))]
    BatchNotNext {
        /// Index of the refused batch.
        index: u64,
        /// Its first block.
        first_block: u64,
        /// Index and last block of the newest batch of the database.
        latest: Option<(u64, u64)>,
    },
    /// A batch whose last block is not ours.
    #[error(
        "batch {index} says block {last_block} is {block_hash}, here it is {}",
        ours.map_or_else(|| "not known".to_owned(), |hash| hash.to_string())
    )]
    BatchMismatch {
        /// Index of the refused batch.
        index: u64,
        /// Its last block.
        last_block: u64,
        /// Hash that it gives.
        block_hash: B256,
        /// Hash of our block.
        ours: Option<B256>,
    },
    /// There is no such batch.
    #[error("there is no batch {index}")]
    NoBatch {
        /// Index asked for.
        index: u64,
    },
    /// An L1 message that is not the next of the queue.
    #[error(transparent)]
    MessageNotNext(#[from] UnexpectedIndex),
    /// The queue hash that L1 reported is not the one that the messages give.
    #[error("L1 message {index}: L1 says the queue hash is {expected}, the messages give {computed}")]
    QueueHashMismatch {
        /// Index of the message.
        index: u64,
        /// From L1.
        expected: B256,
        /// From the messages.
        computed: B256,
    },
    /// Messages that a block took can't be forgotten.
    #[error("can't forget L1 messages from {next_index} on: blocks took {taken}; unwind the blocks first")]
    MessagesInUse {
        /// First message to forget.
        next_index: u64,
        /// Number of messages that blocks took.
        taken: u64,
    },
    /// Heads that contradict the chain.
    #[error(
        "heads safe {} and finalized {} are not between the finalized block {before} and the newest block {latest}",
        heads.safe, heads.finalized
    )]
    BadHeads {
        /// Refused heads.
        heads: Heads,
        /// Finalized block so far.
        before: u64,
        /// Newest block.
        latest: u64,
    },
    /// The journal was told of executed transactions before a block was opened.
    #[error("transactions were executed while no block is open in the journal")]
    NoOpenBlock,
    /// A value larger than a row may be.
    #[error("a row of {size} bytes for table {table} is over the limit of {limit} bytes")]
    TooLarge {
        /// Table of the row.
        table: &'static str,
        /// Size of the value in bytes.
        size: usize,
        /// Limit in bytes.
        limit: usize,
    },
    /// Writing to a database that was opened for reading.
    #[error("{path} was opened read-only")]
    ReadOnly {
        /// Directory of the database.
        path: PathBuf,
    },
    /// A file operation failed.
    #[error("{action} {path}: {source}")]
    Io {
        /// What was attempted.
        action: &'static str,
        /// File or directory.
        path: PathBuf,
        /// The system's reason.
        source: std::io::Error,
    },
    /// Any other failure of MDBX.
    #[error("MDBX at {path}: {source}")]
    Mdbx {
        /// Directory of the database.
        path: PathBuf,
        /// MDBX's reason.
        source: MdbxError,
    },
    /// The trie could not be read or updated.
    #[error("state trie: {0}")]
    Trie(String),
}

impl revm::database_interface::DBErrorMarker for StorageError {}

fn latest_batch(latest: Option<(u64, u64)>) -> String {
    latest.map_or_else(
        || "genesis: the first batch has index 0 and block 0".to_owned(),
        |(index, last_block)| format!("batch {index}, which ends at block {last_block}"),
    )
}

/// POSIX codes that mean "no room", as MDBX passes them on: ENOSPC, EFBIG, EDQUOT.
const NO_ROOM: [i32; 3] = [28, 27, 122];

/// Names the failure of an MDBX call on the environment at `path`.
pub(crate) fn from_mdbx(path: &Path, max_readers: u64, error: MdbxError) -> StorageError {
    let path = path.to_path_buf();
    match error {
        MdbxError::MapFull | MdbxError::UnableExtendMapSize => StorageError::DiskFull {
            path,
            reason: "the database reached its size limit",
        },
        MdbxError::Other(code) if NO_ROOM.contains(&code) => StorageError::DiskFull {
            path,
            reason: "the disk is full",
        },
        MdbxError::ReadersFull => StorageError::TooManyReaders {
            path,
            limit: max_readers,
        },
        MdbxError::Busy => StorageError::Locked { path, pid: None },
        MdbxError::Corrupted
        | MdbxError::Invalid
        | MdbxError::VersionMismatch
        | MdbxError::PageNotFound
        | MdbxError::WannaRecovery
        | MdbxError::CursorFull
        | MdbxError::Incompatible => StorageError::Corrupted {
            path,
            reason: error.to_string(),
        },
        source => StorageError::Mdbx { path, source },
    }
}

/// Names the failure of a read on the environment at `path`.
pub(crate) fn from_read(path: &Path, max_readers: u64, error: ReadError) -> StorageError {
    match error {
        ReadError::Mdbx(error) => from_mdbx(path, max_readers, error),
        ReadError::Decoding(reason) => StorageError::Corrupted {
            path: path.to_path_buf(),
            reason: reason.to_string(),
        },
    }
}
