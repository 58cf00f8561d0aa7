//! `POST /submissions`, and the relayer as a running program.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use alloy::primitives::U256;
use axum::{
    Json, Router,
    extract::{DefaultBodyLimit, Request, State},
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
    routing::post,
};
use cwe_sequencer::ops;
use cwe_service::{Running, body, ready_flag};
use cwe_usage_circuits::SPLIT_PROOF_BYTES;
use cwe_wallet::messages::SubmissionBody;
use eyre::{Result, WrapErr};
use metrics::{counter, gauge};
use tokio::{net::TcpListener, task::JoinSet};
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use crate::{
    Config,
    gate::{ChainGate, Gate},
    relay::{Accepted, Refusal, Relay},
};

/// A proof in hex and some words.
const MAX_BODY_BYTES: usize = 2 * SPLIT_PROOF_BYTES + 1024;
/// How long a body may take to arrive.
const BODY_TIMEOUT: Duration = Duration::from_secs(10);
/// When to come back to a relayer that is busy.
const RETRY_AFTER_SECS: &str = "5";
/// How often the account, and what it is owed, are looked at.
const ACCOUNT_INTERVAL: Duration = Duration::from_secs(30);

/// The routes.
pub fn router<G: Gate>(relay: Arc<Relay<G>>) -> Router {
    Router::new()
        .route("/submissions", post(submit::<G>))
        .layer(DefaultBodyLimit::max(MAX_BODY_BYTES))
        .with_state(relay)
}

async fn submit<G: Gate>(State(relay): State<Arc<Relay<G>>>, request: Request) -> Response {
    let outcome = match body::json::<SubmissionBody>(request, BODY_TIMEOUT).await {
        // In a task of its own: a sender that goes away must not cut off what was begun for it.
        Ok(body) => tokio::spawn(async move { relay.submit(&body).await })
            .await
            .unwrap_or_else(|_| Err(Refusal::Unavailable("the relayer failed; ask again".into()))),
        Err(reason) => Err(Refusal::Malformed(reason)),
    };
    answer(&outcome)
}

fn answer(outcome: &Result<Accepted, Refusal>) -> Response {
    let (name, status) = match outcome {
        Ok(Accepted { transaction: Some(_) }) => ("sent", StatusCode::OK),
        Ok(_) => ("known", StatusCode::OK),
        Err(Refusal::Malformed(_)) => ("malformed", StatusCode::BAD_REQUEST),
        Err(Refusal::Invalid(_)) => ("invalid", StatusCode::UNPROCESSABLE_ENTITY),
        Err(Refusal::Closed) => ("closed", StatusCode::GONE),
        Err(Refusal::Busy(_)) => ("busy", StatusCode::TOO_MANY_REQUESTS),
        Err(Refusal::Unavailable(_)) => ("unavailable", StatusCode::SERVICE_UNAVAILABLE),
    };
    counter!("relayer_submissions_total", "outcome" => name).increment(1);
    let body = match outcome {
        Ok(accepted) => serde_json::json!({ "status": name, "transaction": accepted.transaction }),
        Err(refusal) => serde_json::json!({ "status": name, "error": refusal.to_string() }),
    };
    let mut response = (status, Json(body)).into_response();
    if matches!(status, StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE) {
        let later = HeaderValue::from_static(RETRY_AFTER_SECS);
        response.headers_mut().insert(header::RETRY_AFTER, later);
    }
    response
}

/// Starts a relayer that stops with `shutdown`.
///
/// # Errors
/// The chain can't be reached, there is no key, or an address is taken.
pub async fn run(config: &Config, shutdown: CancellationToken) -> Result<Running> {
    let gate = ChainGate::connect(config).await?;
    let (ready, report) = ready_flag();
    let ops = ops::serve_with(config.ops.listen, report, Router::new(), shutdown.clone()).await?;
    let listener = TcpListener::bind(config.listen)
        .await
        .wrap_err_with(|| format!("can't listen on {}: choose another address", config.listen))?;
    let address = listener.local_addr().wrap_err("listen")?;
    let relay = Arc::new(Relay::new(gate.clone(), &config.limits));
    let router = router(relay.clone());
    let minimum = U256::from(config.account.min_balance_wei);
    let mut tasks = JoinSet::new();
    tasks.spawn(watch_account(gate, minimum, ready, shutdown.clone()));
    tasks.spawn(claim_refunds(relay, shutdown.clone()));
    let stop = shutdown.clone();
    tasks.spawn(async move {
        axum::serve(listener, router)
            .with_graceful_shutdown(stop.cancelled_owned())
            .await
            .wrap_err("the server failed")
    });
    info!(%address, "takes submissions");
    Ok(Running {
        address,
        ops,
        tasks,
        shutdown,
    })
}

