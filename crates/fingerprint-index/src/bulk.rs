//! Filling an empty index with many works: everything is sorted first, then written from left to right.

use cwe_fingerprint::{Anchor, Descriptor};
use signet_libmdbx::TransactionKind;

use crate::{
    IndexError, WorkId, buckets,
    environment::{Environment, Table, Transaction, Writer},
    rows::{Number, POSTING_BYTES, WorkRow, band_keys, posting, posting_key, put_next_number},
    runs::Runs,
};

/// Row of [`Table::Meta`] that is there while a load runs.
const LOADING_NAME: &[u8] = b"loading";

/// Memory for records that are being sorted, in bytes, of each of the three tables.
const SORT_MEMORY_BYTES: usize = 192 << 20;

/// Bytes of rows in one transaction; bounds its memory.
const TRANSACTION_BYTES: usize = 64 << 20;

/// How far a load's second half is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BulkProgress {
    /// Rows written.
    pub done: u64,
    /// Rows to write.
    pub total: u64,
}

/// Whether the index is being, or was only partly, loaded.
pub(crate) fn is_loading<K: TransactionKind>(transaction: &Transaction<'_, K>) -> Result<bool, IndexError> {
    Ok(transaction.get(Table::Meta, LOADING_NAME)?.is_some())
}

/// A work with everything that is computed from its descriptor: what costs most of a load, and can be done by any number
/// of threads.
#[derive(Debug, Clone)]
pub struct Prepared {
    row: WorkRow,
    descriptor: Vec<u8>,
    anchors: Vec<Anchor>,
}

impl Prepared {
    /// Computes it.
    #[must_use]
    pub fn new(work: WorkId, descriptor: &Descriptor) -> Self {
        Self {
            row: WorkRow {
                work,
                kind: descriptor.kind(),
                fp_id: descriptor.fp_id(),
            },
            descriptor: descriptor.encode(),
            anchors: descriptor.anchors(),
        }
    }
}

/// A load of works into an empty index: many transactions, and an index that cannot be opened until all are done.
/// Nobody should use the index meanwhile.
pub struct BulkLoad<'i> {
    environment: &'i Environment,
    min_bucket_works: u64,
    rows: Rows<'i>,
    next: Number,
    numbers: Runs<36>,
    bands: Runs<8>,
    postings: Runs<12>,
}

impl std::fmt::Debug for BulkLoad<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("BulkLoad")
            .field("works", &self.next)
            .finish_non_exhaustive()
    }
}

impl<'i> BulkLoad<'i> {
    pub(crate) fn start(environment: &'i Environment, min_bucket_works: u64) -> Result<Self, IndexError> {
        let path = environment.path();
        let writer = environment.writer()?;
        let works = writer.rows(Table::Works)?;
        if works > 0 {
            return Err(IndexError::NotEmpty {
                path: path.to_path_buf(),
                works,
            });
        }
        writer.put(Table::Meta, LOADING_NAME, &[])?;
        writer.commit()?;
        Ok(Self {
            environment,
            min_bucket_works,
            rows: Rows::new(environment),
            next: 0,
            numbers: Runs::new(path, SORT_MEMORY_BYTES),
            bands: Runs::new(path, SORT_MEMORY_BYTES),
            postings: Runs::new(path, SORT_MEMORY_BYTES),
        })
    }

    /// Adds a work.
    ///
    /// # Errors
    /// [`IndexError::Full`], or a write fails; the load is then over.
    pub fn add(&mut self, work: &Prepared) -> Result<(), IndexError> {
        let Prepared {
            row,
            descriptor,
            anchors,
        } = work;
        let number = self.next;
        self.next = number.checked_add(1).ok_or(IndexError::Full { limit: Number::MAX })?;
        let bytes = number.to_be_bytes();
        self.rows.append(Table::Works, &bytes, &row.encode())?;
        self.rows.append(Table::Descriptors, &bytes, descriptor)?;
        self.numbers.push(joined(&row.work.0, &bytes))?;
        for key in band_keys(row.kind, &row.fp_id) {
            self.bands.push(joined(&key, &bytes))?;
        }
        for anchor in anchors {
            self.postings
                .push(joined(&posting_key(anchor), &posting(number, anchor.at)))?;
        }
        Ok(())
    }

