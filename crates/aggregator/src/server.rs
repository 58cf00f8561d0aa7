//! The routes, and their description.

use std::{sync::Arc, time::Duration};

use alloy::primitives::B256;
use axum::{
    Json, Router,
    extract::{ConnectInfo, DefaultBodyLimit, Path, Request, State, rejection::PathRejection},
    http::StatusCode,
    response::{IntoResponse, Response},
    routing::get,
};
use cwe_service::{From, Group, Problem, body};
use cwe_wallet::messages::RevealBody;
use metrics::counter;
use tokio::sync::Semaphore;
use utoipa::{OpenApi, ToSchema};
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::{
    ingress::Ingress,
    peers::{self, Peers},
    receipt::Receipt,
    refusal::Refusal,
    state::{Roots, StateBody},
    status::{EpochStatus, Statuses},
    tries::NullifierProof,
};

/// A Reveal proof in hex and some words.
const MAX_BODY_BYTES: usize = 8 << 10;
/// How long a body may take to arrive.
const BODY_TIMEOUT: Duration = Duration::from_secs(10);
/// Proofs of nullifiers that are made at the same time: each goes through a whole state.
const PROVERS: usize = 1;

/// What the routes share.
pub struct Api {
    /// Takes reveals.
    pub ingress: Ingress,
    /// What is told of epochs.
    pub statuses: Arc<Statuses>,
    /// What peers may ask and hand over.
    pub peers: Peers,
    provers: Semaphore,
}

impl Api {
    /// An API.
    pub const fn new(ingress: Ingress, statuses: Arc<Statuses>, peers: Peers) -> Self {
        Self {
            ingress,
            statuses,
            peers,
            provers: Semaphore::const_new(PROVERS),
        }
    }

    fn admit(&self, request: &Request) -> Result<(), Refusal> {
        let group = request.extensions().get::<ConnectInfo<From>>().map(|info| info.0.0);
        self.admit_group(group)
    }

    fn admit_group(&self, group: Option<Group>) -> Result<(), Refusal> {
        self.ingress.admits(group).then_some(()).ok_or(Refusal::Busy)
    }

    fn answer<T: serde::Serialize>(&self, route: &'static str, outcome: Result<T, Refusal>) -> Response {
        let code = outcome.as_ref().map_or_else(Refusal::code, |_| "ok");
        counter!("cwe_aggregator_requests_total", "route" => route, "outcome" => code).increment(1);
        match outcome {
            Ok(body) => (StatusCode::OK, Json(body)).into_response(),
            Err(refusal) => refusal.answer(self.ingress.now_secs()),
        }
    }
}

#[derive(OpenApi)]
#[openapi(info(
    title = "CWE aggregation coordinator",
    description = "Takes anonymous reveals, gives signed receipts, shows what became of them. No cookies, no accounts, \
                   no tokens for users; docs/PROTOCOL.md says what each request carries."
))]
struct Description;

/// The routes, and `GET /openapi.json`, which describes them.
pub fn router(api: Arc<Api>) -> Router {
    let (router, description) = described().split_for_parts();
    router
        .route("/openapi.json", get(async move || Json(description)))
        .with_state(api)
}

fn described() -> OpenApiRouter<Arc<Api>> {
    let public = OpenApiRouter::with_openapi(Description::openapi())
        .routes(routes!(ingress))
        .routes(routes!(batch_status))
        .routes(routes!(nullifier_proof))
        .routes(routes!(state))
        .layer(DefaultBodyLimit::max(MAX_BODY_BYTES));
    let submissions = OpenApiRouter::new()
        .routes(routes!(submit_rollup))
        .layer(DefaultBodyLimit::max(peers::MAX_BODY_BYTES));
    public.merge(submissions)
}

/// A reveal, as wallets send it.
#[derive(ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[expect(
    dead_code,
    reason = "describes RevealBody of cwe-wallet; a test compares their fields"
)]
struct Reveal {
    /// The epoch.
    epoch: u64,
    /// 32 bytes, hex.
    tier_id: String,
    /// 32 bytes, hex.
    work_id: String,
    /// Hundredths of the fee.
    #[schema(minimum = 1, maximum = 100)]
    units: u8,
    /// Micro-CLN a minute, decimal, without sign or leading zeros.
    price_per_min: String,
    /// Factor of the work's region rule, parts per million.
    region_ppm: u32,
    /// Root of the epoch's final note tree; 32 bytes, hex.
    note_root: String,
    /// `nf_note`; 32 bytes, hex.
    nullifier: String,
    /// The Reveal proof; 3 424 bytes, hex.
    proof: String,
}

/// Takes a reveal.
///
/// 400, 409, 410 and 422 are final; everything else but 200 means: later, the same bytes again.
#[utoipa::path(
    post,
    path = "/ingress",
    request_body = Reveal,
    responses(
        (status = 200, description = "the reveal is durable, now or before: the promise to aggregate it", body = Receipt),
        (status = 400, description = "malformed", body = Problem),
        (status = 409, description = "another record with this nullifier was accepted", body = Problem),
        (status = 410, description = "the reveal window is over", body = Problem),
        (status = 422, description = "not of this epoch, or the proof does not hold", body = Problem),
        (status = 425, description = "the reveal window has not begun", body = Problem),
        (status = 429, description = "too many at once", body = Problem),
        (status = 503, description = "not now", body = Problem),
    )
)]
async fn ingress(State(api): State<Arc<Api>>, request: Request) -> Response {
    let outcome = match api.admit(&request) {
        Ok(()) => match read::<RevealBody>(request).await {
            Ok(body) => api.ingress.take(body).await,
            Err(refusal) => Err(refusal),
        },
        Err(refusal) => Err(refusal),
    };
    api.answer("ingress", outcome)
}

