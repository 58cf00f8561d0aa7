//! Requests, and answers that are read within bounds and verified.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use alloy::primitives::B256;
use reqwest::{Client, Method, Response, Url, header::CONTENT_TYPE, redirect};
use serde::Deserialize;
use sha2::{Digest, Sha256};

use super::{ClientError, MAX_JSON_BYTES, Trust, parsed};
use crate::{
    api::{HubInfo, SIGNATURE_HEADER},
    jws::{HubKey, Protected, SignatureError},
};

/// How old a signature may be, seconds: clocks differ, and a request takes its time.
const MAX_AGE_SECS: u64 = 300;
/// How old one may be whose answer caches keep for some minutes.
const MAX_KEPT_SECS: u64 = 900;
/// Where a hub says what it is.
const INFO: [&str; 2] = [".well-known", "cwe-hub.json"];

/// How old an answer may be.
#[derive(Debug, Clone, Copy)]
pub(super) enum Freshness {
    /// It is of now.
    New,
    /// A cache may have kept it for some minutes.
    Kept,
}

impl Freshness {
    const fn max_age_secs(self) -> u64 {
        match self {
            Self::New => MAX_AGE_SECS,
            Self::Kept => MAX_KEPT_SECS,
        }
    }
}

/// A refusal as hubs answer it.
#[derive(Debug, Deserialize)]
struct Refused {
    code: String,
    error: String,
    action: String,
}

/// Longest part of a refusal that is shown.
const MAX_SHOWN_CHARS: usize = 400;

/// The way to one hub.
#[derive(Debug, Clone)]
pub(super) struct Transport {
    client: Client,
    base: Url,
    key: HubKey,
}

impl Transport {
    /// Connects, and asks the hub what it is.
    pub(super) async fn connect(url: &str, trust: Trust, timeout: Duration) -> Result<(Self, HubInfo), ClientError> {
        let base = base(url)?;
        let client = Client::builder()
            .timeout(timeout)
            .redirect(redirect::Policy::none())
            // A connection of its own for every request: requests on one could be told to be of one person.
            .pool_max_idle_per_host(0)
            .build()
            .map_err(ClientError::Setup)?;
        let asked = joined(&base, &INFO);
        let answer = Answer::read(client.get(asked.clone()).send().await, MAX_JSON_BYTES).await?;
        let key = match trust {
            Trust::Pinned(key) => *key,
            Trust::FirstSeen => HubKey::from_jwk(&parsed::<HubInfo>(&answer.body)?.key)?,
        };
        let transport = Self { client, base, key };
        transport.check(&answer, &Method::GET, &asked, None, Freshness::New)?;
        let info: HubInfo = parsed(&answer.accepted()?)?;
        if info.key != *transport.key.jwk() {
            return Err(ClientError::Nonsense(
                "it names another key than the one it signs with".into(),
            ));
        }
        Ok((transport, info))
    }

    pub(super) const fn key(&self) -> &HubKey {
        &self.key
    }

    /// URL of a route.
    pub(super) fn url(&self, path: &[&str]) -> Url {
        joined(&self.base, path)
    }

    /// Asks; the body of an answer that is signed and no refusal.
    pub(super) async fn ask(
        &self,
        method: Method,
        url: Url,
        body: Option<Vec<u8>>,
        max_bytes: usize,
    ) -> Result<Vec<u8>, ClientError> {
        let digest = body.as_ref().filter(|body| !body.is_empty());
        let digest = digest.map(|body| B256::from_slice(&Sha256::digest(body)));
        let mut request = self.client.request(method.clone(), url.clone());
        if let Some(body) = body {
            request = request.header(CONTENT_TYPE, "application/octet-stream").body(body);
        }
        let answer = Answer::read(request.send().await, max_bytes).await?;
        self.check(&answer, &method, &url, digest, Freshness::New)?;
        answer.accepted()
    }

