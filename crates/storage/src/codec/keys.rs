//! Keys of rows: they sort as their bytes do, so numbers are big-endian.

use alloy_primitives::{Address, B256, U256};
use alloy_trie::Nibbles;

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

    /// Row and block of a history key's bytes; those that are too short are of no row.
    pub(crate) fn split(bytes: &[u8]) -> (&[u8], u64) {
        let (row, block) = bytes.split_last_chunk().unwrap_or((&[], &[0; 8]));
        (row, u64::from_be_bytes(*block))
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
