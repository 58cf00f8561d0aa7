//! The seam to the circuits: what the wallet wants of them, and nothing of how they work.

#[cfg(feature = "circuits")]
mod circuits;

use cwe_usage::{Element, EpochTerms, MerklePath, Note, Secret, Split};

#[cfg(feature = "circuits")]
pub use circuits::CircuitProver;

/// What a Split proof is made from.
#[derive(Debug, Clone, Copy)]
pub struct SplitWitness<'a> {
    /// The listener.
    pub secret: &'a Secret,
    /// The ledger, divided and committed to.
    pub split: &'a Split,
    /// Way of the listener's leaf to the final subscription root.
    pub subscription: &'a MerklePath,
    /// That root.
    pub subscription_root: Element,
}

/// What a Reveal proof is made from. It needs no secret but the note's own.
#[derive(Debug, Clone, Copy)]
pub struct RevealWitness<'a> {
    /// What the epoch fixes.
    pub terms: &'a EpochTerms,
    /// The note.
    pub note: &'a Note,
    /// Way of its commitment to the final note root.
    pub path: &'a MerklePath,
    /// That root.
    pub note_root: Element,
}

/// Makes the two proofs. The circuits' crate implements it; tests have one that proves nothing.
pub trait UsageProver {
    /// The encoded Split proof. `progress` is told parts of a thousand.
    ///
    /// # Errors
    /// The witness is wrong, or there is no key.
    fn prove_split(&self, witness: SplitWitness<'_>, progress: &mut dyn FnMut(u32)) -> Result<Vec<u8>, ProverError>;

    /// The encoded Reveal proof.
    ///
    /// # Errors
    /// The witness is wrong, or there is no key.
    fn prove_reveal(&self, witness: RevealWitness<'_>) -> Result<Vec<u8>, ProverError>;
}

/// No proof could be made.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("no proof could be made: {0}")]
pub struct ProverError(pub String);
