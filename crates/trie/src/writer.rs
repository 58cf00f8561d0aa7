//! Encoding and hashing of changed nodes, each once, and what has been written so far.

use alloc::vec::Vec;

use alloy_primitives::{B256, Bytes, keccak256};
use alloy_rlp::{EMPTY_STRING_CODE, Encodable, Header};
use alloy_trie::Nibbles;
use alloy_trie::nodes::{ExtensionNodeRef, LeafNodeRef, RlpNode};

use crate::lanes::keccak256_each;
use crate::state::{ChangedNodes, TrieUpdates};

/// A subtree that no branch has taken yet. Where it ends up decides how long the key of its top node is.
#[derive(Debug)]
pub(crate) enum Item {
    /// A leaf, with its whole key.
    Leaf { key: Nibbles, value: Vec<u8> },
    /// A branch at `path`, final; an extension leads to it if it's taken further up.
    Branch { path: Nibbles, node: Top },
}

/// The top node of a subtree that stays where it is.
#[derive(Debug)]
pub(crate) enum Top {
    /// Its parent refers to it so. It is written, or lies inside the parent.
    Known(RlpNode),
    /// A new node of 32 bytes or more, not hashed yet: that is done together with its siblings.
    Encoded(Vec<u8>),
}

/// What an item becomes where it is taken.
enum Taken {
    Known(RlpNode),
    /// A node to hash and write, and where it lies.
    Encoded(Nibbles, Vec<u8>),
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
    pub(crate) fn place(&mut self, item: Item, depth: usize) -> RlpNode {
        match self.take(item, depth) {
            Taken::Known(node) => node,
            Taken::Encoded(path, rlp) => self.write(path, rlp),
        }
    }

    /// As [`Self::place`], for several items, whose numbers come back with the references.
    pub(crate) fn place_each(
        &mut self,
        items: impl Iterator<Item = (usize, Item)>,
        depth: usize,
    ) -> Vec<(usize, RlpNode)> {
        let (mut placed, mut numbers, mut paths, mut nodes) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        for (number, item) in items {
            match self.take(item, depth) {
                Taken::Known(node) => placed.push((number, node)),
                Taken::Encoded(path, rlp) => {
                    numbers.push(number);
                    paths.push(path);
                    nodes.push(rlp);
                }
            }
        }
        let hashes = keccak256_each(&nodes);
        placed.extend(numbers.into_iter().zip(hashes.iter().map(RlpNode::word_rlp)));
        for (path, rlp) in paths.into_iter().zip(nodes) {
            self.note(path, rlp);
        }
        placed
    }

    /// Writes an item as a root and returns the root hash.
    pub(crate) fn place_root(&mut self, item: Item) -> B256 {
        let node = self.place(item, 0);
        node.as_hash().unwrap_or_else(|| keccak256(&node))
    }

    /// A branch at the first `depth` nibbles of `path`. `children` are raw items, the empty string for none.
    pub(crate) fn branch(path: &Nibbles, depth: usize, children: [&[u8]; 16]) -> Item {
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
        Item::Branch {
            path: path.slice(..depth),
            node: inline(&rlp, depth).map_or(Top::Encoded(rlp), Top::Known),
        }
    }

    /// Notes that the node at `path` is not there any more, unless one is written there too.
    pub(crate) fn remove(&mut self, path: Nibbles) {
        if self.keep {
            self.nodes.push(Written { path, node: None });
        }
    }

    /// The top node of an item that hangs `depth` nibbles below the root.
    fn take(&mut self, item: Item, depth: usize) -> Taken {
        let mut rlp = Vec::new();
        let path = match item {
            Item::Leaf { key, value } => {
                LeafNodeRef::new(&key.slice(depth..), &value).encode(&mut rlp);
                key
            }
            Item::Branch { path, node } if path.len() == depth => {
                return match node {
                    Top::Known(node) => Taken::Known(node),
                    Top::Encoded(rlp) => Taken::Encoded(path, rlp),
                };
            }
            Item::Branch { path, node } => {
                let node = match node {
                    Top::Known(node) => node,
                    Top::Encoded(rlp) => self.write(path, rlp),
                };
                ExtensionNodeRef::new(&path.slice(depth..), &node).encode(&mut rlp);
                path
            }
        };
        inline(&rlp, depth).map_or_else(|| Taken::Encoded(path.slice(..depth), rlp), Taken::Known)
    }

    fn write(&mut self, path: Nibbles, rlp: Vec<u8>) -> RlpNode {
        let hash = keccak256(&rlp);
        self.note(path, rlp);
        RlpNode::word_rlp(&hash)
    }

    fn note(&mut self, path: Nibbles, rlp: Vec<u8>) {
        if self.keep {
            self.nodes.push(Written {
                path,
                node: Some(rlp.into()),
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
