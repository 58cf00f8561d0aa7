//! How witnesses are made: run on the database, remember what was read.

use std::sync::{Mutex, PoisonError};

use alloy_primitives::map::B256Map;
use alloy_primitives::{B256, Bytes};
use alloy_trie::Nibbles;

use crate::NodeSource;

/// A source that remembers every node it serves.
///
/// What it remembers is enough to do the same again on [`WitnessNodes`](crate::WitnessNodes): reads and updates take
/// every node from the source, the siblings that a deletion merges included.
#[derive(Debug)]
pub struct Recorder<'a, S> {
    source: &'a S,
    served: Mutex<B256Map<Bytes>>,
}

impl<'a, S: NodeSource> Recorder<'a, S> {
    /// A recorder that has served nothing yet.
    pub fn new(source: &'a S) -> Self {
        Self {
            source,
            served: Mutex::default(),
        }
    }

    /// The nodes served so far, each once, sorted by hash.
    pub fn into_nodes(self) -> Vec<Bytes> {
        let served = self.served.into_inner().unwrap_or_else(PoisonError::into_inner);
        let mut nodes: Vec<_> = served.into_iter().collect();
        nodes.sort_unstable_by_key(|(hash, _)| *hash);
        nodes.into_iter().map(|(_, rlp)| rlp).collect()
    }
}

impl<S: NodeSource> NodeSource for Recorder<'_, S> {
    type Error = S::Error;

    fn node(&self, owner: Option<B256>, path: &Nibbles, hash: B256) -> Result<Option<Bytes>, Self::Error> {
        let node = self.source.node(owner, path, hash)?;
        if let Some(rlp) = &node {
            self.served
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .insert(hash, rlp.clone());
        }
        Ok(node)
    }
}
