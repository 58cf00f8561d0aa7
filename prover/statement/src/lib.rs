//! What a validity proof shows, as code: from a proof's input to its one public value, or an error.
//!
//! In: the encoded [`ProofInput`]: chain parameters, a witness of the state before the first batch, and for every batch
//! its data and the L1 messages it takes. Out: the [`ProofStatement`] whose hash L1 compares. The guest program
//! `state-transition` is a shell around [`prove`]; the prover runs the same function natively before it starts a proof,
//! and so do the tests that try to cheat.
//!
//! Nothing in the input is trusted. What the public value binds is checked against execution; what it doesn't bind
//! (witness nodes, codes, ancestors' headers) is checked against hashes that it does. Anything else is an error.
//! The layouts are in `docs/PROTOCOL.md` §Batches.

#![cfg_attr(not(feature = "std"), no_std)]

extern crate alloc;

mod blob;
mod check;
mod error;
mod input;
mod reader;
mod scalar;

pub use blob::{challenge, evaluate, open_blobs};
pub use check::{prove, statement};
pub use cwe_primitives::batch::ProofStatement;
pub use error::StatementError;
pub use input::{BatchInput, MAX_BATCHES, ProofInput};
pub use reader::InputError;
#[cfg(feature = "std")]
pub use scalar::NativeScalar;
pub use scalar::{SCALAR_MODULUS, Scalar};
