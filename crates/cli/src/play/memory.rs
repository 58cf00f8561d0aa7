//! Works that were recognised before: what comes next is compared with them here, so that a hub is asked once for a
//! work and not for every piece of it. A further bucket of the same work would tell the hub which one it is.

use std::{collections::VecDeque, ops::Range, sync::Arc};

use alloy::primitives::B256;
use cwe_fingerprint::{
    Kind, Match, Query,
    bucket::{Bucket, BucketEntry, BucketPrefix, match_bucket},
};
use cwe_hub::api::FoundWork;
use cwe_wallet::ids::{WorkId, WorkIdError};

use super::price::Price;
use crate::{economy::ids, hub::Found};

/// Works that are kept in mind, the latest.
const MAX_WORKS: usize = 16;
/// With so many anchors in a stretch, nearly every excerpt of it has one of them; with fewer it can't be told from
/// others.
const TELLING_ANCHORS: usize = 3;

/// A work that was recognised.
#[derive(Debug)]
pub(super) struct Known {
    pub work: WorkId,
    pub title: Option<String>,
    /// None where the hub knows none.
    pub price: Option<Price>,
    pub region_rule: Option<String>,
    pub length_ms: i64,
    entries: Vec<BucketEntry>,
}

impl Known {
    fn new(work: FoundWork, entries: Vec<BucketEntry>) -> Result<Self, WorkIdError> {
        Ok(Self {
            work: work.work_id.try_into()?,
            price: Price::of(&work),
            region_rule: work.terms.map(|terms| ids::name_of(terms.region_rule)),
            title: work.title,
            length_ms: entries
                .first()
                .map_or(i64::MAX, |entry| i64::from(entry.slice.duration_ms())),
            entries,
        })
    }

    /// Whether an excerpt of this stretch of the work would be recognised by what is known of it.
    fn would_tell(&self, stretch: &Range<i64>) -> bool {
        let anchors = self.entries.iter().flat_map(|entry| &entry.anchors);
        let inside = anchors.filter(|anchor| stretch.contains(&i64::from(anchor.at)));
        inside.take(TELLING_ANCHORS).count() == TELLING_ANCHORS
    }
}

/// A piece of a work.
#[derive(Debug, Clone)]
pub(super) struct Place {
    pub known: Arc<Known>,
    /// Where in the work the piece begins; before it where it is negative.
    pub at_ms: i64,
    speed_ppm: u32,
}

impl Place {
    fn new(known: &Arc<Known>, matched: &Match) -> Self {
        Self {
            known: known.clone(),
            at_ms: matched.offset_ms,
            speed_ppm: matched.speed_ppm.max(1),
        }
    }

    /// How much time of the work goes by while so much is played.
    pub(super) fn in_work(&self, played_ms: u64) -> i64 {
        let ms = u128::from(played_ms) * u128::from(self.speed_ppm) / 1_000_000;
        i64::try_from(ms).unwrap_or(i64::MAX)
    }

    /// What of a piece of so many milliseconds is of the work, in the piece's time: not what is before its beginning,
    /// and not what is behind its end.
    pub(super) fn inside(&self, piece_ms: u64) -> Range<u64> {
        let played = |work_ms: i64| {
            let ms = u128::from(work_ms.max(0).unsigned_abs()) * 1_000_000 / u128::from(self.speed_ppm);
            u64::try_from(ms).unwrap_or(u64::MAX).min(piece_ms)
        };
        played(self.at_ms.saturating_neg())..played(self.known.length_ms.saturating_sub(self.at_ms))
    }

    /// Another moment of the work, at the same speed.
    pub(super) fn at(&self, at_ms: i64) -> Self {
        Self { at_ms, ..self.clone() }
    }

    /// Where the work goes on after so much was played.
    fn after(&self, played_ms: u64) -> Self {
        self.at(self.at_ms.saturating_add(self.in_work(played_ms)))
    }
}

/// What was recognised, and what is expected next.
#[derive(Debug, Default)]
pub(super) struct Memory {
    works: VecDeque<Arc<Known>>,
    next: Option<Place>,
}

impl Memory {
    /// Another file begins.
    pub(super) fn begin(&mut self) {
        self.next = None;
    }

