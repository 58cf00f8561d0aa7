//! From a reveal to a receipt, in the order of what each step costs: the limits, the form, what the chain fixes of the
//! epoch, the nullifier, and last the proof, checked together with those of others that came at the same moment. A
//! receipt is signed when the reveal is durable.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use alloy::primitives::B256;
use cwe_service::{Group, Limits};
use cwe_usage_circuits::{FOLDED, RevealProof};
use cwe_wallet::messages::RevealBody;
use metrics::{counter, histogram};
use parking_lot::RwLock;
use tokio::{
    sync::{Semaphore, mpsc, oneshot, watch},
    task::JoinHandle,
    time::{Instant, timeout_at},
};
use tracing::error;

use crate::{
    config::LimitsSection,
    receipt::{Receipt, ReceiptSigner},
    record::Record,
    refusal::Refusal,
    store::{Kept, Reveal, Store, StoreError},
    verifier::RevealVerifier,
    view::View,
};

/// How long a proof waits for company.
const LINGER: Duration = Duration::from_millis(5);

/// The chain as the watcher last saw it; none before it did.
pub type ViewReceiver = watch::Receiver<Option<Arc<View>>>;

/// How many reveals there are, by epoch.
#[derive(Debug, Default)]
pub struct Counts(RwLock<BTreeMap<u64, u64>>);

impl Counts {
    /// What a store has.
    ///
    /// # Errors
    /// The store fails.
    pub async fn of(store: &Store) -> Result<Self, StoreError> {
        let mut counts = BTreeMap::new();
        for epoch in store.epochs().await? {
            counts.insert(epoch, store.count(epoch).await?);
        }
        Ok(Self(RwLock::new(counts)))
    }

    /// Accepted reveals of an epoch.
    pub fn get(&self, epoch: u64) -> u64 {
        self.0.read().get(&epoch).copied().unwrap_or_default()
    }

    fn add(&self, epoch: u64) {
        *self.0.write().entry(epoch).or_default() += 1;
    }

    /// Forgets the epochs before one.
    pub fn forget_before(&self, epoch: u64) {
        self.0.write().retain(|known, _| *known >= epoch);
    }
}

/// A reveal whose proof is to be checked.
struct Waiting {
    proof: RevealProof,
    record: Record,
    answer: oneshot::Sender<Result<(), Refusal>>,
}

/// Takes reveals.
pub struct Ingress {
    view: ViewReceiver,
    store: Store,
    counts: Arc<Counts>,
    signer: ReceiptSigner,
    limits: Limits,
    max_reveals: u64,
    queue: mpsc::Sender<Waiting>,
}

impl Ingress {
    /// An ingress, and its worker, which ends after the ingress is dropped and all that waited is answered.
    pub fn start(
        view: ViewReceiver,
        store: Store,
        counts: Arc<Counts>,
        signer: ReceiptSigner,
        verifier: RevealVerifier,
        limits: &LimitsSection,
    ) -> (Self, JoinHandle<()>) {
        let (queue, waiting) = mpsc::channel(limits.waiting.max(1) as usize);
        let ingress = Self {
            view,
            store: store.clone(),
            counts: counts.clone(),
            signer,
            limits: Limits::new(limits.rates()),
            max_reveals: limits.max_reveals_per_epoch,
            queue,
        };
        let batches = Batches {
            verifier,
            store,
            counts,
        };
        let worker = tokio::spawn(batches.run(waiting, limits.verifiers.max(1) as usize));
        (ingress, worker)
    }

    /// Whether another request of this group is served now.
    pub fn admits(&self, group: Option<Group>) -> bool {
        self.limits.admit(group)
    }

    /// Time by the chain and the clock, Unix seconds; 0 before the chain was seen.
    pub fn now_secs(&self) -> u64 {
        self.view.borrow().as_ref().map_or(0, |view| view.now_secs())
    }

    /// Takes a reveal: its receipt when it is durable, the same one every time.
    ///
    /// # Errors
    /// [`Refusal`].
    pub async fn take(&self, body: RevealBody) -> Result<Receipt, Refusal> {
        let record = Record::parse(&body)?;
        let proof = self.statement(&record, &body)?;
        if !self.is_known(&record).await? {
            if self.counts.get(record.epoch) >= self.max_reveals {
                return Err(Refusal::Full);
            }
            self.verify_and_keep(record, proof).await?;
        }
        self.signer.sign(&record).map_err(|error| {
            error!(%error, "a receipt can't be signed");
            Refusal::Unavailable
        })
    }

