//! Why a request is refused: one shape for all, with a code for programs and what to do for people.

use axum::{http::StatusCode, response::Response};
use cwe_service::Problem;

use crate::{
    record::Malformed,
    view::{NotOfEpoch, NotOpen},
};

/// When to come back to a coordinator that is busy, seconds.
const BUSY_SECS: u64 = 5;
/// Longest time that anybody is told to wait, seconds.
const LONGEST_WAIT_SECS: u64 = 3600;

/// Why a request is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// Not JSON of the protocol's form, or too large.
    #[error("{0}")]
    Body(String),
    /// A number that no reveal has.
    #[error(transparent)]
    Malformed(#[from] Malformed),
    /// Too early or too late.
    #[error(transparent)]
    NotOpen(#[from] NotOpen),
    /// Not of this epoch.
    #[error(transparent)]
    NotOfEpoch(#[from] NotOfEpoch),
    /// The proof does not hold.
    #[error("the proof does not hold for these public inputs")]
    Proof,
    /// Another record has this nullifier.
    #[error("another record with this nullifier was accepted before")]
    Conflict,
    /// Too many at once.
    #[error("too many requests are being served")]
    Busy,
    /// As many reveals of this epoch as are kept.
    #[error("this coordinator has as many reveals of this epoch as it keeps")]
    Full,
    /// Store, chain or signer fail. Why is in the operator's log.
    #[error("the coordinator can't serve this now")]
    Unavailable,
    /// There is no such thing.
    #[error("{0}")]
    NotFound(&'static str),
    /// Not a peer.
    #[error("this is for the coordinator's peers: send `Authorization: Bearer` with a token that it knows")]
    NotPeer,
    /// What a peer handed over does not fit together.
    #[error("{0}")]
    NotAnAggregate(&'static str),
}

impl Refusal {
    /// Code, for programs and metrics.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Body(_) => "body_malformed",
            Self::Malformed(_) => "record_malformed",
            Self::NotOpen(NotOpen::NotYet { .. }) => "not_yet",
            Self::NotOpen(NotOpen::Over) => "closed",
            Self::NotOfEpoch(NotOfEpoch::Tier) => "unknown_tier",
            Self::NotOfEpoch(NotOfEpoch::Work) => "unknown_work",
            Self::NotOfEpoch(NotOfEpoch::Price) => "wrong_price",
            Self::NotOfEpoch(NotOfEpoch::Region) => "wrong_region",
            Self::NotOfEpoch(NotOfEpoch::NoteRoot) => "wrong_note_root",
            Self::Proof => "proof_invalid",
            Self::Conflict => "nullifier_used",
            Self::Busy => "busy",
            Self::Full => "full",
            Self::Unavailable => "unavailable",
            Self::NotFound(_) => "not_found",
            Self::NotPeer => "not_peer",
            Self::NotAnAggregate(_) => "aggregate_invalid",
        }
    }

    /// Status. Wallets take 400, 409, 410 and 422 for final, everything else for "later".
    pub const fn status(&self) -> StatusCode {
        match self {
            Self::Body(_) | Self::Malformed(_) => StatusCode::BAD_REQUEST,
            Self::NotOpen(NotOpen::NotYet { .. }) => StatusCode::TOO_EARLY,
            Self::NotOpen(NotOpen::Over) => StatusCode::GONE,
            Self::NotOfEpoch(_) | Self::Proof | Self::NotAnAggregate(_) => StatusCode::UNPROCESSABLE_ENTITY,
            Self::Conflict => StatusCode::CONFLICT,
            Self::Busy => StatusCode::TOO_MANY_REQUESTS,
            Self::Full | Self::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
            Self::NotFound(_) => StatusCode::NOT_FOUND,
            Self::NotPeer => StatusCode::UNAUTHORIZED,
        }
    }

    const fn action(&self) -> &'static str {
        match self {
            Self::Body(_) | Self::Malformed(_) => "send what docs/PROTOCOL.md, \"What wallets send\", describes",
            Self::NotOpen(NotOpen::NotYet { .. }) => "send it again in the epoch's reveal window",
            Self::NotOpen(NotOpen::Over) => "nothing can be done: the epoch's reveal window is over",
            Self::NotOfEpoch(_) => "nothing can be done: no aggregate of this epoch can contain this record",
            Self::Proof => "make the proof with the epoch's key and the circuits of the chain's reference string",
            Self::Conflict => "nothing can be done: a note is revealed once",
            Self::Busy | Self::Unavailable => "send it again after the time in Retry-After",
            Self::Full => "send it to another coordinator",
            Self::NotFound(_) => "ask GET /batch_status/{epoch} what there is",
            Self::NotPeer => "ask the coordinator's operator for a token",
            Self::NotAnAggregate(_) => "compute both roots, and submit it for this coordinator's address",
        }
    }

    const fn retry_after_secs(&self, now: u64) -> Option<u64> {
        match self {
            Self::NotOpen(NotOpen::NotYet { opens_at }) => {
                let wait = opens_at.saturating_sub(now);
                Some(if wait < BUSY_SECS {
                    BUSY_SECS
                } else if wait > LONGEST_WAIT_SECS {
                    LONGEST_WAIT_SECS
                } else {
                    wait
                })
            }
            Self::Busy | Self::Full | Self::Unavailable => Some(BUSY_SECS),
            _ => None,
        }
    }

    /// The answer at time `now`, Unix seconds.
    pub fn answer(&self, now: u64) -> Response {
        let problem = Problem {
            code: self.code(),
            error: self.to_string(),
            action: self.action(),
        };
        problem.answer(self.status(), self.retry_after_secs(now))
    }
}

#[cfg(test)]
mod tests {
    use axum::http::header;

    use super::*;

    #[test]
    fn wallets_take_exactly_what_can_never_be_accepted_for_final() {
        let is_final = |refusal: Refusal| matches!(refusal.status().as_u16(), 400 | 409 | 410 | 422);
        for refusal in [
            Refusal::Body(String::new()),
            Malformed::Epoch.into(),
            NotOpen::Over.into(),
            NotOfEpoch::Price.into(),
            Refusal::Proof,
            Refusal::Conflict,
        ] {
            assert!(is_final(refusal.clone()), "{refusal:?}");
        }
        for refusal in [
            NotOpen::NotYet { opens_at: 9 }.into(),
            Refusal::Busy,
            Refusal::Full,
            Refusal::Unavailable,
        ] {
            assert!(!is_final(refusal.clone()), "{refusal:?}");
            assert!(refusal.answer(0).headers().contains_key(header::RETRY_AFTER));
        }
        let early: Refusal = NotOpen::NotYet { opens_at: 100 }.into();
        assert_eq!(early.answer(40).headers()[header::RETRY_AFTER], "60");
    }
}
