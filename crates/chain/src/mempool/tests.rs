//! The pool keeps its limits and its order.

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

impl Mempool {
    fn assert_consistent(&self) {
        self.content.assert_consistent();
        assert_eq!(self.content.len(), self.ranks.len());
        assert_eq!(self.content.len(), self.ranks_by_hash.len());
        assert_eq!(self.ready.len(), self.ready_by_sender.len());
        assert!(
            self.ready_by_sender
                .iter()
                .all(|(sender, fee)| self.ready.contains(&(*fee, *sender)))
        );
    }
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
