//! Keys and values of rows as bytes.
//!
//! Keys sort as their bytes do, so numbers are big-endian. Every decoder takes arbitrary bytes and never panics.

use alloy_primitives::{Address, B256, Bytes, KECCAK256_EMPTY, U256};
use alloy_rlp::{Decodable, Encodable};
use alloy_trie::Nibbles;
use cwe_primitives::{Account, QueueHash};

use crate::records::{L1Block, TransactionLocation};

/// Longest key: run, owner, path of 64 nibbles with its end mark, block number.
pub(crate) const MAX_KEY_BYTES: usize = 8 + 32 + 65 + 8;

/// Follows the nibbles of a path in a key. Greater than any nibble, so that no path's key begins another's and nodes
/// sort after everything below them: the order in which a trie is built.
const END_OF_PATH: u8 = 0x10;

/// A key as bytes, on the stack.
#[derive(Clone, Copy)]
pub(crate) struct KeyBytes {
    bytes: [u8; MAX_KEY_BYTES],
    len: usize,
}

impl KeyBytes {
    /// Concatenates parts; what is over [`MAX_KEY_BYTES`] is a programming error that the length check of the
    /// write layer reports.
    pub(crate) fn new(parts: &[&[u8]]) -> Self {
        let mut key = Self {
            bytes: [0; MAX_KEY_BYTES],
            len: 0,
        };
        for part in parts {
            key.push(part);
        }
        key
    }

    fn push(&mut self, part: &[u8]) {
        let room = &mut self.bytes[self.len..];
        let len = part.len().min(room.len());
        room[..len].copy_from_slice(&part[..len]);
        self.len += len;
    }
}

impl AsRef<[u8]> for KeyBytes {
    fn as_ref(&self) -> &[u8] {
        &self.bytes[..self.len]
    }
}

/// A type of key.
pub(crate) trait Key: Sized {
    /// The key as bytes.
    fn encode(&self) -> KeyBytes;
    /// The key from bytes; `None` if they are none.
    fn decode(bytes: &[u8]) -> Option<Self>;
}

/// A type of value.
pub(crate) trait Value: Sized {
    /// Appends the value's bytes.
    fn encode(&self, out: &mut Vec<u8>);
    /// The value from bytes, or what is wrong with them.
    fn decode(bytes: &[u8]) -> Result<Self, &'static str>;
}

impl Key for u64 {
    fn encode(&self) -> KeyBytes {
        KeyBytes::new(&[&self.to_be_bytes()])
    }

    fn decode(bytes: &[u8]) -> Option<Self> {
        Some(Self::from_be_bytes(bytes.try_into().ok()?))
    }
}

impl Key for B256 {
    fn encode(&self) -> KeyBytes {
        KeyBytes::new(&[self.as_slice()])
    }

    fn decode(bytes: &[u8]) -> Option<Self> {
        Self::try_from(bytes).ok()
    }
}

impl Key for Address {
    fn encode(&self) -> KeyBytes {
        KeyBytes::new(&[self.as_slice()])
    }

    fn decode(bytes: &[u8]) -> Option<Self> {
        Self::try_from(bytes).ok()
    }
}

/// Name of a single value.
impl Key for &'static str {
    fn encode(&self) -> KeyBytes {
        KeyBytes::new(&[self.as_bytes()])
    }

    fn decode(_: &[u8]) -> Option<Self> {
        None
    }
}

/// A storage slot.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct SlotKey {
    pub(crate) address: Address,
    pub(crate) slot: U256,
}

impl Key for SlotKey {
    fn encode(&self) -> KeyBytes {
        KeyBytes::new(&[self.address.as_slice(), &self.slot.to_be_bytes::<32>()])
    }

    fn decode(bytes: &[u8]) -> Option<Self> {
        let (address, slot) = bytes.split_at_checked(20)?;
        let slot: [u8; 32] = slot.try_into().ok()?;
        Some(Self {
            address: Address::try_from(address).ok()?,
            slot: U256::from_be_bytes(slot),
        })
    }
}

/// A node of the account trie.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct AccountNodeKey(pub(crate) Nibbles);

impl Key for AccountNodeKey {
    fn encode(&self) -> KeyBytes {
        path_key(&[], &self.0)
    }

    fn decode(bytes: &[u8]) -> Option<Self> {
        Some(Self(decode_path(bytes)?))
    }
}

/// A node of an account's storage trie.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct StorageNodeKey {
    /// Keccak of the account's address.
    pub(crate) owner: B256,
    pub(crate) path: Nibbles,
}

impl Key for StorageNodeKey {
    fn encode(&self) -> KeyBytes {
        path_key(self.owner.as_slice(), &self.path)
    }

