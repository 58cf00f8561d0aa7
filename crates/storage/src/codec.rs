//! Keys and values of rows as bytes. Every decoder takes arbitrary bytes and never panics.

mod keys;
mod values;

pub(crate) use self::{
    keys::{AccountNodeKey, ChunkKey, HistoryKey, Key, MAX_KEY_BYTES, SlotKey, StorageNodeKey},
    values::{BlockId, Rlp, RunInfo, Value},
};

#[cfg(test)]
mod tests {
    use alloy_primitives::{Address, B256, KECCAK256_EMPTY, U256};
    use alloy_trie::Nibbles;
    use cwe_primitives::Account;
    use proptest::prelude::*;

    use super::*;
    use crate::records::TransactionLocation;

    fn bytes_of(value: &impl Value) -> Vec<u8> {
        let mut out = Vec::new();
        value.encode(&mut out);
        out
    }

    fn path(nibbles: &[u8]) -> Nibbles {
        Nibbles::from_nibbles_unchecked(nibbles)
    }

    #[test]
    fn a_node_sorts_after_its_descendants_and_before_its_next_sibling() {
        let key = |nibbles: &[u8]| AccountNodeKey(path(nibbles)).encode().as_ref().to_vec();
        assert!(key(&[1, 15, 15]) < key(&[1]));
        assert!(key(&[1]) < key(&[2, 0]));
        assert!(key(&[15, 15]) < key(&[]));
    }

    #[test]
    fn the_longest_key_fits() {
        let key = StorageNodeKey {
            owner: B256::repeat_byte(1),
            path: path(&[15; 64]),
        }
        .encode();
        let history = HistoryKey::new(key.as_ref(), u64::MAX);
        assert_eq!(HistoryKey::split(history.as_ref()), (key.as_ref(), u64::MAX));
        assert!(HistoryKey::is_of(key.as_ref(), history.as_ref()));
        let chunk = ChunkKey::new(7, history.as_ref()).encode();
        assert_eq!(chunk.as_ref().len(), MAX_KEY_BYTES);
        assert!(ChunkKey::is_of(7, chunk.as_ref()));
    }

    #[test]
    fn an_account_without_code_needs_no_hash() {
        let account = Account {
            nonce: 1,
            balance: U256::ZERO,
            code_hash: KECCAK256_EMPTY,
        };
        assert_eq!(bytes_of(&account).len(), 9);
    }

    proptest! {
        #[test]
        fn accounts_survive(nonce: u64, balance: [u8; 32], shift in 0usize..256, code: Option<[u8; 32]>) {
            let account = Account {
                nonce,
                balance: U256::from_be_bytes(balance) >> shift,
                code_hash: code.map_or(KECCAK256_EMPTY, B256::from),
            };
            prop_assert_eq!(<Account as Value>::decode(&bytes_of(&account)).unwrap(), account);
        }

        #[test]
        fn paths_survive(nibbles in proptest::collection::vec(0u8..16, 0..=64), owner: [u8; 32]) {
            let key = StorageNodeKey { owner: owner.into(), path: path(&nibbles) };
            prop_assert_eq!(StorageNodeKey::decode(key.encode().as_ref()), Some(key));
        }

        #[test]
        fn no_bytes_make_a_decoder_panic(bytes in proptest::collection::vec(any::<u8>(), 0..120)) {
            let _ = <Account as Value>::decode(&bytes);
            let _ = <U256 as Value>::decode(&bytes);
            let _ = <Vec<Address> as Value>::decode(&bytes);
            let _ = <TransactionLocation as Value>::decode(&bytes);
            let _ = <Rlp<crate::tables::StoredHeader> as Value>::decode(&bytes);
            let _ = StorageNodeKey::decode(&bytes);
            let _ = SlotKey::decode(&bytes);
            let _ = ChunkKey::decode(&bytes);
            let _ = <RunInfo as Value>::decode(&bytes);
            let _ = HistoryKey::split(&bytes);
        }
    }
}
