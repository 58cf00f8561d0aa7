//! Why a proof can't be made, read or believed.

use cwe_usage::{Element, MerklePath, UsageError};

/// A witness that shows nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum WitnessError {
    /// A path of another depth.
    #[error("the path has {given} levels, {expected} are needed")]
    PathLength {
        /// Levels given.
        given: usize,
        /// Levels of the tree.
        expected: usize,
    },
    /// A path that leads to another root: the tree it comes from is not this epoch's, or not complete.
    #[error("the path leads to {reached}, not to the root {root}: sync the epoch's tree again")]
    PathElsewhere {
        /// Where it leads.
        reached: Element,
        /// Where it should.
        root: Element,
    },
    /// The submission was divided under another secret.
    #[error("the submission's nullifier is not that of this secret")]
    OtherSecret,
    /// The submission's terms are out of range.
    #[error(transparent)]
    Usage(#[from] UsageError),
}

impl WitnessError {
    pub(crate) fn check_path(path: &MerklePath, depth: usize, leaf: Element, root: Element) -> Result<(), Self> {
        let (given, expected) = (path.siblings.len(), depth);
        if given != expected {
            return Err(Self::PathLength { given, expected });
        }
        let reached = path.root(leaf);
        if reached == root {
            Ok(())
        } else {
            Err(Self::PathElsewhere { reached, root })
        }
    }
}

/// Keys or proofs could not be made.
#[derive(Debug, thiserror::Error)]
pub enum ProofError {
    /// The witness shows nothing.
    #[error(transparent)]
    Witness(#[from] WitnessError),
    /// The reference string is too small.
    #[error("the reference string has 2^{given} points, 2^{needed} are needed")]
    SrsTooSmall {
        /// Its size.
        given: u32,
        /// Size of the largest circuit.
        needed: u32,
    },
    /// The proof system failed.
    #[error("the proof system failed: {0}")]
    System(#[from] halo2_proofs::plonk::Error),
    /// The proof that was made does not hold: the keys do not belong to this program, or the machine erred.
    #[error("the proof that was made does not hold: derive the keys again")]
    SelfCheck,
}

/// A proof that shows nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum VerificationError {
    /// Allowance or `k` out of the range that contracts can hold.
    #[error("a public input is out of its range")]
    InputOutOfRange,
    /// Of another length.
    #[error("the proof has {given} bytes instead of {expected}")]
    Length {
        /// Bytes given.
        given: usize,
        /// Bytes of every proof of this circuit.
        expected: usize,
    },
    /// It does not hold for these inputs; in a batch, one of the proofs does not.
    #[error("the proof does not hold for these public inputs")]
    Invalid,
}

/// A file of keys that can't be used.
#[derive(Debug, thiserror::Error)]
pub enum KeysError {
    /// Reading or writing failed.
    #[error("keys could not be read or written")]
    Io(#[from] std::io::Error),
    /// Not a file of keys, or of another version of the circuits.
    #[error("these are no keys of this version of the circuits: derive them again")]
    OtherVersion,
    /// The checksum is wrong.
    #[error("the keys are damaged: derive them again")]
    Damaged,
}

/// A circuit that a portable verifying key can't describe.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PortableKeyError {
    /// Public inputs elsewhere than in one column, read in the current row.
    #[error("the circuit has not exactly one column of public inputs that is read in the current row")]
    PublicInputs,
    /// Advice that depends on challenges.
    #[error("the circuit has several phases")]
    Phases,
    /// Selectors that were not made columns.
    #[error("the circuit has virtual selectors")]
    Selectors,
    /// An equation with a cell that no proof opens.
    #[error("an equation uses a cell that is not opened")]
    NotOpened,
    /// Nothing to check.
    #[error("the circuit has no equations")]
    NoEquations,
    /// More of something than a key can number.
    #[error("the circuit is too large")]
    TooLarge,
}
