//! Why a request is refused: one shape for all, with a code for programs and what to do for people.

use axum::{http::StatusCode, response::Response};
use cwe_fingerprint::{DecodeError, bucket::BucketPrefixError};
use cwe_manifest::ManifestError;
use cwe_service::Problem;

use crate::api::{MAX_LIMIT, MAX_QUERY_BYTES};

/// When to come back to a hub that is busy, seconds.
const BUSY_SECS: u64 = 5;
/// When to come back to a hub that has not read the registration yet, seconds.
const BEHIND_SECS: u64 = 2;

/// Why a request is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// The body can't be read.
    #[error("{0}")]
    Body(String),
    /// The body is too large.
    #[error("the body has more than {0} bytes")]
    TooLarge(usize),
    /// An id in the path or the query is none.
    #[error("`{0}` is no id: 0x and 64 hexadecimal digits are expected")]
    Id(&'static str),
    /// A parameter can't be.
    #[error("{0}")]
    Parameter(String),
    /// A manifest breaks a rule, or is not what the chain has.
    #[error(transparent)]
    Manifest(#[from] ManifestError),
    /// No descriptor or query.
    #[error("{0}")]
    Encoding(#[from] DecodeError),
    /// The chain knows nothing of it.
    #[error("no registered version of a work has this {0}")]
    NotRegistered(&'static str),
    /// The descriptor hashes to something else.
    #[error("the descriptor's SHA-256 is {0}, not the one in the path")]
    FpHash(String),
    /// The registered sketch is not the descriptor's.
    #[error("the descriptor's FP_ID is {computed}; the works registered with its hash have another one")]
    FpId {
        /// What it is.
        computed: String,
    },
    /// The prefix is none.
    #[error("{0}")]
    Prefix(#[from] BucketPrefixError),
    /// The prefix would tell too much.
    #[error("prefixes have at most {0} bits here now: a longer one would tell what you look for")]
    PrefixTooLong(u8),
    /// There is no such thing.
    #[error("{0}")]
    NotFound(&'static str),
    /// There is no such route.
    #[error("there is no such route, or not with this method")]
    NoRoute,
    /// Too many at once.
    #[error("too many requests are being served")]
    Busy,
    /// Store, index or chain fail. Why is in the operator's log.
    #[error("the hub can't serve this now")]
    Unavailable,
}

impl Refusal {
    /// Code, for programs and metrics.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Body(_) => "body_malformed",
            Self::TooLarge(_) => "body_too_large",
            Self::Id(_) => "id_malformed",
            Self::Parameter(_) => "parameter_malformed",
            Self::Manifest(error) => error.rule.code(),
            Self::Encoding(_) => "encoding_malformed",
            Self::NotRegistered(_) => "not_registered",
            Self::FpHash(_) => "fp_hash_mismatch",
            Self::FpId { .. } => "fp_id_mismatch",
            Self::Prefix(_) => "prefix_malformed",
            Self::PrefixTooLong(_) => "prefix_too_long",
            Self::NotFound(_) => "not_found",
            Self::NoRoute => "no_such_route",
            Self::Busy => "busy",
            Self::Unavailable => "unavailable",
        }
    }

    /// Status of the answer.
    pub const fn status(&self) -> StatusCode {
        match self {
            Self::Body(_)
            | Self::Id(_)
            | Self::Parameter(_)
            | Self::Encoding(_)
            | Self::Prefix(_)
            | Self::PrefixTooLong(_) => StatusCode::BAD_REQUEST,
            Self::TooLarge(_) => StatusCode::PAYLOAD_TOO_LARGE,
            Self::Manifest(_) | Self::FpHash(_) | Self::FpId { .. } => StatusCode::UNPROCESSABLE_ENTITY,
            Self::NotRegistered(_) => StatusCode::CONFLICT,
            Self::NotFound(_) | Self::NoRoute => StatusCode::NOT_FOUND,
            Self::Busy => StatusCode::TOO_MANY_REQUESTS,
            Self::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
        }
    }

    const fn action(&self) -> &'static str {
        match self {
            Self::Body(_) | Self::Encoding(_) => "send what GET /openapi.json describes",
            Self::TooLarge(_) => "send a smaller one",
            Self::Id(_) | Self::Parameter(_) => "correct it; GET /openapi.json has what is allowed",
            Self::Manifest(error) => error.rule.remedy(),
            Self::NotRegistered(_) => {
                "register the work on chain first; if it is, send this again after the time in Retry-After"
            }
            Self::FpHash(_) => "send the descriptor's own bytes to the path with their SHA-256",
            Self::FpId { .. } => "register a new version with the FP_ID that the descriptor computes",
            Self::Prefix(_) | Self::PrefixTooLong(_) => "ask GET /buckets for the number of bits",
            Self::NotFound(_) => "ask GET /works/{id} what there is",
            Self::NoRoute => "ask GET /openapi.json what there is",
            Self::Busy | Self::Unavailable => "send it again after the time in Retry-After",
        }
    }

    /// A search text that is too long.
    pub fn long_text() -> Self {
        Self::Parameter(format!("`q` has more than {MAX_QUERY_BYTES} bytes"))
    }

    /// A limit that no answer has.
    pub fn limit() -> Self {
        Self::Parameter(format!("`limit` is a number from 1 to {MAX_LIMIT}"))
    }

    /// The answer.
    pub fn answer(&self) -> Response {
        let problem = Problem {
            code: self.code(),
            error: self.to_string(),
            action: self.action(),
        };
        let retry_after_secs = match self {
            Self::Busy | Self::Unavailable => Some(BUSY_SECS),
            Self::NotRegistered(_) => Some(BEHIND_SECS),
            _ => None,
        };
        problem.answer(self.status(), retry_after_secs)
    }
}
