//! From the open block to a sealed one, and on to the next.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use alloy::primitives::B256;
use cwe_storage::JournalGroup;

use super::{
    EngineError, EngineState,
    open_block::OpenBlock,
    worker::{Worker, now_secs},
};
use crate::{ChainEvent, commit::append_block};

impl Worker {
    /// Gives an open block without transactions the present time.
    pub(super) fn freshen(&mut self) -> Result<(), EngineError> {
        let now = now_secs();
        if self.block.view().is_empty() && now > self.block.view().context().timestamp {
            self.block = self.block.reopen(&self.shared.spec, now)?;
        }
        Ok(())
    }

    /// The block's time is over.
    pub(super) fn tick(&mut self) -> Result<(), EngineError> {
        self.deadline = Instant::now() + self.block_time();
        self.idle_at = None;
        self.take_messages()?;
        self.flush()?;
        let heartbeat = Duration::from_secs(self.config.heartbeat_secs);
        let heartbeat_due = !heartbeat.is_zero() && self.last_sealed.elapsed() >= heartbeat;
        if self.block.view().is_empty() && !heartbeat_due && !self.base_fee_must_fall() {
            return Ok(());
        }
        self.freshen()?;
        match self.seal() {
            Ok(_) => Ok(()),
            // It stays open and journaled; the next tick tries again.
            Err(EngineError::NotSealed(_)) => Ok(()),
            Err(fatal) => Err(fatal),
        }
    }

    /// A transaction that could be executed waits for a lower base fee, and only blocks lower it: without empty ones
    /// it would wait for ever once nobody else pays the present fee.
    fn base_fee_must_fall(&self) -> bool {
        self.pool.has_ready() && self.block.view().context().base_fee > self.shared.spec.min_base_fee
    }

    /// Seals at the next opportunity: something waits that the open block has no room for.
    pub(super) fn seal_soon(&mut self) {
        self.deadline = Instant::now();
    }

    /// Computes the root, appends the block to the chain, opens the next. The group must be flushed before.
    ///
    /// The journal says first that the block is complete, and under which hash: the database writes it later.
    pub(super) fn seal(&mut self) -> Result<B256, EngineError> {
        let started = Instant::now();
        self.check_messages()?;
        let mut journaled = JournalGroup {
            forget_through: Some(self.shared.db.persisted()?),
            opened: self.published_is_empty().then(|| self.opened()),
            ..JournalGroup::default()
        };
        let spec = &self.shared.spec;
        let empty = self.block.reopen(spec, self.block.view().context().timestamp)?;
        let (executed, senders) = std::mem::replace(&mut self.block, empty).conclude()?;
        journaled.sealed = Some(executed.hash);
        let write_ahead = || self.journal.append(&journaled);
        let sealed = match append_block(&self.shared.db, executed, senders, write_ahead) {
            Ok(sealed) => Arc::new(sealed),
            Err(error) => {
                tracing::error!(%error, "the block can't be stored; it stays open");
                self.set_state(EngineState::Failing);
                self.rebuild_block()?;
                return Err(EngineError::NotSealed(error));
            }
        };
        self.last_sealed = Instant::now();
        metrics::histogram!("cwe_engine_seal_seconds").record(started.elapsed());
        #[expect(clippy::cast_precision_loss, reason = "a histogram takes floats")]
        metrics::histogram!("cwe_engine_block_gas").record(sealed.block.header.gas_used as f64);
        tracing::debug!(
            number = sealed.block.header.number,
            hash = %sealed.hash,
            transactions = sealed.receipts.len(),
            gas = sealed.block.header.gas_used,
            elapsed = ?started.elapsed(),
            "block sealed"
        );
        self.set_state(EngineState::Running);
        self.shared.set_latest(sealed.block.header.number);
        let hash = sealed.hash;
        self.open_next()?;
        self.shared.emit(ChainEvent::Block(sealed));
        self.fill_next()?;
        Ok(hash)
    }

    /// The queue that the block ends with is still the one that L1 reports: a deep L1 reorganisation may have taken
    /// messages back while the block was open.
    fn check_messages(&self) -> Result<(), EngineError> {
        let queue = self.block.queue();
        let Some(index) = queue.next_index.checked_sub(1) else {
            return Ok(());
        };
        match self.shared.db.latest()?.l1_message(index)? {
            Some(record) if record.queue_hash == queue.hash => Ok(()),
            found => Err(EngineError::QueueHash {
                index,
                computed: queue.hash,
                reported: found.map_or(B256::ZERO, |record| record.queue_hash),
            }),
        }
    }

    fn open_next(&mut self) -> Result<(), EngineError> {
        let parent = Arc::new(self.shared.db.latest()?);
        self.block = OpenBlock::open(&self.shared.spec, parent, now_secs())?;
        self.publish_block();
        self.deadline = Instant::now() + self.block_time();
        self.idle_at = None;
        Ok(())
    }

    /// Messages first, then what waited for this block.
    fn fill_next(&mut self) -> Result<(), EngineError> {
        self.take_messages()?;
        self.promote_all()?;
        self.flush()
    }
}
