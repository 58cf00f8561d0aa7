//! Chains in memory to prove.
//!
//! A [`Chain`] holds a whole state and seals blocks by the real executor; [`Chain::seal`] turns them into a batch with
//! its witness, as the sequencer and the prover would: a [`SealedBatch`] is a proof's input and what the proof must
//! show. Workloads make signed transactions. An [`Epoch`] has listeners, works and real Reveal proofs. The tests of this
//! crate and `bench-guest` call it.

mod chain;
mod contracts;
mod epoch;
mod state;
mod workload;

pub use chain::{Chain, Location, SealedBatch, TestkitError};
pub use contracts::{HASHER, POKER, TOKEN, balance_slot, transfer_call};
pub use epoch::{Epoch, EpochError};
pub use state::{MemoryError, MemoryState};
pub use workload::{Sender, Senders, Step, deposit, erc20_blocks, erc20_transfers};
