//! The open block: the executor that runs transactions as they come, and the view of it that readers get.

use std::sync::Arc;

use alloy::{
    consensus::{BlockHeader, transaction::Recovered},
    eips::eip2718::Encodable2718,
    primitives::Address,
};
use cwe_executor::{BlockContext, BlockExecutor, ExecutedBlock, ExecutionError, conclude};
use cwe_primitives::{ChainSpec, QueueHash, TxEnvelope};
use cwe_storage::{Snapshot, StorageError};

use super::EngineError;
use crate::{PendingBlock, PendingTransaction, mempool::PoolTransaction};

/// What executing one transaction gave.
pub(super) struct Executed {
    /// The transaction at its place.
    pub(super) transaction: Arc<PendingTransaction>,
    /// Accounts that it changed: their waiting transactions may have become valid or invalid.
    pub(super) touched: Vec<Address>,
}

pub(super) struct OpenBlock {
    executor: BlockExecutor<Arc<Snapshot>>,
    view: PendingBlock,
    /// Bytes of the transactions, messages left out: what the block takes of a batch, uncompressed.
    bytes: usize,
    /// Transactions that are no messages.
    user_transactions: usize,
}

impl OpenBlock {
    /// Opens the block after `parent`'s.
    pub(super) fn open(spec: &ChainSpec, parent: Arc<Snapshot>, timestamp: u64) -> Result<Self, EngineError> {
        let head = parent.head();
        let context = BlockContext::next(spec, head.inner(), head.hash(), timestamp.max(head.timestamp()))
            .map_err(|error| EngineError::Execution(error.to_string()))?;
        let queue = parent
            .queue_after(parent.number())?
            .ok_or_else(|| StorageError::MissingRow {
                what: format!("the L1 queue after block {}", parent.number()),
            })?;
        let executor = BlockExecutor::new(spec, context, queue, Arc::clone(&parent))
            .map_err(|error| EngineError::Execution(error.to_string()))?;
        let view = PendingBlock::new(context, parent, executor.system_changes());
        Ok(Self {
            executor,
            view,
            bytes: 0,
            user_transactions: 0,
        })
    }

    /// Opens the same block again, without transactions.
    pub(super) fn reopen(&self, spec: &ChainSpec, timestamp: u64) -> Result<Self, EngineError> {
        Self::open(spec, Arc::clone(self.view.parent_state()), timestamp)
    }

    /// Opens the block that `view` shows and executes its transactions again.
    pub(super) fn replay(spec: &ChainSpec, view: &PendingBlock) -> Result<Self, EngineError> {
        let mut block = Self::open(spec, Arc::clone(view.parent_state()), view.context().timestamp)?;
        for pending in view.transactions() {
            let again = block
                .execute(pending.transaction.clone())
                .map_err(|error| EngineError::Execution(error.to_string()))?;
            if again.transaction != *pending {
                return Err(EngineError::Nondeterministic {
                    number: view.number(),
                    hash: pending.hash,
                });
            }
        }
        Ok(block)
    }

    pub(super) const fn view(&self) -> &PendingBlock {
        &self.view
    }

    pub(super) fn queue(&self) -> QueueHash {
        self.executor.queue()
    }

    /// Messages come first in a block: only while it has no other transaction.
    pub(super) const fn takes_messages(&self) -> bool {
        self.user_transactions == 0
    }

    /// Whether the transaction fits what gas and bytes the block has left.
    pub(super) fn has_room(&self, transaction: &PoolTransaction, max_bytes: usize) -> bool {
        use alloy::consensus::Transaction;
        transaction.transaction.gas_limit() <= self.executor.gas_left()
            && self.bytes.saturating_add(transaction.size) <= max_bytes
    }

    /// Executes a transaction or message at the end of the block. An error leaves no trace.
    pub(super) fn execute(
        &mut self,
        transaction: Recovered<TxEnvelope>,
    ) -> Result<Executed, ExecutionError<StorageError>> {
        let executed = self.executor.execute(&transaction)?;
        let touched = executed.changes.accounts.iter().map(|(address, _)| *address).collect();
        if !transaction.inner().is_l1_message() {
            self.user_transactions += 1;
            self.bytes += transaction.inner().encode_2718_len();
        }
        let transaction = self.view.push(transaction, executed);
        Ok(Executed { transaction, touched })
    }

    /// Computes roots and header. Returns the block and its senders.
    pub(super) fn conclude(self) -> Result<(ExecutedBlock, Vec<Address>), EngineError> {
        let fail = |error: &dyn std::fmt::Display| EngineError::Execution(error.to_string());
        let transactions = self
            .view
            .transactions()
            .map(|pending| pending.transaction.inner().clone())
            .collect();
        let senders = self
            .view
            .transactions()
            .map(|pending| pending.transaction.signer())
            .collect();
        let outcome = self.executor.finish().map_err(|error| fail(&error))?;
        let block = conclude(outcome, transactions, self.view.parent_state().as_ref()).map_err(|error| fail(&error))?;
        Ok((block, senders))
    }
}
