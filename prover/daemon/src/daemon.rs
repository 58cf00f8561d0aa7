//! Wiring: queue, workers, planner, poster, ops server; in this order, so that workers go on with what the queue has
//! while node or L1 are down.

use std::{fs, net::SocketAddr, path::PathBuf, sync::Arc, time::Duration};

use alloy::{
    primitives::{Address, B256},
    signers::local::PrivateKeySigner,
};
use axum::{Json, Router, extract::State, http::StatusCode, response::IntoResponse, routing::get};
use cwe_bridge::{Deployment, FeeCaps, L1Client, ProofPoster, ProofPosterConfig, TurnFailure, Turns, until_shutdown};
use cwe_jobs::{Job, Queue};
use cwe_prover_stages::{Guest, GuestJob};
use cwe_sequencer::ops::{self, OpsServer, Ready};
use eyre::{Result, WrapErr, eyre};
use parking_lot::Mutex;
use serde::Serialize;
use tokio::{sync::watch, task::JoinSet};
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use crate::{
    config::Config,
    input::Inputs,
    job::{self, ProofJob},
    memory::Memory,
    node::{NodeClient, NodeError},
    planner::{Planner, jobs_of, unfinished},
    posting::Posting,
    program::{Finished, StageFailure, StageProgram},
    progress::Observer,
    stage::StopAfter,
    view::L1View,
    work::WorkFolder,
    worker::Workshop,
};

/// Longest wait for parts that stop.
const GRACE: Duration = Duration::from_secs(10);

/// Wei in a gwei.
const GWEI: u128 = 1_000_000_000;

/// File in the work folder that remembers the transaction in flight.
const MEMORY_FILE: &str = "posting.json";

/// A prover at work.
pub struct RunningProver {
    /// Where `/health`, `/ready`, `/metrics` and `/jobs` are served.
    pub ops_addr: SocketAddr,
    tasks: JoinSet<Result<()>>,
    ops: OpsServer,
    shutdown: CancellationToken,
}

/// What `/ready` looks at.
struct Status {
    view: watch::Receiver<Option<L1View>>,
    planning: Arc<Mutex<Option<String>>>,
    posting: Arc<Mutex<Option<String>>>,
}

/// Starts the prover. `guard`: this program, if it has the hidden subcommand `guard`.
///
/// # Errors
/// What is wrong with configuration, queue or stage program, and what to do.
pub async fn run_prover(
    config: Config,
    guard: Option<PathBuf>,
    observer: Arc<dyn Observer>,
    shutdown: CancellationToken,
) -> Result<RunningProver> {
    config.check()?;
    ops::record_metrics()?;
    fs::create_dir_all(&config.data_dir).wrap_err_with(|| format!("creating {}", config.data_dir.display()))?;
    let signer = config.post.signer()?;
    let prover = signer.as_ref().map_or(config.post.prover, PrivateKeySigner::address);
    let kind = job::kind(config.l1.chain_id, config.l1.rollup, config.workers.stop_after);
    let queue = Queue::open(&config.queue_address())
        .await
        .wrap_err("the queue can't be opened")?;
    let work = config.stages.work(&config.data_dir);
    let folder = WorkFolder::open(&work)?;
    let mut open = unfinished(&queue, &kind).await?;
    for guest in config.guests() {
        open.extend(unfinished(&queue, guest.name()).await?);
    }
    folder.keep_only(&open)?;

    let (shown, view) = watch::channel(None);
    let mut tasks = JoinSet::new();
    start_workers(
        &mut tasks, &config, guard, &queue, &kind, folder, &view, observer, &shutdown,
    )
    .await?;
    let status = Status {
        view,
        planning: Arc::new(Mutex::new(Some("L1 was not read yet".into()))),
        posting: Arc::default(),
    };
    let chain = Chain {
        prover,
        signer: signer.filter(|_| config.post.enabled && config.workers.stop_after == StopAfter::Halo2),
        queue: queue.clone(),
        kind: kind.clone(),
        work,
        shown,
        planning: status.planning.clone(),
        posting: status.posting.clone(),
        shutdown: shutdown.clone(),
        config: config.clone(),
    };
    tasks.spawn(chain.run());
    let routes = Router::new().route("/jobs", get(jobs)).with_state((queue, kind));
    let ops = ops::serve_with(config.ops.listen, ready(status), routes, shutdown.clone()).await?;
    info!(%prover, ops = %ops.address, stop_after = config.workers.stop_after.name(), "proves batches");
    Ok(RunningProver {
        ops_addr: ops.address,
        tasks,
        ops,
        shutdown,
    })
}

