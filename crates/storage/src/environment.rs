//! MDBX behind types: environments, transactions, cursors that speak in tables instead of bytes.
//!
//! MDBX aborts the process on keys and values that are too large; every write goes through the length checks here.

use std::{
    borrow::Cow,
    marker::PhantomData,
    path::{Path, PathBuf},
    sync::Arc,
};

use signet_libmdbx::{
    DatabaseFlags, EnvironmentFlags, Geometry, MdbxError, Mode, ReadError, Ro, RoSync, Rw, SyncMode, TransactionKind,
    WriteFlags, sys::PageSize, tx::Tx,
};

use crate::{
    StorageError,
    codec::{Key, MAX_KEY_BYTES, Value},
    error::{from_mdbx, from_read},
    lock::DirectoryLock,
    tables::{Meta, MetaItem, Table},
};

/// Bytes of a page. Fixed, so that files move between machines with other page sizes of memory.
const PAGE_BYTES: usize = 4096;

/// Longest value of any table, in bytes. A block of the largest gas limit in use stays far below.
pub(crate) const MAX_VALUE_BYTES: usize = 64 << 20;

/// Pages that one search of the free list may gather; large, so that big blocks reuse space instead of growing the file.
const FREE_LIST_SEARCH_PAGES: u64 = 256 * 1024;

/// Pages in memory that a transaction leaves to the next one, 32 MiB at most: taken from the system anew, each would be
/// cleared by it first.
const RESERVED_PAGES: u64 = 8 * 1024;

/// A row as MDBX holds it: key and value.
type RawRow<'t> = (Cow<'t, [u8]>, Cow<'t, [u8]>);

/// A decoded row.
type Row<T> = (<T as Table>::Key, <T as Table>::Value);

/// How an environment is opened.
pub(crate) struct EnvironmentConfig {
    pub(crate) max_size_bytes: usize,
    pub(crate) growth_step_bytes: usize,
    pub(crate) max_readers: u64,
    pub(crate) read_only: bool,
    /// Names of the tables, by [`Table::INDEX`].
    pub(crate) tables: &'static [&'static str],
}

/// What all transactions of an environment share.
struct Shared {
    path: PathBuf,
    max_readers: u64,
    read_only: bool,
    tables: Vec<signet_libmdbx::Database>,
    /// Outlives every transaction, so that nobody opens files that are still mapped.
    _lock: Option<DirectoryLock>,
}

impl Shared {
    fn mdbx(&self, error: MdbxError) -> StorageError {
        from_mdbx(&self.path, self.max_readers, error)
    }

    fn read(&self, error: ReadError) -> StorageError {
        from_read(&self.path, self.max_readers, error)
    }
}

/// An open MDBX environment and its tables.
pub(crate) struct Environment {
    inner: signet_libmdbx::Environment,
    shared: Arc<Shared>,
}

impl Environment {
    /// Opens the environment in `directory`; for writing under the directory's lock, creating what is missing.
    pub(crate) fn open(directory: &Path, config: &EnvironmentConfig) -> Result<Self, StorageError> {
        let lock = if config.read_only {
            None
        } else {
            Some(DirectoryLock::acquire(directory)?)
        };
        let named = |error| from_mdbx(directory, config.max_readers, error);
        let inner = builder(config).open(directory).map_err(|error| match error {
            MdbxError::Other(_) | MdbxError::NotFound if config.read_only => StorageError::Uninitialised {
                path: directory.to_path_buf(),
            },
            error => named(error),
        })?;
        let tables = if config.read_only {
            open_tables(&inner, config.tables).map_err(|error| match error {
                MdbxError::NotFound => StorageError::Uninitialised {
                    path: directory.to_path_buf(),
                },
                error => named(error),
            })?
        } else {
            create_tables(&inner, config.tables).map_err(named)?
        };
        let shared = Shared {
            path: directory.to_path_buf(),
            max_readers: config.max_readers,
            read_only: config.read_only,
            tables,
            _lock: lock,
        };
        Ok(Self {
            inner,
            shared: Arc::new(shared),
        })
    }

    /// Directory of the environment.
    pub(crate) fn path(&self) -> &Path {
        &self.shared.path
    }

    /// A view of the last commit, for any number of threads.
    pub(crate) fn reader(&self) -> Result<Reader, StorageError> {
        let tx = self.inner.begin_ro_sync().map_err(|error| self.shared.mdbx(error))?;
        Ok(Transaction {
            tx,
            shared: Arc::clone(&self.shared),
        })
    }

    /// The one write transaction; waits for another thread's to end.
    pub(crate) fn writer(&self) -> Result<Writer, StorageError> {
        if self.shared.read_only {
            return Err(StorageError::ReadOnly {
                path: self.shared.path.clone(),
            });
        }
        let tx = self.inner.begin_rw_unsync().map_err(|error| self.shared.mdbx(error))?;
        Ok(Transaction {
            tx,
            shared: Arc::clone(&self.shared),
        })
    }
}

