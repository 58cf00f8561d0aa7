//! Posts validity proofs to L1 with the machinery of batches: one transaction at a time, written down before it is sent,
//! outbid by itself. Which proof is due is the caller's to say; whether one is done, L1 says.

use std::{fs, io, path::PathBuf, sync::Arc, time::Duration};

use alloy::{
    eips::BlockId,
    primitives::{Address, B256},
    signers::local::PrivateKeySigner,
};
use metrics::counter;
use serde::{Deserialize, Serialize};
use tracing::{info, warn};

use crate::{
    FeeCaps, Fees, L1Client, L1Error, ProofSubmission, TaskError,
    account::{Account, InFlight, Payment, Prepared, Purpose, Remembered, Standing},
};

/// How proofs are posted.
#[derive(Debug, Clone)]
pub struct ProofPosterConfig {
    /// Time without inclusion after which a transaction is replaced with higher fees.
    pub resubmit_after: Duration,
    /// Highest prices paid.
    pub fee_caps: FeeCaps,
    /// File that remembers the transaction in flight over a restart.
    pub memory: PathBuf,
}

/// Posts proofs from one account: the one that they were made for.
pub struct ProofPoster {
    l1: Arc<L1Client>,
    account: Account<Batches>,
    memory: PathBuf,
}

/// The run of batches that a transaction proves.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
struct Batches {
    first: u64,
    last: u64,
}

impl Purpose for Batches {
    fn call(&self) -> &'static str {
        "Rollup.proveBatches"
    }

    fn kind(&self) -> &'static str {
        "prove"
    }
}

/// What is remembered of a transaction.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
struct Memory {
    batches: Batches,
    transaction: B256,
    nonce: u64,
    max_fee_per_gas: u128,
    max_priority_fee_per_gas: u128,
}

/// The account's next nonce, free for a proof.
#[derive(Debug)]
pub struct Turn(u64);

impl ProofPoster {
    /// A poster that pays from `signer`'s account.
    pub fn new(l1: Arc<L1Client>, config: ProofPosterConfig, signer: PrivateKeySigner) -> Self {
        let payment = Payment {
            resubmit_after: config.resubmit_after,
            caps: config.fee_caps,
            owner: "prover",
        };
        Self {
            account: Account::new(l1.clone(), signer, payment),
            l1,
            memory: config.memory,
        }
    }

    /// The account that posts and pays.
    pub const fn address(&self) -> Address {
        self.account.address()
    }

    /// Follows up the transaction in flight; `None` while it has to be waited for.
    ///
    /// # Errors
    /// [`TaskError`].
    pub async fn follow(&mut self) -> Result<Option<Turn>, TaskError> {
        let nonce = self.account.nonce().await?;
        self.adopt(nonce).await?;
        let waits = match self.account.follow(nonce).await? {
            Standing::Free => false,
            Standing::Waits => true,
            Standing::Used(sent) => self.waits_for_receipt(sent).await?,
        };
        Ok((!waits).then_some(Turn(nonce)))
    }

    /// Sends a proof in its turn.
    ///
    /// # Errors
    /// [`TaskError`]: what keeps the proof from L1, and what to do; [`TaskError::WouldRevert`] with the contract's error.
    pub async fn post(&mut self, turn: Turn, proof: &ProofSubmission) -> Result<(), TaskError> {
        let outcome = self.try_post(turn.0, proof).await;
        if let Err(error) = &outcome {
            counter!("cwe_poster_errors_total", "reason" => error.reason()).increment(1);
            if matches!(error, TaskError::L1(L1Error::Refused { .. })) {
                self.account.forget();
            }
        }
        outcome
    }

    async fn try_post(&mut self, nonce: u64, proof: &ProofSubmission) -> Result<(), TaskError> {
        let batches = Batches {
            first: proof.first.index,
            last: proof.last.index,
        };
        let draft = proof.draft(self.l1.config().rollup);
        let prepared = self.account.prepare(batches, &draft, nonce).await?;
        self.write_down(batches, &prepared).map_err(|error| TaskError::Memory {
            path: self.memory.clone(),
            error,
        })?;
        self.account.send(batches, prepared).await
    }

    /// The nonce in flight was used and no receipt is known; whether to look again for one.
    async fn waits_for_receipt(&mut self, sent: InFlight<Batches>) -> Result<bool, TaskError> {
        if self.l1.tips(BlockId::latest()).await?.finalized >= sent.purpose().last {
            info!(batches = ?sent.purpose(), "finalized by an earlier transaction, or by somebody else's proof");
            return Ok(false);
        }
        Ok(self.account.looks_again(sent))
    }

    /// After a restart: takes over what was sent before it.
    async fn adopt(&mut self, nonce: u64) -> Result<(), TaskError> {
        if !self.account.is_new() {
            return Ok(());
        }
        let Some(memory) = self.remembered().filter(|memory| memory.nonce == nonce) else {
            return Ok(());
        };
        let in_pool = self.l1.transaction(memory.transaction).await?.is_some();
        let remembered = Remembered {
            purpose: memory.batches,
            nonce,
            hash: memory.transaction,
            fees: Fees {
                max_fee_per_gas: memory.max_fee_per_gas,
                max_priority_fee_per_gas: memory.max_priority_fee_per_gas,
                max_fee_per_blob_gas: None,
            },
        };
        self.account.adopt(remembered, in_pool);
        Ok(())
    }

    /// Without it the next offer may be too low to replace what waits, which delays; nothing else depends on it.
    fn remembered(&self) -> Option<Memory> {
        let text = match fs::read_to_string(&self.memory) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return None,
            Err(error) => {
                warn!(path = %self.memory.display(), %error, "what was sent before the restart can't be read");
                return None;
            }
        };
        serde_json::from_str(&text)
            .inspect_err(|error| warn!(path = %self.memory.display(), %error, "what was sent before is unreadable"))
            .ok()
    }

    fn write_down(&self, batches: Batches, prepared: &Prepared) -> io::Result<()> {
        let memory = Memory {
            batches,
            transaction: prepared.signed.hash,
            nonce: prepared.terms.nonce,
            max_fee_per_gas: prepared.terms.fees.max_fee_per_gas,
            max_priority_fee_per_gas: prepared.terms.fees.max_priority_fee_per_gas,
        };
        let new = self.memory.with_extension("new");
        let file = fs::File::create(&new)?;
        serde_json::to_writer(&file, &memory)?;
        file.sync_all()?;
        fs::rename(new, &self.memory)
    }
}
