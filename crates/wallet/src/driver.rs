//! Takes an epoch through its steps: reads the chain, changes the record on disk, and only then lets something out.
//!
//! Every function may be called at any time and as often as one likes; it goes on from what is on disk. What is final is
//! told by sealed blocks alone, so that a device's wrong clock changes no tree and misses no window for good.

use std::{collections::BTreeSet, future::Future};

use alloy_primitives::B256;
use cwe_usage::Note;

use crate::{
    chain::{Chain, ChainError},
    entropy::Entropy,
    epoch::{EpochError, EpochRecord, NextReveal, Plan, Receipt, Stage},
    ids::element,
    messages::{RevealBody, SubmissionBody},
    proving::{ProverError, RevealWitness, SplitWitness, UsageProver},
    statement::{Statement, StatementTerms},
    storage::Storage,
    wallet::{Contents, Wallet, WalletError},
};

/// Where submissions go: the chain itself, or a relayer.
pub trait SubmissionOutlet {
    /// Sends a submission. What was sent before is acknowledged again.
    fn send(&self, submission: &SubmissionBody) -> impl Future<Output = Result<Sent, OutletError>>;
}

/// Where reveals go: an aggregation coordinator.
pub trait RevealOutlet {
    /// Its name in receipts.
    fn name(&self) -> &str;

    /// Sends a reveal and returns the answer. What was sent before is acknowledged again.
    fn send(&self, reveal: &RevealBody) -> impl Future<Output = Result<String, OutletError>>;
}

/// A submission was taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sent {
    /// The transaction, where it is known.
    pub transaction: Option<B256>,
}

/// Why something was not taken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum OutletError {
    /// No answer, or "not now": it may have arrived, and is to be tried again.
    #[error("{to} did not take it now: {reason}; it will be tried again")]
    Unreachable {
        /// Who.
        to: String,
        /// What happened.
        reason: String,
    },
    /// It says no, and will again.
    #[error("{to} refuses it: {reason}")]
    Refused {
        /// Who.
        to: String,
        /// Its reason.
        reason: String,
    },
}

