//! What creators hand over: manifests and descriptors.

use alloy::primitives::B256;
use sqlx::Row;

use super::{Store, StoreError, bytes, follow::mark, stored, word};
use crate::chain::Content;

/// A manifest that was checked against the chain.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewManifest {
    /// The work that it is of.
    pub work: B256,
    /// Its creator.
    pub creator: B256,
    /// What it binds.
    pub content: Content,
    /// Kind of the work.
    pub work_type: String,
    /// Its title.
    pub title: String,
    /// The canonical JSON.
    pub json: Vec<u8>,
}

/// A stored manifest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredManifest {
    /// Its id.
    pub manifest_id: B256,
    /// The canonical JSON.
    pub json: Vec<u8>,
}

/// Joins versions (`v`) and works (`w`) to the manifests that bind the very same.
pub(super) const MANIFEST_OF_VERSION: &str = "m.manifest_id = v.manifest_id AND m.work_id = v.work_id AND \
     m.creator_id = w.creator_id AND m.content_id = v.content_id AND m.fp_id = v.fp_id AND m.fp_hash = v.fp_hash";

impl Store {
    /// Keeps a manifest. The same again changes nothing; the first signature stays.
    ///
    /// # Errors
    /// The database fails.
    pub async fn put_manifest(&self, manifest: &NewManifest) -> Result<(), StoreError> {
        let mut transaction = self.pool.begin().await?;
        let content = &manifest.content;
        let insert = sqlx::query(
            "INSERT INTO manifests (manifest_id, work_id, creator_id, content_id, fp_id, fp_hash, work_type, title, json) \
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9) ON CONFLICT DO NOTHING",
        );
        let inserted = insert
            .bind(bytes(&content.manifest_id))
            .bind(bytes(&manifest.work))
            .bind(bytes(&manifest.creator))
            .bind(bytes(&content.content_id))
            .bind(bytes(&content.fp_id))
            .bind(bytes(&content.fp_hash))
            .bind(manifest.work_type.as_str())
            .bind(manifest.title.as_str())
            .bind(manifest.json.as_slice())
            .execute(&mut *transaction)
            .await?;
        if inserted.rows_affected() > 0 {
            mark(&mut transaction, manifest.work).await?;
        }
        transaction.commit().await?;
        Ok(())
    }

    /// Keeps a descriptor, encoded, of `works`. The same again changes nothing.
    ///
    /// # Errors
    /// The database fails.
    pub async fn put_descriptor(
        &self,
        fp_hash: B256,
        fp_id: B256,
        descriptor: &[u8],
        works: &[B256],
    ) -> Result<(), StoreError> {
        let mut transaction = self.pool.begin().await?;
        let insert = sqlx::query(
            "INSERT INTO descriptors (fp_hash, fp_id, descriptor) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING",
        );
        let inserted = insert
            .bind(bytes(&fp_hash))
            .bind(bytes(&fp_id))
            .bind(descriptor)
            .execute(&mut *transaction)
            .await?;
        if inserted.rows_affected() > 0 {
            for work in works {
                mark(&mut transaction, *work).await?;
            }
        }
        transaction.commit().await?;
        Ok(())
    }

    /// The manifest of the version of a work that applies in an epoch, or of the newest before it that has one.
    ///
    /// # Errors
    /// The database fails.
    pub async fn manifest_at(&self, work: B256, epoch: u64) -> Result<Option<StoredManifest>, StoreError> {
        let text = format!(
            "SELECT m.manifest_id AS manifest_id, m.json AS json FROM versions v JOIN works w ON w.work_id = v.work_id \
             JOIN manifests m ON {MANIFEST_OF_VERSION} WHERE v.work_id = $1 AND v.from_epoch <= $2 \
             ORDER BY v.version DESC LIMIT 1"
        );
        let row = sqlx::query(sqlx::AssertSqlSafe(text))
            .bind(bytes(&work))
            .bind(stored(epoch)?);
        let Some(row) = row.fetch_optional(&self.pool).await? else {
            return Ok(None);
        };
        Ok(Some(StoredManifest {
            manifest_id: word(&row, "manifest_id")?,
            json: row.try_get("json")?,
        }))
    }

    /// A descriptor that a registered version has, encoded.
    ///
    /// # Errors
    /// The database fails.
    pub async fn descriptor(&self, fp_hash: B256) -> Result<Option<Vec<u8>>, StoreError> {
        let row = sqlx::query(
            "SELECT d.descriptor AS descriptor FROM descriptors d WHERE d.fp_hash = $1 AND EXISTS \
             (SELECT 1 FROM versions v WHERE v.fp_hash = d.fp_hash AND v.fp_id = d.fp_id)",
        );
        let row = row.bind(bytes(&fp_hash)).fetch_optional(&self.pool).await?;
        row.map(|row| row.try_get("descriptor").map_err(Into::into)).transpose()
    }
}
