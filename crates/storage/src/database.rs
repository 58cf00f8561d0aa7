//! Opening a database and binding it to one chain.

use std::{path::Path, sync::Arc};

use alloy_primitives::B256;
use cwe_primitives::ChainSpec;

use crate::{
    BlockCommit, HistoryMode, Options, Snapshot, StorageError,
    codec::{BlockId, Rlp},
    commit,
    environment::{Environment, EnvironmentConfig, Reader, Writer},
    persist::{Persister, Recent},
    tables::{self, CHAIN_SPEC, GENESIS, LATEST, LOADING, OLDEST_STATE},
};

/// Version of the tables and their encodings. Raised by every change that an older program can't read.
pub(crate) const SCHEMA: u64 = 3;

/// The database of one chain. Threads share it; one process writes, others may read.
#[derive(Debug)]
pub struct Database {
    pub(crate) environment: Arc<Environment>,
    pub(crate) history: HistoryMode,
    pub(crate) recent: Arc<Recent>,
    pub(crate) read_only: bool,
    /// None if nothing can be appended.
    _persister: Option<Persister>,
}

impl Database {
    /// Opens the database in directory `path`, creating it unless it is opened read-only.
    ///
    /// # Errors
    /// [`StorageError::Locked`], [`StorageError::NewerSchema`], [`StorageError::OlderSchema`],
    /// [`StorageError::Corrupted`], [`StorageError::InterruptedLoad`], [`StorageError::DiskFull`],
    /// [`StorageError::Uninitialised`] (read-only), [`StorageError::Io`].
    pub fn open(path: &Path, options: Options) -> Result<Self, StorageError> {
        let config = EnvironmentConfig {
            max_size_bytes: options.max_size_bytes,
            growth_step_bytes: options.growth_step_bytes,
            max_readers: options.max_readers,
            read_only: options.read_only,
            tables: tables::NAMES,
        };
        let environment = Environment::open(path, &config)?;
        check_schema(&environment, options.read_only)?;
        if environment.reader()?.meta(&LOADING)?.is_some() {
            return Err(StorageError::InterruptedLoad {
                path: path.to_path_buf(),
            });
        }
        let environment = Arc::new(environment);
        let recent = Recent::new(Arc::clone(&environment), options.history, options.persist_after);
        let recent = Arc::new(recent);
        let persister = if options.read_only {
            None
        } else {
            Some(Persister::start(Arc::clone(&recent))?)
        };
        Ok(Self {
            environment,
            history: options.history,
            recent,
            read_only: options.read_only,
            _persister: persister,
        })
    }

    /// Directory of the database.
    pub fn path(&self) -> &Path {
        self.environment.path()
    }

    /// Commits block 0 into an empty database. Does nothing if the database already holds this chain.
    ///
    /// # Errors
    /// [`StorageError::WrongChain`] if it holds another; [`StorageError::Inconsistent`] if `genesis` is no genesis;
    /// otherwise as [`Self::commit_block`].
    pub fn init_genesis(&self, spec: &ChainSpec, genesis: BlockCommit<'_>) -> Result<(), StorageError> {
        if self.is_chain(spec, genesis.hash)? {
            return Ok(());
        }
        if genesis.block.header.number != 0 {
            let number = genesis.block.header.number;
            return Err(StorageError::Inconsistent {
                number,
                reason: "a genesis block has number 0",
            });
        }
        commit::check_genesis(&genesis)?;
        let writer = self.environment.writer()?;
        put_chain(&writer, spec, genesis.hash)?;
        commit::write(&writer, &genesis)?;
        writer.commit()
    }

