//! Transactions accepted but not executed: those behind a nonce gap, those whose fee is below the base fee, and those
//! that wait for the next block.
//!
//! Everything else is executed on arrival and never enters. The maps are persistent, so that a copy for readers, or to
//! return to when the journal fails, costs nothing.

use std::{cmp::Reverse, sync::Arc};

use alloy::{
    consensus::{Transaction, transaction::Recovered},
    primitives::{Address, B256, U256},
};
use cwe_primitives::TxEnvelope;
use imbl::{HashMap, OrdMap, OrdSet};

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

    fn insert(&mut self, transaction: &Arc<PoolTransaction>) {
        self.bytes = self.bytes.saturating_add(transaction.size);
        self.hashes.insert(transaction.hash, Arc::clone(transaction));
        self.senders
            .entry(transaction.sender())
            .or_default()
            .insert(transaction.nonce(), Arc::clone(transaction));
    }

    fn remove(&mut self, transaction: &PoolTransaction) {
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
        let mut bytes = (self.content.bytes + new.size).saturating_sub(replaced.map_or(0, |old| old.size));
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
        self.content.senders.contains_key(sender)
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

    #[cfg(test)]
    fn assert_consistent(&self) {
        assert_eq!(self.content.len(), self.ranks.len());
        assert_eq!(self.content.len(), self.ranks_by_hash.len());
        assert_eq!(self.ready.len(), self.ready_by_sender.len());
        assert_eq!(
            self.content.bytes,
            self.content.hashes.values().map(|tx| tx.size).sum::<usize>()
        );
        let by_sender: std::collections::BTreeSet<_> = self
            .content
            .senders
            .values()
            .flat_map(|queue| queue.values().map(|tx| tx.hash))
            .collect();
        assert_eq!(by_sender, self.content.hashes.keys().copied().collect());
        assert!(
            self.ready_by_sender
                .iter()
                .all(|(sender, fee)| self.ready.contains(&(*fee, *sender)))
        );
    }
}

#[cfg(test)]
mod tests {
    use alloy::eips::eip2718::Encodable2718;
    use proptest::prelude::*;

    use super::*;
    use crate::testing::{GAS_PRICE, Tx, fortune, wallet};

    fn waiting(seed: u8, nonce: u64, fee: u128, sequence: u64) -> PoolTransaction {
        let transaction = Tx {
            fee,
            ..Tx::transfer(nonce)
        }
        .sign(seed);
        let (hash, size) = (transaction.hash(), transaction.encode_2718_len());
        let transaction = Recovered::new_unchecked(transaction, wallet(seed).address());
        PoolTransaction {
            sequence,
            ..PoolTransaction::new(transaction, hash, size)
        }
    }

    fn pool(config: MempoolConfig) -> Mempool {
        Mempool::new(config)
    }

    #[test]
    fn a_full_pool_evicts_the_cheapest_and_refuses_the_cheaper() {
        let mut pool = pool(MempoolConfig {
            max_transactions: 2,
            ..MempoolConfig::default()
        });
        let cheap = waiting(1, 1, GAS_PRICE, 0);
        pool.insert(cheap.clone(), 0).unwrap();
        pool.insert(waiting(2, 1, GAS_PRICE * 3, 1), 0).unwrap();
        assert_eq!(pool.insert(waiting(3, 1, GAS_PRICE, 2), 0), Err(SubmitError::PoolFull));
        let evicted = pool.insert(waiting(3, 1, GAS_PRICE * 2, 3), 0).unwrap();
        assert_eq!(evicted.iter().map(|tx| tx.hash).collect::<Vec<_>>(), [cheap.hash]);
        pool.assert_consistent();
    }

