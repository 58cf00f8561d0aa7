//! A group's way: into the journal, then to the readers, then to whoever waits for its acknowledgement.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use alloy::primitives::B256;
use cwe_storage::{OpenBlock as JournaledOpening, StorageError};

use super::{EngineError, EngineState, admission::unavailable, group::Group, open_block::OpenBlock, worker::Worker};
use crate::ChainEvent;

impl Worker {
    /// Makes the group durable, then visible, then acknowledges it. If the journal can't be written, nothing of the
    /// group happened.
    pub(super) fn flush(&mut self) -> Result<(), EngineError> {
        if self.group.is_empty() {
            return Ok(());
        }
        let mut group = std::mem::take(&mut self.group);
        if !group.executed.is_empty() && self.published_is_empty() {
            group.journal.forget_through = Some(self.shared.db.persisted()?);
            group.journal.opened = Some(self.opened());
        }
        let started = Instant::now();
        let written = self.journal.append(&group.journal);
        metrics::histogram!("cwe_engine_journal_seconds").record(started.elapsed());
        if let Err(error) = written {
            return self.roll_back(group, &error);
        }
        self.set_state(EngineState::Running);
        self.durable_pool = self.pool.clone();
        metrics::counter!("cwe_engine_transactions_total").increment(group.executed.len() as u64);
        #[expect(clippy::cast_precision_loss, reason = "a histogram takes floats")]
        metrics::histogram!("cwe_engine_group_size").record(group.journal.accepted.len() as f64);
        if !group.executed.is_empty() && self.config.idle_seal_ms > 0 {
            self.idle_at = Some(Instant::now() + Duration::from_millis(self.config.idle_seal_ms));
        }
        self.publish(&mut group);
        group.acknowledge();
        Ok(())
    }

    /// Whether readers see an open block without transactions: then the journal has not seen it opened.
    pub(super) fn published_is_empty(&self) -> bool {
        self.shared
            .pending
            .load()
            .as_ref()
            .is_none_or(|published| published.is_empty())
    }

    /// How the open block was opened, for the journal.
    pub(super) fn opened(&self) -> JournaledOpening {
        let context = self.block.view().context();
        JournaledOpening {
            number: context.number,
            parent_hash: context.parent_hash,
            timestamp: context.timestamp,
            base_fee: context.base_fee,
            gas_limit: context.gas_limit,
        }
    }

    fn roll_back(&mut self, group: Group, error: &StorageError) -> Result<(), EngineError> {
        tracing::error!(%error, "the journal can't be written; nothing is acknowledged");
        metrics::counter!("cwe_engine_journal_failures_total").increment(1);
        self.set_state(EngineState::Failing);
        group.refuse(&unavailable(error));
        self.pool = self.durable_pool.clone();
        self.rebuild_block()
    }

    /// Opens the published block again: everything after it is forgotten.
    pub(super) fn rebuild_block(&mut self) -> Result<(), EngineError> {
        let published = self
            .shared
            .pending
            .load_full()
            .ok_or_else(|| EngineError::Execution("no open block".into()))?;
        self.block = OpenBlock::replay(&self.shared.spec, &published)?;
        Ok(())
    }

    fn publish(&self, group: &mut Group) {
        if !group.executed.is_empty() {
            self.publish_block();
        }
        self.publish_pool();
        let take = |hashes: &mut Vec<B256>| Arc::<[B256]>::from(std::mem::take(hashes));
        if !group.executed.is_empty() {
            let transactions = std::mem::take(&mut group.executed).into();
            self.shared.emit(ChainEvent::Executed {
                block_number: self.block.view().number(),
                transactions,
            });
        }
        if !group.pooled.is_empty() {
            self.shared.emit(ChainEvent::Pooled(take(&mut group.pooled)));
        }
        if !group.dropped.is_empty() {
            self.shared.emit(ChainEvent::Dropped(take(&mut group.dropped)));
        }
    }

    pub(super) fn publish_block(&self) {
        self.shared.pending.store(Some(Arc::new(self.block.view().clone())));
    }

    #[expect(clippy::cast_precision_loss, reason = "a gauge is a float")]
    pub(super) fn publish_pool(&self) {
        let content = self.pool.content();
        metrics::gauge!("cwe_pool_transactions").set(content.len() as f64);
        metrics::gauge!("cwe_pool_bytes").set(content.bytes() as f64);
        self.shared.pool.store(Arc::new(content.clone()));
    }
}
