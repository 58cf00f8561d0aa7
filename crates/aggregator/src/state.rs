//! States of an epoch: which nullifiers a branch has, and its totals. A state is named by its two roots, so that whoever
//! is handed one can check it.

use std::collections::{BTreeMap, BTreeSet};

use alloy::primitives::B256;
use cwe_aggregation::{EpochState, Total};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{record::Record, tries::EMPTY_ROOT};

/// What totals are kept by: work id, tier id.
pub type TotalKey = (B256, B256);

/// The roots that name a state.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Roots {
    /// Of the trie of nullifiers.
    #[schema(value_type = String)]
    pub nullifier_root: B256,
    /// Of the trie of totals.
    #[schema(value_type = String)]
    pub totals_root: B256,
}

impl Roots {
    /// Of the state that every epoch begins with.
    pub const EMPTY: Self = Self {
        nullifier_root: EMPTY_ROOT,
        totals_root: EMPTY_ROOT,
    };
}

impl From<cwe_aggregation::Roots> for Roots {
    fn from(roots: cwe_aggregation::Roots) -> Self {
        Self {
            nullifier_root: roots.nullifiers,
            totals_root: roots.totals,
        }
    }
}

/// What an aggregate adds to a state, or all that is in one.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct State {
    /// The nullifiers.
    pub nullifiers: BTreeSet<B256>,
    /// The totals.
    pub totals: BTreeMap<TotalKey, Total>,
}

/// What can't be added to a state.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum StateError {
    /// A nullifier that it has.
    #[error("nullifier {0} is in the state already")]
    Replayed(B256),
    /// More than 64 bits hold.
    #[error("a total of work {0} does not fit 64 bits")]
    Overflow(B256),
}

impl State {
    /// Its roots.
    pub fn roots(&self) -> Roots {
        self.to_epoch_state().roots().into()
    }

    /// As inputs of proofs are made from it.
    pub fn to_epoch_state(&self) -> EpochState {
        let totals = self.totals.iter().map(|(key, total)| (*key, *total));
        EpochState::from_parts(self.nullifiers.iter().copied(), totals)
    }

    /// Number of its reveals.
    pub fn reveals(&self) -> u64 {
        self.nullifiers.len() as u64
    }

    /// What these records are, as a step.
    ///
    /// # Errors
    /// [`StateError`]: two of them have one nullifier.
    pub fn of_records<'a>(records: impl IntoIterator<Item = &'a Record>) -> Result<Self, StateError> {
        let mut state = Self::default();
        for record in records {
            let nullifier = B256::from(record.nullifier);
            if !state.nullifiers.insert(nullifier) {
                return Err(StateError::Replayed(nullifier));
            }
            let one = Total {
                reveals: 1,
                units: record.units.into(),
            };
            state.add_total((record.work.into(), record.tier.into()), one)?;
        }
        Ok(state)
    }

    /// Adds a step.
    ///
    /// # Errors
    /// [`StateError`]; the state may have a part of the step then.
    pub fn add(&mut self, step: &Self) -> Result<(), StateError> {
        if let Some(replayed) = step
            .nullifiers
            .iter()
            .find(|nullifier| self.nullifiers.contains(*nullifier))
        {
            return Err(StateError::Replayed(*replayed));
        }
        self.nullifiers.extend(&step.nullifiers);
        step.totals
            .iter()
            .try_for_each(|(key, total)| self.add_total(*key, *total))
    }

    /// Takes a step that was added out again.
    pub fn remove(&mut self, step: &Self) {
        self.nullifiers.retain(|nullifier| !step.nullifiers.contains(nullifier));
        for (key, less) in &step.totals {
            if let Some(total) = self.totals.get_mut(key) {
                total.reveals = total.reveals.saturating_sub(less.reveals);
                total.units = total.units.saturating_sub(less.units);
            }
        }
        self.totals.retain(|_, total| total.reveals > 0);
    }

    fn add_total(&mut self, key: TotalKey, more: Total) -> Result<(), StateError> {
        let total = self.totals.entry(key).or_default();
        let sum = |a: u64, b: u64| a.checked_add(b).ok_or(StateError::Overflow(key.0));
        *total = Total {
            reveals: sum(total.reveals, more.reveals)?,
            units: sum(total.units, more.units)?,
        };
        Ok(())
    }

    /// Whether every total has reveals, and together they have one for each nullifier: no state is otherwise.
    pub fn is_consistent(&self) -> bool {
        let sum = self
            .totals
            .values()
            .try_fold(0u64, |sum, total| sum.checked_add(total.reveals));
        let whole = |total: &Total| total.reveals > 0 && total.units >= total.reveals;
        sum == Some(self.reveals()) && self.totals.values().all(whole)
    }
}

