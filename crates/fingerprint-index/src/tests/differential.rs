//! The index against one that is too simple to be wrong.

use std::collections::{BTreeMap, BTreeSet};

use cwe_fingerprint::{
    Alignment, Anchor, AudioDescriptor, Descriptor, Kind, Match, OFFSET_TOLERANCE, Probe, Query, offset, verify,
};
use proptest::prelude::*;

use super::works::{empty, heard, joined, part, picture, reencoded, small, song, sound, work};
use crate::{
    BucketPrefix, FingerprintIndex, Hit, IndexError, MdbxIndex, Prepared, ShardedIndex, WorkId, environment::Table,
    search::sort_hits,
};

/// Works in memory: every anchor is compared with every probe.
#[derive(Default)]
struct Naive(BTreeMap<WorkId, Descriptor>);

impl Naive {
    fn query(&self, query: &Query) -> Vec<Hit> {
        let first = self.in_variants(query, 0..1);
        if first.is_empty() {
            self.in_variants(query, 1..query.variants())
        } else {
            first
        }
    }

    fn in_variants(&self, query: &Query, variants: std::ops::Range<u8>) -> Vec<Hit> {
        let probes: Vec<_> = variants.map(|variant| query.probes_of(variant)).collect();
        let mut hits = Vec::new();
        for (work, descriptor) in &self.0 {
            let anchors = descriptor.anchors();
            let best = probes
                .iter()
                .filter_map(|probes| Self::best(query, probes, descriptor, &anchors))
                .reduce(|best, next| if next.score_ppm > best.score_ppm { next } else { best });
            hits.extend(best.map(|matched| Hit { work: *work, matched }));
        }
        sort_hits(&mut hits);
        hits
    }

    fn best(query: &Query, probes: &[Probe], descriptor: &Descriptor, anchors: &[Anchor]) -> Option<Match> {
        let variant = probes.first()?.variant;
        let min_votes = if query.kind() == Kind::Image { 1 } else { 2 };
        let mut offsets = Vec::new();
        for anchor in anchors {
            let agreeing = probes.iter().filter(|probe| probe.key == anchor.key);
            offsets.extend(agreeing.map(|probe| offset(probe, anchor)));
        }
        offsets.sort_unstable();
        let window = |last: i64| -> Vec<i64> {
            let near = offsets
                .iter()
                .filter(|offset| (last - OFFSET_TOLERANCE..=last).contains(*offset));
            near.copied().collect()
        };
        let windows: Vec<_> = offsets.iter().map(|last| window(*last)).collect();
        let votes = windows.iter().map(Vec::len).max().filter(|votes| *votes >= min_votes)?;
        let window = windows.into_iter().find(|window| window.len() == votes)?;
        let offset = window[votes / 2];
        Some(verify(query, descriptor, Alignment { offset, variant })).filter(|matched| matched.accepted)
    }
}

/// What is done to an index.
#[derive(Clone, Debug)]
enum Step {
    Insert { place: u64, content: u64 },
    Remove { place: u64 },
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        3 => (0..6_u64, 0..8_u64).prop_map(|(place, content)| Step::Insert { place, content }),
        1 => (0..6_u64).prop_map(|place| Step::Remove { place }),
    ]
}

/// Some contents: songs, one of them twice in slightly different encodings, a part, a medley, pictures.
fn content(number: u64) -> Descriptor {
    let base = song(100, 30);
    match number {
        0 => Descriptor::Audio(base),
        1 => Descriptor::Audio(reencoded(&base, 7)),
        2 => Descriptor::Audio(part(&base, 5_000, 20_000)),
        3 => Descriptor::Audio(joined(&[&song(101, 20), &base])),
        4 | 5 => picture(number),
        other => sound(other, 20),
    }
}

fn queries() -> Vec<Query> {
    let mut queries: Vec<_> = [(100, 30), (101, 20), (6, 20), (7, 20), (999, 20)]
        .into_iter()
        .flat_map(|(seed, seconds)| {
            let song = song(seed, seconds);
            [heard(&song, 6_000, 10_000), heard(&reencoded(&song, 3), 9_000, 8_000)]
        })
        .collect();
    queries.extend([4, 5, 55].map(|seed| crate::duplicates::excerpt(&picture(seed), 0, 0)));
    queries
}

fn apply(step: &Step, naive: &mut Naive, indexes: &[&dyn FingerprintIndex]) {
    match *step {
        Step::Insert { place, content: number } => {
            let descriptor = content(number);
            for index in indexes {
                index.insert(work(place), &descriptor).unwrap();
            }
            naive.0.insert(work(place), descriptor);
        }
        Step::Remove { place } => {
            let was_there = naive.0.remove(&work(place)).is_some();
            for index in indexes {
                assert_eq!(index.remove(work(place)).unwrap(), was_there);
            }
        }
    }
}