    /// What a piece is, as far as that is known without asking. A piece that says nothing, or that there is nothing to
    /// compare with, belongs to what is playing, as long as that lasts.
    pub(super) fn place(&self, query: Option<&Query>, length_ms: u64) -> Option<Place> {
        let expected = self.next.as_ref().filter(|next| {
            let inside = next.inside(length_ms);
            inside.end.saturating_sub(inside.start) * 2 > length_ms
        });
        let Some(query) = query else {
            return expected.cloned();
        };
        let recognised = self.recognise(query);
        recognised.or_else(|| {
            let untold = expected.filter(|place| {
                let stretch = place.at_ms..place.at_ms.saturating_add(place.in_work(length_ms));
                !place.known.would_tell(&stretch)
            });
            untold.cloned()
        })
    }

    fn recognise(&self, query: &Query) -> Option<Place> {
        let entries = self.works.iter().flat_map(|known| &known.entries).cloned();
        let mine = Bucket {
            prefix: BucketPrefix::everything(Kind::Audio),
            works: u32::try_from(self.works.len()).unwrap_or(u32::MAX),
            page: 0,
            pages: 1,
            entries: entries.collect(),
        };
        let (work, matched) = match_bucket(query, &mine).into_iter().next()?;
        let known = self
            .works
            .iter()
            .find(|known| B256::from(known.work) == B256::new(work.0))?;
        Some(Place::new(known, &matched))
    }

    /// Keeps a work in mind that a hub has named for a piece.
    ///
    /// # Errors
    /// Its id is none.
    pub(super) fn learn(&mut self, found: Found, entries: Vec<BucketEntry>) -> Result<Place, WorkIdError> {
        let known = Arc::new(Known::new(found.work, entries)?);
        let place = Place::new(&known, &found.matched);
        self.works.retain(|other| other.work != known.work);
        self.works.truncate(MAX_WORKS - 1);
        self.works.push_front(known);
        Ok(place)
    }

    /// A piece was this, and so long.
    pub(super) fn follow(&mut self, place: Option<&Place>, length_ms: u64) {
        self.next = place.map(|place| place.after(length_ms));
    }
}

#[cfg(test)]
pub(super) mod tests {
    use cwe_fingerprint::{AudioDescriptor, AudioQuery, Descriptor, Peak, bucket::WorkId as BucketWork};
    use cwe_hub::api::Terms;

    use super::*;

    const LENGTH_MS: u32 = 60_000;
    const PIECE_MS: u64 = 10_000;

    /// A minute of sound that is like no other's.
    fn sound(seed: u64) -> AudioDescriptor {
        let drawn = |index: u64| {
            let hash = alloy::primitives::keccak256([seed.to_be_bytes(), index.to_be_bytes()].concat());
            u32::from_be_bytes([hash[0], hash[1], hash[2], hash[3]])
        };
        let mut peaks: Vec<_> = (0..480)
            .map(|index| Peak {
                at_ms: drawn(index) % LENGTH_MS,
                pitch_cents: u16::try_from(drawn(1_000 + index) % 6_000).unwrap(),
            })
            .collect();
        peaks.sort_unstable();
        AudioDescriptor {
            duration_ms: LENGTH_MS,
            peaks,
            chroma: Vec::new(),
        }
    }

    fn excerpt(sound: &AudioDescriptor, from_ms: u32) -> Query {
        let inside = sound
            .peaks
            .iter()
            .filter(|peak| (from_ms..from_ms + 10_000).contains(&peak.at_ms));
        let peaks: Vec<_> = inside
            .map(|peak| Peak {
                at_ms: peak.at_ms - from_ms,
                ..*peak
            })
            .collect();
        Query::Audio(AudioQuery {
            duration_ms: 10_000,
            strong: peaks.clone(),
            peaks,
        })
    }

    /// What a bucket has of a work: everything, or what lies in some stretch of it.
    fn entries(number: u8, sound: &AudioDescriptor, of: Range<u32>) -> Vec<BucketEntry> {
        let whole = Descriptor::Audio(sound.clone());
        let anchors: Vec<_> = whole
            .anchors()
            .into_iter()
            .filter(|anchor| of.contains(&anchor.at))
            .collect();
        let groups = anchors.chunk_by(|one, other| one.at / 4_000 == other.at / 4_000);
        groups
            .map(|group| BucketEntry {
                work: BucketWork(*B256::with_last_byte(number)),
                anchors: group.to_vec(),
                slice: whole.slice(group[group.len() / 2].at),
            })
            .collect()
    }

