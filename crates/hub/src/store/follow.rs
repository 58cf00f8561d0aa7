//! Following the chain: what its events say is written with the block that said it, and taken back with it.

use alloy::primitives::B256;
use sqlx::{Any, Transaction, any::AnyRow};

use super::{Store, StoreError, bytes, number, stored, word};
use crate::chain::{BlockRef, Event, Located};

/// Blocks whose hashes are kept: as far back a reorganisation is followed without reading everything again.
pub const KEPT_BLOCKS: u64 = 256;

/// What was read of the chain at once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Read {
    /// The events after the block read last, in their order.
    pub events: Vec<Located>,
    /// The last block of them.
    pub tip: BlockRef,
    /// The running epoch.
    pub epoch: u64,
}

/// Tables whose rows a block brings.
const FACTS: [&str; 9] = [
    "DELETE FROM works WHERE block > $1",
    "DELETE FROM versions WHERE block > $1",
    "DELETE FROM terms WHERE block > $1",
    "DELETE FROM statuses WHERE block > $1",
    "DELETE FROM creators WHERE block > $1",
    "DELETE FROM creator_metadata WHERE block > $1",
    "DELETE FROM delegates WHERE block > $1",
    "DELETE FROM region_rules WHERE block > $1",
    "DELETE FROM blocks WHERE number > $1",
];

impl Store {
    /// The newest block that was read.
    ///
    /// # Errors
    /// The database fails.
    pub async fn tip(&self) -> Result<Option<BlockRef>, StoreError> {
        let row = sqlx::query("SELECT number, hash FROM blocks ORDER BY number DESC LIMIT 1");
        let row = row.fetch_optional(&self.pool).await?;
        row.as_ref().map(block_of).transpose()
    }

    /// The newest blocks that were read, newest first.
    ///
    /// # Errors
    /// The database fails.
    pub async fn blocks(&self) -> Result<Vec<BlockRef>, StoreError> {
        let rows = sqlx::query("SELECT number, hash FROM blocks ORDER BY number DESC");
        let rows = rows.fetch_all(&self.pool).await?;
        rows.iter().map(block_of).collect()
    }

    /// Writes down what was read: all of it is durable when this returns, or nothing.
    ///
    /// # Errors
    /// The database fails.
    pub async fn apply(&self, read: &Read) -> Result<(), StoreError> {
        let before = self.epoch().await?;
        let mut transaction = self.pool.begin().await?;
        for located in &read.events {
            write(&mut transaction, located).await?;
        }
        sqlx::query(
            "INSERT INTO blocks (number, hash) VALUES ($1, $2) ON CONFLICT (number) DO UPDATE SET hash = excluded.hash",
        )
        .bind(stored(read.tip.number)?)
        .bind(bytes(&read.tip.hash))
        .execute(&mut *transaction)
        .await?;
        sqlx::query(
            "DELETE FROM blocks WHERE number < (SELECT MIN(number) FROM (SELECT number FROM blocks ORDER BY number DESC \
             LIMIT $1) AS kept)",
        )
        .bind(stored(KEPT_BLOCKS)?)
        .execute(&mut *transaction)
        .await?;
        if before != read.epoch {
            enter_epoch(&mut transaction, before, read.epoch).await?;
        }
        transaction.commit().await?;
        Ok(())
    }

    /// Takes back everything after block `last`; everything with `None`.
    ///
    /// # Errors
    /// The database fails.
    pub async fn rewind(&self, last: Option<u64>) -> Result<(), StoreError> {
        let last = last.map_or(Ok(-1), stored)?;
        let mut transaction = self.pool.begin().await?;
        let touched = sqlx::query(
            "SELECT work_id FROM works WHERE block > $1 UNION SELECT work_id FROM versions WHERE block > $1 \
             UNION SELECT work_id FROM statuses WHERE block > $1",
        );
        for row in touched.bind(last).fetch_all(&mut *transaction).await? {
            mark(&mut transaction, word(&row, "work_id")?).await?;
        }
        for delete in FACTS {
            sqlx::query(delete).bind(last).execute(&mut *transaction).await?;
        }
        transaction.commit().await?;
        Ok(())
    }
}

fn block_of(row: &AnyRow) -> Result<BlockRef, StoreError> {
    Ok(BlockRef {
        number: number(row, "number")?,
        hash: word(row, "hash")?,
    })
}

/// The version in effect changes for works that have one from these epochs on.
async fn enter_epoch(transaction: &mut Transaction<'_, Any>, before: u64, now: u64) -> Result<(), StoreError> {
    let changed = sqlx::query("SELECT work_id FROM versions WHERE from_epoch > $1 AND from_epoch <= $2");
    let (low, high) = (before.min(now), before.max(now));
    let changed = changed.bind(stored(low)?).bind(stored(high)?);
    for row in changed.fetch_all(&mut **transaction).await? {
        mark(transaction, word(&row, "work_id")?).await?;
    }
    sqlx::query(
        "INSERT INTO properties (name, value) VALUES ('epoch', $1) ON CONFLICT (name) DO UPDATE SET value = excluded.value",
    )
    .bind(now.to_string())
    .execute(&mut **transaction)
    .await?;
    Ok(())
}