    #[test]
    fn the_limit_in_bytes_holds() {
        let size = waiting(1, 1, GAS_PRICE, 0).size;
        let mut pool = pool(MempoolConfig {
            max_bytes: size * 2 + size / 2,
            ..MempoolConfig::default()
        });
        for (seed, fee) in [(1, 1), (2, 2), (3, 3)] {
            pool.insert(waiting(seed, 1, GAS_PRICE * fee, u64::from(seed)), 0)
                .unwrap();
        }
        assert_eq!(pool.content().len(), 2);
        assert!(pool.content().bytes() <= size * 2 + size / 2);
        pool.assert_consistent();
    }

    #[test]
    fn funds_must_cover_what_waits_before() {
        let mut pool = pool(MempoolConfig::default());
        let first = waiting(1, 1, GAS_PRICE, 0);
        let second = waiting(1, 2, GAS_PRICE, 1);
        let balance = first.cost + second.cost - U256::from(1);
        pool.check(&first, 0, balance).unwrap();
        pool.insert(first.clone(), 0).unwrap();
        let refused = pool.check(&second, 0, balance).unwrap_err();
        assert_eq!(
            refused,
            SubmitError::InsufficientFunds {
                have: balance - first.cost,
                want: second.cost
            }
        );
        pool.check(&second, 0, balance + U256::from(1)).unwrap();
    }

    #[test]
    fn only_payable_senders_are_executable_best_first() {
        let mut pool = pool(MempoolConfig::default());
        pool.insert(waiting(1, 0, GAS_PRICE, 0), 0).unwrap();
        pool.insert(waiting(2, 0, GAS_PRICE * 3, 1), 0).unwrap();
        pool.insert(waiting(3, 0, GAS_PRICE * 2, 2), 0).unwrap();
        pool.insert(waiting(4, 1, GAS_PRICE * 9, 3), 0).unwrap();
        let base_fee = u64::try_from(GAS_PRICE * 2).unwrap();
        assert_eq!(
            pool.executable_senders(base_fee),
            [wallet(2).address(), wallet(3).address()]
        );
    }

    #[test]
    fn a_risen_nonce_removes_what_is_stale_and_readies_the_next() {
        let mut pool = pool(MempoolConfig::default());
        for nonce in 1..4 {
            pool.insert(waiting(1, nonce, GAS_PRICE, nonce), 0).unwrap();
        }
        let sender = wallet(1).address();
        assert!(pool.ready_of(&sender).is_none());
        assert_eq!(pool.on_nonce(sender, 2).len(), 1);
        assert_eq!(pool.ready_of(&sender).map(|tx| tx.nonce()), Some(2));
        assert_eq!(pool.content().nonce_after(&sender, 2), 4);
        pool.assert_consistent();
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(24))]
        #[test]
        fn limits_and_indexes_hold_whatever_comes(
            steps in prop::collection::vec((1u8..4, 0u64..6, 1u128..6, 0u8..8), 1..40)
        ) {
            let config = MempoolConfig { max_transactions: 6, max_per_sender: 3, ..MempoolConfig::default() };
            let mut pool = pool(config);
            let mut nonces = [0u64; 4];
            for (sequence, (seed, nonce, fee, kind)) in (0u64..).zip(steps) {
                let sender = wallet(seed).address();
                let next = &mut nonces[usize::from(seed)];
                if kind == 0 {
                    *next += 1;
                    pool.on_nonce(sender, *next);
                } else {
                    let new = waiting(seed, nonce, GAS_PRICE * fee, sequence);
                    if pool.check(&new, *next, fortune()).is_ok() {
                        let _ = pool.insert(new, *next);
                    }
                }
                pool.assert_consistent();
                prop_assert!(pool.content().len() <= 6);
                for seed in 1..4u8 {
                    let sender = wallet(seed).address();
                    prop_assert!(pool.content().of_sender(&sender).count() <= 3);
                    let next = nonces[usize::from(seed)];
                    prop_assert!(pool.content().of_sender(&sender).all(|tx| tx.nonce() >= next));
                    let ready = pool.ready_of(&sender).map(|tx| tx.nonce());
                    let expected = pool.content().by_nonce(&sender, next).map(|_| next);
                    prop_assert_eq!(ready, expected);
                }
            }
        }
    }
}
