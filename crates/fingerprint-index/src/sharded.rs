//! Many indexes as one.

use std::thread;

use cwe_fingerprint::{Descriptor, Kind, Query};

use crate::{
    BucketGroup, BucketPrefix, FingerprintIndex, Hit, IndexError, NearDuplicate, WorkId, duplicates::sort_duplicates,
    search::sort_hits,
};

/// Works spread over several indexes, each work whole in one of them.
///
/// **Why by work, not by key.** A query's probes are thousands of keys, scattered by [`mix`](cwe_fingerprint::bucket::mix):
/// whichever way the anchors are divided, it touches every shard. Divided by work, each shard does its part alone (it has
/// the anchors *and* the descriptors to verify with, so that only finished answers travel), all at the same time, with
/// posting lists that are as much shorter as there are shards; and an insert is one transaction of one shard. Divided by
/// key, every insert would be a transaction over all shards that a crash could leave half done, and every posting that a
/// probe hits would have to travel to be counted. What a division by key would make one shard's matter, a bucket, is
/// small.
///
/// The shard of a work is the first eight bytes of its id modulo the number of shards: the number cannot change
/// afterwards. Give each shard `min_bucket_works` divided by their number, rounded up: the shards' parts of a bucket add
/// up.
#[derive(Debug)]
pub struct ShardedIndex<I> {
    shards: Vec<I>,
}

impl<I: FingerprintIndex> ShardedIndex<I> {
    /// The shards, in the same order at every start.
    ///
    /// # Errors
    /// [`IndexError::NoShards`].
    pub fn new(shards: Vec<I>) -> Result<Self, IndexError> {
        if shards.is_empty() {
            return Err(IndexError::NoShards);
        }
        Ok(Self { shards })
    }

    fn shard(&self, work: WorkId) -> Result<&I, IndexError> {
        let mut first = [0; 8];
        first.copy_from_slice(&work.0[..8]);
        let count = self.shards.len() as u64;
        usize::try_from(u64::from_be_bytes(first) % count)
            .ok()
            .and_then(|place| self.shards.get(place))
            .ok_or(IndexError::NoShards)
    }

    /// Asks all shards at once, and puts their answers one after the other.
    fn gather<T: Send>(&self, ask: impl Fn(&I) -> Result<Vec<T>, IndexError> + Sync) -> Result<Vec<T>, IndexError> {
        let answers = thread::scope(|scope| {
            let asked: Vec<_> = self.shards.iter().map(|shard| scope.spawn(|| ask(shard))).collect();
            asked
                .into_iter()
                .map(thread::ScopedJoinHandle::join)
                .collect::<Vec<_>>()
        });
        let mut all = Vec::new();
        for answer in answers {
            all.append(&mut answer.unwrap_or_else(|panic| std::panic::resume_unwind(panic))?);
        }
        Ok(all)
    }
}

impl<I: FingerprintIndex> FingerprintIndex for ShardedIndex<I> {
    fn insert(&self, work: WorkId, descriptor: &Descriptor) -> Result<(), IndexError> {
        self.shard(work)?.insert(work, descriptor)
    }

    fn remove(&self, work: WorkId) -> Result<bool, IndexError> {
        self.shard(work)?.remove(work)
    }

    fn query(&self, query: &Query, limit: usize) -> Result<Vec<Hit>, IndexError> {
        let mut hits = self.gather(|shard| shard.query(query, limit))?;
        sort_hits(&mut hits);
        hits.truncate(limit);
        Ok(hits)
    }

    fn near_duplicates(&self, descriptor: &Descriptor, limit: usize) -> Result<Vec<NearDuplicate>, IndexError> {
        let mut duplicates = self.gather(|shard| shard.near_duplicates(descriptor, limit))?;
        sort_duplicates(&mut duplicates);
        duplicates.truncate(limit);
        Ok(duplicates)
    }

    fn bucket_groups(&self, prefix: BucketPrefix) -> Result<Vec<BucketGroup>, IndexError> {
        let mut groups = self.gather(|shard| shard.bucket_groups(prefix))?;
        groups.sort_by_key(|group| (group.work, group.around_at()));
        Ok(groups)
    }

    fn descriptor(&self, work: WorkId) -> Result<Option<Descriptor>, IndexError> {
        self.shard(work)?.descriptor(work)
    }

    fn bucket_bits(&self, kind: Kind) -> Result<u8, IndexError> {
        let mut bits = u8::MAX;
        for shard in &self.shards {
            bits = bits.min(shard.bucket_bits(kind)?);
        }
        Ok(bits)
    }

    fn works(&self) -> Result<u64, IndexError> {
        self.shards.iter().map(FingerprintIndex::works).sum()
    }
}
