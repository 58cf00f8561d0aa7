//! What the chain says of creators.

use alloy::primitives::{Address, B256};

use super::{Store, StoreError, account, bytes, number, stored, word};

/// Role of a delegate that may publish.
const ROLE_PUBLISH: i64 = 1;
/// Most metadata pointers that are told.
const MAX_METADATA: i64 = 64;

/// A creator.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CreatorFacts {
    /// Address of its key.
    pub account: Address,
    /// The public key's coordinates.
    pub x: B256,
    /// The public key's coordinates.
    pub y: B256,
    /// Metadata pointers, newest first, as many as are told.
    pub metadata: Vec<B256>,
}

impl Store {
    /// A creator.
    ///
    /// # Errors
    /// The database fails.
    pub async fn creator(&self, creator: B256) -> Result<Option<CreatorFacts>, StoreError> {
        let row = sqlx::query("SELECT account, x, y FROM creators WHERE creator_id = $1");
        let Some(row) = row.bind(bytes(&creator)).fetch_optional(&self.pool).await? else {
            return Ok(None);
        };
        let metadata =
            sqlx::query("SELECT metadata FROM creator_metadata WHERE creator_id = $1 ORDER BY position DESC LIMIT $2");
        let metadata = metadata.bind(bytes(&creator)).bind(MAX_METADATA);
        let metadata = metadata.fetch_all(&self.pool).await?;
        Ok(Some(CreatorFacts {
            account: account(&row, "account")?,
            x: word(&row, "x")?,
            y: word(&row, "y")?,
            metadata: metadata
                .iter()
                .map(|row| word(row, "metadata"))
                .collect::<Result<_, _>>()?,
        }))
    }

    /// Works of a creator in the order of their ids, at most `limit` of those after `after`.
    ///
    /// # Errors
    /// The database fails.
    pub async fn works_of(&self, creator: B256, after: B256, limit: u32) -> Result<Vec<B256>, StoreError> {
        let rows =
            sqlx::query("SELECT work_id FROM works WHERE creator_id = $1 AND work_id > $2 ORDER BY work_id LIMIT $3");
        let rows = rows.bind(bytes(&creator)).bind(bytes(&after)).bind(i64::from(limit));
        let rows = rows.fetch_all(&self.pool).await?;
        rows.iter().map(|row| word(row, "work_id")).collect()
    }

    /// Whether an account might publish for a creator at a block: a delegate in that role.
    ///
    /// # Errors
    /// The database fails.
    pub async fn might_publish(&self, creator: B256, delegate: Address, block: u64) -> Result<bool, StoreError> {
        let row = sqlx::query(
            "SELECT roles FROM delegates WHERE creator_id = $1 AND delegate = $2 AND block <= $3 \
             ORDER BY block DESC, log_index DESC LIMIT 1",
        );
        let row = row.bind(bytes(&creator)).bind(delegate.to_vec()).bind(stored(block)?);
        let row = row.fetch_optional(&self.pool).await?;
        let roles: i64 = row.as_ref().map_or(Ok(0), |row| number(row, "roles"))?;
        Ok(roles & ROLE_PUBLISH != 0)
    }
}