    fn decode(bytes: &[u8]) -> Option<Self> {
        let (owner, path) = bytes.split_at_checked(32)?;
        Some(Self {
            owner: B256::try_from(owner).ok()?,
            path: decode_path(path)?,
        })
    }
}

fn path_key(owner: &[u8], path: &Nibbles) -> KeyBytes {
    let mut key = KeyBytes::new(&[owner]);
    for nibble in path.iter() {
        key.push(&[nibble]);
    }
    key.push(&[END_OF_PATH]);
    key
}

fn decode_path(bytes: &[u8]) -> Option<Nibbles> {
    let (end, nibbles) = bytes.split_last()?;
    (*end == END_OF_PATH && nibbles.len() <= 64 && nibbles.iter().all(|nibble| *nibble < 0x10))
        .then(|| Nibbles::from_nibbles_unchecked(nibbles))
}

/// The value that a row of a state table had before a block.
#[derive(Clone, Copy)]
pub(crate) struct HistoryKey {
    /// Key of the row and block number.
    bytes: KeyBytes,
}

impl HistoryKey {
    pub(crate) fn new(row: &[u8], block: u64) -> Self {
        Self {
            bytes: KeyBytes::new(&[row, &block.to_be_bytes()]),
        }
    }

    /// Whether `bytes` is a history key of `row`, of any block.
    pub(crate) fn is_of(row: &[u8], bytes: &[u8]) -> bool {
        bytes.len() == row.len() + 8 && bytes.starts_with(row)
    }

    /// A history key from its bytes.
    pub(crate) fn decode(bytes: &[u8]) -> Option<Self> {
        (8..=MAX_KEY_BYTES).contains(&bytes.len()).then(|| Self {
            bytes: KeyBytes::new(&[bytes]),
        })
    }

    /// Key of the row.
    pub(crate) fn row(&self) -> &[u8] {
        self.parts().0
    }

    /// The block.
    pub(crate) fn block(&self) -> u64 {
        u64::from_be_bytes(*self.parts().1)
    }

    fn parts(&self) -> (&[u8], &[u8; 8]) {
        // Both ways to make one take care of the length.
        self.as_ref().split_last_chunk().unwrap_or((&[], &[0; 8]))
    }
}

impl AsRef<[u8]> for HistoryKey {
    fn as_ref(&self) -> &[u8] {
        self.bytes.as_ref()
    }
}

/// A chunk of a run of history: the run's last block and the chunk's last history key.
#[derive(Clone, Copy)]
pub(crate) struct ChunkKey(KeyBytes);

impl ChunkKey {
    pub(crate) fn new(run: u64, last: &[u8]) -> Self {
        Self(KeyBytes::new(&[&run.to_be_bytes(), last]))
    }

    /// Whether `bytes` is the key of a chunk of `run`.
    pub(crate) fn is_of(run: u64, bytes: &[u8]) -> bool {
        bytes.starts_with(&run.to_be_bytes())
    }
}

impl Key for ChunkKey {
    fn encode(&self) -> KeyBytes {
        self.0
    }

    fn decode(bytes: &[u8]) -> Option<Self> {
        (8..=MAX_KEY_BYTES)
            .contains(&bytes.len())
            .then(|| Self(KeyBytes::new(&[bytes])))
    }
}

/// A run of history, filed under its last block.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct RunInfo {
    /// Its first block.
    pub(crate) first: u64,
    /// Bytes of all keys and values.
    pub(crate) bytes: u64,
}

impl Value for RunInfo {
    fn encode(&self, out: &mut Vec<u8>) {
        Value::encode(&self.first, out);
        Value::encode(&self.bytes, out);
    }

    fn decode(bytes: &[u8]) -> Result<Self, &'static str> {
        let (first, bytes) = bytes.split_at_checked(8).ok_or("a run is too short")?;
        Ok(Self {
            first: Value::decode(first)?,
            bytes: Value::decode(bytes)?,
        })
    }
}

/// Bytes kept as they are.
impl Value for Bytes {
    fn encode(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(self);
    }

    fn decode(bytes: &[u8]) -> Result<Self, &'static str> {
        Ok(Self::copy_from_slice(bytes))
    }
}

impl Value for u64 {
    fn encode(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.to_be_bytes());
    }

    fn decode(bytes: &[u8]) -> Result<Self, &'static str> {
        Ok(Self::from_be_bytes(
            bytes.try_into().map_err(|_| "a number is not 8 bytes")?,
        ))
    }
}

impl Value for B256 {
    fn encode(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(self.as_slice());
    }

    fn decode(bytes: &[u8]) -> Result<Self, &'static str> {
        Self::try_from(bytes).map_err(|_| "a hash is not 32 bytes")
    }
}

/// A slot's value without leading zeros.
impl Value for U256 {
    fn encode(&self, out: &mut Vec<u8>) {
        let bytes = self.to_be_bytes::<32>();
        let leading_zeros = bytes.iter().take_while(|byte| **byte == 0).count();
        out.extend_from_slice(&bytes[leading_zeros..]);
    }

