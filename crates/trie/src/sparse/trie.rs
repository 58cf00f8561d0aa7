//! Tries in one arena, looked up and changed leaf by leaf.

use alloc::{boxed::Box, vec::Vec};
use core::convert::Infallible;

use alloy_primitives::{B256, Bytes, keccak256};
use alloy_trie::{EMPTY_ROOT_HASH, Nibbles};

use super::encode::{self, Reference};
use crate::{
    TrieError, WitnessNodes,
    node::{Child, KEY_NIBBLES, NO_CHILD, Shape, branch_item, nibble, set_nibble},
};

type Result<T> = core::result::Result<T, TrieError<Infallible>>;

/// A subtree: a place in the arena.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Link(u32);

impl Link {
    /// No subtree.
    pub(super) const NONE: Self = Self(0);
}

/// A leaf that is looked for.
#[derive(Debug, Clone, Copy)]
pub(super) struct Place {
    /// `None` in the account trie.
    pub(super) owner: Option<B256>,
    /// Keccak of address or slot.
    pub(super) key: B256,
}

impl Place {
    fn path(&self, depth: usize) -> Nibbles {
        Nibbles::unpack_array(&self.key.0).slice(..depth)
    }

    pub(super) fn bad_leaf(&self, reason: &'static str) -> TrieError<Infallible> {
        self.bad(KEY_NIBBLES, reason)
    }

    fn bad(&self, depth: usize, reason: &'static str) -> TrieError<Infallible> {
        TrieError::BadNode {
            owner: self.owner,
            path: self.path(depth),
            reason,
        }
    }
}

/// A node. Leaves and extensions know their whole path from the root, so that they need no change when they come to hang
/// higher or lower; how deep that is, whoever walks knows.
#[derive(Debug, Clone)]
enum Node {
    /// Not looked at yet: only its hash is known.
    Unknown,
    Leaf(Box<Leaf>),
    Extension(Extension),
    Branch(Box<Branch>),
}

#[derive(Debug, Clone)]
struct Leaf {
    key: B256,
    value: Bytes,
}

/// Leads to the branch at the first `end` nibbles of `key`.
#[derive(Debug, Clone)]
struct Extension {
    key: Box<B256>,
    end: usize,
    child: Link,
}

/// Children that were not looked at yet have no link, and their bit in `changed` is not set.
#[derive(Debug, Clone, Default)]
struct Branch {
    children: [Link; 16],
    changed: u16,
}

#[derive(Debug, Clone)]
struct Entry {
    /// As the parent last had it.
    reference: Reference,
    /// As it was when it was last encoded; empty if it never was.
    rlp: Bytes,
    node: Node,
    is_changed: bool,
}

impl Entry {
    const fn new(node: Node) -> Self {
        Self {
            reference: Reference::NONE,
            rlp: Bytes::new(),
            node,
            is_changed: true,
        }
    }

    const fn unknown(reference: Reference) -> Self {
        Self {
            reference,
            rlp: Bytes::new(),
            node: Node::Unknown,
            is_changed: false,
        }
    }
}

/// Nodes of several tries.
#[derive(Debug, Clone)]
pub(super) struct Arena {
    source: WitnessNodes,
    entries: Vec<Entry>,
}

impl Arena {
    pub(super) fn new(source: WitnessNodes) -> Self {
        let mut entries = Vec::with_capacity(2 * source.len() + 64);
        // Nothing links to the first place.
        entries.push(Entry::unknown(Reference::NONE));
        Self { source, entries }
    }

    /// The trie under a root hash.
    pub(super) fn open(&mut self, root: B256) -> Link {
        if root == EMPTY_ROOT_HASH {
            return Link::NONE;
        }
        self.push(Entry::unknown(Reference::of_hash(root)))
    }

    fn push(&mut self, entry: Entry) -> Link {
        // Memory is full long before.
        let link = Link(u32::try_from(self.entries.len()).unwrap_or_default());
        self.entries.push(entry);
        link
    }

    fn entry(&mut self, link: Link) -> &mut Entry {
        &mut self.entries[link.0 as usize]
    }

