//! The sequencer's core: one thread that owns the open block.
//!
//! A submission is checked and its sender recovered on the caller's thread; the engine's thread executes it on the open
//! block, writes it to the journal, and only then shows and acknowledges it. What arrives while the journal is written
//! goes into the next group, so that one disk flush serves many transactions; if something waits already when a group is
//! complete, it is executed while a thread of the journal writes the group.
//!
//! L1 messages come first in a block: they are taken when a block is opened, or into a block that has no other
//! transaction yet; a message never waits longer than one block.

mod admission;
mod behind;
mod durability;
mod group;
mod open_block;
mod replay;
mod sealing;
mod submitter;
#[cfg(test)]
mod tests;
mod worker;

use std::{
    sync::{
        Arc,
        mpsc::{SyncSender, TrySendError, sync_channel},
    },
    time::Duration,
};

use alloy::primitives::B256;
use cwe_executor::MAX_MESSAGE_GAS;
use cwe_primitives::ChainSpec;
use cwe_storage::{Database, Journal, JournalContents, StorageError};
use tokio::sync::{OwnedSemaphorePermit, oneshot, watch};

use self::{
    group::{JournalWriter, Reply},
    submitter::LocalSubmitter,
    worker::Worker,
};
use crate::{ChainHandle, EngineConfig, batching, handle::Shared, mempool::PoolTransaction};

/// Why the engine can't start or had to stop. It stops rather than acknowledge something that it might lose.
#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    /// The database or the journal can't be read or written.
    #[error(transparent)]
    Storage(#[from] StorageError),
    /// A setting can't work.
    #[error("{setting} is {value}: {reason}")]
    Config {
        /// Name of the setting.
        setting: &'static str,
        /// Its value.
        value: String,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// The executor failed on state that should be right.
    #[error("block execution failed: {0}")]
    Execution(String),
    /// Executing a transaction again gave another result.
    #[error("block {number}: transaction {hash} gave another receipt when executed again; report this, it is a defect")]
    Nondeterministic {
        /// The block.
        number: u64,
        /// The transaction.
        hash: B256,
    },
    /// The journal doesn't continue the database's chain, or can't be replayed.
    #[error("the journal can't be replayed: {0}")]
    Journal(String),
    /// The messages in the database don't give the queue hash that L1 reported.
    #[error("L1 message {index}: the messages give queue hash {computed}, L1 reported {reported}")]
    QueueHash {
        /// Index of the message.
        index: u64,
        /// From the messages.
        computed: B256,
        /// From L1.
        reported: B256,
    },
    /// The block couldn't be sealed now; it stays open and sealing is tried again.
    #[error("the block couldn't be stored and stays open: {0}")]
    NotSealed(StorageError),
    /// The engine has stopped.
    #[error("the engine has stopped{}", .0.as_ref().map_or_else(String::new, |reason| format!(": {reason}")))]
    Stopped(Option<String>),
}

/// What the engine's thread is told.
pub(crate) enum Command {
    Submit {
        transactions: Vec<PoolTransaction>,
        reply: Reply,
        /// Their places in the queue, free again when the engine has taken them.
        places: OwnedSemaphorePermit,
    },
    MessagesArrived,
    /// The journal has written the group under way, or failed to.
    Journaled,
    Seal(oneshot::Sender<Result<B256, EngineError>>),
    Shutdown,
    /// Ends without storing anything more, as a killed process does.
    #[cfg(test)]
    Abort,
}

impl Command {
    /// How many transactions it brings; at least 1, so that no group takes commands without end.
    fn weight(&self) -> usize {
        match self {
            Self::Submit { transactions, .. } => transactions.len().max(1),
            _ => 1,
        }
    }
}

/// How the engine is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum EngineState {
    Running,
    /// The last write failed.
    Failing,
    /// Ended, with the reason if it was a failure.
    Stopped(Option<String>),
}

/// Starts the sequencer's core.
#[derive(Debug)]
pub struct Engine;

impl Engine {
    /// Replays the journal onto the last block of the database and starts the engine's thread. The database must hold the
    /// genesis.
    ///
    /// # Errors
    /// [`EngineError`] if a setting can't work, the database or the journal can't be read, or the journal doesn't
    /// continue the chain.
    pub fn start(
        config: EngineConfig,
        spec: ChainSpec,
        db: Arc<Database>,
        journal: Journal,
    ) -> Result<(ChainHandle, EngineHandle), EngineError> {
        let contents = journal.load()?;
        batching::prepare_kzg();
        start_with(config, spec, db, Box::new(journal), contents)
    }
}

