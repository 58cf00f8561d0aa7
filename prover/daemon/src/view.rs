//! What L1 has committed and proven, as planner, workers and poster see it.
//!
//! `Rollup` stores hashes of batches only. Their fields come from the node and are believed because they give the hash
//! on L1: each batch names its parent's hash, so that one question to L1 vouches for all batches below its answer.

use std::{collections::BTreeMap, ops::RangeInclusive};

use alloy::{eips::BlockId, primitives::B256};
use cwe_bridge::{L1Client, L1Error, Tips};
use cwe_primitives::BatchCommitment;

use crate::{
    job::ProofJob,
    node::{NodeClient, NodeError},
};

/// Most batches looked at behind the last final one.
const MAX_BACKLOG: u64 = 4_096;

/// Committed batches that are not proven yet, at one L1 block.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct L1View {
    /// How far batches have come.
    pub tips: Tips,
    /// By index, from the first unproven one on without gaps.
    pub batches: BTreeMap<u64, BatchCommitment>,
}

/// Why L1 has no use for a job's proof.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Objection {
    /// It is proven already.
    #[error("batches up to {0} are final on L1 already")]
    Final(u64),
    /// A batch is gone.
    #[error("batch {0} is no longer committed on L1")]
    Reverted(u64),
    /// Another batch is in its place.
    #[error("batch {index} on L1 is {found} by now")]
    Replaced {
        /// Batch.
        index: u64,
        /// Its hash on L1.
        found: B256,
    },
}

impl L1View {
    /// What is against proving, or posting the proof of, these batches.
    pub fn objection(&self, job: &ProofJob) -> Option<Objection> {
        let Tips { committed, finalized } = self.tips;
        if job.last() <= finalized {
            return Some(Objection::Final(finalized));
        }
        if job.last() > committed {
            return Some(Objection::Reverted(job.first().max(committed.saturating_add(1))));
        }
        job.batches.iter().find_map(|batch| {
            let index = batch.commitment.index;
            let on_l1 = self.batches.get(&index)?;
            (*on_l1 != batch.commitment).then(|| Objection::Replaced {
                index,
                found: on_l1.hash(),
            })
        })
    }
}

/// A view that can't be had.
#[derive(Debug, thiserror::Error)]
pub enum ViewError {
    /// The L1 fails.
    #[error(transparent)]
    L1(#[from] L1Error),
    /// The node fails, or lags.
    #[error(transparent)]
    Node(#[from] NodeError),
    /// The node has another batch than L1.
    #[error("batch {index} on L1 is {on_l1}, the node has {at_node}: the node lags, or follows another chain")]
    Differs {
        /// Batch.
        index: u64,
        /// Hash on L1.
        on_l1: B256,
        /// Hash at the node.
        at_node: B256,
    },
}

/// Looks at L1 at a block. `known`: batches seen before, which are asked for again only if they changed.
///
/// # Errors
/// [`ViewError`].
pub(crate) async fn look(
    l1: &L1Client,
    node: &NodeClient,
    at: BlockId,
    known: &BTreeMap<u64, BatchCommitment>,
) -> Result<L1View, ViewError> {
    let tips = l1.tips(at).await?;
    let top = tips.committed.min(tips.finalized.saturating_add(MAX_BACKLOG));
    let batches = batches_on_l1(l1, node, at, tips.finalized.saturating_add(1)..=top, known).await?;
    Ok(L1View { tips, batches })
}

/// Batches that L1 has at a block, with their fields. `known`: batches seen before, which are asked for again only if
/// they changed.
///
/// # Errors
/// [`ViewError`].
pub async fn batches_on_l1(
    l1: &L1Client,
    node: &NodeClient,
    at: BlockId,
    range: RangeInclusive<u64>,
    known: &BTreeMap<u64, BatchCommitment>,
) -> Result<BTreeMap<u64, BatchCommitment>, ViewError> {
    let mut batches = BTreeMap::new();
    if range.is_empty() {
        return Ok(batches);
    }
    let mut wanted = l1.batch_hash(*range.end(), at).await?;
    for index in range.rev() {
        let seen = known.get(&index).filter(|batch| batch.hash() == wanted);
        let batch = match seen {
            Some(batch) => batch.clone(),
            None => node.batch(index).await?,
        };
        let at_node = batch.hash();
        if at_node != wanted {
            return Err(ViewError::Differs {
                index,
                on_l1: wanted,
                at_node,
            });
        }
        wanted = batch.parent_batch_hash;
        batches.insert(index, batch);
    }
    Ok(batches)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::job::testing::{batch_after, chain, job};

    fn view(batches: &[BatchCommitment], finalized: u64) -> L1View {
        L1View {
            tips: Tips {
                committed: batches.last().map_or(finalized, |batch| batch.index),
                finalized,
            },
            batches: batches
                .iter()
                .filter(|batch| batch.index > finalized)
                .map(|batch| (batch.index, batch.clone()))
                .collect(),
        }
    }

    #[test]
    fn a_job_stands_while_l1_has_its_batches_and_not_their_proof() {
        let all = chain(5);
        let job = job(&all[1..4]);
        assert_eq!(view(&all, 0).objection(&job), None);
        assert_eq!(
            view(&all, 3).objection(&job),
            None,
            "a proof may begin before the last final batch"
        );
        assert_eq!(view(&all, 4).objection(&job), Some(Objection::Final(4)));
    }

    #[test]
    fn a_job_whose_batch_was_reverted_or_replaced_has_an_objection() {
        let all = chain(5);
        let job = job(&all[1..4]);
        assert_eq!(view(&all[..2], 0).objection(&job), Some(Objection::Reverted(3)));
        assert_eq!(view(&all[..1], 0).objection(&job), Some(Objection::Reverted(2)));
        let mut replaced = all[..2].to_vec();
        replaced.push(batch_after(replaced.last(), 9));
        replaced.push(batch_after(replaced.last(), 2));
        let found = replaced[2].hash();
        assert_eq!(
            view(&replaced, 0).objection(&job),
            Some(Objection::Replaced { index: 3, found })
        );
    }
}
