//! One epoch's way from a ledger to money for creators, each step kept on disk before the next one begins.
//!
//! | stage | is on disk | and may leave the device |
//! |---|---|---|
//! | [`Stage::Planned`] | the statement, the slots, the blindings | nothing; may still be discarded |
//! | [`Stage::Proven`] | the Split proof | nothing; may still be discarded |
//! | [`Stage::Sending`] | that it may have been sent | this one submission, again and again, byte by byte the same |
//! | [`Stage::Confirmed`] | that the chain has it | nothing, until the reveal window opens |
//! | [`Stage::Revealing`] | when each note is revealed; each proof before it is sent | each note's one proof |
//! | [`Stage::Superseded`] | that another device's submission was taken | nothing |
//! | [`Stage::Missed`] | that the window closed | nothing |
//!
//! Everything random is drawn in the write that keeps it, so a process killed anywhere continues where it was. The chain
//! is asked for the nullifier before anything is sent: what another device sent, or this one before an older copy of the
//! wallet was put back, is found there and never sent a second time.

mod plan;
mod reveals;

use alloy_primitives::B256;
use cwe_usage::{Secret, Split, UsageError};
use serde::{Deserialize, Serialize};

pub use self::{
    plan::Plan,
    reveals::{NextReveal, Receipt, Reveal, RevealPlan, RevealState},
};
use crate::{
    chain::{ChainError, EpochFacts, EpochWindows, Submissions, Subscriptions},
    entropy::{Entropy, EntropyError},
    identity::IdentityError,
    messages::SubmissionBody,
};

/// Where an epoch stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Stage {
    /// The statement is frozen and everything random is drawn.
    Planned,
    /// The Split proof is made.
    Proven {
        /// Encoded.
        proof: Vec<u8>,
    },
    /// The submission may have been sent.
    Sending {
        /// Encoded.
        proof: Vec<u8>,
    },
    /// The chain has it.
    Confirmed {
        /// Position in the note tree.
        index: u64,
    },
    /// The note tree is final, and the reveals have their times.
    Revealing(RevealPlan),
    /// The chain has another submission of this listener.
    Superseded {
        /// The other one's notes.
        notes_root: B256,
    },
    /// Submissions closed before the chain took it.
    Missed,
}

impl Stage {
    /// One word for people and programs.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Planned => "planned",
            Self::Proven { .. } => "proven",
            Self::Sending { .. } => "sending",
            Self::Confirmed { .. } => "confirmed",
            Self::Revealing(_) => "revealing",
            Self::Superseded { .. } => "superseded",
            Self::Missed => "missed",
        }
    }

    const fn is_unsent(&self) -> bool {
        matches!(self, Self::Planned | Self::Proven { .. })
    }
}

/// An epoch that was begun to be reported.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EpochRecord {
    /// What is reported, and everything that was drawn for it.
    pub plan: Plan,
    /// How far it got.
    pub stage: Stage,
}