    /// Writes what was sorted; the index can be used afterwards. `progress` is called now and then.
    ///
    /// # Errors
    /// [`IndexError::Repeated`], or a write fails; the folder is then to be removed.
    pub fn finish(self, mut progress: impl FnMut(BulkProgress)) -> Result<(), IndexError> {
        const STEP: u64 = 100_000;
        let total = self.numbers.records() + self.bands.records() + self.postings.records();
        let mut done = 0;
        let mut rows = self.rows;
        let mut count = |rows: &mut Rows<'i>, table, record: &[u8], key_bytes| {
            done += 1;
            if done % STEP == 0 || done == total {
                progress(BulkProgress { done, total });
            }
            let (key, value) = record.split_at(key_bytes);
            rows.append_sorted(table, key, value)
        };
        let mut last = None;
        self.numbers.merge(|record| {
            let work: Option<&[u8; 32]> = record.first_chunk();
            if let Some(work) = work.filter(|work| last == Some(**work)) {
                return Err(IndexError::Repeated { work: WorkId(*work) });
            }
            last = work.copied();
            count(&mut rows, Table::Numbers, record, 32)
        })?;
        self.bands.merge(|record| count(&mut rows, Table::Bands, record, 4))?;
        self.postings
            .merge(|record| count(&mut rows, Table::Postings, record, 12 - POSTING_BYTES))?;
        rows.commit()?;
        let writer = self.environment.writer()?;
        put_next_number(&writer, self.next)?;
        buckets::update_fills(&writer, self.min_bucket_works, 0)?;
        writer.delete(Table::Meta, LOADING_NAME, None)?;
        writer.commit()
    }
}

/// A record of a key and a value. Both have the lengths that add up to `N`.
fn joined<const N: usize>(key: &[u8], value: &[u8]) -> [u8; N] {
    let mut record = [0; N];
    for (slot, byte) in record.iter_mut().zip(key.iter().chain(value)) {
        *slot = *byte;
    }
    record
}

/// Appends rows, committing now and then.
struct Rows<'i> {
    environment: &'i Environment,
    /// The transaction that rows go to; the next one begins with the next row.
    writer: Option<Writer<'i>>,
    bytes: usize,
    /// Key of the last row of many values.
    last_key: Vec<u8>,
}

impl<'i> Rows<'i> {
    const fn new(environment: &'i Environment) -> Self {
        Self {
            environment,
            writer: None,
            bytes: 0,
            last_key: Vec::new(),
        }
    }

    /// Appends a row of a new key.
    fn append(&mut self, table: Table, key: &[u8], value: &[u8]) -> Result<(), IndexError> {
        self.write(key.len() + value.len(), |writer| writer.append(table, key, value))
    }

    /// Appends a row whose key may be the last row's, of the same table.
    fn append_sorted(&mut self, table: Table, key: &[u8], value: &[u8]) -> Result<(), IndexError> {
        if self.last_key == key {
            return self.write(value.len(), |writer| writer.append_value(table, key, value));
        }
        key.clone_into(&mut self.last_key);
        self.append(table, key, value)
    }

    fn write(
        &mut self,
        bytes: usize,
        write: impl FnOnce(&Writer<'i>) -> Result<(), IndexError>,
    ) -> Result<(), IndexError> {
        let writer = match self.writer.take() {
            Some(writer) => writer,
            None => self.environment.writer()?,
        };
        write(&writer)?;
        self.bytes += bytes;
        if self.bytes >= TRANSACTION_BYTES {
            self.bytes = 0;
            return writer.commit();
        }
        self.writer = Some(writer);
        Ok(())
    }

    fn commit(self) -> Result<(), IndexError> {
        self.writer.map_or(Ok(()), Writer::commit)
    }
}
