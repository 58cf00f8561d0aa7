//! Nodes by hash, from bytes that nobody vouches for.

use core::convert::Infallible;
use core::hash::{BuildHasherDefault, Hasher};

use alloy_primitives::map::HashMap;
use alloy_primitives::{B256, Bytes, keccak256};
use alloy_trie::Nibbles;

use crate::{NodeSource, TrieUpdates};

/// Trie nodes by their hash.
///
/// Every entry is filed under the hash computed from its bytes, so no node can stand under a wrong hash: whoever walks
/// from a trusted root sees the trusted state, or [`TrieError::MissingNode`]. The default is the empty state.
#[derive(Debug, Clone, Default)]
pub struct WitnessNodes {
    nodes: HashMap<B256, Bytes, BuildHasherDefault<HashPrefix>>,
}

/// Takes the first bytes of a Keccak hash for its hash: nobody chooses where a node is filed.
#[derive(Debug, Clone, Default)]
struct HashPrefix(u64);

impl Hasher for HashPrefix {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        if let Some(prefix) = bytes.first_chunk() {
            self.0 = u64::from_le_bytes(*prefix);
        }
    }

    /// The key's length, which is always the same.
    fn write_usize(&mut self, _: usize) {}
}

impl WitnessNodes {
    /// Hashes and files nodes. Duplicates, nodes that nothing refers to and bytes that are no node do no harm.
    pub fn new(nodes: impl IntoIterator<Item = Bytes>) -> Self {
        Self {
            nodes: nodes.into_iter().map(|rlp| (keccak256(&rlp), rlp)).collect(),
        }
    }

    /// Nodes under any hash: what only a false root leads to.
    #[cfg(test)]
    pub(crate) fn forged(nodes: impl IntoIterator<Item = (B256, Bytes)>) -> Self {
        Self {
            nodes: nodes.into_iter().collect(),
        }
    }

    pub(crate) fn get(&self, hash: &B256) -> Option<Bytes> {
        self.nodes.get(hash).cloned()
    }

    /// Number of nodes.
    pub fn len(&self) -> usize {
        self.nodes.len()
    }

    /// Whether there is no node.
    pub fn is_empty(&self) -> bool {
        self.nodes.is_empty()
    }

    /// Adds the nodes of an update that was computed with [`update_state`](crate::update_state), hashing each. Old nodes
    /// stay.
    pub fn apply(&mut self, updates: &TrieUpdates) {
        let account_nodes = updates.account_nodes.iter();
        let storage_nodes = updates.storage_nodes.iter().flat_map(|(_, nodes)| nodes);
        let written = account_nodes.chain(storage_nodes).filter_map(|(_, rlp)| rlp.as_ref());
        self.nodes.extend(written.map(|rlp| (keccak256(rlp), rlp.clone())));
    }
}

impl NodeSource for WitnessNodes {
    type Error = Infallible;

    fn node(&self, _owner: Option<B256>, _path: &Nibbles, hash: B256) -> Result<Option<Bytes>, Infallible> {
        Ok(self.get(&hash))
    }
}
