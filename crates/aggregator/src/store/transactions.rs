//! Transactions that may be on their way.

use alloy::primitives::B256;
use sqlx::Row;

use super::{Store, StoreError, number, word};

/// A transaction, written down before it is sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SentTransaction {
    /// Its number.
    pub nonce: u64,
    /// What it is for, for logs.
    pub purpose: String,
    /// Its hash.
    pub hash: B256,
    /// Its signed bytes.
    pub raw: Vec<u8>,
}

impl Store {
    /// Writes a transaction down, instead of another one of its number.
    ///
    /// # Errors
    /// The database fails.
    pub async fn write_transaction(&self, sent: &SentTransaction) -> Result<(), StoreError> {
        sqlx::query(
            "INSERT INTO transactions (nonce, purpose, hash, raw) VALUES ($1, $2, $3, $4) ON CONFLICT (nonce) \
             DO UPDATE SET purpose = excluded.purpose, hash = excluded.hash, raw = excluded.raw",
        )
        .bind(number(sent.nonce)?)
        .bind(sent.purpose.as_str())
        .bind(sent.hash.0.to_vec())
        .bind(sent.raw.as_slice())
        .execute(&self.pool)
        .await?;
        Ok(())
    }

    /// The transactions that were written down and not forgotten, by number.
    ///
    /// # Errors
    /// The database fails.
    pub async fn transactions(&self) -> Result<Vec<SentTransaction>, StoreError> {
        let rows = sqlx::query("SELECT * FROM transactions ORDER BY nonce")
            .fetch_all(&self.pool)
            .await?;
        rows.iter()
            .map(|row| {
                Ok(SentTransaction {
                    nonce: u64::try_from(row.try_get::<i64, _>("nonce")?)
                        .map_err(|_| StoreError::Foreign("transactions"))?,
                    purpose: row.try_get("purpose")?,
                    hash: word(row, "hash")?,
                    raw: row.try_get("raw")?,
                })
            })
            .collect()
    }

    /// Forgets the transactions with numbers below one.
    ///
    /// # Errors
    /// The database fails.
    pub async fn forget_transactions_below(&self, nonce: u64) -> Result<(), StoreError> {
        let delete = sqlx::query("DELETE FROM transactions WHERE nonce < $1").bind(number(nonce)?);
        delete.execute(&self.pool).await?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn transactions_are_there_until_they_are_forgotten() {
        let folder = tempfile::tempdir().unwrap();
        let address = format!("sqlite:{}", folder.path().join("reveals.db").display());
        let store = Store::open(&address).await.unwrap();
        let sent = |nonce, byte| SentTransaction {
            nonce,
            purpose: "test".into(),
            hash: B256::repeat_byte(byte),
            raw: vec![byte; 3],
        };
        for transaction in [sent(4, 1), sent(3, 2), sent(4, 3)] {
            store.write_transaction(&transaction).await.unwrap();
        }
        let reopened = Store::open(&address).await.unwrap();
        assert_eq!(reopened.transactions().await.unwrap(), [sent(3, 2), sent(4, 3)]);
        reopened.forget_transactions_below(4).await.unwrap();
        assert_eq!(reopened.transactions().await.unwrap(), [sent(4, 3)]);
    }
}
