//! What the audit reads from L1, in L1's order.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use alloy::primitives::{B256, Bytes, keccak256};
use cwe_bridge::{
    BlobFetcher, BlobSource, CommittedBatch, ConfirmationPolicy, Deployment, L1Client, L1Config, L1Event, LocatedEvent,
};
use cwe_primitives::{DataLocation, blob};
use eyre::{Result, WrapErr, bail, eyre};

use crate::network::Network;

const POLL_INTERVAL: Duration = Duration::from_secs(1);
const REQUEST_TIMEOUT: Duration = Duration::from_secs(30);
/// Most L1 blocks asked for in one request.
pub(crate) const LOG_RANGE_BLOCKS: u64 = 2_000;

/// The L1, with sources of blobs.
pub(crate) struct Source {
    l1: Arc<L1Client>,
    blobs: BlobFetcher,
    start_block: u64,
}

impl Source {
    /// Prepares the connection; nothing is requested yet.
    pub(crate) fn connect(
        network: &Network,
        deployment: Deployment,
        start_block: u64,
        sources: Vec<BlobSource>,
    ) -> Result<Self> {
        let config = L1Config {
            rpc_url: network.l1_rpc.clone(),
            chain_id: network.l1_chain_id,
            rollup: network.contracts.rollup,
            inbox: network.contracts.inbox,
            start_block,
            confirmation: ConfirmationPolicy::Safe,
            poll_interval: POLL_INTERVAL,
            request_timeout: REQUEST_TIMEOUT,
            log_range_blocks: LOG_RANGE_BLOCKS,
        };
        let l1 = Arc::new(L1Client::new(config, deployment)?);
        let blobs = BlobFetcher::new(sources, l1.clone(), REQUEST_TIMEOUT)?;
        Ok(Self { l1, blobs, start_block })
    }

    /// Hashes of the batches that were committed and not reverted, by index, genesis left out.
    pub(crate) async fn standing_batches(&self) -> Result<BTreeMap<u64, B256>> {
        self.l1.ensure_checked().await?;
        let mut standing = BTreeMap::new();
        self.for_each(async |located: LocatedEvent| {
            match &located.event {
                L1Event::BatchCommitted(batch) if batch.commitment.index > 0 => {
                    standing.insert(batch.commitment.index, batch.commitment.hash());
                }
                L1Event::BatchesReverted { from, .. } => drop(standing.split_off(from)),
                _ => {}
            }
            Ok(true)
        })
        .await?;
        Ok(standing)
    }

    /// Newest L1 block that the audit takes.
    pub(crate) async fn head(&self) -> Result<u64> {
        Ok(self.l1.confirmed_head().await?.id.number)
    }

    /// Shows every event to `visit`, in order, until it answers false.
    pub(crate) async fn for_each(&self, mut visit: impl AsyncFnMut(LocatedEvent) -> Result<bool>) -> Result<()> {
        let head = self.head().await?;
        let mut from = self.start_block;
        while from <= head {
            let to = head.min(from + LOG_RANGE_BLOCKS - 1);
            for event in self.l1.events_in(from..=to).await? {
                if !visit(event).await? {
                    return Ok(());
                }
            }
            from = to + 1;
        }
        Ok(())
    }

    /// The batch's data, which hashes to what was committed.
    pub(crate) async fn data(&self, batch: &CommittedBatch, l1_block: u64) -> Result<Bytes> {
        match &batch.commitment.data {
            DataLocation::Calldata(hash) => {
                if keccak256(&batch.calldata) != *hash {
                    bail!("the call data does not hash to {hash}");
                }
                Ok(batch.calldata.clone())
            }
            DataLocation::Blobs(hashes) => {
                let block = self
                    .l1
                    .block(l1_block)
                    .await?
                    .ok_or_else(|| eyre!("L1 has no block {l1_block}"))?;
                let blobs = self.blobs.fetch(hashes, &block).await?;
                Ok(blob::unpack(&blobs).wrap_err("unpacking the blobs")?.into())
            }
        }
    }
}
