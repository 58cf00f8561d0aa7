//! What the indices show of a work, and which works they are behind on.

use std::collections::BTreeSet;

use alloy::primitives::B256;
use sqlx::{Row, any::AnyRow};

use super::{Store, StoreError, bytes, documents::MANIFEST_OF_VERSION, number, stored, word};
use crate::{api::Duplicate, chain::Standing};

/// A work that the indices are behind on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pending {
    /// The work.
    pub work: B256,
    /// How often it was marked so far.
    pub marks: i64,
    /// How often the indices failed to take it since then.
    pub failures: u32,
}

/// A work that the indices are no longer tried with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GivenUp {
    /// The work.
    pub work: B256,
    /// Why the last try failed.
    pub reason: String,
}

/// Tries to take a work into the indices. The waits between them double, so that the last comes half an
/// hour after the first.
pub const MAX_TRIES: u32 = 12;

/// What a work is found by.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Outline {
    /// Its manifest, canonical JSON.
    pub manifest: Option<Vec<u8>>,
    /// Its descriptor, encoded.
    pub descriptor: Option<Vec<u8>>,
}

/// What answers say of a work beside its terms.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Card {
    /// Its creator.
    pub creator: B256,
    /// Whether its creator has withdrawn it.
    pub deprecated: bool,
    /// Kind of the work, where its manifest is here.
    pub work_type: Option<String>,
    /// Title, where its manifest is here.
    pub title: Option<String>,
}

const LAST_STATUS: &str = "COALESCE((SELECT s.status FROM statuses s WHERE s.work_id = w.work_id \
     ORDER BY s.block DESC, s.log_index DESC LIMIT 1), 1)";

impl Store {
    /// Works that the indices are behind on and that may be tried at `now_secs`, in the order of their ids: at most
    /// `limit` after `after`.
    ///
    /// # Errors
    /// The database fails.
    pub async fn pending(&self, now_secs: i64, after: Option<B256>, limit: u32) -> Result<Vec<Pending>, StoreError> {
        let rows = sqlx::query(
            "SELECT work_id, marks, failures FROM pending \
             WHERE work_id > $1 AND retry_at <= $2 AND failures < $3 ORDER BY work_id LIMIT $4",
        );
        let rows = rows.bind(bytes(&after.unwrap_or_default())).bind(now_secs);
        let rows = rows.bind(i64::from(MAX_TRIES)).bind(i64::from(limit));
        let pending = |row: &AnyRow| {
            Ok(Pending {
                work: word(row, "work_id")?,
                marks: row.try_get("marks")?,
                failures: u32::try_from(row.try_get::<i64, _>("failures")?).unwrap_or(MAX_TRIES),
            })
        };
        rows.fetch_all(&self.pool).await?.iter().map(pending).collect()
    }

    /// Says that the indices could not take a work at `now_secs`, unless it was marked again meanwhile. The next try is 1,
    /// 2, 4 … seconds later; after [`MAX_TRIES`] there is none until it is marked again. `true`: this was the last.
    ///
    /// # Errors
    /// The database fails.
    pub async fn put_off(&self, pending: &Pending, now_secs: i64, reason: &str) -> Result<bool, StoreError> {
        let failures = pending.failures.saturating_add(1).min(MAX_TRIES);
        sqlx::query("UPDATE pending SET failures = $1, reason = $2, retry_at = $3 WHERE work_id = $4 AND marks = $5")
            .bind(i64::from(failures))
            .bind(reason)
            .bind(now_secs.saturating_add(1_i64 << (failures - 1)))
            .bind(bytes(&pending.work))
            .bind(pending.marks)
            .execute(&self.pool)
            .await?;
        Ok(failures == MAX_TRIES)
    }

    /// Works that are not tried again, and why.
    ///
    /// # Errors
    /// The database fails.
    pub async fn given_up(&self) -> Result<Vec<GivenUp>, StoreError> {
        let rows = sqlx::query("SELECT work_id, reason FROM pending WHERE failures >= $1 ORDER BY work_id");
        let given_up = |row: &AnyRow| {
            Ok(GivenUp {
                work: word(row, "work_id")?,
                reason: row.try_get::<Option<String>, _>("reason")?.unwrap_or_default(),
            })
        };
        let rows = rows.bind(i64::from(MAX_TRIES)).fetch_all(&self.pool).await?;
        rows.iter().map(given_up).collect()
    }

    /// Has all works tried again that were put off or given up.
    ///
    /// # Errors
    /// The database fails.
    pub async fn retry_all(&self) -> Result<(), StoreError> {
        sqlx::query("UPDATE pending SET failures = 0, retry_at = 0 WHERE failures > 0")
            .execute(&self.pool)
            .await?;
        Ok(())
    }

    /// Says that the indices have these works, unless they were marked again meanwhile.
    ///
    /// # Errors
    /// The database fails.
    pub async fn finish(&self, done: &[Pending]) -> Result<(), StoreError> {
        let mut transaction = self.pool.begin().await?;
        for pending in done {
            sqlx::query("DELETE FROM pending WHERE work_id = $1 AND marks = $2")
                .bind(bytes(&pending.work))
                .bind(pending.marks)
                .execute(&mut *transaction)
                .await?;
        }
        transaction.commit().await?;
        Ok(())
    }

    /// Says that the indices are behind on all works.
    ///
    /// # Errors
    /// The database fails.
    pub async fn mark_all(&self) -> Result<(), StoreError> {
        sqlx::query(
            "INSERT INTO pending (work_id, marks) SELECT work_id, 1 FROM works WHERE 1 = 1 \
             ON CONFLICT (work_id) DO UPDATE SET marks = pending.marks + 1, failures = 0, retry_at = 0",
        )
        .execute(&self.pool)
        .await?;
        Ok(())
    }

