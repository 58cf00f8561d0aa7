//! What was listened to: sessions, and the listener's corrections of them.
//!
//! In: sessions as players end them, corrections as the listener makes them, ledgers of the same person's other devices.
//! Out: seconds and plays of each work in an epoch. Merging is commutative, associative and idempotent: sessions are a
//! set that only grows, and of the corrections of one work in one epoch the latest wins, on every device the same one.
//! So devices may exchange ledgers in any order and as often as they like.

mod clock;
mod correction;
mod session;

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

pub use self::{
    clock::{ClockGuard, ClockReading, EpochSchedule},
    correction::{Correction, Ruling},
    session::{MAX_PLAYS, MAX_SESSION_SECS, Session, SessionError},
};
use crate::ids::{DeviceId, WorkId};

/// Most sessions of one epoch: twenty-two in every hour of a month.
pub const MAX_SESSIONS_PER_EPOCH: usize = 1 << 14;

/// Sessions and corrections of all epochs.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ledger {
    sessions: BTreeMap<u64, BTreeSet<Session>>,
    corrections: BTreeMap<(u64, WorkId), Correction>,
}

/// One work's listening in one epoch.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Listening {
    /// Seconds, as players recorded them.
    pub recorded_secs: u64,
    /// Plays, likewise.
    pub recorded_plays: u64,
    /// The listener's correction; none where the record stands.
    pub ruling: Option<Ruling>,
}

impl Listening {
    /// Seconds and plays that the listener wants to have counted; none when the work is excluded. What was listened to
    /// was played once at least, even if that play began in the epoch before.
    pub fn counted(&self) -> Option<(u64, u64)> {
        match self.ruling {
            Some(Ruling::Excluded) => None,
            Some(Ruling::Set { seconds, plays }) => Some((seconds, plays)),
            None | Some(Ruling::AsRecorded) => {
                let least = u64::from(self.recorded_secs > 0);
                Some((self.recorded_secs, self.recorded_plays.max(least)))
            }
        }
    }
}

impl Ledger {
    /// Adds a session of an epoch. The same one twice is one.
    ///
    /// # Errors
    /// It is no plausible session, or its epoch has as many as it may have.
    pub fn add(&mut self, epoch: u64, session: Session) -> Result<(), SessionError> {
        session.check()?;
        if epoch == 0 {
            return Err(SessionError::NoEpoch);
        }
        let sessions = self.sessions.entry(epoch).or_default();
        if sessions.len() >= MAX_SESSIONS_PER_EPOCH && !sessions.contains(&session) {
            return Err(SessionError::EpochFull {
                epoch,
                maximum: MAX_SESSIONS_PER_EPOCH,
            });
        }
        sessions.insert(session);
        Ok(())
    }

    /// Corrects a work in an epoch, over all corrections that this ledger knows.
    ///
    /// # Errors
    /// Numbers that can't be.
    pub fn correct(&mut self, epoch: u64, work: WorkId, device: DeviceId, ruling: Ruling) -> Result<(), SessionError> {
        ruling.check()?;
        let before = self.corrections.get(&(epoch, work));
        let version = before.map_or(0, |correction| correction.version).saturating_add(1);
        let correction = Correction {
            version,
            device,
            ruling,
        };
        self.corrections.insert((epoch, work), correction);
        Ok(())
    }

    /// Takes over what another ledger of the same listener has and this one has not. Tells how many sessions were new.
    ///
    /// # Errors
    /// The other one has what can't be, or together they have too much; nothing is taken over then.
    pub fn merge(&mut self, other: &Self) -> Result<usize, SessionError> {
        let mut merged = self.clone();
        let mut new = 0;
        for (&epoch, theirs) in &other.sessions {
            let before = merged.sessions_in(epoch).len();
            for session in theirs {
                merged.add(epoch, session.clone())?;
            }
            new += merged.sessions_in(epoch).len().saturating_sub(before);
        }
        for (key, theirs) in &other.corrections {
            theirs.ruling.check()?;
            let ours = merged.corrections.entry(*key).or_insert(*theirs);
            *ours = (*ours).max(*theirs);
        }
        *self = merged;
        Ok(new)
    }