fn sharded() -> (Vec<tempfile::TempDir>, ShardedIndex<MdbxIndex>) {
    let (folders, shards) = (0..3).map(|_| empty()).unzip();
    (folders, ShardedIndex::new(shards).unwrap())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(6))]

    #[test]
    fn every_index_answers_as_comparing_everything_does(steps in prop::collection::vec(step(), 1..14)) {
        let (_folder, single) = empty();
        let (_folders, sharded) = sharded();
        let mut naive = Naive::default();
        for step in &steps {
            apply(step, &mut naive, &[&single, &sharded]);
        }
        for query in queries() {
            let expected = naive.query(&query);
            prop_assert_eq!(&single.query(&query, usize::MAX).unwrap(), &expected);
            prop_assert_eq!(&sharded.query(&query, usize::MAX).unwrap(), &expected);
            prop_assert_eq!(&sharded.query(&query, 1).unwrap(), &expected[..expected.len().min(1)]);
        }
        for index in [&single as &dyn FingerprintIndex, &sharded] {
            prop_assert_eq!(index.works().unwrap(), naive.0.len() as u64);
            for (work, descriptor) in &naive.0 {
                prop_assert_eq!(index.descriptor(*work).unwrap(), Some(descriptor.clone()));
            }
        }
        for number in [0, 3, 4] {
            let descriptor = content(number);
            prop_assert_eq!(
                single.near_duplicates(&descriptor, 10).unwrap(),
                sharded.near_duplicates(&descriptor, 10).unwrap()
            );
        }
        let everything = BucketPrefix::everything(Kind::Audio);
        prop_assert_eq!(single.bucket(everything, 0).unwrap(), sharded.bucket(everything, 0).unwrap());
        for place in 0..6 {
            single.remove(work(place)).unwrap();
        }
        let reader = single.environment().reader().unwrap();
        for table in [Table::Works, Table::Numbers, Table::Descriptors, Table::Postings, Table::Bands] {
            prop_assert_eq!(reader.rows(table).unwrap(), 0, "{} keeps rows", table.name());
        }
    }
}

/// The songs of the tests below.
fn catalogue(index: &MdbxIndex, works: u64) {
    let mut load = index.bulk_load().unwrap();
    for number in 0..works {
        load.add(&Prepared::new(work(number), &sound(number, 20))).unwrap();
    }
    load.finish(|_| ()).unwrap();
}

#[test]
fn a_load_gives_the_index_that_inserts_give() {
    let (_one, loaded) = empty();
    let (_two, inserted) = empty();
    catalogue(&loaded, 20);
    for number in 0..20 {
        inserted.insert(work(number), &sound(number, 20)).unwrap();
    }
    let rows = |index: &MdbxIndex, table| {
        let reader = index.environment().reader().unwrap();
        let mut cursor = reader.cursor(table).unwrap();
        let rows = cursor.iter_start::<Vec<u8>, Vec<u8>>().unwrap();
        rows.map(Result::unwrap).collect::<Vec<_>>()
    };
    for table in [
        Table::Works,
        Table::Numbers,
        Table::Descriptors,
        Table::Postings,
        Table::Bands,
    ] {
        assert!(
            rows(&loaded, table) == rows(&inserted, table),
            "{} differs",
            table.name()
        );
    }
    loaded.insert(work(20), &sound(20, 20)).unwrap();
    assert_eq!(loaded.works().unwrap(), 21);
    let query = heard(&song(20, 20), 5_000, 10_000);
    assert_eq!(loaded.query(&query, 9).unwrap()[0].work, work(20));
    assert!(matches!(
        loaded.bulk_load(),
        Err(IndexError::NotEmpty { works: 21, .. })
    ));
}

#[test]
fn a_work_may_come_once_in_a_load() {
    let (_folder, index) = empty();
    let mut load = index.bulk_load().unwrap();
    for seed in [1, 2] {
        load.add(&Prepared::new(work(1), &sound(seed, 10))).unwrap();
    }
    assert!(matches!(load.finish(|_| ()), Err(IndexError::Repeated { work: twice }) if twice == work(1)));
}

#[test]
fn every_bucket_holds_the_configured_number_of_works() {
    let (_folder, index) = empty();
    catalogue(&index, 40);
    let bits = index.bucket_bits(Kind::Audio).unwrap();
    assert!(bits > 0, "40 works are ten times what a bucket has to hold");
    assert_eq!(index.bucket_bits(Kind::Image).unwrap(), 0);
    assert_buckets(&index, bits);
    // Works go, and the buckets with them, until the promise needs shorter prefixes.
    for number in 0..34 {
        index.remove(work(number)).unwrap();
        assert_buckets(&index, index.bucket_bits(Kind::Audio).unwrap());
    }
    assert!(index.bucket_bits(Kind::Audio).unwrap() < bits);
}

