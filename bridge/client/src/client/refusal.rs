//! What an endpoint means with an error. Endpoints word the same thing differently.

use std::ops::RangeInclusive;

use crate::L1Error;

/// "Limit exceeded": too many requests, which is over in a moment, or too many results, which is not.
const LIMIT_EXCEEDED: i64 = -32005;

/// Whether an error that is worth repeating the request by its code is so by its message too.
pub(super) fn is_momentary(code: i64, message: &str) -> bool {
    let message = message.to_lowercase();
    code != LIMIT_EXCEEDED || message.contains("rate") || message.contains("request")
}

/// Whether the range asked for was too large.
pub(super) fn too_large(error: &L1Error) -> bool {
    let L1Error::Refused { code, message, .. } = error else {
        return false;
    };
    let message = message.to_lowercase();
    *code == LIMIT_EXCEEDED
        || ["range", "too many", "more than", "limit", "too large", "exceed"]
            .iter()
            .any(|word| message.contains(word))
}

/// Names the refusal of logs that the endpoint has thrown away.
pub(super) fn pruned(error: L1Error, range: &RangeInclusive<u64>) -> L1Error {
    match error {
        // 4444 is EIP-4444's "pruned history unavailable".
        L1Error::Refused { code, message, .. } if code == 4444 || message.to_lowercase().contains("prune") => {
            L1Error::LogsPruned {
                from: *range.start(),
                to: *range.end(),
                reason: message,
            }
        }
        other => other,
    }
}

/// Whether a transaction was refused because it is in the pool already.
pub(super) fn already_known(message: &str) -> bool {
    let message = message.to_lowercase();
    message.contains("already known") || message.contains("already imported") || message.contains("known transaction")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(code: i64, message: &str) -> L1Error {
        L1Error::Refused {
            host: "l1".into(),
            method: "eth_getLogs",
            code,
            message: message.into(),
            revert: None,
        }
    }

    #[test]
    fn refusals_of_large_ranges_are_told_from_others() {
        assert!(too_large(&refused(-32005, "query returned more than 10000 results")));
        assert!(too_large(&refused(-32000, "block range is too wide")));
        assert!(!too_large(&refused(-32000, "header not found")));
    }

    #[test]
    fn too_many_requests_are_told_from_too_many_results() {
        for message in [
            "daily request count exceeded, request rate limited",
            "project ID request rate exceeded",
            "Too Many Requests",
        ] {
            assert!(is_momentary(LIMIT_EXCEEDED, message), "{message}");
        }
        assert!(!is_momentary(LIMIT_EXCEEDED, "query returned more than 10000 results"));
        assert!(is_momentary(429, "slow down"));
    }

    #[test]
    fn pruned_logs_are_recognised() {
        for error in [refused(4444, "gone"), refused(-32000, "pruned history unavailable")] {
            assert!(matches!(
                pruned(error, &(3..=9)),
                L1Error::LogsPruned { from: 3, to: 9, .. }
            ));
        }
        assert!(matches!(
            pruned(refused(-32000, "busy"), &(3..=9)),
            L1Error::Refused { .. }
        ));
    }
}
