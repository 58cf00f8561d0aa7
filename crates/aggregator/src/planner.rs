//! From waiting reveals to aggregates on the chain. Each turn looks at one epoch: the best state whose data is here or at
//! a peer is the base; this coordinator's own aggregates, each on the one before, make a line from there; what waits is
//! put at its end when it is due. An aggregate that is on no line and not on the chain is dropped, which frees its
//! reveals: so does a proof that failed for good. All of it is in store and queue, and is gone through again after a
//! restart.

mod line;

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::{Duration, Instant},
};

use alloy::primitives::{Address, B256};
use cwe_jobs::{JobState, JobsError, NewJob, Queue};
use cwe_prover_stages::{Guest, GuestJob, GuestJobError};
use metrics::{counter, gauge};
use sha2::{Digest, Sha256};
use tracing::{error, info, warn};

use self::line::{Line, assembled, line, planned};
use crate::{
    branch,
    chain::{Chain, ChainFailure, Sending},
    config::AggregatesSection,
    ingress::{Counts, ViewReceiver},
    maker::{AggregateMaker, Made, MakeError, Request},
    peers::PeerClient,
    state::{Roots, State},
    status::{EpochStatus, KnownState, Share, Status, Statuses},
    store::{Stage, Store, StoreError, StoredAggregate},
    view::{Best, EpochTerms, EpochView},
};

/// Kind of the jobs.
const KIND: &str = Guest::Aggregation.name();

/// Why nothing is planned now.
#[derive(Debug, thiserror::Error)]
pub enum PlanError {
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
    /// No input can be made now.
    #[error("no aggregate can be made: {0}")]
    Make(&'static str),
    /// A thread failed.
    #[error("a computation was cut off")]
    CutOff,
}

/// Plans and posts the aggregates of one coordinator.
pub struct Planner<C, M> {
    /// The chain.
    pub chain: Arc<C>,
    /// The chain as it was last seen.
    pub view: ViewReceiver,
    /// Reveals and steps.
    pub store: Store,
    /// Where proofs are asked for; none where this coordinator only takes reveals.
    pub queue: Option<Queue>,
    /// Makes inputs.
    pub maker: Arc<M>,
    /// Who is asked for states.
    pub peers: PeerClient,
    /// Where epochs are told of.
    pub statuses: Arc<Statuses>,
    /// How many reveals there are.
    pub counts: Arc<Counts>,
    /// When reveals are due.
    pub rule: AggregatesSection,
    /// The L2's chain id.
    pub chain_id: u64,
    /// `CWEPayouts`.
    pub payouts: Address,
    /// Who posts.
    pub coordinator: Address,
    /// What is remembered of epochs between turns.
    pub memory: BTreeMap<u64, Memory>,
}

/// What is remembered of an epoch between turns; losing it only delays.
#[derive(Debug, Clone, Copy, Default)]
pub struct Memory {
    /// Since when reveals wait.
    waiting_since: Option<Instant>,
    /// Halvings of the size of aggregates, after proofs that failed: so one that can't be proven is found.
    halvings: u32,
}

impl<C: Chain, M: AggregateMaker> Planner<C, M> {
    /// Goes through all epochs once. One that fails doesn't keep the others.
    pub async fn turn(&mut self) {
        let Some(view) = self.view.borrow().clone() else { return };
        let now = view.now_secs();
        for (epoch, epoch_view) in &view.epochs {
            if let Err(failure) = self.epoch(*epoch, epoch_view, now).await {
                counter!("cwe_aggregator_turns_failed_total").increment(1);
                warn!(epoch, error = %failure, "can't go on with an epoch now");
            }
        }
        if let Some((oldest, _)) = view.epochs.first_key_value() {
            self.forget_before(*oldest).await;
        }
    }

    async fn forget_before(&mut self, oldest: u64) {
        self.memory.retain(|epoch, _| *epoch >= oldest);
        self.counts.forget_before(oldest);
        self.statuses.forget_before(oldest);
        if let Err(failure) = self.store.forget_before(oldest).await {
            warn!(error = %failure, "epochs that are long settled can't be removed");
        }
    }

    async fn epoch(&mut self, epoch: u64, view: &EpochView, now: u64) -> Result<(), PlanError> {
        let mut stored = self.store.aggregates(epoch).await?;
        let base = self.base(epoch, view.best, &mut stored).await?;
        let mut line = line(&stored, &base);
        self.drop_others(epoch, &stored, &line, view.best.roots).await?;
        if now < view.windows.settleable_at && self.queue.is_some() {
            self.collect(epoch, &mut line).await?;
            self.post(epoch, &mut line).await?;
            if let Some(terms) = &view.terms {
                self.plan(epoch, terms, now >= view.windows.reveal_ends_at, &mut line)
                    .await?;
            }
        }
        self.tell(epoch, view, &line, base).await
    }

