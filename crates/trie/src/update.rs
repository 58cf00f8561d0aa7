//! All changes of one trie in one descent.

use alloc::vec::Vec;

use alloy_primitives::B256;
use alloy_trie::nodes::RlpNode;
use alloy_trie::{EMPTY_ROOT_HASH, Nibbles};

use crate::builder::Builder;
use crate::fork::{Fork, Outcomes, by_nibble, is_heavy, unchanged};
use crate::node::{Child, KEY_NIBBLES, NO_CHILD, Node};
use crate::read::fetch;
use crate::writer::{Item, NodeWriter, Top};
use crate::{NodeSource, TrieError};

/// A change of one leaf.
pub(crate) trait Change: Sync {
    /// 64 nibbles.
    fn key(&self) -> &Nibbles;

    /// How much work it is; a slot is 1.
    fn weight(&self) -> usize;

    /// The leaf's new value, `None` for no leaf, given the old one.
    fn apply<S: NodeSource, F: Fork<S>>(
        &self,
        trie: &Trie<'_, S, F>,
        old: Option<&[u8]>,
        out: &mut NodeWriter,
    ) -> Result<Option<Vec<u8>>, TrieError<S::Error>>;
}

/// What became of a subtree.
pub(crate) enum Outcome {
    Unchanged,
    /// `None`: nothing is left.
    Changed(Option<Item>),
}

/// A trie to be updated.
pub(crate) struct Trie<'a, S, F> {
    pub(crate) source: &'a S,
    pub(crate) owner: Option<B256>,
    fork: core::marker::PhantomData<fn() -> F>,
}

impl<'a, S: NodeSource, F: Fork<S>> Trie<'a, S, F> {
    pub(crate) fn new(source: &'a S, owner: Option<B256>) -> Self {
        Self {
            source,
            owner,
            fork: core::marker::PhantomData,
        }
    }

    /// Applies changes, sorted by key and each key once, and returns the new root.
    pub(crate) fn update<C: Change>(
        &self,
        root: B256,
        changes: &[C],
        out: &mut NodeWriter,
    ) -> Result<B256, TrieError<S::Error>> {
        if changes.is_empty() {
            return Ok(root);
        }
        let old = if root == EMPTY_ROOT_HASH {
            Child::Empty
        } else {
            Child::Hash(root)
        };
        Ok(match self.node(Nibbles::new(), old, changes, out)? {
            Outcome::Unchanged => root,
            Outcome::Changed(None) => EMPTY_ROOT_HASH,
            Outcome::Changed(Some(item)) => out.place_root(item),
        })
    }

    /// Applies at least one change to what lies at `path`; every change's key starts with it.
    fn node<C: Change>(
        &self,
        path: Nibbles,
        old: Child<'_>,
        changes: &[C],
        out: &mut NodeWriter,
    ) -> Result<Outcome, TrieError<S::Error>> {
        let stored;
        let rlp = match old {
            Child::Empty => return self.insert(&path, changes, out),
            Child::Embedded(rlp) => rlp,
            Child::Hash(hash) => {
                stored = fetch(self.source, self.owner, &path, hash)?;
                &stored[..]
            }
        };
        let outcome = match self.parse(rlp, &path)? {
            Node::Leaf { key, value } => self.leaf(path.join(&key), value, changes, out)?,
            Node::Extension { key, child } => self.extension(&path, path.join(&key), child, changes, out)?,
            Node::Branch(children) => self.branch(&path, &children, changes, out)?,
        };
        if matches!((&outcome, old), (Outcome::Changed(_), Child::Hash(_))) {
            out.remove(path);
        }
        Ok(outcome)
    }

    /// Changes where nothing was.
    fn insert<C: Change>(
        &self,
        path: &Nibbles,
        changes: &[C],
        out: &mut NodeWriter,
    ) -> Result<Outcome, TrieError<S::Error>> {
        if path.len() < KEY_NIBBLES && is_heavy(changes) {
            return self.branch(path, &[NO_CHILD; 16], changes, out);
        }
        self.around(changes, Kept::Old(None), &[], out)
    }

