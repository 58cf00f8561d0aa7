//! What waits, as readers see it.

use std::sync::Arc;

use alloy::primitives::{Address, B256};
use imbl::{HashMap, OrdMap};

use super::PoolTransaction;

/// The waiting transactions at one instant: what `txpool_*` shows. Executed ones are in the open block, not here.
#[derive(Debug, Clone, Default)]
pub struct PoolContent {
    senders: HashMap<Address, OrdMap<u64, Arc<PoolTransaction>>>,
    hashes: HashMap<B256, Arc<PoolTransaction>>,
    bytes: usize,
}

impl PoolContent {
    /// Number of waiting transactions.
    pub fn len(&self) -> usize {
        self.hashes.len()
    }

    /// Whether nothing waits.
    pub fn is_empty(&self) -> bool {
        self.hashes.is_empty()
    }

    /// Whether it is the same at a glance: a copy, and nothing was changed since.
    pub(crate) fn is_same(&self, other: &Self) -> bool {
        self.hashes.ptr_eq(&other.hashes)
    }

    /// Bytes of the waiting transactions.
    pub const fn bytes(&self) -> usize {
        self.bytes
    }

    /// Senders with waiting transactions.
    pub fn senders(&self) -> impl Iterator<Item = &Address> {
        self.senders.keys()
    }

    /// Waiting transactions of one sender, by rising nonce.
    pub fn of_sender(&self, sender: &Address) -> impl Iterator<Item = &Arc<PoolTransaction>> {
        self.senders.get(sender).into_iter().flat_map(|queue| queue.values())
    }

    /// One transaction by hash.
    pub fn by_hash(&self, hash: &B256) -> Option<&Arc<PoolTransaction>> {
        self.hashes.get(hash)
    }

    /// The waiting transaction of `sender` with `nonce`.
    pub fn by_nonce(&self, sender: &Address, nonce: u64) -> Option<&Arc<PoolTransaction>> {
        self.senders.get(sender)?.get(&nonce)
    }

    /// The first nonce from `next_nonce` on that no waiting transaction of `sender` has.
    pub fn nonce_after(&self, sender: &Address, next_nonce: u64) -> u64 {
        let Some(queue) = self.senders.get(sender) else {
            return next_nonce;
        };
        queue
            .range(next_nonce..)
            .zip(next_nonce..)
            .take_while(|((nonce, _), next)| *nonce == next)
            .count() as u64
            + next_nonce
    }

    /// Adds a transaction.
    pub(super) fn insert(&mut self, transaction: &Arc<PoolTransaction>) {
        self.bytes = self.bytes.saturating_add(transaction.size);
        self.hashes.insert(transaction.hash, Arc::clone(transaction));
        self.senders
            .entry(transaction.sender())
            .or_default()
            .insert(transaction.nonce(), Arc::clone(transaction));
    }

    /// Takes a transaction out.
    pub(super) fn remove(&mut self, transaction: &PoolTransaction) {
        self.bytes = self.bytes.saturating_sub(transaction.size);
        self.hashes.remove(&transaction.hash);
        if let Some(queue) = self.senders.get_mut(&transaction.sender()) {
            queue.remove(&transaction.nonce());
            if queue.is_empty() {
                self.senders.remove(&transaction.sender());
            }
        }
    }
}

#[cfg(test)]
impl PoolContent {
    /// Both indexes hold the same transactions, and the count of bytes is right.
    pub(super) fn assert_consistent(&self) {
        assert_eq!(self.bytes, self.hashes.values().map(|tx| tx.size).sum::<usize>());
        let by_sender: std::collections::BTreeSet<_> = self
            .senders
            .values()
            .flat_map(|queue| queue.values().map(|tx| tx.hash))
            .collect();
        assert_eq!(by_sender, self.hashes.keys().copied().collect());
        assert!(self.senders.values().all(|queue| !queue.is_empty()));
    }
}