impl RunningProver {
    /// Waits until the shutdown token is cancelled (`Ok`) or a part has failed.
    ///
    /// # Errors
    /// Why the prover can't go on; call [`stop`](Self::stop) then.
    pub async fn wait(&mut self) -> Result<()> {
        tokio::select! {
            biased;
            () = self.shutdown.cancelled() => Ok(()),
            Some(ended) = self.tasks.join_next() => match ended {
                Ok(Ok(())) if self.shutdown.is_cancelled() => Ok(()),
                Ok(Ok(())) => Err(eyre!("a part of the prover ended by itself")),
                Ok(Err(error)) => Err(error),
                Err(error) => Err(eyre!("a part of the prover died: {error}")),
            },
        }
    }

    /// Stops: stages are killed, their jobs given back.
    pub async fn stop(mut self) {
        self.shutdown.cancel();
        let stopped = async { while self.tasks.join_next().await.is_some() {} };
        if tokio::time::timeout(GRACE, stopped).await.is_err() {
            warn!("parts of the prover were still at work at the end of the grace period");
        }
        // Requests under way may take their time; nothing depends on them.
        let _ = tokio::time::timeout(GRACE, self.ops.task).await;
        info!("stopped");
    }
}

#[expect(clippy::too_many_arguments, reason = "wiring, called once")]
async fn start_workers(
    tasks: &mut JoinSet<Result<()>>,
    config: &Config,
    guard: Option<PathBuf>,
    queue: &Queue,
    kind: &str,
    folder: WorkFolder,
    view: &watch::Receiver<Option<L1View>>,
    observer: Arc<dyn Observer>,
    shutdown: &CancellationToken,
) -> Result<()> {
    if config.workers.count == 0 {
        info!("workers.count = 0: plans and posts, others prove");
        return Ok(());
    }
    let program = StageProgram::new(&config.stages, &config.data_dir, guard)?;
    let workshop = Arc::new(Workshop {
        queue: queue.clone(),
        kind: kind.to_owned(),
        guests: config.guests(),
        lease: Duration::from_secs(config.queue.lease_secs),
        retry: Duration::from_secs(config.queue.retry_secs),
        stop_after: config.workers.stop_after,
        gives_back: false,
        needs: program.needs().await?,
        program,
        stage_timeout: Duration::from_secs(config.workers.stage_timeout_secs),
        memory: Memory::default(),
        folder,
        view: view.clone(),
        observer,
        shutdown: shutdown.clone(),
    });
    let names: Vec<_> = (1..=config.workers.count)
        .map(|number| format!("{}/{number}", config.worker_name()))
        .collect();
    tasks.spawn(async move {
        if make_keys(&workshop).await? {
            futures::future::join_all(names.into_iter().map(|name| workshop.clone().run(name))).await;
        }
        Ok(())
    });
    Ok(())
}

/// Makes the proving keys that are missing for a workshop's stages; `false` if it is to stop.
///
/// # Errors
/// They can't be made: why.
pub async fn make_keys(workshop: &Workshop) -> Result<bool> {
    // The STARKs' keys take seconds: their stages make them.
    if workshop.stop_after != StopAfter::Halo2 {
        return Ok(true);
    }
    info!("looks for the proving keys; what is missing is made, once, in about 15 minutes");
    match workshop.program.make_keys(workshop.shutdown.cancelled()).await {
        Ok(Finished { elapsed, .. }) => {
            info!(seconds = elapsed.as_secs(), "has the proving keys");
            Ok(true)
        }
        Err(StageFailure::Cancelled(())) => Ok(false),
        Err(StageFailure::Refused(reason) | StageFailure::OutOfMemory(reason) | StageFailure::Failed(reason)) => {
            Err(eyre!("the proving keys can't be made: {reason}"))
        }
    }
}

