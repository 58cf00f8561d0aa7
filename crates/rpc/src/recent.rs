//! Hashes of transactions that arrived lately: what pending-transaction filters and subscriptions read from.

use std::collections::{HashSet, VecDeque};

use alloy::primitives::B256;
use parking_lot::Mutex;
use tokio::sync::watch;

/// Hashes kept. A reader that lags more loses the oldest.
const KEPT: usize = 16_384;

/// A ring of hashes with rising sequence numbers; each hash is in it once.
pub(crate) struct RecentTransactions {
    ring: Mutex<Ring>,
    next: watch::Sender<u64>,
}

#[derive(Default)]
struct Ring {
    hashes: VecDeque<B256>,
    known: HashSet<B256>,
    /// Sequence number of the hash after the last.
    next: u64,
}

impl Default for RecentTransactions {
    fn default() -> Self {
        Self {
            ring: Mutex::default(),
            next: watch::Sender::new(0),
        }
    }
}

impl RecentTransactions {
    /// Adds transactions, those of users only: `(hash, whether it is an L1 message)`.
    pub(crate) fn extend(&self, transactions: impl Iterator<Item = (B256, bool)>) {
        let next = {
            let mut ring = self.ring.lock();
            for (hash, _) in transactions.filter(|(_, message)| !message) {
                ring.push(hash);
            }
            ring.next
        };
        self.next.send_replace(next);
    }

    /// Hashes from sequence number `from` on that are still kept, and the number to ask from next time.
    pub(crate) fn since(&self, from: u64) -> (Vec<B256>, u64) {
        let ring = self.ring.lock();
        let first = ring.next.saturating_sub(ring.hashes.len() as u64);
        let skip = usize::try_from(from.saturating_sub(first)).unwrap_or(usize::MAX);
        (ring.hashes.iter().skip(skip).copied().collect(), ring.next)
    }

    /// The sequence number of the next hash.
    pub(crate) fn next(&self) -> u64 {
        self.ring.lock().next
    }

    /// Tells when hashes were added.
    pub(crate) fn watch(&self) -> watch::Receiver<u64> {
        self.next.subscribe()
    }
}

impl Ring {
    fn push(&mut self, hash: B256) {
        if !self.known.insert(hash) {
            return;
        }
        if self.hashes.len() == KEPT
            && let Some(oldest) = self.hashes.pop_front()
        {
            self.known.remove(&oldest);
        }
        self.hashes.push_back(hash);
        self.next += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hash(number: usize) -> B256 {
        alloy::primitives::U256::from(number).into()
    }

    #[test]
    fn a_reader_gets_each_hash_once_and_loses_only_the_oldest() {
        let recent = RecentTransactions::default();
        recent.extend([(hash(1), false), (hash(2), true), (hash(1), false)].into_iter());
        let (hashes, next) = recent.since(0);
        assert_eq!(hashes, [hash(1)]);
        assert!(recent.since(next).0.is_empty());
        recent.extend((10..10 + KEPT).map(|number| (hash(number), false)));
        let (hashes, _) = recent.since(0);
        assert_eq!((hashes.len(), hashes[0]), (KEPT, hash(10)));
        assert_eq!(recent.ring.lock().known.len(), KEPT);
    }
}
