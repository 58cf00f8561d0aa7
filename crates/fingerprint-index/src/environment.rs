//! The MDBX environment of an index: its tables, its mark, who may open it.
//!
//! MDBX aborts the process on keys and values of a wrong length; every row's layout is in [`rows`](crate::rows).

use std::{
    borrow::Cow,
    fs,
    path::{Path, PathBuf},
};

use signet_libmdbx::{
    Cursor, DatabaseFlags, EnvironmentFlags, Geometry, MdbxError, Mode, ReadError, Ro, Rw, SyncMode, TransactionKind,
    WriteFlags, sys::PageSize, tx::Tx,
};

use crate::{
    IndexError, Options,
    lock::{FolderLock, LOCK_FILE},
};

/// Format of the files. Raised with every change of a row's layout, and whenever the same descriptor would give other
/// anchors or another FP_ID than before: rows are removed by computing them again.
pub(crate) const FORMAT: u32 = 2;

/// What the mark starts with; the format follows, as four bytes.
const MAGIC: &[u8] = b"cwe-fingerprint-index";

/// MDBX's data file.
const DATA_FILE: &str = "mdbx.dat";

/// Bytes of a page. Fixed, so that files move between machines with other page sizes of memory.
const PAGE_BYTES: usize = 4096;

/// A table of the environment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Table {
    /// Name to a single value.
    Meta,
    /// Work number to work, kind and FP_ID.
    Works,
    /// Work to its number.
    Numbers,
    /// Work number to encoded descriptor.
    Descriptors,
    /// Mixed key to (work number, at), many.
    Postings,
    /// Band of an FP_ID to work number, many.
    Bands,
}

const TABLES: [Table; 6] = [
    Table::Meta,
    Table::Works,
    Table::Numbers,
    Table::Descriptors,
    Table::Postings,
    Table::Bands,
];

impl Table {
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Meta => "meta",
            Self::Works => "works",
            Self::Numbers => "numbers",
            Self::Descriptors => "descriptors",
            Self::Postings => "postings",
            Self::Bands => "bands",
        }
    }

    fn flags(self) -> DatabaseFlags {
        match self {
            Self::Postings | Self::Bands => DatabaseFlags::DUP_SORT | DatabaseFlags::DUP_FIXED,
            Self::Meta | Self::Works | Self::Numbers | Self::Descriptors => DatabaseFlags::empty(),
        }
    }
}

/// An open environment.
pub(crate) struct Environment {
    inner: signet_libmdbx::Environment,
    tables: [signet_libmdbx::Database; TABLES.len()],
    path: PathBuf,
    read_only: bool,
    /// Outlives every transaction, so that nobody else writes while the files are mapped.
    _lock: Option<FolderLock>,
}

impl std::fmt::Debug for Environment {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Environment")
            .field("path", &self.path)
            .finish_non_exhaustive()
    }
}

impl Environment {
    /// Opens the environment in `folder`; for writing under the folder's lock, creating what is missing.
    pub(crate) fn open(folder: &Path, options: &Options) -> Result<Self, IndexError> {
        if !refuse_foreign(folder)? && options.read_only {
            return Err(IndexError::Missing {
                path: folder.to_path_buf(),
            });
        }
        let lock = if options.read_only {
            None
        } else {
            Some(FolderLock::acquire(folder)?)
        };
        // Looked at before it is opened for writing: opening already writes.
        let marked = if folder.join(DATA_FILE).exists() {
            check_mark(folder, options)?
        } else {
            false
        };
        if !marked && options.read_only {
            return Err(IndexError::Missing {
                path: folder.to_path_buf(),
            });
        }
        let named = |error| IndexError::mdbx(folder, error);
        let inner = builder(options, options.read_only).open(folder).map_err(named)?;
        let tables = if marked {
            open_tables(&inner).map_err(named)?
        } else {
            create_tables(&inner).map_err(named)?
        };
        Ok(Self {
            inner,
            tables,
            path: folder.to_path_buf(),
            read_only: options.read_only,
            _lock: lock,
        })
    }

