//! What the chain says of a work.

use alloy::primitives::B256;
use sqlx::{Row, any::AnyRow};

use super::{Store, StoreError, account, bytes, number, stored, word};
use crate::{
    api::{Duplicate, Status},
    chain::{Content, Standing},
};

/// Most versions and terms of a work that are told.
const MAX_TOLD: i64 = 64;
/// Most look-alikes of a work that are told.
const MAX_DUPLICATES: i64 = 16;

/// A work.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WorkFacts {
    /// Its creator.
    pub creator: B256,
    /// Block of the registration.
    pub block: u64,
    /// How it stands.
    pub status: Status,
}

/// A version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VersionFacts {
    /// Whose.
    pub work: B256,
    /// Its number.
    pub version: u32,
    /// First epoch in which it applies.
    pub from_epoch: u64,
    /// What it is.
    pub content: Content,
    /// Block that says so.
    pub block: u64,
}

/// A price.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TermsFacts {
    /// First epoch in which it applies.
    pub from_epoch: u64,
    /// Micro-CLN.
    pub price_per_min: u64,
    /// Rule of the region table.
    pub region_rule: B256,
}

const VERSION_COLUMNS: &str = "SELECT work_id, version, from_epoch, content_id, manifest_id, fp_id, fp_hash, access_classes, shares, block FROM versions";

impl Store {
    /// A work.
    ///
    /// # Errors
    /// The database fails.
    pub async fn work(&self, work: B256) -> Result<Option<WorkFacts>, StoreError> {
        let row = sqlx::query("SELECT creator_id, block FROM works WHERE work_id = $1");
        let Some(row) = row.bind(bytes(&work)).fetch_optional(&self.pool).await? else {
            return Ok(None);
        };
        Ok(Some(WorkFacts {
            creator: word(&row, "creator_id")?,
            block: number(&row, "block")?,
            status: self.status(work).await?,
        }))
    }

    async fn status(&self, work: B256) -> Result<Status, StoreError> {
        let row = sqlx::query(
            "SELECT status, set_by, reason FROM statuses WHERE work_id = $1 ORDER BY block DESC, log_index DESC LIMIT 1",
        );
        match row.bind(bytes(&work)).fetch_optional(&self.pool).await? {
            None => Ok(Status::Active),
            Some(row) => {
                let standing = Standing::from_number(number(&row, "status")?).ok_or(StoreError::Foreign("status"))?;
                let (by, reason) = (account(&row, "set_by")?, word(&row, "reason")?);
                Ok(match standing {
                    Standing::Active => Status::Active,
                    Standing::Deprecated => Status::Deprecated { by, reason },
                    Standing::Blacklisted => Status::Blacklisted { by, reason },
                })
            }
        }
    }

    /// Versions of a work, newest first, as many as are told.
    ///
    /// # Errors
    /// The database fails.
    pub async fn versions(&self, work: B256) -> Result<Vec<VersionFacts>, StoreError> {
        let text = format!("{VERSION_COLUMNS} WHERE work_id = $1 ORDER BY version DESC LIMIT {MAX_TOLD}");
        self.version_rows(&text, work).await
    }

    /// Versions with a manifest.
    ///
    /// # Errors
    /// The database fails.
    pub async fn versions_with_manifest(&self, manifest: B256) -> Result<Vec<VersionFacts>, StoreError> {
        let text = format!("{VERSION_COLUMNS} WHERE manifest_id = $1 ORDER BY work_id, version LIMIT {MAX_TOLD}");
        self.version_rows(&text, manifest).await
    }

    /// Versions with a descriptor.
    ///
    /// # Errors
    /// The database fails.
    pub async fn versions_with_descriptor(&self, fp_hash: B256) -> Result<Vec<VersionFacts>, StoreError> {
        let text = format!("{VERSION_COLUMNS} WHERE fp_hash = $1 ORDER BY work_id, version LIMIT {MAX_TOLD}");
        self.version_rows(&text, fp_hash).await
    }

    async fn version_rows(&self, text: &str, key: B256) -> Result<Vec<VersionFacts>, StoreError> {
        let rows = sqlx::query(sqlx::AssertSqlSafe(text.to_owned())).bind(bytes(&key));
        rows.fetch_all(&self.pool).await?.iter().map(version_of).collect()
    }

