//! Works' prices and region factors, opened in the registry commitment of an epoch.

use alloc::vec::Vec;

use alloy_primitives::{B256, keccak256};
use alloy_rlp::{RlpDecodable, RlpEncodable};

use crate::{AggregationError, abi::Words};

/// Levels of the tree of works.
pub const REGISTRY_DEPTH: usize = 24;

/// Price and region rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq, RlpEncodable, RlpDecodable)]
pub struct Terms {
    /// Micro-CLN a minute.
    pub price_per_min: u64,
    /// The rule's name.
    pub region_rule: B256,
}

/// A leaf of the tree of works.
#[derive(Debug, Clone, Copy, PartialEq, Eq, RlpEncodable, RlpDecodable)]
pub struct WorkTerms {
    /// The work.
    pub work: B256,
    /// When it was registered, Unix seconds.
    pub registered_at: u64,
    /// The epoch from which `terms` hold.
    pub from_epoch: u64,
    /// Terms from then on.
    pub terms: Terms,
    /// Terms before.
    pub previous: Terms,
}

/// A row of the epoch's table of region rules.
#[derive(Debug, Clone, Copy, PartialEq, Eq, RlpEncodable, RlpDecodable)]
pub struct RegionRule {
    /// The rule's name.
    pub rule: B256,
    /// Its factor, ppm.
    pub factor_ppm: u32,
}

/// A work with its path to the root.
#[derive(Debug, Clone, PartialEq, Eq, RlpEncodable, RlpDecodable)]
pub struct WorkOpening {
    /// The leaf.
    pub leaf: WorkTerms,
    /// Its place.
    pub index: u32,
    /// The siblings from the leaf up.
    pub path: Vec<B256>,
}

/// What a registry commitment is of, as far as it is needed.
#[derive(Debug, Clone, PartialEq, Eq, RlpEncodable, RlpDecodable)]
pub struct RegistryWitness {
    /// Root of the tree of works.
    pub works_root: B256,
    /// The whole table.
    pub rules: Vec<RegionRule>,
    /// The works.
    pub works: Vec<WorkOpening>,
}

/// What a reveal of a work must have been proven with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Priced {
    pub(crate) work: B256,
    pub(crate) price_per_min: u64,
    pub(crate) factor_ppm: u32,
}

impl WorkTerms {
    /// The terms of an epoch.
    pub const fn terms_in(&self, epoch: u64) -> Terms {
        if self.from_epoch <= epoch {
            self.terms
        } else {
            self.previous
        }
    }

    /// The leaf's hash.
    pub fn hash(&self) -> B256 {
        let mut words = Words::default();
        words.word(self.work).uint(self.registered_at).uint(self.from_epoch);
        for terms in [self.terms, self.previous] {
            words.uint(terms.price_per_min).word(terms.region_rule);
        }
        words.hash()
    }
}

impl WorkOpening {
    fn root(&self) -> Option<B256> {
        if self.path.len() != REGISTRY_DEPTH || self.index >> REGISTRY_DEPTH != 0 {
            return None;
        }
        let climb = |(node, index): (B256, u32), sibling: &B256| {
            let node = if index & 1 == 0 {
                pair(node, *sibling)
            } else {
                pair(*sibling, node)
            };
            (node, index >> 1)
        };
        Some(self.path.iter().fold((self.leaf.hash(), self.index), climb).0)
    }
}

impl RegistryWitness {
    /// The commitment to root and table.
    pub fn commitment(&self) -> B256 {
        commitment(self.works_root, &self.rules)
    }

    /// Checks everything against the chain's commitment, and returns what each work's reveals must have.
    pub(crate) fn priced(&self, epoch: u64, committed: B256) -> Result<Vec<Priced>, AggregationError> {
        let computed = self.commitment();
        if computed != committed {
            return Err(AggregationError::Registry { computed, committed });
        }
        self.works.iter().map(|opening| self.price(opening, epoch)).collect()
    }

    fn price(&self, opening: &WorkOpening, epoch: u64) -> Result<Priced, AggregationError> {
        let work = opening.leaf.work;
        if opening.root() != Some(self.works_root) {
            let index = opening.index;
            return Err(AggregationError::WorkNotInRegistry { work, index });
        }
        let terms = opening.leaf.terms_in(epoch);
        let rule = terms.region_rule;
        let row = self.rules.iter().find(|row| row.rule == rule);
        let row = row.ok_or(AggregationError::UnknownRule { work, rule })?;
        Ok(Priced {
            work,
            price_per_min: terms.price_per_min,
            factor_ppm: row.factor_ppm,
        })
    }
}

