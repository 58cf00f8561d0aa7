use std::{
    collections::BTreeSet,
    io::{self, Write},
    sync::Mutex as StdMutex,
};

use axum::{
    body::Body,
    extract::Request,
    http::{HeaderMap, StatusCode},
};
use cwe_fingerprint::bucket::{Bucket, match_bucket};
use cwe_fingerprint_index::Options;
use http_body_util::BodyExt;
use sha2::{Digest, Sha256};
use tower::ServiceExt;
use tracing_subscriber::fmt::MakeWriter;

use super::*;
use crate::{
    chain::{Event, Standing},
    jws::HubKey,
    testing::{self, EPOCH, TestWork, apply, creator_key, excerpt},
};

struct Fixture {
    api: Arc<Api>,
    router: Router,
    store: Store,
    key: HubKey,
    _folder: tempfile::TempDir,
}

struct Answer {
    status: StatusCode,
    headers: HeaderMap,
    body: Vec<u8>,
}

impl Answer {
    fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body).unwrap()
    }

    fn code(&self) -> (u16, String) {
        (
            self.status.as_u16(),
            self.json()["code"].as_str().unwrap_or("none").to_owned(),
        )
    }
}

async fn start(limits: LimitsSection) -> Fixture {
    let folder = tempfile::tempdir().unwrap();
    let store = testing::store(&folder).await;
    let options = Options {
        max_size_bytes: 64 << 20,
        growth_step_bytes: 1 << 20,
        ..Options::default()
    };
    let indices = Indices::open(store.clone(), folder.path(), &options).await.unwrap();
    let signer = HubSigner::new(creator_key(9));
    let key = signer.key().clone();
    let chain = (31_337, Address::with_last_byte(8));
    let api = Arc::new(Api::new(store.clone(), Arc::new(indices), signer, chain, &limits));
    Fixture {
        router: router(api.clone()),
        api,
        store,
        key,
        _folder: folder,
    }
}

impl Fixture {
    /// Sends a request, and checks that the answer is signed, and to this request.
    async fn send(&self, request: Request) -> Answer {
        let (parts, body) = request.into_parts();
        let body = body.collect().await.unwrap().to_bytes();
        let request = Request::from_parts(parts.clone(), Body::from(body.clone()));
        let response = self.router.clone().oneshot(request).await.unwrap();
        let (status, headers) = (response.status(), response.headers().clone());
        let answer = response.into_body().collect().await.unwrap().to_bytes().to_vec();
        let signature = headers[SIGNATURE_HEADER].to_str().unwrap();
        if status != StatusCode::NOT_MODIFIED && parts.method != Method::HEAD {
            let protected = self.key.verify(signature, &answer).unwrap();
            assert_eq!(protected.answered.url, parts.uri.to_string());
            assert_eq!(protected.answered.method, parts.method.to_string());
            assert_eq!(protected.answered.status, status.as_u16());
            let digest = (!body.is_empty()).then(|| B256::from_slice(&Sha256::digest(&body)));
            assert!(protected.answered.body_sha256 == digest || status.is_client_error());
        }
        Answer {
            status,
            headers,
            body: answer,
        }
    }

    async fn get(&self, path: &str) -> Answer {
        self.send(Request::get(path).body(Body::empty()).unwrap()).await
    }

    async fn put(&self, method: Method, path: &str, body: Vec<u8>) -> Answer {
        let request = Request::builder().method(method).uri(path);
        self.send(request.body(Body::from(body)).unwrap()).await
    }

    /// Registers a work and hands over what belongs to it.
    async fn publish(&self, block: u64, work: &TestWork) -> Answer {
        apply(&self.store, block, EPOCH, work.events(EPOCH)).await;
        let json = work.manifest.to_json().unwrap();
        let answer = self.put(Method::POST, "/manifests", json).await;
        assert_eq!(answer.status, StatusCode::OK, "{}", answer.json());
        let path = format!("/descriptors/{}", work.content().fp_hash);
        self.put(Method::PUT, &path, work.descriptor()).await
    }
}

