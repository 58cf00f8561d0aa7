//! The on-chain verifier of Split proofs, made from the circuit. In goes the Split circuit's verifying key; out come
//! the contracts of `contracts/src/generated` ([`verifier_contracts`]), which `SplitVerifier` calls and pins, a real
//! proof for their tests ([`sample_proof`]), and what `AggregationVerifier` pins of the Reveal circuit ([`reveal_key`]). `scripts/usage-verifier.sh` calls it; the tests of this crate fail
//! when the repository's contracts are not what the circuit gives.
//!
//! snark-verifier writes the verifier as one straight line of assembly that works on memory at constant addresses. It
//! has twice the bytes that a contract may have (EIP-170). So the line is cut between statements into several
//! contracts: each begins with the memory that the one before left, and ends with handing on all of its own, from
//! address 0 to the highest one touched. What else lives on between statements is one flag, and a contract whose flag
//! is false at the end reverts. So the contracts one after another compute what the whole would.

mod assembly;
mod cost;
mod error;
mod parts;
mod reveal_key;
mod sample;

pub use cost::VerifierCost;
pub use error::GeneratorError;
pub use parts::{Contract, PARTS, description, verifier_contracts};
pub use reveal_key::reveal_key;
pub use sample::{sample_proof, sample_witness};
