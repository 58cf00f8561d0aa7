//! Counting which works' anchors a query's probes hit at one offset.

use cwe_fingerprint::OFFSET_TOLERANCE;

use crate::rows::Number;

/// Added to offsets, so that they are positive: longer than any work.
const BIAS: i64 = 1 << 26;
const OFFSET_BITS: u32 = 27;

/// Hits of one variant: (work, offset) pairs in one word each, which sort as the pairs do.
#[derive(Clone, Debug, Default)]
pub(crate) struct Votes(Vec<u64>);

/// From so many hits on, those that stand alone are left out before the others are sorted.
const MANY: usize = 4_096;

/// Cells for each hit: the more, the fewer hits share one by chance; and the most, which a processor's cache holds.
const CELLS_PER_HIT: usize = 32;
const MAX_CELLS: usize = 1 << 23;
/// Two hits within the tolerance are in one cell or in neighbours.
const CELL_BITS: u32 = 6;
const _: () = assert!(OFFSET_TOLERANCE < 1 << CELL_BITS);

/// Which moments of which works have hits: in each cell's two bits, whether there is one, and whether there are more.
/// Works may share a cell.
#[derive(Debug, Default)]
pub(crate) struct Cells(Vec<u64>);

const CELLS_PER_WORD: usize = 32;
const ONE: u64 = 0b01;
/// From the cell before one to the cell after it: one hit in a neighbour, or two in itself.
const ANOTHER: u64 = 0b01_10_01;

impl Cells {
    /// All hits that have another one of their work within the tolerance, and a few others.
    fn accompanied(&mut self, hits: &[u64]) -> Vec<u64> {
        let count = (hits.len() * CELLS_PER_HIT)
            .next_power_of_two()
            .clamp(CELLS_PER_WORD, MAX_CELLS);
        self.0.clear();
        self.0.resize(count / CELLS_PER_WORD, 0);
        let mask = count - 1;
        for hit in hits {
            let cell = cell_of(*hit) & mask;
            let one = ONE << shift(cell);
            let word = &mut self.0[cell / CELLS_PER_WORD];
            *word |= one | (*word & one) << 1;
        }
        let hits = hits.iter().copied().filter(|hit| {
            let cell = cell_of(*hit) & mask;
            let word = self.0[cell / CELLS_PER_WORD];
            match cell % CELLS_PER_WORD {
                // The neighbour of the first or last cell of a word is in another word.
                0 => word & ANOTHER >> 2 != 0 || self.has(cell.wrapping_sub(1) & mask),
                LAST => word & ANOTHER << shift(LAST - 1) != 0 || self.has((cell + 1) & mask),
                _ => word & ANOTHER << shift(cell - 1) != 0,
            }
        });
        hits.collect()
    }

    fn has(&self, cell: usize) -> bool {
        self.0[cell / CELLS_PER_WORD] & ONE << shift(cell) != 0
    }
}

const LAST: usize = CELLS_PER_WORD - 1;

/// Where in its word a cell's bits are.
const fn shift(cell: usize) -> usize {
    cell % CELLS_PER_WORD * 2
}

/// Neighbours in time are neighbours, works lie scattered.
#[expect(clippy::cast_possible_truncation, reason = "only the lower bits are used")]
fn cell_of(hit: u64) -> usize {
    let (number, offset) = (hit >> OFFSET_BITS, hit & ((1 << OFFSET_BITS) - 1));
    ((number.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 32) + (offset >> CELL_BITS)) as usize
}

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
    pub(crate) fn candidates(&self, min_votes: usize, limit: usize, cells: &mut Cells) -> Vec<Candidate> {
        let mut hits = if min_votes > 1 && self.0.len() >= MANY {
            cells.accompanied(&self.0)
        } else {
            self.0.clone()
        };
        hits.sort_unstable();
        let mut candidates: Vec<_> = hits
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
        let votes = votes(&[(1, 0), (1, OFFSET_TOLERANCE), (2, 0), (2, far), (3, -5), (4, -5)]);
        let candidate = Candidate {
            votes: 2,
            number: 1,
            offset: OFFSET_TOLERANCE,
        };
        assert_eq!(votes.candidates(2, 10, &mut Cells::default()), [candidate]);
    }

    #[test]
    fn the_most_votes_come_first_and_equals_by_number() {
        let votes = votes(&[(9, 7), (9, 7), (2, 0), (2, 1), (5, 0), (5, 0), (5, 0)]);
        let numbers: Vec<_> = votes
            .candidates(2, 10, &mut Cells::default())
            .iter()
            .map(|found| found.number)
            .collect();
        assert_eq!(numbers, [5, 2, 9]);
        assert_eq!(votes.candidates(2, 1, &mut Cells::default()).len(), 1);
    }

    /// A generator of numbers below a bound.
    fn drawn() -> impl FnMut(u64) -> u64 {
        let mut state = 7_u64;
        move |below| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            (state >> 33) % below
        }
    }

    #[test]
    fn leaving_lonely_hits_out_changes_no_candidate() {
        let mut drawn = drawn();
        let mut votes = Votes::default();
        for _ in 0..3 * MANY {
            votes.add(Number::try_from(drawn(2_000)).unwrap(), drawn(60_000) as i64 - 1_000);
        }
        let mut all = votes.0.clone();
        all.sort_unstable();
        let expected: Vec<_> = all
            .chunk_by(|a, b| a >> OFFSET_BITS == b >> OFFSET_BITS)
            .filter_map(best_offset)
            .filter(|candidate| candidate.votes >= 2)
            .collect();
        let mut found = votes.candidates(2, usize::MAX, &mut Cells::default());
        found.sort_unstable_by_key(|candidate| candidate.number);
        assert!(!found.is_empty() && found == expected);
    }

    #[test]
    fn an_offset_beyond_any_work_is_no_hit() {
        let mut votes = votes(&[
            (1, BIAS),
            (1, -BIAS - 1),
            (1, i64::from(u32::MAX)),
            (1, i64::MAX - BIAS),
        ]);
        assert_eq!(votes.candidates(1, 10, &mut Cells::default()), []);
        votes.add(1, -BIAS);
        votes.add(Number::MAX, BIAS - 1);
        assert_eq!(votes.candidates(1, 10, &mut Cells::default()).len(), 2);
    }
}
