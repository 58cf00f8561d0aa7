//! The index in one MDBX environment.

use std::path::Path;

use cwe_fingerprint::{Descriptor, Kind, Query};

use crate::{
    BucketGroup, BucketPrefix, FingerprintIndex, Hit, IndexError, NearDuplicate, WorkId, buckets,
    bulk::{self, BulkLoad},
    duplicates::near_duplicates,
    environment::{Environment, Table},
    rows::{delete_work, descriptor_of, number_of, put_work},
    search::search,
};

/// Options of [`MdbxIndex::open`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Options {
    /// Largest size of the file in bytes. The file grows as needed; only address space is reserved.
    pub max_size_bytes: usize,
    /// By how many bytes the file grows.
    pub growth_step_bytes: usize,
    /// Most queries at once, over all processes; a query uses two.
    pub max_readers: u64,
    /// How many works every bucket holds at least. What a prefix tells of the one that is playing: one of so many.
    pub min_bucket_works: u64,
    /// Open an existing index for reading only, beside the process that writes it.
    pub read_only: bool,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            max_size_bytes: 1 << 40,
            growth_step_bytes: 16 << 20,
            max_readers: 1024,
            min_bucket_works: 256,
            read_only: false,
        }
    }
}

/// An index in a folder of its own: memory-mapped, every write durable and whole when it returns, whatever happens to
/// the process. One process writes; others may read beside it.
#[derive(Debug)]
pub struct MdbxIndex {
    environment: Environment,
    min_bucket_works: u64,
}

impl MdbxIndex {
    /// Opens the index in `folder`, and creates it unless `options` say read-only.
    ///
    /// # Errors
    /// [`IndexError::Locked`], [`IndexError::Foreign`], [`IndexError::Format`], [`IndexError::Missing`],
    /// [`IndexError::InterruptedLoad`], or the files cannot be opened.
    pub fn open(folder: &Path, options: &Options) -> Result<Self, IndexError> {
        let environment = Environment::open(folder, options)?;
        if bulk::is_loading(&environment.reader()?)? {
            return Err(IndexError::InterruptedLoad {
                path: folder.to_path_buf(),
            });
        }
        Ok(Self {
            environment,
            min_bucket_works: options.min_bucket_works.max(1),
        })
    }

    /// Starts filling the empty index with many works; see [`BulkLoad`].
    ///
    /// # Errors
    /// [`IndexError::NotEmpty`], or the index cannot be written.
    pub fn bulk_load(&self) -> Result<BulkLoad<'_>, IndexError> {
        BulkLoad::start(&self.environment, self.min_bucket_works)
    }

    #[cfg(test)]
    pub(crate) const fn environment(&self) -> &Environment {
        &self.environment
    }
}

impl FingerprintIndex for MdbxIndex {
    fn insert(&self, work: WorkId, descriptor: &Descriptor) -> Result<(), IndexError> {
        let writer = self.environment.writer()?;
        let replaced = delete_work(&writer, work)?;
        put_work(&writer, work, descriptor)?;
        buckets::update_fills(&writer, self.min_bucket_works, u64::from(replaced))?;
        writer.commit()
    }

    fn remove(&self, work: WorkId) -> Result<bool, IndexError> {
        let writer = self.environment.writer()?;
        if !delete_work(&writer, work)? {
            return Ok(false);
        }
        buckets::update_fills(&writer, self.min_bucket_works, 1)?;
        writer.commit()?;
        Ok(true)
    }

    fn query(&self, query: &Query, limit: usize) -> Result<Vec<Hit>, IndexError> {
        search(&self.environment, query, limit)
    }

    fn near_duplicates(&self, descriptor: &Descriptor, limit: usize) -> Result<Vec<NearDuplicate>, IndexError> {
        near_duplicates(&self.environment, descriptor, limit)
    }

    fn bucket_groups(&self, prefix: BucketPrefix) -> Result<Vec<BucketGroup>, IndexError> {
        buckets::groups(&self.environment.reader()?, prefix)
    }

    fn descriptor(&self, work: WorkId) -> Result<Option<Descriptor>, IndexError> {
        let reader = self.environment.reader()?;
        number_of(&reader, work)?
            .map(|number| descriptor_of(&reader, number))
            .transpose()
    }

    fn bucket_bits(&self, kind: Kind) -> Result<u8, IndexError> {
        buckets::bits(&self.environment.reader()?, kind)
    }

    fn works(&self) -> Result<u64, IndexError> {
        self.environment.reader()?.rows(Table::Works)
    }
}