    /// The value at a place.
    pub(super) fn get(&mut self, mut link: Link, place: &Place) -> Result<Option<&Bytes>> {
        let mut depth = 0;
        while link != Link::NONE {
            self.look(link, place, depth)?;
            match &self.entry(link).node {
                Node::Unknown => break,
                Node::Leaf(leaf) if leaf.key != place.key => break,
                // Looked up again: a reference kept through the loop would borrow the arena for all of it.
                Node::Leaf(_) => return Ok(self.leaf_value(link)),
                Node::Extension(Extension { key, end, child }) => {
                    if common_nibbles(key, &place.key, depth, *end) < *end {
                        break;
                    }
                    (link, depth) = (*child, *end);
                }
                Node::Branch(_) => {
                    link = self.child(link, nibble(&place.key, depth), place, depth)?;
                    depth += 1;
                }
            }
        }
        Ok(None)
    }

    fn leaf_value(&mut self, link: Link) -> Option<&Bytes> {
        match &self.entry(link).node {
            Node::Leaf(leaf) => Some(&leaf.value),
            _ => None,
        }
    }

    /// Sets the value at a place; returns the subtree that `link` then is.
    pub(super) fn set(&mut self, link: Link, depth: usize, place: &Place, new: Bytes) -> Result<Link> {
        if link == Link::NONE {
            return Ok(self.new_leaf(place, new));
        }
        self.look(link, place, depth)?;
        let entry = self.entry(link);
        entry.is_changed = true;
        match &mut entry.node {
            Node::Unknown => Ok(link),
            Node::Leaf(leaf) => {
                if leaf.key == place.key {
                    leaf.value = new;
                    return Ok(link);
                }
                let at = common_nibbles(&leaf.key, &place.key, depth, KEY_NIBBLES);
                let old = (nibble(&leaf.key, at), link);
                let leaf = self.new_leaf(place, new);
                Ok(self.fork(place, depth, at, old, leaf))
            }
            Node::Extension(Extension { key, end, child }) => {
                let (end, child, at) = (*end, *child, common_nibbles(key, &place.key, depth, *end));
                if at == end {
                    let child = self.set(child, end, place, new)?;
                    self.lead_to(link, child);
                    return Ok(link);
                }
                // What is left of the extension: nothing if the new branch lies directly above the old one.
                let old = (nibble(key, at), if at + 1 == end { child } else { link });
                let leaf = self.new_leaf(place, new);
                Ok(self.fork(place, depth, at, old, leaf))
            }
            Node::Branch(_) => {
                let nibble = nibble(&place.key, depth);
                let child = self.child(link, nibble, place, depth)?;
                let child = self.set(child, depth + 1, place, new)?;
                self.set_child(link, nibble, child);
                Ok(link)
            }
        }
    }

    /// Removes the leaf at a place, if there is one; returns the subtree that `link` then is.
    ///
    /// A branch that loses its last child but one gives way to that child, which is looked at for this. Whoever sets all
    /// leaves first looks at no node that he could do without.
    pub(super) fn remove(&mut self, link: Link, depth: usize, place: &Place) -> Result<Link> {
        if link == Link::NONE {
            return Ok(link);
        }
        self.look(link, place, depth)?;
        match &self.entry(link).node {
            Node::Unknown => Ok(link),
            Node::Leaf(leaf) => Ok(if leaf.key == place.key { Link::NONE } else { link }),
            Node::Extension(Extension { key, end, child }) => {
                let (end, child) = (*end, *child);
                if common_nibbles(key, &place.key, depth, end) < end {
                    return Ok(link);
                }
                let child = self.remove(child, end, place)?;
                if child == Link::NONE || self.takes_place(child) {
                    return Ok(child);
                }
                self.lead_to(link, child);
                Ok(link)
            }
            Node::Branch(_) => {
                let removed = nibble(&place.key, depth);
                let child = self.child(link, removed, place, depth)?;
                let child = self.remove(child, depth + 1, place)?;
                self.entry(link).is_changed = true;
                self.set_child(link, removed, child);
                match self.only_child(link) {
                    None => Ok(link),
                    Some(only) => self.give_way(link, only, depth, place),
                }
            }
        }
    }