    fn decode(bytes: &[u8]) -> Result<Self, &'static str> {
        Self::try_from_be_slice(bytes).ok_or("a slot value is over 32 bytes")
    }
}

/// Nonce, balance length, balance without leading zeros, code hash unless there is no code.
impl Value for Account {
    fn encode(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.nonce.to_be_bytes());
        let length_at = out.len();
        out.push(0);
        Value::encode(&self.balance, out);
        out[length_at] = u8::try_from(out.len() - length_at - 1).unwrap_or(32);
        if self.code_hash != KECCAK256_EMPTY {
            out.extend_from_slice(self.code_hash.as_slice());
        }
    }

    fn decode(bytes: &[u8]) -> Result<Self, &'static str> {
        const SHORT: &str = "an account is too short";
        let (nonce, rest) = bytes.split_at_checked(8).ok_or(SHORT)?;
        let (balance_len, rest) = rest.split_first().ok_or(SHORT)?;
        let (balance, code_hash) = rest.split_at_checked((*balance_len).into()).ok_or(SHORT)?;
        let code_hash = if code_hash.is_empty() {
            KECCAK256_EMPTY
        } else {
            <B256 as Value>::decode(code_hash)?
        };
        Ok(Self {
            nonce: <u64 as Value>::decode(nonce)?,
            balance: U256::try_from_be_slice(balance).ok_or("a balance is over 32 bytes")?,
            code_hash,
        })
    }
}

/// Hash and number of a block.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct BlockId {
    pub(crate) number: u64,
    pub(crate) hash: B256,
}

impl Value for BlockId {
    fn encode(&self, out: &mut Vec<u8>) {
        Value::encode(&self.number, out);
        Value::encode(&self.hash, out);
    }

    fn decode(bytes: &[u8]) -> Result<Self, &'static str> {
        let (number, hash) = bytes.split_at_checked(8).ok_or("a block id is too short")?;
        Ok(Self {
            number: Value::decode(number)?,
            hash: Value::decode(hash)?,
        })
    }
}

impl Value for L1Block {
    fn encode(&self, out: &mut Vec<u8>) {
        Value::encode(
            &BlockId {
                number: self.number,
                hash: self.hash,
            },
            out,
        );
    }

    fn decode(bytes: &[u8]) -> Result<Self, &'static str> {
        let BlockId { number, hash } = Value::decode(bytes)?;
        Ok(Self { number, hash })
    }
}

impl Value for QueueHash {
    fn encode(&self, out: &mut Vec<u8>) {
        Value::encode(
            &BlockId {
                number: self.next_index,
                hash: self.hash,
            },
            out,
        );
    }

    fn decode(bytes: &[u8]) -> Result<Self, &'static str> {
        let BlockId {
            number: next_index,
            hash,
        } = Value::decode(bytes)?;
        Ok(Self { next_index, hash })
    }
}

impl Value for TransactionLocation {
    fn encode(&self, out: &mut Vec<u8>) {
        Value::encode(&self.block, out);
        out.extend_from_slice(&self.index.to_be_bytes());
    }

    fn decode(bytes: &[u8]) -> Result<Self, &'static str> {
        const LENGTH: &str = "a transaction location is not 12 bytes";
        let (block, index) = bytes.split_at_checked(8).ok_or(LENGTH)?;
        Ok(Self {
            block: Value::decode(block)?,
            index: u32::from_be_bytes(index.try_into().map_err(|_| LENGTH)?),
        })
    }
}

/// Addresses back to back.
impl Value for Vec<Address> {
    fn encode(&self, out: &mut Vec<u8>) {
        for address in self {
            out.extend_from_slice(address.as_slice());
        }
    }

    fn decode(bytes: &[u8]) -> Result<Self, &'static str> {
        let (addresses, rest) = bytes.as_chunks::<20>();
        if !rest.is_empty() {
            return Err("a list of addresses ends inside an address");
        }
        Ok(addresses.iter().map(Address::from).collect())
    }
}

/// A value in its RLP encoding.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Rlp<T>(pub(crate) T);

impl<T: Encodable + Decodable> Value for Rlp<T> {
    fn encode(&self, out: &mut Vec<u8>) {
        self.0.encode(out);
    }

    fn decode(mut bytes: &[u8]) -> Result<Self, &'static str> {
        let value = T::decode(&mut bytes).map_err(|_| "malformed RLP")?;
        if bytes.is_empty() {
            Ok(Self(value))
        } else {
            Err("bytes after the RLP")
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

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
        assert_eq!((history.row(), history.block()), (key.as_ref(), u64::MAX));
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
            let _ = HistoryKey::decode(&bytes);
        }
    }
}