    /// Terms of a work, those of the latest epochs first, as many as are told. Of several for one epoch only the last
    /// counts.
    ///
    /// # Errors
    /// The database fails.
    pub async fn terms(&self, work: B256) -> Result<Vec<TermsFacts>, StoreError> {
        let rows = sqlx::query(
            "SELECT from_epoch, price_per_min, region_rule FROM terms WHERE work_id = $1 \
             ORDER BY from_epoch DESC, block DESC, log_index DESC LIMIT $2",
        );
        let rows = rows.bind(bytes(&work)).bind(MAX_TOLD).fetch_all(&self.pool).await?;
        let mut terms: Vec<TermsFacts> = rows.iter().map(terms_of).collect::<Result<_, _>>()?;
        terms.dedup_by_key(|terms| terms.from_epoch);
        Ok(terms)
    }

    /// Terms of a work in an epoch; none before its first.
    ///
    /// # Errors
    /// The database fails.
    pub async fn terms_at(&self, work: B256, epoch: u64) -> Result<Option<TermsFacts>, StoreError> {
        let row = sqlx::query(
            "SELECT from_epoch, price_per_min, region_rule FROM terms WHERE work_id = $1 AND from_epoch <= $2 \
             ORDER BY from_epoch DESC, block DESC, log_index DESC LIMIT 1",
        );
        let row = row.bind(bytes(&work)).bind(stored(epoch)?);
        row.fetch_optional(&self.pool).await?.as_ref().map(terms_of).transpose()
    }

    /// Factor of a region rule in an epoch, ppm; none before its first.
    ///
    /// # Errors
    /// The database fails.
    pub async fn region_factor_at(&self, rule: B256, epoch: u64) -> Result<Option<u32>, StoreError> {
        let row = sqlx::query(
            "SELECT factor_ppm FROM region_rules WHERE rule = $1 AND from_epoch <= $2 \
             ORDER BY from_epoch DESC, block DESC, log_index DESC LIMIT 1",
        );
        let row = row.bind(bytes(&rule)).bind(stored(epoch)?);
        let row = row.fetch_optional(&self.pool).await?;
        row.as_ref().map(|row| number(row, "factor_ppm")).transpose()
    }

    /// Works that look or sound like one, the most alike first.
    ///
    /// # Errors
    /// The database fails.
    pub async fn duplicates(&self, work: B256) -> Result<Vec<Duplicate>, StoreError> {
        let rows = sqlx::query(
            "SELECT d.other_id AS other_id, d.similarity_ppm AS similarity_ppm FROM duplicates d \
             JOIN works w ON w.work_id = d.other_id WHERE d.work_id = $1 \
             ORDER BY d.similarity_ppm DESC, d.other_id LIMIT $2",
        );
        let rows = rows.bind(bytes(&work)).bind(MAX_DUPLICATES);
        rows.fetch_all(&self.pool)
            .await?
            .iter()
            .map(|row| {
                Ok(Duplicate {
                    work_id: word(row, "other_id")?,
                    similarity_ppm: number(row, "similarity_ppm")?,
                })
            })
            .collect()
    }
}

fn version_of(row: &AnyRow) -> Result<VersionFacts, StoreError> {
    Ok(VersionFacts {
        work: word(row, "work_id")?,
        version: number(row, "version")?,
        from_epoch: number(row, "from_epoch")?,
        content: Content {
            content_id: word(row, "content_id")?,
            manifest_id: word(row, "manifest_id")?,
            fp_id: word(row, "fp_id")?,
            fp_hash: word(row, "fp_hash")?,
            access_classes: number(row, "access_classes")?,
            shares_ppm: shares(row)?,
        },
        block: number(row, "block")?,
    })
}

fn shares(row: &AnyRow) -> Result<Vec<u64>, StoreError> {
    let text: String = row.try_get("shares")?;
    let shares = text.split(',').filter(|share| !share.is_empty());
    shares
        .map(|share| share.parse().map_err(|_| StoreError::Foreign("shares")))
        .collect()
}

fn terms_of(row: &AnyRow) -> Result<TermsFacts, StoreError> {
    let price: String = row.try_get("price_per_min")?;
    Ok(TermsFacts {
        from_epoch: number(row, "from_epoch")?,
        price_per_min: price.parse().map_err(|_| StoreError::Foreign("price_per_min"))?,
        region_rule: word(row, "region_rule")?,
    })
}
