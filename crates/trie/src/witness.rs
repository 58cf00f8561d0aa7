//! Nodes by hash, from bytes that nobody vouches for.

use core::convert::Infallible;

use alloy_primitives::map::B256Map;
use alloy_primitives::{B256, Bytes, keccak256};
use alloy_trie::Nibbles;
use cwe_primitives::StateChanges;

use crate::fork::Sequential;
use crate::state::apply_state;
use crate::writer::NodeWriter;
use crate::{NodeSource, TrieError, TrieUpdates};

/// Trie nodes by their hash.
///
/// Every entry is filed under the hash computed from its bytes, so no node can stand under a wrong hash: whoever walks
/// from a trusted root sees the trusted state, or [`TrieError::MissingNode`]. The default is the empty state.
#[derive(Debug, Clone, Default)]
pub struct WitnessNodes {
    nodes: B256Map<Bytes>,
}

impl WitnessNodes {
    /// Hashes and files nodes. Duplicates, nodes that nothing refers to and bytes that are no node do no harm.
    pub fn new(nodes: impl IntoIterator<Item = Bytes>) -> Self {
        Self {
            nodes: nodes.into_iter().map(|rlp| (keccak256(&rlp), rlp)).collect(),
        }
    }

    /// Number of nodes.
    pub fn len(&self) -> usize {
        self.nodes.len()
    }

    /// Whether there is no node.
    pub fn is_empty(&self) -> bool {
        self.nodes.is_empty()
    }

    /// Applies the changes of a block on the state under `parent_root`, keeps the new nodes for the next block, and
    /// returns the new root. Old nodes stay.
    ///
    /// # Errors
    /// As [`update_state`](crate::update_state).
    pub fn update_state(&mut self, parent_root: B256, changes: &StateChanges) -> Result<B256, TrieError<Infallible>> {
        let mut out = NodeWriter::keeping();
        let root = apply_state::<_, Sequential>(self, parent_root, changes, &mut out)?;
        let written = out.into_hashed();
        self.nodes.extend(written);
        Ok(root)
    }

    /// Adds the nodes of an update that was computed with [`update_state`](crate::update_state), hashing each.
    /// [`Self::update_state`] does both with half the hashing.
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
        Ok(self.nodes.get(&hash).cloned())
    }
}
