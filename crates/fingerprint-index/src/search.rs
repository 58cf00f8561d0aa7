//! From a query to the works it is an excerpt of: look probes up, count votes, verify the best.

use std::{
    collections::{BTreeMap, HashMap, hash_map::Entry},
    thread,
};

use cwe_fingerprint::{
    Alignment, Anchor, Descriptor, Kind, MAX_DURATION_MS, Match, Probe, Query,
    bucket::{mix, unmix},
    offset, verify,
};

use crate::{
    Hit, IndexError,
    environment::{Environment, Reader, Table},
    postings::{Found, Lookup},
    rows::{Number, POSTING_BYTES, decoded, encoded_descriptor_of, read_postings, work_of},
    votes::{Candidate, Cells, Votes},
};

/// How many works of each way are verified, those with the most votes. By chance alone two probes agree on a work far
/// more rarely than this, even among a million works.
const CANDIDATES: usize = 24;

/// Excerpts shorter than this may have one landmark only that is an anchor.
const SHORT_MS: u32 = 4_500;

/// Probes that have to agree. A picture has one place only, and few keys.
const fn min_votes(query: &Query) -> usize {
    match query.kind() {
        Kind::Audio | Kind::Video if query.duration_ms() >= SHORT_MS => 2,
        Kind::Audio | Kind::Video | Kind::Image => 1,
    }
}

/// Postings that are read for the excerpt as it is, and by each thread for all its variants: those of the rarest keys. A
/// key that many works share says little, and costs much.
const OWN_POSTINGS: usize = 200_000;
const VARIANTS_POSTINGS: usize = 400_000;

/// Postings of one key that are had at once; of a key with more they are looked for when its turn comes.
const POSTINGS_AT_ONCE: usize = 512;

/// Fewer variants than this are looked up by one thread.
const THREADED_VARIANTS: u8 = 4;

/// Works with their best match.
type Best = BTreeMap<Number, Match>;

/// The works that the query is an excerpt of, the best first.
pub(crate) fn search(environment: &Environment, query: &Query, limit: usize) -> Result<Vec<Hit>, IndexError> {
    let reader = environment.reader()?;
    let mut best = verify_best(&reader, query, gather(&reader, query, 0..1, OWN_POSTINGS)?)?;
    if best.is_empty() {
        best = verify_best(&reader, query, gather_others(environment, &reader, query)?)?;
    }
    let mut hits = Vec::with_capacity(best.len());
    for (number, matched) in best {
        let work = work_of(&reader, number)?.work;
        hits.push(Hit { work, matched });
    }
    sort_hits(&mut hits);
    hits.truncate(limit);
    Ok(hits)
}

/// The order of answers: the best first, of equals the lower work.
pub(crate) fn sort_hits(hits: &mut [Hit]) {
    hits.sort_by_key(|hit| (core::cmp::Reverse(hit.matched.score_ppm), hit.work));
}

/// Verifies the candidates that have the most votes over all variants.
fn verify_best(reader: &Reader<'_>, query: &Query, mut candidates: Vec<(Candidate, u8)>) -> Result<Best, IndexError> {
    candidates.sort_by_key(|(candidate, variant)| (core::cmp::Reverse(candidate.votes), *variant, candidate.number));
    let mut descriptors = HashMap::<Number, Descriptor>::new();
    let mut best = Best::new();
    for (Candidate { number, offset, .. }, variant) in candidates.into_iter().take(CANDIDATES) {
        let descriptor = match descriptors.entry(number) {
            Entry::Occupied(known) => known.into_mut(),
            Entry::Vacant(new) => match encoded_descriptor_of(reader, number)? {
                Some(bytes) => new.insert(decoded(&bytes)?),
                // The other thread's view had a work that came, or went, between its and this one's.
                None => continue,
            },
        };
        let matched = verify(query, descriptor, Alignment { offset, variant });
        let is_better = |best: &Match| matched.score_ppm > best.score_ppm;
        if matched.accepted && best.get(&number).is_none_or(is_better) {
            best.insert(number, matched);
        }
    }
    Ok(best)
}

/// A key, what it has, and what asks for it.
struct Asked<'r, 'p> {
    key: u32,
    found: Found<'r>,
    probes: &'p [Asking],
}

