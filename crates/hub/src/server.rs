//! The routes, and their description.

mod answer;
mod exchange;
mod parameters;

use std::{collections::BTreeSet, sync::Arc};

use alloy::primitives::{Address, B256};
use axum::{
    Json, Router,
    body::Bytes,
    extract::{DefaultBodyLimit, Path, Query as UrlQuery, State, rejection::PathRejection, rejection::QueryRejection},
    http::{Method, header},
    middleware,
    response::{IntoResponse, Response},
    routing::get,
};
use cwe_fingerprint::{Kind, Query, bucket::BucketPrefix};
use cwe_fingerprint_index::{Hit, IndexError};
use cwe_service::{Limits, Problem};
use tokio::{sync::Semaphore, task::spawn_blocking};
use tower_http::cors::{Any, CorsLayer};
use tracing::error;
use utoipa::OpenApi;
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::{
    api::{
        BucketBits, BucketWorks, Buckets, Creator, HubInfo, Published, Resolution, Resolved, SIGNATURE_HEADER,
        SearchPage, Work,
    },
    config::LimitsSection,
    indices::Indices,
    jws::HubSigner,
    publish,
    refusal::Refusal,
    search::{Cursor, Wanted},
    store::Store,
    views::{self, failed},
};
use answer::{Lasting, bytes, counted, json};
use parameters::{CreatorParameters, PageParameters, SearchParameters, id, kind_name};

/// Most works that an excerpt is said to be from.
const MAX_HITS: usize = 5;
/// How long browsers keep the answer to what they may ask of other sites, seconds.
const CORS_SECS: u64 = 86_400;

/// What the routes share.
pub struct Api {
    /// What is known.
    pub store: Store,
    /// What is found.
    pub indices: Arc<Indices>,
    /// Signs answers.
    pub signer: HubSigner,
    /// Chain id of the L2.
    pub chain_id: u64,
    /// `WorkRegistry` on it.
    pub registry: Address,
    limits: Limits,
    lookups: Arc<Semaphore>,
    /// Places of those that look up and those that wait.
    askers: Semaphore,
    uploads: Semaphore,
    room: Arc<Semaphore>,
    max_descriptor_bytes: usize,
}

impl Api {
    /// An API.
    pub fn new(
        store: Store,
        indices: Arc<Indices>,
        signer: HubSigner,
        (chain_id, registry): (u64, Address),
        limits: &LimitsSection,
    ) -> Self {
        Self {
            store,
            indices,
            signer,
            chain_id,
            registry,
            limits: Limits::new(limits.rates()),
            lookups: Arc::new(Semaphore::new(limits.lookups as usize)),
            askers: Semaphore::new(limits.lookups as usize + limits.waiting_lookups as usize),
            uploads: Semaphore::new(limits.uploads as usize),
            room: Arc::new(Semaphore::new(limits.body_bytes as usize)),
            max_descriptor_bytes: limits.max_descriptor_bytes as usize,
        }
    }

    /// Asks an index, outside the threads that serve, when there is a place. A lookup whose asker went away keeps its
    /// place to its end; one that still waits ends with its asker.
    async fn look_up<T: Send + 'static>(
        &self,
        ask: impl FnOnce(&Indices) -> Result<T, Refusal> + Send + 'static,
    ) -> Result<T, Refusal> {
        let _asker = self.askers.try_acquire().map_err(|_| Refusal::Busy)?;
        let place = self.lookups.clone().acquire_owned().await;
        let place = place.map_err(|_| Refusal::Unavailable)?;
        let indices = self.indices.clone();
        let asked = spawn_blocking(move || {
            let _place = place;
            ask(&indices)
        });
        asked.await.map_err(|_| Refusal::Unavailable)?
    }
}

#[derive(OpenApi)]
#[openapi(info(
    title = "CWE discovery hub",
    description = "Works of the registry: what they are, what they cost, and which one is playing. Every answer is \
                   signed: `cwe-jws` is a detached JWS over the body. No cookies, no accounts, no logs of requests."
))]
struct Description;

