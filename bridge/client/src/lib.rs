//! The Rust side of the L1 contracts: reads the inbox and the batches, writes batches, fetches blobs.
//!
//! In: an L1 execution endpoint ([`L1Client`]), sources of blobs ([`BlobFetcher`]), sealed L2 blocks (the database).
//! Out: L1 messages in the database ([`InboxWatcher`]), batches on L1 ([`BatchPoster`]), proofs on L1
//! ([`ProofPoster`]), blocks derived from L1 ([`L1Follower`]), and the `safe` and `finalized` heads. The daemons and
//! `cwe audit` call it.
//!
//! Nothing that L1 answers is believed without a check that we can make: message hashes, batch hashes, blob
//! commitments and results of execution are recomputed. An L1 that is down or slow only delays; an L1 that
//! contradicts what was executed stops the task with an error.
//!
//! # Metrics
//! | name | kind | unit |
//! |---|---|---|
//! | `cwe_l1_up` | gauge | 1 while the L1 answers, else 0 |
//! | `cwe_l1_requests_total` | counter | requests, labels `method`, `outcome` |
//! | `cwe_l1_confirmed_block` | gauge | newest L1 block that counts |
//! | `cwe_inbox_messages` | gauge | L1 messages known |
//! | `cwe_batches_committed` | gauge | index of the last batch committed on L1 |
//! | `cwe_batches_finalized` | gauge | index of the last batch proven on L1 |
//! | `cwe_poster_transactions_total` | counter | transactions sent to L1, label `kind` |
//! | `cwe_poster_replacements_total` | counter | transactions sent again with higher fees |
//! | `cwe_poster_errors_total` | counter | attempts that failed, label `reason` |
//! | `cwe_poster_balance_ether` | gauge | balance of the posting account, ETH |
//! | `cwe_poster_data_bytes_total` | counter | bytes of batch data posted |
//! | `cwe_follower_batch` | gauge | last batch derived from L1 |
//! | `cwe_l1_task_errors_total` | counter | turns that failed, labels `activity`, `reason` |
//! | `cwe_blob_fetch_total` | counter | blobs fetched, labels `source`, `outcome` |

mod account;
mod blobs;
mod client;
mod config;
mod error;
mod events;
mod fees;
mod follower;
mod heads;
mod poster;
mod proof;
mod proof_poster;
mod ranges;
mod scan;
mod sidecar;
mod task;
mod transactions;
mod turns;
mod watcher;

pub use blobs::{BlobError, BlobFetcher, BlobSource};
pub use client::{BlockRef, Contracts, Deployment, L1Client, L1Status, Tips, Verifier};
pub use config::{ConfirmationPolicy, DataPolicy, L1Config, PosterConfig};
pub use error::{L1Error, TaskError};
pub use events::{CommittedBatch, L1Event, LocatedEvent, batch_struct};
pub use fees::{FeeCaps, Fees};
pub use follower::L1Follower;
pub use poster::BatchPoster;
pub use proof::{OpenedBlob, ProofSubmission, committed_statement, open_blobs};
pub use proof_poster::{ProofPoster, ProofPosterConfig, Turn};
pub use scan::forget_gone_messages;
pub use task::run_sequencer_task;
pub use turns::{TurnFailure, Turns, until_shutdown};
pub use watcher::InboxWatcher;
