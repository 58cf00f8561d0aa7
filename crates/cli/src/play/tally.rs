//! What was heard of a file, work by work, and how much of it the wallet has already.

use cwe_wallet::{Played, ids::WorkId};

/// Seconds of a work that are heard before the wallet is written for the first time.
const FIRST_SECS: u64 = 30;
/// Afterwards it is written when as much again was heard, but not later than this: what a kill loses is bounded, and a
/// month of listening stays within the sessions that an epoch has.
const MOST_SECS: u64 = 600;

/// What was heard of one work.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Counted {
    pub work: WorkId,
    /// How often it was begun.
    pub plays: u32,
    heard_ms: u64,
    kept_secs: u64,
    kept_plays: u32,
}

impl Counted {
    /// Seconds that the wallet has.
    pub(super) const fn kept_secs(&self) -> u64 {
        self.kept_secs
    }

    fn unkept_secs(&self, rounding_ms: u64) -> u64 {
        ((self.heard_ms + rounding_ms) / 1000).saturating_sub(self.kept_secs)
    }

    fn is_due(&self) -> bool {
        self.unkept_secs(0) >= self.kept_secs.clamp(FIRST_SECS, MOST_SECS)
    }
}

/// What was heard of a file.
#[derive(Debug, Default)]
pub(super) struct Tally {
    works: Vec<Counted>,
    /// Place of the work that was heard last.
    last: Option<usize>,
    uncounted_ms: u64,
}

impl Tally {
    /// Something was heard, of a work or of none. A work after another one is begun; what is unknown in between changes
    /// nothing.
    pub(super) fn hear(&mut self, work: Option<WorkId>, length_ms: u64) {
        let Some(work) = work else {
            self.uncounted_ms += length_ms;
            return;
        };
        let place = self.works.iter().position(|counted| counted.work == work);
        let place = place.unwrap_or_else(|| {
            self.works.push(Counted {
                work,
                plays: 0,
                heard_ms: 0,
                kept_secs: 0,
                kept_plays: 0,
            });
            self.works.len() - 1
        });
        let begins = self.last != Some(place);
        if let Some(counted) = self.works.get_mut(place) {
            counted.plays += u32::from(begins);
            counted.heard_ms += length_ms;
        }
        self.last = Some(place);
    }

    /// The end of what was counted was not heard after all.
    pub(super) fn take_back(&mut self, work: Option<WorkId>, length_ms: u64) {
        match self.works.iter_mut().find(|counted| Some(counted.work) == work) {
            Some(counted) => counted.heard_ms = counted.heard_ms.saturating_sub(length_ms),
            None => self.uncounted_ms = self.uncounted_ms.saturating_sub(length_ms),
        }
    }

    /// Whether it is time to write the wallet.
    pub(super) fn is_due(&self) -> bool {
        self.works.iter().any(Counted::is_due)
    }

    /// What the wallet has not yet: whole seconds while it plays, at the end rounded to the nearest.
    pub(super) fn unkept(&self, at_end: bool, epoch: Option<u64>) -> Vec<Played> {
        let rounding_ms = if at_end { 500 } else { 0 };
        let sessions = self.works.iter().map(|counted| Played {
            work: counted.work,
            seconds: u32::try_from(counted.unkept_secs(rounding_ms)).unwrap_or(u32::MAX),
            plays: counted.plays - counted.kept_plays,
            epoch,
        });
        sessions.filter(|session| session.seconds > 0).collect()
    }

    /// The wallet has this.
    pub(super) fn keep(&mut self, sessions: &[Played]) {
        for session in sessions {
            if let Some(counted) = self.works.iter_mut().find(|counted| counted.work == session.work) {
                counted.kept_secs += u64::from(session.seconds);
                counted.kept_plays += session.plays;
            }
        }
    }

    /// Work by work, in the order in which they were heard first.
    pub(super) fn works(&self) -> &[Counted] {
        &self.works
    }

