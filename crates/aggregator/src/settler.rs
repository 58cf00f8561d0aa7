//! Settling the epoch whose turn it is: computes the division from the best state whose data is here, publishes the
//! payout list, has the division proven, posts the proof, settles. Each turn does the next thing that the chain does not
//! have yet, so that it goes on after a restart, and stops where somebody else was faster.
//!
//! A proof takes as long as a window, so it is asked for before the window for aggregates ends, as soon as every reveal that
//! was given here is in the best state. A better state that somebody posts afterwards makes another division, and costs this
//! one's proof.

use std::{collections::BTreeSet, sync::Arc};

use alloy::primitives::{Address, B256};
use cwe_dapr::{
    CarriedEntry, EMPTY_ROOT_HASH, Settled, SettlementData, SettlementInputs, SettlementProofInput, TotalsEntry,
    append_to_chain, chunks, public_value, settle,
};
use cwe_jobs::{JobState, JobsError, NewJob, Queue};
use cwe_prover_stages::{Guest, GuestJob, GuestJobError};
use parking_lot::Mutex;
use sha2::{Digest, Sha256};
use tracing::{info, warn};

use crate::{
    chain::{ChainFailure, Due, Sending, SettlementBasis, Settlements},
    ingress::ViewReceiver,
    status::{EpochStatus, KnownState, Status, Statuses},
    store::{Store, StoreError},
};

/// Kind of the jobs.
const KIND: &str = Guest::Settlement.name();

/// Why an epoch isn't settled now.
#[derive(Debug, thiserror::Error)]
pub enum SettlerError {
    /// The chain fails.
    #[error(transparent)]
    Chain(#[from] ChainFailure),
    /// The store fails.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The queue fails.
    #[error(transparent)]
    Jobs(#[from] JobsError),
    /// A job can't be written.
    #[error(transparent)]
    Payload(#[from] GuestJobError),
    /// The lists give no division.
    #[error("epoch {epoch} can't be divided: {reason}")]
    Division {
        /// The epoch.
        epoch: u64,
        /// Why.
        reason: String,
    },
    /// What the epoch before carried is not here.
    #[error(
        "what epoch {before} carried is not in this store: a coordinator that settled it can settle the next one; from \
         {abandoned_at} on (Unix seconds) it is given up"
    )]
    CarriedMissing {
        /// The epoch before.
        before: u64,
        /// End of the grace.
        abandoned_at: u64,
    },
    /// The proof failed for good.
    #[error(
        "the proof of the settlement (job {job}) failed for good: {reason}. Remove the cause, then `cwe-prover retry {job}`"
    )]
    Proof {
        /// The job.
        job: i64,
        /// Why.
        reason: String,
    },
}

/// Settles epochs.
pub struct Settler<C> {
    /// The chain.
    pub chain: Arc<C>,
    /// The chain as it was last seen.
    pub view: ViewReceiver,
    /// The states whose data is here.
    pub statuses: Arc<Statuses>,
    /// What epochs carried on.
    pub store: Store,
    /// Where proofs are asked for.
    pub queue: Queue,
    /// The L2's chain id.
    pub chain_id: u64,
    /// `CWEPayouts`.
    pub payouts: Address,
    /// Times that a proof is begun before it counts as failed.
    pub max_attempts: u32,
    /// The last division and its epoch: windows and proofs are long, and it is not computed again every turn of one.
    pub divided: Mutex<Option<(u64, Arc<Division>)>>,
}

/// A division and all that it is of.
pub struct Division {
    basis: SettlementBasis,
    inputs: SettlementInputs,
    data: SettlementData,
    settled: Settled,
}

impl<C: Settlements> Settler<C> {
    /// Does the next thing, if any is due.
    ///
    /// # Errors
    /// [`SettlerError`].
    pub async fn turn(&self) -> Result<(), SettlerError> {
        let Some(view) = self.view.borrow().clone() else {
            return Ok(());
        };
        let due = self.chain.due().await?;
        let Some(epoch) = view.epochs.get(&due.epoch) else {
            return Ok(());
        };
        let now = view.now_secs();
        // Told by the planner, after its first look.
        let status = self.statuses.get(due.epoch);
        if now < epoch.windows.settleable_at {
            return match status.as_ref().and_then(|status| complete(status, &due, now)) {
                Some(known) => self.prepare(&due, known, now).await,
                None => Ok(()),
            };
        }
        let Some(known) = status.and_then(|status| status.known) else {
            return Ok(());
        };
        let reveals = known.state.reveals();
        let nothing = due.best.reveals == 0 && self.inputs(&due, &known, false).await?.1.carried_in.is_zero();
        if nothing || due.proven.is_some_and(|proven| proven >= reveals) {
            return self.settle(due.epoch).await;
        }
        let division = self.divide(&due, &known, now).await?;
        let root = division.settled.settlement.carried_root;
        self.store
            .put_carried(due.epoch, root, &division.settled.carried)
            .await?;
        if self.is_published(due.epoch, &division).await? {
            self.prove(due.epoch, &division).await?;
        }
        Ok(())
    }