    /// The best state; where nobody gives its data, the best of those whose data is here.
    async fn base(
        &self,
        epoch: u64,
        best: Best,
        stored: &mut Vec<StoredAggregate>,
    ) -> Result<Arc<KnownState>, PlanError> {
        // The state that was told of last: putting it together again would hash every reveal of the epoch.
        let last = self.statuses.get(epoch).and_then(|status| status.known);
        if let Some(base) = last.filter(|base| base.roots == best.roots) {
            return Ok(base);
        }
        if let Some(base) = assembled(stored, best.roots).await? {
            return Ok(Arc::new(base));
        }
        if let Some(state) = self.peers.state(epoch, best.roots).await {
            let step = StoredAggregate {
                epoch,
                before: Roots::EMPTY,
                after: best.roots,
                units: Vec::new(),
                step: state,
                stage: Stage::Data,
                head: Vec::new(),
                proof: None,
            };
            self.store.put_aggregate(&step).await?;
            info!(epoch, reveals = best.reveals, "has the best state's data from a peer");
            stored.push(step);
            if let Some(base) = assembled(stored, best.roots).await? {
                return Ok(Arc::new(base));
            }
        }
        let mut known: Vec<(u64, Roots)> = Vec::new();
        for step in stored.iter() {
            if let Some(reveals) = self.chain.reveals_of(epoch, step.after).await? {
                known.push((reveals, step.after));
            }
        }
        known.sort_unstable();
        while let Some((reveals, roots)) = known.pop() {
            if let Some(base) = assembled(stored, roots).await? {
                warn!(
                    epoch,
                    reveals,
                    best = best.reveals,
                    "nobody gives the best state's data: builds on another one"
                );
                return Ok(Arc::new(base));
            }
        }
        Ok(Arc::new(KnownState {
            roots: Roots::EMPTY,
            state: Arc::default(),
        }))
    }

    /// Drops what leads nowhere: not on the line, not on the way to the base, not on the chain.
    async fn drop_others(
        &self,
        epoch: u64,
        stored: &[StoredAggregate],
        line: &Line,
        best: Roots,
    ) -> Result<(), PlanError> {
        let on_line: BTreeSet<Roots> = line.steps.iter().map(|step| step.after).collect();
        let behind = |roots| branch::steps_to(stored, roots).unwrap_or_default();
        let start = line.steps.first().map_or(line.tip, |step| step.before);
        let kept: BTreeSet<Roots> = behind(start)
            .into_iter()
            .chain(behind(best))
            .map(|step| step.after)
            .collect();
        for step in stored {
            if step.stage == Stage::Data || on_line.contains(&step.after) || kept.contains(&step.after) {
                continue;
            }
            if self.chain.reveals_of(epoch, step.after).await?.is_none() {
                info!(epoch, reveals = step.step.reveals(), stage = %step.stage, "drops an aggregate: another branch is better");
                self.drop_step(epoch, step).await?;
            }
        }
        Ok(())
    }

    async fn drop_step(&self, epoch: u64, step: &StoredAggregate) -> Result<(), PlanError> {
        if let Some(queue) = &self.queue
            && let Some(job) = queue.find(KIND, &self.key(epoch, step.after)).await?
        {
            match queue.remove(job.id).await {
                // A worker has it: its output will not be asked for.
                Ok(()) | Err(JobsError::WrongState { .. } | JobsError::NoSuchJob { .. }) => {}
                Err(failure) => return Err(failure.into()),
            }
        }
        counter!("cwe_aggregator_aggregates_dropped_total").increment(1);
        Ok(self.store.remove_aggregate(epoch, step.after).await?)
    }

    /// Cuts the line before a step, and frees the reveals of what is cut off.
    async fn cut(&self, epoch: u64, line: &mut Line, position: usize) -> Result<(), PlanError> {
        let cut: Vec<_> = line.steps.drain(position..).collect();
        for step in cut.iter().rev() {
            self.drop_step(epoch, step).await?;
            Arc::make_mut(&mut line.state).remove(&step.step);
            line.tip = step.before;
        }
        Ok(())
    }

