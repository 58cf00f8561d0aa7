//! Whole blocks: what a full node and the guest do with a batch, and the sequencer with its closed block.

use alloc::{boxed::Box, vec::Vec};

use alloy_consensus::{Header, transaction::Recovered};
use alloy_primitives::B256;
use cwe_primitives::{Block, ChainSpec, L1Message, QueueHash, Receipt, StateChanges, TxEnvelope};
use cwe_trie::TrieUpdates;
use revm::DatabaseRef;

use crate::{
    backend::{BackendError, StateBackend},
    block::BlockContext,
    error::BlockError,
    executor::{BlockExecutor, BlockOutcome},
    roots::roots,
    seal::seal_header,
    state::BlockState,
};

/// What a block needs to know of the one before.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Parent {
    /// Header.
    pub header: Header,
    /// Hash of the header.
    pub hash: B256,
    /// The L1 queue after the block.
    pub queue: QueueHash,
}

/// What makes a block, given its parent: all that batch data and the L1 queue say of it.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct BlockInput {
    /// Seconds since 1970.
    pub timestamp: u64,
    /// The next messages of the L1 queue.
    pub messages: Vec<L1Message>,
    /// The other transactions.
    pub transactions: Vec<Recovered<TxEnvelope>>,
}

/// A block with all that follows from it.
#[derive(Debug, Clone, PartialEq)]
pub struct ExecutedBlock {
    /// The block.
    pub block: Block,
    /// Its hash.
    pub hash: B256,
    /// Receipts, in order.
    pub receipts: Vec<Receipt>,
    /// What it changes in the state.
    pub changes: StateChanges,
    /// What it changes in the trie.
    pub trie: TrieUpdates,
    /// The L1 queue after it.
    pub queue: QueueHash,
    /// Root of the withdrawal tree after it.
    pub withdrawal_root: B256,
}

impl ExecutedBlock {
    /// This block as the parent of the next.
    pub fn as_parent(&self) -> Parent {
        Parent {
            header: self.block.header.clone(),
            hash: self.hash,
            queue: self.queue,
        }
    }
}

/// Executes a block on `backend`, the state after `parent`. Nothing is written.
///
/// # Errors
/// [`BlockError`]: the block breaks a rule, or the state can't be read.
pub fn execute_block<B: StateBackend>(
    spec: &ChainSpec,
    parent: &Parent,
    input: BlockInput,
    backend: &B,
) -> Result<ExecutedBlock, BlockError<BackendError<B>>> {
    let (mut outcome, transactions, state) = run_block(spec, parent, input, backend)?;
    outcome.changes = state.changes();
    let transactions = transactions.into_iter().map(Recovered::into_inner).collect();
    conclude(outcome, transactions, backend)
}

/// Gives a closed block its state root and seals it; `transactions` are the executed ones, messages first, and
/// `backend` is the state that the block was executed on.
///
/// # Errors
/// [`BlockError::Trie`].
pub fn conclude<B: StateBackend>(
    outcome: BlockOutcome,
    transactions: Vec<TxEnvelope>,
    backend: &B,
) -> Result<ExecutedBlock, BlockError<BackendError<B>>> {
    let (trie, header) = roots(&outcome, &transactions, backend).map_err(|error| BlockError::Trie(Box::new(error)))?;
    let (block, hash) = seal_header(header, transactions).into_parts();
    Ok(ExecutedBlock {
        block,
        hash,
        receipts: outcome.receipts,
        changes: outcome.changes,
        trie,
        queue: outcome.queue,
        withdrawal_root: outcome.withdrawal_root,
    })
}

/// What a block came to, its transactions, and the state after it.
type RunBlock<DB> = (BlockOutcome, Vec<Recovered<TxEnvelope>>, BlockState<DB>);

/// Executes a block; its changes are in the state alone.
pub(crate) fn run_block<DB: DatabaseRef>(
    spec: &ChainSpec,
    parent: &Parent,
    input: BlockInput,
    db: DB,
) -> Result<RunBlock<DB>, BlockError<DB::Error>> {
    let context = BlockContext::next(spec, &parent.header, parent.hash, input.timestamp)?;
    let mut executor = BlockExecutor::new(spec, context, parent.queue, db)?;
    let messages = input.messages.into_iter().map(|message| {
        let sender = message.sender;
        Recovered::new_unchecked(TxEnvelope::from(message), sender)
    });
    let mut transactions: Vec<_> = messages.collect();
    if transactions.is_empty() {
        transactions = input.transactions;
    } else {
        transactions.extend(input.transactions);
    }
    for (position, tx) in transactions.iter().enumerate() {
        executor.add(tx).map_err(|source| BlockError::Transaction {
            number: context.number,
            position,
            source,
        })?;
    }
    let (outcome, state) = executor.close()?;
    Ok((outcome, transactions, state))
}