/// The candidates of some variants. Each key is looked up once, in the order of the table, then postings are read as far as
/// the budget goes.
fn gather(
    reader: &Reader<'_>,
    query: &Query,
    variants: impl Iterator<Item = u8>,
    mut budget: usize,
) -> Result<Vec<(Candidate, u8)>, IndexError> {
    let by_key = by_key(&query.unordered_probes(variants));
    let mut lookup = Lookup::new(reader, Table::Postings)?;
    let mut all_asked = Vec::new();
    let mut rarest = Vec::new();
    for same_key in by_key.chunk_by(|a, b| a.key() == b.key()) {
        let Some(key) = same_key.first().map(|first| first.key()) else {
            continue;
        };
        let found = lookup.find(&key.to_be_bytes(), POSTING_BYTES, POSTINGS_AT_ONCE)?;
        let count = match found {
            Found::Nothing => continue,
            Found::Many(count) => count,
            _ => found.bytes().len() / POSTING_BYTES,
        };
        rarest.push((count, all_asked.len()));
        all_asked.push(Asked {
            key,
            found,
            probes: same_key,
        });
    }
    // Of equals, the lower key first.
    rarest.sort_unstable();
    let mut votes = vec![Votes::default(); usize::from(query.variants())];
    for (count, place) in rarest {
        let asked = &mut all_asked[place];
        let Some(left) = budget.checked_sub(count * asked.probes.len()) else {
            break;
        };
        budget = left;
        if let Found::Many(_) = asked.found {
            asked.found = lookup.find(&asked.key.to_be_bytes(), POSTING_BYTES, usize::MAX)?;
        }
        for probe in asked.probes {
            let probe = probe.probe();
            add_votes(&mut votes[usize::from(probe.variant)], &probe, asked.found.bytes());
        }
    }
    let (min_votes, mut cells) = (min_votes(query), Cells::default());
    let candidates = (0..).zip(&votes).flat_map(|(variant, votes)| {
        let candidates = votes.candidates(min_votes, CANDIDATES, &mut cells);
        candidates.into_iter().map(move |candidate| (candidate, variant))
    });
    Ok(candidates.collect())
}

/// A probe in one word, which sorts as the table of postings does: its mixed key, variant and time.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Asking(u64);

/// Bits of a time: more than the longest work's.
const AT_BITS: u32 = 27;
const VARIANT_BITS: u32 = 5;
const _: () = assert!(MAX_DURATION_MS >> AT_BITS == 0 && AT_BITS + VARIANT_BITS == u32::BITS);

impl Asking {
    /// None of a time that no excerpt has.
    fn of(probe: &Probe) -> Option<Self> {
        if probe.at >> AT_BITS != 0 || probe.variant >> VARIANT_BITS != 0 {
            return None;
        }
        let low = u32::from(probe.variant) << AT_BITS | probe.at;
        Some(Self(u64::from(mix(probe.key)) << u32::BITS | u64::from(low)))
    }

    const fn key(self) -> u32 {
        (self.0 >> u32::BITS) as u32
    }

    #[expect(clippy::cast_possible_truncation, reason = "taken apart as it was put together")]
    const fn probe(self) -> Probe {
        let low = self.0 as u32;
        Probe {
            variant: (low >> AT_BITS) as u8,
            key: unmix(self.key()),
            at: low & ((1 << AT_BITS) - 1),
        }
    }
}

/// Probes without repeats in the order of the table.
fn by_key(probes: &[Probe]) -> Vec<Asking> {
    let mut by_key: Vec<_> = probes.iter().filter_map(Asking::of).collect();
    by_key.sort_unstable();
    by_key.dedup();
    by_key
}

fn add_votes(votes: &mut Votes, probe: &Probe, postings: &[u8]) {
    for (number, at) in read_postings(postings) {
        votes.add(number, offset(probe, &Anchor { key: probe.key, at }));
    }
}

/// Candidates of all variants but the first; many on two threads, one for each sign of a change: their keys are often the
/// same.
fn gather_others(
    environment: &Environment,
    reader: &Reader<'_>,
    query: &Query,
) -> Result<Vec<(Candidate, u8)>, IndexError> {
    let variants = query.variants();
    if variants < THREADED_VARIANTS {
        return gather(reader, query, 1..variants, VARIANTS_POSTINGS);
    }
    let (mine, other) = thread::scope(|scope| {
        let other = scope.spawn(|| {
            let reader = environment.reader()?;
            gather(&reader, query, (2..variants).step_by(2), VARIANTS_POSTINGS)
        });
        (
            gather(reader, query, (1..variants).step_by(2), VARIANTS_POSTINGS),
            other.join(),
        )
    });
    let mut candidates = mine?;
    match other {
        Ok(other) => candidates.append(&mut other?),
        Err(panic) => std::panic::resume_unwind(panic),
    }
    Ok(candidates)
}
