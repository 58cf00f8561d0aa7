//! Whether a nullifier is in a state: proofs of it, and their check. The tries themselves are `cwe_aggregation`'s.

use std::collections::BTreeSet;

use alloy::primitives::{B256, Bytes};
use alloy_trie::{EMPTY_ROOT_HASH, Nibbles, proof::verify_proof};
use cwe_aggregation::{EpochState, nullifier_key};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// rlp(1).
const PRESENT: &[u8] = &[1];

/// Nodes of a proof: a path has 64 nibbles at most.
const MAX_PROOF_NODES: usize = 65;

/// Root of an empty trie.
pub const EMPTY_ROOT: B256 = EMPTY_ROOT_HASH;

/// Nodes from the root of a trie of nullifiers to where one nullifier is, or would be.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(transparent)]
pub struct NullifierProof {
    /// RLP of the nodes, from the root on; none for the empty trie.
    #[schema(value_type = Vec<String>)]
    pub nodes: Vec<Bytes>,
}

/// A proof that shows neither that a nullifier is in a trie nor that it is not.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the proof does not belong to nullifier {nullifier} and root {root}")]
pub struct ProofError {
    /// The nullifier.
    pub nullifier: B256,
    /// The root.
    pub root: B256,
}

impl NullifierProof {
    /// Shows that a nullifier is among these, or is not.
    pub fn new(nullifiers: &BTreeSet<B256>, nullifier: B256) -> Self {
        Self {
            nodes: state_of(nullifiers).nullifier_proof(nullifier),
        }
    }

    /// Whether the nullifier is in the trie with this root.
    ///
    /// # Errors
    /// [`ProofError`].
    pub fn check(&self, nullifier: B256, root: B256) -> Result<bool, ProofError> {
        let path = Nibbles::unpack(nullifier_key(nullifier));
        let holds = |expected: Option<Vec<u8>>| verify_proof(root, path, expected, &self.nodes).is_ok();
        if self.nodes.len() <= MAX_PROOF_NODES {
            if holds(Some(PRESENT.to_vec())) {
                return Ok(true);
            }
            if holds(None) {
                return Ok(false);
            }
        }
        Err(ProofError { nullifier, root })
    }
}

fn state_of(nullifiers: &BTreeSet<B256>) -> EpochState {
    EpochState::from_parts(nullifiers.iter().copied(), [])
}

#[cfg(test)]
pub(crate) mod tests {
    use alloy::primitives::U256;

    use super::*;

    pub(crate) fn nullifier_root(nullifiers: &BTreeSet<B256>) -> B256 {
        state_of(nullifiers).roots().nullifiers
    }

    fn nullifiers(numbers: std::ops::Range<u64>) -> BTreeSet<B256> {
        numbers.map(|number| B256::from(U256::from(number))).collect()
    }

    #[test]
    fn an_empty_set_has_the_empty_root() {
        assert_eq!(nullifier_root(&BTreeSet::new()), EMPTY_ROOT);
        let proof = NullifierProof::new(&BTreeSet::new(), B256::with_last_byte(1));
        assert_eq!(proof.check(B256::with_last_byte(1), EMPTY_ROOT), Ok(false));
    }

    #[test]
    fn proofs_show_what_is_in_a_set_and_what_is_not() {
        for count in [1, 2, 17, 300] {
            let set = nullifiers(0..count);
            let root = nullifier_root(&set);
            for nullifier in nullifiers(0..count + 20) {
                let proof = NullifierProof::new(&set, nullifier);
                assert_eq!(proof.check(nullifier, root), Ok(set.contains(&nullifier)));
            }
        }
    }

    #[test]
    fn a_proof_of_another_nullifier_or_a_changed_one_shows_nothing() {
        let set = nullifiers(0..50);
        let root = nullifier_root(&set);
        let proof = NullifierProof::new(&set, B256::with_last_byte(3));
        for other in nullifiers(4..50) {
            assert!(
                proof.check(other, root).is_err(),
                "a path of another nullifier shows nothing of it"
            );
        }
        let mut changed = proof.clone();
        changed.nodes.pop();
        assert!(changed.check(B256::with_last_byte(3), root).is_err());
        let endless = NullifierProof {
            nodes: vec![proof.nodes[0].clone(); 10_000],
        };
        assert!(endless.check(B256::with_last_byte(3), root).is_err());
    }
}
