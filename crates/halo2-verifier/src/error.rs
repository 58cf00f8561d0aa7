//! What can be wrong with keys and proofs.

/// Bytes that are no verifying key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// The bytes end early, or go on.
    #[error("the verifying key has another length than its contents say")]
    Length,
    /// Begins with something else.
    #[error("not a verifying key of this version: make it anew with the same release")]
    Version,
    /// A list is longer than any circuit's.
    #[error("the verifying key has a list of {0} parts, more than any circuit has")]
    TooLong(u32),
    /// A number that is not below its modulus, or a point that is not on the curve.
    #[error("the verifying key has a number or point that is none")]
    NotCanonical,
    /// Something refers to what isn't there.
    #[error("the verifying key refers to a {0} that it does not have")]
    Dangling(&'static str),
}

/// Why proofs were not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum VerifyError {
    /// No proof at all.
    #[error("there is no proof to check")]
    Empty,
    /// A proof has exactly so many bytes.
    #[error("proof {proof} has {given} bytes, {expected} are needed")]
    Length {
        /// Its place in the list.
        proof: usize,
        /// Bytes.
        given: usize,
        /// Bytes of every proof.
        expected: usize,
    },
    /// Another number of public inputs.
    #[error("proof {proof} comes with {given} public inputs, {expected} are needed")]
    Instances {
        /// Its place in the list.
        proof: usize,
        /// Public inputs.
        given: usize,
        /// Public inputs of the circuit.
        expected: usize,
    },
    /// A word that is no scalar, or two that are no point.
    #[error("word {word} of proof {proof} is not canonical or not on the curve")]
    NotCanonical {
        /// Its place in the list.
        proof: usize,
        /// Place of the word; public inputs come first.
        word: usize,
    },
    /// A challenge hit one of the few values that no proof can be checked with.
    #[error("proof {0} has a challenge that divides by zero: make it anew")]
    Degenerate(usize),
}
