//! What epochs carried on: the next one's settlement needs it.

use alloy::primitives::B256;
use cwe_dapr::CarriedEntry;
use sqlx::Row;

use super::{Store, StoreError, number};

const ENTRY_BYTES: usize = 32 + 32 + 8 + 16;

impl Store {
    /// Keeps what an epoch carries on, by the root that it has on the chain.
    ///
    /// # Errors
    /// The database fails.
    pub async fn put_carried(&self, epoch: u64, root: B256, entries: &[CarriedEntry]) -> Result<(), StoreError> {
        let insert =
            "INSERT INTO carried (epoch, root, entries) VALUES ($1, $2, $3) ON CONFLICT (epoch, root) DO NOTHING";
        sqlx::query(insert)
            .bind(number(epoch)?)
            .bind(root.0.to_vec())
            .bind(encode(entries))
            .execute(&self.pool)
            .await?;
        Ok(())
    }

    /// What an epoch carried on, if it is here.
    ///
    /// # Errors
    /// The database fails.
    pub async fn carried(&self, epoch: u64, root: B256) -> Result<Option<Vec<CarriedEntry>>, StoreError> {
        let row = sqlx::query("SELECT entries FROM carried WHERE epoch = $1 AND root = $2")
            .bind(number(epoch)?)
            .bind(root.0.to_vec())
            .fetch_optional(&self.pool)
            .await?;
        let Some(row) = row else { return Ok(None) };
        let entries: Vec<u8> = row.try_get("entries")?;
        decode(&entries).map(Some).ok_or(StoreError::Foreign("carried"))
    }
}

fn encode(entries: &[CarriedEntry]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(entries.len() * ENTRY_BYTES);
    for entry in entries {
        bytes.extend(entry.work);
        bytes.extend(entry.tier);
        bytes.extend(entry.reveals.to_be_bytes());
        bytes.extend(entry.amount.to_be_bytes());
    }
    bytes
}

fn decode(bytes: &[u8]) -> Option<Vec<CarriedEntry>> {
    let (entries, rest) = bytes.as_chunks::<ENTRY_BYTES>();
    if !rest.is_empty() {
        return None;
    }
    let entry = |bytes: &[u8; ENTRY_BYTES]| {
        let (work, rest) = bytes.split_first_chunk::<32>()?;
        let (tier, rest) = rest.split_first_chunk::<32>()?;
        let (reveals, amount) = rest.split_first_chunk::<8>()?;
        Some(CarriedEntry {
            work: B256::from(*work),
            tier: B256::from(*tier),
            reveals: u64::from_be_bytes(*reveals),
            amount: u128::from_be_bytes(amount.try_into().ok()?),
        })
    };
    entries.iter().map(entry).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_is_carried_reads_as_it_was_written_and_outlives_its_epoch_by_one() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(&format!("sqlite:{}", folder.path().join("reveals.db").display()))
            .await
            .unwrap();
        let entries = [1, 2].map(|number| CarriedEntry {
            work: B256::with_last_byte(number),
            tier: B256::with_last_byte(9),
            reveals: number.into(),
            amount: u128::MAX - u128::from(number),
        });
        let root = B256::repeat_byte(1);
        store.put_carried(7, root, &entries).await.unwrap();
        assert_eq!(store.carried(7, root).await.unwrap().unwrap(), entries);
        assert_eq!(store.carried(7, B256::ZERO).await.unwrap(), None);
        store.forget_before(8).await.unwrap();
        assert!(store.carried(7, root).await.unwrap().is_some());
        store.forget_before(9).await.unwrap();
        assert!(store.carried(7, root).await.unwrap().is_none());
    }
}
