//! The one thing RPC and the L1 tasks hold: chain parameters, database, open block, events, and the way in.

use std::{sync::Arc, time::Duration};

use alloy::primitives::{Address, B256, Bytes};
use arc_swap::{ArcSwap, ArcSwapOption};
use cwe_primitives::ChainSpec;
use cwe_storage::{Database, StorageError};
use tokio::{
    sync::broadcast::{self, error::RecvError},
    time::timeout_at,
};

use crate::{
    ChainEvent, Heads, PendingBlock, PendingTransaction, SealedBlock, SubmitError, TransactionSubmitter,
    mempool::PoolContent,
};

/// Cheap to clone; all clones see the same chain. No call here waits for the engine, except [`submit`](Self::submit).
#[derive(Clone)]
pub struct ChainHandle {
    shared: Arc<Shared>,
    submitter: Arc<dyn TransactionSubmitter>,
}

/// What the engine (or the L1 follower) writes and everyone reads.
pub(crate) struct Shared {
    pub(crate) spec: ChainSpec,
    pub(crate) db: Arc<Database>,
    pub(crate) pending: ArcSwapOption<PendingBlock>,
    pub(crate) pool: ArcSwap<PoolContent>,
    pub(crate) heads: ArcSwap<Heads>,
    pub(crate) events: broadcast::Sender<ChainEvent>,
}

impl Shared {
    pub(crate) fn new(spec: ChainSpec, db: Arc<Database>, event_backlog: usize) -> Result<Self, StorageError> {
        let snapshot = db.latest()?;
        let stored = snapshot.heads()?;
        let heads = Heads {
            latest: snapshot.number(),
            safe: stored.safe,
            finalized: stored.finalized,
        };
        record_heads(heads);
        Ok(Self {
            spec,
            db,
            pending: ArcSwapOption::empty(),
            pool: ArcSwap::default(),
            heads: ArcSwap::from_pointee(heads),
            events: broadcast::channel(event_backlog.max(1)).0,
        })
    }

    /// Nobody listening is no error.
    pub(crate) fn emit(&self, event: ChainEvent) {
        let _ = self.events.send(event);
    }

    /// The latest block changed: by a new one, or by unwinding.
    pub(crate) fn set_latest(&self, latest: u64) {
        self.update_heads(|heads| Heads {
            latest,
            safe: heads.safe.min(latest),
            finalized: heads.finalized.min(latest),
        });
    }

    fn update_heads(&self, update: impl Fn(Heads) -> Heads) {
        self.heads.rcu(|heads| update(**heads));
        record_heads(**self.heads.load());
    }
}

#[expect(clippy::cast_precision_loss, reason = "a gauge is a float")]
fn record_heads(heads: Heads) {
    metrics::gauge!("cwe_chain_block_number").set(heads.latest as f64);
    metrics::gauge!("cwe_chain_safe_block_number").set(heads.safe as f64);
    metrics::gauge!("cwe_chain_finalized_block_number").set(heads.finalized as f64);
}

/// Where a transaction is.
#[derive(Debug, Clone)]
pub enum Inclusion {
    /// Executed on the open block: soft confirmed.
    Pending {
        /// The open block that holds it.
        block: Arc<PendingBlock>,
        /// The transaction with its receipt.
        transaction: Arc<PendingTransaction>,
    },
    /// In a committed block.
    Sealed {
        /// Block number.
        block_number: u64,
        /// Position in the block.
        index: u64,
    },
}

impl ChainHandle {
    /// A handle without an open block: what a full node uses. The sequencer's comes from
    /// [`Engine::start`](crate::Engine::start).
    ///
    /// # Errors
    /// The database can't be read.
    pub fn new(
        spec: ChainSpec,
        db: Arc<Database>,
        submitter: Arc<dyn TransactionSubmitter>,
        event_backlog: usize,
    ) -> Result<Self, StorageError> {
        Ok(Self::of(Arc::new(Shared::new(spec, db, event_backlog)?), submitter))
    }

    pub(crate) const fn of(shared: Arc<Shared>, submitter: Arc<dyn TransactionSubmitter>) -> Self {
        Self { shared, submitter }
    }

    /// Chain parameters.
    pub fn spec(&self) -> &ChainSpec {
        &self.shared.spec
    }

    /// Blocks and state.
    pub fn db(&self) -> &Arc<Database> {
        &self.shared.db
    }

    /// The open block; `None` on a full node, where `pending` means `latest`.
    pub fn pending(&self) -> Option<Arc<PendingBlock>> {
        self.shared.pending.load_full()
    }

