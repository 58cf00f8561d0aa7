//! Dynamic anonymous proportional rewards: the settlement of an epoch, as the settlement guest proves it and everybody
//! else computes it.
//!
//! In: what the contract knows of the epoch ([`SettlementInputs`]) and the lists behind the roots in it
//! ([`SettlementData`]: totals by work and tier, what the epoch before carried, and registrations of works where their
//! age counts). Out: the payout list and what is carried on ([`Settled`]), with the [`Settlement`] that
//! `CWEPayouts.proveSettlement` takes. The guest `settlement` and the coordinator call [`settle`]; who withdraws makes
//! Merkle proofs of the published list with a [`PayoutTree`].
//!
//! Nothing in the data is trusted: the lists must have exactly the roots in the inputs, so nothing can be left out, and
//! the registrations the commitment. All numbers are integers and all divisions round down. With `t` a tier, `w` a work
//! and `rest = 10⁶ − ecoPpm − infraPpm`:
//!
//! ```text
//! gross(w,t) = units(w,t) · fee(t) · rest / (100 · 10⁶)      a subscription's fee is divided into 100 units
//! value(w,t) = gross(w,t) · weight(w) / 10⁶                  weight: see half_life_weight_ppm; 10⁶ if it is off
//! n          = reveals(w,t) + reveals carried in             a = value(w,t) + amount carried in
//! n < minReveals: (w,t) → (n, a) is carried on; otherwise a is listed for w, with its share of what was unclaimed:
//! bonus(w,t) = unclaimedIn · value(w,t) / Σ listed value
//! creators   = Σ a listed + Σ bonus        carried = Σ a carried on
//! unclaimed  = Σ revenues + carriedIn + unclaimedIn − eco − infra − creators − carried
//! ```
//!
//! | quantity | range | unit |
//! |---|---|---|
//! | fees, revenues, sums | below 2¹²⁸ | CLN wei |
//! | amount of a work | 1 … 2⁹⁶ − 1; a work of 0 is not listed | CLN wei |
//! | units, reveals | 0 … 2⁶⁴ − 1 | |
//! | weight | 100 000 … 1 000 000 | ppm |
//!
//! No clock, no randomness, no I/O, no floating point, no panics on any input. Layouts: `docs/PROTOCOL.md`, "Aggregates
//! and settlement".

#![cfg_attr(not(feature = "std"), no_std)]

extern crate alloc;

mod codec;
mod data;
mod error;
mod half_life;
mod inputs;
mod list;
mod math;
mod reader;
mod registry;
mod settle;
mod tree;
mod trie;

pub use codec::SettlementProofInput;
pub use data::{CarriedEntry, DataError, SettlementData, TotalsEntry};
pub use error::SettleError;
pub use half_life::{FLOOR_PPM, half_life_weight_ppm};
pub use inputs::{MAX_TIERS, PPM, Parameters, Settlement, SettlementInputs, Tier, UNITS, public_value};
pub use list::{
    CHUNK_ENTRIES, ENTRY_BYTES, ListError, MAX_AMOUNT, Payout, append_to_chain, chunks, decode_list, payouts_hash,
};
pub use reader::InputError;
pub use registry::{REGISTRY_DEPTH, RegionFactor, RegistryError, RegistryOpening, WorkRecord};
pub use settle::{Settled, settle};
pub use tree::{PayoutTree, payout_leaf, verify_payout};
pub use trie::{EMPTY_ROOT_HASH, carried_root, totals_root};
