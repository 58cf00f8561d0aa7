//! What the tests share: a store by path, and tries built by `alloy_trie` to compare with.

use alloc::collections::BTreeMap;
use alloc::string::ToString;
use alloc::vec::Vec;
use core::convert::Infallible;

use alloy_primitives::{B256, Bytes, keccak256};
use alloy_trie::proof::ProofRetainer;
use alloy_trie::{HashBuilder, Nibbles};

use crate::{ChangedNodes, NodeSource};

/// Nodes of one trie by path, as a database keeps them. Serves a node only if it has the hash that is asked for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct PathStore(pub(crate) BTreeMap<Nibbles, Bytes>);

impl PathStore {
    pub(crate) fn apply(&mut self, changed: ChangedNodes) {
        assert!(changed.is_sorted_by(|a, b| a.0 < b.0), "sorted, each path once");
        for (path, node) in changed {
            match node {
                Some(rlp) => assert_ne!(self.0.insert(path, rlp.clone()), Some(rlp), "a node that didn't change"),
                None => assert!(self.0.remove(&path).is_some(), "removed where nothing was: {path:?}"),
            }
        }
    }
}

impl NodeSource for PathStore {
    type Error = Infallible;

    fn node(&self, _owner: Option<B256>, path: &Nibbles, hash: B256) -> Result<Option<Bytes>, Infallible> {
        Ok(self.0.get(path).filter(|rlp| keccak256(rlp) == hash).cloned())
    }
}

/// Root and all stored nodes of a trie, by `alloy_trie`.
pub(crate) fn reference(leaves: &BTreeMap<Nibbles, Vec<u8>>) -> (B256, PathStore) {
    let retainer = ProofRetainer::from_iter(leaves.keys().copied());
    let mut builder = HashBuilder::default().with_proof_retainer(retainer);
    for (key, value) in leaves {
        builder.add_leaf(*key, value);
    }
    let root = builder.root();
    let nodes = builder.take_proof_nodes().into_nodes_sorted();
    let stored = nodes
        .into_iter()
        .filter(|(path, rlp)| rlp.len() >= 32 || (path.is_empty() && rlp.to_string() != "0x80"));
    (root, PathStore(stored.collect()))
}
