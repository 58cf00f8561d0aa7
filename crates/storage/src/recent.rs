//! Blocks that are sealed but not in the file yet, and the state as each of them left it.
//!
//! A [`Generation`] takes block after block until it is written to the file, as one transaction. Every row of it knows
//! which block set it, so that one generation serves readers of all its blocks; a reader never sees rows above its own
//! block, and so needs no copy.

use std::{
    hash::BuildHasher,
    sync::{
        Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard,
        atomic::{AtomicUsize, Ordering},
    },
};

use alloy_primitives::{
    Address, B256, Bytes,
    map::{B256Map, DefaultHashBuilder, HashMap},
};
use cwe_primitives::{Block, QueueHash, Receipt, Withdrawal};

use crate::{
    BlockCommit, TransactionLocation,
    codec::{AccountNodeKey, BlockId, SlotKey, StorageNodeKey},
    tables::{AccountNodes, Accounts, Slots, StateTable, StorageNodes, Table},
};

/// Parts of a table, each under its own lock.
const SHARDS: usize = 16;

/// What a row takes in memory beside a node's bytes, roughly.
const ROW_BYTES: usize = 160;

/// A block with everything but its state.
#[derive(Debug)]
pub(crate) struct RecentBlock {
    pub(crate) block: Block,
    pub(crate) hash: B256,
    pub(crate) senders: Vec<Address>,
    pub(crate) receipts: Vec<Receipt>,
    pub(crate) queue: QueueHash,
    pub(crate) withdrawals: Vec<Withdrawal>,
    pub(crate) codes: Vec<(B256, Bytes)>,
}

impl RecentBlock {
    pub(crate) const fn number(&self) -> u64 {
        self.block.header.number
    }
}

/// Consecutive blocks and what they changed.
#[derive(Debug)]
pub(crate) struct Generation {
    /// Number of the first block.
    first: u64,
    blocks: RwLock<Vec<Arc<RecentBlock>>>,
    transactions: RwLock<B256Map<TransactionLocation>>,
    pub(crate) accounts: Versions<Accounts>,
    pub(crate) slots: Versions<Slots>,
    pub(crate) account_nodes: Versions<AccountNodes>,
    pub(crate) storage_nodes: Versions<StorageNodes>,
    bytes: AtomicUsize,
}

impl Generation {
    pub(crate) fn new(first: u64) -> Self {
        Self {
            first,
            blocks: RwLock::default(),
            transactions: RwLock::default(),
            accounts: Versions::default(),
            slots: Versions::default(),
            account_nodes: Versions::default(),
            storage_nodes: Versions::default(),
            bytes: AtomicUsize::new(0),
        }
    }

    /// Adds the next block. Readers see it once their view reaches it.
    pub(crate) fn push(&self, commit: &BlockCommit<'_>) {
        let number = commit.block.header.number;
        let mut bytes = 0;
        for (address, change) in &commit.changes.accounts {
            self.accounts.set(*address, number, change.current);
            for (slot, change) in &change.storage {
                let key = SlotKey {
                    address: *address,
                    slot: *slot,
                };
                let value = (!change.current.is_zero()).then_some(change.current);
                self.slots.set(key, number, value);
            }
            bytes += (1 + change.storage.len()) * ROW_BYTES;
        }
        for (path, node) in &commit.trie.account_nodes {
            bytes += ROW_BYTES + node.as_ref().map_or(0, |node| node.len());
            self.account_nodes.set(AccountNodeKey(*path), number, node.clone());
        }
        for (owner, nodes) in &commit.trie.storage_nodes {
            for (path, node) in nodes {
                bytes += ROW_BYTES + node.as_ref().map_or(0, |node| node.len());
                let key = StorageNodeKey {
                    owner: *owner,
                    path: *path,
                };
                self.storage_nodes.set(key, number, node.clone());
            }
        }
        bytes += commit.block.body.transactions.len() * 4 * ROW_BYTES;
        self.bytes.fetch_add(bytes, Ordering::Relaxed);
        self.push_block(commit);
    }

    fn push_block(&self, commit: &BlockCommit<'_>) {
        let block = commit.block.header.number;
        let mut transactions = write(&self.transactions);
        transactions.extend(
            commit
                .block
                .body
                .transactions
                .iter()
                .zip(0u32..)
                .map(|(tx, index)| (tx.hash(), TransactionLocation { block, index })),
        );
        drop(transactions);
        let codes = commit.changes.codes.iter().map(|(hash, code)| (*hash, code.clone()));
        write(&self.blocks).push(Arc::new(RecentBlock {
            block: commit.block.clone(),
            hash: commit.hash,
            senders: commit.senders.to_vec(),
            receipts: commit.receipts.to_vec(),
            queue: commit.queue,
            withdrawals: commit.withdrawals.to_vec(),
            codes: codes.collect(),
        }));
    }

    /// All blocks, in order.
    pub(crate) fn blocks(&self) -> Vec<Arc<RecentBlock>> {
        read(&self.blocks).clone()
    }

    pub(crate) fn is_empty(&self) -> bool {
        read(&self.blocks).is_empty()
    }

    pub(crate) fn len(&self) -> usize {
        read(&self.blocks).len()
    }

    /// Memory that the rows take, roughly.
    pub(crate) fn bytes(&self) -> usize {
        self.bytes.load(Ordering::Relaxed)
    }

    fn block(&self, number: u64) -> Option<Arc<RecentBlock>> {
        let index = usize::try_from(number.checked_sub(self.first)?).ok()?;
        read(&self.blocks).get(index).cloned()
    }
}

