//! Openings of works in an epoch's registry commitment: one proof for many works.
//!
//! The registry is a binary keccak tree of depth 24 whose leaves lie in order of registration. An opening holds the
//! leaves that are asked for, by rising position, and the siblings that can't be computed from them, level by level from
//! below, each level from left to right: for many works not much more than one hash each.

use alloc::{collections::BTreeSet, vec::Vec};

use alloy_primitives::{B256, keccak256};
use alloy_sol_types::{SolType, sol_data};

/// Depth of the registry's tree.
pub const REGISTRY_DEPTH: usize = 24;

/// A work as the registry commits to it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct WorkRecord {
    /// The work.
    pub work: B256,
    /// Unix time in seconds.
    pub registered_at: u64,
    /// Epoch from which price and rule hold; before it the previous ones do.
    pub from_epoch: u64,
    /// Micro-CLN.
    pub price_per_min: u64,
    /// Name of the region rule, left-aligned.
    pub region_rule: B256,
    /// Micro-CLN.
    pub previous_price_per_min: u64,
    /// Name of the region rule before.
    pub previous_region_rule: B256,
}

/// A row of the epoch's table of region rules.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct RegionFactor {
    /// Name of the rule, left-aligned.
    pub rule: B256,
    /// Factor in ppm.
    pub factor_ppm: u32,
}

/// Works with what proves them to be in a registry commitment.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RegistryOpening {
    /// Works with their positions, which rise.
    pub(crate) works: Vec<(u32, WorkRecord)>,
    pub(crate) siblings: Vec<B256>,
    pub(crate) regions: Vec<RegionFactor>,
}

/// Why an opening does not hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum RegistryError {
    /// No works.
    #[error("the registry opening has no works")]
    Empty,
    /// Positions don't rise, or are beyond the tree.
    #[error("the registry opening has position {position} out of order or beyond 2^{REGISTRY_DEPTH}")]
    Position {
        /// The position.
        position: u32,
    },
    /// Siblings are missing or left over.
    #[error("the registry opening has {given} siblings, which is not what its positions need")]
    Siblings {
        /// Siblings given.
        given: usize,
    },
    /// Another registry.
    #[error("the registry opening is of the commitment {computed}, not of {expected}")]
    Commitment {
        /// In the inputs.
        expected: B256,
        /// Of the opening.
        computed: B256,
    },
}

impl WorkRecord {
    /// Its leaf in the tree.
    pub fn leaf(&self) -> B256 {
        let mut words = [[0; 32]; 7];
        words[0] = self.work.0;
        words[1][24..].copy_from_slice(&self.registered_at.to_be_bytes());
        words[2][24..].copy_from_slice(&self.from_epoch.to_be_bytes());
        words[3][24..].copy_from_slice(&self.price_per_min.to_be_bytes());
        words[4] = self.region_rule.0;
        words[5][24..].copy_from_slice(&self.previous_price_per_min.to_be_bytes());
        words[6] = self.previous_region_rule.0;
        keccak256(words.as_flattened())
    }
}

impl RegistryOpening {
    /// Opens those of `wanted` that are registered. `records` are all works in order of registration, at most 2²⁴, and
    /// `regions` the epoch's table.
    pub fn new(records: &[WorkRecord], regions: &[RegionFactor], wanted: &BTreeSet<B256>) -> Self {
        let works: Vec<_> = (0..)
            .zip(records)
            .filter(|(_, record)| wanted.contains(&record.work))
            .map(|(position, record)| (position, *record))
            .collect();
        let mut positions: Vec<usize> = works.iter().map(|(position, _)| *position as usize).collect();
        let mut nodes: Vec<_> = records.iter().map(WorkRecord::leaf).collect();
        let mut siblings = Vec::new();
        let mut empty = B256::ZERO;
        for _ in 0..REGISTRY_DEPTH {
            let node = |position: usize| nodes.get(position).copied().unwrap_or(empty);
            let alone = |position: &&usize| positions.binary_search(&(**position ^ 1)).is_err();
            siblings.extend(positions.iter().filter(alone).map(|position| node(*position ^ 1)));
            nodes = (0..nodes.len().div_ceil(2))
                .map(|parent| pair(node(2 * parent), node(2 * parent + 1)))
                .collect();
            empty = pair(empty, empty);
            positions.iter_mut().for_each(|position| *position /= 2);
            positions.dedup();
        }
        Self {
            works,
            siblings,
            regions: regions.to_vec(),
        }
    }

