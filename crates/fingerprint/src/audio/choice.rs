use std::collections::VecDeque;

use super::peaks::Found;
use crate::Peak;

/// A peak is compared with the others up to this far away, in milliseconds.
const NEIGHBOURHOOD_MS: u32 = 500;
/// Peaks come this much out of order at most: times are between frames.
const DISORDER_MS: u32 = 50;

/// A peak and how many near it are stronger.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Ranked {
    pub(crate) peak: Peak,
    pub(crate) rank: usize,
}

/// Ranks a stream of peaks by strength among their neighbours.
#[derive(Clone, Default)]
pub(crate) struct Ranking {
    recent: VecDeque<Found>,
    /// How many of `recent` have been ranked.
    ranked: usize,
}

impl Ranking {
    /// Takes more peaks and ranks those that are complete: all peaks before `now_ms` were given.
    pub(crate) fn push(&mut self, found: &mut Vec<Found>, now_ms: u32, sink: impl FnMut(Ranked)) {
        self.recent.extend(found.drain(..));
        self.rank(now_ms.saturating_sub(NEIGHBOURHOOD_MS + DISORDER_MS), sink);
    }

    /// Ranks what is left.
    pub(crate) fn finish(&mut self, sink: impl FnMut(Ranked)) {
        self.rank(u32::MAX, sink);
    }

    fn rank(&mut self, until_ms: u32, mut sink: impl FnMut(Ranked)) {
        let unranked = self.recent.make_contiguous();
        unranked[self.ranked..].sort_unstable_by_key(|found| (found.at_ms, found.pitch_cents));
        while let Some(found) = self
            .recent
            .get(self.ranked)
            .copied()
            .filter(|found| found.at_ms < until_ms)
        {
            while self
                .recent
                .front()
                .is_some_and(|first| first.at_ms + NEIGHBOURHOOD_MS + DISORDER_MS < found.at_ms)
            {
                self.recent.pop_front();
                self.ranked -= 1;
            }
            let near = self
                .recent
                .iter()
                .filter(|other| other.at_ms.abs_diff(found.at_ms) <= NEIGHBOURHOOD_MS);
            let rank = near.filter(|other| stronger(other, &found)).count();
            let peak = Peak {
                at_ms: found.at_ms,
                pitch_cents: found.pitch_cents,
            };
            sink(Ranked { peak, rank });
            self.ranked += 1;
        }
    }
}

/// A total order: of equally strong peaks the earlier and lower one.
fn stronger(one: &Found, other: &Found) -> bool {
    let strength = one.strength.total_cmp(&other.strength).reverse();
    strength
        .then((one.at_ms, one.pitch_cents).cmp(&(other.at_ms, other.pitch_cents)))
        .is_lt()
}
