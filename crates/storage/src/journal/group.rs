//! One append to the journal, and its bytes.

use alloy_primitives::{B256, Bytes};
use alloy_rlp::{RlpDecodable, RlpEncodable};

/// Header parameters of the open block, fixed when it was opened: replaying it gives the same block.
#[derive(Debug, Clone, Copy, PartialEq, Eq, RlpEncodable, RlpDecodable)]
pub struct OpenBlock {
    /// Number of the block.
    pub number: u64,
    /// Hash of the block before it.
    pub parent_hash: B256,
    /// Seconds since 1970.
    pub timestamp: u64,
    /// CLN wei per gas.
    pub base_fee: u64,
    /// Gas limit of the block.
    pub gas_limit: u64,
}

/// A transaction that was accepted.
#[derive(Debug, Clone, PartialEq, Eq, RlpEncodable, RlpDecodable)]
pub struct AcceptedTransaction {
    /// Position in the order of arrival; never used twice while the transaction is kept.
    pub sequence: u64,
    /// EIP-2718 encoding.
    pub raw: Bytes,
}

/// A step of the open block.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ExecutedItem {
    /// An accepted transaction, by its sequence number.
    Transaction(u64),
    /// An L1 message, by its queue index.
    Message(u64),
}

/// What one commit of the journal changes, in this order.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct JournalGroup {
    /// Blocks up to this one survive in the database: their order and their transactions are dropped.
    pub forget_through: Option<u64>,
    /// The block that is open from now on. The order of one that was open before is dropped; its transactions are
    /// accepted still.
    pub opened: Option<OpenBlock>,
    /// New transactions.
    pub accepted: Vec<AcceptedTransaction>,
    /// What the open block executed next, in order.
    pub executed: Vec<ExecutedItem>,
    /// Accepted transactions that were evicted or replaced, by sequence number.
    pub dropped: Vec<u64>,
    /// The open block is complete: nothing is executed on it any more, and this is its hash.
    pub sealed: Option<B256>,
}

/// [`JournalGroup`] as a record.
#[derive(Debug, RlpEncodable, RlpDecodable)]
pub(super) struct StoredGroup {
    forget_through: Vec<u64>,
    opened: Vec<OpenBlock>,
    accepted: Vec<AcceptedTransaction>,
    executed: Vec<StoredItem>,
    dropped: Vec<u64>,
    sealed: Vec<B256>,
}

#[derive(Debug, RlpEncodable, RlpDecodable)]
struct StoredItem {
    is_message: bool,
    number: u64,
}

impl From<&JournalGroup> for StoredGroup {
    fn from(group: &JournalGroup) -> Self {
        let executed = group.executed.iter().map(|item| match *item {
            ExecutedItem::Transaction(number) => StoredItem {
                is_message: false,
                number,
            },
            ExecutedItem::Message(number) => StoredItem {
                is_message: true,
                number,
            },
        });
        Self {
            forget_through: group.forget_through.into_iter().collect(),
            opened: group.opened.into_iter().collect(),
            accepted: group.accepted.clone(),
            executed: executed.collect(),
            dropped: group.dropped.clone(),
            sealed: group.sealed.into_iter().collect(),
        }
    }
}

impl From<StoredGroup> for JournalGroup {
    fn from(stored: StoredGroup) -> Self {
        let executed = stored.executed.into_iter().map(|StoredItem { is_message, number }| {
            if is_message {
                ExecutedItem::Message(number)
            } else {
                ExecutedItem::Transaction(number)
            }
        });
        Self {
            forget_through: stored.forget_through.first().copied(),
            opened: stored.opened.first().copied(),
            accepted: stored.accepted,
            executed: executed.collect(),
            dropped: stored.dropped,
            sealed: stored.sealed.first().copied(),
        }
    }
}
