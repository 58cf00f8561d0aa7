//! What the worker executes: submissions, what waited in the pool, messages from L1.

use alloy::{consensus::transaction::Recovered, primitives::Address};
use cwe_executor::{ExecutionError, MessageError};
use cwe_storage::{L1MessageRecord, StorageError};

use super::{EngineError, worker::Worker};
use crate::{SubmitError, mempool::PoolTransaction};

/// Messages read from the database at once.
const MESSAGE_PAGE: usize = 64;

impl Worker {
    /// Executes a submitted transaction, or puts it to wait.
    pub(super) fn admit(&mut self, mut transaction: PoolTransaction) -> Result<(), SubmitError> {
        if self.block.view().by_hash(&transaction.hash).is_some() {
            return Err(SubmitError::AlreadyKnown);
        }
        let sender = transaction.sender();
        let account = self
            .block
            .view()
            .account(sender)
            .map_err(unavailable)?
            .unwrap_or_default();
        self.pool.check(&transaction, account.nonce, account.balance)?;
        transaction.sequence = self.next_sequence;
        let executable = transaction.nonce() == account.nonce && self.pays_base_fee(&transaction);
        if executable {
            self.freshen().map_err(unavailable)?;
        }
        if executable && self.has_room(&transaction) {
            let touched = self.execute(&transaction)?;
            self.next_sequence += 1;
            self.settle(touched);
        } else {
            if executable {
                self.seal_soon();
            }
            for old in self.pool.insert(transaction.clone(), account.nonce)? {
                self.drop_waiting(&old);
            }
            self.next_sequence += 1;
            self.group.accept(&transaction);
            self.group.pooled.push(transaction.hash);
        }
        Ok(())
    }

    /// Executes a new transaction and notes it for the journal. Returns the accounts it changed.
    fn execute(&mut self, transaction: &PoolTransaction) -> Result<Vec<Address>, SubmitError> {
        let executed = self.block.execute(transaction.transaction.clone()).map_err(refusal)?;
        self.group.accept(transaction);
        self.group.execute(transaction.sequence, executed.transaction);
        Ok(executed.touched)
    }

    /// Executes what waits and has become executable because these accounts changed, and what that makes executable.
    fn settle(&mut self, mut touched: Vec<Address>) {
        while let Some(sender) = touched.pop() {
            if self.pool.has_sender(&sender) {
                touched.extend(self.promote(sender));
            }
        }
    }

    /// Executes the waiting transactions of one sender as far as they can be. Returns the accounts they changed.
    fn promote(&mut self, sender: Address) -> Vec<Address> {
        let mut touched = Vec::new();
        loop {
            let Ok(account) = self.block.view().account(sender) else {
                return touched;
            };
            for stale in self.pool.on_nonce(sender, account.map_or(0, |account| account.nonce)) {
                self.drop_waiting(&stale);
            }
            let Some(head) = self.pool.ready_of(&sender).cloned() else {
                return touched;
            };
            if !self.pays_base_fee(&head) {
                return touched;
            }
            if !self.has_room(&head) {
                self.seal_soon();
                return touched;
            }
            match self.block.execute(head.transaction.clone()) {
                Ok(executed) => {
                    self.pool.remove(&head.hash);
                    self.group.execute(head.sequence, executed.transaction);
                    touched.extend(executed.touched.into_iter().filter(|address| *address != sender));
                }
                Err(ExecutionError::Database(error)) => {
                    tracing::error!(%error, "a waiting transaction can't be executed now");
                    return touched;
                }
                Err(error) => {
                    tracing::debug!(hash = %head.hash, %error, "a waiting transaction is no longer valid");
                    self.pool.remove(&head.hash);
                    self.drop_waiting(&head);
                }
            }
        }
    }

    /// Executes everything that waited for a lower base fee or for room, best fee first.
    pub(super) fn promote_all(&mut self) -> Result<(), EngineError> {
        let base_fee = self.block.view().context().base_fee;
        for sender in self.pool.executable_senders(base_fee) {
            self.freshen()?;
            let touched = self.promote(sender);
            self.settle(touched);
        }
        Ok(())
    }

