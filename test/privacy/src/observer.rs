//! Somebody who has every reveal and every submission, knows how people listen, and guesses.
//!
//! For every reveal it names the other reveal that is likeliest the same listener's, and the submission that it likeliest
//! belongs to. Likelihoods are learned from other listeners of the same kind. With fine units two amounts that fill a fee
//! exactly are taken for a pair first: that alone finds nearly everybody with two works.

use std::collections::HashMap;

use rand::{Rng, rngs::StdRng, seq::IndexedRandom};

use crate::population::{Reveal, Seen};

/// Amounts are compared in hundredths of a fee.
const BUCKETS: usize = 101;
/// Parts of the offset that a nullifier gives.
const OFFSETS: usize = 20;
/// Tries to find a candidate that is not the reveal itself.
const TRIES: usize = 8;
/// Prices are told apart as the cheapest and others.
const COMMON_PRICE: u64 = 1500;

/// What is usual.
#[derive(Debug)]
pub(crate) struct Knowledge {
    /// By bucket of both: how much likelier such two are one listener's than two listeners'.
    pairs: Vec<[f64; BUCKETS]>,
    /// The same for two works of one genre, and of two.
    same_genre: f64,
    other_genre: f64,
    /// By part of the offset and bucket: how much likelier that amount is with that offset.
    offsets: Vec<[f64; BUCKETS]>,
}

/// Listeners are told apart by how many works they reveal: at most so many, and more.
pub(crate) const CROWDS: [usize; 3] = [5, 20, usize::MAX];

/// Right guesses, summed up.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Scores {
    reveals: f64,
    blind: f64,
    by_works: f64,
    by_all: f64,
    submission_blind: f64,
    submission: f64,
    /// By [`CROWDS`]: right guesses that amounts add.
    added: [f64; CROWDS.len()],
}

impl Scores {
    pub(crate) fn add(&mut self, other: &Self) {
        self.reveals += other.reveals;
        self.blind += other.blind;
        self.by_works += other.by_works;
        self.by_all += other.by_all;
        self.submission_blind += other.submission_blind;
        self.submission += other.submission;
        for (added, other) in self.added.iter_mut().zip(other.added) {
            *added += other;
        }
    }

    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a count")]
    pub(crate) const fn reveals(&self) -> usize {
        self.reveals as usize
    }

    /// Right guesses of a partner by pure chance.
    pub(crate) const fn blind(&self) -> f64 {
        self.blind / self.reveals
    }

    /// Right guesses of a partner from works alone, as if amounts were hidden.
    pub(crate) const fn by_works(&self) -> f64 {
        self.by_works / self.reveals
    }

    /// Right guesses of a partner from everything.
    pub(crate) const fn by_all(&self) -> f64 {
        self.by_all / self.reveals
    }

    /// What the amounts add to guessing a partner, by whose reveals are guessed right: parts that sum up to the whole.
    pub(crate) fn added(&self) -> [f64; CROWDS.len()] {
        self.added.map(|added| added / self.reveals)
    }

    /// What the amounts add to guessing a partner, or all to guessing the submission: the larger.
    pub(crate) fn advantage(&self) -> f64 {
        (self.by_all() - self.by_works()).max(self.submission_advantage())
    }

    /// What offset and amounts add to guessing the submission.
    pub(crate) const fn submission_advantage(&self) -> f64 {
        (self.submission - self.submission_blind) / self.reveals
    }
}

fn bucket(reveal: &Reveal, unit_count: u32) -> usize {
    (reveal.units as usize * (BUCKETS - 1)).div_ceil(unit_count as usize)
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "0 to 1, capped")]
fn part_of(offset: f64) -> usize {
    ((offset * OFFSETS as f64) as usize).min(OFFSETS - 1)
}

/// Reveals of one listener stand together.
fn listeners(reveals: &[Reveal]) -> impl Iterator<Item = &[Reveal]> {
    reveals.chunk_by(|one, other| one.listener == other.listener)
}

