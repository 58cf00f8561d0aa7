//! What a month of listening is before and after it becomes proofs: from a ledger's rows ([`Usage`]) and a listener's
//! [`Secret`] to [`Note`]s, their tree, nullifiers and commitments. The wallet builds a [`Split`] here, the circuits
//! prove that it was built so, and the aggregation guest computes the same nullifiers and commitments; all of them call
//! these functions, so none can drift from another. `docs/PROTOCOL.md`, "Usage", has the formulas.
//!
//! No clock, no randomness, no I/O; every number is an integer in a bounded range:
//!
//! | quantity | range | unit |
//! |---|---|---|
//! | seconds, of one work | 0 … 2²⁴ − 1 | s |
//! | plays, of one work | 1 … 2²⁴ − 1; those after the 256th add nothing | |
//! | price | 0 … 2⁶⁴ − 1 | micro-CLN a minute |
//! | region, credibility | 0 … 2²⁴ − 1 | ppm |
//! | diminishing returns `D` | 0 … 2²⁴ | 2⁻²⁴ |
//! | a work's weight `V` | 0 … 2¹⁶⁰ | |
//! | sum of weights | 1 … 2¹⁶⁷ | |
//! | units | 0 … 100 | hundredths of the fee |

#![cfg_attr(not(feature = "std"), no_std)]

extern crate alloc;

mod diminishing;
mod element;
mod epoch;
mod identity;
mod note;
mod placement;
pub mod poseidon;
mod shares;
mod split;
mod tree;

pub use diminishing::{Diminishing, MAX_COUNTED_PLAYS, MAX_DIMINISHING_PPM, ONE};
pub use element::{Element, NotCanonical};
pub use epoch::{EpochTerms, IdError, TierId, WorkId, tier_epoch};
pub use identity::{Secret, SecretError, subscription_leaf};
pub use note::{Note, note_commitment, note_nullifier};
pub use placement::spread;
pub use shares::{
    MAX_ALLOWANCE_SECS, MAX_FACTOR_PPM, MAX_PLAYS, MAX_SECONDS, OFFSET_BITS, Shares, UNITS, Usage, UsageError,
};
pub use split::{SLOTS, SLOTS_DEPTH, Slot, Split};
pub use tree::{EPOCH_TREE_DEPTH, MerklePath, Tree, TreeError};