/// Why an epoch can't go on.
#[derive(Debug, thiserror::Error)]
pub enum EpochError {
    /// The step does not belong here.
    #[error("epoch {epoch} is {stage}, so {doing} is not possible")]
    WrongStage {
        /// Which.
        epoch: u64,
        /// Its stage.
        stage: &'static str,
        /// What was tried.
        doing: &'static str,
    },
    /// Nothing was begun.
    #[error("nothing of epoch {0} was prepared yet: prove it first")]
    NotBegun(u64),
    /// The epoch is not over, or its key is not fixed.
    #[error("the key of epoch {epoch} is not fixed yet: wait until the epoch is over and EpochBeacon.fix was called")]
    KeyMissing {
        /// Which.
        epoch: u64,
    },
    /// The listener paid for nothing.
    #[error("this identity is not subscribed in epoch {epoch}: there is nothing to divide")]
    NotSubscribed {
        /// Which.
        epoch: u64,
    },
    /// There is nothing to report.
    #[error(
        "nothing was listened to in epoch {epoch} that costs anything: there is nothing to report, and the fee goes to \
             the creators of the next epoch"
    )]
    NothingToReport {
        /// Which.
        epoch: u64,
    },
    /// The chain has other facts than when the epoch was planned.
    #[error("the {what} of epoch {epoch} is {found} on chain, it was {planned} when the proof was planned: {advice}")]
    ContextChanged {
        /// Which.
        epoch: u64,
        /// Which fact.
        what: &'static str,
        /// Then.
        planned: B256,
        /// Now.
        found: B256,
        /// What to do.
        advice: &'static str,
    },
    /// The submission is gone from the chain after reveals were scheduled with it.
    #[error("the submission of epoch {epoch} is not on chain any more: the chain went back; wait, then look again")]
    SubmissionGone {
        /// Which.
        epoch: u64,
    },
    /// The window that this needs is not open.
    #[error("{window} of epoch {epoch} opens at Unix time {opens_at} and closes at {closes_at}; the chain is at {now}")]
    WindowClosed {
        /// Which.
        epoch: u64,
        /// What is needed.
        window: &'static str,
        /// From.
        opens_at: u64,
        /// Until.
        closes_at: u64,
        /// The chain's time.
        now: u64,
    },
    /// The ledger can't be divided.
    #[error(transparent)]
    Usage(#[from] UsageError),
    /// Stored data that can't be.
    #[error("the record of epoch {epoch} is damaged: {reason}")]
    Damaged {
        /// Which.
        epoch: u64,
        /// What is wrong.
        reason: String,
    },
    /// The chain can't be believed.
    #[error(transparent)]
    Chain(#[from] ChainError),
    /// No randomness.
    #[error(transparent)]
    Identity(#[from] IdentityError),
    /// No randomness.
    #[error(transparent)]
    Entropy(#[from] EntropyError),
}

impl EpochRecord {
    /// Begins with a plan.
    pub const fn new(plan: Plan) -> Self {
        Self {
            plan,
            stage: Stage::Planned,
        }
    }

    /// The notes that the plan makes, always the same.
    ///
    /// # Errors
    /// The record is damaged.
    pub fn split(&self, secret: &Secret) -> Result<Split, EpochError> {
        self.plan.split(secret)
    }

    /// The proof is made.
    ///
    /// # Errors
    /// The epoch is past that.
    pub fn attach_proof(&mut self, proof: Vec<u8>) -> Result<(), EpochError> {
        self.require(matches!(self.stage, Stage::Planned), "keeping a proof")?;
        self.stage = Stage::Proven { proof };
        Ok(())
    }

    /// From now on the submission may be out. To be on disk before it is.
    ///
    /// # Errors
    /// There is no proof yet, or the epoch is past that.
    pub fn begin_sending(&mut self) -> Result<(), EpochError> {
        match &mut self.stage {
            Stage::Proven { proof } | Stage::Sending { proof } => {
                let proof = std::mem::take(proof);
                self.stage = Stage::Sending { proof };
                Ok(())
            }
            _ => self.require(false, "sending"),
        }
    }

    /// What is sent, always the same.
    ///
    /// # Errors
    /// Nothing may be sent at this stage.
    pub fn submission(&self, secret: &Secret) -> Result<SubmissionBody, EpochError> {
        let Stage::Sending { proof } = &self.stage else {
            return Err(self.wrong_stage("sending"));
        };
        let split = self.split(secret)?;
        Ok(SubmissionBody {
            tier_id: self.plan.tier(),
            nullifier: split.nullifier.into(),
            notes_root: split.notes_root().into(),
            proof: proof.clone().into(),
        })
    }

    /// Compares with what the chain says of the epoch now.
    ///
    /// # Errors
    /// [`EpochError::ContextChanged`]: no proof for the planned facts will ever be taken.
    pub fn check_facts(&self, facts: &EpochFacts, subscriptions: &Subscriptions) -> Result<(), EpochError> {
        let advice = if self.stage.is_unsent() {
            "discard the plan and prove again"
        } else {
            "the chain went back behind the end of the epoch; once it is certain, discard the plan and prove again"
        };
        let changed = |what, planned, found| EpochError::ContextChanged {
            epoch: self.plan.epoch(),
            what,
            planned,
            found,
            advice,
        };
        let key = facts.key.unwrap_or_default();
        if key != self.plan.key() {
            return Err(changed("key", self.plan.key(), key));
        }
        let root = B256::from(subscriptions.tree().root());
        if root != self.plan.subscription_root() {
            return Err(changed("subscription root", self.plan.subscription_root(), root));
        }
        Ok(())
    }

    /// Whether the plan may be thrown away: nothing of it has left the device.
    ///
    /// # Errors
    /// Something has, or may have.
    pub fn check_discardable(&self) -> Result<(), EpochError> {
        self.require(self.stage.is_unsent(), "discarding it")
    }

    /// Looks for the submission on the chain, at the chain's time `head_secs`. Tells whether something was learned.
    ///
    /// # Errors
    /// The chain had the submission and has it no more, or the record is damaged.
    pub fn observe(
        &mut self,
        secret: &Secret,
        submissions: &Submissions,
        windows: &EpochWindows,
        head_secs: u64,
    ) -> Result<bool, EpochError> {
        let split = self.split(secret)?;
        let found = submissions.find(split.nullifier.into());
        let learned = match (&self.stage, found) {
            (Stage::Superseded { .. } | Stage::Missed, None) => return Ok(false),
            (Stage::Revealing(_), Some((_, root))) if root == B256::from(split.notes_root()) => return Ok(false),
            (Stage::Confirmed { .. } | Stage::Revealing(_), None) => {
                return Err(EpochError::SubmissionGone {
                    epoch: self.plan.epoch(),
                });
            }
            (_, Some((index, root))) if root == B256::from(split.notes_root()) => Stage::Confirmed { index },
            (_, Some((_, notes_root))) => Stage::Superseded { notes_root },
            (_, None) if head_secs >= windows.submission_ends_at => Stage::Missed,
            (_, None) => return Ok(false),
        };
        let changed = learned != self.stage;
        self.stage = learned;
        Ok(changed)
    }

    /// Gives the reveals their times, once the note tree is final. `threshold`: with fewer submissions of the tier than
    /// this, reveals wait for the window's last day.
    ///
    /// # Errors
    /// The submission is not on chain, or the tree is not final yet.
    pub fn schedule(
        &mut self,
        secret: &Secret,
        submissions: &Submissions,
        windows: &EpochWindows,
        head_secs: u64,
        threshold: u64,
        entropy: &mut impl Entropy,
    ) -> Result<(), EpochError> {
        let Stage::Confirmed { index } = self.stage else {
            return Err(self.wrong_stage("revealing"));
        };
        if head_secs < windows.submission_ends_at {
            return Err(EpochError::WindowClosed {
                epoch: self.plan.epoch(),
                window: "the reveal window",
                opens_at: windows.submission_ends_at,
                closes_at: windows.reveal_ends_at,
                now: head_secs,
            });
        }
        let split = self.split(secret)?;
        let plan = RevealPlan::draw(&split, index, submissions, windows, threshold, entropy)?;
        self.stage = Stage::Revealing(plan);
        Ok(())
    }

    /// The reveals.
    ///
    /// # Errors
    /// They have no times yet.
    pub fn reveals(&self) -> Result<&RevealPlan, EpochError> {
        match &self.stage {
            Stage::Revealing(plan) => Ok(plan),
            _ => Err(self.wrong_stage("revealing")),
        }
    }

    /// The reveals, to be changed.
    ///
    /// # Errors
    /// They have no times yet.
    pub fn reveals_mut(&mut self) -> Result<&mut RevealPlan, EpochError> {
        let wrong = self.wrong_stage("revealing");
        match &mut self.stage {
            Stage::Revealing(plan) => Ok(plan),
            _ => Err(wrong),
        }
    }

    fn require(&self, holds: bool, doing: &'static str) -> Result<(), EpochError> {
        if holds { Ok(()) } else { Err(self.wrong_stage(doing)) }
    }

    const fn wrong_stage(&self, doing: &'static str) -> EpochError {
        EpochError::WrongStage {
            epoch: self.plan.epoch(),
            stage: self.stage.name(),
            doing,
        }
    }
}
