//! An epoch's states, replayed from its aggregates: each builds on a state that is known and leads to a new one.

use std::collections::HashMap;

use alloy::primitives::B256;
use cwe_bindings::economy::contracts::cwe_payouts::ICWEPayouts::Aggregate;
use cwe_dapr::EMPTY_ROOT_HASH;

/// Nullifier root and totals root.
pub(super) type Roots = (B256, B256);

/// The state without reveals.
pub(super) const EMPTY: Roots = (EMPTY_ROOT_HASH, EMPTY_ROOT_HASH);

/// What led to a state.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct State {
    /// Reveals on its branch.
    pub reveals: u64,
    /// Units on its branch by tier; of tiers that came later none.
    pub units: Vec<u64>,
}

/// All states of an epoch.
#[derive(Debug)]
pub(super) struct States {
    known: HashMap<Roots, State>,
    best: Roots,
}

/// Why aggregates can't have been.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum ReplayError {
    /// It builds on nothing.
    #[error("aggregate {number} builds on the roots {} and {}, which no aggregate led to", roots.0, roots.1)]
    UnknownBefore {
        /// Its number, from 0.
        number: usize,
        /// What it builds on.
        roots: Roots,
    },
    /// It leads nowhere new.
    #[error("aggregate {number} leads to the roots {} and {}, which were known before", roots.0, roots.1)]
    KnownAfter {
        /// Its number, from 0.
        number: usize,
        /// What it leads to.
        roots: Roots,
    },
    /// Sums beyond 64 bits.
    #[error("aggregate {number} has more reveals or units than can be counted")]
    Overflow {
        /// Its number, from 0.
        number: usize,
    },
}

impl States {
    /// Replays aggregates in their order.
    ///
    /// # Errors
    /// [`ReplayError`].
    pub(super) fn replay<'a>(aggregates: impl IntoIterator<Item = &'a Aggregate>) -> Result<Self, ReplayError> {
        let mut states = Self {
            known: HashMap::from([(EMPTY, State::default())]),
            best: EMPTY,
        };
        for (number, aggregate) in aggregates.into_iter().enumerate() {
            states.add(number, aggregate)?;
        }
        Ok(states)
    }

    /// A state; roots of 0 stand for empty tries.
    pub(super) fn get(&self, roots: Roots) -> Option<&State> {
        let or_empty = |root: B256| if root.is_zero() { EMPTY_ROOT_HASH } else { root };
        self.known.get(&(or_empty(roots.0), or_empty(roots.1)))
    }

    /// The state with the most reveals, of several the first.
    pub(super) fn best(&self) -> (Roots, u64) {
        (self.best, self.get(self.best).map_or(0, |state| state.reveals))
    }

    /// How many aggregates there are.
    pub(super) fn aggregates(&self) -> usize {
        self.known.len() - 1
    }

    fn add(&mut self, number: usize, aggregate: &Aggregate) -> Result<(), ReplayError> {
        let before = (aggregate.nullifierRootBefore, aggregate.totalsRootBefore);
        let after = (aggregate.nullifierRootAfter, aggregate.totalsRootAfter);
        let state = self.known.get(&before).ok_or(ReplayError::UnknownBefore { number, roots: before })?;
        let next = grown(state, aggregate).ok_or(ReplayError::Overflow { number })?;
        let reveals = next.reveals;
        if self.known.contains_key(&after) {
            return Err(ReplayError::KnownAfter { number, roots: after });
        }
        self.known.insert(after, next);
        if reveals > self.best().1 {
            self.best = after;
        }
        Ok(())
    }
}

fn grown(state: &State, aggregate: &Aggregate) -> Option<State> {
    let tiers = state.units.len().max(aggregate.units.len());
    let of = |units: &[u64], tier: usize| units.get(tier).copied().unwrap_or_default();
    let units: Option<Vec<_>> = (0..tiers)
        .map(|tier| of(&state.units, tier).checked_add(of(&aggregate.units, tier)))
        .collect();
    Some(State {
        reveals: state.reveals.checked_add(aggregate.reveals)?,
        units: units?,
    })
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    pub(crate) fn roots(number: u8) -> Roots {
        if number == 0 {
            return EMPTY;
        }
        (B256::repeat_byte(number), B256::repeat_byte(number | 0x80))
    }

    pub(crate) fn aggregate(before: u8, after: u8, reveals: u64, units: &[u64]) -> Aggregate {
        Aggregate {
            nullifierRootBefore: roots(before).0,
            nullifierRootAfter: roots(after).0,
            totalsRootBefore: roots(before).1,
            totalsRootAfter: roots(after).1,
            reveals,
            units: units.to_vec(),
        }
    }

    #[test]
    fn aggregates_form_a_tree_whose_best_state_has_the_most_reveals() {
        let aggregates = [
            aggregate(0, 1, 4, &[40]),
            aggregate(0, 2, 3, &[0, 30]),
            aggregate(2, 3, 2, &[5, 5]),
            aggregate(1, 4, 1, &[1, 1]),
        ];
        let states = States::replay(&aggregates).unwrap();
        assert_eq!(states.aggregates(), 4);
        // Five reveals each; the first that had so many stays the best.
        assert_eq!(states.best(), (roots(3), 5));
        let state = State {
            reveals: 5,
            units: vec![41, 1],
        };
        assert_eq!(states.get(roots(4)), Some(&state));
        assert_eq!(states.get(roots(9)), None);
    }

    #[test]
    fn without_aggregates_there_is_the_empty_state() {
        let states = States::replay(&[]).unwrap();
        assert_eq!(states.best(), (EMPTY, 0));
        assert_eq!(states.get((B256::ZERO, B256::ZERO)), Some(&State::default()));
    }

    #[test]
    fn what_can_not_have_been_is_named() {
        let unknown = States::replay(&[aggregate(7, 1, 1, &[1])]).unwrap_err();
        assert_eq!(unknown, ReplayError::UnknownBefore { number: 0, roots: roots(7) });
        let known = States::replay(&[aggregate(0, 1, 1, &[1]), aggregate(1, 0, 1, &[1])]).unwrap_err();
        assert_eq!(known, ReplayError::KnownAfter { number: 1, roots: EMPTY });
        let many = States::replay(&[aggregate(0, 1, 1, &[u64::MAX]), aggregate(1, 2, 1, &[1])]).unwrap_err();
        assert_eq!(many, ReplayError::Overflow { number: 1 });
    }
}
