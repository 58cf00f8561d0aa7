//! How blocks come to be. On the sequencer: a mempool, an open block that executes every transaction on arrival, a
//! journal so that nothing acknowledged is lost, sealing, and the choice of batches. On a full node and an auditor:
//! derivation of the same blocks from batch data and L1 messages.
//!
//! In flow raw transactions ([`ChainHandle::submit`]), L1 messages (the message table of the database, filled by the
//! inbox watcher), and batches from L1 ([`derivation`]). Out flow committed blocks in the database, [`ChainEvent`]s,
//! the [`PendingBlock`] that RPC reads, and batches to post ([`batching`]). Called by `cwe-rpc`, `cwe-bridge`, the
//! daemons and `cwe audit`; it knows no network.
//!
//! # Metrics
//! | name | kind | unit |
//! |---|---|---|
//! | `cwe_engine_transactions_total` | counter | transactions executed on arrival |
//! | `cwe_engine_rejected_total` | counter | submissions refused, label `reason` |
//! | `cwe_engine_group_size` | histogram | transactions in one journal commit |
//! | `cwe_engine_journal_seconds` | histogram | seconds of one journal commit |
//! | `cwe_engine_journal_failures_total` | counter | journal commits that failed |
//! | `cwe_engine_seal_seconds` | histogram | seconds from the decision to seal to the committed block |
//! | `cwe_engine_block_gas` | histogram | gas of a sealed block |
//! | `cwe_chain_block_number` | gauge | latest block |
//! | `cwe_chain_safe_block_number` | gauge | last block committed on L1 |
//! | `cwe_chain_finalized_block_number` | gauge | last block proven on a final L1 block |
//! | `cwe_messages_included_total` | counter | L1 messages executed |
//! | `cwe_pool_transactions` | gauge | transactions waiting in the mempool |
//! | `cwe_pool_bytes` | gauge | bytes waiting in the mempool |
//! | `cwe_pool_evicted_total` | counter | transactions evicted from the mempool |
//! | `cwe_derivation_blocks_total` | counter | blocks derived from L1 data |

pub mod batching;
mod commit;
pub mod config;
pub mod derivation;
pub mod engine;
pub mod event;
pub mod handle;
pub mod mempool;
pub mod pending;
pub mod proof_input;
pub mod submit;
#[cfg(test)]
mod testing;
mod validate;

pub use config::{BatchingConfig, EngineConfig, MempoolConfig};
pub use engine::{Engine, EngineError, EngineHandle};
pub use event::{ChainEvent, Heads, SealedBlock};
pub use handle::ChainHandle;
pub use pending::{PendingBlock, PendingTransaction};
pub use proof_input::{ProofInputError, proof_input};
pub use submit::{SubmitError, TransactionSubmitter};