#[tokio::test]
async fn a_published_work_is_shown_searched_resolved_and_found_in_its_bucket() {
    let hub = start(LimitsSection::default()).await;
    let work = TestWork::new(1, "Night river", &["calm"]);
    let rule = Event::RuleSet {
        rule: testing::rule(),
        from_epoch: 1,
        factor_ppm: 900_000,
    };
    apply(&hub.store, 1, EPOCH, vec![rule]).await;
    let answer = hub.publish(2, &work).await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.json());
    assert_eq!(answer.json()["work_ids"][0], work.id.to_string());
    // The same again changes nothing.
    hub.publish(2, &work).await;

    let shown: Work = serde_json::from_value(hub.get(&format!("/works/{}", work.id)).await.json()).unwrap();
    assert_eq!((shown.version, shown.epoch), (1, EPOCH));
    assert_eq!(shown.manifest_id, Some(work.manifest.manifest_id()));
    let manifest = hub.get(&format!("/works/{}/manifest", work.id)).await;
    assert_eq!(manifest.body, work.manifest.to_json().unwrap());
    let descriptor = hub.get(&format!("/descriptors/{}", work.content().fp_hash)).await;
    assert_eq!(descriptor.body, work.descriptor());

    let page: SearchPage =
        serde_json::from_value(hub.get("/search?q=night&tags=calm&type=audio").await.json()).unwrap();
    assert_eq!(page.works[0].work_id, work.id);
    let query = excerpt(&work.sound, 20_000);
    let resolved = hub.put(Method::POST, "/resolve", query.encode()).await;
    let resolution: Resolution = serde_json::from_value(resolved.json()).unwrap();
    let first = &resolution.works[0];
    assert_eq!(first.work.title.as_deref(), Some("Night river"));
    assert_eq!(first.work.terms.as_ref().unwrap().price_per_min, 1_500);
    assert_eq!(first.work.region_factor_ppm, Some(900_000));
    assert!((first.offset_ms - 20_000).abs() < 200, "{first:?}");

    let buckets: Buckets = serde_json::from_value(hub.get("/buckets").await.json()).unwrap();
    assert_eq!(
        (buckets.works, buckets.kinds[0].bits),
        (1, 0),
        "a small catalogue is one bucket"
    );
    let bucket = Bucket::decode(&hub.get("/buckets/a0-0?page=0").await.body).unwrap();
    assert_eq!(B256::from(match_bucket(&query, &bucket)[0].0.0), work.id);
    let told: BucketWorks = serde_json::from_value(hub.get("/buckets/a0-0/works").await.json()).unwrap();
    assert_eq!(told.works.len(), 1);
    assert_eq!(told.works[0], first.work, "whoever found it there need not ask for it");
}

#[tokio::test]
async fn a_creator_is_shown_with_its_works_in_pages() {
    let hub = start(LimitsSection::default()).await;
    let works = [1, 2, 3].map(|number| TestWork::new(number, "t", &[]));
    let creator = works[0].creator;
    assert_eq!(
        hub.get(&format!("/creators/{creator}")).await.code(),
        (404, "not_found".into())
    );
    let registered = Event::CreatorRegistered {
        creator,
        key: creator_key(1).address(),
        x: B256::ZERO,
        y: B256::ZERO,
    };
    apply(&hub.store, 1, EPOCH, vec![registered]).await;
    for (number, work) in works.iter().enumerate() {
        apply(&hub.store, 2 + number as u64, EPOCH, work.events(EPOCH)).await;
    }
    let page = async |query: &str| -> Creator {
        serde_json::from_value(hub.get(&format!("/creators/{creator}{query}")).await.json()).unwrap()
    };
    let first = page("?limit=2").await;
    assert_eq!(
        (first.works, first.next),
        (vec![works[0].id, works[1].id], Some(works[1].id))
    );
    let last = page(&format!("?limit=2&after={}", works[1].id)).await;
    assert_eq!((last.works, last.next), (vec![works[2].id], None));
}

