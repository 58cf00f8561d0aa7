//! Transactions accepted but not executed: those behind a nonce gap, those whose fee is below the base fee, and those
//! that wait for the next block.
//!
//! Everything else is executed on arrival and never enters. The maps are persistent, so that a copy for readers, or to
//! return to when the journal fails, costs nothing.

mod content;
#[cfg(test)]
mod tests;

use std::{cmp::Reverse, sync::Arc};

use alloy::{
    consensus::{Transaction, transaction::Recovered},
    primitives::{Address, B256, U256},
};
use cwe_primitives::TxEnvelope;
use imbl::{HashMap, OrdSet};

pub use self::content::PoolContent;
use crate::{MempoolConfig, SubmitError, validate::cost};

/// A transaction that waits, or that arrives.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PoolTransaction {
    /// The transaction with its sender.
    pub transaction: Recovered<TxEnvelope>,
    /// Its hash.
    pub hash: B256,
    /// Bytes of its EIP-2718 encoding.
    pub size: usize,
    /// Most CLN wei that it can take from its sender.
    pub cost: U256,
    /// Order of acceptance; the journal's key.
    pub sequence: u64,
}

impl PoolTransaction {
    pub(crate) fn new(transaction: Recovered<TxEnvelope>, hash: B256, size: usize) -> Self {
        let cost = cost(transaction.inner());
        Self {
            transaction,
            hash,
            size,
            cost,
            sequence: 0,
        }
    }

    /// Who signed it.
    pub const fn sender(&self) -> Address {
        self.transaction.signer()
    }

    /// Its nonce.
    pub fn nonce(&self) -> u64 {
        self.transaction.nonce()
    }

    /// Its fee cap, CLN wei per gas.
    pub fn fee(&self) -> u128 {
        self.transaction.max_fee_per_gas()
    }

    /// Its tip, CLN wei per gas; of a transaction without one, its gas price.
    pub fn tip(&self) -> u128 {
        self.transaction
            .max_priority_fee_per_gas()
            .unwrap_or_else(|| self.fee())
    }
}

/// Rank for eviction and for execution: fee cap, tip, then the earlier arrival is better.
type Rank = (u128, u128, Reverse<u64>, B256);

/// The pool as the engine keeps it.
#[derive(Debug, Clone)]
pub(crate) struct Mempool {
    config: MempoolConfig,
    content: PoolContent,
    /// All waiting transactions, worst first.
    ranks: OrdSet<Rank>,
    ranks_by_hash: HashMap<B256, Rank>,
    /// Senders whose first waiting transaction has their next nonce: it waits for a lower base fee or a new block.
    ready: OrdSet<(u128, Address)>,
    ready_by_sender: HashMap<Address, u128>,
}

impl Mempool {
    pub(crate) fn new(config: MempoolConfig) -> Self {
        Self {
            config,
            content: PoolContent::default(),
            ranks: OrdSet::new(),
            ranks_by_hash: HashMap::new(),
            ready: OrdSet::new(),
            ready_by_sender: HashMap::new(),
        }
    }

    pub(crate) const fn content(&self) -> &PoolContent {
        &self.content
    }

    /// Checks an arriving transaction against the sender's account and what waits: nonce, replacement, balance.
    pub(crate) fn check(&self, new: &PoolTransaction, next_nonce: u64, balance: U256) -> Result<(), SubmitError> {
        if self.content.by_hash(&new.hash).is_some() {
            return Err(SubmitError::AlreadyKnown);
        }
        let (sender, nonce) = (new.sender(), new.nonce());
        if nonce < next_nonce {
            return Err(SubmitError::NonceTooLow {
                address: sender,
                tx: nonce,
                state: next_nonce,
            });
        }
        if let Some(old) = self.content.by_nonce(&sender, nonce) {
            self.check_replacement(old, new)?;
        }
        let waiting = self
            .content
            .of_sender(&sender)
            .take_while(|other| other.nonce() < nonce)
            .fold(U256::ZERO, |sum, other| sum.saturating_add(other.cost));
        let have = balance.saturating_sub(waiting);
        if new.cost > have {
            return Err(SubmitError::InsufficientFunds { have, want: new.cost });
        }
        Ok(())
    }

    fn check_replacement(&self, old: &PoolTransaction, new: &PoolTransaction) -> Result<(), SubmitError> {
        let percent = u128::from(self.config.replacement_percent).saturating_add(100);
        let bump = |fee: u128| fee.saturating_mul(percent).div_ceil(100).max(fee.saturating_add(1));
        let (min_fee, min_tip) = (bump(old.fee()), bump(old.tip()));
        if new.fee() < min_fee || new.tip() < min_tip {
            return Err(SubmitError::ReplacementUnderpriced { min_fee, min_tip });
        }
        Ok(())
    }

