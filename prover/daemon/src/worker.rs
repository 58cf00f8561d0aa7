//! Works on jobs: takes one under a lease, runs its stages after those whose results are kept, keeps each result, ends
//! the job. A worker that dies anywhere leaves nothing that the next one, here or elsewhere, can't go on from.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use alloy::primitives::B256;
use cwe_jobs::{Job, JobsError, KeepAlive, Lease, Progress, Queue, Retry};
use cwe_prover_stages::{Guest, GuestJob, Stage};
use metrics::{counter, gauge, histogram};
use serde::Deserialize;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tracing::{error, info, warn};

use crate::{
    job::{DROPPED, ProofJob},
    memory::{DoesNotFit, Memory, Needs, Reservation},
    program::{Finished, StageFailure, StageProgram},
    progress::{JobName, Observer, StageEvent, Subject},
    stage::{INPUT, StopAfter},
    view::{L1View, Objection},
    work::{JobFolder, Kept, WorkError, WorkFolder, sha256},
};

/// Time between two looks for a job.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// Time between two looks for memory.
const MEMORY_EVERY: Duration = Duration::from_secs(5);

/// How long a job waits for memory before it is given back, and how long the worker leaves it to others then.
const MEMORY_PATIENCE: Duration = Duration::from_secs(300);
const MEMORY_PAUSE: Duration = Duration::from_secs(60);

/// Longest pause before a failed attempt is repeated.
const LONGEST_RETRY: Duration = Duration::from_secs(600);

/// What a worker works with; several workers share it.
pub struct Workshop {
    /// The queue.
    pub queue: Queue,
    /// Kind of the jobs for batches.
    pub kind: String,
    /// Other guests whose jobs are done too, when no batch waits.
    pub guests: Vec<Guest>,
    /// How long a lease runs without a heartbeat.
    pub lease: Duration,
    /// First pause before a failed attempt is repeated.
    pub retry: Duration,
    /// How far proofs are made.
    pub stop_after: StopAfter,
    /// Whether a job whose last stage is done is given back, with its results, instead of ended: for later stages.
    pub gives_back: bool,
    /// The program that runs stages.
    pub program: StageProgram,
    /// What its stages need.
    pub needs: Needs,
    /// Time after which a stage is stuck.
    pub stage_timeout: Duration,
    /// Memory of this machine.
    pub memory: Memory,
    /// Files between stages.
    pub folder: WorkFolder,
    /// L1 as it was last seen; `None` before.
    pub view: watch::Receiver<Option<L1View>>,
    /// Who is told.
    pub observer: Arc<dyn Observer>,
    /// Cancelled when the program is to stop.
    pub shutdown: CancellationToken,
}

/// How an attempt at a job ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Attempt {
    /// The last stage is done; its output.
    Done(Vec<u8>),
    /// L1 has no use for it any more.
    Dropped(String),
    /// It can never be done.
    Refused(String),
    /// It is to be tried again.
    Failed(String),
    /// It was given back, for others or for later.
    GivenBack(String),
    /// The lease was lost: somebody else has the job.
    Lost,
    /// The program stops.
    Stopped,
}

/// Why the stages were left.
#[derive(Debug)]
enum Stop {
    Objection(Objection),
    Refused(String),
    Failed(String),
    NoMemory(DoesNotFit),
    Lost,
    Shutdown,
    Stuck,
}

impl From<JobsError> for Stop {
    fn from(error: JobsError) -> Self {
        match error {
            JobsError::LeaseLost { .. } => Self::Lost,
            other => Self::Failed(other.to_string()),
        }
    }
}

impl From<WorkError> for Stop {
    fn from(error: WorkError) -> Self {
        Self::Failed(error.to_string())
    }
}

/// What is to be proven.
enum Task {
    Batches(ProofJob),
    Guest(GuestJob),
}

impl Task {
    /// Reads a job by its kind.
    fn of(job: &Job) -> Result<Self, String> {
        match Guest::of_kind(&job.kind) {
            None => ProofJob::parse(&job.payload)
                .map(Self::Batches)
                .map_err(|error| error.to_string()),
            Some(guest) => match GuestJob::parse(&job.payload) {
                Ok(job) if job.guest == guest => Ok(Self::Guest(job)),
                Ok(job) => Err(format!("a job of kind {guest} is for the guest {}", job.guest)),
                Err(error) => Err(error.to_string()),
            },
        }
    }

