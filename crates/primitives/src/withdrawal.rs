//! Withdrawals and their append-only tree. `docs/PROTOCOL.md` §Withdrawals.

use alloc::vec::Vec;

use alloy_primitives::{Address, B256, U256, keccak256};

/// Depth of the withdrawal tree.
pub const DEPTH: usize = 32;

/// CLN on its way from L2 to L1.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "camelCase"))]
pub struct Withdrawal {
    /// Position in the tree.
    pub index: u64,
    /// Who withdrew on L2.
    pub sender: Address,
    /// Who receives on L1.
    pub recipient: Address,
    /// CLN wei.
    pub amount: U256,
}

impl Withdrawal {
    /// `keccak256(abi.encode(index, sender, recipient, amount))`.
    pub fn leaf(&self) -> B256 {
        let mut buf = [0u8; 4 * 32];
        buf[24..32].copy_from_slice(&self.index.to_be_bytes());
        buf[44..64].copy_from_slice(self.sender.as_slice());
        buf[76..96].copy_from_slice(self.recipient.as_slice());
        buf[96..].copy_from_slice(&self.amount.to_be_bytes::<32>());
        keccak256(buf)
    }
}

fn node(left: B256, right: B256) -> B256 {
    let mut buf = [0u8; 64];
    buf[..32].copy_from_slice(left.as_slice());
    buf[32..].copy_from_slice(right.as_slice());
    keccak256(buf)
}

/// Roots of empty subtrees, by height.
fn zero_hashes() -> [B256; DEPTH + 1] {
    let mut zeros = [B256::ZERO; DEPTH + 1];
    for height in 0..DEPTH {
        zeros[height + 1] = node(zeros[height], zeros[height]);
    }
    zeros
}

/// Root of the tree without leaves.
pub fn empty_root() -> B256 {
    zero_hashes()[DEPTH]
}

/// The tree over a list of leaves, for roots and proofs. Built from all leaves: a client's tool, not the chain's state.
#[derive(Debug, Clone)]
pub struct WithdrawalTree {
    /// Non-empty nodes by height, leaves first.
    levels: Vec<Vec<B256>>,
    zeros: [B256; DEPTH + 1],
}

impl WithdrawalTree {
    /// Builds the tree over `leaves`, in order.
    pub fn new(leaves: Vec<B256>) -> Self {
        let zeros = zero_hashes();
        let mut levels = Vec::with_capacity(DEPTH + 1);
        levels.push(leaves);
        for height in 0..DEPTH {
            let below: &Vec<B256> = &levels[height];
            let level = below
                .chunks(2)
                .map(|pair| node(pair[0], pair.get(1).copied().unwrap_or(zeros[height])))
                .collect();
            levels.push(level);
        }
        Self { levels, zeros }
    }

    /// Root over all leaves.
    pub fn root(&self) -> B256 {
        self.levels[DEPTH].first().copied().unwrap_or(self.zeros[DEPTH])
    }

    /// Siblings from leaf `index` to the root; `None` if there is no such leaf.
    pub fn proof(&self, index: u64) -> Option<[B256; DEPTH]> {
        let mut position = usize::try_from(index).ok().filter(|i| *i < self.levels[0].len())?;
        let mut proof = [B256::ZERO; DEPTH];
        for (height, sibling) in proof.iter_mut().enumerate() {
            *sibling = self.levels[height]
                .get(position ^ 1)
                .copied()
                .unwrap_or(self.zeros[height]);
            position >>= 1;
        }
        Some(proof)
    }
}

/// Whether `leaf` is at `index` of the tree with this root.
pub fn verify_proof(root: B256, leaf: B256, index: u64, proof: &[B256; DEPTH]) -> bool {
    if index >> DEPTH != 0 {
        return false;
    }
    let computed = proof.iter().enumerate().fold(leaf, |hash, (height, sibling)| {
        if (index >> height) & 1 == 0 {
            node(hash, *sibling)
        } else {
            node(*sibling, hash)
        }
    });
    computed == root
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_empty_tree_has_the_empty_root() {
        assert_eq!(WithdrawalTree::new(Vec::new()).root(), empty_root());
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(16))]
        #[test]
        fn every_leaf_is_proven_and_no_other(count in 1u8..40, pick in 0u8..40, wrong in any::<[u8; 32]>()) {
            let leaves: Vec<_> = (0..count).map(|i| keccak256([i])).collect();
            let pick = usize::from(pick % count);
            let tree = WithdrawalTree::new(leaves.clone());
            let proof = tree.proof(pick as u64).unwrap();
            prop_assert!(verify_proof(tree.root(), leaves[pick], pick as u64, &proof));
            prop_assert!(!verify_proof(tree.root(), B256::from(wrong), pick as u64, &proof));
            prop_assert!(!verify_proof(tree.root(), leaves[pick], pick as u64 ^ 1, &proof));
            prop_assert!(!verify_proof(tree.root(), leaves[pick], pick as u64 | 1 << 32, &proof));
            prop_assert_eq!(tree.proof(u64::from(count)), None);
        }
    }
}
