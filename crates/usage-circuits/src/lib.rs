//! The Split and Reveal circuits.

mod error;
mod fault;
mod field;
mod keys;
mod layout;
mod parts;
mod poseidon;
mod prove;
mod reveal;
mod rule;
mod split;
mod split_circuit;
mod split_hints;
mod trace;
mod transcript;
mod verify;

#[cfg(test)]
mod tests;

pub use error::{KeysError, ProofError, VerificationError, WitnessError};
pub use keys::{CircuitVerifyingKey, ProvingKeys, SRS_K, Srs, VerifyingKeys};
pub use prove::{ProofStage, RevealProof, SplitProof, prove_reveal, prove_split};
pub use reveal::{REVEAL_INPUTS, RevealInputs, RevealWitness};
pub use split::{SPLIT_INPUTS, SplitInputs, SplitWitness};
pub use verify::{REVEAL_PROOF_BYTES, SPLIT_PROOF_BYTES, verify_reveal, verify_reveals, verify_split};
