//! Posts the proofs that are done, each in its turn: L1 is asked which batch is final, and takes the proof that goes on
//! from there. A proof whose batches are final already, by whoever's proof, is not posted; one that an L1 reorganisation
//! took back is posted again.

use std::sync::Arc;

use alloy::eips::BlockId;
use cwe_bridge::{L1Client, L1Error, ProofPoster, TaskError, TurnFailure};
use cwe_jobs::{Job, JobState, JobsError, Queue};
use parking_lot::Mutex;
use tracing::info;

use crate::{
    bundling::{self, Planned},
    job::ProofJob,
    planner::jobs_of,
};

/// Why no proof is posted now.
#[derive(Debug, thiserror::Error)]
pub enum PostError {
    /// L1 fails, or refuses.
    #[error(transparent)]
    Task(#[from] TaskError),
    /// The queue fails.
    #[error(transparent)]
    Jobs(#[from] JobsError),
}

impl From<L1Error> for PostError {
    fn from(error: L1Error) -> Self {
        Self::Task(error.into())
    }
}

impl TurnFailure for PostError {
    fn is_fatal(&self) -> bool {
        matches!(self, Self::Task(error) if error.is_fatal())
    }

    fn reason(&self) -> &'static str {
        match self {
            Self::Task(error) => error.reason(),
            Self::Jobs(_) => "queue",
        }
    }

    fn is_outage(&self) -> bool {
        matches!(self, Self::Task(error) if error.is_outage())
    }
}

/// Posts one prover's proofs.
pub struct Posting {
    /// The L1.
    pub l1: Arc<L1Client>,
    /// The queue.
    pub queue: Queue,
    /// Kind of the jobs.
    pub kind: String,
    /// The account.
    pub poster: ProofPoster,
    /// Why nothing is posted, for `/ready`.
    pub trouble: Arc<Mutex<Option<String>>>,
}

impl Posting {
    /// Posts the proof that is due, if any, and follows up the one in flight.
    ///
    /// # Errors
    /// [`PostError`].
    pub async fn turn(&mut self) -> Result<(), PostError> {
        let outcome = self.try_turn().await;
        *self.trouble.lock() = outcome.as_ref().err().map(ToString::to_string);
        outcome
    }

    async fn try_turn(&mut self) -> Result<(), PostError> {
        self.l1.ensure_checked().await?;
        let Some(turn) = self.poster.follow().await? else {
            return Ok(());
        };
        let Some((id, job)) = self.due().await? else {
            return Ok(());
        };
        let proof = self.queue.output(id).await?;
        let Some(submission) = job.submission(proof) else {
            return Ok(());
        };
        info!(id, first = job.first(), last = job.last(), "posts a proof");
        Ok(self.poster.post(turn, &submission).await?)
    }

    /// The job whose proof L1 would take now.
    async fn due(&self) -> Result<Option<(i64, ProofJob)>, PostError> {
        let latest = BlockId::latest();
        let tips = self.l1.tips(latest).await?;
        let jobs = jobs_of(&self.queue, &self.kind).await?;
        let mut done = Vec::new();
        let mut planned = Vec::new();
        for job in jobs.iter().filter(|job| job.state == JobState::Done) {
            let Some(proof) = self.ours(job) else { continue };
            if proof.last() <= tips.finalized || proof.last() > tips.committed {
                continue;
            }
            let ours = proof.batches.last().map(|batch| batch.commitment.hash());
            planned.push(Planned {
                id: job.id,
                first: proof.first(),
                last: proof.last(),
                state: job.state,
                // A batch's hash binds those of all batches before it.
                stands: Some(self.l1.batch_hash(proof.last(), latest).await?) == ours,
                error: None,
            });
            done.push((job.id, proof));
        }
        let due = bundling::postable(tips.finalized, &planned).map(|job| job.id);
        Ok(done.into_iter().find(|(id, _)| Some(*id) == due))
    }

    /// The public value binds who may submit a proof.
    fn ours(&self, job: &Job) -> Option<ProofJob> {
        let job = ProofJob::parse(&job.payload).ok()?;
        (job.prover == self.poster.address()).then_some(job)
    }
}