    /// Whether a node is to hang where its parent did: leaves and extensions do, since their paths can grow.
    fn takes_place(&mut self, link: Link) -> bool {
        let entry = self.entry(link);
        let takes = matches!(entry.node, Node::Leaf(_) | Node::Extension(_));
        entry.is_changed |= takes;
        takes
    }

    /// Lets an extension lead to another branch, or to a changed one.
    fn lead_to(&mut self, link: Link, branch: Link) {
        let entry = self.entry(link);
        if let Node::Extension(extension) = &mut entry.node {
            extension.child = branch;
            entry.is_changed = true;
        }
    }

    /// The one child that a branch has, if it has no other.
    fn only_child(&mut self, link: Link) -> Option<u8> {
        let entry = self.entry(link);
        let Node::Branch(branch) = &entry.node else {
            return None;
        };
        let is_there = |index: &u8| {
            branch.children[usize::from(*index)] != Link::NONE
                || (branch.changed >> index & 1 == 0 && !matches!(branch_item(&entry.rlp, *index), [] | NO_CHILD))
        };
        let mut live = (0..16).filter(is_there);
        live.next().filter(|_| live.next().is_none())
    }

    /// What takes the place of a branch with one child.
    fn give_way(&mut self, link: Link, only: u8, depth: usize, place: &Place) -> Result<Link> {
        let mut beside = *place;
        set_nibble(&mut beside.key, depth, only);
        let child = self.child(link, only, &beside, depth)?;
        self.look(child, &beside, depth + 1)?;
        if self.takes_place(child) {
            return Ok(child);
        }
        Ok(self.extend(beside.key, depth + 1, child))
    }

    fn new_leaf(&mut self, place: &Place, value: Bytes) -> Link {
        let key = place.key;
        self.push(Entry::new(Node::Leaf(Box::new(Leaf { key, value }))))
    }

    fn extend(&mut self, key: B256, end: usize, child: Link) -> Link {
        let key = Box::new(key);
        self.push(Entry::new(Node::Extension(Extension { key, end, child })))
    }

    /// A branch `at` nibbles below the root between an old subtree and a new leaf, hung up at `depth`.
    fn fork(&mut self, place: &Place, depth: usize, at: usize, old: (u8, Link), leaf: Link) -> Link {
        let mut branch = Branch {
            changed: u16::MAX,
            ..Branch::default()
        };
        branch.children[usize::from(old.0)] = old.1;
        branch.children[usize::from(nibble(&place.key, at))] = leaf;
        let branch = self.push(Entry::new(Node::Branch(Box::new(branch))));
        if at == depth {
            return branch;
        }
        self.extend(place.key, at, branch)
    }

    fn set_child(&mut self, link: Link, nibble: u8, child: Link) {
        if let Node::Branch(branch) = &mut self.entry(link).node {
            branch.children[usize::from(nibble)] = child;
            branch.changed |= 1 << nibble;
        }
    }

    /// The child of a branch at `depth`.
    fn child(&mut self, link: Link, nibble: u8, place: &Place, depth: usize) -> Result<Link> {
        let entry = self.entry(link);
        let Node::Branch(branch) = &entry.node else {
            return Ok(Link::NONE);
        };
        let child = branch.children[usize::from(nibble)];
        if child != Link::NONE || branch.changed >> nibble & 1 == 1 {
            return Ok(child);
        }
        let child = match branch_item(&entry.rlp, nibble) {
            NO_CHILD => return Ok(Link::NONE),
            item => match Child::parse(item).map_err(|reason| place.bad(depth, reason))? {
                Child::Hash(hash) => self.push(Entry::unknown(Reference::of_hash(hash))),
                Child::Empty | Child::Embedded(_) => {
                    let item = entry.rlp.slice_ref(item);
                    self.embedded(item, place, depth + 1)?
                }
            },
        };
        if let Node::Branch(branch) = &mut self.entry(link).node {
            branch.children[usize::from(nibble)] = child;
        }
        Ok(child)
    }

    /// A subtree that lies inside its parent.
    fn embedded(&mut self, rlp: Bytes, place: &Place, depth: usize) -> Result<Link> {
        let node = self.parse(&rlp, place, depth)?;
        Ok(self.push(Entry {
            reference: Reference::of(&rlp),
            rlp,
            node,
            is_changed: false,
        }))
    }