    /// What a hub says of a work without a length.
    pub(in crate::play) fn found(number: u8, offset_ms: i64) -> Found {
        Found {
            work: FoundWork {
                work_id: B256::with_last_byte(number),
                creator_id: B256::ZERO,
                deprecated: false,
                work_type: None,
                title: Some("A song".into()),
                terms: Some(Terms {
                    from_epoch: 1,
                    price_per_min: 1200,
                    region_rule: B256::right_padding_from(b"world"),
                }),
                region_factor_ppm: None,
            },
            matched: Match {
                score_ppm: 900_000,
                offset_ms,
                speed_ppm: 1_000_000,
                accepted: true,
            },
        }
    }

    /// A memory in which the first ten seconds of work 1 were recognised by that part of its bucket.
    fn listening(of: Range<u32>) -> (AudioDescriptor, Memory) {
        let sound = sound(1);
        let mut memory = Memory::default();
        let place = memory.learn(found(1, 0), entries(1, &sound, of)).unwrap();
        memory.follow(Some(&place), PIECE_MS);
        (sound, memory)
    }

    #[test]
    fn the_pieces_of_a_known_work_need_no_hub() {
        let (sound, mut memory) = listening(0..LENGTH_MS);
        for from_ms in [10_000, 20_000, 30_000] {
            let place = memory.place(Some(&excerpt(&sound, from_ms)), PIECE_MS).unwrap();
            assert!((place.at_ms - i64::from(from_ms)).abs() < 60, "{}", place.at_ms);
            memory.follow(Some(&place), PIECE_MS);
        }
        memory.begin();
        let again = memory.place(Some(&excerpt(&sound, 5_000)), PIECE_MS).unwrap();
        assert!((again.at_ms - 5_000).abs() < 60);
    }

    #[test]
    fn something_else_is_noticed_where_the_work_is_known() {
        let (_, memory) = listening(0..LENGTH_MS);
        let other = sound(2);
        assert!(memory.place(Some(&excerpt(&other, 0)), PIECE_MS).is_none());
    }

    #[test]
    fn where_nothing_is_known_of_it_the_work_goes_on_until_its_end() {
        let (sound, mut memory) = listening(0..8_000);
        let mut heard_ms = PIECE_MS;
        while let Some(place) = memory.place(Some(&excerpt(&sound, 40_000)), PIECE_MS) {
            heard_ms += PIECE_MS;
            memory.follow(Some(&place), PIECE_MS);
        }
        assert_eq!(heard_ms, u64::from(LENGTH_MS));
    }

    #[test]
    fn a_quiet_passage_belongs_to_the_work_and_silence_behind_it_does_not() {
        let (_, mut memory) = listening(0..LENGTH_MS);
        let place = memory.place(None, PIECE_MS).unwrap();
        memory.follow(Some(&place), 45_000);
        let end = memory.place(None, 6_000).unwrap();
        assert_eq!(end.inside(6_000), 0..5_000);
        memory.follow(Some(&end), 6_000);
        assert!(memory.place(None, PIECE_MS).is_none());
    }

    #[test]
    fn only_what_is_of_the_work_counts() {
        let (_, memory) = listening(0..LENGTH_MS);
        let next = memory.next.unwrap();
        let at = |at_ms, speed_ppm| Place {
            at_ms,
            speed_ppm,
            ..next.clone()
        };
        assert_eq!(at(0, 1_000_000).inside(PIECE_MS), 0..10_000);
        assert_eq!(at(-3_000, 1_000_000).inside(PIECE_MS), 3_000..10_000);
        assert_eq!(at(58_000, 1_000_000).inside(PIECE_MS), 0..2_000);
        assert_eq!(at(58_000, 500_000).inside(PIECE_MS), 0..4_000);
        assert!(at(i64::MAX, 1).inside(PIECE_MS).is_empty());
        assert!(at(i64::MIN, 1).inside(PIECE_MS).is_empty());
    }

    #[test]
    fn the_memory_is_bounded_and_a_work_is_in_it_once() {
        let (sound, mut memory) = listening(0..8_000);
        for number in (2..=40).chain([40]) {
            memory
                .learn(found(number, 0), entries(number, &sound, 0..8_000))
                .unwrap();
        }
        assert_eq!(memory.works.len(), MAX_WORKS);
    }

    #[test]
    fn what_a_hub_calls_a_work_and_is_none_is_refused() {
        let mut none = found(1, 0);
        none.work.work_id = B256::repeat_byte(1);
        assert!(Memory::default().learn(none, Vec::new()).is_err());
    }
}
