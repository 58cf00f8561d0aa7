//! Posts batches to L1: one transaction at a time, written down before it is sent, outbid by itself when it waits too
//! long. What L1 says is the only state: after a restart or a reorganisation the poster goes on from L1's last batch.

use std::{
    sync::Arc,
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use alloy::{
    consensus::Transaction,
    eips::BlockId,
    primitives::{Address, B256, Bytes},
    signers::local::PrivateKeySigner,
    sol_types::SolCall,
};
use cwe_bindings::contracts::{IRollup, Inbox, Rollup};
use cwe_chain::{BatchingConfig, ChainHandle, batching};
use cwe_primitives::BatchCommitment;
use cwe_storage::{BatchRecord, BatchStatus};
use metrics::counter;
use tokio::task::JoinHandle;
use tracing::{info, warn};

use crate::{
    DataPolicy, Fees, L1Client, L1Error, PosterConfig, TaskError,
    account::{Account, InFlight, Payment, Prepared, Purpose, Remembered, Standing},
    batch_struct,
    sidecar::{self, SidecarFormat},
    transactions::Draft,
    turns::{background, blocking},
};

/// Posts batches and relays L1 block figures, all from one account.
pub struct BatchPoster {
    l1: Arc<L1Client>,
    chain: ChainHandle,
    config: PosterConfig,
    account: Account<Job>,
    format: SidecarFormat,
    draft: DraftState,
    relayed_at: Option<Instant>,
}

/// What a transaction is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Job {
    /// Commit this batch.
    Commit(u64),
    /// Relay the L1 block's figures.
    Relay,
}

impl Purpose for Job {
    fn call(&self) -> &'static str {
        match self {
            Self::Commit(_) => "Rollup.commitBatch",
            Self::Relay => "Inbox.relayL1Block",
        }
    }

    fn kind(&self) -> &'static str {
        match self {
            Self::Commit(_) => "commit",
            Self::Relay => "relay",
        }
    }
}

/// The committing call of the batch that is due. KZG proofs take seconds, and watching L1 must not wait for them.
enum DraftState {
    None,
    Preparing {
        batch_hash: B256,
        task: JoinHandle<Result<Draft, TaskError>>,
    },
    Ready {
        batch_hash: B256,
        draft: Draft,
    },
}

impl BatchPoster {
    /// A poster that pays from `signer`'s account.
    pub fn new(l1: Arc<L1Client>, chain: ChainHandle, config: PosterConfig, signer: PrivateKeySigner) -> Self {
        let payment = Payment {
            resubmit_after: config.resubmit_after,
            caps: config.fee_caps,
            owner: "sequencer",
        };
        Self {
            account: Account::new(l1.clone(), signer, payment),
            l1,
            chain,
            config,
            format: SidecarFormat::Cells,
            draft: DraftState::None,
            relayed_at: None,
        }
    }

    /// The account that posts and pays.
    pub const fn address(&self) -> Address {
        self.account.address()
    }

    /// Does the next thing that is due: follows up the transaction in flight, or sends one.
    ///
    /// # Errors
    /// [`TaskError`]: what keeps batches from L1, and what to do.
    pub async fn turn(&mut self) -> Result<(), TaskError> {
        let outcome = self.try_turn().await;
        if let Err(error) = &outcome {
            counter!("cwe_poster_errors_total", "reason" => error.reason()).increment(1);
        }
        outcome
    }

    async fn try_turn(&mut self) -> Result<(), TaskError> {
        self.l1.ensure_checked().await?;
        let nonce = self.account.nonce().await?;
        self.adopt(nonce).await?;
        let waits = match self.account.follow(nonce).await? {
            Standing::Free => false,
            Standing::Waits => true,
            Standing::Used(sent) => self.waits_for_receipt(sent).await?,
        };
        if waits {
            return Ok(());
        }
        let Some((job, draft)) = self.next_job(nonce).await? else {
            return Ok(());
        };
        let outcome = self.send(job, &draft, nonce).await;
        if let Err(TaskError::L1(L1Error::Refused { message, .. })) = &outcome {
            self.account.forget();
            if matches!(job, Job::Commit(_)) && sidecar::is_format_refusal(message) {
                self.format = self.format.other();
                self.draft = DraftState::None;
                warn!(message, format = ?self.format, "L1 refuses the blobs' KZG data, tries the other format");
            }
        }
        outcome
    }

    /// The nonce in flight was used and no receipt is known; whether to look again for one.
    async fn waits_for_receipt(&mut self, sent: InFlight<Job>) -> Result<bool, TaskError> {
        if self.is_done(*sent.purpose()).await? {
            info!(job = ?sent.purpose(), "done on L1 by an earlier transaction");
            return Ok(false);
        }
        Ok(self.account.looks_again(sent))
    }