    /// The works that are opened.
    pub fn works(&self) -> impl ExactSizeIterator<Item = &WorkRecord> {
        self.works.iter().map(|(_, record)| record)
    }

    /// Checks that all works are in the registry that `commitment` stands for.
    ///
    /// # Errors
    /// [`RegistryError`].
    pub fn verify(&self, commitment: B256) -> Result<(), RegistryError> {
        let computed = commitment_of(self.root()?, &self.regions);
        if computed == commitment {
            Ok(())
        } else {
            Err(RegistryError::Commitment {
                expected: commitment,
                computed,
            })
        }
    }

    fn root(&self) -> Result<B256, RegistryError> {
        self.check_positions()?;
        let given = self.siblings.len();
        let mut siblings = self.siblings.iter().copied();
        let mut level: Vec<_> = self.works.iter().map(|(at, record)| (*at, record.leaf())).collect();
        for _ in 0..REGISTRY_DEPTH {
            level = level_above(&level, &mut siblings).ok_or(RegistryError::Siblings { given })?;
        }
        if siblings.next().is_some() {
            return Err(RegistryError::Siblings { given });
        }
        level.first().map(|(_, root)| *root).ok_or(RegistryError::Empty)
    }

    fn check_positions(&self) -> Result<(), RegistryError> {
        let mut next = 0;
        for (position, _) in &self.works {
            let position = *position;
            if position < next || position >> REGISTRY_DEPTH != 0 {
                return Err(RegistryError::Position { position });
            }
            next = position + 1;
        }
        Ok(())
    }
}

/// Parents of nodes by rising position; `None` if a sibling is missing.
fn level_above(level: &[(u32, B256)], siblings: &mut impl Iterator<Item = B256>) -> Option<Vec<(u32, B256)>> {
    let mut above = Vec::with_capacity(level.len());
    let mut nodes = level.iter().peekable();
    while let Some((position, node)) = nodes.next() {
        let parent = if position % 2 == 1 {
            pair(siblings.next()?, *node)
        } else {
            let neighbour = nodes
                .next_if(|(next, _)| *next == position + 1)
                .map(|(_, right)| *right);
            pair(*node, neighbour.or_else(|| siblings.next())?)
        };
        above.push((position / 2, parent));
    }
    Some(above)
}

fn commitment_of(works_root: B256, regions: &[RegionFactor]) -> B256 {
    type Encoded = (
        sol_data::FixedBytes<32>,
        sol_data::Array<(sol_data::FixedBytes<32>, sol_data::Uint<32>)>,
    );
    let table: Vec<_> = regions.iter().map(|region| (region.rule, region.factor_ppm)).collect();
    keccak256(Encoded::abi_encode_params(&(works_root, table)))
}

fn pair(left: B256, right: B256) -> B256 {
    let mut bytes = [0; 64];
    bytes[..32].copy_from_slice(left.as_slice());
    bytes[32..].copy_from_slice(right.as_slice());
    keccak256(bytes)
}

#[cfg(test)]
mod tests {
    use alloy_primitives::b256;
    use alloy_sol_types::SolValue;
    use proptest::prelude::*;

    use super::*;

    fn record(number: u64) -> WorkRecord {
        WorkRecord {
            work: alloy_primitives::U256::from(number + 1).into(),
            registered_at: 1_000 + number,
            from_epoch: 3,
            price_per_min: 1_200,
            region_rule: B256::right_padding_from(b"world"),
            previous_price_per_min: 1_000,
            previous_region_rule: B256::right_padding_from(b"eu"),
        }
    }

    fn regions() -> Vec<RegionFactor> {
        [(b"world".as_slice(), 1_000_000), (b"eu", 900_000)]
            .map(|(rule, factor_ppm)| RegionFactor {
                rule: B256::right_padding_from(rule),
                factor_ppm,
            })
            .into()
    }

    /// All 2²⁴ leaves, level by level, as the protocol describes the tree.
    fn commitment(records: &[WorkRecord]) -> B256 {
        let mut level: Vec<_> = records.iter().map(WorkRecord::leaf).collect();
        let mut empty = B256::ZERO;
        for _ in 0..24 {
            if level.len() % 2 == 1 {
                level.push(empty);
            }
            level = level
                .chunks(2)
                .map(|two| keccak256((two[0], two[1]).abi_encode()))
                .collect();
            empty = keccak256((empty, empty).abi_encode());
        }
        let table: Vec<_> = regions()
            .iter()
            .map(|region| (region.rule, region.factor_ppm))
            .collect();
        keccak256((level[0], table).abi_encode_params())
    }

