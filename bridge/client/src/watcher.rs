//! The sequencer's eye on L1: messages for the engine, and what became of its own batches.

use std::sync::Arc;

use alloy::eips::BlockId;
use cwe_chain::{ChainHandle, EngineHandle};
use cwe_storage::{BatchRecord, BatchStatus};
use metrics::gauge;
use tracing::{info, warn};

use crate::{
    BlockRef, CommittedBatch, L1Client, L1Event, LocatedEvent, TaskError,
    scan::{self, Part, Reader},
    turns::blocking,
};

/// Reads confirmed L1 blocks: stores messages, tells the engine, follows the batches' way.
pub struct InboxWatcher {
    l1: Arc<L1Client>,
    chain: ChainHandle,
    engine: EngineHandle,
    /// The newest block that was read and compared.
    seen: Option<BlockRef>,
}

impl InboxWatcher {
    /// A watcher that feeds `engine`.
    pub const fn new(l1: Arc<L1Client>, chain: ChainHandle, engine: EngineHandle) -> Self {
        Self {
            l1,
            chain,
            engine,
            seen: None,
        }
    }

    /// Time between two turns.
    pub fn poll_interval(&self) -> std::time::Duration {
        self.l1.config().poll_interval
    }

    /// Reads what is new on L1.
    ///
    /// # Errors
    /// [`TaskError`]; [`TaskError::is_fatal`] when L1 contradicts what L2 has executed.
    pub async fn turn(&mut self) -> Result<(), TaskError> {
        self.seen = scan::turn(self, self.seen).await?;
        Ok(())
    }

    /// A batch is on L1: ours as recorded, ours in another form, or somebody else's.
    async fn note_commitment(
        &self,
        batch: &CommittedBatch,
        status: BatchStatus,
        head: &BlockRef,
    ) -> Result<(), TaskError> {
        let commitment = &batch.commitment;
        let index = commitment.index;
        let recorded = self.record(index)?;
        if index == 0
            || recorded
                .as_ref()
                .is_some_and(|record| matches!(record.status, BatchStatus::Finalized { .. }))
        {
            return Ok(());
        }
        gauge!("cwe_batches_committed").set(index as f64);
        let db = self.chain.db().clone();
        if recorded.is_some_and(|record| record.commitment == *commitment) {
            return blocking(move || Ok(db.set_batch_status(index, status)?)).await;
        }
        if self.l1.batch_hash(index, BlockId::hash(head.id.hash)).await? != commitment.hash() {
            // Reverted since, by an event that is read later.
            return Ok(());
        }
        let local = self.chain.db().latest()?.block_hash(commitment.last_block)?;
        if local != Some(commitment.block_hash) {
            return Err(TaskError::ForeignBatch {
                index,
                l1_block_hash: commitment.block_hash,
                local: local.map_or_else(|| "no such block".into(), |hash| hash.to_string()),
            });
        }
        info!(
            batch = index,
            "takes over a batch of this chain that L1 has and the database has not"
        );
        let record = BatchRecord {
            commitment: commitment.clone(),
            status,
        };
        let data = (!batch.calldata.is_empty()).then(|| batch.calldata.clone());
        blocking(move || {
            db.remove_batches_from(index)?;
            Ok(db.put_batch(&record, data.as_ref().map(AsRef::as_ref))?)
        })
        .await
    }

    /// Batches were dropped on L1: they wait to be posted again.
    async fn note_revert(&self, from: u64, to: u64, head: &BlockRef) -> Result<(), TaskError> {
        let at = BlockId::hash(head.id.hash);
        for index in from..=to {
            let Some(record) = self.record(index)? else { break };
            let committed = matches!(record.status, BatchStatus::Committed { .. });
            if committed && self.l1.batch_hash(index, at).await? != record.commitment.hash() {
                warn!(batch = index, "batch was reverted on L1, it will be posted again");
                let db = self.chain.db().clone();
                blocking(move || Ok(db.set_batch_status(index, BatchStatus::Built)?)).await?;
            }
        }
        Ok(())
    }

    fn record(&self, index: u64) -> Result<Option<BatchRecord>, TaskError> {
        Ok(self.chain.db().latest()?.batch(index)?)
    }
}

impl Reader for InboxWatcher {
    fn l1(&self) -> &L1Client {
        &self.l1
    }

    fn chain(&self) -> &ChainHandle {
        &self.chain
    }

    async fn take(&self, part: Part, head: &BlockRef) -> Result<(), TaskError> {
        let mut messages = Vec::new();
        for LocatedEvent {
            block,
            transaction,
            event,
            ..
        } in part.events
        {
            match event {
                L1Event::Message { message, queue_hash } => {
                    messages.push(scan::message_record(message, queue_hash, block));
                }
                L1Event::BatchCommitted(batch) => {
                    self.note_commitment(
                        &batch,
                        BatchStatus::Committed {
                            transaction,
                            l1_block: block,
                        },
                        head,
                    )
                    .await?;
                }
                L1Event::BatchesReverted { from, to } => self.note_revert(from, to, head).await?,
                L1Event::BatchesFinalized { from, to } => {
                    scan::note_proof(&self.chain, (from, to), transaction, block).await?;
                }
            }
        }
        let new = scan::store_messages(&self.chain, messages, part.end).await?;
        if new > 0 {
            info!(messages = new, l1_block = part.end.number, "L1 messages arrived");
            self.engine.messages_arrived();
        }
        Ok(())
    }

    /// Nothing executed may change: the sequencer has promised it.
    async fn on_deep_reorganisation(&self, head: &BlockRef) -> Result<(), TaskError> {
        self.check(head).await
    }

    /// L1 must still have every message that was executed, as it was.
    async fn check(&self, head: &BlockRef) -> Result<(), TaskError> {
        let executed = scan::executed_queue(&self.chain)?;
        let found = self
            .l1
            .queue_hash(executed.next_index, BlockId::hash(head.id.hash))
            .await?;
        if found == Some(executed.hash) {
            return Ok(());
        }
        Err(TaskError::ExecutedMessageChanged {
            policy: self.l1.config().confirmation.to_string(),
            last_index: executed.next_index.saturating_sub(1),
            executed: executed.hash,
            found: found.unwrap_or_default(),
        })
    }
}
