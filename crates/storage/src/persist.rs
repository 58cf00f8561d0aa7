//! From memory to the file: what [`Database::append_block`](crate::Database::append_block) took is written in the
//! background, several blocks in one transaction, oldest first.
//!
//! A transaction of MDBX costs a copy of every page that it touches and a flush of the disk. Blocks touch mostly the
//! same upper pages of the trie: written together they share them, and the engine waits for none of it.

use std::{
    sync::{
        Arc, Condvar, Mutex, MutexGuard, PoisonError, RwLock,
        atomic::{AtomicBool, Ordering},
    },
    thread::JoinHandle,
    time::{Duration, Instant},
};

use crate::{
    HistoryMode, StorageError,
    codec::BlockId,
    commit,
    environment::Environment,
    recent::{Generation, View, read, write},
};

/// A generation of this size is written without delay.
const DUE_BYTES: usize = 64 << 20;

/// Beyond this an append waits until something is written: memory is bounded.
const MOST_BYTES: usize = 256 << 20;
const MOST_BLOCKS: usize = 1024;

/// Pause before the file is tried again after a failure.
const RETRY: Duration = Duration::from_secs(1);

/// What readers, the appending thread and the writing thread share.
#[derive(Debug)]
pub(crate) struct Recent {
    environment: Arc<Environment>,
    history: HistoryMode,
    persist_after: Duration,
    /// Held while a generation is written. Taken before `appending`.
    persisting: Mutex<()>,
    /// Held while a block is appended, and while the chain in the file is changed otherwise. Taken before `view`.
    appending: Mutex<()>,
    view: RwLock<View>,
    failing: AtomicBool,
    clock: Mutex<Clock>,
    wake: Condvar,
}

#[derive(Debug, Default)]
struct Clock {
    /// When the oldest block that is only in memory came.
    since: Option<Instant>,
    /// The open generation is large.
    due: bool,
    stop: bool,
}

/// Nobody appends while this is held, and everything appended is in the file.
pub(crate) struct Exclusive<'r> {
    _persisting: MutexGuard<'r, ()>,
    _appending: MutexGuard<'r, ()>,
}

/// The right to append the next block.
pub(crate) struct Appending<'r> {
    recent: &'r Recent,
    _guard: MutexGuard<'r, ()>,
}

impl Recent {
    pub(crate) fn new(environment: Arc<Environment>, history: HistoryMode, persist_after: Duration) -> Self {
        Self {
            environment,
            history,
            persist_after,
            persisting: Mutex::default(),
            appending: Mutex::default(),
            view: RwLock::default(),
            failing: AtomicBool::new(false),
            clock: Mutex::default(),
            wake: Condvar::new(),
        }
    }

    /// What `take` makes of the view, while no block leaves it: for taking a transaction of the file along with it.
    pub(crate) fn with_view<R>(&self, take: impl FnOnce(&View) -> R) -> R {
        take(&read(&self.view))
    }

