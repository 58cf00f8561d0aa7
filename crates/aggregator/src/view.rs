//! What the coordinator knows of the chain, as data: the watcher renews it, everything else reads it. No request of
//! anybody makes the coordinator ask a node.

use std::{
    collections::BTreeMap,
    sync::Arc,
    time::{SystemTime, UNIX_EPOCH},
};

use alloy::primitives::B256;
use cwe_aggregation::Registry;
use cwe_usage::Element;
use serde::Serialize;
use utoipa::ToSchema;

use crate::{record::Record, state::Roots};

/// Unix times in seconds; each window ends where the next one begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Windows {
    /// The epoch is over; submissions.
    pub ends_at: u64,
    /// Reveals.
    pub submission_ends_at: u64,
    /// Aggregates only.
    pub reveal_ends_at: u64,
    /// Settlement.
    pub settleable_at: u64,
}

/// What is fixed of an epoch once its submissions are over.
#[derive(Debug, Clone)]
pub struct EpochTerms {
    /// `K_E`.
    pub key: Element,
    /// Root of the final note tree.
    pub note_root: Element,
    /// The tiers, in the order of `CWETiers.tierIds`.
    pub tiers: Vec<B256>,
    /// The works with their prices and region factors, as the chain has committed to them.
    pub registry: Registry,
}

/// The state with the most reveals, as the chain says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Best {
    /// Its roots.
    #[serde(flatten)]
    pub roots: Roots,
    /// Its reveals.
    pub reveals: u64,
}

/// An epoch whose reveals are taken, aggregated or settled.
#[derive(Debug, Clone)]
pub struct EpochView {
    /// Its windows.
    pub windows: Windows,
    /// What is fixed of it; none while its submissions run, or while its key is missing.
    pub terms: Option<Arc<EpochTerms>>,
    /// Its best state.
    pub best: Best,
}

/// The chain as it was last seen.
#[derive(Debug, Clone)]
pub struct View {
    /// Time of the newest sealed block, Unix seconds.
    pub head_secs: u64,
    /// The epochs that are followed: the oldest one not settled, to the running one.
    pub epochs: BTreeMap<u64, EpochView>,
}

/// Why an epoch takes no reveals now.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NotOpen {
    /// Not yet.
    #[error("reveals of this epoch are taken from {opens_at} on (Unix seconds; 0: not known yet)")]
    NotYet {
        /// When.
        opens_at: u64,
    },
    /// No more.
    #[error("reveals of this epoch are no longer taken")]
    Over,
}

/// Why a reveal can't be any of its epoch's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NotOfEpoch {
    /// No such tier.
    #[error("`tierId` names no tier")]
    Tier,
    /// No such work in this epoch.
    #[error("`workId` names no work that was registered in this epoch")]
    Work,
    /// Another price.
    #[error("`pricePerMin` is not the work's price in this epoch")]
    Price,
    /// Another factor.
    #[error("`regionPpm` is not the factor of the work's region rule in this epoch")]
    Region,
    /// Another tree.
    #[error("`noteRoot` is not the root of this epoch's final note tree")]
    NoteRoot,
}

impl View {
    /// Time now, Unix seconds. A quiet chain seals no blocks, so its head may be older than the clock; a wrong clock is
    /// not believed below the head.
    pub fn now_secs(&self) -> u64 {
        let clock = SystemTime::now().duration_since(UNIX_EPOCH);
        clock.map_or(self.head_secs, |now| now.as_secs().max(self.head_secs))
    }

    /// What reveals of an epoch must be like, if they are taken at time `now`.
    ///
    /// # Errors
    /// [`NotOpen`].
    pub fn open(&self, epoch: u64, now: u64) -> Result<&Arc<EpochTerms>, NotOpen> {
        let Some(view) = self.epochs.get(&epoch) else {
            let is_past = self.epochs.first_key_value().is_some_and(|(oldest, _)| epoch < *oldest);
            return Err(if is_past {
                NotOpen::Over
            } else {
                NotOpen::NotYet { opens_at: 0 }
            });
        };
        let opens_at = view.windows.submission_ends_at;
        if now >= view.windows.reveal_ends_at {
            return Err(NotOpen::Over);
        }
        match &view.terms {
            Some(terms) if now >= opens_at => Ok(terms),
            _ => Err(NotOpen::NotYet { opens_at }),
        }
    }
}

impl EpochTerms {
    /// Whether a record's tier, work, price, region and note root are this epoch's.
    ///
    /// # Errors
    /// [`NotOfEpoch`].
    pub fn check(&self, epoch: u64, record: &Record) -> Result<(), NotOfEpoch> {
        if !self.tiers.contains(&record.tier.into()) {
            return Err(NotOfEpoch::Tier);
        }
        let work = B256::from(record.work);
        let (price, region) = self.registry.price(work, epoch).ok_or(NotOfEpoch::Work)?;
        if record.price != price {
            return Err(NotOfEpoch::Price);
        }
        if record.region != region {
            return Err(NotOfEpoch::Region);
        }
        if record.note_root != self.note_root {
            return Err(NotOfEpoch::NoteRoot);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{EPOCH, reveal, view};

    #[test]
    fn reveals_are_taken_in_their_window_only() {
        let view = view();
        let windows = view.epochs[&EPOCH].windows;
        let opens_at = windows.submission_ends_at;
        assert_eq!(
            view.open(EPOCH, opens_at - 1).unwrap_err(),
            NotOpen::NotYet { opens_at }
        );
        assert!(view.open(EPOCH, opens_at).is_ok());
        assert!(view.open(EPOCH, windows.reveal_ends_at - 1).is_ok());
        assert_eq!(view.open(EPOCH, windows.reveal_ends_at).unwrap_err(), NotOpen::Over);
        assert_eq!(view.open(EPOCH - 1, opens_at).unwrap_err(), NotOpen::Over, "settled");
        assert_eq!(
            view.open(u64::MAX, opens_at).unwrap_err(),
            NotOpen::NotYet { opens_at: 0 }
        );
        let mut keyless = view;
        keyless.epochs.get_mut(&EPOCH).unwrap().terms = None;
        assert_eq!(keyless.open(EPOCH, opens_at).unwrap_err(), NotOpen::NotYet { opens_at });
        let blank = View {
            head_secs: 0,
            epochs: BTreeMap::new(),
        };
        assert!(
            matches!(blank.open(EPOCH, opens_at), Err(NotOpen::NotYet { .. })),
            "nothing is final without a look"
        );
    }

    #[test]
    fn what_is_not_the_epochs_is_refused() {
        let terms = view().epochs[&EPOCH].terms.clone().unwrap();
        let good = reveal(1).record;
        assert_eq!(terms.check(EPOCH, &good), Ok(()));
        let word = B256::with_last_byte(99);
        for (record, expected) in [
            (
                Record {
                    tier: word.try_into().unwrap(),
                    ..good
                },
                NotOfEpoch::Tier,
            ),
            (
                Record {
                    work: word.try_into().unwrap(),
                    ..good
                },
                NotOfEpoch::Work,
            ),
            (
                Record {
                    price: good.price + 1,
                    ..good
                },
                NotOfEpoch::Price,
            ),
            (
                Record {
                    region: good.region + 1,
                    ..good
                },
                NotOfEpoch::Region,
            ),
            (
                Record {
                    note_root: Element::from(99),
                    ..good
                },
                NotOfEpoch::NoteRoot,
            ),
        ] {
            assert_eq!(terms.check(EPOCH, &record), Err(expected));
        }
    }
}