    /// What the proof must show, by the chain.
    fn statement(&self, record: &Record, body: &RevealBody) -> Result<RevealProof, Refusal> {
        let view = self.view.borrow().clone().ok_or(Refusal::Unavailable)?;
        let terms = view.open(record.epoch, view.now_secs())?;
        terms.check(record.epoch, record)?;
        Ok(RevealProof {
            inputs: record.inputs(terms.key),
            bytes: body.proof.to_vec(),
        })
    }

    async fn is_known(&self, record: &Record) -> Result<bool, Refusal> {
        let known = self.store.find(record.epoch, B256::from(record.nullifier)).await;
        match known.map_err(|error| unavailable(&error))? {
            Some(known) if known == *record => Ok(true),
            Some(_) => Err(Refusal::Conflict),
            None => Ok(false),
        }
    }

    async fn verify_and_keep(&self, record: Record, proof: RevealProof) -> Result<(), Refusal> {
        let (answer, kept) = oneshot::channel();
        let waiting = Waiting { proof, record, answer };
        self.queue.try_send(waiting).map_err(|_| Refusal::Busy)?;
        kept.await.unwrap_or(Err(Refusal::Unavailable))
    }
}

fn unavailable(error: &StoreError) -> Refusal {
    error!(%error, "the store fails");
    Refusal::Unavailable
}

/// Checks and keeps reveals in batches.
#[derive(Clone)]
struct Batches {
    verifier: RevealVerifier,
    store: Store,
    counts: Arc<Counts>,
}

impl Batches {
    async fn run(self, mut waiting: mpsc::Receiver<Waiting>, verifiers: usize) {
        let places = Arc::new(Semaphore::new(verifiers));
        while let Some(first) = waiting.recv().await {
            // Before the batch is closed: more come while all verifiers are at work.
            let Ok(place) = places.clone().acquire_owned().await else {
                break;
            };
            let batch = gather(first, &mut waiting).await;
            let batches = self.clone();
            tokio::spawn(async move {
                batches.check_and_keep(batch).await;
                drop(place);
            });
        }
        // Those at work are answered before this ends.
        let all = u32::try_from(verifiers).unwrap_or(u32::MAX);
        let _ = places.acquire_many(all).await;
    }

    async fn check_and_keep(&self, batch: Vec<Waiting>) {
        histogram!("cwe_aggregator_batch_proofs").record(batch.len() as f64);
        let proofs: Arc<[RevealProof]> = batch.iter().map(|waiting| waiting.proof.clone()).collect();
        let holding = self.verifier.check(proofs).await;
        let mut good = Vec::with_capacity(batch.len());
        for (waiting, holds) in batch.into_iter().zip(holding) {
            if holds {
                good.push(waiting);
            } else {
                // Whoever went away does not hear of it.
                let _ = waiting.answer.send(Err(Refusal::Proof));
            }
        }
        if !good.is_empty() {
            self.keep(good).await;
        }
    }

    async fn keep(&self, good: Vec<Waiting>) {
        let (reveals, answers): (Vec<_>, Vec<_>) = good
            .into_iter()
            .map(|Waiting { proof, record, answer }| {
                let reveal = Reveal {
                    record,
                    proof: proof.bytes,
                };
                (reveal, (record.epoch, answer))
            })
            .unzip();
        let kept = self.store.accept(&reveals).await;
        let kept = kept.map_err(|error| unavailable(&error));
        for (position, (epoch, answer)) in answers.into_iter().enumerate() {
            let outcome = match &kept {
                Ok(kept) => match kept.get(position) {
                    Some(Kept::New) => {
                        self.counts.add(epoch);
                        counter!("cwe_aggregator_reveals_total").increment(1);
                        Ok(())
                    }
                    Some(Kept::Known) => Ok(()),
                    Some(Kept::Conflict) => Err(Refusal::Conflict),
                    None => Err(Refusal::Unavailable),
                },
                Err(refusal) => Err(refusal.clone()),
            };
            let _ = answer.send(outcome);
        }
    }
}

/// The first, those that wait, and those that come within a moment; at most as many as share a pairing.
async fn gather(first: Waiting, waiting: &mut mpsc::Receiver<Waiting>) -> Vec<Waiting> {
    let mut batch = vec![first];
    let until = Instant::now() + LINGER;
    while batch.len() < FOLDED {
        match timeout_at(until, waiting.recv()).await {
            Ok(Some(next)) => batch.push(next),
            _ => break,
        }
    }
    batch
}

#[cfg(test)]
pub(crate) mod tests;
