//! The two tries of an epoch: which notes were revealed, and what they sum to.

use alloy_primitives::{B256, U256, keccak256};
use alloy_rlp::{RlpDecodable, RlpEncodable};

/// Roots of both tries: the state of an epoch's aggregation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, RlpEncodable, RlpDecodable)]
pub struct Roots {
    /// Of the trie of nullifiers.
    pub nullifiers: B256,
    /// Of the trie of totals.
    pub totals: B256,
}

/// What a work was revealed to have in one tier.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Total {
    /// Reveals.
    pub reveals: u64,
    /// Their units, hundredths of a fee.
    pub units: u64,
}

impl Total {
    /// As the trie holds it: `reveals · 2⁶⁴ + units`.
    pub fn to_number(self) -> U256 {
        (U256::from(self.reveals) << 64) | U256::from(self.units)
    }

    /// From what the trie holds; `None` if that is no total.
    pub fn from_number(number: U256) -> Option<Self> {
        let [units, reveals, 0, 0] = number.into_limbs() else {
            return None;
        };
        Some(Self { reveals, units })
    }

    /// With one more reveal; `None` beyond what a total can hold.
    #[must_use]
    pub fn with(self, units: u8) -> Option<Self> {
        Some(Self {
            reveals: self.reveals.checked_add(1)?,
            units: self.units.checked_add(u64::from(units))?,
        })
    }
}

/// Where the trie of nullifiers has one.
pub fn nullifier_key(nullifier: B256) -> B256 {
    keccak256(nullifier)
}

/// Where the trie of totals has a work in a tier.
pub fn total_key(work: B256, tier: B256) -> B256 {
    let mut preimage = [0; 64];
    preimage[..32].copy_from_slice(work.as_slice());
    preimage[32..].copy_from_slice(tier.as_slice());
    keccak256(preimage)
}

impl Default for Roots {
    fn default() -> Self {
        Self {
            nullifiers: cwe_trie::EMPTY_ROOT_HASH,
            totals: cwe_trie::EMPTY_ROOT_HASH,
        }
    }
}