    /// Whether the database holds this chain already; an error if it holds another, `false` if it is empty.
    pub(crate) fn is_chain(&self, spec: &ChainSpec, genesis_hash: B256) -> Result<bool, StorageError> {
        let reader = self.environment.reader()?;
        let Some((found_spec, found_genesis)) = chain_of(&reader)? else {
            return Ok(false);
        };
        let wrong = |what, found: String, expected: String| StorageError::WrongChain {
            path: self.path().to_path_buf(),
            what,
            found,
            expected,
        };
        if found_spec.chain_id != spec.chain_id {
            return Err(wrong(
                "chain id",
                found_spec.chain_id.to_string(),
                spec.chain_id.to_string(),
            ));
        }
        if found_genesis != genesis_hash {
            return Err(wrong(
                "genesis hash",
                found_genesis.to_string(),
                genesis_hash.to_string(),
            ));
        }
        if found_spec != *spec {
            return Err(wrong("parameters", format!("{found_spec:?}"), format!("{spec:?}")));
        }
        Ok(true)
    }

    /// Parameters of the chain; `None` before [`Self::init_genesis`].
    ///
    /// # Errors
    /// The database can't be read.
    pub fn chain_spec(&self) -> Result<Option<ChainSpec>, StorageError> {
        Ok(chain_of(&self.environment.reader()?)?.map(|(spec, _)| spec))
    }

    /// Hash of block 0; `None` before [`Self::init_genesis`].
    ///
    /// # Errors
    /// The database can't be read.
    pub fn genesis_hash(&self) -> Result<Option<B256>, StorageError> {
        Ok(chain_of(&self.environment.reader()?)?.map(|(_, hash)| hash))
    }

    /// The state after the newest block.
    ///
    /// # Errors
    /// [`StorageError::Uninitialised`], [`StorageError::TooManyReaders`].
    pub fn latest(&self) -> Result<Snapshot, StorageError> {
        self.snapshot(None)
    }

    /// The state after `block`.
    ///
    /// # Errors
    /// [`StorageError::PrunedHistory`] if it is not kept or not there yet; otherwise as [`Self::latest`].
    pub fn at(&self, block: u64) -> Result<Snapshot, StorageError> {
        self.snapshot(Some(block))
    }

    fn snapshot(&self, block: Option<u64>) -> Result<Snapshot, StorageError> {
        let (reader, view) = self
            .recent
            .with_view(|view| self.environment.reader().map(|reader| (reader, view.clone())))?;
        Snapshot::new(reader, view, block)
    }
}

impl std::fmt::Debug for Environment {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Environment")
            .field("path", &self.path())
            .finish_non_exhaustive()
    }
}

/// Binds an empty database to a chain.
pub(crate) fn put_chain(writer: &Writer, spec: &ChainSpec, genesis_hash: B256) -> Result<(), StorageError> {
    writer.put_meta(&CHAIN_SPEC, &Rlp(spec.into()))?;
    writer.put_meta(&GENESIS, &genesis_hash)?;
    writer.put_meta(&OLDEST_STATE, &0)
}

fn chain_of(reader: &Reader) -> Result<Option<(ChainSpec, B256)>, StorageError> {
    let Some(Rlp(spec)) = reader.meta(&CHAIN_SPEC)? else {
        return Ok(None);
    };
    let hash = reader.meta(&GENESIS)?.ok_or_else(|| StorageError::MissingRow {
        what: "the genesis hash".into(),
    })?;
    Ok(Some((spec.into(), hash)))
}

/// The newest block of an initialised database.
pub(crate) fn latest_of<K: signet_libmdbx::TransactionKind>(
    transaction: &crate::environment::Transaction<K>,
) -> Result<BlockId, StorageError> {
    transaction.meta(&LATEST)?.ok_or_else(|| StorageError::Uninitialised {
        path: transaction.path().to_path_buf(),
    })
}

fn check_schema(environment: &Environment, read_only: bool) -> Result<(), StorageError> {
    let found = environment.reader()?.meta(&tables::SCHEMA)?;
    let path = environment.path().to_path_buf();
    match found {
        Some(SCHEMA) => Ok(()),
        Some(found) if found > SCHEMA => Err(StorageError::NewerSchema {
            path,
            found,
            supported: SCHEMA,
        }),
        Some(found) => Err(StorageError::OlderSchema {
            path,
            found,
            supported: SCHEMA,
        }),
        None if read_only => Err(StorageError::Uninitialised { path }),
        None => {
            let writer = environment.writer()?;
            writer.put_meta(&tables::SCHEMA, &SCHEMA)?;
            writer.commit()
        }
    }
}
