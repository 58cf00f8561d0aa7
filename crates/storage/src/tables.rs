//! The tables of the database: names, key and value types.
//!
//! The state is kept as it is now in the state tables ([`StateTable`]). What blocks replaced is in a history table
//! beside each, in [`Runs`]: see [`history`](crate::history).

use std::hash::Hash;

use alloy_consensus::Header;
use alloy_primitives::{Address, B256, Bytes, U256};
use alloy_rlp::{RlpDecodable, RlpEncodable};
use cwe_primitives::{Account, BlockBody, ChainSpec, QueueHash, Receipt};

use crate::{
    batches::StoredBatch,
    codec::{AccountNodeKey, BlockId, ChunkKey, Key, Rlp, RunInfo, SlotKey, StorageNodeKey, Value},
    l1::StoredMessage,
    recent::{Generation, Versions},
    records::{Heads, L1Block, TransactionLocation},
};

/// A table.
pub(crate) trait Table {
    /// Position in [`NAMES`].
    const INDEX: usize;
    /// Name in the environment.
    const NAME: &'static str;
    type Key: Key;
    type Value: Value;
}

/// A table that belongs to the state. No value encodes to nothing: empty bytes in the history mean absence.
pub(crate) trait StateTable: Table<Key: Clone + Hash + Eq, Value: Clone> + Sized {
    /// Previous values.
    type History: Table<Key = ChunkKey, Value = Bytes>;
    /// The rows that blocks in memory set.
    fn versions(generation: &Generation) -> &Versions<Self>;
}

