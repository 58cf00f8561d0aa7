//! Steps between states.

use std::fmt;

use alloy::primitives::B256;
use cwe_aggregation::Total;
use serde::{Deserialize, Serialize};
use sqlx::{Row, any::AnyRow};

use super::{Store, StoreError, number, word};
use crate::state::{Roots, State};

const TOTAL_BYTES: usize = 32 + 32 + 8 + 8;

/// How far a step is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Stage {
    /// Its proof is asked for.
    Planned,
    /// Its proof is there, to be posted.
    Proven,
    /// Only what it adds is known: somebody else posted it.
    Data,
}

impl Stage {
    const fn name(self) -> &'static str {
        match self {
            Self::Planned => "planned",
            Self::Proven => "proven",
            Self::Data => "data",
        }
    }

    fn parse(name: &str) -> Result<Self, StoreError> {
        [Self::Planned, Self::Proven, Self::Data]
            .into_iter()
            .find(|stage| stage.name() == name)
            .ok_or(StoreError::Foreign("aggregates"))
    }
}

impl fmt::Display for Stage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A step from one state to another.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredAggregate {
    /// The epoch.
    pub epoch: u64,
    /// The state that it builds on.
    pub before: Roots,
    /// The state that it leads to.
    pub after: Roots,
    /// Units by tier, in the order of `CWETiers.tierIds`; empty for a step of which only the data is known.
    pub units: Vec<u64>,
    /// What it adds.
    pub step: State,
    /// How far it is.
    pub stage: Stage,
    /// What stands before the prover's output in the proof.
    pub head: Vec<u8>,
    /// Its proof.
    pub proof: Option<Vec<u8>>,
}

impl Store {
    /// Keeps a step. One to the same state that is there already stays as it is.
    ///
    /// # Errors
    /// The database fails.
    pub async fn put_aggregate(&self, aggregate: &StoredAggregate) -> Result<(), StoreError> {
        let StoredAggregate {
            epoch,
            before,
            after,
            units,
            step,
            stage,
            head,
            proof,
        } = aggregate;
        sqlx::query(
            "INSERT INTO aggregates (epoch, nullifier_root_after, totals_root_after, nullifier_root_before, \
             totals_root_before, effect, nullifiers, totals, stage, head, proof) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, \
             $9, $10, $11) ON CONFLICT (epoch, nullifier_root_after, totals_root_after) DO NOTHING",
        )
        .bind(number(*epoch)?)
        .bind(after.nullifier_root.0.to_vec())
        .bind(after.totals_root.0.to_vec())
        .bind(before.nullifier_root.0.to_vec())
        .bind(before.totals_root.0.to_vec())
        .bind(serde_json::to_string(units).map_err(|_| StoreError::Foreign("aggregates"))?)
        .bind(step.nullifiers.iter().flat_map(|nullifier| nullifier.0).collect::<Vec<u8>>())
        .bind(encode_totals(step))
        .bind(stage.name())
        .bind(head.as_slice())
        .bind(proof.clone())
        .execute(&self.pool)
        .await?;
        Ok(())
    }

    /// Keeps the proof of a step.
    ///
    /// # Errors
    /// The database fails.
    pub async fn put_proof(&self, epoch: u64, after: Roots, proof: &[u8]) -> Result<(), StoreError> {
        sqlx::query(
            "UPDATE aggregates SET stage = 'proven', proof = $4 WHERE epoch = $1 AND nullifier_root_after = $2 AND \
             totals_root_after = $3",
        )
        .bind(number(epoch)?)
        .bind(after.nullifier_root.0.to_vec())
        .bind(after.totals_root.0.to_vec())
        .bind(proof)
        .execute(&self.pool)
        .await?;
        Ok(())
    }

    /// All steps of an epoch, in no order that tells anything.
    ///
    /// # Errors
    /// The database fails.
    pub async fn aggregates(&self, epoch: u64) -> Result<Vec<StoredAggregate>, StoreError> {
        let rows = sqlx::query("SELECT * FROM aggregates WHERE epoch = $1").bind(number(epoch)?);
        let rows = rows.fetch_all(&self.pool).await?;
        rows.iter().map(|row| aggregate_of(epoch, row)).collect()
    }

