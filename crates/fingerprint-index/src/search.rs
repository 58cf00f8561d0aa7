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
    votes::{Candidate, Votes},
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

/// A key with more postings than this is common: it says little of which work it is, and costs much to read.
pub(crate) const COMMON_KEY_POSTINGS: usize = 2_000;

/// Postings of common keys that are read for a query that nothing else answers, those of the rarest keys.
const COMMON_POSTINGS_BUDGET: usize = 200_000;

/// Fewer variants than this are looked up by one thread.
const THREADED_VARIANTS: u8 = 4;

/// What the probes of one variant hit.
struct Gathered {
    variant: u8,
    votes: Votes,
    /// Probes of common keys, not looked up: postings of the key, mixed key, probe.
    common: Vec<(usize, u32, Probe)>,
}

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
    let mut gathered = vec![gather(&reader, query, 0)?];
    verifier.verify_best(&mut gathered)?;
    if verifier.best.is_empty() {
        let mut others = gather_others(environment, &reader, query)?;
        verifier.verify_best(&mut others)?;
        gathered.append(&mut others);
    }
    if verifier.best.is_empty() && add_common(&reader, &mut gathered)? {
        verifier.verify_best(&mut gathered)?;
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
    fn verify_best(&mut self, gathered: &mut [Gathered]) -> Result<(), IndexError> {
        let min_votes = min_votes(self.query);
        let mut candidates: Vec<(Candidate, u8)> = gathered
            .iter_mut()
            .flat_map(|Gathered { variant, votes, .. }| {
                let candidates = votes.candidates(min_votes, CANDIDATES);
                candidates.into_iter().map(|candidate| (candidate, *variant))
            })
            .collect();
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

/// Looks the probes of one variant up, in the order of the table.
fn gather(reader: &Reader<'_>, query: &Query, variant: u8) -> Result<Gathered, IndexError> {
    let mut probes: Vec<_> = query
        .probes_of(variant)
        .into_iter()
        .map(|probe| (mix(probe.key), probe))
        .collect();
    probes.sort_unstable();
    let mut lookup = Lookup::new(reader, Table::Postings)?;
    let (mut votes, mut common) = (Votes::default(), Vec::new());
    for same_key in probes.chunk_by(|(a, _), (b, _)| a == b) {
        let Some((key, _)) = same_key.first() else { continue };
        let found = lookup.find(&key.to_be_bytes(), POSTING_BYTES, COMMON_KEY_POSTINGS)?;
        for (_, probe) in same_key {
            match found {
                Found::Many(count) => common.push((count, *key, *probe)),
                _ => add_votes(&mut votes, probe, found.bytes()),
            }
        }
    }
    Ok(Gathered { variant, votes, common })
}

fn add_votes(votes: &mut Votes, probe: &Probe, postings: &[u8]) {
    for (number, at) in read_postings(postings) {
        votes.add(number, offset(probe, &Anchor { key: probe.key, at }));
    }
}

/// Looks all variants up but the first; many on two threads.
fn gather_others(environment: &Environment, reader: &Reader<'_>, query: &Query) -> Result<Vec<Gathered>, IndexError> {
    let variants = query.variants();
    if variants < THREADED_VARIANTS {
        return (1..variants).map(|variant| gather(reader, query, variant)).collect();
    }
    let every_second = |reader: &Reader<'_>, first: u8| -> Result<Vec<Gathered>, IndexError> {
        (first..variants)
            .step_by(2)
            .map(|variant| gather(reader, query, variant))
            .collect()
    };
    let (mine, other) = thread::scope(|scope| {
        let other = scope.spawn(|| every_second(&environment.reader()?, 2));
        (every_second(reader, 1), other.join())
    });
    let mut gathered = mine?;
    match other {
        Ok(other) => gathered.append(&mut other?),
        Err(panic) => std::panic::resume_unwind(panic),
    }
    gathered.sort_by_key(|gathered| gathered.variant);
    Ok(gathered)
}

/// Adds the hits of common keys, the rarest first, as far as the budget goes; says whether there were any.
fn add_common(reader: &Reader<'_>, gathered: &mut [Gathered]) -> Result<bool, IndexError> {
    let mut common: Vec<_> = gathered
        .iter_mut()
        .enumerate()
        .flat_map(|(place, gathered)| {
            let common = std::mem::take(&mut gathered.common);
            common
                .into_iter()
                .map(move |(count, key, probe)| (count, key, probe, place))
        })
        .collect();
    common.sort_unstable();
    let mut lookup = Lookup::new(reader, Table::Postings)?;
    let mut budget = COMMON_POSTINGS_BUDGET;
    let mut added = false;
    for (count, key, probe, place) in common {
        let Some(left) = budget.checked_sub(count) else { break };
        budget = left;
        let found = lookup.find(&key.to_be_bytes(), POSTING_BYTES, usize::MAX)?;
        if let Some(gathered) = gathered.get_mut(place) {
            add_votes(&mut gathered.votes, &probe, found.bytes());
            added = true;
        }
    }
    Ok(added)
}