fn builder(config: &EnvironmentConfig) -> signet_libmdbx::sys::EnvironmentBuilder {
    let mode = if config.read_only {
        Mode::ReadOnly
    } else {
        Mode::ReadWrite {
            sync_mode: SyncMode::Durable,
        }
    };
    let mut builder = signet_libmdbx::Environment::builder();
    builder
        .set_geometry(Geometry {
            size: Some(0..config.max_size_bytes),
            growth_step: isize::try_from(config.growth_step_bytes.min(config.max_size_bytes)).ok(),
            shrink_threshold: Some(0),
            page_size: Some(PageSize::Set(PAGE_BYTES)),
        })
        .set_flags(EnvironmentFlags {
            mode,
            no_rdahead: true,
            // Pages freed last are reused first: they are still in the cache.
            liforeclaim: true,
            ..Default::default()
        })
        .set_max_readers(config.max_readers)
        .set_max_dbs(config.tables.len())
        .set_rp_augment_limit(FREE_LIST_SEARCH_PAGES)
        .set_dp_reserve_limit(RESERVED_PAGES);
    builder
}

fn create_tables(
    environment: &signet_libmdbx::Environment,
    names: &[&str],
) -> Result<Vec<signet_libmdbx::Database>, MdbxError> {
    let tx = environment.begin_rw_unsync()?;
    let tables = names
        .iter()
        .map(|name| tx.create_db(Some(name), DatabaseFlags::empty()))
        .collect::<Result<_, _>>()?;
    tx.commit()?;
    Ok(tables)
}

fn open_tables(
    environment: &signet_libmdbx::Environment,
    names: &[&str],
) -> Result<Vec<signet_libmdbx::Database>, MdbxError> {
    let tx: Tx<Ro> = environment.begin_ro_unsync()?;
    let tables = names
        .iter()
        .map(|name| tx.open_db_no_cache(Some(name)))
        .collect::<Result<_, _>>()?;
    tx.commit()?;
    Ok(tables)
}

/// A transaction, read-only or writing.
pub(crate) struct Transaction<K: TransactionKind> {
    tx: Tx<K>,
    shared: Arc<Shared>,
}

/// A read transaction that threads may share.
pub(crate) type Reader = Transaction<RoSync>;

/// The write transaction. Dropped without [`Writer::commit`], it changes nothing.
pub(crate) type Writer = Transaction<Rw>;

impl<K: TransactionKind> std::fmt::Debug for Transaction<K> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Transaction")
            .field("path", &self.shared.path)
            .finish_non_exhaustive()
    }
}

impl<K: TransactionKind> Transaction<K> {
    fn table<T: Table>(&self) -> signet_libmdbx::Database {
        self.shared.tables[T::INDEX]
    }

    /// Directory of the environment.
    pub(crate) fn path(&self) -> &Path {
        &self.shared.path
    }

    /// The value of a row.
    pub(crate) fn get<T: Table>(&self, key: &T::Key) -> Result<Option<T::Value>, StorageError> {
        self.get_raw::<T>(key.encode().as_ref())?
            .map(|bytes| decode_value::<T>(&bytes))
            .transpose()
    }

    /// The bytes of a row's value.
    pub(crate) fn get_raw<T: Table>(&self, key: &[u8]) -> Result<Option<Cow<'_, [u8]>>, StorageError> {
        self.tx
            .get(self.table::<T>().dbi(), key)
            .map_err(|error| self.shared.read(error))
    }

    /// The first row at or after `key`, as bytes.
    pub(crate) fn seek_raw<T: Table>(&self, key: &[u8]) -> Result<Option<RawRow<'_>>, StorageError> {
        let mut cursor = self
            .tx
            .cursor(self.table::<T>())
            .map_err(|error| self.shared.mdbx(error))?;
        cursor.set_range(key).map_err(|error| self.shared.read(error))
    }

    /// The first row at or after `key`.
    pub(crate) fn seek<T: Table>(&self, key: &T::Key) -> Result<Option<Row<T>>, StorageError> {
        self.seek_raw::<T>(key.encode().as_ref())?
            .map(|row| decode_row::<T>(&row))
            .transpose()
    }

    /// The last row of a table.
    pub(crate) fn last<T: Table>(&self) -> Result<Option<Row<T>>, StorageError> {
        let mut cursor = self
            .tx
            .cursor(self.table::<T>())
            .map_err(|error| self.shared.mdbx(error))?;
        let row: Option<RawRow<'_>> = cursor.last().map_err(|error| self.shared.read(error))?;
        row.map(|row| decode_row::<T>(&row)).transpose()
    }

    /// Up to `limit` rows from `first` on.
    pub(crate) fn scan<T: Table>(&self, first: &T::Key, limit: usize) -> Result<Vec<Row<T>>, StorageError> {
        let mut rows = Vec::new();
        if limit == 0 {
            return Ok(rows);
        }
        let mut cursor = self
            .tx
            .cursor(self.table::<T>())
            .map_err(|error| self.shared.mdbx(error))?;
        let mut row: Option<RawRow<'_>> = cursor
            .set_range(first.encode().as_ref())
            .map_err(|error| self.shared.read(error))?;
        while let Some(found) = row {
            rows.push(decode_row::<T>(&found)?);
            if rows.len() == limit {
                break;
            }
            row = cursor.next().map_err(|error| self.shared.read(error))?;
        }
        Ok(rows)
    }

    /// A single value.
    pub(crate) fn meta<V: Value>(&self, item: &MetaItem<V>) -> Result<Option<V>, StorageError> {
        let Some(bytes) = self.get_raw::<Meta>(item.name.encode().as_ref())? else {
            return Ok(None);
        };
        V::decode(&bytes)
            .map(Some)
            .map_err(|reason| StorageError::MalformedRow {
                table: item.name,
                reason,
            })
    }
}

