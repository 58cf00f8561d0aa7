use cwe_usage_circuits::{PortableKeyError, ProofError};

/// Why no contract is written. All but the first three mean that snark-verifier writes code of another shape than this
/// crate knows: its new shape has to be read and `assembly.rs` changed.
#[derive(Debug, thiserror::Error)]
pub enum GeneratorError {
    /// The keys can't be derived.
    #[error("no verifying key: {0}")]
    Keys(#[from] ProofError),
    /// The Reveal circuit's key can't be written for other verifiers.
    #[error("no portable key of the Reveal circuit: {0}")]
    RevealKey(#[from] PortableKeyError),
    /// snark-verifier refuses the verifying key.
    #[error("snark-verifier writes no verifier of this key: {0}")]
    Refused(String),
    /// A frame or statement that is expected at this place is not there.
    #[error("the generated assembly lacks {0:?} where it is expected")]
    Missing(&'static str),
    /// A brace or parenthesis that nothing closes, or the other way round.
    #[error("the generated assembly is not balanced at {0:?}")]
    Unbalanced(String),
    /// A statement that uses something else than memory, precompiles and the known locals.
    #[error("the generated assembly uses {name:?} in {statement:?}")]
    Unknown {
        /// The name.
        name: String,
        /// Where it stands.
        statement: String,
    },
    /// Only the first contract has the proof as its calldata.
    #[error("contract {part} of the verifier would read the proof: {statement:?}")]
    ReadsProof {
        /// Counted from 1.
        part: usize,
        /// What reads it.
        statement: String,
    },
}
