//! One request: deadline, repetition, errors with a name, and what it says about the L1's health.

use std::{future::Future, sync::atomic::Ordering, time::Duration};

use alloy::{
    providers::{DynProvider, Provider, ProviderBuilder, WsConnect},
    transports::{RpcError, TransportError, TransportErrorKind},
};
use metrics::{counter, gauge};
use tracing::{info, warn};

use super::{L1Client, refusal::is_momentary};
use crate::L1Error;

/// How often a request is tried before it counts as failed.
const ATTEMPTS: u32 = 3;

/// Pause before the second attempt; it doubles for each further one.
const FIRST_PAUSE: Duration = Duration::from_millis(200);

impl L1Client {
    /// Asks, within the deadline, again where that can help; `method` is for errors and metrics.
    pub(super) async fn request<T, F, A>(&self, method: &'static str, ask: F) -> Result<T, L1Error>
    where
        F: Fn(DynProvider) -> A,
        A: Future<Output = Result<T, TransportError>>,
    {
        let mut pause = FIRST_PAUSE;
        let mut attempt = 1;
        loop {
            let answer = self.attempt(method, &ask).await;
            self.note(method, &answer);
            match answer {
                Err(L1Error::Unreachable { .. }) if attempt < ATTEMPTS => {
                    tokio::time::sleep(pause).await;
                    pause *= 2;
                    attempt += 1;
                }
                answer => return answer,
            }
        }
    }

    async fn attempt<T, F, A>(&self, method: &'static str, ask: &F) -> Result<T, L1Error>
    where
        F: Fn(DynProvider) -> A,
        A: Future<Output = Result<T, TransportError>>,
    {
        let deadline = self.config.request_timeout;
        let answer = tokio::time::timeout(deadline, async { ask(self.provider().await?).await }).await;
        match answer {
            Ok(Ok(value)) => Ok(value),
            Ok(Err(error)) => {
                if matches!(&error, RpcError::Transport(TransportErrorKind::BackendGone)) {
                    // The WebSocket gave up reconnecting: open a new one next time.
                    *self.provider.write().await = None;
                }
                Err(self.error(method, error))
            }
            Err(_) => Err(self.unreachable(method, &format!("no answer within {} ms", deadline.as_millis()))),
        }
    }

    async fn provider(&self) -> Result<DynProvider, TransportError> {
        if let Some(provider) = self.provider.read().await.as_ref() {
            return Ok(provider.clone());
        }
        let mut slot = self.provider.write().await;
        if let Some(provider) = slot.as_ref() {
            return Ok(provider.clone());
        }
        let builder = ProviderBuilder::new().disable_recommended_fillers();
        let provider = if self.config.rpc_url.starts_with("ws") {
            builder
                .connect_ws(WsConnect::new(self.config.rpc_url.clone()))
                .await?
                .erased()
        } else {
            let url = reqwest::Url::parse(&self.config.rpc_url)
                .map_err(|error| TransportErrorKind::non_retryable_str(&error.to_string()))?;
            builder.connect_http(url).erased()
        };
        *slot = Some(provider.clone());
        Ok(provider)
    }

    fn error(&self, method: &'static str, error: TransportError) -> L1Error {
        match error {
            RpcError::ErrorResp(payload)
                if !(payload.is_retry_err() && is_momentary(payload.code, &payload.message)) =>
            {
                L1Error::Refused {
                    host: self.host.clone(),
                    method,
                    code: payload.code,
                    revert: payload.as_revert_data(),
                    message: payload.message.into_owned(),
                }
            }
            RpcError::NullResp => L1Error::Malformed {
                method,
                reason: "null".into(),
            },
            RpcError::SerError(error) | RpcError::DeserError { err: error, .. } => L1Error::Malformed {
                method,
                reason: error.to_string(),
            },
            other => self.unreachable(method, &other.to_string()),
        }
    }

    fn unreachable(&self, method: &'static str, reason: &str) -> L1Error {
        // Transport errors quote the URL, which may hold an access key.
        let url = self.config.rpc_url.as_str();
        let reason = reason
            .replace(url, &self.host)
            .replace(url.trim_end_matches('/'), &self.host);
        L1Error::Unreachable {
            host: self.host.clone(),
            method,
            reason,
        }
    }

    /// Counts the request and logs when the L1 goes down or comes back: once each, however many requests fail.
    fn note<T>(&self, method: &'static str, answer: &Result<T, L1Error>) {
        let down = matches!(answer, Err(L1Error::Unreachable { .. }));
        let outcome = if down {
            "unreachable"
        } else if answer.is_err() {
            "refused"
        } else {
            "ok"
        };
        counter!("cwe_l1_requests_total", "method" => method, "outcome" => outcome).increment(1);
        let turned = self
            .status
            .send_if_modified(|status| std::mem::replace(&mut status.up, !down) == down);
        if !turned {
            return;
        }
        gauge!("cwe_l1_up").set(if down { 0.0 } else { 1.0 });
        match answer {
            Err(error) if down => {
                self.checked.store(false, Ordering::Release);
                warn!(%error, "L1 is unreachable; L2 goes on without it");
            }
            _ => info!(host = %self.host, "L1 is reachable again"),
        }
    }
}
