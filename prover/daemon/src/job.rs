//! A job of the queue: a run of batches under one proof, with all that posting the proof will need. Its input, which is
//! large, lies beside it among the results of stages.

use alloy::primitives::{Address, B256, Bytes};
use cwe_bridge::{OpenedBlob, ProofSubmission, committed_statement};
use cwe_primitives::BatchCommitment;
use cwe_statement::ProofStatement;
use serde::{Deserialize, Serialize};

use crate::stage::StopAfter;

/// Version of the payload's form.
const VERSION: u32 = 1;

/// What begins the error of a job that was given up because L1 has no use for it, and not because it failed.
pub(crate) const DROPPED: &str = "dropped: ";

/// A run of batches under one proof.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ProofJob {
    version: u32,
    /// Who may submit the proof.
    pub prover: Address,
    /// What the proof must show.
    pub public_value: B256,
    /// SHA-256 of the encoded input.
    pub input_sha256: B256,
    /// The batches, in order; never empty.
    pub batches: Vec<JobBatch>,
}

/// A batch of a job.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct JobBatch {
    /// What L1 binds.
    pub commitment: BatchCommitment,
    /// Its blobs, opened; none for call data.
    pub blobs: Vec<OpenedBlob>,
}

/// A payload that this program can't work with.
#[derive(Debug, thiserror::Error)]
pub enum PayloadError {
    /// Not a payload at all.
    #[error("the job's payload is malformed: {0}")]
    Malformed(#[from] serde_json::Error),
    /// Another version's.
    #[error("the job's payload has version {0}, this program knows {VERSION}: upgrade the older of both")]
    Version(u32),
    /// Batches that don't follow each other.
    #[error("the job's batches do not follow each other")]
    NoRun,
}

impl ProofJob {
    /// A job for batches that follow each other; `None` for others.
    pub fn new(prover: Address, public_value: B256, input_sha256: B256, batches: Vec<JobBatch>) -> Option<Self> {
        let job = Self {
            version: VERSION,
            prover,
            public_value,
            input_sha256,
            batches,
        };
        job.is_run().then_some(job)
    }

    /// Reads a job's payload.
    ///
    /// # Errors
    /// [`PayloadError`].
    pub fn parse(payload: &str) -> Result<Self, PayloadError> {
        let job: Self = serde_json::from_str(payload)?;
        if job.version != VERSION {
            return Err(PayloadError::Version(job.version));
        }
        if job.is_run() {
            Ok(job)
        } else {
            Err(PayloadError::NoRun)
        }
    }

    /// The payload.
    ///
    /// # Errors
    /// Never, for what [`new`](Self::new) makes.
    pub fn payload(&self) -> Result<String, PayloadError> {
        Ok(serde_json::to_string(self)?)
    }

    fn is_run(&self) -> bool {
        let follow = |pair: &[JobBatch]| {
            let (before, after) = (&pair[0].commitment, &pair[1].commitment);
            before.index.checked_add(1) == Some(after.index) && before.hash() == after.parent_batch_hash
        };
        !self.batches.is_empty() && self.batches.windows(2).all(follow)
    }

    /// Index of the first batch.
    pub fn first(&self) -> u64 {
        self.batches.first().map_or(0, |batch| batch.commitment.index)
    }

    /// Index of the last batch.
    pub fn last(&self) -> u64 {
        self.batches.last().map_or(0, |batch| batch.commitment.index)
    }

    /// The job's name in the queue: two planners that start a proof at the same batch mean the same job.
    pub fn key(&self) -> String {
        let hash = self.batches.first().map(|batch| batch.commitment.hash());
        format!("{}-{}", self.first(), hash.unwrap_or_default())
    }

