//! What the hub must not lose: what the chain said, and what creators handed over.
//!
//! SQLite (`sqlite:hub.db`) or PostgreSQL (`postgres://…`), by the same rules. The store is the truth; the search index
//! and the fingerprint index follow it ([`Store::pending`]) and can be built anew from it. Nothing of those who ask is
//! in it.

mod creators;
mod documents;
mod facts;
mod follow;
mod outline;

use std::{fmt, time::Duration};

use alloy::primitives::{Address, B256};
use sqlx::{
    AnyPool, Executor, Row,
    any::{AnyPoolOptions, AnyRow, install_default_drivers},
};

pub use creators::CreatorFacts;
pub use documents::{NewManifest, StoredManifest};
pub use facts::{TermsFacts, VersionFacts, WorkFacts};
pub use follow::{KEPT_BLOCKS, Read};
pub use outline::{Card, GivenUp, MAX_TRIES, Outline, Pending};

const MAX_CONNECTIONS: u32 = 8;
const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(30);

/// Why the store can't do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The address is of no known database.
    #[error("`{0}` is no database: give sqlite:PATH or postgres://…")]
    UnknownScheme(String),
    /// The database fails.
    #[error("the database fails: {0}")]
    Database(#[from] sqlx::Error),
    /// Its tables can't be brought to this program's schema.
    #[error("the database's tables are not this program's: {0}")]
    Schema(#[from] sqlx::migrate::MigrateError),
    /// A row has what this program never writes.
    #[error("the database's column {0} has a value that this program did not write: it was changed by something else")]
    Foreign(&'static str),
    /// A number that no chain reaches.
    #[error("the number {0} can't be stored")]
    Number(u64),
    /// The database is about another chain.
    #[error(
        "the database is about {found}, this hub about {expected}: give serve.database a database of its own, or delete \
         the old one"
    )]
    OtherChain {
        /// What it is about.
        found: String,
        /// What it should be about.
        expected: String,
    },
}

/// The store. Cheap to clone; all clones share their connections.
#[derive(Clone)]
pub struct Store {
    pool: AnyPool,
}

impl fmt::Debug for Store {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The pool's options hold the connection string, and with it a password.
        f.debug_struct("Store").finish_non_exhaustive()
    }
}

impl Store {
    /// Opens the store at `address` (`sqlite:PATH`, made if it isn't there, or `postgres://…`), which is about `chain`,
    /// and brings its tables to this program's schema.
    ///
    /// # Errors
    /// The address is of no known database, the database can't be reached, its schema is newer, or it is about another
    /// chain.
    pub async fn open(address: &str, chain: &str) -> Result<Self, StoreError> {
        install_default_drivers();
        let options = AnyPoolOptions::new()
            .max_connections(MAX_CONNECTIONS)
            .acquire_timeout(ACQUIRE_TIMEOUT);
        let store = if address.starts_with("sqlite:") {
            let separator = if address.contains('?') { '&' } else { '?' };
            let pool = options
                .after_connect(|connection, _| {
                    Box::pin(async move {
                        let pragmas =
                            "PRAGMA busy_timeout = 30000; PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;";
                        connection.execute(pragmas).await.map(drop)
                    })
                })
                .connect(&format!("{address}{separator}mode=rwc"))
                .await?;
            sqlx::migrate!("migrations/sqlite").run(&pool).await?;
            Self { pool }
        } else if address.starts_with("postgres://") || address.starts_with("postgresql://") {
            let pool = options.connect(address).await?;
            sqlx::migrate!("migrations/postgres").run(&pool).await?;
            Self { pool }
        } else {
            // The rest may hold a password.
            let scheme = address.split_once(':').map_or(address, |(scheme, _)| scheme);
            return Err(StoreError::UnknownScheme(scheme.into()));
        };
        let found = store.property("chain", chain).await?;
        if found != chain {
            return Err(StoreError::OtherChain {
                found,
                expected: chain.into(),
            });
        }
        Ok(store)
    }

    /// The store's own name, which its indices carry: drawn when it was made.
    ///
    /// # Errors
    /// The database fails.
    pub async fn name(&self) -> Result<String, StoreError> {
        self.property("store", &format!("{:x}", B256::random())).await
    }

    /// The running epoch when the chain was last read.
    ///
    /// # Errors
    /// The database fails.
    pub async fn epoch(&self) -> Result<u64, StoreError> {
        let epoch = self.property("epoch", "0").await?;
        epoch.parse().map_err(|_| StoreError::Foreign("properties.value"))
    }

    /// A property's value; `initial` where there was none.
    async fn property(&self, name: &str, initial: &str) -> Result<String, StoreError> {
        let insert = sqlx::query("INSERT INTO properties (name, value) VALUES ($1, $2) ON CONFLICT (name) DO NOTHING");
        let select = sqlx::query("SELECT value FROM properties WHERE name = $1");
        if let Some(row) = select.bind(name).fetch_optional(&self.pool).await? {
            return Ok(row.try_get("value")?);
        }
        insert.bind(name).bind(initial).execute(&self.pool).await?;
        let select = sqlx::query("SELECT value FROM properties WHERE name = $1");
        Ok(select.bind(name).fetch_one(&self.pool).await?.try_get("value")?)
    }
}

fn word(row: &AnyRow, column: &'static str) -> Result<B256, StoreError> {
    let bytes: Vec<u8> = row.try_get(column)?;
    B256::try_from(bytes.as_slice()).map_err(|_| StoreError::Foreign(column))
}

fn account(row: &AnyRow, column: &'static str) -> Result<Address, StoreError> {
    let bytes: Vec<u8> = row.try_get(column)?;
    Address::try_from(bytes.as_slice()).map_err(|_| StoreError::Foreign(column))
}

fn number<T: TryFrom<i64>>(row: &AnyRow, column: &'static str) -> Result<T, StoreError> {
    T::try_from(row.try_get::<i64, _>(column)?).map_err(|_| StoreError::Foreign(column))
}

fn stored(number: u64) -> Result<i64, StoreError> {
    i64::try_from(number).map_err(|_| StoreError::Number(number))
}

fn bytes(word: &B256) -> Vec<u8> {
    word.to_vec()
}
