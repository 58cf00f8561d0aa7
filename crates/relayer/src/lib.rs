//! Sends Split proofs to the L2 for listeners, so that no account of theirs is tied to one.
//!
//! In: `POST /submissions` with a tier, a nullifier, a notes root and a proof, from anybody. Out: one transaction to
//! `CWEConsumption` for each that the chain would take, paid by the relayer's account. `cwe wallet submit --relayer` and
//! the extension call it.
//!
//! - **It learns** what the chain shows a moment later, and a network address, which it neither keeps nor logs. It can
//!   hold a submission back or drop it; the wallet looks at the chain, not at the answer. It can change nothing: the proof
//!   binds all of it.
//! - **Admission is the proof.** Form, nullifier and window come first, then the proof is checked here, then the very
//!   transaction is run on trial; only then is gas paid. So an epoch costs at most as many transactions as there are paid
//!   subscriptions. Everything before that is bounded for all senders together, since nobody may be told from anybody
//!   else: a bucket of checks a second, and so many at once.
//! - **A submission is sent once.** Asking again gives the same transaction; after a restart the chain itself says that
//!   the nullifier is used.
//!
//! - **The fees pay for it.** `CWEConsumption` records what each submission cost its sender at the base fee;
//!   `SubmissionRefunds` gives it back from the infrastructure share of that epoch's fees once the epoch is settled. The
//!   relayer claims that by itself. Tips are not refunded.

mod body;
pub mod config;
mod gate;
mod proof;
mod relay;
mod server;

pub use config::Config;
pub use gate::{ChainGate, Gate, GateError};
pub use relay::{Accepted, Refusal, Relay};
pub use server::{router, run};