    /// Seconds that count for nobody.
    pub(super) const fn uncounted_secs(&self) -> u64 {
        (self.uncounted_ms + 500) / 1000
    }
}

#[cfg(test)]
mod tests {
    use alloy::primitives::B256;

    use super::*;

    fn work(number: u8) -> WorkId {
        WorkId::try_from(B256::with_last_byte(number)).unwrap()
    }

    /// Seconds and plays of each session.
    fn numbers(sessions: &[Played]) -> Vec<(u32, u32)> {
        sessions
            .iter()
            .map(|session| (session.seconds, session.plays))
            .collect()
    }

    #[test]
    fn a_song_is_one_play_however_often_the_wallet_is_written() {
        let mut tally = Tally::default();
        let mut written = Vec::new();
        for _ in 0..4 * 210 {
            tally.hear(Some(work(1)), 250);
            if tally.is_due() {
                let sessions = tally.unkept(false, None);
                tally.keep(&sessions);
                written.extend(sessions);
            }
        }
        let rest = tally.unkept(true, None);
        tally.keep(&rest);
        written.extend(rest);
        assert_eq!(numbers(&written), [(30, 1), (30, 0), (60, 0), (90, 0)]);
        assert_eq!(tally.works()[0].kept_secs(), 210);
        assert!(tally.unkept(true, None).is_empty());
    }

    #[test]
    fn a_day_fits_into_few_sessions_and_a_kill_loses_ten_minutes_at_most() {
        let mut tally = Tally::default();
        let mut sessions = 0;
        for _ in 0..24 * 3600 {
            tally.hear(Some(work(1)), 1000);
            let unkept = tally.unkept(false, None);
            assert!(unkept[0].seconds <= 600);
            if tally.is_due() {
                tally.keep(&unkept);
                sessions += 1;
            }
        }
        assert!(sessions < 24 * 6 + 8, "{sessions}");
    }

    #[test]
    fn works_of_a_mix_count_each_and_what_is_unknown_for_nobody() {
        let mut tally = Tally::default();
        for (number, length_ms) in [(1, 20_000), (0, 3_000), (1, 5_400), (2, 10_000), (1, 2_000)] {
            tally.hear((number > 0).then(|| work(number)), length_ms);
        }
        assert_eq!(numbers(&tally.unkept(true, None)), [(27, 2), (10, 1)]);
        assert_eq!(tally.uncounted_secs(), 3);
    }

    #[test]
    fn what_was_not_heard_after_all_does_not_count() {
        let mut tally = Tally::default();
        tally.hear(Some(work(1)), 31_000);
        tally.keep(&tally.unkept(false, None));
        tally.take_back(Some(work(1)), 900);
        assert!(tally.unkept(true, None).is_empty());
        tally.hear(Some(work(1)), 1_900);
        assert_eq!(numbers(&tally.unkept(true, None)), [(1, 0)]);
        tally.hear(None, 400);
        tally.take_back(None, 1_000);
        assert_eq!(tally.uncounted_secs(), 0);
    }

    #[test]
    fn less_than_half_a_second_is_nothing() {
        let mut tally = Tally::default();
        tally.hear(Some(work(1)), 499);
        assert!(tally.unkept(true, None).is_empty());
        tally.hear(Some(work(1)), 1);
        assert_eq!(numbers(&tally.unkept(true, Some(7))), [(1, 1)]);
        assert_eq!(tally.unkept(true, Some(7))[0].epoch, Some(7));
    }

    #[test]
    fn what_could_not_be_written_is_tried_again_whole() {
        let mut tally = Tally::default();
        tally.hear(Some(work(1)), 40_000);
        assert_eq!(numbers(&tally.unkept(false, None)), [(40, 1)]);
        tally.hear(Some(work(1)), 5_000);
        assert_eq!(numbers(&tally.unkept(false, None)), [(45, 1)]);
    }
}