fn commitment(works_root: B256, rules: &[RegionRule]) -> B256 {
    let mut words = Words::default();
    words.word(works_root).offset(2).uint(rules.len() as u64);
    for row in rules {
        words.word(row.rule).uint(u64::from(row.factor_ppm));
    }
    words.hash()
}

fn pair(left: B256, right: B256) -> B256 {
    let mut children = [0; 64];
    children[..32].copy_from_slice(left.as_slice());
    children[32..].copy_from_slice(right.as_slice());
    keccak256(children)
}

#[cfg(feature = "std")]
pub use whole::{Registry, RegistryError};

#[cfg(feature = "std")]
mod whole {
    use std::collections::HashMap;

    use super::*;

    /// The whole registry of an epoch, from which openings are made.
    #[derive(Debug, Clone)]
    pub struct Registry {
        /// From the leaves up; each level without the empty nodes at its end.
        levels: Vec<Vec<B256>>,
        leaves: Vec<WorkTerms>,
        places: HashMap<B256, u32>,
        rules: Vec<RegionRule>,
    }

    /// A registry that can't be one.
    #[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
    pub enum RegistryError {
        /// More works than places.
        #[error("the registry has {0} works, more than 2^{REGISTRY_DEPTH}")]
        TooManyWorks(usize),
        /// A work that was never registered.
        #[error("work {0} is not in the registry of this epoch")]
        Unknown(B256),
    }

    impl Registry {
        /// From all works, in the order of their registration, and the epoch's table of region rules.
        ///
        /// # Errors
        /// [`RegistryError::TooManyWorks`].
        pub fn new(leaves: Vec<WorkTerms>, rules: Vec<RegionRule>) -> Result<Self, RegistryError> {
            let count = u32::try_from(leaves.len())
                .ok()
                .filter(|count| count >> REGISTRY_DEPTH == 0);
            let count = count.ok_or(RegistryError::TooManyWorks(leaves.len()))?;
            let places = leaves.iter().map(|leaf| leaf.work).zip(0..count).collect();
            let mut levels = vec![leaves.iter().map(WorkTerms::hash).collect::<Vec<_>>()];
            let mut empty = B256::ZERO;
            for _ in 0..REGISTRY_DEPTH {
                let below = levels.last().map(Vec::as_slice).unwrap_or_default();
                let above = below
                    .chunks(2)
                    .map(|children| match children {
                        [left, right] => pair(*left, *right),
                        children => pair(children.first().copied().unwrap_or(empty), empty),
                    })
                    .collect();
                levels.push(above);
                empty = pair(empty, empty);
            }
            Ok(Self {
                levels,
                leaves,
                places,
                rules,
            })
        }

        /// Root of the tree of works; zero of an empty registry, as the contract has it.
        pub fn works_root(&self) -> B256 {
            let top = self.levels.last().and_then(|level| level.first());
            top.copied().unwrap_or_default()
        }

        /// What `WorkRegistry.registryCommitment` is.
        pub fn commitment(&self) -> B256 {
            commitment(self.works_root(), &self.rules)
        }

        /// The leaf of a work.
        pub fn terms(&self, work: B256) -> Option<&WorkTerms> {
            self.leaves.get(*self.places.get(&work)? as usize)
        }

        /// Price and region factor that a work's reveals of an epoch are proven with.
        pub fn price(&self, work: B256, epoch: u64) -> Option<(u64, u32)> {
            let terms = self.terms(work)?.terms_in(epoch);
            let row = self.rules.iter().find(|row| row.rule == terms.region_rule)?;
            Some((terms.price_per_min, row.factor_ppm))
        }

        /// The openings of some works.
        ///
        /// # Errors
        /// [`RegistryError::Unknown`].
        pub fn witness(&self, works: &[B256]) -> Result<RegistryWitness, RegistryError> {
            let works = works.iter().map(|work| self.open(*work)).collect::<Result<_, _>>()?;
            Ok(RegistryWitness {
                works_root: self.works_root(),
                rules: self.rules.clone(),
                works,
            })
        }

        fn open(&self, work: B256) -> Result<WorkOpening, RegistryError> {
            let unknown = RegistryError::Unknown(work);
            let index = *self.places.get(&work).ok_or(unknown)?;
            let leaf = *self.leaves.get(index as usize).ok_or(unknown)?;
            let mut empty = B256::ZERO;
            let mut path = Vec::with_capacity(REGISTRY_DEPTH);
            for (height, level) in self.levels.iter().take(REGISTRY_DEPTH).enumerate() {
                let sibling = (index >> height) ^ 1;
                path.push(level.get(sibling as usize).copied().unwrap_or(empty));
                empty = pair(empty, empty);
            }
            Ok(WorkOpening { leaf, index, path })
        }
    }
}
