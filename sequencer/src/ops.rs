//! `/health` (the process lives), `/ready` (it can serve), `/metrics` (Prometheus).

use std::{
    net::SocketAddr,
    sync::{Arc, OnceLock},
    time::Duration,
};

use axum::{
    Json, Router,
    extract::State,
    http::{StatusCode, header},
    response::{IntoResponse, Response},
    routing::get,
};
use cwe_bridge::L1Status;
use cwe_chain::{ChainHandle, EngineHandle};
use eyre::{Context, Result};
use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle};
use serde::Serialize;
use tokio::{net::TcpListener, sync::watch, task::JoinHandle};
use tokio_util::sync::CancellationToken;

/// How often the recorder folds histograms, so that they stay small when nobody scrapes.
const UPKEEP_INTERVAL: Duration = Duration::from_secs(5);

/// What `/ready` looks at.
#[derive(Clone)]
pub(crate) struct Readiness {
    pub(crate) chain: ChainHandle,
    /// The sequencer's engine; `None` on a full node.
    pub(crate) engine: Option<EngineHandle>,
    pub(crate) l1: watch::Receiver<L1Status>,
}

/// The answer of `/ready`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
struct Report {
    ready: bool,
    /// Newest L2 block.
    latest_block: u64,
    /// Newest L2 block that L1 is known to have.
    #[serde(skip_serializing_if = "Option::is_none")]
    target_block: Option<u64>,
    /// Whether the L1 answers. A sequencer serves without it.
    l1_up: bool,
    /// What is not ready.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    reasons: Vec<&'static str>,
}

impl Readiness {
    fn report(&self) -> Report {
        let l1 = *self.l1.borrow();
        let latest_block = self.chain.heads().latest;
        let engine_ready = self.engine.as_ref().map(EngineHandle::is_ready);
        let reasons = reasons(engine_ready, latest_block, l1.target_block);
        Report {
            ready: reasons.is_empty(),
            latest_block,
            target_block: l1.target_block,
            l1_up: l1.up,
            reasons,
        }
    }
}

fn reasons(engine_ready: Option<bool>, latest: u64, target: Option<u64>) -> Vec<&'static str> {
    let mut reasons = Vec::new();
    if engine_ready == Some(false) {
        reasons.push("the engine takes no transactions");
    }
    match (engine_ready, target) {
        (None, None) => reasons.push("L1 was not read yet since the start"),
        (None, Some(target)) if latest < target => reasons.push("blocks that L1 has are still being executed"),
        _ => {}
    }
    reasons
}

/// A running server.
#[derive(Debug)]
pub struct OpsServer {
    /// Where it listens.
    pub address: SocketAddr,
    /// Ends with the server.
    pub task: JoinHandle<()>,
}

/// What `/ready` answers: whether the program is ready, and the report.
pub type Ready = Arc<dyn Fn() -> (bool, serde_json::Value) + Send + Sync>;

/// Serves a node until `shutdown`.
pub(crate) async fn serve(listen: SocketAddr, readiness: Readiness, shutdown: CancellationToken) -> Result<OpsServer> {
    let ready = move || {
        let report = readiness.report();
        (report.ready, serde_json::to_value(&report).unwrap_or_default())
    };
    serve_with(listen, Arc::new(ready), Router::new(), shutdown).await
}

/// Serves `/health`, `/ready`, `/metrics` and the program's own `routes` until `shutdown`.
///
/// # Errors
/// The address can't be had.
pub async fn serve_with(
    listen: SocketAddr,
    ready: Ready,
    routes: Router,
    shutdown: CancellationToken,
) -> Result<OpsServer> {
    let metrics = recorder()?;
    let listener = TcpListener::bind(listen)
        .await
        .wrap_err_with(|| format!("can't listen on ops.listen = {listen}: choose another address"))?;
    let address = listener.local_addr().wrap_err("ops.listen")?;
    let router = Router::new()
        .route("/health", get(health))
        .route("/ready", get(answer_ready))
        .route("/metrics", get(render))
        .with_state(Arc::new(Shared {
            ready,
            metrics: metrics.clone(),
        }))
        .merge(routes);
    let task = tokio::spawn(async move {
        let stop = shutdown.clone();
        let server = axum::serve(listener, router).with_graceful_shutdown(stop.cancelled_owned());
        tokio::select! {
            outcome = server => if let Err(error) = outcome {
                tracing::error!(%error, "the ops server failed");
            },
            () = upkeep(metrics, shutdown) => {}
        }
    });
    Ok(OpsServer { address, task })
}

struct Shared {
    ready: Ready,
    metrics: PrometheusHandle,
}

async fn health() -> Response {
    Json(serde_json::json!({ "status": "ok", "version": env!("CARGO_PKG_VERSION") })).into_response()
}

async fn answer_ready(State(shared): State<Arc<Shared>>) -> Response {
    let (ready, report) = (shared.ready)();
    let status = if ready {
        StatusCode::OK
    } else {
        StatusCode::SERVICE_UNAVAILABLE
    };
    (status, Json(report)).into_response()
}

async fn render(State(shared): State<Arc<Shared>>) -> Response {
    (
        [(header::CONTENT_TYPE, "text/plain; version=0.0.4")],
        shared.metrics.render(),
    )
        .into_response()
}

async fn upkeep(metrics: PrometheusHandle, shutdown: CancellationToken) {
    while !shutdown.is_cancelled() {
        metrics.run_upkeep();
        tokio::select! {
            () = tokio::time::sleep(UPKEEP_INTERVAL) => {}
            () = shutdown.cancelled() => {}
        }
    }
    // The server ends by itself, after the requests under way.
    std::future::pending().await
}

/// Starts to record: metrics set before this are lost.
///
/// # Errors
/// Another recorder is there.
pub fn record_metrics() -> Result<()> {
    recorder().map(drop)
}

/// The process's recorder: several nodes in one process (a devnet) share it.
fn recorder() -> Result<PrometheusHandle> {
    static RECORDER: OnceLock<std::result::Result<PrometheusHandle, String>> = OnceLock::new();
    RECORDER
        .get_or_init(|| {
            PrometheusBuilder::new()
                .install_recorder()
                .map_err(|error| error.to_string())
        })
        .clone()
        .map_err(|error| eyre::eyre!("metrics can't be recorded: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sequencer_is_ready_when_its_engine_is() {
        assert!(reasons(Some(true), 5, Some(9)).is_empty());
        assert_eq!(reasons(Some(false), 5, None).len(), 1);
    }

    #[test]
    fn a_full_node_is_ready_when_it_has_all_blocks_of_l1() {
        assert!(reasons(None, 9, Some(9)).is_empty());
        assert_eq!(reasons(None, 9, None).len(), 1, "how far L1 is must be known");
        assert_eq!(reasons(None, 8, Some(9)).len(), 1);
    }
}