    /// Changes where a single leaf was.
    fn leaf<C: Change>(
        &self,
        old_key: Nibbles,
        old_value: &[u8],
        changes: &[C],
        out: &mut NodeWriter,
    ) -> Result<Outcome, TrieError<S::Error>> {
        let start = changes.partition_point(|change| *change.key() < old_key);
        let (before, rest) = changes.split_at(start);
        let old = || {
            Kept::Old(Some(Item::Leaf {
                key: old_key,
                value: old_value.to_vec(),
            }))
        };
        match rest.split_first() {
            Some((change, after)) if *change.key() == old_key => {
                let kept = match change.apply(self, Some(old_value), out)? {
                    Some(value) if value == old_value => old(),
                    value => Kept::New(value.map(|value| Item::Leaf { key: old_key, value })),
                };
                self.around(before, kept, after, out)
            }
            _ => self.around(before, old(), rest, out),
        }
    }

    /// Changes where an extension led to a branch at `branch_path`.
    fn extension<C: Change>(
        &self,
        path: &Nibbles,
        branch_path: Nibbles,
        child: &[u8],
        changes: &[C],
        out: &mut NodeWriter,
    ) -> Result<Outcome, TrieError<S::Error>> {
        let start = changes.partition_point(|change| *change.key() < branch_path);
        let (before, rest) = changes.split_at(start);
        let inside_count = rest.partition_point(|change| change.key().starts_with(&branch_path));
        let (inside, after) = rest.split_at(inside_count);

        let outcome = match inside {
            [] => Outcome::Unchanged,
            _ => self.node(branch_path, self.child_at(path, child)?, inside, out)?,
        };
        let kept = match outcome {
            Outcome::Unchanged => Kept::Old(Some(Item::Branch {
                path: branch_path,
                node: Top::Known(self.reference(path, child)?),
            })),
            Outcome::Changed(item) => Kept::New(item),
        };
        self.around(before, kept, after, out)
    }

    /// Changes where a branch was.
    fn branch<C: Change>(
        &self,
        path: &Nibbles,
        children: &[&[u8]; 16],
        changes: &[C],
        out: &mut NodeWriter,
    ) -> Result<Outcome, TrieError<S::Error>> {
        let mut outcomes = F::children(self, path, children, changes, out)?;
        if outcomes.iter().all(|outcome| matches!(outcome, Outcome::Unchanged)) {
            return Ok(Outcome::Unchanged);
        }
        let is_live = |nibble: &u8| match &outcomes[usize::from(*nibble)] {
            Outcome::Unchanged => children[usize::from(*nibble)] != NO_CHILD,
            Outcome::Changed(item) => item.is_some(),
        };
        let mut live = (0..16).filter(is_live);
        match (live.next(), live.next()) {
            (None, _) => Ok(Outcome::Changed(None)),
            (Some(only), None) => {
                let outcome = core::mem::replace(&mut outcomes[usize::from(only)], Outcome::Unchanged);
                match outcome {
                    Outcome::Unchanged => self.last_child(path, only, children[usize::from(only)], out),
                    changed @ Outcome::Changed(_) => Ok(changed),
                }
            }
            (Some(_), Some(_)) => Ok(Outcome::Changed(Some(write_branch(path, children, outcomes, out)))),
        }
    }

    /// Works through the children of a branch on this thread.
    pub(crate) fn children_in_turn<C: Change>(
        &self,
        path: &Nibbles,
        children: &[&[u8]; 16],
        changes: &[C],
        out: &mut NodeWriter,
    ) -> Result<Outcomes, TrieError<S::Error>> {
        let mut outcomes = unchanged();
        for (nibble, group) in by_nibble(changes, path.len()) {
            let index = usize::from(nibble);
            outcomes[index] = self.child(path, nibble, children[index], group, out)?;
        }
        Ok(outcomes)
    }

    pub(crate) fn child<C: Change>(
        &self,
        path: &Nibbles,
        nibble: u8,
        child: &[u8],
        changes: &[C],
        out: &mut NodeWriter,
    ) -> Result<Outcome, TrieError<S::Error>> {
        self.node(below(path, nibble), self.child_at(path, child)?, changes, out)
    }

