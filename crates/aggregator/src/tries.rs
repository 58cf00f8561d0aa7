//! The tries of a state: roots of sets of nullifiers and of totals, and proofs that a nullifier is in one, or is not.
//! Keys and values are those of docs/PROTOCOL.md, "Aggregates and settlement".

use std::collections::{BTreeMap, BTreeSet};

use alloy::primitives::{B256, Bytes, U256, keccak256};
use alloy_trie::{
    EMPTY_ROOT_HASH, HashBuilder, Nibbles,
    proof::{ProofRetainer, verify_proof},
};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// rlp(1).
const PRESENT: &[u8] = &[1];

/// Nodes of a proof: a path has 64 nibbles at most.
const MAX_PROOF_NODES: usize = 65;

/// Reveals and units of a work in a tier.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Total {
    /// Reveals.
    pub reveals: u64,
    /// Units.
    pub units: u64,
}

/// What totals are kept by: work id, tier id.
pub type TotalKey = (B256, B256);

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
    /// Whether the nullifier is in the trie with this root.
    ///
    /// # Errors
    /// [`ProofError`].
    pub fn check(&self, nullifier: B256, root: B256) -> Result<bool, ProofError> {
        let holds = |expected: Option<Vec<u8>>| verify_proof(root, path(nullifier), expected, &self.nodes).is_ok();
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

/// Root of the trie of these nullifiers.
pub fn nullifier_root(nullifiers: &BTreeSet<B256>) -> B256 {
    build(HashBuilder::default(), nullifier_leaves(nullifiers)).root()
}

/// Shows that a nullifier is among these, or is not.
pub fn prove_nullifier(nullifiers: &BTreeSet<B256>, nullifier: B256) -> NullifierProof {
    if nullifiers.is_empty() {
        return NullifierProof::default();
    }
    let retainer = ProofRetainer::new(vec![path(nullifier)]);
    let mut builder = build(
        HashBuilder::default().with_proof_retainer(retainer),
        nullifier_leaves(nullifiers),
    );
    builder.root();
    let nodes = builder.take_proof_nodes().into_nodes_sorted();
    NullifierProof {
        nodes: nodes.into_iter().map(|(_, node)| node).collect(),
    }
}

/// Root of the trie of these totals.
pub fn totals_root(totals: &BTreeMap<TotalKey, Total>) -> B256 {
    let leaf = |((work, tier), total): (&TotalKey, &Total)| {
        let value = (U256::from(total.reveals) << 64) | U256::from(total.units);
        (keccak256([work.0, tier.0].concat()), alloy_rlp::encode(value))
    };
    build(HashBuilder::default(), totals.iter().map(leaf).collect()).root()
}

/// Root of an empty trie.
pub const EMPTY_ROOT: B256 = EMPTY_ROOT_HASH;

fn path(nullifier: B256) -> Nibbles {
    Nibbles::unpack(keccak256(nullifier))
}

fn nullifier_leaves(nullifiers: &BTreeSet<B256>) -> Vec<(B256, Vec<u8>)> {
    nullifiers.iter().map(|nullifier| (keccak256(nullifier), PRESENT.to_vec())).collect()
}

fn build(mut builder: HashBuilder, mut leaves: Vec<(B256, Vec<u8>)>) -> HashBuilder {
    leaves.sort_unstable();
    for (key, value) in leaves {
        builder.add_leaf(Nibbles::unpack(key), &value);
    }
    builder
}

#[cfg(test)]
mod tests {
    use super::*;

    fn nullifiers(numbers: std::ops::Range<u64>) -> BTreeSet<B256> {
        numbers.map(|number| B256::from(U256::from(number))).collect()
    }

    #[test]
    fn an_empty_set_has_the_empty_root() {
        assert_eq!(nullifier_root(&BTreeSet::new()), EMPTY_ROOT);
        assert_eq!(totals_root(&BTreeMap::new()), EMPTY_ROOT);
        let proof = prove_nullifier(&BTreeSet::new(), B256::with_last_byte(1));
        assert_eq!(proof.check(B256::with_last_byte(1), EMPTY_ROOT), Ok(false));
    }

    #[test]
    fn proofs_show_what_is_in_a_set_and_what_is_not() {
        for count in [1, 2, 17, 300] {
            let set = nullifiers(0..count);
            let root = nullifier_root(&set);
            for nullifier in nullifiers(0..count + 20) {
                let proof = prove_nullifier(&set, nullifier);
                assert_eq!(proof.check(nullifier, root), Ok(set.contains(&nullifier)));
            }
        }
    }

    #[test]
    fn a_proof_of_another_nullifier_or_a_changed_one_shows_nothing() {
        let set = nullifiers(0..50);
        let root = nullifier_root(&set);
        let proof = prove_nullifier(&set, B256::with_last_byte(3));
        for other in nullifiers(4..50) {
            assert!(proof.check(other, root).is_err(), "a path of another nullifier shows nothing of it");
        }
        let mut changed = proof.clone();
        changed.nodes.pop();
        assert!(changed.check(B256::with_last_byte(3), root).is_err());
        let endless = NullifierProof { nodes: vec![proof.nodes[0].clone(); 10_000] };
        assert!(endless.check(B256::with_last_byte(3), root).is_err());
    }

    #[test]
    fn totals_are_reveals_before_units() {
        let key = (B256::with_last_byte(1), B256::with_last_byte(2));
        let total = |reveals, units| BTreeMap::from([(key, Total { reveals, units })]);
        assert_ne!(totals_root(&total(1, 2)), totals_root(&total(2, 1)));
        let leaf = keccak256([key.0.0, key.1.0].concat());
        let value = alloy_rlp::encode((U256::from(1) << 64) | U256::from(2));
        let mut builder = HashBuilder::default();
        builder.add_leaf(Nibbles::unpack(leaf), &value);
        assert_eq!(totals_root(&total(1, 2)), builder.root());
    }
}
