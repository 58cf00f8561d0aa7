//! What a coordinator must not lose: accepted reveals, the states that its aggregates lead to, transactions under way.
//!
//! SQLite (`sqlite:reveals.db`) or PostgreSQL (`postgres://…`), by the same rules. Reveals are keyed by epoch and
//! nullifier; nothing says when or in which order they came, or from where. What [`Store::accept`] has answered survives
//! `kill -9`.

mod aggregates;
mod carried;
mod transactions;

use std::{collections::BTreeSet, fmt, time::Duration};

use alloy::primitives::B256;
use sqlx::{
    Any, AnyPool, Executor, Row, Transaction,
    any::{AnyPoolOptions, AnyRow, install_default_drivers},
};

pub use aggregates::{Stage, StoredAggregate};
pub use transactions::SentTransaction;

use crate::record::Record;

const MAX_CONNECTIONS: u32 = 4;
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
    #[error("the database's table {0} has a row that this program did not write: it was changed by something else")]
    Foreign(&'static str),
    /// The number of an epoch that no chain reaches.
    #[error("epoch {0} can't be stored")]
    Epoch(u64),
}

/// A reveal that was verified.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reveal {
    /// What it says.
    pub record: Record,
    /// Its proof.
    pub proof: Vec<u8>,
}

/// What became of a reveal that was to be kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kept {
    /// It is new.
    New,
    /// The very record was there.
    Known,
    /// The nullifier was there with another record.
    Conflict,
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
    /// Opens the store at `address` (`sqlite:PATH`, made if it isn't there, or `postgres://…`) and brings its tables to
    /// this program's schema.
    ///
    /// # Errors
    /// The address is of no known database, the database can't be reached, or its schema is newer.
    pub async fn open(address: &str) -> Result<Self, StoreError> {
        install_default_drivers();
        let options = AnyPoolOptions::new()
            .max_connections(MAX_CONNECTIONS)
            .acquire_timeout(ACQUIRE_TIMEOUT);
        if address.starts_with("sqlite:") {
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
            Ok(Self { pool })
        } else if address.starts_with("postgres://") || address.starts_with("postgresql://") {
            let pool = options.connect(address).await?;
            sqlx::migrate!("migrations/postgres").run(&pool).await?;
            Ok(Self { pool })
        } else {
            // The rest may hold a password.
            let scheme = address.split_once(':').map_or(address, |(scheme, _)| scheme);
            Err(StoreError::UnknownScheme(scheme.into()))
        }
    }

    /// Keeps reveals: all of this call's are durable when it returns, or none.
    ///
    /// # Errors
    /// The database fails.
    pub async fn accept(&self, reveals: &[Reveal]) -> Result<Vec<Kept>, StoreError> {
        let mut transaction = self.pool.begin().await?;
        let mut kept = Vec::with_capacity(reveals.len());
        for reveal in reveals {
            kept.push(accept_one(&mut transaction, reveal).await?);
        }
        transaction.commit().await?;
        Ok(kept)
    }

    /// The record with a nullifier.
    ///
    /// # Errors
    /// The database fails.
    pub async fn find(&self, epoch: u64, nullifier: B256) -> Result<Option<Record>, StoreError> {
        let row = sqlx::query(FIND).bind(number(epoch)?).bind(nullifier.0.to_vec());
        let row = row.fetch_optional(&self.pool).await?;
        row.map(|row| record_of(epoch, nullifier, &row)).transpose()
    }

    /// How many reveals of an epoch there are.
    ///
    /// # Errors
    /// The database fails.
    pub async fn count(&self, epoch: u64) -> Result<u64, StoreError> {
        let row = sqlx::query("SELECT COUNT(*) AS reveals FROM reveals WHERE epoch = $1");
        let row = row.bind(number(epoch)?).fetch_one(&self.pool).await?;
        Ok(u64::try_from(row.try_get::<i64, _>("reveals")?).unwrap_or_default())
    }

    /// The nullifiers of an epoch's reveals that can be aggregated, in the order of their values.
    ///
    /// # Errors
    /// The database fails.
    pub async fn nullifiers(&self, epoch: u64) -> Result<BTreeSet<B256>, StoreError> {
        let rows = sqlx::query("SELECT nullifier FROM reveals WHERE epoch = $1 AND refused = 0");
        let rows = rows.bind(number(epoch)?).fetch_all(&self.pool).await?;
        rows.iter().map(|row| word(row, "nullifier")).collect()
    }

    /// Reveals by their nullifiers, in the order asked for; those that aren't there are left out.
    ///
    /// # Errors
    /// The database fails.
    pub async fn reveals(&self, epoch: u64, nullifiers: &[B256]) -> Result<Vec<Reveal>, StoreError> {
        let mut reveals = Vec::with_capacity(nullifiers.len());
        for nullifier in nullifiers {
            let row = sqlx::query(
                "SELECT r.record AS record, p.proof AS proof FROM reveals r JOIN reveal_proofs p \
                 ON p.epoch = r.epoch AND p.nullifier = r.nullifier WHERE r.epoch = $1 AND r.nullifier = $2",
            );
            let row = row.bind(number(epoch)?).bind(nullifier.0.to_vec());
            if let Some(row) = row.fetch_optional(&self.pool).await? {
                reveals.push(Reveal {
                    record: record_of(epoch, *nullifier, &row)?,
                    proof: row.try_get("proof")?,
                });
            }
        }
        Ok(reveals)
    }

    /// Takes a reveal out of aggregation: no proof could be made with it.
    ///
    /// # Errors
    /// The database fails.
    pub async fn refuse(&self, epoch: u64, nullifier: B256) -> Result<(), StoreError> {
        let update = sqlx::query("UPDATE reveals SET refused = 1 WHERE epoch = $1 AND nullifier = $2");
        update
            .bind(number(epoch)?)
            .bind(nullifier.0.to_vec())
            .execute(&self.pool)
            .await?;
        Ok(())
    }

    /// The epochs that there is anything of.
    ///
    /// # Errors
    /// The database fails.
    pub async fn epochs(&self) -> Result<BTreeSet<u64>, StoreError> {
        let rows = sqlx::query("SELECT epoch FROM reveals UNION SELECT epoch FROM aggregates");
        let rows = rows.fetch_all(&self.pool).await?;
        rows.iter()
            .map(|row| u64::try_from(row.try_get::<i64, _>("epoch")?).map_err(|_| StoreError::Foreign("reveals")))
            .collect()
    }

    /// Forgets the reveals and states of the epochs before one.
    ///
    /// # Errors
    /// The database fails.
    pub async fn forget_before(&self, epoch: u64) -> Result<(), StoreError> {
        for delete in [
            "DELETE FROM reveals WHERE epoch < $1",
            "DELETE FROM reveal_proofs WHERE epoch < $1",
            "DELETE FROM aggregates WHERE epoch < $1",
            // The next settlement needs that of the epoch before it.
            "DELETE FROM carried WHERE epoch < $1 - 1",
        ] {
            sqlx::query(delete).bind(number(epoch)?).execute(&self.pool).await?;
        }
        Ok(())
    }
}