    fn subject(&self) -> Subject {
        match self {
            Self::Batches(job) => Subject::Batches {
                first: job.first(),
                last: job.last(),
            },
            Self::Guest(job) => Subject::Guest(job.guest),
        }
    }

    const fn guest(&self) -> Option<Guest> {
        match self {
            Self::Batches(_) => None,
            Self::Guest(job) => Some(job.guest),
        }
    }

    const fn input_sha256(&self) -> B256 {
        match self {
            Self::Batches(job) => job.input_sha256,
            Self::Guest(job) => job.input_sha256,
        }
    }

    const fn public_value(&self) -> B256 {
        match self {
            Self::Batches(job) => job.public_value,
            Self::Guest(job) => job.public_value,
        }
    }
}

/// A job in hand.
struct InHand<'a> {
    name: JobName,
    task: &'a Task,
    lease: &'a Lease,
    alive: &'a KeepAlive,
    folder: JobFolder,
}

impl Workshop {
    /// Works on jobs under `name` until shutdown.
    pub async fn run(self: Arc<Self>, name: String) {
        while !self.shutdown.is_cancelled() {
            let pause = match self.next(&name).await {
                Ok(Some(lease)) => match self.work(lease).await {
                    Ok(Attempt::GivenBack(_)) => MEMORY_PAUSE,
                    Ok(_) => Duration::ZERO,
                    Err(error) => {
                        warn!(%error, "an attempt's end can't be written down; its lease will end by itself");
                        LOOK_EVERY
                    }
                },
                Ok(None) => LOOK_EVERY,
                Err(error) => {
                    warn!(%error, "no job can be taken now");
                    MEMORY_EVERY
                }
            };
            tokio::select! {
                () = self.shutdown.cancelled() => {}
                () = tokio::time::sleep(pause) => {}
            }
        }
    }

    /// The next job: one for batches if any waits.
    async fn next(&self, name: &str) -> Result<Option<Lease>, JobsError> {
        let guests = self.guests.iter().map(|guest| guest.name());
        for kind in std::iter::once(self.kind.as_str()).chain(guests) {
            if let Some(lease) = self.queue.lease(kind, name, self.lease).await? {
                return Ok(Some(lease));
            }
        }
        Ok(None)
    }

    /// Works on a leased job as far as it goes now.
    ///
    /// # Errors
    /// The queue fails: the job's lease ends by itself then.
    pub async fn work(&self, lease: Lease) -> Result<Attempt, JobsError> {
        let id = lease.job().id;
        let task = match Task::of(lease.job()) {
            Ok(task) => task,
            Err(error) => {
                error!(job = id, error, "a job can't be read");
                lease.fail(&error, Retry::Never).await?;
                return Ok(Attempt::Refused(error));
            }
        };
        let name = JobName {
            id,
            subject: task.subject(),
        };
        info!(job = %name, id, attempt = lease.job().attempts, "takes a job");
        let alive = lease.keep_alive();
        let outcome = match self.folder.of(id) {
            Ok(folder) => {
                let hand = InHand {
                    name,
                    task: &task,
                    lease: &lease,
                    alive: &alive,
                    folder,
                };
                self.stages(&hand).await
            }
            Err(error) => Err(error.into()),
        };
        drop(alive);
        self.end(name, lease, outcome).await
    }

    async fn end(&self, name: JobName, lease: Lease, outcome: Result<Vec<u8>, Stop>) -> Result<Attempt, JobsError> {
        let retry = self.retry_after(lease.job().attempts);
        let attempt = match outcome {
            Ok(output) if self.gives_back => {
                lease.release().await?;
                return Ok(Attempt::Done(output));
            }
            Ok(output) => {
                lease.complete(&output).await?;
                info!(job = %name, bytes = output.len(), "the job is done");
                Attempt::Done(output)
            }
            Err(Stop::Objection(objection)) => {
                warn!(job = %name, reason = %objection, "drops a job");
                counter!("cwe_prover_jobs_dropped_total").increment(1);
                lease.fail(&format!("{DROPPED}{objection}"), Retry::Never).await?;
                Attempt::Dropped(objection.to_string())
            }
            Err(Stop::Refused(reason)) => {
                error!(job = %name, reason, "a job can never be done");
                lease.fail(&reason, Retry::Never).await?;
                Attempt::Refused(reason)
            }
            Err(Stop::Failed(reason)) => {
                warn!(job = %name, reason, retry_seconds = retry.as_secs(), "an attempt failed");
                lease.fail(&reason, Retry::After(retry)).await?;
                return Ok(Attempt::Failed(reason));
            }
            Err(Stop::Stuck) => {
                let reason = format!(
                    "a stage took more than {} s and was killed",
                    self.stage_timeout.as_secs()
                );
                warn!(job = %name, reason, "an attempt failed");
                lease.fail(&reason, Retry::After(retry)).await?;
                return Ok(Attempt::Failed(reason));
            }
            Err(Stop::NoMemory(reason)) => {
                warn!(job = %name, %reason, "gives a job back");
                lease.release().await?;
                return Ok(Attempt::GivenBack(reason.to_string()));
            }
            Err(Stop::Lost) => {
                warn!(job = %name, "lost the lease on a job: somebody else has it");
                return Ok(Attempt::Lost);
            }
            Err(Stop::Shutdown) => {
                lease.release().await?;
                return Ok(Attempt::Stopped);
            }
        };
        if let Err(error) = self.folder.remove(name.id) {
            warn!(%error, "files of an ended job stay");
        }
        Ok(attempt)
    }

