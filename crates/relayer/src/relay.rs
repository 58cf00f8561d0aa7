//! From a submission to a transaction, in the order of what each step costs.

use std::{
    collections::HashSet,
    num::{NonZeroU32, NonZeroUsize},
};

use alloy::primitives::B256;
use cwe_wallet::messages::SubmissionBody;
use governor::{DefaultDirectRateLimiter, Quota, RateLimiter};
use lru::LruCache;
use parking_lot::Mutex;
use serde::Serialize;
use tokio::sync::{Mutex as AsyncMutex, Semaphore};
use tracing::{info, warn};

use crate::{
    body,
    config::LimitsSection,
    gate::{Gate, GateError},
};

/// Settled epochs before the last one whose refunds are looked for after a start: a year of months.
const LOOKED_BACK: u64 = 12;
/// Transactions that are remembered, for those who ask again.
const REMEMBERED: NonZeroUsize = NonZeroUsize::MIN.saturating_add((1 << 16) - 1);

/// A submission is on the chain.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Accepted {
    /// The transaction; none where somebody else sent it, or this relayer before it was started again.
    pub transaction: Option<B256>,
}

/// Why a submission was not sent.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// Its form is wrong.
    #[error("{0}")]
    Malformed(String),
    /// The chain would not take it.
    #[error("{0}")]
    Invalid(&'static str),
    /// The window is closed.
    #[error("no epoch takes submissions now")]
    Closed,
    /// Too many at once, or the same one twice at once.
    #[error("{0}")]
    Busy(&'static str),
    /// The chain can't be reached, is too dear, or is not ready.
    #[error("{0}")]
    Unavailable(String),
}

/// One relayer's state. Nothing in it says who sent what.
pub struct Relay<G> {
    gate: G,
    checks: DefaultDirectRateLimiter,
    places: Semaphore,
    /// Nullifiers that are being worked on.
    at_work: Mutex<HashSet<B256>>,
    sent: Mutex<LruCache<B256, B256>>,
    /// One transaction after another, so that numbers follow each other.
    account: AsyncMutex<()>,
}

impl<G: Gate> Relay<G> {
    /// A relayer with these bounds.
    pub fn new(gate: G, limits: &LimitsSection) -> Self {
        let at_least_one = |number| NonZeroU32::new(number).unwrap_or(NonZeroU32::MIN);
        let quota = Quota::per_second(at_least_one(limits.per_second)).allow_burst(at_least_one(limits.burst));
        Self {
            gate,
            checks: RateLimiter::direct(quota),
            places: Semaphore::new(limits.in_flight.max(1) as usize),
            at_work: Mutex::default(),
            sent: Mutex::new(LruCache::new(REMEMBERED)),
            account: AsyncMutex::new(()),
        }
    }

    /// Sends a submission unless the chain has it.
    ///
    /// # Errors
    /// [`Refusal`].
    pub async fn submit(&self, submission: &SubmissionBody) -> Result<Accepted, Refusal> {
        body::check(submission).map_err(|error| Refusal::Malformed(error.to_string()))?;
        if let Some(known) = self.sent.lock().get(&submission.nullifier) {
            return Ok(Accepted {
                transaction: Some(*known),
            });
        }
        let _place = self.places.try_acquire().map_err(|_| {
            Refusal::Busy("the relayer works on as many submissions as it takes; come back in a moment")
        })?;
        let _work = AtWork::begin(&self.at_work, submission.nullifier)
            .ok_or(Refusal::Busy("this submission is being sent; ask again in a moment"))?;
        self.checks
            .check()
            .map_err(|_| Refusal::Busy("the relayer checks as many submissions as it may; come back in a moment"))?;
        match self.pass(submission).await {
            Ok(transaction) => {
                self.sent.lock().put(submission.nullifier, transaction);
                Ok(Accepted {
                    transaction: Some(transaction),
                })
            }
            Err(GateError::Used) => Ok(Accepted { transaction: None }),
            Err(error) => Err(refusal(error)),
        }
    }

    /// Claims what is due for submissions of settled epochs, from `first` on. Returns the first epoch to look at next
    /// time: one whose refund could not be claimed is tried again.
    ///
    /// # Errors
    /// Nothing could be looked at.
    pub async fn claim_refunds(&self, first: u64) -> Result<u64, GateError> {
        let settled = self.gate.last_settled().await?;
        let mut next = settled + 1;
        for epoch in first.max(settled.saturating_sub(LOOKED_BACK)).max(1)..=settled {
            if let Err(error) = self.claim_refund(epoch).await {
                warn!(epoch, %error, "the refund of an epoch's submissions is not claimed yet");
                next = next.min(epoch);
            }
        }
        Ok(next)
    }

    async fn claim_refund(&self, epoch: u64) -> Result<(), GateError> {
        let due = self.gate.refund_due(epoch).await?;
        if due.is_zero() {
            return Ok(());
        }
        let _turn = self.account.lock().await;
        self.gate.claim_refund(epoch, due).await?;
        info!(
            epoch,
            cln = f64::from(due) / 1e18,
            "refunded for an epoch's submissions"
        );
        Ok(())
    }

    async fn pass(&self, submission: &SubmissionBody) -> Result<B256, GateError> {
        let epoch = self.gate.open_epoch().await?.ok_or(GateError::Closed)?;
        if self.gate.is_used(epoch, submission.nullifier).await? {
            return Err(GateError::Used);
        }
        self.gate.check_proof(epoch, submission).await?;
        let gas = self.gate.trial(submission).await?;
        let _turn = self.account.lock().await;
        self.gate.send(submission, gas).await
    }
}

fn refusal(error: GateError) -> Refusal {
    match error {
        GateError::Closed => Refusal::Closed,
        GateError::Refused(reason) => Refusal::Invalid(reason),
        GateError::Node(reason) => {
            warn!(reason, "the chain can't be reached");
            Refusal::Unavailable("the relayer can't reach the chain now".into())
        }
        other => Refusal::Unavailable(other.to_string()),
    }
}

/// A nullifier that is being worked on, until this is dropped.
struct AtWork<'a> {
    all: &'a Mutex<HashSet<B256>>,
    nullifier: B256,
}

