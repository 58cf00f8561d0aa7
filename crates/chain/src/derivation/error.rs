//! What can be wrong with a batch.

use alloy::primitives::B256;
use cwe_executor::BlockError;
use cwe_primitives::{batch::BadTransaction, codec::CodecError};
use cwe_storage::StorageError;

/// Batch data that is no run of blocks.
#[derive(Debug, thiserror::Error)]
pub enum DerivationError {
    /// The data doesn't decode.
    #[error(transparent)]
    Codec(#[from] CodecError),
    /// A listed transaction is none.
    #[error("block {number}: {error}")]
    Transaction {
        /// The block.
        number: u64,
        /// What is wrong.
        error: BadTransaction,
    },
    /// A listed transaction's signature recovers to nobody.
    #[error("block {number}: a transaction's signature is invalid")]
    Signature {
        /// The block.
        number: u64,
    },
    /// The data has another number of blocks than the commitment.
    #[error("batch data has {found} blocks, the commitment names {expected} (from block {first} to {last})")]
    BlockCount {
        /// Blocks in the data.
        found: usize,
        /// Blocks by the commitment.
        expected: u64,
        /// First block by the commitment.
        first: u64,
        /// Last block by the commitment.
        last: u64,
    },
    /// More messages counted than given.
    #[error("block {number} takes {needed} messages, {left} are left of those given")]
    MissingMessages {
        /// The block.
        number: u64,
        /// Messages counted.
        needed: u64,
        /// Messages left.
        left: usize,
    },
    /// Messages given that no block takes.
    #[error("{0} messages are left over after the last block")]
    MessagesLeft(usize),
}

/// A batch that does not say what executing it gives.
#[derive(Debug, thiserror::Error)]
pub enum ApplyError {
    /// The data is no run of blocks.
    #[error("batch {batch}: {error}")]
    Derivation {
        /// Batch index.
        batch: u64,
        /// What is wrong.
        error: DerivationError,
    },
    /// A block can't be executed.
    #[error("batch {batch}: {error}")]
    Execution {
        /// Batch index.
        batch: u64,
        /// What the executor said.
        error: Box<BlockError<StorageError>>,
    },
    /// A result differs from the commitment.
    #[error("batch {batch}: {field} is {computed}, the commitment says {committed}")]
    Mismatch {
        /// Batch index.
        batch: u64,
        /// Which field.
        field: CommittedField,
        /// What execution gives.
        computed: String,
        /// What the commitment says.
        committed: String,
    },
    /// A block of the database differs from the one that the batch gives ([`verify_batch`](super::verify_batch) only).
    #[error("batch {batch}, block {number}: the database has {stored}, the batch gives {computed}")]
    BlockDiffers {
        /// Batch index.
        batch: u64,
        /// The block.
        number: u64,
        /// Hash in the database.
        stored: B256,
        /// Hash that the batch gives.
        computed: B256,
    },
    /// The batch doesn't continue the database's chain.
    #[error(
        "batch {batch} begins at block {first_block}, the database ends at block {latest}: apply the batches before it"
    )]
    Gap {
        /// Batch index.
        batch: u64,
        /// First block of the batch.
        first_block: u64,
        /// Last block of the database.
        latest: u64,
    },
    /// The database can't be read or written.
    #[error(transparent)]
    Storage(#[from] StorageError),
}

/// A field of [`BatchCommitment`](cwe_primitives::BatchCommitment) that execution recomputes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CommittedField {
    /// Hash of the block before the first.
    ParentBlockHash,
    /// Hash of the last block.
    BlockHash,
    /// State root after the last block.
    StateRoot,
    /// Withdrawal root after the last block.
    WithdrawalRoot,
    /// Timestamp of the last block.
    LastTimestamp,
    /// Queue before the first block.
    QueueBefore,
    /// Queue after the last block.
    QueueAfter,
}

impl std::fmt::Display for CommittedField {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::ParentBlockHash => "parentBlockHash",
            Self::BlockHash => "blockHash",
            Self::StateRoot => "stateRoot",
            Self::WithdrawalRoot => "withdrawalRoot",
            Self::LastTimestamp => "lastTimestamp",
            Self::QueueBefore => "the queue before",
            Self::QueueAfter => "the queue after",
        })
    }
}