    /// Forgets a step: its reveals are free again.
    ///
    /// # Errors
    /// The database fails.
    pub async fn remove_aggregate(&self, epoch: u64, after: Roots) -> Result<(), StoreError> {
        sqlx::query("DELETE FROM aggregates WHERE epoch = $1 AND nullifier_root_after = $2 AND totals_root_after = $3")
            .bind(number(epoch)?)
            .bind(after.nullifier_root.0.to_vec())
            .bind(after.totals_root.0.to_vec())
            .execute(&self.pool)
            .await?;
        Ok(())
    }
}

fn aggregate_of(epoch: u64, row: &AnyRow) -> Result<StoredAggregate, StoreError> {
    let foreign = || StoreError::Foreign("aggregates");
    let roots = |nullifiers, totals| -> Result<Roots, StoreError> {
        Ok(Roots {
            nullifier_root: word(row, nullifiers)?,
            totals_root: word(row, totals)?,
        })
    };
    let units: String = row.try_get("effect")?;
    let nullifiers: Vec<u8> = row.try_get("nullifiers")?;
    let totals: Vec<u8> = row.try_get("totals")?;
    let stage: String = row.try_get("stage")?;
    Ok(StoredAggregate {
        epoch,
        before: roots("nullifier_root_before", "totals_root_before")?,
        after: roots("nullifier_root_after", "totals_root_after")?,
        units: serde_json::from_str(&units).map_err(|_| foreign())?,
        step: decode_step(&nullifiers, &totals).ok_or_else(foreign)?,
        stage: Stage::parse(&stage)?,
        head: row.try_get("head")?,
        proof: row.try_get("proof")?,
    })
}

fn encode_totals(step: &State) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(step.totals.len() * TOTAL_BYTES);
    for ((work, tier), total) in &step.totals {
        bytes.extend(work);
        bytes.extend(tier);
        bytes.extend(total.reveals.to_be_bytes());
        bytes.extend(total.units.to_be_bytes());
    }
    bytes
}

fn decode_step(nullifiers: &[u8], totals: &[u8]) -> Option<State> {
    let (nullifiers, rest) = nullifiers.as_chunks::<32>();
    let (totals, more) = totals.as_chunks::<TOTAL_BYTES>();
    if !rest.is_empty() || !more.is_empty() {
        return None;
    }
    let total = |bytes: &[u8; TOTAL_BYTES]| {
        let (work, rest) = bytes.split_first_chunk::<32>()?;
        let (tier, rest) = rest.split_first_chunk::<32>()?;
        let (reveals, units) = rest.split_first_chunk::<8>()?;
        let total = Total {
            reveals: u64::from_be_bytes(*reveals),
            units: u64::from_be_bytes(units.try_into().ok()?),
        };
        Some(((B256::from(*work), B256::from(*tier)), total))
    };
    Some(State {
        nullifiers: nullifiers.iter().map(B256::from).collect(),
        totals: totals.iter().map(total).collect::<Option<_>>()?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::reveal;

    #[tokio::test]
    async fn steps_read_as_they_were_written_with_the_proof_that_came_later() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(&format!("sqlite:{}", folder.path().join("reveals.db").display()))
            .await
            .unwrap();
        let step = State::of_records(&[reveal(1).record, reveal(2).record]).unwrap();
        let mut aggregate = StoredAggregate {
            epoch: 7,
            before: Roots::EMPTY,
            after: step.roots(),
            units: vec![1, 0, 23],
            step,
            stage: Stage::Planned,
            head: vec![3; 128],
            proof: None,
        };
        store.put_aggregate(&aggregate).await.unwrap();
        store
            .put_aggregate(&StoredAggregate {
                stage: Stage::Data,
                ..aggregate.clone()
            })
            .await
            .unwrap();
        assert_eq!(store.aggregates(7).await.unwrap(), [aggregate.clone()]);
        store.put_proof(7, aggregate.after, b"proof").await.unwrap();
        aggregate.stage = Stage::Proven;
        aggregate.proof = Some(b"proof".to_vec());
        assert_eq!(store.aggregates(7).await.unwrap(), [aggregate.clone()]);
        store.remove_aggregate(7, aggregate.after).await.unwrap();
        assert!(store.aggregates(7).await.unwrap().is_empty());
    }
}
