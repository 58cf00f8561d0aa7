//! The Merkle-Patricia tries of totals and of what is carried: from a complete list to its root.

use alloc::vec::Vec;

use alloy_primitives::{B256, U256, keccak256};
use alloy_rlp::Encodable;
pub use alloy_trie::EMPTY_ROOT_HASH;
use alloy_trie::{HashBuilder, Nibbles};

use crate::{CarriedEntry, TotalsEntry};

/// Longest RLP of a word.
const RLP_BYTES: usize = 33;

/// Root of the totals trie with exactly these entries, in whatever order: `keccak256(work ‖ tier)` →
/// `rlp(reveals · 2⁶⁴ + units)`. No work and tier may come twice.
pub fn totals_root(entries: &[TotalsEntry]) -> B256 {
    root(entries.iter().map(|entry| {
        let value = (u128::from(entry.reveals) << 64) | u128::from(entry.units);
        (key(entry.work, entry.tier), U256::from(value))
    }))
}

/// Root of the trie of what is carried, with exactly these entries, in whatever order: `keccak256(work ‖ tier)` →
/// `rlp(reveals · 2¹²⁸ + amount)`. No work and tier may come twice.
pub fn carried_root(entries: &[CarriedEntry]) -> B256 {
    root(entries.iter().map(|entry| {
        let value = (U256::from(entry.reveals) << 128) | U256::from(entry.amount);
        (key(entry.work, entry.tier), value)
    }))
}

fn key(work: B256, tier: B256) -> B256 {
    let mut bytes = [0; 64];
    bytes[..32].copy_from_slice(work.as_slice());
    bytes[32..].copy_from_slice(tier.as_slice());
    keccak256(bytes)
}

fn root(leaves: impl Iterator<Item = (B256, U256)>) -> B256 {
    let mut leaves: Vec<_> = leaves.collect();
    leaves.sort_unstable_by_key(|(key, _)| *key);
    // A list that repeats a key has no trie; the builder would refuse it by a panic.
    leaves.dedup_by_key(|(key, _)| *key);
    let mut builder = HashBuilder::default();
    let mut value_rlp = Vec::with_capacity(RLP_BYTES);
    for (key, value) in leaves {
        value_rlp.clear();
        value.encode(&mut value_rlp);
        builder.add_leaf(Nibbles::unpack_array(&key.0), &value_rlp);
    }
    builder.root()
}

#[cfg(test)]
mod tests {
    use alloy_primitives::b256;
    use alloy_trie::proof::verify_proof;

    use super::*;

    fn totals(number: u8) -> TotalsEntry {
        TotalsEntry {
            work: B256::with_last_byte(number),
            tier: B256::with_last_byte(200),
            units: 100 * u64::from(number),
            reveals: number.into(),
        }
    }

    #[test]
    fn the_empty_trie_is_ethereums() {
        let empty = b256!("56e81f171bcc55a6ff8345e692c0f86e5b48e01b996cadc001622fb5e363b421");
        assert_eq!(totals_root(&[]), empty);
        assert_eq!(carried_root(&[]), empty);
        assert_eq!(EMPTY_ROOT_HASH, empty);
    }

    #[test]
    fn one_entry_is_the_leaf_that_the_protocol_describes() {
        let entry = totals(3);
        let value = alloy_rlp::encode((U256::from(3) << 64) | U256::from(300));
        let path = Nibbles::unpack_array(&key(entry.work, entry.tier).0);
        let rlp = {
            let mut out = Vec::new();
            alloy_trie::nodes::LeafNodeRef::new(&path, &value).rlp(&mut out);
            alloy_primitives::Bytes::from(out)
        };
        assert!(verify_proof(totals_root(&[entry]), path, Some(value), [&rlp]).is_ok());
        assert_eq!(totals_root(&[entry]), keccak256(&rlp));
    }

    #[test]
    fn the_order_is_of_no_matter_and_every_number_counts() {
        let mut entries: Vec<_> = (1..40).map(totals).collect();
        let root = totals_root(&entries);
        entries.reverse();
        assert_eq!(totals_root(&entries), root);
        for change in [
            (|entry: &mut TotalsEntry| entry.units += 1) as fn(&mut TotalsEntry),
            |entry| entry.reveals += 1,
            |entry| entry.tier = B256::with_last_byte(201),
            |entry| entry.work = B256::with_last_byte(99),
        ] {
            let mut changed = entries.clone();
            change(&mut changed[7]);
            assert_ne!(totals_root(&changed), root);
        }
        entries.pop();
        assert_ne!(totals_root(&entries), root);
    }

    #[test]
    fn carried_numbers_use_their_whole_range() {
        let entry = CarriedEntry {
            work: B256::with_last_byte(1),
            tier: B256::with_last_byte(2),
            reveals: u64::MAX,
            amount: u128::MAX,
        };
        let other = CarriedEntry {
            reveals: u64::MAX - 1,
            ..entry
        };
        assert_ne!(carried_root(&[entry]), carried_root(&[other]));
        assert_ne!(carried_root(&[entry]), EMPTY_ROOT_HASH);
    }
}
