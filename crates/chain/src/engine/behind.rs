//! The journal behind the engine: it writes one group while the engine executes the next.
//!
//! At most one group is under way. Nothing of it is visible or acknowledged before it is durable, and if it can't be
//! written, what was executed after it is taken back with it.

use std::{
    sync::{
        Arc, Mutex, PoisonError, Weak,
        mpsc::{Receiver, SyncSender, TryRecvError, sync_channel},
    },
    thread::JoinHandle,
};

use cwe_storage::{JournalGroup, StorageError};

use super::{Command, EngineError, group::JournalWriter};

/// The journal, and the thread that writes to it while the engine does something else.
pub(super) struct BehindJournal {
    journal: Arc<Mutex<Box<dyn JournalWriter>>>,
    groups: SyncSender<JournalGroup>,
    written: Receiver<Result<(), StorageError>>,
    thread: JoinHandle<()>,
}

impl BehindJournal {
    /// Starts the thread. It tells `engine` of every group that it has written, unless that has commands waiting anyway.
    pub(super) fn start(
        journal: Box<dyn JournalWriter>,
        engine: Weak<SyncSender<Command>>,
    ) -> Result<Self, EngineError> {
        let journal = Arc::new(Mutex::new(journal));
        let (groups, next_group) = sync_channel::<JournalGroup>(1);
        let (results, written) = sync_channel(1);
        let behind = Arc::clone(&journal);
        let body = move || {
            while let Ok(group) = next_group.recv() {
                let result = append(&behind, &group);
                if results.send(result).is_err() {
                    return;
                }
                if let Some(engine) = engine.upgrade() {
                    // A full queue has woken the engine already.
                    let _ = engine.try_send(Command::Journaled);
                }
            }
        };
        let thread = std::thread::Builder::new()
            .name("journal".into())
            .spawn(body)
            .map_err(|error| EngineError::Stopped(Some(format!("the journal's thread can't be started: {error}"))))?;
        Ok(Self {
            journal,
            groups,
            written,
            thread,
        })
    }

    /// Writes a group; it is durable when this returns. No other may be under way.
    pub(super) fn append(&self, group: &JournalGroup) -> Result<(), StorageError> {
        append(&self.journal, group)
    }

    /// Begins to write a group. No other may be under way.
    pub(super) fn begin(&self, group: JournalGroup) -> Result<(), EngineError> {
        self.groups.send(group).map_err(|_| died())
    }

    /// What became of the group under way, if that is known yet.
    pub(super) fn poll(&self) -> Result<Option<Result<(), StorageError>>, EngineError> {
        match self.written.try_recv() {
            Ok(result) => Ok(Some(result)),
            Err(TryRecvError::Empty) => Ok(None),
            Err(TryRecvError::Disconnected) => Err(died()),
        }
    }

    /// Waits for the group under way.
    pub(super) fn wait(&self) -> Result<Result<(), StorageError>, EngineError> {
        self.written.recv().map_err(|_| died())
    }

    /// Waits for the thread to end, and closes the journal's files.
    pub(super) fn close(self) {
        let Self {
            journal,
            groups,
            written,
            thread,
        } = self;
        drop((groups, written));
        // A panic of the thread was reported when it happened.
        let _ = thread.join();
        drop(journal);
    }
}

fn append(journal: &Mutex<Box<dyn JournalWriter>>, group: &JournalGroup) -> Result<(), StorageError> {
    journal.lock().unwrap_or_else(PoisonError::into_inner).append(group)
}

fn died() -> EngineError {
    EngineError::Stopped(Some("the journal's thread died".into()))
}
