//! The aggregation coordinator: takes reveals, gives receipts, has aggregates of them proven and posts them.
//!
//! In: `POST /ingress` with one anonymous record and its Reveal proof, from any wallet; the L2's epochs, works and
//! states; states and aggregates of other coordinators. Out: a signed receipt for every record that is durable, jobs for
//! the prover's queue, and calls of `CWEPayouts`: aggregates, and the settlement of epochs. `cwe-aggregator` runs it; wallets and peers call it.
//!
//! - **It learns** single records: epoch, tier, work, units. Addresses are reduced to one of some thousand groups as
//!   soon as a connection is accepted; nothing of them, of times or of the order of arrival is kept or logged.
//! - **It promises** inclusion ([`Receipt`]). A record that is not in the state on which its epoch was settled is shown
//!   by `GET /proof/{epoch}/{nullifier}`, and [`receipt::broken`] tells whether the promise was kept.
//! - **Nothing depends on it.** Anybody may run one, on the same epoch. States form a tree on the chain; a coordinator
//!   builds on the one with the most reveals whose data it has, from its own store or a peer's. Data that somebody
//!   withholds costs only the withholder.
//!
//! # Metrics
//! | name | kind | unit |
//! |---|---|---|
//! | `cwe_aggregator_requests_total` | counter | requests, labels `route`, `outcome` |
//! | `cwe_aggregator_reveals_total` | counter | reveals accepted |
//! | `cwe_aggregator_batch_proofs` | histogram | proofs that were checked together |
//! | `cwe_aggregator_waiting_reveals` | gauge | reveals in no aggregate yet, label `epoch` |
//! | `cwe_aggregator_aggregates_dropped_total` | counter | aggregates given up for a better branch, or after a failure |
//! | `cwe_aggregator_proofs_failed_total` | counter | aggregates of which no proof could be made |
//! | `cwe_aggregator_turns_failed_total` | counter | looks at an epoch that failed |

mod branch;
pub mod chain;
pub mod config;
mod daemon;
mod guest;
mod ingress;
mod maker;
mod peers;
mod planner;
pub mod receipt;
mod record;
mod refusal;
mod server;
mod settler;
pub mod state;
mod status;
pub mod store;
pub mod tries;
mod verifier;
pub mod view;

#[cfg(test)]
mod testing;

pub use branch::{assemble, steps_to};
pub use config::Config;
pub use daemon::run;
pub use guest::GuestMaker;
pub use ingress::{Counts, Ingress, ViewReceiver};
pub use maker::{AggregateMaker, Made, MakeError, Request};
pub use peers::{PeerClient, Peers, RollupAccepted, RollupBody, Tokens};
pub use planner::{Memory, PlanError, Planner};
pub use receipt::{Receipt, ReceiptSigner};
pub use record::{Malformed, Record};
pub use refusal::Refusal;
pub use server::{Api, NullifierAnswer, router};
pub use settler::{Settler, SettlerError};
pub use status::{EpochStatus, KnownState, Share, Status, Statuses};
pub use verifier::RevealVerifier;