impl Knowledge {
    pub(crate) fn learn(seen: &Seen) -> Self {
        let bucket = |reveal: &Reveal| bucket(reveal, seen.unit_count);
        let mut single = [1.0; BUCKETS];
        let mut joint = vec![[0.0_f64; BUCKETS]; BUCKETS];
        let mut by_offset = vec![[0.0_f64; BUCKETS]; OFFSETS];
        let (mut same, mut pairs) = (1.0_f64, 2.0_f64);
        let mut genres: HashMap<u16, f64> = HashMap::new();
        for reveal in &seen.reveals {
            single[bucket(reveal)] += 1.0;
            *genres.entry(reveal.work.genre).or_default() += 1.0;
            let offset = seen
                .submissions
                .get(reveal.listener as usize)
                .copied()
                .unwrap_or_default();
            by_offset[part_of(offset)][bucket(reveal)] += 1.0;
        }
        for reveals in listeners(&seen.reveals) {
            for (at, one) in reveals.iter().enumerate() {
                for other in reveals.get(at + 1..).unwrap_or_default() {
                    joint[bucket(one)][bucket(other)] += 1.0;
                    joint[bucket(other)][bucket(one)] += 1.0;
                    same += f64::from(u8::from(one.work.genre == other.work.genre));
                    pairs += 1.0;
                }
            }
        }
        let total: f64 = single.iter().sum();
        let chance: f64 = genres.values().map(|count| (count / total).powi(2)).sum();
        Self {
            pairs: ratios(&joint, &single, total, 2.0 * pairs),
            same_genre: same / pairs / chance,
            other_genre: (1.0 - same / pairs) / (1.0 - chance),
            offsets: offset_ratios(&by_offset, &single, total),
        }
    }

    /// Guesses for every reveal, and how often it is right.
    pub(crate) fn attack(&self, seen: &Seen, rng: &mut StdRng) -> Scores {
        let index = Index::new(seen);
        let mut scores = Scores::default();
        let others = (seen.reveals.len().max(2) - 1) as f64;
        for reveals in listeners(&seen.reveals) {
            let crowd = CROWDS
                .iter()
                .position(|most| reveals.len() <= *most)
                .unwrap_or_default();
            for reveal in reveals {
                scores.reveals += 1.0;
                scores.blind += (reveals.len() - 1) as f64 / others;
                let by_works = right(reveal, self.partner_by_works(&index, reveal, rng));
                let by_all = right(reveal, self.partner(&index, reveal, rng));
                scores.by_works += by_works;
                scores.by_all += by_all;
                scores.added[crowd] += by_all - by_works;
                scores.submission_blind += 1.0 / seen.submissions.len() as f64;
                let submission = self.submission(&index, reveal, rng);
                scores.submission += f64::from(u8::from(submission == Some(reveal.listener)));
            }
        }
        scores
    }

    fn partner_by_works<'a>(&self, index: &Index<'a>, reveal: &Reveal, rng: &mut StdRng) -> Option<&'a Reveal> {
        let genre = if self.same_genre >= self.other_genre {
            reveal.work.genre
        } else {
            reveal.work.genre.wrapping_add(1)
        };
        pick(index.by_genre.get(&genre)?, reveal, rng)
    }

    fn partner<'a>(&self, index: &Index<'a>, reveal: &Reveal, rng: &mut StdRng) -> Option<&'a Reveal> {
        if index.unit_count as usize >= BUCKETS
            && let Some(found) = index.complement(reveal, rng)
        {
            return Some(found);
        }
        let likelihoods = self.pairs.get(bucket(reveal, index.unit_count))?;
        let score = |(amount, genre): &(usize, u16)| {
            let by_genre = if *genre == reveal.work.genre {
                self.same_genre
            } else {
                self.other_genre
            };
            likelihoods.get(*amount).copied().unwrap_or_default() * by_genre
        };
        let mut groups: Vec<_> = index
            .groups
            .iter()
            .map(|(key, group)| (score(key), key, group))
            .collect();
        groups.sort_by(|one, other| other.0.total_cmp(&one.0).then_with(|| one.1.cmp(other.1)));
        groups.into_iter().find_map(|(_, _, group)| pick(group, reveal, rng))
    }

    fn submission(&self, index: &Index<'_>, reveal: &Reveal, rng: &mut StdRng) -> Option<u32> {
        let amount = bucket(reveal, index.unit_count);
        let score = |part: usize| {
            self.offsets
                .get(part)
                .and_then(|row| row.get(amount))
                .copied()
                .unwrap_or_default()
        };
        let parts = (0..OFFSETS).filter(|part| !index.by_offset[*part].is_empty());
        let best = parts.max_by(|one, other| score(*one).total_cmp(&score(*other)))?;
        index.by_offset[best].choose(rng).copied()
    }
}