/// The routes, and `GET /openapi.json`, which describes them.
pub fn router(api: Arc<Api>) -> Router {
    let (router, description) = described().split_for_parts();
    let cors = CorsLayer::new()
        .allow_origin(Any)
        .allow_methods([Method::GET, Method::HEAD, Method::POST])
        .allow_headers([header::CONTENT_TYPE, header::IF_NONE_MATCH])
        .expose_headers([
            SIGNATURE_HEADER.parse().unwrap_or(header::WARNING),
            header::ETAG,
            header::RETRY_AFTER,
        ])
        .max_age(std::time::Duration::from_secs(CORS_SECS));
    router
        .route("/openapi.json", get(async move || Json(description)))
        .fallback(async || counted("none", Err(Refusal::NoRoute)))
        .method_not_allowed_fallback(async || counted("none", Err(Refusal::NoRoute)))
        // Bodies are read and bounded before the routes.
        .layer(DefaultBodyLimit::disable())
        .layer(middleware::from_fn_with_state(api.clone(), exchange::signed))
        .layer(cors)
        .with_state(api)
}

fn described() -> OpenApiRouter<Arc<Api>> {
    OpenApiRouter::with_openapi(Description::openapi())
        .routes(routes!(post_manifest))
        .routes(routes!(put_descriptor, get_descriptor))
        .routes(routes!(get_work))
        .routes(routes!(get_manifest))
        .routes(routes!(get_creator))
        .routes(routes!(search))
        .routes(routes!(resolve))
        .routes(routes!(buckets))
        .routes(routes!(bucket))
        .routes(routes!(bucket_works))
        .routes(routes!(info))
}

/// Takes a manifest in canonical JSON.
///
/// It is kept when a registered version has its id, and is by its creator. Sending it again changes nothing.
#[utoipa::path(
    post,
    path = "/manifests",
    request_body(content = String, content_type = "application/json"),
    responses(
        (status = 200, description = "it is durable and can be found", body = Published),
        (status = 409, description = "no registered version has it; or the hub has not read that block yet", body = Problem),
        (status = 422, description = "it breaks a rule, or is not what the chain has", body = Problem),
        (status = 429, description = "too many at once", body = Problem),
    )
)]
async fn post_manifest(State(api): State<Arc<Api>>, body: Bytes) -> Response {
    let outcome = match api.uploads.try_acquire() {
        Ok(_place) => publish::manifest(&api.store, &api.indices, body.into()).await,
        Err(_) => Err(Refusal::Busy),
    };
    counted("manifests", outcome.map(json))
}

/// Takes a descriptor, encoded as docs/FINGERPRINTS.md describes.
///
/// It is kept when a registered version has its hash and its FP_ID. Sending it again changes nothing.
#[utoipa::path(
    put,
    path = "/descriptors/{fp_hash}",
    params(("fp_hash" = String, Path, description = "its SHA-256, 32 bytes, hex")),
    request_body(content = Vec<u8>, content_type = "application/octet-stream"),
    responses(
        (status = 200, description = "it is durable and can be found; works that are like it", body = Published),
        (status = 400, description = "malformed", body = Problem),
        (status = 409, description = "no registered version has it; or the hub has not read that block yet", body = Problem),
        (status = 422, description = "its hash or FP_ID is another one", body = Problem),
        (status = 429, description = "too many at once", body = Problem),
    )
)]
async fn put_descriptor(
    State(api): State<Arc<Api>>,
    path: Result<Path<String>, PathRejection>,
    body: Bytes,
) -> Response {
    let outcome = match (api.uploads.try_acquire(), id(path, "fp_hash")) {
        (Ok(_place), Ok(fp_hash)) => publish::descriptor(&api.store, &api.indices, fp_hash, body.into()).await,
        (Err(_), _) => Err(Refusal::Busy),
        (_, Err(refusal)) => Err(refusal),
    };
    counted("descriptors", outcome.map(json))
}