    fn opening(records: &[WorkRecord], wanted: &[u64]) -> RegistryOpening {
        let wanted = wanted.iter().map(|number| record(*number).work).collect();
        RegistryOpening::new(records, &regions(), &wanted)
    }

    #[test]
    fn a_leaf_is_the_encoding_of_its_seven_words() {
        let work = record(4);
        let encoded = (
            work.work,
            work.registered_at,
            work.from_epoch,
            work.price_per_min,
            work.region_rule,
            work.previous_price_per_min,
            work.previous_region_rule,
        )
            .abi_encode();
        assert_eq!(work.leaf(), keccak256(encoded));
    }

    #[test]
    fn an_empty_table_and_tree_are_encoded_as_solidity_does() {
        // keccak256(abi.encode(bytes32(0), (bytes32, uint32)[]([]))): three words, 0, 0x40, 0.
        let mut words = [0; 96];
        words[63] = 0x40;
        assert_eq!(commitment_of(B256::ZERO, &[]), keccak256(words));
        assert_ne!(
            commitment_of(B256::ZERO, &[]),
            b256!("56e81f171bcc55a6ff8345e692c0f86e5b48e01b996cadc001622fb5e363b421")
        );
    }

    #[test]
    fn an_opening_holds_for_its_registry_only() {
        let records: Vec<_> = (0..13).map(record).collect();
        let good = opening(&records, &[0, 5, 6, 12]);
        assert_eq!(good.works().len(), 4);
        assert_eq!(good.verify(commitment(&records)), Ok(()));
        let other = commitment(&records[..12]);
        assert!(matches!(good.verify(other), Err(RegistryError::Commitment { expected, .. }) if expected == other));
    }

    #[test]
    fn a_changed_opening_does_not_hold() {
        let records: Vec<_> = (0..13).map(record).collect();
        let commitment = commitment(&records);
        let changes: [fn(&mut RegistryOpening); 5] = [
            |opening| opening.works[1].1.registered_at += 1,
            |opening| opening.works[1].0 += 1,
            |opening| opening.siblings[0].0[0] ^= 1,
            |opening| opening.regions[0].factor_ppm += 1,
            |opening| opening.regions.truncate(1),
        ];
        for change in changes {
            let mut opening = opening(&records, &[1, 5]);
            change(&mut opening);
            assert!(
                matches!(opening.verify(commitment), Err(RegistryError::Commitment { .. })),
                "{opening:?}"
            );
        }
    }

    #[test]
    fn malformed_openings_are_refused() {
        let records: Vec<_> = (0..13).map(record).collect();
        let commitment = commitment(&records);
        let good = opening(&records, &[1, 5]);
        let given = good.siblings.len();
        let mut short = good.clone();
        short.siblings.pop();
        assert_eq!(
            short.verify(commitment),
            Err(RegistryError::Siblings { given: given - 1 })
        );
        let mut long = good.clone();
        long.siblings.push(B256::ZERO);
        assert_eq!(
            long.verify(commitment),
            Err(RegistryError::Siblings { given: given + 1 })
        );
        let mut unsorted = good.clone();
        unsorted.works.swap(0, 1);
        assert_eq!(
            unsorted.verify(commitment),
            Err(RegistryError::Position { position: 1 })
        );
        let mut twice = good.clone();
        twice.works[1].0 = 1;
        assert_eq!(twice.verify(commitment), Err(RegistryError::Position { position: 1 }));
        for position in [1 << 24, u32::MAX] {
            let mut beyond = good.clone();
            beyond.works[1].0 = position;
            assert_eq!(beyond.verify(commitment), Err(RegistryError::Position { position }));
        }
        assert_eq!(RegistryOpening::default().verify(commitment), Err(RegistryError::Empty));
    }

    proptest! {
        #[test]
        fn any_works_of_any_registry_can_be_opened(
            count in 1..40_u64, wanted in prop::collection::btree_set(0..40_u64, 1..40),
        ) {
            let records: Vec<_> = (0..count).map(record).collect();
            let wanted: Vec<_> = wanted.into_iter().filter(|number| *number < count).collect();
            prop_assume!(!wanted.is_empty());
            let opening = opening(&records, &wanted);
            prop_assert_eq!(opening.works().len(), wanted.len());
            prop_assert_eq!(opening.verify(commitment(&records)), Ok(()));
        }
    }
}
