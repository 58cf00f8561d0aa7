//! The `safe` and `finalized` heads: what L1 vouches for.

use alloy::{eips::BlockId, primitives::B256};
use cwe_bindings::contracts::Rollup;
use cwe_chain::ChainHandle;
use metrics::gauge;

use crate::{BlockRef, L1Client, L1Error, TaskError};

/// Moves the heads to what the L1 says: `safe` at `head`, `finalized` at its newest final block.
pub(crate) async fn update(l1: &L1Client, chain: &ChainHandle, head: &BlockRef) -> Result<(), TaskError> {
    let at_head = BlockId::hash(head.id.hash);
    let committed = last_batch(
        l1,
        chain,
        at_head,
        l1.rollup_view(Rollup::lastCommittedBatchCall {}, at_head).await?,
    );
    let safe = committed.await?;
    let finalized = match l1.finalized().await? {
        Some(block) if block.id.number >= l1.config().start_block => finalized_block(l1, chain, &block).await?,
        _ => None,
    };
    let before = chain.heads();
    let finalized = finalized.unwrap_or(before.finalized).max(before.finalized);
    let safe = safe.unwrap_or(before.safe).max(finalized);
    if (safe, finalized) != (before.safe, before.finalized) {
        let chain = chain.clone();
        crate::turns::blocking(move || Ok(chain.set_l1_heads(safe, finalized)?)).await?;
    }
    Ok(())
}

async fn finalized_block(l1: &L1Client, chain: &ChainHandle, block: &BlockRef) -> Result<Option<u64>, TaskError> {
    let at = BlockId::hash(block.id.hash);
    match l1.rollup_view(Rollup::lastFinalizedBatchCall {}, at).await {
        Ok(index) => {
            gauge!("cwe_batches_finalized").set(index as f64);
            last_batch(l1, chain, at, index).await
        }
        // The contract is younger than the L1's final block, or the endpoint keeps no state that old.
        Err(L1Error::Malformed { .. } | L1Error::Refused { .. }) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

/// Last block of our newest batch up to `index` that L1 has too; `None` if we have none of them.
async fn last_batch(l1: &L1Client, chain: &ChainHandle, at: BlockId, index: u64) -> Result<Option<u64>, TaskError> {
    let Some((ours, hash, last_block)) = newest_up_to(chain, index)? else {
        return Ok(None);
    };
    Ok((l1.batch_hash(ours, at).await? == hash).then_some(last_block))
}

fn newest_up_to(chain: &ChainHandle, index: u64) -> Result<Option<(u64, B256, u64)>, TaskError> {
    let snapshot = chain.db().latest()?;
    let Some(latest) = snapshot.latest_batch()? else {
        return Ok(None);
    };
    let record = snapshot.batch(index.min(latest.commitment.index))?;
    Ok(record.map(|record| {
        (
            record.commitment.index,
            record.commitment.hash(),
            record.commitment.last_block,
        )
    }))
}