    /// Asks for what caches may have kept.
    pub(super) async fn ask_kept(
        &self,
        url: Url,
        max_bytes: usize,
        freshness: Freshness,
    ) -> Result<Vec<u8>, ClientError> {
        let answer = Answer::read(self.client.get(url.clone()).send().await, max_bytes).await?;
        self.check(&answer, &Method::GET, &url, None, freshness)?;
        answer.accepted()
    }

    /// Whether the answer is the hub's to this very request.
    fn check(
        &self,
        answer: &Answer,
        method: &Method,
        url: &Url,
        digest: Option<B256>,
        freshness: Freshness,
    ) -> Result<(), ClientError> {
        let signature = answer.signature.as_deref().ok_or(SignatureError::Missing)?;
        let Protected { answered, iat, .. } = self.key.verify(signature, &answer.body)?;
        // A hub that refuses a body may not have read it.
        let body_fits = answered.body_sha256 == digest || (answered.body_sha256.is_none() && answered.status >= 400);
        let fits = answered.method == method.as_str() && answered.url == self.target(url);
        if !fits || !body_fits || answered.status != answer.status {
            return Err(SignatureError::OtherRequest.into());
        }
        let now = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default()
            .as_secs();
        let age_secs = now.abs_diff(iat);
        if age_secs > freshness.max_age_secs() {
            return Err(SignatureError::Stale(age_secs).into());
        }
        Ok(())
    }

    /// Path and query as the hub sees them: what stands before it knows its own path.
    fn target(&self, url: &Url) -> String {
        let path = url.path();
        let path = path
            .strip_prefix(self.base.path().trim_end_matches('/'))
            .unwrap_or(path);
        match url.query() {
            Some(query) => format!("{path}?{query}"),
            None => path.to_owned(),
        }
    }
}

/// An answer as it came.
struct Answer {
    status: u16,
    signature: Option<String>,
    body: Vec<u8>,
}

impl Answer {
    async fn read(sent: Result<Response, reqwest::Error>, max_bytes: usize) -> Result<Self, ClientError> {
        let mut response = sent.map_err(|error| unreachable(&error))?;
        let signature = response.headers().get(SIGNATURE_HEADER);
        let signature = signature.and_then(|value| value.to_str().ok()).map(str::to_owned);
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(|error| unreachable(&error))? {
            if body.len() + chunk.len() > max_bytes {
                return Err(ClientError::TooLarge(max_bytes));
            }
            body.extend_from_slice(&chunk);
        }
        Ok(Self {
            status: response.status().as_u16(),
            signature,
            body,
        })
    }

    /// The body, unless it is a refusal.
    fn accepted(self) -> Result<Vec<u8>, ClientError> {
        if self.status == 200 {
            return Ok(self.body);
        }
        let Refused { code, error, action } = parsed(&self.body)?;
        Err(ClientError::Refused {
            status: self.status,
            code: shown(&code),
            error: shown(&error),
            action: shown(&action),
        })
    }
}

/// Words of a stranger, for a terminal.
fn shown(text: &str) -> String {
    let printable = text.chars().filter(|character| !character.is_control());
    printable.take(MAX_SHOWN_CHARS).collect()
}

fn base(url: &str) -> Result<Url, ClientError> {
    let wrong = || ClientError::Url(shown(url));
    let parsed: Url = url.parse().map_err(|_| wrong())?;
    let is_plain = parsed.query().is_none() && parsed.fragment().is_none() && parsed.username().is_empty();
    if matches!(parsed.scheme(), "http" | "https") && parsed.has_host() && is_plain {
        Ok(parsed)
    } else {
        Err(wrong())
    }
}

fn joined(base: &Url, path: &[&str]) -> Url {
    let mut url = base.clone();
    if let Ok(mut segments) = url.path_segments_mut() {
        segments.pop_if_empty().extend(path);
    }
    url
}

/// Without the URL: it says what was looked for.
fn unreachable(error: &reqwest::Error) -> ClientError {
    ClientError::Unreachable(match error {
        error if error.is_timeout() => "it took too long",
        error if error.is_connect() => "it can't be connected to",
        _ => "the connection broke",
    })
}