    /// Every work of an epoch, in the order of their ids.
    pub fn listening(&self, epoch: u64) -> BTreeMap<WorkId, Listening> {
        let mut works: BTreeMap<WorkId, Listening> = BTreeMap::new();
        for session in self.sessions_in(epoch) {
            let work = works.entry(session.work).or_default();
            work.recorded_secs = work.recorded_secs.saturating_add(session.seconds.into());
            work.recorded_plays = work.recorded_plays.saturating_add(session.plays.into());
        }
        for (&(of, work), correction) in &self.corrections {
            if of == epoch {
                works.entry(work).or_default().ruling = Some(correction.ruling);
            }
        }
        works
    }

    /// Sessions of an epoch.
    pub fn sessions_in(&self, epoch: u64) -> impl ExactSizeIterator<Item = &Session> {
        static NONE: BTreeSet<Session> = BTreeSet::new();
        self.sessions.get(&epoch).unwrap_or(&NONE).iter()
    }

    /// Epochs that something was recorded or corrected in.
    pub fn epochs(&self) -> BTreeSet<u64> {
        let corrected = self.corrections.keys().map(|(epoch, _)| *epoch);
        self.sessions.keys().copied().chain(corrected).collect()
    }

    /// The number after the highest that `device` has given a session.
    pub fn next_sequence(&self, device: DeviceId) -> u64 {
        let own = self
            .sessions
            .values()
            .flatten()
            .filter(|session| session.device == device);
        own.map(|session| session.sequence.saturating_add(1)).max().unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use alloy_primitives::B256;
    use proptest::prelude::*;

    use super::*;

    fn work(number: u8) -> WorkId {
        WorkId::try_from(B256::with_last_byte(number)).unwrap()
    }

    fn device(number: u8) -> DeviceId {
        DeviceId::from_bytes([number; 16])
    }

    fn session(device_number: u8, sequence: u64, work_number: u8, seconds: u32) -> Session {
        Session {
            device: device(device_number),
            sequence,
            work: work(work_number),
            seconds,
            plays: 1,
            started_hour: 5,
        }
    }

    /// Ledgers of several devices, one of which may have been restored from a copy and used its numbers again.
    fn ledgers() -> impl Strategy<Value = Ledger> {
        let sessions = prop::collection::vec((0..3_u8, 0..4_u64, 1..4_u8, 1..100_u32), 0..12);
        let rulings = prop_oneof![
            Just(Ruling::AsRecorded),
            Just(Ruling::Excluded),
            (0..100_u64).prop_map(|seconds| Ruling::Set {
                seconds: seconds + 1,
                plays: 1
            })
        ];
        let corrections = prop::collection::vec((1..3_u64, 1..4_u8, 0..3_u8, rulings), 0..6);
        (sessions, corrections).prop_map(|(sessions, corrections)| {
            let mut ledger = Ledger::default();
            for (device, sequence, work, seconds) in sessions {
                ledger.add(1, session(device, sequence, work, seconds)).unwrap();
            }
            for (epoch, number, by, ruling) in corrections {
                ledger.correct(epoch, work(number), device(by), ruling).unwrap();
            }
            ledger
        })
    }

    fn merged(one: &Ledger, other: &Ledger) -> Ledger {
        let mut result = one.clone();
        result.merge(other).unwrap();
        result
    }

    proptest! {
        #[test]
        fn merging_is_commutative_associative_and_idempotent(a in ledgers(), b in ledgers(), c in ledgers()) {
            prop_assert_eq!(merged(&a, &b), merged(&b, &a));
            prop_assert_eq!(merged(&merged(&a, &b), &c), merged(&a, &merged(&b, &c)));
            prop_assert_eq!(&merged(&a, &a), &a);
            prop_assert_eq!(merged(&merged(&a, &b), &b), merged(&a, &b));
        }

        #[test]
        fn merging_loses_no_session(a in ledgers(), b in ledgers()) {
            let both = merged(&a, &b);
            let of = |ledger: &Ledger| ledger.sessions_in(1).cloned().collect::<BTreeSet<_>>();
            prop_assert_eq!(of(&both), &of(&a) | &of(&b));
        }

        #[test]
        fn a_ledger_survives_its_encoding(ledger in ledgers()) {
            let bytes = postcard::to_allocvec(&ledger).unwrap();
            prop_assert_eq!(postcard::from_bytes::<Ledger>(&bytes).unwrap(), ledger);
        }

        #[test]
        fn bytes_that_are_no_ledger_make_nothing_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            if let Ok(ledger) = postcard::from_bytes::<Ledger>(&bytes) {
                let _ = Ledger::default().merge(&ledger);
                let _ = ledger.listening(1);
            }
        }
    }