    /// Has the division proven that is due if nobody posts a better state until the window ends.
    async fn prepare(&self, due: &Due, known: &KnownState, now: u64) -> Result<(), SettlerError> {
        let division = match self.divide(due, known, now).await {
            // It may still turn up, and until the grace ends nothing else can be done.
            Err(SettlerError::CarriedMissing { .. }) => return Ok(()),
            division => division?,
        };
        let (key, value) = self.job_of(due.epoch, &division);
        if self.queue.find(KIND, &key).await?.is_none() {
            self.ask_for_proof(due.epoch, key, value, &division).await?;
        }
        Ok(())
    }

    /// Name in the queue and public value of a division's proof.
    fn job_of(&self, epoch: u64, division: &Division) -> (String, B256) {
        let value = public_value(self.chain_id, &division.inputs, &division.settled.settlement);
        (format!("{}/{}/{epoch}/{value}", self.chain_id, self.payouts), value)
    }

    async fn settle(&self, epoch: u64) -> Result<(), SettlerError> {
        match self.chain.settle(epoch).await? {
            Sending::Sent => info!(epoch, "settles"),
            Sending::Waits => {}
            // A better settlement may still come, or somebody settled it.
            Sending::Refused(reason) => info!(epoch, reason, "can't settle now"),
        }
        Ok(())
    }

    async fn inputs(
        &self,
        due: &Due,
        known: &KnownState,
        abandon_carried: bool,
    ) -> Result<(SettlementBasis, SettlementInputs), SettlerError> {
        let basis = SettlementBasis {
            roots: known.roots,
            abandon_carried,
        };
        Ok((basis, self.chain.inputs(due.epoch, basis).await?))
    }

    async fn divide(&self, due: &Due, known: &KnownState, now: u64) -> Result<Arc<Division>, SettlerError> {
        if let Some((epoch, division)) = &*self.divided.lock()
            && *epoch == due.epoch
            && division.basis.roots == known.roots
        {
            return Ok(division.clone());
        }
        let division = Arc::new(self.computed(due, known, now).await?);
        // What was given up may still turn up.
        if !division.basis.abandon_carried {
            *self.divided.lock() = Some((due.epoch, division.clone()));
        }
        Ok(division)
    }

    async fn computed(&self, due: &Due, known: &KnownState, now: u64) -> Result<Division, SettlerError> {
        let (mut basis, mut inputs) = self.inputs(due, known, false).await?;
        let carried = match self.carried(due.epoch, inputs.carried_root_in).await? {
            Some(carried) => carried,
            None if now >= due.grace_ends_at => {
                warn!(
                    epoch = due.epoch,
                    "what the epoch before carried is withheld: gives it up"
                );
                (basis, inputs) = self.inputs(due, known, true).await?;
                Vec::new()
            }
            None => {
                return Err(SettlerError::CarriedMissing {
                    before: due.epoch.saturating_sub(1),
                    abandoned_at: due.grace_ends_at,
                });
            }
        };
        let totals = totals(known);
        let registry = match inputs.parameters.half_life {
            true => {
                let works: BTreeSet<B256> = totals.iter().map(|entry| entry.work).collect();
                Some(self.chain.registrations(due.epoch, &works).await?)
            }
            false => None,
        };
        let epoch = due.epoch;
        let failed = move |reason: String| SettlerError::Division { epoch, reason };
        let data = SettlementData::new(totals, carried, registry).map_err(|error| failed(error.to_string()))?;
        let divided =
            tokio::task::spawn_blocking(move || settle(&inputs, &data).map(|settled| (inputs, data, settled)));
        let divided = divided.await.map_err(|error| failed(error.to_string()))?;
        let (inputs, data, settled) = divided.map_err(|error| failed(error.to_string()))?;
        Ok(Division {
            basis,
            inputs,
            data,
            settled,
        })
    }