/// A state as coordinators hand it over and as steps are stored: sorted, nothing twice.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct StateBody {
    /// The nullifiers, rising.
    #[schema(value_type = Vec<String>)]
    pub nullifiers: Vec<B256>,
    /// The totals, by work and tier.
    pub totals: Vec<TotalBody>,
}

/// A total as it is handed over.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct TotalBody {
    /// The work.
    #[schema(value_type = String)]
    pub work_id: B256,
    /// The tier.
    #[schema(value_type = String)]
    pub tier_id: B256,
    /// Reveals.
    pub reveals: u64,
    /// Units.
    pub units: u64,
}

impl From<&State> for StateBody {
    fn from(state: &State) -> Self {
        let total = |((work_id, tier_id), total): (&TotalKey, &Total)| TotalBody {
            work_id: *work_id,
            tier_id: *tier_id,
            reveals: total.reveals,
            units: total.units,
        };
        Self {
            nullifiers: state.nullifiers.iter().copied().collect(),
            totals: state.totals.iter().map(total).collect(),
        }
    }
}

impl StateBody {
    /// The state; `None` where something stands twice or the sums can't be.
    pub fn to_state(&self) -> Option<State> {
        let state = State {
            nullifiers: self.nullifiers.iter().copied().collect(),
            totals: self
                .totals
                .iter()
                .map(|total| {
                    let TotalBody {
                        work_id,
                        tier_id,
                        reveals,
                        units,
                    } = *total;
                    ((work_id, tier_id), Total { reveals, units })
                })
                .collect(),
        };
        let whole = state.nullifiers.len() == self.nullifiers.len() && state.totals.len() == self.totals.len();
        (whole && state.is_consistent()).then_some(state)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::reveal;

    fn step(numbers: &[u8]) -> State {
        let records: Vec<_> = numbers.iter().map(|number| reveal(*number).record).collect();
        State::of_records(&records).unwrap()
    }

    #[test]
    fn steps_lead_to_the_same_state_in_any_order() {
        let mut one = step(&[1, 2]);
        one.add(&step(&[3])).unwrap();
        let mut other = step(&[3]);
        other.add(&step(&[2, 1])).unwrap();
        assert_eq!(one.roots(), other.roots());
        assert_eq!(one.reveals(), 3);
        assert!(one.is_consistent());
        assert_ne!(one.roots(), step(&[1, 2]).roots());
        assert_eq!(State::default().roots(), Roots::EMPTY);
    }

    #[test]
    fn what_is_taken_out_leaves_what_was_there_before() {
        let before = step(&[1, 2]);
        let mut after = before.clone();
        after.add(&step(&[3, 4])).unwrap();
        after.remove(&step(&[3, 4]));
        assert_eq!(after, before);
    }

    #[test]
    fn a_nullifier_is_added_once() {
        let records = [reveal(1).record, reveal(1).record];
        assert!(matches!(State::of_records(&records), Err(StateError::Replayed(_))));
        assert!(matches!(step(&[1]).add(&step(&[2, 1])), Err(StateError::Replayed(_))));
    }

    #[test]
    fn a_state_reads_as_it_was_handed_over_and_nonsense_is_none() {
        let state = step(&[1, 2, 3]);
        let body = StateBody::from(&state);
        assert_eq!(body.to_state(), Some(state));
        let mut twice = body.clone();
        twice.nullifiers.push(twice.nullifiers[0]);
        assert_eq!(twice.to_state(), None);
        let mut more = body.clone();
        more.totals[0].reveals = u64::MAX;
        assert_eq!(more.to_state(), None);
        let mut fewer = body;
        fewer.nullifiers.pop();
        assert_eq!(fewer.to_state(), None);
    }
}