/// The generations up to one block: what a reader takes together with a transaction of the file.
#[derive(Debug, Clone, Default)]
pub(crate) struct View {
    /// The newest first.
    pub(crate) generations: Vec<Arc<Generation>>,
    /// The newest block; `None` if it is in the file.
    pub(crate) tip: Option<BlockId>,
}

impl View {
    /// A block that is not above the view.
    pub(crate) fn block(&self, number: u64) -> Option<Arc<RecentBlock>> {
        if self.tip.is_none_or(|tip| number > tip.number) {
            return None;
        }
        self.generations.iter().find_map(|generation| generation.block(number))
    }

    /// Number of a block by its hash.
    pub(crate) fn block_number(&self, hash: B256) -> Option<u64> {
        let tip = self.tip?.number;
        self.generations
            .iter()
            .find_map(|generation| {
                let blocks = read(&generation.blocks);
                blocks
                    .iter()
                    .rev()
                    .find(|block| block.hash == hash)
                    .map(|block| block.number())
            })
            .filter(|number| *number <= tip)
    }

    /// Where a transaction is.
    pub(crate) fn transaction(&self, hash: &B256) -> Option<TransactionLocation> {
        let tip = self.tip?.number;
        self.generations
            .iter()
            .find_map(|generation| read(&generation.transactions).get(hash).copied())
            .filter(|location| location.block <= tip)
    }

    /// A code that one of the blocks brought.
    pub(crate) fn code(&self, hash: &B256) -> Option<Bytes> {
        let tip = self.tip?.number;
        self.generations.iter().find_map(|generation| {
            let blocks = read(&generation.blocks);
            let known = blocks.iter().filter(|block| block.number() <= tip);
            known
                .flat_map(|block| &block.codes)
                .find(|(found, _)| found == hash)
                .map(|(_, code)| code.clone())
        })
    }

    /// What a row was set to by the last block up to `block` that set it; `None` if none of the view's did.
    pub(crate) fn state<T: StateTable>(&self, key: &T::Key, block: u64) -> Option<Option<T::Value>> {
        self.generations
            .iter()
            .find_map(|generation| T::versions(generation).get(key, block))
    }
}

/// A state table of a generation: the values that its blocks gave each row.
pub(crate) struct Versions<T: StateTable> {
    hasher: DefaultHashBuilder,
    shards: [Shard<T>; SHARDS],
}

/// Rows of a part of a table, each with its newest version.
type Rows<T> = HashMap<<T as Table>::Key, Version<<T as Table>::Value>>;

type Shard<T> = RwLock<Rows<T>>;

/// A value, the block that set it, and the one before.
pub(crate) struct Version<V> {
    block: u64,
    value: Option<V>,
    older: Option<Box<Version<V>>>,
}

impl<T: StateTable> Default for Versions<T> {
    fn default() -> Self {
        Self {
            hasher: DefaultHashBuilder::default(),
            shards: std::array::from_fn(|_| RwLock::default()),
        }
    }
}

impl<T: StateTable> std::fmt::Debug for Versions<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Versions")
            .field("table", &T::NAME)
            .finish_non_exhaustive()
    }
}

impl<T: StateTable> Versions<T> {
    fn shard(&self, key: &T::Key) -> &Shard<T> {
        // The map takes the low bits.
        let index = (self.hasher.hash_one(key) >> 32) % SHARDS as u64;
        &self.shards[usize::try_from(index).unwrap_or_default()]
    }

    fn get(&self, key: &T::Key, block: u64) -> Option<Option<T::Value>> {
        let shard = read(self.shard(key));
        let mut version = shard.get(key)?;
        while version.block > block {
            version = version.older.as_deref()?;
        }
        Some(version.value.clone())
    }

    /// Sets a row; blocks come in order.
    fn set(&self, key: T::Key, block: u64, value: Option<T::Value>) {
        let new = |older| Version { block, value, older };
        let mut shard = write(self.shard(&key));
        match shard.entry(key) {
            alloy_primitives::map::Entry::Vacant(vacant) => {
                vacant.insert(new(None));
            }
            alloy_primitives::map::Entry::Occupied(mut occupied) => {
                let newest = occupied.get_mut();
                let older = std::mem::replace(
                    newest,
                    Version {
                        block,
                        value: None,
                        older: None,
                    },
                );
                *newest = new(Some(Box::new(older)));
            }
        }
    }

    /// All rows. Nobody sets one while the guards live.
    pub(crate) fn read(&self) -> [RwLockReadGuard<'_, Rows<T>>; SHARDS] {
        std::array::from_fn(|index| read(&self.shards[index]))
    }
}

impl<V> Version<V> {
    /// The values that blocks gave the row, with the blocks, the newest first.
    pub(crate) fn and_older(&self) -> impl Iterator<Item = (u64, Option<&V>)> {
        std::iter::successors(Some(self), |version| version.older.as_deref())
            .map(|version| (version.block, version.value.as_ref()))
    }
}

/// The maps are whole after every single insertion: a panic elsewhere harms none.
pub(crate) fn read<T>(lock: &RwLock<T>) -> RwLockReadGuard<'_, T> {
    lock.read().unwrap_or_else(PoisonError::into_inner)
}

pub(crate) fn write<T>(lock: &RwLock<T>) -> RwLockWriteGuard<'_, T> {
    lock.write().unwrap_or_else(PoisonError::into_inner)
}