async fn watch_account(
    gate: ChainGate,
    minimum: U256,
    ready: Arc<AtomicBool>,
    shutdown: CancellationToken,
) -> Result<()> {
    loop {
        match gate.balance().await {
            Ok(balance) => {
                let enough = balance >= minimum;
                if ready.swap(enough, Ordering::Relaxed) && !enough {
                    warn!(%balance, %minimum, "the account is nearly empty: send it CLN");
                }
                gauge!("relayer_balance_cln").set(f64::from(balance) / 1e18);
            }
            Err(error) => {
                ready.store(false, Ordering::Relaxed);
                warn!(%error, "the account can't be looked at");
            }
        }
        tokio::select! {
            () = shutdown.cancelled() => return Ok(()),
            () = tokio::time::sleep(ACCOUNT_INTERVAL) => {}
        }
    }
}

async fn claim_refunds<G: Gate>(relay: Arc<Relay<G>>, shutdown: CancellationToken) -> Result<()> {
    let mut first = 1;
    loop {
        match relay.claim_refunds(first).await {
            Ok(next) => first = next,
            Err(error) => warn!(%error, "what the account is owed can't be looked at"),
        }
        tokio::select! {
            () = shutdown.cancelled() => return Ok(()),
            () = tokio::time::sleep(ACCOUNT_INTERVAL) => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use axum::body::Body;
    use http_body_util::BodyExt;
    use tower::ServiceExt;

    use super::*;
    use crate::{
        config::LimitsSection,
        relay::tests::{FakeGate, body},
    };

    async fn post(text: Vec<u8>) -> (StatusCode, serde_json::Value) {
        let relay = Relay::new(Arc::new(FakeGate::default()), &LimitsSection::default());
        let request = Request::post("/submissions").header("content-type", "application/json");
        let response = router(Arc::new(relay))
            .oneshot(request.body(Body::from(text)).unwrap())
            .await
            .unwrap();
        let status = response.status();
        let bytes = response.into_body().collect().await.unwrap().to_bytes();
        (status, serde_json::from_slice(&bytes).unwrap())
    }

    #[tokio::test]
    async fn a_good_submission_is_answered_with_its_transaction() {
        let (status, answer) = post(serde_json::to_vec(&body(1)).unwrap()).await;
        assert_eq!(status, StatusCode::OK);
        assert_eq!(answer["status"], "sent");
        assert!(answer["transaction"].as_str().unwrap().starts_with("0x09"));
    }

    #[tokio::test]
    async fn bad_bodies_are_told_what_is_wrong() {
        let valid = serde_json::to_value(body(1)).unwrap();
        let mut unknown = valid.clone();
        unknown["sender"] = "me".into();
        let mut missing = valid.clone();
        missing.as_object_mut().unwrap().remove("proof");
        let mut alias = valid;
        alias["nullifier"] = format!("0x{}", "ff".repeat(32)).into();
        for (text, expected) in [
            (b"{".to_vec(), "EOF"),
            (unknown.to_string().into_bytes(), "sender"),
            (missing.to_string().into_bytes(), "proof"),
            (alias.to_string().into_bytes(), "nullifier"),
            (vec![b' '; MAX_BODY_BYTES + 1], "length limit"),
        ] {
            let (status, answer) = post(text).await;
            assert_eq!(status, StatusCode::BAD_REQUEST);
            assert!(answer["error"].as_str().unwrap().contains(expected), "{answer}");
        }
    }

    #[test]
    fn who_is_to_come_back_is_told_when() {
        let busy = answer(&Err(Refusal::Busy("busy")));
        assert_eq!(busy.status(), StatusCode::TOO_MANY_REQUESTS);
        assert_eq!(busy.headers()[header::RETRY_AFTER], RETRY_AFTER_SECS);
        assert_eq!(answer(&Err(Refusal::Closed)).status(), StatusCode::GONE);
        assert_eq!(
            answer(&Err(Refusal::Invalid("x"))).status(),
            StatusCode::UNPROCESSABLE_ENTITY
        );
    }
}