/// A descriptor, encoded as docs/FINGERPRINTS.md describes.
#[utoipa::path(
    get,
    path = "/descriptors/{fp_hash}",
    params(("fp_hash" = String, Path, description = "its SHA-256, 32 bytes, hex")),
    responses(
        (status = 200, description = "the descriptor", body = Vec<u8>, content_type = "application/octet-stream"),
        (status = 404, description = "not here", body = Problem),
    )
)]
async fn get_descriptor(State(api): State<Arc<Api>>, path: Result<Path<String>, PathRejection>) -> Response {
    let outcome = async {
        let fp_hash = id(path, "fp_hash")?;
        let found = api.store.descriptor(fp_hash).await.map_err(failed)?;
        let found = found.ok_or(Refusal::NotFound("this descriptor is not here"))?;
        Ok(bytes(
            found,
            "application/octet-stream",
            &fp_hash.to_string(),
            Lasting::Forever,
        ))
    };
    counted("descriptor", outcome.await)
}

/// A work with all that the chain says of it.
#[utoipa::path(
    get,
    path = "/works/{id}",
    params(("id" = String, Path, description = "the work, 32 bytes, hex")),
    responses(
        (status = 200, description = "versions, terms, status, look-alikes", body = Work),
        (status = 404, description = "not registered", body = Problem),
    )
)]
async fn get_work(State(api): State<Arc<Api>>, path: Result<Path<String>, PathRejection>) -> Response {
    let outcome = match id(path, "id") {
        Ok(work) => views::work(&api.store, work).await,
        Err(refusal) => Err(refusal),
    };
    counted("work", outcome.map(json))
}

/// The manifest of the version that applies now, canonical JSON.
#[utoipa::path(
    get,
    path = "/works/{id}/manifest",
    params(("id" = String, Path, description = "the work, 32 bytes, hex")),
    responses(
        (status = 200, description = "the manifest", body = String, content_type = "application/json"),
        (status = 404, description = "not here", body = Problem),
    )
)]
async fn get_manifest(State(api): State<Arc<Api>>, path: Result<Path<String>, PathRejection>) -> Response {
    let outcome = async {
        let work = id(path, "id")?;
        let epoch = api.store.epoch().await.map_err(failed)?;
        let found = api.store.manifest_at(work, epoch).await.map_err(failed)?;
        let found = found.ok_or(Refusal::NotFound("no manifest of this work is here"))?;
        let tag = found.manifest_id.to_string();
        Ok(bytes(found.json, "application/json", &tag, Lasting::Minutes))
    };
    counted("manifest", outcome.await)
}

/// A creator and its works.
#[utoipa::path(
    get,
    path = "/creators/{id}",
    params(("id" = String, Path, description = "the creator, 32 bytes, hex"), CreatorParameters),
    responses(
        (status = 200, description = "its key, metadata and works", body = Creator),
        (status = 404, description = "not registered", body = Problem),
    )
)]
async fn get_creator(
    State(api): State<Arc<Api>>,
    path: Result<Path<String>, PathRejection>,
    parameters: Result<UrlQuery<CreatorParameters>, QueryRejection>,
) -> Response {
    let outcome = async {
        let creator = id(path, "id")?;
        let (after, limit) = parameters::creator(parameters)?;
        views::creator(&api.store, creator, after, limit).await
    };
    counted("creator", outcome.await.map(json))
}

/// Works by the words of their titles, tags and descriptions.
///
/// Every word, tag and type given must apply. No word is an operator.
#[utoipa::path(
    get,
    path = "/search",
    params(SearchParameters),
    responses(
        (status = 200, description = "a page of works", body = SearchPage),
        (status = 400, description = "a parameter can't be", body = Problem),
        (status = 429, description = "too many at once", body = Problem),
    )
)]
async fn search(
    State(api): State<Arc<Api>>,
    parameters: Result<UrlQuery<SearchParameters>, QueryRejection>,
) -> Response {
    let outcome = async {
        let (wanted, after, limit) = parameters::search(parameters)?;
        found_page(&api, wanted, after, limit).await
    };
    counted("search", outcome.await.map(json))
}