    /// Folder of the environment.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// A view of the last commit, for this thread.
    pub(crate) fn reader(&self) -> Result<Reader<'_>, IndexError> {
        let tx = self
            .inner
            .begin_ro_unsync()
            .map_err(|error| IndexError::mdbx(&self.path, error))?;
        Ok(Transaction { tx, environment: self })
    }

    /// The one write transaction; waits for another thread's to end. Dropped without a commit, it changes nothing.
    pub(crate) fn writer(&self) -> Result<Writer<'_>, IndexError> {
        if self.read_only {
            return Err(IndexError::ReadOnly {
                path: self.path.clone(),
            });
        }
        let tx = self
            .inner
            .begin_rw_unsync()
            .map_err(|error| IndexError::mdbx(&self.path, error))?;
        Ok(Transaction { tx, environment: self })
    }

    const fn table(&self, table: Table) -> signet_libmdbx::Database {
        self.tables[table as usize]
    }
}

/// Whether the folder has a data file; an error if it has other files instead.
fn refuse_foreign(folder: &Path) -> Result<bool, IndexError> {
    if !folder.exists() {
        return Ok(false);
    }
    if folder.join(DATA_FILE).exists() {
        return Ok(true);
    }
    let entries = fs::read_dir(folder).map_err(|source| IndexError::io("read folder", folder, source))?;
    for entry in entries {
        let name = entry
            .map_err(|source| IndexError::io("read folder", folder, source))?
            .file_name();
        if name != LOCK_FILE {
            return Err(IndexError::Foreign {
                path: folder.to_path_buf(),
                found: format!("a file {}", name.display()),
            });
        }
    }
    Ok(false)
}

/// Whether the data file has this program's mark. A file that was created and never written to has none.
fn check_mark(folder: &Path, options: &Options) -> Result<bool, IndexError> {
    let foreign = |found: &str| IndexError::Foreign {
        path: folder.to_path_buf(),
        found: found.to_owned(),
    };
    let environment = match builder(options, true).open(folder) {
        Ok(environment) => environment,
        Err(MdbxError::Invalid | MdbxError::VersionMismatch | MdbxError::BadSignature) => {
            return Err(foreign("a data file that is none of MDBX"));
        }
        Err(error) => return Err(IndexError::mdbx(folder, error)),
    };
    let named = |error| IndexError::mdbx(folder, error);
    let tx = environment.begin_ro_unsync().map_err(named)?;
    let meta = match tx.open_db_no_cache(Some(Table::Meta.name())) {
        Ok(meta) => meta,
        Err(MdbxError::NotFound) => {
            let root = tx.open_db_no_cache(None).map_err(named)?;
            let entries = tx.db_stat(&root).map_err(named)?.entries();
            return if entries == 0 {
                Ok(false)
            } else {
                Err(foreign("another program's MDBX database"))
            };
        }
        Err(MdbxError::Incompatible) => return Err(foreign("another program's MDBX database")),
        Err(error) => return Err(named(error)),
    };
    let mark: Option<Cow<'_, [u8]>> = tx
        .get(meta.dbi(), FORMAT_NAME)
        .map_err(|error| IndexError::read(folder, error))?;
    let found = mark
        .as_deref()
        .and_then(|mark| mark.strip_prefix(MAGIC))
        .and_then(|format| <[u8; 4]>::try_from(format).ok())
        .map(u32::from_be_bytes);
    match found {
        None => Err(foreign("another program's MDBX database")),
        Some(FORMAT) => Ok(true),
        Some(found) => Err(IndexError::Format {
            path: folder.to_path_buf(),
            found,
            supported: FORMAT,
        }),
    }
}

/// Row of [`Table::Meta`] with the mark.
const FORMAT_NAME: &[u8] = b"format";

fn builder(options: &Options, read_only: bool) -> signet_libmdbx::sys::EnvironmentBuilder {
    let mode = if read_only {
        Mode::ReadOnly
    } else {
        Mode::ReadWrite {
            sync_mode: SyncMode::Durable,
        }
    };
    let mut builder = signet_libmdbx::Environment::builder();
    builder
        .set_geometry(Geometry {
            size: Some(0..options.max_size_bytes),
            growth_step: isize::try_from(options.growth_step_bytes.min(options.max_size_bytes)).ok(),
            shrink_threshold: Some(0),
            page_size: Some(PageSize::Set(PAGE_BYTES)),
        })
        .set_flags(EnvironmentFlags {
            mode,
            // Look-ups are scattered over the file: what the system would read ahead is never asked for.
            no_rdahead: true,
            liforeclaim: true,
            ..Default::default()
        })
        .set_max_readers(options.max_readers)
        .set_max_dbs(TABLES.len());
    builder
}

