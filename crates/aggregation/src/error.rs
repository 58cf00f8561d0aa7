//! Why an input shows nothing.

use core::convert::Infallible;

use alloy_primitives::B256;
use cwe_halo2_verifier::{KeyError, VerifyError};
use cwe_trie::TrieError;

/// An input that no proof can be made of.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AggregationError {
    /// Not the encoding of an input.
    #[error("the input is malformed: {0}")]
    Malformed(alloy_rlp::Error),
    /// No reveal, or too many for one proof.
    #[error("the input has {given} reveals, 1 to {limit} fit into a proof")]
    Count {
        /// Reveals.
        given: usize,
        /// Limit.
        limit: usize,
    },
    /// The Reveal circuit's verifying key can't be used.
    #[error("the verifying key can't be used: {0}")]
    Key(#[from] KeyError),
    /// The opened table of region rules and root of works are not what the registry commitment is of.
    #[error("the registry's root and rules hash to {computed}, the chain has {committed}")]
    Registry {
        /// Of the input.
        computed: B256,
        /// The chain's.
        committed: B256,
    },
    /// A path that leads elsewhere.
    #[error("work {work} is not at place {index} of the registry")]
    WorkNotInRegistry {
        /// The work.
        work: B256,
        /// Its place.
        index: u32,
    },
    /// A work with a rule that the epoch's table doesn't have.
    #[error("work {work} has the region rule {rule}, which the epoch's table does not have")]
    UnknownRule {
        /// The work.
        work: B256,
        /// The rule.
        rule: B256,
    },
    /// A reveal refers to a work or tier that isn't there.
    #[error("reveal {0} refers to a work or tier that the input does not have")]
    Dangling(usize),
    /// Units out of range.
    #[error("reveal {reveal} has {units} units, 1 to 100 are allowed")]
    Units {
        /// Place of the reveal.
        reveal: usize,
        /// Its units.
        units: u8,
    },
    /// A note was revealed before.
    #[error("reveal {reveal} has the nullifier {nullifier}, which was used before")]
    NullifierUsed {
        /// Place of the reveal.
        reveal: usize,
        /// The nullifier.
        nullifier: B256,
    },
    /// A trie's witness is not complete, or not what the root is of.
    #[error("the tries' witness is not complete: {0}")]
    Trie(#[from] TrieError<Infallible>),
    /// A total that is none.
    #[error("the totals trie holds {0}, which is no total")]
    Total(B256),
    /// A proof that can be refused without a pairing.
    #[error("{0}")]
    Proof(#[from] VerifyError),
}
