//! Everything a node knows about its chain, on disk: blocks, receipts, state, state trie, batches, L1 messages.
//!
//! The executor's results go in through [`Database::append_block`], which shows a block at once and writes it to MDBX in
//! the background, or through [`Database::commit_block`], durable when it returns; a block is written whole or not at all.
//! What comes out are [`Snapshot`]s: immutable views of the newest or any kept older block, which implement revm's
//! `DatabaseRef`, the trie's `NodeSource` and the executor's `StateBackend`. The chain engine, the RPC server, the
//! bridge client and the tools call this crate.
//!
//! [`Journal`] is a log beside it: what the sequencer accepted, and the blocks that the database may not have yet.

mod batches;
mod bulk;
mod codec;
mod commit;
mod database;
mod environment;
mod error;
mod history;
mod journal;
mod l1;
mod lock;
mod log;
mod options;
mod persist;
mod recent;
mod records;
mod snapshot;
mod state;
mod tables;
mod unwind;

pub use bulk::{BulkAccount, BulkState};
pub use database::Database;
pub use error::StorageError;
pub use journal::{
    AcceptedTransaction, ExecutedItem, Journal, JournalContents, JournalGroup, JournaledBlock, OpenBlock,
};
pub use options::{HistoryMode, Options};
pub use records::{
    BatchRecord, BatchStatus, BlockCommit, Heads, L1Block, L1MessageRecord, L1Stream, TransactionLocation,
    WithdrawalRecord,
};
pub use snapshot::Snapshot;

#[cfg(test)]
mod tests;