/// Creates the tables and, in the same transaction, the mark.
fn create_tables(
    environment: &signet_libmdbx::Environment,
) -> Result<[signet_libmdbx::Database; TABLES.len()], MdbxError> {
    let tx = environment.begin_rw_unsync()?;
    let mut tables = [signet_libmdbx::Database::freelist_db(); TABLES.len()];
    for (slot, table) in tables.iter_mut().zip(TABLES) {
        *slot = tx.create_db(Some(table.name()), table.flags())?;
    }
    let mark = [MAGIC, &FORMAT.to_be_bytes()].concat();
    tx.put(tables[Table::Meta as usize], FORMAT_NAME, mark, WriteFlags::UPSERT)?;
    tx.commit()?;
    Ok(tables)
}

fn open_tables(
    environment: &signet_libmdbx::Environment,
) -> Result<[signet_libmdbx::Database; TABLES.len()], MdbxError> {
    let tx = environment.begin_ro_unsync()?;
    let mut tables = [signet_libmdbx::Database::freelist_db(); TABLES.len()];
    for (slot, table) in tables.iter_mut().zip(TABLES) {
        *slot = tx.open_db_no_cache(Some(table.name()))?;
    }
    tx.commit()?;
    Ok(tables)
}

/// A transaction of one thread, reading or writing.
pub(crate) struct Transaction<'e, K: TransactionKind> {
    tx: Tx<K>,
    environment: &'e Environment,
}

/// A view of one commit.
pub(crate) type Reader<'e> = Transaction<'e, Ro>;

/// The write transaction. Dropped without [`Writer::commit`], it changes nothing.
pub(crate) type Writer<'e> = Transaction<'e, Rw>;

impl<K: TransactionKind> Transaction<'_, K> {
    /// The bytes of a row.
    pub(crate) fn get(&self, table: Table, key: &[u8]) -> Result<Option<Cow<'_, [u8]>>, IndexError> {
        self.tx
            .get(self.environment.table(table).dbi(), key)
            .map_err(|error| self.failed(error))
    }

    /// A cursor of a table.
    pub(crate) fn cursor(&self, table: Table) -> Result<Cursor<'_, K>, IndexError> {
        self.tx
            .cursor(self.environment.table(table))
            .map_err(|error| self.mdbx(error))
    }

    /// How many rows a table has; each of a key's many values counts.
    pub(crate) fn rows(&self, table: Table) -> Result<u64, IndexError> {
        let stat = self
            .tx
            .db_stat(&self.environment.table(table))
            .map_err(|error| self.mdbx(error))?;
        Ok(stat.entries() as u64)
    }

    /// Names a failed read.
    pub(crate) fn failed(&self, error: ReadError) -> IndexError {
        IndexError::read(&self.environment.path, error)
    }

    /// Names any other failed call.
    pub(crate) fn mdbx(&self, error: MdbxError) -> IndexError {
        IndexError::mdbx(&self.environment.path, error)
    }
}

impl Writer<'_> {
    /// Inserts or replaces a row; in a table of many values a key, adds one.
    pub(crate) fn put(&self, table: Table, key: &[u8], value: &[u8]) -> Result<(), IndexError> {
        self.tx
            .put(self.environment.table(table), key, value, WriteFlags::UPSERT)
            .map_err(|error| self.mdbx(error))
    }

    /// Adds a row whose key is greater than all others of the table.
    pub(crate) fn append(&self, table: Table, key: &[u8], value: &[u8]) -> Result<(), IndexError> {
        self.tx
            .append(self.environment.table(table), key, value)
            .map_err(|error| self.mdbx(error))
    }

    /// Adds a value that is greater than all others of the table's greatest key.
    pub(crate) fn append_value(&self, table: Table, key: &[u8], value: &[u8]) -> Result<(), IndexError> {
        self.tx
            .append_dup(self.environment.table(table), key, value)
            .map_err(|error| self.mdbx(error))
    }

    /// Removes a row, or one of a key's many values; says whether it was there.
    pub(crate) fn delete(&self, table: Table, key: &[u8], value: Option<&[u8]>) -> Result<bool, IndexError> {
        self.tx
            .del(self.environment.table(table), key, value)
            .map_err(|error| self.mdbx(error))
    }

    /// Makes everything that was written durable at once.
    pub(crate) fn commit(self) -> Result<(), IndexError> {
        let Self { tx, environment } = self;
        tx.commit().map_err(|error| IndexError::mdbx(&environment.path, error))
    }
}
