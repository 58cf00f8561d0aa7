use std::collections::{BTreeMap, HashMap};

use super::{Bucket, BucketEntry, BucketPrefix, WorkId};
use crate::{Alignment, Kind, Match, OFFSET_TOLERANCE, Probe, Query, offset, verify};

/// How many alignments of a page are verified in one variant, those with the most votes: a bound on a listener's
/// program's time, far above what a bucket has when its prefix is not empty.
const MAX_VERIFIED: usize = 512;

/// Which buckets to ask for, the first one first: those of the anchors that the excerpt would have as a work, those
/// that the work is likeliest to have first. `bits` is what the index answers at most for a kind. No bucket comes
/// twice.
///
/// Each prefix that is asked for narrows what the index can infer; see the [module](super).
#[must_use]
pub fn prefixes(query: &Query, bits: impl Fn(Kind) -> u8) -> Vec<BucketPrefix> {
    let mut prefixes = Vec::new();
    for anchor in query.anchors() {
        let Some(kind) = BucketPrefix::of(anchor.key, 0).map(BucketPrefix::kind) else {
            continue;
        };
        if let Some(prefix) = BucketPrefix::of(anchor.key, bits(kind))
            && !prefixes.contains(&prefix)
        {
            prefixes.push(prefix);
        }
    }
    prefixes
}

/// The works of a page that the query is an excerpt of: the best first, of equals the lower id. To be called with every
/// page of a bucket.
#[must_use]
pub fn match_bucket(query: &Query, bucket: &Bucket) -> Vec<(WorkId, Match)> {
    for variant in 0..query.variants() {
        let mut found = BTreeMap::<WorkId, Match>::new();
        for (entry, alignment) in alignments(&query.probes_of(variant), bucket, variant) {
            let matched = verify(query, &entry.slice, alignment);
            if matched.accepted {
                found
                    .entry(entry.work)
                    .and_modify(|best| {
                        if matched.score_ppm > best.score_ppm {
                            *best = matched;
                        }
                    })
                    .or_insert(matched);
            }
        }
        if !found.is_empty() {
            let mut found: Vec<_> = found.into_iter().collect();
            found.sort_by_key(|(work, matched)| (core::cmp::Reverse(matched.score_ppm), *work));
            return found;
        }
    }
    Vec::new()
}

/// Where entries could match, those that most probes agree on first.
fn alignments<'b>(probes: &[Probe], bucket: &'b Bucket, variant: u8) -> Vec<(&'b BucketEntry, Alignment)> {
    let mut by_key = HashMap::<u32, Vec<Probe>>::new();
    for probe in probes.iter().filter(|probe| bucket.prefix.contains(probe.key)) {
        by_key.entry(probe.key).or_default().push(*probe);
    }
    let mut voted = Vec::new();
    for (place, entry) in bucket.entries.iter().enumerate() {
        let mut offsets: Vec<i64> = entry
            .anchors
            .iter()
            .flat_map(|anchor| {
                let probes = by_key.get(&anchor.key).map_or(&[][..], Vec::as_slice);
                probes.iter().map(|probe| offset(probe, anchor))
            })
            .collect();
        offsets.sort_unstable();
        for group in offsets.chunk_by(|a, b| b - a <= OFFSET_TOLERANCE) {
            let offset = group[group.len() / 2];
            voted.push((group.len(), place, Alignment { offset, variant }));
        }
    }
    voted.sort_by_key(|(votes, place, alignment)| (core::cmp::Reverse(*votes), *place, *alignment));
    voted.truncate(MAX_VERIFIED);
    voted
        .into_iter()
        .map(|(_, place, alignment)| (&bucket.entries[place], alignment))
        .collect()
}
