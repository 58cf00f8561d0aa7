//! Decides which batches are proven together, and puts them into the queue with all that proving and posting will need.
//! The node prunes its history, so the input is fetched as soon as the run is known; it is executed here before anybody
//! spends an hour on it.

use std::{
    collections::HashSet,
    sync::Arc,
    time::{SystemTime, UNIX_EPOCH},
};

use alloy::{eips::BlockId, primitives::Bytes};
use cwe_bridge::{L1Client, L1Error, TurnFailure};
use cwe_jobs::{Enqueued, Job, JobState, JobsError, NewJob, Queue};
use cwe_primitives::{BatchCommitment, DataLocation};
use metrics::{counter, gauge};
use parking_lot::Mutex;
use tokio::sync::watch;
use tracing::{error, info, warn};

use crate::{
    bundling::{self, Candidate, Next, Planned},
    config::FinalizeSection,
    input::{Inputs, PrepareError},
    job::{DROPPED, PayloadError, ProofJob},
    node::NodeError,
    stage::INPUT,
    view::{self, L1View, ViewError},
};

/// Jobs asked of the queue at once.
const PAGE: u32 = 256;

/// Ended jobs that are kept for people to look at.
const KEPT_JOBS: usize = 64;

/// Why nothing is planned now.
#[derive(Debug, thiserror::Error)]
pub enum PlanError {
    /// L1 fails.
    #[error(transparent)]
    L1(#[from] L1Error),
    /// L1 and node don't agree yet.
    #[error(transparent)]
    View(#[from] ViewError),
    /// The queue fails.
    #[error(transparent)]
    Jobs(#[from] JobsError),
    /// A payload can't be made.
    #[error(transparent)]
    Payload(#[from] PayloadError),
    /// There is no input for a run.
    #[error(transparent)]
    Prepare(#[from] PrepareError),
    /// A job failed for good.
    #[error(
        "job {job} (from batch {first}) failed for good: {error}; nothing behind it can be finalized. Remove the cause and \
         run `cwe-prover retry {job}`"
    )]
    Blocked {
        /// The job.
        job: i64,
        /// Its first batch.
        first: u64,
        /// Why it failed.
        error: String,
    },
}

impl TurnFailure for PlanError {
    fn is_fatal(&self) -> bool {
        match self {
            Self::L1(error) | Self::View(ViewError::L1(error)) => error.is_fatal(),
            _ => false,
        }
    }

    fn reason(&self) -> &'static str {
        match self {
            Self::L1(_) | Self::View(ViewError::L1(_)) => "l1",
            Self::View(_) => "node",
            Self::Jobs(_) => "queue",
            Self::Payload(_) => "internal",
            Self::Prepare(error) if error.is_unprovable() => "unprovable",
            Self::Prepare(_) => "input",
            Self::Blocked { .. } => "blocked",
        }
    }

    fn is_outage(&self) -> bool {
        matches!(
            self,
            Self::L1(L1Error::Unreachable { .. })
                | Self::View(ViewError::L1(L1Error::Unreachable { .. }))
                | Self::Prepare(PrepareError::Node(NodeError::Unreachable { .. }))
                | Self::View(ViewError::Node(NodeError::Unreachable { .. }))
        )
    }
}

/// Plans proofs for one `Rollup`.
pub struct Planner {
    /// The L1.
    pub l1: Arc<L1Client>,
    /// Inputs of proofs, and the node they come from.
    pub inputs: Inputs,
    /// The queue.
    pub queue: Queue,
    /// Kind of the jobs.
    pub kind: String,
    /// When batches are proven.
    pub rule: FinalizeSection,
    /// Leases of a job.
    pub max_attempts: u32,
    /// Where L1 is shown to workers and poster.
    pub view: watch::Sender<Option<L1View>>,
    /// Why nothing is planned, for `/ready`.
    pub trouble: Arc<Mutex<Option<String>>>,
}

impl Planner {
    /// Looks at L1, and plans what is due.
    ///
    /// # Errors
    /// [`PlanError`].
    pub async fn turn(&self) -> Result<(), PlanError> {
        let outcome = self.try_turn().await;
        *self.trouble.lock() = outcome.as_ref().err().map(ToString::to_string);
        if let Err(error) = &outcome
            && error.reason() == "unprovable"
        {
            error!(%error, "batches on L1 can't be proven");
            counter!("cwe_prover_unprovable_total").increment(1);
        }
        outcome
    }

    async fn try_turn(&self) -> Result<(), PlanError> {
        let view = self.look().await?;
        let jobs = jobs_of(&self.queue, &self.kind).await?;
        note_jobs(&jobs);
        self.prune(&jobs).await?;
        let mut planned: Vec<Planned> = jobs.iter().filter_map(|job| planned(job, &view)).collect();
        loop {
            let first = match bundling::next(view.tips.finalized, &planned) {
                Next::From(first) => first,
                Next::Blocked { job, first, error } => return Err(PlanError::Blocked { job, first, error }),
            };
            gauge!("cwe_prover_batch_planned").set(first.saturating_sub(1) as f64);
            let candidates: Vec<Candidate> = view.batches.range(first..).map(|(_, batch)| candidate(batch)).collect();
            let Some(run) = bundling::due(&candidates, &self.rule, now()) else {
                return Ok(());
            };
            let batches: Vec<_> = view.batches.range(run).map(|(_, batch)| batch.clone()).collect();
            let (job, input) = self.inputs.prepare(&batches).await?;
            let Some(new) = self.enqueue(&job, &input, &view).await? else {
                return Ok(());
            };
            planned.push(new);
        }
    }

    /// Shows workers and poster what L1 has.
    async fn look(&self) -> Result<L1View, PlanError> {
        self.l1.ensure_checked().await?;
        let head = self.l1.confirmed_head().await?;
        let known = self
            .view
            .borrow()
            .as_ref()
            .map(|view| view.batches.clone())
            .unwrap_or_default();
        let view = view::look(&self.l1, &self.inputs.node, BlockId::hash(head.id.hash), &known).await?;
        gauge!("cwe_batches_committed").set(view.tips.committed as f64);
        gauge!("cwe_batches_finalized").set(view.tips.finalized as f64);
        self.view.send_if_modified(|shown| {
            let changed = shown.as_ref() != Some(&view);
            *shown = Some(view.clone());
            changed
        });
        Ok(view)
    }

    /// Puts a job into the queue; `None` if a worker still holds an outdated one of its name, which it will notice.
    async fn enqueue(&self, job: &ProofJob, input: &Bytes, view: &L1View) -> Result<Option<Planned>, PlanError> {
        let new = NewJob {
            kind: self.kind.clone(),
            key: job.key(),
            payload: job.payload()?,
            priority: 0,
            max_attempts: self.max_attempts,
        };
        match self.queue.enqueue_with(&new, &[(INPUT, input)]).await {
            Ok(Enqueued::New(id)) => {
                info!(
                    id,
                    first = job.first(),
                    last = job.last(),
                    input_bytes = input.len(),
                    "plans a proof"
                );
                Ok(Some(waiting(id, job)))
            }
            Ok(Enqueued::Known(id)) => self.revive(id, view).await,
            Err(JobsError::PayloadDiffers { id, .. }) => self.replace(id, &new, input, view).await,
            Err(error) => Err(error.into()),
        }
    }

    /// The same job is there: one that was dropped is wanted again.
    async fn revive(&self, id: i64, view: &L1View) -> Result<Option<Planned>, PlanError> {
        let known = self.queue.job(id).await?;
        if known.state == JobState::Failed && known.error.as_ref().is_some_and(|error| error.starts_with(DROPPED)) {
            self.queue.retry(id).await?;
            info!(id, "takes up a dropped job again: L1 has its batches once more");
        }
        Ok(planned(&self.queue.job(id).await?, view))
    }

    /// Another job has the name. If L1 has its batches, another planner made it and it will do; if not, it is outdated.
    async fn replace(&self, id: i64, new: &NewJob, input: &Bytes, view: &L1View) -> Result<Option<Planned>, PlanError> {
        let known = self.queue.job(id).await?;
        let standing = planned(&known, view).filter(|job| job.stands && job.state != JobState::Failed);
        if standing.is_some() {
            return Ok(standing);
        }
        if known.state == JobState::Leased {
            return Ok(None);
        }
        warn!(id, "replaces a job whose batches L1 no longer has");
        self.queue.remove(id).await?;
        let id = self.queue.enqueue_with(new, &[(INPUT, input)]).await?.id();
        Ok(planned(&self.queue.job(id).await?, view))
    }

    /// Forgets ended jobs that nothing can make wanted again: L1 has finally finalized their batches.
    async fn prune(&self, jobs: &[Job]) -> Result<(), PlanError> {
        let Some(block) = self.l1.finalized().await? else {
            return Ok(());
        };
        // Fails while the contract is younger than the L1's final block.
        let Ok(tips) = self.l1.tips(BlockId::hash(block.id.hash)).await else {
            return Ok(());
        };
        let over = jobs.iter().filter(|job| {
            let ended = matches!(job.state, JobState::Done | JobState::Failed);
            ended && ProofJob::parse(&job.payload).is_ok_and(|job| job.last() <= tips.finalized)
        });
        let over: Vec<i64> = over.map(|job| job.id).collect();
        for id in over.iter().rev().skip(KEPT_JOBS) {
            self.queue.remove(*id).await?;
        }
        Ok(())
    }
}

/// All jobs of a kind.
pub(crate) async fn jobs_of(queue: &Queue, kind: &str) -> Result<Vec<Job>, JobsError> {
    let (mut all, mut after) = (Vec::new(), 0);
    loop {
        let page = queue.list(after, PAGE).await?;
        let Some(last) = page.last() else { return Ok(all) };
        after = last.id;
        all.extend(page.into_iter().filter(|job| job.kind == kind));
    }
}

/// Numbers of the jobs whose files may still be wanted.
pub(crate) async fn unfinished(queue: &Queue, kind: &str) -> Result<HashSet<i64>, JobsError> {
    let jobs = jobs_of(queue, kind).await?;
    let open = jobs.iter().filter(|job| job.state != JobState::Done);
    Ok(open.map(|job| job.id).collect())
}

/// A job as planning sees it; `None` for one that can't be read, which its worker reports.
pub(crate) fn planned(job: &Job, view: &L1View) -> Option<Planned> {
    let proof = ProofJob::parse(&job.payload).ok()?;
    Some(Planned {
        id: job.id,
        first: proof.first(),
        last: proof.last(),
        state: job.state,
        stands: view.objection(&proof).is_none(),
        error: job.error.clone(),
    })
}

fn note_jobs(jobs: &[Job]) {
    for state in [JobState::Queued, JobState::Leased, JobState::Done, JobState::Failed] {
        let count = jobs.iter().filter(|job| job.state == state).count();
        gauge!("cwe_prover_jobs", "state" => state.to_string()).set(count as f64);
    }
    let done = jobs.iter().filter(|job| job.state == JobState::Done);
    let proven = done
        .filter_map(|job| ProofJob::parse(&job.payload).ok())
        .map(|job| job.last())
        .max();
    gauge!("cwe_prover_batch_proven").set(proven.unwrap_or_default() as f64);
}

fn waiting(id: i64, job: &ProofJob) -> Planned {
    Planned {
        id,
        first: job.first(),
        last: job.last(),
        state: JobState::Queued,
        stands: true,
        error: None,
    }
}

fn candidate(batch: &BatchCommitment) -> Candidate {
    Candidate {
        index: batch.index,
        last_timestamp: batch.last_timestamp,
        blobs: match &batch.data {
            DataLocation::Blobs(hashes) => hashes.len(),
            DataLocation::Calldata(_) => 0,
        },
    }
}

fn now() -> u64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |since| since.as_secs())
}