    async fn carried(&self, epoch: u64, root: B256) -> Result<Option<Vec<CarriedEntry>>, SettlerError> {
        if root == EMPTY_ROOT_HASH {
            return Ok(Some(Vec::new()));
        }
        Ok(self.store.carried(epoch.saturating_sub(1), root).await?)
    }

    /// Publishes the next chunk of the payout list; whether all of it is.
    async fn is_published(&self, epoch: u64, division: &Division) -> Result<bool, SettlerError> {
        let (published, count) = self.chain.published(epoch).await?;
        if published == division.settled.settlement.payouts_hash {
            return Ok(true);
        }
        let all: Vec<_> = chunks(&division.settled.payouts).collect();
        let index = next_chunk(&all, published, count);
        let Some(chunk) = all.get(index) else { return Ok(true) };
        let number = u32::try_from(index).unwrap_or(u32::MAX);
        match self.chain.publish(epoch, number, chunk.clone()).await? {
            Sending::Sent => info!(epoch, chunk = index + 1, of = all.len(), "publishes payouts"),
            Sending::Waits => {}
            Sending::Refused(reason) => warn!(epoch, reason, "the chain does not take the payout list now"),
        }
        Ok(false)
    }

    /// Has the division proven, and posts the proof when it is there.
    async fn prove(&self, epoch: u64, division: &Division) -> Result<(), SettlerError> {
        let (key, value) = self.job_of(epoch, division);
        let Some(job) = self.queue.find(KIND, &key).await? else {
            return self.ask_for_proof(epoch, key, value, division).await;
        };
        match job.state {
            JobState::Queued | JobState::Leased => Ok(()),
            JobState::Failed => Err(SettlerError::Proof {
                job: job.id,
                reason: job.error.unwrap_or_default(),
            }),
            JobState::Done => {
                let proof = self.queue.output(job.id).await?;
                let settlement = &division.settled.settlement;
                match self
                    .chain
                    .prove_settlement(epoch, division.basis, settlement, proof)
                    .await?
                {
                    Sending::Sent => info!(epoch, "posts a settlement"),
                    Sending::Waits => {}
                    Sending::Refused(reason) => {
                        // If it is no longer of what the chain has, it is divided again.
                        self.divided.lock().take();
                        warn!(epoch, reason, "the chain does not take the settlement");
                    }
                }
                Ok(())
            }
        }
    }

    async fn ask_for_proof(
        &self,
        epoch: u64,
        key: String,
        value: B256,
        division: &Division,
    ) -> Result<(), SettlerError> {
        let input = SettlementProofInput {
            chain_id: self.chain_id,
            inputs: division.inputs.clone(),
            data: division.data.clone(),
        };
        let input = input.encode();
        let job = NewJob {
            kind: KIND.into(),
            key,
            payload: GuestJob::new(Guest::Settlement, value, B256::new(Sha256::digest(&input).into())).payload()?,
            priority: 1,
            max_attempts: self.max_attempts,
        };
        self.queue
            .enqueue_with(&job, &[(GuestJob::INPUT, input.as_slice())])
            .await?;
        info!(
            epoch,
            payouts = division.settled.payouts.len(),
            "has a settlement proven"
        );
        Ok(())
    }
}

/// The best state, if its data is here and all that was revealed here is in it: the epoch will be divided by it unless another
/// coordinator has more.
fn complete<'a>(status: &'a Status, due: &Due, now: u64) -> Option<&'a KnownState> {
    let EpochStatus {
        windows,
        waiting,
        planned,
        proven,
        best,
        ..
    } = status.told;
    let on_the_way = waiting + planned.reveals + proven.reveals;
    let is_complete = now >= windows.reveal_ends_at && on_the_way == 0 && best == due.best && best.reveals > 0;
    status.shown().filter(|_| is_complete).map(AsRef::as_ref)
}

fn totals(known: &KnownState) -> Vec<TotalsEntry> {
    let entry = |((work, tier), total): (&(B256, B256), &cwe_aggregation::Total)| TotalsEntry {
        work: *work,
        tier: *tier,
        units: total.units,
        reveals: total.reveals,
    };
    known.state.totals.iter().map(entry).collect()
}

/// The chunk to publish next: after those that are published, if they are this list's, else the first.
fn next_chunk(all: &[Vec<u8>], published: B256, count: u32) -> usize {
    let count = count as usize;
    let hash = all
        .iter()
        .take(count)
        .fold(B256::ZERO, |hash, chunk| append_to_chain(hash, chunk));
    if hash == published && count <= all.len() {
        count
    } else {
        0
    }
}

#[cfg(test)]
mod tests;
