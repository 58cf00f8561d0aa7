//! What the wallet must know of the L2, and who tells it.
//!
//! A wallet asks for whole epochs only: all subscriptions, all submissions, the terms of all works. A question about one
//! commitment, nullifier or work would tell the node who asks. Trees are rebuilt from the events and compared with the
//! roots that the contracts have.

#[cfg(feature = "native")]
mod client;
#[cfg(feature = "native")]
pub mod logs;

use std::{collections::BTreeMap, future::Future};

use alloy_primitives::B256;
use cwe_usage::{
    EPOCH_TREE_DEPTH, Element, EpochTerms, IdError, NotCanonical, TierId, Tree, TreeError, subscription_leaf,
};
use serde::{Deserialize, Serialize};

#[cfg(feature = "native")]
pub use client::ChainClient;

use crate::{
    ids::{WorkId, element},
    ledger::EpochSchedule,
};

/// Unix times in seconds at which an epoch's windows begin; each ends where the next one begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct EpochWindows {
    /// Listening.
    pub starts_at: u64,
    /// Submissions.
    pub ends_at: u64,
    /// Reveals.
    pub submission_ends_at: u64,
    /// Aggregates only.
    pub reveal_ends_at: u64,
}

impl EpochWindows {
    /// Epochs of this one's length, from it on.
    pub const fn schedule(&self, epoch: u64) -> EpochSchedule {
        EpochSchedule {
            epoch,
            starts_at: self.starts_at,
            length_secs: self.ends_at.saturating_sub(self.starts_at),
        }
    }
}

/// What the epoch fixes for all subscribers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EpochFacts {
    /// Its windows.
    pub windows: EpochWindows,
    /// `K_E`; none while it is not fixed.
    pub key: Option<B256>,
    /// `k` of diminishing returns in ppm.
    pub diminishing_ppm: u32,
    /// By tier: seconds that may be reported.
    pub allowances: BTreeMap<B256, u64>,
}

impl EpochFacts {
    /// The terms of a Split proof in this epoch; none while the key is not fixed.
    ///
    /// # Errors
    /// The chain has a key or tier id that can't be.
    pub fn terms(&self, epoch: u64, tier: B256) -> Result<Option<EpochTerms>, ChainError> {
        let Some(key) = self.key else { return Ok(None) };
        Ok(Some(EpochTerms {
            epoch,
            key: element(key)?,
            tier: TierId::try_from(tier)?,
            allowance_secs: self.allowances.get(&tier).copied().unwrap_or_default(),
            diminishing_ppm: self.diminishing_ppm,
        }))
    }
}

/// One leaf of an epoch's subscription tree.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Subscription {
    /// Whose.
    pub commitment: B256,
    /// Tier, the last one after upgrades.
    pub tier: B256,
}

/// All subscriptions of an epoch, in the order of their leaves.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Subscriptions {
    leaves: Vec<Subscription>,
    tree: Tree,
}

impl Subscriptions {
    /// Rebuilds the tree.
    ///
    /// # Errors
    /// There are too many, an id is none, or the root is not `root`, the contract's.
    pub fn new(epoch: u64, leaves: Vec<Subscription>, root: B256) -> Result<Self, ChainError> {
        let mut tree = Tree::new(EPOCH_TREE_DEPTH);
        for leaf in &leaves {
            let tier = TierId::try_from(leaf.tier)?;
            tree.push(subscription_leaf(element(leaf.commitment)?, tier, epoch))?;
        }
        require_root("subscription", epoch, tree.root(), root)?;
        Ok(Self { leaves, tree })
    }

    /// Position and tier of a commitment.
    pub fn find(&self, commitment: B256) -> Option<(u64, B256)> {
        let position = self.leaves.iter().position(|leaf| leaf.commitment == commitment)?;
        Some((u64::try_from(position).ok()?, self.leaves.get(position)?.tier))
    }

    /// The tree.
    pub const fn tree(&self) -> &Tree {
        &self.tree
    }

    /// How many have a tier.
    pub fn of_tier(&self, tier: B256) -> u64 {
        count(self.leaves.iter().filter(|leaf| leaf.tier == tier))
    }
}

/// A submission that the chain took.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Submitted {
    /// Its tier.
    pub tier: B256,
    /// `nf_user`.
    pub nullifier: B256,
    /// Leaf of the note tree.
    pub notes_root: B256,
}

/// All submissions of an epoch so far, in the order of their leaves.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Submissions {
    leaves: Vec<Submitted>,
    tree: Tree,
}

impl Submissions {
    /// Rebuilds the tree.
    ///
    /// # Errors
    /// There are too many, a leaf is no field element, or the root is not `root`, the contract's.
    pub fn new(epoch: u64, leaves: Vec<Submitted>, root: B256) -> Result<Self, ChainError> {
        let mut tree = Tree::new(EPOCH_TREE_DEPTH);
        for leaf in &leaves {
            tree.push(element(leaf.notes_root)?)?;
        }
        require_root("note", epoch, tree.root(), root)?;
        Ok(Self { leaves, tree })
    }

    /// Position and notes root of the submission with a nullifier.
    pub fn find(&self, nullifier: B256) -> Option<(u64, B256)> {
        let position = self.leaves.iter().position(|leaf| leaf.nullifier == nullifier)?;
        Some((u64::try_from(position).ok()?, self.leaves.get(position)?.notes_root))
    }

    /// The tree.
    pub const fn tree(&self) -> &Tree {
        &self.tree
    }

