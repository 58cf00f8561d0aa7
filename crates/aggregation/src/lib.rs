//! What a proof of aggregation shows, as code: from single anonymous reveals to an epoch's totals.
//!
//! In: an [`AggregationInput`] with the epoch as the chain has it, the tries as they stand, and reveals with their proofs.
//! Out: the [`Aggregate`] that `CWEPayouts.submitAggregate` takes, and the public value that binds it. The guest
//! `aggregation` is a shell around [`aggregate`]; a coordinator calls the same function natively before it has a proof
//! made, and keeps whole states of an epoch in [`EpochState`], from which it makes inputs.
//!
//! For each reveal: its work's price and region factor come from the registry commitment, so that its proof holds for no
//! others; its nullifier is new; its units, 1 … 100, are added to those of its work and tier. The proofs are folded into
//! two points, whose pairing the contract checks. Nothing in the input is trusted: what the public value doesn't bind is
//! checked against hashes that it does. Layouts: `docs/PROTOCOL.md`, "Aggregates and settlement".

#![cfg_attr(not(feature = "std"), no_std)]

extern crate alloc;

mod abi;
mod error;
mod input;
mod registry;
#[cfg(feature = "std")]
mod state;
mod statement;
mod totals;

pub use error::AggregationError;
pub use input::{AggregationInput, EpochContext, MAX_REVEALS, Reveal};
pub use registry::{REGISTRY_DEPTH, RegionRule, RegistryWitness, Terms, WorkOpening, WorkTerms};
#[cfg(feature = "std")]
pub use registry::{Registry, RegistryError};
#[cfg(feature = "std")]
pub use state::{EpochState, Record, StateError};
pub use statement::{Aggregate, Aggregated, aggregate, aggregate_input};
pub use totals::{Roots, Total, nullifier_key, total_key};