/// Planning and posting.
struct Chain {
    prover: Address,
    signer: Option<PrivateKeySigner>,
    queue: Queue,
    kind: String,
    work: PathBuf,
    shown: watch::Sender<Option<L1View>>,
    planning: Arc<Mutex<Option<String>>>,
    posting: Arc<Mutex<Option<String>>>,
    shutdown: CancellationToken,
    config: Config,
}

impl Chain {
    async fn run(self) -> Result<()> {
        let node = NodeClient::new(
            &self.config.node_url,
            Duration::from_millis(self.config.node_timeout_ms),
        )?;
        let Some(deployment) = self.meet(&node).await? else {
            return Ok(());
        };
        let l1 = Arc::new(L1Client::new(self.config.l1.client(), deployment)?);
        let mut posting = self.signer.clone().map(|signer| self.poster(&l1, signer));
        let planner = Planner {
            l1,
            inputs: Inputs {
                node,
                l2_chain_id: deployment.l2_chain_id,
                prover: self.prover,
            },
            queue: self.queue.clone(),
            kind: self.kind.clone(),
            rule: self.config.finalize_every,
            max_attempts: self.config.queue.max_attempts,
            view: self.shown,
            trouble: self.planning,
        };
        let interval = Duration::from_millis(self.config.l1.poll_interval_ms);
        let mut turns = Turns::new("planning proofs", interval);
        let mut posts = Turns::new("posting proofs", interval);
        let shutdown = self.shutdown;
        let plan = async {
            while let Some(outcome) = until_shutdown(&shutdown, planner.turn()).await {
                turns.note(outcome)?;
                if until_shutdown(&shutdown, tokio::time::sleep(turns.pause()))
                    .await
                    .is_none()
                {
                    break;
                }
            }
            Ok::<(), eyre::Report>(())
        };
        let post = async {
            let Some(posting) = &mut posting else { return Ok(()) };
            while let Some(outcome) = until_shutdown(&shutdown, posting.turn()).await {
                posts.note(outcome)?;
                if until_shutdown(&shutdown, tokio::time::sleep(posts.pause()))
                    .await
                    .is_none()
                {
                    break;
                }
            }
            Ok::<(), eyre::Report>(())
        };
        tokio::try_join!(plan, post).map(|_| ())
    }

    /// Waits for the node, which knows the L2; `None` on shutdown.
    async fn meet(&self, node: &NodeClient) -> Result<Option<Deployment>> {
        let interval = Duration::from_millis(self.config.l1.poll_interval_ms);
        let mut turns = Turns::new("looking for the node", interval);
        loop {
            let Some(answer) = until_shutdown(&self.shutdown, deployment(node)).await else {
                return Ok(None);
            };
            *self.planning.lock() = answer.as_ref().err().map(ToString::to_string);
            match answer {
                Ok(deployment) => return Ok(Some(deployment)),
                Err(error) => turns.note(Err(error))?,
            }
            if until_shutdown(&self.shutdown, tokio::time::sleep(turns.pause()))
                .await
                .is_none()
            {
                return Ok(None);
            }
        }
    }

    fn poster(&self, l1: &Arc<L1Client>, signer: PrivateKeySigner) -> Posting {
        let post = &self.config.post;
        let config = ProofPosterConfig {
            resubmit_after: Duration::from_millis(post.resubmit_after_ms),
            fee_caps: FeeCaps {
                max_fee_per_gas: u128::from(post.max_fee_gwei).saturating_mul(GWEI),
                max_fee_per_blob_gas: 0,
                section: "post",
            },
            memory: self.work.join(MEMORY_FILE),
        };
        Posting {
            l1: l1.clone(),
            queue: self.queue.clone(),
            kind: self.kind.clone(),
            poster: ProofPoster::new(l1.clone(), config, signer),
            trouble: self.posting.clone(),
        }
    }
}

