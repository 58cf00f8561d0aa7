//! The lists behind the roots of a settlement's inputs, complete and in order.

use alloc::vec::Vec;

use alloy_primitives::B256;

use crate::RegistryOpening;

/// What was revealed of a work in a tier: an entry of the totals trie.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TotalsEntry {
    /// The work.
    pub work: B256,
    /// The tier.
    pub tier: B256,
    /// Units, together.
    pub units: u64,
    /// Number of reveals.
    pub reveals: u64,
}

/// What is carried of a work in a tier until it is revealed often enough: an entry of the trie of carried totals.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CarriedEntry {
    /// The work.
    pub work: B256,
    /// The tier.
    pub tier: B256,
    /// Number of reveals so far.
    pub reveals: u64,
    /// CLN wei.
    pub amount: u128,
}

/// Why lists are no settlement data.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum DataError {
    /// A work and tier twice in one list.
    #[error("the {list} list has work {work} in tier {tier} twice")]
    Duplicate {
        /// `totals` or `carried`.
        list: &'static str,
        /// The work.
        work: B256,
        /// The tier.
        tier: B256,
    },
    /// Encoded entries don't rise by work and tier.
    #[error("the {list} list is not in order at work {work} in tier {tier}: entries rise by work, then by tier")]
    Unsorted {
        /// `totals` or `carried`.
        list: &'static str,
        /// The work.
        work: B256,
        /// The tier.
        tier: B256,
    },
    /// A word that is no work id.
    #[error("the {list} list has {work}, which is no work id: it must not be zero and its first byte must be 0")]
    WorkInvalid {
        /// `totals` or `carried`.
        list: &'static str,
        /// The word.
        work: B256,
    },
}

/// Complete lists, each by rising work and tier.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SettlementData {
    totals: Vec<TotalsEntry>,
    carried: Vec<CarriedEntry>,
    registry: Option<RegistryOpening>,
}

/// An entry's place in its list.
pub(crate) trait Placed {
    /// What messages call the list.
    const LIST: &'static str;

    /// Work and tier.
    fn place(&self) -> (B256, B256);
}

impl Placed for TotalsEntry {
    const LIST: &'static str = "totals";

    fn place(&self) -> (B256, B256) {
        (self.work, self.tier)
    }
}

impl Placed for CarriedEntry {
    const LIST: &'static str = "carried";

    fn place(&self) -> (B256, B256) {
        (self.work, self.tier)
    }
}

impl SettlementData {
    /// Takes the lists in whatever order they come. Works need their opening in the registry commitment only where the
    /// epoch's half-life is on and something was revealed.
    ///
    /// # Errors
    /// [`DataError`]: a work and tier twice, or a word that is no work.
    pub fn new(
        mut totals: Vec<TotalsEntry>,
        mut carried: Vec<CarriedEntry>,
        registry: Option<RegistryOpening>,
    ) -> Result<Self, DataError> {
        totals.sort_unstable_by_key(Placed::place);
        carried.sort_unstable_by_key(Placed::place);
        Self::from_sorted(totals, carried, registry)
    }

    /// The same for lists that must be in order, as they are after encoding.
    pub(crate) fn from_sorted(
        totals: Vec<TotalsEntry>,
        carried: Vec<CarriedEntry>,
        registry: Option<RegistryOpening>,
    ) -> Result<Self, DataError> {
        check(&totals)?;
        check(&carried)?;
        Ok(Self {
            totals,
            carried,
            registry,
        })
    }

    /// What was revealed.
    pub fn totals(&self) -> &[TotalsEntry] {
        &self.totals
    }

    /// What the epoch before carried.
    pub fn carried(&self) -> &[CarriedEntry] {
        &self.carried
    }

    /// Registrations of the works in [`Self::totals`].
    pub const fn registry(&self) -> Option<&RegistryOpening> {
        self.registry.as_ref()
    }
}

fn check<T: Placed>(entries: &[T]) -> Result<(), DataError> {
    let list = T::LIST;
    let mut previous = None;
    for entry in entries {
        let (work, tier) = entry.place();
        if work.is_zero() || work[0] != 0 {
            return Err(DataError::WorkInvalid { list, work });
        }
        match previous.replace((work, tier)) {
            Some(before) if before == (work, tier) => return Err(DataError::Duplicate { list, work, tier }),
            Some(before) if before > (work, tier) => return Err(DataError::Unsorted { list, work, tier }),
            _ => {}
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(work: u8, tier: u8) -> TotalsEntry {
        TotalsEntry {
            work: B256::with_last_byte(work),
            tier: B256::with_last_byte(tier),
            units: 1,
            reveals: 1,
        }
    }

    fn carried(work: u8, tier: u8) -> CarriedEntry {
        CarriedEntry {
            work: B256::with_last_byte(work),
            tier: B256::with_last_byte(tier),
            reveals: 1,
            amount: 1,
        }
    }

    #[test]
    fn lists_come_in_any_order() {
        let sorted = SettlementData::new(
            [entry(1, 2), entry(1, 3), entry(2, 1)].into(),
            [carried(1, 1), carried(3, 1)].into(),
            None,
        );
        let shuffled = SettlementData::new(
            [entry(2, 1), entry(1, 3), entry(1, 2)].into(),
            [carried(3, 1), carried(1, 1)].into(),
            None,
        );
        assert_eq!(shuffled, sorted);
        assert_eq!(shuffled.unwrap().totals()[0], entry(1, 2));
    }

    #[test]
    fn a_work_and_tier_come_once() {
        let duplicate = |list| DataError::Duplicate {
            list,
            work: B256::with_last_byte(1),
            tier: B256::with_last_byte(2),
        };
        let mut other = entry(1, 2);
        other.units = 5;
        let totals = [entry(1, 2), entry(1, 3), other];
        assert_eq!(
            SettlementData::new(totals.into(), Vec::new(), None),
            Err(duplicate("totals"))
        );
        let carried = [carried(1, 2), carried(1, 2)];
        assert_eq!(
            SettlementData::new(Vec::new(), carried.into(), None),
            Err(duplicate("carried"))
        );
    }

    #[test]
    fn encoded_lists_are_in_order() {
        let unsorted = SettlementData::from_sorted([entry(2, 1), entry(1, 1)].into(), Vec::new(), None);
        assert!(matches!(unsorted, Err(DataError::Unsorted { list: "totals", .. })));
    }

    #[test]
    fn works_are_work_ids() {
        let mut high = entry(1, 1);
        high.work.0[0] = 1;
        for bad in [entry(0, 1), high] {
            let work = bad.work;
            let list = "totals";
            assert_eq!(
                SettlementData::new([bad].into(), Vec::new(), None),
                Err(DataError::WorkInvalid { list, work })
            );
        }
    }
}