/// Why a step did not succeed.
#[derive(Debug, thiserror::Error)]
pub enum DriveError {
    /// The wallet.
    #[error(transparent)]
    Wallet(#[from] WalletError),
    /// The chain.
    #[error(transparent)]
    Chain(#[from] ChainError),
    /// The circuits.
    #[error(transparent)]
    Prover(#[from] ProverError),
    /// The relayer, or the chain as the sender sees it.
    #[error(transparent)]
    Outlet(#[from] OutletError),
}

impl From<EpochError> for DriveError {
    fn from(error: EpochError) -> Self {
        Self::Wallet(error.into())
    }
}

/// What would be reported of an epoch, running or over. Nothing is kept.
///
/// # Errors
/// The listener is not subscribed, or the chain can't be read.
pub async fn preview(contents: &Contents, chain: &impl Chain, epoch: u64) -> Result<Statement, DriveError> {
    if let Some(record) = contents.epoch(epoch) {
        return Ok(record.plan.statement().clone());
    }
    let facts = chain.facts(epoch).await?;
    let subscriptions = chain.subscriptions(epoch).await?;
    let (_, tier) = subscriptions
        .find(contents.identity_commitment())
        .ok_or(EpochError::NotSubscribed { epoch })?;
    let works = chain.works(epoch).await?;
    let terms = StatementTerms {
        epoch,
        tier,
        allowance_secs: facts.allowances.get(&tier).copied().unwrap_or_default(),
        diminishing_ppm: facts.diminishing_ppm,
    };
    let nullifier = facts
        .terms(epoch, tier)?
        .map(|terms| contents.secret().epoch_nullifier(terms.key));
    Statement::new(contents.ledger(), terms, &works, nullifier).map_err(|error| EpochError::from(error).into())
}

/// Freezes the statement of an epoch that is over, unless that was done, and makes the Split proof, unless that was done.
///
/// # Errors
/// The epoch is not over, there is nothing to report, the chain changed under the plan, or no proof could be made.
pub async fn prove<S: Storage, E: Entropy>(
    wallet: &mut Wallet<S, E>,
    chain: &impl Chain,
    prover: &impl UsageProver,
    epoch: u64,
    progress: &mut dyn FnMut(u32),
) -> Result<(), DriveError> {
    if wallet.contents().epoch(epoch).is_none() {
        plan(wallet, chain, epoch).await?;
    }
    look(wallet, chain, epoch).await?;
    let record = record(wallet, epoch)?;
    if record.stage != Stage::Planned {
        return Ok(());
    }
    let secret = wallet.contents().secret();
    let (split, subscription) = (record.split(secret)?, record.plan.subscription_path()?);
    let witness = SplitWitness {
        secret,
        split: &split,
        subscription: &subscription,
        subscription_root: element(record.plan.subscription_root()).map_err(ChainError::from)?,
    };
    let proof = prover.prove_split(witness, progress)?;
    Ok(wallet.change_epoch(epoch, |record, _, _| record.attach_proof(proof))?)
}

async fn plan<S: Storage, E: Entropy>(
    wallet: &mut Wallet<S, E>,
    chain: &impl Chain,
    epoch: u64,
) -> Result<(), DriveError> {
    let facts = chain.facts(epoch).await?;
    if facts.key.is_none() || chain.head_secs().await? < facts.windows.ends_at {
        return Err(EpochError::KeyMissing { epoch }.into());
    }
    let subscriptions = chain.subscriptions(epoch).await?;
    let (_, tier) = subscriptions
        .find(wallet.contents().identity_commitment())
        .ok_or(EpochError::NotSubscribed { epoch })?;
    let terms = facts.terms(epoch, tier)?.ok_or(EpochError::KeyMissing { epoch })?;
    let works = chain.works(epoch).await?;
    wallet.begin_epoch(epoch, |contents, entropy| {
        let secret = contents.secret();
        let nullifier = secret.epoch_nullifier(terms.key);
        let statement = Statement::new(contents.ledger(), (&terms).into(), &works, Some(nullifier))?;
        let plan = Plan::new(secret, &terms, &subscriptions, statement, entropy)?;
        Ok(EpochRecord::new(plan))
    })?;
    Ok(())
}

/// Sends the Split proof unless the chain has it, and looks whether the chain has it then. Returns what the outlet said
/// if something was sent.
///
/// # Errors
/// There is no proof yet, the window is closed, the chain changed, or the outlet did not take it.
pub async fn submit<S: Storage, E: Entropy>(
    wallet: &mut Wallet<S, E>,
    chain: &impl Chain,
    outlet: &impl SubmissionOutlet,
    epoch: u64,
) -> Result<Option<Sent>, DriveError> {
    look(wallet, chain, epoch).await?;
    if !matches!(
        record(wallet, epoch)?.stage,
        Stage::Proven { .. } | Stage::Sending { .. } | Stage::Planned
    ) {
        return Ok(None);
    }
    let windows = chain.facts(epoch).await?.windows;
    let now = chain.now_secs().await?;
    if !(windows.ends_at..windows.submission_ends_at).contains(&now) {
        return Err(EpochError::WindowClosed {
            epoch,
            window: "the submission window",
            opens_at: windows.ends_at,
            closes_at: windows.submission_ends_at,
            now,
        }
        .into());
    }
    wallet.change_epoch(epoch, |record, _, _| record.begin_sending())?;
    let submission = record(wallet, epoch)?.submission(wallet.contents().secret())?;
    let sent = outlet.send(&submission).await?;
    look(wallet, chain, epoch).await?;
    Ok(Some(sent))
}

/// Compares an epoch's record with the chain and keeps what was learned.
///
/// # Errors
/// Nothing was begun, the chain changed under the plan, or it can't be read.
pub async fn look<S: Storage, E: Entropy>(
    wallet: &mut Wallet<S, E>,
    chain: &impl Chain,
    epoch: u64,
) -> Result<(), DriveError> {
    let facts = chain.facts(epoch).await?;
    let subscriptions = chain.subscriptions(epoch).await?;
    record(wallet, epoch)?.check_facts(&facts, &subscriptions)?;
    // Before the submissions: what was submitted in between is then missing from no final tree.
    let head_secs = chain.head_secs().await?;
    let submissions = chain.submissions(epoch).await?;
    wallet.change_epoch(epoch, |record, secret, _| {
        record.observe(secret, &submissions, &facts.windows, head_secs)
    })?;
    Ok(())
}

/// What became of a round of reveals.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Round {
    /// How many were acknowledged.
    pub acknowledged: usize,
    /// Slots that were not taken, and why.
    pub failed: Vec<(u8, OutletError)>,
    /// How many were due before and got new times, so that they don't go out together.
    pub postponed: usize,
    /// What comes next.
    pub next: NextReveal,
    /// The chain's time.
    pub now_secs: u64,
}

/// Reveals the notes whose time has come. With `hurry` all of them at once, which links them to each other.
///
/// # Errors
/// The submission is not on chain, the window is not open, no proof could be made, or the record can't be kept. An outlet
/// that refuses is no error: see [`Round::failed`].
pub async fn reveal<S: Storage, E: Entropy>(
    wallet: &mut Wallet<S, E>,
    chain: &impl Chain,
    prover: &impl UsageProver,
    outlet: &impl RevealOutlet,
    epoch: u64,
    hurry: bool,
) -> Result<Round, DriveError> {
    schedule(wallet, chain, epoch).await?;
    let now_secs = chain.now_secs().await?;
    let postponed = if hurry {
        0
    } else {
        wallet.change_epoch(epoch, |record, _, entropy| {
            Ok(record.reveals_mut()?.spread_overdue(now_secs, entropy)?)
        })?
    };
    let mut round = Round {
        acknowledged: 0,
        failed: Vec::new(),
        postponed,
        next: NextReveal::Done,
        now_secs,
    };
    let mut tried = BTreeSet::new();
    loop {
        round.next = record(wallet, epoch)?.reveals()?.next(now_secs, hurry);
        match round.next {
            NextReveal::Prove(slot) => prove_reveal(wallet, prover, epoch, slot)?,
            NextReveal::Send(slot) if tried.insert(slot) => {
                match send_reveal(wallet, outlet, epoch, slot, now_secs).await? {
                    Ok(()) => round.acknowledged += 1,
                    Err(error) => round.failed.push((slot, error)),
                }
            }
            _ => return Ok(round),
        }
    }
}

/// Gives the reveals their times, unless they have them.
async fn schedule<S: Storage, E: Entropy>(
    wallet: &mut Wallet<S, E>,
    chain: &impl Chain,
    epoch: u64,
) -> Result<(), DriveError> {
    look(wallet, chain, epoch).await?;
    if matches!(record(wallet, epoch)?.stage, Stage::Revealing(_)) {
        return Ok(());
    }
    let windows = chain.facts(epoch).await?.windows;
    let head_secs = chain.head_secs().await?;
    let submissions = chain.submissions(epoch).await?;
    let threshold = wallet.contents().crowd_threshold();
    wallet.change_epoch(epoch, |record, secret, entropy| {
        record.schedule(secret, &submissions, &windows, head_secs, threshold, entropy)
    })?;
    Ok(())
}

fn prove_reveal<S: Storage, E: Entropy>(
    wallet: &mut Wallet<S, E>,
    prover: &impl UsageProver,
    epoch: u64,
    slot: u8,
) -> Result<(), DriveError> {
    let record = record(wallet, epoch)?;
    let split = record.split(wallet.contents().secret())?;
    let path = record.reveals()?.path(&split, slot)?;
    let proof = prover.prove_reveal(RevealWitness {
        terms: &split.terms,
        note: &note(&split, epoch, slot)?,
        path: &path,
        note_root: element(record.reveals()?.note_root()).map_err(ChainError::from)?,
    })?;
    wallet.change_epoch(epoch, |record, _, _| {
        record.reveals_mut()?.attach_proof(slot, proof);
        Ok(())
    })?;
    Ok(())
}

async fn send_reveal<S: Storage, E: Entropy>(
    wallet: &mut Wallet<S, E>,
    outlet: &impl RevealOutlet,
    epoch: u64,
    slot: u8,
    now_secs: u64,
) -> Result<Result<(), OutletError>, DriveError> {
    wallet.change_epoch(epoch, |record, _, _| {
        record.reveals_mut()?.begin_sending(slot);
        Ok(())
    })?;
    let record = record(wallet, epoch)?;
    let split = record.split(wallet.contents().secret())?;
    let body = record
        .reveals()?
        .body(slot, &split.terms, &note(&split, epoch, slot)?)
        .ok_or_else(|| no_note(epoch, slot))?;
    match outlet.send(&body).await {
        Ok(answer) => {
            let receipt = Receipt {
                coordinator: outlet.name().to_owned(),
                answer,
                at_secs: now_secs,
            };
            wallet.change_epoch(epoch, |record, _, _| {
                record.reveals_mut()?.acknowledge(slot, receipt);
                Ok(())
            })?;
            Ok(Ok(()))
        }
        Err(error) => {
            wallet.change_epoch(epoch, |record, _, entropy| {
                Ok(record.reveals_mut()?.postpone(slot, now_secs, entropy)?)
            })?;
            Ok(Err(error))
        }
    }
}

fn note(split: &cwe_usage::Split, epoch: u64, slot: u8) -> Result<Note, EpochError> {
    let found = split.slots.get(usize::from(slot)).and_then(cwe_usage::Slot::note);
    found.ok_or_else(|| no_note(epoch, slot))
}

fn no_note(epoch: u64, slot: u8) -> EpochError {
    EpochError::Damaged {
        epoch,
        reason: format!("slot {slot} has no note to reveal"),
    }
}

fn record<S: Storage, E: Entropy>(wallet: &Wallet<S, E>, epoch: u64) -> Result<&EpochRecord, EpochError> {
    wallet.contents().epoch(epoch).ok_or(EpochError::NotBegun(epoch))
}

#[cfg(test)]
mod tests;