    fn retry_after(&self, attempts: u32) -> Duration {
        let doublings = attempts.saturating_sub(1).min(16);
        self.retry.saturating_mul(1 << doublings).min(LONGEST_RETRY)
    }

    /// Runs the stages that are left; the output of the last.
    async fn stages(&self, hand: &InHand<'_>) -> Result<Vec<u8>, Stop> {
        if let Some(objection) = self.objection(hand.task) {
            return Err(Stop::Objection(objection));
        }
        let stages = self.stop_after.stages();
        let done = self.restore(hand, stages).await?;
        for stage in &stages[..done] {
            self.observer.note(hand.name, *stage, StageEvent::Kept);
        }
        for stage in &stages[done..] {
            self.stage(hand, *stage).await?;
        }
        let last = stages.last().map_or(Stage::Execute, |stage| *stage);
        let folder = hand.folder.clone();
        blocking(move || folder.read(last.output_file())).await
    }

    /// Makes the files that the next stage needs; how many stages are done.
    async fn restore(&self, hand: &InHand<'_>, stages: &[Stage]) -> Result<usize, Stop> {
        for (position, stage) in stages.iter().enumerate().rev() {
            let Some(result) = hand.lease.result(stage.name()).await? else {
                continue;
            };
            let (folder, name) = (hand.folder.clone(), stage.output_file());
            let restored = blocking(move || match Kept::decode(&result) {
                Some(kept) => folder.restore(name, &kept),
                None => Ok(false),
            });
            if !restored.await? {
                continue;
            }
            let next = stages.get(position + 1);
            if next.is_some_and(|next| next.input_file() != name) {
                self.restore_input(hand).await?;
            }
            return Ok(position + 1);
        }
        self.restore_input(hand).await?;
        Ok(0)
    }

    async fn restore_input(&self, hand: &InHand<'_>) -> Result<(), Stop> {
        let wanted = hand.task.input_sha256();
        let input = hand.lease.result(INPUT).await?;
        let folder = hand.folder.clone();
        let restored = blocking(move || match input {
            Some(input) if sha256(&input) == wanted => {
                folder.put(Stage::Execute.input_file(), &input)?;
                Ok(true)
            }
            _ => Ok(false),
        });
        if restored.await? {
            return Ok(());
        }
        Err(Stop::Refused(format!(
            "the queue has no input with SHA-256 {wanted}: remove the job (`cwe-prover remove {}`), it is planned again",
            hand.name.id
        )))
    }

    /// Runs one stage and keeps its result.
    async fn stage(&self, hand: &InHand<'_>, stage: Stage) -> Result<(), Stop> {
        let reservation = self.reserve(hand, stage).await?;
        self.observer
            .note(hand.name, stage, StageEvent::Begins(self.needs.of(stage)));
        hand.alive.report(stage.name(), Progress::default());
        let report = |progress: crate::program::StageProgress| {
            hand.alive
                .report(stage.name(), Progress::of(progress.done, progress.total));
            self.observer.note(hand.name, stage, StageEvent::Progress(progress));
        };
        let stopped = self.stopped(hand, self.stage_timeout);
        let path = hand.folder.path();
        let guest = hand.task.guest();
        let run = self.program.run(stage, guest, path, &reservation, report, stopped);
        let finished = match run.await {
            Ok(finished) => finished,
            Err(failure) => {
                self.observer.note(hand.name, stage, StageEvent::Stopped);
                return Err(note_failure(stage, failure));
            }
        };
        drop(reservation);
        note_figures(stage, &finished);
        self.observer.note(hand.name, stage, StageEvent::Finished(finished));
        if stage == Stage::Execute {
            check_execution(hand).await?;
        }
        let folder = hand.folder.clone();
        let kept = blocking(move || folder.keep(stage.output_file())).await?;
        Ok(hand.lease.put_result(stage.name(), &kept.encode()).await?)
    }

