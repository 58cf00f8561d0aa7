#![allow(clippy::unwrap_used, reason = "only tests call it")]

use std::{sync::Arc, time::Duration};

use alloy::primitives::Address;
use axum::{
    Router,
    extract::Request,
    response::{IntoResponse, Response},
};
use cwe_fingerprint_index::Options;
use tower::ServiceExt;

use super::*;
use crate::{
    config::LimitsSection,
    indices::Indices,
    jws::HubSigner,
    server::{Api, router},
    store::Store,
    testing::{self, EPOCH, TestWork, apply, creator_key, excerpt},
};

const CHAIN_ID: u64 = 31_337;
const TIMEOUT: Duration = Duration::from_secs(10);

struct Hub {
    router: Router,
    store: Store,
    _folder: tempfile::TempDir,
}

async fn hub() -> Hub {
    let folder = tempfile::tempdir().unwrap();
    let store = testing::store(&folder).await;
    let options = Options {
        max_size_bytes: 64 << 20,
        growth_step_bytes: 1 << 20,
        ..Options::default()
    };
    let indices = Indices::open(store.clone(), folder.path(), &options).await.unwrap();
    let signer = HubSigner::new(creator_key(9));
    let chain = (CHAIN_ID, Address::with_last_byte(8));
    let api = Api::new(
        store.clone(),
        Arc::new(indices),
        signer,
        chain,
        &LimitsSection::default(),
    );
    Hub {
        router: router(Arc::new(api)),
        store,
        _folder: folder,
    }
}

/// Serves a router under a path, as a proxy before a hub does.
async fn serve(router: Router) -> String {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let nested = Router::new().nest_service("/hub", router);
    tokio::spawn(async move { axum::serve(listener, nested).await.unwrap() });
    format!("http://{address}/hub")
}

async fn connect(url: &str) -> Result<HubClient, ClientError> {
    HubClient::connect(url, Trust::FirstSeen, CHAIN_ID, TIMEOUT).await
}

#[tokio::test]
async fn a_client_publishes_and_recognises_either_way() {
    let hub = hub().await;
    let client = connect(&serve(hub.router.clone()).await).await.unwrap();
    let work = TestWork::new(1, "Night river", &["calm"]);
    let early = client
        .publish_manifest(&work.manifest, Duration::ZERO)
        .await
        .unwrap_err();
    assert!(early.is_refusal("not_registered"), "{early}");
    apply(&hub.store, 1, EPOCH, work.events(EPOCH)).await;
    let published = client.publish_manifest(&work.manifest, Duration::ZERO).await.unwrap();
    assert_eq!(published.work_ids, [work.id]);
    let fp_hash = work.content().fp_hash;
    client
        .publish_descriptor(fp_hash, work.descriptor(), Duration::ZERO)
        .await
        .unwrap();

    let query = excerpt(&work.sound, 20_000);
    assert_eq!(client.resolve(&query).await.unwrap()[0].work.work_id, work.id);
    let private = client.identify_privately(&query).await.unwrap();
    assert_eq!(private.found[0].work.work_id, work.id);
    assert_eq!(private.asked.len(), 1, "one bucket, which is everything");
    let own = |entry: &BucketEntry| entry.work.0 == work.id.0;
    assert!(!private.found[0].entries.is_empty() && private.found[0].entries.iter().all(own));
    let none = client
        .identify_privately(&excerpt(&testing::sound(99), 0))
        .await
        .unwrap();
    assert!(none.found.is_empty() && none.asked.len() <= MAX_BUCKETS);
    assert_eq!(client.work(work.id).await.unwrap().version, 1);
    assert_eq!(client.manifest(work.id).await.unwrap(), work.manifest);
    let page = client.search("night & \"river\"", &["calm"], None).await.unwrap();
    assert_eq!(page.works[0].work_id, work.id);
    let missing = client.creator(work.creator).await.unwrap_err();
    assert!(missing.is_refusal("not_found"), "{missing}");
}