    /// Waits for its turn to append; for room, if much waits for the file. Fails if the file can't be written.
    pub(crate) fn appending(&self) -> Result<Appending<'_>, StorageError> {
        if self.failing.load(Ordering::Acquire) || self.is_full() {
            self.persist()?;
        }
        Ok(Appending {
            recent: self,
            _guard: lock(&self.appending),
        })
    }

    fn is_full(&self) -> bool {
        let view = read(&self.view);
        let (bytes, blocks) = view.generations.iter().fold((0, 0), |(bytes, blocks), generation| {
            (bytes + generation.bytes(), blocks + generation.len())
        });
        bytes >= MOST_BYTES || blocks >= MOST_BLOCKS
    }

    /// Writes everything that was appended so far. When this returns, it survives a crash and a loss of power.
    pub(crate) fn persist(&self) -> Result<(), StorageError> {
        let _persisting = lock(&self.persisting);
        {
            let _appending = lock(&self.appending);
            self.close_generation();
        }
        self.write_closed()
    }

    /// As [`Self::persist`], and nobody appends until the guard is dropped.
    pub(crate) fn exclusive(&self) -> Result<Exclusive<'_>, StorageError> {
        let persisting = lock(&self.persisting);
        let appending = lock(&self.appending);
        self.close_generation();
        self.write_closed()?;
        *write(&self.view) = View::default();
        Ok(Exclusive {
            _persisting: persisting,
            _appending: appending,
        })
    }

    /// Further blocks go to a new generation.
    fn close_generation(&self) {
        let mut view = write(&self.view);
        let open_is_used = view.generations.first().is_some_and(|open| !open.is_empty());
        if let (true, Some(tip)) = (open_is_used, view.tip) {
            view.generations.insert(0, Arc::new(Generation::new(tip.number + 1)));
        }
        let mut clock = lock(&self.clock);
        clock.since = None;
        clock.due = false;
    }

    /// Writes the closed generations, the oldest first.
    fn write_closed(&self) -> Result<(), StorageError> {
        while let Some(oldest) = self.oldest_closed() {
            let written = self.write(&oldest);
            self.failing.store(written.is_err(), Ordering::Release);
            if let Err(error) = written {
                // Tried again even if nothing more is appended.
                lock(&self.clock).since.get_or_insert_with(Instant::now);
                return Err(error);
            }
            let mut view = write(&self.view);
            view.generations.pop();
            // An append may be under way into the open one: it stays.
            if view.generations.iter().all(|generation| generation.is_empty()) {
                view.tip = None;
            }
        }
        Ok(())
    }

    /// The last one is closed unless it is the only one: that is open.
    fn oldest_closed(&self) -> Option<Arc<Generation>> {
        let view = read(&self.view);
        if view.generations.len() > 1 {
            view.generations.last().cloned()
        } else {
            None
        }
    }

    fn write(&self, generation: &Generation) -> Result<(), StorageError> {
        let writer = self.environment.writer()?;
        commit::write_generation(&writer, generation, self.history)?;
        writer.commit()
    }

    /// The writing thread: writes what has been in memory for long enough, until told to stop.
    fn run(&self) {
        loop {
            let mut clock = lock(&self.clock);
            let wait = loop {
                if clock.stop {
                    return;
                }
                let age = clock.since.map(|since| since.elapsed());
                match age {
                    Some(age) if clock.due || age >= self.persist_after => break None,
                    Some(age) => break Some(self.persist_after - age),
                    None => clock = self.wake.wait(clock).unwrap_or_else(PoisonError::into_inner),
                }
            };
            if let Some(wait) = wait {
                drop(self.wake.wait_timeout(clock, wait));
                continue;
            }
            drop(clock);
            if let Err(error) = self.persist() {
                tracing::error!(%error, "blocks can't be written to the database now; they stay in memory and in the journal");
                let clock = lock(&self.clock);
                if !clock.stop {
                    drop(self.wake.wait_timeout(clock, RETRY));
                }
            }
        }
    }
}

impl Appending<'_> {
    /// Adds a block that was checked, and shows it to readers.
    pub(crate) fn push(self, block: &crate::BlockCommit<'_>) {
        let number = block.block.header.number;
        let open = {
            let mut view = write(&self.recent.view);
            if view.generations.is_empty() {
                view.generations.push(Arc::new(Generation::new(number)));
            }
            view.generations.first().cloned()
        };
        // There is one: it was just put there.
        let Some(open) = open else { return };
        open.push(block);
        write(&self.recent.view).tip = Some(BlockId {
            number,
            hash: block.hash,
        });
        let mut clock = lock(&self.recent.clock);
        clock.due = open.bytes() >= DUE_BYTES;
        if clock.since.is_none() {
            clock.since = Some(Instant::now());
            self.recent.wake.notify_one();
        } else if clock.due {
            self.recent.wake.notify_one();
        }
    }
}

/// The writing thread. Dropping it stops the thread; what is only in memory then is lost, as in a crash.
#[derive(Debug)]
pub(crate) struct Persister {
    recent: Arc<Recent>,
    thread: Option<JoinHandle<()>>,
}

impl Persister {
    pub(crate) fn start(recent: Arc<Recent>) -> Result<Self, StorageError> {
        let body = Arc::clone(&recent);
        let thread = std::thread::Builder::new()
            .name("persist".into())
            .spawn(move || body.run())
            .map_err(|source| StorageError::Io {
                action: "start the writing thread for",
                path: recent.environment.path().to_path_buf(),
                source,
            })?;
        Ok(Self {
            recent,
            thread: Some(thread),
        })
    }
}

impl Drop for Persister {
    fn drop(&mut self) {
        lock(&self.recent.clock).stop = true;
        self.recent.wake.notify_one();
        if let Some(thread) = self.thread.take() {
            // It logs what goes wrong, and holds no lock when it ends.
            let _ = thread.join();
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
