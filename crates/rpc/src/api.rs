//! What all methods share: the chain, recent blocks, filters, and the places for heavy work.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use cwe_chain::{ChainEvent, ChainHandle};
use metrics::counter;
use tokio::sync::{Semaphore, broadcast::error::RecvError};

use crate::{
    NodeInfo, block_cache::BlockCache, config::RpcConfig, cwe::TreeCache, error::RpcError, filters::Filters,
    recent::RecentTransactions,
};

/// State of the RPC server.
pub(crate) struct Api {
    /// Limits.
    pub(crate) config: RpcConfig,
    /// The chain.
    pub(crate) chain: ChainHandle,
    /// What the chain does not know of the node.
    pub(crate) node: NodeInfo,
    /// Recently read and sealed blocks.
    pub(crate) blocks: BlockCache,
    /// `eth_newFilter` and its kin.
    pub(crate) filters: Filters,
    /// Transactions that arrived lately.
    pub(crate) recent: RecentTransactions,
    /// Withdrawal trees built lately.
    pub(crate) trees: TreeCache,
    heavy: Arc<Semaphore>,
    waiting: AtomicUsize,
}

impl Api {
    /// Builds the state and starts the task that follows the chain's events; it ends with the last reference.
    pub(crate) fn start(config: RpcConfig, chain: ChainHandle, node: NodeInfo) -> Arc<Self> {
        let api = Arc::new(Self {
            heavy: Arc::new(Semaphore::new(heavy_calls(&config))),
            waiting: AtomicUsize::new(0),
            blocks: BlockCache::default(),
            filters: Filters::new(config.max_filters, Duration::from_secs(config.filter_ttl_secs)),
            recent: RecentTransactions::default(),
            trees: TreeCache::default(),
            config,
            chain,
            node,
        });
        tokio::spawn(follow(Arc::downgrade(&api), api.chain.subscribe()));
        api
    }

    /// Runs `work` on the blocking pool, when there is a place for it.
    pub(crate) async fn heavy<T: Send + 'static>(
        self: &Arc<Self>,
        work: impl FnOnce(&Self) -> Result<T, RpcError> + Send + 'static,
    ) -> Result<T, RpcError> {
        let waiting = Waiting::enter(self)?;
        let permit = self.heavy.clone().acquire_owned().await.map_err(RpcError::internal)?;
        drop(waiting);
        let api = self.clone();
        // The permit goes along: a caller who gives up does not free the place of work that still runs.
        let task = tokio::task::spawn_blocking(move || {
            let result = work(&api);
            drop(permit);
            result
        });
        task.await.map_err(RpcError::internal)?
    }
}

/// Counted among those who wait for a place.
struct Waiting<'a>(&'a Api);

impl<'a> Waiting<'a> {
    fn enter(api: &'a Api) -> Result<Self, RpcError> {
        let waiting = Self(api);
        if api.waiting.fetch_add(1, Ordering::Relaxed) >= api.config.max_heavy_waiting as usize {
            counter!("cwe_rpc_heavy_refused_total").increment(1);
            return Err(RpcError::LimitExceeded(
                "server is busy: too many calls wait, try again".into(),
            ));
        }
        Ok(waiting)
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.waiting.fetch_sub(1, Ordering::Relaxed);
    }
}

fn heavy_calls(config: &RpcConfig) -> usize {
    match config.max_heavy_calls {
        0 => std::thread::available_parallelism().map_or(2, |processors| processors.get() * 2),
        calls => calls as usize,
    }
}

/// Keeps the recent blocks and transactions up to date.
async fn follow(api: std::sync::Weak<Api>, mut events: tokio::sync::broadcast::Receiver<ChainEvent>) {
    loop {
        let event = events.recv().await;
        let Some(api) = api.upgrade() else { return };
        match event {
            Ok(ChainEvent::Block(block)) => api.blocks.insert_sealed(&block),
            Ok(ChainEvent::Unwound { latest }) => {
                api.blocks.forget_above(latest);
                api.filters.unwind(latest);
            }
            Ok(ChainEvent::Executed { transactions, .. }) => {
                api.recent.extend(
                    transactions
                        .iter()
                        .map(|tx| (tx.hash, tx.transaction.inner().is_l1_message())),
                );
            }
            Ok(ChainEvent::Pooled(hashes)) => api.recent.extend(hashes.iter().map(|hash| (*hash, false))),
            Ok(ChainEvent::Dropped(_) | ChainEvent::Heads(_)) => {}
            // Blocks are read from the database when they are missing here; an unwinding may be among the lost events.
            Err(RecvError::Lagged(_)) => api.blocks.forget_above(0),
            Err(RecvError::Closed) => return,
        }
    }
}
