//! One trie of numbers, by itself.

use alloy_primitives::{B256, Bytes, U256};

use super::{
    Result,
    trie::{Arena, Link, Place},
};
use crate::{WitnessNodes, read::parse_slot};

/// A part of a trie from hashes to numbers, as the storage of a contract is one: what a witness shows of it, in memory.
///
/// Keys are hashes already. Zero is what a key without a leaf has.
#[derive(Debug, Clone)]
pub struct SparseTrie {
    arena: Arena,
    trie: Link,
}

impl SparseTrie {
    /// The trie under `root`, of which `nodes` are known.
    pub fn new(nodes: WitnessNodes, root: B256) -> Self {
        let mut arena = Arena::new(nodes);
        Self {
            trie: arena.open(root),
            arena,
        }
    }

    /// The number at a key.
    ///
    /// # Errors
    /// [`TrieError`](crate::TrieError) if a node on the way is missing or malformed.
    pub fn get(&mut self, key: B256) -> Result<U256> {
        let place = Place { owner: None, key };
        match self.arena.get(self.trie, &place)? {
            Some(value) => parse_slot(value).ok_or_else(|| place.bad_leaf("the leaf holds no number")),
            None => Ok(U256::ZERO),
        }
    }

    /// Sets the number at a key; zero removes it.
    ///
    /// # Errors
    /// As [`Self::get`]. The trie is then of no use any more.
    pub fn set(&mut self, key: B256, value: U256) -> Result<()> {
        let place = Place { owner: None, key };
        self.trie = if value.is_zero() {
            self.arena.remove(self.trie, 0, &place)?
        } else {
            let value = Bytes::from(alloy_rlp::encode(value));
            self.arena.set(self.trie, 0, &place, value)?
        };
        Ok(())
    }

    /// The root; hashes what was changed since the last time.
    pub fn root(&mut self) -> B256 {
        self.arena.root(self.trie)
    }
}

#[cfg(test)]
mod tests {
    use alloc::collections::BTreeMap;

    use alloy_primitives::keccak256;
    use alloy_trie::EMPTY_ROOT_HASH;

    use super::*;
    use crate::{Nibbles, testing::reference};

    #[test]
    fn a_trie_has_the_root_of_its_numbers() {
        let mut trie = SparseTrie::new(WitnessNodes::default(), EMPTY_ROOT_HASH);
        let mut leaves = BTreeMap::new();
        for number in 1..200_u64 {
            let (key, value) = (keccak256(number.to_be_bytes()), U256::from(number) << (number % 90));
            assert_eq!(trie.get(key), Ok(U256::ZERO));
            trie.set(key, value).unwrap();
            assert_eq!(trie.get(key), Ok(value));
            leaves.insert(Nibbles::unpack(key), alloy_rlp::encode(value));
            if number % 50 == 0 {
                assert_eq!(trie.root(), reference(&leaves).0);
            }
        }
        for number in 1..200_u64 {
            trie.set(keccak256(number.to_be_bytes()), U256::ZERO).unwrap();
        }
        assert_eq!(trie.root(), EMPTY_ROOT_HASH);
    }

    #[test]
    fn what_a_witness_does_not_show_is_an_error() {
        let mut trie = SparseTrie::new(WitnessNodes::default(), keccak256("some root"));
        assert!(trie.get(keccak256("key")).is_err());
        assert!(trie.set(keccak256("key"), U256::from(1)).is_err());
    }
}
