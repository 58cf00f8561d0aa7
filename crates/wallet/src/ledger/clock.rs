//! Time that does not run backwards, and the epoch that a time is in.

use serde::{Deserialize, Serialize};

/// Corrections of a clock that are not worth a word.
const TOLERANCE_SECS: u64 = 120;

/// The highest time seen, so that a clock set back puts no session into an epoch that this device has left.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClockGuard {
    highest_secs: u64,
}

/// What to take for the time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ClockReading {
    /// Unix time, never below an earlier reading.
    pub at_secs: u64,
    /// By how much the device's clock is behind an earlier reading, if that is worth telling.
    pub set_back_secs: Option<u64>,
}

impl ClockGuard {
    /// The device's clock shows `now_secs`, Unix time.
    pub fn read(&mut self, now_secs: u64) -> ClockReading {
        let behind = self.highest_secs.saturating_sub(now_secs);
        self.highest_secs = self.highest_secs.max(now_secs);
        ClockReading {
            at_secs: self.highest_secs,
            set_back_secs: (behind > TOLERANCE_SECS).then_some(behind),
        }
    }

    /// The chain's newest block is of `chain_secs`, and the device's clock shows `now_secs`: both cannot be far behind
    /// the truth together, so what lies above both was a clock set too far ahead, and is forgotten. Tells by how much.
    pub fn anchor(&mut self, chain_secs: u64, now_secs: u64) -> Option<u64> {
        let latest = chain_secs.max(now_secs);
        let ahead = self.highest_secs.saturating_sub(latest);
        if ahead > TOLERANCE_SECS {
            self.highest_secs = latest;
            return Some(ahead);
        }
        self.highest_secs = self.highest_secs.max(chain_secs);
        None
    }
}

/// The newest known stretch of epochs of equal length, from the chain.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct EpochSchedule {
    /// An epoch.
    pub epoch: u64,
    /// When it starts, Unix time.
    pub starts_at: u64,
    /// How long it and those after it are.
    pub length_secs: u64,
}

impl EpochSchedule {
    /// The epoch at a time; none before the known one, or when the schedule makes no sense.
    pub fn epoch_at(&self, at_secs: u64) -> Option<u64> {
        let since = at_secs.checked_sub(self.starts_at)?;
        self.epoch.checked_add(since.checked_div(self.length_secs)?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_set_back_is_noticed_and_time_goes_on_from_where_it_was() {
        let mut guard = ClockGuard::default();
        assert_eq!(guard.read(10_000).set_back_secs, None);
        let back = guard.read(4_000);
        assert_eq!(back.at_secs, 10_000);
        assert_eq!(back.set_back_secs, Some(6_000));
        assert_eq!(guard.read(9_950).set_back_secs, None, "a small correction");
        assert_eq!(guard.read(10_001).at_secs, 10_001);
    }

    #[test]
    fn a_clock_that_was_ahead_is_put_right_by_the_chain() {
        let mut guard = ClockGuard::default();
        guard.read(1_000_000);
        assert_eq!(guard.anchor(5_000, 5_100), Some(994_900));
        assert_eq!(guard.read(5_200).at_secs, 5_200);
        assert_eq!(guard.anchor(5_150, 5_200), None);
    }

    #[test]
    fn a_chain_that_stands_still_does_not_pull_time_back() {
        let mut guard = ClockGuard::default();
        guard.read(50_000);
        assert_eq!(guard.anchor(10_000, 50_000), None);
        assert_eq!(guard.read(50_000).at_secs, 50_000);
    }

    #[test]
    fn a_time_is_in_the_epoch_whose_windows_say_so() {
        let schedule = EpochSchedule {
            epoch: 3,
            starts_at: 1000,
            length_secs: 100,
        };
        assert_eq!(schedule.epoch_at(999), None);
        assert_eq!(schedule.epoch_at(1000), Some(3));
        assert_eq!(schedule.epoch_at(1099), Some(3));
        assert_eq!(schedule.epoch_at(1100), Some(4));
        let nonsense = EpochSchedule {
            length_secs: 0,
            ..schedule
        };
        assert_eq!(nonsense.epoch_at(2000), None);
    }
}
