//! What happens on the chain, for subscriptions and waiting callers.

use std::sync::Arc;

use alloy::primitives::{Address, B256};
use cwe_primitives::{Block, Receipt};

use crate::PendingTransaction;

/// A block in the database, with what its transactions did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SealedBlock {
    /// Block hash.
    pub hash: B256,
    /// Header and transactions.
    pub block: Block,
    /// Who sent the transactions, in their order.
    pub senders: Vec<Address>,
    /// Receipts, in the order of the transactions.
    pub receipts: Vec<Receipt>,
}

/// Numbers of the blocks behind the tags.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Heads {
    /// Last block in the database.
    pub latest: u64,
    /// Last block of the last batch committed on L1.
    pub safe: u64,
    /// Last block of the last batch proven on an L1 block that is final.
    pub finalized: u64,
}

/// Something that became visible. Published after it is durable, in order.
#[derive(Debug, Clone)]
pub enum ChainEvent {
    /// Transactions executed on the open block (sequencer only): soft confirmations.
    Executed {
        /// Number of the open block.
        block_number: u64,
        /// The transactions, in block order.
        transactions: Arc<[Arc<PendingTransaction>]>,
    },
    /// Transactions accepted into the mempool to wait there, by hash (sequencer only).
    Pooled(Arc<[B256]>),
    /// Accepted transactions that left the mempool without being executed: evicted, replaced, or no longer valid.
    Dropped(Arc<[B256]>),
    /// A block was committed to the database.
    Block(Arc<SealedBlock>),
    /// Blocks above this one were removed, because L1 reverted their batch (full node only).
    Unwound {
        /// The last block that stays.
        latest: u64,
    },
    /// A tag moved.
    Heads(Heads),
}

impl ChainEvent {
    /// Whether the event says that this transaction was executed.
    pub(crate) fn includes(&self, hash: B256) -> bool {
        match self {
            Self::Executed { transactions, .. } => transactions.iter().any(|transaction| transaction.hash == hash),
            Self::Block(block) => block
                .block
                .body
                .transactions
                .iter()
                .any(|transaction| transaction.hash() == hash),
            _ => false,
        }
    }
}
