//! What the database keeps besides blocks and state: batches, L1 messages, cursors, heads.

use alloy_primitives::{Address, B256};
use cwe_executor::{ExecutedBlock, GenesisBlock};
use cwe_primitives::{BatchCommitment, Block, L1Message, QueueHash, Receipt, StateChanges, Withdrawal};
use cwe_trie::TrieUpdates;

/// Everything that one block adds. The parts must belong together; see
/// [`Database::commit_block`](crate::Database::commit_block).
#[derive(Debug, Clone, Copy)]
pub struct BlockCommit<'a> {
    /// The block.
    pub block: &'a Block,
    /// Hash of its header.
    pub hash: B256,
    /// Sender of each transaction, in order.
    pub senders: &'a [Address],
    /// Receipt of each transaction, in order.
    pub receipts: &'a [Receipt],
    /// What it changes in the state.
    pub changes: &'a StateChanges,
    /// What it changes in the state trie.
    pub trie: &'a TrieUpdates,
    /// L1 queue after its messages.
    pub queue: QueueHash,
    /// Withdrawals it makes, in order.
    pub withdrawals: &'a [Withdrawal],
}

impl<'a> BlockCommit<'a> {
    /// The commit of an executed block.
    pub fn new(executed: &'a ExecutedBlock, senders: &'a [Address], withdrawals: &'a [Withdrawal]) -> Self {
        Self {
            block: &executed.block,
            hash: executed.hash,
            senders,
            receipts: &executed.receipts,
            changes: &executed.changes,
            trie: &executed.trie,
            queue: executed.queue,
            withdrawals,
        }
    }

    /// The commit of a genesis.
    pub fn genesis(genesis: &'a GenesisBlock) -> Self {
        Self {
            block: &genesis.block,
            hash: genesis.hash,
            senders: &[],
            receipts: &[],
            changes: &genesis.changes,
            trie: &genesis.trie,
            queue: QueueHash::default(),
            withdrawals: &[],
        }
    }
}

/// Where a transaction is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TransactionLocation {
    /// Number of the block.
    pub block: u64,
    /// Position in the block.
    pub index: u32,
}

/// A withdrawal and the block that made it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WithdrawalRecord {
    /// Number of the block.
    pub block: u64,
    /// The withdrawal.
    pub withdrawal: Withdrawal,
}

/// Blocks that L1 vouches for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Heads {
    /// Newest block in a batch committed on L1.
    pub safe: u64,
    /// Newest block proven on a final L1 block. Never above `safe`; never goes back.
    pub finalized: u64,
}

/// A position on L1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct L1Block {
    /// Block number.
    pub number: u64,
    /// Block hash.
    pub hash: B256,
}

/// What is read from L1, each with its own position.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum L1Stream {
    /// Messages of `Inbox`.
    Inbox,
    /// Batches and proofs of `Rollup`.
    Rollup,
}

/// A message of the L1 queue and where it was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct L1MessageRecord {
    /// The message.
    pub message: L1Message,
    /// L1 block that holds it.
    pub l1_block: L1Block,
    /// `queueHash(index + 1)`, as L1 reported it.
    pub queue_hash: B256,
}

impl L1MessageRecord {
    /// The queue up to and including this message.
    pub const fn queue_after(&self) -> QueueHash {
        QueueHash {
            next_index: self.message.index + 1,
            hash: self.queue_hash,
        }
    }
}

/// A batch and how far it got.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BatchRecord {
    /// What `Rollup` binds.
    pub commitment: BatchCommitment,
    /// How far it got.
    pub status: BatchStatus,
}

/// How far a batch got.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BatchStatus {
    /// Put together, not sent.
    Built,
    /// Sent to L1, not seen in a block yet.
    Submitted {
        /// Transaction last sent for it.
        transaction: B256,
        /// Nonce of that transaction.
        nonce: u64,
        /// Fee cap of that transaction, wei per gas.
        max_fee_per_gas: u128,
        /// Tip of that transaction, wei per gas.
        max_priority_fee_per_gas: u128,
    },
    /// Committed on L1.
    Committed {
        /// Transaction that did it.
        transaction: B256,
        /// L1 block of that transaction.
        l1_block: L1Block,
    },
    /// Proven on L1.
    Finalized {
        /// Transaction that committed the batch.
        committed_by: B256,
        /// Transaction that proved it.
        proven_by: B256,
        /// L1 block of the proof.
        l1_block: L1Block,
    },
}
