//! Answers: JSON, or bytes that caches may keep.

use axum::{
    Json,
    http::{HeaderValue, header},
    response::{IntoResponse, Response},
};
use metrics::counter;
use serde::Serialize;
use sha2::{Digest, Sha256};

use crate::refusal::Refusal;

/// How long an answer stays what it is.
#[derive(Debug, Clone, Copy)]
pub(super) enum Lasting {
    /// Its path has its hash.
    Forever,
    /// It changes with the works.
    Minutes,
}

impl Lasting {
    const fn directives(self) -> &'static str {
        match self {
            Self::Forever => "public, max-age=31536000, immutable",
            Self::Minutes => "public, max-age=300",
        }
    }
}

/// An answer that is new each time.
pub(super) fn json<T: Serialize>(body: T) -> Response {
    let mut response = Json(body).into_response();
    let headers = response.headers_mut();
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

/// An answer that anybody may keep, by its tag.
pub(super) fn bytes(body: Vec<u8>, content_type: &'static str, tag: &str, lasting: Lasting) -> Response {
    let mut response = body.into_response();
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static(lasting.directives()));
    if let Ok(tag) = HeaderValue::from_str(&format!("\"{tag}\"")) {
        headers.insert(header::ETAG, tag);
    }
    response
}

/// A tag for bytes that have no id.
pub(super) fn digest_tag(bytes: &[u8]) -> String {
    alloy::hex::encode(Sha256::digest(bytes))
}

/// The answer, counted by route and outcome: nothing of what was asked.
pub(super) fn counted(route: &'static str, outcome: Result<Response, Refusal>) -> Response {
    let code = outcome.as_ref().map_or_else(Refusal::code, |_| "ok");
    counter!("cwe_hub_requests_total", "route" => route, "outcome" => code).increment(1);
    outcome.unwrap_or_else(|refusal| refusal.answer())
}