const FIND: &str = "SELECT record FROM reveals WHERE epoch = $1 AND nullifier = $2";

async fn accept_one(transaction: &mut Transaction<'_, Any>, reveal: &Reveal) -> Result<Kept, StoreError> {
    let record = &reveal.record;
    let (epoch, nullifier) = (number(record.epoch)?, B256::from(record.nullifier));
    let inserted = sqlx::query(
        "INSERT INTO reveals (epoch, nullifier, record) VALUES ($1, $2, $3) ON CONFLICT (epoch, nullifier) DO NOTHING",
    );
    let inserted = inserted
        .bind(epoch)
        .bind(nullifier.0.to_vec())
        .bind(record.to_stored())
        .execute(&mut **transaction)
        .await?;
    if inserted.rows_affected() == 0 {
        let row = sqlx::query(FIND).bind(epoch).bind(nullifier.0.to_vec());
        let row = row.fetch_one(&mut **transaction).await?;
        let same = record_of(record.epoch, nullifier, &row)? == *record;
        return Ok(if same { Kept::Known } else { Kept::Conflict });
    }
    sqlx::query("INSERT INTO reveal_proofs (epoch, nullifier, proof) VALUES ($1, $2, $3)")
        .bind(epoch)
        .bind(nullifier.0.to_vec())
        .bind(reveal.proof.as_slice())
        .execute(&mut **transaction)
        .await?;
    Ok(Kept::New)
}

