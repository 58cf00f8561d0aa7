//! From a query to the works it is an excerpt of: look probes up, count votes, verify the best.

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    thread,
};

use cwe_fingerprint::{Alignment, Anchor, Descriptor, Kind, Match, Probe, Query, bucket::mix, offset, verify};

use crate::{
    Hit, IndexError,
    environment::{Environment, Reader, Table},
    postings::{Found, Lookup},
    rows::{Number, POSTING_BYTES, descriptor_of, read_postings, work_of},
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

/// Works with their best match so far.
type Best = BTreeMap<Number, Match>;

/// Verifies candidates, each once.
struct Verifier<'r> {
    reader: &'r Reader<'r>,
    query: &'r Query,
    descriptors: HashMap<Number, Descriptor>,
    seen: HashSet<(Number, Alignment)>,
    best: Best,
}

/// The works that the query is an excerpt of, the best first.
pub(crate) fn search(environment: &Environment, query: &Query, limit: usize) -> Result<Vec<Hit>, IndexError> {
    let reader = environment.reader()?;
    let mut verifier = Verifier {
        reader: &reader,
        query,
        descriptors: HashMap::new(),
        seen: HashSet::new(),
        best: Best::new(),
    };
    verifier.verify_best(gather(&reader, query, 0..1, OWN_POSTINGS)?)?;
    if verifier.best.is_empty() {
        verifier.verify_best(gather_others(environment, &reader, query)?)?;
    }
    let mut hits = Vec::with_capacity(verifier.best.len());
    for (number, matched) in verifier.best {
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

impl Verifier<'_> {
    /// Verifies the candidates that have the most votes over all these variants.
    fn verify_best(&mut self, mut candidates: Vec<(Candidate, u8)>) -> Result<(), IndexError> {
        candidates
            .sort_by_key(|(candidate, variant)| (core::cmp::Reverse(candidate.votes), *variant, candidate.number));
        for (Candidate { number, offset, .. }, variant) in candidates.into_iter().take(CANDIDATES) {
            self.verify(number, Alignment { offset, variant })?;
        }
        Ok(())
    }

    fn verify(&mut self, number: Number, alignment: Alignment) -> Result<(), IndexError> {
        if !self.seen.insert((number, alignment)) {
            return Ok(());
        }
        if !self.descriptors.contains_key(&number) {
            self.descriptors.insert(number, descriptor_of(self.reader, number)?);
        }
        let Some(descriptor) = self.descriptors.get(&number) else {
            return Ok(());
        };
        let matched = verify(self.query, descriptor, alignment);
        if matched.accepted
            && self
                .best
                .get(&number)
                .is_none_or(|best| matched.score_ppm > best.score_ppm)
        {
            self.best.insert(number, matched);
        }
        Ok(())
    }
}

/// A key, how many postings it has, and what asks for it.
struct Asked<'r, 'p> {
    count: usize,
    key: u32,
    found: Found<'r>,
    /// Of each a mixed key, and the place of the probe below it.
    probes: &'p [u64],
}

/// The candidates of some variants. Each key is looked up once, in the order of the table, then postings are read as far as
/// the budget goes.
fn gather(
    reader: &Reader<'_>,
    query: &Query,
    variants: impl Iterator<Item = u8>,
    mut budget: usize,
) -> Result<Vec<(Candidate, u8)>, IndexError> {
    let probes: Vec<_> = variants.flat_map(|variant| query.probes_of(variant)).collect();
    let by_key = by_key(&probes);
    let mut lookup = Lookup::new(reader, Table::Postings)?;
    let mut asked = Vec::new();
    for same_key in by_key.chunk_by(|a, b| a >> 32 == b >> 32) {
        let Some(key) = same_key.first().map(|first| upper(*first)) else {
            continue;
        };
        let found = lookup.find(&key.to_be_bytes(), POSTING_BYTES, POSTINGS_AT_ONCE)?;
        let count = match found {
            Found::Nothing => continue,
            Found::Many(count) => count,
            _ => found.bytes().len() / POSTING_BYTES,
        };
        asked.push(Asked {
            count,
            key,
            found,
            probes: same_key,
        });
    }
    asked.sort_unstable_by_key(|asked| (asked.count, asked.key));
    let mut votes = vec![Votes::default(); usize::from(query.variants())];
    for mut asked in asked {
        let Some(left) = budget.checked_sub(asked.count * asked.probes.len()) else {
            break;
        };
        budget = left;
        if let Found::Many(_) = asked.found {
            asked.found = lookup.find(&asked.key.to_be_bytes(), POSTING_BYTES, usize::MAX)?;
        }
        for probe in asked.probes.iter().filter_map(|place| probes.get(lower(*place))) {
            add_votes(&mut votes[usize::from(probe.variant)], probe, asked.found.bytes());
        }
    }
    let (min_votes, mut cells) = (min_votes(query), Cells::default());
    let candidates = (0..).zip(&votes).flat_map(|(variant, votes)| {
        let candidates = votes.candidates(min_votes, CANDIDATES, &mut cells);
        candidates.into_iter().map(move |candidate| (candidate, variant))
    });
    Ok(candidates.collect())
}

/// Mixed keys of probes, ascending, each with the place of its probe below it.
fn by_key(probes: &[Probe]) -> Vec<u64> {
    let mut by_key: Vec<_> = (0..)
        .zip(probes)
        .map(|(place, probe): (u64, _)| u64::from(mix(probe.key)) << 32 | place)
        .collect();
    by_key.sort_unstable();
    by_key
}

const fn upper(word: u64) -> u32 {
    (word >> 32) as u32
}

#[expect(clippy::cast_possible_truncation, reason = "32 bits fit")]
const fn lower(word: u64) -> usize {
    (word & u32::MAX as u64) as usize
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