impl Writer {
    /// Inserts or replaces a row.
    pub(crate) fn put<T: Table>(&self, key: &T::Key, value: &T::Value) -> Result<(), StorageError> {
        let mut bytes = Vec::new();
        value.encode(&mut bytes);
        self.cursor::<T>()?.put(key.encode().as_ref(), &bytes)
    }

    /// Removes a row; says whether there was one.
    pub(crate) fn delete<T: Table>(&self, key: &T::Key) -> Result<bool, StorageError> {
        self.tx
            .del(self.table::<T>(), key.encode(), None)
            .map_err(|error| self.shared.mdbx(error))
    }

    /// Sets a single value.
    pub(crate) fn put_meta<V: Value>(&self, item: &MetaItem<V>, value: &V) -> Result<(), StorageError> {
        let mut bytes = Vec::new();
        value.encode(&mut bytes);
        self.cursor::<Meta>()?.put(item.name.encode().as_ref(), &bytes)
    }

    /// Removes a single value.
    pub(crate) fn delete_meta<V>(&self, item: &MetaItem<V>) -> Result<(), StorageError> {
        self.delete::<Meta>(&item.name).map(drop)
    }

    /// A cursor for many writes in one table, best in key order.
    pub(crate) fn cursor<T: Table>(&self) -> Result<WriteCursor<'_, T>, StorageError> {
        let inner = self
            .tx
            .cursor(self.table::<T>())
            .map_err(|error| self.shared.mdbx(error))?;
        Ok(WriteCursor {
            inner,
            shared: &self.shared,
            table: PhantomData,
        })
    }

    /// Makes all writes durable at once: after this returns, they survive a loss of power.
    pub(crate) fn commit(self) -> Result<(), StorageError> {
        let Self { tx, shared } = self;
        tx.commit().map_err(|error| shared.mdbx(error))
    }
}

/// Writes in one table.
pub(crate) struct WriteCursor<'w, T> {
    inner: signet_libmdbx::Cursor<'w, Rw>,
    shared: &'w Shared,
    table: PhantomData<T>,
}

impl<'w, T: Table> WriteCursor<'w, T> {
    /// The bytes of a row's value; the cursor then stands on the row.
    pub(crate) fn find(&mut self, key: &[u8]) -> Result<Option<Cow<'w, [u8]>>, StorageError> {
        self.inner.set(key).map_err(|error| self.shared.read(error))
    }

    /// Inserts or replaces a row.
    pub(crate) fn put(&mut self, key: &[u8], value: &[u8]) -> Result<(), StorageError> {
        self.check(key, value)?;
        self.inner
            .put(key, value, WriteFlags::UPSERT)
            .map_err(|error| self.shared.mdbx(error))
    }

    /// Inserts a row after all others; the caller knows that `key` is the greatest.
    pub(crate) fn append(&mut self, key: &[u8], value: &[u8]) -> Result<(), StorageError> {
        self.check(key, value)?;
        self.inner.append(key, value).map_err(|error| self.shared.mdbx(error))
    }

    /// Removes the row that [`Self::find`] found.
    pub(crate) fn delete_found(&mut self) -> Result<(), StorageError> {
        self.inner.del().map_err(|error| self.shared.mdbx(error))
    }

    /// Removes a row if it is there.
    pub(crate) fn delete(&mut self, key: &[u8]) -> Result<(), StorageError> {
        if self.find(key)?.is_some() {
            self.delete_found()
        } else {
            Ok(())
        }
    }

    fn check(&self, key: &[u8], value: &[u8]) -> Result<(), StorageError> {
        if key.len() > MAX_KEY_BYTES {
            return Err(StorageError::TooLarge {
                table: T::NAME,
                size: key.len(),
                limit: MAX_KEY_BYTES,
            });
        }
        if value.len() > MAX_VALUE_BYTES {
            return Err(StorageError::TooLarge {
                table: T::NAME,
                size: value.len(),
                limit: MAX_VALUE_BYTES,
            });
        }
        Ok(())
    }
}

/// Decodes a value of a table.
pub(crate) fn decode_value<T: Table>(bytes: &[u8]) -> Result<T::Value, StorageError> {
    T::Value::decode(bytes).map_err(|reason| StorageError::MalformedRow { table: T::NAME, reason })
}

fn decode_row<T: Table>((key, value): &RawRow<'_>) -> Result<Row<T>, StorageError> {
    let key = T::Key::decode(key).ok_or(StorageError::MalformedRow {
        table: T::NAME,
        reason: "the key is malformed",
    })?;
    Ok((key, decode_value::<T>(value)?))
}
