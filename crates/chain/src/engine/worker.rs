//! The engine's thread.

use std::{
    sync::{
        Arc, Weak,
        mpsc::{Receiver, RecvTimeoutError, SyncSender},
    },
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use cwe_storage::JournalContents;
use tokio::sync::watch;

use super::{
    Command, EngineError, EngineState,
    behind::BehindJournal,
    durability::UnderWay,
    group::{Group, JournalWriter},
    open_block::OpenBlock,
    replay::replay,
};
use crate::{EngineConfig, handle::Shared, mempool::Mempool};

pub(super) struct Worker {
    pub(super) config: Arc<EngineConfig>,
    pub(super) shared: Arc<Shared>,
    pub(super) journal: BehindJournal,
    pub(super) commands: Receiver<Command>,
    pub(super) state: watch::Sender<EngineState>,
    pub(super) block: OpenBlock,
    pub(super) pool: Mempool,
    pub(super) next_sequence: u64,
    /// What happened since the group under way, or else since `durable_pool` and the published open block.
    pub(super) group: Group,
    /// The group before, while the journal writes it.
    pub(super) under_way: Option<UnderWay>,
    /// A command that was looked at and left for the next group.
    next_command: Option<Command>,
    /// The pool as the journal has it.
    pub(super) durable_pool: Mempool,
    /// When to seal at the latest, or to look again.
    pub(super) deadline: Instant,
    /// When to seal if nothing more is executed; `None` while the open block is empty.
    pub(super) idle_at: Option<Instant>,
    pub(super) last_sealed: Instant,
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
        journal: (Box<dyn JournalWriter>, Weak<SyncSender<Command>>),
        contents: JournalContents,
        commands: Receiver<Command>,
        state: watch::Sender<EngineState>,
    ) -> Result<Self, EngineError> {
        let replayed = replay(&shared.spec, &shared.db, contents, now_secs())?;
        shared.set_latest(replayed.block.view().number().saturating_sub(1));
        let journal = BehindJournal::start(journal.0, journal.1)?;
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
            under_way: None,
            next_command: None,
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
        journal.close();
        drop(block);
        shared.pending.store(None);
        drop(shared);
        state.send_replace(EngineState::Stopped(reason));
    }

    fn serve(&mut self) -> Result<(), EngineError> {
        loop {
            match self.next_command() {
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

    /// Waits for a command until the block is to be sealed.
    fn next_command(&mut self) -> Result<Command, RecvTimeoutError> {
        match self.next_command.take() {
            Some(command) => Ok(command),
            None => self
                .commands
                .recv_timeout(self.seal_at().saturating_duration_since(Instant::now())),
        }
    }

    /// Takes what has arrived, up to one group, and makes it durable: behind the next group if something waits for it.
    fn handle_group(&mut self, first: Command) -> Result<Flow, EngineError> {
        let mut next = Some(first);
        let mut taken = 0;
        while let Some(command) = next {
            taken += command.weight();
            if self.handle(command)? == Flow::Stop {
                return Ok(Flow::Stop);
            }
            self.look_at_journal()?;
            next = if taken < self.config.max_group && Instant::now() < self.deadline {
                self.commands.try_recv().ok()
            } else {
                None
            };
        }
        if !self.group.is_empty() {
            self.finish_under_way()?;
            self.next_command = self.commands.try_recv().ok();
            if self.next_command.is_some() && Instant::now() < self.deadline {
                self.flush_behind()?;
            } else {
                self.flush()?;
            }
        }
        Ok(Flow::Continue)
    }

    fn handle(&mut self, command: Command) -> Result<Flow, EngineError> {
        match command {
            Command::Submit {
                transactions,
                reply,
                places,
            } => {
                drop(places);
                let outcomes = transactions
                    .into_iter()
                    .map(|transaction| {
                        let hash = transaction.hash;
                        self.admit(transaction).map(|()| hash)
                    })
                    .collect();
                self.group.reply(reply, outcomes);
            }
            Command::MessagesArrived => self.take_messages()?,
            Command::Journaled => self.look_at_journal()?,
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
                self.shared.db.persist()?;
                return Ok(Flow::Stop);
            }
            #[cfg(test)]
            Command::Abort => return Ok(Flow::Stop),
        }
        Ok(Flow::Continue)
    }

    pub(super) fn set_state(&self, state: EngineState) {
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

    pub(super) fn block_time(&self) -> Duration {
        Duration::from_millis(self.config.block_time_ms)
    }
}

/// Seconds since 1970.
pub(super) fn now_secs() -> u64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |elapsed| elapsed.as_secs())
}