    /// Fetches proofs that are done; a failed one ends the line before it.
    async fn collect(&mut self, epoch: u64, line: &mut Line) -> Result<(), PlanError> {
        let Some(queue) = self.queue.clone() else { return Ok(()) };
        for position in 0..line.steps.len() {
            let Some(step) = line.steps.get_mut(position).filter(|step| step.stage == Stage::Planned) else {
                continue;
            };
            let job = queue
                .find(KIND, &job_key(self.chain_id, self.payouts, epoch, step.after))
                .await?;
            match job {
                Some(job) if job.state == JobState::Done => {
                    let output = queue.output(job.id).await?;
                    let proof = [step.head.as_slice(), &output].concat();
                    self.store.put_proof(epoch, step.after, &proof).await?;
                    info!(epoch, reveals = step.step.reveals(), "an aggregate is proven");
                    step.stage = Stage::Proven;
                    step.proof = Some(proof);
                }
                Some(job) if job.state == JobState::Failed => {
                    let reason = job.error.unwrap_or_default();
                    error!(
                        epoch,
                        job = job.id,
                        reason,
                        "the proof of an aggregate failed for good: its reveals go elsewhere"
                    );
                    self.blame(epoch, line, position).await?;
                    return self.cut(epoch, line, position).await;
                }
                Some(_) => {}
                // Killed before it was asked for, or somebody removed it.
                None => return self.cut(epoch, line, position).await,
            }
        }
        Ok(())
    }

    /// No proof could be made of a step: the next ones are smaller, and a single reveal is not tried again.
    async fn blame(&mut self, epoch: u64, line: &Line, position: usize) -> Result<(), PlanError> {
        let Some(step) = line.steps.get(position) else {
            return Ok(());
        };
        counter!("cwe_aggregator_proofs_failed_total").increment(1);
        match step.step.nullifiers.first() {
            Some(nullifier) if step.step.reveals() == 1 => {
                self.store.refuse(epoch, *nullifier).await?;
                error!(
                    epoch,
                    "a reveal can't be aggregated and is left out: its receipt will be broken, report this"
                );
                self.memory.entry(epoch).or_default().halvings = 0;
            }
            _ => {
                let memory = self.memory.entry(epoch).or_default();
                memory.halvings = memory.halvings.saturating_add(1).min(u32::BITS - 1);
            }
        }
        Ok(())
    }

    /// Posts the first of the line, if its proof is there: the chain knows what it builds on.
    async fn post(&mut self, epoch: u64, line: &mut Line) -> Result<(), PlanError> {
        let Some(step) = line.steps.first() else { return Ok(()) };
        let Some(proof) = &step.proof else { return Ok(()) };
        match self.chain.submit(step, proof).await? {
            Sending::Sent => info!(epoch, reveals = step.step.reveals(), "posts an aggregate"),
            Sending::Waits => {}
            // Mined since the last look: the next one sees it.
            Sending::Refused(reason) if reason.starts_with("StateKnown") => {}
            Sending::Refused(reason) if reason.starts_with("ProofInvalid") => {
                error!(
                    epoch,
                    reason, "the chain refuses the proof of an aggregate: its reveals go elsewhere"
                );
                self.blame(epoch, line, 0).await?;
                self.cut(epoch, line, 0).await?;
            }
            Sending::Refused(reason) => warn!(epoch, reason, "the chain does not take an aggregate now"),
        }
        Ok(())
    }

    /// Puts what is due into aggregates at the end of the line.
    async fn plan(
        &mut self,
        epoch: u64,
        terms: &Arc<EpochTerms>,
        closed: bool,
        line: &mut Line,
    ) -> Result<(), PlanError> {
        let mut waiting = self.store.nullifiers(epoch).await?;
        waiting.retain(|nullifier| !line.state.nullifiers.contains(nullifier));
        let memory = self.memory.entry(epoch).or_default();
        let since = match (waiting.is_empty(), memory.waiting_since) {
            (true, _) => None,
            (false, since) => since.or_else(|| Some(Instant::now())),
        };
        memory.waiting_since = since;
        let size = (self.rule.max_reveals as usize >> memory.halvings).max(1);
        let old = since.is_some_and(|since| since.elapsed() >= Duration::from_secs(self.rule.after_secs));
        while line.steps.len() < self.rule.in_flight as usize
            && !waiting.is_empty()
            && (closed || old || waiting.len() >= size)
        {
            let taken: Vec<B256> = waiting.iter().take(size).copied().collect();
            for nullifier in &taken {
                waiting.remove(nullifier);
            }
            self.append(epoch, terms, line, &taken).await?;
        }
        if waiting.is_empty() || old {
            self.memory.entry(epoch).or_default().waiting_since = None;
        }
        Ok(())
    }

