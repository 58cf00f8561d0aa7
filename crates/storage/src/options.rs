//! How a database is opened.

use std::time::Duration;

/// For which blocks the state stays readable.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum HistoryMode {
    /// For all blocks.
    #[default]
    Archive,
    /// For this many blocks behind the newest one, and always back to the finalized block.
    Window(u64),
}

/// Options of [`Database::open`](crate::Database::open).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Options {
    /// Largest size of the database file in bytes. The file grows as needed; only address space is reserved.
    pub max_size_bytes: usize,
    /// By how many bytes the file grows.
    pub growth_step_bytes: usize,
    /// Most snapshots open at once, over all processes.
    pub max_readers: u64,
    /// For which blocks the state stays readable.
    pub history: HistoryMode,
    /// How long an appended block may stay in memory before it is written to the file; long enough that blocks share a
    /// write when they come fast.
    pub persist_after: Duration,
    /// Open an existing database for reading only, beside the process that writes it.
    pub read_only: bool,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            max_size_bytes: 1 << 40,
            growth_step_bytes: 64 << 20,
            max_readers: 1024,
            history: HistoryMode::Archive,
            persist_after: Duration::from_millis(500),
            read_only: false,
        }
    }
}