fn start_with(
    config: EngineConfig,
    spec: ChainSpec,
    db: Arc<Database>,
    journal: Box<dyn JournalWriter>,
    contents: JournalContents,
) -> Result<(ChainHandle, EngineHandle), EngineError> {
    check_config(&config, &spec)?;
    let config = Arc::new(config);
    let shared = Arc::new(Shared::new(spec, db, config.event_backlog)?);
    let (commands, receiver) = sync_channel(config.submission_queue);
    let commands = Arc::new(commands);
    // Not another sender: the engine ends when nobody else has one.
    let weak = Arc::downgrade(&commands);
    let (state, watch) = watch::channel(EngineState::Running);
    let (started, ready) = sync_channel(1);
    let parts = (Arc::clone(&config), Arc::clone(&shared));
    // The EVM stays on the thread that made it.
    let body = move || match Worker::start(parts.0, parts.1, (journal, weak), contents, receiver, state) {
        Ok(worker) => {
            let _ = started.send(Ok(()));
            worker.run();
        }
        Err(error) => drop(started.send(Err(error))),
    };
    std::thread::Builder::new()
        .name("engine".into())
        .spawn(body)
        .map_err(|error| EngineError::Stopped(Some(format!("its thread can't be started: {error}"))))?;
    ready
        .recv()
        .map_err(|_| EngineError::Stopped(Some("its thread died while starting".into())))??;
    let submitter = LocalSubmitter::new(Arc::clone(&shared), config, Arc::clone(&commands), watch.clone());
    Ok((
        ChainHandle::of(shared, Arc::new(submitter)),
        EngineHandle { commands, state: watch },
    ))
}

fn check_config(config: &EngineConfig, spec: &ChainSpec) -> Result<(), EngineError> {
    let refuse = |setting, value: u64, reason| {
        Err(EngineError::Config {
            setting,
            value: value.to_string(),
            reason,
        })
    };
    if config.block_time_ms == 0 {
        return refuse("block_time_ms", 0, "must be at least 1");
    }
    if config.max_group == 0 {
        return refuse("max_group", 0, "must be at least 1");
    }
    if config.submission_queue == 0 {
        return refuse("submission_queue", 0, "must be at least 1");
    }
    if spec.message_gas_limit() < MAX_MESSAGE_GAS {
        return refuse(
            "gas_limit",
            spec.gas_limit,
            "half of it must hold the largest L1 message, 2000000 gas",
        );
    }
    Ok(())
}

/// Control of a running engine; cheap to clone. The engine ends when all handles are gone, without sealing: the journal
/// keeps the open block.
#[derive(Debug, Clone)]
pub struct EngineHandle {
    commands: Arc<SyncSender<Command>>,
    state: watch::Receiver<EngineState>,
}

/// How long to wait before offering a command again to a full queue.
const RETRY: Duration = Duration::from_millis(5);

impl EngineHandle {
    /// Tells the engine that the database's message table has grown. The inbox watcher calls it after it stored
    /// messages; the engine reads them itself, in order, and checks them against the stored queue hashes.
    pub fn messages_arrived(&self) {
        // A full queue loses nothing: the engine looks at the table whenever it opens a block.
        let _ = self.commands.try_send(Command::MessagesArrived);
    }

    /// Seals the open block now, even if it is empty; returns its hash.
    ///
    /// # Errors
    /// [`EngineError::NotSealed`] if it couldn't be stored, [`EngineError::Stopped`].
    pub async fn seal(&self) -> Result<B256, EngineError> {
        let (reply, answer) = oneshot::channel();
        self.send(Command::Seal(reply)).await?;
        answer.await.map_err(|_| EngineError::Stopped(self.stop_reason()))?
    }

    /// Seals what is open, stores everything and stops the thread. Idempotent.
    ///
    /// # Errors
    /// [`EngineError::Stopped`] with the reason, if the engine failed before or while stopping.
    pub async fn shutdown(&self) -> Result<(), EngineError> {
        // An engine that has stopped already takes no command; its reason is what counts.
        let _ = self.send(Command::Shutdown).await;
        match self.stopped().await {
            None => Ok(()),
            reason => Err(EngineError::Stopped(reason)),
        }
    }

    /// Resolves when the engine has stopped, with the reason if it failed. The daemon ends then.
    pub async fn stopped(&self) -> Option<String> {
        let mut state = self.state.clone();
        // A watch that closed without a last word is a thread that died.
        match state.wait_for(|state| matches!(state, EngineState::Stopped(_))).await {
            Ok(state) => match &*state {
                EngineState::Stopped(reason) => reason.clone(),
                _ => None,
            },
            Err(_) => Some("its thread died".into()),
        }
    }

    /// Whether the engine takes transactions: for `/ready`.
    pub fn is_ready(&self) -> bool {
        *self.state.borrow() == EngineState::Running && self.state.has_changed().is_ok()
    }

    fn stop_reason(&self) -> Option<String> {
        match &*self.state.borrow() {
            EngineState::Stopped(reason) => reason.clone(),
            _ => None,
        }
    }

    async fn send(&self, mut command: Command) -> Result<(), EngineError> {
        loop {
            match self.commands.try_send(command) {
                Ok(()) => return Ok(()),
                Err(TrySendError::Disconnected(_)) => return Err(EngineError::Stopped(self.stop_reason())),
                Err(TrySendError::Full(back)) => command = back,
            }
            tokio::time::sleep(RETRY).await;
        }
    }

    #[cfg(test)]
    pub(crate) async fn abort(&self) {
        let _ = self.send(Command::Abort).await;
        self.stopped().await;
    }
}