/// How far an epoch is.
#[utoipa::path(
    get,
    path = "/batch_status/{epoch}",
    params(("epoch" = u64, Path, description = "the epoch")),
    responses(
        (status = 200, description = "counts, states and windows", body = EpochStatus),
        (status = 404, description = "not an epoch that is followed", body = Problem),
        (status = 429, description = "too many at once", body = Problem),
    )
)]
async fn batch_status(
    State(api): State<Arc<Api>>,
    path: Result<Path<u64>, PathRejection>,
    request: Request,
) -> Response {
    let outcome = api.admit(&request).and_then(|()| {
        let epoch = named(path)?;
        let status = api.statuses.get(epoch);
        status
            .map(|status| status.told)
            .ok_or(Refusal::NotFound("this epoch is not followed here"))
    });
    api.answer("batch_status", outcome)
}

/// Whether a nullifier is in a state, with the proof of it.
#[derive(Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct NullifierAnswer {
    /// The state: the one that the epoch was settled on, or the best one so far.
    #[serde(flatten)]
    pub roots: Roots,
    /// Whether it has the nullifier.
    pub included: bool,
    /// Shows it.
    pub proof: NullifierProof,
}

/// Shows that a nullifier is in the state that the epoch was settled on, or in the best one so far, or that it is not.
#[utoipa::path(
    get,
    path = "/proof/{epoch}/{nullifier}",
    params(
        ("epoch" = u64, Path, description = "the epoch"),
        ("nullifier" = String, Path, description = "32 bytes, hex"),
    ),
    responses(
        (status = 200, description = "the proof", body = NullifierAnswer),
        (status = 404, description = "the data of this epoch's state is not here", body = Problem),
        (status = 429, description = "too many at once", body = Problem),
    )
)]
async fn nullifier_proof(
    State(api): State<Arc<Api>>,
    path: Result<Path<(u64, B256)>, PathRejection>,
    request: Request,
) -> Response {
    let outcome = match api.admit(&request).and_then(|()| named(path)) {
        Ok((epoch, nullifier)) => prove(&api, epoch, nullifier).await,
        Err(refusal) => Err(refusal),
    };
    api.answer("proof", outcome)
}

async fn prove(api: &Api, epoch: u64, nullifier: B256) -> Result<NullifierAnswer, Refusal> {
    let missing = Refusal::NotFound("the data of this epoch's state is not here");
    let shown = api
        .statuses
        .get(epoch)
        .and_then(|status| status.shown().cloned())
        .ok_or(missing)?;
    let _place = api.provers.try_acquire().map_err(|_| Refusal::Busy)?;
    let made = tokio::task::spawn_blocking(move || NullifierAnswer {
        roots: shown.roots,
        included: shown.state.nullifiers.contains(&nullifier),
        proof: NullifierProof::new(&shown.state.nullifiers, nullifier),
    });
    made.await.map_err(|_| Refusal::Unavailable)
}

/// A state, for peers: whoever reads it computes its roots again.
#[utoipa::path(
    get,
    path = "/states/{epoch}/{nullifierRoot}/{totalsRoot}",
    params(
        ("epoch" = u64, Path, description = "the epoch"),
        ("nullifierRoot" = String, Path, description = "32 bytes, hex"),
        ("totalsRoot" = String, Path, description = "32 bytes, hex"),
        ("Authorization" = String, Header, description = "`Bearer` and a peer's token"),
    ),
    responses(
        (status = 200, description = "its nullifiers and totals", body = StateBody),
        (status = 401, description = "not a peer", body = Problem),
        (status = 404, description = "not here", body = Problem),
    )
)]
async fn state(
    State(api): State<Arc<Api>>,
    path: Result<Path<(u64, B256, B256)>, PathRejection>,
    request: Request,
) -> Response {
    let outcome = match api.peers.check(request.headers()).and_then(|()| named(path)) {
        Ok((epoch, nullifier_root, totals_root)) => {
            let roots = Roots {
                nullifier_root,
                totals_root,
            };
            api.peers.state(epoch, roots).await
        }
        Err(refusal) => Err(refusal),
    };
    api.answer("states", outcome)
}

/// Takes a finished aggregate from a peer, made for this coordinator's address, to post it.
#[utoipa::path(
    post,
    path = "/submit_rollup",
    params(("Authorization" = String, Header, description = "`Bearer` and a peer's token")),
    request_body = peers::RollupBody,
    responses(
        (status = 200, description = "it is kept, to be posted", body = peers::RollupAccepted),
        (status = 401, description = "not a peer", body = Problem),
        (status = 422, description = "it does not recompute to its roots", body = Problem),
    )
)]
async fn submit_rollup(State(api): State<Arc<Api>>, request: Request) -> Response {
    let outcome = match api.peers.check(request.headers()) {
        Ok(()) => match read(request).await {
            Ok(body) => api.peers.take(body).await,
            Err(refusal) => Err(refusal),
        },
        Err(refusal) => Err(refusal),
    };
    api.answer("submit_rollup", outcome)
}

fn named<T>(path: Result<Path<T>, PathRejection>) -> Result<T, Refusal> {
    path.map(|Path(names)| names)
        .map_err(|error| Refusal::Body(error.body_text()))
}

async fn read<T: serde::de::DeserializeOwned>(request: Request) -> Result<T, Refusal> {
    body::json(request, BODY_TIMEOUT).await.map_err(Refusal::Body)
}

#[cfg(test)]
mod tests;