fn assert_buckets(index: &MdbxIndex, bits: u8) {
    let mut anchors = 0;
    for value in 0..1 << bits {
        let prefix = BucketPrefix::new(Kind::Audio, bits, value).unwrap();
        let groups = index.bucket_groups(prefix).unwrap();
        let works: BTreeSet<_> = groups.iter().map(|group| group.work).collect();
        assert!(works.len() >= 4, "bucket {prefix} holds {} works", works.len());
        assert!(
            groups
                .iter()
                .flat_map(|group| &group.anchors)
                .all(|anchor| prefix.contains(anchor.key))
        );
        anchors += groups.iter().map(|group| group.anchors.len()).sum::<usize>();
    }
    let reader = index.environment().reader().unwrap();
    assert_eq!(anchors as u64, reader.rows(Table::Postings).unwrap());
}

#[test]
fn a_longer_prefix_and_a_page_too_far_are_refused() {
    let (_folder, index) = empty();
    catalogue(&index, 3);
    let long = BucketPrefix::new(Kind::Audio, 3, 0).unwrap();
    assert!(matches!(
        index.bucket(long, 0),
        Err(IndexError::PrefixTooLong { limit: 0, .. })
    ));
    let everything = BucketPrefix::everything(Kind::Audio);
    let pages = index.bucket(everything, 0).unwrap().pages;
    let refused = index.bucket(everything, pages).unwrap_err();
    assert!(matches!(refused, IndexError::NoSuchPage { .. }));
    let none = index.bucket(BucketPrefix::everything(Kind::Image), 0).unwrap();
    assert_eq!((none.pages, none.works, none.entries.len()), (1, 0, 0));
}

#[test]
fn a_listener_finds_the_work_in_a_bucket() {
    use cwe_fingerprint::bucket::{Bucket, match_bucket, prefixes};
    let (_folder, index) = empty();
    catalogue(&index, 40);
    let query = heard(&song(17, 20), 4_000, 10_000);
    let asked = prefixes(&query, |kind| index.bucket_bits(kind).unwrap());
    let bits = index.bucket_bits(Kind::Audio).unwrap();
    assert!(asked.iter().all(|prefix| prefix.bits() == bits));
    let found = asked.iter().take(3).find_map(|prefix| {
        let pages = index.bucket(*prefix, 0).unwrap().pages;
        let matches = (0..pages).flat_map(|page| {
            let bytes = index.bucket(*prefix, page).unwrap().encode().unwrap();
            match_bucket(&query, &Bucket::decode(&bytes).unwrap())
        });
        matches.max_by_key(|(_, matched)| matched.score_ppm)
    });
    let (found, matched) = found.expect("the work is in one of the first three buckets");
    assert_eq!(found, work(17));
    assert!((matched.offset_ms - 4_000).abs() <= OFFSET_TOLERANCE, "{matched:?}");
}

#[test]
fn near_duplicates_are_named() {
    let (_folder, index) = empty();
    let original = song(1, 60);
    index.insert(work(1), &Descriptor::Audio(original.clone())).unwrap();
    for number in 2..6 {
        index.insert(work(number), &sound(number, 40)).unwrap();
    }
    let duplicates = |descriptor: AudioDescriptor| -> Vec<_> {
        let found = index.near_duplicates(&Descriptor::Audio(descriptor), 10).unwrap();
        found.into_iter().map(|duplicate| duplicate.work).collect()
    };
    assert_eq!(duplicates(original.clone()), [work(1)], "the same");
    assert_eq!(duplicates(reencoded(&original, 4)), [work(1)], "a re-encoding");
    assert_eq!(duplicates(part(&original, 13_000, 30_000)), [work(1)], "half of it");
    let medley = joined(&[&song(70, 40), &original, &song(71, 20)]);
    assert_eq!(duplicates(medley), [work(1)], "a work that has it whole");
    let little = joined(&[&part(&original, 0, 12_000), &song(72, 60)]);
    assert_eq!(duplicates(little), [], "a fifth of it");
    assert_eq!(duplicates(song(73, 60)), [], "another work");
    let same = index.near_duplicates(&Descriptor::Audio(original), 1).unwrap();
    assert_eq!(same[0].similarity_ppm, 1_000_000);
}

#[test]
fn keys_that_every_work_has_do_not_hide_the_right_one() {
    let mut options = small();
    options.min_bucket_works = u64::MAX;
    let folder = tempfile::tempdir().unwrap();
    let index = MdbxIndex::open(folder.path(), &options).unwrap();
    let jingle = song(500, 10);
    let mut load = index.bulk_load().unwrap();
    let works = 2_010;
    for number in 0..works {
        let descriptor = if number == 1_234 {
            joined(&[&jingle, &song(9, 10)])
        } else {
            jingle.clone()
        };
        load.add(&Prepared::new(work(number), &Descriptor::Audio(descriptor)))
            .unwrap();
    }
    load.finish(|_| ()).unwrap();
    // Its own keys are found at once; the jingle's only when there is nothing else, and then within a budget.
    let own = index
        .query(&heard(&joined(&[&jingle, &song(9, 10)]), 9_000, 10_000), 5)
        .unwrap();
    assert_eq!(own.first().map(|hit| hit.work), Some(work(1_234)));
    let common = index.query(&heard(&jingle, 0, 10_000), 5).unwrap();
    assert_eq!(common.len(), 5);
}
