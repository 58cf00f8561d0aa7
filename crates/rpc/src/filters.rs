//! Filters that callers poll (`eth_newFilter` and its kin): bounded in number, forgotten when nobody asks.

use std::{
    collections::HashMap,
    time::{Duration, Instant},
};

use alloy::{primitives::B128, rpc::types::Filter};
use parking_lot::Mutex;

use crate::error::RpcError;

/// What a filter reports, and up to where it has.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum FilterKind {
    /// Logs of blocks from `next` on.
    Logs {
        /// Which logs.
        filter: Box<Filter>,
        /// First block not reported.
        next: u64,
    },
    /// Hashes of blocks from `next` on.
    Blocks {
        /// First block not reported.
        next: u64,
    },
    /// Hashes of arriving transactions.
    Transactions {
        /// Sequence number of the first not reported.
        next: u64,
        /// Whether whole transactions are wanted.
        full: bool,
    },
}

/// All filters.
pub(crate) struct Filters {
    max: usize,
    ttl: Duration,
    by_id: Mutex<HashMap<B128, Entry>>,
}

struct Entry {
    kind: FilterKind,
    asked: Instant,
}

impl Filters {
    /// No filters; at most `max`, each forgotten after `ttl` without a question.
    pub(crate) fn new(max: usize, ttl: Duration) -> Self {
        Self {
            max,
            ttl,
            by_id: Mutex::default(),
        }
    }

    /// Installs a filter under an id that nobody can guess.
    pub(crate) fn install(&self, kind: FilterKind) -> Result<B128, RpcError> {
        let mut filters = self.by_id.lock();
        if filters.len() >= self.max {
            filters.retain(|_, entry| entry.asked.elapsed() < self.ttl);
        }
        if filters.len() >= self.max {
            return Err(RpcError::LimitExceeded(format!(
                "{} filters are installed: uninstall some",
                self.max
            )));
        }
        let id = B128::random();
        filters.insert(
            id,
            Entry {
                kind,
                asked: Instant::now(),
            },
        );
        Ok(id)
    }

    /// The filter as it is now.
    pub(crate) fn get(&self, id: &B128) -> Result<FilterKind, RpcError> {
        let mut filters = self.by_id.lock();
        if filters.get(id).is_some_and(|entry| entry.asked.elapsed() >= self.ttl) {
            filters.remove(id);
        }
        let entry = filters
            .get_mut(id)
            .ok_or_else(|| RpcError::Rejected("filter not found".into()))?;
        entry.asked = Instant::now();
        Ok(entry.kind.clone())
    }

    /// Remembers that everything before `next` was reported.
    pub(crate) fn advance(&self, id: &B128, to: u64) {
        if let Some(entry) = self.by_id.lock().get_mut(id) {
            match &mut entry.kind {
                FilterKind::Logs { next, .. } | FilterKind::Blocks { next } | FilterKind::Transactions { next, .. } => {
                    *next = to;
                }
            }
        }
    }

    /// Removes a filter; tells whether it was there.
    pub(crate) fn uninstall(&self, id: &B128) -> bool {
        self.by_id.lock().remove(id).is_some()
    }

    /// Blocks above `latest` are gone: their successors will be reported anew.
    pub(crate) fn unwind(&self, latest: u64) {
        for entry in self.by_id.lock().values_mut() {
            if let FilterKind::Logs { next, .. } | FilterKind::Blocks { next } = &mut entry.kind {
                *next = (*next).min(latest.saturating_add(1));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn filters_are_bounded_and_idle_ones_make_room() {
        let filters = Filters::new(1, Duration::from_secs(60));
        let id = filters.install(FilterKind::Blocks { next: 1 }).unwrap();
        assert!(matches!(
            filters.install(FilterKind::Blocks { next: 1 }),
            Err(RpcError::LimitExceeded(_))
        ));
        assert!(filters.uninstall(&id));
        assert!(!filters.uninstall(&id));

        let expiring = Filters::new(1, Duration::ZERO);
        let first = expiring.install(FilterKind::Blocks { next: 1 }).unwrap();
        expiring.install(FilterKind::Blocks { next: 2 }).unwrap();
        assert!(expiring.get(&first).is_err());
    }

    #[test]
    fn an_unwinding_takes_filters_back() {
        let filters = Filters::new(2, Duration::from_secs(60));
        let id = filters.install(FilterKind::Blocks { next: 9 }).unwrap();
        filters.unwind(4);
        assert_eq!(filters.get(&id).unwrap(), FilterKind::Blocks { next: 5 });
        filters.advance(&id, 7);
        assert_eq!(filters.get(&id).unwrap(), FilterKind::Blocks { next: 7 });
    }
}