    /// What a work is found by in an epoch: nothing when there is none. An older version's manifest or descriptor serves
    /// until the newer one's is here. A blacklisted work keeps its descriptor, so that what is like it is noticed.
    ///
    /// # Errors
    /// The database fails.
    pub async fn outline(&self, work: B256, epoch: u64) -> Result<Outline, StoreError> {
        let descriptor = sqlx::query(
            "SELECT d.descriptor AS descriptor FROM versions v JOIN works w ON w.work_id = v.work_id \
             JOIN descriptors d ON d.fp_hash = v.fp_hash AND d.fp_id = v.fp_id \
             WHERE v.work_id = $1 AND v.from_epoch <= $2 ORDER BY v.version DESC LIMIT 1",
        );
        let descriptor = descriptor.bind(bytes(&work)).bind(stored(epoch)?);
        let descriptor = descriptor.fetch_optional(&self.pool).await?;
        let manifest = match self.card(work, epoch).await? {
            Some(_) => self.manifest_at(work, epoch).await?,
            None => None,
        };
        Ok(Outline {
            manifest: manifest.map(|manifest| manifest.json),
            descriptor: descriptor.map(|row| row.try_get("descriptor")).transpose()?,
        })
    }

    /// All blacklisted works.
    ///
    /// # Errors
    /// The database fails.
    pub async fn blacklisted(&self) -> Result<BTreeSet<B256>, StoreError> {
        let rows = sqlx::query(
            "SELECT s.work_id AS work_id FROM statuses s WHERE s.status = $1 AND NOT EXISTS (SELECT 1 FROM statuses n \
             WHERE n.work_id = s.work_id AND (n.block > s.block OR (n.block = s.block AND n.log_index > s.log_index)))",
        );
        let rows = rows.bind(i64::from(Standing::Blacklisted.number()));
        let rows = rows.fetch_all(&self.pool).await?;
        rows.iter().map(|row| word(row, "work_id")).collect()
    }

    /// What answers say of a work in an epoch; nothing when there is none or it is blacklisted.
    ///
    /// # Errors
    /// The database fails.
    pub async fn card(&self, work: B256, epoch: u64) -> Result<Option<Card>, StoreError> {
        let text = format!(
            "SELECT w.creator_id AS creator_id, {LAST_STATUS} AS status, \
             (SELECT m.work_type FROM versions v JOIN manifests m ON {MANIFEST_OF_VERSION} \
              WHERE v.work_id = w.work_id AND v.from_epoch <= $2 ORDER BY v.version DESC LIMIT 1) AS work_type, \
             (SELECT m.title FROM versions v JOIN manifests m ON {MANIFEST_OF_VERSION} \
              WHERE v.work_id = w.work_id AND v.from_epoch <= $2 ORDER BY v.version DESC LIMIT 1) AS title \
             FROM works w WHERE w.work_id = $1"
        );
        let row = sqlx::query(sqlx::AssertSqlSafe(text))
            .bind(bytes(&work))
            .bind(stored(epoch)?);
        let Some(row) = row.fetch_optional(&self.pool).await? else {
            return Ok(None);
        };
        let standing = Standing::from_number(number(&row, "status")?).ok_or(StoreError::Foreign("status"))?;
        Ok((standing != Standing::Blacklisted).then_some(Card {
            creator: word(&row, "creator_id")?,
            deprecated: standing == Standing::Deprecated,
            work_type: row.try_get("work_type")?,
            title: row.try_get("title")?,
        }))
    }

    /// Writes down which works are like one, instead of what was known of it.
    ///
    /// # Errors
    /// The database fails.
    pub async fn set_duplicates(&self, work: B256, duplicates: &[Duplicate]) -> Result<(), StoreError> {
        let mut transaction = self.pool.begin().await?;
        sqlx::query("DELETE FROM duplicates WHERE work_id = $1 OR other_id = $1")
            .bind(bytes(&work))
            .execute(&mut *transaction)
            .await?;
        for duplicate in duplicates.iter().filter(|duplicate| duplicate.work_id != work) {
            for (one, other) in [(work, duplicate.work_id), (duplicate.work_id, work)] {
                sqlx::query("INSERT INTO duplicates (work_id, other_id, similarity_ppm) VALUES ($1, $2, $3)")
                    .bind(bytes(&one))
                    .bind(bytes(&other))
                    .bind(i64::from(duplicate.similarity_ppm))
                    .execute(&mut *transaction)
                    .await?;
            }
        }
        transaction.commit().await?;
        Ok(())
    }

    /// Works that the indices are not behind on, in the order of their ids: at most `limit` after `after`.
    ///
    /// # Errors
    /// The database fails.
    pub async fn settled_works_after(&self, after: Option<B256>, limit: u32) -> Result<Vec<B256>, StoreError> {
        let rows = sqlx::query(
            "SELECT w.work_id AS work_id FROM works w WHERE w.work_id > $1 AND NOT EXISTS \
             (SELECT 1 FROM pending p WHERE p.work_id = w.work_id) ORDER BY w.work_id LIMIT $2",
        );
        let rows = rows.bind(bytes(&after.unwrap_or_default())).bind(i64::from(limit));
        let rows = rows.fetch_all(&self.pool).await?;
        rows.iter().map(|row| word(row, "work_id")).collect()
    }

    /// How many works are registered.
    ///
    /// # Errors
    /// The database fails.
    pub async fn count_works(&self) -> Result<u64, StoreError> {
        let row = sqlx::query("SELECT COUNT(*) AS works FROM works")
            .fetch_one(&self.pool)
            .await?;
        number(&row, "works")
    }
}
