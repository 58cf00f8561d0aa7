//! What happened since the last journal commit: it becomes durable, then visible, then acknowledged, all together.

use std::sync::Arc;

use alloy::{eips::eip2718::Encodable2718, primitives::B256};
use cwe_storage::{AcceptedTransaction, ExecutedItem, Journal, JournalGroup, StorageError};
use tokio::sync::oneshot;

use crate::{PendingTransaction, SubmitError, mempool::PoolTransaction};

/// Where the engine writes before it acknowledges. The journal; in tests also one that fails.
pub(crate) trait JournalWriter: Send {
    /// Appends a group, atomically and durably.
    fn append(&mut self, group: &JournalGroup) -> Result<(), StorageError>;
}

impl JournalWriter for Journal {
    fn append(&mut self, group: &JournalGroup) -> Result<(), StorageError> {
        Self::append(self, group)
    }
}

/// What became of one submitted transaction.
pub(crate) type Outcome = Result<B256, SubmitError>;

/// Takes the answer to a submission: the outcomes of its transactions, in their order.
pub(crate) type Reply = oneshot::Sender<Vec<Outcome>>;

#[derive(Default)]
pub(super) struct Group {
    pub(super) journal: JournalGroup,
    pub(super) executed: Vec<Arc<PendingTransaction>>,
    pub(super) pooled: Vec<B256>,
    pub(super) dropped: Vec<B256>,
    replies: Vec<(Reply, Vec<Outcome>)>,
}

impl Group {
    /// Whether there is nothing to make durable.
    pub(super) fn is_empty(&self) -> bool {
        self.journal.accepted.is_empty()
            && self.journal.executed.is_empty()
            && self.journal.dropped.is_empty()
            && self.replies.is_empty()
    }

    /// A new transaction.
    pub(super) fn accept(&mut self, transaction: &PoolTransaction) {
        let raw = transaction.transaction.inner().encoded_2718().into();
        self.journal.accepted.push(AcceptedTransaction {
            sequence: transaction.sequence,
            raw,
        });
    }

    /// An accepted transaction was executed.
    pub(super) fn execute(&mut self, sequence: u64, transaction: Arc<PendingTransaction>) {
        self.journal.executed.push(ExecutedItem::Transaction(sequence));
        self.executed.push(transaction);
    }

    /// A message was executed.
    pub(super) fn execute_message(&mut self, index: u64, transaction: Arc<PendingTransaction>) {
        self.journal.executed.push(ExecutedItem::Message(index));
        self.executed.push(transaction);
    }

    /// An accepted transaction leaves without being executed.
    pub(super) fn drop_transaction(&mut self, transaction: &PoolTransaction) {
        self.dropped.push(transaction.hash);
        let accepted = self.journal.accepted.len();
        self.journal.accepted.retain(|new| new.sequence != transaction.sequence);
        if self.journal.accepted.len() == accepted {
            self.journal.dropped.push(transaction.sequence);
        }
    }

    /// Answers once the group is durable; at once if nothing was accepted. A caller that is gone doesn't matter.
    pub(super) fn reply(&mut self, reply: Reply, outcomes: Vec<Outcome>) {
        if outcomes.iter().any(Result::is_ok) {
            self.replies.push((reply, outcomes));
        } else {
            let _ = reply.send(outcomes);
        }
    }

    /// Acknowledges everything that was accepted.
    pub(super) fn acknowledge(self) {
        for (reply, outcomes) in self.replies {
            let _ = reply.send(outcomes);
        }
    }

    /// Refuses everything that was accepted.
    pub(super) fn refuse(self, error: &SubmitError) {
        for (reply, mut outcomes) in self.replies {
            for accepted in outcomes.iter_mut().filter(|outcome| outcome.is_ok()) {
                *accepted = Err(error.clone());
            }
            let _ = reply.send(outcomes);
        }
    }
}