/// Says that the indices are behind on a work.
pub(super) async fn mark(transaction: &mut Transaction<'_, Any>, work: B256) -> Result<(), StoreError> {
    sqlx::query(
        "INSERT INTO pending (work_id, marks) VALUES ($1, 1) \
         ON CONFLICT (work_id) DO UPDATE SET marks = pending.marks + 1, failures = 0, retry_at = 0",
    )
    .bind(bytes(&work))
    .execute(&mut **transaction)
    .await?;
    Ok(())
}

fn shares_text(shares_ppm: &[u64]) -> String {
    let shares: Vec<_> = shares_ppm.iter().map(u64::to_string).collect();
    shares.join(",")
}

/// Writes one event. The same event again changes nothing.
async fn write(transaction: &mut Transaction<'_, Any>, located: &Located) -> Result<(), StoreError> {
    let (block, log_index) = (stored(located.block)?, stored(located.log_index)?);
    let query = match &located.event {
        Event::WorkRegistered { work, creator } => {
            mark(transaction, *work).await?;
            sqlx::query("INSERT INTO works (work_id, creator_id, block) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING")
                .bind(bytes(work))
                .bind(bytes(creator))
                .bind(block)
        }
        Event::VersionAdded {
            work,
            version,
            from_epoch,
            content,
        } => {
            mark(transaction, *work).await?;
            sqlx::query(
                "INSERT INTO versions (work_id, version, from_epoch, content_id, manifest_id, fp_id, fp_hash, \
                 access_classes, shares, block) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10) ON CONFLICT DO NOTHING",
            )
            .bind(bytes(work))
            .bind(i64::from(*version))
            .bind(stored(*from_epoch)?)
            .bind(bytes(&content.content_id))
            .bind(bytes(&content.manifest_id))
            .bind(bytes(&content.fp_id))
            .bind(bytes(&content.fp_hash))
            .bind(stored(content.access_classes)?)
            .bind(shares_text(&content.shares_ppm))
            .bind(block)
        }
        Event::TermsSet {
            work,
            from_epoch,
            price_per_min,
            region_rule,
        } => sqlx::query(
            "INSERT INTO terms (work_id, from_epoch, block, log_index, price_per_min, region_rule) \
             VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT DO NOTHING",
        )
        .bind(bytes(work))
        .bind(stored(*from_epoch)?)
        .bind(block)
        .bind(log_index)
        .bind(price_per_min.to_string())
        .bind(bytes(region_rule)),
        Event::StatusSet {
            work,
            standing,
            by,
            reason,
        } => {
            mark(transaction, *work).await?;
            sqlx::query(
                "INSERT INTO statuses (work_id, block, log_index, status, set_by, reason) \
                 VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT DO NOTHING",
            )
            .bind(bytes(work))
            .bind(block)
            .bind(log_index)
            .bind(i64::from(standing.number()))
            .bind(by.to_vec())
            .bind(bytes(reason))
        }
        Event::CreatorRegistered { creator, key, x, y } => sqlx::query(
            "INSERT INTO creators (creator_id, account, x, y, block) VALUES ($1, $2, $3, $4, $5) ON CONFLICT DO NOTHING",
        )
        .bind(bytes(creator))
        .bind(key.to_vec())
        .bind(bytes(x))
        .bind(bytes(y))
        .bind(block),
        Event::MetadataAdded {
            creator,
            position,
            metadata,
        } => sqlx::query(
            "INSERT INTO creator_metadata (creator_id, position, metadata, block) VALUES ($1, $2, $3, $4) \
             ON CONFLICT DO NOTHING",
        )
        .bind(bytes(creator))
        .bind(stored(*position)?)
        .bind(bytes(metadata))
        .bind(block),
        Event::DelegateSet {
            creator,
            delegate,
            roles,
        } => sqlx::query(
            "INSERT INTO delegates (creator_id, delegate, block, log_index, roles) VALUES ($1, $2, $3, $4, $5) \
             ON CONFLICT DO NOTHING",
        )
        .bind(bytes(creator))
        .bind(delegate.to_vec())
        .bind(block)
        .bind(log_index)
        .bind(i64::from(*roles)),
        Event::RuleSet {
            rule,
            from_epoch,
            factor_ppm,
        } => sqlx::query(
            "INSERT INTO region_rules (rule, from_epoch, block, log_index, factor_ppm) VALUES ($1, $2, $3, $4, $5) \
             ON CONFLICT DO NOTHING",
        )
        .bind(bytes(rule))
        .bind(stored(*from_epoch)?)
        .bind(block)
        .bind(log_index)
        .bind(i64::from(*factor_ppm)),
    };
    query.execute(&mut **transaction).await?;
    Ok(())
}
