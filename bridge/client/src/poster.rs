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
    sol_types::{SolCall, SolInterface},
};
use cwe_bindings::contracts::{IRollup, Inbox, Rollup};
use cwe_chain::{BatchingConfig, ChainHandle, batching};
use cwe_primitives::BatchCommitment;
use cwe_storage::{BatchRecord, BatchStatus};
use metrics::{counter, gauge};
use tokio::task::JoinHandle;
use tracing::{info, warn};

use crate::{
    DataPolicy, Fees, L1Client, L1Error, PosterConfig, TaskError, batch_struct,
    sidecar::{self, SidecarFormat},
    transactions::{Draft, Terms},
    turns::{background, blocking},
};

/// Share of the estimated gas that is allowed on top: state may change before inclusion.
const GAS_MARGIN_PERCENT: u64 = 25;

/// Posts batches and relays L1 block figures, all from one account.
pub struct BatchPoster {
    l1: Arc<L1Client>,
    chain: ChainHandle,
    config: PosterConfig,
    signer: PrivateKeySigner,
    format: SidecarFormat,
    draft: DraftState,
    in_flight: Option<InFlight>,
    /// The last offer made for a nonce; another transaction with this nonce must offer more.
    offer: Option<Offer>,
    /// Transactions sent under the offer's nonce, the newest last.
    sent: Vec<B256>,
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

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Offer {
    nonce: u64,
    job: Job,
    fees: Fees,
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

/// A transaction that L1 may include at any time.
#[derive(Debug)]
struct InFlight {
    job: Job,
    nonce: u64,
    hash: B256,
    /// Its bytes; `None` if it was sent before a restart.
    raw: Option<Vec<u8>>,
    since: Instant,
    /// Whether its nonce was seen used without a receipt for it.
    overtaken: bool,
}

impl BatchPoster {
    /// A poster that pays from `signer`'s account.
    pub const fn new(l1: Arc<L1Client>, chain: ChainHandle, config: PosterConfig, signer: PrivateKeySigner) -> Self {
        Self {
            l1,
            chain,
            config,
            signer,
            format: SidecarFormat::Cells,
            draft: DraftState::None,
            in_flight: None,
            offer: None,
            sent: Vec::new(),
            relayed_at: None,
        }
    }

    /// The account that posts and pays.
    pub const fn address(&self) -> Address {
        self.signer.address()
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
        let nonce = self.l1.mined_nonce(self.address()).await?;
        if self.waits(nonce).await? {
            return Ok(());
        }
        let Some((job, draft)) = self.next_job(nonce).await? else {
            return Ok(());
        };
        let outcome = self.send(job, draft, nonce).await;
        if let Err(TaskError::L1(L1Error::Refused { message, .. })) = &outcome {
            self.in_flight = None;
            if matches!(job, Job::Commit(_)) && sidecar::is_format_refusal(message) {
                self.format = self.format.other();
                self.draft = DraftState::None;
                warn!(message, format = ?self.format, "L1 refuses the blobs' KZG data, tries the other format");
            }
        }
        outcome
    }

    /// Follows up the transaction in flight; whether to wait for it.
    async fn waits(&mut self, nonce: u64) -> Result<bool, TaskError> {
        self.adopt(nonce).await?;
        let Some(sent) = self.in_flight.take() else {
            return Ok(false);
        };
        if sent.nonce < nonce {
            return self.waits_for_receipt(sent).await;
        }
        if sent.nonce > nonce {
            // The L1 reorganised away an earlier transaction of ours.
            return Ok(false);
        }
        if sent.since.elapsed() >= self.config.resubmit_after {
            info!(nonce, "transaction waits too long, offers more");
            return Ok(false);
        }
        let outcome = self.keep_alive(&sent).await;
        let known = !matches!(outcome, Ok(false));
        if known {
            self.in_flight = Some(sent);
        }
        outcome.map(|_| known)
    }

    /// The nonce in flight was used. The L1 may count a transaction a moment before it shows its receipt: looks twice
    /// before it blames somebody else.
    async fn waits_for_receipt(&mut self, sent: InFlight) -> Result<bool, TaskError> {
        if self.settle(&sent).await? {
            return Ok(false);
        }
        if !sent.overtaken {
            self.in_flight = Some(InFlight {
                overtaken: true,
                ..sent
            });
            return Ok(true);
        }
        warn!(
            nonce = sent.nonce,
            address = %self.address(),
            "another transaction used the posting account's nonce: only this sequencer may use its key"
        );
        Ok(false)
    }

    /// After a restart: takes over what was sent before it.
    async fn adopt(&mut self, nonce: u64) -> Result<(), TaskError> {
        if self.in_flight.is_some() || self.offer.is_some() {
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
        let blob_price = known.as_ref().and_then(Transaction::max_fee_per_blob_gas);
        let fees = Fees {
            max_fee_per_gas,
            max_priority_fee_per_gas,
            max_fee_per_blob_gas: blob_price,
        };
        let job = Job::Commit(tip + 1);
        self.offer = Some(Offer { nonce, job, fees });
        self.sent = vec![transaction];
        if known.is_some() {
            info!(batch = tip + 1, %transaction, "takes over the transaction sent before the restart");
            self.in_flight = Some(InFlight {
                job,
                nonce,
                hash: transaction,
                raw: None,
                since: Instant::now(),
                overtaken: false,
            });
        }
        Ok(())
    }

    /// A transaction with our nonce was mined: says which, and how it went; whether it was ours.
    async fn settle(&self, sent: &InFlight) -> Result<bool, TaskError> {
        for hash in &self.sent {
            let Some(receipt) = self.l1.receipt(*hash).await? else {
                continue;
            };
            let (gas, block) = (receipt.gas_used, receipt.block_number);
            if receipt.status() {
                info!(job = ?sent.job, transaction = %hash, l1_block = block, gas, "mined on L1");
            } else {
                warn!(job = ?sent.job, transaction = %hash, l1_block = block, gas, "reverted on L1");
            }
            return Ok(true);
        }
        // One that was replaced before a restart is not among those we remember.
        let done = self.is_done(sent.job).await?;
        if done {
            info!(job = ?sent.job, nonce = sent.nonce, "done on L1 by an earlier transaction");
        }
        Ok(done)
    }

    async fn is_done(&self, job: Job) -> Result<bool, TaskError> {
        let Job::Commit(index) = job else { return Ok(false) };
        let Some(record) = self.chain.db().latest()?.batch(index)? else {
            return Ok(false);
        };
        Ok(self.l1.batch_hash(index, BlockId::latest()).await? == record.commitment.hash())
    }

    /// Sends the transaction again if the L1 has forgotten it; whether it is on its way.
    async fn keep_alive(&self, sent: &InFlight) -> Result<bool, TaskError> {
        if self.l1.transaction(sent.hash).await?.is_some() {
            return Ok(true);
        }
        let Some(raw) = &sent.raw else { return Ok(false) };
        self.l1.send_raw(raw).await?;
        Ok(true)
    }

    /// What to send under `nonce`.
    async fn next_job(&mut self, nonce: u64) -> Result<Option<(Job, Draft)>, TaskError> {
        // A pool that holds a transaction without blobs takes none with blobs in its place.
        if self
            .offer
            .is_some_and(|offer| offer.nonce == nonce && offer.job == Job::Relay)
        {
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

    async fn send(&mut self, job: Job, draft: Draft, nonce: u64) -> Result<(), TaskError> {
        let previous = self.offer.filter(|offer| offer.nonce == nonce).map(|offer| offer.fees);
        let market = self.l1.market_fees(draft.sidecar.is_some()).await?;
        let fees = Fees::next(market, previous, &self.config.fee_caps)?;
        let gas_limit = self.gas_limit(job, &draft, &fees).await?;
        self.check_funds(fees.cost(gas_limit, draft.blob_gas())).await?;
        let terms = Terms {
            chain_id: self.l1.config().chain_id,
            nonce,
            gas_limit,
            fees,
        };
        let signed = draft.sign(&terms, &self.signer)?;
        if let Job::Commit(index) = job {
            self.write_down(index, signed.hash, &terms).await?;
        }
        // From here on it may be in a pool, whatever the answer.
        self.offer = Some(Offer { nonce, job, fees });
        if previous.is_none() {
            self.sent.clear();
        }
        self.sent.push(signed.hash);
        self.in_flight = Some(InFlight {
            job,
            nonce,
            hash: signed.hash,
            raw: Some(signed.raw.clone()),
            since: Instant::now(),
            overtaken: false,
        });
        if job == Job::Relay {
            self.relayed_at = Some(Instant::now());
        }
        self.count(job, &draft, previous.is_some());
        match self.l1.send_raw(&signed.raw).await {
            // Refused as a repetition: an attempt that timed out has arrived.
            Err(L1Error::Refused { .. }) if self.l1.transaction(signed.hash).await?.is_some() => {}
            outcome => outcome?,
        }
        info!(?job, transaction = %signed.hash, nonce, blobs = draft.blob_gas() > 0, "sent to L1");
        Ok(())
    }

    async fn gas_limit(&self, job: Job, draft: &Draft, fees: &Fees) -> Result<u64, TaskError> {
        let call = match job {
            Job::Commit(_) => "Rollup.commitBatch",
            Job::Relay => "Inbox.relayL1Block",
        };
        match self.l1.estimate_gas(draft.simulation(self.address(), fees)).await {
            Ok(gas) => Ok(gas.saturating_add(gas / 100 * GAS_MARGIN_PERCENT)),
            Err(L1Error::Refused {
                revert: Some(data),
                message,
                ..
            }) => Err(TaskError::WouldRevert {
                call,
                reason: revert_reason(&data, &message),
            }),
            Err(error) => Err(error.into()),
        }
    }

    async fn check_funds(&self, needed_wei: u128) -> Result<(), TaskError> {
        let balance = self.l1.balance(self.address()).await?;
        let balance_wei = u128::try_from(balance).unwrap_or(u128::MAX);
        gauge!("cwe_poster_balance_ether").set(balance_wei as f64 / 1e18);
        if balance_wei >= needed_wei {
            return Ok(());
        }
        Err(TaskError::InsufficientFunds {
            address: self.address(),
            balance_wei,
            needed_wei,
        })
    }

    async fn write_down(&self, index: u64, transaction: B256, terms: &Terms) -> Result<(), TaskError> {
        let status = BatchStatus::Submitted {
            transaction,
            nonce: terms.nonce,
            max_fee_per_gas: terms.fees.max_fee_per_gas,
            max_priority_fee_per_gas: terms.fees.max_priority_fee_per_gas,
        };
        let db = self.chain.db().clone();
        blocking(move || Ok(db.set_batch_status(index, status)?)).await
    }

    fn count(&self, job: Job, draft: &Draft, replaces: bool) {
        let kind = match job {
            Job::Commit(_) => "commit",
            Job::Relay => "relay",
        };
        counter!("cwe_poster_transactions_total", "kind" => kind).increment(1);
        if replaces {
            counter!("cwe_poster_replacements_total").increment(1);
        }
        counter!("cwe_poster_data_bytes_total").increment(draft.blob_gas().saturating_add(draft.input.len() as u64));
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

fn revert_reason(data: &[u8], message: &str) -> String {
    if let Ok(error) = Rollup::RollupErrors::abi_decode(data) {
        return format!("{error:?}");
    }
    Inbox::InboxErrors::abi_decode(data).map_or_else(|_| message.to_string(), |error| format!("{error:?}"))
}

#[cfg(test)]
mod tests {
    use alloy::sol_types::SolError;

    use super::*;

    #[test]
    fn a_revert_is_told_by_its_solidity_name() {
        let data = Rollup::IsPaused { until: 77 }.abi_encode();
        let reason = revert_reason(&data, "execution reverted");
        assert!(reason.contains("IsPaused") && reason.contains("77"), "{reason}");
        assert_eq!(revert_reason(&[1, 2, 3, 4], "execution reverted"), "execution reverted");
    }
}
