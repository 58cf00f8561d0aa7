//! A running node: where it serves, whether it still runs, how it stops. And what both kinds of node share in starting.

use std::{
    net::SocketAddr,
    path::Path,
    sync::Arc,
    time::{Duration, Instant},
};

use cwe_bridge::{Deployment, L1Client, L1Status, TaskError};
use cwe_chain::{ChainHandle, EngineHandle, batching};
use cwe_executor::Genesis;
use cwe_primitives::{BatchCommitment, QueueHash};
use cwe_rpc::{L1Contracts, L1Verifier, NodeInfo, NodeStatus, RpcConfig, RpcServer};
use cwe_storage::{BatchRecord, BatchStatus, BlockCommit, Database, HistoryMode, Options};
use eyre::{Context, Result, eyre};
use tokio::{
    signal::unix::{SignalKind, signal},
    sync::watch,
    task::{JoinError, JoinSet},
};
use tokio_util::sync::CancellationToken;
use tracing::{debug, error, info, warn};

use crate::{
    config::{L1Section, OpsSection, StorageSection},
    genesis,
    ops::{self, OpsServer, Readiness},
};

/// Longest wait for requests under way when stopping.
const GRACE: Duration = Duration::from_secs(5);

/// Longest wait for the L1 when starting: one that is slow must not keep the L2 from serving.
pub(crate) const L1_PATIENCE: Duration = Duration::from_secs(3);

/// Number of the signal SIGXFSZ, on Linux and macOS.
const SIGXFSZ: i32 = 25;

/// Longest wait for others in this process to let go of the database.
const RELEASE: Duration = Duration::from_secs(2);

/// A sequencer or full node that serves. Stop it with [`stop`](Self::stop); dropping it abandons its tasks.
pub struct RunningNode {
    /// Where JSON-RPC is served, HTTP and WebSocket.
    pub rpc_addr: SocketAddr,
    /// Where `/health`, `/ready` and `/metrics` are served.
    pub ops_addr: SocketAddr,
    /// The chain.
    pub chain: ChainHandle,
    rpc: RpcServer,
    ops: OpsServer,
    engine: Option<EngineHandle>,
    l1_task: JoinSet<std::result::Result<(), TaskError>>,
    shutdown: CancellationToken,
}

/// What serving needs, besides the L1 task.
pub(crate) struct Parts {
    pub(crate) chain: ChainHandle,
    pub(crate) engine: Option<EngineHandle>,
    pub(crate) l1: Arc<L1Client>,
    pub(crate) l1_task: JoinSet<std::result::Result<(), TaskError>>,
    pub(crate) shutdown: CancellationToken,
}

impl RunningNode {
    /// Starts to serve.
    pub(crate) async fn serve(parts: Parts, rpc: RpcConfig, ops: &OpsSection) -> Result<Self> {
        let Parts {
            chain,
            engine,
            l1,
            mut l1_task,
            shutdown,
        } = parts;
        let (status, receiver) = watch::channel(NodeStatus {
            sequencer: engine.is_some(),
            ..NodeStatus::default()
        });
        l1_task.spawn(tell_status(l1.status(), status, shutdown.clone()));
        let info = node_info(&l1, receiver).await;
        let rpc = RpcServer::start(rpc, chain.clone(), info).await?;
        let readiness = Readiness {
            chain: chain.clone(),
            engine: engine.clone(),
            l1: l1.status(),
        };
        let ops = ops::serve(ops.listen, readiness, shutdown.clone()).await?;
        let (rpc_addr, ops_addr) = (rpc.address(), ops.address);
        info!(rpc = %rpc_addr, ops = %ops_addr, latest = chain.heads().latest, "serves");
        Ok(Self {
            rpc_addr,
            ops_addr,
            chain,
            rpc,
            ops,
            engine,
            l1_task,
            shutdown,
        })
    }