    /// After a restart: takes over what was sent before it.
    async fn adopt(&mut self, nonce: u64) -> Result<(), TaskError> {
        if !self.account.is_new() {
            return Ok(());
        }
        let tip = self
            .l1
            .rollup_view(Rollup::lastCommittedBatchCall {}, BlockId::latest())
            .await?;
        let Some(record) = self.chain.db().latest()?.batch(tip + 1)? else {
            return Ok(());
        };
        let BatchStatus::Submitted {
            transaction,
            nonce: sent,
            max_fee_per_gas,
            max_priority_fee_per_gas,
        } = record.status
        else {
            return Ok(());
        };
        if sent != nonce {
            return Ok(());
        }
        let known = self.l1.transaction(transaction).await?;
        let fees = Fees {
            max_fee_per_gas,
            max_priority_fee_per_gas,
            max_fee_per_blob_gas: known.as_ref().and_then(Transaction::max_fee_per_blob_gas),
        };
        let remembered = Remembered {
            purpose: Job::Commit(tip + 1),
            nonce,
            hash: transaction,
            fees,
        };
        self.account.adopt(remembered, known.is_some());
        Ok(())
    }

    async fn is_done(&self, job: Job) -> Result<bool, TaskError> {
        let Job::Commit(index) = job else { return Ok(false) };
        let Some(record) = self.chain.db().latest()?.batch(index)? else {
            return Ok(false);
        };
        Ok(self.l1.batch_hash(index, BlockId::latest()).await? == record.commitment.hash())
    }

    /// What to send under `nonce`.
    async fn next_job(&mut self, nonce: u64) -> Result<Option<(Job, Draft)>, TaskError> {
        // A pool that holds a transaction without blobs takes none with blobs in its place.
        if self.account.offered_for(nonce) == Some(Job::Relay) {
            return Ok(Some((Job::Relay, self.relay())));
        }
        if let Some((record, data)) = self.next_batch().await? {
            let job = Job::Commit(record.commitment.index);
            return Ok(self.commit(record.commitment, data).await?.map(|draft| (job, draft)));
        }
        self.draft = DraftState::None;
        let due = self
            .config
            .relay_l1_block
            .is_some_and(|every| self.relayed_at.is_none_or(|last| last.elapsed() >= every));
        Ok(due.then(|| (Job::Relay, self.relay())))
    }

    /// The batch after L1's last: as recorded, or newly built if one is due.
    async fn next_batch(&self) -> Result<Option<(BatchRecord, Bytes)>, TaskError> {
        let latest = BlockId::latest();
        let tip = self.l1.rollup_view(Rollup::lastCommittedBatchCall {}, latest).await?;
        let on_l1 = self.l1.batch_hash(tip, latest).await?;
        let (parent, next, data) = {
            let snapshot = self.chain.db().latest()?;
            (
                snapshot.batch(tip)?,
                snapshot.batch(tip + 1)?,
                snapshot.batch_data(tip + 1)?,
            )
        };
        let parent = parent
            .filter(|record| record.commitment.hash() == on_l1)
            .ok_or(TaskError::UnknownTip {
                index: tip,
                hash: on_l1,
            })?;
        if let (Some(record), Some(data)) = (next, data)
            && record.commitment.parent_batch_hash == on_l1
        {
            return Ok(Some((record, data)));
        }
        self.build(parent.commitment).await
    }

    async fn build(&self, parent: BatchCommitment) -> Result<Option<(BatchRecord, Bytes)>, TaskError> {
        let config = BatchingConfig {
            blobs: self.uses_blobs().await?,
            ..self.config.batching.clone()
        };
        let db = self.chain.db().clone();
        let now_secs = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap_or(Duration::ZERO)
            .as_secs();
        let reader = db.clone();
        let built = background(move || Ok(batching::next_batch(&reader, &parent, &config, now_secs)?)).await?;
        let Some(built) = built else { return Ok(None) };
        blocking(move || {
            let record = BatchRecord {
                commitment: built.commitment,
                status: BatchStatus::Built,
            };
            db.remove_batches_from(record.commitment.index)?;
            db.put_batch(&record, Some(&built.data))?;
            Ok(Some((record, built.data)))
        })
        .await
    }

    async fn uses_blobs(&self) -> Result<bool, TaskError> {
        let available = self.l1.latest().await?.has_blobs;
        let blobs = match self.config.data {
            DataPolicy::Auto => available,
            DataPolicy::Calldata => false,
            DataPolicy::Blobs if available => true,
            DataPolicy::Blobs => return Err(TaskError::NoBlobsOnL1),
        };
        let (configured, limit) = (self.config.max_block_bytes, DataPolicy::CALLDATA_BLOCK_BYTES);
        if !blobs && configured > limit {
            return Err(TaskError::BlocksTooLarge { configured, limit });
        }
        Ok(blobs)
    }