impl<'a> AtWork<'a> {
    fn begin(all: &'a Mutex<HashSet<B256>>, nullifier: B256) -> Option<Self> {
        // Not made at all where another one is at work: dropping it would end that one's turn.
        all.lock().insert(nullifier).then(|| Self { all, nullifier })
    }
}

impl Drop for AtWork<'_> {
    fn drop(&mut self) {
        self.all.lock().remove(&self.nullifier);
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use std::{
        collections::BTreeMap,
        sync::{
            Arc,
            atomic::{AtomicU32, Ordering},
        },
    };

    use alloy::primitives::U256;
    use cwe_usage_circuits::SPLIT_PROOF_BYTES;

    use super::*;

    /// A chain in memory. Proofs that begin with 1 hold; those that begin with 2 hold here, and the chain refuses them.
    #[derive(Default)]
    pub(crate) struct FakeGate {
        pub(crate) closed: bool,
        pub(crate) used: Mutex<HashSet<B256>>,
        pub(crate) checks: AtomicU32,
        pub(crate) trials: AtomicU32,
        pub(crate) sent: AtomicU32,
        pub(crate) slow: bool,
        pub(crate) settled: u64,
        /// Refunds by epoch; those above 100 can't be paid.
        pub(crate) due: Mutex<BTreeMap<u64, u64>>,
    }

    impl Gate for Arc<FakeGate> {
        async fn open_epoch(&self) -> Result<Option<u64>, GateError> {
            Ok((!self.closed).then_some(1))
        }

        async fn is_used(&self, _: u64, nullifier: B256) -> Result<bool, GateError> {
            Ok(self.used.lock().contains(&nullifier))
        }

        async fn check_proof(&self, _: u64, body: &SubmissionBody) -> Result<(), GateError> {
            self.checks.fetch_add(1, Ordering::SeqCst);
            match body.proof[0] {
                1 | 2 => Ok(()),
                _ => Err(GateError::Refused("the proof does not hold")),
            }
        }

        async fn trial(&self, body: &SubmissionBody) -> Result<u64, GateError> {
            self.trials.fetch_add(1, Ordering::SeqCst);
            if body.proof[0] == 1 {
                Ok(500_000)
            } else {
                Err(GateError::Refused("the proof does not hold"))
            }
        }

        async fn send(&self, body: &SubmissionBody, _: u64) -> Result<B256, GateError> {
            if self.slow {
                tokio::time::sleep(std::time::Duration::from_millis(200)).await;
            }
            self.sent.fetch_add(1, Ordering::SeqCst);
            self.used.lock().insert(body.nullifier);
            Ok(B256::repeat_byte(9))
        }

        async fn last_settled(&self) -> Result<u64, GateError> {
            Ok(self.settled)
        }

        async fn refund_due(&self, epoch: u64) -> Result<U256, GateError> {
            Ok(U256::from(self.due.lock().get(&epoch).copied().unwrap_or_default()))
        }

        async fn claim_refund(&self, epoch: u64, due: U256) -> Result<B256, GateError> {
            if due > U256::from(100) {
                return Err(GateError::NotNow("empty"));
            }
            self.due.lock().remove(&epoch);
            Ok(B256::repeat_byte(8))
        }
    }

    pub(crate) fn body(nullifier: u8) -> SubmissionBody {
        SubmissionBody {
            tier_id: B256::with_last_byte(7),
            nullifier: B256::with_last_byte(nullifier),
            notes_root: B256::with_last_byte(3),
            proof: vec![1; SPLIT_PROOF_BYTES].into(),
        }
    }

    fn relay(gate: FakeGate, limits: LimitsSection) -> (Arc<FakeGate>, Relay<Arc<FakeGate>>) {
        let gate = Arc::new(gate);
        (gate.clone(), Relay::new(gate, &limits))
    }

    #[tokio::test]
    async fn a_submission_is_sent_once_however_often_it_comes() {
        let (gate, first) = relay(FakeGate::default(), LimitsSection::default());
        let accepted = first.submit(&body(1)).await.unwrap();
        assert_eq!(accepted.transaction, Some(B256::repeat_byte(9)));
        assert_eq!(first.submit(&body(1)).await.unwrap(), accepted);
        let restarted = Relay::new(gate.clone(), &LimitsSection::default());
        assert_eq!(restarted.submit(&body(1)).await.unwrap().transaction, None);
        assert_eq!(gate.sent.load(Ordering::SeqCst), 1);
    }

    #[tokio::test]
    async fn the_same_submission_twice_at_once_is_sent_once() {
        let slow = FakeGate {
            slow: true,
            ..FakeGate::default()
        };
        let (gate, relay) = relay(slow, LimitsSection::default());
        let (one, two) = (body(1), body(1));
        let (one, two) = tokio::join!(relay.submit(&one), relay.submit(&two));
        assert!(one.is_ok());
        assert!(matches!(two, Err(Refusal::Busy(_))));
        assert_eq!(gate.sent.load(Ordering::SeqCst), 1);
    }

    #[tokio::test]
    async fn a_proof_that_does_not_hold_costs_no_gas_and_the_node_no_trial() {
        let (gate, relay) = relay(FakeGate::default(), LimitsSection::default());
        for (byte, trials) in [(0, 0), (2, 1)] {
            let bad = SubmissionBody {
                proof: vec![byte; SPLIT_PROOF_BYTES].into(),
                ..body(1)
            };
            assert!(matches!(relay.submit(&bad).await, Err(Refusal::Invalid(_))));
            assert_eq!(gate.trials.load(Ordering::SeqCst), trials);
        }
        assert_eq!(gate.sent.load(Ordering::SeqCst), 0);
        relay.submit(&body(1)).await.unwrap();
    }

    #[tokio::test]
    async fn malformed_submissions_are_not_checked_against_the_chain() {
        let (gate, relay) = relay(FakeGate::default(), LimitsSection::default());
        let bad = SubmissionBody {
            nullifier: B256::repeat_byte(0xff),
            ..body(1)
        };
        assert!(matches!(relay.submit(&bad).await, Err(Refusal::Malformed(_))));
        assert_eq!(gate.checks.load(Ordering::SeqCst), 0);
    }

    #[tokio::test]
    async fn a_nullifier_that_is_used_is_told_before_any_check() {
        let (gate, relay) = relay(FakeGate::default(), LimitsSection::default());
        gate.used.lock().insert(body(1).nullifier);
        assert_eq!(relay.submit(&body(1)).await.unwrap().transaction, None);
        assert_eq!(gate.checks.load(Ordering::SeqCst), 0);
    }

    #[tokio::test]
    async fn a_closed_window_is_told_before_any_check() {
        let closed = FakeGate {
            closed: true,
            ..FakeGate::default()
        };
        let (gate, relay) = relay(closed, LimitsSection::default());
        assert_eq!(relay.submit(&body(1)).await, Err(Refusal::Closed));
        assert_eq!(gate.checks.load(Ordering::SeqCst), 0);
    }

    #[tokio::test]
    async fn checks_are_bounded_for_all_senders_together() {
        let limits = LimitsSection {
            per_second: 1,
            burst: 3,
            ..LimitsSection::default()
        };
        let (gate, relay) = relay(FakeGate::default(), limits);
        let mut busy = 0;
        for number in 1..=10 {
            busy += u32::from(matches!(relay.submit(&body(number)).await, Err(Refusal::Busy(_))));
        }
        assert!((6..=7).contains(&busy), "{busy}");
        assert_eq!(gate.trials.load(Ordering::SeqCst), 10 - busy);
        relay.submit(&body(1)).await.unwrap();
    }

    #[tokio::test]
    async fn refunds_of_settled_epochs_are_claimed_and_failed_ones_again() {
        let settled = FakeGate {
            settled: 20,
            due: Mutex::new(BTreeMap::from([(2, 50), (9, 60), (10, 500), (12, 70), (21, 80)])),
            ..FakeGate::default()
        };
        let (gate, relay) = relay(settled, LimitsSection::default());
        assert_eq!(
            relay.claim_refunds(1).await,
            Ok(10),
            "the one that can't be paid is next"
        );
        let left: Vec<u64> = gate.due.lock().keys().copied().collect();
        assert_eq!(left, [2, 10, 21], "too old, not payable, not settled");
        gate.due.lock().insert(10, 100);
        assert_eq!(relay.claim_refunds(10).await, Ok(21));
        assert!(!gate.due.lock().contains_key(&10));
    }

    #[tokio::test]
    async fn nothing_is_claimed_before_an_epoch_is_settled() {
        let (_, relay) = relay(FakeGate::default(), LimitsSection::default());
        assert_eq!(relay.claim_refunds(1).await, Ok(1));
    }

    #[tokio::test]
    async fn no_more_are_worked_on_than_there_are_places() {
        let limits = LimitsSection {
            in_flight: 1,
            ..LimitsSection::default()
        };
        let slow = FakeGate {
            slow: true,
            ..FakeGate::default()
        };
        let (_, relay) = relay(slow, limits);
        let (one, two) = (body(1), body(2));
        let (one, two) = tokio::join!(relay.submit(&one), relay.submit(&two));
        assert!(one.is_ok());
        assert!(matches!(two, Err(Refusal::Busy(_))));
    }
}
