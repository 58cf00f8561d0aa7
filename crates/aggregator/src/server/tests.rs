use std::collections::BTreeSet;

use axum::body::Body;
use http_body_util::BodyExt;
use tower::ServiceExt;

use super::*;
use crate::{
    config::LimitsSection,
    ingress::tests::{Fixture, real, start},
    peers::{Peers, Tokens},
    receipt,
    state::State,
    status::{KnownState, Share, Status},
    testing::{self, EPOCH},
    tries,
};

async fn api(limits: LimitsSection) -> (Router, Arc<Statuses>) {
    let Fixture { ingress, store, .. } = start(limits).await;
    let peers = Peers {
        tokens: Tokens::default(),
        store,
        coordinator: Default::default(),
    };
    let statuses = Arc::new(Statuses::default());
    (router(Arc::new(Api::new(ingress, statuses.clone(), peers))), statuses)
}

async fn send(router: &Router, request: Request) -> (StatusCode, serde_json::Value) {
    let response = router.clone().oneshot(request).await.unwrap();
    let status = response.status();
    let bytes = response.into_body().collect().await.unwrap().to_bytes();
    (status, serde_json::from_slice(&bytes).unwrap())
}

async fn post(router: &Router, text: impl Into<Body>) -> (StatusCode, serde_json::Value) {
    let request = Request::post("/ingress").header("content-type", "application/json");
    send(router, request.body(text.into()).unwrap()).await
}

async fn get_json(router: &Router, path: &str) -> (StatusCode, serde_json::Value) {
    send(router, Request::get(path).body(Body::empty()).unwrap()).await
}

#[tokio::test]
async fn a_reveal_is_answered_with_a_receipt() {
    let (router, _) = api(LimitsSection::default()).await;
    let body = serde_json::to_vec(&real().2[0]).unwrap();
    assert!(body.len() <= MAX_BODY_BYTES);
    let (status, answer) = post(&router, body).await;
    assert_eq!(status, StatusCode::OK, "{answer}");
    let receipt: Receipt = serde_json::from_value(answer).unwrap();
    receipt
        .check(&receipt::domain(31_337, crate::ingress::tests::PAYOUTS))
        .unwrap();
}

#[tokio::test]
async fn bad_bodies_are_told_what_is_wrong_in_one_shape() {
    let (router, _) = api(LimitsSection::default()).await;
    let valid = serde_json::to_value(&real().2[0]).unwrap();
    let with = |field: &str, value: serde_json::Value| {
        let mut body = valid.clone();
        body[field] = value;
        body.to_string().into_bytes()
    };
    let mut missing = valid.clone();
    missing.as_object_mut().unwrap().remove("noteRoot");
    for (text, code, expected) in [
        (b"{".to_vec(), "body_malformed", "EOF"),
        (with("sender", "me".into()), "body_malformed", "sender"),
        (missing.to_string().into_bytes(), "body_malformed", "noteRoot"),
        (with("pricePerMin", "01".into()), "body_malformed", "01"),
        (with("units", 256.into()), "body_malformed", "256"),
        (vec![b' '; MAX_BODY_BYTES + 1], "body_malformed", "length limit"),
        (with("units", 101.into()), "record_malformed", "units"),
        (
            with("nullifier", format!("0x{}", "ff".repeat(32)).into()),
            "record_malformed",
            "nullifier",
        ),
        (with("proof", "0x00".into()), "record_malformed", "3424"),
    ] {
        let (status, answer) = post(&router, text).await;
        assert_eq!(status, StatusCode::BAD_REQUEST, "{answer}");
        assert_eq!(answer["code"], code);
        assert!(answer["error"].as_str().unwrap().contains(expected), "{answer}");
        assert!(!answer["action"].as_str().unwrap().is_empty());
    }
    for path in ["/batch_status/x", "/batch_status/-1", "/proof/7/0x12", "/proof/x/y"] {
        let (status, answer) = get_json(&router, path).await;
        assert_eq!(
            (status, &answer["code"]),
            (StatusCode::BAD_REQUEST, &"body_malformed".into()),
            "{path}"
        );
    }
}

#[tokio::test]
async fn who_asks_too_much_is_told_to_come_back() {
    let limits = LimitsSection {
        per_second: 1,
        burst: 1,
        ..LimitsSection::default()
    };
    let (router, _) = api(limits).await;
    assert_eq!(get_json(&router, "/batch_status/7").await.0, StatusCode::NOT_FOUND);
    let request = Request::get("/batch_status/7").body(Body::empty()).unwrap();
    let response = router.oneshot(request).await.unwrap();
    assert_eq!(response.status(), StatusCode::TOO_MANY_REQUESTS);
    assert!(response.headers().contains_key("retry-after"));
}