    fn drop_waiting(&mut self, transaction: &PoolTransaction) {
        metrics::counter!("cwe_pool_evicted_total").increment(1);
        self.group.drop_transaction(transaction);
    }

    fn pays_base_fee(&self, transaction: &PoolTransaction) -> bool {
        transaction.fee() >= u128::from(self.block.view().context().base_fee)
    }

    fn has_room(&self, transaction: &PoolTransaction) -> bool {
        self.block.has_room(transaction, self.config.max_block_bytes)
    }

    /// Puts the journal's waiting transactions back; those that are no longer valid are dropped from the journal.
    pub(super) fn restore_pool(&mut self, waiting: Vec<PoolTransaction>) -> Result<(), EngineError> {
        for transaction in waiting {
            let account = self.block.view().account(transaction.sender())?.unwrap_or_default();
            let pushed_out = self
                .pool
                .check(&transaction, account.nonce, account.balance)
                .and_then(|()| self.pool.insert(transaction.clone(), account.nonce));
            match pushed_out {
                Ok(pushed_out) => pushed_out.iter().for_each(|old| self.drop_waiting(old)),
                Err(error) => {
                    tracing::info!(hash = %transaction.hash, %error, "a waiting transaction is no longer valid");
                    self.drop_waiting(&transaction);
                }
            }
        }
        self.durable_pool = self.pool.clone();
        self.publish_pool();
        Ok(())
    }

    /// Executes the queue's next messages, as long as the open block takes messages.
    pub(super) fn take_messages(&mut self) -> Result<(), EngineError> {
        let mut touched = Vec::new();
        let mut room = self.block.takes_messages();
        while room {
            let next = self.block.queue().next_index;
            let records = self.shared.db.latest()?.l1_messages(next, MESSAGE_PAGE)?;
            if records.is_empty() {
                break;
            }
            self.freshen()?;
            for record in records {
                match self.take_message(record)? {
                    Some(addresses) => touched.extend(addresses),
                    None => {
                        room = false;
                        break;
                    }
                }
            }
        }
        // Only now: a transaction in between would close the block for the other messages.
        self.settle(touched);
        Ok(())
    }

    /// Executes one message and returns the accounts it changed; `None` if it must wait for the next block.
    fn take_message(&mut self, record: L1MessageRecord) -> Result<Option<Vec<Address>>, EngineError> {
        let L1MessageRecord {
            message, queue_hash, ..
        } = record;
        let (index, sender) = (message.index, message.sender);
        match self.block.execute(Recovered::new_unchecked(message.into(), sender)) {
            Ok(executed) => {
                let computed = self.block.queue().hash;
                if computed != queue_hash {
                    return Err(EngineError::QueueHash {
                        index,
                        computed,
                        reported: queue_hash,
                    });
                }
                metrics::counter!("cwe_messages_included_total").increment(1);
                self.group.execute_message(index, executed.transaction);
                Ok(Some(executed.touched))
            }
            Err(ExecutionError::Message(MessageError::GasExceeded { .. })) => {
                self.seal_soon();
                Ok(None)
            }
            Err(error) => Err(EngineError::Execution(format!("L1 message {index}: {error}"))),
        }
    }
}

pub(super) fn unavailable(error: impl std::fmt::Display) -> SubmitError {
    SubmitError::Unavailable(error.to_string())
}

fn refusal(error: ExecutionError<StorageError>) -> SubmitError {
    match error {
        ExecutionError::Invalid(invalid) => invalid.into(),
        ExecutionError::Message(error) => SubmitError::Invalid(error.to_string()),
        ExecutionError::Database(error) => unavailable(error),
        ExecutionError::Evm(reason) => {
            tracing::error!(reason, "the EVM failed without blaming the transaction");
            SubmitError::Invalid(reason)
        }
    }
}
