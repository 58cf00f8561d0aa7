//! A group's way: into the journal, then to the readers, then to whoever waits for its acknowledgement.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use cwe_storage::{JournalGroup, OpenBlock as JournaledOpening, StorageError};

use super::{EngineError, EngineState, admission::unavailable, group::Group, open_block::OpenBlock, worker::Worker};
use crate::{ChainEvent, PendingBlock, mempool::Mempool};

/// A group that the journal writes, and what readers see once it has.
pub(super) struct UnderWay {
    group: Group,
    accepted: usize,
    block: PendingBlock,
    pool: Mempool,
    since: Instant,
}

impl Worker {
    /// Makes everything that happened durable, then visible, then acknowledges it. If the journal can't be written,
    /// nothing of the group happened.
    pub(super) fn flush(&mut self) -> Result<(), EngineError> {
        self.finish_under_way()?;
        if self.group.is_empty() {
            return Ok(());
        }
        let (under_way, journaled) = self.take_group()?;
        let written = self.journal.append(&journaled);
        self.finish(under_way, written)
    }

    /// Begins to make the group durable; the next one can be executed meanwhile. None other may be under way.
    pub(super) fn flush_behind(&mut self) -> Result<(), EngineError> {
        if self.group.is_empty() {
            return Ok(());
        }
        let (under_way, journaled) = self.take_group()?;
        self.under_way = Some(under_way);
        self.journal.begin(journaled)
    }

    /// Waits for the group under way.
    pub(super) fn finish_under_way(&mut self) -> Result<(), EngineError> {
        match self.under_way.take() {
            Some(under_way) => {
                let written = self.journal.wait()?;
                self.finish(under_way, written)
            }
            None => Ok(()),
        }
    }

    /// Shows and acknowledges the group under way if it has become durable.
    pub(super) fn look_at_journal(&mut self) -> Result<(), EngineError> {
        let Some(under_way) = self.under_way.take() else {
            return Ok(());
        };
        match self.journal.poll()? {
            Some(written) => self.finish(under_way, written),
            None => {
                self.under_way = Some(under_way);
                Ok(())
            }
        }
    }

    /// The group with what readers are to see, and its record for the journal; an empty group begins.
    fn take_group(&mut self) -> Result<(UnderWay, JournalGroup), EngineError> {
        let mut group = std::mem::take(&mut self.group);
        let mut journaled = std::mem::take(&mut group.journal);
        if !group.executed.is_empty() && self.published_is_empty() {
            journaled.forget_through = Some(self.shared.db.persisted()?);
            journaled.opened = Some(self.opened());
        }
        let under_way = UnderWay {
            group,
            accepted: journaled.accepted.len(),
            block: self.block.view().clone(),
            pool: self.pool.clone(),
            since: Instant::now(),
        };
        Ok((under_way, journaled))
    }

    fn finish(&mut self, under_way: UnderWay, written: Result<(), StorageError>) -> Result<(), EngineError> {
        let UnderWay {
            group,
            accepted,
            block,
            pool,
            since,
        } = under_way;
        metrics::histogram!("cwe_engine_journal_seconds").record(since.elapsed());
        if let Err(error) = written {
            return self.roll_back(group, &error);
        }
        self.set_state(EngineState::Running);
        metrics::counter!("cwe_engine_transactions_total").increment(group.executed.len() as u64);
        #[expect(clippy::cast_precision_loss, reason = "a histogram takes floats")]
        metrics::histogram!("cwe_engine_group_size").record(accepted as f64);
        if !group.executed.is_empty() && self.config.idle_seal_ms > 0 {
            self.idle_at = Some(Instant::now() + Duration::from_millis(self.config.idle_seal_ms));
        }
        let is_same_pool = pool.content().is_same(self.durable_pool.content());
        self.durable_pool = pool;
        let block_number = block.number();
        if !group.executed.is_empty() {
            self.shared.pending.store(Some(Arc::new(block)));
        }
        if !is_same_pool {
            self.publish_pool();
        }
        self.announce(group, block_number);
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

    /// Takes back a group that couldn't be written, and what was executed after it.
    fn roll_back(&mut self, group: Group, error: &StorageError) -> Result<(), EngineError> {
        tracing::error!(%error, "the journal can't be written; nothing is acknowledged");
        metrics::counter!("cwe_engine_journal_failures_total").increment(1);
        self.set_state(EngineState::Failing);
        group.refuse(&unavailable(error));
        std::mem::take(&mut self.group).refuse(&unavailable(error));
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

    /// Tells subscribers of a group that readers can see, and acknowledges it.
    fn announce(&self, mut group: Group, block_number: u64) {
        if !group.executed.is_empty() {
            self.shared.emit(ChainEvent::Executed {
                block_number,
                transactions: std::mem::take(&mut group.executed).into(),
            });
        }
        if !group.pooled.is_empty() {
            self.shared
                .emit(ChainEvent::Pooled(std::mem::take(&mut group.pooled).into()));
        }
        if !group.dropped.is_empty() {
            self.shared
                .emit(ChainEvent::Dropped(std::mem::take(&mut group.dropped).into()));
        }
        group.acknowledge();
    }

    pub(super) fn publish_block(&self) {
        self.shared.pending.store(Some(Arc::new(self.block.view().clone())));
    }

    /// Shows the pool as the journal has it.
    #[expect(clippy::cast_precision_loss, reason = "a gauge is a float")]
    pub(super) fn publish_pool(&self) {
        let content = self.durable_pool.content();
        metrics::gauge!("cwe_pool_transactions").set(content.len() as f64);
        metrics::gauge!("cwe_pool_bytes").set(content.bytes() as f64);
        self.shared.pool.store(Arc::new(content.clone()));
    }
}