#[tokio::test]
async fn another_key_or_chain_is_noticed() {
    let hub = hub().await;
    let url = serve(hub.router.clone()).await;
    let key = connect(&url).await.unwrap().key().clone();
    let pinned = |key| HubClient::connect(&url, Trust::Pinned(Box::new(key)), CHAIN_ID, TIMEOUT);
    pinned(key).await.unwrap();
    let other = HubSigner::new(creator_key(3)).key().clone();
    let refused = pinned(other).await.unwrap_err();
    assert!(
        matches!(refused, ClientError::Signature(SignatureError::OtherKey { .. })),
        "{refused}"
    );
    let refused = HubClient::connect(&url, Trust::FirstSeen, 1, TIMEOUT)
        .await
        .unwrap_err();
    assert!(
        matches!(refused, ClientError::OtherChain { found: CHAIN_ID, .. }),
        "{refused}"
    );
    for url in ["ftp://x", "hub", "http://me:secret@hub", "http://hub/?a=b"] {
        assert!(matches!(connect(url).await, Err(ClientError::Url(_))), "{url}");
    }
}

/// Something between hub and client that answers `GET /works/…` its own way.
async fn meddled(router: Router, meddle: impl Fn(Response) -> Response + Clone + Send + Sync + 'static) -> String {
    let between = Router::new().fallback(move |request: Request| {
        let (router, meddle) = (router.clone(), meddle.clone());
        async move {
            let is_work = request.uri().path().starts_with("/works/");
            let response = router.oneshot(request).await.into_response();
            if is_work { meddle(response) } else { response }
        }
    });
    serve(between).await
}

/// The same answer with another body.
fn replaced(response: Response, body: Vec<u8>) -> Response {
    let (mut parts, _) = response.into_parts();
    parts.headers.remove(axum::http::header::CONTENT_LENGTH);
    Response::from_parts(parts, body.into())
}

#[tokio::test]
async fn what_was_changed_or_unsigned_is_not_believed() {
    let hub = hub().await;
    let work = TestWork::new(1, "Night river", &[]);
    apply(&hub.store, 1, EPOCH, work.events(EPOCH)).await;
    let refused = async |meddle: fn(Response) -> Response| {
        let client = connect(&meddled(hub.router.clone(), meddle).await).await.unwrap();
        client.work(work.id).await.unwrap_err()
    };
    let changed = refused(|response| replaced(response, b"{}".to_vec()));
    assert!(matches!(changed.await, ClientError::Signature(SignatureError::Invalid)));
    let unsigned = refused(|mut response| {
        response.headers_mut().remove(crate::api::SIGNATURE_HEADER);
        response
    });
    assert!(matches!(
        unsigned.await,
        ClientError::Signature(SignatureError::Missing)
    ));
    let restated = refused(|mut response| {
        *response.status_mut() = axum::http::StatusCode::ACCEPTED;
        response
    });
    assert!(matches!(
        restated.await,
        ClientError::Signature(SignatureError::OtherRequest)
    ));
    let endless = refused(|response| replaced(response, vec![b' '; MAX_JSON_BYTES + 1]));
    assert!(matches!(endless.await, ClientError::TooLarge(_)));
}

#[tokio::test]
async fn an_answer_to_another_question_is_not_believed() {
    let hub = hub().await;
    let (asked, other) = (TestWork::new(1, "a", &[]), TestWork::new(2, "b", &[]));
    for (block, work) in [(1, &asked), (2, &other)] {
        apply(&hub.store, block, EPOCH, work.events(EPOCH)).await;
    }
    let (router, swapped) = (hub.router.clone(), other.id);
    let between = Router::new().fallback(move |mut request: Request| {
        let router = router.clone();
        async move {
            if request.uri().path().starts_with("/works/") {
                *request.uri_mut() = format!("/works/{swapped}").parse().unwrap();
            }
            router.oneshot(request).await.into_response()
        }
    });
    let client = connect(&serve(between).await).await.unwrap();
    assert!(client.work(other.id).await.is_ok());
    let replayed = client.work(asked.id).await.unwrap_err();
    assert!(
        matches!(replayed, ClientError::Signature(SignatureError::OtherRequest)),
        "{replayed}"
    );
}