#[tokio::test]
async fn a_nullifier_is_shown_to_be_in_the_state_or_not() {
    let (router, statuses) = api(LimitsSection::default()).await;
    let view = testing::view().epochs[&EPOCH].clone();
    let nullifiers: BTreeSet<_> = (1..9).map(B256::with_last_byte).collect();
    let roots = Roots {
        nullifier_root: tries::tests::nullifier_root(&nullifiers),
        totals_root: B256::ZERO,
    };
    let told = EpochStatus {
        epoch: EPOCH,
        windows: view.windows,
        accepted: 8,
        waiting: 0,
        planned: Share::default(),
        proven: Share::default(),
        best: crate::view::Best { roots, reveals: 8 },
        has_best: true,
    };
    statuses.set(Status { told, known: None });
    assert_eq!(
        get_json(&router, &format!("/proof/{EPOCH}/{}", B256::ZERO)).await.0,
        StatusCode::NOT_FOUND
    );
    let state = State {
        nullifiers,
        ..State::default()
    };
    let known = Some(Arc::new(KnownState {
        roots,
        state: Arc::new(state),
    }));
    statuses.set(Status { told, known });
    let (status, answer) = get_json(&router, &format!("/batch_status/{EPOCH}")).await;
    assert_eq!((status, &answer["accepted"]), (StatusCode::OK, &8.into()));
    assert_eq!(answer["best"]["reveals"], 8);
    for (byte, included) in [(3, true), (99, false)] {
        let nullifier = B256::with_last_byte(byte);
        let (status, answer) = get_json(&router, &format!("/proof/{EPOCH}/{nullifier}")).await;
        assert_eq!(status, StatusCode::OK);
        let answer: NullifierAnswer = serde_json::from_value(answer).unwrap();
        assert_eq!((answer.included, answer.roots), (included, roots));
        assert_eq!(answer.proof.check(nullifier, roots.nullifier_root), Ok(included));
    }
}

#[tokio::test]
async fn peers_routes_are_closed_to_everybody_else() {
    let (router, _) = api(LimitsSection::default()).await;
    let zero = B256::ZERO;
    let (status, answer) = get_json(&router, &format!("/states/7/{zero}/{zero}")).await;
    assert_eq!(
        (status, &answer["code"]),
        (StatusCode::UNAUTHORIZED, &"not_peer".into())
    );
    let request = Request::post("/submit_rollup").header("authorization", "Bearer x");
    let (status, _) = send(&router, request.body(Body::from("{}")).unwrap()).await;
    assert_eq!(status, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn every_route_is_described() {
    let (router, _) = api(LimitsSection::default()).await;
    let (status, description) = get_json(&router, "/openapi.json").await;
    assert_eq!(status, StatusCode::OK);
    let paths = description["paths"].as_object().unwrap();
    let described: BTreeSet<_> = paths
        .iter()
        .flat_map(|(path, methods)| {
            let methods = methods.as_object().unwrap();
            methods
                .keys()
                .map(move |method| format!("{} {path}", method.to_uppercase()))
        })
        .collect();
    let specified = [
        "POST /ingress",
        "GET /batch_status/{epoch}",
        "GET /proof/{epoch}/{nullifier}",
        "GET /states/{epoch}/{nullifierRoot}/{totalsRoot}",
        "POST /submit_rollup",
    ];
    assert_eq!(described, specified.map(String::from).into());
    for route in &described {
        let (method, path) = route.split_once(' ').unwrap();
        let path = path.replace(['{', '}'], "");
        let request = Request::builder().method(method).uri(path).body(Body::empty()).unwrap();
        let response = router.clone().oneshot(request).await.unwrap();
        assert!(
            response.headers().contains_key("content-type"),
            "{route} is described and not served"
        );
    }
}

#[tokio::test]
async fn the_description_of_a_reveal_has_its_fields() {
    let (router, _) = api(LimitsSection::default()).await;
    let (_, description) = get_json(&router, "/openapi.json").await;
    let names =
        |value: &serde_json::Value| -> BTreeSet<String> { value.as_object().unwrap().keys().cloned().collect() };
    let described = names(&description["components"]["schemas"]["Reveal"]["properties"]);
    assert_eq!(described, names(&serde_json::to_value(&real().2[0]).unwrap()));
}
