//! A full node's way to its blocks: batches and messages from L1, data from blobs, everything executed and compared.

use std::sync::Arc;

use alloy::{
    eips::BlockId,
    primitives::{B256, Bytes},
};
use cwe_bindings::contracts::Rollup;
use cwe_chain::{ChainHandle, derivation};
use cwe_primitives::{BatchCommitment, DataLocation, blob};
use cwe_storage::{BatchRecord, BatchStatus, L1Block, L1MessageRecord};
use metrics::gauge;
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use crate::{
    BlobFetcher, BlockRef, CommittedBatch, L1Client, L1Error, L1Event, LocatedEvent, TaskError,
    scan::{self, Part, Reader},
    turns::{Turns, blocking, until_shutdown},
};

/// Derives the chain from confirmed L1 blocks.
pub struct L1Follower {
    l1: Arc<L1Client>,
    chain: ChainHandle,
    blobs: BlobFetcher,
    /// The newest block that was read and followed.
    seen: Option<BlockRef>,
}

impl L1Follower {
    /// A follower that writes into `chain`'s database.
    pub const fn new(l1: Arc<L1Client>, chain: ChainHandle, blobs: BlobFetcher) -> Self {
        Self {
            l1,
            chain,
            blobs,
            seen: None,
        }
    }

    /// Follows until shutdown.
    ///
    /// # Errors
    /// A fatal [`TaskError`]: the node must stop.
    pub async fn run(mut self, shutdown: CancellationToken) -> Result<(), TaskError> {
        let mut turns = Turns::new("following L1", self.l1.config().poll_interval);
        while let Some(outcome) = until_shutdown(&shutdown, self.turn()).await {
            turns.note(outcome)?;
            if until_shutdown(&shutdown, tokio::time::sleep(turns.pause()))
                .await
                .is_none()
            {
                break;
            }
        }
        Ok(())
    }

    /// Reads what is new on L1 and executes it.
    ///
    /// # Errors
    /// [`TaskError`]; what was done before stays done.
    pub async fn turn(&mut self) -> Result<(), TaskError> {
        self.seen = scan::turn(self, self.seen).await?;
        Ok(())
    }

    /// Executes a batch, unless it is known, or L1 has reverted it since.
    async fn follow(
        &self,
        batch: CommittedBatch,
        transaction: B256,
        l1_block: L1Block,
        head: &BlockRef,
    ) -> Result<(), TaskError> {
        let CommittedBatch { commitment, calldata } = batch;
        let index = commitment.index;
        if index == 0 || self.is_followed(&commitment)? {
            return Ok(());
        }
        if !self.stands(&commitment, head).await? {
            info!(batch = index, "passes over a batch that L1 has reverted since");
            return Ok(());
        }
        // A batch of the same index that was followed before was reverted: the event is only read later.
        self.unwind_to_batch(index - 1).await?;
        self.check_parent(&commitment)?;
        let data = self.data(&commitment, calldata, l1_block).await?;
        let record = BatchRecord {
            commitment,
            status: BatchStatus::Committed { transaction, l1_block },
        };
        self.apply(record, data).await?;
        gauge!("cwe_follower_batch").set(index as f64);
        Ok(())
    }

    fn is_followed(&self, commitment: &BatchCommitment) -> Result<bool, TaskError> {
        let record = self.chain.db().latest()?.batch(commitment.index)?;
        Ok(record.is_some_and(|record| record.commitment == *commitment))
    }

    async fn stands(&self, commitment: &BatchCommitment, head: &BlockRef) -> Result<bool, TaskError> {
        Ok(self
            .l1
            .batch_hash(commitment.index, BlockId::hash(head.id.hash))
            .await?
            == commitment.hash())
    }

    fn check_parent(&self, commitment: &BatchCommitment) -> Result<(), TaskError> {
        let latest = self
            .chain
            .db()
            .latest()?
            .latest_batch()?
            .map(|record| record.commitment);
        let (expected_after, hash) = latest.map_or((0, B256::ZERO), |latest| (latest.index, latest.hash()));
        if commitment.index != expected_after + 1 {
            return Err(TaskError::BatchGap {
                expected_after,
                found: commitment.index,
            });
        }
        if commitment.parent_batch_hash != hash {
            let found = commitment.parent_batch_hash;
            return Err(TaskError::WrongParent {
                index: commitment.index,
                expected: hash,
                found,
            });
        }
        Ok(())
    }

    async fn data(&self, commitment: &BatchCommitment, calldata: Bytes, l1_block: L1Block) -> Result<Bytes, TaskError> {
        let DataLocation::Blobs(hashes) = &commitment.data else {
            return Ok(calldata);
        };
        let number = l1_block.number;
        let block = self
            .l1
            .block(number)
            .await?
            .ok_or_else(|| L1Error::NoBlock(number.to_string()))?;
        let blobs = self.blobs.fetch(hashes, &block).await?;
        let index = commitment.index;
        // Blobs that don't unpack make an empty batch data, which derivation refuses by name.
        Ok(blob::unpack(&blobs)
            .inspect_err(|error| warn!(batch = index, %error, "blobs hold no batch data"))
            .unwrap_or_default()
            .into())
    }

