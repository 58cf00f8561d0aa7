//! What happens to every request: it is admitted or not, its body arrives in time and bounded, its answer is signed.

use std::{
    sync::Arc,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use alloy::primitives::B256;
use axum::{
    body::{Body, to_bytes},
    extract::{ConnectInfo, Request, State},
    http::{HeaderMap, HeaderValue, Method, StatusCode, header},
    middleware::Next,
    response::{IntoResponse, Response},
};
use cwe_manifest::MAX_DOCUMENT_BYTES;
use cwe_service::{From, body};
use http_body_util::BodyExt;
use sha2::{Digest, Sha256};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::{Api, answer::counted};
use crate::{api::SIGNATURE_HEADER, jws::Answered, refusal::Refusal};

/// How long a body may take to arrive.
const BODY_TIMEOUT: Duration = Duration::from_secs(30);
/// Largest query of an excerpt: a minute of peaks and frames.
pub(super) const MAX_QUERY_BYTES: usize = 256 << 10;

/// Longest path and query that is served: the answer's signature repeats it.
const MAX_URL_BYTES: usize = 4096;

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
    let response = if answered.url.len() > MAX_URL_BYTES {
        answered.url = String::new();
        counted(
            "none",
            Err(Refusal::Parameter(format!(
                "the URL has more than {MAX_URL_BYTES} bytes"
            ))),
        )
    } else {
        match admitted(&api, request).await {
            Ok((request, digest, _room)) => {
                answered.body_sha256 = digest;
                next.run(request).await
            }
            Err(refusal) => counted("none", Err(refusal)),
        }
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

/// The request with its whole body, the body's digest, and the room that it takes.
async fn admitted(
    api: &Api,
    request: Request,
) -> Result<(Request, Option<B256>, Option<OwnedSemaphorePermit>), Refusal> {
    let group = request.extensions().get::<ConnectInfo<From>>().map(|info| info.0.0);
    if !api.limits.admit(group) {
        return Err(Refusal::Busy);
    }
    let limit = body_limit(api, request.method(), request.uri().path());
    let (parts, body) = request.into_parts();
    let whole = tokio::time::timeout(BODY_TIMEOUT, whole(body, limit, &api.room)).await;
    let (bytes, room) = whole.map_err(|_| Refusal::Body(body::late(BODY_TIMEOUT)))??;
    let digest = (!bytes.is_empty()).then(|| B256::from_slice(&Sha256::digest(&bytes)));
    Ok((Request::from_parts(parts, Body::from(bytes)), digest, room))
}

fn body_limit(api: &Api, method: &Method, path: &str) -> usize {
    match (method, path) {
        (&Method::POST, "/manifests") => MAX_DOCUMENT_BYTES,
        (&Method::POST, _) => MAX_QUERY_BYTES,
        (&Method::PUT, _) => api.max_descriptor_bytes,
        _ => 0,
    }
}

/// A body of at most `limit` bytes. Each byte takes room as it comes: what senders only announce costs nothing.
pub(super) async fn whole(
    mut body: Body,
    limit: usize,
    room: &Arc<Semaphore>,
) -> Result<(Vec<u8>, Option<OwnedSemaphorePermit>), Refusal> {
    let (mut bytes, mut taken) = (Vec::new(), None::<OwnedSemaphorePermit>);
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|_| Refusal::Body("the body broke off".into()))?;
        let Some(data) = frame.data_ref() else { continue };
        if bytes.len() + data.len() > limit {
            return Err(Refusal::TooLarge(limit));
        }
        let more = u32::try_from(data.len()).map_err(|_| Refusal::TooLarge(limit))?;
        let more = room.clone().try_acquire_many_owned(more).map_err(|_| Refusal::Busy)?;
        match &mut taken {
            Some(taken) => taken.merge(more),
            None => taken = Some(more),
        }
        bytes.extend_from_slice(data);
    }
    Ok((bytes, taken))
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