/// Declares tables and collects their names.
macro_rules! tables {
    ($($(#[$doc:meta])* $index:literal $table:ident $name:literal: $key:ty => $value:ty;)*) => {
        $(
            $(#[$doc])*
            pub(crate) enum $table {}
            impl Table for $table {
                const INDEX: usize = $index;
                const NAME: &'static str = $name;
                type Key = $key;
                type Value = $value;
            }
        )*
        /// Names of all tables, by [`Table::INDEX`].
        pub(crate) const NAMES: &[&str] = &[$($name),*];
    };
}

tables! {
    /// Single values; see [`MetaItem`].
    0 Meta "meta": &'static str => Bytes;
    /// Block number to header.
    1 Headers "headers": u64 => Rlp<StoredHeader>;
    /// Block hash to number.
    2 Numbers "numbers": B256 => u64;
    /// Block number to transactions.
    3 Bodies "bodies": u64 => Rlp<BlockBody>;
    /// Block number to the senders of its transactions.
    4 Senders "senders": u64 => Vec<Address>;
    /// Block number to receipts.
    5 Receipts "receipts": u64 => Rlp<Vec<Receipt>>;
    /// Transaction hash to its place.
    6 Transactions "transactions": B256 => TransactionLocation;
    /// Block number to the L1 queue after it.
    7 Queue "queue": u64 => QueueHash;
    /// Withdrawal index to withdrawal.
    8 Withdrawals "withdrawals": u64 => Rlp<StoredWithdrawal>;
    /// Code hash to code. Never removed.
    9 Codes "codes": B256 => Bytes;
    /// Accounts now.
    10 Accounts "accounts": Address => Account;
    /// Non-zero storage slots now.
    11 Slots "slots": SlotKey => U256;
    /// Nodes of the account trie now.
    12 AccountNodes "account_nodes": AccountNodeKey => Bytes;
    /// Nodes of the storage tries now.
    13 StorageNodes "storage_nodes": StorageNodeKey => Bytes;
    /// Previous values of [`Accounts`].
    14 AccountHistory "account_history": ChunkKey => Bytes;
    /// Previous values of [`Slots`].
    15 SlotHistory "slot_history": ChunkKey => Bytes;
    /// Previous values of [`AccountNodes`].
    16 AccountNodeHistory "account_node_history": ChunkKey => Bytes;
    /// Previous values of [`StorageNodes`].
    17 StorageNodeHistory "storage_node_history": ChunkKey => Bytes;
    /// Last block of a run of history to the run.
    18 Runs "runs": u64 => RunInfo;
    /// Queue index to L1 message.
    19 L1Messages "l1_messages": u64 => Rlp<StoredMessage>;
    /// Batch index to batch.
    20 Batches "batches": u64 => Rlp<StoredBatch>;
    /// Batch index to its data.
    21 BatchData "batch_data": u64 => Bytes;
    /// Last block of a batch to the batch's index.
    22 BatchEnds "batch_ends": u64 => u64;
}

impl StateTable for Accounts {
    type History = AccountHistory;

    fn versions(generation: &Generation) -> &Versions<Self> {
        &generation.accounts
    }
}

impl StateTable for Slots {
    type History = SlotHistory;

    fn versions(generation: &Generation) -> &Versions<Self> {
        &generation.slots
    }
}

impl StateTable for AccountNodes {
    type History = AccountNodeHistory;

    fn versions(generation: &Generation) -> &Versions<Self> {
        &generation.account_nodes
    }
}

impl StateTable for StorageNodes {
    type History = StorageNodeHistory;

    fn versions(generation: &Generation) -> &Versions<Self> {
        &generation.storage_nodes
    }
}

/// A single value in [`Meta`].
pub(crate) struct MetaItem<V> {
    pub(crate) name: &'static str,
    value: std::marker::PhantomData<V>,
}

impl<V> MetaItem<V> {
    const fn new(name: &'static str) -> Self {
        Self {
            name,
            value: std::marker::PhantomData,
        }
    }
}

/// Version of the layout; see [`crate::database::SCHEMA`].
pub(crate) const SCHEMA: MetaItem<u64> = MetaItem::new("schema");
/// Parameters of the chain.
pub(crate) const CHAIN_SPEC: MetaItem<Rlp<StoredSpec>> = MetaItem::new("chain_spec");
/// Hash of block 0.
pub(crate) const GENESIS: MetaItem<B256> = MetaItem::new("genesis");
/// Newest block.
pub(crate) const LATEST: MetaItem<BlockId> = MetaItem::new("latest");
/// Oldest block whose state is known.
pub(crate) const OLDEST_STATE: MetaItem<u64> = MetaItem::new("oldest_state");
/// Blocks that L1 vouches for.
pub(crate) const HEADS: MetaItem<Heads> = MetaItem::new("heads");
/// Position in the messages of L1.
pub(crate) const INBOX_CURSOR: MetaItem<L1Block> = MetaItem::new("inbox_cursor");
/// Position in the batches of L1.
pub(crate) const ROLLUP_CURSOR: MetaItem<L1Block> = MetaItem::new("rollup_cursor");
/// There while a bulk load runs.
pub(crate) const LOADING: MetaItem<u64> = MetaItem::new("loading");

impl Value for Heads {
    fn encode(&self, out: &mut Vec<u8>) {
        Value::encode(&self.safe, out);
        Value::encode(&self.finalized, out);
    }

    fn decode(bytes: &[u8]) -> Result<Self, &'static str> {
        let (safe, finalized) = bytes.split_at_checked(8).ok_or("heads are too short")?;
        Ok(Self {
            safe: Value::decode(safe)?,
            finalized: Value::decode(finalized)?,
        })
    }
}

/// A header and its hash.
#[derive(Debug, Clone, PartialEq, Eq, RlpEncodable, RlpDecodable)]
pub(crate) struct StoredHeader {
    pub(crate) hash: B256,
    pub(crate) header: Header,
}

/// A withdrawal and the block that made it.
#[derive(Debug, Clone, PartialEq, Eq, RlpEncodable, RlpDecodable)]
pub(crate) struct StoredWithdrawal {
    pub(crate) block: u64,
    pub(crate) sender: Address,
    pub(crate) recipient: Address,
    pub(crate) amount: U256,
}

/// [`ChainSpec`] as it is stored.
#[derive(Debug, Clone, PartialEq, Eq, RlpEncodable, RlpDecodable)]
pub(crate) struct StoredSpec {
    chain_id: u64,
    gas_limit: u64,
    min_base_fee: u64,
    initial_base_fee: u64,
    base_fee_elasticity: u64,
    base_fee_denominator: u64,
}

impl From<&ChainSpec> for StoredSpec {
    fn from(spec: &ChainSpec) -> Self {
        let ChainSpec {
            chain_id,
            gas_limit,
            min_base_fee,
            initial_base_fee,
            base_fee_elasticity,
            base_fee_denominator,
        } = *spec;
        Self {
            chain_id,
            gas_limit,
            min_base_fee,
            initial_base_fee,
            base_fee_elasticity,
            base_fee_denominator,
        }
    }
}

impl From<StoredSpec> for ChainSpec {
    fn from(stored: StoredSpec) -> Self {
        let StoredSpec {
            chain_id,
            gas_limit,
            min_base_fee,
            initial_base_fee,
            base_fee_elasticity,
            base_fee_denominator,
        } = stored;
        Self {
            chain_id,
            gas_limit,
            min_base_fee,
            initial_base_fee,
            base_fee_elasticity,
            base_fee_denominator,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_table_is_at_its_index() {
        assert_eq!(NAMES[Meta::INDEX], Meta::NAME);
        assert_eq!(NAMES[StorageNodeHistory::INDEX], StorageNodeHistory::NAME);
        assert_eq!(NAMES[BatchEnds::INDEX], BatchEnds::NAME);
        assert_eq!(NAMES.len(), BatchEnds::INDEX + 1);
    }
}