    async fn apply(&self, record: BatchRecord, data: Bytes) -> Result<(), TaskError> {
        let messages = self.messages(&record.commitment)?;
        let chain = self.chain.clone();
        blocking(move || {
            let commitment = &record.commitment;
            derivation::apply_batch(chain.db(), chain.spec(), commitment, &data, &messages, |block| {
                chain.publish_block(Arc::new(block));
            })
            .map_err(|error| match error {
                derivation::ApplyError::Storage(error) => TaskError::Storage(error),
                wrong => TaskError::InvalidBatch(wrong),
            })?;
            chain.db().put_batch(&record, Some(&data))?;
            info!(
                batch = commitment.index,
                last_block = commitment.last_block,
                "followed a batch"
            );
            Ok(())
        })
        .await
    }

    /// The messages that a batch takes, as L1 announced them.
    fn messages(&self, commitment: &BatchCommitment) -> Result<Vec<cwe_primitives::L1Message>, TaskError> {
        let (first, end) = (commitment.queue_before.next_index, commitment.queue_after.next_index);
        let count = usize::try_from(end.saturating_sub(first)).unwrap_or(usize::MAX);
        let records = self.chain.db().latest()?.l1_messages(first, count)?;
        if records.len() < count {
            let reason = format!(
                "batch {} takes messages up to {end}, {} are known",
                commitment.index,
                records.len()
            );
            return Err(L1Error::Malformed {
                method: "MessageEnqueued",
                reason,
            }
            .into());
        }
        Ok(records
            .into_iter()
            .map(|L1MessageRecord { message, .. }| message)
            .collect())
    }

    async fn revert(&self, from: u64, to: u64, head: &BlockRef) -> Result<(), TaskError> {
        let followed = self.chain.db().latest()?.batch(from)?.map(|record| record.commitment);
        let Some(commitment) = followed else { return Ok(()) };
        if from == 0 || self.stands(&commitment, head).await? {
            return Ok(());
        }
        warn!(from, to, "batches were reverted on L1");
        self.unwind_to_batch(from - 1).await
    }

    /// Removes the blocks after a batch.
    async fn unwind_to_batch(&self, index: u64) -> Result<(), TaskError> {
        let last_block = {
            let snapshot = self.chain.db().latest()?;
            match (snapshot.batch(index)?, snapshot.latest_batch()?) {
                (Some(record), Some(latest)) if latest.commitment.index > index => record.commitment.last_block,
                _ => return Ok(()),
            }
        };
        let chain = self.chain.clone();
        blocking(move || {
            chain.db().unwind_to(last_block)?;
            chain.publish_unwound(last_block);
            Ok(())
        })
        .await
    }
}

impl Reader for L1Follower {
    fn l1(&self) -> &L1Client {
        &self.l1
    }

    fn chain(&self) -> &ChainHandle {
        &self.chain
    }

    /// Messages are stored before the batch that takes them; the position moves when all of the part is done.
    async fn take(&self, part: Part, head: &BlockRef) -> Result<(), TaskError> {
        let before = scan::cursor(self.chain.db())?;
        if let Some(block) = last_committed_block(&part) {
            self.l1.note_target(block);
        }
        let mut messages = Vec::new();
        for LocatedEvent {
            block,
            transaction,
            event,
            ..
        } in part.events
        {
            match event {
                L1Event::Message { message, queue_hash } => {
                    messages.push(scan::message_record(message, queue_hash, block));
                }
                L1Event::BatchCommitted(batch) => {
                    let waiting = std::mem::take(&mut messages);
                    scan::store_messages(&self.chain, waiting, before.unwrap_or_default()).await?;
                    self.follow(*batch, transaction, block, head).await?;
                }
                L1Event::BatchesReverted { from, to } => self.revert(from, to, head).await?,
                L1Event::BatchesFinalized { from, to } => {
                    scan::note_proof(&self.chain, (from, to), transaction, block).await?;
                }
            }
        }
        scan::store_messages(&self.chain, messages, part.end).await.map(drop)
    }

    /// Goes back to the newest batch that L1 still has.
    async fn on_deep_reorganisation(&self, _head: &BlockRef) -> Result<(), TaskError> {
        let (index, _) = scan::anchor(&self.l1, self.chain.db()).await?;
        self.unwind_to_batch(index).await
    }

    /// All batches of L1 must have been found: an endpoint that has thrown logs away answers with fewer, and no error.
    async fn check(&self, head: &BlockRef) -> Result<(), TaskError> {
        let at = BlockId::hash(head.id.hash);
        let committed = self.l1.rollup_view(Rollup::lastCommittedBatchCall {}, at).await?;
        gauge!("cwe_batches_committed").set(committed as f64);
        let latest = self.chain.db().latest()?.latest_batch()?;
        let (followed, last_block) =
            latest.map_or((0, 0), |record| (record.commitment.index, record.commitment.last_block));
        if followed == committed {
            self.l1.note_target(last_block);
            return Ok(());
        }
        scan::restart(&self.l1, &self.chain).await?;
        let reason = format!("L1 has {committed} batches, {followed} were found");
        Err(L1Error::LogsPruned {
            from: self.l1.config().start_block,
            to: head.id.number,
            reason,
        }
        .into())
    }
}

fn last_committed_block(part: &Part) -> Option<u64> {
    part.events.iter().rev().find_map(|located| match &located.event {
        L1Event::BatchCommitted(batch) => Some(batch.commitment.last_block),
        _ => None,
    })
}
