//! The Merkle tree over a payout list: OpenZeppelin's StandardMerkleTree, which `CWEPayouts.withdraw` checks.
//!
//! Double-hashed leaves in ascending order lie in reverse at the end of a heap; a node is the hash of its two children,
//! the smaller one first.

use alloc::vec::Vec;

use alloy_primitives::{B256, U256, keccak256};

use crate::Payout;

/// A payout list as a tree.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PayoutTree {
    /// The heap; the root comes first.
    nodes: Vec<B256>,
    /// Works with the positions of their leaves, by rising work.
    positions: Vec<(B256, usize)>,
}

/// Leaf of a work's payout: `keccak256(keccak256(abi.encode(uint64 epoch, bytes32 work, uint256 amount)))`.
pub fn payout_leaf(epoch: u64, payout: &Payout) -> B256 {
    let mut words = [0; 96];
    words[24..32].copy_from_slice(&epoch.to_be_bytes());
    words[32..64].copy_from_slice(payout.work.as_slice());
    words[64..].copy_from_slice(&U256::from(payout.amount).to_be_bytes::<32>());
    keccak256(keccak256(words))
}

/// Whether `proof` leads from a payout to a list's root, as the contract checks it.
pub fn verify_payout(root: B256, epoch: u64, payout: &Payout, proof: &[B256]) -> bool {
    proof
        .iter()
        .fold(payout_leaf(epoch, payout), |node, sibling| pair(node, *sibling))
        == root
}

impl PayoutTree {
    /// The tree of an epoch's list, in whatever order it comes.
    pub fn new(epoch: u64, payouts: &[Payout]) -> Self {
        let mut leaves: Vec<_> = payouts
            .iter()
            .map(|payout| (payout_leaf(epoch, payout), payout.work))
            .collect();
        leaves.sort_unstable();
        let last = (2 * leaves.len()).saturating_sub(2);
        let mut positions: Vec<_> = leaves
            .iter()
            .enumerate()
            .map(|(rank, (_, work))| (*work, last - rank))
            .collect();
        positions.sort_unstable();
        let nodes = heap(leaves.iter().map(|(leaf, _)| *leaf));
        Self { nodes, positions }
    }

    /// The root; zero for an empty list.
    pub fn root(&self) -> B256 {
        self.nodes.first().copied().unwrap_or_default()
    }

    /// Siblings from a work's leaf up, or `None` if it is not in the list.
    pub fn proof(&self, work: B256) -> Option<Vec<B256>> {
        let listed = self.positions.binary_search_by_key(&work, |(listed, _)| *listed).ok()?;
        let mut position = self.positions.get(listed)?.1;
        let mut siblings = Vec::new();
        while position > 0 {
            // Children of one node: an odd position, then an even one.
            let sibling = if position % 2 == 0 { position - 1 } else { position + 1 };
            siblings.push(*self.nodes.get(sibling)?);
            position = (position - 1) / 2;
        }
        Some(siblings)
    }
}

fn heap(ascending: impl ExactSizeIterator<Item = B256>) -> Vec<B256> {
    let leaves = ascending.len();
    let mut nodes = alloc::vec![B256::ZERO; (2 * leaves).saturating_sub(1)];
    for (node, leaf) in nodes.iter_mut().rev().zip(ascending) {
        *node = leaf;
    }
    for parent in (0..leaves.saturating_sub(1)).rev() {
        nodes[parent] = pair(nodes[2 * parent + 1], nodes[2 * parent + 2]);
    }
    nodes
}

fn pair(one: B256, other: B256) -> B256 {
    let (first, second) = if one < other { (one, other) } else { (other, one) };
    let mut bytes = [0; 64];
    bytes[..32].copy_from_slice(first.as_slice());
    bytes[32..].copy_from_slice(second.as_slice());
    keccak256(bytes)
}

#[cfg(test)]
mod tests {
    use alloy_sol_types::SolValue;
    use serde::Deserialize;

    use super::*;

    /// A tree as OpenZeppelin's package makes it.
    #[derive(Deserialize)]
    struct Vector {
        epoch: u64,
        root: B256,
        payouts: Vec<Proven>,
    }

    #[derive(Deserialize)]
    struct Proven {
        work: B256,
        amount: String,
        proof: Vec<B256>,
    }

    #[derive(Deserialize)]
    struct Vectors {
        trees: Vec<Vector>,
    }

    fn payout(number: u8) -> Payout {
        Payout {
            work: B256::with_last_byte(number),
            amount: u128::from(number) << 40,
        }
    }

    #[test]
    fn roots_and_proofs_are_those_of_openzeppelins_package() {
        let vectors: Vectors = serde_json::from_str(include_str!("../../../test/vectors/payout-tree.json")).unwrap();
        assert!(vectors.trees.len() >= 8);
        for tree in vectors.trees {
            let payouts: Vec<_> = tree
                .payouts
                .iter()
                .map(|proven| Payout {
                    work: proven.work,
                    amount: proven.amount.parse().unwrap(),
                })
                .collect();
            let ours = PayoutTree::new(tree.epoch, &payouts);
            assert_eq!(ours.root(), tree.root, "{} payouts", payouts.len());
            for (payout, proven) in payouts.iter().zip(&tree.payouts) {
                assert_eq!(ours.proof(payout.work).as_ref(), Some(&proven.proof));
                assert!(verify_payout(tree.root, tree.epoch, payout, &proven.proof));
            }
        }
    }

    #[test]
    fn a_leaf_is_the_double_hash_of_the_encoded_triple() {
        let encoded = (7_u64, payout(3).work, U256::from(payout(3).amount)).abi_encode();
        assert_eq!(payout_leaf(7, &payout(3)), keccak256(keccak256(encoded)));
    }

    #[test]
    fn an_empty_list_has_the_root_zero_and_no_proofs() {
        let tree = PayoutTree::new(1, &[]);
        assert_eq!(tree.root(), B256::ZERO);
        assert_eq!(tree.proof(B256::ZERO), None);
    }

    #[test]
    fn a_proof_holds_for_its_payout_only() {
        let payouts: Vec<_> = (1..=21).map(payout).collect();
        let tree = PayoutTree::new(9, &payouts);
        let proof = tree.proof(payouts[4].work).unwrap();
        assert!(verify_payout(tree.root(), 9, &payouts[4], &proof));
        assert!(!verify_payout(tree.root(), 10, &payouts[4], &proof));
        let mut more = payouts[4];
        more.amount += 1;
        assert!(!verify_payout(tree.root(), 9, &more, &proof));
        assert!(!verify_payout(tree.root(), 9, &payouts[5], &proof));
        assert_eq!(tree.proof(B256::with_last_byte(99)), None);
    }
}