    /// The one child that is left of a branch at `path`, and wasn't touched itself, takes the branch's place.
    fn last_child(
        &self,
        path: &Nibbles,
        nibble: u8,
        raw: &[u8],
        out: &mut NodeWriter,
    ) -> Result<Outcome, TrieError<S::Error>> {
        let child_path = below(path, nibble);
        let child = self.child_at(path, raw)?;
        let stored;
        let rlp = match child {
            Child::Empty => return Ok(Outcome::Changed(None)),
            Child::Embedded(rlp) => rlp,
            Child::Hash(hash) => {
                stored = fetch(self.source, self.owner, &child_path, hash)?;
                &stored[..]
            }
        };
        let item = match self.parse(rlp, &child_path)? {
            // The only kind that stays where it lies.
            Node::Branch(_) => {
                let node = Top::Known(self.reference(path, raw)?);
                return Ok(Outcome::Changed(Some(Item::Branch { path: child_path, node })));
            }
            Node::Leaf { key, value } => Item::Leaf {
                key: child_path.join(&key),
                value: value.to_vec(),
            },
            Node::Extension { key, child } => Item::Branch {
                path: child_path.join(&key),
                node: Top::Known(self.reference(&child_path, child)?),
            },
        };
        if matches!(child, Child::Hash(_)) {
            out.remove(child_path);
        }
        Ok(Outcome::Changed(Some(item)))
    }

    /// What is kept, with new leaves on both sides of it.
    fn around<C: Change>(
        &self,
        before: &[C],
        kept: Kept,
        after: &[C],
        out: &mut NodeWriter,
    ) -> Result<Outcome, TrieError<S::Error>> {
        let mut builder = Builder::default();
        let (is_old, item) = match kept {
            Kept::Old(item) => (true, item),
            Kept::New(item) => (false, item),
        };
        let mut is_alone = self.push_new(before, &mut builder, out)? == 0;
        if let Some(item) = item {
            builder.push(item, out);
        }
        is_alone &= self.push_new(after, &mut builder, out)? == 0;
        if is_old && is_alone {
            return Ok(Outcome::Unchanged);
        }
        Ok(Outcome::Changed(builder.finish(out)))
    }

    /// Adds leaves for changes of keys that the trie doesn't have; returns how many.
    fn push_new<C: Change>(
        &self,
        changes: &[C],
        builder: &mut Builder,
        out: &mut NodeWriter,
    ) -> Result<usize, TrieError<S::Error>> {
        let mut count = 0;
        for change in changes {
            if let Some(value) = change.apply(self, None, out)? {
                builder.push(
                    Item::Leaf {
                        key: *change.key(),
                        value,
                    },
                    out,
                );
                count += 1;
            }
        }
        Ok(count)
    }

    fn parse<'n>(&self, rlp: &'n [u8], path: &Nibbles) -> Result<Node<'n>, TrieError<S::Error>> {
        Node::parse(rlp, path.len()).map_err(|reason| self.bad(path, reason))
    }

    fn child_at<'n>(&self, path: &Nibbles, raw: &'n [u8]) -> Result<Child<'n>, TrieError<S::Error>> {
        Child::parse(raw).map_err(|reason| self.bad(path, reason))
    }

    fn reference(&self, path: &Nibbles, raw: &[u8]) -> Result<RlpNode, TrieError<S::Error>> {
        RlpNode::from_raw(raw).ok_or_else(|| self.bad(path, "a child is too long"))
    }

    fn bad(&self, path: &Nibbles, reason: &'static str) -> TrieError<S::Error> {
        TrieError::BadNode {
            owner: self.owner,
            path: *path,
            reason,
        }
    }
}

/// What remains of an old leaf or extension, before new leaves come beside it.
enum Kept {
    /// As it was; `None` where nothing was.
    Old(Option<Item>),
    /// Changed; `None` if nothing remains.
    New(Option<Item>),
}

/// A branch with at least two live children; the changed ones are written.
fn write_branch(path: &Nibbles, old: &[&[u8]; 16], outcomes: Outcomes, out: &mut NodeWriter) -> Item {
    let mut children = *old;
    let mut changed = Vec::with_capacity(outcomes.len());
    for (index, outcome) in outcomes.into_iter().enumerate() {
        match outcome {
            Outcome::Unchanged => {}
            Outcome::Changed(None) => children[index] = NO_CHILD,
            Outcome::Changed(Some(item)) => changed.push((index, item)),
        }
    }
    let placed = out.place_each(changed.into_iter(), path.len() + 1);
    for (index, node) in &placed {
        children[*index] = node;
    }
    NodeWriter::branch(path, path.len(), children)
}

fn below(path: &Nibbles, nibble: u8) -> Nibbles {
    let mut path = *path;
    path.push_unchecked(nibble);
    path
}

#[cfg(all(test, feature = "std"))]
mod tests;