async fn found_page(api: &Api, wanted: Wanted, after: Option<Cursor>, limit: u32) -> Result<SearchPage, Refusal> {
    let page = api.look_up(move |indices| {
        let page = indices.search.search(&wanted, after, limit as usize);
        page.map_err(|failure| {
            error!(error = %failure, "the search index fails");
            Refusal::Unavailable
        })
    });
    let page = page.await?;
    let epoch = api.store.epoch().await.map_err(failed)?;
    let mut works = Vec::with_capacity(page.works.len());
    for work in page.works {
        // The index may be a moment behind a status.
        works.extend(views::found_work(&api.store, work, epoch).await?);
    }
    let next = page.next.map(Cursor::to_text);
    Ok(SearchPage { works, next })
}

/// Which work an excerpt is from, and what it costs.
///
/// The hub learns what is being listened to, though not by whom. `GET /buckets` is the way that tells it less.
#[utoipa::path(
    post,
    path = "/resolve",
    request_body(content = Vec<u8>, content_type = "application/octet-stream",
        description = "the excerpt's query, encoded as docs/FINGERPRINTS.md describes"),
    responses(
        (status = 200, description = "works; none when it is none of those here", body = Resolution),
        (status = 400, description = "malformed", body = Problem),
        (status = 429, description = "too many at once", body = Problem),
    )
)]
async fn resolve(State(api): State<Arc<Api>>, body: Bytes) -> Response {
    let outcome = async {
        let query = Query::decode(&body)?;
        let hits = api.look_up(move |indices| indices.fingerprints.query(&query, MAX_HITS).map_err(index_failed));
        resolved(&api, hits.await?).await
    };
    counted("resolve", outcome.await.map(json))
}

async fn resolved(api: &Api, hits: Vec<Hit>) -> Result<Resolution, Refusal> {
    let epoch = api.store.epoch().await.map_err(failed)?;
    let mut works = Vec::with_capacity(hits.len());
    for Hit { work, matched } in hits {
        if let Some(work) = views::found_work(&api.store, work.0.into(), epoch).await? {
            works.push(Resolved {
                work,
                score_ppm: matched.score_ppm,
                offset_ms: matched.offset_ms,
                speed_ppm: matched.speed_ppm,
            });
        }
    }
    Ok(Resolution { works })
}

/// How long the prefixes of buckets are, so that each bucket is a crowd.
#[utoipa::path(
    get,
    path = "/buckets",
    responses((status = 200, description = "bits by kind", body = Buckets))
)]
async fn buckets(State(api): State<Arc<Api>>) -> Response {
    let told = api.look_up(|indices| {
        let index = &indices.fingerprints;
        let bits = |kind| {
            let bits = index.bucket_bits(kind).map_err(index_failed)?;
            Ok(BucketBits {
                kind: kind_name(kind).into(),
                bits,
            })
        };
        Ok(Buckets {
            kinds: Kind::ALL.into_iter().map(bits).collect::<Result<_, Refusal>>()?,
            works: index.works().map_err(index_failed)?,
        })
    });
    counted("buckets", told.await.map(json))
}