    async fn append(
        &mut self,
        epoch: u64,
        terms: &Arc<EpochTerms>,
        line: &mut Line,
        nullifiers: &[B256],
    ) -> Result<(), PlanError> {
        let reveals = self.store.reveals(epoch, nullifiers).await?;
        let step = State::of_records(reveals.iter().map(|reveal| &reveal.record));
        let step = step.map_err(|_| PlanError::Make("two reveals have one nullifier"))?;
        let (maker, terms, base) = (self.maker.clone(), terms.clone(), line.state.clone());
        let (chain_id, coordinator, before) = (self.chain_id, self.coordinator, line.tip);
        let added = step.clone();
        let made = tokio::task::spawn_blocking(move || {
            let request = Request {
                chain_id,
                epoch,
                terms: &terms,
                base: &base,
                reveals: &reveals,
                coordinator,
            };
            let made = maker.make(&request)?;
            let mut state = Arc::unwrap_or_clone(base);
            state
                .add(&added)
                .map_err(|_| MakeError::Refused("the state has one of them"))?;
            if state.roots() != made.after {
                return Err(MakeError::NotNow("the guest leads to another state: report this"));
            }
            Ok((made, state))
        });
        let (made, state) = match made.await.map_err(|_| PlanError::CutOff)? {
            Ok(made) => made,
            Err(MakeError::NotNow(reason)) => return Err(PlanError::Make(reason)),
            Err(MakeError::Refused(reason)) => {
                let refused = Line {
                    steps: vec![planned(epoch, before, step, Vec::new(), Vec::new(), before)],
                    state: Arc::default(),
                    tip: before,
                };
                self.blame(epoch, &refused, 0).await?;
                return Err(PlanError::Make(reason));
            }
        };
        let aggregate = planned(epoch, before, step, made.units.clone(), made.head.clone(), made.after);
        self.store.put_aggregate(&aggregate).await?;
        self.ask_for_proof(epoch, &made).await?;
        info!(epoch, reveals = aggregate.step.reveals(), "plans an aggregate");
        line.tip = aggregate.after;
        line.state = Arc::new(state);
        line.steps.push(aggregate);
        Ok(())
    }

    async fn ask_for_proof(&self, epoch: u64, made: &Made) -> Result<(), PlanError> {
        let Some(queue) = &self.queue else { return Ok(()) };
        let input_sha256 = B256::new(Sha256::digest(&made.input).into());
        let job = NewJob {
            kind: KIND.into(),
            key: self.key(epoch, made.after),
            payload: GuestJob::new(Guest::Aggregation, made.public_value, input_sha256).payload()?,
            priority: 0,
            max_attempts: self.rule.max_attempts,
        };
        match queue
            .enqueue_with(&job, &[(GuestJob::INPUT, made.input.as_slice())])
            .await
        {
            // From an earlier line to the same state: of another base, or after other reveals.
            Err(JobsError::PayloadDiffers { id, .. }) => {
                queue.remove(id).await?;
                queue
                    .enqueue_with(&job, &[(GuestJob::INPUT, made.input.as_slice())])
                    .await?;
            }
            outcome => drop(outcome?),
        }
        Ok(())
    }

    /// A step's name in the queue.
    fn key(&self, epoch: u64, after: Roots) -> String {
        job_key(self.chain_id, self.payouts, epoch, after)
    }

    async fn tell(&self, epoch: u64, view: &EpochView, line: &Line, known: Arc<KnownState>) -> Result<(), PlanError> {
        let share = |stage| {
            let steps = line.steps.iter().filter(|step| step.stage == stage);
            steps.fold(Share::default(), |sum, step| Share {
                aggregates: sum.aggregates + 1,
                reveals: sum.reveals + step.step.reveals(),
            })
        };
        let ours = self.store.nullifiers(epoch).await?;
        let waiting = ours
            .iter()
            .filter(|nullifier| !line.state.nullifiers.contains(*nullifier))
            .count() as u64;
        let told = EpochStatus {
            epoch,
            windows: view.windows,
            accepted: self.counts.get(epoch),
            waiting,
            planned: share(Stage::Planned),
            proven: share(Stage::Proven),
            best: view.best,
            has_best: known.roots == view.best.roots,
        };
        gauge!("cwe_aggregator_waiting_reveals", "epoch" => epoch.to_string()).set(waiting as f64);
        self.statuses.set(Status {
            told,
            known: Some(known),
        });
        Ok(())
    }
}

fn job_key(chain_id: u64, payouts: Address, epoch: u64, after: Roots) -> String {
    let Roots {
        nullifier_root,
        totals_root,
    } = after;
    format!("{chain_id}/{payouts}/{epoch}/{nullifier_root}-{totals_root}")
}

#[cfg(test)]
mod tests;
