//! Binary Poseidon trees with an empty leaf of 0: an epoch's subscriptions and submissions (`PoseidonTree.sol` keeps
//! the right edge of the same tree), and the notes of one submission.

use alloc::{vec, vec::Vec};

use crate::{Element, poseidon::hash};

/// Depth of an epoch's subscription and note trees.
pub const EPOCH_TREE_DEPTH: usize = 20;

/// A tree that keeps all its nodes, so that it can give any leaf's path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tree {
    /// By level, from the leaves up: the nodes above leaves that were given. The last one holds the root.
    levels: Vec<Vec<Element>>,
    /// By level: the root of an empty subtree.
    empty: Vec<Element>,
}

/// What can't be done with a tree.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TreeError {
    /// All leaves are taken.
    #[error("the tree is full: it holds 2^{depth} leaves")]
    Full {
        /// Depth of the tree.
        depth: usize,
    },
    /// There is no such leaf.
    #[error("there is no leaf {index}: the tree has {leaves}")]
    NoLeaf {
        /// The position asked for.
        index: u64,
        /// Leaves in the tree.
        leaves: u64,
    },
}

/// Siblings on the way from a leaf to a root.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MerklePath {
    /// Position of the leaf: bit `level` is set where the node is a right child.
    pub index: u64,
    /// From the leaf up; as many as the tree is deep, at most 64.
    pub siblings: Vec<Element>,
}

impl MerklePath {
    /// The root that `leaf` leads to.
    pub fn root(&self, leaf: Element) -> Element {
        let mut position = self.index;
        self.siblings.iter().fold(leaf, |node, sibling| {
            let parent = if position & 1 == 1 {
                hash(*sibling, node)
            } else {
                hash(node, *sibling)
            };
            position >>= 1;
            parent
        })
    }

    /// This path with `upper` on top: of a leaf in a tree whose root is a leaf of another one.
    #[must_use]
    pub fn extended(&self, upper: &Self) -> Self {
        let siblings = [self.siblings.as_slice(), upper.siblings.as_slice()].concat();
        Self {
            index: self.index
                | u32::try_from(self.siblings.len())
                    .ok()
                    .and_then(|levels| upper.index.checked_shl(levels))
                    .unwrap_or(0),
            siblings,
        }
    }
}

impl Tree {
    /// An empty tree of a depth up to 32.
    pub fn new(depth: usize) -> Self {
        let depth = depth.min(32);
        let mut empty = vec![Element::ZERO; depth + 1];
        for level in 0..depth {
            empty[level + 1] = hash(empty[level], empty[level]);
        }
        Self {
            levels: vec![Vec::new(); depth + 1],
            empty,
        }
    }

    /// The tree of these leaves.
    ///
    /// # Errors
    /// [`TreeError::Full`].
    pub fn with_leaves(depth: usize, leaves: impl IntoIterator<Item = Element>) -> Result<Self, TreeError> {
        let mut tree = Self::new(depth);
        for leaf in leaves {
            tree.push(leaf)?;
        }
        Ok(tree)
    }

    /// Levels between leaf and root.
    pub fn depth(&self) -> usize {
        self.levels.len() - 1
    }

    /// Leaves given so far.
    pub fn len(&self) -> u64 {
        self.levels[0].len() as u64
    }

    /// Whether no leaf was given.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Appends a leaf and gives its position.
    ///
    /// # Errors
    /// [`TreeError::Full`].
    pub fn push(&mut self, leaf: Element) -> Result<u64, TreeError> {
        let index = self.len();
        if index >> self.depth() != 0 {
            return Err(TreeError::Full { depth: self.depth() });
        }
        self.set(index, leaf);
        Ok(index)
    }

    /// Puts another leaf in the place of one, as an upgrade of a subscription does.
    ///
    /// # Errors
    /// [`TreeError::NoLeaf`].
    pub fn replace(&mut self, index: u64, leaf: Element) -> Result<(), TreeError> {
        self.require(index)?;
        self.set(index, leaf);
        Ok(())
    }

    /// The root; 0 while the tree is empty, as `PoseidonTree.sol` has it.
    pub fn root(&self) -> Element {
        self.levels[self.depth()].first().copied().unwrap_or(Element::ZERO)
    }

    /// The way from a leaf to the root.
    ///
    /// # Errors
    /// [`TreeError::NoLeaf`].
    pub fn path(&self, index: u64) -> Result<MerklePath, TreeError> {
        self.require(index)?;
        let siblings = (0..self.depth())
            .map(|level| self.node(level, (index >> level) ^ 1))
            .collect();
        Ok(MerklePath { index, siblings })
    }

    fn require(&self, index: u64) -> Result<(), TreeError> {
        let leaves = self.len();
        if index < leaves {
            Ok(())
        } else {
            Err(TreeError::NoLeaf { index, leaves })
        }
    }

    fn node(&self, level: usize, index: u64) -> Element {
        let node = usize::try_from(index)
            .ok()
            .and_then(|index| self.levels[level].get(index));
        node.copied().unwrap_or(self.empty[level])
    }

    /// Writes a leaf at or right behind the present ones, and the nodes above it.
    fn set(&mut self, index: u64, leaf: Element) {
        let mut node = leaf;
        for level in 0..self.levels.len() {
            let position = index >> level;
            match usize::try_from(position)
                .ok()
                .and_then(|position| self.levels[level].get_mut(position))
            {
                Some(slot) => *slot = node,
                None => self.levels[level].push(node),
            }
            let sibling = self.node(level, position ^ 1);
            if level < self.depth() {
                node = if position & 1 == 1 {
                    hash(sibling, node)
                } else {
                    hash(node, sibling)
                };
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn an_empty_tree_has_no_root_and_a_full_one_takes_nothing() {
        let mut tree = Tree::new(2);
        assert_eq!(tree.root(), Element::ZERO);
        for leaf in 1..=4 {
            tree.push(Element::from(leaf)).unwrap();
        }
        assert_eq!(tree.push(Element::from(5)), Err(TreeError::Full { depth: 2 }));
        assert_eq!(tree.path(4), Err(TreeError::NoLeaf { index: 4, leaves: 4 }));
        let [a, b, c, d] = [1, 2, 3, 4].map(Element::from);
        assert_eq!(tree.root(), hash(hash(a, b), hash(c, d)));
    }

    #[test]
    fn one_tree_in_another_has_one_path() {
        let inner = Tree::with_leaves(3, (1..=5).map(Element::from)).unwrap();
        let outer = Tree::with_leaves(4, [Element::from(9), inner.root(), Element::from(8)]).unwrap();
        let path = inner.path(4).unwrap().extended(&outer.path(1).unwrap());
        assert_eq!(path.siblings.len(), 7);
        assert_eq!(path.root(Element::from(5)), outer.root());
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(24))]
        #[test]
        fn every_leaf_leads_to_the_root(leaves in prop::collection::vec(1_u64.., 1..20), pick: usize, other: u64) {
            let mut tree = Tree::with_leaves(EPOCH_TREE_DEPTH, leaves.iter().copied().map(Element::from)).unwrap();
            for (index, leaf) in leaves.iter().enumerate() {
                prop_assert_eq!(tree.path(index as u64).unwrap().root(Element::from(*leaf)), tree.root());
            }
            let index = pick % leaves.len();
            tree.replace(index as u64, Element::from(other)).unwrap();
            let mut changed = leaves;
            changed[index] = other;
            let fresh = Tree::with_leaves(EPOCH_TREE_DEPTH, changed.into_iter().map(Element::from)).unwrap();
            prop_assert_eq!(tree, fresh);
        }
    }
}