    /// How many have a tier: the crowd in which a reveal disappears.
    pub fn of_tier(&self, tier: B256) -> u64 {
        count(self.leaves.iter().filter(|leaf| leaf.tier == tier))
    }
}

fn count(items: impl Iterator) -> u64 {
    u64::try_from(items.count()).unwrap_or(u64::MAX)
}

fn require_root(tree: &'static str, epoch: u64, computed: Element, on_chain: B256) -> Result<(), ChainError> {
    let computed = B256::from(computed);
    if computed == on_chain {
        return Ok(());
    }
    Err(ChainError::RootMismatch {
        tree,
        epoch,
        computed,
        on_chain,
    })
}

/// What a minute of a work costs in an epoch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct WorkTerms {
    /// Micro-CLN a minute.
    pub price: u64,
    /// Factor of its region rule, ppm.
    pub region_ppm: u32,
}

/// Terms of all works of an epoch.
pub type WorkTable = BTreeMap<WorkId, WorkTerms>;

/// The L2 as a wallet reads it.
pub trait Chain {
    /// Time of the newest sealed block, Unix seconds. What was over at that time is final.
    fn head_secs(&self) -> impl Future<Output = Result<u64, ChainError>>;

    /// Time at which a transaction would run now. A quiet chain seals no blocks, so its head may be older.
    fn now_secs(&self) -> impl Future<Output = Result<u64, ChainError>>;

    /// What an epoch fixes.
    fn facts(&self, epoch: u64) -> impl Future<Output = Result<EpochFacts, ChainError>>;

    /// Its subscriptions so far.
    fn subscriptions(&self, epoch: u64) -> impl Future<Output = Result<Subscriptions, ChainError>>;

    /// Its submissions so far.
    fn submissions(&self, epoch: u64) -> impl Future<Output = Result<Submissions, ChainError>>;

    /// What works cost in it.
    fn works(&self, epoch: u64) -> impl Future<Output = Result<WorkTable, ChainError>>;
}

/// Why the chain can't be read, or not be believed.
#[derive(Debug, thiserror::Error)]
pub enum ChainError {
    /// The node does not answer, or refuses.
    #[error("{doing}: {reason}")]
    Node {
        /// What was asked.
        doing: &'static str,
        /// What it said.
        reason: String,
    },
    /// The events don't give the contract's tree.
    #[error(
        "the node's events give {computed} as root of the {tree} tree of epoch {epoch}, the contract has {on_chain}: the \
         node's logs are incomplete, or it is changing at this moment; try again, then try another node"
    )]
    RootMismatch {
        /// Which tree.
        tree: &'static str,
        /// Of which epoch.
        epoch: u64,
        /// From the events.
        computed: B256,
        /// From the contract.
        on_chain: B256,
    },
    /// Events that no such contract sends.
    #[error("the node reports an event that can't be: {0}; use another node")]
    Event(String),
    /// More than fits.
    #[error("the node reports more than {maximum} {what}: use another node")]
    TooMany {
        /// Of what.
        what: &'static str,
        /// How many are believed.
        maximum: usize,
    },
    /// Not a field element.
    #[error(transparent)]
    NotCanonical(#[from] NotCanonical),
    /// Not an id.
    #[error(transparent)]
    Id(#[from] IdError),
    /// Not a tree.
    #[error(transparent)]
    Tree(#[from] TreeError),
}

#[cfg(test)]
mod tests {
    use super::*;

    fn leaf(number: u8) -> Subscription {
        Subscription {
            commitment: B256::with_last_byte(number),
            tier: B256::with_last_byte(9),
        }
    }

    fn root_of(epoch: u64, leaves: &[Subscription]) -> B256 {
        match Subscriptions::new(epoch, leaves.to_vec(), B256::repeat_byte(1)) {
            Err(ChainError::RootMismatch { computed, .. }) => computed,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_tree_that_is_not_the_contracts_is_refused() {
        let leaves = vec![leaf(1), leaf(2), leaf(3)];
        let root = root_of(7, &leaves);
        let found = Subscriptions::new(7, leaves.clone(), root).unwrap();
        assert_eq!(found.find(B256::with_last_byte(2)), Some((1, B256::with_last_byte(9))));
        assert_eq!(found.find(B256::with_last_byte(4)), None);
        assert_eq!(found.of_tier(B256::with_last_byte(9)), 3);
        for wrong in [leaves[..2].to_vec(), vec![leaf(2), leaf(1), leaf(3)]] {
            let refused = Subscriptions::new(7, wrong, root);
            assert!(matches!(
                refused,
                Err(ChainError::RootMismatch {
                    tree: "subscription",
                    epoch: 7,
                    ..
                })
            ));
        }
        assert!(Subscriptions::new(8, leaves, root).is_err(), "another epoch");
    }

    #[test]
    fn ids_that_cannot_be_are_refused() {
        let alias = Subscription {
            commitment: B256::repeat_byte(0xff),
            ..leaf(1)
        };
        assert!(matches!(
            Subscriptions::new(1, vec![alias], B256::ZERO),
            Err(ChainError::NotCanonical(_))
        ));
        let tier = Subscription {
            tier: B256::ZERO,
            ..leaf(1)
        };
        assert!(matches!(
            Subscriptions::new(1, vec![tier], B256::ZERO),
            Err(ChainError::Id(_))
        ));
    }

    #[test]
    fn an_empty_epoch_has_root_zero() {
        assert!(Subscriptions::new(1, Vec::new(), B256::ZERO).is_ok());
        assert!(Submissions::new(1, Vec::new(), B256::ZERO).is_ok());
    }
}
