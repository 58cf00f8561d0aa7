//! The checks, batch by batch.

use alloc::{boxed::Box, vec::Vec};

use alloy_primitives::{B256, Bytes, keccak256};
use cwe_executor::{BlockInput, SealedBlock, WitnessState};
use cwe_primitives::{
    BatchBlock, BatchCommitment, ChainSpec, DataLocation, L1Message, QueueHash,
    batch::{ProofStatement, ProvenBatch},
    codec,
    transaction::recover_all,
};

use crate::{
    blob::open_blobs,
    error::StatementError,
    input::{BatchInput, ProofInput},
    scalar::Scalar,
};

/// Decodes an input, executes it, and returns the proof's public value.
///
/// # Errors
/// [`StatementError`]; any input is allowed.
pub fn prove<F: Scalar>(input: &Bytes) -> Result<B256, StatementError> {
    Ok(statement::<F>(ProofInput::decode(input)?)?.public_value())
}

/// Executes the batches of an input and returns what that shows.
///
/// # Errors
/// [`StatementError`]: a check failed, or the witness is not complete.
pub fn statement<F: Scalar>(input: ProofInput) -> Result<ProofStatement, StatementError> {
    check_spec(&input.spec)?;
    let state = WitnessState::new(input.witness)?;
    check_parent(&input.spec, &state)?;
    let parent_block_hash = state.parent_hash();
    let mut run = Run {
        spec: input.spec,
        state,
        queue: input.queue,
        parent_batch_hash: input.parent_batch_hash,
        next_index: input.first_index,
        last: None,
    };
    let batches = input
        .batches
        .into_iter()
        .map(|batch| run.batch::<F>(batch))
        .collect::<Result<_, _>>()?;
    let last = run.last.ok_or(StatementError::NoBatch)?;
    Ok(ProofStatement {
        l2_chain_id: run.spec.chain_id,
        parent_block_hash,
        block_hash: last.hash,
        state_root: last.header.state_root,
        withdrawal_root: last.withdrawal_root,
        queue_hash_before: input.queue.hash,
        queue_hash_after: last.queue.hash,
        batches,
        prover: input.prover,
    })
}

/// The chain as it stands between two batches.
struct Run {
    spec: ChainSpec,
    state: WitnessState,
    queue: QueueHash,
    parent_batch_hash: B256,
    next_index: u64,
    last: Option<SealedBlock>,
}

impl Run {
    /// Executes one batch and hashes what L1 has of it.
    fn batch<F: Scalar>(&mut self, batch: BatchInput) -> Result<ProvenBatch, StatementError> {
        let index = self.next_index;
        let overflow = StatementError::Overflow { batch: index };
        self.next_index = index.checked_add(1).ok_or(overflow)?;
        let blocks = codec::decode(&batch.data).map_err(|source| StatementError::Data { batch: index, source })?;
        let openings = if batch.versioned_hashes.is_empty() {
            Vec::new()
        } else {
            open_blobs::<F>(&batch.versioned_hashes, &batch.data)?
        };
        let data = if batch.versioned_hashes.is_empty() {
            DataLocation::Calldata(keccak256(&batch.data))
        } else {
            DataLocation::Blobs(batch.versioned_hashes)
        };
        let (queue_before, parent_block_hash) = (self.queue, self.state.parent_hash());
        let first_block = self.state.parent().number.saturating_add(1);
        let last = self.blocks(index, blocks, batch.messages)?;
        let commitment = BatchCommitment {
            parent_batch_hash: self.parent_batch_hash,
            index,
            first_block,
            last_block: last.header.number,
            last_timestamp: last.header.timestamp,
            parent_block_hash,
            block_hash: last.hash,
            state_root: last.header.state_root,
            withdrawal_root: last.withdrawal_root,
            queue_before,
            queue_after: last.queue,
            data,
        };
        self.last = Some(last);
        self.parent_batch_hash = commitment.hash();
        Ok(ProvenBatch {
            batch_hash: self.parent_batch_hash,
            openings,
        })
    }

    /// Executes a batch's blocks, which take the messages between them, all and in order.
    fn blocks(
        &mut self,
        batch: u64,
        blocks: Vec<BatchBlock>,
        messages: Vec<L1Message>,
    ) -> Result<SealedBlock, StatementError> {
        let found = messages.len();
        let expected = blocks
            .iter()
            .fold(0, |sum: u64, block| sum.saturating_add(block.message_count));
        if expected != found as u64 {
            return Err(StatementError::MessageCount { batch, found, expected });
        }
        let overflow = || StatementError::Overflow { batch };
        self.queue.next_index.checked_add(expected).ok_or_else(overflow)?;
        let mut messages = messages.into_iter();
        let mut last = None;
        for block in blocks {
            // The sum equals a length, so each count fits.
            let count = usize::try_from(block.message_count).map_err(|_| overflow())?;
            let taken = messages.by_ref().take(count).collect();
            last = Some(self.block(&block, taken)?);
        }
        last.ok_or(StatementError::NoBatch)
    }

    fn block(&mut self, block: &BatchBlock, messages: Vec<L1Message>) -> Result<SealedBlock, StatementError> {
        let number = self.state.parent().number.saturating_add(1);
        let transactions = block
            .decode_transactions()
            .map_err(|source| StatementError::Transaction { block: number, source })?;
        let transactions = recover_all(transactions).map_err(|_| StatementError::Signature { block: number })?;
        let input = BlockInput {
            timestamp: block.timestamp,
            messages,
            transactions,
        };
        let sealed = self
            .state
            .execute(&self.spec, self.queue, input)
            .map_err(|reason| StatementError::Block {
                block: number,
                reason: Box::new(reason),
            })?;
        self.queue = sealed.queue;
        Ok(sealed)
    }
}

/// Refuses parameters that a genesis refuses: the base fee's arithmetic takes them for granted.
fn check_spec(spec: &ChainSpec) -> Result<(), StatementError> {
    let refuse = |name, value| Err(StatementError::Parameter { name, value });
    match spec {
        ChainSpec {
            base_fee_denominator: 0,
            ..
        } => refuse("base_fee_denominator", 0),
        ChainSpec {
            base_fee_elasticity, ..
        } if *base_fee_elasticity == 0 || *base_fee_elasticity > spec.gas_limit => {
            refuse("base_fee_elasticity", *base_fee_elasticity)
        }
        _ => Ok(()),
    }
}

/// Refuses a parent whose numbers would run over in the next base fee.
fn check_parent(spec: &ChainSpec, state: &WitnessState) -> Result<(), StatementError> {
    let refuse = |name, value| Err(StatementError::ParentHeader { name, value });
    let parent = state.parent();
    if parent.gas_used > spec.gas_limit {
        return refuse("gas_used", parent.gas_used);
    }
    let base_fee = parent.base_fee_per_gas.unwrap_or(spec.initial_base_fee);
    if u128::from(base_fee) * u128::from(spec.base_fee_elasticity) > u128::from(u64::MAX / 2) {
        return refuse("base_fee_per_gas", base_fee);
    }
    Ok(())
}
