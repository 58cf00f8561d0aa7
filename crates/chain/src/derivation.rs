//! From batch data and L1 messages to blocks: what a full node, an auditor and the prover's host do.

use alloy::primitives::{Address, B256};
use cwe_executor::{BlockError, BlockInput, ExecutedBlock, Parent, execute_block};
use cwe_primitives::{
    BatchBlock, BatchCommitment, ChainSpec, L1Message, QueueHash,
    batch::BadTransaction,
    codec::{self, CodecError},
    transaction::recover_all,
};
use cwe_storage::{Database, Snapshot, StorageError};

use crate::{SealedBlock, commit::append_block};

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
    /// A block of the database differs from the one that the batch gives ([`verify_batch`] only).
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

/// A field of [`BatchCommitment`] that execution recomputes.
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

/// Decodes batch data into blocks, in order. `messages` are exactly those from `queue_before` to `queue_after`; their
/// order and hash are checked when the blocks are executed.
///
/// # Errors
/// [`DerivationError`]; any data is allowed.
pub fn derive(
    commitment: &BatchCommitment,
    data: &[u8],
    messages: &[L1Message],
) -> Result<Vec<BlockInput>, DerivationError> {
    let blocks = codec::decode(data)?;
    let (first, last) = (commitment.first_block, commitment.last_block);
    let expected = last
        .checked_sub(first)
        .and_then(|count| count.checked_add(1))
        .unwrap_or(0);
    if blocks.len() as u64 != expected {
        return Err(DerivationError::BlockCount {
            found: blocks.len(),
            expected,
            first,
            last,
        });
    }
    let mut left = messages;
    let inputs = blocks
        .iter()
        .zip(first..)
        .map(|(block, number)| {
            let taken = take_messages(&mut left, block.message_count, number)?;
            block_input(block, taken, number)
        })
        .collect::<Result<_, _>>()?;
    if !left.is_empty() {
        return Err(DerivationError::MessagesLeft(left.len()));
    }
    Ok(inputs)
}

fn take_messages<'a>(left: &mut &'a [L1Message], needed: u64, number: u64) -> Result<&'a [L1Message], DerivationError> {
    let missing = DerivationError::MissingMessages {
        number,
        needed,
        left: left.len(),
    };
    let (taken, rest) = usize::try_from(needed)
        .ok()
        .and_then(|count| left.split_at_checked(count))
        .ok_or(missing)?;
    *left = rest;
    Ok(taken)
}

fn block_input(block: &BatchBlock, messages: &[L1Message], number: u64) -> Result<BlockInput, DerivationError> {
    let transactions = block
        .decode_transactions()
        .map_err(|error| DerivationError::Transaction { number, error })?;
    let transactions = recover_all(transactions).map_err(|_| DerivationError::Signature { number })?;
    Ok(BlockInput {
        timestamp: block.timestamp,
        messages: messages.to_vec(),
        transactions,
    })
}

/// Executes a batch on the database, block by block, and checks every result against the commitment. Blocks of the
/// batch that are in the database already (after a crash in the middle) are removed and executed again; when a check
/// fails the database is left at the block before the batch. `on_block` sees every block when
/// readers do; all are on disk once the batch is stored ([`Database::put_batch`]).
///
/// # Errors
/// [`ApplyError`] says which field differs, and how.
pub fn apply_batch(
    db: &Database,
    spec: &ChainSpec,
    commitment: &BatchCommitment,
    data: &[u8],
    messages: &[L1Message],
    mut on_block: impl FnMut(SealedBlock),
) -> Result<(), ApplyError> {
    let inputs = derive(commitment, data, messages).map_err(|error| ApplyError::Derivation {
        batch: commitment.index,
        error,
    })?;
    let parent = start_of(&db.latest()?, commitment)?;
    let before = parent.header.number;
    if db.latest()?.number() > before {
        db.unwind_to(before)?;
    }
    let result = apply_inputs(db, spec, commitment, parent, inputs, &mut on_block);
    if result.is_err() && db.latest()?.number() > before {
        db.unwind_to(before)?;
    }
    result
}

fn apply_inputs(
    db: &Database,
    spec: &ChainSpec,
    commitment: &BatchCommitment,
    mut parent: Parent,
    inputs: Vec<BlockInput>,
    on_block: &mut impl FnMut(SealedBlock),
) -> Result<(), ApplyError> {
    let count = inputs.len();
    for (position, input) in inputs.into_iter().enumerate() {
        let senders = senders(&input);
        let executed = execute(spec, commitment, &parent, input, &db.latest()?)?;
        if position + 1 == count {
            check_last(commitment, &executed)?;
        }
        parent = executed.as_parent();
        // After a crash the batch is derived from L1 again.
        let sealed = append_block(db, executed, senders, || Ok(()))?;
        metrics::counter!("cwe_derivation_blocks_total").increment(1);
        on_block(sealed);
    }
    Ok(())
}

/// What [`verify_batch`] computed, all equal to the commitment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VerifiedBatch {
    /// Blocks executed.
    pub blocks: u64,
    /// Transactions executed, messages included.
    pub transactions: u64,
    /// Gas used.
    pub gas_used: u64,
    /// Hash of the last block.
    pub block_hash: B256,
    /// Queue after the last block.
    pub queue_after: QueueHash,
}