    /// Sees to it that the node of a link is known.
    fn look(&mut self, link: Link, place: &Place, depth: usize) -> Result<()> {
        let entry = self.entry(link);
        if !matches!(entry.node, Node::Unknown) {
            return Ok(());
        }
        let Some(hash) = entry.reference.hash() else {
            return Ok(());
        };
        let Some(rlp) = self.source.get(&hash) else {
            return Err(TrieError::MissingNode {
                owner: place.owner,
                path: place.path(depth),
                hash,
            });
        };
        let node = self.parse(&rlp, place, depth)?;
        let entry = self.entry(link);
        (entry.node, entry.rlp) = (node, rlp);
        Ok(())
    }

    fn parse(&mut self, rlp: &Bytes, place: &Place, depth: usize) -> Result<Node> {
        Ok(
            match Shape::parse(rlp, depth).map_err(|reason| place.bad(depth, reason))? {
                Shape::Branch => Node::Branch(Box::default()),
                Shape::Leaf { key, value } => Node::Leaf(Box::new(Leaf {
                    key: key.behind(place.key, depth),
                    value: rlp.slice_ref(value),
                })),
                Shape::Extension { key, child } => {
                    let end = depth + key.len();
                    let key = key.behind(place.key, depth);
                    let child = match Child::parse(child).map_err(|reason| place.bad(end, reason))? {
                        Child::Hash(hash) => self.push(Entry::unknown(Reference::of_hash(hash))),
                        Child::Empty | Child::Embedded(_) => {
                            self.embedded(rlp.slice_ref(child), &Place { key, ..*place }, end)?
                        }
                    };
                    let key = Box::new(key);
                    Node::Extension(Extension { key, end, child })
                }
            },
        )
    }

    /// Encodes what has changed, each node once, and returns the root.
    pub(super) fn root(&mut self, link: Link) -> B256 {
        if link == Link::NONE {
            return EMPTY_ROOT_HASH;
        }
        self.encode(link, 0);
        let entry = self.entry(link);
        entry.reference.hash().unwrap_or_else(|| keccak256(&entry.rlp))
    }

    /// Brings the reference to a node up to date.
    fn encode(&mut self, link: Link, depth: usize) {
        let entry = self.entry(link);
        if !entry.is_changed {
            return;
        }
        let rlp = match &mut entry.node {
            Node::Unknown => return,
            Node::Leaf(leaf) => encode::leaf(&leaf.key, depth, &leaf.value),
            Node::Extension(Extension { end, child, .. }) => {
                let (end, child) = (*end, *child);
                self.encode(child, end);
                self.encode_extension(link, depth)
            }
            Node::Branch(branch) => {
                let changed = core::mem::take(&mut branch.changed);
                self.encode_branch(link, depth, changed)
            }
        };
        let entry = self.entry(link);
        entry.reference = Reference::of(&rlp);
        entry.rlp = rlp.into();
        entry.is_changed = false;
    }

    fn encode_extension(&mut self, link: Link, depth: usize) -> Vec<u8> {
        match &self.entries[link.0 as usize].node {
            Node::Extension(Extension { key, end, child }) => {
                encode::extension(key, depth, *end, &self.entries[child.0 as usize].reference)
            }
            _ => Vec::new(),
        }
    }

    fn encode_branch(&mut self, link: Link, depth: usize, changed: u16) -> Vec<u8> {
        for index in (0..16).filter(|index| changed >> index & 1 == 1) {
            if let Node::Branch(branch) = &self.entry(link).node {
                let child = branch.children[index];
                self.encode(child, depth + 1);
            }
        }
        let entry = &self.entries[link.0 as usize];
        let Node::Branch(branch) = &entry.node else {
            return Vec::new();
        };
        let child = |index: usize| &self.entries[branch.children[index].0 as usize].reference;
        encode::branch(&entry.rlp, changed, child)
    }
}

/// How many nibbles two keys share, counted from the root, if they share the first `from`; at most `to`.
fn common_nibbles(left: &B256, right: &B256, from: usize, to: usize) -> usize {
    (from..to)
        .find(|depth| nibble(left, *depth) != nibble(right, *depth))
        .unwrap_or(to)
}

#[cfg(all(test, feature = "std"))]
mod tests;
