//! Encoding and hashing of changed nodes, each once, and what has been written so far.

use alloc::vec::Vec;

use alloy_primitives::{B256, Bytes, keccak256};
use alloy_rlp::{EMPTY_STRING_CODE, Encodable, Header};
use alloy_trie::Nibbles;
use alloy_trie::nodes::{ExtensionNodeRef, LeafNodeRef, RlpNode};

use crate::state::{ChangedNodes, TrieUpdates};

/// A subtree that no branch has taken yet. Where it ends up decides how long the key of its top node is.
#[derive(Debug)]
pub(crate) enum Item {
    /// A leaf, with its whole key.
    Leaf { key: Nibbles, value: Vec<u8> },
    /// A branch at `path`, final and written; an extension leads to it if it's taken further up.
    Branch { path: Nibbles, node: RlpNode },
}

impl Item {
    pub(crate) fn path(&self) -> &Nibbles {
        match self {
            Self::Leaf { key, .. } => key,
            Self::Branch { path, .. } => path,
        }
    }
}

/// A path that changed: the node now there, or nothing.
#[derive(Debug)]
struct Written {
    path: Nibbles,
    node: Option<Bytes>,
}

/// Encodes and hashes nodes; keeps them if asked to.
#[derive(Debug, Default)]
pub(crate) struct NodeWriter {
    keep: bool,
    nodes: Vec<Written>,
    storages: Vec<(B256, Vec<Written>)>,
    buf: Vec<u8>,
}

impl NodeWriter {
    /// A writer that keeps what it writes.
    pub(crate) fn keeping() -> Self {
        Self {
            keep: true,
            ..Self::default()
        }
    }

    /// An empty writer of the same kind.
    pub(crate) fn fork(&self) -> Self {
        Self {
            keep: self.keep,
            ..Self::default()
        }
    }

    /// Takes over what a fork wrote in the same trie.
    #[cfg(feature = "std")]
    pub(crate) fn join(&mut self, fork: Self) {
        self.nodes.extend(fork.nodes);
        self.storages.extend(fork.storages);
    }

    /// Takes over what a fork wrote in a storage trie.
    pub(crate) fn add_storage(&mut self, owner: B256, fork: Self) {
        if !fork.nodes.is_empty() {
            self.storages.push((owner, fork.nodes));
        }
    }

    /// Writes the top node of an item that hangs `depth` nibbles below the root; returns the reference to it.
    pub(crate) fn place(&mut self, item: &Item, depth: usize) -> RlpNode {
        self.buf.clear();
        match item {
            Item::Leaf { key, value } => LeafNodeRef::new(&key.slice(depth..), value).encode(&mut self.buf),
            Item::Branch { path, node } if path.len() == depth => return node.clone(),
            Item::Branch { path, node } => ExtensionNodeRef::new(&path.slice(depth..), node).encode(&mut self.buf),
        }
        self.commit(item.path(), depth)
    }

    /// Writes an item as a root and returns the root hash.
    pub(crate) fn place_root(&mut self, item: &Item) -> B256 {
        let node = self.place(item, 0);
        node.as_hash().unwrap_or_else(|| keccak256(&node))
    }

    /// Writes a branch at the first `depth` nibbles of `path`. `children` are raw items, the empty string for none.
    pub(crate) fn branch(&mut self, path: &Nibbles, depth: usize, children: [&[u8]; 16]) -> Item {
        let header = Header {
            list: true,
            payload_length: children.iter().map(|child| child.len()).sum::<usize>() + 1,
        };
        let mut rlp = Vec::with_capacity(header.length_with_payload());
        header.encode(&mut rlp);
        for child in children {
            rlp.extend_from_slice(child);
        }
        rlp.push(EMPTY_STRING_CODE);
        let node = inline(&rlp, depth).unwrap_or_else(|| {
            let hash = keccak256(&rlp);
            self.note(path, depth, || rlp.into());
            RlpNode::word_rlp(&hash)
        });
        Item::Branch {
            path: path.slice(..depth),
            node,
        }
    }

    /// Notes that the node at `path` is not there any more, unless one is written there too.
    pub(crate) fn remove(&mut self, path: Nibbles) {
        if self.keep {
            self.nodes.push(Written { path, node: None });
        }
    }

    fn commit(&mut self, path: &Nibbles, depth: usize) -> RlpNode {
        if let Some(node) = inline(&self.buf, depth) {
            return node;
        }
        let hash = keccak256(&self.buf);
        let buf = core::mem::take(&mut self.buf);
        self.note(path, depth, || Bytes::copy_from_slice(&buf));
        self.buf = buf;
        RlpNode::word_rlp(&hash)
    }

    fn note(&mut self, path: &Nibbles, depth: usize, rlp: impl FnOnce() -> Bytes) {
        if self.keep {
            self.nodes.push(Written {
                path: path.slice(..depth),
                node: Some(rlp()),
            });
        }
    }

    /// Hands out the written nodes and forgets them.
    pub(crate) fn drain(&mut self) -> impl Iterator<Item = (Nibbles, Bytes)> {
        self.nodes
            .drain(..)
            .filter_map(|written| written.node.map(|rlp| (written.path, rlp)))
    }

    /// All changes, sorted.
    pub(crate) fn into_updates(mut self, root: B256) -> TrieUpdates {
        self.storages.sort_unstable_by_key(|(owner, _)| *owner);
        TrieUpdates {
            root,
            account_nodes: by_path(self.nodes),
            storage_nodes: self
                .storages
                .into_iter()
                .map(|(owner, nodes)| (owner, by_path(nodes)))
                .collect(),
        }
    }
}

/// The reference to a node that lies inside its parent. The root is stored by its hash however small it is.
fn inline(rlp: &[u8], depth: usize) -> Option<RlpNode> {
    (rlp.len() < 32 && depth > 0).then(|| RlpNode::from_rlp(rlp))
}

/// Sorts by path; of a removal and a node at one path the node counts.
fn by_path(mut nodes: Vec<Written>) -> ChangedNodes {
    nodes.sort_unstable_by(|a, b| a.path.cmp(&b.path).then(a.node.is_none().cmp(&b.node.is_none())));
    nodes.dedup_by(|later, kept| later.path == kept.path);
    nodes.into_iter().map(|written| (written.path, written.node)).collect()
}