    /// Waits until the stage fits into memory.
    async fn reserve(&self, hand: &InHand<'_>, stage: Stage) -> Result<Reservation, Stop> {
        let need = self.needs.of(stage);
        let begun = Instant::now();
        let mut said = false;
        loop {
            let refused = match self.memory.reserve(need) {
                Ok(reservation) => return Ok(reservation),
                Err(refused) => refused,
            };
            if refused.is_hopeless() || begun.elapsed() >= MEMORY_PATIENCE {
                return Err(Stop::NoMemory(refused));
            }
            if !std::mem::replace(&mut said, true) {
                warn!(job = %hand.name, "{refused}: waits for it");
                counter!("cwe_prover_memory_refusals_total", "stage" => stage.name()).increment(1);
            }
            match self.stopped(hand, MEMORY_EVERY).await {
                Stop::Stuck => {}
                stop => return Err(stop),
            }
        }
    }

    /// Ends when the work is for nothing: at the latest after `timeout`, as [`Stop::Stuck`].
    async fn stopped(&self, hand: &InHand<'_>, timeout: Duration) -> Stop {
        let mut view = self.view.clone();
        let objected = async {
            loop {
                if let Some(objection) = self.objection(hand.task) {
                    return objection;
                }
                if view.changed().await.is_err() {
                    // Nobody looks at L1 any more: the program stops.
                    std::future::pending::<()>().await;
                }
            }
        };
        tokio::select! {
            () = hand.alive.lost().cancelled() => Stop::Lost,
            () = self.shutdown.cancelled() => Stop::Shutdown,
            objection = objected => Stop::Objection(objection),
            () = tokio::time::sleep(timeout) => Stop::Stuck,
        }
    }

    /// L1 objects to batches only.
    fn objection(&self, task: &Task) -> Option<Objection> {
        match task {
            Task::Batches(job) => self.view.borrow().as_ref()?.objection(job),
            Task::Guest(_) => None,
        }
    }
}

/// The guest must show what the contract will compare with: else the proof would be worth nothing.
async fn check_execution(hand: &InHand<'_>) -> Result<(), Stop> {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Execution {
        public_value: B256,
    }
    let folder = hand.folder.clone();
    let text = blocking(move || folder.read(Stage::Execute.output_file())).await?;
    let shown = serde_json::from_slice::<Execution>(&text)
        .map_err(|error| Stop::Failed(format!("the stage execute wrote no public value: {error}")))?
        .public_value;
    let wanted = hand.task.public_value();
    if shown == wanted {
        return Ok(());
    }
    Err(Stop::Refused(format!(
        "the guest shows the public value {shown}, the contract will compare with {wanted}: guest and host differ, report \
         this"
    )))
}

fn note_failure(stage: Stage, failure: StageFailure<Stop>) -> Stop {
    let (reason, stop) = match failure {
        StageFailure::Refused(reason) => ("refused", Stop::Refused(format!("stage {stage}: {reason}"))),
        StageFailure::OutOfMemory(reason) => ("memory", Stop::Failed(format!("stage {stage}: {reason}"))),
        StageFailure::Failed(reason) => ("failed", Stop::Failed(format!("stage {stage}: {reason}"))),
        StageFailure::Cancelled(Stop::Stuck) => ("stuck", Stop::Stuck),
        StageFailure::Cancelled(stop) => return stop,
    };
    counter!("cwe_prover_stage_failures_total", "stage" => stage.name(), "reason" => reason).increment(1);
    stop
}

fn note_figures(stage: Stage, finished: &Finished) {
    histogram!("cwe_prover_stage_seconds", "stage" => stage.name()).record(finished.elapsed.as_secs_f64());
    gauge!("cwe_prover_stage_peak_memory_bytes", "stage" => stage.name()).set(finished.peak_memory_bytes as f64);
}

async fn blocking<T: Send + 'static>(work: impl FnOnce() -> Result<T, WorkError> + Send + 'static) -> Result<T, Stop> {
    let done = tokio::task::spawn_blocking(work).await;
    done.map_err(|error| Stop::Failed(error.to_string()))?
        .map_err(Stop::from)
}

#[cfg(test)]
mod tests;