#[tokio::test]
async fn a_blacklisted_work_is_shown_and_found_nowhere() {
    let hub = start(LimitsSection::default()).await;
    let (work, other) = (
        TestWork::new(1, "Night river", &[]),
        TestWork::new(2, "Night lake", &[]),
    );
    hub.publish(1, &work).await;
    hub.publish(2, &other).await;
    apply(
        &hub.store,
        3,
        EPOCH,
        vec![testing::status(work.id, Standing::Blacklisted)],
    )
    .await;
    let query = excerpt(&work.sound, 20_000).encode();
    for turn in ["before the indices know", "after"] {
        let page: SearchPage = serde_json::from_value(hub.get("/search?q=night").await.json()).unwrap();
        assert_eq!(page.works.len(), 1, "{turn}");
        let resolved = hub.put(Method::POST, "/resolve", query.clone()).await;
        assert!(resolved.json()["works"].as_array().unwrap().is_empty(), "{turn}");
        // What somebody else hands over brings the indices up to date.
        hub.publish(4, &TestWork::new(3, "x", &[])).await;
    }
    let bucket = Bucket::decode(&hub.get("/buckets/a0-0").await.body).unwrap();
    assert!(bucket.entries.iter().all(|entry| entry.work.0 != work.id.0));
    let told: BucketWorks = serde_json::from_value(hub.get("/buckets/a0-0/works").await.json()).unwrap();
    assert!(told.works.iter().all(|told| told.work_id != work.id));
    let shown = hub.get(&format!("/works/{}", work.id)).await.json();
    assert_eq!(shown["status"]["state"], "blacklisted");
}

#[tokio::test]
async fn what_the_chain_does_not_have_is_not_kept() {
    let hub = start(LimitsSection::default()).await;
    let work = TestWork::new(1, "Night river", &[]);
    let post = async |manifest: &cwe_manifest::Manifest| {
        hub.put(Method::POST, "/manifests", manifest.to_json().unwrap()).await
    };
    let put = async |bytes: Vec<u8>| {
        let path = format!("/descriptors/{}", work.content().fp_hash);
        hub.put(Method::PUT, &path, bytes).await
    };
    let early = post(&work.manifest).await;
    assert_eq!(early.code(), (409, "not_registered".into()));
    assert!(early.headers.contains_key(header::RETRY_AFTER));
    assert_eq!(put(work.descriptor()).await.code(), (409, "not_registered".into()));

    let mut events = work.events(EPOCH);
    if let Event::VersionAdded { content, .. } = &mut events[1] {
        content.content_id = B256::repeat_byte(0xee);
        content.fp_id = B256::repeat_byte(0xee);
    }
    apply(&hub.store, 1, EPOCH, events).await;
    assert_eq!(
        post(&work.manifest).await.code(),
        (422, "chain_content_mismatch".into())
    );
    assert_eq!(put(work.descriptor()).await.code(), (422, "fp_id_mismatch".into()));
    assert_eq!(
        put(TestWork::new(2, "t", &[]).descriptor()).await.code(),
        (422, "fp_hash_mismatch".into())
    );
    assert_eq!(put(b"x".to_vec()).await.code(), (400, "encoding_malformed".into()));
    assert_eq!(
        hub.get(&format!("/works/{}/manifest", work.id)).await.status,
        StatusCode::NOT_FOUND
    );
}

