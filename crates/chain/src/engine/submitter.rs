//! The way from RPC into the engine's thread: checks that need no state, on the caller's thread, and a queue of bounded
//! length.

use std::sync::{
    Arc,
    mpsc::{SyncSender, TrySendError},
};

use alloy::primitives::Bytes;
use futures::future::BoxFuture;
use tokio::{
    sync::{Semaphore, oneshot, watch},
    task::yield_now,
};

use super::{Command, EngineState, group::Outcome};
use crate::{
    EngineConfig, SubmitError, TransactionSubmitter, handle::Shared, mempool::PoolTransaction, validate::validate,
};

/// Signatures checked before other requests of the same thread get a turn.
const CHECKS_PER_TURN: usize = 16;

pub(super) struct LocalSubmitter {
    shared: Arc<Shared>,
    config: Arc<EngineConfig>,
    commands: Arc<SyncSender<Command>>,
    state: watch::Receiver<EngineState>,
    /// One for each transaction that may wait for the engine.
    places: Arc<Semaphore>,
}

impl LocalSubmitter {
    pub(super) fn new(
        shared: Arc<Shared>,
        config: Arc<EngineConfig>,
        commands: Arc<SyncSender<Command>>,
        state: watch::Receiver<EngineState>,
    ) -> Self {
        let places = Arc::new(Semaphore::new(config.submission_queue.min(Semaphore::MAX_PERMITS)));
        Self {
            shared,
            config,
            commands,
            state,
            places,
        }
    }

    /// Checks the transactions, then hands those that pass to the engine together.
    async fn submit_checked(&self, raws: Vec<Bytes>) -> Vec<Outcome> {
        let mut checks = Vec::with_capacity(raws.len());
        let mut transactions = Vec::with_capacity(raws.len());
        for (position, raw) in raws.into_iter().enumerate() {
            if position % CHECKS_PER_TURN == CHECKS_PER_TURN - 1 {
                yield_now().await;
            }
            let checked = validate(&raw, &self.shared.spec, &self.config);
            checks.push(checked.map(|transaction| transactions.push(transaction)));
        }
        let mut executed = self.execute(transactions).await.into_iter();
        checks
            .into_iter()
            .map(|check| check.and_then(|()| executed.next().unwrap_or_else(|| Err(self.unavailable()))))
            .collect()
    }

    /// Hands as many transactions to the engine as there are places; the others are refused as busy.
    async fn execute(&self, mut transactions: Vec<PoolTransaction>) -> Vec<Outcome> {
        let asked = transactions.len();
        transactions.truncate(self.places.available_permits());
        let taken = transactions.len();
        let places = u32::try_from(taken)
            .ok()
            .and_then(|count| Arc::clone(&self.places).try_acquire_many_owned(count).ok());
        let mut outcomes = match places {
            Some(places) if taken > 0 => {
                let (reply, answer) = oneshot::channel();
                let command = Command::Submit {
                    transactions,
                    reply,
                    places,
                };
                // Commands of other kinds may have filled the channel before the places were taken.
                match self.commands.try_send(command) {
                    Ok(()) => answer.await.unwrap_or_else(|_| vec![Err(self.unavailable()); taken]),
                    Err(TrySendError::Full(_)) => Vec::new(),
                    Err(TrySendError::Disconnected(_)) => vec![Err(self.unavailable()); taken],
                }
            }
            _ => Vec::new(),
        };
        outcomes.resize(asked, Err(SubmitError::Busy(self.config.submission_queue)));
        outcomes
    }

    fn unavailable(&self) -> SubmitError {
        let reason = match &*self.state.borrow() {
            EngineState::Stopped(Some(reason)) => reason.clone(),
            _ => "it is stopping".into(),
        };
        SubmitError::Unavailable(reason)
    }
}

impl TransactionSubmitter for LocalSubmitter {
    fn submit(&self, raw: Bytes) -> BoxFuture<'_, Outcome> {
        Box::pin(async move {
            let mut answers = self.submit_all(vec![raw]).await;
            answers.pop().unwrap_or_else(|| Err(self.unavailable()))
        })
    }

    fn submit_all(&self, raws: Vec<Bytes>) -> BoxFuture<'_, Vec<Outcome>> {
        Box::pin(async move {
            let outcomes = self.submit_checked(raws).await;
            for error in outcomes.iter().filter_map(|outcome| outcome.as_ref().err()) {
                metrics::counter!("cwe_engine_rejected_total", "reason" => error.reason()).increment(1);
            }
            outcomes
        })
    }
}

#[cfg(test)]
mod tests {
    use alloy::{eips::eip2718::Encodable2718, primitives::Bytes};

    use crate::{
        EngineConfig, SubmitError,
        testing::{CHAIN_ID, Home, Tx, manual},
    };

    fn raw(transaction: Tx) -> Bytes {
        transaction.sign(1).encoded_2718().into()
    }

    #[tokio::test]
    async fn transactions_submitted_together_are_answered_in_order_and_a_refused_one_stops_none() {
        let home = Home::new();
        let running = home.start(manual());
        let foreign = Tx {
            chain_id: 1,
            ..Tx::transfer(1)
        };
        let raws = vec![
            raw(Tx::transfer(0)),
            raw(foreign),
            raw(Tx::transfer(0)),
            raw(Tx::transfer(1)),
        ];
        let outcomes = running.chain.submit_all(raws).await;
        assert_eq!(
            outcomes,
            [
                Ok(Tx::transfer(0).sign(1).hash()),
                Err(SubmitError::WrongChainId {
                    have: 1,
                    want: CHAIN_ID
                }),
                Err(SubmitError::AlreadyKnown),
                Ok(Tx::transfer(1).sign(1).hash()),
            ]
        );
        assert_eq!(running.chain.pending().unwrap().len(), 2);
        assert_eq!(running.chain.submit_all(Vec::new()).await, []);
    }

    #[tokio::test]
    async fn what_finds_no_place_in_the_queue_is_refused_as_busy() {
        let home = Home::new();
        let running = home.start(EngineConfig {
            submission_queue: 2,
            ..manual()
        });
        let raws = (0..3).map(|nonce| raw(Tx::transfer(nonce))).collect();
        let outcomes = running.chain.submit_all(raws).await;
        assert_eq!(outcomes[2], Err(SubmitError::Busy(2)));
        assert!(outcomes[..2].iter().all(Result::is_ok), "{outcomes:?}");
        running.submit(&Tx::transfer(2).sign(1)).await.unwrap();
    }
}