/// Re-executes a batch whose blocks the database already has, without writing: each block on the state below it.
/// The audit's execution check.
///
/// # Errors
/// [`ApplyError`] says which field differs, and how; [`StorageError::PrunedHistory`] if the state below a block is no
/// longer kept.
pub fn verify_batch(
    db: &Database,
    spec: &ChainSpec,
    commitment: &BatchCommitment,
    data: &[u8],
    messages: &[L1Message],
) -> Result<VerifiedBatch, ApplyError> {
    let batch = commitment.index;
    let inputs = derive(commitment, data, messages).map_err(|error| ApplyError::Derivation { batch, error })?;
    let latest = db.latest()?;
    let mut parent = start_of(&latest, commitment)?;
    let mut verified = VerifiedBatch {
        blocks: 0,
        transactions: 0,
        gas_used: 0,
        block_hash: parent.hash,
        queue_after: parent.queue,
    };
    let count = inputs.len();
    for (position, input) in inputs.into_iter().enumerate() {
        let number = parent.header.number + 1;
        let executed = execute(spec, commitment, &parent, input, &db.at(number - 1)?)?;
        if position + 1 == count {
            check_last(commitment, &executed)?;
        }
        let stored = latest.block_hash(number)?.ok_or(ApplyError::Gap {
            batch,
            first_block: commitment.first_block,
            latest: latest.number(),
        })?;
        if stored != executed.hash {
            return Err(ApplyError::BlockDiffers {
                batch,
                number,
                stored,
                computed: executed.hash,
            });
        }
        verified.blocks += 1;
        verified.transactions += executed.receipts.len() as u64;
        verified.gas_used += executed.block.header.gas_used;
        verified.block_hash = executed.hash;
        verified.queue_after = executed.queue;
        parent = executed.as_parent();
    }
    Ok(verified)
}

fn senders(input: &BlockInput) -> Vec<Address> {
    let messages = input.messages.iter().map(|message| message.sender);
    messages
        .chain(input.transactions.iter().map(|transaction| transaction.signer()))
        .collect()
}

fn execute(
    spec: &ChainSpec,
    commitment: &BatchCommitment,
    parent: &Parent,
    input: BlockInput,
    state: &Snapshot,
) -> Result<ExecutedBlock, ApplyError> {
    execute_block(spec, parent, input, state).map_err(|error| ApplyError::Execution {
        batch: commitment.index,
        error: Box::new(error),
    })
}

/// The block before the batch, checked against the commitment.
fn start_of(view: &Snapshot, commitment: &BatchCommitment) -> Result<Parent, ApplyError> {
    let gap = || ApplyError::Gap {
        batch: commitment.index,
        first_block: commitment.first_block,
        latest: view.number(),
    };
    let before = commitment.first_block.checked_sub(1).ok_or_else(gap)?;
    let header = view.header(before)?.ok_or_else(gap)?;
    let queue = view.queue_after(before)?.ok_or_else(gap)?;
    let parent = Parent {
        hash: header.hash(),
        header: header.into_inner(),
        queue,
    };
    let check = Check {
        batch: commitment.index,
    };
    check.equal(
        CommittedField::ParentBlockHash,
        &parent.hash,
        &commitment.parent_block_hash,
    )?;
    check.equal_queue(CommittedField::QueueBefore, parent.queue, commitment.queue_before)?;
    Ok(parent)
}

fn check_last(commitment: &BatchCommitment, last: &ExecutedBlock) -> Result<(), ApplyError> {
    let check = Check {
        batch: commitment.index,
    };
    let header = &last.block.header;
    check.equal(
        CommittedField::LastTimestamp,
        &header.timestamp,
        &commitment.last_timestamp,
    )?;
    check.equal_queue(CommittedField::QueueAfter, last.queue, commitment.queue_after)?;
    check.equal(CommittedField::StateRoot, &header.state_root, &commitment.state_root)?;
    check.equal(
        CommittedField::WithdrawalRoot,
        &last.withdrawal_root,
        &commitment.withdrawal_root,
    )?;
    check.equal(CommittedField::BlockHash, &last.hash, &commitment.block_hash)
}

struct Check {
    batch: u64,
}

impl Check {
    fn equal<T: PartialEq + std::fmt::Display>(
        &self,
        field: CommittedField,
        computed: &T,
        committed: &T,
    ) -> Result<(), ApplyError> {
        if computed == committed {
            return Ok(());
        }
        let (computed, committed) = (computed.to_string(), committed.to_string());
        Err(ApplyError::Mismatch {
            batch: self.batch,
            field,
            computed,
            committed,
        })
    }

    fn equal_queue(&self, field: CommittedField, computed: QueueHash, committed: QueueHash) -> Result<(), ApplyError> {
        let show = |queue: QueueHash| format!("{} messages with hash {}", queue.next_index, queue.hash);
        self.equal(field, &show(computed), &show(committed))
    }
}

#[cfg(test)]
mod tests;