    /// Puts a checked transaction to wait; returns those that it pushed out: the replaced one and those evicted.
    pub(crate) fn insert(
        &mut self,
        new: PoolTransaction,
        next_nonce: u64,
    ) -> Result<Vec<Arc<PoolTransaction>>, SubmitError> {
        let sender = new.sender();
        let replaced = self.content.by_nonce(&sender, new.nonce()).cloned();
        if replaced.is_none() && self.content.of_sender(&sender).count() >= self.config.max_per_sender {
            return Err(SubmitError::SenderLimit {
                address: sender,
                limit: self.config.max_per_sender,
                next_nonce,
            });
        }
        let mut evicted = self.room_for(&new, replaced.as_deref())?;
        evicted.extend(replaced);
        for old in &evicted {
            self.take_out(old);
        }
        let new = Arc::new(new);
        let rank = (new.fee(), new.tip(), Reverse(new.sequence), new.hash);
        self.ranks.insert(rank);
        self.ranks_by_hash.insert(new.hash, rank);
        self.content.insert(&new);
        self.update_ready(sender, next_nonce);
        Ok(evicted)
    }

    /// The worst transactions that must leave for `new`; an error if `new` itself is the worst.
    fn room_for(
        &self,
        new: &PoolTransaction,
        replaced: Option<&PoolTransaction>,
    ) -> Result<Vec<Arc<PoolTransaction>>, SubmitError> {
        let mut count = self.content.len() + usize::from(replaced.is_none());
        let mut bytes = (self.content.bytes() + new.size).saturating_sub(replaced.map_or(0, |old| old.size));
        let mut evicted = Vec::new();
        let mut worst_first = self.ranks.iter();
        while count > self.config.max_transactions || bytes > self.config.max_bytes {
            let Some(worst) = worst_first.next() else {
                return Err(SubmitError::PoolFull);
            };
            if (new.fee(), new.tip()) <= (worst.0, worst.1) {
                return Err(SubmitError::PoolFull);
            }
            let Some(victim) = self
                .content
                .by_hash(&worst.3)
                .filter(|old| Some(old.hash) != replaced.map(|r| r.hash))
            else {
                continue;
            };
            count -= 1;
            bytes -= victim.size;
            evicted.push(Arc::clone(victim));
        }
        Ok(evicted)
    }

    /// Takes out one transaction, if it is there.
    pub(crate) fn remove(&mut self, hash: &B256) -> Option<Arc<PoolTransaction>> {
        let transaction = self.content.by_hash(hash)?.clone();
        self.take_out(&transaction);
        Some(transaction)
    }

    fn take_out(&mut self, transaction: &PoolTransaction) {
        self.content.remove(transaction);
        if let Some(rank) = self.ranks_by_hash.remove(&transaction.hash) {
            self.ranks.remove(&rank);
        }
        let sender = transaction.sender();
        if self
            .content
            .of_sender(&sender)
            .next()
            .is_none_or(|head| head.nonce() > transaction.nonce())
        {
            self.clear_ready(sender);
        }
    }

    /// Adapts to a new nonce of `sender`: removes what can't be executed any more and returns it.
    pub(crate) fn on_nonce(&mut self, sender: Address, next_nonce: u64) -> Vec<Arc<PoolTransaction>> {
        let stale: Vec<_> = self
            .content
            .of_sender(&sender)
            .take_while(|waiting| waiting.nonce() < next_nonce)
            .cloned()
            .collect();
        for transaction in &stale {
            self.take_out(transaction);
        }
        self.update_ready(sender, next_nonce);
        stale
    }

    fn update_ready(&mut self, sender: Address, next_nonce: u64) {
        self.clear_ready(sender);
        if let Some(fee) = self.content.by_nonce(&sender, next_nonce).map(|head| head.fee()) {
            self.ready.insert((fee, sender));
            self.ready_by_sender.insert(sender, fee);
        }
    }

    fn clear_ready(&mut self, sender: Address) {
        if let Some(fee) = self.ready_by_sender.remove(&sender) {
            self.ready.remove(&(fee, sender));
        }
    }

    /// Whether anything of `sender` waits.
    pub(crate) fn has_sender(&self, sender: &Address) -> bool {
        self.content.of_sender(sender).next().is_some()
    }

    /// The transaction of `sender` that its nonce allows next.
    pub(crate) fn ready_of(&self, sender: &Address) -> Option<&Arc<PoolTransaction>> {
        self.ready_by_sender.get(sender)?;
        self.content.of_sender(sender).next()
    }

    /// Whether some sender's next transaction waits here.
    pub(crate) fn has_ready(&self) -> bool {
        !self.ready.is_empty()
    }

    /// Senders with a transaction that a block with this base fee can execute, best fee first.
    pub(crate) fn executable_senders(&self, base_fee: u64) -> Vec<Address> {
        self.ready
            .range((u128::from(base_fee), Address::ZERO)..)
            .map(|(_, sender)| *sender)
            .rev()
            .collect()
    }
}
