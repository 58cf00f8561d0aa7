//! A full node's way to take transactions: it hands them to the sequencer and relays the answer.

use std::time::Duration;

use alloy::{
    primitives::{B256, Bytes},
    providers::{DynProvider, Provider, ProviderBuilder},
    transports::RpcError,
};
use cwe_chain::{SubmitError, TransactionSubmitter};
use eyre::{Context, Result};
use futures::future::BoxFuture;
use tokio::sync::Semaphore;

/// Longest wait for the sequencer's answer.
const TIMEOUT: Duration = Duration::from_secs(10);

/// Most transactions on their way at once; more are refused, so that a slow sequencer fills no memory here.
const MAX_IN_FLIGHT: usize = 1_024;

/// Sends transactions to the sequencer's JSON-RPC.
#[derive(Debug)]
pub(crate) struct Forwarder {
    sequencer: DynProvider,
    in_flight: Semaphore,
}

impl Forwarder {
    /// A forwarder to the JSON-RPC at `url`. Connects when the first transaction comes.
    pub(crate) fn new(url: &str) -> Result<Self> {
        let url = url.parse().wrap_err("sequencer_url is not a URL")?;
        let sequencer = ProviderBuilder::new()
            .disable_recommended_fillers()
            .connect_http(url)
            .erased();
        Ok(Self {
            sequencer,
            in_flight: Semaphore::new(MAX_IN_FLIGHT),
        })
    }

    async fn forward(&self, raw: Bytes) -> Result<B256, SubmitError> {
        let Ok(_permit) = self.in_flight.try_acquire() else {
            return Err(SubmitError::Busy(MAX_IN_FLIGHT));
        };
        let answer = tokio::time::timeout(TIMEOUT, self.sequencer.send_raw_transaction(&raw)).await;
        match answer {
            Ok(Ok(pending)) => Ok(*pending.tx_hash()),
            Ok(Err(RpcError::ErrorResp(payload))) => Err(SubmitError::Upstream {
                code: payload.code,
                message: payload.message.into_owned(),
            }),
            // Transport errors quote the sequencer's URL: it stays in the log of this node.
            Ok(Err(error)) => {
                tracing::debug!(%error, "a transaction could not be forwarded");
                Err(SubmitError::Unavailable(
                    "this node does not reach it, try again".into(),
                ))
            }
            Err(_) => Err(SubmitError::Unavailable(format!(
                "no answer within {} s",
                TIMEOUT.as_secs()
            ))),
        }
    }
}

impl TransactionSubmitter for Forwarder {
    fn submit(&self, raw: Bytes) -> BoxFuture<'_, Result<B256, SubmitError>> {
        Box::pin(self.forward(raw))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn an_unreachable_sequencer_is_named_without_its_url() {
        let forwarder = Forwarder::new("http://127.0.0.1:9/key").unwrap();
        let error = forwarder.submit(Bytes::from_static(&[1])).await.unwrap_err();
        assert!(matches!(error, SubmitError::Unavailable(_)), "{error}");
        assert!(!error.to_string().contains("127.0.0.1"));
        assert!(Forwarder::new("not a url").is_err());
    }
}
