//! The engine's thread.

use std::{
    sync::{
        Arc,
        mpsc::{Receiver, RecvTimeoutError},
    },
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use alloy::{
    consensus::transaction::Recovered,
    primitives::{Address, B256},
};
use cwe_executor::{ExecutionError, MessageError};
use cwe_storage::{JournalContents, L1MessageRecord, OpenBlock as JournaledBlock, StorageError};
use tokio::sync::watch;

use super::{
    Command, EngineError, EngineState,
    group::{Group, JournalWriter},
    open_block::OpenBlock,
    replay::replay,
};
use crate::{
    ChainEvent, EngineConfig, SubmitError,
    commit::commit_block,
    handle::Shared,
    mempool::{Mempool, PoolTransaction},
};

/// Messages read from the database at once.
const MESSAGE_PAGE: usize = 64;

pub(super) struct Worker {
    config: Arc<EngineConfig>,
    shared: Arc<Shared>,
    journal: Box<dyn JournalWriter>,
    commands: Receiver<Command>,
    state: watch::Sender<EngineState>,
    block: OpenBlock,
    pool: Mempool,
    next_sequence: u64,
    /// What happened since `durable_pool` and the published open block.
    group: Group,
    /// The pool as the journal has it.
    durable_pool: Mempool,
    /// When to seal at the latest, or to look again.
    deadline: Instant,
    /// When to seal if nothing more is executed; `None` while the open block is empty.
    idle_at: Option<Instant>,
    last_sealed: Instant,
}

/// Whether the thread goes on.
#[derive(PartialEq, Eq)]
enum Flow {
    Continue,
    Stop,
}

impl Worker {
    /// Replays the journal, publishes the open block, takes what waits.
    pub(super) fn start(
        config: Arc<EngineConfig>,
        shared: Arc<Shared>,
        journal: Box<dyn JournalWriter>,
        contents: JournalContents,
        commands: Receiver<Command>,
        state: watch::Sender<EngineState>,
    ) -> Result<Self, EngineError> {
        let parent = Arc::new(shared.db.latest()?);
        let replayed = replay(&shared.spec, parent, contents, now_secs())?;
        let pool = Mempool::new(config.mempool.clone());
        let now = Instant::now();
        let mut worker = Self {
            config,
            shared,
            journal,
            commands,
            state,
            block: replayed.block,
            durable_pool: pool.clone(),
            pool,
            next_sequence: replayed.next_sequence,
            group: Group::default(),
            deadline: now,
            idle_at: None,
            last_sealed: now,
        };
        worker.deadline = now + worker.block_time();
        worker.publish_block();
        worker.restore_pool(replayed.waiting)?;
        worker.take_messages()?;
        worker.promote_all()?;
        worker.flush()?;
        tracing::info!(
            block = worker.block.view().number(),
            transactions = worker.block.view().len(),
            waiting = worker.pool.content().len(),
            "engine started"
        );
        Ok(worker)
    }

    /// Runs until told to stop, until nobody can tell it anything any more, or until it fails.
    pub(super) fn run(mut self) {
        let reason = match self.serve() {
            Ok(()) => None,
            Err(error) => {
                tracing::error!(%error, "engine stopped");
                Some(error.to_string())
            }
        };
        let Self {
            state,
            journal,
            block,
            shared,
            ..
        } = self;
        // Files are closed before anybody learns that the thread has ended: the next to open them may be waiting.
        drop((journal, block));
        shared.pending.store(None);
        drop(shared);
        state.send_replace(EngineState::Stopped(reason));
    }

    fn serve(&mut self) -> Result<(), EngineError> {
        loop {
            match self
                .commands
                .recv_timeout(self.seal_at().saturating_duration_since(Instant::now()))
            {
                Ok(command) => {
                    if self.handle_group(command)? == Flow::Stop {
                        return Ok(());
                    }
                }
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return Ok(()),
            }
            if Instant::now() >= self.seal_at() {
                self.tick()?;
            }
        }
    }

    /// Takes what has arrived, up to one group, and makes it durable.
    fn handle_group(&mut self, first: Command) -> Result<Flow, EngineError> {
        let mut next = Some(first);
        let mut taken = 0;
        while let Some(command) = next {
            if self.handle(command)? == Flow::Stop {
                return Ok(Flow::Stop);
            }
            taken += 1;
            next = if taken < self.config.max_group {
                self.commands.try_recv().ok()
            } else {
                None
            };
        }
        self.flush()?;
        Ok(Flow::Continue)
    }

    fn handle(&mut self, command: Command) -> Result<Flow, EngineError> {
        match command {
            Command::Submit { transaction, reply } => {
                let hash = transaction.hash;
                match self.admit(*transaction) {
                    Ok(()) => self.group.reply_later(reply, hash),
                    // A caller that is gone doesn't matter.
                    Err(error) => drop(reply.send(Err(error))),
                }
            }
            Command::MessagesArrived => self.take_messages()?,
            Command::Seal(reply) => {
                self.flush()?;
                let sealed = self.freshen().and_then(|()| self.seal());
                // A caller that is gone doesn't matter.
                match sealed {
                    Ok(_) | Err(EngineError::NotSealed(_)) => drop(reply.send(sealed)),
                    Err(fatal) => {
                        drop(reply.send(Err(EngineError::Stopped(Some(fatal.to_string())))));
                        return Err(fatal);
                    }
                }
            }
            Command::Shutdown => {
                self.flush()?;
                if !self.block.view().is_empty() {
                    self.seal()?;
                }
                return Ok(Flow::Stop);
            }
            #[cfg(test)]
            Command::Abort => return Ok(Flow::Stop),
        }
        Ok(Flow::Continue)
    }

    /// Executes a submitted transaction, or puts it to wait.
    fn admit(&mut self, mut transaction: PoolTransaction) -> Result<(), SubmitError> {
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
    fn promote_all(&mut self) -> Result<(), EngineError> {
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
    fn restore_pool(&mut self, waiting: Vec<PoolTransaction>) -> Result<(), EngineError> {
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
    fn take_messages(&mut self) -> Result<(), EngineError> {
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

    /// Makes the group durable, then visible, then acknowledges it. If the journal can't be written, nothing of the
    /// group happened.
    fn flush(&mut self) -> Result<(), EngineError> {
        if self.group.is_empty() {
            return Ok(());
        }
        let mut group = std::mem::take(&mut self.group);
        if !group.executed.is_empty() && self.published_is_empty() {
            let context = self.block.view().context();
            group.journal.forget_through = Some(context.number.saturating_sub(1));
            group.journal.opened = Some(JournaledBlock {
                number: context.number,
                parent_hash: context.parent_hash,
                timestamp: context.timestamp,
                base_fee: context.base_fee,
                gas_limit: context.gas_limit,
            });
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
    fn published_is_empty(&self) -> bool {
        self.shared
            .pending
            .load()
            .as_ref()
            .is_none_or(|published| published.is_empty())
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
    fn rebuild_block(&mut self) -> Result<(), EngineError> {
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

    fn publish_block(&self) {
        self.shared.pending.store(Some(Arc::new(self.block.view().clone())));
    }

    #[expect(clippy::cast_precision_loss, reason = "a gauge is a float")]
    fn publish_pool(&self) {
        let content = self.pool.content();
        metrics::gauge!("cwe_pool_transactions").set(content.len() as f64);
        metrics::gauge!("cwe_pool_bytes").set(content.bytes() as f64);
        self.shared.pool.store(Arc::new(content.clone()));
    }

    /// Gives an open block without transactions the present time.
    fn freshen(&mut self) -> Result<(), EngineError> {
        let now = now_secs();
        if self.block.view().is_empty() && now > self.block.view().context().timestamp {
            self.block = self.block.reopen(&self.shared.spec, now)?;
        }
        Ok(())
    }

    /// The block's time is over.
    fn tick(&mut self) -> Result<(), EngineError> {
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
    fn seal_soon(&mut self) {
        self.deadline = Instant::now();
    }

    /// Computes the root, commits the block, opens the next. The group must be flushed before.
    fn seal(&mut self) -> Result<B256, EngineError> {
        let started = Instant::now();
        self.check_messages()?;
        let spec = &self.shared.spec;
        let empty = self.block.reopen(spec, self.block.view().context().timestamp)?;
        let (executed, senders) = std::mem::replace(&mut self.block, empty).conclude()?;
        let sealed = match commit_block(&self.shared.db, executed, &senders) {
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

    fn set_state(&self, state: EngineState) {
        self.state.send_if_modified(|current| {
            let differs = *current != state;
            *current = state;
            differs
        });
    }

    /// The block's time is over, or nothing was executed for the idle time.
    fn seal_at(&self) -> Instant {
        self.idle_at.map_or(self.deadline, |idle_at| idle_at.min(self.deadline))
    }

    fn block_time(&self) -> Duration {
        Duration::from_millis(self.config.block_time_ms)
    }
}

fn unavailable(error: impl std::fmt::Display) -> SubmitError {
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

/// Seconds since 1970.
fn now_secs() -> u64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |elapsed| elapsed.as_secs())
}