/// A page of a bucket: works among which the asker finds its own.
///
/// The hub learns that somebody listens to one of the works of the bucket.
#[utoipa::path(
    get,
    path = "/buckets/{prefix}",
    params(
        ("prefix" = String, Path, description = "kind, bits and prefix, such as `a12-0fc`"),
        PageParameters,
    ),
    responses(
        (status = 200, description = "the page, encoded as docs/FINGERPRINTS.md describes", body = Vec<u8>,
            content_type = "application/octet-stream"),
        (status = 400, description = "no prefix, or one that is too long", body = Problem),
        (status = 404, description = "no such page", body = Problem),
        (status = 429, description = "too many at once", body = Problem),
    )
)]
async fn bucket(
    State(api): State<Arc<Api>>,
    path: Result<Path<String>, PathRejection>,
    parameters: Result<UrlQuery<PageParameters>, QueryRejection>,
) -> Response {
    let outcome = async {
        let prefix: BucketPrefix = parameters::named(path)?.parse()?;
        let page = parameters::page(parameters)?;
        let blacklisted = api.store.blacklisted().await.map_err(failed)?;
        let encoded = api.look_up(move |indices| {
            let mut bucket = indices.fingerprints.bucket(prefix, page).map_err(index_failed)?;
            bucket
                .entries
                .retain(|entry| !blacklisted.contains(&B256::from(entry.work.0)));
            bucket.encode().map_err(|failure| {
                error!(error = %failure, "a bucket can't be encoded");
                Refusal::Unavailable
            })
        });
        let encoded = encoded.await?;
        let tag = answer::digest_tag(&encoded);
        Ok(bytes(encoded, "application/octet-stream", &tag, Lasting::Minutes))
    };
    counted("bucket", outcome.await)
}

/// What the works of a bucket's page are called and cost: who found one of them need not ask for it by its name.
#[utoipa::path(
    get,
    path = "/buckets/{prefix}/works",
    params(
        ("prefix" = String, Path, description = "kind, bits and prefix, such as `a12-0fc`"),
        PageParameters,
    ),
    responses(
        (status = 200, description = "the works, by id", body = BucketWorks),
        (status = 400, description = "no prefix, or one that is too long", body = Problem),
        (status = 404, description = "no such page", body = Problem),
        (status = 429, description = "too many at once", body = Problem),
    )
)]
async fn bucket_works(
    State(api): State<Arc<Api>>,
    path: Result<Path<String>, PathRejection>,
    parameters: Result<UrlQuery<PageParameters>, QueryRejection>,
) -> Response {
    let outcome = async {
        let prefix: BucketPrefix = parameters::named(path)?.parse()?;
        let page = parameters::page(parameters)?;
        let found = api.look_up(move |indices| {
            let bucket = indices.fingerprints.bucket(prefix, page).map_err(index_failed)?;
            let works = bucket.entries.iter().map(|entry| B256::from(entry.work.0));
            Ok(works.collect::<BTreeSet<_>>())
        });
        let found = found.await?;
        let blacklisted = api.store.blacklisted().await.map_err(failed)?;
        let epoch = api.store.epoch().await.map_err(failed)?;
        let mut works = Vec::with_capacity(found.len());
        for work in found.into_iter().filter(|work| !blacklisted.contains(work)) {
            works.extend(views::found_work(&api.store, work, epoch).await?);
        }
        Ok(BucketWorks { works })
    };
    counted("bucket_works", outcome.await.map(json))
}

/// The hub: its key, its chain, how far it has read.
#[utoipa::path(
    get,
    path = "/.well-known/cwe-hub.json",
    responses((status = 200, description = "the hub", body = HubInfo))
)]
async fn info(State(api): State<Arc<Api>>) -> Response {
    let outcome = async {
        let block = api.store.tip().await.map_err(failed)?;
        Ok(HubInfo {
            version: env!("CARGO_PKG_VERSION").into(),
            chain_id: api.chain_id,
            registry: api.registry,
            key: api.signer.key().jwk().clone(),
            block: block.map_or(0, |block| block.number),
            epoch: api.store.epoch().await.map_err(failed)?,
            works: api.store.count_works().await.map_err(failed)?,
        })
    };
    counted("info", outcome.await.map(json))
}

/// What the asker can do something about; the rest is for the operator, and names nothing of the question.
fn index_failed(failure: IndexError) -> Refusal {
    match failure {
        IndexError::PrefixTooLong { limit, .. } => Refusal::PrefixTooLong(limit),
        IndexError::NoSuchPage { .. } => Refusal::NotFound("the bucket has no such page"),
        failure => {
            error!(error = %failure, "the fingerprint index fails");
            Refusal::Unavailable
        }
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        self.answer()
    }
}

#[cfg(test)]
mod tests;
