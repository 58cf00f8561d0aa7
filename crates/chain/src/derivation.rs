//! From batch data and L1 messages to blocks: what a full node, an auditor and the prover's host do.

mod check;
mod error;

use alloy::primitives::{Address, B256};
use cwe_executor::{BlockInput, ExecutedBlock, Parent, execute_block};
use cwe_primitives::{BatchBlock, BatchCommitment, ChainSpec, L1Message, QueueHash, codec, transaction::recover_all};
use cwe_storage::{Database, Snapshot};

use self::check::{check_last, start_of};
pub use self::error::{ApplyError, CommittedField, DerivationError};
use crate::{SealedBlock, commit::append_block};

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
/// [`ApplyError`] says which field differs, and how; [`StorageError::PrunedHistory`](cwe_storage::StorageError::PrunedHistory) if the state below a block is no
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

#[cfg(test)]
mod tests;