#[tokio::test]
async fn a_manifest_is_its_creators_or_that_of_a_delegate_of_that_time() {
    let hub = start(LimitsSection::default()).await;
    let delegate = creator_key(4);
    let work = TestWork::signed_by(1, "Night river", &[], &delegate);
    let roles = |roles| Event::DelegateSet {
        creator: work.creator,
        delegate: delegate.address(),
        roles,
    };
    apply(&hub.store, 2, EPOCH, work.events(EPOCH)).await;
    let post = async || {
        hub.put(Method::POST, "/manifests", work.manifest.to_json().unwrap())
            .await
    };
    apply(&hub.store, 1, EPOCH, vec![roles(6)]).await;
    assert_eq!(
        post().await.code(),
        (422, "wrong_creator".into()),
        "price and sell only"
    );
    apply(&hub.store, 3, EPOCH, vec![roles(1)]).await;
    assert_eq!(
        post().await.code(),
        (422, "wrong_creator".into()),
        "not at the time of the registration"
    );
    hub.store.rewind(None).await.unwrap();
    apply(&hub.store, 1, EPOCH, vec![roles(1)]).await;
    apply(&hub.store, 2, EPOCH, work.events(EPOCH)).await;
    apply(&hub.store, 3, EPOCH, vec![roles(0)]).await;
    assert_eq!(post().await.status, StatusCode::OK);
}