    /// Waits until the shutdown token is cancelled (`Ok`) or a part has failed.
    ///
    /// # Errors
    /// Why the node can't go on; call [`stop`](Self::stop) then.
    pub async fn wait(&mut self) -> Result<()> {
        let engine = self.engine.clone();
        let engine_stopped = async {
            match engine {
                Some(engine) => engine.stopped().await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            biased;
            () = self.shutdown.cancelled() => Ok(()),
            Some(ended) = self.l1_task.join_next() => judge(ended, &self.shutdown),
            reason = engine_stopped => match reason {
                Some(reason) => Err(eyre!("the engine stopped: {reason}")),
                None => self.stopped_by_l1_task().await,
            },
        }
    }

    /// The L1 task stops the engine when L1 contradicts L2, and ends right after it.
    async fn stopped_by_l1_task(&mut self) -> Result<()> {
        match tokio::time::timeout(GRACE, self.l1_task.join_next()).await {
            Ok(Some(ended)) => judge(ended, &self.shutdown),
            _ => Err(eyre!("the engine stopped without a reason")),
        }
    }

    /// Stops gracefully: no new requests, the open block sealed, everything stored.
    ///
    /// # Errors
    /// What could not be stored; the journal still has every acknowledged transaction.
    pub async fn stop(mut self) -> Result<()> {
        self.shutdown.cancel();
        self.rpc.stop(GRACE).await;
        while self.l1_task.join_next().await.is_some() {}
        let stored = match self.engine {
            Some(engine) => engine.shutdown().await.wrap_err("stopping the engine"),
            None => Ok(()),
        };
        if tokio::time::timeout(GRACE, self.ops.task).await.is_err() {
            warn!("requests to the ops server were still under way at the end of the grace period");
        }
        let db = self.chain.db().clone();
        drop(self.chain);
        close(db).await;
        info!("stopped");
        stored
    }
}

/// Waits until nobody else uses the database, then closes it: who starts again on the same folder finds it free.
async fn close(mut db: Arc<Database>) {
    let deadline = Instant::now() + RELEASE;
    while Instant::now() < deadline {
        match Arc::try_unwrap(db) {
            Ok(database) => return drop(database),
            Err(shared) => db = shared,
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    debug!("the database stays open: something else in this process uses it");
}

fn judge(
    ended: std::result::Result<std::result::Result<(), TaskError>, JoinError>,
    shutdown: &CancellationToken,
) -> Result<()> {
    match ended {
        Ok(Ok(())) if shutdown.is_cancelled() => Ok(()),
        Ok(Ok(())) => Err(eyre!("a task ended by itself")),
        Ok(Err(error)) => Err(error.into()),
        Err(error) => Err(eyre!("a task died: {error}")),
    }
}

/// Hands what the L1 client sees to the RPC.
async fn tell_status(
    mut l1: watch::Receiver<L1Status>,
    status: watch::Sender<NodeStatus>,
    shutdown: CancellationToken,
) -> std::result::Result<(), TaskError> {
    loop {
        let seen = *l1.borrow_and_update();
        status.send_modify(|status| {
            status.l1_head = seen.confirmed_block;
            status.sync_target = seen.target_block;
        });
        tokio::select! {
            () = shutdown.cancelled() => return Ok(()),
            changed = l1.changed() => if changed.is_err() {
                shutdown.cancelled().await;
                return Ok(());
            },
        }
    }
}

/// The contracts as they name each other; `None` if the L1 does not answer.
async fn contracts(l1: &L1Client) -> Option<L1Contracts> {
    if l1.is_checked()
        && let Ok(Ok(contracts)) = tokio::time::timeout(L1_PATIENCE, l1.contracts()).await
    {
        return Some(L1Contracts {
            rollup: contracts.rollup,
            inbox: contracts.inbox,
            bridge: contracts.bridge,
            cln: contracts.cln,
            timelock: contracts.timelock,
            verifier: contracts.verifier.map(|verifier| L1Verifier {
                address: verifier.address,
                srs: verifier.srs,
                safe: verifier.safe,
            }),
        });
    }
    warn!("L1 does not answer: cwe_* methods will not name the L1 contracts until the next start");
    None
}

async fn node_info(l1: &L1Client, status: watch::Receiver<NodeStatus>) -> NodeInfo {
    let contracts = contracts(l1).await;
    NodeInfo {
        client_version: format!(
            "cwe/v{}/{}-{}",
            env!("CARGO_PKG_VERSION"),
            std::env::consts::OS,
            std::env::consts::ARCH
        ),
        l1_chain_id: Some(l1.config().chain_id),
        l1_contracts: contracts,
        status,
    }
}

/// What both kinds of node stand on.
pub(crate) struct Base {
    pub(crate) genesis: Genesis,
    pub(crate) db: Arc<Database>,
    pub(crate) l1: Arc<L1Client>,
}

impl Base {
    /// Opens the data, then looks at the L1.
    pub(crate) async fn open(
        data_dir: &Path,
        genesis_file: &Path,
        storage: &StorageSection,
        l1: &L1Section,
    ) -> Result<Self> {
        ops::record_metrics()?;
        outlive_file_size_limit()?;
        let genesis = genesis::read(genesis_file)?;
        let db = open_database(&data_dir.join("chain"), storage, &genesis)?;
        let deployment = Deployment {
            l2_chain_id: genesis.spec.chain_id,
            genesis_batch_hash: genesis_batch(&db)?.hash(),
        };
        let l1 = connect_l1(l1, deployment).await?;
        Ok(Self { genesis, db, l1 })
    }
}

/// Makes writing above a limit on the size of files (`ulimit -f`) an error like that of a full disk; without this it
/// would kill the process.
fn outlive_file_size_limit() -> Result<()> {
    signal(SignalKind::from_raw(SIGXFSZ))
        .map(drop)
        .wrap_err("SIGXFSZ can't be caught")
}

/// Opens the database of a chain; commits the genesis into an empty one.
fn open_database(folder: &Path, storage: &StorageSection, genesis: &Genesis) -> Result<Arc<Database>> {
    let history = match storage.history_blocks {
        0 => HistoryMode::Archive,
        blocks => HistoryMode::Window(blocks),
    };
    let max_size_bytes = usize::try_from(storage.max_size_gib.saturating_mul(1 << 30)).unwrap_or(usize::MAX);
    let options = Options {
        history,
        max_size_bytes,
        ..Options::default()
    };
    let db = Database::open(folder, options).wrap_err("the database can't be opened")?;
    let built = genesis.build().wrap_err("the genesis file gives no genesis")?;
    let commit = BlockCommit {
        block: &built.block,
        hash: built.hash,
        senders: &[],
        receipts: &[],
        changes: &built.changes,
        trie: &built.trie,
        queue: QueueHash::default(),
        withdrawals: &[],
    };
    db.init_genesis(&genesis.spec, commit)
        .wrap_err("the database does not fit the genesis file")?;
    Ok(Arc::new(db))
}

/// Batch 0, recorded if it is not yet.
fn genesis_batch(db: &Database) -> Result<BatchCommitment> {
    let commitment = batching::genesis_commitment(db).wrap_err("the genesis batch can't be computed")?;
    if db.latest()?.latest_batch()?.is_none() {
        let record = BatchRecord {
            commitment: commitment.clone(),
            status: BatchStatus::Built,
        };
        db.put_batch(&record, None)
            .wrap_err("the genesis batch can't be stored")?;
    }
    Ok(commitment)
}

/// The L1 client, checked if the L1 answers. An L1 that is down delays nothing; a wrong one stops the start.
async fn connect_l1(section: &L1Section, deployment: Deployment) -> Result<Arc<L1Client>> {
    let l1 = Arc::new(L1Client::new(section.client(), deployment)?);
    match tokio::time::timeout(L1_PATIENCE, l1.ensure_checked()).await {
        Ok(Ok(())) => {}
        Ok(Err(error)) if error.is_fatal() => return Err(error.into()),
        Ok(Err(error)) => error!(%error, "L1 can't be checked now; it will be, before anything is read from it"),
        Err(_) => error!(
            "L1 did not answer within {} s; it will be checked before anything is read from it",
            L1_PATIENCE.as_secs()
        ),
    }
    Ok(l1)
}