    /// Transactions that wait in the mempool; empty on a full node.
    pub fn pool(&self) -> Arc<PoolContent> {
        self.shared.pool.load_full()
    }

    /// Numbers of latest, safe and finalized blocks.
    pub fn heads(&self) -> Heads {
        **self.shared.heads.load()
    }

    /// Events from now on. A receiver that lags by more than the backlog is told so and loses the oldest.
    pub fn subscribe(&self) -> broadcast::Receiver<ChainEvent> {
        self.shared.events.subscribe()
    }

    /// Submits a raw transaction; when it returns, the transaction is durable and, if it could be executed, visible in
    /// [`pending`](Self::pending).
    ///
    /// # Errors
    /// [`SubmitError`] says what to change.
    pub async fn submit(&self, raw: Bytes) -> Result<B256, SubmitError> {
        self.submitter.submit(raw).await
    }

    /// Submits several raw transactions in this order and answers each, in the same order. On the sequencer they become
    /// durable together, which costs less than one by one.
    pub async fn submit_all(&self, raws: Vec<Bytes>) -> Vec<Result<B256, SubmitError>> {
        self.submitter.submit_all(raws).await
    }

    /// Where the transaction is now: the open block or a committed one; `None` if it waits in the mempool or is
    /// unknown.
    ///
    /// # Errors
    /// The database can't be read.
    pub fn find(&self, hash: B256) -> Result<Option<Inclusion>, StorageError> {
        if let Some(block) = self.pending()
            && let Some(transaction) = block.by_hash(&hash).cloned()
        {
            return Ok(Some(Inclusion::Pending { block, transaction }));
        }
        // A block sealed since the look at the open block is in the database: it is committed before it is replaced.
        let location = self.shared.db.latest()?.transaction_location(hash)?;
        Ok(location.map(|location| Inclusion::Sealed {
            block_number: location.block,
            index: location.index.into(),
        }))
    }

    /// Like [`find`](Self::find), but waits until the transaction is executed or `timeout` is over (`None` then).
    /// For `eth_sendRawTransactionSync`.
    ///
    /// # Errors
    /// The database can't be read.
    pub async fn wait_for(&self, hash: B256, timeout: Duration) -> Result<Option<Inclusion>, StorageError> {
        let deadline = tokio::time::Instant::now() + timeout;
        let mut events = self.subscribe();
        loop {
            if let Some(found) = self.find(hash)? {
                return Ok(Some(found));
            }
            loop {
                match timeout_at(deadline, events.recv()).await {
                    Err(_) | Ok(Err(RecvError::Closed)) => return Ok(None),
                    Ok(Ok(event)) if !event.includes(hash) => {}
                    Ok(_) => break,
                }
            }
        }
    }

    /// The sender's next nonce behind everything executed and everything that waits without a gap:
    /// `eth_getTransactionCount(…, "pending")`.
    ///
    /// # Errors
    /// The database can't be read.
    pub fn pending_nonce(&self, address: Address) -> Result<u64, StorageError> {
        let account = match self.pending() {
            Some(pending) => pending.account(address)?,
            None => self.shared.db.latest()?.account(address)?,
        };
        Ok(self
            .pool()
            .nonce_after(&address, account.map_or(0, |account| account.nonce)))
    }

    /// Moves the `safe` and `finalized` tags; writes them to the database and publishes [`ChainEvent::Heads`].
    /// Called by the L1 tasks. `safe` may move back when L1 reverts a batch.
    ///
    /// # Errors
    /// The database can't be written.
    pub fn set_l1_heads(&self, safe: u64, finalized: u64) -> Result<(), StorageError> {
        self.shared.db.set_heads(cwe_storage::Heads { safe, finalized })?;
        self.shared.update_heads(|heads| Heads {
            safe,
            finalized,
            ..heads
        });
        self.shared.emit(ChainEvent::Heads(self.heads()));
        Ok(())
    }

    /// Tells subscribers of a block that was committed to the database from L1 data (full node).
    pub fn publish_block(&self, block: Arc<SealedBlock>) {
        self.shared.set_latest(block.block.header.number);
        self.shared.emit(ChainEvent::Block(block));
    }

    /// Tells subscribers that blocks above `latest` were removed from the database (full node).
    pub fn publish_unwound(&self, latest: u64) {
        self.shared.set_latest(latest);
        self.shared.emit(ChainEvent::Unwound { latest });
    }
}