#[tokio::test]
async fn a_copied_manifest_id_shows_no_foreign_manifest() {
    let hub = start(LimitsSection::default()).await;
    let work = TestWork::new(1, "Night river", &[]);
    hub.publish(1, &work).await;
    let thief = TestWork::new(2, "Mine", &[]);
    let mut events = thief.events(EPOCH);
    if let Event::WorkRegistered { creator, .. } = &mut events[0] {
        *creator = B256::repeat_byte(0xbb);
    }
    if let Event::VersionAdded { content, .. } = &mut events[1] {
        *content = work.content();
    }
    apply(&hub.store, 2, EPOCH, events).await;
    let path = format!("/works/{}/manifest", thief.id);
    assert_eq!(hub.get(&path).await.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn bad_requests_are_told_what_is_wrong_in_one_shape_and_signed() {
    let hub = start(LimitsSection::default()).await;
    let id = B256::repeat_byte(0xab);
    let upper = format!("/works/0x{}", "AB".repeat(32));
    let long = format!("/search?q={}", "x".repeat(257));
    let endless = format!("/search?q={}", "x".repeat(5_000));
    for (path, expected) in [
        ("/works/1", (400, "id_malformed")),
        (upper.as_str(), (400, "id_malformed")),
        (&format!("/works/{id}"), (404, "not_found")),
        (&format!("/works/{id}/manifest"), (404, "not_found")),
        (&format!("/creators/{id}?after=1"), (400, "id_malformed")),
        (&format!("/creators/{id}?limit=0"), (400, "parameter_malformed")),
        (&format!("/descriptors/{id}"), (404, "not_found")),
        (&long, (400, "parameter_malformed")),
        ("/search?q=a&limit=101", (400, "parameter_malformed")),
        ("/search?q=a&after=x", (400, "parameter_malformed")),
        ("/search?q=a&secret=1", (400, "parameter_malformed")),
        ("/buckets/x", (400, "prefix_malformed")),
        ("/buckets/a30-0", (400, "prefix_malformed")),
        ("/buckets/a24-000000", (400, "prefix_too_long")),
        ("/buckets/a0-0?page=9", (404, "not_found")),
        ("/nowhere", (404, "no_such_route")),
        ("/resolve", (404, "no_such_route")),
    ] {
        let answer = hub.get(path).await;
        assert_eq!(
            answer.code(),
            (expected.0, expected.1.to_owned()),
            "{path}: {}",
            answer.json()
        );
        assert!(!answer.json()["action"].as_str().unwrap().is_empty());
    }
    let refused = hub
        .router
        .clone()
        .oneshot(Request::get(&endless).body(Body::empty()).unwrap())
        .await;
    assert_eq!(refused.unwrap().status(), StatusCode::BAD_REQUEST);
    let post = async |path: &str, body: &[u8]| hub.put(Method::POST, path, body.to_vec()).await.code();
    assert_eq!(post("/resolve", b"x").await, (400, "encoding_malformed".into()));
    assert_eq!(
        post("/resolve", &[0; exchange::MAX_QUERY_BYTES + 1]).await,
        (413, "body_too_large".into())
    );
    assert_eq!(post("/manifests", b"{").await, (422, "malformed".into()));
    let get = Request::get("/buckets").body(Body::from("x")).unwrap();
    assert_eq!(hub.send(get).await.code(), (413, "body_too_large".into()));
}

#[tokio::test]
async fn caches_may_keep_what_has_a_tag_and_are_told_when_it_is_the_same() {
    let hub = start(LimitsSection::default()).await;
    let work = TestWork::new(1, "Night river", &[]);
    hub.publish(1, &work).await;
    for (path, lasting) in [
        (format!("/descriptors/{}", work.content().fp_hash), "immutable"),
        (format!("/works/{}/manifest", work.id), "max-age=300"),
        ("/buckets/a0-0".into(), "max-age=300"),
    ] {
        let answer = hub.get(&path).await;
        let directives = answer.headers[header::CACHE_CONTROL].to_str().unwrap();
        assert!(
            directives.contains("public") && directives.contains(lasting),
            "{directives}"
        );
        let again = Request::get(&path).header(header::IF_NONE_MATCH, &answer.headers[header::ETAG]);
        let again = hub.send(again.body(Body::empty()).unwrap()).await;
        assert_eq!((again.status, again.body.len()), (StatusCode::NOT_MODIFIED, 0));
        // A cache puts this header to the body that it has.
        let signature = again.headers[SIGNATURE_HEADER].to_str().unwrap();
        let signed = hub.key.verify(signature, &answer.body).unwrap();
        assert_eq!(signed.answered.status, 200);
        let head = Request::head(&path).body(Body::empty()).unwrap();
        let head = hub.send(head).await;
        assert_eq!(head.headers[header::CONTENT_LENGTH], answer.body.len().to_string());
        hub.key
            .verify(head.headers[SIGNATURE_HEADER].to_str().unwrap(), &answer.body)
            .unwrap();
    }
    let answer = hub.get(&format!("/works/{}", work.id)).await;
    assert_eq!(answer.headers[header::CACHE_CONTROL], "no-store");
    assert!(!answer.headers.contains_key(header::SET_COOKIE));
}

#[tokio::test]
async fn pages_of_other_sites_may_ask_without_credentials() {
    let hub = start(LimitsSection::default()).await;
    let request = Request::get("/buckets").header(header::ORIGIN, "https://elsewhere.example");
    let answer = hub.send(request.body(Body::empty()).unwrap()).await;
    assert_eq!(answer.headers[header::ACCESS_CONTROL_ALLOW_ORIGIN], "*");
    assert!(!answer.headers.contains_key(header::ACCESS_CONTROL_ALLOW_CREDENTIALS));
    let exposed = answer.headers[header::ACCESS_CONTROL_EXPOSE_HEADERS].to_str().unwrap();
    assert!(exposed.contains(SIGNATURE_HEADER), "{exposed}");
}

#[tokio::test]
async fn who_asks_too_much_is_told_to_come_back() {
    let limits = LimitsSection {
        per_second: 1,
        burst: 1,
        ..LimitsSection::default()
    };
    let hub = start(limits).await;
    assert_eq!(hub.get("/buckets").await.status, StatusCode::OK);
    let answer = hub.get("/buckets").await;
    assert_eq!(answer.code(), (429, "busy".into()));
    assert!(answer.headers.contains_key(header::RETRY_AFTER));
}

#[tokio::test]
async fn a_lookup_waits_for_a_place_and_is_refused_where_the_queue_is_full() {
    let limits = LimitsSection {
        lookups: 1,
        waiting_lookups: 1,
        ..LimitsSection::default()
    };
    let hub = start(limits).await;
    let place = hub.api.lookups.clone().acquire_owned().await.unwrap();
    let mut waiting = [hub.get("/buckets"), hub.get("/buckets")].map(Box::pin);
    for asker in &mut waiting {
        assert!(futures::poll!(asker).is_pending(), "there is no place yet");
    }
    assert_eq!(hub.get("/buckets").await.code(), (429, "busy".into()));
    drop(place);
    for asker in waiting {
        assert_eq!(asker.await.status, StatusCode::OK);
    }
}

#[tokio::test]
async fn bodies_take_room_as_they_come_and_give_it_back() {
    let room = Arc::new(Semaphore::new(10));
    let whole = async |size: usize, limit| exchange::whole(Body::from(vec![0; size]), limit, &room).await;
    assert_eq!(whole(9, 8).await.unwrap_err(), Refusal::TooLarge(8));
    let (bytes, taken) = whole(8, 8).await.unwrap();
    assert_eq!(bytes.len(), 8);
    assert_eq!(whole(3, 8).await.unwrap_err(), Refusal::Busy);
    drop(taken);
    whole(10, 10).await.unwrap();
}

#[derive(Clone, Default)]
struct Lines(Arc<StdMutex<Vec<u8>>>);

impl Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl MakeWriter<'_> for Lines {
    type Writer = Self;

    fn make_writer(&self) -> Self {
        self.clone()
    }
}

#[tokio::test]
async fn nothing_of_a_question_is_logged() {
    let lines = Lines::default();
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(tracing::Level::TRACE)
        .with_writer(lines.clone())
        .finish();
    let _guard = tracing::subscriber::set_default(subscriber);
    tracing::info!("the log works");
    let hub = start(LimitsSection::default()).await;
    let work = TestWork::new(1, "Night river", &[]);
    hub.publish(1, &work).await;
    lines.0.lock().unwrap().clear();
    tracing::info!("from here on");
    hub.get(&format!("/works/{}", work.id)).await;
    hub.get("/search?q=verysecretwords&tags=secrettag").await;
    hub.get("/search?q=a&secretname=1").await;
    hub.get("/buckets/a0-0").await;
    hub.get("/buckets/a24-000123").await;
    hub.get("/secretpath").await;
    hub.put(Method::POST, "/resolve", excerpt(&work.sound, 0).encode())
        .await;
    hub.put(Method::POST, "/resolve", b"secretquery".to_vec()).await;
    let log = String::from_utf8(lines.0.lock().unwrap().clone()).unwrap();
    assert!(log.contains("from here on"));
    // The store's statements are logged by sqlx, at debug, without their values.
    let id = work.id.to_string();
    for secret in ["secret", "a24-000123", "a0-0", &id[2..], "Night river"] {
        assert!(!log.contains(secret), "{secret}: {log}");
    }
}

#[tokio::test]
async fn every_route_is_described() {
    let hub = start(LimitsSection::default()).await;
    let description = hub.get("/openapi.json").await.json();
    let described: BTreeSet<_> = description["paths"]
        .as_object()
        .unwrap()
        .iter()
        .flat_map(|(path, methods)| {
            let methods = methods.as_object().unwrap();
            methods
                .keys()
                .map(move |method| format!("{} {path}", method.to_uppercase()))
        })
        .collect();
    let specified = [
        "POST /manifests",
        "PUT /descriptors/{fp_hash}",
        "GET /descriptors/{fp_hash}",
        "GET /works/{id}",
        "GET /works/{id}/manifest",
        "GET /creators/{id}",
        "GET /search",
        "POST /resolve",
        "GET /buckets",
        "GET /buckets/{prefix}",
        "GET /buckets/{prefix}/works",
        "GET /.well-known/cwe-hub.json",
    ];
    assert_eq!(described, specified.map(String::from).into());
    for route in &described {
        let (method, path) = route.split_once(' ').unwrap();
        let request = Request::builder().method(method).uri(path.replace(['{', '}'], ""));
        let answer = hub.send(request.body(Body::empty()).unwrap()).await;
        assert_ne!(
            answer.json()["code"],
            "no_such_route",
            "{route} is described and not served"
        );
    }
}
