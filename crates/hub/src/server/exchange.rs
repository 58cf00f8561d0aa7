//! What happens to every request: it is admitted or not, its body arrives in time and bounded, its answer is signed.

use std::{
    sync::Arc,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use alloy::primitives::B256;
use axum::{
    body::{Body, Bytes, to_bytes},
    extract::{ConnectInfo, Request, State},
    http::{HeaderMap, HeaderValue, Method, StatusCode, header},
    middleware::Next,
    response::{IntoResponse, Response},
};
use cwe_manifest::MAX_DOCUMENT_BYTES;
use cwe_service::{From, body};
use sha2::{Digest, Sha256};

use super::{Api, answer::counted};
use crate::{api::SIGNATURE_HEADER, jws::Answered, refusal::Refusal};

/// How long a body may take to arrive.
const BODY_TIMEOUT: Duration = Duration::from_secs(30);
/// Largest query of an excerpt: a minute of peaks and frames.
pub(super) const MAX_QUERY_BYTES: usize = 256 << 10;

/// Serves a request and signs the answer.
pub(super) async fn signed(State(api): State<Arc<Api>>, mut request: Request, next: Next) -> Response {
    let is_head = request.method() == Method::HEAD;
    if is_head {
        // What is signed of a HEAD is what GET answers.
        *request.method_mut() = Method::GET;
    }
    let known = request.headers().get(header::IF_NONE_MATCH).cloned();
    let mut answered = Answered {
        method: request.method().to_string(),
        url: request
            .uri()
            .path_and_query()
            .map(ToString::to_string)
            .unwrap_or_default(),
        body_sha256: None,
        status: 0,
    };
    let response = match admitted(&api, request).await {
        Ok((request, digest)) => {
            answered.body_sha256 = digest;
            next.run(request).await
        }
        Err(refusal) => counted("none", Err(refusal)),
    };
    answered.status = response.status().as_u16();
    let Some(response) = sign(&api, answered, response).await else {
        return StatusCode::INTERNAL_SERVER_ERROR.into_response();
    };
    if is_known(response.headers(), known.as_ref()) {
        return emptied(response, Some(StatusCode::NOT_MODIFIED));
    }
    if is_head { emptied(response, None) } else { response }
}

/// The request with its whole body, and the body's digest.
async fn admitted(api: &Api, request: Request) -> Result<(Request, Option<B256>), Refusal> {
    let group = request.extensions().get::<ConnectInfo<From>>().map(|info| info.0.0);
    if !api.limits.admit(group) {
        return Err(Refusal::Busy);
    }
    let limit = body_limit(api, request.method(), request.uri().path());
    let (parts, body) = request.into_parts();
    let bytes = whole(body, limit, BODY_TIMEOUT).await?;
    let digest = (!bytes.is_empty()).then(|| B256::from_slice(&Sha256::digest(&bytes)));
    Ok((Request::from_parts(parts, Body::from(bytes)), digest))
}

fn body_limit(api: &Api, method: &Method, path: &str) -> usize {
    match (method, path) {
        (&Method::POST, "/manifests") => MAX_DOCUMENT_BYTES,
        (&Method::POST, _) => MAX_QUERY_BYTES,
        (&Method::PUT, _) => api.max_descriptor_bytes,
        _ => 0,
    }
}

pub(super) async fn whole(body: Body, limit: usize, patience: Duration) -> Result<Bytes, Refusal> {
    match tokio::time::timeout(patience, to_bytes(body, limit)).await {
        Ok(Ok(bytes)) => Ok(bytes),
        // The only other reason is a connection that broke, whose answer nobody reads.
        Ok(Err(_)) => Err(Refusal::TooLarge(limit)),
        Err(_) => Err(Refusal::Body(body::late(patience))),
    }
}

async fn sign(api: &Api, answered: Answered, response: Response) -> Option<Response> {
    let (mut parts, body) = response.into_parts();
    let bytes = to_bytes(body, usize::MAX).await.ok()?;
    let now = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default()
        .as_secs();
    let signature = api.signer.sign(answered, now, &bytes).ok()?;
    let signature = HeaderValue::from_str(&signature).ok()?;
    parts.headers.insert(SIGNATURE_HEADER, signature);
    parts
        .headers
        .insert(header::CONTENT_LENGTH, HeaderValue::from(bytes.len()));
    parts
        .headers
        .insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    Some(Response::from_parts(parts, Body::from(bytes)))
}

fn is_known(headers: &HeaderMap, known: Option<&HeaderValue>) -> bool {
    let (Some(tag), Some(known)) = (headers.get(header::ETAG), known) else {
        return false;
    };
    let known = known.to_str().unwrap_or_default();
    let mut tags = known.split(',').map(|tag| tag.trim().trim_start_matches("W/"));
    tags.any(|known| known.as_bytes() == tag.as_bytes())
}

/// The headers of the whole answer, signature included: caches put them to the body that they have.
fn emptied(response: Response, status: Option<StatusCode>) -> Response {
    let (mut parts, _) = response.into_parts();
    if let Some(status) = status {
        parts.status = status;
        parts.headers.remove(header::CONTENT_LENGTH);
    }
    Response::from_parts(parts, Body::empty())
}
