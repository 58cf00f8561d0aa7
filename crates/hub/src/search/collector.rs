//! The best works of a search, in an order that depends on score and work id alone.

use std::{
    cmp::{Ordering, Reverse},
    collections::BinaryHeap,
    sync::Arc,
};

use alloy::primitives::B256;
use tantivy::{
    DocId, Score, SegmentReader,
    collector::{Collector, SegmentCollector},
    columnar::ColumnValues,
};

use super::ID_WORDS;

/// A work and its score. The greatest comes first: the higher score, of equals the lower id.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Ranked {
    pub(super) score: u32,
    pub(super) work: B256,
}

impl Ord for Ranked {
    fn cmp(&self, other: &Self) -> Ordering {
        let scores = self.score.cmp(&other.score);
        scores.then_with(|| other.work.cmp(&self.work))
    }
}

impl PartialOrd for Ranked {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// Collects the first `limit` works after `after`.
pub(super) struct Best {
    pub(super) limit: usize,
    pub(super) after: Option<Ranked>,
}

/// What was found.
pub(super) struct Found {
    /// In order.
    pub(super) ranked: Vec<Ranked>,
    /// Whether there are others behind them.
    pub(super) more: bool,
}

impl Collector for Best {
    type Fruit = Found;
    type Child = BestOfSegment;

    fn for_segment(&self, _: u32, segment: &SegmentReader) -> tantivy::Result<BestOfSegment> {
        let columns = segment.fast_fields();
        let mut ids = Vec::with_capacity(ID_WORDS.len());
        for name in ID_WORDS {
            ids.push(columns.column_first_or_default::<u64>(name)?);
        }
        Ok(BestOfSegment {
            ids,
            // One more tells whether there is a next page.
            room: self.limit.saturating_add(1),
            after: self.after,
            heap: BinaryHeap::new(),
        })
    }

    fn requires_scoring(&self) -> bool {
        true
    }

    fn merge_fruits(&self, segments: Vec<Vec<Ranked>>) -> tantivy::Result<Found> {
        let mut ranked: Vec<Ranked> = segments.into_iter().flatten().collect();
        ranked.sort_unstable_by_key(|ranked| Reverse(*ranked));
        let more = ranked.len() > self.limit;
        ranked.truncate(self.limit);
        Ok(Found { ranked, more })
    }
}

/// The best works of one segment.
pub(super) struct BestOfSegment {
    ids: Vec<Arc<dyn ColumnValues<u64>>>,
    room: usize,
    after: Option<Ranked>,
    /// The worst of them on top.
    heap: BinaryHeap<Reverse<Ranked>>,
}

impl BestOfSegment {
    fn work(&self, doc: DocId) -> B256 {
        let mut work = B256::ZERO;
        for (place, column) in work.as_chunks_mut::<8>().0.iter_mut().zip(&self.ids) {
            *place = column.get_val(doc).to_be_bytes();
        }
        work
    }
}

impl SegmentCollector for BestOfSegment {
    type Fruit = Vec<Ranked>;

    #[allow(clippy::cast_possible_truncation, reason = "scores are sums of small whole numbers")]
    fn collect(&mut self, doc: DocId, score: Score) {
        let ranked = Ranked {
            score: score.max(0.0) as u32,
            work: self.work(doc),
        };
        if self.after.is_some_and(|after| ranked >= after) {
            return;
        }
        if self.heap.len() < self.room {
            self.heap.push(Reverse(ranked));
        } else if self.heap.peek().is_some_and(|worst| ranked > worst.0) {
            self.heap.pop();
            self.heap.push(Reverse(ranked));
        }
    }

    fn harvest(self) -> Vec<Ranked> {
        self.heap.into_iter().map(|ranked| ranked.0).collect()
    }
}
