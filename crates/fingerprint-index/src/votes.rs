//! Counting which works' anchors a query's probes hit at one offset.

use cwe_fingerprint::OFFSET_TOLERANCE;

use crate::rows::Number;

/// Added to offsets, so that they are positive: longer than any work.
const BIAS: i64 = 1 << 26;
const OFFSET_BITS: u32 = 27;

/// Hits of one variant: (work, offset) pairs in one word each, which sort as the pairs do.
#[derive(Clone, Debug, Default)]
pub(crate) struct Votes(Vec<u64>);

/// Where a work may match.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Candidate {
    pub(crate) votes: usize,
    pub(crate) number: Number,
    pub(crate) offset: i64,
}

impl Votes {
    /// A probe hit an anchor. Offsets beyond any work's length are no hits.
    pub(crate) fn add(&mut self, number: Number, offset: i64) {
        if let Ok(biased) = u32::try_from(offset + BIAS)
            && biased >> OFFSET_BITS == 0
        {
            self.0.push(u64::from(number) << OFFSET_BITS | u64::from(biased));
        }
    }

    /// The best offset of every work that has at least `min_votes` within the tolerance: at most `limit`, those with
    /// the most votes first, of equals the lower number.
    pub(crate) fn candidates(&mut self, min_votes: usize, limit: usize) -> Vec<Candidate> {
        self.0.sort_unstable();
        let mut candidates: Vec<_> = self
            .0
            .chunk_by(|a, b| a >> OFFSET_BITS == b >> OFFSET_BITS)
            .filter(|hits| hits.len() >= min_votes)
            .filter_map(best_offset)
            .filter(|candidate| candidate.votes >= min_votes)
            .collect();
        candidates.sort_unstable_by_key(|candidate| (core::cmp::Reverse(candidate.votes), candidate.number));
        candidates.truncate(limit);
        candidates
    }
}

/// The offset of one work that most of its hits are near, of equals the lowest.
fn best_offset(hits: &[u64]) -> Option<Candidate> {
    let tolerance = OFFSET_TOLERANCE.unsigned_abs();
    let (mut first, mut best) = (0, 0..0);
    for (last, hit) in hits.iter().enumerate() {
        while hit - hits[first] > tolerance {
            first += 1;
        }
        if last + 1 - first > best.len() {
            best = first..last + 1;
        }
    }
    let middle = hits.get(best.start + best.len() / 2)?;
    Some(Candidate {
        votes: best.len(),
        number: Number::try_from(middle >> OFFSET_BITS).ok()?,
        offset: i64::try_from(middle & ((1 << OFFSET_BITS) - 1)).ok()? - BIAS,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn votes(hits: &[(Number, i64)]) -> Votes {
        let mut votes = Votes::default();
        for (number, offset) in hits {
            votes.add(*number, *offset);
        }
        votes
    }

    #[test]
    fn hits_count_together_only_within_the_tolerance() {
        let far = OFFSET_TOLERANCE + 1;
        let mut votes = votes(&[(1, 0), (1, OFFSET_TOLERANCE), (2, 0), (2, far), (3, -5), (4, -5)]);
        let candidate = Candidate {
            votes: 2,
            number: 1,
            offset: OFFSET_TOLERANCE,
        };
        assert_eq!(votes.candidates(2, 10), [candidate]);
    }

    #[test]
    fn the_most_votes_come_first_and_equals_by_number() {
        let mut votes = votes(&[(9, 7), (9, 7), (2, 0), (2, 1), (5, 0), (5, 0), (5, 0)]);
        let numbers: Vec<_> = votes.candidates(2, 10).iter().map(|found| found.number).collect();
        assert_eq!(numbers, [5, 2, 9]);
        assert_eq!(votes.candidates(2, 1).len(), 1);
    }

    #[test]
    fn an_offset_beyond_any_work_is_no_hit() {
        let mut votes = votes(&[
            (1, BIAS),
            (1, -BIAS - 1),
            (1, i64::from(u32::MAX)),
            (1, i64::MAX - BIAS),
        ]);
        assert_eq!(votes.candidates(1, 10), []);
        votes.add(1, -BIAS);
        votes.add(Number::MAX, BIAS - 1);
        assert_eq!(votes.candidates(1, 10).len(), 2);
    }
}
