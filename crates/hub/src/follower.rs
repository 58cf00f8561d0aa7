//! Follows the registries on the L2: reads their events in bounded ranges, keeps hashes of the newest blocks, and goes
//! back to the last common block when the chain was reorganised.

use metrics::gauge;
use tracing::{info, warn};

use crate::{
    chain::{BlockRef, Chain, ChainFailure},
    store::{Read, Store, StoreError},
};

/// Most blocks of one request; fewer where the node finds them too many.
const MAX_SPAN: u64 = 10_000;

/// Why following stops for now.
#[derive(Debug, thiserror::Error)]
pub enum FollowError {
    /// The chain can't be read.
    #[error(transparent)]
    Chain(#[from] ChainFailure),
    /// What was read can't be written down.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Follows a chain into a store.
pub struct Follower<C> {
    chain: C,
    store: Store,
    span: u64,
}

impl<C: Chain> Follower<C> {
    /// A follower that goes on where the store is.
    pub const fn new(chain: C, store: Store) -> Self {
        Self {
            chain,
            store,
            span: MAX_SPAN,
        }
    }

    /// Reads one range. `true`: there is more.
    ///
    /// # Errors
    /// Chain or store fail; calling again goes on.
    pub async fn step(&mut self) -> Result<bool, FollowError> {
        let head = self.chain.head().await?;
        let Some(tip) = self.common_tip().await? else {
            return self.read(None, head).await;
        };
        if tip.number >= head.number {
            self.note_epoch(tip).await?;
            return Ok(false);
        }
        self.read(Some(tip), head).await
    }

    /// The newest block that store and chain have in common, to which the store is taken back. `None`: nothing.
    async fn common_tip(&self) -> Result<Option<BlockRef>, FollowError> {
        let kept = self.store.blocks().await?;
        let Some(newest) = kept.first().copied() else {
            return Ok(None);
        };
        for block in &kept {
            if self.chain.hash_of(block.number).await? == Some(block.hash) {
                if *block != newest {
                    info!(
                        from = newest.number,
                        to = block.number,
                        "the chain was reorganised: goes back"
                    );
                    self.store.rewind(Some(block.number)).await?;
                }
                return Ok(Some(*block));
            }
        }
        warn!(
            from = newest.number,
            "the chain has none of the blocks that are kept: reads it anew"
        );
        self.store.rewind(None).await?;
        Ok(None)
    }

    async fn read(&mut self, tip: Option<BlockRef>, head: BlockRef) -> Result<bool, FollowError> {
        let from = tip.map_or(0, |tip| tip.number.saturating_add(1));
        let to = head.number.min(from.saturating_add(self.span - 1));
        let Some(hash) = self.chain.hash_of(to).await? else {
            return Ok(true);
        };
        let epoch = self.chain.epoch().await?;
        let events = match self.chain.events(from, to).await {
            Ok(events) => events,
            Err(ChainFailure::Refused { .. }) if self.span > 1 => {
                self.span /= 2;
                return Ok(true);
            }
            Err(failure) => return Err(failure.into()),
        };
        // A reorganisation meanwhile would mix two chains.
        if self.chain.hash_of(to).await? != Some(hash) || !self.still_has(tip).await? {
            return Ok(true);
        }
        let tip = BlockRef { number: to, hash };
        self.store.apply(&Read { events, tip, epoch }).await?;
        self.span = self.span.saturating_mul(2).min(MAX_SPAN);
        gauge!("cwe_hub_block").set(to as f64);
        Ok(to < head.number)
    }

    async fn still_has(&self, tip: Option<BlockRef>) -> Result<bool, FollowError> {
        match tip {
            Some(tip) => Ok(self.chain.hash_of(tip.number).await? == Some(tip.hash)),
            None => Ok(true),
        }
    }

    /// Epochs begin without a block.
    async fn note_epoch(&self, tip: BlockRef) -> Result<(), FollowError> {
        let epoch = self.chain.epoch().await?;
        if epoch != self.store.epoch().await? {
            let events = Vec::new();
            self.store.apply(&Read { events, tip, epoch }).await?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