fn record_of(epoch: u64, nullifier: B256, row: &AnyRow) -> Result<Record, StoreError> {
    let bytes: Vec<u8> = row.try_get("record")?;
    Record::from_stored(epoch, nullifier, &bytes).ok_or(StoreError::Foreign("reveals"))
}

fn word(row: &AnyRow, column: &'static str) -> Result<B256, StoreError> {
    let bytes: Vec<u8> = row.try_get(column)?;
    B256::try_from(bytes.as_slice()).map_err(|_| StoreError::Foreign(column))
}

fn number(epoch: u64) -> Result<i64, StoreError> {
    i64::try_from(epoch).map_err(|_| StoreError::Epoch(epoch))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::reveal;

    async fn store(folder: &tempfile::TempDir) -> Store {
        Store::open(&format!("sqlite:{}", folder.path().join("reveals.db").display()))
            .await
            .unwrap()
    }

    #[tokio::test]
    async fn a_nullifier_has_one_record_however_often_it_comes() {
        let folder = tempfile::tempdir().unwrap();
        let store = store(&folder).await;
        let mut other = reveal(1);
        other.record.units += 1;
        let kept = store
            .accept(&[reveal(1), reveal(2), reveal(1), other.clone()])
            .await
            .unwrap();
        assert_eq!(kept, [Kept::New, Kept::New, Kept::Known, Kept::Conflict]);
        let reopened = self::store(&folder).await;
        assert_eq!(
            reopened.accept(&[reveal(1), other]).await.unwrap(),
            [Kept::Known, Kept::Conflict]
        );
        assert_eq!(reopened.count(7).await.unwrap(), 2);
        assert_eq!(reopened.count(8).await.unwrap(), 0);
        let nullifier = reveal(1).record.nullifier.into();
        assert_eq!(reopened.find(7, nullifier).await.unwrap(), Some(reveal(1).record));
        assert_eq!(
            reopened.reveals(7, &[nullifier, B256::ZERO]).await.unwrap(),
            [reveal(1)]
        );
    }

    #[tokio::test]
    async fn nothing_shows_the_order_of_arrival() {
        let read = async |order: [u8; 3]| {
            let folder = tempfile::tempdir().unwrap();
            let store = store(&folder).await;
            for number in order {
                store.accept(&[reveal(number)]).await.unwrap();
            }
            let rows = sqlx::query("SELECT * FROM reveals")
                .fetch_all(&store.pool)
                .await
                .unwrap();
            let columns = rows[0].len();
            let rowid = sqlx::query("SELECT rowid FROM reveals").fetch_all(&store.pool).await;
            assert!(rowid.is_err(), "SQLite must not number the rows");
            let nullifiers: Vec<_> = rows.iter().map(|row| word(row, "nullifier").unwrap()).collect();
            (columns, nullifiers)
        };
        assert_eq!(read([1, 2, 3]).await, read([3, 1, 2]).await);
    }

    #[tokio::test]
    async fn refused_reveals_are_not_aggregated_and_old_epochs_are_forgotten() {
        let folder = tempfile::tempdir().unwrap();
        let store = store(&folder).await;
        store.accept(&[reveal(1), reveal(2)]).await.unwrap();
        store.refuse(7, reveal(1).record.nullifier.into()).await.unwrap();
        let left = BTreeSet::from([B256::from(reveal(2).record.nullifier)]);
        assert_eq!(store.nullifiers(7).await.unwrap(), left);
        store.forget_before(7).await.unwrap();
        assert_eq!(store.epochs().await.unwrap(), BTreeSet::from([7]));
        store.forget_before(8).await.unwrap();
        assert!(store.epochs().await.unwrap().is_empty());
        assert!(
            store
                .reveals(7, &[reveal(2).record.nullifier.into()])
                .await
                .unwrap()
                .is_empty()
        );
    }

    #[tokio::test]
    async fn an_address_of_no_known_database_is_refused_without_its_password() {
        let error = Store::open("mysql://me:secret@host/reveals")
            .await
            .unwrap_err()
            .to_string();
        assert!(error.contains("mysql") && !error.contains("secret"), "{error}");
    }
}