    /// What L1 takes, once there is a proof.
    pub fn submission(&self, proof: Vec<u8>) -> Option<ProofSubmission> {
        Some(ProofSubmission {
            first: self.batches.first()?.commitment.clone(),
            last: self.batches.last()?.commitment.clone(),
            openings: self.batches.iter().map(|batch| batch.blobs.clone()).collect(),
            proof: Bytes::from(proof),
        })
    }
}

/// The queue's kind of jobs for one `Rollup`. Jobs that stop early are of a kind of their own: their output is no proof.
pub fn kind(l1_chain_id: u64, rollup: Address, stop_after: StopAfter) -> String {
    format!("prove-{}/{l1_chain_id}/{rollup}", stop_after.name())
}

/// What a proof of these batches shows, as `Rollup` computes it from what it has stored.
pub(crate) fn expected_statement(l2_chain_id: u64, prover: Address, batches: &[JobBatch]) -> Option<ProofStatement> {
    let openings = |batch: &JobBatch| batch.blobs.iter().map(OpenedBlob::opening).collect();
    let batches: Vec<_> = batches
        .iter()
        .map(|batch| (&batch.commitment, openings(batch)))
        .collect();
    committed_statement(l2_chain_id, prover, &batches)
}

#[cfg(test)]
pub(crate) mod testing {
    use cwe_primitives::{DataLocation, QueueHash};

    use super::*;

    /// A batch in call data after `parent`.
    pub(crate) fn batch_after(parent: Option<&BatchCommitment>, salt: u8) -> BatchCommitment {
        let index = parent.map_or(1, |parent| parent.index + 1);
        BatchCommitment {
            parent_batch_hash: parent.map(BatchCommitment::hash).unwrap_or_default(),
            index,
            first_block: index * 10,
            last_block: index * 10 + 9,
            last_timestamp: 1_000 + index,
            parent_block_hash: B256::repeat_byte(1),
            block_hash: B256::repeat_byte(salt),
            state_root: B256::repeat_byte(3),
            withdrawal_root: B256::repeat_byte(4),
            queue_before: QueueHash::default(),
            queue_after: QueueHash::default(),
            data: DataLocation::Calldata(B256::repeat_byte(5)),
        }
    }

    /// Batches `1..=count`.
    pub(crate) fn chain(count: u64) -> Vec<BatchCommitment> {
        let mut all: Vec<BatchCommitment> = Vec::new();
        for _ in 0..count {
            all.push(batch_after(all.last(), 2));
        }
        all
    }

    /// A job for these batches.
    pub(crate) fn job(batches: &[BatchCommitment]) -> ProofJob {
        let batches = batches.iter().map(|commitment| JobBatch {
            commitment: commitment.clone(),
            blobs: Vec::new(),
        });
        ProofJob::new(
            Address::repeat_byte(7),
            B256::repeat_byte(8),
            B256::repeat_byte(9),
            batches.collect(),
        )
        .unwrap()
    }
}

#[cfg(test)]
mod tests {
    use super::{testing::*, *};

    #[test]
    fn a_payload_reads_as_it_was_written() {
        let job = job(&chain(3));
        assert_eq!(ProofJob::parse(&job.payload().unwrap()).unwrap(), job);
        assert_eq!((job.first(), job.last()), (1, 3));
    }

    #[test]
    fn batches_that_do_not_follow_each_other_are_no_job() {
        let mut batches = job(&chain(3)).batches;
        batches.remove(1);
        assert!(ProofJob::new(Address::ZERO, B256::ZERO, B256::ZERO, batches).is_none());
        assert!(ProofJob::new(Address::ZERO, B256::ZERO, B256::ZERO, Vec::new()).is_none());
        let replaced = [chain(1)[0].clone(), batch_after(Some(&batch_after(None, 9)), 2)];
        let batches = replaced.map(|commitment| JobBatch {
            commitment,
            blobs: Vec::new(),
        });
        assert!(ProofJob::new(Address::ZERO, B256::ZERO, B256::ZERO, batches.into()).is_none());
    }

    #[test]
    fn payloads_of_other_programs_are_refused() {
        let payload = job(&chain(1)).payload().unwrap();
        assert!(matches!(
            ProofJob::parse(&payload.replace("\"version\":1", "\"version\":2")),
            Err(PayloadError::Version(2))
        ));
        assert!(ProofJob::parse(&payload.replace("\"version\":1", "\"version\":1,\"more\":1")).is_err());
        assert!(ProofJob::parse("{}").is_err());
    }
}