    #[test]
    fn seconds_and_plays_of_a_work_add_up_over_devices() {
        let mut ledger = Ledger::default();
        ledger.add(1, session(1, 0, 1, 60)).unwrap();
        ledger.add(1, session(1, 1, 2, 30)).unwrap();
        let mut other = Ledger::default();
        other.add(1, session(2, 0, 1, 40)).unwrap();
        assert_eq!(ledger.merge(&other).unwrap(), 1);
        assert_eq!(ledger.merge(&other).unwrap(), 0);
        let listening = ledger.listening(1);
        assert_eq!(listening[&work(1)].counted(), Some((100, 2)));
        assert_eq!(listening[&work(2)].counted(), Some((30, 1)));
        assert!(ledger.listening(2).is_empty());
    }

    #[test]
    fn pieces_of_a_play_are_one_play_and_one_at_least_in_every_epoch() {
        let piece = |sequence, plays| Session {
            plays,
            ..session(1, sequence, 1, 30)
        };
        let mut ledger = Ledger::default();
        ledger.add(1, piece(0, 1)).unwrap();
        ledger.add(1, piece(1, 0)).unwrap();
        ledger.add(2, piece(2, 0)).unwrap();
        assert_eq!(ledger.listening(1)[&work(1)].counted(), Some((60, 1)));
        assert_eq!(ledger.listening(2)[&work(1)].counted(), Some((30, 1)));
    }

    #[test]
    fn a_device_restored_from_a_copy_loses_nothing_by_using_its_numbers_again() {
        let mut before = Ledger::default();
        before.add(1, session(1, 7, 1, 60)).unwrap();
        let mut restored = Ledger::default();
        restored.add(1, session(1, 7, 1, 25)).unwrap();
        before.merge(&restored).unwrap();
        assert_eq!(before.listening(1)[&work(1)].recorded_secs, 85);
        assert_eq!(before.next_sequence(device(1)), 8);
        assert_eq!(before.next_sequence(device(2)), 0);
    }

    #[test]
    fn the_latest_correction_wins_whichever_device_made_it() {
        let mut one = Ledger::default();
        one.add(1, session(1, 0, 1, 60)).unwrap();
        let mut other = one.clone();
        one.correct(1, work(1), device(9), Ruling::Excluded).unwrap();
        one.correct(1, work(1), device(9), Ruling::AsRecorded).unwrap();
        other.correct(1, work(1), device(1), Ruling::Excluded).unwrap();
        assert_eq!(merged(&one, &other).listening(1)[&work(1)].counted(), Some((60, 1)));
        let mut both = merged(&one, &other);
        both.correct(1, work(1), device(1), Ruling::Set { seconds: 5, plays: 1 })
            .unwrap();
        assert_eq!(merged(&one, &both).listening(1)[&work(1)].counted(), Some((5, 1)));
    }

    #[test]
    fn an_excluded_work_stays_visible_and_can_come_back() {
        let mut ledger = Ledger::default();
        ledger.add(1, session(1, 0, 1, 60)).unwrap();
        ledger.correct(1, work(1), device(1), Ruling::Excluded).unwrap();
        assert_eq!(ledger.listening(1)[&work(1)].counted(), None);
        assert_eq!(ledger.listening(1)[&work(1)].recorded_secs, 60);
        ledger.correct(1, work(1), device(1), Ruling::AsRecorded).unwrap();
        assert_eq!(ledger.listening(1)[&work(1)].counted(), Some((60, 1)));
    }

    #[test]
    fn an_epoch_has_a_most_of_sessions_and_says_so() {
        let mut ledger = Ledger::default();
        for sequence in 0..MAX_SESSIONS_PER_EPOCH as u64 {
            ledger.sessions.entry(1).or_default().insert(session(1, sequence, 1, 1));
        }
        let error = ledger.add(1, session(2, 0, 1, 1)).unwrap_err();
        assert!(matches!(error, SessionError::EpochFull { epoch: 1, .. }));
        ledger.add(1, session(1, 0, 1, 1)).unwrap();
    }

    #[test]
    fn a_merge_that_fails_changes_nothing() {
        let mut ledger = Ledger::default();
        let mut hostile = Ledger::default();
        hostile.sessions.entry(1).or_default().insert(session(1, 0, 1, 5));
        hostile
            .sessions
            .entry(1)
            .or_default()
            .insert(session(1, 1, 1, u32::MAX));
        assert!(ledger.merge(&hostile).is_err());
        assert_eq!(ledger, Ledger::default());
    }
}