/// Which L2 a node serves: its `Rollup` must be that one's.
///
/// # Errors
/// [`NodeError`].
pub async fn deployment(node: &NodeClient) -> Result<Deployment, NodeError> {
    Ok(Deployment {
        l2_chain_id: node.chain_id().await?,
        genesis_batch_hash: node.batch(0).await?.hash(),
    })
}

impl TurnFailure for NodeError {
    fn is_fatal(&self) -> bool {
        matches!(self, Self::BadUrl(_))
    }

    fn reason(&self) -> &'static str {
        "node"
    }

    fn is_outage(&self) -> bool {
        false
    }
}

/// The answer of `/ready`.
#[derive(Debug, Serialize)]
struct Report {
    ready: bool,
    /// Last batch committed on L1.
    committed_batch: Option<u64>,
    /// Last batch proven on L1.
    finalized_batch: Option<u64>,
    /// What is not ready.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    reasons: Vec<String>,
}

fn ready(status: Status) -> Ready {
    Arc::new(move || {
        let troubles = [status.planning.lock().clone(), status.posting.lock().clone()];
        let reasons: Vec<String> = troubles.into_iter().flatten().collect();
        let tips = status.view.borrow().as_ref().map(|view| view.tips);
        let report = Report {
            ready: reasons.is_empty(),
            committed_batch: tips.map(|tips| tips.committed),
            finalized_batch: tips.map(|tips| tips.finalized),
            reasons,
        };
        (report.ready, serde_json::to_value(&report).unwrap_or_default())
    })
}

/// A job as `/jobs` and `cwe-prover jobs` show it.
#[derive(Debug, Clone, Serialize)]
pub struct JobSummary {
    /// Number.
    pub id: i64,
    /// What sort of work it is.
    pub kind: String,
    /// First batch; `None` for another guest's job, or if the payload can't be read.
    pub first: Option<u64>,
    /// Last batch.
    pub last: Option<u64>,
    /// What the proof must show.
    pub public_value: Option<B256>,
    /// `queued`, `leased`, `done` or `failed`.
    pub state: cwe_jobs::JobState,
    /// The stage it is in.
    pub stage: String,
    /// How far that stage is, percent.
    pub percent: u32,
    /// Who has or had it.
    pub worker: Option<String>,
    /// Times that it was begun.
    pub attempts: u32,
    /// Why the last attempt failed.
    pub error: Option<String>,
    /// When it was enqueued, milliseconds since 1970.
    pub created_ms: i64,
    /// When anything about it changed, milliseconds since 1970.
    pub updated_ms: i64,
}

impl From<Job> for JobSummary {
    fn from(job: Job) -> Self {
        let proof = ProofJob::parse(&job.payload).ok();
        let of_guest = GuestJob::parse(&job.payload).ok().map(|guest| guest.public_value);
        Self {
            id: job.id,
            kind: job.kind,
            first: proof.as_ref().map(ProofJob::first),
            last: proof.as_ref().map(ProofJob::last),
            public_value: proof.as_ref().map(|proof| proof.public_value).or(of_guest),
            state: job.state,
            stage: job.stage,
            percent: job.progress.ppm() / 10_000,
            worker: job.worker,
            attempts: job.attempts,
            error: job.error,
            created_ms: job.created_ms,
            updated_ms: job.updated_ms,
        }
    }
}

/// The jobs of a queue: those of a kind, and those of other guests.
///
/// # Errors
/// The queue fails.
pub async fn summaries(queue: &Queue, kind: &str) -> Result<Vec<JobSummary>, cwe_jobs::JobsError> {
    let mut jobs = jobs_of(queue, kind).await?;
    for guest in Guest::ALL {
        jobs.extend(jobs_of(queue, guest.name()).await?);
    }
    Ok(jobs.into_iter().map(JobSummary::from).collect())
}

async fn jobs(State((queue, kind)): State<(Queue, String)>) -> axum::response::Response {
    match summaries(&queue, &kind).await {
        Ok(jobs) => Json(jobs).into_response(),
        Err(error) => (StatusCode::INTERNAL_SERVER_ERROR, error.to_string()).into_response(),
    }
}
