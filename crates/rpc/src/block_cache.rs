//! Blocks read or sealed lately, with senders and receipts ready.

use std::{num::NonZeroUsize, sync::Arc};

use alloy::primitives::B256;
use cwe_chain::SealedBlock;
use lru::LruCache;
use parking_lot::Mutex;

use crate::types::block::BlockView;

/// Blocks kept. A full block of transfers takes about 1 MB.
const KEPT: NonZeroUsize = NonZeroUsize::MIN.saturating_add(255);

/// Cache by number; numbers are unique because a sealed block changes only by an unwinding, which is told.
pub(crate) struct BlockCache {
    blocks: Mutex<LruCache<u64, Arc<BlockView>>>,
}

impl Default for BlockCache {
    fn default() -> Self {
        Self {
            blocks: Mutex::new(LruCache::new(KEPT)),
        }
    }
}

impl BlockCache {
    /// A block by number, if it is kept and has the hash that the database has for this number.
    pub(crate) fn get(&self, number: u64, hash: B256) -> Option<Arc<BlockView>> {
        self.blocks
            .lock()
            .get(&number)
            .filter(|block| block.hash == hash)
            .cloned()
    }

    /// Keeps a block.
    pub(crate) fn insert(&self, block: Arc<BlockView>) {
        self.blocks.lock().put(block.header.number, block);
    }

    /// Keeps a block that was sealed just now.
    pub(crate) fn insert_sealed(&self, block: &SealedBlock) {
        self.insert(Arc::new(BlockView::sealed(block)));
    }

    /// Forgets blocks above a number.
    pub(crate) fn forget_above(&self, number: u64) {
        let mut blocks = self.blocks.lock();
        let gone: Vec<u64> = blocks
            .iter()
            .map(|(kept, _)| *kept)
            .filter(|kept| *kept > number)
            .collect();
        for number in gone {
            blocks.pop(&number);
        }
    }
}