fn right(reveal: &Reveal, guess: Option<&Reveal>) -> f64 {
    f64::from(u8::from(guess.is_some_and(|guess| guess.listener == reveal.listener)))
}

/// Any of `group` that can be a partner: of another work, as no listener reveals a work twice.
fn pick<'a>(group: &[&'a Reveal], reveal: &Reveal, rng: &mut StdRng) -> Option<&'a Reveal> {
    (0..TRIES)
        .filter_map(|_| group.get(rng.random_range(0..group.len().max(1))))
        .find(|candidate| candidate.work != reveal.work)
        .copied()
}

fn ratios(joint: &[[f64; BUCKETS]], single: &[f64; BUCKETS], total: f64, pairs: f64) -> Vec<[f64; BUCKETS]> {
    let row = |(one, row): (usize, &[f64; BUCKETS])| {
        std::array::from_fn(|other| {
            let expected = single[one] / total * single[other] / total * pairs;
            // As if one more pair had been seen by chance: rare amounts prove nothing.
            (row[other] + 1.0) / (expected + 1.0)
        })
    };
    joint.iter().enumerate().map(row).collect()
}

fn offset_ratios(by_offset: &[[f64; BUCKETS]], single: &[f64; BUCKETS], total: f64) -> Vec<[f64; BUCKETS]> {
    let row = |row: &[f64; BUCKETS]| {
        let part: f64 = row.iter().sum();
        std::array::from_fn(|amount| (row[amount] + 1.0) / (single[amount] * part / total + 1.0))
    };
    by_offset.iter().map(row).collect()
}

/// Reveals and submissions by what the observer looks for.
struct Index<'a> {
    unit_count: u32,
    by_genre: HashMap<u16, Vec<&'a Reveal>>,
    groups: HashMap<(usize, u16), Vec<&'a Reveal>>,
    by_units: HashMap<u32, Vec<&'a Reveal>>,
    by_offset: Vec<Vec<u32>>,
}

impl<'a> Index<'a> {
    fn new(seen: &'a Seen) -> Self {
        let mut index = Self {
            unit_count: seen.unit_count,
            by_genre: HashMap::new(),
            groups: HashMap::new(),
            by_units: HashMap::new(),
            by_offset: vec![Vec::new(); OFFSETS],
        };
        for reveal in &seen.reveals {
            let genre = reveal.work.genre;
            index.by_genre.entry(genre).or_default().push(reveal);
            let amount = bucket(reveal, seen.unit_count);
            index.groups.entry((amount, genre)).or_default().push(reveal);
            index.by_units.entry(reveal.units).or_default().push(reveal);
        }
        for (listener, offset) in (0..).zip(&seen.submissions) {
            index.by_offset[part_of(*offset)].push(listener);
        }
        index
    }

    /// Reveals that fill the fee together with this one; of the same price and genre before others.
    fn complement(&self, reveal: &Reveal, rng: &mut StdRng) -> Option<&'a Reveal> {
        let found = self.by_units.get(&self.unit_count.checked_sub(reveal.units)?)?;
        let alike = |candidate: &&&'a Reveal| {
            candidate.work.genre == reveal.work.genre
                && (candidate.price == COMMON_PRICE) == (reveal.price == COMMON_PRICE)
        };
        let close: Vec<_> = found.iter().filter(alike).copied().collect();
        pick(&close, reveal, rng).or_else(|| pick(found, reveal, rng))
    }
}