    /// Checks that this L1 can take the data of our batches.
    ///
    /// # Errors
    /// [`TaskError::NoBlobsOnL1`], [`TaskError::BlocksTooLarge`], or that the L1 can't be asked.
    pub async fn check_data_policy(&self) -> Result<(), TaskError> {
        self.uses_blobs().await.map(drop)
    }

    fn parent_of(&self, commitment: &BatchCommitment) -> Result<BatchCommitment, TaskError> {
        let parent = commitment.index.saturating_sub(1);
        let record = self.chain.db().latest()?.batch(parent)?;
        let unknown = TaskError::UnknownTip {
            index: parent,
            hash: commitment.parent_batch_hash,
        };
        record.map(|record| record.commitment).ok_or(unknown)
    }

    /// The call that commits a batch; `None` while it is being prepared.
    async fn commit(&mut self, commitment: BatchCommitment, data: Bytes) -> Result<Option<Draft>, TaskError> {
        let wanted = commitment.hash();
        match std::mem::replace(&mut self.draft, DraftState::None) {
            DraftState::Ready { batch_hash, draft } if batch_hash == wanted => {
                self.draft = DraftState::Ready {
                    batch_hash,
                    draft: draft.clone(),
                };
                Ok(Some(draft))
            }
            DraftState::Preparing { batch_hash, task } if batch_hash == wanted && !task.is_finished() => {
                self.draft = DraftState::Preparing { batch_hash, task };
                Ok(None)
            }
            DraftState::Preparing { batch_hash, task } if batch_hash == wanted => {
                let draft = task.await.map_err(|error| TaskError::Worker(error.to_string()))??;
                self.draft = DraftState::Ready {
                    batch_hash,
                    draft: draft.clone(),
                };
                Ok(Some(draft))
            }
            _ => {
                let (parent, to, format) = (self.parent_of(&commitment)?, self.l1.config().rollup, self.format);
                let task = tokio::spawn(background(move || draft_commit(&parent, &commitment, data, to, format)));
                self.draft = DraftState::Preparing {
                    batch_hash: wanted,
                    task,
                };
                Ok(None)
            }
        }
    }

    fn relay(&self) -> Draft {
        Draft {
            to: self.l1.config().inbox,
            input: Inbox::relayL1BlockCall {}.abi_encode().into(),
            sidecar: None,
        }
    }

    async fn send(&mut self, job: Job, draft: &Draft, nonce: u64) -> Result<(), TaskError> {
        let prepared = self.account.prepare(job, draft, nonce).await?;
        match job {
            Job::Commit(index) => self.write_down(index, &prepared).await?,
            Job::Relay => self.relayed_at = Some(Instant::now()),
        }
        self.account.send(job, prepared).await
    }

    async fn write_down(&self, index: u64, prepared: &Prepared) -> Result<(), TaskError> {
        let fees = &prepared.terms.fees;
        let status = BatchStatus::Submitted {
            transaction: prepared.signed.hash,
            nonce: prepared.terms.nonce,
            max_fee_per_gas: fees.max_fee_per_gas,
            max_priority_fee_per_gas: fees.max_priority_fee_per_gas,
        };
        let db = self.chain.db().clone();
        blocking(move || Ok(db.set_batch_status(index, status)?)).await
    }
}

/// The committing call, with its blobs and their KZG data.
fn draft_commit(
    parent: &BatchCommitment,
    commitment: &BatchCommitment,
    data: Bytes,
    to: Address,
    format: SidecarFormat,
) -> Result<Draft, TaskError> {
    let (calldata, sidecar) = if commitment.data.is_blobs() {
        let (blobs, _) = batching::to_blobs(&data)?;
        (Bytes::new(), Some(sidecar::build(&blobs, format)?))
    } else {
        (data, None)
    };
    let call = Rollup::commitBatchCall {
        parent: batch_struct(parent),
        commitment: claims(commitment),
        data: calldata,
    };
    Ok(Draft {
        to,
        input: call.abi_encode().into(),
        sidecar,
    })
}

/// What the committer claims about a batch.
const fn claims(commitment: &BatchCommitment) -> IRollup::BatchCommitment {
    IRollup::BatchCommitment {
        lastBlock: commitment.last_block,
        lastTimestamp: commitment.last_timestamp,
        messagesAfter: commitment.queue_after.next_index,
        blockHash: commitment.block_hash,
        stateRoot: commitment.state_root,
        withdrawalRoot: commitment.withdrawal_root,
        queueHashAfter: commitment.queue_after.hash,
    }
}
