//! Which work an excerpt is from, among millions.
//!
//! In go works' [`Descriptor`]s, as publishers made them; out come the works that a [`Query`] is an excerpt of, the
//! works that a new one is nearly the same as, and [`Bucket`]s for listeners who ask without telling what they heard.
//! The hub calls it. What it decides by (anchors, probes, [`verify`](cwe_fingerprint::verify)) is in `cwe-fingerprint`;
//! here is what makes it fast and durable: [`MdbxIndex`] keeps everything in one memory-mapped MDBX environment, each
//! insert one transaction; [`ShardedIndex`] spreads works over several indexes.
//!
//! A query goes two ways, the second only if the first found nothing: the excerpt as it is, and the excerpt at other speeds
//! and pitches. In each, keys that few works have come first and what is read is bounded; probes that hit anchors of one
//! work at one offset are votes; the works with the most votes are verified against their descriptors, and only what
//! the verification accepts is an answer.

mod buckets;
mod bulk;
mod duplicates;
mod environment;
mod error;
mod lock;
mod mdbx;
mod postings;
mod rows;
mod runs;
mod search;
mod sharded;
mod votes;

pub use cwe_fingerprint::bucket::{Bucket, BucketEntry, BucketPrefix, WorkId};
use cwe_fingerprint::{Anchor, Descriptor, Kind, Match, Query, bucket::MAX_ENTRIES};

pub use bulk::{BulkLoad, BulkProgress, Prepared};
pub use error::IndexError;
pub use mdbx::{MdbxIndex, Options};
pub use sharded::ShardedIndex;

/// A work that a query is an excerpt of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Hit {
    /// The work.
    pub work: WorkId,
    /// How well, where, how fast; always accepted.
    pub matched: Match,
}

/// A work that another one is nearly the same as, or a part of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NearDuplicate {
    /// The work in the index.
    pub work: WorkId,
    /// How much of the shorter of the two is in the other, in parts per million.
    pub similarity_ppm: u32,
}

/// Anchors of one work in a bucket that share a slice of its descriptor.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BucketGroup {
    /// The work.
    pub work: WorkId,
    /// At least one, ascending by time, then by key.
    pub anchors: Vec<Anchor>,
}

impl BucketGroup {
    /// Which moment the slice is taken around: the middle of the anchors.
    #[must_use]
    pub fn around_at(&self) -> u32 {
        match (self.anchors.first(), self.anchors.last()) {
            (Some(first), Some(last)) => first.at.midpoint(last.at),
            _ => 0,
        }
    }
}

/// Works by what they sound and look like.
pub trait FingerprintIndex: Send + Sync {
    /// Adds a work, or replaces its descriptor.
    ///
    /// # Errors
    /// [`IndexError`]; the index is then as it was.
    fn insert(&self, work: WorkId, descriptor: &Descriptor) -> Result<(), IndexError>;

    /// Removes a work and everything of it; says whether it was there.
    ///
    /// # Errors
    /// [`IndexError`]; the index is then as it was.
    fn remove(&self, work: WorkId) -> Result<bool, IndexError>;

    /// The works that the query is an excerpt of: the best first, of equals the lower id.
    ///
    /// # Errors
    /// [`IndexError`] if the index cannot be read.
    fn query(&self, query: &Query, limit: usize) -> Result<Vec<Hit>, IndexError>;

    /// The works that at least half of the descriptor is in, or that are at least half in it: the likest first, of
    /// equals the lower id. A work that is in the index already is its own.
    ///
    /// # Errors
    /// [`IndexError`] if the index cannot be read.
    fn near_duplicates(&self, descriptor: &Descriptor, limit: usize) -> Result<Vec<NearDuplicate>, IndexError>;

    /// All groups of a bucket, ascending by work, then by time.
    ///
    /// # Errors
    /// [`IndexError::PrefixTooLong`], [`IndexError::BucketTooLarge`], or the index cannot be read.
    fn bucket_groups(&self, prefix: BucketPrefix) -> Result<Vec<BucketGroup>, IndexError>;

    /// The descriptor of a work.
    ///
    /// # Errors
    /// [`IndexError`] if the index cannot be read.
    fn descriptor(&self, work: WorkId) -> Result<Option<Descriptor>, IndexError>;

    /// The longest prefix of a kind's keys that is answered: at this length every bucket holds the configured number of
    /// works; 0 while there are few.
    ///
    /// # Errors
    /// [`IndexError`] if the index cannot be read.
    fn bucket_bits(&self, kind: Kind) -> Result<u8, IndexError>;

    /// How many works there are.
    ///
    /// # Errors
    /// [`IndexError`] if the index cannot be read.
    fn works(&self) -> Result<u64, IndexError>;

    /// A page of a bucket, from 0. A bucket without works has one empty page.
    ///
    /// # Errors
    /// [`IndexError::NoSuchPage`], and as [`bucket_groups`](Self::bucket_groups).
    fn bucket(&self, prefix: BucketPrefix, page: u32) -> Result<Bucket, IndexError> {
        let groups = self.bucket_groups(prefix)?;
        let works = groups.chunk_by(|a, b| a.work == b.work).count();
        let pages = groups.len().div_ceil(MAX_ENTRIES).max(1);
        let (works, pages) = (saturate(works), saturate(pages));
        if page >= pages {
            return Err(IndexError::NoSuchPage { prefix, page, pages });
        }
        let first = page as usize * MAX_ENTRIES;
        let mut entries = Vec::new();
        let mut last: Option<(WorkId, Descriptor)> = None;
        for group in groups.into_iter().skip(first).take(MAX_ENTRIES) {
            if last.as_ref().is_none_or(|(work, _)| *work != group.work) {
                // A work that was removed since is left out.
                last = self.descriptor(group.work)?.map(|descriptor| (group.work, descriptor));
            }
            if let Some((work, descriptor)) = &last
                && *work == group.work
            {
                entries.push(BucketEntry {
                    work: group.work,
                    slice: descriptor.slice(group.around_at()),
                    anchors: group.anchors,
                });
            }
        }
        Ok(Bucket {
            prefix,
            works,
            page,
            pages,
            entries,
        })
    }
}

fn saturate(count: usize) -> u32 {
    u32::try_from(count).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests;
